//! For terminals: what runs now is redrawn in place, what has finished scrolls up above it.
//!
//! Events only change a state; a painter draws it at most ten times a second, so that a rehearsal of thousands of
//! steps is not held up by its display.

mod frame;

use std::io::IsTerminal;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::frame::Frame;
use super::text::TextStyle;
use event::{Body, Consumer, ConsumerError, Event};

/// Between two drawings.
const REDRAW: Duration = Duration::from_millis(100);

/// Columns and rows, asked for at every drawing: windows are resized.
type Size = Box<dyn Fn() -> (usize, usize) + Send>;

pub struct Live {
    shared: Arc<Shared>,
    painter: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

struct State {
    frame: Frame,
    multi: MultiProgress,
    bar: ProgressBar,
    size: Size,
    /// The run has ended, or its display was dropped.
    over: bool,
    /// How many questions stand on the terminal.
    hushed: usize,
}

/// The display on stderr, if there is one.
static SHOWN: Mutex<Weak<Shared>> = Mutex::new(Weak::new());

/// The display is taken off the terminal, and stays away while this is held: somebody is asked something there.
pub struct Hush(Weak<Shared>);

/// Clears what is displayed on stderr for a question.
#[must_use]
pub fn hush() -> Hush {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    hush_one(shown)
}

fn hush_one(shown: Weak<Shared>) -> Hush {
    if let Some(shared) = shown.upgrade() {
        let mut state = shared.lock();
        state.hushed += 1;
        // A terminal that has gone away is asked in vain, and the question says so itself.
        let _gone = state.multi.clear();
    }
    Hush(shown)
}

impl Drop for Hush {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            let mut state = shared.lock();
            state.hushed = state.hushed.saturating_sub(1);
        }
    }
}

impl Live {
    /// Draws on stderr. `speed`: how many of the run's seconds pass in one of the watcher's between two events
    /// (0: none, as at full pace on the twin).
    pub fn on_stderr(look: TextStyle, speed: f64) -> Self {
        let size = || {
            let (rows, columns) = console::Term::stderr().size();
            (usize::from(columns), usize::from(rows))
        };
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let mut live = Self::on(target, look, speed, Box::new(size));
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&live.shared);
        let shared = Arc::clone(&live.shared);
        // Without a thread the display stands still between events; the run itself does not need it.
        live.painter =
            std::thread::Builder::new().name("painter".into()).spawn(move || shared.paint_on()).ok();
        live
    }

    /// Draws on any target, and only when [`Self::paint`] is called or the run ends.
    pub fn on(target: ProgressDrawTarget, look: TextStyle, speed: f64, size: Size) -> Self {
        let multi = MultiProgress::with_draw_target(target);
        let bar = multi.add(ProgressBar::no_length());
        bar.set_style(
            ProgressStyle::default_bar().template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        let state = State { frame: Frame::new(look, speed), multi, bar, size, over: false, hushed: 0 };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), ended: Condvar::new() }), painter: None }
    }

    pub fn paint(&self) {
        self.shared.lock().paint();
    }

    /// As [`hush`], of this display.
    #[must_use]
    pub fn hush(&self) -> Hush {
        hush_one(Arc::downgrade(&self.shared))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn paint_on(&self) {
        let mut state = self.lock();
        while !state.over {
            state.paint();
            state =
                self.ended.wait_timeout(state, REDRAW).map_or_else(|e| e.into_inner().0, |(state, _)| state);
        }
    }
}

impl State {
    fn paint(&mut self) {
        if self.hushed > 0 {
            return;
        }
        let (columns, rows) = (self.size)();
        let frame = self.frame.draw(columns, rows);
        self.print_settled(columns);
        if self.bar.message() != frame {
            self.bar.set_message(frame);
        }
    }

    /// What finished since the last time goes above the frame, in one go.
    fn print_settled(&mut self, columns: usize) {
        let lines = self.frame.take_settled(columns);
        if !lines.is_empty() {
            // A terminal that has gone away is no reason to stop a drill: its record is the journal.
            let _gone = self.multi.println(lines.join("\n"));
        }
    }

    fn end(&mut self) {
        if !self.over {
            self.over = true;
            let (columns, _) = (self.size)();
            self.print_settled(columns);
            self.bar.finish_and_clear();
            // The result follows, and often on the same terminal.
            let _gone = self.multi.println("");
        }
    }
}

impl Consumer for Live {
    fn take(&mut self, event: &Event) -> Result<(), ConsumerError> {
        let mut state = self.shared.lock();
        state.frame.take(event);
        if matches!(event.body, Body::RunFinished { .. }) {
            state.end();
            self.shared.ended.notify_all();
        }
        Ok(())
    }

    fn recall(&mut self, event: &Event) {
        let mut state = self.shared.lock();
        state.frame.take(event);
        let _told_already = state.frame.take_settled(0);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.lock().end();
        self.shared.ended.notify_all();
        if let Some(painter) = self.painter.take() {
            // It draws only; had it panicked, the run would be none the worse.
            let _drew = painter.join();
        }
    }
}
