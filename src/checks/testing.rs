//! Servers for the tests of this crate.
#![allow(clippy::disallowed_methods, reason = "an answer's latency and a socket's time limit are real")]

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::Net;

pub(crate) fn net() -> Net {
    Net::new(Vec::new(), std::env::temp_dir())
}

/// Returns a port on 127.0.0.1 without a listener.
pub(crate) fn unused_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts a server. It passes the first bytes of each connection to `reply`, sends the pieces that
/// `reply` returns, and closes the connection.
pub(crate) async fn serve_bytes(reply: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let reply = std::sync::Arc::new(reply);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let reply = std::sync::Arc::clone(&reply);
            tokio::spawn(async move {
                let mut buffer = vec![0; 4096];
                let heard =
                    tokio::time::timeout(std::time::Duration::from_millis(100), stream.read(&mut buffer))
                        .await;
                let length = heard.map_or(0, |read| read.unwrap_or(0));
                for piece in reply(&buffer[..length]) {
                    let _ = stream.write_all(&piece).await;
                    let _ = stream.flush().await;
                }
            });
        }
    });
    port
}

/// Starts a server that accepts connections and sends nothing.
pub(crate) async fn serve_silence() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    port
}
