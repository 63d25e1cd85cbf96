//! `tcp`: connects, and optionally compares the first bytes from the server.
#![allow(clippy::disallowed_methods, reason = "an answer's latency and a socket's time limit are real")]

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::dial::{Failure, Stage, bounded, dial, peer};
use super::observation::Secrets;
use super::{Net, Observation, judge_tcp};
use playbook::asked;
use playbook::check::TcpCheck;
use playbook::comparison::Comparison;

const RECEIVED_LIMIT: usize = 1 << 20;

/// After this much silence, the bytes so far are judged. More may still come.
const PAUSE: Duration = Duration::from_millis(250);

/// Makes one attempt of a TCP check.
pub async fn tcp(spec: &TcpCheck, net: &Net) -> Observation {
    let (host, port) = match asked::address(&spec.address) {
        Ok(address) => address,
        Err(error) => return Failure::from(error).without(&Secrets::default()),
    };
    let stage = Stage::new();
    let limit = spec.timeout();
    let attempt = async {
        let mut stream = dial(net, &stage, host, port).await?;
        if let Some(text) = &spec.send {
            stage.enter("sending");
            stream.write_all(text.as_bytes()).await.map_err(|e| broken(&e))?;
        }
        let Some(expect) = &spec.expect else { return Ok(judge_tcp(spec, None)?) };
        stage.enter("reading");
        // Ends early enough to report the bytes received so far before the attempt times out.
        let deadline = tokio::time::Instant::now() + limit.saturating_sub(limit / 20);
        receive(&mut stream, spec, expect.get()?, deadline).await
    };
    bounded(limit, &stage, &peer(net, host, port), &Secrets::default(), attempt).await
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::new(
        "connection broken",
        format!("the connection broke: {error}; has the service just gone down?"),
    )
}

/// Reads until the bytes are as expected or no more can come.
async fn receive(
    stream: &mut TcpStream,
    spec: &TcpCheck,
    expect: &Comparison,
    deadline: tokio::time::Instant,
) -> Result<Observation, Failure> {
    let mut received = Vec::new();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let now = tokio::time::Instant::now();
        let left = deadline.saturating_duration_since(now);
        let wait = if received.is_empty() { left } else { left.min(PAUSE) };
        let (ended, paused) = match tokio::time::timeout(wait, stream.read(&mut buffer)).await {
            Ok(Ok(0)) => (true, false),
            Ok(Ok(count)) => {
                received.extend(buffer.iter().take(count));
                (received.len() >= RECEIVED_LIMIT, false)
            }
            // Bytes before a reset count: some services answer and then reset the connection.
            Ok(Err(e)) if received.is_empty() => return Err(broken(&e)),
            Ok(Err(_)) => (true, false),
            Err(_) => (left <= PAUSE, true),
        };
        if !ended && !paused && !expect.is_monotone() {
            continue;
        }
        let text = String::from_utf8_lossy(&received);
        if received.is_empty() && !ended {
            continue;
        }
        let seen = judge_tcp(spec, Some(&text))?;
        if seen.is_healthy() || ended {
            return Ok(seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{net, serve_bytes, unused_port};

    fn spec(yaml: &str) -> TcpCheck {
        serde_saphyr::from_str(yaml).unwrap()
    }

    #[tokio::test]
    async fn a_connection_is_enough_unless_something_is_expected() {
        let port = serve_bytes(|_| vec![b"SSH-2.0-x\r\n".to_vec()]).await;
        let ask = async |more: &str| {
            tcp(&spec(&format!("{{ address: '127.0.0.1:{port}', timeout: 2s{more} }}")), &net()).await
        };
        assert_eq!(ask("").await, Observation::healthy("connected"));
        assert!(ask(", expect: matches ^SSH-2").await.is_healthy());
        assert!(ask(", expect: contains SSH").await.is_healthy());
        assert!(ask(", expect: SSH-2.0-x").await.is_healthy());
        let wrong = ask(", expect: contains FTP").await;
        assert!(!wrong.is_healthy() && wrong.observed == "received `SSH-2.0-x`", "{wrong:?}");
        assert!(wrong.why.unwrap().contains("contains FTP"));
    }

    #[tokio::test]
    async fn it_speaks_first_when_told_to_and_hears_late_parts() {
        let port = serve_bytes(|asked| {
            assert_eq!(asked, b"PING\r\n");
            vec![b"+PO".to_vec(), b"NG\r\n".to_vec()]
        })
        .await;
        let seen = tcp(
            &spec(&format!("{{ address: '127.0.0.1:{port}', send: \"PING\\r\\n\", expect: +PONG }}")),
            &net(),
        )
        .await;
        assert!(seen.is_healthy(), "{seen:?}");
    }

    #[tokio::test]
    async fn a_closed_port_and_silence_are_told_apart() {
        let port = unused_port();
        let closed = tcp(&spec(&format!("{{ address: '127.0.0.1:{port}' }}")), &net()).await;
        assert_eq!((closed.is_healthy(), closed.observed.as_str()), (false, "no connection"));
        assert!(closed.why.unwrap().contains("nothing listens there"));
        let port = crate::testing::serve_silence().await;
        let silent = tcp(
            &spec(&format!("{{ address: '127.0.0.1:{port}', expect: contains x, timeout: 400ms }}")),
            &net(),
        )
        .await;
        assert!(!silent.is_healthy(), "{silent:?}");
        let unknown = tcp(&spec("{ address: 'no-such-host.invalid:80', timeout: 5s }"), &net()).await;
        assert!(!unknown.is_healthy() && unknown.why.unwrap().contains("no-such-host.invalid"));
    }

    #[tokio::test]
    async fn connect_to_dials_elsewhere() {
        let port = serve_bytes(|_| vec![b"hello".to_vec()]).await;
        let mut net = net();
        net.connect_to.push(format!("db.invalid:5432=127.0.0.1:{port}").parse().unwrap());
        let seen = tcp(&spec("{ address: 'db.invalid:5432', expect: hello }"), &net).await;
        assert!(seen.is_healthy(), "{seen:?}");
        let port = unused_port();
        net.connect_to = vec![format!("db.invalid:5432=127.0.0.1:{port}").parse().unwrap()];
        let refused = tcp(&spec("{ address: 'db.invalid:5432' }"), &net).await.why.unwrap();
        assert!(refused.contains(&format!("db.invalid:5432 (through 127.0.0.1:{port})")), "{refused}");
    }
}
