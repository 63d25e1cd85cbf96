//! Chooses runs of a history.

use base::duration::Time;
use base::on::On;

use crate::entry::Entry;

/// What a run must be. Nothing set: every run.
#[derive(Debug, Clone, Default)]
pub struct Select {
    pub playbook: Option<String>,
    pub workload: Option<String>,
    pub on: Option<On>,
    /// Only runs that passed (`true`), or only others.
    pub passed: Option<bool>,
    pub since: Option<Time>,
}

impl Select {
    pub fn takes(&self, entry: &Entry) -> bool {
        self.playbook.as_ref().is_none_or(|name| *name == entry.playbook)
            && self.workload.as_ref().is_none_or(|name| entry.workload(name).is_some())
            && self.on.is_none_or(|on| on == entry.on)
            && self.passed.is_none_or(|passed| passed == entry.passed())
            && self.since.is_none_or(|since| entry.at() >= since)
    }
}

/// The middle of some figures. Of an even number of them, the mean of the two in the middle.
pub fn median(figures: &mut [f64]) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    let upper = *figures.get(middle)?;
    if figures.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *figures.get(middle.checked_sub(1)?)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle() {
        for (figures, middle) in [
            (vec![], None),
            (vec![3.0], Some(3.0)),
            (vec![9.0, 1.0], Some(5.0)),
            (vec![9.0, 1.0, 2.0], Some(2.0)),
            (vec![4.0, 1.0, 3.0, 2.0], Some(2.5)),
        ] {
            assert_eq!(median(&mut figures.clone()), middle, "{figures:?}");
        }
    }
}
