//! A second person's signature about a run.

use std::path::{Path, PathBuf};

use base::duration::Time;

use crate::seal::{self, SealError};
use crate::statement::{REVIEW, Review, SignedBy, Statement};
use crate::{EVIDENCE, RESULT, Signer};

/// Every review's file begins with this.
pub const PREFIX: &str = "review-";

/// What a second person says.
pub struct Said {
    pub by: String,
    pub note: String,
    pub at: Time,
}

/// Signs what a second person says about the evidence of a run, into a file of its own beside it.
/// Verify the evidence first: this only binds to it.
pub fn review(folder: &Path, said: Said, signer: &dyn Signer) -> Result<PathBuf, SealError> {
    let subjects = vec![seal::file(folder, EVIDENCE)?, seal::file(folder, RESULT)?];
    let name = format!("{PREFIX}{}.sigstore.json", said.at.format("%Y%m%dT%H%M%S%3fZ"));
    let review = Review { by: said.by, note: said.note, signed_at: said.at, signer: SignedBy::of(signer) };
    let bundle = seal::bundle(&Statement::new(subjects, REVIEW, review), signer)?;
    seal::write(folder, &name, &bundle)?;
    Ok(folder.join(name))
}
