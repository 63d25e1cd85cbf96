//! Requests, and their answers read whole.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::header::PROXY_AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Bytes};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;

use base::causes::chain;
use base::duration::Span;

use crate::dial::Dialer;
use crate::proxy::{self, Proxies};

/// What a request may take: time for all of it, and bytes of its answer.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub time: Duration,
    pub bytes: usize,
}

/// Why there is no answer, as a text for the user. It does not hold the URL, which may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Nothing was sent.
    #[error("{0}")]
    Connect(String),
    /// The request may have been carried out.
    #[error("{0}")]
    Interrupted(String),
    #[error("there was no answer within {}", Span(*.0))]
    Late(Duration),
    /// The server answered, and the body did not come whole.
    #[error("{why}")]
    Body { status: StatusCode, why: String },
}

/// A client. `B` is the body of its requests.
#[derive(Debug, Clone)]
pub struct Client<B> {
    client: legacy::Client<HttpsConnector<Dialer>, B>,
    proxies: Arc<Proxies>,
}

impl<B> Client<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// # Errors
    /// The machine trusts no authority, or a variable names no proxy, as a text for the user.
    pub fn new() -> Result<Self, String> {
        let proxies = Arc::new(Proxies::of_environment()?);
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be used: {error}"))?
            .with_native_roots()
            .map_err(|error| {
                format!("this machine trusts no certificate authority ({error}): install `ca-certificates`")
            })?
            .with_no_client_auth();
        let tls = Arc::new(tls);
        let dialer = Dialer::new(Arc::clone(&proxies), &tls);
        let client = legacy::Client::builder(TokioExecutor::new()).build(HttpsConnector::from((dialer, tls)));
        Ok(Self { client, proxies })
    }

    /// Sends a request, and reads its answer whole. The answer may be a refusal.
    ///
    /// # Errors
    /// No whole answer came within the limits.
    #[expect(clippy::disallowed_methods, reason = "the limit of a request is real time")]
    pub async fn ask(&self, request: Request<B>, limits: Limits) -> Result<Response<Bytes>, Failed> {
        let answered = tokio::time::timeout(limits.time, self.answered(request, limits.bytes)).await;
        answered.unwrap_or(Err(Failed::Late(limits.time)))
    }

    async fn answered(&self, mut request: Request<B>, largest: usize) -> Result<Response<Bytes>, Failed> {
        let proxy = self.proxies.before(request.uri());
        let is_https = request.uri().scheme() != Some(&http::uri::Scheme::HTTP);
        if let Some(word) = proxy.as_ref().and_then(|proxy| proxy.basic_auth())
            && !is_https
        {
            request.headers_mut().insert(PROXY_AUTHORIZATION, word.clone());
        }
        let answer = self.client.request(request).await.map_err(|error| {
            let said = chain(&error);
            let refusal = proxy.as_ref().and_then(|_| proxy::refusal(&said, is_https));
            let said = refusal.map_or(said, |refusal| refusal.to_string());
            if error.is_connect() { Failed::Connect(said) } else { Failed::Interrupted(said) }
        })?;
        // No server says this: it is the proxy's answer to a request that it did not pass on.
        if answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            && let Some(refusal) = proxy.as_ref().and_then(|_| proxy::refusal(proxy::AUTHENTICATE, is_https))
        {
            return Err(Failed::Connect(refusal.to_string()));
        }
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, largest).collect().await.map_err(|error| {
            let why = if error.is::<LengthLimitError>() {
                format!("the answer is longer than {largest} bytes")
            } else {
                format!("the answer broke off: {}", chain(error.as_ref()))
            };
            Failed::Body { status: parts.status, why }
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}
