//! `state`: judges the status that the cloud reports for a resource.

use super::Observation;
use playbook::check::StateCheck;

/// The AWS calls of this check, besides those of the step that made the resource. It needs none: it
/// uses the same calls.
pub const CALLS: &[&str] = &[];

/// Judges a status from the cloud port: `healthy`, or the cloud's own word.
pub fn judge(spec: &StateCheck, status: &str) -> Observation {
    let what = format!("the status of {}", spec.of);
    match &spec.expect {
        Some(expect) => match expect.get() {
            Ok(expect) => Observation::compared(status, &what, status, expect),
            Err(left) => left.into(),
        },
        None if status == "healthy" => Observation::healthy(status),
        None => Observation::unhealthy(status, format!("{what} is `{status}`, expected `healthy`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_is_compared() {
        let plain: StateCheck = serde_saphyr::from_str("{ of: db }").unwrap();
        assert!(judge(&plain, "healthy").is_healthy());
        let impaired = judge(&plain, "impaired");
        assert!(!impaired.is_healthy() && impaired.why.unwrap().contains("impaired"));
        let stopped: StateCheck = serde_saphyr::from_str("{ of: i, expect: stopped }").unwrap();
        assert!(judge(&stopped, "stopped").is_healthy() && !judge(&stopped, "healthy").is_healthy());
        let left: StateCheck = serde_saphyr::from_str("{ of: i, expect: '{{ a }}' }").unwrap();
        assert!(!judge(&left, "healthy").is_healthy());
    }
}
