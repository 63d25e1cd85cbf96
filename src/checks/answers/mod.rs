//! Judges answers, whoever gave them: a server, this machine, or the twin's estate.
//!
//! A part of an answer is `None` if nobody gave it. Only an estate leaves parts out. What a check
//! expects of such a part is not judged, and the observation names it in `assumed`.

mod command;
mod dns;
mod http;
mod redis;
mod sql;
mod tcp;

pub use command::{Ending, Ran, judge as judge_command};
pub use dns::judge as judge_dns;
pub use http::{HttpAnswer, judge as judge_http};
pub use redis::{Found, RedisSeen, judge as judge_redis};
pub use sql::{First, judge as judge_sql};
pub use tcp::judge as judge_tcp;
