//! Checks on the twin: the estate's answers, judged like real ones. What a check expects and the
//! estate does not answer is assumed, and reported.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Recovery;
use crate::actions::command::run::NOT_RUN;
use crate::actions::context::StepError;
use crate::plan::CheckWork;
use crate::secrets::PLACEHOLDER;
use base::rung::RungHealth;
use checks::data::Saw;
use checks::{
    DataSeen, DynamodbObserved, Ending, First, Found, HttpAnswer, Observation, Ran, RedisSeen, S3Observed,
    Secrets,
};
use estate::file::{Existence, NAMED, Probe};
use playbook::asked::Unreadable;
use playbook::check::{CheckKind, DynamodbCheck, HttpCheck, S3Check, StateCheck, Statuses};
use playbook::comparison::Comparison;
use playbook::data::{self, DataCheck, DataRung};
use playbook::endpoint::{self, Server};
use playbook::expr;
use playbook::expr_value::{Expr, TemplateLeft};
use playbook::reference::{LastPassed, Reference};
use port::{Finding, ProbeAnswer, Rule};

/// What nobody says of an answer, if the estate has no probe for the check.
const EVERYTHING: &str = "everything";

impl Recovery<'_> {
    /// Judges the twin's answer like a real one.
    pub(super) async fn rehearsed(
        &self,
        work: &CheckWork,
        kind: &CheckKind,
        answer: ProbeAnswer,
    ) -> Observation {
        let made_up = self.made_up(&work.spec);
        let mut assumed = match self.unasked(kind, &made_up) {
            Ok(assumed) => assumed,
            Err(bad) => return Observation::unknown("not asked", bad),
        };
        if !answer.healthy {
            return Observation::unhealthy("no answer", "it does not answer yet");
        }
        assumed.extend(
            made_up
                .iter()
                .filter(|text| text.contains(NOT_RUN))
                .map(|_| "what depends on the output of a command, which the twin does not run".to_owned()),
        );
        let mut kind = kind.clone();
        assumed.extend(take_unknown(&mut kind, &made_up));
        let said = answer.said.as_ref();
        let seen = match &kind {
            CheckKind::S3(spec) => self.rehearsed_s3(spec, said).await,
            CheckKind::Dynamodb(spec) => self.rehearsed_table(spec, said).await,
            CheckKind::State(spec) => self.rehearsed_state(spec, said).await,
            CheckKind::Data(spec) => self.rehearsed_data(spec, said),
            kind @ (CheckKind::Http(_)
            | CheckKind::Tcp(_)
            | CheckKind::Dns(_)
            | CheckKind::Sql(_)
            | CheckKind::Redis(_)
            | CheckKind::Command(_)) => match said {
                Some(said) => judge(kind, said).unwrap_or_else(Observation::from),
                None => Observation::healthy("").assuming(vec![EVERYTHING.to_owned()]),
            },
        };
        self.require_timestamp(work, seen.assuming(assumed))
    }

    /// Reads the address of a check as a real check would. Returns what of it nobody knows.
    fn unasked(&self, kind: &CheckKind, made_up: &[String]) -> Result<Vec<String>, String> {
        // The twin makes up the outputs of a stack that only a real one has. They are no addresses.
        let is_made_up = |(_, text): (&str, &str)| made_up.iter().any(|made| text.contains(made.as_str()));
        if endpoint::text(kind).is_none_or(is_made_up) {
            return Ok(Vec::new());
        }
        let said = |bad: Unreadable| format!("{}; {}", bad.message, bad.help);
        let Some(address) = endpoint::read(kind).map_err(said)? else { return Ok(Vec::new()) };
        let Some(listener) = self.engine.cloud.listener(&address.host) else { return Ok(Vec::new()) };
        let server = |port| Server { engine: listener.engine.as_deref(), port };
        if listener.port_is_known {
            address.fits(server(Some(listener.port))).map_err(said)?;
            return Ok(Vec::new());
        }
        address.fits(server(None)).map_err(said)?;
        // The twin gave a port without knowing the engine.
        Ok(match address.fits(server(Some(listener.port))) {
            Ok(()) => Vec::new(),
            Err(_) => vec![format!("the port of {} (the estate does not give its `engine`)", address.host)],
        })
    }

    async fn rehearsed_s3(&self, spec: &S3Check, said: Option<&Probe>) -> Observation {
        let (count, bytes) = match self.measured_s3(spec).await {
            Ok(seen) => (seen.count, seen.bytes),
            Err(error) => return Observation::unknown("not seen", error.to_string()),
        };
        let told = said.map(|said| (said.count.or_else(|| said.value.as_ref()?.as_u64()), said.bytes));
        let (told_count, told_bytes) = told.unwrap_or_default();
        // One key is one object.
        let count = told_count.or(count);
        checks::judge_s3(spec, &S3Observed { count, bytes: told_bytes.map(|size| size.0).or(bytes) })
    }

    async fn rehearsed_table(&self, spec: &DynamodbCheck, said: Option<&Probe>) -> Observation {
        // Asked for the table alone: the twin knows no items, and the estate may.
        let seen = match self.seen_table(spec).await {
            Ok(seen) => seen,
            Err(unseen) => return unseen,
        };
        let told = said.map(|said| told_of_table(spec, said)).unwrap_or_default();
        let seen = if told == DynamodbObserved::default() { seen } else { told };
        checks::judge_dynamodb(spec, &seen)
    }

    async fn rehearsed_state(&self, spec: &StateCheck, said: Option<&Probe>) -> Observation {
        let seen = match self.status_of(spec).await {
            Ok(seen) => seen,
            Err(unseen) => return unseen,
        };
        let told = said.and_then(|said| said.value.as_ref()).map(text);
        match (said, told) {
            // What the step made came up otherwise. No estate makes it healthy.
            _ if seen != "healthy" => checks::judge_state(spec, &seen),
            (_, Some(told)) => checks::judge_state(spec, &told),
            (Some(_), None) if spec.expect.is_none() => checks::judge_state(spec, &seen),
            (Some(_) | None, None) => {
                let expected = spec.expect.as_ref().and_then(|expect| expect.get().ok());
                let expected = expected.map_or_else(|| "healthy".to_owned(), ToString::to_string);
                Observation::healthy("").assuming(vec![format!("the status (expected `{expected}`)")])
            }
        }
    }

    /// What the estate says of the rungs. The others are assumed, by name.
    fn rehearsed_data(&self, spec: &DataCheck, said: Option<&Probe>) -> Observation {
        let none = Probe::default();
        let said = said.unwrap_or(&none);
        let (mut judged, mut rungs, mut assumed) = (Vec::new(), Vec::new(), Vec::new());
        for rung in spec.asked() {
            let saw = match said.rungs.get(rung.name()) {
                Some(RungHealth::Healthy) => Some(Saw::fine("healthy")),
                Some(RungHealth::Unhealthy) => Some(Saw::wrong("unhealthy", "the estate says so")),
                Some(RungHealth::Unknown) => Some(Saw::unknown("not asked", "the estate says so")),
                None if rung == DataRung::Volume && !said.tables.is_empty() => {
                    Some(self.rehearsed_volume(spec, said))
                }
                None => None,
            };
            if let Some(saw) = saw {
                judged.push(saw.clone().of(rung));
                rungs.push(saw.of(rung));
            } else {
                assumed.push(format!("the rung `{rung}`"));
                rungs.push(Saw::unknown("assumed", "the estate does not say").of(rung));
            }
        }
        let rows = said.tables.clone();
        let seen = if judged.is_empty() {
            Observation::healthy("")
        } else {
            Observation::of_rungs(judged, BTreeMap::new())
        };
        Observation { data: Some(Box::new(DataSeen { rungs, rows })), ..seen }.assuming(assumed)
    }

    fn rehearsed_volume(&self, spec: &DataCheck, said: &Probe) -> Saw {
        let files = &self.engine.plan.files;
        match spec.against.as_deref() {
            Some(against) if data::is_last_passed(against) => {
                let past = files.kept().get(against).map(|text| LastPassed::read(text));
                checks::data::judge_volume_since(&said.tables, past.as_ref(), spec.tolerance())
            }
            Some(name) => match files.read(name).map(|text| Reference::read(&text)) {
                Ok(Ok(reference)) => {
                    let past = reference.rows();
                    checks::data::judge_volume(&said.tables, Some(&past), spec.tolerance(), "the reference")
                }
                Ok(Err(wrong)) => Saw::unknown("not compared", wrong.message),
                Err(why) => Saw::unknown("not compared", format!("`{name}` cannot be read: {why}")),
            },
            None => Saw::unknown("not compared", "the check has no `against`"),
        }
    }

    /// The values that the twin made up, among the outputs of the steps that a value names.
    pub(super) fn made_up(&self, value: &Value) -> Vec<String> {
        let outputs = self.outputs.borrow();
        let mut found = Vec::new();
        for step in expr::named(value, "steps").unwrap_or_default() {
            let mut waiting: Vec<&Value> = outputs.get(&step).into_iter().collect();
            while let Some(value) = waiting.pop() {
                match value {
                    Value::String(text) if text == NOT_RUN || text.starts_with("twin-") => {
                        found.push(text.clone());
                    }
                    Value::Array(items) => waiting.extend(items),
                    Value::Object(fields) => waiting.extend(fields.values()),
                    Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
                }
            }
        }
        found
    }

    /// The steps among those that a value names whose output nobody knows: commands that the twin
    /// does not run.
    pub(super) fn not_run(&self, value: &Value) -> Vec<String> {
        let outputs = self.outputs.borrow();
        let mut steps: Vec<String> = expr::named(value, "steps").unwrap_or_default().into_iter().collect();
        steps.retain(|step| {
            let stdout = outputs.get(step).and_then(|given| given.get("stdout"));
            stdout.and_then(Value::as_str) == Some(NOT_RUN)
        });
        steps
    }

    /// Reports a step that was given the output of a command that did not run.
    pub(super) fn report_given(&self, step: &str, value: &Value) {
        for command in self.not_run(value) {
            self.engine.report(Finding::new(
                Rule::Assumed,
                step,
                format!(
                    "step `{step}` was assumed: it uses the output of `{command}`, a command that the twin does not run"
                ),
                format!("say what it prints, under `probes:` of the estate: `{command}: {{ value: … }}`"),
            ));
        }
    }

    /// Judges what a step names and no step makes, such as a key. On AWS the call tells. On the twin
    /// the estate may say what exists. If it does not, the name is assumed to be right.
    pub(super) fn must_exist(&self, step: &str, with: &Value) -> Result<(), StepError> {
        if !self.engine.cloud.tells_changes() {
            return Ok(());
        }
        let plan = &self.engine.plan;
        let region = &plan.sandbox.region;
        let entry = plan.estate.as_ref().and_then(|estate| estate.regions.get(region));
        for named in NAMED {
            let Some(name) = with.get(named.argument).and_then(Value::as_str) else { continue };
            let (what, key) = (named.what, named.listed_in);
            match named.existence(entry, name) {
                Existence::Exists => {}
                Existence::Missing => {
                    return Err(StepError::wrong(
                        format!("the estate's region {region} has no {what} `{name}`"),
                        format!("name one that the sandbox's account has there, or add it to `{key}` of the region"),
                    ));
                }
                Existence::NobodyKnows => self.engine.report(Finding::new(
                    Rule::Assumed,
                    step,
                    format!(
                        "step `{step}` was assumed: the estate does not say whether the sandbox's account has the {what} \
                         `{name}` in {region}"
                    ),
                    format!("list what exists under `{key}` of the region in the estate"),
                )),
            }
        }
        Ok(())
    }

    /// Reports what of a healthy check nobody judged.
    pub(super) fn report_assumed(&self, id: &str, kind: &CheckKind, seen: &Observation) {
        if seen.assumed.is_empty() {
            return;
        }
        let message = if seen.assumed.iter().any(|what| what == EVERYTHING) {
            format!("check `{id}` was assumed: the estate does not say how it is answered")
        } else {
            format!("check `{id}` was assumed in part: the twin did not judge {}", seen.assumed.join(", "))
        };
        let fix = format!("add `{id}: {}` to `probes:` of the estate", example(kind));
        self.engine.report(Finding::new(Rule::Assumed, id, message, fix));
    }
}

