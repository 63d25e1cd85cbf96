//! Teardown: removes what the run created, in dependency order, then looks again. What cannot be removed, or not
//! be seen to be gone, is reported and never forgotten.

use std::rc::Rc;
use std::time::Duration;

use super::hands::Hands;
use super::removal::Removal;
use crate::clock::Clock;
use crate::cloud::wait::Waiter;
use crate::cloud::{Place, Whose};
use crate::event::{Body, Bus};

/// How long one resource may resist by default: as long as AWS takes to delete the slowest (a database in creation).
pub const PATIENCE: Duration = Duration::from_mins(45);

pub struct Teardown<'a> {
    pub hands: &'a Rc<Hands>,
    pub waiter: &'a Rc<Waiter>,
    pub clock: &'a Clock,
    pub bus: &'a Rc<Bus>,
    /// Where the run could have created something.
    pub places: Vec<Place>,
    /// How long one resource may resist.
    pub patience: Duration,
}

impl Teardown<'_> {
    /// Removes everything; what is returned was left behind.
    pub async fn run(&self) -> Vec<String> {
        self.survey().await;
        let removal = Removal {
            hands: self.hands,
            waiter: self.waiter,
            clock: self.clock,
            bus: self.bus,
            patience: self.patience,
        };
        let again = async || {
            self.look().await;
            self.hands.standing()
        };
        let gone = removal.run(self.hands.standing(), again).await;
        let mut left = gone.resisting;
        left.extend(gone.retained);
        // Look again: only what is not found any more is gone.
        for place in &self.places {
            match self.hands.cloud().tagged(place, &self.whose()).await {
                Ok(found) => left.extend(found.things.iter().map(|t| t.resource.to_string())),
                Err(error) => left.push(format!(
                    "unknown ({} {} could not be looked at: {error})",
                    place.account, place.region
                )),
            }
        }
        left.sort();
        left.dedup();
        self.bus.tell(Body::LeftBehind { resources: left.clone(), places: self.places.len() });
        left
    }

    /// All that the run has made is known to `hands` after this, as far as it can be.
    pub async fn survey(&self) {
        if !self.hands.settle(self.clock).await {
            self.bus.tell(Body::Finding {
                rule: "creation-abandoned".into(),
                severity: "medium".into(),
                resource: "teardown".into(),
                message: "a creating call was still under way when teardown began".into(),
                fix: "look for the tag drillmaster:run by hand, some minutes later".into(),
            });
        }
        self.look().await;
    }

    fn whose(&self) -> Whose {
        Whose::Run(self.hands.marks().run.clone())
    }

    /// Finds, by tag, what a lost answer or a crash has left untold.
    async fn look(&self) {
        for place in &self.places {
            match self.hands.cloud().tagged(place, &self.whose()).await {
                Ok(found) => {
                    for thing in &found.things {
                        self.hands.adopt(&thing.resource);
                    }
                }
                // The look at the end tells again, and finally.
                Err(error) => self.bus.tell(Body::Finding {
                    rule: "teardown-blind".into(),
                    severity: "medium".into(),
                    resource: format!("{} {}", place.account, place.region),
                    message: format!("what the run has left there could not be looked up: {error}"),
                    fix: "teardown goes by its own records; look for the tag drillmaster:run by hand".into(),
                }),
            }
        }
    }
}
