//! The classes of databases whose engine only their recovery points tell. Whether the sandbox's
//! region offers them is asked before T0: a class that is missing there would fail its restore only
//! during the recovery.

use std::collections::BTreeSet;

use super::found::SurveyedPoints;
use super::{Engine, Stop};
use crate::sandbox::Ready;
use base::ids::AzId;
use port::{Finding, Rule, Wishes};

impl Engine {
    /// Stops a drill that restores a database with a class that no zone of the sandbox offers.
    pub(super) async fn require_classes(&self, ready: &Ready, surveyed: &SurveyedPoints) -> Result<(), Stop> {
        let mut wanted: BTreeSet<(String, String)> = BTreeSet::new();
        for (_, work) in self.plan.steps() {
            let Some(class) = &work.demands.class else { continue };
            for (query, _) in self.queries(work, ready).await {
                let points = surveyed.get(&query).into_iter().flatten();
                let engines = points.filter_map(|point| point.engine.clone());
                wanted.extend(engines.map(|engine| (engine, class.clone())));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let wishes = Wishes { db_classes: wanted.into_iter().collect(), ..Wishes::default() };
        let offers = match self.cloud.offers(&ready.place, &wishes).await {
            Ok(offers) => offers,
            Err(error) => {
                self.report(Finding::new(
                    Rule::ZonesNotChecked,
                    format!("{} {}", ready.place.account, ready.place.region),
                    format!("whether the classes of the restored databases are offered could not be looked up: {error}"),
                    "allow rds:DescribeOrderableDBInstanceOptions",
                ));
                return Ok(());
            }
        };
        let here: BTreeSet<&AzId> = ready.subnets.iter().map(|subnet| &subnet.az).collect();
        for (what, zones) in offers {
            if !zones.iter().any(|zone| here.contains(zone)) {
                let zones: Vec<&str> = zones.iter().map(AzId::as_str).collect();
                let offered =
                    if zones.is_empty() { "in no zone of the region".to_owned() } else { zones.join(", ") };
                return Err(Stop::Aborted {
                    error: format!(
                        "{what} cannot be restored in the sandbox: {} offers it {offered}",
                        ready.place.region
                    ),
                    help: Some(
                        "name a class that the region offers with `class`, or zones that offer it with `sandbox.network.zones`"
                            .into(),
                    ),
                });
            }
        }
        Ok(())
    }
}
