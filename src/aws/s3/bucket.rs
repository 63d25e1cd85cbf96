//! Buckets: created private and encrypted, observed, emptied, and deleted.

use std::cell::{Cell, RefCell};

use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, Delete, ObjectIdentifier,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging, VersioningConfiguration,
};
use futures_util::{TryStreamExt as _, stream};

use super::list::decode;
use crate::access::{S3Reader, Writer};
use crate::error::OrCloud;
use crate::once::{begun, follow_up};
use crate::{At, observed, tags, with};
use base::ids::RunId;
use port::{CloudError, CloudResult, Created, ErrorKind, Kind, Observed, Progress, State, TAG_RUN};

pub async fn create(at: &At<'_>, name: &str, versioned: bool) -> CloudResult<Created> {
    const CALL: &str = "s3:CreateBucket";
    let writer = at.bucket_writer().await?;
    let s3 = &writer.s3;
    let tags = tags::s3(at, name)?;
    let region = at.place.region.as_str();
    // us-east-1 is the only region that must not be named.
    let constraint = (region != "us-east-1").then(|| BucketLocationConstraint::from(region));
    let config = CreateBucketConfiguration::builder()
        .set_location_constraint(constraint)
        .set_tags(Some(tags.clone()))
        .build();
    let made =
        s3.create_bucket().bucket(name).create_bucket_configuration(config).send().await.or_cloud(CALL);
    let had = match made {
        Ok(_) => None,
        Err(e) if e.kind == ErrorKind::AlreadyExists => match tags_of(&writer.read.s3, name).await {
            // The bucket belongs to another account: our own could be read.
            Err(e) if e.kind == ErrorKind::Forbidden => return Err(not_ours(name)),
            had => Some(begun(had)?),
        },
        Err(e) => return Err(e),
    };
    let run = &at.run_tags.run;
    if had.is_some_and(|had| owner(name, &had, run) != Some(run.0.as_str())) {
        return Err(not_ours(name));
    }
    // Other providers, and endpoints of older regions, may ignore tags at creation.
    if run_of(&follow_up(at, async || tags_of(&writer.read.s3, name).await).await?).is_none() {
        let tagging = Tagging::builder().set_tag_set(Some(tags)).build();
        let tagging = begun(tagging.map_err(|e| CloudError::new(ErrorKind::Invalid, CALL, e.to_string())))?;
        let put = || s3.put_bucket_tagging().bucket(name).tagging(tagging.clone());
        follow_up(at, async || put().send().await.or_cloud("s3:PutBucketTagging")).await?;
    }
    if at.aws.access(&at.place.account).endpoint.is_none() {
        follow_up(at, async || close(&writer, name).await).await?;
    }
    if versioned {
        follow_up(at, async || keep_versions(&writer, name).await).await?;
    }
    Ok(at.created(Kind::Bucket, name, "bucket"))
}

fn not_ours(name: &str) -> CloudError {
    CloudError::new(
        ErrorKind::AlreadyExists,
        "s3:CreateBucket",
        format!("the bucket {name} exists, and this run did not create it"),
    )
    .help("remove or rename it: nothing of another run is ever taken over")
}

async fn keep_versions(to: &Writer, name: &str) -> CloudResult<()> {
    let kept = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let put = to.s3.put_bucket_versioning().bucket(name).versioning_configuration(kept);
    put.send().await.or_cloud("s3:PutBucketVersioning").map(drop)
}

/// Blocks public access and sets the default encryption.
async fn close(to: &Writer, name: &str) -> CloudResult<()> {
    const ENCRYPT: &str = "s3:PutBucketEncryption";
    let s3 = &to.s3;
    let block = PublicAccessBlockConfiguration::builder()
        .block_public_acls(true)
        .ignore_public_acls(true)
        .block_public_policy(true)
        .restrict_public_buckets(true)
        .build();
    s3.put_public_access_block()
        .bucket(name)
        .public_access_block_configuration(block)
        .send()
        .await
        .or_cloud("s3:PutPublicAccessBlock")?;
    let invalid =
        |e: aws_sdk_s3::error::BuildError| CloudError::new(ErrorKind::Invalid, ENCRYPT, e.to_string());
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::Aes256)
        .build()
        .map_err(invalid)?;
    let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default).build();
    let config = ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(invalid)?;
    s3.put_bucket_encryption()
        .bucket(name)
        .server_side_encryption_configuration(config)
        .send()
        .await
        .or_cloud(ENCRYPT)?;
    Ok(())
}

