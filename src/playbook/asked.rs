//! Reads what a check asks for: URLs, addresses, names, methods and headers.
//!
//! `validate` and the checks use the same readers. So a check never fails after the restore for
//! something that could have been read before it.

use std::borrow::Cow;
use std::net::IpAddr;

use http::{HeaderName, HeaderValue, Method, Uri};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::address::authority;
use crate::check::{SqlTlsMode, split_host_port, without_userinfo};
use crate::expr::is_template;

/// What cannot be asked, and what to write instead. Holds no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    pub message: String,
    pub help: String,
}

pub(crate) fn unreadable<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Unreadable> {
    Err(Unreadable { message: message.into(), help: help.into() })
}

/// Reads the URL of an `http` check.
pub fn http_url(text: &str) -> Result<Url, Unreadable> {
    let text = text.trim();
    let help = "write `https://host/path` or `http://host/path`";
    parts(text, "start it with `https://` or `http://`")?;
    let url: Url = match text.parse() {
        Ok(url) => url,
        Err(error) => {
            return unreadable(format!("`{}` is not an HTTP URL: {error}", without_userinfo(text)), help);
        }
    };
    if !matches!(url.scheme(), "http" | "https") {
        return unreadable(format!("`{}` is not an HTTP URL", without_userinfo(text)), help);
    }
    if let Some(Host::Domain(name)) = url.host() {
        dns_name(name)?;
    }
    port(url.port())?;
    // The request line has a parser of its own, and a limit.
    let mut sent = url.clone();
    sent.set_fragment(None);
    match sent.as_str().parse::<Uri>() {
        Ok(_) => Ok(url),
        Err(error) => unreadable(format!("`{}` cannot be requested: {error}", without_userinfo(text)), help),
    }
}

const TWO_PORTS: &str =
    "`endpoint` is `host:port` already: leave the port out, or write `address`, which is the host";

/// Takes a URL that has a scheme, and no more than one port.
fn parts(url: &str, no_scheme: &str) -> Result<(), Unreadable> {
    if !url.contains("://") {
        return unreadable(format!("the URL `{}` has no scheme", without_userinfo(url)), no_scheme);
    }
    one_port(authority(url))
}

fn one_port(authority: &str) -> Result<(), Unreadable> {
    // A database URL may have several hosts.
    let has_two = |host: &str| !host.starts_with('[') && host.matches(':').count() > 1;
    if authority.split(',').any(has_two) {
        return unreadable(format!("`{authority}` has two ports"), TWO_PORTS);
    }
    Ok(())
}

fn port(port: Option<u16>) -> Result<(), Unreadable> {
    match port {
        Some(0) => unreadable("nothing listens on port 0", "write a port between 1 and 65535"),
        _ => Ok(()),
    }
}

/// Reads a request method.
pub fn method(text: &str) -> Result<Method, Unreadable> {
    match Method::from_bytes(text.trim().to_ascii_uppercase().as_bytes()) {
        Ok(method) if method != Method::CONNECT => Ok(method),
        _ => unreadable(
            format!("`{text}` is not a request method that a check can send"),
            "write `GET`, `HEAD`, `POST` or the like",
        ),
    }
}

/// Reads the name of a header.
pub fn header_name(text: &str) -> Result<HeaderName, Unreadable> {
    HeaderName::from_bytes(text.as_bytes()).or_else(|_| {
        unreadable(
            format!("`{}` cannot be the name of a header", text.escape_debug()),
            "write letters, digits and `-`, without spaces and without the `:`",
        )
    })
}

/// Reads the value of a header. The value may be a secret, so the message does not hold it.
pub fn header_value(name: &str, text: &str) -> Result<HeaderValue, Unreadable> {
    HeaderValue::from_str(text).or_else(|_| {
        unreadable(
            format!("the value of header `{}` holds characters that no header may hold", name.escape_debug()),
            "leave out line ends and other control characters; write others percent-encoded or as base64",
        )
    })
}

