//! Time stamps of RFC 3161: an authority signs that it saw a signature at an instant.

mod asn1;
mod token;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::Encode as _;
use der::asn1::{OctetString, Uint};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls_pki_types::{CertificateDer, TrustAnchor};
use serde::{Deserialize, Serialize};
use spki::AlgorithmIdentifierOwned;
use thiserror::Error;

use asn1::{Imprint, SHA_256, TimeStampReq};
use base::duration::Time;

/// Asks an authority. Returns its answer, a `TimeStampResp` in DER.
pub trait TimeAuthority {
    /// Sends a `TimeStampReq` in DER.
    ///
    /// # Errors
    /// The reason, as a text for the user.
    fn ask(&self, request: &[u8]) -> Result<Vec<u8>, String>;
}

#[derive(Debug, Error, PartialEq, Eq)]
pub enum StampError {
    #[error("the answer is no time stamp: {0}")]
    NotAStamp(String),
    #[error("the authority refuses: {0}")]
    Refused(String),
    #[error("it is about something else than the signature")]
    OfAnother,
    #[error("it answers another request")]
    OtherRequest,
    #[error("the signature of the authority is wrong: {0}")]
    NotSigned(String),
    #[error("no authority that you named vouches for it: {0}")]
    Untrusted(String),
    #[error("the random numbers of the system cannot be read")]
    NoRandom,
}

impl From<der::Error> for StampError {
    fn from(error: der::Error) -> Self {
        Self::NotAStamp(error.to_string())
    }
}

/// A time stamp that holds together, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stamped {
    pub at: Time,
    /// The authority, as its certificate names it.
    pub authority: String,
    /// An authority that the reader named vouches for it. Otherwise anybody may have made it.
    pub trusted: bool,
}

/// The answer of an authority, as a bundle holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stamp {
    /// A `TimeStampResp` in DER and base64.
    signed_timestamp: String,
}

impl Stamp {
    /// Has an authority stamp a signature. Its answer is held against the request at once.
    pub fn of(signature: &[u8], authority: &dyn TimeAuthority) -> Result<(Self, Stamped), String> {
        let mut nonce = [0; 8];
        let random = SystemRandom::new().fill(&mut nonce);
        random.map_err(|_| StampError::NoRandom.to_string())?;
        let request = request(signature, &nonce).map_err(|error| error.to_string())?;
        let answer = authority.ask(&request)?;
        let told = token::read(&answer, signature, Some(&nonce), &Authorities::default())
            .map_err(|error| error.to_string())?;
        Ok((Self { signed_timestamp: STANDARD.encode(&answer) }, told))
    }

    /// Verifies the stamp of a signature.
    pub fn verify(&self, signature: &[u8], trusted: &Authorities) -> Result<Stamped, StampError> {
        let answer = STANDARD.decode(&self.signed_timestamp);
        let answer = answer.map_err(|error| StampError::NotAStamp(error.to_string()))?;
        token::read(&answer, signature, None, trusted)
    }
}

fn request(signature: &[u8], nonce: &[u8]) -> der::Result<Vec<u8>> {
    let imprint = Imprint {
        algorithm: AlgorithmIdentifierOwned { oid: SHA_256, parameters: None },
        hash: OctetString::new(digest(&SHA256, signature).as_ref())?,
    };
    TimeStampReq { version: 1, imprint, nonce: Uint::new(nonce)?, cert_req: true }.to_der()
}

/// The certificates of authorities that the reader trusts.
#[derive(Debug, Clone, Default)]
pub struct Authorities(Vec<TrustAnchor<'static>>);

impl Authorities {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds all certificates of a file in PEM.
    ///
    /// # Errors
    /// It holds none, or something else.
    pub fn add_pem(&mut self, text: &str) -> Result<(), String> {
        let all = pem::parse_many(text).map_err(|error| format!("it is not PEM: {error}"))?;
        if all.is_empty() {
            return Err("it holds no certificate in PEM (`BEGIN CERTIFICATE`)".to_owned());
        }
        for one in all {
            if one.tag() != "CERTIFICATE" {
                return Err(format!("it holds `{}`, not `CERTIFICATE`", one.tag()));
            }
            let der = CertificateDer::from(one.into_contents());
            let anchor = webpki::anchor_from_trusted_cert(&der);
            let anchor = anchor.map_err(|error| format!("a certificate in it cannot be read: {error}"))?;
            self.0.push(anchor.to_owned());
        }
        Ok(())
    }
}
