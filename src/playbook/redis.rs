//! The check of Redis, Valkey and what speaks their protocol, such as `ElastiCache`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::asked::{self, Unreadable};
use super::comparison::Comparison;
use super::data::Mistake;
use super::expr::is_template;
use super::expr_value::Expr;
use base::duration::Span;

/// Asks Redis or Valkey: whether it answers (PING), how many keys it has, and one key.
#[derive(Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisCheck {
    /// `host:port`; an IPv6 address in brackets.
    pub address: String,
    /// Whether the connection has TLS, which is verified; default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Expr<bool>>,
    /// A key that must exist. `measures: rpo` reads its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The expected value of the key, which must be a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expr<Comparison>>,
    /// The smallest number of keys of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_keys: Option<Expr<u64>>,
    /// The number of the database; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Expr<u32>>,
    /// The user of an access control list. Without one, the password is the server's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password, as a secret: `{{ secret "aws:redis" }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Name of the environment variable that holds the password, if `password` does not give it;
    /// default `REDISCLI_AUTH`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
    /// PEM file with certificate authorities to trust in addition to the system's; relative to the
    /// playbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// The name in the certificate, if it differs from the address, as through a tunnel on
    /// localhost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// How long one attempt may take; default 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Expr<Span>>,
}

impl std::fmt::Debug for RedisCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisCheck")
            .field("address", &self.address)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl RedisCheck {
    /// Whether the connection has TLS. An expression that is not rendered counts as yes.
    pub fn has_tls(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.get().map_or(true, |tls| *tls))
    }

    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let mut found = Vec::new();
        let mut wrong =
            |field, message: &str, help: &str| found.push((field, message.to_owned(), help.to_owned()));
        let address = asked::mistake(&self.address, |text| asked::address(text).map(|_| ()));
        if let Some(Unreadable { message, help }) = address {
            wrong("address", &message, &help);
        }
        if self.key.as_deref().is_some_and(str::is_empty) {
            wrong("key", "the key is empty", "name a key that was written before the disaster");
        }
        if self.expect.is_some() && self.key.is_none() {
            wrong("expect", "`expect` without `key`", "name the key, or use `min_keys` for their number");
        }
        if self.user.is_some() && self.password.is_none() && self.password_env.is_none() {
            wrong("user", "a user without a password", "add `password` with a secret, or `password_env`");
        }
        if !self.has_tls() {
            for (field, given) in
                [("ca_file", self.ca_file.is_some()), ("server_name", self.server_name.is_some())]
            {
                if given {
                    wrong(field, &format!("`{field}` without TLS"), "add `tls: true`");
                }
            }
        }
        let name = self.server_name.as_deref().filter(|name| !is_template(name));
        if let Some(Unreadable { message, .. }) = name.and_then(|name| asked::host(name).err()) {
            wrong("server_name", &message, "write the name in the certificate");
        }
        found
    }
}
