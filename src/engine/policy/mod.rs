//! The smallest IAM policies that a playbook needs, one set for each account.
//!
//! They are derived from the calls that actions, checks and the harness declare, and from the names
//! in the playbook's arguments.

mod derive;
mod document;
mod grants;
mod probe;
mod reading;
mod table;
mod trust;

use std::collections::BTreeSet;

use crate::actions::ACTIONS;
use crate::sandbox::calls;
use estate::PointKind;
use port::{LiveKind, Restorable};

pub use derive::{AccountPolicy, Policies, PolicyError, of, required};
pub use document::{Document, LONGEST, documents};
pub use probe::{policy as probe_policy, trust as probe_trust};
pub use reading::reading;
pub use trust::{Trust, runner, trust};

/// Every call to AWS that the harness, an action or a check declares, and the calls that undo them.
pub fn declared() -> BTreeSet<&'static str> {
    let mut all: BTreeSet<&str> = BTreeSet::new();
    all.extend(calls::ALL.into_iter().flatten());
    all.extend(checks::s3::CALLS.iter().chain(checks::dynamodb::CALLS).chain(checks::state::CALLS));
    all.extend(ACTIONS.iter().flat_map(|a| a.decl.calls.iter().chain(a.decl.bucket_calls)));
    for of in [None, Some("rds:cluster")] {
        all.extend(PointKind::ALL.iter().flat_map(|kind| calls::survey(*kind, of)));
    }
    all.extend(Restorable::ALL.iter().copied().flat_map(calls::restored));
    all.extend(LiveKind::ALL.iter().copied().flat_map(|kind| calls::resources(kind, true)));
    let undoing: Vec<&str> = all.iter().flat_map(|call| calls::undoing(call)).copied().collect();
    all.extend(undoing);
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::grants::{CallTarget, Grants, Statement};
    use super::table::{TABLE, of_resource_type};
    use port::Test;

    fn declared() -> BTreeSet<&'static str> {
        let mut all = super::declared();
        all.extend(of_resource_type("AWS::EC2::SecurityGroup").unwrap_or_default());
        all
    }

    #[test]
    fn every_declared_call_is_known() {
        let (account, region) = ("999988887777".parse().unwrap(), "us-west-2".parse().unwrap());
        let mut grants = Grants::new(&account, Some(&region), &region);
        let regions = BTreeSet::from([region]);
        for call in declared() {
            assert_eq!(
                grants.calls(&[call], &CallTarget { regions: &regions, sources: &regions, bucket: None }),
                Ok(()),
                "{call}"
            );
        }
        assert!(
            grants
                .calls(
                    &["ec2:DoAnything"],
                    &CallTarget { regions: &regions, sources: &regions, bucket: None }
                )
                .is_err()
        );
    }

    #[test]
    fn the_table_knows_nothing_that_nobody_calls() {
        let declared = declared();
        let idle: Vec<&str> =
            TABLE.iter().map(|(call, _)| *call).filter(|call| !declared.contains(call)).collect();
        assert_eq!(idle, Vec::<&str>::new());
    }

    #[test]
    fn services_without_regions_have_no_condition_on_one() {
        let (account, region) = ("999988887777".parse().unwrap(), "us-west-2".parse().unwrap());
        let mut grants = Grants::new(&account, Some(&region), &region);
        let regions = BTreeSet::from([region]);
        let at = CallTarget { regions: &regions, sources: &regions, bucket: None };
        let of_route53 = |call: &&str| call.starts_with("route53:");
        let mut asked: Vec<&str> = TABLE.iter().map(|(call, _)| *call).filter(of_route53).collect();
        asked.extend(["route53:ListHostedZonesByVPC", "ec2:DescribeVpcs"]);
        grants.calls(&asked, &at).unwrap();
        let mut with_region = BTreeSet::new();
        let mut without = BTreeSet::new();
        for Statement { grant, .. } in grants.finish() {
            let is_limited = grant.conditions.keys().any(|(_, key)| key == "aws:RequestedRegion");
            let into = if is_limited { &mut with_region } else { &mut without };
            into.extend(grant.actions);
        }
        for action in ["route53:ListHostedZonesByVPC", "route53:CreateHostedZone", "route53:DeleteHostedZone"]
        {
            assert!(without.contains(action), "{action}: {without:?}");
        }
        let wrong: Vec<&String> =
            with_region.iter().filter(|action| action.starts_with("route53:")).collect();
        assert_eq!(wrong, Vec::<&String>::new());
        assert!(with_region.contains("ec2:DescribeVpcs"));
    }

    #[test]
    fn what_is_presigned_may_be_called_where_the_source_is() {
        let (account, region) = ("999988887777".parse().unwrap(), "us-west-2".parse().unwrap());
        let mut grants = Grants::new(&account, Some(&region), &region);
        let (regions, sources) = (BTreeSet::from([region]), BTreeSet::from(["us-east-1".parse().unwrap()]));
        let at = CallTarget { regions: &regions, sources: &sources, bucket: None };
        grants.calls(&["ec2:CopySnapshot", "rds:RestoreDBInstanceFromDBSnapshot"], &at).unwrap();
        let mut presigned = 0;
        for Statement { purpose, grant } in grants.finish() {
            let key = (Test::StringEquals, "aws:RequestedRegion".to_owned());
            let allowed: Vec<&str> = grant.conditions[&key].iter().map(String::as_str).collect();
            if purpose == "Use" && grant.actions.contains("ec2:CopySnapshot") {
                presigned += 1;
                assert_eq!(allowed, ["us-east-1", "us-west-2"]);
                let asked = grant.contexts().concat();
                assert!(asked.iter().any(|(_, value)| value == "us-east-1"), "{asked:?}");
                assert!(asked.iter().any(|(_, value)| value == "us-west-2"), "{asked:?}");
            } else {
                assert_eq!(allowed, ["us-west-2"], "{:?}", grant.actions);
            }
        }
        assert_eq!(presigned, 1);
    }

    #[test]
    fn arns_are_of_the_regions_partition() {
        let account = "999988887777".parse().unwrap();
        for (region, partition) in
            [("us-west-2", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")]
        {
            let region = region.parse().unwrap();
            let grants = Grants::new(&account, Some(&region), &region);
            assert_eq!(
                grants.arn("ec2:{r}:{a}:vpc/*", None),
                format!("arn:{partition}:ec2:{region}:999988887777:vpc/*")
            );
        }
    }
}
