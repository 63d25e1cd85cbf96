//! Looks at the resources that the run has created, wherever they are. Finds them by the run's
//! records and by its tag.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{ImageAttributeName, PermissionGroup, SnapshotAttributeName};
use aws_sdk_rds::types::Tag;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{AT_ONCE, Vpcs, found, way};
use crate::access::{Ec2Reader, LambdaReader, RdsReader, S3Reader};
use crate::ec2::filter;
use crate::error::OrCloud;
use crate::resolver::DELIVERY;
use crate::{function, pages, tags};
use port::{CloudError, CloudResult, ErrorKind, Exposure, IsolationScan, Kind, Leak, TAG_RUN};

/// Tells which resources belong to the run.
pub struct RunScope<'a> {
    scan: &'a IsolationScan,
    account: &'a str,
}

impl<'a> RunScope<'a> {
    pub fn of(scan: &'a IsolationScan) -> Self {
        Self { scan, account: scan.place.account.as_str() }
    }

    /// Returns the ids that the run has recorded as created at this place.
    pub fn ids(&self, kind: Kind) -> BTreeSet<String> {
        let made = self.scan.made.iter().filter(|r| r.kind == kind && r.place() == self.scan.place);
        made.map(|r| r.id.clone()).collect()
    }

    fn filter(&self) -> aws_sdk_ec2::types::Filter {
        filter(&format!("tag:{TAG_RUN}"), [self.scan.run.to_string()])
    }

    fn has_run_tag(&self, tags: &[Tag]) -> bool {
        tags::rds_value(tags, TAG_RUN) == Some(self.scan.run.0.as_str())
    }

    /// Describes a grant to other accounts. `None`: the grant is to the account itself.
    fn shared(&self, what: &str, with: &str) -> Option<String> {
        match with {
            "all" => Some(format!("the {what} is public: every AWS account can read it")),
            with if with == self.account => None,
            with => Some(format!("the {what} is shared with {with}")),
        }
    }
}

/// Returns the openings of instances: of those in the run's records, those with its tag and those
/// in the sandbox's network. Each instance counts once.
pub async fn instances(ec2: &Ec2Reader, scope: &RunScope<'_>, vpcs: &Vpcs) -> CloudResult<Vec<Exposure>> {
    const CALL: &str = "ec2:DescribeInstances";
    let mut all = Vec::new();
    let mut seen = BTreeSet::new();
    let made: Vec<String> = scope.ids(Kind::Instance).into_iter().collect();
    let mut queries = vec![vpcs.filter("vpc-id"), scope.filter()];
    queries.extend(made.chunks(crate::ec2::FILTER_VALUES).map(|ids| filter("instance-id", ids)));
    for query in queries {
        let request = ec2
            .describe_instances()
            .filters(query)
            .filters(filter("instance-state-name", ["pending", "running", "stopping", "stopped"]));
        for reservation in pages!(CALL, reservations, request) {
            for instance in reservation.instances.unwrap_or_default() {
                let id = instance.instance_id.clone();
                if !seen.insert(id.clone()) {
                    continue;
                }
                if let Some(profile) = instance.iam_instance_profile().and_then(|p| p.arn().or(p.id())) {
                    let what = format!("the instance runs with the role of {profile}");
                    all.push(found(Leak::Role, id.clone(), what));
                }
                if let Some(vpc) = instance.vpc_id().filter(|vpc| !vpcs.has(Some(vpc))) {
                    all.push(way(id, format!("the instance stands in {vpc}, which is not the run's")));
                }
            }
        }
    }
    Ok(all)
}

/// Finds functions of AWS Lambda in the run's networks that the run did not make, and own ones outside
/// of them. What a function sends and gets over Lambda's API passes no rule of the network.
pub async fn functions(
    lambda: &LambdaReader,
    scope: &RunScope<'_>,
    vpcs: &Vpcs,
) -> CloudResult<Vec<Exposure>> {
    let own = scope.ids(Kind::Function);
    let mut all = Vec::new();
    for function in function::all(lambda).await? {
        let Some(name) = function.function_name() else { continue };
        let vpc = function.vpc_config().and_then(|network| network.vpc_id()).unwrap_or_default();
        let (is_own, is_inside) = (own.contains(name), vpcs.has(Some(vpc)));
        if is_inside && !is_own {
            let what = "a function of AWS Lambda that is not the run's is in the VPC";
            all.push(way(Some(name.to_owned()), what));
        } else if is_own && !is_inside {
            let place = if vpc.is_empty() { "no VPC" } else { vpc };
            all.push(way(Some(name.to_owned()), format!("the probe is in {place}, and not in the run's")));
        }
    }
    Ok(all)
}

