//! Runs the user's own programs on this machine, for steps and for checks.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use crate::redact;

/// The variables that a program inherits from the drill's environment, unless the playbook sets
/// others. Credentials are not among them: a check that reaches production proves nothing.
pub const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "LC_ALL", "TMPDIR"];

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

/// Runs a program to its end, without a shell and without input. Keeps the first `keep` bytes of
/// its standard output.
///
/// If the future is dropped before the program ends (a time-out, an interruption), the program and
/// all processes that it started are killed.
pub async fn run(
    program: &str,
    arguments: &[String],
    folder: &Path,
    environment: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    keep: usize,
) -> Result<Ended, ProcessError> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    let mut child =
        command.spawn().map_err(|source| ProcessError::Start { program: program.to_owned(), source })?;
    let mut group = Group(child.id());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (status, stdout, stderr) =
        tokio::join!(child.wait(), beginning(stdout, keep), end(stderr, ERRORS_KEPT));
    let lost = |source| ProcessError::Lost { program: program.to_owned(), source };
    let ended =
        Ended { status: status.map_err(lost)?, stdout: stdout.map_err(lost)?, stderr: stderr.map_err(lost)? };
    group.0 = None;
    Ok(ended)
}

/// Reads a pipe to its end and keeps the beginning. Reading on keeps the program from blocking on a
/// full pipe.
async fn beginning(pipe: Option<impl AsyncRead + Unpin>, keep: usize) -> std::io::Result<Output> {
    let mut output = Output::default();
    read(pipe, |bytes| {
        let room = keep - output.bytes.len();
        output.truncated |= bytes.len() > room;
        output.bytes.extend(bytes.iter().take(room));
    })
    .await?;
    Ok(output)
}

/// Reads a pipe to its end and keeps the end.
async fn end(pipe: Option<impl AsyncRead + Unpin>, keep: usize) -> std::io::Result<Output> {
    let mut output = Output::default();
    read(pipe, |bytes| {
        output.bytes.extend(bytes);
        if output.bytes.len() > keep {
            output.bytes.drain(..output.bytes.len() - keep);
            output.truncated = true;
        }
    })
    .await?;
    if output.truncated {
        // A cut line may start with the second part of a secret, which redaction would not
        // recognise.
        let half = output.bytes.iter().position(|b| *b == b'\n').map_or(output.bytes.len(), |at| at + 1);
        output.bytes.drain(..half);
    }
    Ok(output)
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
        let path = std::env::var("PATH").unwrap();
        let arguments = ["-c".to_owned(), script.to_owned()];
        run("sh", &arguments, Path::new("."), [("PATH", path)], keep).await.unwrap()
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
        let path = std::env::var("PATH").unwrap();
        let running = run("sh", &arguments, folder.path(), [("PATH", path)], 0);
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
