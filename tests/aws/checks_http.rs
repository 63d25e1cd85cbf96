//! HTTP checks against real listeners on 127.0.0.1, with and without TLS.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use checks::{Net, Observation, http};
use sha2::{Digest as _, Sha256};
use support::certs::{Ca, Leaf};
use support::ports::Reserved;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

#[derive(Clone)]
struct Reply {
    head: &'static str,
    body: String,
    after: Duration,
}

fn reply(head: &'static str, body: &str) -> Reply {
    Reply { head, body: body.into(), after: Duration::ZERO }
}

const OK: &str = "HTTP/1.1 200 OK\r\nserver: test\r\n";

struct Server {
    port: u16,
    /// The requests that each client sent.
    heard: Arc<Mutex<Vec<String>>>,
}

async fn serve(tls: Option<Leaf>, answer: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Server {
    let acceptor = tls.map(|leaf| {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.cert_der.into()],
                rustls::pki_types::PrivatePkcs8KeyDer::from(leaf.key_der).into(),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (answer, log, count) = (Arc::new(answer), Arc::clone(&heard), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, log, acceptor) = (Arc::clone(&answer), Arc::clone(&log), acceptor.clone());
            let nth = count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                match acceptor {
                    Some(acceptor) => {
                        // A client that refuses the certificate hangs up here.
                        let Ok(stream) = acceptor.accept(stream).await else { return };
                        let name = stream.get_ref().1.server_name().unwrap_or("-").to_owned();
                        log.lock().unwrap().push(format!("SNI {name}"));
                        answer_one(stream, nth, &*answer, &log).await;
                    }
                    None => answer_one(stream, nth, &*answer, &log).await,
                }
            });
        }
    });
    Server { port, heard }
}

async fn answer_one(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    nth: usize,
    answer: &(impl Fn(usize, &str) -> Reply + ?Sized),
    log: &Mutex<Vec<String>>,
) {
    let mut heard = Vec::new();
    while !heard.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 => heard.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&heard).into_owned();
    log.lock().unwrap().push(text.clone());
    let reply = answer(nth, &text);
    if reply.head.is_empty() {
        return;
    }
    tokio::time::sleep(reply.after).await;
    let mut whole = reply.head.to_owned();
    write!(whole, "content-length: {}\r\nconnection: close\r\n\r\n{}", reply.body.len(), reply.body).unwrap();
    let _ = stream.write_all(whole.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn ask(net: &Net, yaml: &str) -> Observation {
    http(&serde_saphyr::from_str(yaml).unwrap_or_else(|e| panic!("{yaml}: {e}")), net).await
}

fn net() -> Net {
    Net::new(Vec::new(), std::env::temp_dir())
}

#[track_caller]
fn unhealthy(seen: &Observation, why: &str) {
    assert!(!seen.is_healthy(), "{seen:?}");
    assert!(seen.why.as_deref().is_some_and(|text| text.contains(why)), "{seen:?} lacks {why}");
}

#[tokio::test]
async fn status_header_body_and_latency_are_judged() {
    let server = serve(None, |_, asked| match asked.split(' ').nth(1).unwrap_or_default() {
        "/ok" => reply(OK, "v2.1 ready\n"),
        "/gone" => reply("HTTP/1.1 503 Service Unavailable\r\n", "starting"),
        "/slow" => Reply { after: Duration::from_millis(300), ..reply(OK, "late") },
        "/long" => reply(OK, &"x".repeat(2 << 20)),
        _ => reply("HTTP/1.1 404 Not Found\r\n", ""),
    })
    .await;
    let base = format!("url: 'http://127.0.0.1:{}", server.port);
    let ask = async |rest: &str| ask(&net(), &format!("{{ {base}{rest} }}")).await;

    let fine = ask("/ok', expect_body: matches ^v2, expect_header: { server: test }").await;
    assert!(
        fine.is_healthy()
            && fine.observed.starts_with("200 in ")
            && fine.value.as_deref() == Some("v2.1 ready"),
        "{fine:?}"
    );
    unhealthy(&ask("/gone'").await, "the status is 503, expected 200; the body begins `starting`");
    assert!(ask("/gone', status: [200, 503]").await.is_healthy());
    unhealthy(&ask("/ok', expect_body: == v2").await, "the body is `v2.1 ready`, expected `== v2`");
    unhealthy(&ask("/ok', expect_body: '>= 2'").await, "not a number");
    unhealthy(&ask("/ok', expect_header: { x-version: v2 }").await, "no header `x-version`");
    unhealthy(&ask("/slow', max_latency: 100ms").await, "longer than `max_latency` 0.1s");
    assert!(ask("/slow', max_latency: 5s").await.is_healthy());
    unhealthy(&ask("/slow', timeout: 100ms").await, "time was up after 0.1s while waiting for the answer");
    assert!(ask("/long', expect_body: contains xxx").await.is_healthy());
    unhealthy(&ask("/long', expect_body: xxx").await, "longer than 1 MiB");
    unhealthy(&ask("/ok', expect_body: '{{ params.x }}'").await, "no value yet");
}

#[tokio::test]
async fn a_flapping_listener_is_healthy_only_when_it_is() {
    let server = serve(None, |nth, _| match nth % 3 {
        0 => reply(OK, ""),
        1 => reply("HTTP/1.1 500 Internal Server Error\r\n", ""),
        _ => reply("", ""),
    })
    .await;
    let yaml = format!("{{ url: 'http://127.0.0.1:{}/' }}", server.port);
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(ask(&net(), &yaml).await.is_healthy());
    }
    assert_eq!(seen, [true, false, false, true, false, false]);
}

