//! The role of the probe: what preflight says of it.

use serde_json::{Value, json};

use super::{drill, seed};
use crate::drills::drill::Done;
use crate::drills::privileges;
use crate::drills::shop::{SANDBOX, Shop};

/// A drill whose probe has a role with this policy. The runner has the printed one.
fn with(shop: &Shop, arn: &str, policy: &Value) -> Done {
    let drill = drill(shop, arn);
    let mut all = drill.policies(&[]);
    let accounts = all["accounts"].as_array_mut().unwrap();
    accounts.push(json!({ "role": arn, "policies": [policy] }));
    privileges::enforce(shop.moto.endpoint(), &all);
    drill.start_as_it_is().end_refused()
}

/// The policy that `iam-policy --for probe` prints.
fn printed(shop: &Shop) -> Value {
    let args = ["iam-policy", "--for", "probe", "--output", "json"];
    let done = drill(shop, "arn:aws:iam::999988887777:role/x").instead(&args).run();
    let all: Value = serde_json::from_str(&done.stdout).unwrap();
    all["policies"][0].clone()
}

#[tokio::test]
async fn each_action_of_the_probes_role_is_missed() {
    let shop = Shop::open(0.0).await;
    let arn = seed(&shop);
    let before = shop.moto.state();
    let printed = printed(&shop);
    let actions = printed["Statement"][0]["Action"].as_array().unwrap().clone();
    assert_eq!(actions.len(), port::PROBE_ROLE.len());
    for action in &actions {
        let mut policy = printed.clone();
        policy["Statement"][0]["Action"].as_array_mut().unwrap().retain(|one| one != action);
        let done = with(&shop, &arn, &policy);
        assert_eq!(done.exit, Some(3), "without {action}: {}", done.told());
        let said = format!("refuse {} to {arn}", action.as_str().unwrap());
        assert!(done.stderr.contains(&said), "{said}: {}", done.told());
        assert!(done.stderr.contains("iam-policy --for probe"), "{}", done.told());
        assert_eq!(done.report["t0"], Value::Null);
    }
    assert_eq!(shop.moto.state(), before, "nothing was made");
}

#[tokio::test]
async fn a_role_that_is_missing_or_trusts_others_stops_the_drill() {
    let shop = Shop::open(0.0).await;
    seed(&shop);
    let wish = json!({ "account": SANDBOX, "name": "machines", "trusts": "ec2.amazonaws.com" });
    let machines = shop.moto.call("POST", "/peer/roles", Some(&wish))["arn"].as_str().unwrap().to_owned();
    let before = shop.moto.state();
    for (arn, said) in [
        (machines, "does not trust lambda.amazonaws.com"),
        (format!("arn:aws:iam::{SANDBOX}:role/gone"), "does not exist"),
    ] {
        let done = drill(&shop, &arn).run();
        assert_eq!(done.exit, Some(3), "{}", done.told());
        assert!(done.stderr.contains(said), "{said}: {}", done.told());
    }
    assert_eq!(shop.moto.state(), before, "nothing was made");
}
