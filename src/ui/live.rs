//! The display for terminals. Redraws running work in place, and scrolls finished work up above it.
//!
//! An event only changes the state. A painter thread draws it at most ten times a second, so the
//! display does not slow down a rehearsal of thousands of steps.

mod frame;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::frame::Frame;
use super::text::TextStyle;
use base::visible::{Form, printed};
use event::{Body, Consumer, ConsumerError, Event};

/// The time between two drawings.
const REDRAW: Duration = Duration::from_millis(100);

/// Returns columns and rows. Called for every drawing, because windows are resized.
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
    form: Form,
    frame: Frame,
    multi: MultiProgress,
    bar: ProgressBar,
    size: Size,
    /// The run has ended, or its display was dropped.
    over: bool,
    /// The number of questions on the terminal.
    pauses: usize,
}

/// The display on stderr, if there is one.
static SHOWN: Mutex<Weak<Shared>> = Mutex::new(Weak::new());

/// Keeps the display off the terminal while a question stands there. The display comes back when
/// this is dropped.
pub struct Pause(Weak<Shared>);

/// Removes the display on stderr from the terminal, for a question.
#[must_use]
pub fn pause() -> Pause {
    let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone();
    pause_display(shown)
}

fn pause_display(shown: Weak<Shared>) -> Pause {
    if let Some(shared) = shown.upgrade() {
        let mut state = shared.lock();
        state.pauses += 1;
        // If the terminal is gone, asking the question fails and reports it.
        let _ = state.multi.clear();
    }
    Pause(shown)
}

impl Drop for Pause {
    fn drop(&mut self) {
        if let Some(shared) = self.0.upgrade() {
            let mut state = shared.lock();
            state.pauses = state.pauses.saturating_sub(1);
        }
    }
}

impl Live {
    /// Draws on stderr. `speed`: the seconds of the run in one second of real time between two
    /// events (0 at full pace on the twin).
    pub fn on_stderr(style: TextStyle, speed: f64) -> Self {
        let size = || {
            let (rows, columns) = console::Term::stderr().size();
            (usize::from(columns), usize::from(rows))
        };
        let target = if super::out::stderr_is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let mut live = Self::on(target, style, speed, Box::new(size));
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&live.shared);
        let shared = Arc::clone(&live.shared);
        // Without the thread, the display is drawn only at events. The run does not need it.
        live.painter =
            std::thread::Builder::new().name("painter".into()).spawn(move || shared.paint_on()).ok();
        live
    }

    /// Draws on any target, only when [`Self::paint`] is called or the run ends.
    pub fn on(target: ProgressDrawTarget, style: TextStyle, speed: f64, size: Size) -> Self {
        let multi = MultiProgress::with_draw_target(target);
        let bar = multi.add(ProgressBar::no_length());
        bar.set_style(
            ProgressStyle::default_bar().template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        let form = Form::Text { colour: style.color };
        let state = State { frame: Frame::new(style, speed), form, multi, bar, size, over: false, pauses: 0 };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), ended: Condvar::new() }), painter: None }
    }

    /// Shows beside each workload the time that it is expected to take, in seconds.
    #[must_use]
    pub fn expecting(self, expected: BTreeMap<String, f64>) -> Self {
        self.shared.lock().frame.expect(expected);
        self
    }

    pub fn paint(&self) {
        self.shared.lock().paint();
    }

    /// Like [`pause`], for this display.
    #[must_use]
    pub fn pause(&self) -> Pause {
        pause_display(Arc::downgrade(&self.shared))
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
        if self.pauses > 0 {
            return;
        }
        let (columns, rows) = (self.size)();
        let frame = self.frame.draw(columns, rows);
        self.print_settled(columns);
        let frame = printed(&frame, self.form).into_owned();
        if self.bar.message() != frame {
            self.bar.set_message(frame);
        }
    }

    /// Prints everything that has finished since the last call above the frame, at once.
    fn print_settled(&mut self, columns: usize) {
        let lines = self.frame.take_settled(columns);
        if !lines.is_empty() {
            // If the terminal is gone, the drill goes on, because the journal is its record.
            let _ = self.multi.println(printed(&lines.join("\n"), self.form));
        }
    }

    fn end(&mut self) {
        if !self.over {
            self.over = true;
            let (columns, _) = (self.size)();
            self.print_settled(columns);
            self.bar.finish_and_clear();
            // The result follows, often on the same terminal. If the terminal is gone, nothing is
            // left to clear.
            let _ = self.multi.println("");
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
        // An earlier process has printed these lines.
        let _ = state.frame.take_settled(0);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.lock().end();
        self.shared.ended.notify_all();
        if let Some(painter) = self.painter.take() {
            // The painter only draws. A panic in it does not harm the run.
            let _ = painter.join();
        }
    }
}
