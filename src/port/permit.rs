//! Permits. Every method that changes a cloud takes a permit instead of a place, so that code
//! without a permit can only read. Only [`guard::Guard`] creates permits, one for each call.

pub mod guard;
pub mod protected;

use crate::{CloudError, CloudResult, ErrorKind, Place, RunTags};

/// The operation that a permit allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Create a resource, or change one that this run created.
    Create,
    /// Write objects into a bucket of this run.
    Write,
    /// Delete a resource that this run created.
    Delete,
}

impl Operation {
    pub fn verb(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Write => "write into",
            Self::Delete => "delete",
        }
    }
}

/// A permit for one call. It says where, for which run, and for which operation.
#[derive(Debug)]
pub struct Permit {
    place: Place,
    run_tags: RunTags,
    operation: Operation,
}

impl Permit {
    /// Only the guard can call this, because it is a child of this module.
    fn grant(place: Place, run_tags: RunTags, operation: Operation) -> Self {
        Self { place, run_tags, operation }
    }

    /// The sandbox: the only place where this permit allows changes.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The tags that every new resource gets. A resource that is changed or deleted must carry them
    /// at that moment.
    pub fn run_tags(&self) -> &RunTags {
        &self.run_tags
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
        Err(CloudError::new(
            ErrorKind::Guarded,
            call,
            format!(
                "the permit is to {} in {}, and this would {} in {place}",
                self.operation.verb(),
                self.place,
                operation.verb()
            ),
        )
        .help("this is a defect of Drillmaster: please report it"))
    }
}
