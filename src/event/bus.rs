//! Hands every event to every consumer, in one order.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{Body, Event};
use base::clock::Clock;

/// Takes in events, one after the other. An error of the journal stops the run.
pub trait Consumer {
    fn take(&mut self, event: &Event) -> Result<(), ConsumerError>;

    /// Takes in an event of a resumed run, which an earlier process already handled.
    fn recall(&mut self, _event: &Event) {}
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ConsumerError {
    pub message: String,
}

/// Puts events in one order and passes each to every consumer.
pub struct Bus {
    clock: Clock,
    next: Cell<u64>,
    consumers: RefCell<Vec<Box<dyn Consumer>>>,
    broken: RefCell<Option<ConsumerError>>,
}

impl Bus {
    /// `next` is the number of the first event: 0 for a new run.
    pub fn new(clock: Clock, next: u64, consumers: Vec<Box<dyn Consumer>>) -> Rc<Self> {
        Rc::new(Self {
            clock,
            next: Cell::new(next),
            consumers: RefCell::new(consumers),
            broken: RefCell::default(),
        })
    }

    /// Emits an event, with the secrets in its texts replaced. On an error the event may not have
    /// been stored. The caller must then not do what the event announces.
    pub fn emit(&self, body: Body) -> Result<(), ConsumerError> {
        self.send(body).1
    }

    /// Like [`Self::emit`], but also returns the event, for folds that follow their own events.
    pub fn send(&self, body: Body) -> (Event, Result<(), ConsumerError>) {
        let mut event = Event { seq: self.next.get(), at: self.clock.now(), body };
        event.body.redact();
        if !matches!(event.body, Body::Progress { .. }) {
            self.next.set(event.seq + 1);
        }
        let mut first_error = None;
        for consumer in self.consumers.borrow_mut().iter_mut() {
            if let Err(error) = consumer.take(&event) {
                first_error.get_or_insert(error);
            }
        }
        let result = match first_error {
            None => Ok(()),
            Some(error) => {
                self.broken.borrow_mut().get_or_insert_with(|| error.clone());
                Err(error)
            }
        };
        (event, result)
    }

    /// Emits an event about something that has already happened. An error is remembered (see
    /// [`Self::broken`]).
    pub fn tell(&self, body: Body) {
        // `broken` keeps the error. The engine checks it before it goes on.
        let _ = self.emit(body);
    }

    /// The first error of a consumer, if any.
    pub fn broken(&self) -> Option<ConsumerError> {
        self.broken.borrow().clone()
    }
}