/// Returns the bucket's tags. S3 answers with an error for a bucket without tags.
pub async fn tags_of(s3: &S3Reader, name: &str) -> CloudResult<Vec<Tag>> {
    match s3.get_bucket_tagging().bucket(name).send().await.or_cloud("s3:GetBucketTagging") {
        Ok(answer) => Ok(answer.tag_set),
        Err(e) if e.message.starts_with("NoSuchTagSet") => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

/// The region of a bucket. Two of S3's names for regions are older than regions.
pub async fn region_of(s3: &S3Reader, name: &str) -> CloudResult<String> {
    let answer = s3.get_bucket_location().bucket(name).send().await.or_cloud("s3:GetBucketLocation")?;
    let region = match answer.location_constraint().map_or("", |place| place.as_str()) {
        "" => "us-east-1",
        "EU" => "eu-west-1",
        other => other,
    };
    Ok(region.to_owned())
}

pub fn run_of(tags: &[Tag]) -> Option<&str> {
    tags.iter().find(|t| t.key() == TAG_RUN).map(Tag::value)
}

/// The run of a bucket: by its tag, or by its name while it has no tag. Where S3 ignores tags at
/// creation, the runner may die before it sets them.
pub fn owner<'a>(name: &str, tags: &'a [Tag], run: &'a RunId) -> Option<&'a str> {
    run_of(tags).or_else(|| name.starts_with(&run.name_prefix()).then_some(run.0.as_str()))
}

pub async fn observe(s3: &S3Reader, ids: &[String]) -> CloudResult<Vec<Observed>> {
    let mut all = Vec::new();
    for name in ids {
        // One request for each bucket: S3 cannot ask for several by name. A bucket is ready at
        // once, so nothing waits for it.
        match s3.head_bucket().bucket(name).send().await.or_cloud("s3:HeadBucket") {
            Ok(_) => all.push(with(observed(name, State::Ready), "bucket", name.as_str())),
            Err(e) if e.kind == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(all)
}

/// Empties the bucket (all versions, delete markers and unfinished uploads), then deletes it. A bucket
/// that got no tag got no object either: S3 refuses to delete it if somebody else put one there.
pub async fn delete(to: &Writer, name: &str, progress: &dyn Fn(Progress)) -> CloudResult<()> {
    const CALL: &str = "s3:DeleteBucket";
    let tags = tags_of(&to.read.s3, name).await?;
    tags::guard(CALL, name, owner(name, &tags, &to.run_tags.run), &to.run_tags)?;
    if run_of(&tags).is_some() {
        empty(to, name, progress).await?;
    }
    to.s3.delete_bucket().bucket(name).send().await.or_cloud(CALL)?;
    Ok(())
}

/// How many pages of objects are deleted at once.
const PAGES: usize = 8;
/// How many objects are deleted at once where each needs a request of its own.
const SINGLES: usize = 16;

/// An object's key, and its version.
type Named = (String, Option<String>);

/// Deletes all versions and delete markers. Each pass lists the whole bucket, and deletes pages while
/// it lists the next ones. `progress` hears of each page that is gone.
pub async fn empty(to: &Writer, name: &str, progress: &dyn Fn(Progress)) -> CloudResult<()> {
    const DELETE: &str = "s3:DeleteObjects";
    let (mut before, deleted) = (None, Cell::new(0));
    loop {
        let first = RefCell::new(None);
        let pages = stream::try_unfold(Some(Marker::default()), async |marker| {
            let Some(marker) = marker else { return Ok::<_, CloudError>(None) };
            Ok(Some(page(&to.read.s3, name, marker).await?))
        });
        pages
            .map_ok(async |objects: Vec<Named>| {
                first.borrow_mut().get_or_insert_with(|| objects.clone());
                let count = objects.len() as u64;
                delete_objects(to, name, objects).await?;
                deleted.set(deleted.get() + count);
                if count > 0 {
                    progress(Progress { objects: deleted.get(), ..Progress::default() });
                }
                Ok(())
            })
            .try_buffer_unordered(PAGES)
            .try_collect::<()>()
            .await?;
        let first = first.into_inner().filter(|objects: &Vec<Named>| !objects.is_empty());
        if first.is_none() {
            return abort_uploads(to, name).await;
        }
        if first == before {
            let count = first.map_or(0, |objects| objects.len());
            let what = format!("{count} objects of {name} are there again after their deletion");
            return Err(CloudError::new(ErrorKind::InUse, DELETE, what)
                .help("something still writes to the bucket, or an object lock holds them"));
        }
        before = first;
    }
}

/// Where the next page begins.
#[derive(Default)]
struct Marker {
    key: Option<String>,
    version: Option<String>,
}

async fn page(s3: &S3Reader, name: &str, from: Marker) -> CloudResult<(Vec<Named>, Option<Marker>)> {
    let page = s3
        .list_object_versions()
        .bucket(name)
        .set_key_marker(from.key)
        .set_version_id_marker(from.version)
        .encoding_type(aws_sdk_s3::types::EncodingType::Url)
        .send()
        .await
        .or_cloud("s3:ListObjectVersions")?;
    let decode = |key: &str| decode(key, page.encoding_type());
    let versions = page.versions().iter().map(|v| (v.key(), v.version_id()));
    let markers = page.delete_markers().iter().map(|m| (m.key(), m.version_id()));
    let named =
        |(key, version): (Option<&str>, Option<&str>)| Some((decode(key?), version.map(str::to_owned)));
    let objects = versions.chain(markers).filter_map(named).collect();
    let more = page.is_truncated() == Some(true) && page.next_key_marker().is_some();
    let next = more.then(|| Marker {
        key: page.next_key_marker().map(decode),
        version: page.next_version_id_marker().map(str::to_owned),
    });
    Ok((objects, next))
}

/// Deletes objects, at most a page of them: in bulk, and those whose keys XML cannot carry one by one.
async fn delete_objects(to: &Writer, name: &str, objects: Vec<Named>) -> CloudResult<()> {
    let (plain, odd): (Vec<Named>, Vec<Named>) = objects.into_iter().partition(|(key, _)| fits_xml(key));
    for batch in plain.chunks(1000) {
        match in_bulk(to, name, batch).await {
            Err(e) if e.message.starts_with("MalformedXML") => one_by_one(to, name, batch).await?,
            done => done?,
        }
    }
    one_by_one(to, name, &odd).await
}

/// Whether XML 1.0 can carry the key as it is. White space other than blanks may be changed on the way.
fn fits_xml(key: &str) -> bool {
    !key.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

async fn one_by_one(to: &Writer, name: &str, objects: &[Named]) -> CloudResult<()> {
    stream::iter(objects.iter().map(Ok))
        .try_for_each_concurrent(SINGLES, async |(key, version): &Named| {
            let request = to.s3.delete_object().bucket(name).key(key).set_version_id(version.clone());
            request.send().await.or_cloud("s3:DeleteObject").map(drop)
        })
        .await
}

async fn in_bulk(to: &Writer, name: &str, batch: &[Named]) -> CloudResult<()> {
    const DELETE: &str = "s3:DeleteObjects";
    let invalid =
        |e: aws_sdk_s3::error::BuildError| CloudError::new(ErrorKind::Invalid, DELETE, e.to_string());
    let ids: Result<Vec<_>, _> = batch
        .iter()
        .map(|(key, version)| ObjectIdentifier::builder().key(key).set_version_id(version.clone()).build())
        .collect();
    let ids = ids.map_err(invalid)?;
    let delete = Delete::builder().set_objects(Some(ids)).quiet(true).build().map_err(invalid)?;
    let answer = to.s3.delete_objects().bucket(name).delete(delete).send().await.or_cloud(DELETE)?;
    let Some(error) = answer.errors().first() else { return Ok(()) };
    let what = format!(
        "{} of {} objects were not deleted, the first: {} ({})",
        answer.errors().len(),
        batch.len(),
        error.key().unwrap_or("?"),
        error.message().or(error.code()).unwrap_or("no reason given"),
    );
    Err(CloudError::new(ErrorKind::InUse, DELETE, what)
        .help("an object lock or a bucket policy may hold them"))
}

async fn abort_uploads(to: &Writer, name: &str) -> CloudResult<()> {
    let s3 = &to.s3;
    loop {
        const LIST: &str = "s3:ListMultipartUploads";
        let page = s3.list_multipart_uploads().bucket(name).send().await.or_cloud(LIST)?;
        if page.uploads().is_empty() {
            return Ok(());
        }
        for upload in page.uploads() {
            let gone = s3
                .abort_multipart_upload()
                .bucket(name)
                .set_key(upload.key().map(str::to_owned))
                .set_upload_id(upload.upload_id().map(str::to_owned))
                .send()
                .await
                .or_cloud("s3:AbortMultipartUpload");
            match gone {
                Err(e) if e.kind != ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits_xml;

    #[test]
    fn keys_that_xml_cannot_carry_are_told_apart() {
        for key in ["plain", "a b+c", "ü/ß/日本", "per%cent&amp;<>\"'", "emoji-🦀"] {
            assert!(fits_xml(key), "{key}");
        }
        for key in ["\u{1}", "a\u{b}b", "tab\tkey", "line\nfeed", "a\rb", "del\u{7f}", "x\u{ffff}"] {
            assert!(!fits_xml(key), "{key:?}");
        }
    }
}
