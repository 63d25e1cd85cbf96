//! Asks people: on the terminal, and by a file that `drillmaster approve` makes. The first answer
//! counts.
//!
//! One thread reads the standard input for the whole process. A question that timed out therefore
//! leaves no reader behind, which could take the answer to the next question or keep the process
//! from ending.

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::{Mutex, mpsc};

use crate::ui::live::pause;
use crate::ui::out;
use crate::ui::text::clean;
use base::clock::Clock;
use base::redact;
use engine::actions::context::{Answer, Person};
use event::{Confirmed, Through};
use record::approval::{self, Approval};

/// Whether somebody may read a question and answer it.
pub fn is_there() -> bool {
    std::io::stdin().is_terminal() && out::stderr_is_terminal()
}

/// How often an answer of another process is looked for.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// Those who can answer for the tasks of a run.
pub struct People {
    /// The typed lines. Only one question is asked at a time.
    typed: Rc<Mutex<Option<mpsc::UnboundedReceiver<String>>>>,
    /// The folder of the run.
    folder: Option<PathBuf>,
    clock: Clock,
    in_rehearsals: bool,
}

impl People {
    pub fn new(folder: Option<PathBuf>, clock: Clock, in_rehearsals: bool) -> Self {
        Self { typed: Rc::default(), folder, clock, in_rehearsals }
    }
}

impl Person for People {
    fn is_at_hand(&self) -> bool {
        is_there()
    }

    fn is_wanted_in_rehearsals(&self) -> bool {
        self.in_rehearsals
    }

    fn confirm(
        &self,
        step: &str,
        instructions: &str,
    ) -> Option<LocalBoxFuture<'static, Result<Answer, String>>> {
        let folder = self.folder.clone()?;
        let question = format!("\n{}: {}\nDone? [y/n] ", clean(step), clean(&redact::text(instructions)));
        let typed = Rc::clone(&self.typed);
        let at_terminal = async move {
            if !is_there() {
                return std::future::pending().await;
            }
            let mut typed = typed.lock().await;
            let lines = typed.get_or_insert_with(|| lines_of(|| std::io::stdin().lock()));
            // The live display must not paint over the question.
            let _pause = pause();
            let done = answer(lines, &question, &mut out::stderr()).await;
            Ok(Answer { done, who: Confirmed { by: user(), through: Through::Terminal, note: None } })
        };
        let elsewhere = given(folder, step.to_owned(), self.clock.clone());
        let first = async move {
            tokio::select! {
                biased;
                answer = elsewhere => answer,
                answer = at_terminal => answer,
            }
        };
        Some(first.boxed_local())
    }
}

/// Whose terminal it is.
fn user() -> String {
    let named = |name| std::env::var(name).ok().filter(|name: &String| !name.trim().is_empty());
    named("USER").or_else(|| named("LOGNAME")).unwrap_or_else(|| "unknown".to_owned())
}

/// Waits for the answer of another process.
async fn given(folder: PathBuf, step: String, clock: Clock) -> Result<Answer, String> {
    loop {
        if let Some(Approval { done, by, note, .. }) = approval::given(&folder, &step)? {
            return Ok(Answer { done, who: Confirmed { by, through: Through::Approval, note } });
        }
        clock.sleep(LOOKS_EVERY).await;
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
