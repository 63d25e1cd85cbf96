//! HTTP and HTTPS to all that is not asked by the AWS SDK: webhooks, collectors, authorities of time,
//! portals, stores of runs in buckets.
//!
//! | rule | |
//! |---|---|
//! | time | one limit holds for name lookup, connection, request and whole answer; 5 s for a connection |
//! | TLS | the authorities of the machine, or of `SSL_CERT_FILE` |
//! | proxies | those of the environment: [`proxy`] |
//! | redirects | none is followed |

#![deny(clippy::wildcard_enum_match_arm)]

mod client;
mod dial;
pub mod proxy;

use std::time::Duration;

use http_body_util::Full;

pub use client::{Client, Failed, Limits};
pub use http::{self, Method, Request, Response, Uri};
pub use hyper::body::Bytes;

/// As much of an answer is read at most.
const LARGEST: usize = 8 << 20;

/// The name by which servers know this program.
pub const AGENT: &str = concat!("drillmaster/", env!("CARGO_PKG_VERSION"));

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

/// Whether this is the URL of a service.
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

/// Sends a request, and waits for its answer. It has a runtime of its own, so it must not be called
/// within one.
///
/// # Errors
/// No answer came, as a text for the user.
pub fn send(asked: Asked<'_>) -> Result<Answer, String> {
    let uri = url(asked.url)?;
    let mut request = Request::builder().method(asked.method).uri(uri);
    for (name, value) in asked.headers {
        request = request.header(*name, *value);
    }
    let request = request.header(http::header::USER_AGENT, AGENT).body(Full::new(Bytes::from(asked.body)));
    let request = request.map_err(|error| format!("the request cannot be built: {error}"))?;
    let client = Client::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the runtime cannot start: {error}"))?;
    let limits = Limits { time: asked.limit, bytes: LARGEST };
    let answer = runtime.block_on(client.ask(request, limits));
    // A name lookup may outlast the limit. Nobody waits for it.
    runtime.shutdown_background();
    let (parts, body) = answer.map_err(|failed| failed.to_string())?.into_parts();
    Ok(Answer { status: parts.status.as_u16(), body: body.to_vec() })
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
