//! The only handle through which anything is created or deleted. Intent is written (and, on aws, synced) before
//! each call; the call itself is never dropped half-way, so that what it did is always known or known to be unknown.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use indexmap::IndexSet;
use serde_json::json;
use tokio::sync::Notify;

use crate::cloud::{
    Cloud, CloudError, CloudResult, Create, Created, ErrorKind, Marks, Origin, Place, ResourceRef, Sent,
};
use crate::event::{Body, Bus, ConsumerError};

/// Why something was not created.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HandError {
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The journal could not take the intent: the call was not made.
    #[error("nothing was done: {0}")]
    Journal(#[from] ConsumerError),
}

pub struct Hands {
    cloud: Rc<dyn Cloud>,
    bus: Rc<Bus>,
    marks: Marks,
    /// All that exists because of this run, in the order of creation.
    created: RefCell<IndexSet<ResourceRef>>,
    /// Places to look for what a lost answer left behind.
    places: RefCell<std::collections::BTreeSet<Place>>,
    /// How often a thing was made anew because the one before came up failed.
    generations: RefCell<BTreeMap<String, u32>>,
    in_flight: Cell<usize>,
    landed: Notify,
}

impl Hands {
    pub fn new(cloud: Rc<dyn Cloud>, bus: Rc<Bus>, marks: Marks) -> Rc<Self> {
        Rc::new(Self {
            cloud,
            bus,
            marks,
            created: RefCell::default(),
            places: RefCell::default(),
            generations: RefCell::default(),
            in_flight: Cell::new(0),
            landed: Notify::new(),
        })
    }

    pub fn cloud(&self) -> &Rc<dyn Cloud> {
        &self.cloud
    }

    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    pub fn created(&self) -> Vec<ResourceRef> {
        self.created.borrow().iter().cloned().collect()
    }

    pub fn places(&self) -> Vec<Place> {
        self.places.borrow().iter().cloned().collect()
    }

    /// A name for what `by` makes in `slot`: the same until [`Self::discard`] says that it is no good.
    /// At most 63 characters of `a-z0-9-` with a letter first and no doubled or final hyphen: what RDS allows, the strictest.
    pub fn name(&self, by: &str, slot: &str) -> String {
        let generation = self.generations.borrow().get(by).copied().unwrap_or(0);
        let run = short(&self.marks.run.0);
        let mut text = format!("dm-{run}-{by}");
        if !slot.is_empty() {
            text = format!("{text}-{slot}");
        }
        if generation > 0 {
            text = format!("{text}-r{generation}");
        }
        tidy(&text)
    }

    /// What `by` made is no good: its next attempt makes new things under new names.
    pub fn discard(&self, by: &str) {
        *self.generations.borrow_mut().entry(by.to_owned()).or_insert(0) += 1;
    }

    pub fn origin(&self, by: &str, attempt: u32, slot: &str) -> Origin {
        Origin { by: by.to_owned(), attempt, token: self.name(by, slot) }
    }

