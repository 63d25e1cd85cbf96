//! Decides which servers a TLS connection trusts. For HTTP, verification cannot be switched off.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sha2::{Digest, Sha256};

use super::failure::{Failure, chain};

/// How the server's certificate is verified.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verify<'a> {
    /// A trusted authority has signed it, for this name, and it is valid today.
    Full { ca_file: Option<&'a Path> },
    /// It is this certificate or has this public key. With a CA file, `Full` applies as well.
    Pinned { pin: [u8; 32], ca_file: Option<&'a Path> },
    /// Any certificate is accepted.
    Anyone,
}

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

    /// Returns the system's authorities and those of `ca_file`.
    pub(crate) fn authorities(
        &self,
        ca_file: Option<&Path>,
    ) -> Result<Vec<CertificateDer<'static>>, Failure> {
        let mut certificates =
            self.native.get_or_init(|| rustls_native_certs::load_native_certs().certs).clone();
        if let Some(path) = ca_file {
            let unreadable = |e: String| {
                Failure::new(
                    "not asked",
                    format!(
                        "cannot read the certificate authorities of {}: {e}; `ca_file` must be a PEM file",
                        path.display()
                    ),
                )
            };
            let given = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let given = given.map_err(|e| unreadable(chain(&e)))?;
            if given.is_empty() {
                return Err(unreadable("there is no certificate in it".into()));
            }
            certificates.extend(given);
        }
        // The system's store may hold certificates that cannot be parsed. They cannot sign anything
        // here.
        certificates.retain(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok());
        Ok(certificates)
    }

    pub(crate) fn config(&self, verify: Verify) -> Result<ClientConfig, Failure> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| Failure::new("not asked", e.to_string()))?;
        let chain = |ca_file| {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(self.authorities(ca_file)?);
            if roots.is_empty() {
                return Err(Failure::new(
                    "not asked",
                    "this machine trusts no certificate authority at all; install its CA bundle (`ca-certificates`), or give `ca_file`",
                ));
            }
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
                .build()
                .map_err(|e| Failure::new("not asked", e.to_string()))
        };
        let verifier: Arc<dyn ServerCertVerifier> = match verify {
            Verify::Full { ca_file } => chain(ca_file)?,
            Verify::Pinned { pin, ca_file } => {
                let chain = ca_file.map(|path| chain(Some(path))).transpose()?;
                Arc::new(PinVerifier { provider: Arc::clone(&self.provider), pin: Some(pin), chain })
            }
            Verify::Anyone => {
                Arc::new(PinVerifier { provider: Arc::clone(&self.provider), pin: None, chain: None })
            }
        };
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }
}

/// Accepts one pinned certificate or key, or any certificate. Always verifies the signatures of the
/// handshake.
#[derive(Debug)]
struct PinVerifier {
    provider: Arc<CryptoProvider>,
    pin: Option<[u8; 32]>,
    chain: Option<Arc<WebPkiServerVerifier>>,
}

impl ServerCertVerifier for PinVerifier {
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
        match &self.chain {
            Some(chain) => {
                chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Ok(ServerCertVerified::assertion()),
        }
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
        .map_err(|_| Failure::new("not asked", format!("`{host}` cannot be the name of a TLS server")))
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

fn explain_certificate(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(problem) = error else {
        return format!("{error}; does the server speak TLS on this port?");
    };
    match problem {
        // A bad signature comes from another authority with the same name.
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
