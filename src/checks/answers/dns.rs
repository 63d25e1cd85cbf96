//! `dns`: the records of a name.

use crate::Observation;
use playbook::check::{DnsCheck, DnsType};
use playbook::expr_value::TemplateLeft;

/// Judges the records, sorted and each once.
pub fn judge(spec: &DnsCheck, answers: Option<&[String]>) -> Result<Observation, TemplateLeft> {
    let record_type = match &spec.record_type {
        Some(record_type) => *record_type.get()?,
        None => DnsType::default(),
    };
    let expect = spec.expect.as_ref().map(|expect| expect.get()).transpose()?;
    let Some(answers) = answers else {
        let mut assumed: Vec<String> =
            spec.contains.iter().map(|expected| format!("whether `{expected}` is an answer")).collect();
        assumed.extend(expect.map(|expect| format!("the answer (expected `{expect}`)")));
        return Ok(Observation::healthy("an answer").assuming(assumed));
    };
    if answers.is_empty() {
        let why = format!("`{}` has no {record_type:?} record", spec.name);
        return Ok(Observation::unhealthy("no records", why));
    }
    let joined = answers.join(", ");
    let missing = spec
        .contains
        .iter()
        .find(|expected| !answers.iter().any(|answer| same(answer, expected, record_type)));
    if let Some(missing) = missing {
        return Ok(Observation::unhealthy(
            &joined,
            format!("`{missing}` is not among the answers `{joined}`"),
        )
        .with_value(joined));
    }
    let seen = match expect {
        Some(expect) => Observation::compared(&joined, "the answer", &joined, expect),
        None => Observation::healthy(&joined),
    };
    Ok(seen.with_value(joined))
}

/// Compares text records exactly. In all other types, case and the final dot do not count.
fn same(answer: &str, expected: &str, record_type: DnsType) -> bool {
    match record_type {
        DnsType::Txt => answer == expected,
        DnsType::A | DnsType::Aaaa | DnsType::Cname | DnsType::Srv | DnsType::Mx | DnsType::Ns => {
            answer.eq_ignore_ascii_case(expected.trim().trim_end_matches('.'))
        }
    }
}