    /// Creates something in `slot` of `by`. Repeating it with the same slot is the same request.
    pub async fn create(
        self: &Rc<Self>,
        place: &Place,
        by: &str,
        attempt: u32,
        slot: &str,
        what: Create,
    ) -> Result<Created, HandError> {
        let origin = self.origin(by, attempt, slot);
        self.bus.emit(Body::Intent {
            by: by.to_owned(),
            attempt,
            call: what.call().to_owned(),
            token: origin.token.clone(),
            account: place.account.to_string(),
            region: place.region.to_string(),
            what: describe(&what),
        })?;
        self.places.borrow_mut().insert(place.clone());
        let (hands, place) = (Rc::clone(self), place.clone());
        // Counted from here on: teardown must not begin between this and the task's first turn.
        self.in_flight.set(self.in_flight.get() + 1);
        // A task of its own: an interruption or a time-out of the step must not drop a request that is under way.
        let task = tokio::task::spawn_local(async move {
            let answer = hands.cloud.create(&place, &origin, &hands.marks, &what).await;
            hands.record(&origin, &answer);
            hands.in_flight.set(hands.in_flight.get() - 1);
            hands.landed.notify_waiters();
            answer
        });
        match task.await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(CloudError::new(ErrorKind::Server, "create", "the request was abandoned")
                .sent(Sent::Maybe)
                .into()),
        }
    }

    fn record(&self, origin: &Origin, answer: &CloudResult<Created>) {
        match answer {
            Ok(created) => {
                let mut known = self.created.borrow_mut();
                known.extend(created.resources.iter().cloned());
                self.bus.tell(Body::Created {
                    by: origin.by.clone(),
                    token: origin.token.clone(),
                    resources: created.resources.iter().map(|r| json!(r)).collect(),
                });
            }
            Err(error) => self.bus.tell(Body::NotCreated {
                by: origin.by.clone(),
                token: origin.token.clone(),
                error: error.to_string(),
                sent: match error.sent {
                    Sent::No => "no".into(),
                    Sent::Maybe => "maybe".into(),
                },
            }),
        }
    }

    /// Adds what a look by tag has found and no answer had told of.
    pub fn adopt(&self, resource: ResourceRef) -> bool {
        if self.created.borrow().contains(&resource) {
            return false;
        }
        self.bus.tell(Body::Created {
            by: "teardown".into(),
            token: String::new(),
            resources: vec![json!(resource)],
        });
        self.created.borrow_mut().insert(resource)
    }

    /// Begins to delete one thing of this run. Unlike creating, it does not need a record that can be written: only
    /// what carries the run's tag is deleted, and to leave it standing because a disk is full or a reader has gone
    /// would be worse.
    pub async fn delete(&self, resource: &ResourceRef) -> Result<(), HandError> {
        self.bus.tell(Body::DeleteIntent { resource: json!(resource) });
        let origin = Origin { by: "teardown".into(), attempt: 1, token: self.name("teardown", &resource.id) };
        Ok(self.cloud.delete(&resource.place(), &origin, &self.marks, resource).await?)
    }

    /// Until no creating call is under way.
    pub async fn settle(&self) {
        loop {
            let landed = self.landed.notified();
            if self.in_flight.get() == 0 {
                return;
            }
            landed.await;
        }
    }
}

/// What is written of a request: without templates, keys and user data, which may hold secrets or be long.
fn describe(what: &Create) -> serde_json::Value {
    match what {
        Create::Stack(stack) => json!({ "stack": { "name": stack.name } }),
        Create::KeyPair { name, .. } => json!({ "key_pair": { "name": name } }),
        Create::Instances(run) => {
            let mut run = run.clone();
            run.user_data = run.user_data.map(|_| "(not recorded)".to_owned());
            json!({ "instances": run })
        }
        other => json!(other),
    }
}

/// The last characters of a run's id tell runs apart: its random end.
fn short(run: &str) -> &str {
    run.rsplit('-').next().unwrap_or(run)
}

fn tidy(text: &str) -> String {
    let mut name = String::new();
    for c in text.to_lowercase().chars() {
        let c = if c.is_ascii_alphanumeric() { c } else { '-' };
        if c != '-' || !name.ends_with('-') {
            name.push(c);
        }
    }
    if name.len() > 63 {
        // Long step ids may differ only at their end: a digest keeps them apart.
        use sha2::Digest;
        let digest = sha2::Sha256::digest(text.as_bytes());
        name.truncate(54);
        name = format!(
            "{}-{:02x}{:02x}{:02x}{:02x}",
            name.trim_end_matches('-'),
            digest[0],
            digest[1],
            digest[2],
            digest[3]
        );
    }
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_rds_and_stay_apart() {
        let long = "a".repeat(80);
        let (a, b) = (tidy(&format!("dm-1f3a-{long}-1")), tidy(&format!("dm-1f3a-{long}-2")));
        assert_ne!(a, b);
        for name in [a, b, tidy("dm-1f3a-web_1..x-"), tidy("DM--x")] {
            assert!(name.len() <= 63 && !name.contains("--") && !name.ends_with('-'), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
        }
    }
}
