//! Runs a command of the user on this machine.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::actions::action::{Action, OF_AN_OUTCOME};
use crate::actions::context::{Context, Outcome, StepError, value};
use base::clock::Clock;
use base::process::{self, Background, Environment, ProcessError};
use base::redact;
use estate::PointKind;
use estate::file::FaultKind;
use playbook::action::{ArgProblem, Demands, FileArg, FileKind, Output, Prepared, Shape, SourceSpec};
use playbook::check::is_variable;
use playbook::expr::is_template;
use playbook::expr_value::Expr;
use port::{Calibration, Finding, Rule};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunArgs {
    /// The program and its arguments. No shell is involved. Relative paths are relative to the
    /// playbook.
    #[schemars(length(min = 1))]
    pub run: Vec<String>,
    /// Environment variables besides `PATH`, `TMPDIR` and the locale. Secrets belong here, since
    /// everyone on the machine can read the arguments of a running program.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The program runs on beside the steps and checks, as a tunnel does, and is ended before
    /// teardown. The step succeeds when it is ready.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub background: bool,
    /// How a background program shows that it is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_when: Option<ReadyWhen>,
}

/// How a background program shows that it is ready.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadyWhen {
    /// It listens on this port of `127.0.0.1` or `::1`.
    Port(Expr<u16>),
    /// It prints a line that matches this regular expression, on standard output or error.
    Line(String),
}

pub struct Run;

/// The output of a command that the twin does not run, if the estate does not say what it prints.
pub const NOT_RUN: &str = "not-run-on-the-twin";

/// How much of a command's output is kept, in bytes.
const MOST: usize = 64 * 1024;

impl Action for Run {
    type Args = RunArgs;

