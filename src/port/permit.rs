//! Leave to change something. Whatever changes a cloud takes a permit instead of a place: without one, there is nothing
//! but reading. Only [`guard::Guard`] makes
//! permits, one for each call.

pub mod guard;
pub mod protected;

use crate::{CloudError, CloudResult, ErrorKind, Place, RunTags};

/// What a permit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// To create something, or to change what this run created.
    Create,
    /// To write objects into a bucket of this run.
    Write,
    /// To delete what this run created.
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

/// Leave for one call: where, for which run, and to do what.
#[derive(Debug)]
pub struct Permit {
    place: Place,
    run_tags: RunTags,
    operation: Operation,
}

impl Permit {
    /// For the guard alone, which is a child of this module: nobody else can call it.
    fn grant(place: Place, run_tags: RunTags, operation: Operation) -> Self {
        Self { place, run_tags, operation }
    }

    /// The sandbox: the only place where this permit changes anything.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What everything created carries, and everything changed or deleted must carry at that moment.
    pub fn run_tags(&self) -> &RunTags {
        &self.run_tags
    }

    /// Whether it is good for this: every implementation of the port asks before anything else.
    ///
    /// # Errors
    /// `Guarded`: it was given for something else, or for somewhere else.
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
