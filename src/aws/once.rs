//! Creates a resource exactly once where the API has no client token or a test peer ignores it.
//! Also makes the calls that follow a creation.

use std::time::Duration;

use super::{At, caller};
use base::duration::Span;
use port::{CloudResult, ErrorKind, Sent};

/// The number of attempts against throttling and lost answers. The pauses between them are 0.5 s, 1
/// s, … 8 s.
const ATTEMPTS: u32 = 6;

/// How long follow-up calls may still not find a new resource.
///
/// EC2 and S3 are eventually consistent: EC2 may answer `InvalidVpcID.NotFound` for an id that it
/// has just returned (EC2 developer guide, "Eventual consistency").
const VISIBLE_AFTER: Duration = Duration::from_mins(1);

/// Calls `make` until it succeeds or fails for good.
///
/// `make` must use a client without retries. If an earlier attempt may have taken effect, `look`
/// first searches for what it made. A failure then says that something may exist.
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
        // The name ends in this run's id. Only an earlier copy of the same request can have taken
        // it.
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

/// Marks every failure as "may have been created": the first call of this creation has taken
/// effect.
pub fn begun<T>(answer: CloudResult<T>) -> CloudResult<T> {
    answer.map_err(|error| error.sent(Sent::Maybe))
}

/// Makes a call that follows a creation. Whether it fails or not, a resource exists.
pub async fn follow_up<T>(at: &At<'_>, call: impl AsyncFn() -> CloudResult<T>) -> CloudResult<T> {
    begun(settled(at, call).await)
}

/// Retries a call about a new resource for up to a minute.
///
/// `NotFound` means "not visible yet". `InUse` means that the creation is still going on (S3
/// answers `OperationAborted` for a new bucket).
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
