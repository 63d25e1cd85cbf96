//! Ports that no other test gets.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port on 127.0.0.1 that is bound, but not listened on, as long as this value lives.
///
/// Nobody else gets the port, and connections to it are refused. A server may listen on it in the
/// meantime if it sets `SO_REUSEADDR`, as all our peers do. (Linux allows that; BSD does not.)
pub struct Reserved {
    _socket: TcpSocket,
    address: SocketAddr,
}

impl Reserved {
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = socket.local_addr().unwrap();
        Self { _socket: socket, address }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
