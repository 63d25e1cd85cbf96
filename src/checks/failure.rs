//! The reason why an attempt has nothing to judge.

use super::Observation;
use super::observation::{Health, Secrets};
use playbook::asked::Unreadable;
use playbook::expr_value::TemplateLeft;

/// The reason why an attempt has nothing to judge: a short form, and a long form with advice.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) health: Health,
    pub(crate) observed: String,
    pub(crate) why: String,
}

impl Failure {
    pub(crate) fn new(observed: impl Into<String>, why: impl Into<String>) -> Self {
        Self { health: Health::Unhealthy, observed: observed.into(), why: why.into() }
    }

    /// Nobody was asked: the reason lies on this side.
    pub(crate) fn not_asked(why: impl Into<String>) -> Self {
        Self { health: Health::Unknown, ..Self::new("not asked", why) }
    }

    /// As [`Self::not_asked`], of a program that could not be run.
    pub(crate) fn not_run(why: impl Into<String>) -> Self {
        Self { observed: "not run".to_owned(), ..Self::not_asked(why) }
    }

    /// Converts the failure to an observation without `secrets`.
    pub(crate) fn without(self, secrets: &Secrets) -> Observation {
        // Secrets are removed before the text is cut: a cut secret would no longer be found.
        let seen = Observation::unhealthy(secrets.scrub(&self.observed), secrets.scrub(&self.why));
        Observation { health: self.health, ..seen }
    }
}

impl From<TemplateLeft> for Failure {
    fn from(left: TemplateLeft) -> Self {
        Self::not_asked(left.to_string())
    }
}

impl From<Unreadable> for Failure {
    fn from(error: Unreadable) -> Self {
        Self::not_asked(format!("{}; {}", error.message, error.help))
    }
}
