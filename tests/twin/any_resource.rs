//! Resources of any type: the table of types, and estates with types that it does not know.

use std::fmt::Write as _;

use engine::actions::ACTIONS;
use estate::scope::{Differs, Scope, TABLE, row_of};
use serde_json::json;
use support::drill::told;

/// The table in docs/twin.md.
fn documented() -> String {
    let mut table = String::from("| type | scope | protected by | restored by |\n|---|---|---|---|\n");
    for row in &TABLE {
        let scope = match (row.scope, row.differs) {
            (Scope::Zonal, Differs::WithStandby) => "zonal; Multi-AZ: regional".to_owned(),
            (Scope::Regional, Differs::InOneZone) => "regional; in one zone: zonal".to_owned(),
            (scope, _) => scope.to_string(),
        };
        let kinds = row.protected_by.iter().map(|kind| {
            let name = serde_json::to_value(kind).unwrap();
            format!("`{}`", name.as_str().unwrap())
        });
        let replicas = (!row.replicates_by.is_empty()).then(|| row.replicates_by.to_owned());
        let protected: Vec<String> = kinds.chain(replicas).collect();
        let restored: Vec<String> = row.restored_by.iter().map(|action| format!("`{action}`")).collect();
        let _infallible = writeln!(
            table,
            "| `{}` | {scope} | {} | {} |",
            row.kind,
            protected.join(", "),
            restored.join(", ")
        );
    }
    table
}

#[test]
fn the_page_of_estates_lists_every_type() {
    let page = std::fs::read_to_string(support::places::at("docs/twin.md")).unwrap();
    let table = documented();
    assert!(page.contains(&table), "put this into docs/twin.md:\n{table}");
}

/// DESIGN §2 and FIELD §7, written again on purpose.
#[test]
fn the_scopes_are_those_of_the_design() {
    for (scope, kinds) in [
        (Scope::Zonal, "ec2:volume ec2:instance ec2:subnet rds:db fsx:file-system redshift:cluster"),
        (
            Scope::Regional,
            "ec2:key-pair ec2:image ec2:address ec2:security-group ec2:snapshot rds:snapshot s3:bucket \
             cloudformation:stack rds:cluster docdb:cluster neptune:cluster dynamodb:table efs:file-system \
             lambda:function ecs:service eks:cluster ecr:repository secretsmanager:secret ssm:parameter \
             kms:key acm:certificate sns:topic sqs:queue autoscaling:group elb:load-balancer ec2:vpc",
        ),
        (Scope::Global, "iam:role iam:user route53:hosted-zone cloudfront:distribution"),
    ] {
        for kind in kinds.split_whitespace() {
            assert_eq!(row_of(kind).map(|row| row.scope), Some(scope), "{kind}");
        }
    }
    for kind in ["elasticache:cluster", "memorydb:cluster", "opensearch:domain", "ecs:task-definition"] {
        assert!(row_of(kind).is_some(), "{kind}");
    }
    let stores = "ec2:volume rds:db rds:cluster docdb:cluster neptune:cluster dynamodb:table efs:file-system \
                  fsx:file-system redshift:cluster s3:bucket opensearch:domain";
    for kind in stores.split_whitespace() {
        assert!(row_of(kind).unwrap().data, "{kind}");
    }
}

#[test]
fn each_type_stands_once_and_names_actions_that_exist() {
    let mut seen = std::collections::BTreeSet::new();
    for row in &TABLE {
        assert!(seen.insert(row.kind), "{} stands twice", row.kind);
        assert!(!row.source.is_empty(), "{}", row.kind);
        for action in row.restored_by {
            assert!(ACTIONS.iter().any(|entry| entry.decl.name == *action), "{}: {action}", row.kind);
        }
    }
}

#[test]
fn each_action_that_restores_stands_in_the_table() {
    // They copy or compare, give an address to what was restored, run a program, or ask a person.
    let restore_nothing = ["backup.copy", "s3.verify", "efs.mount", "command.run", "manual.task"];
    for entry in ACTIONS {
        let name = entry.decl.name;
        let stands = TABLE.iter().any(|row| row.restored_by.contains(&name));
        assert_eq!(stands, !restore_nothing.contains(&name), "{name}");
    }
}

#[test]
fn each_kind_of_point_protects_a_type() {
    for kind in estate::PointKind::ALL {
        assert!(TABLE.iter().any(|row| row.protected_by.contains(kind)), "{kind:?}");
    }
}

fn validated(resource: &serde_json::Value) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("estate.yaml");
    let estate = json!({
        "accounts": { "111122223333": { "name": "production" } },
        "regions": { "us-east-1": { "azs": ["use1-az1"] }, "us-west-2": { "azs": ["usw2-az1"] } },
        "resources": [resource],
    });
    std::fs::write(&path, estate.to_string()).unwrap();
    let (code, out, err) = told(&["validate", &path.display().to_string()]);
    (code, out + &err)
}

