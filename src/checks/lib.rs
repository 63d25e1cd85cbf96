//! Checks whether restored resources are healthy, one file per kind of check.
//!
//! An attempt never returns an error. If it cannot see what the check asks for, it returns an
//! unhealthy observation with the reason; if it could not even ask, an unknown one. The engine repeats attempts and applies `within` and
//! `stable_for`.
//!
//! For `s3`, `dynamodb` and `state`, the cloud port makes the calls, and this crate judges the answers. It also
//! judges what the twin's estate answers, with the same judges.

#![deny(clippy::wildcard_enum_match_arm)]

mod answers;
pub mod data;
pub mod dynamodb;
mod observation;
pub mod s3;
pub mod state;

#[cfg(feature = "live")]
mod body;
#[cfg(feature = "live")]
mod command;
#[cfg(feature = "live")]
mod dial;
#[cfg(feature = "live")]
mod dns;
#[cfg(feature = "live")]
mod failure;
#[cfg(feature = "live")]
mod http;
#[cfg(feature = "live")]
mod net;
#[cfg(feature = "live")]
mod redirect;
#[cfg(feature = "live")]
mod redis;
#[cfg(feature = "live")]
pub mod remote;
#[cfg(feature = "live")]
mod sql;
#[cfg(feature = "live")]
mod tcp;
#[cfg(feature = "live")]
mod tls;

#[cfg(test)]
#[cfg(feature = "live")]
mod testing;

pub use answers::{
    Ending, First, Found, HttpAnswer, Ran, RedisSeen, judge_command, judge_dns, judge_http, judge_redis,
    judge_sql, judge_tcp,
};
pub use dynamodb::{DynamodbObserved, judge as judge_dynamodb};
pub use observation::{DataSeen, Health, Observation, Secrets, printable};
pub use playbook::connect_to::ConnectTo;
pub use s3::{S3Observed, judge as judge_s3};
pub use state::judge as judge_state;

#[cfg(feature = "live")]
pub use self::{
    command::command, data::data, dns::dns, http::http, net::Net, redis::redis, sql::sql, tcp::tcp,
};

/// Makes one attempt of a check over the network or on this machine.
///
/// The kinds `s3`, `dynamodb` and `state` need the cloud port. Here they are not asked.
#[cfg(feature = "live")]
pub async fn probe(kind: &playbook::check::CheckKind, net: &Net) -> Observation {
    use playbook::check::CheckKind;
    match kind {
        CheckKind::Http(spec) => http(spec, net).await,
        CheckKind::Tcp(spec) => tcp(spec, net).await,
        CheckKind::Dns(spec) => dns(spec, net).await,
        CheckKind::Sql(spec) => sql(spec, net).await,
        CheckKind::Data(spec) => data(spec, net).await,
        CheckKind::Redis(spec) => redis(spec, net).await,
        CheckKind::Command(spec) => command(spec, net).await,
        CheckKind::S3(_) | CheckKind::Dynamodb(_) | CheckKind::State(_) => Observation::unknown(
            "not asked",
            format!("a check of kind `{}` is asked through the cloud, not over the network", kind.name()),
        ),
    }
}
