//! A workflow of GitHub Actions.

use super::{Job, Manifest};
use base::duration::Span;
use base::on::On;
use yaml::emit::scalar;

/// GitHub's own runners end a job after six hours.
const LONGEST_JOB: Span = Span::from_secs(6 * 3600);
/// GitHub starts no schedule more often than every five minutes.
const SHORTEST_INTERVAL: Span = Span::from_secs(300);

pub fn manifest(job: &Job<'_>, action: Option<&str>) -> Result<Vec<Manifest>, String> {
    let action = action.filter(|action| is_action(action)).ok_or(
        "say which action runs the drill: `--action OWNER/NAME@REF`, such as `acme/drillmaster@v0.1.0`",
    )?;
    let playbook = &job.playbook;
    if playbook.starts_with('/') || playbook.split('/').any(|part| part == "..") {
        return Err(format!(
            "`{playbook}` does not lie in a checkout: say where it lies in the repository, `--path drills/orders.yaml`"
        ));
    }
    // The action chooses the run's folder.
    job.check_options(&["--out", "run"])?;
    let (shortest, _) = job.schedule.intervals();
    if shortest < SHORTEST_INTERVAL {
        return Err(format!(
            "GitHub starts no schedule more often than every 5m, and this one is due every {shortest}"
        ));
    }
    if job.on == On::Aws && job.longest() > LONGEST_JOB {
        return Err(format!(
            "a runner of GitHub ends a job after 6h, in the middle of a drill that may take {} with its teardown: lower `sandbox.ttl`, or choose another scheduler",
            job.longest()
        ));
    }
    let head = job.head(&[
        "GitHub starts a job late when it is busy, at full hours above all, and may leave one out: \
         it knows no window. It runs schedules of the default branch only, and stops those of a public \
         repository after 60 days without activity. When clocks are put forward, a time that does not \
         exist becomes the next one that does.",
    ]);
    let zone = job.schedule.zone().name();
    // Without a time zone it is UTC.
    let zone = if zone == "UTC" { String::new() } else { format!("\n      timezone: {}", scalar(zone)) };
    let text = format!(
        "{head}name: {name}
on:
  schedule:
    - cron: {cron}{zone}
  workflow_dispatch:

permissions:
  contents: read{token}

# One drill after the other, and none is cut off.
concurrency:
  group: {name}
  cancel-in-progress: false

jobs:
  drill:
    runs-on: ubuntu-latest
    timeout-minutes: 360
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          persist-credentials: false
{credentials}      - uses: {action}
        with:
          playbook: {playbook}
          arguments: {arguments}
",
        name = scalar(&format!("drill-{}", job.name)),
        cron = scalar(&job.fields.cron()),
        token = if job.on == On::Aws { "\n  id-token: write" } else { "" },
        credentials = if job.on == On::Aws { credentials(job) } else { String::new() },
        action = scalar(action),
        playbook = scalar(&literal(playbook)),
        arguments = scalar(&arguments(job)),
    );
    Ok(vec![Manifest { name: format!("drill-{}.yml", job.name), text }])
}

fn is_action(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let Some((repository, version)) = text.split_once('@') else { return false };
    let parts: Vec<&str> = repository.split('/').collect();
    parts.len() == 2 && parts.into_iter().all(plain) && version.split('/').all(plain)
}

/// The step that gets credentials. AWS allows 15 minutes to 12 hours.
fn credentials(job: &Job<'_>) -> String {
    let seconds = job.longest().0.as_secs().clamp(3600, 43_200);
    format!(
        "      # The variable names the role of this repository. Its longest session must not be shorter.
      - uses: aws-actions/configure-aws-credentials@v6
        with:
          role-to-assume: ${{{{ vars.DRILLMASTER_ROLE }}}}
          role-duration-seconds: {seconds}
          aws-region: {}
",
        scalar(job.region.as_str())
    )
}

/// One option in each line.
fn arguments(job: &Job<'_>) -> String {
    let on = format!("--on={}", job.on);
    let lines: Vec<String> = std::iter::once(&on).chain(job.options).map(|option| literal(option)).collect();
    lines.join("\n")
}

/// A text in which GitHub finds no expression.
fn literal(text: &str) -> String {
    text.replace("${{", "${{ '${{' }}")
}
