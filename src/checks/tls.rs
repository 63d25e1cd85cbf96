//! Decides which servers a TLS connection trusts. For HTTP, verification cannot be switched off.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};
use sha2::{Digest, Sha256};

use super::failure::Failure;
use super::{Net, printable};
use base::causes::chain;
use playbook::check::Authorities;

/// How the server's certificate is verified.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verify<'a> {
    /// A trusted authority has signed it, for this name, and it is valid today.
    Full(Roots<'a>),
    /// It is this certificate or has this public key. With a CA file, `Full` applies as well.
    Pinned { pin: [u8; 32], ca_file: Option<&'a CaFile> },
    /// Any certificate is accepted.
    Anyone,
}

/// The authorities that are trusted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roots<'a> {
    pub(crate) system: bool,
    pub(crate) known: Option<Authorities>,
    pub(crate) ca_file: Option<&'a CaFile>,
}

/// A file with more authorities: its text, and its path for messages.
#[derive(Debug)]
pub(crate) struct CaFile {
    path: String,
    pem: String,
}

impl CaFile {
    /// Reads the file that a check names.
    pub(crate) fn read(net: &Net, name: &str) -> Result<Self, Failure> {
        let path = net.path(name).display().to_string();
        match net.read(name) {
            Ok(pem) => Ok(Self { path, pem }),
            Err(error) => Err(unreadable(&path, &chain(&error))),
        }
    }

    fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, Failure> {
        let given: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(self.pem.as_bytes()).collect();
        match given {
            Ok(given) if given.is_empty() => Err(unreadable(&self.path, "there is no certificate in it")),
            Ok(given) => Ok(given),
            Err(error) => Err(unreadable(&self.path, &chain(&error))),
        }
    }
}

fn unreadable(path: &str, why: &str) -> Failure {
    Failure::not_asked(format!(
        "cannot read the certificate authorities of {path}: {why}; `ca_file` must be a PEM file"
    ))
}

/// The root certificates of Amazon RDS. `authorities/README.md` says where they come from.
const RDS: &[u8] = include_bytes!("authorities/rds.pem");

pub(crate) struct Trust {
    provider: Arc<CryptoProvider>,
    native: OnceLock<Vec<CertificateDer<'static>>>,
}

impl Trust {
    pub(crate) fn new() -> Self {
        let provider = rustls::crypto::ring::default_provider();
        // mysql_async takes its configuration from the process's default. An error means that a
        // default is already set.
        let _ = provider.clone().install_default();
        Self { provider: Arc::new(provider), native: OnceLock::new() }
    }

    pub(crate) fn authorities(&self, roots: Roots<'_>) -> Result<Vec<CertificateDer<'static>>, Failure> {
        let mut certificates: Vec<_> = match roots.known {
            Some(Authorities::Rds) => CertificateDer::pem_slice_iter(RDS)
                .collect::<Result<_, _>>()
                .map_err(|e| Failure::not_asked(format!("the authorities of RDS: {}", chain(&e))))?,
            None => Vec::new(),
        };
        if roots.system {
            let native = self.native.get_or_init(|| rustls_native_certs::load_native_certs().certs);
            certificates.extend(native.iter().cloned());
        }
        if let Some(file) = roots.ca_file {
            certificates.extend(file.authorities()?);
        }
        // The system's store may hold certificates that cannot be parsed. They cannot sign anything
        // here.
        certificates.retain(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
        Ok(certificates)
    }

    pub(crate) fn config(&self, verify: Verify) -> Result<ClientConfig, Failure> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| Failure::not_asked(e.to_string()))?;
        let chain = |roots: Roots<'_>| {
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(self.authorities(roots)?);
            if store.is_empty() {
                return Err(Failure::not_asked(
                    "this machine trusts no certificate authority at all; install its CA bundle (`ca-certificates`), or give `ca_file`",
                ));
            }
            let chain =
                WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&self.provider))
                    .build()
                    .map_err(|e| Failure::not_asked(e.to_string()))?;
            Ok(Chain { verifier: chain, known: roots.known })
        };
        let no_chain = |pin| Verifier { provider: Arc::clone(&self.provider), pin, chain: None };
        let verifier = match verify {
            Verify::Full(roots) => Verifier { chain: Some(chain(roots)?), ..no_chain(None) },
            Verify::Pinned { pin, ca_file } => {
                let roots = ca_file.map(|file| Roots { system: true, known: None, ca_file: Some(file) });
                Verifier { chain: roots.map(chain).transpose()?, ..no_chain(Some(pin)) }
            }
            Verify::Anyone => no_chain(None),
        };
        Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
    }
}

