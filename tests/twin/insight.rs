//! Findings of estates and plans, and the worst case.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base::duration::{Span, Time};
use base::severity::Severity;
use estate::file::EstateFile;
use estate::point::worst_case_of_one;
use estate::{Loss, RecoveryPoint, load};
use insight::protection::Snapshot;
use insight::rules::{self, Findings, Goal, Ignore, Look, RULES, RefusedStep};
use port::finding::Rule;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use support::drill::{Drill, told};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const LEAST: Duration = Duration::from_mins(5);

fn folder() -> PathBuf {
    Path::new(ROOT).join("tests/insight")
}

fn t0() -> Time {
    chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn seconds(text: &str) -> f64 {
    text.parse::<Span>().unwrap().as_secs_f64()
}

/// What the rules find in an estate of the folder. Its first comments say what is asked.
fn found(name: &str, ignores: &[Ignore]) -> Findings {
    let path = folder().join(name);
    let (estate, _) = load::load(&path).unwrap_or_else(|found| panic!("{}", found.render(false)));
    let snapshot = Snapshot::new(&estate.file, t0());
    let said = |key: &str| {
        let text = format!("# {key}: ");
        estate.source.lines().find_map(|line| line.strip_prefix(&text).map(str::to_owned))
    };
    let loss = said("lose").filter(|loss| loss != "nothing").map(|loss| {
        let region = loss.strip_prefix("region=").expect("a loss of these estates is a region");
        Loss::Region(region.parse().unwrap())
    });
    let mut look = Look::new(&snapshot, loss.as_ref());
    look.goals = vec![Goal {
        workload: "shop".into(),
        resources: (0..snapshot.resources.len()).collect(),
        rto_s: Some(3600.0),
        rpo_s: Some(3600.0),
        expected_rto_s: said("expected").as_deref().map(seconds),
    }];
    look.refused = said("refused").map(|call| RefusedStep { id: "db".into(), call }).into_iter().collect();
    look.recovery = Some(("999988887777".parse().unwrap(), "us-west-2".parse().unwrap()));
    rules::findings(&look, ignores)
}

fn rules_of(findings: &Findings) -> BTreeSet<Rule> {
    findings.found.iter().map(|group| group.finding.rule).collect()
}

#[test]
fn each_rule_has_an_estate_that_it_finds_and_one_that_it_does_not() {
    let mut files = BTreeSet::from(["code-spaces.yaml".to_owned()]);
    for entry in RULES {
        let (red, green) = (format!("{}.found.yaml", entry.rule), format!("{}.clear.yaml", entry.rule));
        assert!(rules_of(&found(&red, &[])).contains(&entry.rule), "{red}: {:?}", found(&red, &[]).found);
        assert!(
            !rules_of(&found(&green, &[])).contains(&entry.rule),
            "{green}: {:?}",
            found(&green, &[]).found
        );
        files.extend([red, green]);
    }
    // No estate is left over.
    let all = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert_eq!(all.collect::<BTreeSet<_>>(), files);
}

#[test]
fn each_rule_stands_in_the_registry_once_and_can_be_explained() {
    let ids: BTreeSet<Rule> = RULES.iter().map(|entry| entry.rule).collect();
    assert_eq!(ids.len(), RULES.len());
    let topic = base::explanation::Topic::Estate;
    let explained: BTreeSet<Rule> = Rule::ALL.iter().copied().filter(|rule| rule.topic() == topic).collect();
    assert_eq!(ids, explained);
    for rule in ids {
        let (code, text, _) = told(&["explain", rule.id()]);
        assert!(code == 0 && text.contains("drillmaster: ignore"), "{rule}: {text}");
    }
}

#[test]
fn many_resources_are_one_finding_that_names_five() {
    let resources: Vec<Value> = (1..=7).map(|n| resource(&format!("rds:db/db-{n}"))).collect();
    let file = file(&resources, &[]);
    let snapshot = Snapshot::new(&file, t0());
    let findings = rules::findings(&Look::new(&snapshot, None), &[]);
    let of_rule: Vec<_> = findings.found.iter().filter(|g| g.finding.rule == Rule::NoBackup).collect();
    let [group] = of_rule[..] else { panic!("{of_rule:?}") };
    assert_eq!((group.count, group.resources.len()), (7, 5));
    assert_eq!(group.finding.resource, "rds:db/db-1 and 6 more");
    assert!(group.finding.message.ends_with("rds:db/db-5, and 2 more"), "{}", group.finding.message);
    assert!(findings.found.is_sorted_by_key(|group| group.finding.severity));
}

#[test]
fn code_spaces_comes_out_red() {
    let path = folder().join("code-spaces.yaml");
    let path = path.to_str().unwrap();
    let lost = "account=111122223333";
    let (code, json, _) = told(&["plan", "--estate", path, "--lose", lost, "--output", "json"]);
    assert_eq!(code, 0);
    let plan: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(plan["unprotected"], plan["lost"], "nothing survives");
    for workload in plan["workloads"].as_array().unwrap() {
        assert_eq!(workload["status"], "unprotected", "{workload}");
    }
    let high: BTreeSet<&str> = of(&plan, "high");
    // One account, no lock, one region, and a root key.
    for rule in ["backups-in-one-account", "backups-unlocked", "backups-in-one-region", "root-access-key"] {
        assert!(high.contains(rule), "{rule} is not among {high:?}");
    }
    // The key that one thief needs; what would be missing in another region.
    let medium = of(&plan, "medium");
    assert!(medium.contains("access-key-old") && medium.contains("exists-only-here"), "{medium:?}");
    let in_one_account = plan["findings"].as_array().unwrap().iter();
    let mut in_one_account = in_one_account.filter(|finding| finding["rule"] == "backups-in-one-account");
    assert_eq!(in_one_account.next().unwrap()["count"], 5, "machines, volumes and the bucket");
    let (_, text, _) = told(&["plan", "--estate", path, "--lose", lost]);
    for words in ["svn  cannot come back", "every backup is lost with the account of production"] {
        assert!(squeezed(&text).contains(&squeezed(words)), "{words}: {text}");
    }
    for kind in ["az", "region", "account"] {
        let (_, text, _) = told(&["plan", "--estate", path, "--lose-each", kind]);
        assert!(text.contains("high (backups-in-one-account)"), "{text}");
        let (_, page, _) = told(&["plan", "--estate", path, "--lose-each", kind, "--output", "html"]);
        assert!(page.contains("<code>backups-in-one-account</code>"));
        let (_, markdown, _) = told(&["plan", "--estate", path, "--lose-each", kind, "--output", "markdown"]);
        assert!(markdown.contains("| high | `backups-in-one-account` |"), "{markdown}");
    }
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn of<'a>(plan: &'a Value, severity: &str) -> BTreeSet<&'a str> {
    let findings = plan["findings"].as_array().unwrap().iter();
    let of = findings.filter(|finding| finding["severity"] == severity);
    of.map(|finding| finding["rule"].as_str().unwrap()).collect()
}

