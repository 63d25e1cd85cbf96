//! Connections: direct ones, and through a proxy.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::proxy::Proxies;

/// How long a connection may take, as in calls to AWS.
const CONNECTING: Duration = Duration::from_secs(5);

/// Connects to a server, or to the proxy before it. TLS with the server comes after that.
#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    direct: HttpConnector,
    to_proxy: HttpsConnector<HttpConnector>,
    proxies: Arc<Proxies>,
}

impl Dialer {
    pub(crate) fn new(proxies: Arc<Proxies>, tls: &Arc<ClientConfig>) -> Self {
        let mut direct = HttpConnector::new();
        direct.enforce_http(false);
        direct.set_connect_timeout(Some(CONNECTING));
        direct.set_nodelay(true);
        let to_proxy = HttpsConnector::from((direct.clone(), Arc::clone(tls)));
        Self { direct, to_proxy, proxies }
    }
}

type BoxError = Box<dyn Error + Send + Sync>;

impl Service<Uri> for Dialer {
    type Response = Hop;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Hop, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let Some(proxy) = self.proxies.before(&server) else {
            let dialed = self.direct.call(server);
            return Box::pin(async { Ok(Hop::to_server(MaybeHttpsStream::Http(dialed.await?))) });
        };
        if server.scheme() == Some(&Scheme::HTTP) {
            let dialed = self.to_proxy.call(proxy.uri().clone());
            return Box::pin(async { Ok(Hop { stream: dialed.await?, is_of_proxy: true }) });
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
        if let Some(word) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(word.clone());
        }
        let dialed = tunnel.call(server);
        Box::pin(async { Ok(Hop::to_server(dialed.await?)) })
    }
}

/// A connection to a server, or to a proxy that is told in each request where it goes.
pub(crate) struct Hop {
    stream: MaybeHttpsStream<TokioIo<TcpStream>>,
    is_of_proxy: bool,
}

impl Hop {
    fn to_server(stream: MaybeHttpsStream<TokioIo<TcpStream>>) -> Self {
        Self { stream, is_of_proxy: false }
    }
}

impl Connection for Hop {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.is_of_proxy)
    }
}

impl Read for Hop {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl Write for Hop {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
