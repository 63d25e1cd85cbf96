//! How fast each API of an account and region is asked.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use base::clock::Clock;
use base::duration::{Span, Time};
use port::Place;

/// The pace of one API: requests a second, after a burst.
struct Pace {
    /// How its calls begin.
    calls: &'static [&'static str],
    each: Duration,
    burst: u32,
    #[expect(dead_code, reason = "for readers of the table")]
    source: &'static str,
}

const fn pace(calls: &'static [&'static str], per_second: u32, burst: u32, source: &'static str) -> Pace {
    Pace { calls, each: Duration::from_nanos(1_000_000_000 / per_second as u64), burst, source }
}

/// The paces. The first row that fits counts. The last one fits everything.
const PACES: [Pace; 6] = [
    pace(
        &["cloudformation:ListResources", "cloudformation:GetResource"],
        1,
        5,
        "no figure of AWS; aws-nuke saw about 60 requests a minute for Cloud Control",
    ),
    pace(
        &["ec2:"],
        20,
        100,
        "EC2 developer guide, \"Request throttling\": describing calls refill 20 a second, up to 100",
    ),
    pace(&["logs:"], 10, 10, "no figure of AWS for the account; aws-nuke uses 10 a second for log groups"),
    pace(&["s3:"], 10, 20, "no figure of AWS for calls about a bucket's configuration; a careful default"),
    pace(&["backup:", "dynamodb:"], 10, 10, "no figure of AWS for the calls used here; a careful default"),
    pace(&[""], 5, 10, "no figure of AWS (RDS, CloudFormation and EFS publish none); a careful default"),
];

/// Spaces the requests to each API. Other callers of the account share AWS's limits: the SDK's
/// retries absorb what still is too fast.
pub struct Pacer {
    clock: Clock,
    /// Whether the paces are kept. A test peer has none.
    kept: bool,
    /// For each place and row of the table: the instant at which its bucket is full again.
    full_at: RefCell<BTreeMap<(Place, usize), Time>>,
}

impl Pacer {
    pub fn new(clock: Clock, kept: bool) -> Self {
        Self { clock, kept, full_at: RefCell::default() }
    }

    /// Waits until the call may be made.
    pub async fn turn(&self, place: &Place, call: &str) {
        if !self.kept {
            return;
        }
        let fits = |pace: &Pace| pace.calls.iter().any(|begins| call.starts_with(begins));
        let Some((row, pace)) = PACES.iter().enumerate().find(|(_, pace)| fits(pace)) else { return };
        let now = self.clock.now();
        let wait = {
            let mut full_at = self.full_at.borrow_mut();
            let full_at = full_at.entry((place.clone(), row)).or_insert(now);
            *full_at = (*full_at).max(now) + Span(pace.each).delta();
            let ahead = (*full_at - now).to_std().unwrap_or_default();
            ahead.saturating_sub(pace.each * pace.burst)
        };
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use base::clock::{Pace, VirtualTime};

    use super::*;

    #[test]
    fn a_burst_is_free_and_then_each_call_waits_for_its_turn() {
        let start: Time = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = Clock::Virtual(VirtualTime::starting_at(start));
        let place = |region: &str| Place {
            account: "111122223333".parse().unwrap(),
            region: region.parse().unwrap(),
        };
        let pacer = Pacer::new(clock.clone(), true);
        let seconds = || (clock.now() - start).num_seconds();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = tokio::task::LocalSet::new();
        let calls = async {
            for _ in 0..5 {
                pacer.turn(&place("us-east-1"), "cloudformation:ListResources").await;
            }
            assert_eq!(seconds(), 0);
            // Both calls of Cloud Control share one bucket.
            for _ in 0..3 {
                pacer.turn(&place("us-east-1"), "cloudformation:GetResource").await;
            }
            assert_eq!(seconds(), 3);
            // Another region, and another API, have their own.
            pacer.turn(&place("us-west-2"), "cloudformation:GetResource").await;
            pacer.turn(&place("us-east-1"), "ec2:DescribeVolumes").await;
            assert_eq!(seconds(), 3);
            for _ in 0..119 {
                pacer.turn(&place("us-east-1"), "ec2:DescribeVolumes").await;
            }
            assert_eq!(seconds(), 4);
        };
        runtime.block_on(clock.drive(Pace::Max, local.run_until(calls)));
    }
}
