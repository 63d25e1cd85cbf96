//! Reading secrets and environment variables for expressions: on aws all of them before T0, again where they have grown old,
//! each registered with `redact` before anything is done with it. The twin looks no secret up.

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
use base::process;
use base::redact;
use base::severity::Severity;
use event::{Body, Bus};
use playbook::expr;
use playbook::secret::{AwsSecret, SecretRef};
use port::{Cloud, Finding, Place};

/// What stands for a secret on the twin.
pub const PLACEHOLDER: &str = "not-looked-up-on-the-twin";

/// The longest secret, in bytes: passwords, tokens and private keys are far below it.
const LONGEST: usize = 16 * 1024;

/// How long a command or a file may take to give a secret.
const PATIENCE: TimeDelta = TimeDelta::seconds(30);

/// How long a value is taken as it was read. Tokens that live for minutes (RDS sign-in: 15) are made anew.
const FRESH: TimeDelta = TimeDelta::minutes(5);

/// Why a secret cannot be given. It never holds any part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SecretError {
    pub message: String,
    pub help: String,
}

fn error(message: impl Into<String>, help: impl Into<String>) -> SecretError {
    SecretError { message: message.into(), help: help.into() }
}

/// Where secrets come from.
pub struct Secrets {
    cloud: Rc<dyn Cloud>,
    clock: Clock,
    bus: Rc<Bus>,
    /// The playbook's folder: files are relative to it, and commands run in it.
    folder: PathBuf,
    /// Where names of AWS Secrets Manager are looked up.
    sandbox: Place,
    /// On the twin placeholders stand for secrets, and for variables that are not set.
    rehearsal: bool,
    /// What was read so far, and when.
    known: RefCell<HashMap<String, Rc<Known>>>,
    /// What was said once and need not be said again.
    told: RefCell<HashSet<(&'static str, String)>>,
}

type Known = Mutex<Option<(Time, String)>>;

impl Secrets {
    /// `folder` is the playbook's, `sandbox` where names of AWS Secrets Manager are looked up. In a `rehearsal` no secret is
    /// looked up.
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

    /// Whether placeholders stand for secrets.
    pub fn is_rehearsal(&self) -> bool {
        self.rehearsal
    }

    /// What the expressions in `asked` may name below `env` and `secret`: what they do name, and nothing else.
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

    /// Reads all that `asked` names, so that what is missing is known before T0; says what is.
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
        // One after the other: several commands could ask a person at once.
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
                "give what is so long in a file of its own",
            )),
            Ok(value) if is_secret => Ok(self.registered(&shown, value)),
            Ok(value) => Ok(value),
            Err(std::env::VarError::NotPresent) if self.rehearsal => {
                self.tell(
                    "variable-not-set",
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
        // Those who ask for the same secret wait for one answer.
        let known = Rc::clone(self.known.borrow_mut().entry(text.to_owned()).or_default());
        let mut known = known.lock().await;
        if let Some((read, value)) = &*known
            && self.clock.now() - *read < FRESH
        {
            return Ok(value.clone());
        }
        let shown = format!("secret \"{text}\"");
        let deadline = self.clock.now() + PATIENCE;
        let read = self.clock.timeout_at(deadline, self.read(&reference)).await.unwrap_or_else(|| {
            Err(error(
                format!("{shown} did not come within {} s", PATIENCE.num_seconds()),
                "see that it can be read without somebody at the keyboard",
            ))
        });
        match (read, &*known) {
            (Ok(value), _) => {
                let value = self.registered(&shown, value);
                *known = Some((self.clock.now(), value.clone()));
                Ok(value)
            }
            // A password store may lock itself in the middle of a drill: the value from before T0 is most likely still right.
            (Err(failed), Some((_, before))) => {
                let message =
                    format!("it could not be read again, and is used as it was read before: {failed}");
                self.tell("secret-not-read-again", &shown, &message, &failed.help);
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
                "name what holds the secret and nothing else",
            ));
        }
        let text = String::from_utf8(bytes).map_err(|_| {
            error(format!("{shown} is not UTF-8"), "keep it as text, in base64 where it must be bytes")
        })?;
        let text =
            text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
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
                "the path is relative to the playbook, and this user must be allowed to read the file",
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
        let environment = std::env::vars_os();
        let ended = process::run(program, arguments, &self.folder, environment, LONGEST + 1)
            .await
            .map_err(|e| error(format!("{shown}: {e}"), "install it, or correct its name"))?;
        if !ended.status.success() {
            // What it said may hold the secret itself, which nobody knows yet.
            return Err(error(
                format!("{shown}: the command ended with {}", ended.status),
                "run it by hand to see why: what it prints is not shown here, for it may be secret",
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
                    "see that it exists in {} of account {}, and grant secretsmanager:GetSecretValue",
                    place.region, place.account
                )
            });
            error(format!("{shown}: {e}"), help)
        })?;
        let Some(key) = &secret.key else { return Ok(text) };
        let help = "the secret must be a JSON object, and the key after `#` one of its own";
        match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(fields)) => match fields.get(key) {
                Some(Value::String(value)) if !value.is_empty() => Ok(value.clone()),
                Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
                Some(_) => Err(error(format!("{shown}: `{key}` holds no text"), help)),
                None => Err(error(format!("{shown} has no key `{key}`"), help)),
            },
            _ => Err(error(format!("{shown} is no JSON object, so it has no key `{key}`"), help)),
        }
    }

    fn registered(&self, shown: &str, value: String) -> String {
        if !redact::register(&value) && !value.is_empty() {
            self.tell(
                "secret-too-short",
                shown,
                &format!("its value has fewer than {} characters, and is not redacted: so short a text stands in ordinary words too", redact::SHORTEST),
                "use a longer one where it is a secret; where it is none, nothing need be done",
            );
        }
        value
    }

    fn tell(&self, rule: &'static str, resource: &str, message: &str, fix: &str) {
        if self.told.borrow_mut().insert((rule, resource.to_owned())) {
            self.bus.tell(Body::Finding(Finding {
                rule: rule.into(),
                severity: Severity::Low,
                resource: resource.to_owned(),
                message: message.to_owned(),
                fix: fix.to_owned(),
            }));
        }
    }
}

/// A value with expressions, and which of its keys may hold secrets.
///
/// What `env` gives anywhere else is configuration: a region, a snapshot's id. It names resources, and a report that
/// hid it would tell nothing.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub value: &'a Value,
    pub secret: Keys,
}

#[derive(Debug, Clone, Copy)]
pub enum Keys {
    All,
    These(&'static [&'static str]),
}

/// What expressions name.
#[derive(Default)]
struct Names {
    /// Variables, and whether their values are secrets.
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
