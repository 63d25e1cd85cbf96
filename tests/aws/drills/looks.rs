//! The look before the leap: `plan --on aws` reads the live accounts under the printed policies and
//! changes nothing, and `run --on aws` shows it at a terminal and asks.

use serde_json::{Value, json};

use super::closet::{Closet, creations};
use super::drill::{Done, Drill};
use super::privileges;
use super::shop::{SANDBOX, Shop};
use support::peers::{Answer, HttpTarget, Moto};

const LOOK: [&str; 6] = ["plan", "playbook.yaml", "--on", "aws", "--output", "json"];
const QUESTION: &str = "Only `yes` runs it: ";

/// Gives the account quotas of this value, which moto does not know.
fn quotas(moto: &Moto, value: u32) {
    moto.faults(&json!([{ "action": "GetServiceQuota", "kind": "quota", "value": value, "times": 99 }]));
}

/// Asserts that every request of the peer's log reads.
#[track_caller]
fn only_reads(moto: &Moto) {
    let reads = ["Describe", "List", "Get", "Head", "Simulate", "AssumeRole"];
    let log = moto.log();
    let changes: Vec<&Value> = log
        .iter()
        .filter(|call| !reads.iter().any(|read| call["action"].as_str().unwrap().starts_with(read)))
        .collect();
    assert!(changes.is_empty(), "{changes:#?}");
    assert!(log.len() > 5, "the log holds {} requests only: {log:?}", log.len());
}

fn plan_of(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {}", done.told()))
}

fn texts(values: &Value) -> Vec<&str> {
    values.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect()
}

#[track_caller]
fn point<'a>(plan: &'a Value, step: &str) -> &'a Value {
    let points = plan["live"]["points"].as_array().unwrap();
    points.iter().find(|point| point["step"] == step).unwrap_or_else(|| panic!("{points:#?}"))
}

#[tokio::test]
async fn a_look_under_the_printed_policies_sees_the_points_of_now_and_changes_nothing() {
    let shop = Shop::open(0.0).await;
    quotas(&shop.moto, 40);
    let before = shop.moto.state();
    let drill = Drill::sample("region-loss.yaml", &shop, &[]).instead(&LOOK);
    // `run` asserts that the printed policies refused nothing.
    let done = drill.run();
    only_reads(&shop.moto);
    assert_eq!(shop.moto.state(), before);
    // The rehearsal misses the RPO, as that of the sample does.
    assert_eq!(done.exit, Some(1), "{}", done.told());
    let plan = plan_of(&done);
    let live = &plan["live"];
    assert_eq!((&live["verdict"], &live["exit_code"]), (&json!("clear"), &json!(0)), "{live:#}");
    assert_eq!((&live["reasons"], &live["unknown"]), (&json!([]), &json!([])));
    let db = point(&plan, "db");
    assert_eq!((&db["status"], &db["point"]["id"]), (&json!("found"), &json!("orders-west-2h")), "{db}");
    let age = db["point"]["age_s"].as_f64().unwrap();
    assert!((7200.0..7800.0).contains(&age), "{age}");
    let not_newer = texts(&db["not_newer_because"]).join("\n");
    assert!(not_newer.contains("orders-west-late: it was not usable at T0"), "{not_newer}");
    assert_eq!(point(&plan, "web")["point"]["id"], shop.ami_west.as_str());
    assert_eq!(point(&plan, "receipts")["point"]["id"], "orders-receipts-replica");
    for identity in live["identities"].as_array().unwrap() {
        assert_eq!(identity["status"], "confirmed", "{identity}");
    }
    let permissions = live["permissions"].as_array().unwrap();
    assert_eq!(permissions.len(), 3);
    for one in permissions {
        let asked = one["allowed"].as_array().unwrap().len();
        assert!(asked > 5 && one["denied"] == json!([]) && one["unknown"] == json!([]), "{one:#}");
    }
    let of = |what: &str| {
        let all = live["quotas"].as_array().unwrap();
        all.iter().find(|quota| quota["what"] == what).unwrap_or_else(|| panic!("{live:#}")).clone()
    };
    assert_eq!((&of("DB instances")["needed"], &of("DB instances")["used"]), (&json!(1), &json!(0)));
    assert_eq!(of("vCPUs of standard instances")["status"], "enough");
    let offered: Vec<&Value> =
        live["offers"].as_array().unwrap().iter().map(|offer| &offer["status"]).collect();
    assert!(!offered.is_empty() && offered.iter().all(|status| **status == "enough"), "{live:#}");
    assert_eq!(live["zones"].as_array().unwrap().len(), 2);
    // The times are the rehearsal's.
    assert!(plan["workloads"][0]["expected_rto_s"].as_f64().unwrap() > 60.0);

    // The same as text, and on a page.
    let text = done.then(shop.moto.endpoint(), &["plan", "playbook.yaml", "--on", "aws"]).run();
    for said in
        ["orders-west-2h", "Recovery points as they are now", "not from the live accounts: a rehearsal", "2h"]
    {
        assert!(text.stdout.contains(said), "{said}: {}", text.told());
    }
    let args = ["plan", "playbook.yaml", "--on", "aws", "--output", "html"];
    let page = text.then(shop.moto.endpoint(), &args).run();
    for said in ["Recovery points as they are now", "orders-west-2h", "Permissions, simulated by IAM"] {
        assert!(page.stdout.contains(said), "{said}: {}", page.told());
    }
    assert_eq!(creations(&shop.moto), Vec::<Value>::new());
}

