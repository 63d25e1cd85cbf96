//! The pre-signed URL for a copy of something encrypted across regions. The destination region
//! calls the source region with it.
//!
//! Other AWS SDKs add this URL by themselves. The Rust SDK does not (2026).

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningParams, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use base::ids::Region;
use base::partition::Partition;
use port::{CloudError, CloudResult, ErrorKind};

#[derive(Debug, Clone, Copy)]
pub enum Service {
    Ec2,
    Rds,
}

/// The characters that Signature Version 4 does not escape.
pub const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Returns the URL, or `None` within one region, where none is needed.
pub async fn url(
    credentials: Option<&SharedCredentialsProvider>,
    service: Service,
    from: &Region,
    to: &Region,
    parameters: &[(&str, &str)],
) -> CloudResult<Option<String>> {
    if from == to {
        return Ok(None);
    }
    let bad = |what: String| CloudError::new(ErrorKind::Credentials, "presign", what);
    let provider = credentials.ok_or_else(|| bad("no credentials to sign with".into()))?;
    let credentials =
        provider.provide_credentials().await.map_err(|e| bad(format!("no credentials: {e}")))?;
    let (name, version) = match service {
        Service::Ec2 => ("ec2", "2016-11-15"),
        Service::Rds => ("rds", "2014-10-31"),
    };
    let suffix = Partition::of(from).dns_suffix;
    let host = format!("{name}.{from}.{suffix}");
    let mut query = format!("Version={version}&DestinationRegion={to}");
    for (key, value) in parameters {
        query = format!("{query}&{key}={}", utf8_percent_encode(value, UNRESERVED));
    }
    let url = format!("https://{host}/?{query}");
    #[expect(clippy::disallowed_methods, reason = "AWS compares a signature's time with its own clock")]
    let now = SystemTime::now();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(3600));
    let identity = credentials.into();
    let params: SigningParams<'_> = v4::SigningParams::builder()
        .identity(&identity)
        .region(from.as_str())
        .name(name)
        .time(now)
        .settings(settings)
        .build()
        .map_err(|e| bad(e.to_string()))?
        .into();
    let headers = [("host", host.as_str())];
    let request = SignableRequest::new("GET", url.as_str(), headers.into_iter(), SignableBody::Bytes(&[]))
        .map_err(|e| bad(e.to_string()))?;
    let (instructions, _) = sign(request, &params).map_err(|e| bad(e.to_string()))?.into_parts();
    let signed: Vec<String> = instructions
        .params()
        .iter()
        .map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, UNRESERVED)))
        .collect();
    Ok(Some(format!("{url}&{}", signed.join("&"))))
}
