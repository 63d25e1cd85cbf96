//! A rehearsal for commands that only look: on the twin, at full pace, without files.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use chrono::{SubsecRound, Utc};
use tokio_util::sync::CancellationToken;

use super::wire::{self, Drill, Options};
use crate::config::UserConfig;
use base::clock::Pace;
use base::duration::Time;
use base::ids::RunId;
use base::on::On;
use engine::plan::Plan;
use engine::sandbox::teardown::PATIENCE;
use event::{Body, Consumer, ConsumerError, Event};
use playbook::Loaded;
use record::objectives::Record;
use record::report::Report;

/// Steps that run at once, as in `run` without `--jobs`.
pub const JOBS: usize = 64;

pub struct Rehearsal {
    pub report: Report,
    pub record: Record,
    /// The requests that create something, and those that failed.
    pub requests: Vec<Event>,
}

/// Keeps the requests.
struct Requests(Rc<RefCell<Vec<Event>>>);

impl Consumer for Requests {
    fn take(&mut self, event: &Event) -> Result<(), ConsumerError> {
        if matches!(event.body, Body::Intent { .. } | Body::NotCreated { .. }) {
            self.0.borrow_mut().push(event.clone());
        }
        Ok(())
    }
}

/// Rehearses a playbook now. The twin's times are those without a seed.
pub fn of(loaded: Loaded, config: &UserConfig) -> Result<Rehearsal, String> {
    from(loaded, config, Utc::now().trunc_subsecs(0), JOBS)
}

/// The same as [`of`], for a playbook that was planned already.
pub fn of_plan(plan: Plan, config: &UserConfig) -> Result<Rehearsal, String> {
    from_plan(plan, config, Utc::now().trunc_subsecs(0), JOBS)
}

/// Rehearses a playbook from an instant on, with so many steps at once.
pub fn from(loaded: Loaded, config: &UserConfig, start: Time, jobs: usize) -> Result<Rehearsal, String> {
    from_plan(wire::plan_of(loaded)?, config, start, jobs)
}

fn from_plan(plan: Plan, config: &UserConfig, start: Time, jobs: usize) -> Result<Rehearsal, String> {
    let options = Options {
        on: On::Twin,
        run: RunId("plan".into()),
        seed: None,
        pace: Pace::Max,
        jobs,
        ask_people: false,
        folder: None,
        keep_sandbox: false,
        wait_network: true,
        patience: PATIENCE,
        connect_to: Vec::new(),
        start,
        abort: false,
        needs_program: false,
        protected: config.protected(),
        forecast: None,
        past: Vec::new(),
        store: None,
    };
    wire::runtime()?.block_on(async {
        let requests = Rc::new(RefCell::default());
        let consumer: Box<dyn Consumer> = Box::new(Requests(Rc::clone(&requests)));
        let drill = Drill::new(plan, &options, &[], CancellationToken::new(), |_| vec![consumer])?;
        let record = drill.record();
        let report = Box::pin(drill.run(None)).await.ok_or("the rehearsal left no record")?;
        let record = record.take();
        let requests = requests.take();
        Ok(Rehearsal { report, record, requests })
    })
}

impl Rehearsal {
    /// The seconds that each workload is expected to take, by its name.
    pub fn expected(&self) -> BTreeMap<String, f64> {
        let workloads = self.report.workloads.iter();
        workloads.filter_map(|workload| Some((workload.name.clone(), workload.rto.measured_s?))).collect()
    }
}
