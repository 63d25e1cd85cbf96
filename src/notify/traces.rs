//! A run as a trace of OpenTelemetry, sent as JSON over HTTP (OTLP): a span for the drill, and one for
//! each step and check.

use std::collections::BTreeMap;
use std::time::Duration;

use base::digest::sha256;
use base::duration::Time;
use base::redact;
use base::secret::{self, Environment};
use percent_encoding::percent_decode_str;
use record::report::Report;
use record::report::headline;
use record::report::model::{CheckReport, CheckStatus, StepReport, StepStatus, Verdict};
use serde_json::{Value as Json, json};

use crate::secret::url;

const PATH: &str = "/v1/traces";
const INTERNAL: u8 = 1;
const OK: u8 = 1;
const ERROR: u8 = 2;

/// Where traces go.
pub struct Traces {
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) service: String,
    pub(crate) limit: Duration,
}

impl Traces {
    /// Reads OpenTelemetry's own variables, and the configuration for what they do not say. `None`:
    /// nobody asks for traces.
    ///
    /// # Errors
    /// What cannot be read, as a text for the user.
    pub fn read(
        endpoint: Option<&str>,
        headers: &BTreeMap<String, String>,
        environment: Environment<'_>,
    ) -> Result<Option<Self>, String> {
        let variable = |name: &str| {
            let value = environment(name)?.into_string().ok()?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        // Those for traces alone win.
        let either = |name: &str| {
            variable(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"))
                .or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{name}")))
        };
        let is =
            |name: &str, what: &str| variable(name).is_some_and(|value| value.eq_ignore_ascii_case(what));
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let below = |base: &str| format!("{}{PATH}", base.trim_end_matches('/'));
        let url =
            match (variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), variable("OTEL_EXPORTER_OTLP_ENDPOINT")) {
                (Some(url), _) => url,
                (None, Some(base)) => below(&base),
                (None, None) => match endpoint {
                    Some(text) => below(&url(text, environment)?),
                    None => return Ok(None),
                },
            };
        let wrong = |why: &str| format!("traces (OpenTelemetry): {why}");
        playbook::notify::url(&url).map_err(|bad| wrong(&bad.to_string()))?;
        if let Some(protocol) = either("PROTOCOL").filter(|protocol| !protocol.starts_with("http/")) {
            let why = format!(
                "OTEL_EXPORTER_OTLP_PROTOCOL asks for `{}`, and traces are sent as `http/json` alone: set it, and name the \
                 collector's port for HTTP (usually 4318)",
                protocol.escape_debug()
            );
            return Err(wrong(&why));
        }
        let mut all = Vec::new();
        for (name, reference) in headers {
            let value = secret::read(reference, environment).map_err(|why| wrong(&why))?;
            redact::register(token(&value));
            all.push((name.clone(), value));
        }
        for header in either("HEADERS").iter().flat_map(|text| text.split(',')) {
            let Some((name, value)) = header.split_once('=') else {
                return Err(wrong(
                    "OTEL_EXPORTER_OTLP_HEADERS must hold `NAME=VALUE`, with commas between them",
                ));
            };
            let value = percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
            redact::register(&value);
            redact::register(token(&value));
            all.push((name.trim().to_owned(), value));
        }
        let limit = either("TIMEOUT").and_then(|millis| millis.parse().ok()).unwrap_or(10_000);
        let service = variable("OTEL_SERVICE_NAME").unwrap_or_else(|| "drillmaster".to_owned());
        // The end of a run waits so long.
        let limit = Duration::from_millis(limit).min(Duration::from_mins(1));
        Ok(Some(Self { url, headers: all, service, limit }))
    }
}

/// The secret part of a header: `Bearer TOKEN`.
fn token(header: &str) -> &str {
    header.rsplit(' ').next().unwrap_or_default()
}

/// Whether the collector took all spans.
///
/// # Errors
/// It did not, as a text for the user.
pub(crate) fn accepted(answer: &[u8]) -> Result<(), String> {
    // A collector may answer with nothing.
    let answer: Json = serde_json::from_slice(answer).unwrap_or_default();
    let partial = answer.get("partialSuccess");
    let rejected = partial.and_then(|partial| partial.get("rejectedSpans"));
    // 64-bit numbers are texts in OTLP.
    let rejected = rejected.and_then(|n| n.as_u64().or_else(|| n.as_str()?.parse().ok())).unwrap_or(0);
    if rejected == 0 {
        return Ok(());
    }
    let said = partial.and_then(|partial| partial.get("errorMessage")).and_then(Json::as_str);
    let said = crate::message::clean(said.unwrap_or("it does not say why"));
    Err(format!("the collector rejected {rejected} spans: {said}"))
}

/// The trace of a run. The same run always has the same ids.
pub fn of(report: &Report, service: &str) -> Json {
    let run = Run { report, trace: id(&report.run_id, 16), root: id(&format!("{}/", report.run_id), 8) };
    let mut spans = vec![run.drill()];
    spans.extend(report.steps.iter().filter_map(|step| run.step(step)));
    spans.extend(report.checks.iter().filter_map(|check| run.check(check)));
    let resource = attributes([("service.name", json!(service))]);
    let scope = json!({ "name": "drillmaster", "version": report.drillmaster_version });
    let mut traces = json!({ "resourceSpans": [{
        "resource": { "attributes": resource },
        "scopeSpans": [{ "scope": scope, "spans": spans }],
    }] });
    redact::value(&mut traces);
    traces
}

struct Run<'a> {
    report: &'a Report,
    trace: String,
    root: String,
}

