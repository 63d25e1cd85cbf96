//! Why an attempt saw nothing to judge.

use super::Observation;
use super::observation::Secrets;
use playbook::expr_value::TemplateLeft;

/// Why an attempt saw nothing to judge: in a word or two, and at length with what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) observed: String,
    pub(crate) why: String,
}

impl Failure {
    pub(crate) fn new(observed: impl Into<String>, why: impl Into<String>) -> Self {
        Self { observed: observed.into(), why: why.into() }
    }

    /// The observation of an attempt that failed, without `secrets`.
    pub(crate) fn without(self, secrets: &Secrets) -> Observation {
        // Scrubbed before it is cut: half a secret is one too.
        Observation::unhealthy(secrets.scrub(&self.observed), secrets.scrub(&self.why))
    }
}

impl From<TemplateLeft> for Failure {
    fn from(left: TemplateLeft) -> Self {
        Self::new("not asked", left.to_string())
    }
}

/// An error with its causes, without repeating what a cause says again.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
