//! The proxies that the environment names: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in
//! either case. One rule serves calls to AWS and all others.

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

/// The variables that name a proxy, in either case. The one of the scheme comes before the last one.
const HTTPS: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
const ALL: [&str; 2] = ["ALL_PROXY", "all_proxy"];

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

/// The variables of the environment, as the client reads them.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The variable that is set, and its value. Of two spellings the first counts, even if it is empty:
/// then none is set.
fn set(names: [&'static str; 2], environment: Environment<'_>) -> Option<(&'static str, String)> {
    let (name, value) = names.into_iter().find_map(|name| Some((name, environment(name)?)))?;
    (!value.trim().is_empty()).then_some((name, value))
}

/// The variable that counts for a scheme, and its value.
fn of_scheme(is_https: bool, environment: Environment<'_>) -> Option<(&'static str, String)> {
    let own = if is_https { HTTPS } else { HTTP };
    set(own, environment).or_else(|| set(ALL, environment))
}

/// Whether the environment names a proxy.
pub fn is_set() -> bool {
    [HTTPS, HTTP, ALL].into_iter().any(|names| set(names, &variable).is_some())
}

/// Names the proxy of HTTPS, else that of HTTP, and its variable, without user and password. `None` if
/// none is set.
pub fn named() -> Option<String> {
    named_of(true, &variable).or_else(|| named_of(false, &variable))
}

fn named_of(is_https: bool, environment: Environment<'_>) -> Option<String> {
    let (name, url) = of_scheme(is_https, environment)?;
    Some(format!("{} ({name})", without_user(&url)))
}

/// A variable that names no proxy. Clients would pass over it, and connect directly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {help}")]
pub struct UnusableProxy {
    pub what: String,
    pub help: String,
}

/// # Errors
/// A variable names no proxy.
pub fn check() -> Result<(), UnusableProxy> {
    check_in(&variable)
}

fn check_in(environment: Environment<'_>) -> Result<(), UnusableProxy> {
    let set = [HTTPS, HTTP, ALL].into_iter().filter_map(|names| set(names, environment));
    // All of them, also after an error: each may hold a password.
    set.map(|(name, url)| usable(name, &url)).collect::<Vec<_>>().into_iter().collect()
}

fn usable(variable: &str, url: &str) -> Result<(), UnusableProxy> {
    if let Some((_, password)) = user(url).and_then(|user| user.split_once(':')) {
        base::redact::register(password);
    }
    // As in other programs, `http://` may be left out.
    let whole = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let why = match without_user(&whole).parse::<Uri>() {
        Ok(uri) if !matches!(uri.scheme_str(), Some("http" | "https")) => "it is none of HTTP".to_owned(),
        Ok(uri) if uri.host().is_none_or(str::is_empty) => "it names no host".to_owned(),
        Ok(uri) if is_read_as(&whole, &uri) => return Ok(()),
        Ok(_) => "its user or password holds characters that must be percent-encoded".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(UnusableProxy {
        what: format!("{variable} names no proxy that can be used: {why}"),
        help: format!("write {variable}=http://HOST:PORT, or unset it"),
    })
}

/// Whether the client reads the same host and port in it. It passes over what it cannot read.
fn is_read_as(whole: &str, uri: &Uri) -> bool {
    let matcher = Matcher::builder().all(whole).build();
    let read = matcher.intercept(&Uri::from_static("https://example.com"));
    read.is_some_and(|read| read.uri().host() == uri.host() && read.uri().port_u16() == uri.port_u16())
}

/// A proxy that did not let a request through.
#[derive(Debug, thiserror::Error)]
#[error("{what}; {help}")]
pub struct Refusal {
    pub what: String,
    pub help: &'static str,
}

/// Reads an error of a client. `None`: it is not the proxy's.
pub fn refusal(said: &str, is_https: bool) -> Option<Refusal> {
    let proxy = named_of(is_https, &variable)?;
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
    fn each_scheme_has_its_variable_and_all_are_checked() {
        let of = |set: &'static [(&str, &str)]| {
            move |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        };
        let two = of(&[("HTTPS_PROXY", "http://one:1"), ("http_proxy", "two:2")]);
        assert_eq!(named_of(true, &two).unwrap(), "http://one:1 (HTTPS_PROXY)");
        assert_eq!(named_of(false, &two).unwrap(), "two:2 (http_proxy)");
        assert_eq!(check_in(&two), Ok(()));
        let all =
            of(&[("ALL_PROXY", "http://three:3"), ("HTTPS_PROXY", ""), ("https_proxy", "http://one:1")]);
        assert_eq!(named_of(true, &all).unwrap(), "http://three:3 (ALL_PROXY)");
        assert_eq!(named_of(false, &of(&[("HTTPS_PROXY", "http://one:1")])), None);
        let wrong =
            of(&[("HTTPS_PROXY", "http://one:1"), ("HTTP_PROXY", "socks5://ann:of-two-proxies@two:2")]);
        let error = check_in(&wrong).unwrap_err().to_string();
        assert!(error.starts_with("HTTP_PROXY names no proxy that can be used"), "{error}");
        assert_eq!(base::redact::text("of-two-proxies"), "***");
    }

    #[test]
    fn what_is_no_http_proxy_is_refused() {
        for url in ["socks5://ann:s3cret-word@proxy.example:1080", "http://", "not a url"] {
            let error = usable("HTTPS_PROXY", url).unwrap_err().to_string();
            assert!(error.contains("HTTPS_PROXY names no proxy that can be used"), "{url}: {error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        for url in ["http://ann:s3cret^word@proxy.example:3128", "http://ann:s3cret/word@proxy.example:3128"]
        {
            let error = usable("HTTPS_PROXY", url).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{url}: {error}");
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
