//! Asks whether a call would be allowed.
//!
//! Only this file uses a client that can change things without a permit: a dry run changes nothing.

use std::collections::BTreeMap;

use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{InstanceType, ResourceType, Tag, TagSpecification, VolumeType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Clients;
use crate::error::OrCloud;
use crate::tags;
use port::{CloudError, CloudResult, CreateCall, ErrorKind, Needs};

/// How closely a question resembles the call that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fidelity {
    /// The same request.
    Exact,
    /// The resource of the real call does not exist yet, so the dry run names a made-up id.
    MadeUpIds,
    /// Another call of the same service. It shows only whether the credentials reach the service.
    AnotherCall,
}

/// What the answer to a question shows about the call that was asked.
#[derive(Debug, Clone)]
pub enum Shown {
    Allowed,
    Refused(String),
    /// AWS said neither yes nor no.
    Unproved(String),
}

#[derive(Debug, Clone)]
pub struct Answer {
    /// The call that was really made. `None` if nothing could be asked.
    pub asked: Option<&'static str>,
    pub fidelity: Fidelity,
    pub shown: Shown,
}

const ID: &str = "00000000000000000";

/// For the dry run of an import: EC2 looks at the key first. Nobody has the private half.
const PUBLIC_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHpK+18uLa6xFZsyrJQWx6O+gmCdY80HvNMutXLqPq6z drillmaster-preflight";

/// Returns the tags of the real call. A policy may allow the call only with them.
fn spec(needs: &Needs, kind: ResourceType) -> Option<Vec<TagSpecification>> {
    let run_tags = needs.run_tags.as_ref()?;
    let [run, expires] = tags::of_run(run_tags);
    let name = ("Name", "drillmaster-preflight".to_owned());
    let all = [name, run, expires, (tags::TAG_TOKEN, "preflight".to_owned())];
    let tags = all.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    Some(vec![TagSpecification::builder().resource_type(kind).set_tags(Some(tags)).build()])
}

/// The read that is made in place of a call without a dry run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Read {
    Ec2,
    Rds,
    CloudFormation,
    S3,
}

impl Read {
    fn of(service: &str) -> Option<Self> {
        [Self::Ec2, Self::Rds, Self::CloudFormation, Self::S3]
            .into_iter()
            .find(|read| service_of(read.call()) == service)
    }

    fn call(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2:DescribeVpcs",
            Self::Rds => "rds:DescribeDBInstances",
            Self::CloudFormation => "cloudformation:DescribeStacks",
            Self::S3 => "s3:ListBuckets",
        }
    }
}

fn service_of(call: &str) -> &str {
    call.split(':').next().unwrap_or_default()
}

/// Asks for the permissions of calls. A read that stands for several calls is made once.
pub struct Asker<'a> {
    clients: &'a Clients,
    needs: &'a Needs,
    reads: BTreeMap<Read, Shown>,
}

impl<'a> Asker<'a> {
    pub fn new(clients: &'a Clients, needs: &'a Needs) -> Self {
        Self { clients, needs, reads: BTreeMap::new() }
    }

    /// Asks whether `call` would be allowed. EC2 answers a dry run. Other services have none.
    pub async fn ask(&mut self, call: &str) -> CloudResult<Answer> {
        match CreateCall::of(call) {
            Some(create) => self.ask_create(create).await,
            None => self.read(service_of(call)).await,
        }
    }

