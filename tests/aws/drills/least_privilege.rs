//! The printed policies suffice: every drill of these tests is held to them. None of their actions
//! can be spared. Without one of them, the drill stops in preflight, before anything is created,
//! and names the action.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::closet::{Closet, creations};
use super::drill::{Drill, role};
use super::inside;
use super::privileges;
use super::shop::{SANDBOX, Shop};

const PROVE: &str = "iam:SimulatePrincipalPolicy";
/// How many drills run at once. The peer answers one request at a time.
const AT_ONCE: usize = 4;

fn several(value: &Value) -> Vec<String> {
    match value {
        Value::Array(all) => all.iter().map(|v| v.as_str().unwrap().to_owned()).collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    }
}

fn actions(account: &Value) -> BTreeSet<String> {
    let documents = account["policies"].as_array().unwrap();
    let statements = documents.iter().flat_map(|d| d["Statement"].as_array().unwrap());
    statements.flat_map(|s| several(&s["Action"])).collect()
}

/// Removes this action from the account's policies, wherever it occurs.
fn without(account: &mut Value, action: &str) {
    for document in account["policies"].as_array_mut().unwrap() {
        let statements = document["Statement"].as_array_mut().unwrap();
        for statement in statements.iter_mut() {
            let mut left = several(&statement["Action"]);
            left.retain(|a| a != action);
            statement["Action"] = json!(left);
        }
        statements.retain(|statement| statement["Action"] != json!([]));
    }
}

/// Gives each drill its own roles, so that several drills can have their own policies at once.
fn apart(text: &str, number: usize) -> String {
    text.replace(":role/drillmaster\"", &format!(":role/drillmaster-{number}\""))
}

/// Without a probe, the checks go through a tunnel.
async fn each_action_is_missed(sample: &str) {
    let shop = Shop::open(0.0).await;
    let whole = Drill::sample(sample, &shop, &[]).policies(&[]);
    missed(&shop, sample, &[], &whole, |_| true);
}

/// What the playbook needs more with a probe. Each of these drills packs the probe, so the others are
/// left to the drills without one.
#[tokio::test]
async fn each_action_for_a_probe_is_missed() {
    const SAMPLE: &str = "region-loss.yaml";
    let shop = Shop::open(0.0).await;
    let probe = format!("ttl: 4h\n  probe: {{ role: \"{}\" }}", inside::role(&shop.moto, SANDBOX));
    let changes = [("ttl: 4h", &*probe)];
    let all = |drill: Drill| -> BTreeSet<String> {
        let printed = drill.policies(&[]);
        printed["accounts"].as_array().unwrap().iter().flat_map(actions).collect()
    };
    let plain = all(Drill::sample(SAMPLE, &shop, &[]));
    let whole = Drill::sample(SAMPLE, &shop, &changes).policies(&[]);
    missed(&shop, SAMPLE, &changes, &whole, |action| !plain.contains(action));
}

fn missed(shop: &Shop, sample: &str, more: &[(&str, &str)], whole: &Value, is_tried: impl Fn(&str) -> bool) {
    let before = shop.moto.state();
    let accounts = whole["accounts"].as_array().unwrap();
    let mut cases: Vec<(usize, String)> = Vec::new();
    for (index, account) in accounts.iter().enumerate() {
        let tried = actions(account).into_iter().filter(|action| is_tried(action));
        cases.extend(tried.map(|action| (index, action)));
    }
    assert!(cases.len() > if more.is_empty() { 40 } else { 4 }, "{cases:?}");
    eprintln!("{} actions are tried", cases.len());
    let wrong: Mutex<Vec<String>> = Mutex::default();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        loop {
            let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some((index, action)) = cases.get(number) else { return };
            let mut printed: Value = serde_json::from_str(&apart(&whole.to_string(), number)).unwrap();
            without(&mut printed["accounts"][*index], action);
            privileges::enforce(shop.moto.endpoint(), &printed);
            let change = (":role/drillmaster\"", format!(":role/drillmaster-{number}\""));
            let changes = [&[(change.0, &*change.1)], more].concat();
            let drill = Drill::sample(sample, shop, &changes);
            let drill = if more.is_empty() { drill.connect("*:80", "127.0.0.1:1") } else { drill };
            let done = drill.start_as_it_is().end_refused();
            let account = printed["accounts"][*index]["account"].as_str().unwrap();
            let said = format!("account {account} would refuse {action} to ");
            let found = done.report["findings"].as_array().cloned().unwrap_or_default();
            let named = found.iter().any(|f| {
                f["rule"] == "preflight"
                    && f["severity"] == "high"
                    && f["message"].as_str().unwrap().contains(&said)
            });
            let alone = found.iter().filter(|f| f["severity"] == "high").count() == 1;
            if done.exit != Some(3) || !named || !alone || !done.stderr.contains(action.as_str()) {
                wrong.lock().unwrap().push(format!("without {action} in {account}: {}", done.told()));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {}, the first: {}", wrong.len(), cases.len(), wrong[0]);
    assert_eq!(creations(&shop.moto), Vec::<Value>::new());
    assert_eq!(shop.moto.state(), before);
}

#[tokio::test]
async fn each_action_is_missed_when_a_region_is_lost() {
    each_action_is_missed("region-loss.yaml").await;
}

#[tokio::test]
async fn each_action_is_missed_when_a_zone_is_lost() {
    each_action_is_missed("az-loss.yaml").await;
}

#[tokio::test]
async fn each_action_is_missed_when_an_account_is_lost() {
    each_action_is_missed("account-loss.yaml").await;
}

/// Sometimes IAM cannot be asked, for example about a role that it does not find. Then nothing is
/// proved, and nothing is known to be wrong. The drill goes on, and says so.
#[tokio::test]
async fn what_could_not_be_proved_is_a_finding() {
    let closet = Closet::open(0.0).await;
    let playbook = closet.playbook(&Closet::head("unproven"), "http://127.0.0.1:1/");
    let playbook = playbook.replace("http: { url: \"http://127.0.0.1:1/\" }", "command: { run: [\"true\"] }");
    closet
        .moto
        .faults(&json!([{ "action": "SimulatePrincipalPolicy", "kind": "error", "code": "NoSuchEntity",
        "status": 404, "message": "no such role", "times": 99 }]));
    let done = Drill::new(&playbook, closet.moto.endpoint()).start_as_it_is().end();
    done.ends(0, "passed");
    let found = done.report["findings"].as_array().unwrap();
    let found = found.iter().find(|f| f["rule"] == "preflight" && f["severity"] == "medium");
    let found = found.unwrap_or_else(|| panic!("{}", done.told()));
    assert!(found["message"].as_str().unwrap().contains("could not be proved"), "{found}");
    assert!(found["fix"].as_str().unwrap().contains(PROVE), "{found}");
}

/// Shows that the enforcement in these tests can fail a drill: a role without permissions gets
/// nowhere.
#[tokio::test]
async fn a_role_without_permissions_makes_nothing() {
    let closet = Closet::open(0.0).await;
    let drill = closet.drill("powerless", "http://127.0.0.1:1/");
    let nothing = json!({ "accounts": [{ "role": role(SANDBOX), "policies": [{ "Version": "2012-10-17", "Statement": [
        { "Sid": "Prove", "Effect": "Allow", "Action": PROVE, "Resource": "*" }] }] }] });
    privileges::enforce(closet.moto.endpoint(), &nothing);
    let done = drill.start_as_it_is().end_refused();
    done.ends(3, "error");
    assert!(done.stderr.contains("would refuse"), "{}", done.told());
    assert_eq!(creations(&closet.moto), Vec::<Value>::new());
}
