//! Reads secrets and environment variables for expressions.
//!
//! On AWS, all of them are read before T0, and again when they have grown old. Each is registered
//! with `redact` before anything is done with it. `RunStarted` is told before the first secret is
//! read, so it holds none. On the twin, no secret is read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::rc::Rc;

use chrono::TimeDelta;
use serde_json::{Map, Value};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Mutex;

use base::clock::Clock;
use base::duration::Time;
use base::process::{self, Environment};
use base::redact;
use event::{Body, Bus};
use playbook::expr;
use playbook::secret::{AwsSecret, SecretRef};
use port::{Cloud, Finding, Place, Rule};

/// The text that replaces a secret on the twin.
pub const PLACEHOLDER: &str = "not-looked-up-on-the-twin";

/// The longest secret, in bytes. Passwords, tokens and private keys are far shorter.
const LONGEST: usize = 16 * 1024;

/// How long reading a secret may take.
const TIME_LIMIT: TimeDelta = TimeDelta::seconds(30);

/// How long a value is used before it is read again. Tokens that live for minutes (RDS sign-in: 15)
/// are then renewed.
const MAX_AGE: TimeDelta = TimeDelta::minutes(5);

/// Why a secret cannot be read. The text never holds any part of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SecretError {
    pub message: String,
    pub help: String,
}

fn error(message: impl Into<String>, help: impl Into<String>) -> SecretError {
    SecretError { message: message.into(), help: help.into() }
}

/// Reads secrets and environment variables, and keeps them for a while.
pub struct Secrets {
    cloud: Rc<dyn Cloud>,
    clock: Clock,
    bus: Rc<Bus>,
    /// The playbook's folder. Files are relative to it, and commands run in it.
    folder: PathBuf,
    /// The account and region where AWS Secrets Manager is asked.
    sandbox: Place,
    /// Whether placeholders replace secrets, and variables that are not set. True on the twin.
    rehearsal: bool,
    /// The values that were read, with the time of reading.
    known: RefCell<HashMap<String, Rc<CachedSecret>>>,
    /// The findings that were reported, so that none is reported twice.
    told: RefCell<HashSet<(Rule, String)>>,
}

type CachedSecret = Mutex<Option<(Time, String)>>;

impl Secrets {
    /// `folder` is the playbook's folder. `sandbox` is where AWS Secrets Manager is asked. In a
    /// `rehearsal`, no secret is read.
    pub fn new(
        cloud: Rc<dyn Cloud>,
        clock: Clock,
        bus: Rc<Bus>,
        folder: PathBuf,
        sandbox: Place,
        rehearsal: bool,
    ) -> Self {
        let (known, told) = (RefCell::default(), RefCell::default());
        Self { cloud, clock, bus, folder, sandbox, rehearsal, known, told }
    }

    /// Whether placeholders replace secrets.
    pub fn is_rehearsal(&self) -> bool {
        self.rehearsal
    }

    /// The values for `env` and `secret` that the expressions in `asked` name, and no others.
    pub async fn named_in(&self, asked: Asked<'_>) -> Result<Map<String, Value>, SecretError> {
        let names = Names::of(&asked)?;
        let mut env = Map::new();
        for (name, is_secret) in names.variables {
            let value = self.variable(&name, is_secret)?;
            env.insert(name, Value::String(value));
        }
        let mut secret = Map::new();
        for reference in names.references {
            let value = self.secret(&reference).await?;
            secret.insert(reference, Value::String(value));
        }
        Ok(Map::from_iter([("env".into(), Value::Object(env)), (expr::SECRET.into(), Value::Object(secret))]))
    }

    /// Reads everything that `asked` names, so that missing values are known before T0. Returns the
    /// errors.
    pub async fn look_up(&self, asked: impl Iterator<Item = Asked<'_>>) -> Vec<SecretError> {
        let (mut all, mut wrong) = (Names::default(), Vec::new());
        for asked in asked {
            match Names::of(&asked) {
                Ok(names) => all.extend(names),
                Err(error) => wrong.push(error),
            }
        }
        wrong.extend(
            all.variables.iter().filter_map(|(name, is_secret)| self.variable(name, *is_secret).err()),
        );
        // One after the other, because several commands could prompt a person at once.
        for reference in &all.references {
            wrong.extend(self.secret(reference).await.err());
        }
        wrong
    }