#[tokio::test]
async fn no_listener_no_http_and_half_an_answer_are_told() {
    let nobody = Reserved::new();
    let url = format!("{{ url: 'http://{}/' }}", nobody.address());
    unhealthy(&ask(&net(), &url).await, "nothing listens there");
    let server = serve(None, |_, _| reply("SSH-2.0-OpenSSH\r\n", "")).await;
    unhealthy(&ask(&net(), &format!("{{ url: 'http://127.0.0.1:{}/' }}", server.port)).await, "broke off");
    let server =
        serve(None, |_, _| reply("HTTP/1.1 200 OK\r\ncontent-length: 100\r\nx-rest: ", "half")).await;
    unhealthy(
        &ask(&net(), &format!("{{ url: 'http://127.0.0.1:{}/' }}", server.port)).await,
        "cut off after 4 of 100 bytes",
    );
    unhealthy(&ask(&net(), "{ url: 'http://' }").await, "is not an HTTP URL");
}

#[tokio::test]
async fn redirects_are_followed_only_when_asked() {
    let server = serve(None, |_, asked| match asked.split(' ').nth(1).unwrap_or_default() {
        "/a" => reply("HTTP/1.1 302 Found\r\nlocation: /b\r\n", ""),
        "/b" => reply(OK, "here"),
        _ => reply("HTTP/1.1 302 Found\r\nlocation: /loop\r\n", ""),
    })
    .await;
    let base = format!("url: 'http://127.0.0.1:{}", server.port);
    unhealthy(&ask(&net(), &format!("{{ {base}/a' }}")).await, "it redirects to `/b`");
    assert!(ask(&net(), &format!("{{ {base}/a', status: 302 }}")).await.is_healthy());
    assert!(
        ask(&net(), &format!("{{ {base}/a', follow_redirects: true, expect_body: here }}"))
            .await
            .is_healthy()
    );
    unhealthy(
        &ask(&net(), &format!("{{ {base}/loop', follow_redirects: true }}")).await,
        "more than 10 redirects",
    );
}

