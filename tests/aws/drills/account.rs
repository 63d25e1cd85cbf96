//! Raw SDK clients for one account in one region, to seed the peer. They have no gate and add no
//! tags.

use aws::sdk::{
    aws_config, aws_credential_types, aws_sdk_backup, aws_sdk_cloudformation, aws_sdk_cloudwatchlogs,
    aws_sdk_dynamodb, aws_sdk_ec2, aws_sdk_efs, aws_sdk_kms, aws_sdk_lambda, aws_sdk_rds, aws_sdk_route53,
    aws_sdk_route53resolver, aws_sdk_s3, aws_sdk_secretsmanager, aws_sdk_sts, aws_smithy_http_client,
};
use aws_config::BehaviorVersion;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use support::peers::Moto;

pub struct Account {
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub ec2: aws_sdk_ec2::Client,
    pub rds: aws_sdk_rds::Client,
    pub resolver: aws_sdk_route53resolver::Client,
    pub route53: aws_sdk_route53::Client,
    pub s3: aws_sdk_s3::Client,
    pub cloudformation: aws_sdk_cloudformation::Client,
    pub backup: aws_sdk_backup::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub efs: aws_sdk_efs::Client,
    pub kms: aws_sdk_kms::Client,
    pub lambda: aws_sdk_lambda::Client,
    pub secrets: aws_sdk_secretsmanager::Client,
}

impl Account {
    pub async fn of(moto: &Moto, id: &str, region: &str) -> Self {
        let base = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(moto.endpoint())
            .region(aws_config::Region::new(region.to_owned()))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .load()
            .await;
        let role = aws_sdk_sts::Client::new(&base).assume_role().role_session_name("seed");
        let answer = role.role_arn(format!("arn:aws:iam::{id}:role/seed")).send().await.unwrap();
        let keys = answer.credentials.unwrap();
        let token = Some(keys.session_token);
        let keys = Credentials::new(keys.access_key_id, keys.secret_access_key, token, None, "seed");
        let config = base.to_builder().credentials_provider(SharedCredentialsProvider::new(keys)).build();
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            ec2: aws_sdk_ec2::Client::new(&config),
            rds: aws_sdk_rds::Client::new(&config),
            resolver: aws_sdk_route53resolver::Client::new(&config),
            route53: aws_sdk_route53::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            backup: aws_sdk_backup::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            efs: aws_sdk_efs::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
        }
    }
}
