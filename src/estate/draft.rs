//! An estate file that was read, with its mistakes and without.

use std::path::PathBuf;

use super::file::EstateFile;
use yaml::{Node, Source};

/// An estate as it was read; `file` is there only where nothing is wrong with it.
#[derive(Debug)]
pub struct EstateDraft {
    pub path: PathBuf,
    pub source: Source,
    pub sha256: String,
    pub root: Node,
    pub file: Option<EstateFile>,
}

/// An estate without mistakes.
#[derive(Debug, Clone)]
pub struct LoadedEstate {
    pub path: PathBuf,
    pub source: String,
    pub sha256: String,
    pub file: EstateFile,
}

impl EstateDraft {
    pub fn loaded(self) -> Option<LoadedEstate> {
        let Self { path, source, sha256, file, .. } = self;
        Some(LoadedEstate { path, source: source.text.to_string(), sha256, file: file? })
    }
}