#[tokio::test]
async fn tls_is_verified() {
    let ca = Ca::new();
    let server = serve(Some(ca.leaf(&["127.0.0.1", "app.test"])), |_, _| reply(OK, "ok")).await;
    let url = format!("url: 'https://127.0.0.1:{}/'", server.port);
    let trusting = format!("{{ {url}, ca_file: '{}' }}", ca.file().display());
    assert!(ask(&net(), &trusting).await.is_healthy());
    let unknown = ask(&net(), &format!("{{ {url} }}")).await;
    unhealthy(&unknown, "`ca_file`");
    assert_eq!(unknown.observed, "TLS refused");
    let other = Ca::new();
    unhealthy(
        &ask(&net(), &format!("{{ {url}, ca_file: '{}' }}", other.file().display())).await,
        "does not trust",
    );
    unhealthy(&ask(&net(), &format!("{{ {url}, ca_file: /no/such.pem }}")).await, "/no/such.pem");
    unhealthy(
        &ask(
            &net(),
            &format!("{{ url: 'https://localhost:{}/', ca_file: '{}' }}", server.port, ca.file().display()),
        )
        .await,
        "not valid for",
    );
    // A relative path is resolved from the playbook's folder.
    let beside = Net::new(Vec::new(), ca.dir.path());
    assert!(ask(&beside, &format!("{{ {url}, ca_file: ca.pem }}")).await.is_healthy());
    let plain = serve(None, |_, _| reply(OK, "")).await;
    let silent =
        ask(&net(), &format!("{{ url: 'https://127.0.0.1:{}/', timeout: 500ms }}", plain.port)).await;
    unhealthy(&silent, "while in the TLS handshake");
}

#[tokio::test]
async fn a_pin_decides() {
    let ca = Ca::new();
    let leaf = ca.leaf(&["another.name"]);
    let hex = |bytes: &[u8]| {
        Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    };
    let (certificate, key) = (hex(&leaf.cert_der), hex(&leaf.spki));
    let server = serve(Some(leaf), |_, _| reply(OK, "")).await;
    let pinned = |pin: &str, more: &str| {
        format!("{{ url: 'https://127.0.0.1:{}/', pin_sha256: '{pin}'{more} }}", server.port)
    };
    assert!(ask(&net(), &pinned(&certificate, "")).await.is_healthy());
    assert!(ask(&net(), &pinned(&key, "")).await.is_healthy());
    unhealthy(&ask(&net(), &pinned(&hex(b"another"), "")).await, "not the pinned one");
    // If a CA file is given too, the name and the chain are verified again.
    unhealthy(
        &ask(&net(), &pinned(&key, &format!(", ca_file: '{}'", ca.file().display()))).await,
        "not valid for",
    );
    unhealthy(&ask(&net(), "{ url: 'http://127.0.0.1/', pin_sha256: '0000000000000000000000000000000000000000000000000000000000000000' }").await, "https");
}

#[tokio::test]
async fn connect_to_changes_the_address_and_nothing_else() {
    let ca = Ca::new();
    let server = serve(Some(ca.leaf(&["app.internal.test"])), |_, _| reply(OK, "")).await;
    let rule = |from: &str| format!("{from}=127.0.0.1:{}", server.port).parse().unwrap();
    let net = Net::new(vec![rule("app.internal.test:443"), rule("10.66.1.5:8443")], ca.dir.path());
    let seen = ask(&net, "{ url: 'https://app.internal.test/health?x=1#part', ca_file: ca.pem }").await;
    assert!(seen.is_healthy(), "{seen:?}");
    let heard = server.heard.lock().unwrap().join("\n");
    assert!(
        heard.contains("SNI app.internal.test") && heard.contains("host: app.internal.test\r\n"),
        "{heard}"
    );
    assert!(heard.contains("GET /health?x=1 HTTP/1.1\r\n"), "{heard}");
    // The certificate is not valid for this address. Connecting elsewhere must not help.
    unhealthy(&ask(&net, "{ url: 'https://10.66.1.5:8443/', ca_file: ca.pem }").await, "not valid for");
    let plain = serve(None, |_, _| reply(OK, "")).await;
    let net = Net::new(vec![format!("10.66.1.5:80=127.0.0.1:{}", plain.port).parse().unwrap()], ".");
    assert!(ask(&net, "{ url: 'http://10.66.1.5/' }").await.is_healthy());
    assert!(plain.heard.lock().unwrap()[0].contains("host: 10.66.1.5\r\n"));
}

