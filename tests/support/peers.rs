//! The peers that integration tests talk to, each a real server on 127.0.0.1 that ends with the value that holds it (and, for
//! child processes, with the test process however it ends): [`Moto`] (AWS), [`Postgres`], [`MariaDb`], [`HttpTarget`],
//! [`TlsTarget`], [`TcpTarget`]. `tests/peers/setup` installs the programs; without it a start panics and says so.
//!
//! Use: `#[path = "support/peers.rs"] mod peers;`
// Each test file uses a part of this, and a peer that does not work must fail the test there and then.
#![allow(dead_code, unused_imports, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "databases.rs"]
mod databases;
#[path = "moto.rs"]
mod moto;
#[path = "process.rs"]
mod process;
#[path = "targets.rs"]
mod targets;

pub use databases::{MariaDb, PASSWORD, Postgres};
pub use moto::Moto;
pub use process::{Certificates, free_port};
pub use targets::{Answer, HttpTarget, Request, TcpTarget, TlsTarget};
