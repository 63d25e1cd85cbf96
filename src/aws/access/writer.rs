//! The SDK's full clients, for a holder of a permit for this account and region.

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_backup::operation::start_copy_job::builders::StartCopyJobFluentBuilder;

use super::Clients;
use super::read_only::{
    BackupReader, CloudFormationReader, DynamoDbReader, EfsReader, LambdaReader, RdsReader, ResolverReader,
    Route53Reader, S3Reader,
};
use port::{CloudResult, Create, Operation, Permit, RunTags};

/// The full S3 client, from a [`Writer`].
pub type S3Writer = aws_sdk_s3::Client;

/// The clients that can change the sandbox. No other code gets such a client.
pub struct Writer {
    pub ec2: aws_sdk_ec2::Client,
    /// Without the SDK's retries, for creations without a client token (`super::once`).
    pub ec2_once: aws_sdk_ec2::Client,
    pub rds: aws_sdk_rds::Client,
    pub s3: S3Writer,
    /// For calls that S3 answers when it has copied or put together the object: without any limit
    /// in time. S3 sends nothing meanwhile for longer than the SDK's protection against stalled
    /// streams accepts (smithy-rs issue 4439). TCP keepalive ends a connection whose other end is
    /// gone.
    pub s3_bulk: S3Writer,
    pub cloudformation: aws_sdk_cloudformation::Client,
    pub backup: aws_sdk_backup::Client,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub efs: aws_sdk_efs::Client,
    pub lambda: aws_sdk_lambda::Client,
    /// Without the SDK's retries.
    pub lambda_once: aws_sdk_lambda::Client,
    pub resolver: aws_sdk_route53resolver::Client,
    /// Without the SDK's retries.
    pub resolver_once: aws_sdk_route53resolver::Client,
    pub route53: aws_sdk_route53::Client,
    /// Without the SDK's retries.
    pub route53_once: aws_sdk_route53::Client,
    /// Signs pre-signed URLs.
    pub credentials: Option<SharedCredentialsProvider>,
    pub read: Reading,
    pub run_tags: RunTags,
}

/// Clients that only read, for functions that need no more.
pub struct Reading {
    pub rds: RdsReader,
    pub s3: S3Reader,
    pub cloudformation: CloudFormationReader,
    pub backup: BackupReader,
    pub dynamodb: DynamoDbReader,
    pub efs: EfsReader,
    pub lambda: LambdaReader,
    pub resolver: ResolverReader,
    pub route53: Route53Reader,
}

impl Clients {
    /// Begins the request for a copy job. A permit to copy out gives no other client.
    ///
    /// # Errors
    /// `Guarded`: the permit is for something else.
    pub fn copy_job(&self, permit: &Permit, what: &Create) -> CloudResult<StartCopyJobFluentBuilder> {
        permit.covers_creation(what)?;
        permit.covers(Operation::CopyOut, &self.place, what.call())?;
        Ok(self.raw.backup.start_copy_job())
    }

    /// # Errors
    /// `Guarded`: the permit is for something else, or for another account or region.
    pub fn writer(&self, permit: &Permit, operation: Operation, call: &str) -> CloudResult<Writer> {
        permit.covers(operation, &self.place, call)?;
        let raw = &self.raw;
        Ok(Writer {
            ec2: raw.ec2.clone(),
            ec2_once: raw.ec2_once.clone(),
            rds: raw.rds.clone(),
            s3: raw.s3.clone(),
            s3_bulk: raw.s3_bulk.clone(),
            cloudformation: raw.cloudformation.clone(),
            backup: raw.backup.clone(),
            dynamodb: raw.dynamodb.clone(),
            efs: raw.efs.clone(),
            lambda: raw.lambda.clone(),
            lambda_once: raw.lambda_once.clone(),
            resolver: raw.resolver.clone(),
            resolver_once: raw.resolver_once.clone(),
            route53: raw.route53.clone(),
            route53_once: raw.route53_once.clone(),
            credentials: self.credentials.clone(),
            read: Reading {
                rds: self.rds.clone(),
                s3: self.s3.clone(),
                cloudformation: self.cloudformation.clone(),
                backup: self.backup.clone(),
                dynamodb: self.dynamodb.clone(),
                efs: self.efs.clone(),
                lambda: self.lambda.clone(),
                resolver: self.resolver.clone(),
                route53: self.route53.clone(),
            },
            run_tags: permit.run_tags().clone(),
        })
    }
}
