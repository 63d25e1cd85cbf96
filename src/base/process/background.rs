//! A program that runs beside the drill until it is no longer needed, such as a tunnel.

#![allow(clippy::disallowed_methods, reason = "how long a pipe stays open is real time")]

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::{Environment, Output, ProcessError, Started, keep_end, whole_lines};
use crate::redact;

/// How much of what the program says is kept, in bytes.
const KEPT: usize = 64 * 1024;

/// A running program. Dropping it ends the program and all that it started.
pub struct Background {
    shared: Arc<Shared>,
    /// Its pipes and its lifeline.
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// The end of both streams.
    said: Output,
    /// How it ended.
    ended: Option<String>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A state that was left by a panic is still what was said so far.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_waiters();
    }
}

impl Background {
    /// Starts a program without a shell and without input. Must be called inside a runtime.
    pub fn start(
        program: &str,
        arguments: &[String],
        folder: &Path,
        environment: Environment,
    ) -> Result<Self, ProcessError> {
        let mut started = Started::new(program, arguments, folder, environment)?;
        let shared = Arc::<Shared>::default();
        let mut tasks = JoinSet::new();
        let (stdout, stderr) = (started.stdout.take(), started.stderr.take());
        let (of_stdout, of_stderr) = (Arc::clone(&shared), Arc::clone(&shared));
        let ended = Arc::clone(&shared);
        tasks.spawn(async move {
            // What it said last is read before its end is told.
            let pipes = async { tokio::join!(listen(stdout, of_stdout), listen(stderr, of_stderr)) };
            tokio::pin!(pipes);
            let program = started.program.clone();
            let mut heard = false;
            // One future for the status: what a dropped one had read of the line would be lost.
            let status = started.lifeline.status(&program);
            tokio::pin!(status);
            let status = tokio::select! {
                biased;
                status = &mut status => status,
                _ = &mut pipes => {
                    heard = true;
                    status.await
                }
            };
            let how = match status {
                Ok(status) => format!("`{program}` ended ({status})"),
                Err(error) => error.to_string(),
            };
            if !heard {
                // A pipe that stays open has nothing more to say that matters.
                let _ = tokio::time::timeout(super::PIPES_AFTER_END, pipes).await;
            }
            ended.change(|state| state.ended = Some(how));
        });
        Ok(Self { shared, _tasks: tasks })
    }

    /// How the program ended, and what it said last. `None` while it runs.
    pub fn ended(&self) -> Option<String> {
        let state = self.shared.state();
        let how = state.ended.clone()?;
        let said = said(&state);
        let last = said.trim_end();
        // Redact before the cut. A secret that is cut in half would not be recognized.
        let tail = last
            .char_indices()
            .rev()
            .take(300)
            .last()
            .map_or("", |(at, _)| last.get(at..).unwrap_or_default());
        Some(if tail.is_empty() { how } else { format!("{how}: {tail}") })
    }

    /// What the program said so far, at most the last 64 KiB, without secrets.
    pub fn said(&self) -> String {
        said(&self.shared.state())
    }

    /// Waits until `is_ready` holds for what was said, or the program has ended. Returns whether it
    /// is ready.
    pub async fn until(&self, is_ready: impl Fn(&str) -> bool) -> bool {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let (raw, ended) = {
                let state = self.shared.state();
                (String::from_utf8_lossy(&state.said.bytes).into_owned(), state.ended.is_some())
            };
            if is_ready(&raw) {
                return true;
            }
            if ended {
                return false;
            }
            changed.await;
        }
    }
}

fn said(state: &State) -> String {
    let mut output = Output { bytes: state.said.bytes.clone(), truncated: state.said.truncated };
    whole_lines(&mut output);
    redact::text(&output.text()).into_owned()
}

async fn listen(pipe: Option<impl AsyncRead + Unpin>, shared: Arc<Shared>) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = vec![0; 16 * 1024];
    // A pipe that cannot be read has nothing more to say. The program's end is told by its status.
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        let bytes = buffer.get(..count).unwrap_or_default();
        shared.change(|state| keep_end(&mut state.said, bytes, KEPT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Background {
        let path = Environment::of([("PATH", std::env::var("PATH").unwrap())]);
        Background::start("sh", &["-c".to_owned(), script.to_owned()], Path::new("."), path).unwrap()
    }

    #[tokio::test]
    async fn it_is_ready_once_it_says_so_and_runs_on() {
        let tunnel = shell("echo opening; echo ready >&2; exec sleep 60");
        assert!(tunnel.until(|said| said.contains("ready")).await);
        assert_eq!(tunnel.ended(), None);
        assert!(tunnel.said().contains("opening\n"));
    }

    #[tokio::test]
    async fn an_early_end_is_told_with_what_it_said() {
        let tunnel = shell("echo no route >&2; exit 3");
        assert!(!tunnel.until(|said| said.contains("ready")).await);
        let ended = tunnel.ended().unwrap();
        assert!(ended.contains("exit status: 3") && ended.ends_with("no route"), "{ended}");
    }
}
