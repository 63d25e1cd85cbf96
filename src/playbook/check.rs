//! The checks of a playbook: what each kind asks and expects. The `checks` crate runs them.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{self, GeneralPurpose};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use strum::{Display, EnumDiscriminants, IntoStaticStr, VariantArray};

use super::asked::{self, SqlEngine, Unreadable};
use super::comparison::{Comparison, SizeComparison};
use super::data::{DATA_TIMEOUT, DataCheck};
use super::expr::is_template;
use super::expr_value::Expr;
use super::query;
use super::redis::RedisCheck;
use super::session::HttpStep;
use base::duration::Span;
use estate::production::canonical;

/// The default time limit of one attempt. It covers connecting, TLS and the whole answer.
pub const DEFAULT_TIMEOUT: Span = Span::from_secs(10);

/// The longest attempt that a probe makes. A function of AWS Lambda runs for 15 minutes at most (Lambda
/// quotas), and needs some of them to begin.
pub const LONGEST_BY_PROBE: Duration = Duration::from_secs(14 * 60);

/// The longest question that a probe is asked, in bytes: a synchronous invocation takes 6 MB (Lambda
/// quotas).
pub const LARGEST_QUESTION: usize = 6 * 1024 * 1024;
/// The most of it that the files of a check may take. The rest of the question needs some, too.
pub const MOST_IN_A_QUESTION: usize = LARGEST_QUESTION - 64 * 1024;

/// What a check asks, by its type.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema, EnumDiscriminants)]
#[serde(rename_all = "snake_case")]
#[strum_discriminants(name(CheckType), derive(VariantArray, IntoStaticStr, Display))]
#[strum_discriminants(strum(serialize_all = "snake_case"))]
#[strum_discriminants(doc = "The types of checks. Each has a key of its name in a playbook.")]
pub enum CheckKind {
    Http(HttpCheck),
    Tcp(TcpCheck),
    Dns(DnsCheck),
    Sql(SqlCheck),
    Data(DataCheck),
    Redis(RedisCheck),
    S3(S3Check),
    Dynamodb(DynamodbCheck),
    Command(CommandCheck),
    State(StateCheck),
}

/// Sends one HTTP request. Healthy if the status and all other expectations are met. TLS is always
/// verified. Proxy settings of the environment are ignored.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpCheck {
    /// `http://` or `https://`. A user and password in it are sent as basic authentication.
    pub url: String,
    /// Request method; default `GET`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Request headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Request body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Several requests of one session instead of one: log in, order, look. Each must be answered as
    /// it expects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<HttpStep>,
    /// The accepted status, or a list of accepted statuses; default 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Expr<Statuses>>,
    /// The expected body of the answer. Only its first MiB is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_body: Option<Expr<Comparison>>,
    /// The expected headers of the answer, by name. A header that occurs several times is joined
    /// with `, `.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expect_header: BTreeMap<String, Expr<Comparison>>,
    /// The longest healthy time from dialling to the last byte of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_latency: Option<Expr<Span>>,
    /// PEM file with certificate authorities to trust in addition to the system's; relative to the
    /// playbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// SHA-256 of the server's certificate or of its public key (SPKI), as 64 hexadecimal digits or
    /// as base64. A pin replaces the check of authority, name and dates. With `ca_file`, both must
    /// hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_sha256: Option<String>,
    /// Follow up to 10 redirects, but never from `https` to `http`; default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow_redirects: Option<Expr<bool>>,
    /// How long one attempt may take; default 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Expr<Span>>,
}

/// Opens a TCP connection. Can send text and check the answer.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TcpCheck {
    /// `host:port`; an IPv6 address in brackets.
    pub address: String,
    /// Text to send once connected. Line ends are not added: write `"PING\r\n"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// The expected answer. Without it, a connection is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expr<Comparison>>,
    /// How long one attempt may take; default 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Expr<Span>>,
}

