//! The tags of every created resource, in each service's own type, and the tag check before a
//! deletion.

use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use chrono::SecondsFormat;

use super::At;
use port::{CloudError, CloudResult, ErrorKind, RunTags, TAG_EXPIRES, TAG_RUN};

/// Identifies a resource by its client token, to find it after the answer to its creation was lost.
pub const TAG_TOKEN: &str = "drillmaster:token";

/// Returns the tags of a new resource as pairs.
pub fn pairs(at: &At<'_>, name: &str) -> Vec<(&'static str, String)> {
    let [run, expires] = of_run(at.run_tags);
    vec![("Name", clean(name, 255)), run, expires, (TAG_TOKEN, clean(&at.origin.token, 64))]
}

/// Returns the tags that say whose a resource is, and until when.
pub fn of_run(run_tags: &RunTags) -> [(&'static str, String); 2] {
    let expires = run_tags.expires.to_rfc3339_opts(SecondsFormat::Secs, true);
    [(TAG_RUN, run_tags.run.to_string()), (TAG_EXPIRES, expires)]
}

/// Replaces the characters that some service refuses in a tag's value.
pub fn clean(text: &str, longest: usize) -> String {
    text.chars()
        .map(|c| if c.is_ascii_alphanumeric() || " _.:/=+-@".contains(c) { c } else { '-' })
        .take(longest)
        .collect()
}

/// Returns a client token with a suffix: at most 64 characters, all of which every API accepts.
pub fn token(at: &At<'_>, suffix: &str) -> String {
    let room = 64_usize.saturating_sub(suffix.len() + 1);
    let token: String = at
        .origin
        .token
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(if suffix.is_empty() { 64 } else { room })
        .collect();
    if suffix.is_empty() { token } else { format!("{token}-{suffix}") }
}

pub fn ec2(at: &At<'_>, name: &str) -> Vec<Tag> {
    pairs(at, name).into_iter().map(|(k, v)| Tag::builder().key(k).value(v).build()).collect()
}

pub fn ec2_spec(at: &At<'_>, name: &str, kind: ResourceType) -> TagSpecification {
    TagSpecification::builder().resource_type(kind).set_tags(Some(ec2(at, name))).build()
}

pub fn for_rds(at: &At<'_>, name: &str) -> Vec<aws_sdk_rds::types::Tag> {
    pairs(at, name)
        .into_iter()
        .map(|(k, v)| aws_sdk_rds::types::Tag::builder().key(k).value(v).build())
        .collect()
}

pub fn cloudformation(at: &At<'_>, name: &str) -> Vec<aws_sdk_cloudformation::types::Tag> {
    pairs(at, name)
        .into_iter()
        .map(|(k, v)| aws_sdk_cloudformation::types::Tag::builder().key(k).value(v).build())
        .collect()
}

pub fn s3(at: &At<'_>, name: &str) -> CloudResult<Vec<aws_sdk_s3::types::Tag>> {
    pairs(at, name)
        .into_iter()
        .map(|(k, v)| aws_sdk_s3::types::Tag::builder().key(k).value(v).build())
        .collect::<Result<_, _>>()
        .map_err(|e| CloudError::new(ErrorKind::Invalid, "s3:CreateBucket", e.to_string()))
}

/// Returns the value of one of EC2's tags.
pub fn value<'a>(tags: &'a [Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|t| t.key() == Some(key)).and_then(Tag::value)
}

pub fn rds_value<'a>(tags: &'a [aws_sdk_rds::types::Tag], key: &str) -> Option<&'a str> {
    tags.iter().find(|t| t.key() == Some(key)).and_then(|t| t.value())
}

/// Refuses a resource that does not carry this run's tag.
pub fn guard(call: &str, what: &str, carried: Option<&str>, run_tags: &RunTags) -> CloudResult<()> {
    if carried == Some(run_tags.run.0.as_str()) {
        return Ok(());
    }
    let has = carried.map_or_else(|| format!("no `{TAG_RUN}` tag"), |run| format!("`{TAG_RUN}` = `{run}`"));
    Err(CloudError::new(
        ErrorKind::Guarded,
        call,
        format!("{what} carries {has}, not this run's (`{}`): it is left alone", run_tags.run),
    )
    .help("look at it by hand: only what this run created, and still carries its tag, is ever changed"))
}
