//! How long the records of hosted zones live. The records themselves are not kept.

use aws_sdk_route53::types::RrType;

use super::Here;
use super::found::Found;
use base::duration::Span;
use estate::discovered::What;
use port::CloudResult;

pub const CALLS: &[&str] = &["route53:ListResourceRecordSets"];

const ZONE: &str = "route53:hosted-zone";

/// The records that lead to a service, and that a recovery changes. Those of a delegation live for
/// days, and stay.
const LEADING: [RrType; 5] = [RrType::A, RrType::Aaaa, RrType::Cname, RrType::Https, RrType::Srv];

/// Tells of each zone that was found the longest time to live of its records.
pub async fn read(here: &Here<'_>, found: &mut Found) {
    let mut resources = std::mem::take(&mut found.resources);
    for resource in resources.iter_mut().filter(|resource| resource.entry.id.kind == ZONE) {
        match found.take(longest(here, &resource.entry.id.name).await) {
            Some(longest) => resource.entry.dns_ttl = longest,
            None => {
                found.whole.remove(&What::Resources(ZONE.to_owned()));
            }
        }
    }
    found.resources = resources;
}

/// The longest time to live. An alias has that of its target, and none of its own.
async fn longest(here: &Here<'_>, zone: &str) -> CloudResult<Option<Span>> {
    let mut longest = None;
    let (mut name, mut kind, mut id) = (None, None, None);
    loop {
        let request = here.clients.route53.list_resource_record_sets().hosted_zone_id(zone);
        let request = request.set_start_record_name(name).set_start_record_type(kind);
        let request = request.set_start_record_identifier(id).send();
        let answer = here.call("route53:ListResourceRecordSets", request).await?;
        let leading = answer.resource_record_sets.iter().filter(|record| LEADING.contains(&record.r#type));
        longest = longest.max(leading.filter_map(|record| record.ttl).max());
        if !answer.is_truncated {
            let seconds = longest.and_then(|seconds| u64::try_from(seconds).ok());
            return Ok(seconds.map(Span::from_secs));
        }
        (name, kind, id) = (answer.next_record_name, answer.next_record_type, answer.next_record_identifier);
    }
}