/// Verifies the chain of certificates, the pin, both or neither. Always verifies the signatures of
/// the handshake.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    pin: Option<[u8; 32]>,
    chain: Option<Chain>,
}

#[derive(Debug)]
struct Chain {
    verifier: Arc<WebPkiServerVerifier>,
    known: Option<Authorities>,
}

/// The certificate is signed by an authority that is not trusted.
#[derive(Debug)]
struct NotTrusted {
    authority: String,
    known: Option<Authorities>,
}

impl std::error::Error for NotTrusted {}

impl fmt::Display for NotTrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.authority;
        match self.known {
            None => write!(
                f,
                "the certificate is signed by an authority that this machine does not trust: `{authority}`; give the \
                 authority's certificate as `ca_file`"
            ),
            Some(Authorities::Rds) => write!(
                f,
                "the certificate is signed by `{authority}`, which is none of Amazon RDS's authorities known here; is \
                 this the restored database? give the authority of a newer region, or of another partition, as `ca_file`"
            ),
        }
    }
}

/// Returns the name of the authority at the end of the chain that the server sent.
fn authority_of(end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> String {
    let last = intermediates.last().unwrap_or(end_entity);
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(last) else {
        return "an issuer that cannot be read".into();
    };
    let issuer = certificate.issuer();
    let name = issuer.iter_common_name().next().and_then(|name| name.as_str().ok());
    printable(&name.map_or_else(|| issuer.to_string(), str::to_owned), 120)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(pin) = self.pin {
            let is_pinned = |der: &[u8]| Sha256::digest(der)[..] == pin[..];
            let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
            if !is_pinned(end_entity) && !is_pinned(&key) {
                return Err(CertificateError::ApplicationVerificationFailure.into());
            }
        }
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        let verified =
            chain.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the errors are those of rustls, and may become more"
        )]
        verified.map_err(|error| match error {
            // A bad signature comes from another authority with the same name.
            rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => {
                let authority = authority_of(end_entity, intermediates);
                let error = NotTrusted { authority, known: chain.known };
                CertificateError::Other(OtherError(Arc::new(error))).into()
            }
            other => other,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Returns the name that the certificate must carry.
pub(crate) fn server_name(host: &str) -> Result<ServerName<'static>, Failure> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| Failure::not_asked(format!("`{host}` cannot be the name of a TLS server")))
}

/// Finds the TLS error among an error's causes and returns it in words, with advice. `None` if TLS
/// is not the cause.
pub(crate) fn explain(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(cause) = next {
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = cause.downcast_ref().or_else(|| inner?.downcast_ref::<rustls::Error>());
        if let Some(tls) = tls {
            return Some(explain_certificate(tls));
        }
        next = cause.source();
    }
    None
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the errors are those of rustls, and may become more")]
fn explain_certificate(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(problem) = error else {
        return format!("{error}; does the server speak TLS on this port?");
    };
    match problem {
        CertificateError::Other(OtherError(error)) if error.is::<NotTrusted>() => error.to_string(),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the certificate is signed by an authority that this machine does not trust; give the authority's certificate as `ca_file`".into()
        }
        CertificateError::ApplicationVerificationFailure => {
            "the certificate is not the pinned one; if it was renewed, renew `pin_sha256`".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            format!("{problem}; ask for the name in the certificate, and use `connect_to` where it resolves elsewhere")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!("the certificate has expired: {problem}"),
        other => format!("the certificate is not acceptable: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authorities_of_rds_are_roots_that_are_valid_for_years() {
        let known = Trust::new()
            .authorities(Roots { system: false, known: Some(Authorities::Rds), ca_file: None })
            .unwrap();
        // Three algorithms for each of 32 regions.
        assert_eq!(known.len(), 96);
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let in_ten_years = i64::try_from(now + 10 * 365 * 24 * 60 * 60).unwrap();
        let mut names = std::collections::BTreeSet::new();
        for der in &known {
            let (_, certificate) = x509_parser::parse_x509_certificate(der).unwrap();
            let name = authority_of(der, &[]);
            assert_eq!(certificate.subject(), certificate.issuer());
            assert!(name.starts_with("Amazon RDS ") && name.contains(" Root CA "), "{name}");
            assert!(certificate.validity().not_after.timestamp() > in_ten_years, "{name}");
            assert!(certificate.is_ca() && names.insert(name));
        }
    }
}
