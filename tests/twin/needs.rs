//! What a drill needs of the quotas, and what it costs: `plan PLAYBOOK`.

use insight::needs::cost::{Cost, Until};
use insight::needs::prices::{self, Prices};
use insight::needs::quotas::{Status, quotas};
use insight::needs::{Asked, Completeness, Copied, Thing};
use serde_json::{Value, json};
use support::drill::{Drill, told};

use base::duration::{Size, Time};
use base::ids::Region;

const PRICES: &str = "date: \"2026-01-01\"\nsource: a test\nregions:\n  us-west-2:\n    machines: { t4g.small: 0.5 }\n    databases: { postgres: { db.r6g.large: 2.0 } }\n    database_storage: 0.73\n    volumes: { gp3: 7.3 }\n    puts: 0.005\n    address: 0.01\n  us-east-1: { transfer_out: 0.02 }\n";

fn region(name: &str) -> Region {
    name.parse().unwrap()
}

fn at(hours: i64) -> Time {
    chrono::DateTime::from_timestamp(1_800_000_000 + hours * 3600, 0).unwrap()
}

fn asked(hours: i64, thing: Thing) -> Asked {
    Asked { by: "step".into(), at: at(hours), region: region("us-west-2"), thing }
}

fn table(text: &str) -> Result<Prices, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prices.yaml");
    std::fs::write(&path, text).unwrap();
    prices::load(&path).map_err(|found| found.render(false))
}

fn cost(things: &[Asked]) -> Cost {
    Cost::of(things, &table(PRICES).unwrap(), Until { expected: at(2), latest: at(4) }, Completeness::Whole)
}

fn database(class: Option<&str>, multi_az: bool, gib: u64) -> Thing {
    Thing::Database {
        engine: Some("postgres".into()),
        class: class.map(str::to_owned),
        multi_az,
        storage: Some(Size::gib(gib)),
    }
}

#[track_caller]
fn same(a: Option<f64>, b: f64) {
    assert!(a.is_some_and(|a| (a - b).abs() < 1e-9), "{a:?}, and not {b}");
}

#[test]
fn hours_times_things_are_as_worked_out_by_hand() {
    let things = [
        // Two hours of 2 dollars, and 100 GiB at 0.73 a month of 730 hours: 0.1 an hour.
        asked(0, database(Some("db.r6g.large"), false, 100)),
        // Made an hour later: 3 machines at 0.5 for one hour, until the ttl for three.
        asked(1, Thing::Machines { kind: "t4g.small".into(), count: 3 }),
        // 100 GiB at 7.3 a month: 1 an hour.
        asked(1, Thing::Volume { kind: "gp3".into(), size: Size::gib(100) }),
        asked(0, Thing::Copy { from: region("us-east-1"), size: Size::gib(50), of: Copied::Snapshot }),
        asked(0, Thing::Copy { from: region("us-west-2"), size: Size::gib(50), of: Copied::Snapshot }),
        asked(0, Thing::Objects { from: region("us-east-1"), objects: 20_000, size: Size::gib(10) }),
        asked(1, Thing::Address),
    ];
    let cost = cost(&things);
    let expected = (4.0 + 0.2) + 1.5 + 1.0 + 1.0 + 0.0 + (0.1 + 0.2) + 0.01;
    same(cost.total_usd, expected);
    same(Some(cost.at_least_usd), expected);
    same(cost.up_to_usd, (8.0 + 0.4) + 4.5 + 3.0 + 1.0 + (0.1 + 0.2) + 0.03);
    assert_eq!(cost.prices_of.as_deref(), Some("2026-01-01"));
    // A standby costs the same again, storage included.
    let standby = [asked(0, database(Some("db.r6g.large"), true, 100))];
    same(self::cost(&standby).total_usd, 8.4);
}

