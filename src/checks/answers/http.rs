//! `http`: compares everything that the check expects of the answer.

use crate::observation::Secrets;
use crate::{Observation, printable};
use base::duration::Span;
use playbook::check::{HttpCheck, Statuses};
use playbook::expr_value::TemplateLeft;

/// An HTTP answer.
pub struct HttpAnswer<'a> {
    pub status: Option<u16>,
    /// The values of a header. `None`: nobody said whether the answer has it.
    pub header: &'a dyn Fn(&str) -> Option<Vec<String>>,
    pub body: Option<&'a str>,
    /// Whether the body is only the beginning of a longer one.
    pub truncated: bool,
    pub took: Option<Span>,
    pub secrets: Secrets,
}

pub fn judge(spec: &HttpCheck, answer: &HttpAnswer<'_>) -> Result<Observation, TemplateLeft> {
    let secrets = &answer.secrets;
    let shown = answer.body.map(|body| secrets.scrub(body.trim()));
    let mut observed = match (answer.status, answer.took) {
        (Some(status), Some(took)) => format!("{status} in {} ms", took.0.as_millis()),
        (Some(status), None) => status.to_string(),
        (None, Some(took)) => format!("in {} ms", took.0.as_millis()),
        (None, None) => String::new(),
    };
    let mut wrong: Vec<String> = Vec::new();
    let mut notes: Vec<String> = Vec::new();
    let mut assumed: Vec<String> = Vec::new();
    let mut take = |seen: Observation| {
        let list = if seen.is_healthy() { &mut notes } else { &mut wrong };
        list.extend(seen.why);
    };

    let default = Statuses::default();
    let accepted = match &spec.status {
        Some(accepted) => accepted.get()?,
        None => &default,
    };
    match answer.status {
        None => assumed.push(format!("the status (expected {accepted})")),
        Some(status) if !accepted.0.contains(&status) => {
            let locations = (answer.header)("location").unwrap_or_default();
            let help = match (locations.first().filter(|_| (300..400).contains(&status)), &shown) {
                (Some(to), _) => format!(
                    "; it redirects to `{}`: set `follow_redirects` or ask there",
                    printable(&secrets.scrub(to), 80)
                ),
                (None, Some(body)) => format!("; the body begins `{}`", printable(body, 80)),
                (None, None) => String::new(),
            };
            take(Observation::unhealthy("", format!("the status is {status}, expected {accepted}{help}")));
        }
        Some(_) => {}
    }
    for (name, expect) in &spec.expect_header {
        let expect = expect.get()?;
        let what = format!("header `{name}`");
        match (answer.header)(name) {
            None => assumed.push(format!("{what} (expected `{expect}`)")),
            Some(values) if values.is_empty() => {
                take(Observation::unhealthy("", format!("the answer has no {what}")));
            }
            Some(values) => {
                take(Observation::compared_without(secrets, "", &what, &values.join(", "), expect));
            }
        }
    }
    if let Some(expect) = &spec.expect_body {
        let expect = expect.get()?;
        match (answer.body, &shown) {
            (Some(body), Some(shown)) => {
                let lead = if observed.is_empty() { String::new() } else { format!("{observed}, ") };
                observed = format!("{lead}`{shown}`");
                take(if answer.truncated && expect.needs_whole() {
                    Observation::unhealthy(
                        "",
                        format!(
                            "the body is longer than 1 MiB, so it cannot be compared with `{expect}`; use `contains` or `matches`"
                        ),
                    )
                } else {
                    Observation::compared_without(secrets, "", "the body", body, expect)
                });
            }
            _ => assumed.push(format!("the body (expected `{expect}`)")),
        }
    }
    if let Some(most) = &spec.max_latency {
        let most = *most.get()?;
        match answer.took {
            None => assumed.push(format!("how long the answer takes (at most {most})")),
            Some(took) if took > most => take(Observation::unhealthy(
                "",
                format!("the answer took {} ms, longer than `max_latency` {most}", took.0.as_millis()),
            )),
            Some(_) => {}
        }
    }
    let seen = if wrong.is_empty() {
        Observation::healthy(&observed).with_note((!notes.is_empty()).then(|| notes.join("; ")))
    } else {
        Observation::unhealthy(&observed, wrong.join("; "))
    };
    let seen = seen.assuming(assumed);
    Ok(match shown {
        Some(shown) => seen.with_value(shown),
        None => seen,
    })
}
