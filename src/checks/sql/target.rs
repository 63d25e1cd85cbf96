//! The database to query, with user, password and TLS mode. Read from the check's URL and the
//! environment.

use std::net::IpAddr;
use std::path::PathBuf;

use url::Url;

use crate::Net;
use crate::dial::Failure;
use crate::observation::Secrets;
use base::redact;
use playbook::check::{SqlCheck, SqlTlsMode};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Postgres,
    MySql,
}

/// Everything that a connection needs. It has no `Debug`, because it holds a password.
pub(super) struct Target {
    pub(super) engine: Engine,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: Option<String>,
    /// Where the password comes from, or where it is missing.
    pub(super) password_source: String,
    pub(super) database: Option<String>,
    pub(super) tls: SqlTlsMode,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) server_name: String,
}

fn not_asked(why: impl Into<String>) -> Failure {
    Failure::new("not asked", why)
}

impl Target {
    /// Reads the target. Adds each secret to `secrets` before it can stand in an error.
    pub(super) fn of(spec: &SqlCheck, net: &Net, secrets: &mut Secrets) -> Result<Self, Failure> {
        let text = spec.url.trim();
        // An unescaped `/`, `?` or `#` in a password ends the authority part of the URL early. The
        // rest would be taken for a host or a path.
        let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
        if let Some(end) = after_scheme.find(['/', '?', '#'])
            && after_scheme.get(end..).is_some_and(|rest| rest.contains('@'))
        {
            return Err(not_asked(
                "the URL's password holds `/`, `?` or `#` as it is: write `%2F`, `%3F` or `%23`, or use `password_env`",
            ));
        }
        let url: Url =
            text.parse().map_err(|e| not_asked(format!("the database URL cannot be read: {e}")))?;
        let (engine, default_port, password_env, user_env) = match url.scheme() {
            "postgres" | "postgresql" => (Engine::Postgres, 5432, "PGPASSWORD", "PGUSER"),
            "mysql" | "mariadb" => (Engine::MySql, 3306, "MYSQL_PWD", "MYSQL_USER"),
            other => {
                return Err(not_asked(format!(
                    "`{other}` is no database that can be asked; use `postgres://` or `mysql://`"
                )));
            }
        };
        let decode = |text: &str| {
            let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
            decoded
                .map(std::borrow::Cow::into_owned)
                .map_err(|_| not_asked("the URL holds `%` codes that are not UTF-8"))
        };
        if let Some(raw) = url.password() {
            secrets.add(raw);
            secrets.add(decode(raw)?);
        }
        let host =
            url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(not_asked(
                "the database URL names no host; sockets of this machine are not supported",
            ));
        }
        let password_env = spec.password_env.as_deref().unwrap_or(password_env);
        let (password, password_source) = match (url.password(), net.env(password_env)) {
            (Some(raw), _) => (Some(decode(raw)?), "the URL".to_owned()),
            (None, Some(value)) => (Some(value.to_owned()), format!("${password_env}")),
            (None, None) => (None, format!("${password_env}, which is not set")),
        };
        if let Some(password) = &password {
            redact::register(password);
            secrets.add(password.as_str());
        }
        let user = match (url.username(), net.env(user_env).or_else(|| net.env("USER"))) {
            ("", Some(user)) => user.to_owned(),
            ("", None) => {
                return Err(not_asked(format!(
                    "no user: write it into the URL (`user@host`) or set {user_env}"
                )));
            }
            (user, _) => decode(user)?,
        };
        let path = decode(url.path().trim_start_matches('/'))?;