/// Reads a name that a resolver can be asked for. Returns it as it is sent: in ASCII, without the
/// final dot.
pub fn dns_name(text: &str) -> Result<String, Unreadable> {
    let help = "write a whole name, such as `www.example.com`";
    let shown = text.trim();
    let name = shown.strip_suffix('.').unwrap_or(shown);
    if name.is_empty() {
        return unreadable("no name to resolve", help);
    }
    let ascii = match Host::parse(name) {
        Ok(Host::Domain(ascii)) if !name.contains('%') => ascii,
        Ok(Host::Ipv4(_) | Host::Ipv6(_)) => {
            return unreadable(format!("`{shown}` is an address, not a name"), help);
        }
        Ok(Host::Domain(_)) | Err(_) => {
            return unreadable(format!("`{}` is not a name in DNS", shown.escape_debug()), help);
        }
    };
    match ascii.split('.').find(|label| label.is_empty() || label.len() > 63) {
        Some("") => unreadable(format!("`{shown}` has an empty part between two dots"), help),
        Some(label) => unreadable(
            format!("the part `{label}` of the name has {} characters: DNS allows 63", label.len()),
            help,
        ),
        None if ascii.len() > 253 => {
            unreadable(format!("the name has {} characters: DNS allows 253", ascii.len()), help)
        }
        None => Ok(ascii),
    }
}

/// Reads a host: a name or an IP address.
pub fn host(text: &str) -> Result<(), Unreadable> {
    // The system's resolver takes the short forms of IPv4 too.
    let is_address = text.parse::<IpAddr>().is_ok() || matches!(Host::parse(text), Ok(Host::Ipv4(_)));
    if is_address { Ok(()) } else { dns_name(text).map(|_| ()) }
}

/// Reads the address of a `tcp` check.
pub fn address(text: &str) -> Result<(&str, u16), Unreadable> {
    let text = text.trim();
    if text.contains("://") {
        return unreadable(
            format!("`{}` is a URL, and `host:port` is wanted", without_userinfo(text)),
            "leave the scheme and the path out",
        );
    }
    // An IPv6 address has colons of its own.
    let is_bare = text.ends_with(']') || !text.contains(':') || text.parse::<IpAddr>().is_ok();
    if is_bare && !text.is_empty() {
        return unreadable(
            format!("`{text}` has no port"),
            "write `host:port`, an IPv6 address as `[::1]:5432`; the output `endpoint` is one",
        );
    }
    one_port(text)?;
    let Some((name, port)) = split_host_port(text) else {
        return unreadable(
            format!("`{text}` is not an address"),
            "write `host:port` with a port between 1 and 65535, an IPv6 address as `[::1]:5432`",
        );
    };
    host(name)?;
    Ok((name, port))
}

/// The two database protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlEngine {
    Postgres,
    MySql,
}

/// The parts of a database URL. It has no `Debug`, because it may hold a password.
pub struct SqlUrl {
    pub engine: SqlEngine,
    pub host: String,
    pub port: u16,
    pub user: Option<String>,
    pub password: Option<String>,
    pub database: Option<String>,
    pub mode: Option<SqlTlsMode>,
}

/// Reads the URL of an `sql` check.
pub fn sql_url(text: &str) -> Result<SqlUrl, Unreadable> {
    let help = "write `postgres://user@host:port/database` or `mysql://…`";
    let text = text.trim();
    // An unescaped `/`, `?` or `#` in a password ends the authority part of the URL early. The rest
    // would be taken for a host or a path.
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    if let Some(end) = after_scheme.find(['/', '?', '#'])
        && after_scheme.get(end..).is_some_and(|rest| rest.contains('@'))
    {
        return unreadable(
            "the URL's password holds `/`, `?` or `#` as it is",
            "write `%2F`, `%3F` or `%23`, or use `password_env`",
        );
    }
    parts(text, "start it with `postgres://` or `mysql://`")?;
    let url: Url = match text.parse() {
        Ok(url) => url,
        Err(error) => {
            return unreadable(format!("`{}` is not a database URL: {error}", without_userinfo(text)), help);
        }
    };
    let (engine, default_port) = match url.scheme() {
        "postgres" | "postgresql" => (SqlEngine::Postgres, 5432),
        "mysql" | "mariadb" => (SqlEngine::MySql, 3306),
        _ => return unreadable(format!("`{}` is not a database URL", without_userinfo(text)), help),
    };
    let name = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    if name.is_empty() {
        return unreadable("the database URL names no host: sockets of this machine are not supported", help);
    }
    host(&name)?;
    port(url.port())?;
    let path = decoded(url.path().trim_start_matches('/'))?;
    Ok(SqlUrl {
        engine,
        host: name,
        port: url.port().unwrap_or(default_port),
        user: match url.username() {
            "" => None,
            user => Some(decoded(user)?),
        },
        password: url.password().map(decoded).transpose()?,
        database: (!path.is_empty()).then_some(path),
        mode: tls_mode_of(&url)?,
    })
}

