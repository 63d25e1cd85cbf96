//! Place, origin and permit of a creation.

use std::collections::BTreeMap;

use super::access::Writer;
use super::accounts::Aws;
use base::ids::AzId;
use port::{CloudResult, Created, Kind, Operation, Origin, Permit, Place, ResourceRef, RunTags};

/// Everything that a creating call needs, besides the request itself.
pub struct At<'a> {
    pub aws: &'a Aws,
    pub permit: &'a Permit,
    pub place: &'a Place,
    pub origin: &'a Origin,
    pub run_tags: &'a RunTags,
}

impl At<'_> {
    /// Returns the clients that may change the sandbox.
    pub async fn writer(&self) -> CloudResult<Writer> {
        self.aws.clients(self.place).await?.writer(self.permit, Operation::Create, "create")
    }

    /// Like [`writer`](Self::writer), for accounts of other S3 providers too.
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

    /// Returns one created resource. Its id is also the output named `output`.
    pub fn created(&self, kind: Kind, id: impl Into<String>, output: &str) -> Created {
        let id = id.into();
        let outputs = BTreeMap::from([(output.to_owned(), serde_json::Value::from(id.clone()))]);
        Created { resources: vec![self.resource(kind, id)], outputs, restored_to: None }
    }
}
