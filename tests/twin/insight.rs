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
use insight::rules::{
    self, Findings, Goal, Ignore, Look, Practice, RULES, RefusedStep, Restored, RestoredStep,
};
use port::finding::Rule;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use schedule::Word;
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
    look.restored = said("restored").map(|text| restored(&text)).into_iter().collect();
    look.practice = said("drilled").map(|age| Practice {
        playbook: "shop".into(),
        schedule: Word::Quarterly.try_into().unwrap(),
        passed: Some(t0() - age.parse::<Span>().unwrap().delta()),
        looked_in: "`runs`".into(),
    });
    rules::findings(&look, ignores)
}

/// `rds:db/orders with orders-pg17 in two zones`: what a step restores, and how.
fn restored(text: &str) -> RestoredStep {
    let mut words = text.split(' ');
    let of = words.next().map(str::to_owned);
    let group = text.split_once(" with ").map(|(_, rest)| rest.split(' ').next().unwrap().to_owned());
    let in_one_zone = !text.ends_with(" in two zones");
    let what = Restored::Database { parameter_group: group, option_group: None, in_one_zone };
    RestoredStep { id: "db".into(), workload: Some("shop".into()), of, what }
}

fn rules_of(findings: &Findings) -> BTreeSet<Rule> {
    findings.found.iter().map(|group| group.finding.rule).collect()
}

