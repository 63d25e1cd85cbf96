//! Digests of texts.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// SHA-256 in hexadecimal, lower case.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

/// SHA-256 of all that a reader gives, in hexadecimal, lower case.
///
/// # Errors
/// The reader's.
pub fn sha256_of(mut reader: impl Read) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut part = vec![0; 1 << 16];
    loop {
        match reader.read(&mut part)? {
            0 => break,
            read => digest.update(part.get(..read).unwrap_or_default()),
        }
    }
    Ok(base16ct::lower::encode_string(&digest.finalize()))
}

/// The digest of a text as `sha256:…`. Requests in the journal hold it in place of the text.
pub fn digest_of(text: &str) -> String {
    format!("sha256:{}", sha256(text))
}
