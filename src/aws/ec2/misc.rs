//! Key pairs and Elastic IP addresses.

use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{DomainType, ResourceType};

use super::{FILTER_VALUES, filter, made_before};
use crate::access::{Ec2Reader, Writer};
use crate::error::OrCloud;
use crate::once::once;
use crate::{At, missing, observed, tags, with};
use port::{CloudResult, Created, Kind, Observed, State, TAG_RUN};

pub async fn key_pair(at: &At<'_>, name: &str, public_key: &str) -> CloudResult<Created> {
    let writer = at.writer().await?;
    once(
        at,
        async || {
            let filters = [made_before(at), vec![filter("key-name", [name])]].concat();
            let found = writer.ec2.describe_key_pairs().set_filters(Some(filters)).send().await;
            Ok(found.or_cloud("ec2:DescribeKeyPairs")?.key_pairs().first().map(|_| ()))
        },
        async || {
            writer
                .ec2_once
                .import_key_pair()
                .key_name(name)
                .public_key_material(Blob::new(public_key.as_bytes()))
                .tag_specifications(tags::ec2_spec(at, name, ResourceType::KeyPair))
                .send()
                .await
                .or_cloud("ec2:ImportKeyPair")
                .map(drop)
        },
    )
    .await?;
    Ok(at.created(Kind::KeyPair, name, "key_name"))
}

pub async fn address(at: &At<'_>, name: &str) -> CloudResult<Created> {
    const CALL: &str = "ec2:AllocateAddress";
    let writer = at.writer().await?;
    let (id, ip) = once(
        at,
        async || {
            let found = writer.ec2.describe_addresses().set_filters(Some(made_before(at))).send().await;
            let found = found.or_cloud("ec2:DescribeAddresses")?;
            Ok(found.addresses().first().and_then(|a| Some((a.allocation_id.clone()?, a.public_ip.clone()))))
        },
        async || {
            let answer = writer
                .ec2_once
                .allocate_address()
                .domain(DomainType::Vpc)
                .tag_specifications(tags::ec2_spec(at, name, ResourceType::ElasticIp))
                .send()
                .await
                .or_cloud(CALL)?;
            let id = answer.allocation_id.ok_or_else(|| missing(CALL, "allocation id"))?;
            Ok((id, answer.public_ip))
        },
    )
    .await?;
    let mut created = at.created(Kind::Address, id, "allocation_id");
    if let Some(ip) = ip {
        created.outputs.insert("public_ip".into(), ip.into());
    }
    Ok(created)
}

pub async fn observe_key_pairs(ec2: &Ec2Reader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for ids in ids.chunks(FILTER_VALUES) {
        let found = ec2.describe_key_pairs().filters(filter("key-name", ids)).send().await;
        for key in found.or_cloud("ec2:DescribeKeyPairs")?.key_pairs.unwrap_or_default() {
            let name = key.key_name.unwrap_or_default();
            all.push(with(observed(name.clone(), State::Ready), "key_name", name));
        }
    }
    Ok(all)
}

pub async fn observe_addresses(ec2: &Ec2Reader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for ids in ids.chunks(FILTER_VALUES) {
        let found = ec2.describe_addresses().filters(filter("allocation-id", ids)).send().await;
        for address in found.or_cloud("ec2:DescribeAddresses")?.addresses.unwrap_or_default() {
            let seen = observed(address.allocation_id.unwrap_or_default(), State::Ready);
            all.push(with(seen, "public_ip", address.public_ip));
        }
    }
    Ok(all)
}

pub async fn delete_key_pair(to: &Writer, id: &str) -> CloudResult<()> {
    let ec2 = &to.ec2;
    let found = ec2.describe_key_pairs().filters(filter("key-name", [id])).send().await;
    let found = found.or_cloud("ec2:DescribeKeyPairs")?;
    let Some(key) = found.key_pairs().first() else { return Ok(()) };
    tags::guard("ec2:DeleteKeyPair", id, tags::value(key.tags(), TAG_RUN), &to.run_tags)?;
    ec2.delete_key_pair().key_name(id).send().await.or_cloud("ec2:DeleteKeyPair")?;
    Ok(())
}

pub async fn delete_address(to: &Writer, id: &str) -> CloudResult<()> {
    let ec2 = &to.ec2;
    let found = ec2.describe_addresses().filters(filter("allocation-id", [id])).send().await;
    let found = found.or_cloud("ec2:DescribeAddresses")?;
    let Some(address) = found.addresses().first() else { return Ok(()) };
    tags::guard("ec2:ReleaseAddress", id, tags::value(address.tags(), TAG_RUN), &to.run_tags)?;
    if let Some(association) = address.association_id() {
        ec2.disassociate_address()
            .association_id(association)
            .send()
            .await
            .or_cloud("ec2:DisassociateAddress")?;
    }
    ec2.release_address().allocation_id(id).send().await.or_cloud("ec2:ReleaseAddress")?;
    Ok(())
}
