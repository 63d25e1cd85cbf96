//! URLs by reference: `env:NAME`.

use base::redact;
use base::secret::{Environment, read, variable};

/// A part of a URL's path that is as long as this may be its secret.
const TOKEN: usize = 16;

/// A URL, or what the variable holds that stands for it.
///
/// # Errors
/// The variable holds no URL, as a text for the user.
pub(crate) fn url(text: &str, environment: Environment<'_>) -> Result<String, String> {
    let Some(name) = variable(text) else { return Ok(text.to_owned()) };
    let url = read(text, environment)?;
    playbook::notify::url(&url).map_err(|bad| format!("the variable {name}: {bad}"))?;
    // The host is no secret, and may be the name of a resource.
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    for part in path.split(['/', '?', '&', '=']).filter(|part| part.len() >= TOKEN) {
        redact::register(part);
    }
    Ok(url)
}