    /// The only list of what is asked for each call that creates something.
    async fn ask_create(&mut self, create: CreateCall) -> CloudResult<Answer> {
        let call = create.name();
        let tags = |kind| spec(self.needs, kind);
        // With the SDK's retries: a repeated dry run does no harm.
        let ec2 = &self.clients.raw.ec2;
        let here = self.clients.place.region.as_str();
        match create {
            CreateCall::CreateVpc => {
                let range = &self.needs.cidr;
                let range = if range.is_empty() { "10.255.0.0/24" } else { range.as_str() };
                let request = ec2.create_vpc().dry_run(true).cidr_block(range);
                let request = request.set_tag_specifications(tags(ResourceType::Vpc));
                answer(call, Fidelity::Exact, request.send().await)
            }
            CreateCall::AllocateAddress => {
                let request = ec2.allocate_address().dry_run(true);
                let request = request.set_tag_specifications(tags(ResourceType::ElasticIp));
                answer(call, Fidelity::Exact, request.send().await)
            }
            CreateCall::ImportKeyPair => {
                let request = ec2.import_key_pair().dry_run(true).key_name("drillmaster-preflight");
                let request = request.public_key_material(Blob::new(PUBLIC_KEY));
                let request = request.set_tag_specifications(tags(ResourceType::KeyPair));
                answer(call, Fidelity::Exact, request.send().await)
            }
            CreateCall::CreateSubnet => {
                let request = ec2.create_subnet().dry_run(true).vpc_id(format!("vpc-{ID}"));
                let range = &self.needs.cidr;
                let request = request.cidr_block(if range.is_empty() { "10.255.0.0/24" } else { range });
                let request = request.set_tag_specifications(tags(ResourceType::Subnet));
                answer(call, Fidelity::MadeUpIds, request.send().await)
            }
            CreateCall::CreateSecurityGroup => {
                let request = ec2.create_security_group().dry_run(true).vpc_id(format!("vpc-{ID}"));
                let request = request.group_name("drillmaster-preflight").description("dry run");
                let request = request.set_tag_specifications(tags(ResourceType::SecurityGroup));
                answer(call, Fidelity::MadeUpIds, request.send().await)
            }
            CreateCall::CopySnapshot => {
                let request = ec2.copy_snapshot().dry_run(true).source_region(here);
                let request = request.source_snapshot_id(format!("snap-{ID}"));
                let request = request.set_tag_specifications(tags(ResourceType::Snapshot));
                answer(call, Fidelity::MadeUpIds, request.send().await)
            }
            CreateCall::CopyImage => {
                let request = ec2.copy_image().dry_run(true).name("drillmaster-preflight");
                let request = request.source_region(here).source_image_id(format!("ami-{ID}"));
                let request = request.set_tag_specifications(tags(ResourceType::Image));
                answer(call, Fidelity::MadeUpIds, request.send().await)
            }
            CreateCall::CreateVolume => {
                let request = ec2.create_volume().dry_run(true).snapshot_id(format!("snap-{ID}"));
                let request = request.volume_type(VolumeType::Gp3);
                let request = request.set_tag_specifications(tags(ResourceType::Volume));
                answer(call, Fidelity::MadeUpIds, request.send().await)
            }
            CreateCall::AttachVolume => {
                let request = ec2.attach_volume().dry_run(true).volume_id(format!("vol-{ID}"));
                let request = request.instance_id(format!("i-{ID}")).device("/dev/sdf");
                answer(call, Fidelity::MadeUpIds, request.send().await)
            }
            CreateCall::RunInstances => self.run_instances(call).await,
            CreateCall::CreateDbSubnetGroup
            | CreateCall::CreateBackupVault
            | CreateCall::StartCopyJob
            | CreateCall::CopyDbSnapshot
            | CreateCall::CopyDbClusterSnapshot
            | CreateCall::RestoreDb
            | CreateCall::RestoreDbToTime
            | CreateCall::RestoreDbCluster
            | CreateCall::RestoreDbClusterToTime
            | CreateCall::CreateDbInstance
            | CreateCall::CreateDbReplica
            | CreateCall::PromoteReplica
            | CreateCall::RestoreTableFromBackup
            | CreateCall::RestoreTableToTime
            | CreateCall::SetTable
            | CreateCall::CreateBucket
            | CreateCall::StartRestoreJob
            | CreateCall::AdoptRestored
            | CreateCall::CreateMountTarget
            | CreateCall::CreateFunction
            | CreateCall::CreateDomainList
            | CreateCall::CreateRuleGroup
            | CreateCall::CreateOverrideRule
            | CreateCall::CreateQueryLog
            | CreateCall::CreateZone
            | CreateCall::CreateRecord
            | CreateCall::CreateStack => self.read(service_of(call)).await,
        }
    }

    /// Tries each instance type of the drill: a policy may allow only some of them.
    async fn run_instances(&self, call: &'static str) -> CloudResult<Answer> {
        let types: Vec<&str> = self.needs.instance_types.keys().map(String::as_str).collect();
        let mut whole = Answer { asked: Some(call), fidelity: Fidelity::MadeUpIds, shown: Shown::Allowed };
        for kind in if types.is_empty() { &["t3.micro"][..] } else { &types[..] } {
            let specs = [ResourceType::Instance, ResourceType::Volume, ResourceType::NetworkInterface];
            let specs: Vec<TagSpecification> =
                specs.into_iter().filter_map(|k| spec(self.needs, k)).flatten().collect();
            let ec2 = &self.clients.raw.ec2;
            let request = ec2.run_instances().dry_run(true).image_id(format!("ami-{ID}"));
            let request = request.instance_type(InstanceType::from(*kind)).min_count(1).max_count(1);
            let request = request.set_tag_specifications((!specs.is_empty()).then_some(specs));
            match answer(call, Fidelity::MadeUpIds, request.send().await)?.shown {
                Shown::Allowed => {}
                Shown::Refused(why) => {
                    whole.shown = Shown::Refused(format!("{kind}: {why}"));
                    return Ok(whole);
                }
                Shown::Unproved(why) => whole.shown = Shown::Unproved(format!("{kind}: {why}")),
            }
        }
        Ok(whole)
    }

