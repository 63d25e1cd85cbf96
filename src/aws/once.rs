//! Creating something exactly once where the API has no idempotency token, or a peer may ignore it; and the calls that
//! follow a creation.

use std::time::Duration;

use super::{At, caller};
use base::duration::Span;
use port::{CloudResult, ErrorKind, Sent};

/// Attempts against throttling and lost answers, with 0.5 s, 1 s, … 8 s between them.
const ATTEMPTS: u32 = 6;

/// How long what was just created may still be unknown to the calls that follow: EC2 and S3 are eventually consistent
/// (EC2 developer guide, "Eventual consistency": an id that a creating call has returned may be answered with
/// `InvalidVpcID.NotFound` for a while).
const VISIBLE_AFTER: Duration = Duration::from_mins(1);

/// Calls `make` (on a client without retries of its own) until it succeeds, or fails for good. Whenever an earlier
/// call may have taken effect, `look` first looks for what it made; and a failure then says that something may be there.
pub async fn once<T>(
    at: &At<'_>,
    look: impl AsyncFn() -> CloudResult<Option<T>>,
    make: impl AsyncFn() -> CloudResult<T>,
) -> CloudResult<T> {
    let mut pause = Duration::from_millis(500);
    let mut unsure = at.origin.unsure || at.origin.attempt > 1;
    let mut attempt = 1;
    loop {
        if unsure && let Some(found) = begun(look().await)? {
            return Ok(found);
        }
        let error = match make().await {
            Ok(made) => return Ok(made),
            Err(error) => error,
        };
        // Names end in what only this run has: what has ours was made by a request that arrived twice.
        if error.kind == ErrorKind::AlreadyExists
            && !unsure
            && let Some(found) = begun(look().await)?
        {
            return Ok(found);
        }
        let again = error.kind == ErrorKind::Throttled
            || matches!(error.kind, ErrorKind::Server | ErrorKind::Network);
        unsure |= error.sent == Sent::Maybe || caller::doubtful();
        if !again || attempt == ATTEMPTS {
            return if unsure { begun(Err(error)) } else { Err(error) };
        }
        attempt += 1;
        at.aws.config.clock.sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(16));
    }
}

/// The rest of a creation whose first call has taken effect: whatever fails from here on, something may be there.
pub fn begun<T>(answer: CloudResult<T>) -> CloudResult<T> {
    answer.map_err(|error| error.sent(Sent::Maybe))
}

/// A call that follows a creation: whatever becomes of it, something is there.
pub async fn follow_up<T>(at: &At<'_>, call: impl AsyncFn() -> CloudResult<T>) -> CloudResult<T> {
    begun(settled(at, call).await)
}

/// A call about what was made a moment ago, for a minute: `NotFound` is "not yet", and `InUse` says that its creation goes on
/// (S3's `OperationAborted` on a new bucket).
pub async fn settled<T>(at: &At<'_>, call: impl AsyncFn() -> CloudResult<T>) -> CloudResult<T> {
    let clock = &at.aws.config.clock;
    let deadline = clock.now() + Span(VISIBLE_AFTER).delta();
    let mut pause = Duration::from_millis(500);
    loop {
        match call().await {
            Err(error)
                if matches!(error.kind, ErrorKind::NotFound | ErrorKind::InUse) && clock.now() < deadline => {
            }
            answer => return answer,
        }
        clock.sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}
