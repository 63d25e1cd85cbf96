//! Checks of permissions and quotas before the drill. They change nothing in AWS.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{InstanceLifecycleType, InstanceType, LocationType};
use aws_sdk_rds::types::OrderableDbInstanceOption;

use super::access::{Asker, Clients, Fidelity, Shown};
use super::ec2::filter;
use super::error::OrCloud;
use super::pages;
use base::severity::Severity;
use port::{CloudError, CloudResult, Needs, Offers, Place, PreflightFinding, QuotaSeen, Wishes, Zone};

/// Quota codes, from the Service Quotas console: "DB instances" of RDS, and "Running On-Demand
/// Standard instances" of EC2 (in vCPUs).
const DB_INSTANCES: (&str, &str) = ("rds", "L-7B6409FD");
const STANDARD_VCPUS: (&str, &str) = ("ec2", "L-1216C47A");

/// Asks for the permissions by dry runs and reads. Returns at most one finding for what is refused,
/// one for what a dry run with made-up ids refuses, and one for what was not proved.
pub async fn refusals(clients: &Clients, place: &Place, needs: &Needs) -> CloudResult<Vec<PreflightFinding>> {
    let mut asker = Asker::new(clients, needs);
    let (mut refused, mut doubtful, mut unproved) = (Reasons::new(), Reasons::new(), Reasons::new());
    for call in &needs.calls {
        let answer = asker.ask(call).await?;
        let asked = answer.asked.unwrap_or(call);
        match (answer.shown, answer.fidelity) {
            (Shown::Allowed, Fidelity::Exact | Fidelity::MadeUpIds) => {}
            (Shown::Allowed, Fidelity::AnotherCall) if asked == call => {}
            (Shown::Allowed, Fidelity::AnotherCall) => {
                let why = format!("it has no dry run; {asked} is allowed, which shows little");
                unproved.insert(call.clone(), why);
            }
            (Shown::Refused(why), Fidelity::MadeUpIds) => {
                doubtful.insert(asked.to_owned(), why);
            }
            // Every drill makes the read too, in teardown's search at the latest.
            (Shown::Refused(why), Fidelity::Exact | Fidelity::AnotherCall) => {
                refused.insert(asked.to_owned(), why);
            }
            (Shown::Unproved(why), _) => {
                unproved.insert(call.clone(), why);
            }
        }
    }
    let Place { account, region } = place;
    let fix = "allow these actions in the policy of the role or user that the playbook names: `drillmaster iam-policy` prints all that it needs";
    let mut findings = Vec::new();
    let mut tell = |severity, reasons: &Reasons, said: &dyn Fn(String) -> String| {
        if !reasons.is_empty() {
            let what = format!("{}: {}", said(listed(reasons.keys())), first_reasons(reasons));
            let unknown = severity == Severity::Medium;
            findings.push(PreflightFinding { severity, unknown, what, fix: fix.into() });
        }
    };
    tell(Severity::High, &refused, &|calls| format!("account {account} may not call {calls} in {region}"));
    tell(Severity::Medium, &doubtful, &|calls| {
        format!(
            "account {account} may not call {calls} in {region}, in a dry run with made-up ids (a policy that allows it for certain resources would refuse that too)"
        )
    });
    tell(Severity::Medium, &unproved, &|calls| {
        format!("whether account {account} allows {calls} in {region} was not proved")
    });
    Ok(findings)
}

/// Why, by action.
type Reasons = BTreeMap<String, String>;

/// Joins the names of actions.
pub fn listed<'a>(actions: impl IntoIterator<Item = &'a String>) -> String {
    let all: Vec<&str> = actions.into_iter().map(String::as_str).collect();
    match all.as_slice() {
        [] | [_] => all.concat(),
        several => format!("{} actions ({})", several.len(), several.join(", ")),
    }
}

/// The first reason, with its action if there are several. All of them would fill screens.
fn first_reasons(reasons: &Reasons) -> String {
    match reasons.iter().next() {
        Some((action, why)) if reasons.len() > 1 => format!("{action}: {why}"),
        Some((_, why)) => why.clone(),
        None => String::new(),
    }
}

/// Returns the quotas that the drill needs something of, and what is wrong with them.
pub async fn quotas(
    clients: &Clients,
    place: &Place,
    needs: &Needs,
) -> CloudResult<(Vec<QuotaSeen>, Vec<PreflightFinding>)> {
    let (mut seen, mut findings) = (Vec::new(), Vec::new());
    if let Some(new) = wanted_databases(needs) {
        seen.push(db_quota(clients, new).await?);
    }
    if let Some(new) = wanted_machines(needs) {
        seen.push(vcpu_quota(clients, place, new, &needs.instance_types, &mut findings).await?);
    }
    findings.extend(seen.iter().filter_map(|quota| wrong(place, quota)));
    Ok((seen, findings))
}