/// Resolves a name. Healthy if there is an answer of the type and it is as expected.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DnsCheck {
    /// The full name. Search domains and the hosts file are not used.
    pub name: String,
    /// Record type; default `A`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub record_type: Option<Expr<DnsType>>,
    /// The server to ask, as `ip:port` or an IP address (port 53); default: the system's.
    /// `connect_to` does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The expected answers, sorted and joined with `, `. Names are in lower case and without the
    /// final dot. MX looks like `10 mail.example.com`, SRV like `0 5 5060 sip.example.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expr<Comparison>>,
    /// Answers that must be among the answers received.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contains: Vec<String>,
    /// How long one attempt may take; default 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Expr<Span>>,
}

/// DNS record types that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum DnsType {
    #[default]
    A,
    Aaaa,
    Cname,
    Txt,
    Srv,
    Mx,
    Ns,
}

/// Runs one query in a read-only transaction, which is rolled back, and reads the first value of
/// the first row.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlCheck {
    /// `postgres://`, `postgresql://`, `mysql://` or `mariadb://`, then `user@host:port/database`.
    /// `?sslmode=` (or `?ssl-mode=`) sets `tls.mode`. Leave the password out (see `password_env`),
    /// or write an expression in its place: `postgres://user:{{ secret "file:/run/secrets/db"
    /// }}@host/db`. There it is percent-encoded.
    pub url: String,
    /// The query: one statement that reads. NULL and an empty result are unhealthy, unless the check
    /// expects NULL.
    pub query: String,
    /// The expected first value. Without it, a query that succeeds is healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expr<Comparison>>,
    /// Name of the environment variable that holds the password; default `PGPASSWORD` for
    /// PostgreSQL, `MYSQL_PWD` for MySQL. A password in the URL takes precedence. Without a user in
    /// the URL, `PGUSER` or `MYSQL_USER` is used, then `USER`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
    /// How the connection is protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<SqlTls>,
    /// How long one attempt may take, including the query; default 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Expr<Span>>,
}

/// TLS of an SQL check.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlTls {
    /// Default `verify-full`, or `disable` if the URL's host is `localhost` or a loopback address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Expr<SqlTlsMode>>,
    /// `rds`: trust Amazon RDS's own authorities instead of the system's. For names below
    /// `rds.amazonaws.com` they are trusted besides the system's in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<Expr<Authorities>>,
    /// PEM file with more certificate authorities to trust; relative to the playbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// The name in the certificate, if it differs from the URL's host, as through a tunnel on
    /// localhost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

/// Certificate authorities that Drillmaster knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Authorities {
    /// Those of Amazon RDS and Aurora: the certificates of the database's servers.
    Rds,
}

/// How a connection to a database is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SqlTlsMode {
    /// No TLS.
    Disable,
    /// Encrypted, but the server is not verified: no protection against an impostor.
    Require,
    /// Encrypted. The certificate must be trusted and hold the host's name.
    VerifyFull,
}

/// Checks objects of a bucket through the cloud's API. Without any of `exists`, `min_count`,
/// `count` and `size`, at least one object must exist.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Check {
    /// The bucket's name, or an expression such as `{{ steps.receipts.bucket }}`.
    pub bucket: String,
    /// One object's key. Not together with `prefix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Objects whose keys start with this text; default: all objects of the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// True if an object must exist, false if none may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<Expr<bool>>,
    /// The smallest number of objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_count: Option<Expr<u64>>,
    /// The number of objects, as a comparison such as `>= 1000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Expr<Comparison>>,
    /// The total size of these objects, as a comparison such as `>= 1GiB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Expr<SizeComparison>>,
}

