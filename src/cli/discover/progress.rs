//! What is shown while accounts are read: a bar on a terminal, otherwise one line for each event.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::output::{print_as, write_stderr};
use crate::config::SweptAccount;
use crate::ui::text::{clean, count};
use crate::ui::{Display, OutputMode, Surroundings, choose};
use base::ids::{AccountId, Region};
use base::redact;
use base::visible::{Form, printed};

/// One step of the reading.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    pub account: &'a AccountId,
    /// `None`: global services.
    pub region: Option<&'a Region>,
    pub service: &'a str,
    pub what: What<'a>,
}

#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "nothing is read without AWS"))]
pub enum What<'a> {
    Began,
    Ended { resources: usize, points: usize },
    Failed { why: &'a str },
}

/// The display of a reading.
pub struct Shown {
    display: Display,
    names: BTreeMap<AccountId, String>,
    bar: Option<ProgressBar>,
    counts: RefCell<Counts>,
}

#[derive(Default)]
struct Counts {
    begun: u64,
    ended: u64,
    resources: usize,
    points: usize,
}

impl Shown {
    pub fn new(output: OutputMode, accounts: &[(String, SweptAccount)]) -> Self {
        let display = choose(output, &Surroundings::detect());
        let bar = match display {
            Display::Live(_) => {
                let bar = ProgressBar::new(0);
                let style = ProgressStyle::with_template("{spinner} {bar:30} {pos}/{len} {wide_msg}");
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                bar.enable_steady_tick(Duration::from_millis(100));
                Some(bar)
            }
            Display::Ndjson | Display::Lines(_) => None,
        };
        let names = accounts.iter().map(|(name, account)| (account.id.clone(), name.clone())).collect();
        Self { display, names, bar, counts: RefCell::default() }
    }

    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "nothing is read without AWS"))]
    pub fn take(&self, event: Event<'_>) {
        let Event { account, region, service, what } = event;
        let name = self.names.get(account).map_or(account.as_str(), String::as_str);
        if self.display == Display::Ndjson {
            let (kind, resources, points, why) = match what {
                What::Began => ("began", None, None, None),
                What::Ended { resources, points } => ("ended", Some(resources), Some(points), None),
                What::Failed { why } => ("failed", None, None, Some(why)),
            };
            let mut line = json!({ "event": kind, "account": account, "name": name, "region": region, "service": service });
            if let Some(object) = line.as_object_mut() {
                object.extend(resources.map(|n| ("resources".to_owned(), n.into())));
                object.extend(points.map(|n| ("points".to_owned(), n.into())));
                object.extend(why.map(|why| ("why".to_owned(), why.into())));
            }
            redact::value(&mut line);
            // If stdout is closed, the last line fails too, and that one is an error.
            let _ = print_as(&format!("{line}\n"), Form::Json);
            return;
        }
        let place = format!("{} {} {service}", clean(name), region.map_or("global", Region::as_str));
        let line = match what {
            What::Began => None,
            What::Ended { resources, points } => Some(format!(
                "{place}: {}, {}",
                count(resources, "resource"),
                count(points, "recovery point")
            )),
            // The reasons stand together at the end.
            What::Failed { .. } => Some(format!("{place}: not read")),
        };
        let Some(bar) = &self.bar else {
            if let Some(line) = line {
                write_stderr(&format!("{line}\n"));
            }
            return;
        };
        let mut counts = self.counts.borrow_mut();
        match what {
            What::Began => counts.begun += 1,
            What::Ended { resources, points } => {
                counts.ended += 1;
                counts.resources += resources;
                counts.points += points;
            }
            What::Failed { .. } => {
                // A place that could not be reached did not begin.
                counts.ended += 1;
                counts.begun = counts.begun.max(counts.ended);
                if let Some(line) = line {
                    bar.suspend(|| write_stderr(&format!("{line}\n")));
                }
            }
        }
        bar.set_length(counts.begun);
        bar.set_position(counts.ended);
        let message = format!(
            "{}, {}: {place}",
            count(counts.resources, "resource"),
            count(counts.points, "recovery point")
        );
        bar.set_message(printed(&redact::text(&message), Form::Text { colour: false }).into_owned());
    }

    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
