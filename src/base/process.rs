//! Runs the user's own programs on this machine, for steps and for checks.

#![allow(clippy::disallowed_methods, reason = "how long a pipe stays open is real time")]

mod background;
mod environment;
mod supervisor;
mod tied;

use std::borrow::Cow;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::redact;
pub use background::Background;
pub use environment::Environment;
use supervisor::Message;
pub use supervisor::main_if_asked;
pub use tied::Tied;

/// How long the pipes of a program that has ended are read on. Without a supervisor, something that
/// it started may hold them open.
const PIPES_AFTER_END: Duration = Duration::from_secs(1);

/// How many bytes of standard error are kept.
const ERRORS_KEPT: usize = 64 * 1024;

/// The result of a program that has ended.
pub struct Ended {
    pub status: ExitStatus,
    /// The beginning of standard output.
    pub stdout: Output,
    /// The end of standard error. If anything was dropped, it starts with a whole line.
    pub stderr: Output,
}

/// What a program wrote to one of its streams.
#[derive(Default)]
pub struct Output {
    pub bytes: Vec<u8>,
    /// The program wrote more than was kept.
    pub truncated: bool,
}

impl Output {
    /// The output as text. If it was cut, it may end in the first part of a secret. That part is
    /// removed, since redaction would not recognise it.
    pub fn text(&self) -> Cow<'_, str> {
        match String::from_utf8_lossy(&self.bytes) {
            whole if !self.truncated => whole,
            Cow::Borrowed(cut) => Cow::Borrowed(redact::without_begun(cut)),
            Cow::Owned(cut) => Cow::Owned(redact::without_begun(&cut).to_owned()),
        }
    }
}

/// Why a program has no result.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    #[error("cannot run `{program}`: {source}")]
    Start { program: String, source: std::io::Error },
    #[error("cannot read the result of `{program}`: {source}")]
    Lost { program: String, source: std::io::Error },
}

/// A program that was started. Dropping it ends the program and all that it started.
struct Started {
    program: String,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    lifeline: Lifeline,
    _home: Option<TempDir>,
}

/// What keeps a program alive.
enum Lifeline {
    /// The line to its supervisor, which ends the program when the line ends.
    Supervisor(UnixStream, Child),
    /// No supervisor: its process group.
    Group(Child, #[expect(dead_code, reason = "kept for its end")] Group),
}

impl Started {
    /// Starts a program without a shell and without input.
    fn new(
        program: &str,
        arguments: &[String],
        folder: &Path,
        environment: Environment,
    ) -> Result<Self, ProcessError> {
        let failed = |source| ProcessError::Start { program: program.to_owned(), source };
        let Environment { variables, home, supervised } = environment;
        let supervised = supervised && supervisor::is_available();
        let mut command = if supervised {
            // This very program, even if its file was replaced since.
            let mut command = Command::new("/proc/self/exe");
            command.arg(supervisor::ARGUMENT).arg(program);
            command
        } else {
            Command::new(program)
        };
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let (mut child, lifeline) = if supervised {
            let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
            ours.set_nonblocking(true).map_err(failed)?;
            let ours = UnixStream::from_std(ours).map_err(failed)?;
            command.stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)));
            (command.spawn().map_err(failed)?, Some(ours))
        } else {
            (command.kill_on_drop(true).spawn().map_err(failed)?, None)
        };
        // The command holds its end of the line until it is dropped.
        drop(command);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let lifeline = if let Some(line) = lifeline {
            Lifeline::Supervisor(line, child)
        } else {
            let group = Group(child.id());
            Lifeline::Group(child, group)
        };
        Ok(Self { program: program.to_owned(), stdout, stderr, lifeline, _home: home })
    }
}

impl Lifeline {
    /// Waits until the program has ended, and with a supervisor all that it started.
    async fn status(&mut self, program: &str) -> Result<ExitStatus, ProcessError> {
        let lost = |source| ProcessError::Lost { program: program.to_owned(), source };
        let (line, child) = match self {
            Self::Group(child, _) => return child.wait().await.map_err(lost),
            Self::Supervisor(line, child) => (line, child),
        };
        let mut text = String::new();
        line.read_to_string(&mut text).await.map_err(lost)?;
        // It ends once it has said this. Waiting for it leaves no zombie.
        child.wait().await.map_err(lost)?;
        match Message::read(&text) {
            Some(Message::Ended(status)) => Ok(std::os::unix::process::ExitStatusExt::from_raw(status)),
            Some(Message::NotStarted(error)) => Err(ProcessError::Start {
                program: program.to_owned(),
                source: std::io::Error::from_raw_os_error(error),
            }),
            None => Err(lost(std::io::Error::other("its supervisor was killed"))),
        }
    }
}

