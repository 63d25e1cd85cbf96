//! Who is told when a run has ended: the key `notify` of playbooks and of the configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::is_variable;
use base::duration::Span;
use base::ids::BadName;
use base::secret::variable;
use yaml::diagnostic::{list, suggest};
use yaml::node::short;
use yaml::{Diagnostics, Node, Source};

/// Services whose addresses are secrets: whoever has one can post.
const SECRET_HOSTS: [&str; 4] = ["hooks.slack.com", "discord.com", "webhook.office.com", "logic.azure.com"];

/// Somebody who is told: exactly one of `slack`, `webhook`, `sns`, `smtp`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<Slack>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sns: Option<Sns>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smtp: Option<Smtp>,
    /// The verdicts that are told. Default: all.
    #[serde(default = "Ending::all")]
    #[schemars(length(min = 1))]
    pub on: Vec<Ending>,
    /// Runs on the twin are told too. Their messages begin with `Simulated`. Default: true.
    #[serde(default = "yes")]
    pub simulated: bool,
    /// How long it may take, at most 1m. The end of a run waits so long. Default: 10s.
    #[serde(default = "Notify::usual_limit")]
    pub timeout: Span,
}

/// The verdict of a run that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Passed,
    Failed,
    Error,
    Interrupted,
}

impl Ending {
    fn all() -> Vec<Self> {
        vec![Self::Passed, Self::Failed, Self::Error, Self::Interrupted]
    }
}

/// A channel of Slack, by an incoming webhook.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// The variable that holds the webhook's URL: `env:SLACK_WEBHOOK_URL`. The URL is a secret.
    #[schemars(extend("format" = "env-secret"))]
    pub url: String,
}

/// A program that takes the verdict as JSON by POST.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The URL, or `env:NAME` for a variable that holds it.
    #[schemars(extend("format" = "notify-url"))]
    pub url: String,
    /// The variable that holds the key with which each request is signed: `env:NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "env-secret"))]
    pub secret: Option<String>,
}

/// A topic of Amazon SNS.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sns {
    /// The topic's ARN.
    #[schemars(extend("format" = "sns-topic"))]
    pub topic: String,
    /// The name of one of `accounts`, whose credentials publish. Default: the default credentials chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// Mail.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// The mail server's name or address.
    #[schemars(length(min = 1))]
    pub host: String,
    /// Default: 587 for `starttls`, 465 for `implicit`, 25 for `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// How the connection is encrypted. Default: `starttls`, without which nothing is sent.
    #[serde(default)]
    pub tls: SmtpTls,
    /// The sender: `drills@example.com`.
    #[schemars(extend("format" = "mailbox"))]
    pub from: String,
    #[schemars(length(min = 1))]
    #[schemars(extend("items" = serde_json::json!({ "type": "string", "format": "mailbox" })))]
    pub to: Vec<String>,
    /// The name to log in with. Needs `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The variable that holds the password: `env:SMTP_PASSWORD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "env-secret"))]
    pub password: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    #[default]
    Starttls,
    Implicit,
    None,
}

fn yes() -> bool {
    true
}

impl Notify {
    /// The longest `timeout`.
    const LONGEST: Span = Span::from_secs(60);

    pub fn usual_limit() -> Span {
        Span::from_secs(10)
    }
}

const KINDS: [&str; 4] = ["slack", "webhook", "sns", "smtp"];

/// Checks the list at the key `notify`: what its schema cannot say.
pub fn check(source: &Source, root: &Node, out: &mut Diagnostics) {
    for node in root.get("notify").and_then(Node::as_seq).unwrap_or_default() {
        let Some(map) = node.as_map() else { continue };
        let mut kinds = map.entries.iter().filter(|entry| KINDS.contains(&entry.key.as_str()));
        match (kinds.next(), kinds.next()) {
            (None, _) => {
                let known = |key: &str| ["on", "simulated", "timeout"].contains(&key);
                // A mistyped kind has been reported as an unknown key.
                if map.entries.iter().all(|entry| known(&entry.key)) {
                    out.push(
                        source
                            .error(node.span, "this entry of `notify` tells nobody")
                            .help(format!("add one of {}", list(&KINDS))),
                    );
                }
            }
            (Some(first), Some(second)) => out.push(
                source
                    .error(
                        second.key_span,
                        format!("this entry of `notify` has both `{}` and `{}`", first.key, second.key),
                    )
                    .help("an entry tells one: write two entries"),
            ),
            (Some(_), None) => {}
        }
        if let Some(limit) = node.get("timeout")
            && let Some(length) = limit.as_str().and_then(|text| text.parse::<Span>().ok())
            && (length > Notify::LONGEST || length < Span::from_secs(1))
        {
            out.push(
                source
                    .error(limit.span, format!("a `timeout` of {length} does not fit"))
                    .help("write 1s to 1m: the end of a run waits so long"),
            );
        }
        if let Some(smtp) = node.get("smtp") {
            login(source, smtp, out);
        }
        if let Some(account) = node.get("sns").and_then(|sns| sns.get("account"))
            && let Some(name) = account.as_str()
            && root.get("accounts").and_then(|accounts| accounts.get(name)).is_none()
        {
            let known = root.get("accounts").and_then(Node::as_map);
            let known = known.into_iter().flat_map(|map| &map.entries).map(|entry| entry.key.as_str());
            out.push(source.error(account.span, format!("`{}` is none of `accounts`", short(name))).help(
                suggest(name, known, "account").unwrap_or_else(|| {
                    "add it to `accounts`, or leave `account` out for the default credentials".to_owned()
                }),
            ));
        }
    }
}

