//! Permits. Every method that changes a cloud takes a permit instead of a place, so that code
//! without a permit can only read. Only [`guard::Guard`] creates permits, one for each call.

pub mod guard;
pub mod protected;

use crate::{CloudError, CloudResult, CopyPoint, Create, ErrorKind, Place, RunTags};

/// The operation that a permit allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Create a resource, or change one that this run created.
    Create,
    /// Write objects into a bucket of this run.
    Write,
    /// Invoke a function that this run created. It answers, and keeps nothing.
    Invoke,
    /// Delete a resource that this run created.
    Delete,
    /// Start a copy job in the vault of a recovery point, into a vault of this run in the sandbox. It
    /// is the only operation outside of the sandbox, and changes nothing there.
    CopyOut,
}

impl Operation {
    pub fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Write => "write into",
            Self::Invoke => "invoke",
            Self::Delete => "delete",
            Self::CopyOut => "copy out",
        }
    }
}

/// A permit for one call. It says where, for which run, and for which operation.
#[derive(Debug)]
pub struct Permit {
    place: Place,
    run_tags: RunTags,
    operation: Operation,
    /// The only copy that a permit to copy out is for.
    copy: Option<Box<CopyPoint>>,
}

impl Permit {
    /// Only the guard can call this, because it is a child of this module.
    fn grant(place: Place, run_tags: RunTags, operation: Operation) -> Self {
        Self { place, run_tags, operation, copy: None }
    }

    /// Only the guard can call this, too.
    fn grant_copy(copy: &CopyPoint, run_tags: RunTags) -> Self {
        let (place, copy) = (copy.from.clone(), Some(Box::new(copy.clone())));
        Self { place, run_tags, operation: Operation::CopyOut, copy }
    }

    /// The only place where this permit allows its operation: the sandbox. Of [`Operation::CopyOut`]
    /// the place of the recovery point.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The tags that every new resource gets. A resource that is changed or deleted must carry them
    /// at that moment.
    pub fn run_tags(&self) -> &RunTags {
        &self.run_tags
    }

    /// Checks that the permit covers this request.
    ///
    /// # Errors
    /// `Guarded` if the permit is for another operation, another place or another copy.
    pub fn covers_creation(&self, what: &Create) -> CloudResult<()> {
        let (operation, call) = (what.operation(), what.call());
        let Create::CopyPoint(copy) = what else { return self.covers(operation, &self.place, call) };
        self.covers(operation, &copy.from, call)?;
        match self.copy.as_deref() {
            Some(own) if own == copy => Ok(()),
            Some(_) | None => Err(self.is_for_another(operation, &copy.to, call)),
        }
    }

    /// Checks that the permit covers this operation. Every implementation of the port calls this
    /// first.
    ///
    /// # Errors
    /// `Guarded` if the permit is for another operation or another place.
    pub fn covers(&self, operation: Operation, place: &Place, call: &str) -> CloudResult<()> {
        if self.operation == operation && self.place == *place {
            return Ok(());
        }
        Err(self.is_for_another(operation, place, call))
    }

    fn is_for_another(&self, operation: Operation, place: &Place, call: &str) -> CloudError {
        let (verb, own) = (operation.verb(), self.operation.verb());
        let said = format!("the permit is to {own} in {}, and this would {verb} in {place}", self.place);
        CloudError::new(ErrorKind::Guarded, call, said)
            .help("this is a defect of Drillmaster: please report it")
    }
}
