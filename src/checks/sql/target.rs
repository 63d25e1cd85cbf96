//! The database to query, with user, password and TLS mode. Read from the check's URL and the
//! environment.

use std::net::IpAddr;

use url::Url;

use crate::Net;
use crate::dial::Failure;
use crate::observation::Secrets;
use crate::tls::{CaFile, Roots};
use base::partition::Partition;
use base::redact;
use playbook::asked::{self, SqlEngine};
use playbook::check::{Authorities, SqlCheck, SqlTls, SqlTlsMode};
use playbook::data::DataCheck;

/// The variables of the environment that are read if the check does not give their value: passwords
/// and users of both engines, and the user of either.
const VARIABLES: [&str; 5] = ["PGPASSWORD", "PGUSER", "MYSQL_PWD", "MYSQL_USER", "USER"];

/// What a check says of the way to its database.
pub(crate) struct Access<'a> {
    pub(crate) url: &'a str,
    pub(crate) password_env: Option<&'a str>,
    pub(crate) tls: Option<&'a SqlTls>,
}

impl<'a> From<&'a SqlCheck> for Access<'a> {
    fn from(spec: &'a SqlCheck) -> Self {
        Self { url: &spec.url, password_env: spec.password_env.as_deref(), tls: spec.tls.as_ref() }
    }
}

impl<'a> From<&'a DataCheck> for Access<'a> {
    fn from(spec: &'a DataCheck) -> Self {
        Self { url: &spec.url, password_env: spec.password_env.as_deref(), tls: spec.tls.as_ref() }
    }
}

impl<'a> Access<'a> {
    /// The variables of the environment, and the file, that a connection reads.
    pub(crate) fn needs(&self) -> (Vec<&'a str>, Option<&'a str>) {
        let mut variables = VARIABLES.to_vec();
        variables.extend(self.password_env);
        (variables, self.tls.and_then(|tls| tls.ca_file.as_deref()))
    }
}

/// Everything that a connection needs. It has no `Debug`, because it holds a password.
pub(crate) struct Target {
    pub(crate) engine: SqlEngine,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    /// Where the password comes from, or where it is missing.
    pub(crate) password_source: String,
    pub(crate) database: Option<String>,
    pub(crate) tls: SqlTlsMode,
    pub(crate) authorities: Option<Authorities>,
    pub(crate) ca_file: Option<CaFile>,
    pub(crate) server_name: String,
}

impl Target {
    /// Reads the target. Adds each secret to `secrets` before it can stand in an error.
    pub(crate) fn of(access: &Access<'_>, net: &Net, secrets: &mut Secrets) -> Result<Self, Failure> {
        let text = access.url.trim();
        // The password as it stands in the URL, which an error may quote.
        if let Some(raw) = text.parse::<Url>().ok().as_ref().and_then(Url::password) {
            secrets.add(raw);
        }
        let url = asked::sql_url(text)?;
        if let Some(password) = &url.password {
            secrets.add(password.as_str());
        }
        let [postgres_password, postgres_user, mysql_password, mysql_user, any_user] = VARIABLES;
        let (password_env, user_env) = match url.engine {
            SqlEngine::Postgres => (postgres_password, postgres_user),
            SqlEngine::MySql => (mysql_password, mysql_user),
        };
        let password_env = access.password_env.unwrap_or(password_env);
        let (password, password_source) = match (url.password, net.env(password_env)) {
            (Some(given), _) => (Some(given), "the URL".to_owned()),
            (None, Some(value)) => (Some(value.to_owned()), format!("${password_env}")),
            (None, None) => (None, format!("${password_env}, which is not set")),
        };
        if let Some(password) = &password {
            redact::register(password);
            secrets.add(password.as_str());
        }
        let user = match (url.user, net.env(user_env).or_else(|| net.env(any_user))) {
            (Some(user), _) => user,
            (None, Some(user)) => user.to_owned(),
            (None, None) => {
                return Err(Failure::not_asked(format!(
                    "no user: write it into the URL (`user@host`) or set {user_env}"
                )));
            }
        };

        let tls = access.tls.cloned().unwrap_or_default();
        let authorities = match &tls.ca {
            Some(ca) => Some(*ca.get()?),
            None => None,
        };
        let named = authorities.is_some() || tls.ca_file.is_some() || tls.server_name.is_some();
        let mode = match (&tls.mode, url.mode) {
            (Some(mode), _) => *mode.get()?,
            (None, Some(mode)) => mode,
            (None, None) if !named && is_loopback(&url.host) => SqlTlsMode::Disable,
            (None, None) => SqlTlsMode::VerifyFull,
        };
        Ok(Self {
            engine: url.engine,
            port: url.port,
            user,
            password,
            password_source,
            database: url.database,
            tls: mode,
            authorities,
            ca_file: tls.ca_file.as_deref().map(|name| CaFile::read(net, name)).transpose()?,
            server_name: tls.server_name.unwrap_or_else(|| url.host.clone()),
            host: url.host,
        })
    }
}

