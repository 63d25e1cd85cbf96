//! The inputs and results of an action.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use chrono::TimeDelta;
use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::sandbox::{ProvisionError, Provisioner, Ready};
use base::clock::Clock;
use base::duration::{Size, Span, Time};
use base::ids::AccountId;
use base::process::Background;
use estate::file::EstateFile;
use estate::{RecoveryPoint, ResourceId};
use event::{Confirmed, RestoreSource};
use playbook::model::Account;
use port::wait::{Until, Waiter};
use port::{CloudError, Create, Created, ErrorKind, Finding, Kind, LossGate, Observed, Origin, Place, State};
use yaml::files::Files;

/// The people who can be asked: at the terminal, or through another process.
pub trait Person {
    /// Whether somebody sees a question at once. Otherwise nobody may ever answer.
    fn is_at_hand(&self) -> bool {
        false
    }

    /// Whether people are to do their tasks where the cloud would only assume that.
    fn is_wanted_in_rehearsals(&self) -> bool {
        false
    }

    /// Shows instructions and waits for an answer. `None` means that nobody can give one.
    fn confirm(
        &self,
        step: &str,
        instructions: &str,
    ) -> Option<futures_util::future::LocalBoxFuture<'static, Result<Answer, String>>>;
}

/// What a person said of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub done: bool,
    pub who: Confirmed,
}

/// The inputs of one attempt of a step.
pub struct Context<'a> {
    pub provisioner: &'a Rc<Provisioner>,
    pub waiter: &'a Rc<Waiter>,
    pub clock: &'a Clock,
    pub sandbox: &'a Ready,
    pub person: &'a dyn Person,
    pub gate: &'a LossGate,
    pub estate: Option<&'a EstateFile>,
    pub step: &'a str,
    pub attempt: u32,
    /// When the attempt began.
    pub began: Time,
    /// How long the attempt may take, if the playbook says so.
    pub timeout: Option<Span>,
    /// Whether the attempt began before the run was resumed.
    pub resumed: bool,
    /// The instant of the disaster. Data written since does not count as recovered.
    pub t0: Time,
    pub source: Option<RestoreSource>,
    /// The arguments as they are written, with their expressions.
    pub written: &'a Value,
    /// The steps whose outputs name what they made, in contrast to what a command or a person says.
    pub makers: &'a BTreeSet<&'a str>,
    /// The files of the playbook's folder. Paths in arguments are relative to it.
    pub files: &'a Files,
    /// The accounts of the playbook by name.
    pub accounts: &'a IndexMap<String, Account>,
    pub progress: &'a dyn Fn(String, Option<f64>),
    /// Records that a person was asked.
    pub asked: &'a dyn Fn(&str),
    /// Finds the owner of a bucket that was named before T0: by its name, and the account that reads
    /// it.
    pub bucket_owner: &'a dyn Fn(&str, &AccountId) -> Option<AccountId>,
    /// The programs that steps left running. They are ended before teardown.
    pub background: &'a RefCell<BTreeMap<String, Background>>,
}

/// The pause before a request that the cloud cannot take yet is repeated: the first, and the
/// longest.
const BUSY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(1));

/// The result of an action.
#[derive(Debug, Default)]
pub struct Outcome {
    pub outputs: Map<String, Value>,
    /// The copies of recovery points that the action made. They are as old as their originals.
    pub made: Vec<RecoveryPoint>,
    /// Resources that were restored besides those of the recovery point (by a stack).
    pub restored: Vec<ResourceId>,
    /// The consistency time of the restored data, if it is known better than from the recovery
    /// point.
    pub consistent_at: Option<Time>,
    /// Whether the action restored only a part of its recovery point. The point's resources then do
    /// not count as restored.
    pub in_part: bool,
    /// Findings for the report.
    pub findings: Vec<Finding>,
    /// Who confirmed a task.
    pub confirmed: Option<Confirmed>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StepError {
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    #[error("{message}")]
    Failed { message: String, help: Option<String>, again: bool },
    /// The new resource is unusable or took too long. It was discarded, and the next attempt
    /// creates another.
    #[error("{message}")]
    GivenUp { message: String, help: Option<String> },
}

impl StepError {
    /// An instant after T0. Nothing can be restored as of then.
    pub fn after_t0(at: Time, t0: Time) -> Self {
        let help = "ask for an earlier instant, or for `latest`";
        Self::wrong(format!("{at} lies after T0, which was at {t0}"), help)
    }

    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), help: None, again: true }
    }

    /// An error that would occur again on the next attempt.
    pub fn wrong(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), help: Some(help.into()), again: false }
    }

    /// Whether another attempt can succeed.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Provision(ProvisionError::Cloud(error)) => error.kind.is_worth_another_attempt(),
            Self::Provision(ProvisionError::Journal(_)) => false,
            Self::Failed { again, .. } => *again,
            Self::GivenUp { .. } | Self::Provision(ProvisionError::Changed { .. }) => true,
        }
    }

    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Provision(ProvisionError::Cloud(error)) => error.help.as_deref(),
            Self::Failed { help, .. } | Self::GivenUp { help, .. } => help.as_deref(),
            Self::Provision(_) => None,
        }
    }
}

impl From<CloudError> for StepError {
    fn from(error: CloudError) -> Self {
        Self::Provision(ProvisionError::Cloud(error))
    }
}