    /// Makes the service's read that every drill needs, for teardown's search at the latest.
    async fn read(&mut self, service: &str) -> CloudResult<Answer> {
        let another = Fidelity::AnotherCall;
        let Some(read) = Read::of(service) else {
            let shown = Shown::Unproved("its service has no dry run".into());
            return Ok(Answer { asked: None, fidelity: another, shown });
        };
        if let Some(shown) = self.reads.get(&read) {
            return Ok(Answer { asked: Some(read.call()), fidelity: another, shown: shown.clone() });
        }
        let (clients, call) = (self.clients, read.call());
        let found = match read {
            Read::Ec2 => answer(call, another, clients.ec2.describe_vpcs().send().await),
            Read::Rds => {
                answer(call, another, clients.rds.describe_db_instances().max_records(20).send().await)
            }
            Read::CloudFormation => {
                answer(call, another, clients.cloudformation.describe_stacks().send().await)
            }
            Read::S3 => answer(call, another, clients.s3.list_buckets().send().await),
        }?;
        self.reads.insert(read, found.shown.clone());
        Ok(found)
    }
}

/// Converts AWS's answer. Only the answer to a dry run, and complaints about the made-up ids, prove
/// a permission: EC2 checks it first.
fn answer<T, E>(
    call: &'static str,
    fidelity: Fidelity,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> CloudResult<Answer>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let code = answer.as_ref().err().and_then(ProvideErrorMetadata::code).map(str::to_owned);
    let shown = match answer.or_cloud(call) {
        Ok(_) => Shown::Allowed,
        Err(_) if code.as_deref().is_some_and(|code| proves(fidelity, code)) => Shown::Allowed,
        Err(error) => judged(error)?,
    };
    Ok(Answer { asked: Some(call), fidelity, shown })
}

fn proves(fidelity: Fidelity, code: &str) -> bool {
    match fidelity {
        Fidelity::Exact => code == "DryRunOperation",
        // `InvalidVpcID.NotFound`, `InvalidAMIID.Malformed`
        Fidelity::MadeUpIds => {
            code == "DryRunOperation" || code.ends_with(".NotFound") || code.ends_with(".Malformed")
        }
        Fidelity::AnotherCall => false,
    }
}

fn judged(error: CloudError) -> CloudResult<Shown> {
    match error.kind {
        ErrorKind::Forbidden => {
            // It is long, and only `sts:DecodeAuthorizationMessage` can read it.
            let said = error.message.split("Encoded authorization failure message").next();
            Ok(Shown::Refused(said.unwrap_or_default().trim().to_owned()))
        }
        // These errors make every call fail, so they end the preflight.
        ErrorKind::Credentials | ErrorKind::Lost | ErrorKind::Network => Err(error),
        ErrorKind::Throttled
        | ErrorKind::Quota
        | ErrorKind::Busy
        | ErrorKind::Server
        | ErrorKind::Unsupported
        | ErrorKind::Invalid
        | ErrorKind::NotFound
        | ErrorKind::AlreadyExists
        | ErrorKind::InUse
        | ErrorKind::Guarded => Ok(Shown::Unproved(error.message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_word_about_the_permission_proves_it() {
        for (code, exact, made_up) in [
            ("DryRunOperation", true, true),
            ("InvalidVpcID.NotFound", false, true),
            ("InvalidAMIID.Malformed", false, true),
            ("RequestLimitExceeded", false, false),
            ("InternalError", false, false),
            ("AddressLimitExceeded", false, false),
            ("UnsupportedOperation", false, false),
            ("InvalidParameterValue", false, false),
            ("", false, false),
        ] {
            assert_eq!(proves(Fidelity::Exact, code), exact, "{code}");
            assert_eq!(proves(Fidelity::MadeUpIds, code), made_up, "{code}");
            assert!(!proves(Fidelity::AnotherCall, code), "{code}");
        }
    }

    #[test]
    fn every_other_failure_leaves_the_permission_open_or_ends_the_preflight() {
        for (kind, open) in [
            (ErrorKind::Throttled, true),
            (ErrorKind::Server, true),
            (ErrorKind::Quota, true),
            (ErrorKind::Unsupported, true),
            (ErrorKind::Invalid, true),
            (ErrorKind::Network, false),
            (ErrorKind::Credentials, false),
        ] {
            let shown = judged(CloudError::new(kind, "ec2:RunInstances", "said"));
            assert_eq!(matches!(shown, Ok(Shown::Unproved(_))), open, "{kind:?}");
            assert_eq!(shown.is_err(), !open, "{kind:?}");
        }
        let said =
            "UnauthorizedOperation: You are not authorized. Encoded authorization failure message: x1y2";
        let shown = judged(CloudError::new(ErrorKind::Forbidden, "ec2:RunInstances", said)).unwrap();
        assert!(matches!(shown, Shown::Refused(why) if why.ends_with("not authorized.")));
    }
}
