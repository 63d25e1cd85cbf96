//! Futures on the heap.

use futures_util::future::LocalBoxFuture;

/// Makes a future on the heap.
///
/// A function that awaits one of many futures keeps room on its stack for all of them, if nothing is
/// optimised, and threads have 2 MiB. Here the room is given back before anybody awaits.
#[inline(never)]
pub fn on_heap<'a, F: Future + 'a>(make: impl FnOnce() -> F) -> LocalBoxFuture<'a, F::Output> {
    Box::pin(make())
}
