//! What some of a bucket's objects are like. A bucket may hold billions, so only the first page of
//! its listing is read, and only a few objects of it are asked for their key.

use aws_sdk_s3::types::{EncodingType, Object};
use futures_util::{StreamExt as _, stream};

use super::list::decode;
use crate::access::S3Reader;
use crate::error::OrCloud;
use estate::bucket::StorageClass;
use estate::point::Sample;
use port::{CloudError, CloudResult, ErrorKind};

/// How many objects are asked for their key. A listing does not tell it.
const ASKED: usize = 20;
const AT_ONCE: usize = 10;

/// Reads the storage classes of the first page, and the keys of objects spread evenly over it.
pub async fn of(s3: &S3Reader, bucket: &str) -> CloudResult<Sample> {
    let request = s3.list_objects_v2().bucket(bucket).encoding_type(EncodingType::Url);
    let page = request.send().await.or_cloud("s3:ListObjectsV2")?;
    let objects = page.contents();
    let classes = objects.iter().filter_map(|object| StorageClass::read(object.storage_class()?.as_str()));
    let mut sample =
        Sample { listed: objects.len() as u64, more: page.is_truncated() == Some(true), ..Sample::default() };
    for class in classes {
        sample.one_zone += u64::from(class.is_one_zone());
        sample.archived += u64::from(class.is_archived());
    }
    let step = objects.len().div_ceil(ASKED).max(1);
    let key_of = async |object: &Object| -> CloudResult<Option<String>> {
        let key = decode(object.key().unwrap_or_default(), page.encoding_type());
        let head = s3.head_object().bucket(bucket).key(key).send().await.or_cloud("s3:HeadObject")?;
        Ok(head.ssekms_key_id)
    };
    let answers: Vec<Result<Option<String>, CloudError>> =
        stream::iter(objects.iter().step_by(step)).map(key_of).buffer_unordered(AT_ONCE).collect().await;
    for answer in answers {
        match answer {
            Ok(key) => {
                sample.asked += 1;
                if let Some(key) = key {
                    *sample.keys.entry(key).or_default() += 1;
                }
            }
            // It was deleted since it was listed.
            Err(e) if e.kind == ErrorKind::NotFound => {}
            Err(e) => drop(sample.unread.get_or_insert_with(|| e.to_string())),
        }
    }
    Ok(sample)
}
