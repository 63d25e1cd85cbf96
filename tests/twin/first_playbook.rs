//! `init`: each playbook that it writes is valid, and its drill ends as the matrix says.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use support::drill::{texts, told};

/// Every type of the scope table, in one zone, region and account, with points where an action can
/// use them.
fn large_estate() -> Value {
    let at = json!({ "account": "111122223333", "region": "us-east-1" });
    let mut resources = Vec::new();
    let mut points = Vec::new();
    for (n, row) in estate::scope::TABLE.iter().enumerate() {
        let mut resource = at.clone();
        resource["id"] = format!("{}/thing-{n}", row.kind).into();
        resource["tags"] = json!({ "app": format!("app-{}", n % 5) });
        match row.scope {
            estate::scope::Scope::Zonal => resource["az"] = "use1-az1".into(),
            estate::scope::Scope::Regional => {}
            estate::scope::Scope::Global => {
                resource.as_object_mut().unwrap().remove("region");
            }
        }
        if row.kind == "rds:cluster" {
            resource["engine"] = "aurora-postgresql".into();
            resource["class"] = "db.r6g.large".into();
        }
        if row.kind == "dynamodb:table" {
            // Its points are bound to its account, which is that of the sandbox here.
            resource["account"] = "444455556666".into();
        }
        for kind in row.protected_by {
            let name = serde_json::to_value(kind).unwrap();
            for (region, account) in [("us-east-1", "111122223333"), ("us-west-2", "444455556666")] {
                let id = format!("point-{n}-{}-{region}", name.as_str().unwrap());
                points.push(json!({
                    "of": resource["id"], "kind": name, "id": id, "account": account, "region": region,
                    "taken": "-2h", "size": "10GiB", "shared_with": ["999988887777"],
                }));
            }
        }
        resources.push(resource);
    }
    json!({
        "accounts": {
            "111122223333": { "name": "production" }, "444455556666": { "name": "vault" },
            "999988887777": { "name": "sandbox" },
        },
        "regions": {
            "us-east-1": { "azs": ["use1-az1", "use1-az2", "use1-az3"] },
            "us-west-2": { "azs": ["usw2-az1", "usw2-az2"] },
        },
        "resources": resources,
        "recovery_points": points,
    })
}

/// The types that `init` writes restores for. The others that an action restores need what no estate
/// holds: a public key, a template, a copy under a key.
const DRAFTED: [&str; 7] = [
    "rds:db",
    "rds:cluster",
    "ec2:volume",
    "ec2:instance",
    "autoscaling:group",
    "s3:bucket",
    "dynamodb:table",
];

/// Why a resource of such a type has no restore, although something of it survives.
const WHY: [&str; 3] = [
    // Another point of it survives, one of AWS Backup.
    "recovery point: it is lost",
    "it has no recovery point that an action can use",
    "the estate does not say what",
];

/// Writes, validates and runs the playbook of each loss. Returns how many drills there were.
fn each_loss(estate: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let losses = ["az", "region", "account"].map(|each| {
        let (code, out, err) = told(&["plan", "--estate", estate, "--lose-each", each, "--output", "json"]);
        assert_eq!(code, 0, "{err}");
        let matrix: Value = serde_json::from_str(&out).unwrap();
        let rows = matrix["rows"].as_array().unwrap().clone();
        rows.into_iter().map(|row| (each, row)).collect::<Vec<_>>()
    });
    let losses = losses.concat();
    let drills = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for half in losses.chunks(losses.len().div_ceil(2)) {
            let (folder, drills) = (folder.path(), &drills);
            threads.spawn(move || {
                for (each, row) in half {
                    drills.fetch_add(usize::from(loss(folder, estate, each, row)), Ordering::Relaxed);
                }
            });
        }
    });
    drills.into_inner()
}

/// Returns whether there was anything to drill.
fn loss(folder: &Path, estate: &str, each: &str, row: &Value) -> bool {
    let id = row["lose"][each].as_str().unwrap();
    let playbook = folder.join(format!("{id}.yaml")).display().to_string();
    let lose = format!("{each}={id}");
    let (code, _, err) = told(&["init", "--estate", estate, "--lose", &lose, "-o", &playbook]);
    let lost = texts(&row["lost"]);
    if code == 1 {
        // Nothing lost is of a type that an action restores, or all of it is unprotected.
        let unprotected = texts(&row["unprotected"]);
        let restorable = |id: &&&str| {
            let kind = id.split('/').next().unwrap();
            // A table's own points go with its account, and no action restores AWS Backup's.
            let is_bound = kind == "dynamodb:table";
            DRAFTED.contains(&kind) && !is_bound && !unprotected.contains(*id)
        };
        // What else survives is of no use to an action, and each has a reason.
        for id in lost.iter().filter(restorable).take(2) {
            let args = ["init", "--estate", estate, "--lose", &lose, "--workload", *id];
            let (code, _, err) = told(&args);
            let why = err.split_once(&format!("{id}: ")).map(|(_, why)| why.split(';').next().unwrap());
            assert!(code == 1 && why.is_some_and(|why| WHY.iter().any(|known| why.contains(known))), "{err}");
        }
        assert_eq!(err.contains("nothing that was asked for"), lost.is_empty(), "{lose}: {err}");
        return false;
    }
    assert_eq!(code, 0, "{lose}: {err}");
    let (code, out, err) = told(&["validate", &playbook]);
    assert_eq!(code, 0, "{lose}: {out}{err}");
    let out = folder.join(format!("run-{id}")).display().to_string();
    let (code, said, err) = told(&["run", &playbook, "--out", &out]);
    assert!(code == 0 || code == 1, "{lose}: {said}{err}");
    let report = std::fs::read_to_string(format!("{out}/report.json")).unwrap();
    let report: Value = serde_json::from_str(&report).unwrap();
    ended_as_the_matrix_says(&lose, code, row, &report, &std::fs::read_to_string(&playbook).unwrap());
    true
}

