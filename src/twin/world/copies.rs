//! The copy jobs of AWS Backup on the twin, and the recovery points that they make.

use super::{CreateContext, World};
use base::duration::{Size, Time};
use port::{CloudError, CloudResult, CopyPoint, ErrorKind, Kind, Place, ResourceRef};

/// A copied recovery point, complete or not yet.
pub struct Copied {
    /// The recovery point that it was copied from. A copy of a copy leads back to the first.
    pub original: String,
    /// The sandbox's place.
    pub to: Place,
    pub size: Option<Size>,
    vault: String,
    job: String,
    /// The request, by which its job is found again.
    copy: CopyPoint,
}

impl World {
    /// Begins a copy into a vault of the run. Returns the ARN that the copy will have.
    pub(super) fn start_copy(
        &mut self,
        context: &CreateContext<'_>,
        call: &str,
        copy: &CopyPoint,
    ) -> CloudResult<String> {
        let vault = self.entries.get(&(Kind::Vault, copy.vault.clone()));
        let Some(vault) = vault.filter(|vault| vault.place == copy.to && vault.is_there(context.now)) else {
            let said = format!("there is no vault {} in {}", copy.vault, copy.to);
            return Err(CloudError::new(ErrorKind::NotFound, call, said));
        };
        if vault.run != context.run_tags.run {
            let said = format!("the vault {} does not carry this run's tag", copy.vault);
            return Err(CloudError::new(ErrorKind::Guarded, call, said));
        }
        let Place { account, region } = &copy.to;
        let id = self.id("point");
        let arn = format!("arn:{}:backup:{region}:{account}:recovery-point:{id}", region.partition());
        let copied = Copied {
            original: self.original(&copy.recovery_point).to_owned(),
            to: copy.to.clone(),
            size: context.size,
            vault: copy.vault.clone(),
            job: String::new(),
            copy: copy.clone(),
        };
        self.copies.insert(arn.clone(), copied);
        Ok(arn)
    }

    /// Notes the job that makes the copy.
    pub(super) fn copies_to(&mut self, arn: &str, job: &str) {
        if let Some(copied) = self.copies.get_mut(arn) {
            job.clone_into(&mut copied.job);
        }
    }

    /// A copy that is complete.
    pub fn copied(&self, arn: &str, now: Time) -> Option<&Copied> {
        let copied = self.copies.get(arn)?;
        let job = self.entries.get(&(Kind::CopyJob, copied.job.clone()))?;
        (!job.unhealthy && job.ready_at.is_some_and(|at| at <= now)).then_some(copied)
    }

    /// The recovery point of the estate that a recovery point is a copy of, or itself.
    pub fn original<'a>(&'a self, arn: &'a str) -> &'a str {
        self.copies.get(arn).map_or(arn, |copied| &copied.original)
    }

    /// The jobs that a request has started.
    pub fn copy_jobs(&self, copy: &CopyPoint) -> Vec<ResourceRef> {
        let started = self.copies.values().filter(|copied| copied.copy == *copy);
        let mut jobs: Vec<ResourceRef> = started
            .map(|copied| ResourceRef {
                kind: Kind::CopyJob,
                id: copied.job.clone(),
                account: copy.from.account.clone(),
                region: copy.from.region.clone(),
            })
            .collect();
        jobs.sort();
        jobs
    }

    /// Forgets the copies in a vault that is deleted.
    pub(super) fn forget_copies(&mut self, vault: &str) {
        self.copies.retain(|_, copied| copied.vault != vault);
    }
}
