//! The address of a check, read as the check is asked: the scheme of a URL, the host and the port.

use super::check::{CheckKind, without_userinfo};
use estate::engine::{Protocol, default_port, protocol};

/// Where a check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// In lower case. `None`: `tcp` has none.
    pub scheme: Option<String>,
    pub host: String,
    pub port: Option<u16>,
}

/// An address at which nobody can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadAddress {
    pub message: String,
    pub help: &'static str,
}

/// What answers at a host name, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Server<'a> {
    /// As RDS names it.
    pub engine: Option<&'a str>,
    pub port: Option<i32>,
}

const TWO_PORTS: &str =
    "`endpoint` is `host:port` already: leave the port out, or write `address`, which is the host";

/// The key of a check's address, and its text.
pub fn text(kind: &CheckKind) -> Option<(&'static str, &str)> {
    match kind {
        CheckKind::Http(spec) => Some(("url", &spec.url)),
        CheckKind::Sql(spec) => Some(("url", &spec.url)),
        CheckKind::Tcp(spec) => Some(("address", &spec.address)),
        CheckKind::Dns(_) | CheckKind::S3(_) | CheckKind::Command(_) | CheckKind::State(_) => None,
    }
}

/// The schemes of a check's URL. `None`: it has no URL.
fn schemes(kind: &CheckKind) -> Option<(&'static [&'static str], &'static str)> {
    match kind {
        CheckKind::Http(_) => Some((&["http", "https"], "start it with `https://` or `http://`")),
        CheckKind::Sql(_) => Some((
            &["postgres", "postgresql", "mysql", "mariadb"],
            "start it with `postgres://` or `mysql://`",
        )),
        CheckKind::Tcp(_)
        | CheckKind::Dns(_)
        | CheckKind::S3(_)
        | CheckKind::Command(_)
        | CheckKind::State(_) => None,
    }
}

/// The part of an address that says where to ask: what follows the scheme and the user, up to the
/// path.
pub fn split(text: &str) -> (Option<&str>, &str) {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    (scheme, authority.rsplit_once('@').map_or(authority, |(_, host)| host))
}

/// Reads the address of a check. `None`: the check has none.
///
/// # Errors
///
/// The text cannot be asked: no scheme, two ports, or a port that is none.
pub fn read(kind: &CheckKind) -> Result<Option<Address>, BadAddress> {
    let Some((_, whole)) = text(kind) else { return Ok(None) };
    let whole = whole.trim();
    let (scheme, authority) = split(whole);
    let shown = without_userinfo(whole);
    let scheme = scheme.map(str::to_ascii_lowercase);
    if let Some((known, help)) = schemes(kind) {
        match scheme.as_deref() {
            None => return Err(BadAddress { message: format!("the URL `{shown}` has no scheme"), help }),
            Some(scheme) if !known.contains(&scheme) => {
                return Err(BadAddress { message: format!("a check cannot ask `{scheme}://`"), help });
            }
            Some(_) => {}
        }
    } else if scheme.is_some() {
        let message = format!("`{shown}` is a URL, and `host:port` is wanted");
        return Err(BadAddress { message, help: "leave the scheme and the path out" });
    }
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((ip, port)) => (ip, port.strip_prefix(':')),
        None if authority.matches(':').count() > 1 => {
            return Err(BadAddress { message: format!("`{authority}` has two ports"), help: TWO_PORTS });
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        None | Some("") => None,
        Some(text) => Some(text.parse().ok().filter(|port| *port != 0).ok_or_else(|| BadAddress {
            message: format!("`{text}` is not a port"),
            help: "a port is a number from 1 to 65535",
        })?),
    };
    if port.is_none() && matches!(kind, CheckKind::Tcp(_)) {
        let message = format!("`{shown}` has no port");
        return Err(BadAddress { message, help: "write `host:port`; the output `endpoint` is one" });
    }
    Ok(Some(Address { scheme, host: host.to_owned(), port }))
}

impl Address {
    /// The port that is asked, if the address or its scheme says it.
    fn asked(&self) -> Option<i32> {
        let of_scheme = || match self.scheme.as_deref()? {
            "postgres" | "postgresql" => default_port("postgres"),
            "mysql" | "mariadb" => default_port("mysql"),
            _ => None,
        };
        self.port.map(i32::from).or_else(of_scheme)
    }

