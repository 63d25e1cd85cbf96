//! Buckets: created private and encrypted, observed, emptied, and deleted.

use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, Delete, ObjectIdentifier,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
};

use super::list::decode;
use crate::access::{S3Reader, Writer};
use crate::error::OrCloud;
use crate::once::{begun, follow_up};
use crate::{At, observed, tags, with};
use port::{CloudError, CloudResult, Created, ErrorKind, Kind, Observed, State, TAG_RUN};

pub async fn create(at: &At<'_>, name: &str) -> CloudResult<Created> {
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
            Err(e) if e.kind == ErrorKind::Forbidden => Some(Vec::new()),
            had => Some(begun(had)?),
        },
        Err(e) => return Err(e),
    };
    if let Some(had) = had
        && run_of(&had) != Some(at.run_tags.run.0.as_str())
    {
        return Err(CloudError::new(
            ErrorKind::AlreadyExists,
            CALL,
            format!("the bucket {name} exists, and this run did not create it"),
        )
        .help("remove or rename it: nothing of another run is ever taken over"));
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
    Ok(at.created(Kind::Bucket, name, "bucket"))
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

pub fn run_of(tags: &[Tag]) -> Option<&str> {
    tags.iter().find(|t| t.key() == TAG_RUN).map(Tag::value)
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

/// Empties the bucket (all versions, delete markers and unfinished uploads), then deletes it.
pub async fn delete(to: &Writer, name: &str) -> CloudResult<()> {
    const CALL: &str = "s3:DeleteBucket";
    let (s3, run_tags) = (&to.s3, &to.run_tags);
    tags::guard(CALL, name, run_of(&tags_of(&to.read.s3, name).await?), run_tags)?;
    empty(to, name).await?;
    s3.delete_bucket().bucket(name).send().await.or_cloud(CALL)?;
    Ok(())
}

pub async fn empty(to: &Writer, name: &str) -> CloudResult<()> {
    const DELETE: &str = "s3:DeleteObjects";
    let s3 = &to.s3;
    let invalid =
        |e: aws_sdk_s3::error::BuildError| CloudError::new(ErrorKind::Invalid, DELETE, e.to_string());
    let mut before = Vec::new();
    loop {
        // Lists from the start each time, because the objects of the last page are deleted.
        let page = s3
            .list_object_versions()
            .bucket(name)
            .encoding_type(aws_sdk_s3::types::EncodingType::Url)
            .send()
            .await
            .or_cloud("s3:ListObjectVersions")?;
        let versions = page.versions().iter().map(|v| (v.key(), v.version_id()));
        let markers = page.delete_markers().iter().map(|m| (m.key(), m.version_id()));
        let mut objects = Vec::new();
        for (key, version) in versions.chain(markers) {
            let Some(key) = key else { continue };
            let version = version.map(str::to_owned);
            let key = decode(key, page.encoding_type());
            objects
                .push(ObjectIdentifier::builder().key(key).set_version_id(version).build().map_err(invalid)?);
        }
        if objects.is_empty() {
            break;
        }
        if objects == before {
            let what = format!("{} objects of {name} are there again after their deletion", objects.len());
            return Err(CloudError::new(ErrorKind::InUse, DELETE, what)
                .help("something still writes to the bucket, or an object lock holds them"));
        }
        before.clone_from(&objects);
        for batch in objects.chunks(1000) {
            let delete =
                Delete::builder().set_objects(Some(batch.to_vec())).quiet(true).build().map_err(invalid)?;
            let answer = s3.delete_objects().bucket(name).delete(delete).send().await.or_cloud(DELETE)?;
            if let Some(error) = answer.errors().first() {
                let what = format!(
                    "{} of {} objects were not deleted, the first: {} ({})",
                    answer.errors().len(),
                    batch.len(),
                    error.key().unwrap_or("?"),
                    error.message().or(error.code()).unwrap_or("no reason given"),
                );
                return Err(CloudError::new(ErrorKind::InUse, DELETE, what)
                    .help("an object lock or a bucket policy may hold them"));
            }
        }
    }
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
