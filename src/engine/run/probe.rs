//! Asks checks through the probe in the sandbox. Where it gives no answer, nothing is known of what
//! the check asks for.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Engine, Recovery, Stop};
use crate::sandbox::{Provisioner, Ready};
use base::duration::Span;
use checks::{Health, Observation};
use event::{Body, Probed, SANDBOX};
use playbook::check::{CheckKind, DEFAULT_TIMEOUT, LARGEST_QUESTION};
use port::Invoked;

/// What an invocation may take besides the check: Lambda starts the function, or makes its network
/// interface anew.
pub(super) const BESIDES_THE_CHECK: Duration = Duration::from_secs(30);

/// How long the probe has for its first answer, and the pause between tries.
const GREETED_WITHIN: Duration = Duration::from_mins(3);
const PAUSE: Duration = Duration::from_secs(5);

/// What a look at a name saw.
pub(super) enum LookedUp {
    Address,
    /// No address, and why.
    Nothing(String),
    /// The probe gave no answer, and why.
    NotAsked(String),
}

/// The invocations of this process.
#[derive(Debug, Default)]
pub struct ProbeLog(RefCell<Invocations>);

#[derive(Debug, Default)]
struct Invocations {
    cold_ms: Option<f64>,
    /// An attempt that is cut off by its check's end was asked, and has no answer.
    asked: u32,
    answered_ms: Vec<f64>,
}

impl ProbeLog {
    /// `None`: nobody invoked it.
    fn told(&self) -> Option<Probed> {
        let log = self.0.borrow();
        let mut times = log.answered_ms.clone();
        times.sort_by(f64::total_cmp);
        let answered = u32::try_from(times.len()).unwrap_or(u32::MAX);
        (log.asked > 0 || log.cold_ms.is_some()).then(|| Probed {
            invocations: log.asked,
            unanswered: log.asked.saturating_sub(answered),
            cold_ms: log.cold_ms,
            p50_ms: times.get(times.len().saturating_sub(1) / 2).copied(),
        })
    }
}

impl Recovery<'_> {
    /// Makes one attempt of a check that goes over the network.
    pub(super) async fn ask_network(&self, id: &str, kind: &CheckKind) -> Observation {
        let prober = &self.engine.prober;
        let Some(function) = &self.ready.probe else { return prober.probe(kind).await };
        match prober.question(kind) {
            None => prober.probe(kind).await,
            Some(Err(unknown)) => unknown,
            Some(Ok(question)) => {
                let limit = kind.timeout().unwrap_or(DEFAULT_TIMEOUT.0) + BESIDES_THE_CHECK;
                let seen = self.ask_probe(id, function, question, limit).await;
                seen.unwrap_or_else(|why| Observation::unknown("not asked", why))
            }
        }
    }

    /// Looks a name up once from inside the sandbox. `None`: there is no probe.
    pub(super) async fn look_up(&self, by: &str, name: &str) -> Option<LookedUp> {
        let function = self.ready.probe.as_ref().filter(|_| !self.engine.config.on.is_simulated())?;
        let limit = DEFAULT_TIMEOUT.0 + BESIDES_THE_CHECK;
        let seen = match self.engine.prober.name(name) {
            Ok(question) => self.ask_probe(by, function, question, limit).await,
            Err(unknown) => Ok(unknown),
        };
        Some(match seen {
            Ok(seen) => {
                let why = seen.why.unwrap_or(seen.observed);
                match seen.health {
                    Health::Healthy => LookedUp::Address,
                    Health::Unhealthy => LookedUp::Nothing(why),
                    Health::Unknown => LookedUp::NotAsked(why),
                }
            }
            Err(why) => LookedUp::NotAsked(why),
        })
    }

    /// Invokes the probe in the recovery. Each invocation counts, with an answer or without.
    async fn ask_probe(
        &self,
        by: &str,
        function: &str,
        question: Vec<u8>,
        limit: Duration,
    ) -> Result<Observation, String> {
        let log = &self.engine.probe_log.0;
        log.borrow_mut().asked += 1;
        let (seen, took_ms) = self.engine.invoke(self.provisioner, by, function, question, limit).await?;
        log.borrow_mut().answered_ms.push(took_ms);
        Ok(seen)
    }

    /// Whether the probe makes the attempts of a check.
    pub(super) fn is_asked_by_probe(&self, kind: &CheckKind) -> bool {
        self.ready.probe.is_some() && self.engine.prober.question(kind).is_some()
    }
}

impl Engine {
    /// Proves before T0 that the probe answers.
    pub(super) async fn greet_probe(&self, provisioner: &Provisioner, ready: &Ready) -> Result<(), Stop> {
        let Some(function) = ready.probe.as_ref().filter(|_| !self.config.on.is_simulated()) else {
            return Ok(());
        };
        self.fit_the_probe()?;
        let stop = |why: &str| stop(why, !ready.standing.is_empty());
        let until = self.clock.now() + Span(GREETED_WITHIN).delta();
        loop {
            let greeting =
                self.prober.greeting().map_err(|seen| stop(seen.why.as_deref().unwrap_or_default()))?;
            match self.invoke(provisioner, SANDBOX, function, greeting, GREETED_WITHIN).await {
                Ok((seen, took_ms)) if seen.is_healthy() => {
                    self.probe_log.0.borrow_mut().cold_ms.get_or_insert(took_ms);
                    return Ok(());
                }
                Ok((seen, _)) => return Err(stop(&seen.why.unwrap_or(seen.observed))),
                Err(why) if self.clock.now() >= until => return Err(stop(&why)),
                Err(_) => self.clock.sleep(PAUSE).await,
            }
        }
    }

