//! The twin's answers to checks.

use base::duration::{Span, Time, When};
use estate::file::Probe;
use port::ProbeAnswer;

const DOWN_FOR: Span = Span::from_secs(5);

/// Returns the answer at `now` to a check whose dependencies became ready at `ready_at`. Without a
/// probe in the estate, nothing is said: the check counts as healthy at once, and as assumed.
pub fn answer(probe: Option<&Probe>, ready_at: Time, now: Time, t0: Time) -> ProbeAnswer {
    let Some(probe) = probe else { return ProbeAnswer { healthy: true, said: None, next_change: None } };
    let value = probe.value.clone().map(|value| match value.as_str().map(str::parse) {
        // A time relative to T0 becomes the timestamp that the restored data would hold.
        Some(Ok(when @ When::BeforeT0(_))) => {
            serde_json::Value::String(when.resolve(t0).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
        }
        _ => value,
    });
    let said = Some(Probe { value, ..probe.clone() });
    if probe.never {
        return ProbeAnswer { healthy: false, said, next_change: None };
    }
    let mut healthy = false;
    let up = ready_at + probe.healthy_after.delta();
    let mut changes = vec![up];
    if let Some(flaps_after) = probe.flaps_after {
        let down = up + flaps_after.delta();
        changes.extend([down, down + probe.down_for.unwrap_or(DOWN_FOR).delta()]);
    }
    let mut next_change = None;
    for change in changes {
        if change <= now {
            healthy = !healthy;
        } else {
            next_change.get_or_insert(change);
        }
    }
    ProbeAnswer { healthy, said, next_change }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        chrono::DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn it_comes_up_flaps_and_comes_back() {
        let probe = Probe {
            healthy_after: Span::from_secs(20),
            flaps_after: Some(Span::from_secs(10)),
            ..Probe::default()
        };
        let seen: Vec<_> = [0, 20, 30, 35]
            .map(|s| {
                let answer = answer(Some(&probe), at(0), at(s), at(0));
                (answer.healthy, answer.next_change.map(|n| (n - at(0)).num_seconds()))
            })
            .into();
        assert_eq!(seen, [(false, Some(20)), (true, Some(30)), (false, Some(35)), (true, None)]);
    }

    #[test]
    fn a_relative_value_is_a_timestamp() {
        let probe = Probe { value: Some("-2h3m".into()), ..Probe::default() };
        let value = answer(Some(&probe), at(0), at(0), at(7380)).said.unwrap().value.unwrap();
        assert_eq!(value, at(0).to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
    }
}
