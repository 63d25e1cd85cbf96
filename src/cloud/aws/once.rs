//! Creating something exactly once where the API has no idempotency token, or a peer may ignore it.

use std::time::Duration;

use super::{At, interceptor};
use crate::cloud::{CloudResult, ErrorKind, Sent};

/// Attempts against throttling and lost answers, with 0.5 s, 1 s, … 8 s between them.
const ATTEMPTS: u32 = 6;

/// Calls `make` (on a client without retries of its own) until it succeeds, or fails for good. Whenever an earlier
/// call may have taken effect, `look` first looks for what it made.
pub async fn once<T>(
    at: &At<'_>,
    look: impl AsyncFn() -> CloudResult<Option<T>>,
    make: impl AsyncFn() -> CloudResult<T>,
) -> CloudResult<T> {
    let mut pause = Duration::from_millis(500);
    let mut unsure = at.origin.unsure || at.origin.attempt > 1;
    let mut attempt = 1;
    loop {
        if unsure && let Some(found) = look().await? {
            return Ok(found);
        }
        let error = match make().await {
            Ok(made) => return Ok(made),
            Err(error) => error,
        };
        let again = error.kind == ErrorKind::Throttled
            || matches!(error.kind, ErrorKind::Server | ErrorKind::Network);
        unsure |= error.sent == Sent::Maybe || interceptor::doubtful();
        if !again || attempt == ATTEMPTS {
            return Err(error);
        }
        attempt += 1;
        at.aws.config.clock.sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(16));
    }
}
