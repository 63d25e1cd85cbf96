//! `http`: sends one request and compares everything that the check expects of the answer.
#![allow(clippy::disallowed_methods, reason = "an answer's latency and a socket's time limit are real")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use base64::Engine as _;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::http::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::http::uri::Uri;
use hyper::{Request, Response, client::conn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

mod session;

use self::session::Jar;
use super::body;
use super::dial::{Failure, Stage, TLS, bounded, dial, peer};
use super::observation::{Secrets, names_a_secret};
use super::redirect::{self, Hop};
use super::tls::{CaFile, Roots, Verify, explain, server_name};
use super::{HttpAnswer, Net, Observation, judge_http};
use base::causes::chain;
use base::duration::Span;
use playbook::asked;
use playbook::check::{HttpCheck, parse_pin};
use playbook::expr_value::TemplateLeft;

/// Makes one attempt of an HTTP check.
pub async fn http(spec: &HttpCheck, net: &Net) -> Observation {
    let mut secrets = Secrets::default();
    for (_, value) in spec.headers.iter().filter(|(name, _)| names_a_secret(name)) {
        secrets.add(value);
        // In `Bearer …`, the text after the scheme is the secret.
        if let Some((_, credential)) = value.split_once(' ') {
            secrets.add(credential);
        }
    }
    let hop = match first_hop(spec, &mut secrets) {
        Ok(hop) => hop,
        Err(failure) => return failure.without(&secrets),
    };
    let stage = Stage::new();
    let (host, port) = host_and_port(&hop.url);
    let limit = spec.timeout();
    // Boxed: a request has 20 kB of state over all its protocols, and thousands of checks may wait
    // at once.
    if !spec.steps.is_empty() {
        // What the answers give counts as secret too, also where the session breaks off.
        let found = RefCell::new(secrets);
        let attempt = Box::pin(in_session(spec, net, &stage, &found));
        let seen = bounded(limit, &stage, &peer(net, &host, port), &Secrets::default(), attempt).await;
        return seen.without(&found.into_inner());
    }
    let attempt = Box::pin(async {
        let started = Instant::now();
        let answer = attempt(spec, net, &stage, hop, None, &mut Secrets::default()).await?;
        Ok(judge(spec, &answer, Span(started.elapsed()), &secrets)?)
    });
    bounded(limit, &stage, &peer(net, &host, port), &secrets, attempt).await
}

fn first_hop(spec: &HttpCheck, secrets: &mut Secrets) -> Result<Hop, Failure> {
    let mut url = asked::http_url(&spec.url)?;
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("drillmaster/", env!("CARGO_PKG_VERSION"))));
    if !url.username().is_empty() || url.password().is_some() {
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let raw = url.password().unwrap_or_default();
        let (user, password) = (decode(url.username()), decode(raw));
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        secrets.add(raw);
        secrets.add(password);
        secrets.add(credentials.as_str());
        let value = HeaderValue::from_str(&format!("Basic {credentials}"))
            .map_err(|e| Failure::not_asked(e.to_string()))?;
        headers.insert(AUTHORIZATION, value);
        // Neither can fail, because the URL has a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    for (name, value) in &spec.headers {
        headers.insert(asked::header_name(name)?, asked::header_value(name, value)?);
    }
    let method = asked::method(spec.method.as_deref().unwrap_or("GET"))?;
    Ok(Hop { url, method, headers, body: spec.body.clone().unwrap_or_default() })
}

fn host_and_port(url: &Url) -> (String, u16) {
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => ip.to_string(),
        None => String::new(),
    };
    (host, url.port_or_known_default().unwrap_or(80))
}

struct Answer {
    parts: hyper::http::response::Parts,
    body: Vec<u8>,
    truncated: bool,
}

