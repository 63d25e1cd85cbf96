//! Credentials that belong to another account than the intended one sign no requests.

use std::sync::Arc;

use aws::{Access, Aws, AwsConfig};
use base::clock::Clock;
use port::{Cloud as _, ErrorKind, Kind, Sent, Whose};

use super::world::{PRODUCTION, SANDBOX, WEST, World, account, keys, place};

#[tokio::test]
async fn the_wrong_accounts_credentials_sign_no_request() {
    let world = World::losing_east();
    let role = Some(format!("arn:aws:iam::{PRODUCTION}:role/drill"));
    let config = AwsConfig {
        accounts: [(account(SANDBOX), Access { role, ..keys() })].into(),
        endpoint_url: Some(world.moto.endpoint().to_owned()),
        region: None,
        clock: Clock::real(),
        probe: None,
    };
    let aws = Aws::connect(config, Arc::clone(&world.gate)).unwrap();
    let at = place(SANDBOX, WEST);
    let seen = aws.observe(&at, Kind::Vpc, &["vpc-1".to_owned()]).await.unwrap_err();
    for error in [seen, aws.tagged(&at, &Whose::Any).await.unwrap_err()] {
        assert_eq!((error.kind, error.sent), (ErrorKind::Credentials, Sent::No), "{error}");
        let words = format!("the credentials for account {SANDBOX} belong to account {PRODUCTION}");
        assert!(error.message.contains(&words), "{error}");
    }
    assert_eq!(
        aws.identity(&account(SANDBOX)).await.unwrap().account,
        account(PRODUCTION),
        "who they are is told"
    );
    let sent: Vec<_> = world.moto.log().into_iter().filter(|call| call["service"] != "sts").collect();
    assert!(sent.is_empty(), "{sent:?}");
}

#[tokio::test]
async fn each_key_is_confirmed_once() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    assert_eq!(world.aws.credentials_generation(&account(SANDBOX)), 0);
    for _ in 0..3 {
        world.aws.tagged(&at, &Whose::Any).await.unwrap();
    }
    assert_eq!(world.moto.calls("AssumeRole").len(), 1);
    assert_eq!(world.moto.calls("GetCallerIdentity").len(), 1);
    assert_eq!(world.aws.credentials_generation(&account(SANDBOX)), 1);
    // Another region has its own session, and so another key.
    world.aws.zones(&place(SANDBOX, "us-east-1")).await.unwrap();
    assert_eq!(world.aws.credentials_generation(&account(SANDBOX)), 2);
}