/// All that the playbook does works. A drill fails exactly if a lost resource stays lost, and the
/// playbook says why it does.
fn ended_as_the_matrix_says(lose: &str, code: i32, row: &Value, report: &Value, playbook: &str) {
    for step in report["steps"].as_array().unwrap() {
        assert_eq!(step["status"], "succeeded", "{lose}: {step:#}");
    }
    for check in report["checks"].as_array().unwrap() {
        assert_eq!(check["status"], "healthy", "{lose}: {check:#}");
    }
    let stays = |line: &'_ str| {
        let (id, why) = line.trim().strip_prefix("# ")?.split_once(" stays lost: ")?;
        assert!(!why.is_empty(), "{lose}: {id}");
        Some(id.to_owned())
    };
    let left: BTreeSet<String> = playbook.lines().filter_map(stays).collect();
    let owned = |ids: &Value| texts(ids).into_iter().map(str::to_owned).collect::<BTreeSet<String>>();
    assert_eq!(owned(&report["coverage"]["uncovered"]), left, "{lose}");
    let covered = owned(&report["coverage"]["covered"]);
    assert_eq!(covered.union(&left).cloned().collect::<BTreeSet<_>>(), owned(&row["lost"]), "{lose}");
    let unprotected = owned(&row["unprotected"]);
    assert!(unprotected.is_subset(&left), "{lose}: {:?}", unprotected.difference(&left));
    assert_eq!(code, i32::from(!left.is_empty()), "{lose}: {:#}", report["reasons"]);
    // By workload, too.
    for (name, told) in row["workloads"].as_object().unwrap() {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let name: String = name.chars().map(plain).collect();
        let mut workloads = report["workloads"].as_array().unwrap().iter();
        let found = workloads.find(|workload| workload["name"] == name.trim_matches('-'));
        let recovered = found.map(|workload| workload["recovered"].as_bool().unwrap());
        match told["status"].as_str().unwrap() {
            "untouched" => assert_eq!(recovered, None, "{lose}: {name}"),
            "partly" | "unprotected" => assert_eq!(recovered, Some(false), "{lose}: {name}"),
            "recoverable" => {
                let missing = texts(&found.unwrap()["missing_resources"]);
                assert_eq!(recovered, Some(missing.is_empty()), "{lose}: {name}");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn each_loss_of_the_sample_estate() {
    let drills = each_loss(&support::places::at("drills/estate.yaml").display().to_string());
    assert_eq!(drills, 3);
}

/// The estate of the peer, as `discover` finds it: thousands of resources in three accounts.
#[test]
fn each_loss_of_the_discovered_estate() {
    let drills = each_loss(&support::discovered::path().display().to_string());
    // The thirteen zones and the three regions. Of an account nothing survives that can be restored.
    assert_eq!(drills, 16);
}

#[test]
fn each_loss_of_an_estate_with_every_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("estate.yaml");
    std::fs::write(&path, large_estate().to_string()).unwrap();
    let drills = each_loss(&path.display().to_string());
    // One zone, one region and one account hold everything but a table, which lies in a second account.
    assert_eq!(drills, 4);
    let playbook = told(&["init", "--estate", &path.display().to_string(), "--lose", "region=us-east-1"]).1;
    for kind in DRAFTED {
        assert!(!playbook.contains(&format!("# {kind}/")), "{kind} is not restored:\n{playbook}");
    }
    for row in estate::scope::TABLE.iter().filter(|row| !row.restored_by.is_empty()) {
        let by_hand = ["ec2:key-pair", "ec2:address", "cloudformation:stack", "ec2:snapshot", "ec2:image"];
        // Nobody but a person knows the role that AWS Backup restores with.
        let by_hand = by_hand.contains(&row.kind) || row.kind.ends_with("snapshot");
        let by_hand = by_hand || row.restored_by == ["backup.restore"];
        assert!(DRAFTED.contains(&row.kind) || by_hand, "init knows nothing of {}", row.kind);
    }
}

#[test]
fn what_is_asked_for_is_written_and_nothing_is_overwritten() {
    let estate = support::places::at("drills/estate.yaml").display().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("first.yaml").display().to_string();
    let args = ["init", "--estate", &estate, "--lose", "region=us-east-1", "--workload", "tag:app=orders"];
    let (code, out, _) = told(&args);
    assert_eq!(code, 0);
    assert!(out.contains("ec2:volume/vol-0c3 stays lost") && !out.contains("search"), "{out}");
    let into = [&args[..], &["-o", &file]].concat();
    assert_eq!(told(&into).0, 0);
    let (code, _, err) = told(&into);
    assert_eq!(code, 2);
    assert!(err.contains("cannot be written"), "{err}");
    let (code, _, err) =
        told(&["init", "--estate", &estate, "--lose", "region=us-east-1", "--workload", "tag:app=nothing"]);
    assert_eq!(code, 2);
    assert!(err.contains("no resource has the tag app=nothing"), "{err}");
}