pub async fn addresses(ec2: &Ec2Reader, scope: &RunScope<'_>) -> CloudResult<Vec<Exposure>> {
    let made = scope.ids(Kind::Address);
    let answer = ec2.describe_addresses().send().await.or_cloud("ec2:DescribeAddresses")?;
    let mut all = Vec::new();
    for address in answer.addresses() {
        let id = address.allocation_id().unwrap_or_default();
        let tagged = tags::value(address.tags(), TAG_RUN) == Some(scope.scan.run.0.as_str());
        let to = [address.instance_id(), address.network_interface_id()];
        let to = to.into_iter().flatten().find(|to| !to.is_empty());
        if let Some(to) = to.filter(|_| tagged || made.contains(id)) {
            let what =
                format!("the Elastic IP {} is associated with {to}", address.public_ip().unwrap_or("?"));
            all.push(Exposure::new(Leak::PublicAddress, id, what));
        }
    }
    Ok(all)
}

/// Returns who else may use the run's EBS snapshots and images. EC2 answers for one at a time, but
/// the run's own copies are few.
pub async fn shares(ec2: &Ec2Reader, scope: &RunScope<'_>) -> CloudResult<Vec<Exposure>> {
    let (mut snapshots, mut images) = (scope.ids(Kind::Snapshot), scope.ids(Kind::Image));
    let request = ec2.describe_images().owners("self").filters(scope.filter());
    for image in pages!("ec2:DescribeImages", images, request) {
        images.extend(image.image_id.clone());
        let blocks = image.block_device_mappings().iter();
        snapshots.extend(blocks.filter_map(|b| b.ebs()?.snapshot_id.clone()));
    }
    let request = ec2.describe_snapshots().owner_ids("self").filters(scope.filter());
    for snapshot in pages!("ec2:DescribeSnapshots", snapshots, request) {
        snapshots.extend(snapshot.snapshot_id);
    }
    let mut all = each(snapshots, async |id| snapshot_shares(ec2, scope, id).await).await?;
    all.extend(each(images, async |id| image_shares(ec2, scope, id).await).await?);
    Ok(all)
}

async fn snapshot_shares(ec2: &Ec2Reader, scope: &RunScope<'_>, id: String) -> CloudResult<Vec<Exposure>> {
    let request = ec2.describe_snapshot_attribute().snapshot_id(&id);
    let request = request.attribute(SnapshotAttributeName::CreateVolumePermission);
    let answer = request.send().await.or_cloud("ec2:DescribeSnapshotAttribute")?;
    let with = answer.create_volume_permissions().iter();
    let with = with.filter_map(|p| p.user_id().or(p.group().map(PermissionGroup::as_str)));
    Ok(shared_as(scope, "snapshot", &id, with))
}

async fn image_shares(ec2: &Ec2Reader, scope: &RunScope<'_>, id: String) -> CloudResult<Vec<Exposure>> {
    let request =
        ec2.describe_image_attribute().image_id(&id).attribute(ImageAttributeName::LaunchPermission);
    let answer = request.send().await.or_cloud("ec2:DescribeImageAttribute")?;
    let with = answer.launch_permissions().iter();
    let with = with.filter_map(|p| {
        let organization = p.organization_arn().or(p.organizational_unit_arn());
        p.user_id().or(p.group().map(PermissionGroup::as_str)).or(organization)
    });
    Ok(shared_as(scope, "image", &id, with))
}

fn shared_as<'s>(
    scope: &RunScope<'_>,
    what: &str,
    id: &str,
    with: impl Iterator<Item = &'s str>,
) -> Vec<Exposure> {
    with.filter_map(|with| Some(Exposure::new(Leak::Share, id, scope.shared(what, with)?))).collect()
}

/// Calls `ask` for each id. A resource that was deleted meanwhile is skipped.
async fn each<A>(ids: BTreeSet<String>, ask: A) -> CloudResult<Vec<Exposure>>
where
    A: AsyncFn(String) -> CloudResult<Vec<Exposure>>,
{
    let ask = &ask;
    let answers = stream::iter(ids.into_iter().map(|id| async move {
        match ask(id).await {
            Err(e) if e.kind == ErrorKind::NotFound => Ok(Vec::new()),
            other => other,
        }
    }));
    let lists: Vec<Vec<Exposure>> = answers.buffered(AT_ONCE).try_collect().await?;
    Ok(lists.into_iter().flatten().collect())
}

