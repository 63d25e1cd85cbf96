//! How far continuous copies are behind.
//!
//! The instant of the newest data moves all the time, and the same estate has to give the same file.
//! So a lag is written, and rounded up to a step of a ladder.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat};
use base::duration::{Span, Time, When};

use super::Here;
use crate::time::from_time;
use port::CloudResult;

/// The steps, in seconds. A longer lag is rounded up to whole days.
const STEPS: [u64; 10] = [1, 5, 15, 60, 300, 900, 3_600, 6 * 3_600, 12 * 3_600, DAY];
const DAY: u64 = 86_400;

/// The lags of a database's log that count as usual. RDS and DynamoDB give the latest restorable
/// time as "typically within the last 5 minutes".
const USUAL: std::ops::RangeInclusive<u64> = 300..=900;

/// Rounds a lag up.
pub fn rounded_up(seconds: f64) -> Span {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a lag is positive, and far below 2^52 seconds"
    )]
    let whole = seconds.max(0.0).ceil() as u64;
    let step = STEPS.into_iter().find(|step| whole <= *step);
    Span::from_secs(step.unwrap_or_else(|| whole.div_ceil(DAY) * DAY))
}

/// When the newest data of a log are from: its lag while that is usual, else the instant. A log that
/// has stopped does not move any more.
pub fn of_log(latest: Time, now: Time) -> When {
    let lag = base::duration::seconds_between(latest, now);
    let rounded = rounded_up(lag.max(*USUAL.start() as f64));
    if rounded <= Span::from_secs(*USUAL.end()) { When::BeforeT0(rounded) } else { When::At(latest) }
}

/// How far a log reaches back: its retention, or less while it is younger than that.
pub fn reach(days: i32, earliest: Option<Time>, latest: Option<Time>) -> Option<Span> {
    let kept = u64::try_from(days).ok().filter(|days| *days > 0)?.min(35) * DAY;
    let Some((earliest, latest)) = earliest.zip(latest) else { return Some(Span::from_secs(kept)) };
    let seconds = u64::try_from((latest - earliest).num_seconds()).unwrap_or(0);
    // RDS purges old logs now and then, so the window of a full log is somewhat longer or shorter
    // than its retention.
    let unit = if seconds >= DAY { DAY } else { 3_600 };
    Some(Span::from_secs(((seconds + 3_600) / unit * unit).min(kept)))
}

/// A metric of `CloudWatch` that gives a lag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LagMetric {
    pub namespace: &'static str,
    pub name: &'static str,
    pub dimensions: Vec<(&'static str, String)>,
    /// How many of the metric's unit make a second: 1000 for milliseconds.
    pub per_second: u32,
}

/// The API takes up to 500 queries in a request.
const QUERIES: usize = 500;

/// Reads the largest value of each metric in the last hour. A metric without a value is unknown,
/// and absent.
pub async fn read(here: &Here<'_>, metrics: &[LagMetric]) -> CloudResult<BTreeMap<LagMetric, Span>> {
    const CALL: &str = "cloudwatch:GetMetricData";
    let mut found = BTreeMap::new();
    for (number, chunk) in metrics.chunks(QUERIES).enumerate() {
        let queries = chunk.iter().enumerate().map(|(index, metric)| {
            let dimensions = metric.dimensions.iter();
            let dimensions =
                dimensions.map(|(name, value)| Dimension::builder().name(*name).value(value).build());
            let of = Metric::builder()
                .namespace(metric.namespace)
                .metric_name(metric.name)
                .set_dimensions(Some(dimensions.collect()))
                .build();
            let stat = MetricStat::builder().metric(of).period(3_600).stat("Maximum").build();
            MetricDataQuery::builder().id(format!("m{number}x{index}")).metric_stat(stat).build()
        });
        let hour = Span::from_secs(3_600).delta();
        let request = here
            .clients
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(from_time(here.now - hour))
            .end_time(from_time(here.now));
        for result in super::listed!(here, CALL, metric_data_results, next_token, request)? {
            let index = result.id().and_then(|id| id.rsplit_once('x')?.1.parse::<usize>().ok());
            let Some(metric) = index.and_then(|index| chunk.get(index)) else { continue };
            let largest = result.values().iter().copied().reduce(f64::max);
            // `ReplicaLag` is -1 while nothing is replicated (RDS user guide, "Monitoring read
            // replication").
            if let Some(value) = largest.filter(|value| value.is_finite() && *value >= 0.0) {
                found.insert(metric.clone(), rounded_up(value / f64::from(metric.per_second)));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lags_are_rounded_up() {
        for (seconds, expected) in
            [(0.0, 1), (0.2, 1), (1.0, 1), (1.1, 5), (61.0, 300), (901.0, 3_600), (86_401.0, 2 * DAY)]
        {
            assert_eq!(rounded_up(seconds), Span::from_secs(expected), "{seconds}");
        }
    }

    #[test]
    fn a_log_is_as_far_behind_as_usual_or_it_has_stopped() {
        let now: Time = "2026-01-31T12:00:00Z".parse().unwrap();
        let at = |seconds: i64| now - chrono::TimeDelta::seconds(seconds);
        for (lag, expected) in [(0, 300), (299, 300), (300, 300), (301, 900), (900, 900)] {
            assert_eq!(of_log(at(lag), now), When::BeforeT0(Span::from_secs(expected)), "{lag}");
        }
        assert_eq!(of_log(at(901), now), When::At(at(901)));
        // A latest time that lies ahead is this machine's clock being behind.
        assert_eq!(of_log(at(-60), now), When::BeforeT0(Span::from_secs(300)));
    }

    #[test]
    fn a_young_log_reaches_back_less_than_its_retention() {
        let latest: Time = "2026-01-31T12:00:00Z".parse().unwrap();
        let since = |seconds: u64| Some(latest - Span::from_secs(seconds).delta());
        let reach = |earliest| reach(7, earliest, Some(latest)).unwrap();
        assert_eq!(reach(None), Span::from_secs(7 * DAY));
        assert_eq!(reach(since(9 * DAY)), Span::from_secs(7 * DAY));
        assert_eq!(reach(since(7 * DAY - 1_800)), Span::from_secs(7 * DAY));
        assert_eq!(reach(since(2 * DAY + 7_200)), Span::from_secs(2 * DAY));
        assert_eq!(super::reach(0, None, None), None);
    }
}