/// Checks items of a DynamoDB table that the run restored, through the cloud's API. Without any of
/// `min_items`, `count` and `key`, at least one item must exist.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DynamodbCheck {
    /// The restored table's name: an expression such as `{{ steps.carts.name }}`.
    pub table: String,
    /// The smallest number of items. Items are read until there are so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_items: Option<Expr<u64>>,
    /// The number of items, as a comparison such as `>= 1000`. Every item is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<Expr<Comparison>>,
    /// The whole key of an item that must exist, as DynamoDB writes it: `{ pk: { S: "1" } }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<BTreeMap<String, KeyValue>>,
    /// An attribute of that item. It must exist, and `measures: rpo` reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// The expected value of the attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expr<Comparison>>,
}

/// A value of an item's key, with its type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum KeyValue {
    /// A text.
    S(String),
    /// A number, written as a text.
    N(String),
    /// Bytes, in base64.
    B(String),
}

impl KeyValue {
    /// The bytes of a value in base64. `None` for the other types, and for what is no base64.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::S(_) | Self::N(_) => None,
            Self::B(text) => general_purpose::STANDARD.decode(text).ok(),
        }
    }
}

impl fmt::Display for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S(text) | Self::N(text) | Self::B(text) => f.pad(text),
        }
    }
}

/// Runs a program on the machine that runs the drill. It gets `PATH`, `TMPDIR`, the locale and the
/// variables of `env`, an empty `HOME`, and no cloud credentials.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandCheck {
    /// The program and its arguments. No shell is involved: write `["sh", "-c", "…"]` for one.
    pub run: Vec<String>,
    /// Environment variables for the program. Pass secrets here, since everyone on the machine can
    /// read the arguments of a running program.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Working directory, relative to the playbook; default: the playbook's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// The expected exit code; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<Expr<i32>>,
    /// The expected standard output, without white space at both ends. Only its first MiB is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expr<Comparison>>,
    /// How long one attempt may take before the program and all that it started are killed; default
    /// 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Expr<Span>>,
}

/// Asks the cloud for the status of a resource.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateCheck {
    /// The resource, usually an expression such as `{{ steps.db.db_id }}`.
    pub of: String,
    /// The expected status; default `healthy`: running, with its status checks passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expr<Comparison>>,
}

/// The accepted HTTP statuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statuses(pub Vec<u16>);

impl Default for Statuses {
    fn default() -> Self {
        Self(vec![200])
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.pad(&texts.join(" or "))
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Vec<u16>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an HTTP status such as 200, or a list of them")
            }
            fn visit_u64<E: Error>(self, status: u64) -> Result<Vec<u16>, E> {
                Ok(vec![u16::try_from(status).unwrap_or(u16::MAX)])
            }
            fn visit_i64<E: Error>(self, status: i64) -> Result<Vec<u16>, E> {
                Ok(vec![u16::try_from(status).unwrap_or(u16::MAX)])
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Vec<u16>, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq))
            }
        }
        let statuses = deserializer.deserialize_any(OneOrMany)?;
        if statuses.is_empty() {
            return Err(D::Error::custom("an empty list of statuses: no answer could be healthy"));
        }
        match statuses.iter().find(|status| !(100..600).contains(*status)) {
            Some(_) => Err(D::Error::custom("an HTTP status lies between 100 and 599")),
            None => Ok(Self(statuses)),
        }
    }
}

impl JsonSchema for Statuses {
    fn schema_name() -> Cow<'static, str> {
        "Statuses".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let status = json_schema!({ "type": "integer", "minimum": 100, "maximum": 599 });
        json_schema!({ "anyOf": [status, { "type": "array", "items": status, "minItems": 1 }] })
    }
}

/// A mistake in a check whose values are each well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecMistake {
    /// The key of the wrong value.
    pub field: &'static str,
    pub message: String,
    pub help: String,
}

macro_rules! timeout {
    ($($spec:ident: $default:ident),*) => {$(
        impl $spec {
            /// How long one attempt may take. If the value is still an expression, the default.
            pub fn timeout(&self) -> Duration {
                self.timeout.as_ref().and_then(|span| span.get().ok()).unwrap_or(&$default).0
            }
        }
    )*};
}