    fn variable(&self, name: &str, is_secret: bool) -> Result<String, SecretError> {
        let shown = format!("env.{name}");
        match std::env::var(name) {
            Ok(value) if value.len() > LONGEST => Err(error(
                format!("the environment variable {name} is longer than 16 KiB"),
                "put so long a value into a file",
            )),
            Ok(value) if is_secret => Ok(self.registered(&shown, value)),
            Ok(value) => Ok(value),
            Err(std::env::VarError::NotPresent) if self.rehearsal => {
                self.tell(
                    Rule::VariableNotSet,
                    &shown,
                    "the variable is not set: a placeholder stood for it",
                    "set it before a run on aws, which does not begin without it",
                );
                Ok(PLACEHOLDER.to_owned())
            }
            Err(std::env::VarError::NotPresent) => Err(error(
                format!("the environment variable {name} is not set"),
                format!("export {name}, or correct its name"),
            )),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(error(format!("the environment variable {name} is not UTF-8"), "set it to text"))
            }
        }
    }

    async fn secret(&self, text: &str) -> Result<String, SecretError> {
        if self.rehearsal {
            return Ok(PLACEHOLDER.to_owned());
        }
        let reference: SecretRef =
            text.parse().map_err(|e: playbook::secret::BadSecret| error(e.message, e.help))?;
        // Concurrent readers of the same secret wait for one answer.
        let known = Rc::clone(self.known.borrow_mut().entry(text.to_owned()).or_default());
        let mut known = known.lock().await;
        if let Some((read, value)) = &*known
            && self.clock.now() - *read < MAX_AGE
        {
            return Ok(value.clone());
        }
        let shown = format!("secret \"{text}\"");
        let deadline = self.clock.now() + TIME_LIMIT;
        let read = self.clock.timeout_at(deadline, self.read(&reference)).await.unwrap_or_else(|| {
            Err(error(
                format!("{shown} did not come within {} s", TIME_LIMIT.num_seconds()),
                "make sure that it can be read without a person at the keyboard",
            ))
        });
        match (read, &*known) {
            (Ok(value), _) => {
                let value = self.registered(&shown, value);
                *known = Some((self.clock.now(), value.clone()));
                Ok(value)
            }
            // A password store may lock itself during a drill. The value from before T0 is most
            // likely still right.
            (Err(failed), Some((_, before))) => {
                let message =
                    format!("it could not be read again, and is used as it was read before: {failed}");
                self.tell(Rule::SecretNotReadAgain, &shown, &message, &failed.help);
                Ok(before.clone())
            }
            (Err(failed), None) => Err(failed),
        }
    }

    async fn read(&self, reference: &SecretRef) -> Result<String, SecretError> {
        let shown = format!("secret \"{reference}\"");
        let bytes = match reference {
            SecretRef::File(path) => self.file(&shown, path).await?,
            SecretRef::Command(words) => self.command(&shown, words).await?,
            SecretRef::Aws(secret) => return self.aws(&shown, secret).await,
        };
        if bytes.len() > LONGEST {
            return Err(error(
                format!("{shown} is longer than 16 KiB"),
                "name a source that holds only the secret",
            ));
        }
        let text = String::from_utf8(bytes).map_err(|_| {
            error(format!("{shown} is not UTF-8"), "store it as text, or as base64 if it must be bytes")
        })?;
        let text = base::secret::trimmed(&text);
        if text.is_empty() {
            return Err(error(format!("{shown} is empty"), "put the secret there"));
        }
        Ok(text.to_owned())
    }

    async fn file(&self, shown: &str, path: &str) -> Result<Vec<u8>, SecretError> {
        let path = self.folder.join(path);
        let unreadable = |e: std::io::Error| {
            error(
                format!("{shown} cannot be read: {}: {e}", path.display()),
                "the path is relative to the playbook, and this user needs permission to read the file",
            )
        };
        let file = tokio::fs::File::open(&path).await.map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(LONGEST as u64 + 1).read_to_end(&mut bytes).await.map_err(unreadable)?;
        Ok(bytes)
    }

    async fn command(&self, shown: &str, words: &[String]) -> Result<Vec<u8>, SecretError> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(error(format!("{shown} names no program"), "write `command:pass show db`"));
        };
        // Password stores find their agents, addresses and tokens in the environment.
        let environment = Environment::of(std::env::vars_os());
        let ended = process::run(program, arguments, &self.folder, environment, LONGEST + 1)
            .await
            .map_err(|e| error(format!("{shown}: {e}"), "install it, or correct its name"))?;
        if !ended.status.success() {
            // Its output may hold the secret itself, which is not registered yet.
            return Err(error(
                format!("{shown}: the command ended with {}", ended.status),
                "run it by hand to see why: its output may be secret, so it is not shown here",
            ));
        }
        Ok(ended.stdout.bytes)
    }

    async fn aws(&self, shown: &str, secret: &AwsSecret) -> Result<String, SecretError> {
        let place = match &secret.place {
            Some((region, account)) => Place { account: account.clone(), region: region.clone() },
            None => self.sandbox.clone(),
        };
        let text = self.cloud.secret(&place, &secret.id).await.map_err(|e| {
            let help = e.help.clone().unwrap_or_else(|| {
                format!(
                    "make sure that it exists in {} of account {}, and grant secretsmanager:GetSecretValue",
                    place.region, place.account
                )
            });
            error(format!("{shown}: {e}"), help)
        })?;
        let Some(key) = &secret.key else { return Ok(text) };
        let help = "the secret must be a JSON object that has the key after `#`";
        match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(fields)) => match fields.get(key) {
                Some(Value::String(value)) if !value.is_empty() => Ok(value.clone()),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
                Some(_) => Err(error(format!("{shown}: `{key}` is not a text"), help)),
                None => Err(error(format!("{shown} has no key `{key}`"), help)),
            },
            _ => Err(error(format!("{shown} is not a JSON object, so it has no key `{key}`"), help)),
        }
    }

    fn registered(&self, shown: &str, value: String) -> String {
        if !redact::register(&value) && !value.is_empty() {
            self.tell(
                Rule::SecretTooShort,
                shown,
                &format!("its value has fewer than {} characters, and is not redacted: so short a text stands in ordinary words too", redact::SHORTEST),
                "use a longer one where it is a secret; where it is none, nothing need be done",
            );
        }
        value
    }

    fn tell(&self, rule: Rule, resource: &str, message: &str, fix: &str) {
        if self.told.borrow_mut().insert((rule, resource.to_owned())) {
            self.bus.tell(Body::Finding(Finding::new(rule, resource, message, fix)));
        }
    }
}