/// The same quotas, where they cannot be looked up.
pub fn unknown_quotas(needs: &Needs, why: &CloudError) -> Vec<QuotaSeen> {
    let all = wanted_databases(needs).into_iter().chain(wanted_machines(needs));
    all.map(|quota| QuotaSeen { unknown: Some(why.to_string()), ..quota }).collect()
}

fn new_quota(what: &'static str, (service, code): (&str, &str), needed: Option<u64>) -> QuotaSeen {
    let code = format!("{service}/{code}");
    QuotaSeen { what, code, needed, used: None, limit: None, unknown: None }
}

fn wanted_databases(needs: &Needs) -> Option<QuotaSeen> {
    let needed = u64::from(needs.db_instances);
    (needed > 0).then(|| new_quota("DB instances", DB_INSTANCES, Some(needed)))
}

/// EC2 counts the quota of the standard families in vCPUs. How many a type has, EC2 has to say.
fn wanted_machines(needs: &Needs) -> Option<QuotaSeen> {
    let standard = needs.instance_types.keys().any(|name| is_standard(name));
    standard.then(|| new_quota("vCPUs of standard instances", STANDARD_VCPUS, None))
}

/// What is wrong with a quota: it is too low, or it could not be read.
fn wrong(place: &Place, quota: &QuotaSeen) -> Option<PreflightFinding> {
    let QuotaSeen { what: _, code, needed, used, limit, unknown } = quota;
    let (Some(needed), Some(used), Some(limit)) = (needed, used, limit) else {
        return unknown.as_ref().map(|why| PreflightFinding {
            severity: Severity::Low,
            unknown: false,
            what: format!("the quota {code} was not checked: {why}"),
            fix: "allow `servicequotas:GetServiceQuota`, or check it in the Service Quotas console".into(),
        });
    };
    if quota.is_enough() != Some(false) {
        return None;
    }
    let Place { account, region } = place;
    let is_of_databases = code.starts_with("rds/");
    let (what, less) = if is_of_databases {
        (
            format!(
                "{used} DB instances are there, {needed} are needed, and account {account} may have {limit} in {region}"
            ),
            "drill fewer databases at once",
        )
    } else {
        (
            format!(
                "{used} vCPUs run, {needed} are needed, and account {account} may run {limit} in {region}"
            ),
            "launch fewer or smaller instances",
        )
    };
    let fix = format!("raise the quota `{code}`, or {less}");
    Some(PreflightFinding { severity: Severity::High, unknown: false, what, fix })
}

/// Returns the zones that offer the instance types and the DB classes.
pub async fn offers(clients: &Clients, zones: &[Zone], wishes: &Wishes) -> CloudResult<Offers> {
    let mut offers = Offers::new();
    if !wishes.instance_types.is_empty() {
        let request = clients.ec2.describe_instance_type_offerings();
        let request = request.location_type(LocationType::AvailabilityZoneId);
        let request = request.filters(filter("instance-type", &wishes.instance_types));
        let found = pages!("ec2:DescribeInstanceTypeOfferings", instance_type_offerings, request);
        for kind in &wishes.instance_types {
            let here =
                found.iter().filter(|o| o.instance_type().map(InstanceType::as_str) == Some(kind.as_str()));
            let ids = here.filter_map(|o| o.location()?.parse().ok()).collect();
            offers.insert(kind.clone(), ids);
        }
    }
    for (engine, class) in &wishes.db_classes {
        let request = clients.rds.describe_orderable_db_instance_options().engine(engine);
        let request = request.db_instance_class(class).vpc(true);
        let found = pages!("rds:DescribeOrderableDBInstanceOptions", orderable_db_instance_options, request);
        let names: Vec<&str> = found
            .iter()
            .flat_map(OrderableDbInstanceOption::availability_zones)
            .filter_map(|z| z.name())
            .collect();
        let ids = zones.iter().filter(|z| names.contains(&z.name.as_str())).map(|z| z.id.clone()).collect();
        offers.insert(Wishes::of_class(engine, class), ids);
    }
    Ok(offers)
}

/// Reads the value of a quota, or why it cannot be read.
async fn read_limit(clients: &Clients, (service, code): (&str, &str), seen: &mut QuotaSeen) {
    let answer = clients.quotas.get_service_quota().service_code(service).quota_code(code).send().await;
    let value = answer.or_cloud("servicequotas:GetServiceQuota").map(|a| a.quota.and_then(|q| q.value));
    (seen.limit, seen.unknown) = match value {
        Ok(Some(value)) => (Some(value), None),
        Ok(None) => (None, Some("Service Quotas tells no value".to_owned())),
        Err(e) => (None, Some(e.to_string())),
    };
}