/// Returns the openings of the run's databases and of all databases in its network.
pub async fn databases(rds: &RdsReader, scope: &RunScope<'_>, vpcs: &Vpcs) -> CloudResult<Vec<Exposure>> {
    let mut all = Vec::new();
    let made = scope.ids(Kind::DbInstance);
    for db in pages!("rds:DescribeDBInstances", db_instances, rds.describe_db_instances()) {
        let id = db.db_instance_identifier.clone().unwrap_or_default();
        let vpc = db.db_subnet_group().and_then(|g| g.vpc_id());
        let is_ours = made.contains(&id) || scope.has_run_tag(db.tag_list());
        if !is_ours && !vpcs.has(vpc) {
            continue;
        }
        if db.publicly_accessible() == Some(true) {
            let what = "the database is publicly accessible: its name resolves to a public address";
            all.push(Exposure::new(Leak::PublicAddress, &id, what));
        }
        let roles = db.associated_roles().iter().filter_map(|r| r.role_arn());
        all.extend(
            roles.map(|role| Exposure::new(Leak::Role, &id, format!("the database has the role {role}"))),
        );
        if let Some(vpc) = vpc.filter(|vpc| !vpcs.has(Some(vpc))) {
            let what = format!("the database stands in {vpc}, which is not the run's");
            all.push(Exposure::new(Leak::Way, &id, what));
        }
    }
    let made = scope.ids(Kind::DbCluster);
    for cluster in pages!("rds:DescribeDBClusters", db_clusters, rds.describe_db_clusters()) {
        let id = cluster.db_cluster_identifier.clone().unwrap_or_default();
        if !made.contains(&id) && !scope.has_run_tag(cluster.tag_list()) {
            continue;
        }
        if cluster.publicly_accessible() == Some(true) {
            let what = "the cluster is publicly accessible: its name resolves to a public address";
            all.push(Exposure::new(Leak::PublicAddress, &id, what));
        }
        let roles = cluster.associated_roles().iter().filter_map(|r| r.role_arn());
        all.extend(
            roles.map(|role| Exposure::new(Leak::Role, &id, format!("the cluster has the role {role}"))),
        );
    }
    Ok(all)
}

pub async fn db_shares(rds: &RdsReader, scope: &RunScope<'_>) -> CloudResult<Vec<Exposure>> {
    let (mut of_instances, mut of_clusters) =
        (scope.ids(Kind::DbSnapshot), scope.ids(Kind::DbClusterSnapshot));
    // Automated snapshots cannot be shared.
    let request = rds.describe_db_snapshots().snapshot_type("manual");
    for snapshot in pages!("rds:DescribeDBSnapshots", db_snapshots, request) {
        if scope.has_run_tag(snapshot.tag_list()) {
            of_instances.extend(snapshot.db_snapshot_identifier);
        }
    }
    let request = rds.describe_db_cluster_snapshots().snapshot_type("manual");
    for snapshot in pages!("rds:DescribeDBClusterSnapshots", db_cluster_snapshots, request) {
        if scope.has_run_tag(snapshot.tag_list()) {
            of_clusters.extend(snapshot.db_cluster_snapshot_identifier);
        }
    }
    let mut all = each(of_instances, async |id| db_snapshot_shares(rds, scope, id).await).await?;
    all.extend(each(of_clusters, async |id| cluster_snapshot_shares(rds, scope, id).await).await?);
    Ok(all)
}

/// The attribute that lists the accounts that may restore.
const RESTORE: &str = "restore";

async fn db_snapshot_shares(rds: &RdsReader, scope: &RunScope<'_>, id: String) -> CloudResult<Vec<Exposure>> {
    let answer = rds.describe_db_snapshot_attributes().db_snapshot_identifier(&id).send().await;
    let answer = answer.or_cloud("rds:DescribeDBSnapshotAttributes")?.db_snapshot_attributes_result;
    let lists = answer.and_then(|r| r.db_snapshot_attributes).unwrap_or_default();
    let with = lists.iter().filter(|a| a.attribute_name() == Some(RESTORE));
    let with = with.filter_map(|a| a.attribute_values.as_ref()).flatten().map(String::as_str);
    Ok(shared_as(scope, "snapshot", &id, with))
}

async fn cluster_snapshot_shares(
    rds: &RdsReader,
    scope: &RunScope<'_>,
    id: String,
) -> CloudResult<Vec<Exposure>> {
    let answer =
        rds.describe_db_cluster_snapshot_attributes().db_cluster_snapshot_identifier(&id).send().await;
    let answer = answer.or_cloud("rds:DescribeDBClusterSnapshotAttributes")?;
    let lists = answer.db_cluster_snapshot_attributes_result;
    let lists = lists.and_then(|r| r.db_cluster_snapshot_attributes).unwrap_or_default();
    let with = lists.iter().filter(|a| a.attribute_name() == Some(RESTORE));
    let with = with.filter_map(|a| a.attribute_values.as_ref()).flatten().map(String::as_str);
    Ok(shared_as(scope, "snapshot", &id, with))
}

pub async fn buckets(s3: &S3Reader, scope: &RunScope<'_>) -> CloudResult<Vec<Exposure>> {
    each(scope.ids(Kind::Bucket), async |name| bucket(s3, scope, &name).await).await
}