        let tls = spec.tls.clone().unwrap_or_default();
        let url_mode = tls_mode_of(&url)?;
        let mode = match (&tls.mode, url_mode) {
            (Some(mode), _) => *mode.get()?,
            (None, Some(mode)) => mode,
            (None, None) if tls.ca_file.is_none() && tls.server_name.is_none() && is_loopback(&host) => {
                SqlTlsMode::Disable
            }
            (None, None) => SqlTlsMode::VerifyFull,
        };
        Ok(Self {
            engine,
            port: url.port().unwrap_or(default_port),
            user,
            password,
            password_source,
            database: (!path.is_empty()).then_some(path),
            tls: mode,
            ca_file: tls.ca_file.as_deref().map(|path| net.path(path)),
            server_name: tls.server_name.unwrap_or_else(|| host.clone()),
            host,
        })
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn tls_mode_of(url: &Url) -> Result<Option<SqlTlsMode>, Failure> {
    let mut mode = None;
    for (key, value) in url.query_pairs() {
        if !matches!(key.as_ref(), "sslmode" | "ssl-mode") {
            return Err(not_asked(format!(
                "the URL's parameter `{key}` is not supported: only `sslmode` is; a CA file stands in `tls.ca_file`"
            )));
        }
        mode = Some(match value.to_ascii_lowercase().as_str() {
            "disable" | "disabled" => SqlTlsMode::Disable,
            "require" | "required" => SqlTlsMode::Require,
            "verify-full" | "verify_identity" => SqlTlsMode::VerifyFull,
            other => {
                return Err(not_asked(format!(
                    "`sslmode={other}` is not supported, for it may end up with nobody verified; use `verify-full`, `require` or `disable`"
                )));
            }
        });
    }
    Ok(mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::net;

    fn target(yaml: &str) -> Result<Target, Failure> {
        let net = net().with_env(
            [("PGPASSWORD", "from-env"), ("PGUSER", "joe"), ("OTHER", "elsewhere")]
                .map(|(k, v)| (k.into(), v.into())),
        );
        Target::of(&serde_saphyr::from_str(yaml).unwrap(), &net, &mut Secrets::default())
    }

    #[test]
    fn tls_is_verified_unless_told_otherwise() {
        for (yaml, mode) in [
            ("{ query: q, url: 'postgres://db.example/o' }", SqlTlsMode::VerifyFull),
            ("{ query: q, url: 'mysql://u@10.66.0.9/o' }", SqlTlsMode::VerifyFull),
            ("{ query: q, url: 'postgres://127.0.0.1/o' }", SqlTlsMode::Disable),
            ("{ query: q, url: 'postgres://[::1]/o' }", SqlTlsMode::Disable),
            (
                "{ query: q, url: 'postgres://localhost/o', tls: { server_name: db.example } }",
                SqlTlsMode::VerifyFull,
            ),
            ("{ query: q, url: 'postgres://localhost.evil.example/o' }", SqlTlsMode::VerifyFull),
            ("{ query: q, url: 'postgres://db/o?sslmode=require' }", SqlTlsMode::Require),
            ("{ query: q, url: 'mysql://u@db/o?ssl-mode=DISABLED' }", SqlTlsMode::Disable),
            (
                "{ query: q, url: 'postgres://db/o?sslmode=disable', tls: { mode: verify-full } }",
                SqlTlsMode::VerifyFull,
            ),
        ] {
            assert_eq!(target(yaml).map(|t| t.tls).map_err(|f| f.why), Ok(mode), "{yaml}");
        }
    }

    #[test]
    fn parts_are_read_and_defaults_filled_in() {
        let full = target("{ query: q, url: 'postgres://a%40b:p%2Fw@[fd00::1]:6000/my%20db' }").ok().unwrap();
        assert_eq!(
            (
                full.user.as_str(),
                full.password.as_deref(),
                full.host.as_str(),
                full.port,
                full.database.as_deref()
            ),
            ("a@b", Some("p/w"), "fd00::1", 6000, Some("my db"))
        );
        let bare = target("{ query: q, url: 'postgres://db' }").ok().unwrap();
        assert_eq!(
            (bare.user.as_str(), bare.password.as_deref(), bare.port, bare.database),
            ("joe", Some("from-env"), 5432, None)
        );
        let other = target("{ query: q, url: 'postgres://db', password_env: OTHER }").ok().unwrap();
        assert_eq!(other.password.as_deref(), Some("elsewhere"));
    }

    #[test]
    fn bad_urls_are_refused_without_showing_them() {
        for url in [
            "postgres://u:canary#1@db/o",
            "postgres://u:canary/1@db/o",
            "postgres://u:canary?1@db/o",
            "postgres://u:canary@/o",
            "mysql://u:canary@db:99999/o",
            "postgres://u:canary@db/o?sslmode=prefer",
            "postgres://u:canary@db/o?options=-c",
            "oracle://u:canary@db/o",
            "mysql://:canary@db/o",
        ] {
            let why =
                target(&format!("{{ query: q, url: '{url}' }}")).err().unwrap_or_else(|| panic!("{url}")).why;
            assert!(!why.contains("canary"), "{url}: {why}");
        }
    }
}