#[test]
fn what_is_unknown_makes_the_total_unknown_and_no_part_of_it_nothing() {
    let known = asked(0, Thing::Machines { kind: "t4g.small".into(), count: 1 });
    let nowhere = Asked { region: region("eu-west-1"), ..known.clone() };
    for (thing, words) in [
        (asked(0, database(None, false, 1)), "class"),
        (asked(0, database(Some("db.x"), false, 1)), "db.x with postgres in us-west-2"),
        (asked(0, database(Some("db.r6g.large"), false, 0)), "size"),
        (asked(0, Thing::Volume { kind: "io2".into(), size: Size::gib(1) }), "io2"),
        (asked(0, Thing::Volume { kind: "gp3".into(), size: Size(0) }), "size"),
        (asked(0, Thing::ClusterStorage { size: Size::gib(1) }), "cluster storage"),
        (asked(0, Thing::Serverless), "load"),
        (asked(0, Thing::Stack { name: "web".into() }), "template"),
        (
            asked(0, Thing::Copy { from: region("eu-west-1"), size: Size::gib(1), of: Copied::Image }),
            "transfer out of eu-west-1",
        ),
        (asked(0, Thing::Objects { from: region("us-west-2"), objects: 0, size: Size::gib(1) }), "objects"),
        (nowhere, "eu-west-1"),
    ] {
        let cost = cost(&[known.clone(), thing.clone()]);
        assert_eq!((cost.total_usd, cost.up_to_usd), (None, None), "{thing:?}");
        assert!(cost.at_least_usd >= 1.0, "{thing:?}");
        let because: Vec<&str> = cost.items.iter().filter_map(|item| item.because.as_deref()).collect();
        assert!(because.len() == 1 && because[0].contains(words), "{thing:?}: {because:?}");
    }
}

#[test]
fn a_rehearsal_that_did_not_do_all_steps_costs_at_least_what_it_did() {
    let until = Until { expected: at(2), latest: at(4) };
    let cost = Cost::of(&[], &table(PRICES).unwrap(), until, Completeness::InPart);
    assert_eq!((cost.total_usd, cost.up_to_usd), (None, None));
    let drill = Drill::of("region-loss").faults(&["{ step: db, error: never_completes }"]);
    let playbook = drill.write().display().to_string();
    let (code, out, err) = told(&["plan", &playbook, "--output", "json"]);
    assert_eq!(code, 1, "{err}");
    let plan: Value = serde_json::from_str(&out).unwrap();
    let items = plan["cost"]["items"].as_array().unwrap();
    assert!(items.iter().any(|item| item["by"] == "rehearsal"), "{items:?}");
    assert!(plan["quotas"].as_array().unwrap().iter().all(|row| row["status"] == "unknown"));
}

#[test]
fn quotas_are_compared_and_unknown_is_not_enough() {
    let things = [
        asked(0, database(None, false, 1)),
        asked(0, Thing::Machines { kind: "t4g.small".into(), count: 3 }),
        asked(0, Thing::Volume { kind: "gp3".into(), size: Size::gib(100) }),
        Asked { region: region("us-east-1"), ..asked(0, database(None, false, 1)) },
    ];
    let known = json!({ "db_instances": 1, "instances": 2 });
    let known = serde_json::from_value(known).unwrap();
    let told = |things: &[Asked], known| -> Vec<(&'static str, Option<u64>, Status)> {
        let rows = quotas(things, &region("us-west-2"), known, Completeness::Whole);
        rows.into_iter().map(|row| (row.what, row.needed, row.status)).collect()
    };
    let of = told(&things, Some(&known));
    assert_eq!(
        of,
        [
            ("db_instances", Some(1), Status::Enough),
            ("instances", Some(3), Status::TooLow),
            // An image brings disks of its own.
            ("volume_gib", None, Status::Unknown),
        ]
    );
    assert!(told(&things, None).iter().all(|(.., status)| *status == Status::Unknown));
    let some = quotas(&things, &region("us-west-2"), Some(&known), Completeness::InPart);
    assert!(some.iter().all(|row| row.status != Status::Enough && row.needed.is_none()), "{some:?}");
    // A volume of unknown size, and a stack that may make anything.
    let vague = [things[2].clone(), asked(0, Thing::Volume { kind: "gp3".into(), size: Size(0) })];
    let plenty =
        serde_json::from_value(json!({ "volume_gib": 100_000, "instances": 2, "db_instances": 9 })).unwrap();
    assert_eq!(told(&vague, Some(&plenty)), [("volume_gib", None, Status::Unknown)]);
    assert_eq!(told(&vague[..1], Some(&plenty)), [("volume_gib", Some(100), Status::Enough)]);
    let little = serde_json::from_value(json!({ "volume_gib": 99 })).unwrap();
    assert_eq!(told(&vague, Some(&little)), [("volume_gib", None, Status::TooLow)]);
    let stack = [things[1].clone(), asked(0, Thing::Stack { name: "web".into() })];
    let rows = told(&stack, Some(&plenty));
    assert!(rows.contains(&("instances", None, Status::TooLow)), "{rows:?}");
    assert!(rows.contains(&("db_instances", None, Status::Unknown)), "{rows:?}");
}