/// What an estate says of a table: `count` is the number of its items, and `value` that of the
/// attribute. Without an attribute in the check, `value` is the number of items.
fn told_of_table(spec: &DynamodbCheck, said: &Probe) -> DynamodbObserved {
    let asks_for_a_value = spec.attribute.is_some();
    let number = said.value.as_ref().filter(|_| !asks_for_a_value).and_then(Value::as_u64);
    let value = said.value.as_ref().filter(|_| asks_for_a_value).map(text);
    let found = value.is_some().then_some(true);
    DynamodbObserved { items: said.count.or(number), all: true, found, value }
}

/// A probe that answers a check of this kind.
fn example(kind: &CheckKind) -> &'static str {
    match kind {
        CheckKind::Http(spec) if spec.expect_header.is_empty() && spec.expect_body.is_none() => {
            "{ status: … }"
        }
        CheckKind::Http(_) => "{ status: …, headers: …, body: … }",
        CheckKind::S3(_) => "{ count: …, bytes: … }",
        CheckKind::Dynamodb(_) | CheckKind::Redis(_) => "{ count: …, value: … }",
        CheckKind::Command(_) => "{ value: …, exit_code: … }",
        CheckKind::Data(_) => "{ rungs: { … }, tables: { … } }",
        CheckKind::Tcp(spec) if spec.expect.is_none() => "{ healthy_after: … }",
        CheckKind::Tcp(_) | CheckKind::Dns(_) | CheckKind::Sql(_) | CheckKind::State(_) => "{ value: … }",
    }
}

