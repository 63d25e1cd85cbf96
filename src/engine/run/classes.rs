//! The classes of databases whose engine only their recovery points tell. Whether the sandbox's
//! region offers them is asked before T0: a class that is missing there would fail its restore only
//! during the recovery.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::found::SurveyedPoints;
use super::{Engine, Stop};
use base::ids::AzId;
use port::{Finding, Offers, Rule, Wishes};

impl Engine {
    /// Stops a drill that restores a database with a class that no zone of the sandbox offers.
    ///
    /// `zones`: the sandbox's.
    pub(super) async fn require_classes(
        &self,
        known: &Map<String, Value>,
        zones: &BTreeSet<AzId>,
        surveyed: &SurveyedPoints,
    ) -> Result<(), Stop> {
        let wishes = self.restored_classes(known, surveyed).await;
        let offers = self.class_offers(&wishes).await.unwrap_or_default();
        match offers.iter().find(|(_, offered)| offered.is_disjoint(zones)) {
            Some((what, offered)) => Err(self.not_offered(what, offered)),
            None => Ok(()),
        }
    }

    /// The classes that steps name, each with the engines of the recovery points.
    pub(super) async fn restored_classes(
        &self,
        known: &Map<String, Value>,
        surveyed: &SurveyedPoints,
    ) -> Wishes {
        let mut wanted: BTreeSet<(String, String)> = BTreeSet::new();
        for (_, work) in self.plan.steps() {
            let Some(class) = &work.demands.class else { continue };
            for (query, _) in self.queries(work, known).await {
                let points = surveyed.get(&query).into_iter().flatten();
                let engines = points.filter_map(|point| point.engine.clone());
                wanted.extend(engines.map(|engine| (engine, class.clone())));
            }
        }
        Wishes { db_classes: wanted.into_iter().collect(), ..Wishes::default() }
    }

    /// Which zones offer these classes. `None`: that could not be looked up, and is reported.
    pub(super) async fn class_offers(&self, wishes: &Wishes) -> Option<Offers> {
        if wishes.db_classes.is_empty() {
            return Some(Offers::new());
        }
        let place = self.plan.sandbox_place();
        match self.cloud.offers(&place, wishes).await {
            Ok(offers) => Some(offers),
            Err(error) => {
                self.report(Finding::new(
                    Rule::ZonesNotChecked,
                    format!("{} {}", place.account, place.region),
                    format!("whether the classes of the restored databases are offered could not be looked up: {error}"),
                    "allow rds:DescribeOrderableDBInstanceOptions",
                ));
                None
            }
        }
    }

    pub(super) fn not_offered(&self, what: &str, zones: &BTreeSet<AzId>) -> Stop {
        let named: Vec<&str> = zones.iter().map(AzId::as_str).collect();
        let offered = if named.is_empty() { "in no zone of the region".to_owned() } else { named.join(", ") };
        let region = &self.plan.sandbox.region;
        Stop::Aborted {
            error: format!("{what} cannot be restored in the sandbox: {region} offers it {offered}"),
            help: Some(
                "name a class that the region offers with `class`, or zones that offer it with `sandbox.network.zones`"
                    .into(),
            ),
        }
    }
}
