//! Secrets by reference: `env:NAME`.

use std::ffi::OsString;

use base::redact;
use playbook::notify::variable;

/// The variables of the environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// A part of a URL's path that is as long as this may be its secret.
const TOKEN: usize = 16;

/// What a variable holds. It is removed from all that is written from now on.
///
/// # Errors
/// The variable holds nothing, as a text for the user.
pub(crate) fn read(reference: &str, environment: Environment<'_>) -> Result<String, String> {
    let name = variable(reference).ok_or("a secret stands in no file: write `env:NAME`")?;
    let value = environment(name).ok_or_else(|| format!("the variable {name} is not set"))?;
    // The error of `var` would show what it holds.
    let value = value.into_string().map_err(|_| format!("the variable {name} holds no text"))?;
    let value = value.trim();
    if value.is_empty() {
        return Err(format!("the variable {name} is empty"));
    }
    redact::register(value);
    Ok(value.to_owned())
}

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
