//! Sigstore bundles v0.3 with a public key instead of a certificate.
//!
//! We read only what we would have written, byte for byte. So a bundle holds nothing beside the signed
//! statement that could be changed and still be taken. (An ECDSA signature has a second valid form,
//! for the same statement.) A time stamp of the evidence is covered by the statement of the
//! test result, which names the bundle as one of its files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Signer;
use crate::dsse::{self, pre_authentication_encoding};
use crate::key::PublicKey;
use crate::timestamp::{Stamp, Stamped, TimeAuthority};

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

#[derive(Debug, Error, PartialEq, Eq)]
pub enum Malformed {
    #[error("it is not a Sigstore bundle: {0}")]
    NotABundle(String),
    #[error("it is not written as it was signed")]
    OtherForm,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Material {
    public_key: Hint,
    /// Entries of a public log. We make none: it would tell the names and times of drills.
    tlog_entries: [(); 0],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timestamp_verification_data: Option<Stamps>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stamps {
    rfc3161_timestamps: [Stamp; 1],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hint {
    hint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: [Signature; 1],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    // No `keyid`: cosign passes over a signature whose id is not the key's SSH fingerprint.
    sig: String,
}

impl Bundle {
    /// Signs a statement.
    ///
    /// # Errors
    /// What the signer says.
    pub fn sign(statement: &[u8], signer: &dyn Signer) -> Result<Self, String> {
        let signature = signer.sign(&pre_authentication_encoding(statement))?;
        Ok(Self {
            media_type: MEDIA_TYPE.to_owned(),
            verification_material: Material {
                public_key: Hint { hint: signer.public_key().fingerprint().hint().to_owned() },
                tlog_entries: [],
                timestamp_verification_data: None,
            },
            dsse_envelope: Envelope {
                payload: STANDARD.encode(statement),
                payload_type: dsse::PAYLOAD_TYPE.to_owned(),
                signatures: [Signature { sig: STANDARD.encode(signature) }],
            },
        })
    }

    /// Has an authority stamp the signature.
    ///
    /// # Errors
    /// Why there is no stamp. The bundle is as it was.
    pub fn stamp(&mut self, authority: &dyn TimeAuthority) -> Result<Stamped, String> {
        let signature = self.signature_bytes().map_err(|error| error.to_string())?;
        let (stamp, told) = Stamp::of(&signature, authority)?;
        let stamps = Stamps { rfc3161_timestamps: [stamp] };
        self.verification_material.timestamp_verification_data = Some(stamps);
        Ok(told)
    }

    /// The time stamp of the signature, if there is one. The signature of the bundle does not cover it.
    pub fn stamped(&self) -> Option<&Stamp> {
        let stamps = self.verification_material.timestamp_verification_data.as_ref()?;
        let [stamp] = &stamps.rfc3161_timestamps;
        Some(stamp)
    }

    /// The only form in which a bundle is written and read.
    pub fn to_text(&self) -> String {
        // A struct of texts can always be written as JSON.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    pub fn from_text(text: &[u8]) -> Result<Self, Malformed> {
        let bundle: Self =
            serde_json::from_slice(text).map_err(|error| Malformed::NotABundle(error.to_string()))?;
        let known =
            bundle.media_type == MEDIA_TYPE && bundle.dsse_envelope.payload_type == dsse::PAYLOAD_TYPE;
        if !known || bundle.to_text().as_bytes() != text {
            return Err(Malformed::OtherForm);
        }
        Ok(bundle)
    }

    fn signature(&self) -> &Signature {
        let [signature] = &self.dsse_envelope.signatures;
        signature
    }

    /// The signed statement. It is not verified yet.
    pub fn payload(&self) -> Result<Vec<u8>, Malformed> {
        let decoded = STANDARD.decode(&self.dsse_envelope.payload);
        decoded.map_err(|error| Malformed::NotABundle(format!("the payload: {error}")))
    }

    pub fn signature_bytes(&self) -> Result<Vec<u8>, Malformed> {
        let decoded = STANDARD.decode(&self.signature().sig);
        decoded.map_err(|error| Malformed::NotABundle(format!("the signature: {error}")))
    }

    /// Whether this payload was signed with this key.
    pub fn is_signed(&self, payload: &[u8], key: &PublicKey) -> Result<bool, Malformed> {
        let is_named = self.verification_material.public_key.hint == key.fingerprint().hint();
        let is_signed = key.verifies(&pre_authentication_encoding(payload), &self.signature_bytes()?);
        Ok(is_named && is_signed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Kind, PrivateKey};

    #[test]
    fn no_byte_of_a_bundle_can_be_changed() {
        for kind in [Kind::EcdsaP256, Kind::Ed25519] {
            let (key, _) = PrivateKey::generate(kind).unwrap();
            let text = Bundle::sign(b"{\"a\":1}", &key).unwrap().to_text();
            let verified = |text: &[u8]| {
                let bundle = Bundle::from_text(text).ok()?;
                let payload = bundle.payload().ok()?;
                bundle.is_signed(&payload, key.public_key()).ok()?.then_some(payload)
            };
            assert_eq!(verified(text.as_bytes()).as_deref(), Some(&b"{\"a\":1}"[..]));
            for at in 0..text.len() {
                for bit in 0..8 {
                    let mut changed = text.clone().into_bytes();
                    changed[at] ^= 1 << bit;
                    assert_eq!(verified(&changed), None, "byte {at}, bit {bit}");
                }
            }
            // Nothing can be put beside the statement either: a time stamp, a key's name, white space.
            for (from, to) in [
                ("\"tlogEntries\":[]", "\"tlogEntries\":[],\"timestampVerificationData\":{}"),
                ("\"tlogEntries\":[]", "\"tlogEntries\":[{}]"),
                ("{\"sig\":", "{\"keyid\":\"x\",\"sig\":"),
                ("\"mediaType\":", "\"mediaType\": "),
                ("}\n", "}\n\n"),
            ] {
                assert!(text.contains(from), "{from}");
                assert_eq!(verified(text.replacen(from, to, 1).as_bytes()), None, "{to}");
            }
        }
    }
}