impl Target {
    /// The authorities to trust. No authority but RDS's own signs for names of RDS, unless it is a
    /// proxy.
    pub(super) fn roots(&self) -> Roots<'_> {
        let of_rds = is_of_rds(&self.server_name).then_some(Authorities::Rds);
        Roots {
            system: self.authorities.is_none(),
            known: self.authorities.or(of_rds),
            ca_file: self.ca_file.as_ref(),
        }
    }
}

/// Whether a host name is one of RDS: `….us-west-2.rds.amazonaws.com`, or as in China
/// `….rds.cn-north-1.amazonaws.com.cn`.
fn is_of_rds(host: &str) -> bool {
    let Some(service) = Partition::service_of_host(host) else { return false };
    service.rsplit('.').take(2).any(|label| label == "rds")
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
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
        let spec: SqlCheck = serde_saphyr::from_str(yaml).unwrap();
        Target::of(&Access::from(&spec), &net, &mut Secrets::default())
    }

    #[test]
    fn tls_is_verified_unless_told_otherwise() {
        for (yaml, mode) in [
            ("{ query: select 1, url: 'postgres://db.example/o' }", SqlTlsMode::VerifyFull),
            ("{ query: select 1, url: 'mysql://u@10.66.0.9/o' }", SqlTlsMode::VerifyFull),
            ("{ query: select 1, url: 'postgres://127.0.0.1/o' }", SqlTlsMode::Disable),
            ("{ query: select 1, url: 'postgres://[::1]/o' }", SqlTlsMode::Disable),
            (
                "{ query: select 1, url: 'postgres://localhost/o', tls: { server_name: db.example } }",
                SqlTlsMode::VerifyFull,
            ),
            ("{ query: select 1, url: 'postgres://localhost.evil.example/o' }", SqlTlsMode::VerifyFull),
            ("{ query: select 1, url: 'postgres://db/o?sslmode=require' }", SqlTlsMode::Require),
            ("{ query: select 1, url: 'mysql://u@db/o?ssl-mode=DISABLED' }", SqlTlsMode::Disable),
            (
                "{ query: select 1, url: 'postgres://db/o?sslmode=disable', tls: { mode: verify-full } }",
                SqlTlsMode::VerifyFull,
            ),
        ] {
            assert_eq!(target(yaml).map(|t| t.tls).map_err(|f| f.why), Ok(mode), "{yaml}");
        }
    }

    #[test]
    fn the_authorities_of_rds_are_known_for_its_names_and_alone_where_asked_for() {
        for (yaml, system, known) in [
            ("{ query: select 1, url: 'postgres://db.abc.us-west-2.RDS.amazonaws.com/o' }", true, true),
            (
                "{ query: select 1, url: 'postgres://db.abc.us-west-2.rds.amazonaws.com.example/o' }",
                true,
                false,
            ),
            ("{ query: select 1, url: 'postgres://db.abc.rds.cn-north-1.amazonaws.com.cn/o' }", true, true),
            ("{ query: select 1, url: 'postgres://db.abc.eusc-de-east-1.rds.amazonaws.eu/o' }", true, true),
            ("{ query: select 1, url: 'postgres://db.abc.us-gov-west-1.rds.amazonaws.com/o' }", true, true),
            ("{ query: select 1, url: 'postgres://db.abc.us-iso-east-1.rds.c2s.ic.gov/o' }", true, true),
            ("{ query: select 1, url: 'postgres://rds.db.us-west-2.elb.amazonaws.com/o' }", true, false),
            ("{ query: select 1, url: 'postgres://db.example/o' }", true, false),
            ("{ query: select 1, url: 'postgres://db.example/o', tls: { ca: rds } }", false, true),
        ] {
            let target = target(yaml).ok().unwrap();
            let roots = target.roots();
            assert_eq!((roots.system, roots.known.is_some()), (system, known), "{yaml}");
        }
    }

    #[test]
    fn parts_are_read_and_defaults_filled_in() {
        let full =
            target("{ query: select 1, url: 'postgres://a%40b:p%2Fw@[fd00::1]:6000/my%20db' }").ok().unwrap();
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
        let bare = target("{ query: select 1, url: 'postgres://db' }").ok().unwrap();
        assert_eq!(
            (bare.user.as_str(), bare.password.as_deref(), bare.port, bare.database),
            ("joe", Some("from-env"), 5432, None)
        );
        let other = target("{ query: select 1, url: 'postgres://db', password_env: OTHER }").ok().unwrap();
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
            let why = target(&format!("{{ query: select 1, url: '{url}' }}"))
                .err()
                .unwrap_or_else(|| panic!("{url}"))
                .why;
            assert!(!why.contains("canary"), "{url}: {why}");
        }
    }
}
