//! Digests of texts.

use sha2::{Digest, Sha256};

/// SHA-256, in hexadecimal.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

/// `sha256:…` of a text: it stands for the text in a request on record.
pub fn digest_of(text: &str) -> String {
    format!("sha256:{}", sha256(text))
}