    /// Sees that the questions of all checks fit into a request: their files are known by now.
    fn fit_the_probe(&self) -> Result<(), Stop> {
        // What goes through a tunnel is asked from here, and only the run knows what that is.
        if !self.plan.connect_to.is_empty() || !self.config.inputs.connect_to.is_empty() {
            return Ok(());
        }
        for (node, work) in self.plan.checks() {
            // What an expression gives is not known yet, and is short.
            let Ok(mut kind) = serde_json::from_value(json!({ work.kind.key(): work.spec })) else {
                continue;
            };
            if let CheckKind::Data(spec) = &mut kind {
                spec.name_last_passed(&node.id);
            }
            if let Some(Ok(question)) = self.prober.question(&kind)
                && question.len() > LARGEST_QUESTION
            {
                return Err(Stop::Aborted {
                    error: format!(
                        "the check `{}` takes {} bytes in a question to the probe, and AWS Lambda takes {LARGEST_QUESTION}",
                        node.id,
                        question.len()
                    ),
                    help: Some(
                        "compare with a smaller reference, or ask it from the runner, through `connect_to`"
                            .into(),
                    ),
                });
            }
        }
        Ok(())
    }

    /// Invokes the probe once. Returns what it saw, and the milliseconds that this took.
    ///
    /// # Errors
    /// Why there is no answer of the probe.
    pub(super) async fn invoke(
        &self,
        provisioner: &Provisioner,
        by: &str,
        function: &str,
        question: Vec<u8>,
        limit: Duration,
    ) -> Result<(Observation, f64), String> {
        let began = self.clock.now();
        let answer = provisioner.invoke(by, function, question, limit).await;
        let took_ms = base::duration::seconds_between(began, self.clock.now()) * 1000.0;
        match answer {
            Ok(Invoked { payload, failed: None }) => Ok((self.prober.answer(&payload)?, took_ms)),
            Ok(Invoked { payload, failed: Some(_) }) => {
                Err(format!("the probe ended without an answer: {}", told(&payload)))
            }
            Err(error) => {
                let help = error.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
                Err(format!("the probe could not be asked: {error}{help}"))
            }
        }
    }

    /// Tells what the probe did in this process.
    pub(super) fn tell_probed(&self) {
        if let Some(probed) = self.probe_log.told() {
            self.bus.tell(Body::Probed(probed));
        }
    }
}

fn stop(why: &str, is_standing: bool) -> Stop {
    let help = if is_standing {
        "after an update of Drillmaster, make the standing sandbox anew: `drillmaster sandbox down`, then `up`"
    } else {
        "see that the role of `sandbox.probe` is the one that `drillmaster iam-policy --for probe` prints; `probe: none` asks checks from the runner"
    };
    Stop::Aborted {
        error: format!("the probe in the sandbox does not answer: {why}"),
        help: Some(help.into()),
    }
}

/// What Lambda says of a function that died: `{ "errorType": …, "errorMessage": … }`.
fn told(payload: &[u8]) -> String {
    let error: Value = serde_json::from_slice(payload).unwrap_or_default();
    let part = |name: &str| error.get(name).and_then(Value::as_str);
    let Some(message) = part("errorMessage") else { return "Lambda does not say why".to_owned() };
    let error_type = part("errorType").unwrap_or_default();
    // Older runtimes name the error of a time-out otherwise.
    let is_late = error_type == "Sandbox.Timedout" || message.contains("timed out");
    let help = if is_late {
        "give the check less to do, or a shorter `timeout`"
    } else if ["Function.ResponseSizeTooLarge", "RequestEntityTooLarge"].contains(&error_type) {
        "ask for less in one check: fewer rungs, or fewer rows"
    } else {
        "the next try may be answered; if none is, ask for less in one check, and report it with the run's folder"
    };
    format!("{}; {help}", checks::printable(message, 200))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_tells_medians_and_what_had_no_answer() {
        let log = ProbeLog::default();
        assert_eq!(log.told(), None);
        log.0.borrow_mut().cold_ms = Some(900.0);
        assert_eq!(log.told(), Some(Probed { cold_ms: Some(900.0), ..Probed::default() }));
        log.0.borrow_mut().answered_ms = vec![30.0, 10.0, 20.0, 400.0];
        log.0.borrow_mut().asked = 5;
        let told = log.told().unwrap();
        assert_eq!((told.invocations, told.unanswered, told.p50_ms), (5, 1, Some(20.0)));
    }

    #[test]
    fn lambdas_words_for_a_dead_function_are_told() {
        let died =
            br#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: 1 Error: Runtime exited"}"#;
        assert!(told(died).starts_with("RequestId: 1 Error: Runtime exited; the next try"));
        let late =
            br#"{"errorType":"Sandbox.Timedout","errorMessage":"Task timed out after 900.00 seconds"}"#;
        assert!(told(late).contains("a shorter `timeout`"));
        assert_eq!(told(b"garbage"), "Lambda does not say why");
    }
}
