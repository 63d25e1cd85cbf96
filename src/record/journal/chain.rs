//! The chain that holds the records together: each names the hash of the line before it.

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// SHA-256 of a record's line, newline included, so that `sed -n 7p journal.ndjson | sha256sum` gives it too.
/// The first record names the hash of nothing at all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

/// Hexadecimal digits of a [`Hash`].
const DIGITS: usize = 64;

impl Hash {
    pub(super) fn of(line: &[u8]) -> Self {
        Self(Sha256::digest(line).into())
    }

    /// Lower-case digits only: another spelling of the same hash would be another line.
    fn parse(digits: &[u8]) -> Option<Self> {
        base16ct::lower::decode_vec(digits).ok()?.try_into().ok().map(Self)
    }

    fn digits(self) -> String {
        base16ct::lower::encode_string(&self.0)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits())
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.digits())
    }
}

/// Where a journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub records: u64,
    /// Of the last record.
    pub head: Hash,
}

impl End {
    /// Of a journal without records.
    pub(super) fn of_nothing() -> Self {
        Self { records: 0, head: Hash::of(b"") }
    }

    /// With one more record.
    pub(super) fn after(self, line: &[u8]) -> Self {
        Self { records: self.records + 1, head: Hash::of(line) }
    }
}

/// The hash that a record's line begins with: `{"prev":"…",`
pub(super) fn prev(line: &[u8]) -> Option<Hash> {
    let (digits, rest) = line.strip_prefix(br#"{"prev":""#)?.split_at_checked(DIGITS)?;
    if rest.starts_with(br#"","#) { Hash::parse(digits) } else { None }
}
