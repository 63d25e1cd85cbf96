//! Reads and verifies the answer of an authority.

use std::time::Duration;

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{ObjectIdentifier, OctetString, OctetStringRef};
use der::{Any, Decode as _, Encode as _};
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use webpki::{EndEntityCert, KeyUsage, ring as algorithms};
use x509_cert::Certificate;
use x509_cert::attr::Attributes;
use x509_cert::ext::pkix::ExtendedKeyUsage;

use super::asn1::{
    self, CONTENT_TYPE, CertId, CertIdV2, MESSAGE_DIGEST, SHA_256, SHA_384, SHA_512, SIGNED_DATA,
    SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2, SigningCertificate, TST_INFO, TimeStampResp, TstInfo,
};
use super::{Authorities, StampError, Stamped};
use base::duration::Time;

/// `id-kp-timeStamping`, the only use of an authority's key.
const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");

/// The algorithms that certificates and stamps are signed with.
const ALGORITHMS: [(&ObjectIdentifier, &[&dyn SignatureVerificationAlgorithm]); 3] = [
    (
        &SHA_256,
        &[
            algorithms::RSA_PKCS1_2048_8192_SHA256,
            algorithms::ECDSA_P256_SHA256,
            algorithms::ECDSA_P384_SHA256,
        ],
    ),
    (
        &SHA_384,
        &[
            algorithms::RSA_PKCS1_2048_8192_SHA384,
            algorithms::ECDSA_P256_SHA384,
            algorithms::ECDSA_P384_SHA384,
        ],
    ),
    (&SHA_512, &[algorithms::RSA_PKCS1_2048_8192_SHA512]),
];

/// Reads a `TimeStampResp` about a signature, and verifies it. `nonce`: that of the request, which only
/// whoever asked knows.
pub fn read(
    answer: &[u8],
    signature: &[u8],
    nonce: Option<&[u8]>,
    trusted: &Authorities,
) -> Result<Stamped, StampError> {
    let response = TimeStampResp::from_der(answer)?;
    if let Some(why) = response.status.refusal() {
        return Err(StampError::Refused(why));
    }
    let token = response.token.ok_or_else(|| StampError::NotAStamp("it holds no token".into()))?;
    if token.content_type != SIGNED_DATA {
        return Err(StampError::NotAStamp(format!("it holds {}", token.content_type)));
    }
    let signed: SignedData = token.content.decode_as()?;
    let content = &signed.encap_content_info;
    let Some(stated) = content.econtent.as_ref().filter(|_| content.econtent_type == TST_INFO) else {
        return Err(StampError::NotAStamp(format!("it states {}", content.econtent_type)));
    };
    let stated: OctetStringRef<'_> = stated.decode_as()?;
    let info = TstInfo::from_der(stated.as_bytes())?;
    let imprint = algorithm(info.imprint.algorithm.oid)?;
    if info.imprint.hash.as_bytes() != digest(imprint, signature).as_ref() {
        return Err(StampError::OfAnother);
    }
    if let Some(nonce) = nonce {
        let wanted = der::asn1::Uint::new(nonce)?;
        if info.nonce.as_ref() != Some(&wanted) {
            return Err(StampError::OtherRequest);
        }
    }
    let at = asn1::time(info.time.value())?;
    let certificates = certificates(&signed);
    let authority = signer(&signed, &certificates, stated.as_bytes())?;
    if !trusted.is_empty() {
        vouched(authority, &certificates, at, trusted)?;
    }
    let trusted = !trusted.is_empty();
    Ok(Stamped { at, authority: name(authority), trusted })
}

fn algorithm(oid: ObjectIdentifier) -> Result<&'static Algorithm, StampError> {
    match oid {
        SHA_256 => Ok(&SHA256),
        SHA_384 => Ok(&SHA384),
        SHA_512 => Ok(&SHA512),
        _ => Err(StampError::NotAStamp(format!("it uses the digest {oid}; SHA-256, 384 and 512 are read"))),
    }
}

fn certificates(signed: &SignedData) -> Vec<&Certificate> {
    let all = signed.certificates.iter().flat_map(|set| set.0.iter());
    all.filter_map(|choice| match choice {
        CertificateChoices::Certificate(certificate) => Some(certificate),
        CertificateChoices::Other(_) => None,
    })
    .collect()
}

/// The certificate whose key signed what is stated.
fn signer<'a>(
    signed: &SignedData,
    certificates: &[&'a Certificate],
    stated: &[u8],
) -> Result<&'a Certificate, StampError> {
    let wrong = |why: &str| StampError::NotSigned(why.to_owned());
    let [info] = signed.signer_infos.0.as_slice() else {
        return Err(wrong("a stamp has exactly one signature"));
    };
    let attributes = info.signed_attrs.as_ref().ok_or_else(|| wrong("it signs no attributes"))?;
    let kind: ObjectIdentifier = attribute(attributes, CONTENT_TYPE)?.decode_as()?;
    let digest_of: OctetString = attribute(attributes, MESSAGE_DIGEST)?.decode_as()?;
    let of_digest = algorithm(info.digest_alg.oid)?;
    if kind != TST_INFO || digest_of.as_bytes() != digest(of_digest, stated).as_ref() {
        return Err(wrong("it signs something else"));
    }
    let certificate = certificates.iter().copied().find(|one| is_signer(&info.sid, one));
    let certificate = certificate.ok_or_else(|| wrong("the certificate of the authority is not in it"))?;
    let der = certificate.to_der()?;
    if !names(attributes, &der)? {
        return Err(wrong("it names another certificate"));
    }
    if !stamps_only(certificate) {
        return Err(wrong("its certificate is not for time stamps alone (a critical extended key usage)"));
    }
    signs(info, &der, &attributes.to_der()?)?;
    Ok(certificate)
}

