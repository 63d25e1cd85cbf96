//! Removes secrets from events before consumers see them.

use super::Body;
use base::redact;
use port::Finding;

fn finding(found: &mut Finding) {
    let Finding { resource, message, fix, rule: _, severity: _ } = found;
    for text in [resource, message, fix] {
        redact::string(text);
    }
}

impl Body {
    /// Replaces secrets in all free texts. The fields that the run's state depends on stay as they
    /// are: ids of steps and checks, tokens, places, and names of resources. They cannot hold a
    /// secret: `rules::secrets` ensures this.
    pub(super) fn redact(&mut self) {
        let all = |texts: &mut [&mut String]| {
            for text in texts {
                redact::string(text);
            }
        };
        match self {
            // `RunStarted` is emitted before the first secret is read, except for those that
            // `--param` gives. Its playbook must stay as it was read.
            Self::RunStarted(run) => {
                all(&mut run.params.values_mut().collect::<Vec<_>>());
                all(&mut run.inputs.params.iter_mut().map(|(_, value)| value).collect::<Vec<_>>());
            }
            Self::PhaseStarted { .. }
            | Self::PhaseFinished { .. }
            // `sandbox::provisioner::describe` leaves out fields that may be secret.
            | Self::Intent { .. }
            | Self::Created { .. }
            | Self::SandboxReady { .. }
            | Self::Identified(_)
            | Self::Surveyed { .. }
            | Self::Resumed { .. }
            | Self::DisasterDeclared { .. }
            | Self::StepStarted { .. }
            | Self::StepSource { .. }
            | Self::CheckReady { .. }
            | Self::DeleteIntent { .. }
            | Self::Deleted { .. }
            | Self::Kept { .. }
            | Self::DataGone
            | Self::NetworkLeft { .. }
            | Self::Probed(_)
            | Self::Interrupted { .. }
            | Self::RunFinished { .. } => {}
            Self::NotCreated { error, .. } | Self::DeleteFailed { error, .. } | Self::StepRetry { error, .. } => {
                all(&mut [error]);
            }
            Self::Forecast(forecast) => {
                let of_workloads = forecast.workloads.iter_mut().filter_map(|w| w.because.as_mut());
                all(&mut forecast.because.iter_mut().chain(of_workloads).collect::<Vec<_>>());
            }
            Self::LookedUp(found) => {
                let of_lookups = found.lookups.iter_mut().flat_map(|one| [&mut one.name, &mut one.why]);
                all(&mut of_lookups.chain(&mut found.unknown).collect::<Vec<_>>());
            }
            Self::Isolation { exposures, unknown, .. } => {
                exposures.iter_mut().chain(unknown).for_each(finding);
            }
            Self::PointSeen { why_not, .. } => all(&mut why_not.iter_mut().collect::<Vec<_>>()),
            Self::Progress { text, .. } => all(&mut [text]),
            Self::StepSucceeded { outputs, redacted, confirmed, .. } => {
                *redacted |= redact::value(outputs);
                if let Some(confirmed) = confirmed {
                    all(&mut [&mut confirmed.by]);
                    all(&mut confirmed.note.iter_mut().collect::<Vec<_>>());
                }
            }
            Self::TaskAsked { instructions, .. } => all(&mut [instructions]),
            Self::StepFailed { because, .. }
            | Self::Discarded { because, .. }
            | Self::StepSkipped { because, .. }
            | Self::StepNotRun { because, .. }
            | Self::CheckSkipped { because, .. } => all(&mut [because]),
            Self::CheckRungs { rungs, .. } => {
                for rung in rungs {
                    all(&mut [&mut rung.observed]);
                    all(&mut rung.why.iter_mut().collect::<Vec<_>>());
                }
            }
            Self::CheckTried { observed, .. } | Self::CheckHealthy { observed, .. } => all(&mut [observed]),
            Self::CheckUnhealthy { because, observed, .. } | Self::CheckUnknown { because, observed, .. } => {
                all(&mut [because, observed]);
            }
            Self::Denied { locus, why, .. } => all(&mut [locus, why]),
            Self::Finding(found) => finding(found),
            // Names of resources, and errors of places that could not be searched.
            Self::LeftBehind { resources, .. } => all(&mut resources.iter_mut().collect::<Vec<_>>()),
            Self::Aborted { error, help, mistake: _ } => {
                all(&mut [error]);
                all(&mut help.iter_mut().collect::<Vec<_>>());
            }
        }
    }
}
