//! The structures of RFC 3161 and RFC 5035, as far as they are read.

use chrono::NaiveDateTime;
use cms::content_info::ContentInfo;
use der::asn1::{AnyRef, BitString, IntRef, ObjectIdentifier, OctetString, SequenceRef, Uint};
use der::{Any, Sequence};
use spki::AlgorithmIdentifierOwned;

use super::StampError;
use base::duration::Time;

pub const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
pub const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
pub const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");
pub const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
pub const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
pub const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
pub const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
pub const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
pub const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");

#[derive(Debug, Clone, PartialEq, Eq, Sequence)]
pub struct Imprint {
    pub algorithm: AlgorithmIdentifierOwned,
    pub hash: OctetString,
}

#[derive(Sequence)]
pub struct TimeStampReq {
    pub version: u8,
    pub imprint: Imprint,
    pub nonce: Uint,
    pub cert_req: bool,
}

#[derive(Sequence)]
pub struct TimeStampResp {
    pub status: Status,
    pub token: Option<ContentInfo>,
}

#[derive(Sequence)]
pub struct Status {
    pub code: u8,
    pub text: Option<Vec<Any>>,
    pub failure: Option<BitString>,
}

impl Status {
    /// Why the authority refuses. `None` if it does not: 0 and 1 are grants.
    pub fn refusal(&self) -> Option<String> {
        if self.code <= 1 {
            return None;
        }
        let texts = self.text.iter().flatten().map(|text| String::from_utf8_lossy(text.value()).into_owned());
        let texts: Vec<String> = texts.collect();
        Some(if texts.is_empty() { format!("status {}", self.code) } else { texts.join("; ") })
    }
}

/// What the authority signs.
#[derive(Sequence)]
pub struct TstInfo<'a> {
    pub version: u8,
    pub policy: ObjectIdentifier,
    pub imprint: Imprint,
    pub serial: IntRef<'a>,
    /// It may have fractions of a second, which `der` does not read.
    pub time: AnyRef<'a>,
    pub accuracy: Option<SequenceRef<'a>>,
    #[asn1(default = "Default::default")]
    pub ordering: bool,
    pub nonce: Option<Uint>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub authority: Option<AnyRef<'a>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub extensions: Option<SequenceRef<'a>>,
}

/// Reads a `GeneralizedTime`, with or without fractions of a second.
pub fn time(value: &[u8]) -> Result<Time, StampError> {
    let text = String::from_utf8_lossy(value);
    let time = NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%S%.fZ");
    time.map(|time| time.and_utc())
        .map_err(|error| StampError::NotAStamp(format!("its time `{text}`: {error}")))
}

/// `SigningCertificate` and `SigningCertificateV2`.
#[derive(Sequence)]
pub struct SigningCertificate<'a> {
    pub certificates: Vec<AnyRef<'a>>,
    pub policies: Option<SequenceRef<'a>>,
}

/// `ESSCertID`: SHA-1.
#[derive(Sequence)]
pub struct CertId<'a> {
    pub hash: OctetString,
    pub issuer: Option<SequenceRef<'a>>,
}

#[derive(Sequence)]
pub struct CertIdV2<'a> {
    pub algorithm: Option<AlgorithmIdentifierOwned>,
    pub hash: OctetString,
    pub issuer: Option<SequenceRef<'a>>,
}
