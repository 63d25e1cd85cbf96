//! The service-linked roles that services of AWS work with, looked for before T0.

use std::collections::BTreeSet;

use crate::access::Clients;
use crate::error::OrCloud;
use base::severity::Severity;
use port::{ErrorKind, Place, PreflightFinding, ServiceRole};

/// Returns a finding for each role that is not there, or of which nobody knows.
pub async fn findings(
    clients: &Clients,
    place: &Place,
    roles: &BTreeSet<ServiceRole>,
) -> Vec<PreflightFinding> {
    let account = &place.account;
    let mut found = Vec::new();
    for role in roles {
        let (name, service) = (role.name(), role.service());
        let Err(error) = clients.iam.get_role().role_name(name).send().await.or_cloud("iam:GetRole") else {
            continue;
        };
        found.push(if error.kind == ErrorKind::NotFound {
            PreflightFinding {
                severity: Severity::High,
                unknown: false,
                what: format!(
                    "account {account} lacks the service-linked role {name}, without which {service} cannot do what the drill asks for"
                ),
                fix: format!(
                    "make it once: `aws iam create-service-linked-role --aws-service-name {service}` (a drill does not: the role would outlive it)"
                ),
            }
        } else {
            PreflightFinding {
                severity: Severity::Medium,
                unknown: true,
                what: format!("whether account {account} has the service-linked role {name} is unknown: {error}"),
                fix: "allow `iam:GetRole` on it: `drillmaster iam-policy` prints it".to_owned(),
            }
        });
    }
    found
}
