//! Tests that need the AWS SDK or the network clients of the checks. They run against an AWS API,
//! databases and listeners on 127.0.0.1. `tests/peers/setup` installs these.
//!
//! All these tests form one binary, because each binary links the whole SDK again.

#![cfg(feature = "aws")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test stops at what it did not expect, may look at the real clock, and says how far it came"
)]
#![allow(clippy::large_stack_frames, reason = "a test seeds an estate by one call after the other")]

mod checks_data;
mod checks_http;
mod checks_redis;
mod checks_session;
mod checks_sql;
mod conformance;
mod discover;
mod drills;
mod evidence;
mod first_drill;
mod learned;
mod live_secrets;
mod notify;
mod page;
mod peers;
mod port;
mod served;
mod store;
mod through_a_proxy;
mod timestamps;
