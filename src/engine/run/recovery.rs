//! The part of a run from T0 to teardown.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::Engine;
use super::found::SurveyedPoints;
use super::isolation::IsolationMonitor;
use super::known::Points;
use super::names::names_since;
use super::points::Chooser;
use crate::actions::WITHOUT_CLOUD;
use crate::plan::Work;
use crate::sandbox::{Provisioner, Ready};
use base::duration::Time;
use base::process::Background;
use event::Body;
use playbook::check::CheckKind;
use port::gate::DeniedCall;
use port::wait::Waiter;

/// The state that all steps and checks share.
pub struct Recovery<'a> {
    pub(super) engine: &'a Engine,
    pub(super) provisioner: &'a Rc<Provisioner>,
    pub(super) waiter: &'a Rc<Waiter>,
    pub(super) ready: &'a Ready,
    pub(super) monitor: &'a IsolationMonitor<'a>,
    pub(super) t0: Time,
    pub(super) points: Points,
    /// The steps that make what their outputs name.
    pub(super) makers: BTreeSet<&'a str>,
    /// The steps that made something whose hosts the judge of addresses does not know yet, by their
    /// places in the plan.
    pub(super) made: RefCell<Vec<usize>>,
    /// Whether the judge of addresses knows the names of zones.
    pub(super) zones_named: Cell<bool>,
    pub(super) outputs: RefCell<HashMap<String, serde_json::Value>>,
    /// The outputs of steps that have succeeded in this process. Filled before their names are answered,
    /// so earlier than `outputs`.
    pub(super) succeeded_outputs: RefCell<HashMap<String, serde_json::Value>>,
    /// The names that need no step, and that this process has answered.
    pub(super) answered: RefCell<HashSet<String>>,
    /// The names for expressions. Made once: each step and check puts in what it alone may name.
    pub(super) names: RefCell<serde_json::Value>,
    /// The programs that steps left running, by step. They end with the recovery.
    pub(super) background: RefCell<BTreeMap<String, Background>>,
    /// The number of denials that were already emitted.
    pub(super) denials_told: Cell<usize>,
}

impl<'a> Recovery<'a> {
    pub fn new(
        engine: &'a Engine,
        provisioner: &'a Rc<Provisioner>,
        waiter: &'a Rc<Waiter>,
        monitor: &'a IsolationMonitor<'a>,
        t0: Time,
        surveyed: SurveyedPoints,
    ) -> Self {
        let memory = &engine.memory;
        let outputs = memory.steps.iter().map(|(id, step)| (id.clone(), step.outputs.clone()));
        let makers = makers(engine);
        let outputs: HashMap<String, serde_json::Value> =
            outputs.filter(|(_, outputs)| !outputs.is_null()).collect();
        let nodes = engine.plan.nodes.iter().enumerate();
        let made = nodes.filter(|(_, node)| makers.contains(&*node.id) && outputs.contains_key(&node.id));
        let ready = monitor.ready();
        let recovery = Self {
            names: RefCell::new(names_since(engine, ready, t0)),
            made: RefCell::new(made.map(|(index, _)| index).collect()),
            makers,
            engine,
            provisioner,
            waiter,
            ready,
            monitor,
            t0,
            points: Points::of(memory, surveyed),
            zones_named: Cell::default(),
            outputs: RefCell::new(outputs),
            succeeded_outputs: RefCell::default(),
            answered: RefCell::default(),
            background: RefCell::default(),
            denials_told: Cell::new(memory.denied.len()),
        };
        for denied in &memory.denied {
            engine.gate.recall(denied);
        }
        recovery
    }

    /// Chooses the recovery points of steps.
    pub(super) fn chooser(&self) -> Chooser<'_> {
        Chooser { engine: self.engine, t0: self.t0, points: &self.points }
    }

    /// Denies a check that asks production, or what is lost. Returns the reason.
    pub fn deny_check(&self, id: &str, kind: &CheckKind) -> Option<String> {
        let found = self.engine.addresses.objection(kind)?;
        let why = format!("it asks what was not restored: {}", found.why);
        let call = format!("check:{}", kind.name());
        let (locus, step) = (found.locus, id.to_owned());
        self.engine.gate.refuse(&DeniedCall { call, locus, step, why: why.clone() });
        Some(why)
    }

    /// Emits the gate's new denials. Called before the outcome of a step or check is emitted.
    pub fn tell_denials(&self) {
        let denied = self.engine.gate.denied();
        for denied in denied.iter().skip(self.denials_told.replace(denied.len())).cloned() {
            let DeniedCall { call, locus, step, why } = denied;
            self.engine.bus.tell(Body::Denied { call, locus, step, why });
        }
    }
}

/// The steps that make what their outputs name. Of a command or a person the drill knows only words.
fn makers(engine: &Engine) -> BTreeSet<&str> {
    let steps = engine.plan.nodes.iter().filter_map(|node| match &node.work {
        Work::Step(work) => Some(work),
        Work::Check(_) => None,
    });
    let in_the_cloud = steps.filter(|work| !WITHOUT_CLOUD.contains(&work.action.decl.name));
    in_the_cloud.map(|work| work.step.id.as_str()).collect()
}
