//! The place where a store keeps its objects: a folder, or a bucket of some provider.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// A failure of a store, with its place and what to do.
#[derive(Debug, Error)]
#[error("{place}: {what}")]
pub struct StoreError {
    pub place: String,
    pub what: String,
}

impl StoreError {
    pub fn new(place: impl Into<String>, what: impl fmt::Display) -> Self {
        Self { place: place.into(), what: what.to_string() }
    }
}

/// Whether a conditional write made the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    Made,
    /// There is an object of this key. It was not touched.
    Exists,
}

/// An object of a listing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// `20261122T074400Z-orders-1f3a/report.json`
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
}

/// All objects, sorted by their keys, and what could not be looked at.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    pub objects: Vec<Listed>,
    /// The name, and the reason.
    pub unread: Vec<(String, String)>,
}

/// Keys are parts of [`is_part`], joined by `/`.
pub trait Objects: Send + Sync {
    /// The store, as a person would name it.
    fn place(&self) -> String;

    /// Shows that this store takes objects, and makes one only where none is.
    ///
    /// # Errors
    /// It replaces objects without a word, or it cannot be reached or written to.
    fn refuse_if_unsafe(&self) -> Result<(), StoreError>;

    /// Makes an object if there is none of this key. It is there as a whole or not at all. `Store` calls
    /// it, after it has asked [`refuse_if_unsafe`](Self::refuse_if_unsafe).
    fn create(&self, key: &str, bytes: &[u8]) -> Result<Put, StoreError>;

    /// Makes an object, or replaces it. Only the index may be replaced.
    fn replace(&self, key: &str, bytes: &[u8]) -> Result<(), StoreError>;

    /// `None`: there is no such object.
    fn read(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Reads many objects. The answers have the order of the keys.
    fn read_all(&self, keys: &[String]) -> Vec<Result<Option<Vec<u8>>, StoreError>> {
        keys.iter().map(|key| self.read(key)).collect()
    }

    /// The objects whose keys begin with these parts. Empty: all.
    fn list(&self, under: &str) -> Result<Listing, StoreError>;

    /// The SHA-256 of an object, if the store is near enough to read it each time.
    fn digest(&self, key: &str) -> Option<Result<String, StoreError>>;

    /// The folder of a run, if the store is one of this machine.
    fn run_folder(&self, run: &str) -> Option<PathBuf>;
}

/// Whether a text may be a part of a key. It means the same as a name of a file and as a part of a URL.
pub fn is_part(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !text.is_empty() && text.len() <= 200 && !text.starts_with('.') && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::is_part;

    #[test]
    fn a_part_leads_nowhere_else() {
        for good in ["20261122T074400Z-orders-region-loss-1f3a", "report.json", "1", "a..b"] {
            assert!(is_part(good), "{good}");
        }
        for bad in ["", ".", "..", ".hidden", "a/b", "a b", "a#1", "ä", "a\nb", "a%2f"] {
            assert!(!is_part(bad), "{bad}");
        }
    }
}
