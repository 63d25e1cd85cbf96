//! What restored machines look up: blocked by a firewall, logged, and told in the report with what it
//! means.

use serde_json::{Value, json};

use super::drill::{Done, Drill};
use super::inside::{drill_with, seed};
use super::isolation::until;
use super::shop::{SANDBOX, Shop, WEST};

/// The restored application: a program in the peer's network namespace of the machine. It looks names
/// up as any program does, by the resolver of its network, and prints what it got.
const APPLICATION: &str = r#"
import json, socket, sys
def ask(name):
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(20)
        udp.sendto(b"\0\1\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\1\0\1", ("10.66.0.2", 53))
        answer = udp.recv(4096)
    return {"rcode": answer[3] & 15, "answers": int.from_bytes(answer[6:8], "big")}
print(json.dumps({name: ask(name) for name in sys.argv[1:]}))
"#;

/// The step that starts it: the peer runs a command on the machine.
const START: &str = r#"
import json, sys, time, urllib.request
peer, application, names = sys.argv[1], open("application.py").read(), sys.argv[2:]
def call(path, given=None):
    data = None if given is None else json.dumps(given).encode()
    with urllib.request.urlopen(urllib.request.Request(peer + path, data=data), timeout=120) as answer:
        return json.load(answer)
for _ in range(600):
    web = [one for one in call("/peer/machines") if one["kind"] == "http" and one["address"]]
    if web:
        break
    time.sleep(0.1)
command = ["/usr/bin/python3", "-c", application, *names]
done = call(f"/peer/machines/{web[0]['id']}/run", {"command": command})
print(done["stdout"] or done["stderr"])
sys.exit(done["status"])
"#;

/// The sample of the lost region with a probe, a closed resolver and an application that asks for names.
fn drill(shop: &Shop, sandbox: &str, asked: &[&str]) -> Drill {
    let role = seed(shop);
    shop.moto.delays(&json!({ "function_interface": 1.0 }));
    let names: Vec<String> = asked.iter().map(|name| format!("{name:?}")).collect();
    let step = format!(
        "  - id: application\n    uses: command.run\n    needs: [db, web]\n    with: {{ run: [/usr/bin/python3, start.py, \"{}\", {}] }}\n\nchecks:",
        shop.moto.endpoint(),
        names.join(", ")
    );
    let sandbox = format!("ttl: 4h\n{sandbox}");
    let changes = [("ttl: 4h", &*sandbox), ("count: 2", "count: 1"), ("checks:", &step)];
    let drill = drill_with(shop, &role, &changes);
    drill.file("application.py", APPLICATION);
    drill.file("start.py", START);
    drill
}

/// What the application got for a name.
#[track_caller]
fn got(done: &Done, name: &str) -> Value {
    let journal = std::fs::read_to_string(done.file("out/journal.ndjson")).unwrap();
    let events = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ended = |event: &Value| event["event"] == "step_succeeded" && event["step"] == "application";
    let printed = events.into_iter().find(ended).unwrap_or_else(|| panic!("{}", done.told()));
    let all: Value = serde_json::from_str(printed["outputs"]["stdout"].as_str().unwrap()).unwrap();
    all[name].clone()
}

#[track_caller]
fn looked_up<'a>(done: &'a Done, name: &str) -> &'a Value {
    let all = done.report["lookups"].as_array().unwrap_or_else(|| panic!("{}", done.told()));
    let found = all.iter().find(|one| one["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {all:#?}"))
}

#[track_caller]
fn finding<'a>(done: &'a Done, rule: &str) -> &'a Value {
    let all = done.report["findings"].as_array().unwrap();
    all.iter().find(|found| found["rule"] == rule).unwrap_or_else(|| panic!("no {rule}: {}", done.told()))
}

const QUEUE: &str = "sqs.us-east-1.amazonaws.com";
const MAIL: &str = "smtp.mailer.example";
const ARCHIVE: &str = "wal-archive.orders.internal";
const DATABASE: &str = "db.orders.internal";
/// It leads to a name that nobody has.
const NOWHERE: &str = "nowhere.orders.internal";

/// One application calls an endpoint of the lost region, one mails, one archives its log beside
/// production's. None gets an answer, and each is told with its machine.
#[tokio::test]
async fn what_a_restored_application_looks_up_is_told_and_not_answered() {
    let shop = Shop::open(0.0).await;
    shop.moto.call(
        "POST",
        "/peer/names",
        Some(&json!({ "account": SANDBOX, "region": WEST, "names": {
            QUEUE: "203.0.113.1", MAIL: "203.0.113.2", ARCHIVE: "203.0.113.3" } })),
    );
    let before = shop.moto.state();
    let sandbox = format!(
        "  names_by: firewall\n  names: {{ {DATABASE}: \"{{{{ steps.db.address }}}}\", {NOWHERE}: \"no-{{{{ steps.db.address }}}}\" }}"
    );
    let done = drill(&shop, &sandbox, &[QUEUE, MAIL, ARCHIVE, DATABASE, QUEUE]).run();
    // The snapshot is two hours old, as in the sample.
    done.ends(1, "failed");
    assert_eq!(done.report["workloads"][0]["recovered"], true, "{}", done.told());
    assert_eq!(done.report["sandbox"]["isolation_verified"], true, "{}", done.told());
    for (name, means, count) in [(QUEUE, "lost", 2), (MAIL, "world", 1), (ARCHIVE, "production", 1)] {
        assert_eq!(got(&done, name), json!({ "rcode": 3, "answers": 0 }), "{name}: {}", done.told());
        let told = looked_up(&done, name);
        assert_eq!((&told["machine"], &told["answer"]), (&json!("web"), &json!("blocked")), "{told}");
        assert_eq!(told["means"], means, "{told}");
        assert!(told["count"].as_u64().unwrap() >= count, "{told}");
        assert!(told["instance"].as_str().unwrap().starts_with("i-"), "{told}");
    }
    assert!(got(&done, DATABASE)["answers"].as_u64().unwrap() > 0, "{}", done.told());
    assert_eq!(looked_up(&done, DATABASE)["means"], "sandbox");
    let unanswered = finding(&done, "name-not-answered");
    assert_eq!(unanswered["resource"], NOWHERE, "{unanswered}");
    assert!(unanswered["message"].as_str().unwrap().contains("leads to no address"), "{unanswered}");
    assert_eq!(done.report.get("lookups_unknown"), None, "{}", done.told());
    let machines = done.report["lookups"].as_array().unwrap().iter().map(|one| &one["machine"]);
    assert!(machines.into_iter().all(|machine| machine == "web"), "the probe is no machine: {}", done.told());
    for (rule, severity, name) in [
        ("depends-on-what-is-lost", "high", QUEUE),
        ("calls-production", "medium", ARCHIVE),
        ("reaches-the-world", "low", MAIL),
    ] {
        let found = finding(&done, rule);
        assert_eq!((&found["severity"], &found["resource"]), (&json!(severity), &json!("orders")), "{found}");
        assert!(found["message"].as_str().unwrap().contains(name), "{found}");
    }
    let open = |found: &Value| found["rule"] == "sandbox-resolves-names";
    assert!(!done.report["findings"].as_array().unwrap().iter().any(open), "{}", done.told());
    done.nothing_is_left(&shop.moto, &before);
}