#[test]
fn a_plan_tells_what_the_estate_and_the_rehearsal_show() {
    let plan = |drill: &Drill| {
        let path = drill.write();
        let (_, json, told_wrong) = told(&["plan", path.to_str().unwrap(), "--output", "json"]);
        serde_json::from_str::<Value>(&json).unwrap_or_else(|error| panic!("{error}: {json} {told_wrong}"))
    };
    let rules = |plan: &Value| {
        let findings = plan["findings"].as_array().unwrap().clone().into_iter();
        findings.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let drill = Drill::good();
    let before = plan(&drill);
    assert!(rules(&before).contains("one-provider"), "{:?}", rules(&before));
    assert!(!rules(&before).contains("headroom"), "{:?}", rules(&before));
    let expected = before["workloads"][0]["expected_rto_s"].as_f64().unwrap();
    // Objectives for which the same plan leaves a tenth and a quarter.
    for (share, leaves_enough) in [(1.1, false), (1.4, true)] {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
        let rto = (expected * share) as i64;
        let drill = Drill::good().playbook("rto: 45m", &format!("rto: {rto}s"));
        assert_eq!(!rules(&plan(&drill)).contains("headroom"), leaves_enough, "{share}");
    }
}

#[test]
fn a_step_that_needs_a_lost_control_plane_is_told() {
    let step = "- { id: made, uses: cloudformation.deploy, workload: orders, with: { name: made, template: made.yaml } }";
    let drill = Drill::good().step(step);
    let template =
        "AWSTemplateFormatVersion: \"2010-09-09\"\nResources:\n  Data: { Type: AWS::S3::Bucket }\n";
    fs::write(drill.folder().join("made.yaml"), template).unwrap();
    let (code, json, wrong) = told(&["plan", drill.write().to_str().unwrap(), "--output", "json"]);
    let plan: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {wrong}"));
    let found = plan["findings"].as_array().unwrap().iter();
    let mut found = found.filter(|finding| finding["rule"] == "step-needs-lost-plane");
    let finding = found.next().unwrap_or_else(|| panic!("{json}"));
    assert_eq!((code, &finding["resource"], &finding["severity"]), (1, &json!("step made"), &json!("high")));
}

/// A multi-Region key outlives a region if a replica of it does.
#[test]
fn a_replica_of_the_key_saves_the_backup() {
    let lost = |name: &str, replicas: Value| {
        let key = format!("arn:aws:kms:us-east-1:111122223333:key/{name}");
        let mut copy = point("copy", &json!({ "taken": "-1h", "kms_key": key }));
        copy["region"] = "us-west-2".into();
        let mut kms = resource(&format!("kms:key/{name}"));
        kms["replicas"] = replicas;
        let mut file = json!(file(&[resource("rds:db/orders"), kms], &[copy]));
        file["regions"]["us-west-2"] = json!({ "azs": [] });
        let file: EstateFile = serde_json::from_value(file).unwrap();
        let snapshot = Snapshot::new(&file, t0());
        let loss = Loss::Region("us-east-1".parse().unwrap());
        let found = rules::findings(&Look::new(&snapshot, Some(&loss)), &[]);
        rules_of(&found).contains(&Rule::KeyLostWithData)
    };
    assert!(lost("1234", json!([])));
    assert!(lost("mrk-1234", json!([])));
    assert!(!lost("mrk-1234", json!([{ "region": "us-west-2" }])));
}

#[test]
fn an_ignored_rule_is_told_with_its_reason() {
    let comment = "# drillmaster: ignore one-provider because the board decided so in 2026\n";
    let find = |plan: &Value, rule: &str| {
        plan["findings"].as_array().unwrap().iter().any(|finding| finding["rule"] == rule)
    };
    let estates = [Drill::good().estate("accounts:", &format!("{comment}accounts:")), {
        Drill::good().playbook("\nworkloads:", &format!("\n{comment}workloads:"))
    }];
    for drill in estates {
        let path = drill.write();
        let path = path.to_str().unwrap();
        let (_, json, _) = told(&["plan", path, "--output", "json"]);
        let plan: Value = serde_json::from_str(&json).unwrap();
        assert!(!find(&plan, "one-provider") && find(&plan, "backups-unlocked"), "{json}");
        let ignored = &plan["ignored"][0];
        assert_eq!(ignored["because"], "the board decided so in 2026");
        assert!(ignored["count"].as_u64().unwrap() > 0);
        assert!(ignored["place"].as_str().unwrap().contains(".yaml:"), "{ignored}");
        let (_, text, _) = told(&["plan", path]);
        assert!(text.contains("ignored (one-provider): the board decided so in 2026"), "{text}");
    }
}

#[test]
fn a_comment_that_ignores_nothing_or_says_no_reason_is_a_mistake() {
    for (comment, message) in [
        ("ignore one-provider", "nobody says why `one-provider` is ignored"),
        ("ignore one-provider because", "nobody says why `one-provider` is ignored"),
        ("ignore one-provider since we like it", "nobody says why `one-provider` is ignored"),
        ("ignore one-providr because of that", "did you mean `one-provider`"),
        ("ignore sandbox-open because it is fine", "cannot be ignored"),
        ("ignore because I say so", "names no rule"),
        ("ignore", "names no rule"),
        ("allow one-provider because of that", "`allow` is nothing that a comment can ask for"),
        ("", "is nothing that a comment can ask for"),
    ] {
        let line = format!("# drillmaster: {comment}\n");
        let (place, drill) = ("estate.yaml:", Drill::good().estate("accounts:", &format!("{line}accounts:")));
        let path = drill.write();
        let estate = drill.folder().join("estate.yaml");
        let (playbook, estate) = (path.to_str().unwrap(), estate.to_str().unwrap());
        for args in [
            &["plan", playbook][..],
            &["validate", playbook],
            &["validate", estate],
            &["run", playbook],
            &["plan", "--estate", estate, "--lose-each", "region"],
        ] {
            let (code, out, err) = told(args);
            let all = format!("{out}{err}");
            assert_eq!(code, 2, "{args:?}: {all}");
            assert!(all.contains(message) && all.contains(place), "{args:?}: {all}");
        }
        let drill = Drill::good().playbook("\nworkloads:", &format!("\n{line}workloads:"));
        let path = drill.write();
        let (code, out, err) = told(&["validate", path.to_str().unwrap()]);
        assert!(code == 2 && format!("{out}{err}").contains(message), "{out}{err}");
    }
}

fn resource(id: &str) -> Value {
    json!({ "id": id, "account": "111122223333", "region": "us-east-1", "az": "use1-az1" })
}

fn file(resources: &[Value], points: &[Value]) -> EstateFile {
    serde_json::from_value(json!({
        "accounts": { "111122223333": { "name": "production" } },
        "regions": { "us-east-1": { "azs": ["use1-az1"] } },
        "resources": resources,
        "recovery_points": points,
    }))
    .unwrap()
}

#[test]
fn what_the_estate_does_not_say_is_not_guessed() {
    // Resources of which nothing is known: no stack, no mention, no scan, no lifetime, no key.
    let file = file(
        &[resource("rds:db/orders"), resource("ec2:subnet/s-1"), resource("iam:user/ci")],
        &[point("a", &json!({ "taken": "-1h" }))],
    );
    let snapshot = Snapshot::new(&file, t0());
    let found = rules_of(&rules::findings(&Look::new(&snapshot, None), &[]));
    let silent = [
        Rule::InNoStack,
        Rule::NamesLostPlace,
        Rule::NewestPointNotClean,
        Rule::DnsTtlTooLong,
        Rule::AccessKeyOld,
        Rule::RootAccessKey,
        Rule::QuotaTooLow,
        Rule::Headroom,
        Rule::PointsTooSparse,
        Rule::KeyLostWithData,
    ];
    assert_eq!(silent.into_iter().filter(|rule| found.contains(rule)).collect::<Vec<_>>(), []);
}

#[test]
fn a_copy_counts_once_it_is_usable_and_its_key_survives() {
    let at = |more: Value| {
        let mut copy = point("b", &more);
        copy["account"] = "444455556666".into();
        let mut file =
            json!(file(&[resource("rds:db/orders")], &[point("a", &json!({ "taken": "-1h" })), copy]));
        file["accounts"]["444455556666"] = json!({ "name": "vault" });
        let file: EstateFile = serde_json::from_value(file).unwrap();
        let snapshot = Snapshot::new(&file, t0());
        rules_of(&rules::findings(&Look::new(&snapshot, None), &[])).contains(&Rule::BackupsInOneAccount)
    };
    assert!(!at(json!({ "taken": "-2h" })));
    assert!(at(json!({ "taken": "-2h", "usable": "10m" })));
    assert!(at(json!({ "taken": "-2h", "kms_key": "arn:aws:kms:us-east-1:111122223333:key/1" })));
    assert!(!at(json!({ "taken": "-2h", "kms_key": "arn:aws:kms:us-east-1:444455556666:key/1" })));
}

fn point(id: &str, more: &Value) -> Value {
    let mut point = json!({
        "of": "rds:db/orders", "kind": "rds_snapshot", "id": id, "account": "111122223333", "region": "us-east-1",
    });
    point.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    point
}

/// A history as its author would write it down, in minutes before T0.
struct History {
    /// For each point its age, and how long before T0 it became usable.
    dated: Vec<(i64, i64)>,
    /// How far a log is behind.
    lags: Vec<i64>,
    entries: Vec<Value>,
}

impl History {
    fn random(random: &mut StdRng) -> Self {
        let mut history = Self { dated: Vec::new(), lags: Vec::new(), entries: Vec::new() };
        for index in 0..random.random_range(0..5) {
            let age = random.random_range(0..900);
            let usable = random.random_range(0..=age);
            history.dated.push((age, usable));
            let times = json!({ "taken": format!("-{age}m"), "usable": format!("-{usable}m") });
            history.entries.push(point(&format!("one-{index}"), &times));
        }
        for index in 0..random.random_range(0..3) {
            let (every, keep) = (random.random_range(10..300), random.random_range(1..900));
            let lag = random.random_range(0..200);
            let mut entry =
                json!({ "every": format!("{every}m"), "keep": format!("{keep}m"), "lag": format!("{lag}m") });
            let mut age = every;
            if random.random_bool(0.5) {
                age = random.random_range(0..300);
                entry["taken"] = format!("-{age}m").into();
            }
            // Those that are still kept at T0.
            while age <= keep {
                // A point that is not usable at T0 was never a source.
                if age >= lag {
                    history.dated.push((age, age - lag));
                }
                age += every;
            }
            history.entries.push(point(&format!("series-{index}"), &entry));
        }
        if random.random_bool(0.3) {
            let lag = random.random_range(0..400);
            history.lags.push(lag);
            let mut log = point("log", &json!({ "taken": format!("-{lag}m") }));
            log["kind"] = "rds_pitr".into();
            history.entries.push(log);
        }
        history
    }

    /// DESIGN: the supremum, over instants t of the window, of t − the consistency time of the newest
    /// point usable at t. Every minute is tried, and the instant just before it.
    fn worst(&self, look_back: i64, least_log: i64) -> Option<i64> {
        let log = self.lags.iter().map(|lag| *lag.max(&least_log)).min();
        let Some(first) = self.dated.iter().map(|(_, usable)| *usable).max() else { return log };
        let start = first.min(look_back);
        let newest = |is_usable: &dyn Fn(i64) -> bool| {
            self.dated.iter().filter(|(_, usable)| is_usable(*usable)).map(|(age, _)| *age).min()
        };
        let mut worst = None;
        for minute in 0..=start {
            // Larger is earlier: all figures count back from T0.
            let at = newest(&|usable| usable >= minute);
            let just_before = if minute < start { newest(&|usable| usable > minute) } else { None };
            for age in [at, just_before].into_iter().flatten() {
                let lost = age - minute;
                worst = worst.max(Some(log.map_or(lost, |log| lost.min(log))));
            }
        }
        worst
    }
}

#[test]
fn the_worst_case_is_that_of_brute_force() {
    let mut random = StdRng::seed_from_u64(9);
    let (mut known, mut of_series) = (0, 0);
    for round in 0..10_000 {
        let history = History::random(&mut random);
        let look_back = random.random_range(1..1_000);
        let file = file(&[resource("rds:db/orders")], &history.entries);
        let points = file.recovery_points(t0());
        let usable: Vec<&RecoveryPoint> =
            points.iter().filter(|point| point.usable.is_some_and(|usable| usable <= t0())).collect();
        let window = Duration::from_mins(u64::try_from(look_back).unwrap());
        let worst = worst_case_of_one(&usable, t0(), window, LEAST);
        let expected = history.worst(look_back, 5).map(|minutes| (minutes * 60) as f64);
        assert_eq!(
            (worst.seconds, worst.at_least),
            (expected, None),
            "round {round}, window {look_back} min: {:#}",
            json!(history.entries)
        );
        known += usize::from(expected.is_some());
        of_series += usize::from(history.entries.iter().any(|entry| entry.get("every").is_some()));
    }
    assert!(known > 8_000 && of_series > 5_000, "{known} {of_series}");
}

#[test]
fn severities_are_those_of_the_rule() {
    for entry in RULES {
        for group in found(&format!("{}.found.yaml", entry.rule), &[]).found {
            let known: &[Severity] = group.finding.rule.explanation().severities;
            assert!(known.contains(&group.finding.severity), "{:?}", group.finding);
        }
    }
}
