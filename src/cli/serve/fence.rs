//! Ends this process when a lease has run out while the store was asked.
//!
//! `serve` asks the store and waits for its answer, at times for minutes. A drill that goes on
//! meanwhile could meet a second one, which whoever takes the lease may begin. The drills end with
//! this process (on Linux), and can be resumed.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use super::TICK;
use crate::cli::output::write_stderr;
use base::clock::Uptime;
use base::exit::Exit;

/// Watches the first lease that ends, from a thread of its own.
pub struct Fence(Sender<Option<Duration>>);

impl Fence {
    pub fn start() -> std::io::Result<Self> {
        let (sender, leases) = mpsc::channel();
        let watch = move || {
            let mut ends = None;
            loop {
                match leases.recv_timeout(TICK) {
                    Ok(next) => ends = next,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => return,
                }
                if has_ended(ends, Uptime::now().since_start()) {
                    write_stderr(
                        "error: the store does not answer, and a lease has run out: `serve` ends, and its drills \
                         with it; whoever has the lease resumes them\n",
                    );
                    std::process::exit(Exit::Error.code().into());
                }
            }
        };
        std::thread::Builder::new().name("fence".into()).spawn(watch)?;
        Ok(Self(sender))
    }

    /// When the first lease of a drill that runs ends, as uptime. `None`: none runs.
    pub fn set(&self, ends: Option<Duration>) {
        // The thread ends with the process only.
        let _ = self.0.send(ends);
    }
}

fn has_ended(ends: Option<Duration>, uptime: Duration) -> bool {
    ends.is_some_and(|ends| uptime >= ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lease_of_a_drill_that_runs_can_end() {
        let second = Duration::from_secs;
        assert!(!has_ended(None, second(99)) && !has_ended(Some(second(10)), second(9)));
        assert!(has_ended(Some(second(10)), second(10)));
    }
}