#[tokio::test]
async fn a_look_sees_each_denied_action_and_goes_on() {
    let shop = Shop::open(0.0).await;
    let before = shop.moto.state();
    let drill = Drill::sample("region-loss.yaml", &shop, &[]).instead(&LOOK);
    let mut printed = drill.policies(&[]);
    let lost = "rds:RestoreDBInstanceFromDBSnapshot";
    let whole = printed["accounts"][0]["policies"].to_string();
    assert!(whole.contains(lost));
    let less = whole.replace(&format!("\"{lost}\""), "\"rds:DescribeDBEngineVersions\"");
    printed["accounts"][0]["policies"] = serde_json::from_str(&less).unwrap();
    privileges::enforce(shop.moto.endpoint(), &printed);
    let done = drill.start_as_it_is().end();
    only_reads(&shop.moto);
    assert_eq!(shop.moto.state(), before);
    assert_eq!(done.exit, Some(1), "{}", done.told());
    let plan = plan_of(&done);
    let live = &plan["live"];
    assert_eq!(live["verdict"], "blocked");
    let [denied] = live["permissions"][0]["denied"].as_array().unwrap().as_slice() else {
        panic!("{live:#}");
    };
    assert_eq!(denied["action"], lost);
    assert!(denied["fix"].as_str().unwrap().contains("iam-policy"), "{denied}");
    assert!(live["reasons"].to_string().contains(lost), "{live:#}");
    // The rest was looked at all the same.
    assert_eq!(point(&plan, "db")["point"]["id"], "orders-west-2h");
    assert!(!live["quotas"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn without_an_estate_the_times_are_unknown_and_the_points_are_not() {
    let closet = Closet::open(0.0).await;
    quotas(&closet.moto, 40);
    let text = closet.playbook(&Closet::head("bare"), "http://127.0.0.1:1/");
    let done = Drill::command(&text, closet.moto.endpoint(), &LOOK).run();
    only_reads(&closet.moto);
    assert_eq!(done.exit, Some(0), "{}", done.told());
    let plan = plan_of(&done);
    assert_eq!(plan["live"]["verdict"], "clear", "{plan:#}");
    assert_eq!(plan["workloads"][0]["name"], "orders");
    assert_eq!(plan["workloads"][0]["expected_rto_s"], Value::Null);
    assert_eq!(plan["cost"]["total_usd"], Value::Null);
    assert_eq!(point(&plan, "db")["point"]["id"], "orders-1");
    assert_eq!(point(&plan, "volume")["point"]["id"], closet.snapshot.as_str());
    let text = done.then(closet.moto.endpoint(), &LOOK[..4]).run();
    assert!(text.stdout.contains("The expected times are unknown"), "{}", text.told());

    // What the account has and what the drill needs is more than the quota.
    quotas(&closet.moto, 1);
    let text = closet.playbook(&Closet::head("bare"), "http://127.0.0.1:1/");
    let done = Drill::command(&text, closet.moto.endpoint(), &LOOK).run();
    assert_eq!(done.exit, Some(1), "{}", done.told());
    let plan = plan_of(&done);
    let quota = &plan["live"]["quotas"][0];
    assert_eq!((&quota["needed"], &quota["used"], &quota["limit"]), (&json!(1), &json!(1), &json!(1.0)));
    assert_eq!(quota["status"], "too_few");
    assert!(plan["live"]["reasons"].to_string().contains("rds/L-7B6409FD"), "{plan:#}");
    quotas(&closet.moto, 40);

    // A point of which nothing is to be seen is unknown: AWS would say so at the call.
    let text = closet.playbook(&Closet::head("bare"), "http://127.0.0.1:1/").replace("orders-1", "orders-9");
    let done = Drill::command(&text, closet.moto.endpoint(), &LOOK).run();
    assert_eq!(done.exit, Some(3), "{}", done.told());
    let plan = plan_of(&done);
    assert_eq!(point(&plan, "db")["status"], "unknown", "{plan:#}");
    assert!(plan["live"]["unknown"].to_string().contains("orders-9"), "{plan:#}");

    // No point at all of a database that is named.
    let text = closet.playbook(&Closet::head("bare"), "http://127.0.0.1:1/");
    let text = text.replace("{ snapshot: orders-1 }", "{ db: nowhere, point: latest }");
    let done = Drill::command(&text, closet.moto.endpoint(), &LOOK).run();
    assert_eq!(done.exit, Some(1), "{}", done.told());
    let plan = plan_of(&done);
    assert_eq!(point(&plan, "db")["status"], "none", "{plan:#}");
    assert!(plan["live"]["reasons"].to_string().contains("rds:db/nowhere"), "{plan:#}");
    assert_eq!(closet.moto.state(), closet.before);
}

#[tokio::test]
async fn what_cannot_be_looked_at_is_unknown() {
    let closet = Closet::open(0.0).await;
    let text = closet.playbook(&Closet::head("blind"), "http://127.0.0.1:1/");
    let look = || Drill::command(&text, closet.moto.endpoint(), &LOOK);

    // IAM does not answer: no permission is proved, and none is refused.
    closet
        .moto
        .faults(&json!([{ "action": "SimulatePrincipalPolicy", "kind": "error", "code": "NoSuchEntity",
        "status": 404, "message": "no such role", "times": 99 }]));
    let done = look().run();
    assert_eq!(done.exit, Some(3), "{}", done.told());
    let plan = plan_of(&done);
    assert_eq!(plan["live"]["verdict"], "unknown", "{plan:#}");
    let permissions = &plan["live"]["permissions"][0];
    assert_eq!((&permissions["allowed"], &permissions["denied"]), (&json!([]), &json!([])));
    assert!(permissions["unknown"].as_array().unwrap().len() > 20, "{permissions:#}");
    // A dry run is no read.
    only_reads(&closet.moto);

    // Nobody is let in.
    closet.moto.faults(&json!([{ "action": "AssumeRole", "kind": "error", "code": "AccessDenied",
        "status": 403, "message": "not you", "times": 99 }]));
    let done = look().run();
    assert_eq!(done.exit, Some(3), "{}", done.told());
    let plan = plan_of(&done);
    assert_eq!(plan["live"]["identities"][0]["status"], "unknown", "{plan:#}");
    assert_eq!(point(&plan, "db")["status"], "unknown");
    assert_eq!(creations(&closet.moto), Vec::<Value>::new());
}

#[tokio::test]
async fn a_terminal_is_asked_once_and_only_yes_runs_the_drill() {
    let closet = Closet::open(0.0).await;
    let up = HttpTarget::start(Answer::status(200));
    let drill = || closet.drill("asked", &up.url("/"));

    for answer in ["no", "y", ""] {
        closet.moto.clear_log();
        let mut asked = drill();
        let mut terminal = asked.at_terminal();
        let running = asked.start();
        let shown = terminal.wait_for(QUESTION);
        for said in ["Recovery points as they are now", "orders-1", SANDBOX, "us-west-2"] {
            assert!(shown.contains(said), "{said}: {shown}");
        }
        terminal.type_line(answer);
        let done = running.end();
        assert_eq!(done.exit, Some(2), "{answer:?}: {}", done.told());
        assert!(terminal.rest().contains("nothing was touched"), "{answer:?}");
        assert!(!done.file("out").exists(), "{answer:?}");
        only_reads(&closet.moto);
    }
    assert_eq!(closet.moto.state(), closet.before);

    let mut asked = drill();
    let mut terminal = asked.at_terminal();
    let running = asked.start();
    terminal.wait_for(QUESTION);
    terminal.type_line("yes");
    let done = running.end();
    done.ends(0, "passed");
    done.nothing_is_left(&closet.moto, &closet.before);
    assert_eq!(terminal.rest().matches(QUESTION).count(), 1);

    // With --yes nobody is asked, and neither is who resumes or aborts.
    let mut told = drill().arg("--yes").arg("--keep-sandbox");
    let terminal = told.at_terminal();
    let done = told.start().end();
    done.ends(0, "passed");
    assert!(!terminal.rest().contains(QUESTION));
    let mut again = done.then(closet.moto.endpoint(), &["abort", "out"]);
    let terminal = again.at_terminal();
    let done = again.start().end();
    assert!(!terminal.rest().contains(QUESTION));
    done.nothing_is_left(&closet.moto, &closet.before);
}