timeout!(
    HttpCheck: DEFAULT_TIMEOUT,
    TcpCheck: DEFAULT_TIMEOUT,
    DnsCheck: DEFAULT_TIMEOUT,
    SqlCheck: DEFAULT_TIMEOUT,
    DataCheck: DATA_TIMEOUT,
    RedisCheck: DEFAULT_TIMEOUT,
    CommandCheck: DEFAULT_TIMEOUT
);

impl CheckType {
    /// Every type, in the order of the definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The type's key in a playbook.
    pub fn key(self) -> &'static str {
        self.into()
    }

    /// Whether it has a `url`, in which a password may hold any character.
    pub fn has_url(self) -> bool {
        match self {
            Self::Http | Self::Sql | Self::Data => true,
            Self::Tcp | Self::Dns | Self::Redis | Self::S3 | Self::Dynamodb | Self::Command | Self::State => {
                false
            }
        }
    }
}

impl CheckKind {
    /// The key of this type in a playbook.
    pub fn name(&self) -> &'static str {
        CheckType::from(self).key()
    }

    /// Whether an attempt yields a value, from which `measures: rpo` can read a timestamp.
    pub fn has_value(&self) -> bool {
        match self {
            Self::Sql(_) | Self::Command(_) | Self::Http(_) => true,
            Self::Dynamodb(spec) => spec.attribute.is_some(),
            Self::Redis(spec) => spec.key.is_some(),
            Self::Tcp(_) | Self::Dns(_) | Self::Data(_) | Self::S3(_) | Self::State(_) => false,
        }
    }

    /// Mistakes that the types do not catch. Values that are still expressions are not checked.
    pub fn mistakes(&self) -> Vec<SpecMistake> {
        let found = RefCell::new(Vec::new());
        let wrong = |field, message: String, help: &str| {
            found.borrow_mut().push(SpecMistake { field, message, help: help.to_owned() });
        };
        let asked = |field, mistake: Option<Unreadable>| {
            if let Some(Unreadable { message, help }) = mistake {
                wrong(field, message, &help);
            }
        };
        match self {
            Self::Http(c) => {
                asked("url", asked::mistake(&c.url, asked::http_url));
                asked("method", c.method.as_deref().and_then(|text| asked::mistake(text, asked::method)));
                for (name, value) in &c.headers {
                    asked("headers", asked::header_name(name).err());
                    asked("headers", asked::mistake(value, |text| asked::header_value(name, text)));
                }
                for name in c.expect_header.keys() {
                    asked("expect_header", asked::header_name(name).err());
                }
                for (field, message, help) in c.session_mistakes() {
                    wrong(field, message, &help);
                }
                if let Some(pin) = c.pin_sha256.as_deref().filter(|pin| !is_template(pin)) {
                    if parse_pin(pin).is_none() {
                        wrong(
                            "pin_sha256",
                            "not a SHA-256 pin".into(),
                            "write 64 hexadecimal digits, or 44 characters of base64",
                        );
                    }
                    if starts_with(&c.url, "http://") {
                        wrong("pin_sha256", "a pin needs TLS".into(), "use an `https://` URL");
                    }
                }
            }
            Self::Tcp(c) => {
                asked("address", asked::mistake(&c.address, |text| asked::address(text).map(|_| ())));
            }
            Self::Dns(c) => {
                if let Some(server) = c.server.as_deref().filter(|server| !is_template(server))
                    && dns_server(server).is_none()
                {
                    wrong(
                        "server",
                        format!("`{server}` is not the address of a DNS server"),
                        "write an IP address such as `10.0.0.2:53`, not a name",
                    );
                }
                asked("name", asked::mistake(&c.name, asked::dns_name));
            }
            Self::Sql(c) => {
                asked("url", asked::mistake(&c.url, asked::sql_url));
                if c.query.trim().is_empty() {
                    wrong(
                        "query",
                        "no query".into(),
                        "write one that returns a single value, such as `select count(*) from orders`",
                    );
                } else if !is_template(&c.query)
                    && let Some(engine) = c.engine()
                {
                    asked("query", query::read(&c.query, engine).err());
                }
                for (field, message, help) in c.tls.iter().flat_map(SqlTls::mistakes) {
                    wrong(field, message, help);
                }
            }
            Self::Redis(c) => {
                for (field, message, help) in c.mistakes() {
                    wrong(field, message, &help);
                }
            }
            Self::Data(c) => {
                for (field, message, help) in c.mistakes() {
                    wrong(field, message, &help);
                }
            }
            Self::S3(c) if c.key.is_some() && c.prefix.is_some() => {
                wrong(
                    "prefix",
                    "both `key` and `prefix`".into(),
                    "keep `key` for one object, or `prefix` for many",
                );
            }
            Self::Dynamodb(c) => {
                for (field, message, help) in c.mistakes() {
                    wrong(field, message, help);
                }
            }
            Self::Command(c) if c.run.first().is_none_or(|program| program.trim().is_empty()) => {
                wrong(
                    "run",
                    "no program to run".into(),
                    "write the program and its arguments: `[pg_isready, -h, localhost]`",
                );
            }
            Self::S3(_) | Self::Command(_) | Self::State(_) => {}
        }
        if let Self::Command(c) = self {
            for name in c.env.keys().filter(|name| !is_variable(name)) {
                let message = format!("`{}` cannot be the name of a variable", name.escape_debug());
                wrong("env", message, "write a name without `=`");
            }
        }
        if let Self::Http(c) = self
            && c.max_latency.as_ref().and_then(|span| span.get().ok()).is_some_and(|span| span.0.is_zero())
        {
            wrong(
                "max_latency",
                "no answer comes within 0s".into(),
                "say how long an answer may take: `500ms`",
            );
        }
        if self.timeout().is_some_and(|timeout| timeout.is_zero()) {
            let help = "say how long one attempt may take: `10s`";
            wrong("timeout", "nothing answers within 0s".into(), help);
        }
        found.into_inner()
    }

    /// How long one attempt may take, for the kinds that have a limit.
    /// The time limit of one attempt. `None`: the check has none of its own.
    pub fn timeout(&self) -> Option<Duration> {
        match self {
            Self::Http(spec) => Some(spec.timeout()),
            Self::Tcp(spec) => Some(spec.timeout()),
            Self::Dns(spec) => Some(spec.timeout()),
            Self::Sql(spec) => Some(spec.timeout()),
            Self::Data(spec) => Some(spec.timeout()),
            Self::Redis(spec) => Some(spec.timeout()),
            Self::Command(spec) => Some(spec.timeout()),
            Self::S3(_) | Self::Dynamodb(_) | Self::State(_) => None,
        }
    }

    /// Whether a probe inside the sandbox can ask it. The cloud's API answers some kinds, and a program
    /// runs where the drill does.
    pub fn can_be_asked_inside(&self) -> bool {
        match self {
            Self::Http(_) | Self::Tcp(_) | Self::Dns(_) | Self::Sql(_) | Self::Data(_) | Self::Redis(_) => {
                true
            }
            Self::S3(_) | Self::Dynamodb(_) | Self::Command(_) | Self::State(_) => false,
        }
    }
}

