//! Proxies, and runners without a configured region. Every call to AWS goes where the environment
//! says.

use serde_json::Value;

use super::closet::Closet;
use super::drill::{Drill, role};
use super::shop::SANDBOX;
use support::peers::{Answer, HttpTarget, Proxy};

/// A playbook with a volume, and with a check that connects to nothing.
fn playbook(closet: &Closet, head: &str) -> String {
    format!(
        "{head}steps:
  - {{ id: volume, uses: ec2.restore_volume, workload: orders, with: {{ from: {{ snapshot: {} }} }} }}
checks:
  - {{ id: up, workload: orders, needs: [volume], command: {{ run: [\"true\"] }} }}
",
        closet.snapshot
    )
}

#[tokio::test]
async fn every_call_goes_through_the_proxy() {
    let closet = Closet::open(0.2).await;
    let proxy = Proxy::relaying(closet.moto.endpoint());
    let drill = Drill::new(&playbook(&closet, &Closet::head("behind-a-proxy")), closet.moto.endpoint());
    // This host name does not exist. A request that avoids the proxy reaches nothing.
    let drill = drill.env("AWS_ENDPOINT_URL", "http://aws.invalid");
    let done = drill.env("HTTP_PROXY", &format!("http://ann:s3cret-word@{}", proxy.address())).run();
    done.ends(0, "passed");
    done.nothing_is_left(&closet.moto, &closet.before);
    let asked = proxy.asked();
    assert!(asked.iter().all(|line| line.contains("http://aws.invalid/")), "{asked:?}");
    let served = closet.moto.log();
    assert_eq!(asked.len(), served.len(), "{asked:?}");
    for service in ["sts", "iam", "ec2", "rds", "s3"] {
        assert!(served.iter().any(|call| call["service"] == service), "no call to {service}");
    }
    for (place, text) in done.written() {
        assert!(!text.contains("s3cret-word"), "the proxy's password is in {place}");
    }
}

#[tokio::test]
async fn what_needs_no_proxy_does_not_meet_it() {
    let closet = Closet::open(0.2).await;
    let proxy = Proxy::refusing();
    let drill = Drill::new(&playbook(&closet, &Closet::head("beside-a-proxy")), closet.moto.endpoint());
    let drill = drill.env("HTTP_PROXY", &format!("http://{}", proxy.address())).env("NO_PROXY", "127.0.0.1");
    drill.run().ends(0, "passed");
    assert_eq!(proxy.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_proxy_that_wants_a_password_is_named() {
    let closet = Closet::open(0.2).await;
    let proxy = Proxy::refusing();
    for (variable, endpoint, first) in [
        ("HTTPS_PROXY", "https://aws.invalid", "CONNECT aws.invalid:443 "),
        ("HTTP_PROXY", "http://aws.invalid", "POST http://aws.invalid/"),
    ] {
        let before = proxy.asked().len();
        let drill = Drill::new(&playbook(&closet, &Closet::head("refused")), closet.moto.endpoint());
        let drill = drill.env("AWS_ENDPOINT_URL", endpoint);
        let drill = drill.env(variable, &format!("http://ann:s3cret-word@{}", proxy.address()));
        let done = drill.start_as_it_is().end_refused();
        assert_eq!(done.exit, Some(3), "{}", done.told());
        let asked = proxy.asked().split_off(before);
        assert!(!asked.is_empty() && asked.iter().all(|line| line.starts_with(first)), "{asked:?}");
        let named =
            format!("the proxy http://{} ({variable}) asks for a user and a password", proxy.address());
        assert!(done.stderr.contains(&named), "{}", done.told());
        assert!(!done.stderr.contains("no credentials"), "{}", done.told());
        assert!(!done.stderr.contains("s3cret-word"), "{}", done.told());
    }
}

#[tokio::test]
async fn a_variable_that_names_no_proxy_is_a_mistake() {
    let closet = Closet::open(0.2).await;
    let drill = Drill::new(&playbook(&closet, &Closet::head("garbled")), closet.moto.endpoint());
    let done = drill.env("HTTPS_PROXY", "socks5://127.0.0.1:1080").start_as_it_is().end_refused();
    assert!(matches!(done.exit, Some(2 | 3)), "{}", done.told());
    assert!(done.stderr.contains("HTTPS_PROXY names no proxy that can be used"), "{}", done.told());
    assert_eq!(closet.moto.log(), Vec::<Value>::new());
}

#[tokio::test]
async fn the_metadata_address_is_never_asked_through_a_proxy() {
    let closet = Closet::open(0.2).await;
    let (proxy, metadata) = (Proxy::refusing(), HttpTarget::start(Answer::status(404)));
    let drill = Drill::new(&playbook(&closet, &Closet::head("metadata")), closet.moto.endpoint());
    let drill = drill.env("HTTP_PROXY", &format!("http://{}", proxy.address()));
    let drill = drill.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.url("").trim_end_matches('/'));
    let drill = ["AWS_EC2_METADATA_DISABLED", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
        .into_iter()
        .fold(drill, Drill::without);
    let done = drill.start_as_it_is().end_refused();
    assert_eq!(done.exit, Some(3), "{}", done.told());
    assert!(metadata.count() > 0, "{}", done.told());
    let asked = proxy.asked();
    let address = metadata.url("");
    assert!(!asked.iter().any(|line| line.contains(address.trim_end_matches('/'))), "{asked:?}");
}

/// A runner without its own region asks in the sandbox's region, which belongs to the right
/// partition.
#[tokio::test]
async fn no_region_is_needed_but_the_sandbox_s() {
    let closet = Closet::open(0.2).await;
    let head = Closet::head_losing("nowhere", "region: eu-west-1", &role(SANDBOX));
    let drill = Drill::new(&playbook(&closet, &head), closet.moto.endpoint()).without("AWS_REGION");
    drill.run().ends(0, "passed");
    let asked = closet.moto.calls("GetCallerIdentity");
    assert!(!asked.is_empty() && asked.iter().all(|call| call["region"] == "us-west-2"), "{asked:?}");
}