#[test]
fn a_table_of_prices_is_checked() {
    assert!(prices::built_in().is_ok());
    for (text, words) in [
        (PRICES.replace("0.73", "\"much\""), "prices.yaml:7:"),
        (PRICES.replace("0.73", "-1"), "negative"),
        (PRICES.replace("machines", "machine"), "did you mean `machines`"),
        (PRICES.replace("us-east-1", "useast"), "useast"),
        ("date: x\n".to_owned(), "source"),
        ("a: b\n".to_owned(), "not a table of prices"),
    ] {
        let error = table(&text).unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn the_plan_of_the_sample_says_what_it_needs_and_costs() {
    let drill = Drill::of("region-loss");
    let playbook = drill.write().display().to_string();
    let plan = |args: &[&str]| -> Value {
        let (_, out, err) = told(&[&["plan", &playbook, "--output", "json"][..], args].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {err}"))
    };
    let before = plan(&[]);
    let quota = |plan: &Value, what: &str| -> Value {
        plan["quotas"].as_array().unwrap().iter().find(|row| row["what"] == what).cloned().unwrap()
    };
    assert_eq!(quota(&before, "db_instances")["needed"], 1);
    assert_eq!(quota(&before, "db_instances")["status"], "unknown");
    assert!(before["cost"]["source"].as_str().unwrap().contains("never compared with AWS"));
    // The estate does not say the engine, so nobody knows the price.
    assert_eq!(before["cost"]["total_usd"], Value::Null);
    assert!(before["cost"]["at_least_usd"].as_f64().unwrap() > 0.0);

    let drill = Drill::of("region-loss")
        .estate(
            "us-west-2: { azs: [usw2-az1, usw2-az2, usw2-az3] }",
            "us-west-2: { azs: [usw2-az1, usw2-az2, usw2-az3], quotas: { db_instances: 0, instances: 9 } }",
        )
        .estate("az: use1-az1, size: 200GiB,", "az: use1-az1, engine: postgres, size: 200GiB,");
    let playbook = drill.write().display().to_string();
    let prices = drill.folder().join("prices.yaml");
    std::fs::write(&prices, prices_of(&drill.playbook)).unwrap();
    let (_, out, err) = told(&["plan", &playbook, "--output", "json", "--prices", prices.to_str().unwrap()]);
    let after: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {err}"));
    assert_eq!(quota(&after, "db_instances")["status"], "too_low");
    assert_eq!(after["cost"]["source"], "a test");
    let (_, text, _) = told(&["plan", &playbook, "--prices", prices.to_str().unwrap()]);
    assert!(text.contains("Quotas of us-west-2") && text.contains("too low"), "{text}");
    assert!(text.contains("Cost") && text.contains("a test"), "{text}");
    let (_, html, _) = told(&["plan", &playbook, "--output", "html"]);
    let page = support::markup::parse(&html);
    page.assert_attributes_are_harmless();
    for words in ["Quotas of the sandbox", "too low", "DB instances", "As planned, this cannot pass"] {
        assert!(html.contains(words), "{words}: {html}");
    }
    let (code, _, err) = told(&["plan", &playbook, "--prices", "nowhere.yaml"]);
    assert_eq!(code, 2);
    assert!(err.contains("nowhere.yaml"), "{err}");
}

/// Prices for whatever the sample makes.
fn prices_of(playbook: &str) -> String {
    assert!(playbook.contains("t4g.small"));
    PRICES.replace("db.r6g.large: 2.0", "db.r6g.large: 2.0, db.t4g.medium: 0.1")
}
