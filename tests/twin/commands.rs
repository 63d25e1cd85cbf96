//! The processes that a command starts end with it. Only the program itself can be the parent that
//! ensures this.
#![cfg(target_os = "linux")]

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts a shell script below a supervisor. The open line keeps the script alive.
fn supervised(script: &str, folder: &Path) -> (Child, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_drillmaster"))
        .args(["__supervise", "sh", "-c", script])
        .current_dir(folder)
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (child, ours)
}

/// The process ids that the script has written. Waits until there are `count` of them.
fn ids(folder: &Path, count: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_mins(2);
    loop {
        let text = std::fs::read_to_string(folder.join("ids")).unwrap_or_default();
        let ids: Vec<String> = text.lines().map(str::to_owned).collect();
        if ids.len() >= count {
            return ids;
        }
        assert!(Instant::now() < deadline, "{text}");
        std::thread::yield_now();
    }
}

fn is_alive(id: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Three processes: one has left its group and session, one was left behind by its parent, and one
/// ignores every signal that can be ignored.
const FAMILY: &str = "setsid sh -c 'echo $$ >> ids; exec sleep 300' & \
     (setsid sh -c 'setsid sleep 300 & echo $! >> ids' &) ; \
     sh -c 'trap \"\" TERM HUP INT; echo $$ >> ids; while :; do sleep 1; done' & \
     while [ \"$(cat ids 2>/dev/null | wc -l)\" -lt 3 ]; do :; done";

#[test]
fn what_a_command_started_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, mut line) = supervised(&format!("{FAMILY}; exit 7"), folder.path());
    let mut said = String::new();
    line.read_to_string(&mut said).unwrap();
    assert_eq!(said, format!("ended {}\n", 7 << 8));
    for id in ids(folder.path(), 3) {
        assert!(!is_alive(&id), "{id} has outlived its command");
    }
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_command_ends_with_its_runner() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, line) = supervised(&format!("{FAMILY}; echo $$ >> ids; exec sleep 300"), folder.path());
    let ids = ids(folder.path(), 4);
    // A process that ends closes its files, however it ended.
    drop(line);
    assert!(child.wait().unwrap().success());
    for id in ids {
        assert!(!is_alive(&id), "{id} has outlived its runner");
    }
}

#[test]
fn a_command_that_cannot_be_started_says_why() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_drillmaster"))
        .args(["__supervise", "no-such-program-anywhere"])
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()
        .unwrap();
    let mut said = String::new();
    (&ours).read_to_string(&mut said).unwrap();
    assert_eq!(said, "not-started 2\n");
    child.wait().unwrap();
}
