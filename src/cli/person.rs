//! Asks a person on the terminal.
//!
//! One thread reads the standard input for the whole process. A question that timed out therefore
//! leaves no reader behind, which could take the answer to the next question or keep the process
//! from ending.

use std::io::{BufRead, IsTerminal, Write};
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::{Mutex, mpsc};

use crate::ui::live::pause;
use crate::ui::out;
use crate::ui::text::clean;
use base::redact;
use engine::actions::context::Person;

/// Whether somebody may read a question and answer it.
pub fn is_there() -> bool {
    std::io::stdin().is_terminal() && out::stderr_is_terminal()
}

/// The person at the terminal, if there is one.
#[derive(Default)]
pub struct AtTerminal {
    /// The typed lines. Only one question is asked at a time.
    typed: Rc<Mutex<Option<mpsc::UnboundedReceiver<String>>>>,
}

impl Person for AtTerminal {
    fn confirm(&self, step: &str, instructions: &str) -> Option<LocalBoxFuture<'static, bool>> {
        if !is_there() {
            return None;
        }
        let question = format!("\n{}: {}\nDone? [y/n] ", clean(step), clean(&redact::text(instructions)));
        let typed = Rc::clone(&self.typed);
        let asked = async move {
            let mut typed = typed.lock().await;
            let lines = typed.get_or_insert_with(|| lines_of(|| std::io::stdin().lock()));
            // The live display must not paint over the question.
            let _pause = pause();
            answer(lines, &question, &mut out::stderr()).await
        };
        Some(asked.boxed_local())
    }
}

/// Returns the lines of an input. A detached thread reads them.
fn lines_of<R: BufRead>(open: impl FnOnce() -> R + Send + 'static) -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    let read = move || {
        let mut input = open();
        let mut line = String::new();
        while input.read_line(&mut line).is_ok_and(|n| n > 0)
            && sender.send(std::mem::take(&mut line)).is_ok()
        {}
    };
    // The thread ends with the process. If it cannot start, the channel is closed, and the question
    // counts as not confirmed.
    let _ = std::thread::Builder::new().name("stdin".into()).spawn(read);
    lines
}

async fn answer(lines: &mut mpsc::UnboundedReceiver<String>, question: &str, out: &mut impl Write) -> bool {
    // Lines typed before the question do not answer it.
    while lines.try_recv().is_ok() {}
    if out.write_all(question.as_bytes()).and_then(|()| out.flush()).is_err() {
        return false;
    }
    let line = lines.recv().await.unwrap_or_default();
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn an_abandoned_question_takes_no_answer() {
        let (reader, mut keyboard) = std::io::pipe().unwrap();
        let mut lines = lines_of(|| BufReader::new(reader));
        let mut screen = Vec::new();
        let clock = base::clock::Clock::real();
        let soon = clock.now() + chrono::TimeDelta::milliseconds(50);
        let first = clock.timeout_at(soon, answer(&mut lines, "one?", &mut screen)).await;
        assert_eq!(first, None, "nobody has answered");
        // Too late for the first question, and before the second one.
        keyboard.write_all(b"y\n").unwrap();
        clock.sleep(Duration::from_millis(100)).await;
        let typed = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            keyboard.write_all(b"no\nyes\n").unwrap();
            std::thread::sleep(Duration::from_millis(300));
            keyboard.write_all(b"YES\n").unwrap();
        });
        assert!(!answer(&mut lines, "two?", &mut screen).await, "the old answer was taken");
        clock.sleep(Duration::from_millis(100)).await;
        assert!(answer(&mut lines, "three?", &mut screen).await);
        typed.join().unwrap();
        assert!(!answer(&mut lines, "four?", &mut screen).await, "the input has ended");
        assert_eq!(screen, b"one?two?three?four?");
    }
}