async fn db_quota(clients: &Clients, mut seen: QuotaSeen) -> CloudResult<QuotaSeen> {
    read_limit(clients, DB_INSTANCES, &mut seen).await;
    if seen.limit.is_some() {
        let there = pages!("rds:DescribeDBInstances", db_instances, clients.rds.describe_db_instances());
        seen.used = Some(there.len() as u64);
    }
    Ok(seen)
}

/// Checks the quota of the standard families (A, C, D, H, I, M, R, T, Z). EC2 counts it in vCPUs.
async fn vcpu_quota(
    clients: &Clients,
    place: &Place,
    mut seen: QuotaSeen,
    wanted: &BTreeMap<String, u32>,
    findings: &mut Vec<PreflightFinding>,
) -> CloudResult<QuotaSeen> {
    let standard: BTreeMap<&String, u32> =
        wanted.iter().filter(|(name, _)| is_standard(name)).map(|(name, count)| (name, *count)).collect();
    read_limit(clients, STANDARD_VCPUS, &mut seen).await;
    if seen.limit.is_none() {
        return Ok(seen);
    }
    let types = standard.keys().map(|name| InstanceType::from(name.as_str())).collect();
    let request = clients.ec2.describe_instance_types().set_instance_types(Some(types));
    let known = pages!("ec2:DescribeInstanceTypes", instance_types, request);
    let (mut needed, mut is_all) = (0, true);
    for (name, count) in &standard {
        let vcpus = known
            .iter()
            .find(|t| t.instance_type().map(InstanceType::as_str) == Some(name.as_str()))
            .and_then(|t| t.v_cpu_info()?.default_v_cpus());
        if let Some(vcpus) = vcpus {
            needed += u64::try_from(vcpus).unwrap_or_default() * u64::from(*count);
        } else {
            is_all = false;
            findings.push(PreflightFinding {
                severity: Severity::High,
                unknown: false,
                what: format!("{} does not offer the instance type {name}", place.region),
                fix: "choose a type that the sandbox's region offers".into(),
            });
        }
    }
    let running = clients.ec2.describe_instances().max_results(1000);
    let running = running.filters(filter("instance-state-name", ["pending", "running"]));
    let running = pages!("ec2:DescribeInstances", reservations, running);
    let used: i64 = running
        .iter()
        .flat_map(aws_sdk_ec2::types::Reservation::instances)
        .filter(|i| i.instance_type().is_some_and(|t| is_standard(t.as_str())))
        // Spot instances have their own quota.
        .filter(|i| i.instance_lifecycle() != Some(&InstanceLifecycleType::Spot))
        .filter_map(|i| i.cpu_options())
        .map(|c| i64::from(c.core_count().unwrap_or(0)) * i64::from(c.threads_per_core().unwrap_or(1)))
        .sum();
    seen.used = u64::try_from(used).ok();
    seen.needed = is_all.then_some(needed);
    if !is_all {
        seen.unknown = Some("the region does not offer all the instance types".to_owned());
    }
    Ok(seen)
}

fn is_standard(instance_type: &str) -> bool {
    let family: String = instance_type.chars().take_while(char::is_ascii_alphabetic).collect();
    let first = family.chars().next();
    first.is_some_and(|c| "acdhimrtz".contains(c))
        && !["dl", "hpc", "mac", "trn", "inf"].contains(&family.as_str())
}

#[cfg(test)]
mod tests {
    use super::{is_standard, listed};

    /// A terminal has 80 columns and 24 lines.
    #[test]
    fn many_actions_fit_on_one_screen() {
        let actions: Vec<String> =
            (10..35).map(|n| format!("rds:RestoreDBInstanceFromSnapshot{n}")).collect();
        let said = listed(&actions);
        assert!(said.starts_with("25 actions (") && said.len() < 80 * 12, "{said}");
        assert_eq!(listed(&actions[..1]), actions[0]);
    }

    #[test]
    fn families_have_quotas_of_their_own() {
        for name in ["t4g.small", "m7i.large", "c7gn.xlarge", "r6id.metal", "im4gn.large"] {
            assert!(is_standard(name), "{name}");
        }
        for name in [
            "p5.48xlarge",
            "g5.xlarge",
            "trn1.2xlarge",
            "inf2.xlarge",
            "mac2.metal",
            "hpc7g.4xlarge",
            "x2gd.large",
        ] {
            assert!(!is_standard(name), "{name}");
        }
    }
}
