//! The peers that integration tests talk to, each a real server on 127.0.0.1 that ends with the value that holds it (and, for
//! child processes, with the test process however it ends): [`Moto`] (AWS), [`Postgres`], [`MariaDb`], [`HttpTarget`],
//! [`TlsTarget`], [`TcpTarget`]. `tests/peers/setup` installs the programs; without it a start panics and says so.

mod databases;
mod moto;
mod process;
mod stores;
mod targets;

pub use databases::{MariaDb, PASSWORD, Postgres};
pub use moto::Moto;
pub use process::Certificates;
pub use stores::Store;
pub use targets::{Answer, HttpTarget, Request, TcpTarget, TlsTarget};