    /// The protocol that an `sql` URL speaks.
    fn speaks(&self) -> Option<Protocol> {
        match self.scheme.as_deref()? {
            "postgres" | "postgresql" => Some(Protocol::PostgreSql),
            "mysql" | "mariadb" => Some(Protocol::MySql),
            _ => None,
        }
    }

    /// Compares the address with the database that answers there.
    ///
    /// # Errors
    ///
    /// The database speaks another protocol, or has another port. An `http` URL is not compared.
    pub fn fits(&self, server: Server<'_>) -> Result<(), BadAddress> {
        if matches!(self.scheme.as_deref(), Some("http" | "https")) {
            return Ok(());
        }
        let engine = server.engine.unwrap_or("unknown");
        if let (Some(speaks), Some(is)) = (self.speaks(), server.engine.and_then(protocol))
            && speaks != is
        {
            let scheme = self.scheme.as_deref().unwrap_or_default();
            return Err(BadAddress {
                message: format!("the URL is `{scheme}://`, and the engine of the database is `{engine}`"),
                help: match is {
                    Protocol::PostgreSql => "write `postgres://`",
                    Protocol::MySql => "write `mysql://`",
                    Protocol::Other => "an `sql` check asks PostgreSQL and MySQL; ask with `command`",
                },
            });
        }
        if let (Some(asked), Some(port)) = (self.asked(), server.port)
            && asked != port
        {
            return Err(BadAddress {
                message: format!("it asks port {asked}, and the database listens on port {port}"),
                help: "use the output `endpoint`, which is `host:port`",
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(yaml: &str) -> CheckKind {
        serde_saphyr::from_str(yaml).unwrap()
    }

    fn sql(url: &str) -> CheckKind {
        kind(&format!("sql: {{ url: '{url}', query: select 1 }}"))
    }

    #[test]
    fn what_cannot_be_asked_is_told_apart() {
        for (check, part) in [
            (sql("postgres://db.example.com:5432:5432/orders"), "two ports"),
            (sql("db.example.com:5432/orders"), "no scheme"),
            (sql("http://db.example.com/orders"), "cannot ask"),
            (sql("mysql://joe:hunter22@db:many/orders"), "`many` is not a port"),
            (kind("http: { url: '10.0.0.1/healthz' }"), "no scheme"),
            (kind("http: { url: 'http://h:80:8080/healthz' }"), "two ports"),
            (kind("tcp: { address: db.example.com }"), "no port"),
            (kind("tcp: { address: 'h:5432:5432' }"), "two ports"),
            (kind("tcp: { address: 'tcp://h:5432' }"), "is a URL"),
        ] {
            let bad = read(&check).unwrap_err();
            assert!(bad.message.contains(part), "{part}: {bad:?}");
            assert!(!bad.message.contains("hunter22"), "{bad:?}");
        }
        for fine in [
            sql("postgres://joe:a%3Ab@db:5432/orders?sslmode=require"),
            sql("postgresql://[::1]:5432/orders"),
            kind("http: { url: 'https://h/a:b@c://d' }"),
            kind("tcp: { address: '[::1]:22' }"),
            kind("dns: { name: 'a:1:2' }"),
        ] {
            assert!(read(&fine).is_ok(), "{fine:?}");
        }
    }

    #[test]
    fn a_database_is_asked_in_its_own_protocol_and_at_its_port() {
        let fits = |url: &str, engine, port| {
            read(&sql(url)).unwrap().unwrap().fits(Server { engine, port }).map_err(|bad| bad.message)
        };
        assert_eq!(fits("postgres://db/orders", Some("aurora-postgresql"), Some(5432)), Ok(()));
        assert_eq!(fits("mysql://db/orders", Some("mariadb"), Some(3306)), Ok(()));
        assert!(
            fits("postgres://db/orders", Some("aurora-mysql"), None).unwrap_err().contains("aurora-mysql")
        );
        assert!(fits("mysql://db/orders", Some("sqlserver-ex"), None).is_err());
        assert!(fits("postgres://db:6432/orders", None, Some(5432)).unwrap_err().contains("6432"));
        assert!(fits("postgres://db/orders", None, Some(6432)).unwrap_err().contains("5432"));
        assert_eq!(fits("postgres://db:6432/orders", None, None), Ok(()));
    }
}
