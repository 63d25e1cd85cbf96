//! The guard. Only it creates permits, so every change passes through it.
//!
//! For each call it checks the place, the phase, the protected accounts and the identity of the
//! credentials. The cloud checks the resource itself: it reads the tag of this run on the live
//! resource just before the change.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tokio::sync::Mutex;

use crate::{
    Cloud, CloudError, CloudResult, CopyPoint, Create, ErrorKind, Operation, Permit, Phase, Place, Protected,
    RunTags,
};
use base::ids::{AccountId, RunId};

pub struct Guard {
    cloud: Rc<dyn Cloud>,
    sandbox: Place,
    run_tags: RunTags,
    protected: Protected,
    /// The accounts from whose vaults the playbook copies.
    copied_from: BTreeSet<AccountId>,
    phase: Cell<Phase>,
    /// The generation of the credentials that STS confirmed, by account. The lock is held during
    /// the question, so that concurrent calls ask once.
    confirmed: Mutex<BTreeMap<AccountId, u64>>,
}

impl Guard {
    /// Creates a guard. It refuses all changes until [`Self::enter`] begins a phase that allows
    /// some.
    pub fn new(cloud: Rc<dyn Cloud>, sandbox: Place, run_tags: RunTags, protected: Protected) -> Self {
        let (phase, confirmed) = (Cell::new(Phase::Preflight), Mutex::default());
        Self { cloud, sandbox, run_tags, protected, copied_from: BTreeSet::new(), phase, confirmed }
    }

    /// Names the accounts from whose vaults the playbook copies.
    #[must_use]
    pub fn with_copied_from(mut self, accounts: BTreeSet<AccountId>) -> Self {
        self.copied_from = accounts;
        self
    }

    /// Names the standing sandbox that the run uses, by the run id in its tags.
    #[must_use]
    pub fn with_standing(mut self, standing: Option<RunId>) -> Self {
        self.run_tags.standing = standing;
        self
    }

    pub fn run_tags(&self) -> &RunTags {
        &self.run_tags
    }

    pub fn sandbox(&self) -> &Place {
        &self.sandbox
    }

    /// Enters a phase. Prepare and recover allow creating. Teardown allows deleting.
    pub fn enter(&self, phase: Phase) {
        self.phase.set(phase);
    }

    /// Grants a permit for one request that creates something. `place`: where it is sent.
    ///
    /// # Errors
    /// As [`Self::permit`]; of a copy as [`Self::permit_copy`].
    pub async fn permit_creation(&self, place: &Place, what: &Create) -> CloudResult<Permit> {
        if let Create::CopyPoint(copy) = what {
            return self.permit_copy(copy, what.call()).await;
        }
        self.permit(place, Operation::Create, what.call()).await
    }

    /// Grants a permit to start a copy job where the recovery point lies.
    ///
    /// # Errors
    /// `Guarded` if the copy does not go into the sandbox, if the playbook copies nothing from that
    /// account, if the account is protected and the user does not allow copies from it, in another
    /// phase than the recovery, or with credentials of another account. Otherwise the error that STS
    /// returned.
    async fn permit_copy(&self, copy: &CopyPoint, call: &str) -> CloudResult<Permit> {
        let refuse = |why: String, help: &str| Err(CloudError::new(ErrorKind::Guarded, call, why).help(help));
        let from = &copy.from;
        if copy.to != self.sandbox {
            return refuse(
                format!("the copy would go to {}, which is not the sandbox ({})", copy.to, self.sandbox),
                "a drill copies into its sandbox only",
            );
        }
        if !self.copied_from.contains(&from.account) {
            return refuse(
                format!("no step of the playbook copies from account {}", from.account),
                "the `role` of `backup.copy` says from which account it copies",
            );
        }
        if let Some(why) = self.protected.why_not_copied(&from.account) {
            return refuse(why, "to allow it, add the account to `copy_from` there");
        }
        if self.phase.get() != Phase::Recover {
            return refuse(
                format!(
                    "the drill is in its phase `{}`, in which it does not copy anything",
                    self.phase.get().name()
                ),
                "this is no mistake of the playbook; what was asked for came too early or too late",
            );
        }
        self.confirm(&from.account, call).await?;
        Ok(Permit::grant_copy(copy, self.run_tags.clone()))
    }

    /// Grants a permit for one call in the sandbox.
    ///
    /// # Errors
    /// `Guarded` for a place outside the sandbox, a protected account, the wrong phase, or
    /// credentials of another account. Otherwise the error that STS returned.
    pub async fn permit(&self, place: &Place, operation: Operation, call: &str) -> CloudResult<Permit> {
        let refuse = |why: String, help: &str| Err(CloudError::new(ErrorKind::Guarded, call, why).help(help));
        if *place != self.sandbox {
            return refuse(
                format!("{place} is not the sandbox ({}): nothing is changed there", self.sandbox),
                "a drill changes nothing but its sandbox; recover into it",
            );
        }
        if let Some(why) = self.protected.why(&place.account) {
            return refuse(why, "choose another account for the sandbox, or take it off that list");
        }
        let allowed = match self.phase.get() {
            Phase::Preflight => false,
            Phase::Prepare | Phase::Recover => {
                matches!(operation, Operation::Create | Operation::Write | Operation::Invoke)
            }
            Phase::Teardown => operation == Operation::Delete,
        };
        if !allowed {
            return refuse(
                format!(
                    "the drill is in its phase `{}`, in which it does not {} anything",
                    self.phase.get().name(),
                    operation.verb()
                ),
                "this is no mistake of the playbook; what was asked for came too early or too late",
            );
        }
        self.confirm(&place.account, call).await?;
        Ok(Permit::grant(self.sandbox.clone(), self.run_tags.clone(), operation))
    }

    /// Asks STS whose the credentials are. Skips this if STS has confirmed them and they have not
    /// changed.
    async fn confirm(&self, account: &AccountId, call: &str) -> CloudResult<()> {
        let mut confirmed = self.confirmed.lock().await;
        let generation = self.cloud.credentials_generation(account);
        if confirmed.get(account) == Some(&generation) {
            return Ok(());
        }
        let found = self.cloud.identity(account).await?.account;
        if found != *account {
            confirmed.remove(account);
            return Err(CloudError::new(
                ErrorKind::Guarded,
                call,
                format!("the credentials for account {account} belong to account {found}"),
            )
            .help("check the profile, the role and the environment that the playbook's `accounts` names"));
        }
        confirmed.insert(account.clone(), generation);
        Ok(())
    }
}