fn decoded(text: &str) -> Result<String, Unreadable> {
    let whole = percent_decode_str(text).decode_utf8().ok().filter(|text| !text.contains('\0'));
    whole.map(Cow::into_owned).map_or_else(
        || {
            unreadable(
                "the URL holds `%` codes that stand for no text",
                "encode as UTF-8, and leave out `%00`",
            )
        },
        Ok,
    )
}

fn tls_mode_of(url: &Url) -> Result<Option<SqlTlsMode>, Unreadable> {
    let mut mode = None;
    for (key, value) in url.query_pairs() {
        if !matches!(key.as_ref(), "sslmode" | "ssl-mode") {
            return unreadable(
                format!("the URL's parameter `{key}` is not supported"),
                "remove it: `sslmode` is the only parameter, and authorities stand in `tls`",
            );
        }
        mode = Some(match value.to_ascii_lowercase().as_str() {
            "disable" | "disabled" => SqlTlsMode::Disable,
            "require" | "required" => SqlTlsMode::Require,
            "verify-full" | "verify_identity" => SqlTlsMode::VerifyFull,
            other => {
                return unreadable(
                    format!("`sslmode={other}` is not supported: it may end up with nobody verified"),
                    "use `verify-full`, `require` or `disable`",
                );
            }
        });
    }
    Ok(mode)
}

/// Values that an expression may have, one for each kind of place in a URL or an address.
const STAND_INS: [&str; 9] =
    ["1", "a:1", "::1", "a", "https://a", "postgres://a", "sslmode=require", "sslmode", "require"];

/// What is wrong with a text. A text with expressions is wrong only if no value makes it right.
pub fn mistake<T>(text: &str, read: impl Fn(&str) -> Result<T, Unreadable>) -> Option<Unreadable> {
    if !is_template(text) {
        return read(text).err();
    }
    // Nothing is known of blocks and of literal braces.
    let (literals, expressions) = pieces(text)?;
    let mut first = None;
    for pick in 0..STAND_INS.len().checked_pow(u32::try_from(expressions).ok()?)? {
        let mut rest = pick;
        let mut whole = String::new();
        // A URL stands at the beginning alone.
        let mut fits = true;
        for (index, literal) in literals.iter().enumerate() {
            whole.push_str(literal);
            if index < expressions {
                let value = STAND_INS.get(rest % STAND_INS.len()).copied().unwrap_or_default();
                fits &= whole.is_empty() || !value.contains("://");
                whole.push_str(value);
                rest /= STAND_INS.len();
            }
        }
        if !fits {
            continue;
        }
        match read(&whole) {
            Ok(_) => return None,
            Err(error) => first = first.or(Some(error)),
        }
    }
    first
}

/// The most expressions whose combinations are tried.
const MOST_EXPRESSIONS: usize = 3;