impl DynamodbCheck {
    fn mistakes(&self) -> Vec<(&'static str, String, &'static str)> {
        let mut found = Vec::new();
        match &self.key {
            Some(key) if key.is_empty() || key.len() > 2 => found.push((
                "key",
                format!("a key of {} attributes", key.len()),
                "name the partition key, and the sort key if the table has one: `{ pk: { S: \"1\" } }`",
            )),
            Some(key) => {
                let is_bad = |value: &KeyValue| matches!(value, KeyValue::B(text) if !is_template(text) && value.bytes().is_none());
                if let Some((name, _)) = key.iter().find(|(_, value)| is_bad(value)) {
                    found.push((
                        "key",
                        format!("`{name}` is no base64"),
                        "write the bytes in base64, with padding, or use `S` for a text",
                    ));
                }
            }
            None if self.attribute.is_some() => found.push((
                "attribute",
                "`attribute` without `key`".into(),
                "say which item it is of: `key: { pk: { S: \"1\" } }`",
            )),
            None => {}
        }
        if self.expect.is_some() && self.attribute.is_none() {
            found.push((
                "expect",
                "`expect` without `attribute`".into(),
                "name the attribute, or use `count` for the number of items",
            ));
        }
        found
    }
}

impl SqlCheck {
    /// The database's protocol, by the URL's scheme. `None` if an expression gives it.
    pub fn engine(&self) -> Option<SqlEngine> {
        engine_of(&self.url)
    }
}

