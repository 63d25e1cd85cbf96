//! Tells people and their tools of a run that ended. What fails is a warning.

#[cfg(feature = "aws")]
mod sns;

use std::path::{Path, PathBuf};

use chrono::Utc;

use super::output::write_stderr;
use super::wire;
use crate::config::UserConfig;
use ::notify::traces::Traces;
use ::notify::{Recipient, metrics};
use playbook::Loaded;
use playbook::model::Account;
use playbook::notify::Notify;
use record::report::Report;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct TellArgs {
    /// Write the figures of the run into this file, for Prometheus
    ///
    /// Of a folder, each playbook and cloud has its own file. Default: `metrics_file` of the
    /// configuration, else none.
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
}

/// All who are told of a run, and the file of its metrics.
#[derive(Default)]
pub struct Telling {
    pub recipients: Vec<Recipient>,
    pub metrics: Option<PathBuf>,
}

impl Telling {
    /// Reads who is told, and the secrets that this needs. What is missing is a warning: it is written
    /// now, when somebody can still mend it.
    pub fn of(loaded: &Loaded, args: &TellArgs, config: &UserConfig) -> Self {
        let (telling, wrong) = Self::read(loaded, args, config);
        for why in wrong {
            warn(&format!("{why}; nobody will be told there"));
        }
        telling
    }

    /// Reads who is told. Also returns why some cannot be.
    pub fn read(loaded: &Loaded, args: &TellArgs, config: &UserConfig) -> (Self, Vec<String>) {
        let environment = |name: &str| std::env::var_os(name);
        let (mut recipients, mut wrong) = (Vec::new(), Vec::new());
        let mut add = |entries: &[Notify], file: &Path, account: &dyn Fn(&str) -> Option<Account>| {
            for (number, entry) in (1..).zip(entries) {
                let place = format!("entry {number} of `notify` in {}", file.display());
                match Recipient::of(entry, &place, &environment, &|sns| topic(sns, account)) {
                    Ok(recipient) => recipients.push(recipient),
                    Err(why) => wrong.push(why),
                }
            }
        };
        let playbook = &loaded.playbook;
        add(&playbook.notify, &loaded.path, &|name| playbook.accounts.get(name).cloned());
        add(&config.notify, config.path.as_deref().unwrap_or(Path::new("")), &|name| {
            config.accounts.get(name).map(super::configuration::account_of)
        });
        let collector = config.traces.clone().map(|traces| (traces.endpoint, traces.headers));
        let (endpoint, headers) = collector.map_or_else(Default::default, |(url, of)| (Some(url), of));
        match Traces::read(endpoint.as_deref(), &headers, &environment) {
            Ok(traces) => recipients.extend(traces.map(Recipient::of_traces)),
            Err(why) => wrong.push(why),
        }
        let named = config.metrics_file.as_ref().map(|file| config.folder().join(file));
        (Self { recipients, metrics: args.metrics.clone().or(named) }, wrong)
    }

    /// Tells all, and warns of what failed.
    pub fn tell(&self, report: &Report) {
        for (name, told) in self.told(report) {
            if let Err(why) = told {
                warn(&format!("{name}: {why}; the verdict stands, and `drillmaster notify` tells again"));
            }
        }
    }

    /// Tells all. Returns what became of each, by its name.
    pub fn told(&self, report: &Report) -> Vec<(String, Result<(), String>)> {
        let metrics = self.metrics.iter().map(|file| {
            let written = metrics::write(file, report).map(drop);
            (format!("metrics ({})", file.display()), written)
        });
        let mut told: Vec<_> = metrics.collect();
        if !self.recipients.iter().any(|recipient| recipient.wants(report)) {
            return told;
        }
        let runtime = match wire::runtime() {
            Ok(runtime) => runtime,
            Err(why) => {
                told.push(("notify".to_owned(), Err(why)));
                return told;
            }
        };
        let sent = runtime.block_on(::notify::tell(&self.recipients, report, Utc::now()));
        told.extend(sent.into_iter().map(|(recipient, sent)| (recipient.name().to_owned(), sent)));
        // A name lookup may never return. The runtime does not wait for it.
        runtime.shutdown_background();
        told
    }
}

fn warn(message: &str) {
    write_stderr(&format!("warning: {message}\n"));
}

#[cfg(feature = "aws")]
use sns::topic;

#[cfg(not(feature = "aws"))]
fn topic(
    _: &playbook::notify::Sns,
    _: &dyn Fn(&str) -> Option<Account>,
) -> Result<Box<dyn ::notify::Topic>, String> {
    Err("this build cannot reach SNS: build it with the cargo feature `aws` (it is on by default)".to_owned())
}
