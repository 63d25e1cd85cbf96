//! The peers that integration tests talk to. Each is a real server on 127.0.0.1: [`Moto`] (AWS),
//! [`Bucket`] (of each provider), [`Postgres`], [`Pooler`], [`MariaDb`], [`Redis`], [`HttpTarget`], [`TlsTarget`],
//! [`TcpTarget`], [`Sinks`]. A peer ends with the
//! value that holds it. A child process also ends with the test process, however that ends.
//! `tests/peers/setup` installs the programs. Without them a start panics and says so.

mod buckets;
mod databases;
mod moto;
mod pooler;
mod process;
mod proxy;
mod redis;
mod sinks;
mod stores;
mod targets;

pub use buckets::Bucket;
pub use databases::{MariaDb, PASSWORD, Postgres};
pub use moto::Moto;
pub use pooler::Pooler;
pub use process::{Certificates, browser, checkers, output, program, python, stores};
pub use proxy::Proxy;
pub use redis::Redis;
pub use sinks::Sinks;
pub use stores::Store;
pub use targets::{Answer, HttpTarget, Request, TcpTarget, TlsTarget};
