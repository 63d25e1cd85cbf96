//! The keys of KMS that AWS manages. No other account can be given one.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::access::Clients;
use crate::error::OrCloud;
use crate::pages;
use port::{CloudError, CloudResult, ErrorKind, Place};

const LIST: &str = "cloudformation:ListResources";
const GET: &str = "cloudformation:GetResource";
const ALIAS: &str = "AWS::KMS::Alias";

/// The ARNs of the keys of this place that AWS manages, by their aliases: `alias/aws/rds`.
pub async fn of(clients: &Clients, place: &Place) -> CloudResult<BTreeSet<String>> {
    let cloud = &clients.cloud_control;
    let aliases = pages!(LIST, resource_descriptions, cloud.list_resources().type_name(ALIAS));
    let mut managed = BTreeSet::new();
    for alias in aliases {
        let Some(name) = alias.identifier().filter(|name| name.starts_with("alias/aws/")) else { continue };
        let mut key = key_of(LIST, alias.properties())?;
        if key.is_none() {
            // The list may tell the name alone. An alias that its service has not used yet leads to none.
            let request = cloud.get_resource().type_name(ALIAS).identifier(name);
            key = match request.send().await.or_cloud(GET) {
                Ok(got) => key_of(GET, got.resource_description.and_then(|it| it.properties).as_deref())?,
                Err(error) if error.kind == ErrorKind::NotFound => None,
                Err(error) => return Err(error),
            };
        }
        let Place { account, region } = place;
        let arn = |key: String| format!("arn:{}:kms:{region}:{account}:key/{key}", region.partition());
        managed.extend(key.map(arn));
    }
    Ok(managed)
}

fn key_of(call: &str, properties: Option<&str>) -> CloudResult<Option<String>> {
    let Some(text) = properties.filter(|text| !text.is_empty()) else { return Ok(None) };
    let properties: Value = serde_json::from_str(text).map_err(|_| {
        CloudError::new(ErrorKind::Server, call, "the properties of an alias are not JSON".to_owned())
            .help("try again; if it stays, look at the alias in the console of KMS")
    })?;
    let key = properties.get("TargetKeyId").and_then(Value::as_str).filter(|key| !key.is_empty());
    Ok(key.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_an_alias_is_read_or_there_is_none() {
        let of = |text: Option<&str>| key_of(LIST, text);
        assert_eq!(
            of(Some(r#"{ "AliasName": "alias/aws/rds", "TargetKeyId": "1a" }"#)),
            Ok(Some("1a".into()))
        );
        for none in [Some(r#"{ "AliasName": "alias/aws/rds" }"#), Some(""), None] {
            assert_eq!(of(none), Ok(None), "{none:?}");
        }
        assert!(of(Some("{")).is_err());
    }
}
