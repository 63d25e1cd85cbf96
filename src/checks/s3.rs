//! `s3`: judges the objects that the cloud port has counted.

use super::Observation;
use base::duration::Size;
use playbook::check::S3Check;
use playbook::expr_value::TemplateLeft;

/// The AWS calls that count the objects.
pub const CALLS: &[&str] = &["s3:ListObjectsV2"];

/// The objects in the check's bucket under its key or prefix. `None`: nobody said, as in some
/// estates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct S3Observed {
    /// Current versions only. Delete markers do not count.
    pub count: Option<u64>,
    /// The sum of their sizes.
    pub bytes: Option<u64>,
}

/// Judges the counted objects. If the check expects nothing in particular, at least one object must
/// exist.
pub fn judge(spec: &S3Check, seen: &S3Observed) -> Observation {
    try_judge(spec, seen).unwrap_or_else(Observation::from)
}

fn try_judge(spec: &S3Check, seen: &S3Observed) -> Result<Observation, TemplateLeft> {
    let objects = if seen.count == Some(1) { "object" } else { "objects" };
    let parts =
        [seen.count.map(|count| format!("{count} {objects}")), seen.bytes.map(|b| Size(b).to_string())];
    let observed = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let place = match (&spec.key, &spec.prefix) {
        (Some(key), _) => format!("s3://{}/{key}", spec.bucket),
        (None, prefix) => format!("s3://{}/{}", spec.bucket, prefix.as_deref().unwrap_or_default()),
    };
    let no = |why: String| Ok(Observation::unhealthy(&observed, why));
    let mut assumed = Vec::new();

    let unasked = spec.min_count.is_none() && spec.count.is_none() && spec.size.is_none();
    let exists = match &spec.exists {
        Some(exists) => Some(*exists.get()?),
        None => unasked.then_some(true),
    };
    let any =
        seen.count.map(|count| count > 0).or_else(|| seen.bytes.filter(|bytes| *bytes > 0).map(|_| true));
    match (exists, any) {
        (Some(true), Some(false)) => {
            return no(format!("nothing exists at {place}; has it been restored there?"));
        }
        (Some(false), Some(true)) => return no(format!("{place} exists, and should not")),
        (Some(_), None) => assumed.push(format!("whether {place} exists")),
        (Some(true), Some(true)) | (Some(false), Some(false)) | (None, _) => {}
    }
    if let Some(least) = &spec.min_count {
        let least = *least.get()?;
        match seen.count {
            None => assumed.push(format!("the number of objects (at least {least})")),
            Some(count) if count < least => {
                return no(format!("{count} {objects} at {place}, expected at least {least}"));
            }
            Some(_) => {}
        }
    }
    if let Some(expect) = &spec.count {
        let expect = expect.get()?;
        match seen.count {
            None => assumed.push(format!("the number of objects (expected `{expect}`)")),
            Some(count) => {
                let judged =
                    Observation::compared(&observed, "the number of objects", &count.to_string(), expect);
                if !judged.is_healthy() {
                    return Ok(judged);
                }
            }
        }
    }
    if let Some(expect) = &spec.size {
        let expect = expect.get()?;
        match seen.bytes {
            None => assumed.push(format!("the size (expected `{expect}`)")),
            Some(bytes) if !expect.holds(bytes) => {
                return no(format!("{} ({bytes} bytes) at {place}, expected `{expect}`", Size(bytes)));
            }
            Some(_) => {}
        }
    }
    let healthy = Observation::healthy(&observed).assuming(assumed);
    Ok(match seen.count {
        Some(count) => healthy.with_value(count.to_string()),
        None => healthy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healthy(yaml: &str, count: u64, bytes: u64) -> bool {
        let spec: S3Check = serde_saphyr::from_str(yaml).unwrap();
        let seen = judge(&spec, &S3Observed { count: Some(count), bytes: Some(bytes) });
        assert_eq!(seen.is_healthy(), seen.why.is_none(), "{seen:?}");
        seen.is_healthy()
    }

    #[test]
    fn everything_asked_for_must_hold() {
        assert!(healthy("{ bucket: b }", 1, 0) && !healthy("{ bucket: b }", 0, 0));
        assert!(
            healthy("{ bucket: b, exists: false }", 0, 0) && !healthy("{ bucket: b, exists: false }", 1, 1)
        );
        assert!(
            healthy("{ bucket: b, min_count: 3 }", 3, 0) && !healthy("{ bucket: b, min_count: 3 }", 2, 9)
        );
        assert!(healthy("{ bucket: b, min_count: 0 }", 0, 0));
        assert!(
            healthy("{ bucket: b, count: '== 2' }", 2, 0) && !healthy("{ bucket: b, count: '== 2' }", 3, 0)
        );
        let sized = "{ bucket: b, key: k, exists: true, size: '>= 1KiB' }";
        assert!(healthy(sized, 1, 1024) && !healthy(sized, 1, 1023) && !healthy(sized, 0, 0));
        assert!(
            !healthy("{ bucket: b, min_count: '{{ params.n }}' }", 9, 9),
            "an expression that is left is no number"
        );
    }
}
