//! Keys in PEM, as `openssl` and `cosign` read them: private keys in PKCS #8, public ones as
//! `SubjectPublicKeyInfo`. ECDSA on P-256 with SHA-256, or Ed25519.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pem::{EncodeConfig, LineEnding, Pem};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Signer;

/// What stands before an uncompressed point of P-256 in a `SubjectPublicKeyInfo` (RFC 5480).
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The length of such a point: 0x04 and two coordinates.
const P256_POINT: usize = 65;

/// What stands before a key of Ed25519 in a `SubjectPublicKeyInfo` (RFC 8410).
const ED25519_PREFIX: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const ED25519_KEY: usize = 32;

/// What stands before the seed of a key of Ed25519 in PKCS #8, version 1 (RFC 8410). `ring` writes
/// version 2, which `openssl` 3.0 does not read.
const ED25519_PRIVATE: &[u8] =
    &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

const PUBLIC: &str = "PUBLIC KEY";
const PRIVATE: &str = "PRIVATE KEY";

#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    #[error("it is not PEM: {0}")]
    NotPem(String),
    #[error("it holds `{found}`, not `{wanted}`{hint}")]
    OtherContent { found: String, wanted: &'static str, hint: &'static str },
    #[error("it is neither an ECDSA key on the curve P-256 nor an Ed25519 key")]
    OtherKind,
    #[error("the random numbers of the system cannot be read")]
    NoRandom,
    #[error("`{0}` is no fingerprint: write it like SHA256:9vM…=, as `keygen` prints it")]
    NoFingerprint(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// ECDSA on P-256 with SHA-256: what all verifiers know.
    EcdsaP256,
    Ed25519,
}

/// Where the private key is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// A key that its owner keeps: in a file, a variable or AWS KMS.
    Kept,
    /// A key that was made for one run and thrown away. It shows that the files have not changed since, to
    /// whoever noted its fingerprint. It does not show who ran the drill.
    ThrownAway,
}

/// The SHA-256 of a public key (of its `SubjectPublicKeyInfo` in DER).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(String);

impl Fingerprint {
    const PREFIX: &str = "SHA256:";

