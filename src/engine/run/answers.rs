//! Gives the names of `sandbox.names` their answers, once the steps that these name have succeeded.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Map, Value};

use super::Recovery;
use super::probe::LookedUp;
use crate::plan::StepWork;
use crate::sandbox::names::zone_of;
use crate::sandbox::provisioner::ProvisionError;
use estate::production::canonical;
use event::SANDBOX;
use playbook::asked;
use playbook::expr;
use port::wait::Until;
use port::{Create, ErrorKind, Finding, Kind, Rule};

/// The pauses between looks at a name that was answered. Route 53 has told that a record is in force before
/// the first look; the guide of DNS Firewall gives no figure for a rule.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
];
/// The pause before the last look of all.
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Why a name has no answer, and what to do about it.
struct Unanswered {
    why: String,
    fix: &'static str,
}

impl Unanswered {
    fn new(why: impl Into<String>, fix: &'static str) -> Self {
        Self { why: why.into(), fix }
    }
}

/// Whether a host has an address once the step that made it has succeeded. That of a file system has one
/// only after a mount target, and who asks too early is told for minutes that there is none.
fn leads_at_once(to: &str) -> bool {
    !to.to_ascii_lowercase().contains(".efs.")
}

impl From<ProvisionError> for Unanswered {
    fn from(error: ProvisionError) -> Self {
        let is_lost = matches!(&error, ProvisionError::Cloud(error) if error.kind == ErrorKind::Lost);
        Self::new(
            error.to_string(),
            if is_lost {
                "Route 53's control plane is lost with us-east-1: let the firewall answer with `names_by: firewall`, and plan \
                 for the day on which no record can be changed"
            } else {
                "see what the message names, and run the drill again"
            },
        )
    }
}

