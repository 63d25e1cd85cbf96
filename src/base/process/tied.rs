//! This program, started anew as a process of its own that does not outlive its parent.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::supervisor::{self, INTERRUPT, Message};

/// A process that runs this program. It is killed when this is dropped, and on Linux when the parent
/// dies in any way, together with all that it started.
pub struct Tied {
    child: Child,
    /// The line to its supervisor.
    line: Option<UnixStream>,
    ended: Option<ExitStatus>,
}

impl Tied {
    /// Starts this program. It writes where its parent does, and reads nothing.
    pub fn start(arguments: &[OsString], variables: &[(&str, &str)]) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        if !supervisor::is_available() {
            let mut command = Command::new(&program);
            command.args(arguments).envs(variables.iter().copied()).stdin(Stdio::null());
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
            return Ok(Self { child: command.spawn()?, line: None, ended: None });
        }
        // This very program, even if its file was replaced since.
        let this = OsStr::new("/proc/self/exe");
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(this);
        command.arg(supervisor::ARGUMENT).arg(this).args(arguments).stdin(Stdio::from(OwnedFd::from(theirs)));
        command.envs(variables.iter().copied());
        // A signal to the parent's group, such as Ctrl-C, is the parent's to pass on.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Ok(Self { child: command.spawn()?, line: Some(ours), ended: None })
    }

    /// Asks it to end, as Ctrl-C does.
    pub fn interrupt(&mut self) {
        if let Some(line) = &mut self.line {
            // One that is gone has ended, which `ended` tells.
            drop(line.write_all(&[INTERRUPT]));
        } else if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw)
        {
            // The same.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        }
    }

    /// Kills it, and all that it started.
    pub fn kill(&mut self) {
        match self.line.take() {
            // The supervisor sees that the line has ended.
            Some(line) => drop(line),
            // One that has ended needs no signal.
            None => drop(self.child.kill()),
        }
    }

    /// How it ended. `None`: it still runs.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none()
            && let Some(status) = self.child.try_wait()?
        {
            // A supervisor that killed its program, or was killed, says nothing of it.
            let told = self.told();
            let killed = supervisor::is_available().then(|| ExitStatus::from_raw(9));
            self.ended = Some(told.or(killed).unwrap_or(status));
        }
        Ok(self.ended)
    }

    /// What the supervisor said of the program.
    fn told(&mut self) -> Option<ExitStatus> {
        let mut text = String::new();
        // The supervisor has ended, and with it its end of the line.
        io::Read::read_to_string(self.line.as_mut()?, &mut text).ok()?;
        match Message::read(&text)? {
            Message::Ended(status) => Some(ExitStatus::from_raw(status)),
            Message::NotStarted(_) => None,
        }
    }
}

impl Drop for Tied {
    fn drop(&mut self) {
        self.kill();
        if self.ended.is_none() {
            // It ends at once. Waiting leaves no zombie.
            let _ = self.child.wait();
        }
    }
}