/// Sends the requests of a session one after another. The first one that is not answered as it expects
/// ends it.
async fn in_session(
    spec: &HttpCheck,
    net: &Net,
    stage: &Stage,
    found: &RefCell<Secrets>,
) -> Result<Observation, Failure> {
    let mut secrets = found.borrow().clone();
    let (mut jar, mut values) = (Jar::default(), BTreeMap::new());
    let (mut statuses, mut last) = (Vec::new(), None);
    let started = Instant::now();
    for (number, step) in spec.steps.iter().enumerate().map(|(at, step)| (at + 1, step)) {
        let named = |failure: Failure| Failure {
            observed: format!("request {number}: {}", failure.observed),
            why: format!("request {number} (`{}`): {}", step.path, failure.why),
            ..failure
        };
        let one = step.filled(spec, &values).map_err(Failure::not_asked).map_err(named)?;
        let hop = first_hop(&one, &mut secrets).map_err(named)?;
        let sent = Instant::now();
        let answer = attempt(&one, net, stage, hop, Some(&mut jar), &mut secrets).await;
        *found.borrow_mut() = secrets.clone();
        let answer = answer.map_err(named)?;
        let seen = judge(&one, &answer, Span(sent.elapsed()), &secrets)?;
        if !seen.is_healthy() {
            let why = seen.why.unwrap_or_default();
            return Err(named(Failure { health: seen.health, observed: seen.observed, why }));
        }
        session::take(step, &answer.parts.headers, &answer.body, &mut values).map_err(named)?;
        for name in step.take.keys() {
            secrets.add(values.get(name).cloned().unwrap_or_default());
        }
        *found.borrow_mut() = secrets.clone();
        statuses.push(answer.parts.status.as_u16().to_string());
        last = seen.value;
    }
    let took = Span(started.elapsed());
    let observed =
        format!("{} requests: {} in {} ms", statuses.len(), statuses.join(", "), took.0.as_millis());
    if let Some(most) = &spec.max_latency {
        let most = *most.get()?;
        if took > most {
            let why =
                format!("the requests took {} ms, longer than `max_latency` {most}", took.0.as_millis());
            return Err(Failure::new(observed, why));
        }
    }
    let seen = Observation::healthy(observed);
    Ok(match last {
        Some(value) => seen.with_value(value),
        None => seen,
    })
}

/// Sends a request, and those to which it is redirected. Without a jar, no cookie is kept.
async fn attempt(
    spec: &HttpCheck,
    net: &Net,
    stage: &Stage,
    mut hop: Hop,
    mut jar: Option<&mut Jar>,
    secrets: &mut Secrets,
) -> Result<Answer, Failure> {
    let ca_file = spec.ca_file.as_deref().map(|name| CaFile::read(net, name)).transpose()?;
    let verify = match &spec.pin_sha256 {
        Some(pin) => {
            let pin =
                parse_pin(pin).ok_or_else(|| Failure::not_asked("`pin_sha256` is not a SHA-256 pin"))?;
            if hop.url.scheme() != "https" {
                return Err(Failure::not_asked("a pin needs an https URL"));
            }
            Verify::Pinned { pin, ca_file: ca_file.as_ref() }
        }
        None => Verify::Full(Roots { system: true, known: None, ca_file: ca_file.as_ref() }),
    };
    let follow = match &spec.follow_redirects {
        Some(follow) => *follow.get()?,
        None => false,
    };
    // What the playbook writes goes along with what the application has set, to its own host alone.
    let own_cookies = hop.headers.get(COOKIE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let origin = hop.url.origin();
    let mut tls: Option<Arc<ClientConfig>> = None;
    for _ in 0..=redirect::MOST {
        if hop.url.scheme() == "https" && tls.is_none() {
            let mut config = net.trust.config(verify)?;
            // HTTP/2 takes the name from the URL, so a Host header of the check needs HTTP/1.1.
            let own_host = spec.headers.keys().any(|name| name.eq_ignore_ascii_case("host"));
            let protocols: &[&[u8]] = if own_host { &[b"http/1.1"] } else { &[b"h2", b"http/1.1"] };
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            tls = Some(Arc::new(config));
        }
        if let Some(jar) = &jar {
            let written = own_cookies.clone().filter(|_| hop.url.origin() == origin);
            let all: Vec<String> = written.into_iter().chain(jar.header(&hop.url)).collect();
            hop.headers.remove(COOKIE);
            if let Ok(cookies) = HeaderValue::from_str(&all.join("; "))
                && !all.is_empty()
            {
                hop.headers.insert(COOKIE, cookies);
            }
        }
        let answer = exchange(net, stage, &hop, tls.clone()).await?;
        if let Some(jar) = &mut jar {
            jar.take(&hop.url, &answer.parts.headers, secrets);
        }
        match hop.after(answer.parts.status, &answer.parts.headers).filter(|_| follow) {
            Some(next) => {
                hop = next?;
                if let Some(why) = net.refusal(hop.url.as_str()) {
                    return Err(Failure::new(
                        answer.parts.status.as_str(),
                        format!("it redirects to what was not restored: {why}"),
                    ));
                }
            }
            None => return Ok(answer),
        }
    }
    Err(Failure::new(
        "redirected",
        format!("more than {} redirects: they go round in circles", redirect::MOST),
    ))
}

fn judge(
    spec: &HttpCheck,
    answer: &Answer,
    took: Span,
    secrets: &Secrets,
) -> Result<Observation, TemplateLeft> {
    let header = |name: &str| {
        let values = answer.parts.headers.get_all(name).iter();
        Some(values.map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()).collect())
    };
    judge_http(
        spec,
        &HttpAnswer {
            status: Some(answer.parts.status.as_u16()),
            header: &header,
            body: Some(&String::from_utf8_lossy(&answer.body)),
            truncated: answer.truncated,
            took: Some(took),
            secrets: secrets.clone(),
        },
    )
}