impl Run<'_> {
    fn drill(&self) -> Json {
        let report = self.report;
        let headline = headline::of(report);
        let passed = report.verdict == Verdict::Passed;
        let events: Vec<Json> = report
            .t0
            .iter()
            .map(|t0| json!({ "timeUnixNano": nanos(*t0), "name": "disaster declared" }))
            .collect();
        let lost = report.lose.iter().map(|(what, name)| format!("{what} {name}")).collect::<Vec<_>>();
        let simulated = if report.simulated { "simulated " } else { "" };
        json!({
            "traceId": self.trace,
            "spanId": self.root,
            "name": format!("{simulated}drill {}", report.playbook.name),
            "kind": INTERNAL,
            "startTimeUnixNano": nanos(report.started_at),
            "endTimeUnixNano": nanos(report.finished_at),
            "attributes": attributes([
                ("drillmaster.run_id", json!(report.run_id)),
                ("drillmaster.playbook", json!(report.playbook.name)),
                ("drillmaster.on", json!(report.on)),
                ("drillmaster.simulated", json!(report.simulated)),
                ("drillmaster.lost", json!(lost.join(", "))),
                ("drillmaster.verdict", json!(report.verdict)),
                ("drillmaster.exit_code", json!(report.exit_code)),
                ("drillmaster.headline", json!(headline)),
            ]),
            "events": events,
            "status": status(passed, &headline),
        })
    }

    /// A step that never began has no span.
    fn step(&self, step: &StepReport) -> Option<Json> {
        let ended = match step.status {
            StepStatus::Succeeded => status(true, ""),
            StepStatus::Failed => status(false, step.because.as_deref().unwrap_or_default()),
            StepStatus::Skipped | StepStatus::NotRun => json!({}),
        };
        Some(self.span(&Part {
            kind: "step",
            id: &step.id,
            needs: &step.needs,
            from: step.started_at?,
            to: step.finished_at,
            status: ended,
            attributes: attributes([
                ("drillmaster.simulated", json!(self.report.simulated)),
                ("drillmaster.uses", json!(step.uses)),
                ("drillmaster.workload", json!(step.workload)),
                ("drillmaster.status", json!(step.status)),
                ("drillmaster.attempts", json!(step.attempts)),
                ("drillmaster.critical", json!(step.critical)),
            ]),
        }))
    }

    /// A check's span begins when what it needs is ready.
    fn check(&self, check: &CheckReport) -> Option<Json> {
        let ended = match check.status {
            CheckStatus::Healthy => status(true, ""),
            CheckStatus::Unhealthy | CheckStatus::Unknown => {
                status(false, check.because.as_deref().unwrap_or_default())
            }
            CheckStatus::Skipped => json!({}),
        };
        Some(self.span(&Part {
            kind: "check",
            id: &check.id,
            needs: &check.needs,
            from: check.ready_at?,
            to: check.settled_at.or(check.healthy_at),
            status: ended,
            attributes: attributes([
                ("drillmaster.simulated", json!(self.report.simulated)),
                ("drillmaster.kind", json!(check.kind)),
                ("drillmaster.workload", json!(check.workload)),
                ("drillmaster.status", json!(check.status)),
                ("drillmaster.tries", json!(check.tries)),
                ("drillmaster.critical", json!(check.critical)),
            ]),
        }))
    }

    fn span(&self, part: &Part<'_>) -> Json {
        // Links show what it waited for. A span has one parent alone.
        let links: Vec<Json> = part
            .needs
            .iter()
            .map(|need| json!({ "traceId": self.trace, "spanId": self.id_of(need) }))
            .collect();
        json!({
            "traceId": self.trace,
            "spanId": self.id_of(part.id),
            "parentSpanId": self.root,
            "name": format!("{} {}", part.kind, part.id),
            "kind": INTERNAL,
            "startTimeUnixNano": nanos(part.from),
            "endTimeUnixNano": nanos(part.to.unwrap_or(self.report.finished_at)),
            "attributes": part.attributes,
            "links": links,
            "status": part.status,
        })
    }

    /// Steps and checks share one space of ids.
    fn id_of(&self, part: &str) -> String {
        id(&format!("{}/{part}", self.report.run_id), 8)
    }
}

/// A step or a check.
struct Part<'a> {
    kind: &'static str,
    id: &'a str,
    needs: &'a [String],
    from: Time,
    /// `None`: it lasted until the end of the run.
    to: Option<Time>,
    status: Json,
    attributes: Vec<Json>,
}

fn status(good: bool, why: &str) -> Json {
    if good { json!({ "code": OK }) } else { json!({ "code": ERROR, "message": why }) }
}

/// What is `null` is left out.
fn attributes<const N: usize>(all: [(&str, Json); N]) -> Vec<Json> {
    let value = |value: Json| match value {
        Json::Null => None,
        Json::Bool(value) => Some(json!({ "boolValue": value })),
        // 64-bit numbers are texts in OTLP.
        Json::Number(value) => Some(json!({ "intValue": value.to_string() })),
        Json::String(value) => Some(json!({ "stringValue": value })),
        Json::Array(_) | Json::Object(_) => Some(json!({ "stringValue": value.to_string() })),
    };
    all.into_iter()
        .filter_map(|(key, of)| value(of).map(|value| json!({ "key": key, "value": value })))
        .collect()
}

/// Nanoseconds since 1970, as a text: 64-bit numbers are texts in OTLP.
fn nanos(time: Time) -> String {
    // A time of another century than ours fits into no nanoseconds.
    time.timestamp_nanos_opt().unwrap_or(0).max(0).to_string()
}

fn id(of: &str, bytes: usize) -> String {
    // A byte has two digits.
    sha256(of).chars().take(2 * bytes).collect()
}
