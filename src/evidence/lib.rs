//! What proves a run to others: signed statements about its files, and their verification.
//!
//! Each statement is an in-toto Statement v1 in a DSSE envelope in a Sigstore bundle v0.3, so programs
//! that are not ours can verify it. A bundle holds one statement and one signature, so a run has
//! several:
//!
//! | file | what it states | signed by |
//! |---|---|---|
//! | `evidence.sigstore.json` | the whole report, and the digest of each file of the run | the runner |
//! | `test-result.sigstore.json` | the verdict, in the form that policy engines know | the runner |
//! | `review-….sigstore.json` | a second person looked at the evidence | that person |

mod bundle;
mod dsse;
pub mod folder;
pub mod key;
pub mod review;
mod seal;
mod statement;
pub mod timestamp;
pub mod verify;

pub use key::{Kind, PrivateKey, PublicKey};
pub use seal::{Seal, seal};
pub use statement::RanBy;

/// The file of the statement about the whole run.
pub const EVIDENCE: &str = "evidence.sigstore.json";

/// The file of the statement for policy engines.
pub const RESULT: &str = "test-result.sigstore.json";

/// Signs with a key that is held somewhere.
pub trait Signer {
    fn public_key(&self) -> &PublicKey;

    /// Where the private key is held.
    fn holder(&self) -> key::Holder;

    /// Signs a message: ECDSA with SHA-256 as DER, or pure Ed25519.
    ///
    /// # Errors
    /// The reason, as a text for the user.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String>;
}