    /// The hint of a bundle, in the form of cosign: the same digest in base64.
    pub fn hint(&self) -> &str {
        self.0.strip_prefix(Self::PREFIX).unwrap_or(&self.0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.0
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let wrong = || KeyError::NoFingerprint(text.to_owned());
        let digest = text.strip_prefix(Self::PREFIX).ok_or_else(wrong)?;
        let bytes = STANDARD.decode(digest).map_err(|_| wrong())?;
        if bytes.len() == 32 { Ok(Self(text.to_owned())) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        text.parse()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: Kind,
    /// The `SubjectPublicKeyInfo` in DER.
    der: Vec<u8>,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo`.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let is =
            |prefix: &[u8], length: usize| der.strip_prefix(prefix).is_some_and(|key| key.len() == length);
        let kind = if is(P256, P256_POINT) {
            Kind::EcdsaP256
        } else if is(ED25519_PREFIX, ED25519_KEY) {
            Kind::Ed25519
        } else {
            return Err(KeyError::OtherKind);
        };
        Ok(Self { kind, der: der.to_owned() })
    }

    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_der(contents(text, PUBLIC)?.contents())
    }

    fn of(kind: Kind, key: &[u8]) -> Result<Self, KeyError> {
        let prefix = match kind {
            Kind::EcdsaP256 => P256,
            Kind::Ed25519 => ED25519_PREFIX,
        };
        Self::from_der(&[prefix, key].concat())
    }

    pub fn to_pem(&self) -> String {
        to_pem(PUBLIC, &self.der)
    }

    pub fn fingerprint(&self) -> Fingerprint {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.der);
        Fingerprint(format!("{}{}", Fingerprint::PREFIX, STANDARD.encode(digest)))
    }

    /// Whether a signature of a message was made with this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let (algorithm, prefix): (&'static dyn VerificationAlgorithm, _) = match self.kind {
            Kind::EcdsaP256 => (&ECDSA_P256_SHA256_ASN1, P256),
            Kind::Ed25519 => (&ED25519, ED25519_PREFIX),
        };
        let key = self.der.strip_prefix(prefix).unwrap_or_default();
        UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
    }
}

enum Pair {
    EcdsaP256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A private key in memory.
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
    holder: Holder,
    random: SystemRandom,
}

impl PrivateKey {
    fn from_der(der: &[u8], holder: Holder) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pair = if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der, &random) {
            Pair::EcdsaP256(pair)
        } else {
            // Files of openssl hold no public key beside the private one.
            Pair::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyError::OtherKind)?)
        };
        let public = match &pair {
            Pair::EcdsaP256(pair) => PublicKey::of(Kind::EcdsaP256, pair.public_key().as_ref()),
            Pair::Ed25519(pair) => PublicKey::of(Kind::Ed25519, pair.public_key().as_ref()),
        }?;
        Ok(Self { pair, public, holder, random })
    }

    /// Reads a private key in PKCS #8. It must not be encrypted.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_der(contents(text, PRIVATE)?.contents(), Holder::Kept)
    }

    /// Makes a key. Returns it in PEM too, to be kept.
    pub fn generate(kind: Kind) -> Result<(Self, String), KeyError> {
        let random = SystemRandom::new();
        let document = match kind {
            Kind::EcdsaP256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
                .map_err(|_| KeyError::NoRandom)?
                .as_ref()
                .to_owned(),
            Kind::Ed25519 => {
                let mut seed = [0; ED25519_KEY];
                random.fill(&mut seed).map_err(|_| KeyError::NoRandom)?;
                [ED25519_PRIVATE, &seed].concat()
            }
        };
        Ok((Self::from_der(&document, Holder::Kept)?, to_pem(PRIVATE, &document)))
    }

    /// Makes a key that is never stored.
    pub fn for_one_run() -> Result<Self, KeyError> {
        let (key, _) = Self::generate(Kind::EcdsaP256)?;
        Ok(Self { holder: Holder::ThrownAway, ..key })
    }
}

impl Signer for PrivateKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn holder(&self) -> Holder {
        self.holder
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        match &self.pair {
            Pair::EcdsaP256(pair) => pair
                .sign(&self.random, message)
                .map(|signature| signature.as_ref().to_owned())
                .map_err(|_| KeyError::NoRandom.to_string()),
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_owned()),
        }
    }
}

/// Neither the key nor its parts are ever printed.
impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("public", &self.public).finish_non_exhaustive()
    }
}

fn contents(text: &str, wanted: &'static str) -> Result<Pem, KeyError> {
    let pem = pem::parse(text).map_err(|error| KeyError::NotPem(error.to_string()))?;
    if pem.tag() == wanted {
        return Ok(pem);
    }
    let hint = match pem.tag() {
        "EC PRIVATE KEY" => ": convert it with `openssl pkcs8 -topk8 -nocrypt`",
        "ENCRYPTED PRIVATE KEY" | "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
            ": encrypted keys are not read; make one with `drillmaster keygen`"
        }
        "PRIVATE KEY" => ": the public key is needed, which `keygen` writes beside the private one",
        "PUBLIC KEY" => ": the private key is needed, which `keygen` writes beside the public one",
        _ => "",
    };
    Err(KeyError::OtherContent { found: pem.tag().to_owned(), wanted, hint })
}

fn to_pem(tag: &str, der: &[u8]) -> String {
    pem::encode_config(&Pem::new(tag, der), EncodeConfig::new().set_line_ending(LineEnding::LF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_what_it_wrote_and_signs_what_its_public_half_verifies() {
        for kind in [Kind::EcdsaP256, Kind::Ed25519] {
            let (key, text) = PrivateKey::generate(kind).unwrap();
            let again = PrivateKey::from_pem(&text).unwrap();
            assert_eq!(key.public_key(), again.public_key());
            assert_eq!(again.public_key().kind, kind);
            let public = PublicKey::from_pem(&again.public_key().to_pem()).unwrap();
            let signature = again.sign(b"a message").unwrap();
            assert!(public.verifies(b"a message", &signature));
            assert!(!public.verifies(b"another message", &signature));
            let mut changed = signature.clone();
            for at in 0..signature.len() {
                changed[at] ^= 1;
                assert!(!public.verifies(b"a message", &changed), "byte {at}");
                changed[at] ^= 1;
            }
            assert_eq!(public.fingerprint().to_string().parse(), Ok(public.fingerprint()));
        }
    }

    #[test]
    fn what_is_no_key_is_told() {
        let (_, private) = PrivateKey::generate(Kind::EcdsaP256).unwrap();
        let said = |text: &str| PublicKey::from_pem(text).unwrap_err().to_string();
        assert!(said(&private).contains("the public key is needed"), "{}", said(&private));
        assert!(said("nothing").contains("not PEM"));
        let other = to_pem(PUBLIC, &[0x30, 0x00]);
        assert_eq!(PublicKey::from_pem(&other), Err(KeyError::OtherKind));
        let encrypted = to_pem("ENCRYPTED PRIVATE KEY", &[1]);
        let error = PrivateKey::from_pem(&encrypted).unwrap_err().to_string();
        assert!(error.contains("keygen"), "{error}");
        for text in ["", "SHA256:", "SHA256:AAAA", "MD5:AAAA"] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }
}
