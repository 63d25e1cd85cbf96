//! The references in `{{ secret "…" }}`: where a secret is kept. `engine::secrets` reads them.

use std::fmt;
use std::str::FromStr;

use base::ids::{AccountId, Region};
use yaml::diagnostic::nearest;

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// A file's path, relative to the playbook.
    File(String),
    /// A program and its arguments. The secret is its output.
    Command(Vec<String>),
    Aws(AwsSecret),
}

/// A secret of AWS Secrets Manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSecret {
    /// Its name or ARN.
    pub id: String,
    /// The key of the value, if the secret is a JSON object.
    pub key: Option<String>,
    /// The place in the ARN. A name is looked up in the sandbox's region and account.
    pub place: Option<(Region, AccountId)>,
}

/// A reference that is not well formed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadSecret {
    pub message: String,
    pub help: String,
}

fn bad(message: impl Into<String>, help: impl Into<String>) -> BadSecret {
    BadSecret { message: message.into(), help: help.into() }
}

const SCHEMES: [&str; 3] = ["file", "command", "aws"];
const FORMS: &str = "write `file:/path`, `command:pass show db` or `aws:NAME`";

impl FromStr for SecretRef {
    type Err = BadSecret;

    fn from_str(text: &str) -> Result<Self, BadSecret> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(bad("this does not say where the secret is kept", FORMS));
        };
        let rest = rest.trim();
        if SCHEMES.contains(&scheme) && rest.is_empty() {
            return Err(bad(format!("`{scheme}:` names no secret"), FORMS));
        }
        match scheme {
            "file" => Ok(Self::File(rest.to_owned())),
            "command" => match shlex::split(rest) {
                Some(words) if words.first().is_some_and(|program| !program.is_empty()) => {
                    Ok(Self::Command(words))
                }
                Some(_) => Err(bad("the command names no program", FORMS)),
                None => Err(bad(
                    "the command cannot be split into words: a quote or a backslash is left open",
                    "close the quote; there is no shell: write `command:sh -c '…'` for one",
                )),
            },
            "aws" => aws(rest).map(Self::Aws),
            other => {
                let help = nearest(other, SCHEMES)
                    .map_or_else(|| FORMS.to_owned(), |near| format!("did you mean `{near}:`?"));
                Err(bad(format!("secrets are not kept in `{other}:`"), help))
            }
        }
    }
}

fn aws(text: &str) -> Result<AwsSecret, BadSecret> {
    let (id, key) = match text.split_once('#') {
        Some((_, "")) => {
            return Err(bad("there is no key after `#`", "write `aws:NAME#KEY`, or leave out the `#`"));
        }
        Some((id, key)) => (id, Some(key.to_owned())),
        None => (text, None),
    };
    let id_fits = |id: &str| {
        !id.is_empty()
            && id.len() <= 512
            && id.chars().all(|c| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c))
    };
    if !id.starts_with("arn:") {
        if !id_fits(id) {
            return Err(bad(
                format!("`{id}` cannot be the name of a secret in AWS Secrets Manager"),
                "its names are up to 512 letters, digits and `/_+=.@-`; write the key of a JSON secret after `#`",
            ));
        }
        return Ok(AwsSecret { id: id.to_owned(), key, place: None });
    }
    let parts: Vec<&str> = id.splitn(7, ':').collect();
    let place = match parts.as_slice() {
        ["arn", _, "secretsmanager", region, account, "secret", name] if id_fits(name) => {
            region.parse().ok().zip(account.parse().ok())
        }
        _ => None,
    };
    match place {
        Some(place) => Ok(AwsSecret { id: id.to_owned(), key, place: Some(place) }),
        None => Err(bad(
            format!("`{id}` is not the ARN of a secret"),
            "it looks like `arn:aws:secretsmanager:us-west-2:999988887777:secret:prod/db-AbCdEf`",
        )),
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{path}"),
            Self::Command(words) => write!(f, "command:{}", words.join(" ")),
            Self::Aws(AwsSecret { id, key: None, .. }) => write!(f, "aws:{id}"),
            Self::Aws(AwsSecret { id, key: Some(key), .. }) => write!(f, "aws:{id}#{key}"),
        }
    }
}

/// Whether an environment variable can have this name.
pub fn is_variable(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| !c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SecretRef, String> {
        text.parse().map_err(|e: BadSecret| format!("{} ({})", e.message, e.help))
    }

    #[test]
    fn every_scheme_is_read() {
        assert_eq!(read("file:/run/secrets/db"), Ok(SecretRef::File("/run/secrets/db".into())));
        assert_eq!(
            read("command:pass show 'my db'"),
            Ok(SecretRef::Command(["pass", "show", "my db"].map(str::to_owned).into()))
        );
        let Ok(SecretRef::Aws(named)) = read("aws:prod/db#password") else { panic!() };
        assert_eq!(
            (named.id.as_str(), named.key.as_deref(), named.place),
            ("prod/db", Some("password"), None)
        );
        let arn = "arn:aws:secretsmanager:us-west-2:999988887777:secret:prod/db-AbCdEf";
        let Ok(SecretRef::Aws(secret)) = read(&format!("aws:{arn}#password")) else { panic!() };
        assert_eq!((secret.id.as_str(), secret.key.as_deref()), (arn, Some("password")));
        assert_eq!(secret.place.unwrap().0.as_str(), "us-west-2");
    }

    #[test]
    fn what_is_no_reference_says_why() {
        for (text, part) in [
            ("hunter2", "where the secret is kept"),
            ("", "where the secret is kept"),
            ("vault:secret/db", "not kept in `vault:`"),
            ("fiel:/x", "did you mean `file:`"),
            ("file:", "names no secret"),
            ("command:  ", "names no secret"),
            ("command:''", "no program"),
            ("command:sh -c 'x", "left open"),
            ("aws:a b", "cannot be the name"),
            ("aws:#key", "cannot be the name"),
            ("aws:db#", "no key after"),
            ("aws:arn:aws:s3:::bucket", "not the ARN of a secret"),
            ("aws:arn:aws:secretsmanager:us-west-2:1:secret:x", "not the ARN of a secret"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.contains(part), "{text}: {found}");
        }
    }

    #[test]
    fn names_of_variables() {
        assert!(is_variable("DB_PASSWORD") && is_variable("_x1"));
        assert!(!is_variable("1X") && !is_variable("a-b") && !is_variable(""));
    }
}