impl Recovery<'_> {
    /// Answers the names whose steps have all succeeded, the last of them this one, and returns those that
    /// should lead to an address at once. It belongs to the step: what depends on it finds the names. A
    /// name that gets no answer fails no step.
    pub(super) async fn answer_names(
        &self,
        work: &StepWork,
        attempt: u32,
        outputs: &Map<String, Value>,
    ) -> Vec<String> {
        let mut with_answer = Vec::new();
        let sandbox = &self.engine.plan.sandbox;
        if sandbox.names.is_empty() {
            return with_answer;
        }
        if self.makers.contains(work.step.id.as_str()) && work.demands.template.is_none() {
            self.note(&Value::Object(outputs.clone()));
        }
        // Of two steps that end at once, the second sees the first, and answers what needs both.
        self.succeeded_outputs.borrow_mut().insert(work.step.id.clone(), Value::Object(outputs.clone()));
        let mut all = self.outputs.borrow().clone();
        all.extend(self.succeeded_outputs.borrow().clone());
        for (place, (name, template)) in (0..).zip(&sandbox.names) {
            let given = Value::String(template.clone());
            let needed = expr::named(&given, "steps").unwrap_or_default();
            let by = if needed.is_empty() {
                // It needs no step: the first one that succeeds brings it. A process that goes on with
                // the run brings it again, and finds what was made.
                if !self.answered.borrow_mut().insert(name.clone()) {
                    continue;
                }
                SANDBOX
            } else {
                if !needed.contains(&work.step.id) || !needed.iter().all(|step| all.contains_key(step)) {
                    continue;
                }
                work.step.id.as_str()
            };
            let mut names = self.names.borrow().clone();
            if let Value::Object(names) = &mut names {
                names.insert("steps".into(), Value::Object(all.clone().into_iter().collect()));
            }
            let rendered = expr::render_value(&given, &names);
            let answered = match rendered {
                Ok(to) => {
                    let to = to.as_value().as_str().unwrap_or_default().trim();
                    let answered = self.answer(by, attempt, (place, name), to).await;
                    answered.map(|()| leads_at_once(to))
                }
                Err(error) => Err(Unanswered::new(
                    error.to_string(),
                    "an answer may name only what its steps have given",
                )),
            };
            match answered {
                Ok(true) => with_answer.push(name.clone()),
                Ok(false) => {}
                Err(Unanswered { why, fix }) => {
                    let said = format!("the sandbox does not answer it: {why}");
                    self.engine.report(Finding::new(Rule::NameNotAnswered, name, said, fix));
                }
            }
        }
        with_answer
    }

    /// Looks the answered names up from inside the sandbox, each until it leads to an address, for a
    /// while. What does not yet lead anywhere may do so after a later step.
    pub(super) async fn wait_for_names(&self, by: &str, names: &[String]) {
        let wait = async |name: &String| {
            let mut pauses = PAUSES.into_iter();
            while let Some(LookedUp::Nothing(_)) = self.look_up(by, name).await {
                let Some(pause) = pauses.next() else { return };
                self.engine.clock.sleep(pause).await;
            }
        };
        join_all(names.iter().map(wait)).await;
    }

    /// After the recovery, tells which answered names lead to no address, and which nobody could ask for.
    pub(super) async fn tell_unfound_names(&self) {
        let outputs = self.outputs.borrow().clone();
        let is_answered = |name: &str, template: &str| {
            let needed = expr::named(&Value::String(template.to_owned()), "steps").unwrap_or_default();
            let has_ended = !outputs.is_empty() && needed.iter().all(|step| outputs.contains_key(step));
            has_ended && !self.has_no_answer(&canonical(name))
        };
        let names = self.engine.plan.sandbox.names.iter();
        let look = async |(name, _): (&String, &String)| {
            let first = self.look_up(SANDBOX, name).await;
            match first {
                Some(LookedUp::Nothing(_) | LookedUp::NotAsked(_)) => {
                    self.engine.clock.sleep(LAST_PAUSE).await;
                    (name.clone(), self.look_up(SANDBOX, name).await)
                }
                Some(LookedUp::Address) | None => (name.clone(), first),
            }
        };
        let looks = join_all(names.filter(|(name, template)| is_answered(name, template)).map(look));
        let interrupted = self.engine.interrupt.cancelled();
        let found = tokio::select! {
            biased;
            () = interrupted => return,
            found = looks => found,
        };
        for (name, found) in found {
            let (said, fix) = match found {
                Some(LookedUp::Nothing(why)) => (
                    format!("it leads to no address: the probe in the sandbox looked it up: {why}"),
                    "see that what it leads to has an address in the sandbox; where the firewall answers, a zone may do so instead, unless us-east-1 is lost: leave `names_by` out",
                ),
                Some(LookedUp::NotAsked(why)) => (
                    format!("nobody knows whether the sandbox answers it: {why}"),
                    "see why the probe gives no answer, and run the drill again",
                ),
                Some(LookedUp::Address) | None => continue,
            };
            self.engine.report(Finding::new(Rule::NameNotAnswered, &name, said, fix));
        }
    }

    async fn answer(
        &self,
        by: &str,
        attempt: u32,
        (order, name): (u16, &str),
        to: &str,
    ) -> Result<(), Unanswered> {
        const GIVE_A_HOST: &str =
            "answer with an output of a step that is a host name or an address: `{{ steps.db.address }}`";
        if let Err(wrong) = asked::host(to) {
            return Err(Unanswered::new(wrong.message, GIVE_A_HOST));
        }
        if let Some(found) = self.engine.addresses.answered(to) {
            return Err(Unanswered::new(
                format!("it would lead out of the sandbox: {}", found.why),
                GIVE_A_HOST,
            ));
        }
        let (place, domain) = (&self.ready.place, name.to_ascii_lowercase());
        let (provisioner, slot) = (self.provisioner, format!("answer-{domain}"));
        if !self.engine.plan.sandbox.answers_by_firewall() {
            let zone = zone_of(&domain).and_then(|zone| self.ready.zones.get(&zone));
            let Some(zone) = zone else {
                return Err(Unanswered::new(
                    "it has no zone",
                    "this is a defect of Drillmaster: please report it",
                ));
            };
            let what = Create::Record { zone: zone.clone(), domain, to: to.to_owned() };
            provisioner.create(place, by, attempt, &slot, what).await?;
            return Ok(());
        }
        if to.parse::<std::net::IpAddr>().is_ok() {
            return Err(Unanswered::new(
                format!("the firewall leads to names alone, and {to} is an address"),
                "answer with a host name, or let a zone answer: leave `names_by` out",
            ));
        }
        let Some(watch) = &self.ready.watch else {
            return Err(Unanswered::new("the resolver is open", "write `resolver: closed`"));
        };
        let made_by = provisioner.name(by, &slot);
        let what = Create::DomainList { name: made_by.clone(), domains: vec![domain] };
        let made = provisioner.create(place, by, attempt, &slot, what).await?;
        let list = made.resources.into_iter().find(|made| made.kind == Kind::DomainList).map(|made| made.id);
        let list = list.unwrap_or_default();
        self.waiter.wait(place, Kind::DomainList, &list, Until::Ready).await.map_err(ProvisionError::from)?;
        let rule = format!("{slot}-rule");
        let (group, to) = (watch.rule_group.clone(), to.to_owned());
        let what = Create::OverrideRule { group, list, to, name: made_by, order };
        provisioner.create(place, by, attempt, &rule, what).await?;
        Ok(())
    }
}
