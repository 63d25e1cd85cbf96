//! Digests of texts.

use sha2::{Digest, Sha256};

/// `sha256:…` of a text: what stands for it in a request on record.
pub fn digest_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
