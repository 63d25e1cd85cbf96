//! How a workload's figure is told in words. Every form of the report tells it the same way.

use super::model::{Status, WorkloadReport};
use super::view::figures::{length, length_beside};

/// What can be said of a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Told {
    /// A measured length of time in seconds.
    Figure(f64),
    /// A part could not be measured: the figure is at least this long.
    AtLeast(f64),
    /// The recovery is incomplete. What could be measured of it is no figure of the workload.
    NotRecovered,
    /// No store of the workload was lost, so no data were.
    NothingLost,
    Unknown,
}

impl Told {
    /// The recovery time that the objective is compared with.
    pub fn rto(workload: &WorkloadReport) -> Self {
        let rto = &workload.rto;
        Self::of(workload, rto.status, rto.with_assumptions_s.or(rto.measured_s), workload.recovered)
    }

    /// The age of the restored data.
    pub fn rpo(workload: &WorkloadReport) -> Self {
        let rpo = &workload.rpo;
        let told = Self::of(workload, rpo.status, rpo.measured_s, !rpo.partial);
        if matches!(told, Self::Figure(_)) && rpo.nothing_lost { Self::NothingLost } else { told }
    }

    /// How far apart the restored stores lie.
    pub fn consistency(workload: &WorkloadReport) -> Self {
        let consistency = &workload.consistency;
        Self::of(workload, consistency.status, consistency.measured_s, !consistency.partial)
    }

    fn of(workload: &WorkloadReport, status: Status, figure: Option<f64>, complete: bool) -> Self {
        match figure {
            // Even a part may exceed the objective.
            Some(figure) if status == Status::Missed => Self::Figure(figure),
            Some(_) | None if !workload.recovered => Self::NotRecovered,
            Some(figure) if complete => Self::Figure(figure),
            Some(figure) => Self::AtLeast(figure),
            None => Self::Unknown,
        }
    }

    /// A few words for a table. `objective` is shown beside them.
    pub fn words(self, objective: Option<f64>) -> String {
        match self {
            Self::Figure(seconds) => length_beside(seconds, objective),
            Self::AtLeast(seconds) => format!("≥ {}", length(seconds)),
            Self::NotRecovered => "not recovered".into(),
            Self::NothingLost => "none lost".into(),
            Self::Unknown => "unknown".into(),
        }
    }

    /// Whether it is a figure of the whole workload.
    pub fn is_known(self) -> bool {
        match self {
            Self::Figure(_) | Self::NothingLost => true,
            Self::AtLeast(_) | Self::NotRecovered | Self::Unknown => false,
        }
    }
}
