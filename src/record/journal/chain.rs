//! The hash chain of the journal: each record holds the hash of the line before it.

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// The SHA-256 of a record's line, including its newline.
///
/// `sed -n 7p journal.ndjson | sha256sum` prints the same value. The first record holds the hash of
/// empty input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Hash([u8; 32]);

/// The number of hexadecimal digits of a [`Hash`].
const DIGITS: usize = 64;

impl Hash {
    pub(super) fn of(line: &[u8]) -> Self {
        Self(Sha256::digest(line).into())
    }

    /// Accepts lower-case digits only. Another spelling of the same hash would make another line.
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

/// The end of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub records: u64,
    /// The hash of the last record.
    pub head: Hash,
}

impl End {
    /// Returns the end of a journal without records.
    pub(super) fn of_nothing() -> Self {
        Self { records: 0, head: Hash::of(b"") }
    }

    /// Returns the end after one more record.
    pub(super) fn after(self, line: &[u8]) -> Self {
        Self { records: self.records + 1, head: Hash::of(line) }
    }
}

/// Returns the hash at the beginning of a record's line: `{"prev":"…",`
pub(super) fn prev(line: &[u8]) -> Option<Hash> {
    let (digits, rest) = line.strip_prefix(br#"{"prev":""#)?.split_at_checked(DIGITS)?;
    if rest.starts_with(br#"","#) { Hash::parse(digits) } else { None }
}
