//! Asks checks through the probe in the sandbox. Where it gives no answer, nothing is known of what
//! the check asks for.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::Value;

use super::{Engine, Recovery, Stop};
use crate::sandbox::{Provisioner, Ready};
use base::duration::Span;
use checks::Observation;
use event::{Body, Probed, SANDBOX};
use playbook::check::{CheckKind, DEFAULT_TIMEOUT};
use port::Invoked;

/// What an invocation may take besides the check: Lambda starts the function, or makes its network
/// interface anew.
pub(super) const BESIDES_THE_CHECK: Duration = Duration::from_secs(30);

/// How long the probe has for its first answer, and the pause between tries.
const GREETED_WITHIN: Duration = Duration::from_mins(3);
const PAUSE: Duration = Duration::from_secs(5);

/// How long a name of the sandbox may take until it leads somewhere, and the pause between looks. A
/// change is at all of Route 53's servers within 60 seconds (Route 53 developer guide); the guide of DNS
/// Firewall gives no figure.
pub(super) const FOUND_WITHIN: Duration = Duration::from_secs(60);
const LOOKED_UP_EVERY: Duration = Duration::from_secs(1);

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
                let log = &self.engine.probe_log.0;
                log.borrow_mut().asked += 1;
                match self.engine.invoke(self.provisioner, id, function, question, limit).await {
                    Ok((seen, took_ms)) => {
                        log.borrow_mut().answered_ms.push(took_ms);
                        seen
                    }
                    Err(why) => Observation::unknown("not asked", why),
                }
            }
        }
    }

    /// Looks a name up from inside the sandbox, until it leads to an address. Without a probe nobody
    /// can, so nothing is said.
    ///
    /// # Errors
    /// What the last look saw.
    pub(super) async fn finds(&self, by: &str, name: &str) -> Result<(), String> {
        let engine = self.engine;
        let Some(function) = self.ready.probe.as_ref().filter(|_| !engine.config.on.is_simulated()) else {
            return Ok(());
        };
        let until = engine.clock.now() + Span(FOUND_WITHIN).delta();
        loop {
            let question = engine.prober.name(name).map_err(|seen| seen.why.unwrap_or(seen.observed))?;
            let why = match engine.invoke(self.provisioner, by, function, question, BESIDES_THE_CHECK).await {
                Ok((seen, _)) if seen.is_healthy() => return Ok(()),
                Ok((seen, _)) => seen.why.unwrap_or(seen.observed),
                Err(why) => why,
            };
            if engine.clock.now() >= until {
                return Err(why);
            }
            engine.clock.sleep(LOOKED_UP_EVERY).await;
        }
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
