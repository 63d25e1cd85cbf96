//! Refuses a stack that would touch what is lost, before CloudFormation is asked for it.

use std::collections::BTreeMap;

use crate::actions::context::{Context, StepError};
use crate::sandbox::ProvisionError;
use base::ids::AzId;
use playbook::stack::{Around, Known, in_estate, touched};
use port::gate::DeniedCall;
use port::{CloudError, ErrorKind};
use template::{Surroundings, Template, Thing};

/// Records each call that CloudFormation could not make as denied, and fails if there is one.
pub async fn refuse(
    cx: &Context<'_>,
    template: &Template,
    surroundings: &Surroundings,
) -> Result<(), StepError> {
    let Some(loss) = cx.gate.loss() else { return Ok(()) };
    let place = &cx.sandbox.place;
    let mut zones = BTreeMap::new();
    if loss.az().is_some_and(|az| place.region.holds(az)) {
        let found = cx.provisioner.cloud().zones(place).await.map_err(ProvisionError::Cloud)?;
        zones.extend(found.into_iter().map(|zone| (zone.name, zone.id)));
    }
    let subnets: BTreeMap<String, AzId> =
        cx.sandbox.subnets.iter().map(|subnet| (subnet.id.clone(), subnet.az.clone())).collect();
    let created = cx.provisioner.created();
    let find = |thing: Thing, id: &str| {
        if created.iter().any(|resource| resource.id == id) {
            return Known::Survives;
        }
        match (cx.gate.lost_point(id), cx.estate) {
            (Some(locus), _) => Known::Lost(locus),
            (None, Some(file)) => in_estate(file, loss, thing, id),
            (None, None) => Known::Unknown,
        }
    };
    let around =
        Around { loss, region: Some(&place.region), zones: Some(&zones), subnets: &subnets, find: &find };
    let mut refused = Vec::new();
    for one in touched(template, surroundings, &around) {
        let why = one.told(template);
        let denied = DeniedCall {
            call: one.call.to_owned(),
            locus: one.locus,
            step: cx.step.to_owned(),
            why: why.clone(),
        };
        if cx.gate.refuse(&denied) {
            refused.push(CloudError::new(ErrorKind::Lost, one.call, why).help(one.fix));
        }
    }
    let more = refused.len().saturating_sub(1);
    let Some(mut first) = refused.into_iter().next() else { return Ok(()) };
    if more > 0 {
        first.message = format!("{} (and {more} more, see the report's denied calls)", first.message);
    }
    Err(ProvisionError::Cloud(first).into())
}