/// A value with expressions, and the keys in it that may hold secrets.
///
/// A value of `env` under any other key is configuration, such as a region or a snapshot's id. It
/// names resources, and a report that hid it would be useless.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub value: &'a Value,
    pub secret: Keys,
}

/// The keys whose values may be secrets.
#[derive(Debug, Clone, Copy)]
pub enum Keys {
    All,
    These(&'static [&'static str]),
}

/// The variables and secrets that expressions name.
#[derive(Default)]
struct Names {
    /// The variables, and whether their values are secrets.
    variables: BTreeMap<String, bool>,
    references: BTreeSet<String>,
}

impl Names {
    fn of(asked: &Asked<'_>) -> Result<Self, SecretError> {
        let named = |value, root| expr::named(value, root).map_err(|e| error(e.message, e.help));
        let mut names = Self { variables: BTreeMap::new(), references: named(asked.value, expr::SECRET)? };
        let mut add = |value, is_secret: bool| -> Result<(), SecretError> {
            for name in named(value, "env")? {
                *names.variables.entry(name).or_default() |= is_secret;
            }
            Ok(())
        };
        match (asked.secret, asked.value) {
            (Keys::All, value) => add(value, true)?,
            (Keys::These(keys), Value::Object(fields)) => {
                for (key, field) in fields {
                    add(field, keys.contains(&key.as_str()))?;
                }
            }
            (Keys::These(_), value) => add(value, false)?,
        }
        Ok(names)
    }

    fn extend(&mut self, more: Self) {
        for (name, is_secret) in more.variables {
            *self.variables.entry(name).or_default() |= is_secret;
        }
        self.references.extend(more.references);
    }
}