/// A record of a zone needs Route 53's control plane, which is lost with us-east-1.
#[tokio::test]
async fn no_record_is_made_where_its_control_plane_is_lost() {
    let shop = Shop::open(0.0).await;
    let before = shop.moto.state();
    let sandbox = format!("  names: {{ {DATABASE}: \"{{{{ steps.db.address }}}}\" }}");
    let done = drill(&shop, &sandbox, &[DATABASE]).run();
    done.ends(1, "failed");
    let denied = done.report["denied_calls"].as_array().unwrap();
    assert!(denied.iter().any(|one| one["call"] == "route53:ChangeResourceRecordSets"), "{}", done.told());
    let found = finding(&done, "name-not-answered");
    assert_eq!(found["resource"], DATABASE);
    assert!(found["fix"].as_str().unwrap().contains("names_by: firewall"), "{found}");
    assert_eq!(got(&done, DATABASE)["answers"], 0, "{}", done.told());
    done.nothing_is_left(&shop.moto, &before);
}

/// Where another account is lost, the zone has its record before whatever depends on the step begins.
#[tokio::test]
async fn a_zone_answers_with_what_was_restored() {
    let shop = Shop::open(0.0).await;
    let before = shop.moto.state();
    let sandbox = format!("  names: {{ {DATABASE}: \"{{{{ steps.db.address }}}}\" }}");
    let drill = drill(&shop, &sandbox, &[DATABASE, MAIL]);
    let playbook = std::fs::read_to_string(drill.path("playbook.yaml")).unwrap();
    drill.file("playbook.yaml", &playbook.replace("lose: { region: us-east-1 }", "lose: { az: use1-az1 }"));
    let done = drill.run();
    assert_eq!(done.report["denied_calls"], json!([]), "{}", done.told());
    assert!(got(&done, DATABASE)["answers"].as_u64().unwrap() > 0, "{}", done.told());
    assert_eq!(looked_up(&done, DATABASE)["means"], "sandbox");
    assert_eq!(looked_up(&done, DATABASE)["answer"], "answered");
    assert_eq!(looked_up(&done, MAIL)["answer"], "blocked");
    done.nothing_is_left(&shop.moto, &before);
}

/// A log that does not come is no empty log. The limit is long, so that the drill is interrupted here.
#[tokio::test]
async fn a_log_that_does_not_arrive_is_unknown() {
    let shop = Shop::open(0.0).await;
    let before = shop.moto.state();
    shop.moto.delays(&json!({ "query_log": 100_000 }));
    let running = drill(&shop, "", &[QUEUE]).start();
    let journal = running.file("out/journal.ndjson");
    let began = std::time::Instant::now();
    // What the probe did is told just before the log is waited for.
    while !std::fs::read_to_string(&journal).unwrap_or_default().contains("\"event\":\"probed\"") {
        assert!(began.elapsed().as_secs() < 300, "the recovery did not end");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    running.signal("INT");
    let done = running.end();
    assert_eq!(done.report["lookups"], json!([]), "{}", done.told());
    assert!(done.report["lookups_unknown"].as_str().unwrap().contains("interrupted"), "{}", done.told());
    done.nothing_is_left(&shop.moto, &before);
}

/// The step has restored what it should before its names are waited for, whatever comes then.
#[tokio::test]
async fn an_interruption_while_a_name_is_waited_for_leaves_the_step_as_it_ended() {
    let shop = Shop::open(0.0).await;
    let before = shop.moto.state();
    let sandbox =
        format!("  names_by: firewall\n  names: {{ {NOWHERE}: \"no-{{{{ steps.db.address }}}}\" }}");
    let mut running = drill(&shop, &sandbox, &[]).start();
    until(&mut running, "a database", |r| r["event"] == "step_succeeded" && r["step"] == "db").await;
    running.signal("INT");
    let done = running.end();
    assert_eq!(done.node("db")["status"], "succeeded", "{}", done.told());
    assert_eq!(done.report["verdict"], "interrupted", "{}", done.told());
    let journal = std::fs::read_to_string(done.file("out/journal.ndjson")).unwrap();
    let last: Value = serde_json::from_str(journal.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "run_finished", "{}", done.told());
    done.nothing_is_left(&shop.moto, &before);
}
