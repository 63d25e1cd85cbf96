//! Option groups of databases. RDS copies a snapshot with persistent or permanent options into
//! another region or account only together with an option group there that has them. Without one,
//! the copy would fail only during the recovery.
//!
//! Source: RDS user guide, "Copying a DB snapshot", considerations for option groups.

use super::found::SurveyedPoints;
use super::{Engine, Stop};
use estate::PointKind;
use serde_json::{Map, Value};

impl Engine {
    /// Stops a drill that copies such a snapshot and names no option group.
    pub(super) async fn require_option_groups(
        &self,
        known: &Map<String, Value>,
        surveyed: &SurveyedPoints,
    ) -> Result<(), Stop> {
        let here = self.plan.sandbox_place();
        for (node, work) in self.plan.steps() {
            let copies = work
                .source
                .as_ref()
                .is_some_and(|source| source.is_copy() && source.kinds.contains(&PointKind::RdsSnapshot));
            if !copies || work.demands.option_group {
                continue;
            }
            for (query, _) in self.queries(work, known).await {
                let points = surveyed.get(&query).into_iter().flatten();
                let usable = points.filter(|point| point.survives(&self.plan.loss));
                // The copy takes the newest one. An older one with such options does not matter.
                let Some(point) = usable.max_by_key(|point| point.taken.or(point.made)) else { continue };
                let elsewhere = point.region != here.region || point.account != here.account;
                if elsewhere && !point.fixed_options.is_empty() {
                    let options = point.fixed_options.join(", ");
                    return Err(Stop::Aborted {
                        error: format!(
                            "the snapshot {} has options that RDS never takes away ({options}): step `{}` copies it to {} of account {} and names no option group with them",
                            point.id, node.id, here.region, here.account
                        ),
                        help: Some(format!(
                            "make an option group with {options} in {}, and name it with `option_group`",
                            here.region
                        )),
                    });
                }
            }
        }
        Ok(())
    }
}
