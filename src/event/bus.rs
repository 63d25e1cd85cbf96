//! Hands every event to every consumer, in one order.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::{Body, Event};
use base::clock::Clock;

/// Takes events in, one after the other. An error of the journal stops the run.
pub trait Consumer {
    fn take(&mut self, event: &Event) -> Result<(), ConsumerError>;

    /// An event of a run that goes on, from before its runner died: taken in once already, by another process.
    fn recall(&mut self, _event: &Event) {}
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct ConsumerError {
    pub message: String,
}

/// Puts events in one order and hands each to every consumer.
pub struct Bus {
    clock: Clock,
    next: Cell<u64>,
    consumers: RefCell<Vec<Box<dyn Consumer>>>,
    broken: RefCell<Option<ConsumerError>>,
}

impl Bus {
    /// `next`: the number of its first event; 0 for a new run.
    pub fn new(clock: Clock, next: u64, consumers: Vec<Box<dyn Consumer>>) -> Rc<Self> {
        Rc::new(Self {
            clock,
            next: Cell::new(next),
            consumers: RefCell::new(consumers),
            broken: RefCell::default(),
        })
    }

    /// Emits an event, without the secrets in its texts; an error means that it may not have been kept, and that what it announces must not be done.
    pub fn emit(&self, body: Body) -> Result<(), ConsumerError> {
        self.send(body).1
    }

    /// As [`Self::emit`], and gives the event back for folds that follow their own events.
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
        let kept = match first_error {
            None => Ok(()),
            Some(error) => {
                self.broken.borrow_mut().get_or_insert_with(|| error.clone());
                Err(error)
            }
        };
        (event, kept)
    }

    /// Emits what tells of something that has happened already; a failure is remembered (see [`Self::broken`]).
    pub fn tell(&self, body: Body) {
        // The error is kept in `broken`, which the engine looks at before it goes on.
        let _kept = self.emit(body);
    }

    /// The first error of a consumer, if any.
    pub fn broken(&self) -> Option<ConsumerError> {
        self.broken.borrow().clone()
    }
}