#[tokio::test]
async fn no_secret_is_shown() {
    let server = serve(None, |_, asked| reply("HTTP/1.1 500 Oops\r\n", asked)).await;
    let port = server.port;
    let seen = ask(&net(), &format!("{{ url: 'http://joe:canary%2F1@127.0.0.1:{port}/', headers: {{ X-Api-Key: canary2 }}, expect_body: ok }}")).await;
    let heard = server.heard.lock().unwrap().join("\n");
    assert!(
        heard.contains("authorization: Basic am9lOmNhbmFyeS8x") && heard.contains("x-api-key: canary2"),
        "{heard}"
    );
    assert!(
        !seen.is_healthy()
            && !format!("{seen:?}").contains("canary")
            && !format!("{seen:?}").contains("am9lOmNhbmFyeS8x"),
        "{seen:?}"
    );
    let bearer = ask(
        &net(),
        &format!("{{ url: 'http://127.0.0.1:{port}/', headers: {{ Authorization: Bearer canary3 }} }}"),
    )
    .await;
    assert!(!format!("{bearer:?}").contains("canary"), "{bearer:?}");
    for url in ["http://joe:canary@127.0.0.1:99999/", "ftp://joe:canary@h/"] {
        let refused = ask(&net(), &format!("{{ url: '{url}' }}")).await;
        assert!(!refused.is_healthy() && !format!("{refused:?}").contains("canary"), "{refused:?}");
    }
}

#[tokio::test]
async fn methods_bodies_and_headers_are_sent() {
    let server = serve(None, |_, _| reply("HTTP/1.1 201 Created\r\n", "")).await;
    let seen = ask(&net(), &format!("{{ url: 'http://127.0.0.1:{}/x', method: post, body: hello, headers: {{ Host: other.test }}, status: 201 }}", server.port)).await;
    assert!(seen.is_healthy(), "{seen:?}");
    let heard = server.heard.lock().unwrap().join("\n");
    assert!(
        heard.starts_with("POST /x HTTP/1.1\r\n")
            && heard.contains("host: other.test")
            && heard.contains("content-length: 5"),
        "{heard}"
    );
    unhealthy(&ask(&net(), "{ url: 'http://127.0.0.1/', headers: { 'a b': c } }").await, "name of a header");
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_offered() {
    let ca = Ca::new();
    let leaf = ca.leaf(&["127.0.0.1"]);
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![leaf.cert_der.into()],
                rustls::pki_types::PrivatePkcs8KeyDer::from(leaf.key_der).into(),
            )
            .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await.unwrap();
        let answer = async |request: hyper::Request<hyper::body::Incoming>| {
            let text = format!("{:?} {}", request.version(), request.uri());
            Ok::<_, std::convert::Infallible>(hyper::Response::new(text))
        };
        let service = hyper::service::service_fn(answer);
        let executor = hyper_util::rt::TokioExecutor::new();
        let _ = hyper::server::conn::http2::Builder::new(executor)
            .serve_connection(hyper_util::rt::TokioIo::new(stream), service)
            .await;
    });
    let net = Net::new(Vec::new(), ca.dir.path());
    let seen = ask(&net, &format!("{{ url: 'https://127.0.0.1:{port}/x?y=1', ca_file: ca.pem }}")).await;
    assert!(seen.is_healthy(), "{seen:?}");
    assert_eq!(seen.value.as_deref(), Some(format!("HTTP/2.0 https://127.0.0.1:{port}/x?y=1").as_str()));
}