/// The literal parts of a text, and the number of plain expressions between them.
fn pieces(text: &str) -> Option<(Vec<&str>, usize)> {
    let mut literals = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let (before, after) = (rest.get(..at)?, rest.get(at..)?);
        let (open, close) = if after.starts_with("{{{") { ("{{{", "}}}") } else { ("{{", "}}") };
        let inside = after.strip_prefix(open)?;
        let plain = inside.trim_start().starts_with(|c: char| c.is_alphanumeric() || "_@".contains(c));
        let end = inside.find(close)?;
        let is_else = inside.get(..end)?.trim().starts_with("else");
        if before.ends_with('\\') || !plain || is_else {
            return None;
        }
        literals.push(before);
        rest = inside.get(end + close.len()..)?;
    }
    literals.push(rest);
    let expressions = literals.len() - 1;
    (expressions <= MOST_EXPRESSIONS).then_some((literals, expressions))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_never_be_asked_is_refused() {
        for url in [
            "http://",
            "ftp://a/",
            "http://a:99999/",
            "http://a:0/",
            "http://a b/",
            "http://a..b/",
            "http://[::1/",
            "//a/",
            &format!("http://{}.example/", "x".repeat(64)),
            &format!("http://a/{}", "x".repeat(70_000)),
        ] {
            assert!(http_url(url).is_err(), "{url}");
        }
        for url in ["http://a/", " https://joe:pw@a:8443/x?y#z ", "http://[fd00::1]:80/", "http://my_host/"] {
            assert!(http_url(url).is_ok(), "{url}");
        }
        for url in [
            "postgres://db/o?options=-c",
            "postgres://db/o?sslmode=prefer",
            "mysql://db:70000/o",
            "mysql://db:0/o",
            "mysql:///o",
            "postgres://u:a/b@db/o",
            "postgres://db%20x/o",
            "postgres://u%ff@db/o",
            "postgres://u@db/o%00",
            "oracle://db/o",
        ] {
            assert!(sql_url(url).is_err(), "{url}");
        }
        for name in ["", ".", "a..b", "a b", "10.0.0.1", "x%20y", &"a.".repeat(200), &"x".repeat(64)] {
            assert!(dns_name(name).is_err(), "{name}");
        }
        assert_eq!(dns_name(" _sip._tcp.Bücher.example. ").unwrap(), "_sip._tcp.xn--bcher-kva.example");
        for text in ["GE T", "", "CONNECT", "G\u{e9}T"] {
            assert!(method(text).is_err(), "{text}");
        }
        assert!(method("purge").is_ok());
        assert!(header_name("X Y").is_err() && header_name("").is_err() && header_name("x-y").is_ok());
        assert!(header_value("x", "a\nb").is_err() && header_value("x", "a b").is_ok());
        assert!(address("db:70000").is_err() && address("a..b:1").is_err() && address("[::1]:1").is_ok());
    }

    #[test]
    fn no_message_holds_a_password() {
        for url in [
            "postgres://u:canary#1@db/o",
            "postgres://u:canary@/o",
            "mysql://u:canary@db:99999/o",
            "postgres://u:canary@db/o?sslmode=prefer",
            "oracle://u:canary@db/o",
        ] {
            let Err(error) = sql_url(url) else { panic!("{url}") };
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
        let error = http_url("http://u:canary@a:99999/").unwrap_err();
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }

    #[test]
    fn a_text_with_expressions_is_wrong_only_if_no_value_makes_it_right() {
        for right in [
            "postgres://drill@{{ steps.db.endpoint }}/o",
            "postgres://drill@{{ steps.db.address }}:{{ steps.db.port }}/o?sslmode={{ params.mode }}",
            "postgres://u:{{ secret \"file:/run/db?x\" }}@[{{ steps.db.ip }}]/o",
            "{{ params.url }}",
            "{{ params.url }}?sslmode=require",
            "postgres://db/o?{{ params.more }}",
            "postgres://db/o{{#if params.tls}}?charset=x{{/if}}",
            "{{{ params.scheme }}}://db/o{{ a }}{{ b }}{{ c }}",
        ] {
            assert_eq!(mistake(right, sql_url), None, "{right}");
        }
        for wrong in [
            "mysql://drill@{{ steps.db.endpoint }}/o?charset=utf8mb4",
            "mysql://drill@{{ steps.db.address }}:99999/o",
            "oracle://{{ steps.db.endpoint }}/o",
            "postgres://{{ steps.db.endpoint }}/o?sslmode=prefer",
        ] {
            assert!(mistake(wrong, sql_url).is_some(), "{wrong}");
        }
        assert_eq!(mistake("http://{{ steps.web.instances.0.private_ip }}/healthz", http_url), None);
        assert_eq!(mistake("http://[{{ a }}]:{{ b }}/", http_url), None);
        assert!(mistake("http://{{ a }} b/", http_url).is_some());
        assert_eq!(mistake("{{ steps.db.endpoint }}", |text| address(text).map(|_| ())), None);
        assert_eq!(mistake("[{{ a }}]:80", |text| address(text).map(|_| ())), None);
        assert!(mistake("{{ a }}:80000", |text| address(text).map(|_| ())).is_some());
        assert_eq!(mistake("{{ steps.db.address }}", dns_name), None);
    }
}
