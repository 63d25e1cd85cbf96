//! A service of systemd and its timer.

use super::{Job, Manifest};
use ::schedule::list;

const PROGRAM: &str = "/usr/local/bin/drillmaster";
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

pub fn manifests(job: &Job<'_>, program: Option<&str>) -> Result<Vec<Manifest>, String> {
    let program = program.unwrap_or(PROGRAM);
    if !program.starts_with('/') || !program.chars().all(is_plain) {
        return Err(format!("`{program}` is no absolute path that systemd takes: `--program {PROGRAM}`"));
    }
    job.absolute("a service has no folder of its own")?;
    let name = format!("drillmaster-{}", job.name);
    let command: Vec<String> =
        std::iter::once(program.to_owned()).chain(job.command().iter().map(|text| word(text))).collect();
    let service = format!(
        "{head}[Unit]
Description=Disaster-recovery drill {drill}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart={command}
# The runs are kept in /var/lib/drillmaster/runs.
DynamicUser=yes
StateDirectory=drillmaster
WorkingDirectory=%S/drillmaster
# The environment of the drill, such as AWS_PROFILE.
EnvironmentFile=-/etc/drillmaster/environment
# A drill that is stopped tears its sandbox down.
TimeoutStopSec=1h
",
        head =
            job.head(&["Its exit code is the verdict: a service that failed is a drill that did not pass."]),
        drill = job.name,
        command = command.join(" "),
    );
    // Without a window a drill that was missed is held later. With one it may be too late by then.
    let (persistent, late) = match job.schedule.window() {
        None => ("true", "A drill that was missed while the machine was off is held when it is on again."),
        Some(_) => (
            "false",
            "systemd knows no window, so a drill that was missed while the machine was off is not held later.",
        ),
    };
    let times: Vec<String> = calendars(job).iter().map(|calendar| format!("OnCalendar={calendar}")).collect();
    let timer = format!(
        "{head}[Unit]
Description=When the disaster-recovery drill {drill} is due

[Timer]
{times}
AccuracySec=1min
Persistent={persistent}

[Install]
WantedBy=timers.target
",
        head = job
            .head(
                &["When clocks are put forward, a drill at a time that does not exist is left out.", late,]
            ),
        drill = job.name,
        times = times.join("\n"),
    );
    Ok(vec![
        Manifest { name: format!("{name}.service"), text: service },
        Manifest { name: format!("{name}.timer"), text: timer },
    ])
}

/// The times. Of two kinds of days one is enough, and so are two lines.
fn calendars(job: &Job<'_>) -> Vec<String> {
    let fields = &job.fields;
    let of = |days: Option<&[u16]>, weekdays: Option<&[u16]>| {
        let weekdays = weekdays.map_or_else(String::new, |all| {
            let names: Vec<&str> =
                all.iter().filter_map(|day| WEEKDAYS.get(usize::from(*day)).copied()).collect();
            format!("{} ", names.join(","))
        });
        let part = |values: Option<&[u16]>| list(values, "*");
        format!(
            "{weekdays}*-{}-{} {}:{}:00 {}",
            part(fields.months.as_deref()),
            part(days),
            part(fields.hours.as_deref()),
            part(fields.minutes.as_deref()),
            job.schedule.zone().name()
        )
    };
    match (fields.days.as_deref(), fields.weekdays.as_deref()) {
        (Some(days), Some(weekdays)) => vec![of(Some(days), None), of(None, Some(weekdays))],
        (days, weekdays) => vec![of(days, weekdays)],
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | ',' | ':' | '=' | '@' | '+')
}

/// A word of a command line of systemd (systemd.service, "Command lines").
fn word(text: &str) -> String {
    let text = text.replace('%', "%%").replace('$', "$$");
    if !text.is_empty() && text.chars().all(is_plain) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
