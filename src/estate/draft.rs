//! An estate file after reading: with mistakes ([`EstateDraft`]) or without ([`LoadedEstate`]).

use std::path::PathBuf;
use std::sync::Arc;

use super::file::EstateFile;
use yaml::{Node, Source};

/// An estate as it was read. `file` is present only if the estate has no errors.
#[derive(Debug)]
pub struct EstateDraft {
    pub path: PathBuf,
    pub source: Source,
    pub sha256: String,
    pub root: Node,
    pub file: Option<EstateFile>,
}

/// An estate without errors.
#[derive(Debug, Clone)]
pub struct LoadedEstate {
    pub path: PathBuf,
    pub source: String,
    pub sha256: String,
    /// Shared: validation, the plan and the twin hold it, and it may be large.
    pub file: Arc<EstateFile>,
}

impl EstateDraft {
    pub fn loaded(self) -> Option<LoadedEstate> {
        let Self { path, source, sha256, file, .. } = self;
        Some(LoadedEstate { path, source: source.text.to_string(), sha256, file: Arc::new(file?) })
    }
}
