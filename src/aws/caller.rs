//! Who calls, and what became of it: what the interceptor and the errors tell each other.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use port::gate::DeniedCall;

tokio::task_local! {
    /// On whose behalf the current task calls (a step's id), and whether something of it may have taken effect unseen.
    static CALLER: Caller;
}

struct Caller {
    by: String,
    doubtful: AtomicBool,
}

/// Runs a call of the port on behalf of `by`. Every SDK request is made in the task that awaits it, so that the
/// interceptor finds the name.
pub async fn on_behalf<F: Future>(by: &str, work: F) -> F::Output {
    CALLER.scope(Caller { by: by.to_owned(), doubtful: AtomicBool::new(false) }, work).await
}

/// On whose behalf the current task calls; empty where nobody has said.
pub fn by() -> String {
    CALLER.try_with(|caller| caller.by.clone()).unwrap_or_default()
}

/// Notes that an attempt may have taken effect although no answer came.
pub fn doubt() {
    let _outside_of_any_call = CALLER.try_with(|caller| caller.doubtful.store(true, Ordering::Relaxed));
}

/// Whether an attempt since [`on_behalf`] may have taken effect although no answer came.
pub fn doubtful() -> bool {
    CALLER.try_with(|caller| caller.doubtful.load(Ordering::Relaxed)).unwrap_or(true)
}

/// The loss gate's refusal, on its way through the SDK's errors.
#[derive(Debug)]
pub struct Refused(pub DeniedCall);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.why)
    }
}

impl Error for Refused {}