/// Runs a program to its end, without a shell and without input. Keeps the first `keep` bytes of
/// its standard output.
///
/// When the program ends, and when the future is dropped before that (a time-out, an interruption),
/// the program and all processes that it started are killed: on Linux by its supervisor, elsewhere
/// those of its process group.
pub async fn run(
    program: &str,
    arguments: &[String],
    folder: &Path,
    environment: Environment,
    keep: usize,
) -> Result<Ended, ProcessError> {
    let mut started = Started::new(program, arguments, folder, environment)?;
    let lost = |source| ProcessError::Lost { program: program.to_owned(), source };
    let (mut stdout, mut stderr) = (Output::default(), Output::default());
    let (pipes, lifeline) = ((started.stdout.take(), started.stderr.take()), &mut started.lifeline);
    let status = {
        let reading = async {
            tokio::try_join!(beginning(pipes.0, keep, &mut stdout), end(pipes.1, ERRORS_KEPT, &mut stderr))
        };
        // One future for the status: what a dropped one had read of the line would be lost.
        let ended = lifeline.status(program);
        tokio::pin!(reading, ended);
        tokio::select! {
            biased;
            read = &mut reading => {
                read.map_err(lost)?;
                ended.await?
            }
            status = &mut ended => {
                let status = status?;
                if let Ok(read) = tokio::time::timeout(PIPES_AFTER_END, reading).await {
                    read.map_err(lost)?;
                }
                status
            }
        }
    };
    whole_lines(&mut stderr);
    Ok(Ended { status, stdout, stderr })
}

/// Reads a pipe to its end and keeps the beginning. Reading on keeps the program from blocking on a
/// full pipe.
async fn beginning(
    pipe: Option<impl AsyncRead + Unpin>,
    keep: usize,
    output: &mut Output,
) -> std::io::Result<()> {
    read(pipe, |bytes| {
        let room = keep - output.bytes.len();
        output.truncated |= bytes.len() > room;
        output.bytes.extend(bytes.iter().take(room));
    })
    .await
}

/// Reads a pipe to its end and keeps the end.
async fn end(pipe: Option<impl AsyncRead + Unpin>, keep: usize, output: &mut Output) -> std::io::Result<()> {
    read(pipe, |bytes| keep_end(output, bytes, keep)).await
}

fn keep_end(output: &mut Output, bytes: &[u8], keep: usize) {
    output.bytes.extend(bytes);
    if output.bytes.len() > keep {
        output.bytes.drain(..output.bytes.len() - keep);
        output.truncated = true;
    }
}

/// Leaves out the cut line at the beginning of an end. It may start with the second part of a
/// secret, which redaction would not recognise.
fn whole_lines(output: &mut Output) {
    if output.truncated {
        let half = output.bytes.iter().position(|b| *b == b'\n').map_or(output.bytes.len(), |at| at + 1);
        output.bytes.drain(..half);
    }
}

async fn read(pipe: Option<impl AsyncRead + Unpin>, mut take: impl FnMut(&[u8])) -> std::io::Result<()> {
    let Some(mut pipe) = pipe else { return Ok(()) };
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match pipe.read(&mut buffer).await? {
            0 => return Ok(()),
            count => take(buffer.get(..count).unwrap_or_default()),
        }
    }
}

/// The process group of a program that may still run. Dropping it kills every process in the group.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(pid) =
            self.0.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
        {
            // An error means that no process of the group is left.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn shell(script: &str, keep: usize) -> Ended {
        let arguments = ["-c".to_owned(), script.to_owned()];
        run("sh", &arguments, Path::new("."), path(), keep).await.unwrap()
    }

    fn path() -> Environment {
        Environment::of([("PATH", std::env::var("PATH").unwrap())])
    }

    #[tokio::test]
    async fn a_pipe_that_a_child_holds_open_delays_nothing() {
        let started = std::time::Instant::now();
        let ended = shell("setsid sleep 30 & echo over", 100).await;
        assert_eq!((ended.stdout.text(), ended.status.code()), ("over\n".into(), Some(0)));
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[tokio::test]
    async fn of_output_the_beginning_is_kept_and_of_errors_the_end() {
        let ended =
            shell("echo first; yes | head -c 300000; yes 0123456 | head -c 300000 >&2; echo last >&2", 100)
                .await;
        assert_eq!((ended.stdout.bytes.len(), ended.stdout.truncated), (100, true));
        assert!(ended.stdout.text().starts_with("first\ny\n"));
        assert!(ended.stderr.truncated && ended.stderr.bytes.len() <= ERRORS_KEPT);
        let errors = ended.stderr.text();
        assert!(errors.starts_with("0123456\n") && errors.ends_with("\nlast\n"), "a cut line is left out");
        assert!(ended.status.success());
    }

    #[tokio::test]
    async fn what_fits_is_whole() {
        let ended = shell("printf 'half a line'; printf oops >&2; exit 3", 11).await;
        assert_eq!((ended.stdout.text(), ended.stdout.truncated), ("half a line".into(), false));
        assert_eq!((ended.stderr.text(), ended.stderr.truncated), ("oops".into(), false));
        assert_eq!(ended.status.code(), Some(3));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn dropped_it_kills_the_program_and_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pid_file = folder.path().join("pid");
        let script = "sleep 60 & echo $! > pid.new; mv pid.new pid; wait";
        let arguments = ["-c".to_owned(), script.to_owned()];
        let running = run("sh", &arguments, folder.path(), path(), 0);
        let started = async {
            while !pid_file.exists() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ended = running => panic!("it ended by itself"),
            () = started => {}
        }
        let child: u32 = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
        // A killed process is gone, or a zombie until its new parent reaps it.
        let gone = || {
            std::fs::read_to_string(format!("/proc/{child}/stat")).map_or(true, |stat| stat.contains(") Z "))
        };
        for _ in 0..1_000_000 {
            if gone() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("the child is still alive");
    }
}