async fn bucket(s3: &S3Reader, scope: &RunScope<'_>, name: &str) -> CloudResult<Vec<Exposure>> {
    let mut all = Vec::new();
    let block = s3.get_public_access_block().bucket(name).send().await.or_cloud("s3:GetPublicAccessBlock");
    let block = unless_absent(block, "NoSuchPublicAccessBlockConfiguration")?;
    let blocked = block.and_then(|b| b.public_access_block_configuration).is_some_and(|b| {
        [b.block_public_acls, b.ignore_public_acls, b.block_public_policy, b.restrict_public_buckets]
            == [Some(true); 4]
    });
    if !blocked {
        all.push(Exposure::new(Leak::Bucket, name, "public access to the bucket is not blocked"));
    }
    // The public access block does not stop another account that a policy names.
    let policy = s3.get_bucket_policy().bucket(name).send().await.or_cloud("s3:GetBucketPolicy");
    if let Some(policy) = unless_absent(policy, "NoSuchBucketPolicy")?.and_then(|p| p.policy) {
        let others = others_in(&policy, scope.account);
        all.extend(
            others
                .into_iter()
                .map(|who| Exposure::new(Leak::Bucket, name, format!("the bucket's policy lets {who} in"))),
        );
    }
    Ok(all)
}

/// Turns the error that means "there is none" into `None`.
fn unless_absent<T>(answer: CloudResult<T>, code: &str) -> Result<Option<T>, CloudError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(e) if e.message.starts_with(code) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Returns the principals outside the account that a policy allows. A policy that cannot be read
/// may allow anybody.
fn others_in(policy: &str, account: &str) -> BTreeSet<String> {
    use serde_json::Value;
    let Ok(Value::Object(policy)) = serde_json::from_str(policy) else {
        return BTreeSet::from(["whoever it names (it cannot be read)".to_owned()]);
    };
    let list = |value: Option<&Value>| match value {
        Some(Value::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    let mut others = BTreeSet::new();
    for statement in list(policy.get("Statement")).iter().filter(|s| s["Effect"] != "Deny") {
        let principals = match statement.get("Principal") {
            Some(Value::Object(kinds)) => kinds.values().flat_map(|who| list(Some(who))).collect(),
            // `NotPrincipal` allows everybody except a few.
            None => vec![Value::from("everybody but some")],
            who => list(who),
        };
        for who in &principals {
            let who = who.as_str().map_or_else(|| who.to_string(), str::to_owned);
            // CloudWatch Logs delivers what the resolver logs, if for this account alone.
            let delivers = who == DELIVERY
                && statement.pointer("/Condition/StringEquals/aws:SourceAccount") == Some(&account.into());
            // The account's id, or an ARN in the account.
            let own = delivers || who == account || who.split(':').nth(4) == Some(account);
            if !own {
                others.insert(who);
            }
        }
    }
    others
}

#[cfg(test)]
mod tests {
    use super::others_in;

    #[test]
    fn a_policy_is_read_for_whom_it_lets_in() {
        let with = |effect: &str, principal: &str| {
            let policy = format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}",{principal}"Action":"s3:*","Resource":"*"}}}}"#
            );
            others_in(&policy, "999988887777").into_iter().collect::<Vec<_>>()
        };
        for own in [
            r#""Principal":{"AWS":"999988887777"},"#,
            r#""Principal":{"AWS":["arn:aws:iam::999988887777:root","arn:aws:iam::999988887777:role/x"]},"#,
        ] {
            assert_eq!(with("Allow", own), Vec::<String>::new(), "{own}");
        }
        assert_eq!(with("Allow", r#""Principal":"*","#), ["*"]);
        assert_eq!(with("Allow", r#""Principal":{"AWS":"*"},"#), ["*"]);
        assert_eq!(with("Deny", r#""Principal":"*","#), Vec::<String>::new());
        let other = "arn:aws:iam::111122223333:root";
        assert_eq!(with("Allow", &format!(r#""Principal":{{"AWS":"{other}"}},"#)), [other]);
        assert_eq!(with("Allow", r#""Principal":{"Service":"s3.amazonaws.com"},"#), ["s3.amazonaws.com"]);
        let delivery = r#""Principal":{"Service":"delivery.logs.amazonaws.com"},"#;
        assert_eq!(with("Allow", delivery), ["delivery.logs.amazonaws.com"]);
        let for_account = |account: &str| {
            format!(r#"{delivery}"Condition":{{"StringEquals":{{"aws:SourceAccount":"{account}"}}}},"#)
        };
        assert_eq!(with("Allow", &for_account("999988887777")), Vec::<String>::new());
        assert_eq!(with("Allow", &for_account("111122223333")), ["delivery.logs.amazonaws.com"]);
        assert_eq!(with("Allow", r#""NotPrincipal":{"AWS":"x"},"#), ["everybody but some"]);
        assert_eq!(others_in("nonsense", "1").len(), 1);
    }
}