async fn exchange(
    net: &Net,
    stage: &Stage,
    hop: &Hop,
    tls: Option<Arc<ClientConfig>>,
) -> Result<Answer, Failure> {
    let (host, port) = host_and_port(&hop.url);
    let stream = dial(net, stage, &host, port).await?;
    let who = peer(net, &host, port);
    // Dropping the set aborts the connection's task when the attempt ends.
    let mut tasks = JoinSet::new();
    let response = if hop.url.scheme() == "https" {
        stage.enter(TLS);
        let config = tls.ok_or_else(|| Failure::not_asked("no TLS configuration"))?;
        let stream = TlsConnector::from(config).connect(server_name(&host)?, stream).await.map_err(|e| {
            let reason =
                explain(&e).unwrap_or_else(|| format!("{e}; does the server speak TLS on this port?"));
            Failure::new("TLS refused", format!("no TLS with {who}: {reason}"))
        })?;
        let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        stage.enter("waiting for the answer");
        if h2 { send_http2(hop, stream, &mut tasks).await } else { send_http1(hop, stream, &mut tasks).await }
    } else {
        stage.enter("waiting for the answer");
        send_http1(hop, stream, &mut tasks).await
    };
    let broken = |e: &(dyn std::error::Error + 'static)| {
        Failure::new(
            "no answer",
            format!("{who} broke off: {}; it may still be starting, or speak another protocol", chain(e)),
        )
    };
    let (parts, incoming) = response.map_err(|e| broken(&*e))?.into_parts();
    stage.enter("reading the answer's body");
    let (body, truncated) = body::read(&parts.headers, incoming, &who).await?;
    Ok(Answer { parts, body, truncated })
}

type SendError = Box<dyn std::error::Error + Send + Sync>;

async fn send_http1<S>(hop: &Hop, stream: S, tasks: &mut JoinSet<()>) -> Result<Response<Incoming>, SendError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await?;
    tasks.spawn(async move {
        // A broken connection fails the request, and the request reports it.
        let _ = connection.await;
    });
    let query = hop.url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut request = request(hop, format!("{}{query}", hop.url.path()).parse()?);
    if !request.headers().contains_key(HOST) {
        request.headers_mut().insert(HOST, HeaderValue::from_str(&authority(&hop.url))?);
    }
    Ok(sender.send_request(request).await?)
}

async fn send_http2<S>(hop: &Hop, stream: S, tasks: &mut JoinSet<()>) -> Result<Response<Incoming>, SendError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tasks.spawn(async move {
        let _ = connection.await;
    });
    let mut url = hop.url.clone();
    url.set_fragment(None);
    let mut request = request(hop, url.as_str().parse()?);
    request.headers_mut().remove(HOST);
    Ok(sender.send_request(request).await?)
}

fn request(hop: &Hop, uri: Uri) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(Bytes::from(hop.body.clone())));
    *request.method_mut() = hop.method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = hop.headers.clone();
    request
}

/// Returns the URL's host, and its port unless it is the scheme's default.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
