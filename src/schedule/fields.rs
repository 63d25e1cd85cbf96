//! The fields of an expression as numbers, for schedulers that write them otherwise.

use croner::Cron;

/// Each field's numbers, in order. `None` stands for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    pub minutes: Option<Vec<u16>>,
    pub hours: Option<Vec<u16>>,
    /// Of the month. If `weekdays` are given too, one of both is enough.
    pub days: Option<Vec<u16>>,
    pub months: Option<Vec<u16>>,
    /// 0 is Sunday.
    pub weekdays: Option<Vec<u16>>,
}

impl Fields {
    /// `None`: the expression has days that are no numbers (`L`, `W` and `#`).
    pub(crate) fn of(cron: &Cron) -> Option<Self> {
        let pattern = &cron.pattern;
        if pattern.days.has_modifiers() || pattern.days_of_week.has_modifiers() {
            return None;
        }
        let some = |values: Vec<u16>, all: usize| (values.len() < all).then_some(values);
        let mut days = some(pattern.days.values(), 31);
        let mut weekdays = some(pattern.days_of_week.values(), 7);
        // All days of a field that is no `*` are enough, whatever the other one says.
        if (days.is_none() && !pattern.is_dom_wildcard())
            || (weekdays.is_none() && !pattern.is_dow_wildcard())
        {
            (days, weekdays) = (None, None);
        }
        Some(Self {
            minutes: some(pattern.minutes.values(), 60),
            hours: some(pattern.hours.values(), 24),
            days,
            months: some(pattern.months.values(), 12),
            weekdays,
        })
    }

    /// An expression of five fields that consists of lists alone: each scheduler reads it alike.
    pub fn cron(&self) -> String {
        [&self.minutes, &self.hours, &self.days, &self.months, &self.weekdays]
            .map(|field| list(field.as_deref(), "*"))
            .join(" ")
    }
}

/// `1,4,7`, or the sign that stands for all.
pub fn list(values: Option<&[u16]>, all: &str) -> String {
    let Some(values) = values else { return all.to_owned() };
    values.iter().map(u16::to_string).collect::<Vec<_>>().join(",")
}