fn login(source: &Source, smtp: &Node, out: &mut Diagnostics) {
    match (smtp.get("username"), smtp.get("password")) {
        (Some(name), None) => out.push(
            source
                .error(name.span, "there is a `username` without a `password`")
                .help("name the variable that holds it: `password: env:SMTP_PASSWORD`"),
        ),
        (None, Some(password)) => out.push(
            source
                .error(password.span, "there is a `password` without a `username`")
                .help("add the name to log in with: `username: drills`"),
        ),
        (Some(_), Some(password)) if smtp.get("tls").and_then(Node::as_str) == Some("none") => out.push(
            source
                .error(password.span, "the password would cross the network unencrypted")
                .help("leave out `tls: none`"),
        ),
        (Some(_), Some(_)) | (None, None) => {}
    }
}

/// Checks a text of one of the formats of this module. Another format is `None`.
pub fn format(format: &str, text: &str) -> Option<Result<(), BadName>> {
    Some(match format {
        "env-secret" => env_secret(text),
        "notify-url" if variable(text).is_some() => env_secret(text),
        "notify-url" => url(text).and_then(|host| not_secret(&host)),
        "mailbox" => mailbox(text),
        "sns-topic" => topic(text).map(drop),
        _ => return None,
    })
}

pub fn noun(format: &str) -> Option<&'static str> {
    Some(match format {
        "env-secret" => "a reference such as `env:NAME`",
        "notify-url" => "a URL such as `https://ops.example.com/drills`",
        "mailbox" => "an address such as `drills@example.com`",
        "sns-topic" => "the ARN of a topic",
        _ => return None,
    })
}

pub fn pattern(format: &str) -> Option<&'static str> {
    Some(match format {
        "env-secret" => "^env:[A-Za-z_][A-Za-z0-9_]*$",
        "notify-url" => {
            r#"^(?:env:[A-Za-z_][A-Za-z0-9_]*|https?://[^\s/?#@{}<>"\\^`|]+(?:[/?#][^\s{}<>"\\^`|]*)?)$"#
        }
        "mailbox" => r"^[^\s@<>,;]+@[^\s@<>,;]+$",
        "sns-topic" => "^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+(?:\\.fifo)?$",
        _ => return None,
    })
}

fn bad(message: impl Into<String>, help: impl Into<String>) -> BadName {
    BadName { message: message.into(), help: help.into() }
}

/// The message does not repeat the text: it may be the secret itself.
fn env_secret(text: &str) -> Result<(), BadName> {
    match variable(text) {
        Some(name) if is_variable(name) && !name.is_empty() => Ok(()),
        Some(_) => Err(bad(
            "`env:` names no environment variable",
            "write `env:NAME`; names are letters, digits and `_`, and do not begin with a digit",
        )),
        None => Err(bad(
            "a secret stands in no file: this is not the name of a variable",
            "put the secret into an environment variable, and write `env:NAME`",
        )),
    }
}

