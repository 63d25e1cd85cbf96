//! The results of the isolation scans: a fold over events. A leak found after T0 counts, even if it
//! is closed later. A part that could not be scanned counts until a later scan can read it.

use base::severity::Severity;
use event::Stage;
use port::{Finding, Rule};

#[derive(Debug, Clone, Default)]
pub struct Isolation {
    /// The last scan before T0.
    before: Option<Scan>,
    /// The leaks since T0, each once.
    since: Vec<Finding>,
    /// The unknown parts of the latest scan since T0.
    unknown: Vec<Finding>,
    /// Whether the final scan took place.
    last: bool,
}

#[derive(Debug, Clone, Default)]
struct Scan {
    exposures: Vec<Finding>,
    unknown: Vec<Finding>,
}

impl Isolation {
    pub fn apply(&mut self, stage: Stage, exposures: &[Finding], unknown: &[Finding]) {
        if stage == Stage::BeforeT0 {
            self.before = Some(Scan { exposures: exposures.to_vec(), unknown: unknown.to_vec() });
            return;
        }
        for found in exposures {
            if !self.since.contains(found) {
                self.since.push(found.clone());
            }
        }
        self.unknown = unknown.to_vec();
        self.last |= stage == Stage::Last;
    }

    /// Whether the sandbox was scanned before T0 and, if the disaster was `declared`, until the
    /// end, and was closed in every scan.
    pub fn is_verified(&self, declared: bool) -> bool {
        let closed = |scan: &Scan| scan.unknown.is_empty() && !scan.exposures.iter().any(is_high);
        self.before.as_ref().is_some_and(closed) && (!declared || self.failures().is_empty())
    }

    /// The isolation failures of a drill that was carried out.
    pub fn failures(&self) -> Vec<String> {
        let said = |words: &str, found: &Finding| format!("{words}: {}: {}", found.resource, found.message);
        let open = self.since.iter().filter(|found| is_high(found));
        let open = open.map(|found| said("the sandbox was not closed after T0", found));
        let unknown = self.unknown.iter().map(|found| said(UNKNOWN, found));
        let unseen = (!self.last).then(|| format!("{UNKNOWN}: {NO_FINAL_SCAN}"));
        open.chain(unknown).chain(unseen).collect()
    }

    /// The findings of the scans for the report, each once. `carried_out` means that the final scan
    /// should have taken place.
    pub fn findings(&self, carried_out: bool) -> Vec<Finding> {
        let before = self.before.iter().flat_map(|scan| scan.exposures.iter().chain(&scan.unknown));
        let mut all: Vec<&Finding> = Vec::new();
        for found in before.chain(&self.since).chain(&self.unknown) {
            if !all.contains(&found) {
                all.push(found);
            }
        }
        let mut findings: Vec<Finding> = all.into_iter().cloned().collect();
        if carried_out && !self.last {
            findings.push(Finding::new(
                Rule::IsolationUnknown,
                "sandbox",
                NO_FINAL_SCAN,
                "run the drill again; what was not looked at is not known to be closed",
            ));
        }
        findings
    }
}

const UNKNOWN: &str = "whether the sandbox was closed is unknown";
const NO_FINAL_SCAN: &str = "it was not looked at once more before teardown";

fn is_high(found: &Finding) -> bool {
    found.severity == Severity::High
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(severity: Severity, resource: &str) -> Finding {
        let found = Finding::new(Rule::SandboxOpen, resource, "open", "close it");
        Finding { severity, ..found }
    }

    #[test]
    fn leaks_stay_and_unknown_parts_may_become_known() {
        let mut isolation = Isolation::default();
        assert!(!isolation.is_verified(false));
        isolation.apply(Stage::BeforeT0, &[found(Severity::Medium, "zone")], &[]);
        assert!(isolation.is_verified(false));
        // No scan has taken place since T0.
        assert!(!isolation.is_verified(true));
        isolation.apply(Stage::AfterT0, &[], &[found(Severity::High, "vpc")]);
        assert_eq!(isolation.failures().len(), 2);
        let mut closed = isolation.clone();
        closed.apply(Stage::Last, &[found(Severity::Low, "acl")], &[]);
        assert!(closed.is_verified(true), "{:?}", closed.failures());
        assert_eq!(closed.findings(true).len(), 2);
        isolation.apply(Stage::AfterT0, &[found(Severity::High, "sg")], &[]);
        isolation.apply(Stage::AfterT0, &[found(Severity::High, "sg")], &[]);
        isolation.apply(Stage::Last, &[], &[]);
        assert_eq!(isolation.failures(), ["the sandbox was not closed after T0: sg: open"]);
        assert!(!isolation.is_verified(true));
        let mut unseen = Isolation::default();
        unseen.apply(Stage::BeforeT0, &[], &[]);
        unseen.apply(Stage::Last, &[], &[found(Severity::High, "vpc")]);
        assert_eq!(unseen.failures(), ["whether the sandbox was closed is unknown: vpc: open"]);
    }
}
