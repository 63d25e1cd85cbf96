//! The caller of the current request, and whether one of its attempts may have taken effect. The
//! interceptor and the error conversion share both facts here.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use port::gate::DeniedCall;

tokio::task_local! {
    /// Set for the current task, by [`on_behalf`].
    static CALLER: Caller;
}

struct Caller {
    by: String,
    doubtful: AtomicBool,
}

/// Runs a call of the port on behalf of `by`.
///
/// The interceptor reads the name from the task: the SDK makes every request in the task that
/// awaits it.
pub async fn on_behalf<F: Future>(by: &str, work: F) -> F::Output {
    CALLER.scope(Caller { by: by.to_owned(), doubtful: AtomicBool::new(false) }, work).await
}

/// Returns the caller of the current task, or an empty string outside of [`on_behalf`].
pub fn by() -> String {
    CALLER.try_with(|caller| caller.by.clone()).unwrap_or_default()
}

/// Records that an attempt may have taken effect although no answer came.
pub fn doubt() {
    // An error means that no call of the port is running. Then there is nothing to record.
    let _ = CALLER.try_with(|caller| caller.doubtful.store(true, Ordering::Relaxed));
}

/// Returns whether an attempt since [`on_behalf`] may have taken effect although no answer came.
pub fn doubtful() -> bool {
    CALLER.try_with(|caller| caller.doubtful.load(Ordering::Relaxed)).unwrap_or(true)
}

/// The loss gate's refusal. It travels through the SDK inside an SDK error.
#[derive(Debug)]
pub struct Refused(pub DeniedCall);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.why)
    }
}

impl Error for Refused {}
