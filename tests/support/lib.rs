//! Code that the tests share. A failed assertion in here fails the test that called it.
//!
//! The crate is built once for both test binaries, and without the AWS SDK. Code that needs the SDK
//! lies in `tests/aws`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::new_without_default,
    clippy::disallowed_methods,
    reason = "a test stops at what it did not expect, and it may look at the real clock"
)]

pub mod alone;
pub mod canary;
pub mod certs;
pub mod conformance;
pub mod discovered;
pub mod drill;
pub mod golden;
pub mod markup;
pub mod peers;
pub mod places;
pub mod ports;
pub mod rehearsal;
pub mod report_fixtures;
pub mod requests;
pub mod serving;
pub mod sources;
pub mod terminal;
pub mod ui_fixture;

/// For the macro [`golden!`].
pub use insta;