/// The protocol of a database's URL, by its scheme.
pub(crate) fn engine_of(url: &str) -> Option<SqlEngine> {
    let is = |schemes: [&str; 2]| schemes.iter().any(|scheme| starts_with(url, scheme));
    if is(["postgres://", "postgresql://"]) {
        Some(SqlEngine::Postgres)
    } else if is(["mysql://", "mariadb://"]) {
        Some(SqlEngine::MySql)
    } else {
        None
    }
}

impl SqlTls {
    /// The key, the mistake, and what to write instead.
    pub(crate) fn mistakes(&self) -> Vec<(&'static str, String, &'static str)> {
        let mut found = Vec::new();
        let mode = self.mode.as_ref().and_then(|mode| mode.get().ok());
        let verifies = !matches!(mode, Some(SqlTlsMode::Disable | SqlTlsMode::Require));
        if !verifies && (self.ca.is_some() || self.ca_file.is_some()) {
            found.push((
                "tls",
                "this `mode` verifies no server, so the authorities would not be asked".into(),
                "leave out `mode`, or write `mode: verify-full`",
            ));
        }
        let name = self.server_name.as_deref().filter(|name| !is_template(name));
        if let Some(error) = name.and_then(|name| asked::host(name).err()) {
            found.push((
                "tls",
                format!("`server_name`: {}", error.message),
                "write the name in the certificate",
            ));
        }
        found
    }
}

/// Whether the environment can hold a variable of this name.
pub fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

fn starts_with(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// `text` without a user and a password, for messages.
pub(crate) fn without_userinfo(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, host)) => format!("{scheme}://…@{host}"),
            None => text.to_owned(),
        },
        None => text.rsplit_once('@').map_or(text, |(_, host)| host).to_owned(),
    }
}

/// Splits `host:port`. Removes the brackets around an IPv6 address.
pub fn split_host_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|ip| ip.parse::<std::net::Ipv6Addr>().is_ok())?,
        None if host.contains(':') => return None,
        None => host,
    };
    let sane = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || "/@[]=".contains(c));
    let port = port.parse().ok().filter(|port| *port != 0)?;
    sane.then_some((host, port))
}

/// Whether host `a` of a tunnel means host `b`. `*` stands for every host, and `*.example.com`
/// for every name below that domain. Names match without regard to case and the final dot, IP
/// addresses by value.
pub fn same_host(a: &str, b: &str) -> bool {
    if a == "*" {
        return true;
    }
    if let Some(parent) = a.strip_prefix('*').filter(|rest| rest.starts_with('.')) {
        let (parent, name) = (parent.trim_end_matches('.'), b.trim_end_matches('.'));
        let cut = name.len().checked_sub(parent.len()).filter(|cut| *cut > 0);
        return cut.and_then(|cut| name.get(cut..)).is_some_and(|tail| tail.eq_ignore_ascii_case(parent));
    }
    canonical(a) == canonical(b)
}

/// The address of a DNS server, with port 53 by default.
pub fn dns_server(text: &str) -> Option<std::net::SocketAddr> {
    text.parse().ok().or_else(|| Some((text.parse::<std::net::IpAddr>().ok()?, 53).into()))
}

