//! `command`: how a program ended, and what it wrote.

use crate::observation::Secrets;
use crate::{Observation, printable};
use playbook::check::CommandCheck;
use playbook::expr_value::TemplateLeft;

/// A program that ended.
pub struct Ran<'a> {
    pub ending: Option<Ending>,
    pub stdout: Option<&'a str>,
    /// Whether `stdout` is only the beginning of a longer output.
    pub truncated: bool,
    pub stderr: &'a str,
    pub secrets: Secrets,
}

/// How a program ended.
pub enum Ending {
    Code(i32),
    /// By a signal, for instance.
    Other(String),
}

pub fn judge(spec: &CommandCheck, ran: &Ran<'_>) -> Result<Observation, TemplateLeft> {
    let expected_code = match &spec.exit_code {
        Some(code) => *code.get()?,
        None => 0,
    };
    let secrets = &ran.secrets;
    let mut assumed = Vec::new();
    let text = ran.stdout.map(|raw| secrets.scrub(raw.trim())).unwrap_or_default();
    let ended = match &ran.ending {
        Some(Ending::Code(code)) => format!("exit code {code}"),
        Some(Ending::Other(status)) => format!("no exit code ({status})"),
        None => String::new(),
    };
    let observed = match (ended.as_str(), text.as_str()) {
        (_, "") => ended.clone(),
        ("", text) => format!("`{text}`"),
        (_, text) => format!("{ended}, `{text}`"),
    };
    match ran.ending {
        Some(Ending::Code(code)) if code == expected_code => {}
        Some(_) => {
            let errors = secrets.scrub(ran.stderr);
            let said = if errors.trim().is_empty() { text.as_str() } else { errors.trim() };
            let said = match said.lines().last() {
                Some(line) => format!("; it said `{}`", printable(line, 120)),
                None => String::new(),
            };
            return Ok(Observation::unhealthy(&observed, format!("{ended}, expected {expected_code}{said}"))
                .with_value(text));
        }
        None if spec.exit_code.is_some() => assumed.push(format!("the exit code (expected {expected_code})")),
        None => {}
    }
    let expect = spec.expect.as_ref().map(|expect| expect.get()).transpose()?;
    let seen = match (expect, ran.stdout) {
        (Some(expect), Some(_)) if ran.truncated && expect.needs_whole() => Observation::unhealthy(
            &observed,
            format!("the output is longer than 1 MiB, so it cannot be compared with `{expect}`"),
        ),
        (Some(expect), Some(raw)) => {
            Observation::compared_without(secrets, &observed, "the output", raw.trim(), expect)
        }
        (Some(expect), None) => {
            assumed.push(format!("the output (expected `{expect}`)"));
            Observation::healthy(&observed)
        }
        (None, _) => Observation::healthy(&observed),
    };
    let seen = seen.assuming(assumed);
    Ok(if ran.stdout.is_some() { seen.with_value(text) } else { seen })
}
