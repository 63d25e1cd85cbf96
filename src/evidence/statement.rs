//! What is signed: in-toto Statements v1, and what ours say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use base::duration::Time;
use base::exit::Exit;
use record::report::Report;
use record::report::model::{CheckStatus, Identified, JournalEnd, Status, StepStatus, TeardownRan, Verdict};

use crate::key::{Fingerprint, Holder, PublicKey};

pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// The type of a statement about a drill on AWS.
pub const DRILL: &str = "urn:drillmaster:drill:v1";

/// The type of a statement about a run on the twin. It is a type of its own, so a policy that asks for
/// a drill never takes a rehearsal.
pub const REHEARSAL: &str = "urn:drillmaster:rehearsal:v1";

/// The type of a statement of a second person.
pub const REVIEW: &str = "urn:drillmaster:review:v1";

/// <https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md>
pub const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement<P> {
    #[serde(rename = "_type")]
    pub form: String,
    pub subject: Vec<Subject>,
    pub predicate_type: String,
    pub predicate: P,
}

impl<P> Statement<P> {
    pub fn new(subject: Vec<Subject>, predicate_type: &str, predicate: P) -> Self {
        Self { form: STATEMENT.to_owned(), subject, predicate_type: predicate_type.to_owned(), predicate }
    }
}

/// A file, and the SHA-256 of its contents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    pub name: String,
    pub digest: Digest,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Digest {
    pub sha256: String,
}

/// What the runner says about its run. `R`: the report, or what was read of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence<R> {
    pub run_id: String,
    /// True on the twin: nothing was really restored.
    pub simulated: bool,
    pub tool: Tool,
    pub playbook: Playbook,
    /// The end of the journal. Its hash chain leads from there to its first record.
    pub journal: Option<JournalEnd>,
    pub ran_by: RanBy,
    /// Whose credentials the run used, as STS said. Empty on the twin; elsewhere it is unknown.
    #[serde(default)]
    pub identities: Vec<Identified>,
    pub signed_at: Time,
    pub signer: SignedBy,
    /// All of report.json.
    pub report: R,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    pub name: String,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Playbook {
    pub name: String,
    pub path: String,
    pub sha256: String,
}

/// Who ran the drill, as the machine of the runner says. Nothing proves it but the signature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RanBy {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The variable that sends AWS's calls elsewhere, and its value: an emulation of AWS, perhaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The address of the CI job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci_job: Option<String>,
}

/// The key that signed. It stands in what is signed, so a fingerprint is enough to verify it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedBy {
    pub fingerprint: Fingerprint,
    pub key: Holder,
    pub public_key: String,
}

impl SignedBy {
    pub fn of(signer: &dyn crate::Signer) -> Self {
        let public: &PublicKey = signer.public_key();
        Self { fingerprint: public.fingerprint(), key: signer.holder(), public_key: public.to_pem() }
    }
}

/// What a second person says about the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    pub by: String,
    pub note: String,
    pub signed_at: Time,
    pub signer: SignedBy,
}

/// The predicate `test-result/v0.1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    pub result: Outcome,
    pub configuration: Vec<Configuration>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_tests: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warned_tests: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_tests: Vec<String>,
    pub signer: SignedBy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    Passed,
    Warned,
    Failed,
}

/// A resource descriptor of in-toto.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    pub name: String,
    pub digest: Digest,
    pub annotations: BTreeMap<String, Value>,
}

impl TestResult {
    /// The verdict as a policy engine understands it. Nothing of a rehearsal is ever `PASSED`, because
    /// such an engine need not know what a rehearsal is.
    pub fn of(report: &Report, signer: SignedBy) -> Self {
        let at_best = if report.simulated { Outcome::Warned } else { Outcome::Passed };
        let mut tests: BTreeMap<Outcome, Vec<String>> = BTreeMap::new();
        for (name, outcome) in tests_of(report) {
            tests.entry(outcome.max(at_best)).or_default().push(name);
        }
        let mut take = |outcome| tests.remove(&outcome).unwrap_or_default();
        Self {
            result: verdict(report).max(at_best).max(teardown(report)),
            configuration: vec![Configuration {
                name: report.playbook.path.clone(),
                digest: Digest { sha256: report.playbook.sha256.clone() },
                annotations: BTreeMap::from([
                    ("run_id".to_owned(), report.run_id.clone().into()),
                    ("simulated".to_owned(), report.simulated.into()),
                    ("on".to_owned(), report.on.word().into()),
                ]),
            }],
            passed_tests: take(Outcome::Passed),
            warned_tests: take(Outcome::Warned),
            failed_tests: take(Outcome::Failed),
            signer,
        }
    }
}

/// The exit code counts: a run that left something behind has the verdict of its recovery.
fn verdict(report: &Report) -> Outcome {
    match report.verdict {
        Verdict::Passed if report.exit_code == Exit::Passed => Outcome::Passed,
        Verdict::Passed | Verdict::Failed | Verdict::Error | Verdict::Interrupted => Outcome::Failed,
    }
}

fn teardown(report: &Report) -> Outcome {
    match report.teardown.ran {
        _ if report.teardown.trouble().is_some() => Outcome::Failed,
        TeardownRan::Whole if report.sandbox.kept_until.is_none() => Outcome::Passed,
        TeardownRan::Whole | TeardownRan::Partly | TeardownRan::Never => Outcome::Warned,
    }
}

/// What a run tested, with the outcome of each. What was not carried out is a warning.
fn tests_of(report: &Report) -> Vec<(String, Outcome)> {
    let passed = |is: bool| if is { Outcome::Passed } else { Outcome::Failed };
    let mut tests = vec![
        ("verdict".to_owned(), verdict(report)),
        ("isolation".to_owned(), passed(report.sandbox.isolation_verified)),
        ("teardown".to_owned(), teardown(report)),
    ];
    for workload in &report.workloads {
        let name = &workload.name;
        tests.push((format!("workload {name}: recovered"), passed(workload.recovered)));
        let figures = [
            ("RTO", workload.rto.status),
            ("RPO", workload.rpo.status),
            ("consistency", workload.consistency.status),
        ];
        for (figure, status) in figures {
            let outcome = match status {
                Status::Met => Outcome::Passed,
                Status::Missed | Status::Unknown => Outcome::Failed,
                Status::None => continue,
            };
            tests.push((format!("workload {name}: {figure}"), outcome));
        }
    }
    for step in &report.steps {
        let outcome = match step.status {
            StepStatus::Succeeded => Outcome::Passed,
            StepStatus::Failed if !step.tolerated => Outcome::Failed,
            StepStatus::Failed | StepStatus::Skipped | StepStatus::NotRun => Outcome::Warned,
        };
        tests.push((format!("step {}", step.id), outcome));
    }
    for check in &report.checks {
        let outcome = match check.status {
            CheckStatus::Healthy => Outcome::Passed,
            CheckStatus::Unhealthy | CheckStatus::Unknown => Outcome::Failed,
            CheckStatus::Skipped => Outcome::Warned,
        };
        tests.push((format!("check {}", check.id), outcome));
    }
    tests
}
