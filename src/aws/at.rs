//! Where, for whom and by what leave something is created.

use std::collections::BTreeMap;

use super::access::Writer;
use super::accounts::Aws;
use base::ids::AzId;
use port::{CloudResult, Created, Kind, Operation, Origin, Permit, Place, ResourceRef, RunTags};

/// All that a creating call needs to know besides what it creates.
pub struct At<'a> {
    pub aws: &'a Aws,
    pub permit: &'a Permit,
    pub place: &'a Place,
    pub origin: &'a Origin,
    pub run_tags: &'a RunTags,
}

impl At<'_> {
    /// The way to change the sandbox.
    pub async fn writer(&self) -> CloudResult<Writer> {
        self.aws.clients(self.place).await?.writer(self.permit, Operation::Create, "create")
    }

    /// The same where another provider may hold the buckets.
    pub async fn bucket_writer(&self) -> CloudResult<Writer> {
        self.aws.s3_clients(self.place).await?.writer(self.permit, Operation::Create, "s3:CreateBucket")
    }

    pub async fn zone_name(&self, id: &AzId) -> CloudResult<String> {
        self.aws.zone_name(self.place, id).await
    }

    pub fn resource(&self, kind: Kind, id: impl Into<String>) -> ResourceRef {
        ResourceRef {
            kind,
            id: id.into(),
            account: self.place.account.clone(),
            region: self.place.region.clone(),
        }
    }

    /// One created resource, with its id as an output of that name.
    pub fn created(&self, kind: Kind, id: impl Into<String>, output: &str) -> Created {
        let id = id.into();
        let outputs = BTreeMap::from([(output.to_owned(), serde_json::Value::from(id.clone()))]);
        Created { resources: vec![self.resource(kind, id)], outputs, restored_to: None }
    }
}