    const NAME: &'static str = "command.run";
    const SUMMARY: &'static str =
        "Runs a command on this machine; fails when it exits with anything but 0. The twin does not run it.";
    const OUTPUTS: &'static [Output] = &[Output {
        name: "stdout",
        doc: "what it printed, without the last line end; in the background, until it was ready",
        shape: Shape::Text,
    }];
    const CALLS: &'static [&'static str] = &[];
    // A command can do anything.
    const MAY_OPEN: bool = true;
    const MAY_CLAIM: bool = true;
    const SIZED_BY: &'static [PointKind] = &[];
    const FAULTS: &'static [FaultKind] = OF_AN_OUTCOME;
    const PREPARED: &'static [Prepared] = &[];
    const TIMING: Calibration = Calibration {
        name: Self::NAME,
        of: &[],
        base: Duration::from_secs(10),
        per_gib: Duration::ZERO,
        spread: 0.2,
        source: "10 s (m)",
    };
    const SECRETS: &'static [&'static str] = &["run", "env"];
    const FILES: &'static [FileArg] = &[FileArg { name: "run", kind: FileKind::Program }];

    fn problems(args: &RunArgs) -> Vec<ArgProblem> {
        let mut found = Vec::new();
        let mut wrong = |pointer: &str, message: String, help: &str| {
            found.push(ArgProblem { pointer: pointer.to_owned(), message, help: help.to_owned() });
        };
        match (&args.ready_when, args.background) {
            (None, true) => wrong(
                "/background",
                "nobody can tell when the background program is ready".into(),
                "say it: `ready_when: { port: 15432 }` or `ready_when: { line: \"ready\" }`",
            ),
            (Some(_), false) => wrong(
                "/ready_when",
                "`ready_when` is for a background program".into(),
                "add `background: true`, or remove it: a command is done when it ends",
            ),
            (Some(ReadyWhen::Port(port)), true) if port.get().is_ok_and(|port| *port == 0) => wrong(
                "/ready_when/port",
                "nothing listens on port 0".into(),
                "write a port between 1 and 65535",
            ),
            (Some(ReadyWhen::Line(pattern)), true) if !is_template(pattern) => {
                if let Err(error) = Regex::new(pattern) {
                    let message = format!("`{pattern}` is not a regular expression: {error}");
                    wrong("/ready_when/line", message, "write one such as `^Waiting for connections`");
                }
            }
            (None, false) | (Some(_), true) => {}
        }
        for name in args.env.keys().filter(|name| !is_variable(name)) {
            let message = format!("`{}` cannot be the name of a variable", name.escape_debug());
            wrong("/env", message, "write a name without `=`");
        }
        found
    }

    fn lives_on(args: &RunArgs) -> bool {
        args.background
    }

    fn source(_args: &RunArgs) -> Option<SourceSpec> {
        None
    }

    fn demands(_args: &RunArgs) -> Demands {
        Demands::default()
    }

    async fn run(cx: &Context<'_>, args: RunArgs) -> Result<Outcome, StepError> {
        let origin = cx.origin("");
        let mut outcome = Outcome::default();
        if let Some(rehearsed) = cx.provisioner.cloud().rehearsed(&origin, Self::NAME) {
            cx.pass(rehearsed?).await;
            // The estate may say what the command prints. Nobody else knows.
            let said = cx.provisioner.cloud().probe(cx.step, cx.began).and_then(|answer| answer.said?.value);
            let stdout = said.map_or_else(
                || NOT_RUN.to_owned(),
                |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            );
            outcome.outputs.insert("stdout".into(), json!(stdout));
            let id = cx.step;
            outcome.findings.push(Finding::new(
                Rule::Assumed,
                id,
                format!("step `{id}` was assumed: the twin does not run its command"),
                "run the drill with `--on aws`, where the command is run",
            ));
            return Ok(outcome);
        }
        // A background program has no work that could be half done.
        if cx.resumed && !args.background {
            return Err(StepError::failed(
                "the runner died while the command ran: nobody can tell whether it did its work",
            ));
        }
        let Some((program, rest)) = args.run.split_first() else {
            return Err(StepError::wrong("`run` is empty", "name a program and its arguments"));
        };
        let environment = Environment::without_credentials(|name| std::env::var_os(name), &args.env)
            .map_err(|error| StepError::failed(format!("no folder can be made for `HOME`: {error}")))?;
        if let Some(ready) = &args.ready_when {
            // A program of an attempt before must not answer for this one.
            cx.background.borrow_mut().remove(cx.step);
            let folder = cx.files.folder();
            let start = || Background::start(program, rest, folder, environment);
            let running = ready_in_background(start, ready, cx.clock, cx.progress).await?;
            let said = running.said();
            cx.background.borrow_mut().insert(cx.step.to_owned(), running);
            outcome.outputs.insert("stdout".into(), json!(said.trim_end_matches(['\r', '\n'])));
            return Ok(outcome);
        }
        let ended = process::run(program, rest, cx.files.folder(), environment, MOST)
            .await
            .map_err(|e| not_run(&e))?;
        if !ended.status.success() {
            let said = ended.stderr.text();
            // Redact before the cut. A secret that is cut in half would not be recognized.
            let said = redact::text(said.trim_end());
            let tail = said
                .char_indices()
                .rev()
                .take(300)
                .last()
                .map_or("", |(at, _)| said.get(at..).unwrap_or_default());
            return Err(StepError::failed(format!("`{program}` ended with {}: {tail}", ended.status)));
        }
        let stdout = ended.stdout.text();
        outcome.outputs.insert("stdout".into(), json!(stdout.trim_end_matches(['\r', '\n'])));
        Ok(outcome)
    }
}

fn not_run(error: &ProcessError) -> StepError {
    StepError::wrong(error.to_string(), "give its path, relative to the playbook, or put it on PATH")
}

/// How often a port is tried. No event tells that a port is open.
const PORT_PAUSE: Duration = Duration::from_millis(100);

