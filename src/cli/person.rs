//! Asking a person on the terminal.

use std::io::{BufRead, IsTerminal, Write};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::actions::context::Person;
use crate::redact;
use crate::ui::text::clean;

/// Somebody at the terminal, if there is one.
pub struct AtTerminal;

impl Person for AtTerminal {
    fn confirm(&self, step: &str, instructions: &str) -> Option<LocalBoxFuture<'static, bool>> {
        if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return None;
        }
        let question = format!("\n{}: {}\nDone? [y/n] ", clean(step), clean(&redact::text(instructions)));
        let answer = tokio::task::spawn_blocking(move || {
            let mut err = std::io::stderr();
            let mut line = String::new();
            let asked = err.write_all(question.as_bytes()).and_then(|()| err.flush());
            asked.and_then(|()| std::io::stdin().lock().read_line(&mut line)).is_ok()
                && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
        });
        Some(async move { answer.await.unwrap_or(false) }.boxed_local())
    }
}
