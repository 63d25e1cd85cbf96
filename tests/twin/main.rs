//! Tests of the program without the AWS SDK: on the twin, on files, on the command line.
//!
//! All are in one binary, because each binary links the whole program again. The tests are threads
//! of one process. A test that changes state of the process (the environment, the list of secrets,
//! the panic hook) uses `support::alone`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test stops at what it did not expect, may look at the real clock, and says how far it came"
)]

#[cfg(unix)]
mod action;
mod addresses;
mod any_resource;
#[cfg(unix)]
mod approve;
mod assumed;
mod command_line;
mod commands;
mod completions;
mod conformance;
mod copies;
#[cfg(target_os = "linux")]
mod data_checks;
mod discover;
mod disk;
mod evidence;
mod examples;
mod export;
mod extends;
mod faults;
mod first_playbook;
mod forecast;
mod fuzz_playbook;
mod gate;
mod gate_can_fail;
mod golden_journals;
mod golden_refused;
mod guard;
mod help;
mod help_that_helps;
mod history;
mod iam_policy;
mod insight;
#[cfg(unix)]
mod interruption;
mod journal;
#[cfg(unix)]
mod journal_and_report;
mod lookups;
mod lose_by_param;
mod loss;
mod matrix;
mod needs;
mod no_flattery;
mod nothing_is_not_something;
mod notify;
mod one_truth;
#[cfg(unix)]
mod page;
mod points_asked;
mod printed;
mod reach;
mod readme;
mod reckoning;
mod rehearsals;
mod rendered_once;
mod report_files;
mod report_render;
mod restores;
mod resume;
mod resume_command;
mod schedule;
mod schema_patterns;
mod schemas;
#[cfg(unix)]
mod secrets;
#[cfg(unix)]
mod serve;
mod templates;
mod ui_display;
mod validate;
mod validate_files;
mod validate_output;
mod vaults;
mod what_checks_ask;
mod what_checks_prove;

#[test]
fn no_test_file_is_forgotten() {
    let tests = support::places::at("tests");
    for binary in ["twin", "aws", "support", "probe"] {
        let root = if binary == "support" { "lib.rs" } else { "main.rs" };
        support::sources::none_is_forgotten(&tests.join(binary), root);
    }
    // `autotests` is off, so cargo runs no file that lies elsewhere.
    let elsewhere = support::sources::elsewhere(&tests, &["twin", "aws", "support", "probe"]);
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}
