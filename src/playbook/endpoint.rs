//! Where a check asks, and whether the database that answers there fits.

use super::address::authority;
use super::asked::{self, Unreadable};
use super::check::CheckKind;
use estate::engine::{Protocol, protocol};

/// Where a check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// In lower case. `None`: `tcp` has none.
    pub scheme: Option<String>,
    pub host: String,
    pub port: Option<u16>,
}

/// What answers at a host name, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Server<'a> {
    /// As RDS names it.
    pub engine: Option<&'a str>,
    pub port: Option<i32>,
}

/// The key of a check's address, and its text.
pub fn text(kind: &CheckKind) -> Option<(&'static str, &str)> {
    match kind {
        CheckKind::Http(spec) => Some(("url", &spec.url)),
        CheckKind::Sql(spec) => Some(("url", &spec.url)),
        CheckKind::Data(spec) => Some(("url", &spec.url)),
        CheckKind::Tcp(spec) => Some(("address", &spec.address)),
        CheckKind::Redis(spec) => Some(("address", &spec.address)),
        CheckKind::Dns(_)
        | CheckKind::S3(_)
        | CheckKind::Dynamodb(_)
        | CheckKind::Command(_)
        | CheckKind::State(_) => None,
    }
}

/// Reads where a check asks: the scheme, the host and the port of its address. The rest of a URL does
/// not count. `None`: the check has no address.
///
/// # Errors
///
/// The text cannot be asked: no scheme, two ports, or a port that is none.
pub fn read(kind: &CheckKind) -> Result<Option<Address>, Unreadable> {
    let Some((_, text)) = text(kind) else { return Ok(None) };
    let text = text.trim();
    // The user and the path may hold what only the run knows.
    let place = match text.split_once("://") {
        Some((scheme, _)) => format!("{scheme}://{}", authority(text)),
        None => text.to_owned(),
    };
    let (scheme, host, port) = match kind {
        CheckKind::Http(_) => {
            let url = asked::http_url(&place)?;
            (Some(url.scheme().to_owned()), url.host_str().unwrap_or_default().to_owned(), url.port())
        }
        CheckKind::Sql(_) | CheckKind::Data(_) => {
            let url = asked::sql_url(&place)?;
            let scheme = place.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
            (scheme, url.host, Some(url.port))
        }
        CheckKind::Tcp(_) | CheckKind::Redis(_) => {
            let (host, port) = asked::address(&place)?;
            (None, host.to_owned(), Some(port))
        }
        CheckKind::Dns(_)
        | CheckKind::S3(_)
        | CheckKind::Dynamodb(_)
        | CheckKind::Command(_)
        | CheckKind::State(_) => {
            return Ok(None);
        }
    };
    Ok(Some(Address { scheme, host, port }))
}

impl Address {
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
    pub fn fits(&self, server: Server<'_>) -> Result<(), Unreadable> {
        if matches!(self.scheme.as_deref(), Some("http" | "https")) {
            return Ok(());
        }
        let engine = server.engine.unwrap_or("unknown");
        if let (Some(speaks), Some(is)) = (self.speaks(), server.engine.and_then(protocol))
            && speaks != is
        {
            let scheme = self.scheme.as_deref().unwrap_or_default();
            return Err(Unreadable {
                message: format!("the URL is `{scheme}://`, and the engine of the database is `{engine}`"),
                help: match is {
                    Protocol::PostgreSql => "write `postgres://`",
                    Protocol::MySql => "write `mysql://`",
                    Protocol::Other => "`sql` and `data` ask PostgreSQL and MySQL; ask with `command`",
                }
                .into(),
            });
        }
        if let (Some(asked), Some(port)) = (self.port.map(i32::from), server.port)
            && asked != port
        {
            return Err(Unreadable {
                message: format!("it asks port {asked}, and the database listens on port {port}"),
                help: "use the output `endpoint`, which is `host:port`".into(),
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
            (sql("http://db.example.com/orders"), "is not a database URL"),
            (sql("mysql://joe:hunter22@db:many/orders"), "port"),
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