/// Checks a URL. Returns its host.
///
/// # Errors
/// It is no URL that a request can go to. The message does not repeat it.
pub fn url(text: &str) -> Result<String, BadName> {
    let wrong = |what: &str| {
        bad(
            format!("this is no URL that a request can go to: {what}"),
            "write `https://HOST/PATH`, or `env:NAME` for a variable that holds it",
        )
    };
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let rest = rest.ok_or_else(|| wrong("it does not begin with `https://`"))?;
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || "{}<>\"\\^`|".contains(c)) {
        return Err(wrong("it holds a character that has to be written as `%20`"));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(bad(
            "the URL holds a name or a password",
            "put the whole URL into an environment variable, and write `env:NAME`",
        ));
    }
    let host = match authority.rsplit_once(':') {
        // An IPv6 address has its colons in brackets.
        Some((host, port)) if !port.contains(']') => {
            if port.parse::<u16>().is_err() {
                return Err(wrong("its port is no number from 0 to 65535"));
            }
            host
        }
        Some(_) | None => authority,
    };
    if host.is_empty() {
        return Err(wrong("it names no host"));
    }
    Ok(host.to_ascii_lowercase())
}

fn not_secret(host: &str) -> Result<(), BadName> {
    let is = |known: &str| host == known || host.ends_with(&format!(".{known}"));
    match SECRET_HOSTS.iter().find(|known| is(known)) {
        None => Ok(()),
        Some(known) => Err(bad(
            format!("a webhook of {known} is a secret: whoever has its URL can post"),
            "put the URL into an environment variable, and write `env:NAME`",
        )),
    }
}

fn mailbox(text: &str) -> Result<(), BadName> {
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.contains(|c: char| c.is_whitespace() || c.is_control() || "@<>,;".contains(c))
    };
    match text.split_once('@') {
        Some((name, domain)) if is_part(name) && is_part(domain) => Ok(()),
        Some(_) | None => Err(bad("this is no mail address", "write `drills@example.com`, without a name")),
    }
}

/// The region of a topic's ARN.
///
/// # Errors
/// It is no such ARN.
pub fn topic(text: &str) -> Result<&str, BadName> {
    let parts: Vec<&str> = text.split(':').collect();
    let is_name = |name: &str| {
        let name = name.strip_suffix(".fifo").unwrap_or(name);
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    match parts.as_slice() {
        ["arn", partition, "sns", region, account, name]
            if partition.starts_with("aws")
                && !region.is_empty()
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && is_name(name) =>
        {
            Ok(region)
        }
        _ => Err(bad(
            "this is not the ARN of a topic",
            "it looks like `arn:aws:sns:us-west-2:999988887777:drills`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(of: &str, text: &str) -> String {
        match format(of, text).unwrap() {
            Ok(()) => String::new(),
            Err(bad) => format!("{} ({})", bad.message, bad.help),
        }
    }

    #[test]
    fn a_secret_is_named_and_never_written() {
        assert_eq!(told("env-secret", "env:SLACK_URL"), "");
        for text in ["hunter2", "env:", "env:1X", "https://hooks.slack.com/services/T0/B0/hunter2", ""] {
            let said = told("env-secret", text);
            assert!(said.contains("env:NAME") && !said.contains("hunter2"), "{text}: {said}");
        }
    }

    #[test]
    fn a_url_holds_no_secret() {
        for text in [
            "https://ops.example.com/drills?team=dr",
            "http://127.0.0.1:8080",
            "https://[::1]:8443/x",
            "https://[::1]",
            "env:OPS_URL",
        ] {
            assert_eq!(told("notify-url", text), "", "{text}");
        }
        for (text, part) in [
            ("https://alice:hunter2@ops.example.com/", "holds a name or a password"),
            ("https://hooks.slack.com/services/hunter2", "is a secret"),
            ("https://acme.webhook.office.com/hunter2", "is a secret"),
            ("ftp://ops.example.com/hunter2", "does not begin with"),
            ("https:///hunter2", "names no host"),
            ("https://ops:port/hunter2", "port is no number"),
            ("https://ops/{{ hunter2 }}", "holds a character"),
        ] {
            let said = told("notify-url", text);
            assert!(said.contains(part) && !said.contains("hunter2"), "{text}: {said}");
        }
        assert_eq!(told("notify-url", "https://notdiscord.com/x"), "");
    }

    #[test]
    fn addresses_and_topics() {
        assert_eq!(told("mailbox", "drills@example.com"), "");
        for text in ["", "drills", "a@b@c", "Drills <a@b>", "a@b\r\nBcc: c@d", "@b"] {
            assert_ne!(told("mailbox", text), "", "{text:?}");
        }
        assert_eq!(topic("arn:aws:sns:us-west-2:999988887777:drills"), Ok("us-west-2"));
        assert_eq!(topic("arn:aws-cn:sns:cn-north-1:999988887777:a.fifo"), Ok("cn-north-1"));
        for text in ["drills", "arn:aws:sqs:us-west-2:999988887777:q", "arn:aws:sns:us-west-2:1:q"] {
            assert!(topic(text).is_err(), "{text}");
        }
    }
}