#[test]
fn an_unknown_type_needs_its_scope_and_a_known_one_takes_none() {
    let of = |id: &str| json!({ "id": id, "account": "111122223333", "region": "us-east-1" });
    let with = |id: &str, key: &str, value: serde_json::Value| {
        let mut resource = of(id);
        resource[key] = value;
        resource
    };
    assert_eq!(validated(&with("acme:thing/a", "scope", "regional".into())).0, 0);
    assert_eq!(validated(&of("opensearch:domain/logs")).0, 0, "a zone that is not said is a warning");
    for (resource, words) in [
        (of("acme:thing/a"), "is not a known type of resource"),
        (of("rds:databse/a"), "the known types of rds are"),
        (of("dynamo:table/a"), "dynamodb:table"),
        (with("sqs:queue/a", "scope", "global".into()), "is known: it is regional"),
        (with("sqs:queue/a", "multi_az", true.into()), "cannot be Multi-AZ"),
        (with("acme:thing/a", "scope", "local".into()), "scope"),
        (with("dynamodb:table/a", "replicas", json!([{ "region": "eu-west-1" }])), "not among `regions`"),
    ] {
        let (code, said) = validated(&resource);
        assert_eq!(code, 2, "{resource}: {said}");
        assert!(said.contains(words), "{resource}: {said}");
    }
}

#[test]
fn a_series_is_checked_and_counts_as_its_points() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("estate.yaml").display().to_string();
    let write = |point: serde_json::Value| {
        let mut full = json!({ "of": "dynamodb:table/orders", "kind": "backup", "id": "daily",
            "account": "444455556666", "region": "us-west-2" });
        full.as_object_mut().unwrap().extend(point.as_object().unwrap().clone());
        let estate = json!({
            "accounts": { "111122223333": { "name": "production" }, "444455556666": { "name": "vault" } },
            "regions": { "us-east-1": { "azs": ["use1-az1"] }, "us-west-2": { "azs": ["usw2-az1"] } },
            "resources": [{ "id": "dynamodb:table/orders", "account": "111122223333", "region": "us-east-1" }],
            "recovery_points": [full],
        });
        std::fs::write(&path, estate.to_string()).unwrap();
    };
    write(json!({ "every": "6h", "keep": "7d", "lag": "40m" }));
    let (code, out, err) = told(&["plan", "--estate", &path, "--lose-each", "region", "--output", "json"]);
    assert_eq!(code, 0, "{err}");
    let matrix: serde_json::Value = serde_json::from_str(&out).unwrap();
    let workload = &matrix["rows"][0]["workloads"]["(untagged)"];
    // The newest is six hours old. Just before it became usable, the one before it was 6 h 40 min old.
    assert_eq!(workload["rpo_s"], 21600.0);
    assert_eq!(workload["worst_case_s"], 24000.0);
    for (point, words) in [
        (json!({ "every": "6h" }), "needs `keep`"),
        (json!({ "keep": "6h" }), "belongs to a series"),
        (json!({ "lag": "6h", "taken": "-1h" }), "only a series"),
        (json!({ "every": "0s", "keep": "1d" }), "the interval is zero"),
        (json!({ "every": "1s", "keep": "3650d" }), "more than 100000 points"),
        (json!({ "every": "3d", "keep": "1d" }), "gone before the next"),
        (json!({ "every": "6h", "keep": "7d", "usable": "-1h", "taken": "-2h" }), "no single time"),
        (json!({ "every": "6h", "keep": "7d", "kind": "dynamodb_pitr" }), "a series already"),
    ] {
        write(point.clone());
        let (code, out, err) = told(&["validate", &path]);
        assert_eq!(code, 2, "{point}: {out}{err}");
        assert!((out.clone() + &err).contains(words), "{point}: {out}{err}");
    }
    // Each series is allowed, and all of them together are not.
    let many: Vec<String> = (0..25)
        .map(|n| {
            format!("  - {{ of: \"rds:db/orders\", kind: rds_snapshot, id: s{n}, account: \"111122223333\", region: us-east-1, every: 1s, keep: 1d }}\n")
        })
        .collect();
    let estate = format!(
        "accounts: {{ \"111122223333\": {{ name: prod }} }}\nregions: {{ us-east-1: {{ azs: [use1-az1] }} }}\n\
         resources:\n  - {{ id: \"rds:db/orders\", account: \"111122223333\", region: us-east-1, az: use1-az1 }}\n\
         recovery_points:\n{}",
        many.concat()
    );
    std::fs::write(&path, estate).unwrap();
    let (code, out, err) = told(&["validate", &path]);
    assert_eq!(code, 2, "{out}{err}");
    assert_eq!(out.matches("of all series are more than 2000000").count(), 1, "{out}{err}");
    assert!(out.contains(":29:"), "the 24th entry: {out}");
}
