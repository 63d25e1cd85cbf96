//! Service Quotas: how much an account may have in a region.

use super::found::Found;
use super::{Here, Service};
use crate::error::OrCloud as _;
use estate::file::Limits;
use port::{CloudResult, ErrorKind};

pub const SERVICE: Service = Service {
    name: "servicequotas",
    calls: &["servicequotas:GetAWSDefaultServiceQuota", "servicequotas:GetServiceQuota"],
};

/// Sets a quota to its value.
type Set = fn(&mut Limits, u64);

/// The quotas that are read: service, code, and where the value stands. The codes are those of the
/// Service Quotas console.
const QUOTAS: [(&str, &str, Set); 6] = [
    ("rds", "L-7B6409FD", |limits, value| limits.db_instances = Some(value)),
    ("rds", "L-952B80B8", |limits, value| limits.db_clusters = Some(value)),
    ("ec2", "L-1216C47A", |limits, value| limits.vcpus = Some(value)),
    ("ec2", "L-0263D0A3", |limits, value| limits.addresses = Some(value)),
    ("vpc", "L-F678F1CE", |limits, value| limits.vpcs = Some(value)),
    ("ebs", "L-7A658B76", |limits, value| limits.gp3_tib = Some(value)),
];

pub async fn read(here: &Here<'_>) -> Found {
    let mut found = Found::default();
    let mut limits = Limits::default();
    for (service, code, set) in QUOTAS {
        let value = quota(here, service, code).await;
        if let Some(Some(value)) = found.take(value) {
            set(&mut limits, value);
        }
    }
    if limits != Limits::default() {
        found.quotas.push((here.account().clone(), here.region().clone(), limits));
    }
    found
}

/// The value for the account or, if none was ever set for it, AWS's own. `None`: there is no such
/// quota here.
async fn quota(here: &Here<'_>, service: &str, code: &str) -> CloudResult<Option<u64>> {
    const OWN: &str = "servicequotas:GetServiceQuota";
    const DEFAULT: &str = "servicequotas:GetAWSDefaultServiceQuota";
    let quotas = &here.clients.quotas;
    here.turn(OWN).await;
    let own = quotas.get_service_quota().service_code(service).quota_code(code).send().await;
    let quota = match own.or_cloud(OWN) {
        Ok(answer) => answer.quota,
        Err(error) if error.kind == ErrorKind::NotFound => {
            here.turn(DEFAULT).await;
            let default = quotas.get_aws_default_service_quota().service_code(service).quota_code(code);
            match default.send().await.or_cloud(DEFAULT) {
                Ok(answer) => answer.quota,
                Err(error) if error.kind == ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            }
        }
        Err(error) => return Err(error),
    };
    let value = quota.and_then(|quota| quota.value).filter(|value| (0.0..1e15).contains(value));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 0 and 1e15")]
    let whole = value.map(|value| value as u64);
    Ok(whole)
}
