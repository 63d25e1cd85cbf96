//! How people and their tools are told of a run that ended.
//!
//! What is told comes from the report alone. Nothing here changes a verdict: a recipient that takes
//! no message is a warning of the caller.

#![deny(clippy::wildcard_enum_match_arm)]

#[cfg(feature = "live")]
mod http;
#[cfg(feature = "live")]
mod mail;
mod message;
pub mod metrics;
mod recipient;
mod secret;
mod slack;
#[cfg(test)]
#[cfg(feature = "live")]
mod tests;
pub mod traces;
mod webhook;

use std::time::Duration;

use futures_util::future::join_all;

use base::duration::Time;
use record::report::Report;

pub use message::{Message, Notice};
pub use recipient::{Recipient, Topic};

/// Tells all recipients that want to know of this run, at once. Each has its own limit in time, so the
/// longest limit holds for all. Returns what became of each.
pub async fn tell<'a>(
    recipients: &'a [Recipient],
    report: &Report,
    now: Time,
) -> Vec<(&'a Recipient, Result<(), String>)> {
    let message = Message::of(report);
    let message = &message;
    let told = recipients.iter().filter(|recipient| recipient.wants(report)).map(async |recipient| {
        (recipient, limited(recipient.limit(), recipient.send(message, report, now)).await)
    });
    join_all(told).await
}

#[expect(clippy::disallowed_methods, reason = "the run is over: its clock stands still")]
async fn limited(limit: Duration, sent: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let late = |_| format!("there was no answer within {}", base::duration::Span(limit));
    tokio::time::timeout(limit, sent).await.map_err(late).and_then(|sent| sent)
}
