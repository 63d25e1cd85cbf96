//! Who is told, and how they are reached.

use std::time::Duration;

use async_trait::async_trait;

use base::duration::Time;
use base::secret::{self, Environment};
use playbook::notify::{Ending, Notify, Smtp, Sns};
use record::report::Report;
use record::report::model::Verdict;

use crate::message::{Message, Notice};
use crate::secret::url;
use crate::traces::Traces;
use crate::{slack, webhook};

/// A topic of Amazon SNS, which the caller reaches.
#[async_trait]
pub trait Topic: Send + Sync {
    /// # Errors
    /// What failed, as a text for the user.
    async fn publish(&self, subject: &str, text: &str) -> Result<(), String>;
}

/// Somebody who is told, with the secrets that reach them.
pub struct Recipient {
    name: String,
    on: Vec<Ending>,
    simulated: bool,
    limit: Duration,
    way: Way,
}

enum Way {
    Slack { url: String },
    Webhook { url: String, secret: Option<String> },
    Sns(Box<dyn Topic>),
    Smtp { server: Smtp, password: Option<String> },
    Traces(Traces),
}

/// Reaches a topic, or says why not.
type Topics<'a> = &'a dyn Fn(&Sns) -> Result<Box<dyn Topic>, String>;

impl Recipient {
    /// Reads an entry of `notify`, and the secrets that it names. `place` says where it stands.
    ///
    /// # Errors
    /// Why nobody can be told, as a text for the user.
    pub fn of(
        entry: &Notify,
        place: &str,
        environment: Environment<'_>,
        topic: Topics<'_>,
    ) -> Result<Self, String> {
        let (kind, way) = match entry {
            Notify { slack: Some(slack), .. } => {
                ("slack", url(&slack.url, environment).map(|url| Way::Slack { url }))
            }
            Notify { webhook: Some(hook), .. } => {
                let secret = hook.secret.as_deref().map(|name| secret::read(name, environment)).transpose();
                let url = url(&hook.url, environment);
                ("webhook", url.and_then(|url| Ok(Way::Webhook { url, secret: secret? })))
            }
            Notify { sns: Some(sns), .. } => ("sns", topic(sns).map(Way::Sns)),
            Notify { smtp: Some(server), .. } => {
                let password = server.password.as_deref().map(|name| secret::read(name, environment));
                let way = password.transpose().map(|password| Way::Smtp { server: server.clone(), password });
                ("smtp", way)
            }
            Notify { slack: None, webhook: None, sns: None, smtp: None, .. } => {
                ("notify", Err("it names nobody".to_owned()))
            }
        };
        let name = format!("{kind} ({place})");
        let way = way.map_err(|why| format!("{name}: {why}"))?;
        let (on, simulated) = (entry.on.clone(), entry.simulated);
        Ok(Self { name, on, simulated, limit: entry.timeout.0, way })
    }

    /// A collector of traces. It receives those of all runs.
    pub fn of_traces(traces: Traces) -> Self {
        let on = vec![Ending::Passed, Ending::Failed, Ending::Error, Ending::Interrupted];
        let name = "traces (OpenTelemetry)".to_owned();
        Self { name, on, simulated: true, limit: traces.limit, way: Way::Traces(traces) }
    }

    /// `slack (the first entry of …)`, without secrets.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether this run is one that they want to know of.
    pub fn wants(&self, report: &Report) -> bool {
        let ending = match report.verdict {
            Verdict::Passed => Ending::Passed,
            Verdict::Failed => Ending::Failed,
            Verdict::Error => Ending::Error,
            Verdict::Interrupted => Ending::Interrupted,
        };
        self.on.contains(&ending) && (self.simulated || !report.simulated)
    }

    /// Sends the message once. Each try has the limit of the recipient, and the caller limits them all.
    pub(crate) async fn send(&self, message: &Message, report: &Report, now: Time) -> Result<(), String> {
        match &self.way {
            Way::Slack { url } => {
                post(url, &[], slack::body(message).to_string(), self.limit).await.map(drop)
            }
            Way::Webhook { url, secret } => {
                let body = Notice::of(report).to_json()?.to_string();
                let signed = secret.as_ref().map(|secret| {
                    (webhook::HEADER.to_owned(), webhook::signature(secret, now, body.as_bytes()))
                });
                post(url, signed.as_slice(), body, self.limit).await.map(drop)
            }
            Way::Sns(topic) => topic.publish(&message.headline, &message.text()).await,
            Way::Smtp { server, password } => {
                let limit = self.limit;
                mail(server, password.as_deref(), message, &Run { id: &report.run_id, now, limit }).await
            }
            Way::Traces(traces) => {
                let body = crate::traces::of(report, &traces.service).to_string();
                let answer = post(&traces.url, &traces.headers, body, self.limit).await?;
                crate::traces::accepted(&answer)
            }
        }
    }
}

/// What a mail needs beside its message.
#[cfg_attr(not(feature = "live"), expect(dead_code, reason = "only the network clients read it"))]
pub(crate) struct Run<'a> {
    pub(crate) id: &'a str,
    pub(crate) now: Time,
    pub(crate) limit: Duration,
}

#[cfg(feature = "live")]
use crate::{http::post, mail::send as mail};

#[cfg(not(feature = "live"))]
const NO_CLIENTS: &str = "this build sends nothing: build it with the cargo feature `live`";

#[cfg(not(feature = "live"))]
#[expect(clippy::unused_async, reason = "with the clients it sends")]
async fn post(_: &str, _: &[(String, String)], _: String, _: Duration) -> Result<Vec<u8>, String> {
    Err(NO_CLIENTS.to_owned())
}

#[cfg(not(feature = "live"))]
#[expect(clippy::unused_async, reason = "with the clients it sends")]
async fn mail(_: &Smtp, _: Option<&str>, _: &Message, _: &Run<'_>) -> Result<(), String> {
    Err(NO_CLIENTS.to_owned())
}
