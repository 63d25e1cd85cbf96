//! The parent of a program: this program itself, started anew.
//!
//! On Linux, what a program starts can leave its process group and its session, and outlive it. It
//! cannot leave a parent that takes orphans in (a *child subreaper*). So a supervisor stands between
//! the runner and the program. It ends all its descendants as soon as the program has ended, and as
//! soon as the runner lets go of the line between them: by dropping it, or by dying.
//!
//! The line is a socket on the supervisor's standard input. The supervisor writes one message on it.
//! The runner may write that the program is to be interrupted.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// The first argument of a supervisor.
pub(super) const ARGUMENT: &str = "__supervise";

/// The byte on the line that asks the supervisor to interrupt its program.
pub(super) const INTERRUPT: u8 = b'i';

/// Whether this executable knows [`ARGUMENT`]. That of a test does not.
static AVAILABLE: AtomicBool = AtomicBool::new(false);

pub(super) fn is_available() -> bool {
    AVAILABLE.load(Ordering::Relaxed)
}

/// Becomes a supervisor if the arguments say so. Must be called first of all by `main`.
pub fn main_if_asked() -> Option<ExitCode> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    AVAILABLE.store(Path::new("/proc/self/exe").exists(), Ordering::Relaxed);
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let program = arguments.next()?;
    Some(supervise(&program, &arguments.collect::<Vec<_>>()))
}

#[cfg(not(target_os = "linux"))]
fn supervise(_: &OsString, _: &[OsString]) -> ExitCode {
    ExitCode::FAILURE
}

#[cfg(target_os = "linux")]
fn supervise(program: &OsString, arguments: &[OsString]) -> ExitCode {
    match linux::supervise(program, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        // The runner sees that the line ended without a message.
        Err(_) => ExitCode::FAILURE,
    }
}

/// What the supervisor says about its program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// It could not be started, by the system's error number.
    NotStarted(i32),
    /// It has ended, by its wait status.
    Ended(i32),
}

impl Message {
    pub(super) fn text(&self) -> String {
        match self {
            Self::NotStarted(error) => format!("not-started {error}\n"),
            Self::Ended(status) => format!("ended {status}\n"),
        }
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let (word, number) = text.strip_suffix('\n')?.split_once(' ')?;
        let number = number.parse().ok()?;
        match word {
            "not-started" => Some(Self::NotStarted(number)),
            "ended" => Some(Self::Ended(number)),
            _ => None,
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;
    use std::ffi::OsString;
    use std::io::{self, Read as _, Write as _};
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::{Command, Stdio};

    use rustix::io::Errno;
    use rustix::process::{self as system, Pid, Signal, WaitOptions};

    use super::{INTERRUPT, Message};

    pub(super) fn supervise(program: &OsString, arguments: &[OsString]) -> io::Result<()> {
        // Any process id means: on.
        system::set_child_subreaper(Some(system::getpid()))?;
        let mut line = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let started = Command::new(program).args(arguments).stdin(Stdio::null()).process_group(0).spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => {
                let message = Message::NotStarted(error.raw_os_error().unwrap_or_default());
                return line.write_all(message.text().as_bytes());
            }
        };
        let mut held = line.try_clone()?;
        let program = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        std::thread::spawn(move || {
            let mut byte = [0];
            // Ends when the runner lets go.
            while held.read(&mut byte).is_ok_and(|count| count > 0) {
                if byte == [INTERRUPT]
                    && let Some(pid) = program
                {
                    // One that has just ended needs no signal.
                    let _ = system::kill_process(pid, Signal::INT);
                }
            }
            end_descendants();
            std::process::exit(0);
        });
        let status = child.wait();
        end_descendants();
        // The thread above may have waited for it first. Then nobody listens any more.
        let Ok(status) = status else { return Ok(()) };
        // A runner that has let go does not listen.
        let _ = line.write_all(Message::Ended(status.into_raw()).text().as_bytes());
        Ok(())
    }

    /// Kills all descendants, and waits until none is left. Orphans become children of this
    /// process, so each of them is seen.
    fn end_descendants() {
        loop {
            let all = descendants();
            // It may have ended in the meantime. What another user's program refuses stays.
            let refused =
                |pid: &Pid| system::kill_process(*pid, Signal::KILL).is_err_and(|error| error == Errno::PERM);
            if !all.is_empty() && all.iter().filter(|pid| refused(pid)).count() == all.len() {
                return;
            }
            match system::wait(WaitOptions::empty()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    fn descendants() -> Vec<Pid> {
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        for pid in processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
            if let Some(parent) = parent_of(pid) {
                children.entry(parent).or_default().push(pid);
            }
        }
        let mut found = Vec::new();
        let mut waiting = vec![system::getpid().as_raw_nonzero().get()];
        while let Some(next) = waiting.pop() {
            let below = children.remove(&next).unwrap_or_default();
            found.extend(below.iter().filter_map(|pid| Pid::from_raw(*pid)));
            waiting.extend(below);
        }
        found
    }

    fn parent_of(pid: i32) -> Option<i32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything; the state and the parent follow.
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Message;

    #[test]
    fn messages_are_read_as_they_are_written() {
        for message in [Message::NotStarted(2), Message::Ended(256), Message::Ended(9)] {
            assert_eq!(Message::read(&message.text()), Some(message));
        }
        for text in ["", "ended", "ended 1", "ended x\n", "other 1\n"] {
            assert_eq!(Message::read(text), None, "{text}");
        }
    }
}