/// Parses a SHA-256 pin: hexadecimal (colons allowed) or base64, optionally after `sha256/`,
/// `sha256//` or `sha256:`.
pub fn parse_pin(text: &str) -> Option<[u8; 32]> {
    let text = text.trim();
    let text = ["sha256//", "sha256/", "sha256:"].iter().find_map(|p| text.strip_prefix(p)).unwrap_or(text);
    let hex: String = text.chars().filter(|c| *c != ':').collect();
    let bytes = if hex.len() == 64 {
        base16ct::mixed::decode_vec(hex).ok()?
    } else {
        // Accepts both base64 alphabets, with or without padding: `openssl` and `curl` differ.
        PIN.decode(text.trim_end_matches('=').replace('-', "+").replace('_', "/")).ok()?
    };
    bytes.try_into().ok()
}

/// The base64 decoder for pins. It ignores the unused bits of the last character.
const PIN: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, general_purpose::NO_PAD.with_decode_allow_trailing_bits(true));

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<CheckKind, String> {
        serde_saphyr::from_str(yaml).map_err(|e| e.to_string())
    }

    #[test]
    fn every_kind_reads() {
        for yaml in [
            "http: { url: 'http://{{ steps.web.ip }}/healthz', status: 200 }",
            "http: { url: 'https://a/', status: [200, 204], expect_body: contains ok, expect_header: { server: matches nginx }, max_latency: 500ms, follow_redirects: true, timeout: 3s }",
            "http: { url: 'https://a/', status: '{{ params.status }}', max_latency: '{{ params.slo }}' }",
            "tcp: { address: 'db:5432' }",
            "dns: { name: example.com, type: MX, server: 127.0.0.1:5353, contains: [10 mail.example.com] }",
            "sql: { url: 'postgres://{{ steps.db.endpoint }}/orders', query: select 1, expect: '>= 1000' }",
            "sql: { url: 'mysql://u@h/db', query: select 1, expect: 1, tls: { mode: verify-full, ca_file: rds.pem } }",
            "data: { url: 'postgres://u@{{ steps.db.endpoint }}/orders', against: reference.json, tolerance: 5%, rungs: [structure, volume, foreign_keys] }",
            "redis: { address: '{{ steps.cache.endpoint }}', tls: true, key: a, expect: '>= 3', min_keys: 10 }",
            "s3: { bucket: b, prefix: logs/, min_count: 3, size: '>= 1GiB' }",
            "dynamodb: { table: '{{ steps.t.name }}', min_items: 3, count: '>= 3', key: { pk: { S: '1' }, sk: { N: '7' } }, attribute: a, expect: paid }",
            "command: { run: [pg_isready, -h, localhost], exit_code: 0 }",
            "state: { of: '{{ steps.db.id }}' }",
        ] {
            let check = read(yaml).unwrap_or_else(|e| panic!("{yaml}: {e}"));
            assert_eq!(check.mistakes(), [], "{yaml}");
            let again: CheckKind = serde_json::from_str(&serde_json::to_string(&check).unwrap()).unwrap();
            assert_eq!(again.name(), check.name());
        }
    }

    #[test]
    fn what_does_not_belong_is_refused() {
        for yaml in [
            "http: { url: 'http://a', insecure: true }",
            "http: { url: 'http://a', status: 99 }",
            "http: { url: 'http://a', status: [] }",
            "http: { url: 'http://a', expect_body: '>= many' }",
            "http: { url: 'http://a', timeout: 5 parsecs }",
            "dns: { name: a, type: PTR }",
            "sql: { url: 'postgres://h/d' }",
            "sql: { url: 'postgres://h/d', query: select 1, tls: { mode: prefer } }",
            "command: { run: ls }",
            "ping: {}",
        ] {
            assert!(read(yaml).is_err(), "{yaml}");
        }
    }

    #[test]
    fn mistakes_name_their_field_and_no_password() {
        for (yaml, field) in [
            ("http: { url: 'ftp://joe:hunter22@a/' }", "url"),
            ("http: { url: 'https://a/', pin_sha256: abc }", "pin_sha256"),
            (
                "http: { url: 'http://a/', pin_sha256: '0000000000000000000000000000000000000000000000000000000000000000' }",
                "pin_sha256",
            ),
            ("tcp: { address: 'db' }", "address"),
            ("tcp: { address: '::1:5432' }", "address"),
            ("tcp: { address: '{{ steps.db.address }}:99999' }", "address"),
            ("dns: { name: a, server: ns.example.com }", "server"),
            ("dns: { name: 'a..b' }", "name"),
            ("http: { url: 'http://joe:hunter22@a:99999/' }", "url"),
            ("http: { url: 'http://a/', method: G T }", "method"),
            ("http: { url: 'http://a/', headers: { 'x y': z } }", "headers"),
            ("http: { url: 'http://a/', headers: { authorization: \"hunter22\\nx\" } }", "headers"),
            ("http: { url: 'http://a/', expect_header: { 'x:': z } }", "expect_header"),
            ("http: { url: 'http://a/', timeout: 0s }", "timeout"),
            ("sql: { url: 'postgres://joe:hunter22@{{ h }}/d?charset=x', query: select 1 }", "url"),
            ("sql: { url: 'postgres://h/d', query: 'select 1; commit' }", "query"),
            ("sql: { url: 'postgres://h/d', query: select 1, tls: { mode: require, ca: rds } }", "tls"),
            ("sql: { url: 'postgres://h/d', query: select 1, tls: { server_name: 'a b' } }", "tls"),
            ("sql: { url: 'oracle://joe:hunter22@h/d', query: select 1 }", "url"),
            ("sql: { url: 'postgres://h/d', query: ' ' }", "query"),
            ("redis: { address: 'h:1', expect: 1 }", "expect"),
            ("redis: { address: h, key: k }", "address"),
            ("redis: { address: 'h:1', ca_file: ca.pem }", "ca_file"),
            ("redis: { address: 'h:1', user: joe }", "user"),
            ("s3: { bucket: b, key: k, prefix: p }", "prefix"),
            ("dynamodb: { table: t, attribute: a }", "attribute"),
            ("dynamodb: { table: t, key: { pk: { S: '1' } }, expect: 1 }", "expect"),
            ("dynamodb: { table: t, key: {} }", "key"),
            ("dynamodb: { table: t, key: { pk: { B: '?' } } }", "key"),
            ("command: { run: [] }", "run"),
            ("command: { run: [x], env: { 'A=B': c } }", "env"),
        ] {
            let found = read(yaml).unwrap().mistakes();
            assert_eq!(found.iter().map(|m| m.field).collect::<Vec<_>>(), [field], "{yaml}");
            assert!(!format!("{found:?}").contains("hunter22"), "{found:?}");
        }
    }

    #[test]
    fn pins_read_in_both_spellings() {
        let zeros = [0_u8; 32];
        assert_eq!(parse_pin(&"00".repeat(32)), Some(zeros));
        assert_eq!(parse_pin(&["00"; 32].join(":")), Some(zeros));
        assert_eq!(parse_pin(&format!("sha256//{}=", "A".repeat(43))), Some(zeros));
        // printf foo | openssl dgst -sha256 -binary | base64
        let foo = parse_pin("LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564=").unwrap();
        assert_eq!(foo[..4], [0x2c, 0x26, 0xb4, 0x6b]);
        assert_eq!((parse_pin("abc"), parse_pin(""), parse_pin("!")), (None, None, None));
    }

    #[test]
    fn the_schema_describes_itself() {
        let schema = serde_json::to_string(&schemars::schema_for!(CheckKind)).unwrap();
        for part in ["pin_sha256", "verify-full", "\\\\{\\\\{", "comparison", "default 10s"] {
            assert!(schema.contains(part), "{part}: {schema}");
        }
    }
}
