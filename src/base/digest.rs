//! Digests of texts.

use sha2::{Digest, Sha256};

/// SHA-256 in hexadecimal, lower case.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

/// The digest of a text as `sha256:…`. Requests in the journal hold it in place of the text.
pub fn digest_of(text: &str) -> String {
    format!("sha256:{}", sha256(text))
}