/// Starts a program, and waits until it is ready.
async fn ready_in_background(
    start: impl FnOnce() -> Result<Background, ProcessError>,
    ready: &ReadyWhen,
    clock: &Clock,
    progress: &dyn Fn(String, Option<f64>),
) -> Result<Background, StepError> {
    let (running, is_ready) = match ready {
        ReadyWhen::Line(pattern) => {
            let pattern = Regex::new(pattern).map_err(|error| {
                StepError::wrong(format!("`ready_when`: {error}"), "write a regular expression")
            })?;
            let running = start().map_err(|error| not_run(&error))?;
            progress(format!("waiting for a line that matches `{pattern}`"), None);
            let is_ready = running.until(|said| said.lines().any(|line| pattern.is_match(line))).await;
            (running, is_ready)
        }
        ReadyWhen::Port(port) => {
            let port = value(Some(port))?.unwrap_or_default();
            if listens(port).await {
                return Err(StepError::failed(format!(
                    "something else listens on port {port} already: nobody could tell when the program is ready"
                )));
            }
            let running = start().map_err(|error| not_run(&error))?;
            progress(format!("waiting until port {port} is open"), None);
            while running.ended().is_none() && !listens(port).await {
                clock.sleep(PORT_PAUSE).await;
            }
            let is_ready = running.ended().is_none();
            (running, is_ready)
        }
    };
    if is_ready {
        return Ok(running);
    }
    let how = running.ended().unwrap_or_default();
    Err(StepError::failed(format!("the program ended before it was ready: {how}")))
}

/// Whether something listens on a port of this machine.
async fn listens(port: u16) -> bool {
    for host in ["127.0.0.1", "::1"] {
        if tokio::net::TcpStream::connect((host, port)).await.is_ok() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    async fn started(script: &str, ready: ReadyWhen) -> Result<Background, StepError> {
        let arguments = ["-c".to_owned(), script.to_owned()];
        let environment = Environment::of([("PATH", std::env::var("PATH").unwrap())]);
        let start = || Background::start("sh", &arguments, Path::new("."), environment);
        ready_in_background(start, &ready, &Clock::real(), &|_, _| {}).await
    }

    async fn free_port() -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    }

    #[tokio::test]
    async fn a_background_program_is_ready_when_it_says_so_or_its_port_is_open() {
        let line = ReadyWhen::Line("^Waiting for [0-9]+".into());
        let running = started("echo opening; echo Waiting for 1 >&2; exec sleep 60", line).await.unwrap();
        assert!(running.ended().is_none() && running.said().contains("opening"));
        let port = free_port().await;
        let open = async {
            tokio::task::yield_now().await;
            tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap()
        };
        let ready = ReadyWhen::Port(Expr::Value(port));
        let (running, _listener) = tokio::join!(started("exec sleep 60", ready), open);
        assert!(running.unwrap().ended().is_none());
    }

    #[tokio::test]
    async fn a_background_program_that_ends_early_says_what_it_said() {
        let port = free_port().await;
        for ready in [ReadyWhen::Line("ready".into()), ReadyWhen::Port(Expr::Value(port))] {
            let error = started("echo no route to host >&2; exit 3", ready).await.err().unwrap().to_string();
            assert!(error.contains("before it was ready") && error.ends_with("no route to host"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_proves_nothing() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = started("exec sleep 60", ReadyWhen::Port(Expr::Value(port))).await.err().unwrap();
        assert!(error.to_string().contains("already"), "{error}");
    }

    #[test]
    fn background_and_ready_when_go_together() {
        let problems = |args: serde_json::Value| {
            let args: RunArgs = serde_json::from_value(args).unwrap();
            Run::problems(&args).into_iter().map(|problem| problem.pointer).collect::<Vec<_>>()
        };
        let run = |more: serde_json::Value| {
            let mut args = json!({ "run": ["ssh"] });
            args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            args
        };
        let none: Vec<String> = Vec::new();
        assert_eq!(problems(run(json!({}))), none);
        assert_eq!(problems(run(json!({ "background": true, "ready_when": { "port": 1 } }))), none);
        assert_eq!(problems(run(json!({ "background": true }))), ["/background"]);
        assert_eq!(problems(run(json!({ "ready_when": { "port": 1 } }))), ["/ready_when"]);
        let zero = json!({ "background": true, "ready_when": { "port": 0 } });
        assert_eq!(problems(run(zero)), ["/ready_when/port"]);
        let bad = json!({ "background": true, "ready_when": { "line": "(" } });
        assert_eq!(problems(run(bad)), ["/ready_when/line"]);
        assert_eq!(problems(run(json!({ "env": { "A=B": "c" } }))), ["/env"]);
    }
}
