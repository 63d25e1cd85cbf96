//! Tests that must not share their process with others.
//!
//! One binary runs all tests as threads of one process. What belongs to the process is shared then:
//! the list of secrets (`base::redact`), the environment, the panic hook. A test that changes such
//! a thing goes through here. The binary starts itself again for that one test.

use std::process::{Command, Output, Stdio};

/// Set in the process that runs one test alone.
const ALONE: &str = "DRILLMASTER_TEST_ALONE";

/// Runs `test` in a process of its own, with these variables and no others.
///
/// `name` is the test's full name without the crate: `concat!(module_path!(), "::name")`.
#[track_caller]
pub fn alone(name: &str, env: &[(&str, &str)], test: impl FnOnce()) {
    let name = name.split_once("::").map_or(name, |(_crate, name)| name);
    if std::env::var(ALONE).is_ok_and(|alone| alone == name) {
        return test();
    }
    let output = command(name).env(ALONE, name).envs(env.iter().copied()).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} fails in its own process:\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "no test is called {name}:\n{stdout}");
}

/// Runs an ignored test in its own process. The caller judges the result.
pub fn ignored(name: &str, env: &[(&str, &str)]) -> Output {
    let name = name.split_once("::").map_or(name, |(_crate, name)| name);
    let output = command(name).arg("--ignored").envs(env.iter().copied()).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("running 1 test"), "no test is called {name}:\n{stdout}");
    output
}

fn command(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]).env_clear().stdin(Stdio::null());
    command
}
