//! The proxies that the environment names: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in
//! either case. One rule serves calls to AWS and all others.

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

/// The variables that name a proxy, in the order of their rank for HTTPS.
const VARIABLES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"];

/// The metadata services of EC2, ECS, EKS, Azure and Google. They are never asked through a proxy: each
/// means another machine there.
const METADATA: [&str; 6] = [
    "169.254.169.254",
    "[fd00:ec2::254]",
    "169.254.170.2",
    "169.254.170.23",
    "[fd00:ec2::23]",
    "metadata.google.internal",
];

/// hyper's words for a proxy that answers 407.
pub const AUTHENTICATE: &str = "proxy authorization required";

/// Whether a host is a metadata service. An IPv6 address has its brackets.
pub fn is_metadata(host: &str) -> bool {
    METADATA.contains(&host)
}

fn set(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.trim().is_empty())
}

/// The variable that counts for HTTPS, and its value. Others may be meant for other programs.
fn first() -> Option<(&'static str, String)> {
    VARIABLES.iter().find_map(|variable| Some((*variable, set(variable)?)))
}

/// Whether the environment names a proxy.
pub fn is_set() -> bool {
    first().is_some()
}

/// Names the proxy and its variable, without user and password. `None` if none is set.
pub fn named() -> Option<String> {
    first().map(|(variable, url)| format!("{} ({variable})", without_user(&url)))
}

/// A variable that names no proxy. Clients would pass over it, and connect directly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {help}")]
pub struct NoProxy {
    pub what: String,
    pub help: String,
}

/// # Errors
/// The variable that counts names no proxy.
pub fn check() -> Result<(), NoProxy> {
    first().map_or(Ok(()), |(variable, url)| usable(variable, &url))
}

fn usable(variable: &str, url: &str) -> Result<(), NoProxy> {
    if let Some((_, password)) = user(url).and_then(|user| user.split_once(':')) {
        base::redact::register(password);
    }
    // As in other programs, `http://` may be left out.
    let whole = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let why = match without_user(&whole).parse::<Uri>() {
        Ok(uri) if !matches!(uri.scheme_str(), Some("http" | "https")) => "it is none of HTTP".to_owned(),
        Ok(uri) if uri.host().is_none_or(str::is_empty) => "it names no host".to_owned(),
        Ok(_) => return Ok(()),
        Err(error) => error.to_string(),
    };
    Err(NoProxy {
        what: format!("{variable} names no proxy that can be used: {why}"),
        help: format!("write {variable}=http://HOST:PORT, or unset it"),
    })
}

/// A proxy that did not let a request through.
#[derive(Debug, thiserror::Error)]
#[error("{what}; {help}")]
pub struct Refusal {
    pub what: String,
    pub help: &'static str,
}

/// Reads an error of a client. `None`: it is not the proxy's.
pub fn refusal(said: &str) -> Option<Refusal> {
    let proxy = named()?;
    if said.contains(AUTHENTICATE) {
        let what = format!("the proxy {proxy} asks for a user and a password (HTTP 407)");
        let help = "write them into the variable (http://USER:PASSWORD@HOST:PORT), or name in NO_PROXY what needs no proxy";
        return Some(Refusal { what, help });
    }
    said.contains("tunnel error").then(|| Refusal {
        what: format!("the proxy {proxy} did not open a way: {said}"),
        help: "let the proxy allow CONNECT there, or name in NO_PROXY what needs no proxy",
    })
}

fn user(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.rsplit_once('@').map(|(user, _)| user)
}

fn without_user(url: &str) -> String {
    user(url).map_or_else(|| url.to_owned(), |user| url.replacen(&format!("{user}@"), "", 1))
}

/// Which proxy stands before a server.
#[derive(Debug)]
pub(crate) struct Proxies(Matcher);

impl Proxies {
    pub(crate) fn of_environment() -> Result<Self, String> {
        check().map_err(|wrong| wrong.to_string())?;
        Ok(Self(Matcher::from_env()))
    }

    /// `None`: it is reached directly.
    pub(crate) fn before(&self, server: &Uri) -> Option<Intercept> {
        if server.host().is_some_and(is_metadata) {
            return None;
        }
        self.0.intercept(server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_without_user_and_password() {
        for (url, shown) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("http://ann:s3cret-word@proxy.example:3128", "http://proxy.example:3128"),
            ("ann:s3cret-word@proxy.example:3128", "proxy.example:3128"),
        ] {
            assert_eq!(without_user(url), shown);
            assert!(usable("HTTPS_PROXY", url).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_is_no_http_proxy_is_refused() {
        for url in ["socks5://ann:s3cret-word@proxy.example:1080", "http://", "not a url"] {
            let error = usable("HTTPS_PROXY", url).unwrap_err().to_string();
            assert!(error.contains("HTTPS_PROXY names no proxy that can be used"), "{url}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn metadata_services_are_asked_directly() {
        let proxies =
            Proxies(Matcher::builder().all("http://proxy.example:3128").no("intern.example").build());
        for url in [
            "http://169.254.169.254/latest/api/token",
            "http://[fd00:ec2::23]:80/v1/credentials",
            "http://metadata.google.internal/computeMetadata/v1/",
            "https://intern.example/",
        ] {
            assert!(proxies.before(&url.parse().unwrap()).is_none(), "{url}");
        }
        for url in ["https://169.254.169.254.example.com/", "https://storage.googleapis.com/b"] {
            assert!(proxies.before(&url.parse().unwrap()).is_some(), "{url}");
        }
    }
}
