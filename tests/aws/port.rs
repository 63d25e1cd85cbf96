//! The port's implementation over the AWS SDKs, against an AWS API on 127.0.0.1 (tests/peers).

mod bulk;
mod compute;
mod databases;
mod failures;
mod identity;
mod loss;
mod network;
mod objects;
mod points;
mod tables;
mod tagged;
mod world;
