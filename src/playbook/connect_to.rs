//! `--connect-to HOST:PORT=ADDR:PORT`: dials another address, such as a tunnel or a bastion.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::check::{same_host, split_host_port};
use base::ids::BadName;

/// Dials `to` for connections to `host:port`.
///
/// Everything else stays as in the check: host names, the Host header, SNI and the verification of
/// TLS certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectTo {
    /// A name or an address.
    ///
    /// `*` stands for every host, and `*.example.com` for every name below that domain. A restored
    /// resource has a new name in each run, so only a pattern can stand for it before the run.
    pub host: String,
    pub port: u16,
    /// The host and port to dial. The host may be a name.
    pub to: (String, u16),
}

impl ConnectTo {
    pub fn applies(&self, host: &str, port: u16) -> bool {
        self.port == port && same_host(&self.host, host)
    }

    /// `HOST:PORT`, for which another address is dialled.
    pub fn from(&self) -> String {
        host_port(&self.host, self.port)
    }
}

impl FromStr for ConnectTo {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = |why: String| {
            BadName {
            message: format!("`{text}` is not a tunnel: {why}"),
            help: "write `HOST:PORT=ADDR:PORT`, such as `db.internal:5432=127.0.0.1:15432`; an IPv6 address in brackets".into(),
        }
        };
        let (from, to) = text.trim().split_once('=').ok_or_else(|| bad("there is no `=`".into()))?;
        let part = |text: &str| {
            let (host, port) = split_host_port(text.trim())
                .ok_or_else(|| bad(format!("`{}` is not `host:port`", text.trim())))?;
            Ok((host.to_owned(), port))
        };
        let (host, port) = part(from)?;
        Ok(Self { host, port, to: part(to)? })
    }
}

impl fmt::Display for ConnectTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.from(), host_port(&self.to.0, self.to.1))
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

impl<'de> Deserialize<'de> for ConnectTo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|e: BadName| serde::de::Error::custom(format!("{}; {}", e.message, e.help)))
    }
}

impl Serialize for ConnectTo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for ConnectTo {
    fn schema_name() -> Cow<'static, str> {
        "ConnectTo".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "connect-to",
            "description": "`HOST:PORT=ADDR:PORT`: dial ADDR:PORT instead of HOST:PORT; names and TLS verification stay."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_names_not_known_before_the_run() {
        let below: ConnectTo = "*.us-west-2.rds.amazonaws.com:5432=127.0.0.1:15432".parse().unwrap();
        assert!(below.applies("dm-1f3a-db.abc.US-WEST-2.rds.amazonaws.com", 5432));
        assert!(!below.applies("us-west-2.rds.amazonaws.com", 5432) && !below.applies("db.internal", 5432));
        assert!(!below.applies("x.us-west-2.rds.amazonaws.com", 5433));
        let every: ConnectTo = "*:80=127.0.0.1:8080".parse().unwrap();
        assert!(every.applies("10.66.0.11", 80) && !every.applies("10.66.0.11", 81));
    }

    #[test]
    fn it_reads_and_prints() {
        for text in
            ["db.internal:5432=127.0.0.1:15432", "[fd00::1]:80=[::1]:8080", "10.66.1.5:80=bastion:8080"]
        {
            assert_eq!(text.parse::<ConnectTo>().unwrap().to_string(), text);
        }
        let rule: ConnectTo = "DB.internal:5432=127.0.0.1:15432".parse().unwrap();
        assert!(
            rule.applies("db.INTERNAL.", 5432)
                && !rule.applies("db.internal", 5433)
                && !rule.applies("db", 5432)
        );
        let six: ConnectTo = "[fd00:0::1]:80=[::1]:8080".parse().unwrap();
        assert!(six.applies("fd00::1", 80));
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for text in [
            "",
            "a",
            "a:1",
            "a:1=",
            "a:1=b",
            "a=b:1",
            "a:0=b:1",
            "a:1=b:99999",
            "::1:80=a:1",
            "a:1=b:1=c:1",
            "a b:1=c:1",
        ] {
            let error = text.parse::<ConnectTo>().unwrap_err();
            assert!(error.help.contains("HOST:PORT=ADDR:PORT"), "{text}");
        }
    }
}
