//! What the drill of a playbook needs of quotas, and what it costs: from the requests of its
//! rehearsal.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use super::points::Points;
use crate::cli::output::write_stderr;
use crate::cli::rehearsal::Rehearsal;
use crate::ui::Surroundings;
use crate::ui::text::clean;
use base::duration::{Size, Time};
use base::exit::Exit;
use base::ids::Region;
use estate::file::ResourceEntry;
use event::{Body, Request};
use insight::needs::cost::{Cost, Item, Until};
use insight::needs::prices::{self, Prices};
use insight::needs::quotas::{Quota, Status, quotas};
use insight::needs::{Asked, Completeness, Thing};
use playbook::Loaded;
use record::report::model::StepStatus;

/// The quotas and the cost.
pub struct Needs {
    pub quotas: Vec<Quota>,
    pub cost: Cost,
}

/// The table of prices: a file, or the program's own.
pub fn prices(path: Option<&Path>) -> Result<Prices, Exit> {
    path.map_or_else(prices::built_in, prices::load).map_err(|found| {
        write_stderr(&found.render(Surroundings::detect().stderr_look().color));
        Exit::Wrong
    })
}

/// The playbook with an estate that says no quotas. A quota that is too low stops a rehearsal before
/// it shows what it needs. `None`: there are none.
pub fn without_quotas(loaded: &Loaded) -> Option<Loaded> {
    let mut loaded = loaded.clone();
    let regions = &mut Arc::make_mut(&mut loaded.estate.as_mut()?.file).regions;
    let taken = regions.values_mut().filter_map(|region| region.quotas.take()).count();
    (taken > 0).then_some(loaded)
}

/// Whether all steps were done.
fn completeness(rehearsal: &Rehearsal) -> Completeness {
    let report = &rehearsal.report;
    let done = report.steps.iter().all(|step| step.status == StepStatus::Succeeded);
    if report.t0.is_some() && done { Completeness::Whole } else { Completeness::InPart }
}

impl Needs {
    pub fn of(loaded: &Loaded, rehearsal: &Rehearsal, prices: &Prices) -> Self {
        let (asked, completeness) = (asked(loaded, rehearsal), completeness(rehearsal));
        let sandbox = &loaded.playbook.sandbox;
        let file = loaded.estate.as_ref().map(|estate| &*estate.file);
        let here = file.and_then(|file| file.regions.get(&sandbox.region));
        let started = rehearsal.report.started_at;
        // What teardown deletes stays until it has begun, and most of it until it has ended.
        let until = Until { expected: rehearsal.report.finished_at, latest: started + sandbox.ttl.delta() };
        Self {
            quotas: quotas(
                &asked,
                &sandbox.region,
                here.and_then(|entry| entry.quotas.as_ref()),
                completeness,
            ),
            cost: Cost::of(&asked, prices, until, completeness),
        }
    }
}

impl Needs {
    /// What, needed, left, and whether it is enough.
    pub fn quota_rows(&self) -> Vec<[String; 4]> {
        let number = |n: Option<u64>, unknown: &str| n.map_or_else(|| unknown.to_owned(), |n| n.to_string());
        let row = |quota: &Quota| {
            let status = match quota.status {
                Status::Enough => "enough",
                Status::TooLow => "too low",
                Status::Unknown => "unknown, so not enough",
            };
            let what = match quota.what {
                "db_instances" => "DB instances",
                "volume_gib" => "GiB of volumes",
                "snapshot_copies" => "copies of snapshots",
                what => what,
            };
            [
                what.to_owned(),
                number(quota.needed, "unknown"),
                number(quota.available, "not in the estate"),
                status.to_owned(),
            ]
        };
        self.quotas.iter().map(row).collect()
    }

    /// The whole cost in words.
    pub fn cost_words(&self) -> String {
        let cost = &self.cost;
        match (cost.total_usd, cost.up_to_usd) {
            (Some(total), Some(most)) => format!("{}, up to {} until the ttl", usd(total), usd(most)),
            (_, _) => format!("unknown, at least {}", usd(cost.at_least_usd)),
        }
    }

    /// Step, thing, hours and cost.
    pub fn cost_rows(&self) -> Vec<[String; 4]> {
        let row = |item: &Item| {
            let hours = item.hours.map_or_else(|| "once".to_owned(), |hours| format!("{hours:.2} h"));
            let (hours, price) = match (item.usd, &item.because) {
                (Some(price), _) => (hours, usd(price)),
                (None, Some(why)) => (String::new(), format!("unknown: {why}")),
                (None, None) => (String::new(), "unknown".to_owned()),
            };
            [clean(&item.by).into_owned(), clean(&item.what).into_owned(), hours, clean(&price).into_owned()]
        };
        self.cost.items.iter().map(row).collect()
    }

    /// Where the prices are from, and what is not in them.
    pub fn cost_notes(&self) -> Vec<String> {
        let Cost { prices_of, source, without, .. } = &self.cost;
        let prices = prices_of.iter().zip(source).map(|(date, source)| format!("prices of {date}: {source}"));
        prices.chain(without.iter().map(|without| format!("not in it: {without}"))).collect()
    }
}

fn usd(amount: f64) -> String {
    if amount > 0.0 && amount < 0.01 { "less than $0.01".to_owned() } else { format!("${amount:.2}") }
}

/// What the rehearsal asked for, each request once, in order: when, by which step, where and what.
pub fn requests(rehearsal: &Rehearsal) -> Vec<(Time, &str, &Region, &Request)> {
    let mut by_token = BTreeMap::new();
    for event in &rehearsal.requests {
        if let Body::Intent { by, token, region, what, .. } = &event.body {
            by_token.insert(token.as_str(), (event.at, by.as_str(), region, what));
        }
        // A refused request made nothing. A retry has a token of its own.
        if let Body::NotCreated { token, .. } = &event.body {
            by_token.remove(token.as_str());
        }
    }
    let mut all: Vec<_> = by_token.into_values().collect();
    all.sort_by_key(|(at, by, ..)| (*at, *by));
    all
}

fn asked(loaded: &Loaded, rehearsal: &Rehearsal) -> Vec<Asked> {
    let points = Points::of(&rehearsal.report);
    let mut resources: HashMap<String, &ResourceEntry> = HashMap::new();
    for entry in loaded.estate.iter().flat_map(|estate| &estate.file.resources) {
        resources.entry(entry.id.to_string()).or_insert(entry);
    }
    let mut asked = Vec::new();
    for (at, by, region, what) in requests(rehearsal) {
        // A copy job is started where the original lies. Its copy lies in the sandbox.
        let region = what.copy_out().map_or(region, |copy| &copy.to.region);
        let things = match what {
            Request::Create(create) => Thing::of(create),
            Request::CopyObjects(copy) => vec![Thing::Objects {
                from: copy.from.region.clone(),
                objects: copy.objects,
                size: copy.size,
            }],
        };
        for mut thing in things {
            let restored = points.used_by(by).and_then(|point| resources.get(&point.of));
            complete(&mut thing, restored.copied());
            asked.push(Asked { by: by.to_owned(), at, region: region.clone(), thing });
        }
    }
    asked
}

/// A step that does not say a class restores the old one, which the estate may know.
fn complete(thing: &mut Thing, entry: Option<&ResourceEntry>) {
    let Some(entry) = entry else { return };
    if let Thing::Database { engine, class, storage, .. } = thing {
        *engine = engine.take().or_else(|| entry.engine.clone());
        *class = class.take().or_else(|| entry.class.clone());
        if let Some(size) = storage.as_mut().filter(|size| **size == Size(0)) {
            *size = entry.size;
        }
    }
}
