//! A drill that would change what belongs to others is stopped with the reason. Production stays as
//! it was.

use serde_json::json;

use super::closet::{Closet, creations};
use super::drill::{Drill, role};
use super::shop::{PRODUCTION, SANDBOX, Shop};

#[tokio::test]
async fn a_role_of_the_wrong_account_is_stopped_before_anything_is_made() {
    let shop = Shop::open(1.0).await;
    let before = shop.moto.state();
    let (right, wrong) = (role(SANDBOX), role(PRODUCTION));
    let drill = Drill::sample("region-loss.yaml", &shop, &[(&right, &wrong)]);
    let done = drill.connect("*:5432", "127.0.0.1:1").run();
    done.ends(3, "error");
    let words = format!("the credentials for account {SANDBOX} belong to account {PRODUCTION}");
    assert!(done.report["reasons"].to_string().contains(&words), "{}", done.told());
    assert_eq!(creations(&shop.moto), Vec::<serde_json::Value>::new());
    assert_eq!(shop.moto.state().to_string(), before.to_string());
}

/// Production's volume lies in the sandbox's own account, where the credentials would allow the
/// change.
#[tokio::test]
async fn what_is_productions_in_the_sandboxs_account_is_not_changed() {
    let closet = Closet::open(1.0).await;
    closet.moto.delays(&json!({ "default": 0 }));
    let live = closet.raw.ec2.create_volume().availability_zone("us-west-2a").size(1).send().await.unwrap();
    let live = live.volume_id.unwrap();
    let before = closet.moto.state();
    closet.moto.clear_log();
    let playbook = format!(
        "{}steps:
  - {{ id: web, uses: ec2.launch, workload: orders, with: {{ image: {}, type: t3.small, volumes: [{live}] }} }}
  - {{ id: twice, uses: cloudformation.deploy, workload: orders, with: {{ name: orders, template: orders.stack.yaml }} }}
checks:
  - {{ id: state, workload: orders, needs: [web], state: {{ of: \"{{{{ steps.web.instances.0.instance_id }}}}\" }} }}
",
        Closet::head("hostile"),
        closet.image
    );
    let drill = Drill::new(&playbook, closet.moto.endpoint());
    let stack = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("drills/orders.stack.yaml");
    drill.file("orders.stack.yaml", &std::fs::read_to_string(stack).unwrap());
    let done = drill.run();
    done.ends(1, "failed");
    let because = done.node("web")["because"].as_str().unwrap();
    assert!(because.contains(&format!("{live} was not made by this run")), "{because}");
    assert!(closet.moto.calls("AttachVolume").is_empty());
    assert!(closet.moto.calls("RunInstances").iter().all(|c| c["params"]["DryRun"] == "true"));
    done.nothing_is_left(&closet.moto, &before);
}