fn attribute(attributes: &Attributes, oid: ObjectIdentifier) -> Result<&Any, StampError> {
    let found = attributes.iter().find(|one| one.oid == oid);
    let value = found.and_then(|one| match one.values.as_slice() {
        [value] => Some(value),
        [] | [..] => None,
    });
    value.ok_or_else(|| StampError::NotSigned(format!("it does not sign the attribute {oid}")))
}

fn is_signer(id: &SignerIdentifier, certificate: &Certificate) -> bool {
    let of = &certificate.tbs_certificate;
    match id {
        SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber { issuer, serial_number }) => {
            *issuer == of.issuer && *serial_number == of.serial_number
        }
        SignerIdentifier::SubjectKeyIdentifier(id) => {
            let key: Option<x509_cert::ext::pkix::SubjectKeyIdentifier> =
                of.get().ok().flatten().map(|(_, key)| key);
            key.as_ref() == Some(id)
        }
    }
}

/// Whether the attributes name this certificate as the one of the signature (RFC 5035).
fn names(attributes: &Attributes, certificate: &[u8]) -> Result<bool, StampError> {
    if let Ok(named) = attribute(attributes, SIGNING_CERTIFICATE_V2) {
        let named: SigningCertificate<'_> = named.decode_as()?;
        let Some(first) = named.certificates.first() else { return Ok(false) };
        let id: CertIdV2<'_> = first.decode_as()?;
        let of = id.algorithm.map_or(Ok(&SHA256), |of| algorithm(of.oid))?;
        return Ok(id.hash.as_bytes() == digest(of, certificate).as_ref());
    }
    let named: SigningCertificate<'_> = attribute(attributes, SIGNING_CERTIFICATE)?.decode_as()?;
    let Some(first) = named.certificates.first() else { return Ok(false) };
    let id: CertId<'_> = first.decode_as()?;
    Ok(id.hash.as_bytes() == digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate).as_ref())
}

/// RFC 3161, 2.3: the certificate is for time stamps and nothing else, and says so critically.
fn stamps_only(certificate: &Certificate) -> bool {
    let usage = certificate.tbs_certificate.get::<ExtendedKeyUsage>();
    matches!(usage, Ok(Some((true, usage))) if usage.0 == [TIME_STAMPING])
}

fn signs(info: &SignerInfo, certificate: &[u8], message: &[u8]) -> Result<(), StampError> {
    let wrong = |error: webpki::Error| StampError::NotSigned(error.to_string());
    let der = CertificateDer::from(certificate);
    let certificate = EndEntityCert::try_from(&der).map_err(wrong)?;
    let fitting = ALGORITHMS.iter().find(|(digest, _)| **digest == info.digest_alg.oid);
    let fitting = fitting.map(|(_, all)| *all).unwrap_or_default();
    let signature = info.signature.as_bytes();
    let is_right = |one: &&dyn SignatureVerificationAlgorithm| {
        certificate.verify_signature(*one, message, signature).is_ok()
    };
    if fitting.iter().any(is_right) {
        return Ok(());
    }
    Err(StampError::NotSigned("the attributes were changed, or it is of a kind that is not read".into()))
}

/// Whether a chain leads from the authority's certificate to one that the reader named, at the time of
/// the stamp.
fn vouched(
    authority: &Certificate,
    certificates: &[&Certificate],
    at: Time,
    trusted: &Authorities,
) -> Result<(), StampError> {
    let untrusted = |error: webpki::Error| StampError::Untrusted(error.to_string());
    let der = CertificateDer::from(authority.to_der()?);
    let others: Vec<CertificateDer<'static>> =
        certificates.iter().map(|one| Ok(CertificateDer::from(one.to_der()?))).collect::<der::Result<_>>()?;
    let seconds = u64::try_from(at.timestamp()).unwrap_or_default();
    let all: Vec<&dyn SignatureVerificationAlgorithm> =
        ALGORITHMS.iter().flat_map(|(_, all)| all.iter().copied()).collect();
    let certificate = EndEntityCert::try_from(&der).map_err(untrusted)?;
    let path = certificate.verify_for_usage(
        &all,
        &trusted.0,
        &others,
        UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
        // The authority's own certificate must have this usage (`stamps_only`). Those above it need not.
        KeyUsage::required_if_present(TIME_STAMPING.as_bytes()),
        None,
        None,
    );
    path.map(drop).map_err(untrusted)
}

/// The authority's name: the common name of its certificate, or all of its name.
fn name(certificate: &Certificate) -> String {
    const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
    let subject = &certificate.tbs_certificate.subject;
    let mut parts = subject.0.iter().flat_map(|part| part.0.iter());
    let common = parts.find(|part| part.oid == COMMON_NAME);
    common
        .map_or_else(|| subject.to_string(), |part| String::from_utf8_lossy(part.value.value()).into_owned())
}
