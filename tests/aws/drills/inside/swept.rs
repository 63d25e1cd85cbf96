//! `sweep` removes the probe, the closed resolver and the zones of a run whose runner died.

use std::collections::BTreeSet;

use aws::sdk::{aws_sdk_ec2, aws_sdk_route53, aws_sdk_route53resolver, aws_sdk_s3};
use port::TAG_EXPIRES;
use serde_json::Value;

use super::small::Small;
use crate::drills::account::Account;
use crate::drills::drill::Drill;
use crate::drills::isolation::until;
use crate::drills::shop::{SANDBOX, WEST};

const PAST: &str = "2020-01-01T01:00:00Z";
const KINDS: [&str; 5] = ["function", "domain_list", "rule_group", "query_log", "zone"];

/// Sets the tag of the expiry, as if the run had begun long ago.
async fn expire(raw: &Account, kind: &str, id: &str) {
    let resolver = |of: &str| format!("arn:aws:route53resolver:{WEST}:{SANDBOX}:{of}/{id}");
    let arn = match kind {
        "vpc" | "subnet" | "security_group" | "volume" | "instance" => {
            let tag = aws_sdk_ec2::types::Tag::builder().key(TAG_EXPIRES).value(PAST).build();
            raw.ec2.create_tags().resources(id).tags(tag).send().await.unwrap();
            return;
        }
        "bucket" => {
            let known = raw.s3.get_bucket_tagging().bucket(id).send().await.unwrap().tag_set;
            let known = known.into_iter().filter(|tag| tag.key() != TAG_EXPIRES).collect();
            let tag = aws_sdk_s3::types::Tag::builder().key(TAG_EXPIRES).value(PAST).build().unwrap();
            let tags = aws_sdk_s3::types::Tagging::builder().set_tag_set(Some(known)).tag_set(tag).build();
            raw.s3.put_bucket_tagging().bucket(id).tagging(tags.unwrap()).send().await.unwrap();
            return;
        }
        "function" => {
            let arn = format!("arn:aws:lambda:{WEST}:{SANDBOX}:function:{id}");
            raw.lambda.tag_resource().resource(arn).tags(TAG_EXPIRES, PAST).send().await.unwrap();
            return;
        }
        "zone" => {
            let tag = aws_sdk_route53::types::Tag::builder().key(TAG_EXPIRES).value(PAST).build();
            let change = raw.route53.change_tags_for_resource().resource_type("hostedzone".into());
            change.resource_id(id).add_tags(tag).send().await.unwrap();
            return;
        }
        "domain_list" => resolver("firewall-domain-list"),
        "rule_group" => resolver("firewall-rule-group"),
        "query_log" => resolver("resolver-query-log-config"),
        other => panic!("{other}"),
    };
    let tag = aws_sdk_route53resolver::types::Tag::builder().key(TAG_EXPIRES).value(PAST).build().unwrap();
    raw.resolver.tag_resource().resource_arn(arn).tags(tag).send().await.unwrap();
}

#[tokio::test]
async fn sweep_removes_the_probe_and_the_resolver_of_a_dead_run() {
    let small = Small::open(0.2, 0.5).await;
    let moto = &small.closet.moto;
    let answer = "ttl: 1h, names: { app.orders.internal: \"{{ steps.web.instances.0.private_ip }}\" }";
    let playbook = small.playbook(answer, "2m");
    let mut run = Drill::new(&playbook, moto.endpoint()).start();
    until(&mut run, "a check", |r| r["event"] == "check_ready").await;
    run.signal("KILL");
    let dead = run.end();

    let ours: BTreeSet<(String, String)> = dead.created().into_iter().collect();
    for (kind, id) in &ours {
        expire(&small.closet.raw, kind, id).await;
    }

    let args = ["sweep", "playbook.yaml", "--delete", "--output", "json"];
    let swept = Drill::command(&playbook, moto.endpoint(), &args).run();
    assert_eq!(swept.exit, Some(0), "{}", swept.told());
    let told: Value = serde_json::from_str(&swept.stdout).unwrap();
    let things = told["runs"].as_array().unwrap().iter().flat_map(|run| run["things"].as_array().unwrap());
    let removed: Vec<(String, String)> = things
        .filter(|thing| thing["outcome"] == "removed")
        .map(|thing| {
            let text = |key: &str| thing["resource"][key].as_str().unwrap().to_owned();
            (text("kind"), text("id"))
        })
        .collect();
    let once: BTreeSet<(String, String)> = removed.iter().cloned().collect();
    assert_eq!((removed.len(), &once), (ours.len(), &ours), "{told:#}");
    let kinds: BTreeSet<&str> = ours.iter().map(|(kind, _)| &**kind).collect();
    assert!(KINDS.iter().all(|kind| kinds.contains(kind)), "{told:#}");

    assert_eq!(told["exit_code"], 0, "{told:#}");
    assert_eq!(moto.state().to_string(), small.before.to_string());
}
