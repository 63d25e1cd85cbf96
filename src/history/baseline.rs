//! The baseline of a run: earlier runs of its playbook, on the same cloud, that passed.

use std::str::FromStr;

use record::objectives::Fold;
use record::report::model::WorkloadReport;
use record::run_folder;

use crate::objects::StoreError;
use crate::select::median;
use crate::store::Store;
use crate::{Entry, History};

/// Which earlier runs a run is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// `last-passed`
    LastPassed,
    /// `median:5`: the figures are the medians of so many. What was looked at, the last one says.
    Median(usize),
}

impl FromStr for Baseline {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const MOST: usize = 100;
        match text.split_once(':') {
            None if text == "last-passed" => Ok(Self::LastPassed),
            Some(("median", number)) => match number.parse::<usize>() {
                Ok(number) if (1..=MOST).contains(&number) => Ok(Self::Median(number)),
                Ok(_) | Err(_) => {
                    Err(format!("`median:N` takes from 1 to {MOST} runs, and `{text}` says something else"))
                }
            },
            None | Some(_) => Err(format!("`{text}` is neither `last-passed` nor `median:N`")),
        }
    }
}

/// What a run is compared with.
pub struct Compared {
    pub fold: Fold,
    /// The runs that it was made from, the latest first.
    pub runs: Vec<String>,
}

impl Store {
    /// The baseline of a run: the runs before it of its playbook and cloud that passed. Each is read, and not
    /// taken from the index.
    ///
    /// # Errors
    /// No earlier run passed, or one cannot be read.
    pub fn baseline(
        &self,
        history: &mut History,
        run: &Entry,
        baseline: Baseline,
    ) -> Result<Compared, StoreError> {
        let wanted = match baseline {
            Baseline::LastPassed => 1,
            Baseline::Median(number) => number,
        };
        let before = |entry: &Entry| {
            let same_drill = entry.playbook == run.playbook && entry.on == run.on;
            same_drill && entry.passed() && entry.run_id != run.run_id && entry.at() < run.at()
        };
        let found = self.confirmed(history, before, wanted);
        if let Some(unread) = history.unread.first() {
            let what = format!(
                "{} cannot be read, so it is not known what the baseline is: {}",
                unread.run.escape_debug(),
                unread.why
            );
            return Err(StoreError::new(self.place(), what));
        }
        let mut folds = Vec::new();
        for entry in &found {
            let fetched = self.fetch(history, &entry.run_id)?;
            let told = run_folder::read(&fetched.folder).map_err(|why| StoreError::new(self.place(), why))?;
            folds.push(told.fold);
        }
        let none = || {
            let what = format!(
                "no run of {} on {} before {} passed, so there is no baseline",
                run.playbook.escape_debug(),
                run.on,
                run.run_id
            );
            StoreError::new(self.place(), what)
        };
        let last = folds.first().ok_or_else(none)?.clone();
        let fold = match baseline {
            Baseline::LastPassed => last,
            Baseline::Median(_) => in_the_middle(last, &folds),
        };
        Ok(Compared { fold, runs: found.into_iter().map(|entry| entry.run_id).collect() })
    }
}

/// The last run, with the figures of the middle one in each place.
fn in_the_middle(mut last: Fold, folds: &[Fold]) -> Fold {
    for workload in &mut last.report.workloads {
        let name = workload.name.clone();
        let middle = |figure: fn(&WorkloadReport) -> Option<f64>| {
            let of_name = folds.iter().flat_map(|fold| &fold.report.workloads).filter(|w| w.name == name);
            median(&mut of_name.filter_map(figure).collect::<Vec<f64>>())
        };
        let rto = middle(|w| w.rto.measured_s);
        let with_assumptions = middle(|w| w.rto.with_assumptions_s);
        let rpo = middle(|w| w.rpo.measured_s);
        let worst_case = middle(|w| w.rpo.worst_case_s);
        workload.rto.measured_s = rto;
        workload.rto.with_assumptions_s = workload.rto.with_assumptions_s.and(with_assumptions);
        workload.rpo.measured_s = rpo;
        workload.rpo.worst_case_s = worst_case;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::Baseline;

    #[test]
    fn a_baseline_is_named() {
        assert_eq!("last-passed".parse(), Ok(Baseline::LastPassed));
        assert_eq!("median:5".parse(), Ok(Baseline::Median(5)));
        for bad in ["median", "median:0", "median:x", "median:101", "mean:3", ""] {
            bad.parse::<Baseline>().unwrap_err();
        }
    }
}
