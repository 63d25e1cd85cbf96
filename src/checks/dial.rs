//! Opens connections, limits the time of an attempt, and turns errors into reasons with advice.
#![allow(clippy::disallowed_methods, reason = "an answer's latency and a socket's time limit are real")]

use std::cell::Cell;
use std::future::Future;
use std::io::{Error, ErrorKind};
use std::time::Duration;

use tokio::net::TcpStream;

use super::observation::Secrets;
use super::{Net, Observation};
use base::duration::Span;
use playbook::connect_to::host_port;

pub(crate) use super::failure::Failure;

/// The current activity of an attempt, for the message when its time is up.
pub(crate) struct Stage(Cell<&'static str>);

impl Stage {
    pub(crate) fn new() -> Self {
        Self(Cell::new("starting"))
    }
    pub(crate) fn enter(&self, stage: &'static str) {
        self.0.set(stage);
    }
}

pub(crate) const CONNECTING: &str = "connecting";
pub(crate) const TLS: &str = "in the TLS handshake";

/// Runs one attempt for at most `limit`. `peer` is the name of the other side, for messages.
pub(crate) async fn bounded(
    limit: Duration,
    stage: &Stage,
    peer: &str,
    secrets: &Secrets,
    attempt: impl Future<Output = Result<Observation, Failure>>,
) -> Observation {
    match tokio::time::timeout(limit, attempt).await {
        Ok(Ok(seen)) => seen,
        Ok(Err(failure)) => failure.without(secrets),
        Err(_) => {
            let (limit, stage) = (Span(limit), stage.0.get());
            let help = if stage == CONNECTING {
                "packets are dropped on the way: a sandbox can be reached only from inside or through a tunnel (`--connect-to`); check its security group"
            } else {
                "it may still be starting; raise `timeout` if one attempt takes this long"
            };
            Observation::unhealthy(
                format!("no answer within {limit}"),
                format!("{peer}: time was up after {limit} while {stage}; {help}"),
            )
        }
    }
}

/// Connects to `host:port`, or to the address that `connect_to` gives for it.
pub(crate) async fn dial(net: &Net, stage: &Stage, host: &str, port: u16) -> Result<TcpStream, Failure> {
    stage.enter(CONNECTING);
    let (to_host, to_port) = net.target(host, port);
    let stream =
        TcpStream::connect((to_host, to_port)).await.map_err(|e| unreachable(net, host, port, &e))?;
    // An attempt sends one small request, so packets should not wait to be filled. A socket that
    // refuses the option works too.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Returns the name of the other side. Adds the dialled address if it differs.
pub(crate) fn peer(net: &Net, host: &str, port: u16) -> String {
    let named = host_port(host, port);
    match net.target(host, port) {
        (to_host, to_port) if (to_host, to_port) != (host, port) => {
            format!("{named} (through {})", host_port(to_host, to_port))
        }
        _ => named,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds are the standard library's, and may become more"
)]
pub(crate) fn unreachable(net: &Net, host: &str, port: u16, error: &Error) -> Failure {
    let peer = peer(net, host, port);
    let help = match error.kind() {
        ErrorKind::ConnectionRefused => "nothing listens there: has it started, and is the port right?",
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => {
            "there is no route: a sandbox can be reached only from inside or through a tunnel (`--connect-to`)"
        }
        ErrorKind::TimedOut => {
            "packets are dropped on the way: check the security group, or use a tunnel (`--connect-to`)"
        }
        _ if is_lookup(error) => "the name does not resolve from here: check it, or use `--connect-to`",
        _ => "check the address and the network in between",
    };
    Failure::new("no connection", format!("cannot connect to {peer}: {error}; {help}"))
}

/// Returns whether a name did not resolve. The standard library has no error kind for this.
pub(crate) fn is_lookup(error: &Error) -> bool {
    error.to_string().contains("lookup address")
}