/// Judges what an estate says of an answer.
fn judge(kind: &CheckKind, said: &Probe) -> Result<Observation, TemplateLeft> {
    let value = said.value.as_ref();
    let value_text = value.map(text);
    match kind {
        // The estate says how the last request of a session is answered.
        CheckKind::Http(spec) if !spec.steps.is_empty() => {
            let Some(last) = spec.steps.last() else { return Ok(Observation::healthy("")) };
            let one = HttpCheck {
                status: last.status.clone(),
                expect_body: last.expect_body.clone(),
                expect_header: last.expect_header.clone(),
                steps: Vec::new(),
                ..spec.clone()
            };
            let before = spec.steps.len() - 1;
            let assumed = (before > 0).then(|| format!("the {before} requests before the last"));
            Ok(judge(&CheckKind::Http(one), said)?.assuming(assumed.into_iter().collect()))
        }
        CheckKind::Http(spec) => {
            let number = value.and_then(Value::as_u64).and_then(|number| u16::try_from(number).ok());
            let is_status = |status: &u16| serde_json::from_value::<Statuses>((*status).into()).is_ok();
            let bare = number.filter(is_status).filter(|_| said.status.is_none());
            let body = said.body.as_ref().or(value_text.as_ref().filter(|_| bare.is_none()));
            let header = |name: &str| {
                let found = said.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| vec![value.clone()])
            };
            checks::judge_http(
                spec,
                &HttpAnswer {
                    status: said.status.or(bare),
                    header: &header,
                    body: body.map(String::as_str),
                    truncated: false,
                    took: said.latency,
                    secrets: Secrets::default(),
                },
            )
        }
        CheckKind::Tcp(spec) => checks::judge_tcp(spec, value_text.as_deref()),
        CheckKind::Dns(spec) => {
            let mut records: Option<Vec<String>> = match value {
                Some(Value::Array(list)) => Some(list.iter().map(text).collect()),
                Some(one) => Some(text(one).split(", ").map(str::to_owned).collect()),
                None => None,
            };
            if let Some(records) = &mut records {
                records.sort();
                records.dedup();
            }
            checks::judge_dns(spec, records.as_deref())
        }
        CheckKind::Sql(spec) => checks::judge_sql(spec, value_text.map(First::Value)),
        CheckKind::Redis(spec) => {
            let found = value_text.filter(|_| spec.key.is_some()).map(Found::Text);
            let keys = said.count.or_else(|| value.filter(|_| spec.key.is_none())?.as_u64());
            checks::judge_redis(spec, &RedisSeen { keys, found })
        }
        // The rungs are judged one by one.
        CheckKind::Data(_) => Ok(Observation::unknown("not asked", "the estate says nothing of it")),
        CheckKind::Command(spec) => checks::judge_command(
            spec,
            &Ran {
                ending: said.exit_code.map(Ending::Code),
                stdout: value_text.as_deref(),
                truncated: false,
                stderr: "",
                secrets: Secrets::default(),
            },
        ),
        CheckKind::S3(spec) => {
            let count = said.count.or_else(|| value?.as_u64());
            Ok(checks::judge_s3(spec, &S3Observed { count, bytes: said.bytes.map(|size| size.0) }))
        }
        CheckKind::Dynamodb(spec) => Ok(checks::judge_dynamodb(spec, &told_of_table(spec, said))),
        CheckKind::State(spec) => Ok(checks::judge_state(spec, value_text.as_deref().unwrap_or("healthy"))),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Takes out the expectations that the twin cannot compare with, because it does not know a value
/// in them: a secret, or the output of a command. Returns what they are about.
fn take_unknown(kind: &mut CheckKind, made_up: &[String]) -> Vec<String> {
    let is_unknown = |expect: &Expr<Comparison>| {
        expect.get().is_ok_and(|expect| {
            let text = expect.to_string();
            text.contains(PLACEHOLDER) || made_up.iter().any(|made| text.contains(made.as_str()))
        })
    };
    let mut taken = Vec::new();
    let mut take = |what: String, expect: &mut Option<Expr<Comparison>>| {
        if expect.as_ref().is_some_and(is_unknown) {
            taken.push(format!("{what}, because the twin does not know what is expected"));
            *expect = None;
        }
    };
    match kind {
        CheckKind::Http(spec) => {
            for step in &mut spec.steps {
                take("the body".into(), &mut step.expect_body);
            }
            take("the body".into(), &mut spec.expect_body);
            let names: Vec<String> = spec.expect_header.keys().cloned().collect();
            for name in names {
                let mut one = spec.expect_header.remove(&name);
                take(format!("header `{name}`"), &mut one);
                spec.expect_header.extend(one.map(|one| (name, one)));
            }
        }
        CheckKind::Tcp(spec) => take("what is received".into(), &mut spec.expect),
        CheckKind::Redis(spec) => take("the key".into(), &mut spec.expect),
        CheckKind::Dns(spec) => take("the answer".into(), &mut spec.expect),
        CheckKind::Sql(spec) => take("the first value".into(), &mut spec.expect),
        CheckKind::Command(spec) => take("the output".into(), &mut spec.expect),
        CheckKind::S3(spec) => take("the number of objects".into(), &mut spec.count),
        CheckKind::Dynamodb(spec) => {
            take("the number of items".into(), &mut spec.count);
            take("the attribute".into(), &mut spec.expect);
        }
        CheckKind::State(spec) => take("the status".into(), &mut spec.expect),
        CheckKind::Data(_) => {}
    }
    taken
}