#[test]
fn each_rule_has_an_estate_that_it_finds_and_one_that_it_does_not() {
    let mut files = BTreeSet::from(["code-spaces.yaml", "discovered.yaml"].map(str::to_owned));
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

/// The severity of a rule in an estate, and the words of its finding. `None`: it found nothing.
fn told_of(findings: &Findings, rule: Rule) -> Option<(Severity, String)> {
    let group = findings.found.iter().find(|group| group.finding.rule == rule)?;
    Some((group.finding.severity, group.finding.message.clone()))
}

#[test]
fn a_backup_counts_as_guarded_only_where_that_is_shown() {
    let of = |more: &[Value], elsewhere: bool| {
        let mut points: Vec<Value> = more.to_vec();
        if elsewhere {
            points.push(point("copy", &json!({ "account": "444455556666", "taken": "-1h" })));
        }
        let mut file = json!(file(&[resource("rds:db/orders")], &points));
        file["accounts"]["444455556666"] = json!({ "name": "vault" });
        let file: EstateFile = serde_json::from_value(file).unwrap();
        let snapshot = Snapshot::new(&file, t0());
        told_of(&rules::findings(&Look::new(&snapshot, None), &[]), Rule::BackupsUnlocked)
    };
    let one = |more: Value| {
        let mut all = json!({ "taken": "-1h" });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        point("a", &all)
    };
    let locked = json!({ "vault_locked": true });
    for (more, severity, words) in [
        (json!({}), Some(Severity::High), ""),
        (locked.clone(), None, ""),
        // Object lock ends for each object.
        (json!({ "vault_locked": true, "locked_for": "30d" }), Some(Severity::Low), "locked for 30d"),
        (json!({ "guard": "policy" }), Some(Severity::Low), "root user"),
        (json!({ "guard": "mfa" }), None, ""),
        (json!({ "guard": "governance" }), Some(Severity::Medium), "governance mode"),
        (json!({ "guard": "unknown" }), Some(Severity::Medium), "unknown"),
        (json!({ "guard": "cooling_off", "locks_on": "5d" }), Some(Severity::Medium), "until 2027-01-20"),
        // Nobody knows whether it was taken off before its date.
        (json!({ "guard": "cooling_off", "locks_on": "-5d" }), Some(Severity::Medium), "could be taken off"),
        (
            json!({ "vault_locked": true, "scan": "infected" }),
            Some(Severity::High),
            "none of them was usable",
        ),
        (json!({ "vault_locked": true, "usable": "1h" }), Some(Severity::High), "none of them was usable"),
    ] {
        let found = of(&[one(more.clone())], false);
        assert_eq!(found.as_ref().map(|(severity, _)| *severity), severity, "{more}: {found:?}");
        assert!(found.is_none_or(|(_, message)| message.contains(words)), "{more}");
        let with_copy = of(&[one(more.clone())], true);
        assert_eq!(with_copy.map(|(severity, _)| severity), severity.map(|_| Severity::Low), "{more}");
    }
    // The best guarded of several points counts, and a lock on a point that cannot be used does not.
    let both = |more: Value| of(&[one(json!({})), point("b", &more)], false).map(|(severity, _)| severity);
    assert_eq!(both(json!({ "taken": "-2h", "vault_locked": true })), None);
    assert_eq!(both(json!({ "taken": "-2h", "usable": "1h", "vault_locked": true })), Some(Severity::High));
    assert_eq!(both(json!({ "taken": "-2h", "guard": "governance" })), Some(Severity::Medium));
}

#[test]
fn a_stack_that_nobody_checked_is_unknown_and_not_clean() {
    let of = |more: Value| {
        let mut stack = resource("cloudformation:stack/web");
        stack.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let file = file(&[stack], &[]);
        let snapshot = Snapshot::new(&file, t0());
        told_of(&rules::findings(&Look::new(&snapshot, None), &[]), Rule::StackDrifted)
    };
    for (more, severity, words) in [
        (json!({ "drift": "drifted", "drift_checked": "-3d" }), Severity::Medium, "had drifted 3 days ago"),
        (json!({ "drift": "drifted" }), Severity::Medium, "has drifted"),
        (json!({ "drift": "not_checked" }), Severity::Low, "not checked, so it is unknown"),
        (json!({ "drift": "not_checked", "drift_checked": "-3d" }), Severity::Low, "unknown"),
        (json!({ "drift": "in_sync" }), Severity::Low, "unknown"),
        (json!({ "drift": "in_sync", "drift_checked": "-91d" }), Severity::Low, "91 days ago"),
    ] {
        let (found, message) = of(more.clone()).unwrap_or_else(|| panic!("{more}"));
        assert!(found == severity && message.contains(words), "{more}: {found} {message}");
    }
    // What the estate does not say is not guessed.
    assert_eq!(of(json!({})), None);
    assert_eq!(of(json!({ "drift": "in_sync", "drift_checked": "-90d" })), None);
}

#[test]
fn machines_of_several_zones_must_not_come_up_in_one() {
    let machine = |name: &str, az: &str| {
        let mut machine = resource(&format!("ec2:instance/{name}"));
        machine["az"] = az.into();
        machine
    };
    let of = |zones: [&str; 2], made: &[&str]| {
        let mut file = json!(file(&[machine("i-1", zones[0]), machine("i-2", zones[1])], &[]));
        file["regions"]["us-east-1"] = json!({ "azs": ["use1-az1", "use1-az2"] });
        let file: EstateFile = serde_json::from_value(file).unwrap();
        let snapshot = Snapshot::new(&file, t0());
        let loss = Loss::Region("us-east-1".parse().unwrap());
        let mut look = Look::new(&snapshot, Some(&loss));
        look.goals = vec![Goal {
            workload: "shop".into(),
            resources: vec![0, 1],
            rto_s: None,
            rpo_s: None,
            expected_rto_s: None,
        }];
        look.restored = made
            .iter()
            .map(|zone| RestoredStep {
                id: "web".into(),
                workload: Some("shop".into()),
                of: None,
                what: Restored::Machines { zones: BTreeSet::from([zone.parse().unwrap()]) },
            })
            .collect();
        told_of(&rules::findings(&look, &[]), Rule::RestoredInOneZone).is_some()
    };
    assert!(of(["use1-az1", "use1-az2"], &["usw2-az1"]));
    assert!(!of(["use1-az1", "use1-az2"], &["usw2-az1", "usw2-az2"]), "two steps, two zones");
    assert!(!of(["use1-az1", "use1-az1"], &["usw2-az1"]), "they were in one zone");
    assert!(!of(["use1-az1", "use1-az2"], &[]), "nothing is known");
}

/// What the rules compare comes from the requests of the rehearsal.
#[test]
fn a_restore_that_comes_up_otherwise_than_it_was_is_told() {
    let found = |with: &str| {
        let drill = Drill::good()
            .estate(
                "region: us-east-1, az: use1-az1, size: 200GiB",
                "region: us-east-1, multi_az: true, parameter_group: orders-pg17, size: 200GiB",
            )
            .playbook(
                "from: { db: orders, point: latest }",
                &format!("from: {{ db: orders, point: latest }}{with}"),
            );
        let (_, json, wrong) = told(&["plan", drill.write().to_str().unwrap(), "--output", "json"]);
        let plan: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {wrong}"));
        let all = plan["findings"].as_array().unwrap().clone().into_iter();
        let of_restores = all.filter(|finding| finding["rule"].as_str().unwrap().starts_with("restored-"));
        of_restores
            .map(|f| (f["rule"].as_str().unwrap().to_owned(), f["message"].to_string()))
            .collect::<Vec<_>>()
    };
    let found_all = found("");
    let rules: Vec<&str> = found_all.iter().map(|(rule, _)| rule.as_str()).collect();
    assert_eq!(rules, ["restored-with-defaults", "restored-in-one-zone"], "{found_all:?}");
    assert!(
        found_all[0].1.contains("step db names none, and its parameter group was orders-pg17"),
        "{found_all:?}"
    );
    let set = "\n      parameter_group: orders-pg17\n      multi_az: true";
    assert_eq!(found(set), []);
}

#[test]
fn a_template_that_names_the_lost_region_is_told() {
    let step = "- { id: made, uses: cloudformation.deploy, workload: orders, with: { name: made, template: made.yaml } }";
    let found = |region: &str| {
        let drill = Drill::good().step(step);
        let template = format!(
            "AWSTemplateFormatVersion: \"2010-09-09\"\nResources:\n  Jobs:\n    Type: AWS::SQS::Queue\n    \
             Properties: {{ Tags: [{{ Key: home, Value: \"{region}\" }}] }}\n"
        );
        fs::write(drill.folder().join("made.yaml"), template).unwrap();
        let (_, json, wrong) = told(&["plan", drill.write().to_str().unwrap(), "--output", "json"]);
        let plan: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {wrong}"));
        let findings = plan["findings"].as_array().unwrap().clone();
        findings
            .into_iter()
            .find(|finding| finding["resource"] == "step made" && finding["rule"] == "names-lost-place")
    };
    let finding = found("us-east-1").unwrap();
    assert!(finding["message"].as_str().unwrap().contains("its template mentions us-east-1"), "{finding}");
    assert_eq!(finding["severity"], "medium");
    assert_eq!(found("us-west-2"), None);
}

#[test]
fn quotas_that_the_estate_does_not_say_are_reckoned_from_what_the_account_may_have() {
    let of = |databases: usize, limit: u64| {
        let lost: Vec<Value> = (0..2).map(|n| resource(&format!("rds:db/lost-{n}"))).collect();
        let there = (0..databases).map(|n| {
            let mut db = resource(&format!("rds:db/there-{n}"));
            (db["account"], db["region"], db["az"]) =
                ("999988887777".into(), "us-west-2".into(), "usw2-az1".into());
            db
        });
        let mut file = json!(file(&lost.into_iter().chain(there).collect::<Vec<_>>(), &[]));
        file["accounts"]["999988887777"] =
            json!({ "name": "sandbox", "quotas": { "us-west-2": { "db_instances": limit } } });
        file["regions"]["us-west-2"] = json!({ "azs": ["usw2-az1"] });
        let file: EstateFile = serde_json::from_value(file).unwrap();
        let snapshot = Snapshot::new(&file, t0());
        let loss = Loss::Region("us-east-1".parse().unwrap());
        let mut look = Look::new(&snapshot, Some(&loss));
        let resources = (0..snapshot.resources.len()).collect();
        look.goals =
            vec![Goal { workload: "shop".into(), resources, rto_s: None, rpo_s: None, expected_rto_s: None }];
        look.recovery = Some(("999988887777".parse().unwrap(), "us-west-2".parse().unwrap()));
        told_of(&rules::findings(&look, &[]), Rule::QuotaTooLow).map(|(_, message)| message)
    };
    assert_eq!(of(3, 5), None);
    assert!(of(4, 5).unwrap().contains("2 DB instances are lost, and 1 more may be made"));
    assert!(of(9, 5).unwrap().contains("0 more may be made"));
}

#[test]
fn a_drill_is_overdue_by_its_schedule_and_only_a_real_run_that_passed_counts() {
    let drill = Drill::good();
    let path = drill.write();
    let path = path.to_str().unwrap();
    let plan = |path: &str| {
        let (_, json, _) = told(&["plan", path, "--output", "json"]);
        let plan: Value = serde_json::from_str(&json).unwrap();
        let findings = plan["findings"].as_array().unwrap().clone();
        findings.into_iter().find(|finding| finding["rule"] == "drill-overdue")
    };
    assert_eq!(plan(path), None, "nobody said how often");
    let drill = Drill::good().playbook("\nworkloads:", "\nschedule: weekly\n\nworkloads:");
    let path = drill.write();
    let path = path.to_str().unwrap();
    // The folder of runs is that of the process: the tests' own has none of this playbook.
    let finding = plan(path).unwrap();
    assert_eq!(finding["severity"], "medium");
    assert!(finding["message"].as_str().unwrap().contains("no real run of it that passed"), "{finding}");
}

/// What `validate` says of a drill with a schedule, beside the run of a golden journal.
fn told_beside(journal: &str, name: &str, schedule: &str) -> String {
    let drill = Drill::good().playbook("\nworkloads:", &format!("\nschedule: {schedule}\n\nworkloads:"));
    let text = fs::read_to_string(drill.write()).unwrap();
    let old = text.lines().find(|line| line.starts_with("name: ")).unwrap();
    fs::write(drill.folder().join("named.yaml"), text.replacen(old, &format!("name: {name}"), 1)).unwrap();
    let run = drill.folder().join("runs/one");
    fs::create_dir_all(&run).unwrap();
    for file in ["journal.ndjson", "report.json"] {
        let from = Path::new(ROOT).join("tests/golden/journals").join(journal).join(file);
        fs::copy(from, run.join(file)).unwrap();
    }
    let mut program = support::places::drillmaster();
    let done =
        program.args(["validate", "--strict", "named.yaml"]).current_dir(drill.folder()).output().unwrap();
    assert!(done.status.success(), "it is no mistake of the playbook: {done:?}");
    String::from_utf8(done.stderr).unwrap()
}

#[test]
fn only_a_real_run_of_this_playbook_that_passed_counts_as_a_drill() {
    let never = "no real run of it that passed";
    let passed = told_beside("aws-everything", "aws-everything", "yearly");
    assert!(passed.contains("last passed") && !passed.contains(never), "{passed}");
    // Another playbook; one that was refused; one on the twin, although it passed.
    for (journal, name) in [("aws-everything", "orders"), ("aws-refused", "aws-refused"), ("passed", "small")]
    {
        let told = told_beside(journal, name, "yearly");
        assert!(told.contains(never) && told.contains("(drill-overdue)"), "{journal}: {told}");
    }
}

#[test]
fn a_drill_of_a_calendar_is_overdue_too() {
    // It is due each minute, and since the golden run several drills were.
    let every_minute = "{ cron: \"* * * * *\", timezone: Asia/Tokyo, window: 30s }";
    let told = told_beside("aws-everything", "aws-everything", every_minute);
    assert!(told.contains("medium (drill-overdue)") && told.contains("and was due on 20"), "{told}");
    assert!(told.contains("(* * * * * (Asia/Tokyo))"), "{told}");
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
        Rule::StackDrifted,
        Rule::QuotaBelowLost,
        Rule::RestoredWithDefaults,
        Rule::RestoredInOneZone,
        Rule::DrillOverdue,
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
