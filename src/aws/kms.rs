//! A key of AWS KMS that signs the evidence of runs.
//!
//! It is no part of the port: a drill begins after the key was asked for, and has ended when it signs.
//! The credentials are those of the environment, not of an account of the playbook.

use std::str::FromStr;

use aws_sdk_kms::operation::get_public_key::GetPublicKeyOutput;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};
use aws_types::region::Region as SdkRegion;
use sha2::{Digest as _, Sha256};

use crate::access;
use crate::caller::on_behalf;
use crate::error::OrCloud;
use base::ids::AccountId;
use port::{CloudError, CloudResult, ErrorKind, Place};

const GET: &str = "kms:GetPublicKey";
const SIGN: &str = "kms:Sign";

/// The caller's name for the requests.
const SIGNING: &str = "signing";

/// A key that signs with ECDSA on P-256 and SHA-256.
pub struct SigningKey {
    client: aws_sdk_kms::Client,
    /// Its ARN. An alias could name another key by the end of the drill.
    arn: String,
    /// Where it lies.
    pub place: Place,
    /// The account whose credentials sign.
    pub signer: AccountId,
    /// Its `SubjectPublicKeyInfo` in DER.
    pub public_key: Vec<u8>,
}

impl SigningKey {
    /// Asks AWS for a key: `alias/NAME`, the id of a key, or an ARN.
    pub async fn open(id: &str) -> CloudResult<Self> {
        on_behalf(SIGNING, async {
            let http = access::http_clients()?.usual;
            let named = part_of(id, 3);
            let config = access::load(None, None, named.as_ref(), &http).await;
            let region = named.map(|region| SdkRegion::new(region.to_string()));
            let config = match region.or_else(|| config.region().cloned()) {
                Some(region) => config.into_builder().region(region).build(),
                None => {
                    return Err(CloudError::new(ErrorKind::Invalid, GET, "no region is configured")
                        .help("set AWS_REGION, or name the key by its ARN"));
                }
            };
            let asked = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
            let signer = crate::identity_in(asked.or_cloud(crate::WHO)?)?.account;
            let client = aws_sdk_kms::Client::new(&config);
            let answer = client.get_public_key().key_id(id).send().await.or_cloud(GET)?;
            let arn = answer.key_id.clone().unwrap_or_default();
            let (Some(region), Some(account)) = (part_of(&arn, 3), part_of(&arn, 4)) else {
                let what = format!("AWS says `{arn}` instead of the ARN of a key");
                return Err(CloudError::new(ErrorKind::Server, GET, what));
            };
            let public_key = fitting(answer)?;
            Ok(Self { client, arn, place: Place { account, region }, signer, public_key })
        })
        .await
    }

    /// Signs a message. KMS gets only its SHA-256, so the message may be of any length.
    pub async fn sign(&self, message: &[u8]) -> CloudResult<Vec<u8>> {
        on_behalf(SIGNING, async {
            let digest = Blob::new(Sha256::digest(message).to_vec());
            let sign = self.client.sign().key_id(&self.arn).message(digest);
            let sign =
                sign.message_type(MessageType::Digest).signing_algorithm(SigningAlgorithmSpec::EcdsaSha256);
            let answer = sign.send().await.or_cloud(SIGN)?;
            let none = || CloudError::new(ErrorKind::Server, SIGN, "AWS answers without a signature");
            answer.signature.map(Blob::into_inner).ok_or_else(none)
        })
        .await
    }
}

/// The public half of a key that can sign as evidence is signed.
fn fitting(answer: GetPublicKeyOutput) -> CloudResult<Vec<u8>> {
    let spec = answer.key_spec.as_ref().map_or("none", KeySpec::as_str);
    let usage = answer.key_usage.as_ref().map_or("none", KeyUsageType::as_str);
    if answer.key_spec != Some(KeySpec::EccNistP256) || answer.key_usage != Some(KeyUsageType::SignVerify) {
        let what = format!(
            "the key is of the spec {spec} for {usage}, and evidence needs ECC_NIST_P256 for SIGN_VERIFY"
        );
        return Err(CloudError::new(ErrorKind::Invalid, GET, what)
            .help("make one with `aws kms create-key --key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY`"));
    }
    let none = || CloudError::new(ErrorKind::Server, GET, "AWS answers without a public key");
    answer.public_key.map(Blob::into_inner).ok_or_else(none)
}

/// A part of an ARN: 3 is the region, 4 the account.
fn part_of<T: FromStr>(arn: &str, part: usize) -> Option<T> {
    arn.starts_with("arn:").then(|| arn.split(':').nth(part)?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::ids::Region;

    fn key(spec: KeySpec, usage: KeyUsageType) -> GetPublicKeyOutput {
        let public = Blob::new(vec![1]);
        GetPublicKeyOutput::builder().key_spec(spec).key_usage(usage).public_key(public).build()
    }

    #[test]
    fn only_a_key_that_signs_on_p256_fits() {
        assert_eq!(fitting(key(KeySpec::EccNistP256, KeyUsageType::SignVerify)).unwrap(), [1]);
        for (spec, usage) in [
            (KeySpec::EccNistP384, KeyUsageType::SignVerify),
            (KeySpec::Rsa2048, KeyUsageType::SignVerify),
            (KeySpec::EccNistP256, KeyUsageType::KeyAgreement),
        ] {
            let error = fitting(key(spec, usage)).unwrap_err();
            assert!(error.help.unwrap().contains("create-key"));
        }
    }

    #[test]
    fn an_alias_has_no_region_and_an_arn_has() {
        assert_eq!(part_of::<Region>("alias/drills", 3), None);
        let arn = "arn:aws:kms:eu-west-1:111122223333:key/1a";
        assert_eq!(part_of::<Region>(arn, 3).unwrap().as_str(), "eu-west-1");
        assert_eq!(part_of::<AccountId>(arn, 4).unwrap().as_str(), "111122223333");
    }
}