impl Context<'_> {
    pub fn place(&self) -> &Place {
        &self.sandbox.place
    }

    pub fn source(&self) -> Result<&RestoreSource, StepError> {
        self.source
            .as_ref()
            .ok_or_else(|| StepError::wrong("it has nothing to restore from", "name a source in `from`"))
    }

    pub fn name(&self, slot: &str) -> String {
        self.provisioner.name(self.step, slot)
    }

    /// The origin of a request that creates nothing.
    pub fn origin(&self, slot: &str) -> Origin {
        Origin { since: Some(self.began), ..self.provisioner.origin(self.step, self.attempt, slot) }
    }

    /// Waits for the given time, counted from the beginning of the attempt.
    pub async fn pass(&self, takes: Duration) {
        match TimeDelta::from_std(takes).ok().and_then(|takes| self.began.checked_add_signed(takes)) {
            Some(end) => self.clock.sleep_until(end).await,
            None => std::future::pending().await,
        }
    }

    /// Begins to create something. A repeated call is the same request. If too many operations are
    /// in progress, it waits until some have ended. This time counts as recovery time.
    pub async fn create(&self, slot: &str, what: Create) -> Result<Created, StepError> {
        let mut pause = BUSY.0;
        loop {
            let answer =
                self.provisioner.create(self.place(), self.step, self.attempt, slot, what.clone()).await;
            let Err(ProvisionError::Cloud(error)) = &answer else { return Ok(answer?) };
            if error.kind != ErrorKind::Busy {
                return Ok(answer?);
            }
            (self.progress)(format!("waiting until it may begin: {error}"), None);
            self.clock.sleep(pause).await;
            pause = (pause * 2).min(BUSY.1);
        }
    }

    /// Creates one resource and waits until it is ready.
    pub async fn create_ready(
        &self,
        slot: &str,
        what: Create,
    ) -> Result<(String, Observed, Created), StepError> {
        let (call, kind, place) = (what.call(), what.kind(), what.place(self.place()).clone());
        let created = self.create(slot, what).await?;
        let Some(resource) = created.resources.iter().find(|r| r.kind == kind) else {
            return Err(StepError::failed(format!("{call}: the answer names nothing that was created")));
        };
        let id = resource.id.clone();
        let seen = self.ready_at(&place, kind, &id, Until::Ready).await?;
        Ok((id, seen, created))
    }

    /// Waits until a resource in the sandbox is ready. An error if it never will be.
    pub async fn ready(&self, kind: Kind, id: &str, until: Until) -> Result<Observed, StepError> {
        self.ready_at(self.place(), kind, id, until).await
    }

    async fn ready_at(
        &self,
        place: &Place,
        kind: Kind,
        id: &str,
        until: Until,
    ) -> Result<Observed, StepError> {
        (self.progress)(format!("waiting for {} {id}", kind.name()), None);
        let seen = self.waiter.wait(place, kind, id, until).await?;
        let (message, help) = match &seen.state {
            State::Ready => return Ok(seen),
            State::Failed(why) => (format!("{} {id} came up as {why}", kind.name()), help_about(why)),
            State::Gone | State::Pending(_) => {
                let reason = seen.attributes.get("reason").and_then(Value::as_str).unwrap_or_default();
                let said = if reason.is_empty() { String::new() } else { format!(": {reason}") };
                let message = format!("{} {id} was created, and is not there any more{said}", kind.name());
                (message, help_about(reason))
            }
        };
        self.provisioner.discard(self.step, &message);
        Err(StepError::GivenUp { message, help })
    }

    pub fn size(&self) -> Size {
        self.source.as_ref().map(|s| s.point.size).unwrap_or_default()
    }
}

/// Help for the reasons that EC2 gives for an instance that ended at once (EC2 user guide,
/// "Troubleshoot instance launch issues", "instance terminates immediately").
fn help_about(reason: &str) -> Option<String> {
    let help = if reason.contains("Client.InvalidKMSKey") {
        "its disks are encrypted with a KMS key that is disabled, gone or in another region: copy the image or snapshot \
         with a key of the sandbox's region (`kms_key`)"
    } else if reason.contains("Client.InternalError") {
        "most often the sandbox's account may not use the KMS key of its disks: share the key with it, or copy the image \
         or snapshot with a key of its own (`kms_key`)"
    } else if reason.contains("same organization") || reason.contains("ross-account") {
        "AWS Backup copies between accounts only within one organization that allows it: enable cross-account backup in \
         its management account (AWS Backup, `Settings`)"
    } else if reason.contains("VolumeLimitExceeded") {
        "the account's quota of EBS storage is used up: ask Service Quotas for more, or restore less at once"
    } else if reason.contains("InvalidSnapshot.NotFound") {
        "a snapshot of the image is gone or not shared: share the image's snapshots with the sandbox's account"
    } else {
        return None;
    };
    Some(help.to_owned())
}

/// The value of an argument whose expressions have been rendered.
pub fn value<T: Clone>(expr: Option<&playbook::expr_value::Expr<T>>) -> Result<Option<T>, StepError> {
    match expr {
        None => Ok(None),
        Some(expr) => expr.get().map(|v| Some(v.clone())).map_err(|e| {
            StepError::wrong(e.to_string(), "this is a defect of Drillmaster: please report it")
        }),
    }
}

/// Copies named attributes into outputs.
pub fn take(outputs: &mut Map<String, Value>, seen: &Observed, names: &[&str]) {
    for name in names {
        if let Some(value) = seen.attributes.get(*name) {
            outputs.insert((*name).to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_an_early_end_have_help() {
        let key = "Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state";
        assert!(help_about(key).unwrap().contains("kms_key"));
        assert!(
            help_about("Client.InternalError: Client error on launch").unwrap().contains("share the key")
        );
        assert_eq!(help_about("Client.UserInitiatedShutdown: User initiated shutdown"), None);
    }
}
