//! The reason why an attempt has nothing to judge.

use super::Observation;
use super::observation::Secrets;
use playbook::asked::Unreadable;
use playbook::expr_value::TemplateLeft;

/// The reason why an attempt has nothing to judge: a short form, and a long form with advice.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) observed: String,
    pub(crate) why: String,
}

impl Failure {
    pub(crate) fn new(observed: impl Into<String>, why: impl Into<String>) -> Self {
        Self { observed: observed.into(), why: why.into() }
    }

    /// Converts the failure to an observation without `secrets`.
    pub(crate) fn without(self, secrets: &Secrets) -> Observation {
        // Secrets are removed before the text is cut: a cut secret would no longer be found.
        Observation::unhealthy(secrets.scrub(&self.observed), secrets.scrub(&self.why))
    }
}

impl From<TemplateLeft> for Failure {
    fn from(left: TemplateLeft) -> Self {
        Self::new("not asked", left.to_string())
    }
}

impl From<Unreadable> for Failure {
    fn from(error: Unreadable) -> Self {
        Self::new("not asked", format!("{}; {}", error.message, error.help))
    }
}
