//! The last line of `run --output json`: the verdict with its figures.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Value, json};

use super::model::{Report, Verdict, WorkloadReport};
use super::{ReportError, headline};
use base::duration::Time;
use base::exit::Exit;

/// The verdict, as the event that follows all others. It is made from the events, so it stands in no
/// journal.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Outcome<'a> {
    /// Absent if the journal could not be written to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    at: Time,
    event: OutcomeEvent,
    run_id: &'a str,
    /// True on the twin: nothing was really restored.
    simulated: bool,
    verdict: Verdict,
    #[schemars(with = "u8")]
    exit_code: Exit,
    /// The outcome in one sentence.
    headline: String,
    /// The reasons for the verdict, the most important first. Empty if the drill passed.
    reasons: &'a [String],
    workloads: &'a [WorkloadReport],
    /// Lost resources that no step restored.
    uncovered: &'a [String],
    left_behind: &'a [String],
    /// The key that signed the run: its fingerprint, and whether it was made for this run alone.
    /// `null`: the run is not signed.
    signed_with: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum OutcomeEvent {
    Verdict,
}

impl<'a> Outcome<'a> {
    pub fn of(report: &'a Report, signed_with: Option<String>) -> Self {
        Self {
            seq: report.journal.as_ref().map(|end| end.records),
            at: report.finished_at,
            event: OutcomeEvent::Verdict,
            run_id: &report.run_id,
            simulated: report.simulated,
            verdict: report.verdict,
            exit_code: report.exit_code,
            headline: headline::of(report),
            reasons: &report.reasons,
            workloads: &report.workloads,
            uncovered: &report.coverage.uncovered,
            left_behind: &report.teardown.left_behind,
            signed_with,
        }
    }

    /// The line without its newline.
    pub fn to_line(&self) -> Result<String, ReportError> {
        serde_json::to_string(self).map_err(|e| ReportError::Render { format: "NDJSON", what: e.to_string() })
    }
}

/// Adds the outcome to the JSON Schema of a line of events.
pub fn with_outcome(mut events: Value) -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut outcome = settings.into_generator().into_root_schema_for::<Outcome<'_>>().to_value();
    let Some(outcome) = outcome.as_object_mut() else { return events };
    let defs = outcome.remove("$defs");
    outcome.remove("$schema");
    outcome.remove("title");
    let Some(object) = events.as_object_mut() else { return events };
    if let (Some(Value::Object(defs)), Some(all)) =
        (defs, object.get_mut("$defs").and_then(Value::as_object_mut))
    {
        all.extend(defs);
    }
    if let Some(kinds) = object.get_mut("oneOf").and_then(Value::as_array_mut) {
        kinds.push(Value::Object(outcome.clone()));
    }
    // Only the verdict may lack a number.
    object.insert("required".into(), json!(["at"]));
    events
}
