//! A bucket that takes evidence in. Nothing there is ever overwritten.
//!
//! It is no part of the port: no drill runs meanwhile. The credentials are those of the environment.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;

use crate::access;
use crate::caller::on_behalf;
use crate::error::OrCloud;
use port::{CloudError, CloudResult, ErrorKind};

const PUT: &str = "s3:PutObject";
const GET: &str = "s3:GetObject";

/// The caller's name for the requests.
const PUSHING: &str = "pushing";

pub struct Archive {
    client: aws_sdk_s3::Client,
    bucket: String,
}

/// What became of an object. In both cases it was read back, and has the bytes that were to be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    New,
    /// It lay there already.
    Same,
}

impl Archive {
    /// Asks nothing yet.
    pub async fn open(bucket: &str) -> CloudResult<Self> {
        let http = access::http_clients()?.usual;
        let config = access::load(None, None, None, &http).await;
        if config.region().is_none() {
            return Err(CloudError::new(ErrorKind::Invalid, PUT, "no region is configured")
                .help("set AWS_REGION to the region of the bucket"));
        }
        let endpoint = access::s3_endpoint(&config);
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(endpoint.as_deref().is_some_and(access::needs_path_style))
            .build();
        Ok(Self { client: aws_sdk_s3::Client::from_conf(s3), bucket: bucket.to_owned() })
    }

    /// Puts a new object, and reads it back.
    ///
    /// # Errors
    /// `AlreadyExists` if another object has this key, or what is read back differs.
    pub async fn keep(&self, key: &str, bytes: &[u8]) -> CloudResult<Kept> {
        on_behalf(PUSHING, async {
            let put = self.client.put_object().bucket(&self.bucket).key(key).if_none_match("*");
            // A bucket with a lock demands a checksum.
            let put = put.checksum_algorithm(ChecksumAlgorithm::Sha256);
            let put = put.body(ByteStream::from(bytes.to_vec())).send().await;
            let kept = match put {
                Ok(_) => Kept::New,
                Err(error) if error.raw_response().is_some_and(|raw| raw.status().as_u16() == 412) => {
                    Kept::Same
                }
                Err(error) => Err(error).or_cloud(PUT)?,
            };
            if self.read(key).await? == bytes {
                return Ok(kept);
            }
            let what = match kept {
                Kept::New => "what was read back is not what was put: the store does not refuse to overwrite",
                Kept::Same => "another object lies there, and nothing is overwritten",
            };
            Err(CloudError::new(ErrorKind::AlreadyExists, PUT, what).help("push under another prefix"))
        })
        .await
    }

    async fn read(&self, key: &str) -> CloudResult<Vec<u8>> {
        let answer = self.client.get_object().bucket(&self.bucket).key(key).send().await.or_cloud(GET)?;
        let body = answer.body.collect().await;
        let body = body.map_err(|error| CloudError::new(ErrorKind::Network, GET, error.to_string()))?;
        Ok(body.to_vec())
    }
}
