//! An error with its causes, in one line.

use std::error::Error;

/// Joins an error with its causes. Leaves out a cause that the text already contains. Many libraries
/// leave out of their own text what lies deepest, and that is what a user needs.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}
