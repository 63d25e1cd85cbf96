//! Sends one request over HTTP or HTTPS to a service that is no cloud: an authority of time, a portal
//! of auditors. It connects directly, and trusts the authorities of the machine.
#![allow(clippy::disallowed_methods, reason = "the time limit of a request is real")]

use std::time::Duration;

use http::{Method, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;

/// As much of an answer is read at most.
const LARGEST: usize = 8 << 20;

pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body of a good answer.
    ///
    /// # Errors
    /// The status and the beginning of the body, for the user.
    pub fn good(self) -> Result<Vec<u8>, String> {
        const SHOWN: usize = 300;
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        let said: String = String::from_utf8_lossy(&self.body).chars().take(SHOWN).collect();
        Err(format!("HTTP {}: {}", self.status, if said.trim().is_empty() { "no text" } else { said.trim() }))
    }
}

/// What is asked.
pub struct Asked<'a> {
    pub method: Method,
    pub url: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: Vec<u8>,
    pub limit: Duration,
}

/// Whether this is the URL of such a service.
///
/// # Errors
/// What is wrong with it, for the user.
pub fn url(text: &str) -> Result<Uri, String> {
    let wrong =
        |why: &str| format!("`{text}` is no URL of a service: {why}; write it like https://HOST/PATH");
    let uri: Uri = text.parse().map_err(|error: http::uri::InvalidUri| wrong(&error.to_string()))?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        Some(_) | None => return Err(wrong("it begins with neither http:// nor https://")),
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(wrong("it names no host"));
    }
    Ok(uri)
}

/// Sends a request, and reads its answer. It follows no redirection.
///
/// # Errors
/// No answer came, as a text for the user.
pub fn send(asked: Asked<'_>) -> Result<Answer, String> {
    let uri = url(asked.url)?;
    let mut request = Request::builder().method(asked.method).uri(uri);
    for (name, value) in asked.headers {
        request = request.header(*name, *value);
    }
    let agent = concat!("drillmaster/", env!("CARGO_PKG_VERSION"));
    let request = request.header("user-agent", agent).body(Full::new(Bytes::from(asked.body)));
    let request = request.map_err(|error| format!("the request cannot be built: {error}"))?;
    let runtime = crate::cli::runtime()?;
    let answer = runtime.block_on(async { tokio::time::timeout(asked.limit, answered(request)).await });
    // A name lookup may outlast the limit. Nobody waits for it.
    runtime.shutdown_background();
    match answer {
        Ok(answered) => answered,
        Err(_) => Err(format!("no answer within {} s", asked.limit.as_secs())),
    }
}

async fn answered(request: Request<Full<Bytes>>) -> Result<Answer, String> {
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(ring::default_provider())
        .map_err(|error| format!("the authorities of this machine cannot be read: {error}"))?;
    let connector = connector.https_or_http().enable_http1().build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let (parts, body) =
        client.request(request).await.map_err(|error| base::causes::chain(&error))?.into_parts();
    let body = Limited::new(body, LARGEST).collect().await;
    let body = body.map_err(|error| format!("the answer broke off, or is too long: {error}"))?;
    Ok(Answer { status: parts.status.as_u16(), body: body.to_bytes().to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_is_spoken() {
        for good in ["http://tsa.example/", "https://127.0.0.1:8080/tsa?x=1"] {
            url(good).unwrap();
        }
        for bad in ["", "tsa.example", "ftp://tsa.example", "https://", "/path", "http://a b/"] {
            let error = url(bad).unwrap_err();
            assert!(error.contains("write it like https://"), "{error}");
        }
    }
}
