//! `plan --lose-each` and `plan --lose`: compared with answers worked out by hand, and on random
//! estates with a second reckoning from the documents alone.

use std::collections::HashMap;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use support::drill::told;

const SAMPLE: &str = "drills/estate.yaml";

fn sample() -> String {
    support::places::at(SAMPLE).display().to_string()
}

fn matrix(estate: &str, each: &str) -> Vec<Value> {
    let (code, out, err) = told(&["plan", "--estate", estate, "--lose-each", each, "--output", "json"]);
    assert_eq!(code, 0, "{err}");
    let all: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(all["schema"], "drillmaster/matrix/v1");
    all["rows"].as_array().unwrap().clone()
}

/// The row of one loss, as `lost`, `unprotected` and by workload status, RPO and worst case.
fn row(rows: &[Value], lost: &str) -> Value {
    let is = |row: &&Value| row["lose"].as_object().unwrap().values().any(|id| id == lost);
    let row = rows.iter().find(is).unwrap();
    let workloads = row["workloads"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, w)| (name.clone(), json!([w["status"], w["rpo_s"], w["worst_case_s"]])));
    let workloads: serde_json::Map<String, Value> = workloads.collect();
    json!({ "lost": row["lost"], "unprotected": row["unprotected"], "workloads": workloads })
}

#[test]
fn the_sample_estate_is_as_worked_out_by_hand() {
    let untouched = json!(["untouched", 0.0, 0.0]);
    let zones = matrix(&sample(), "az");
    assert_eq!(zones.len(), 6);
    // The volume's snapshot is 6 h old; the database has PITR in the region.
    assert_eq!(
        row(&zones, "use1-az1"),
        json!({
            "lost": ["rds:db/orders", "ec2:instance/i-0a1", "ec2:volume/vol-0c3"],
            "unprotected": [],
            "workloads": {
                "orders": ["recoverable", 21600.0, 21600.0], "search": untouched, "(untagged)": untouched,
            },
        })
    );
    assert_eq!(row(&zones, "use1-az2")["workloads"]["search"], json!(["unprotected", 0.0, 0.0]));
    for quiet in ["use1-az3", "usw2-az1", "usw2-az2", "usw2-az3"] {
        assert_eq!(row(&zones, quiet)["lost"], json!([]), "{quiet}");
    }
    // Of the volume only a snapshot in the lost region exists.
    let regions = matrix(&sample(), "region");
    let east = row(&regions, "us-east-1");
    assert_eq!(east["unprotected"], json!(["ec2:volume/vol-0c3", "ec2:instance/i-0d4"]));
    assert_eq!(east["workloads"]["orders"], json!(["partly", null, null]));
    assert_eq!(row(&regions, "us-west-2")["workloads"]["(untagged)"], json!(["unprotected", null, null]));
    // With production's account only the vault's account is left.
    let accounts = matrix(&sample(), "account");
    let production = row(&accounts, "111122223333");
    assert_eq!(production["unprotected"], json!(["ec2:volume/vol-0c3", "ec2:instance/i-0d4"]));
    assert_eq!(row(&accounts, "999988887777")["lost"], json!([]));
}

#[test]
fn a_playbook_gives_its_own_workloads() {
    let playbook = support::places::at("drills/region-loss.yaml").display().to_string();
    let (code, out, _) = told(&["plan", &playbook, "--lose-each", "region", "--output", "json"]);
    assert_eq!(code, 0);
    let all: Value = serde_json::from_str(&out).unwrap();
    let names: Vec<&String> = all["rows"][0]["workloads"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["orders"]);
    assert_eq!(all["rows"][0]["workloads"]["orders"]["status"], "recoverable");
    assert_eq!(all["rows"][0]["workloads"]["orders"]["rpo_s"], 7200.0);
    assert_eq!(all["rows"][0]["workloads"]["orders"]["worst_case_s"], 45000.0);
}

#[test]
fn one_loss_has_the_keys_of_a_plan() {
    let args = ["plan", "--estate", &sample(), "--lose", "region=us-east-1", "--output", "json"];
    let (code, out, _) = told(&args);
    assert_eq!(code, 0);
    let plan: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(plan["schema"], "drillmaster/plan/v1");
    assert_eq!(plan["lose"], json!({ "region": "us-east-1" }));
    assert_eq!(plan["unprotected"], json!(["ec2:volume/vol-0c3", "ec2:instance/i-0d4"]));
    assert_eq!(plan["surviving"], json!(["s3:bucket/orders-receipts-replica"]));
    assert_eq!(plan["cost"]["total_usd"], Value::Null);
    for (lose, words) in [
        ("region=eu-west-1", "has no region eu-west-1"),
        ("region=nowhere", "region"),
        ("planet=earth", "no kind of loss"),
        ("us-east-1", "KIND=ID"),
    ] {
        let (code, _, err) = told(&["plan", "--estate", &sample(), "--lose", lose]);
        assert_eq!(code, 2, "{lose}: {err}");
        assert!(err.contains(words), "{lose}: {err}");
    }
    let (code, _, err) = told(&["plan", "--estate", &sample()]);
    assert_eq!(code, 2);
    assert!(err.contains("--lose-each"), "{err}");
}

#[test]
fn the_page_and_the_table_say_what_the_json_says() {
    let args = ["plan", "--estate", &sample(), "--lose-each", "region", "--output"];
    let (code, html, _) = told(&[&args[..], &["html"]].concat());
    assert_eq!(code, 0);
    let page = support::markup::parse(&html);
    page.assert_attributes_are_harmless();
    assert_eq!(html.matches("<th scope=\"row\"><span class=\"name\">").count(), 2);
    assert!(
        html.contains("2 of 2 losses take what nothing protects") && html.contains("ec2:instance/i-0d4"),
        "{html}"
    );
    let (code, table, _) = told(&[&args[..], &["markdown"]].concat());
    assert_eq!(code, 0);
    assert!(table.contains("| region us-east-1 | 5 | 2 | in part only"), "{table}");
}

#[test]
fn hostile_names_stay_text_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let hostile = "\"><script>alert(1)</script>|`$(id)`\u{202e}";
    let estate = json!({
        "accounts": { "111122223333": { "name": hostile } },
        "regions": { "us-east-1": { "azs": ["use1-az1"] } },
        "resources": [{ "id": format!("sqs:queue/{hostile}"), "account": "111122223333",
            "region": "us-east-1", "tags": { "app": hostile } }],
    });
    let path = folder.path().join("estate.yaml");
    std::fs::write(&path, estate.to_string()).unwrap();
    let path = path.display().to_string();
    for output in ["html", "markdown", "text", "json"] {
        let args = ["plan", "--estate", &path, "--lose-each", "region", "--output", output];
        let (code, out, err) = told(&args);
        assert_eq!(code, 0, "{err}");
        assert!(!out.contains('\u{202e}'), "{output}: {out}");
        if output == "html" {
            let page = support::markup::parse(&out);
            page.assert_attributes_are_harmless();
            assert_eq!(page.count("script"), 0);
        }
    }
}

/// The types of a random estate, with their scope and whether they hold data: DESIGN §2, and the
/// services' guides. Written again here on purpose.
const TYPES: [(&str, &str, bool); 12] = [
    ("rds:db", "zonal", true),
    ("ec2:volume", "zonal", true),
    ("ec2:instance", "zonal", false),
    ("rds:cluster", "regional", true),
    ("dynamodb:table", "regional", true),
    ("s3:bucket", "regional", true),
    ("ec2:key-pair", "regional", false),
    ("secretsmanager:secret", "regional", false),
    ("lambda:function", "regional", false),
    ("iam:role", "global", false),
    ("route53:hosted-zone", "global", false),
    // What nobody knows may hold data.
    ("acme:thing", "own", true),
];

const KINDS: [(&str, &str); 7] = [
    ("rds:db", "rds_snapshot"),
    ("rds:db", "rds_pitr"),
    ("ec2:volume", "ebs_snapshot"),
    ("ec2:instance", "ami"),
    ("rds:cluster", "rds_cluster_snapshot"),
    ("dynamodb:table", "backup"),
    ("s3:bucket", "s3_replica"),
];

const ACCOUNTS: [&str; 3] = ["111122223333", "444455556666", "999988887777"];
const REGIONS: [(&str, &str); 3] = [("us-east-1", "use1"), ("us-west-2", "usw2"), ("eu-west-1", "euw1")];

fn random_estate(rng: &mut StdRng) -> Value {
    let mut resources = Vec::new();
    let mut points = Vec::new();
    for n in 0..rng.random_range(1..30) {
        let (kind, scope, _) = *TYPES.choose(rng).unwrap();
        let (region, short) = *REGIONS.choose(rng).unwrap();
        let own = *["zonal", "regional", "global"].choose(rng).unwrap();
        let real = if scope == "own" { own } else { scope };
        let mut resource = json!({ "id": format!("{kind}/r-{n}"), "account": ACCOUNTS.choose(rng).unwrap() });
        if scope == "own" {
            resource["scope"] = own.into();
        }
        if real != "global" {
            resource["region"] = region.into();
        }
        if real == "zonal" {
            resource["az"] = format!("{short}-az{}", rng.random_range(1..=2)).into();
            if kind == "rds:db" && rng.random_bool(0.3) {
                resource["multi_az"] = true.into();
            }
        }
        if rng.random_bool(0.7) {
            resource["tags"] = json!({ "app": *["shop", "search"].choose(rng).unwrap() });
        }
        if rng.random_bool(0.2) {
            resource["stack"] = "web".into();
        }
        if rng.random_bool(0.2) {
            let lag = rng.random_range(1..600);
            resource["replicas"] =
                json!([{ "region": REGIONS.choose(rng).unwrap().0, "lag": format!("{lag}s") }]);
        }
        for (of, point_kind) in KINDS.iter().filter(|(of, _)| *of == kind) {
            let continuous = ["rds_pitr", "s3_replica"].contains(point_kind);
            let most = if continuous { 1 } else { 6 };
            for p in 0..rng.random_range(0..=most) {
                let taken = rng.random_range(60..3_000_000_u32);
                let lag = if continuous { 0 } else { rng.random_range(0..200_000) };
                let mut point = json!({
                    "of": format!("{of}/r-{n}"), "kind": point_kind, "id": format!("p-{n}-{point_kind}-{p}"),
                    "account": ACCOUNTS.choose(rng).unwrap(), "region": REGIONS.choose(rng).unwrap().0,
                    "taken": format!("-{taken}s"),
                    "usable": if taken >= lag { format!("-{}s", taken - lag) } else { format!("{}s", lag - taken) },
                });
                if rng.random_bool(0.2) {
                    let (region, account) = (REGIONS.choose(rng).unwrap().0, ACCOUNTS.choose(rng).unwrap());
                    point["kms_key"] = format!("arn:aws:kms:{region}:{account}:key/k").into();
                }
                points.push(point);
            }
        }
        resources.push(resource);
    }
    let regions: serde_json::Map<String, Value> = REGIONS
        .iter()
        .map(|(region, short)| {
            (region.to_string(), json!({ "azs": [format!("{short}-az1"), format!("{short}-az2")] }))
        })
        .collect();
    let accounts: serde_json::Map<String, Value> =
        ACCOUNTS.iter().map(|id| (id.to_string(), json!({ "name": format!("a{id}") }))).collect();
    json!({ "accounts": accounts, "regions": regions, "resources": resources, "recovery_points": points })
}

/// The seconds of `-90s` (negative) or `90s`.
fn seconds(text: &Value) -> f64 {
    text.as_str().unwrap().strip_suffix('s').unwrap().parse().unwrap()
}

/// Whether the loss takes a resource of the scope at this place.
fn taken(each: &str, lost: &str, place: &Value, scope: &str) -> bool {
    match each {
        "account" => place["account"] == lost,
        "region" => scope != "global" && place["region"] == lost,
        _ => scope == "zonal" && place["az"] == lost,
    }
}

/// The figures of a lost resource: `None` if nothing survives, else RPO and worst case.
fn reckoned(each: &str, lost: &str, estate: &Value, resource: &Value) -> Option<(f64, f64)> {
    const MONTH: f64 = 30.0 * 86_400.0;
    let mut dated: Vec<(f64, f64)> = Vec::new();
    let mut lags: Vec<f64> = Vec::new();
    let mut rpo = f64::INFINITY;
    for point in estate["recovery_points"].as_array().unwrap() {
        let key = point["kms_key"].as_str().map(|key| {
            let parts: Vec<&str> = key.split(':').collect();
            json!({ "region": parts[3], "account": parts[4] })
        });
        let key_lost = key.is_some_and(|key| taken(each, lost, &key, "regional"));
        let usable = seconds(&point["usable"]);
        if point["of"] != resource["id"] || taken(each, lost, point, "regional") || key_lost || usable > 0.0 {
            continue;
        }
        let consistent = seconds(&point["taken"]);
        rpo = rpo.min(-consistent);
        match point["kind"].as_str().unwrap() {
            "rds_pitr" | "s3_replica" => lags.push(-consistent),
            _ => dated.push((usable, consistent)),
        }
    }
    for replica in resource["replicas"].as_array().into_iter().flatten() {
        let place = json!({ "region": replica["region"], "account": resource["account"] });
        // A replica of a zonal type lies in a zone, and nothing says that it is another one.
        let kind = resource["id"].as_str().unwrap().split('/').next().unwrap();
        let zonal = TYPES.iter().any(|(name, scope, _)| *name == kind && ["zonal", "own"].contains(scope));
        let region = REGIONS.iter().find(|(name, _)| replica["region"] == *name).unwrap();
        let may_be_lost = each == "az" && zonal && lost.starts_with(region.1);
        if !taken(each, lost, &place, "regional") && !may_be_lost {
            rpo = rpo.min(seconds(&replica["lag"]));
            lags.push(seconds(&replica["lag"]));
        }
    }
    if rpo.is_infinite() {
        return None;
    }
    // The supremum over t: it is reached just before a point becomes usable, or at T0.
    let first = dated.iter().map(|(usable, _)| *usable).fold(f64::INFINITY, f64::min);
    let mut worst = f64::NEG_INFINITY;
    for end in dated.iter().map(|(usable, _)| *usable).chain([0.0]) {
        let is_at_t0 = end == 0.0;
        let there = dated.iter().filter(|(usable, _)| *usable < end || (is_at_t0 && *usable <= end));
        let newest = there.map(|(_, taken)| *taken).fold(f64::NEG_INFINITY, f64::max);
        if end > -MONTH && end >= first && newest.is_finite() {
            worst = worst.max(end - newest);
        }
    }
    let lag = lags.into_iter().fold(f64::INFINITY, f64::min);
    Some((rpo, if worst.is_finite() { worst.min(lag) } else { lag }))
}

#[test]
fn random_estates_agree_with_a_second_reckoning() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for seed in 0..60 {
        let estate = random_estate(&mut StdRng::seed_from_u64(seed));
        let path = folder.path().join("estate.yaml");
        std::fs::write(&path, estate.to_string()).unwrap();
        for each in ["az", "region", "account"] {
            for row in matrix(&path.display().to_string(), each) {
                let lost = row["lose"].as_object().unwrap().values().next().unwrap().as_str().unwrap();
                compare(&format!("seed {seed}: {each} {lost}"), each, lost, &estate, &row, &mut seen);
            }
        }
    }
    for status in ["recoverable", "partly", "unprotected", "untouched"] {
        assert!(seen.get(status).is_some_and(|count| *count > 50), "{seen:?}");
    }
}

/// Of each lost resource: whether it holds data, and its RPO and worst case if something survives.
type Lost = Vec<(bool, Option<(f64, f64)>)>;

fn compare(
    at: &str,
    each: &str,
    lost: &str,
    estate: &Value,
    row: &Value,
    seen: &mut std::collections::BTreeMap<String, usize>,
) {
    let (mut all, mut bare) = (Vec::new(), Vec::new());
    let mut workloads: std::collections::BTreeMap<&str, Lost> = std::collections::BTreeMap::new();
    for resource in estate["resources"].as_array().unwrap() {
        let id = resource["id"].as_str().unwrap();
        let (_, scope, data) = *TYPES.iter().find(|(kind, ..)| id.starts_with(&format!("{kind}/"))).unwrap();
        let scope = resource["scope"].as_str().unwrap_or(scope);
        let scope = if resource["multi_az"] == true { "regional" } else { scope };
        let of = workloads.entry(resource["tags"]["app"].as_str().unwrap_or("(untagged)")).or_default();
        if !taken(each, lost, resource, scope) {
            continue;
        }
        let mut figures = reckoned(each, lost, estate, resource);
        if figures.is_none() && !data && resource["stack"].is_string() {
            figures = Some((0.0, 0.0));
        }
        all.push(id);
        if figures.is_none() {
            bare.push(id);
        }
        of.push((data, figures));
    }
    assert_eq!(row["lost"], json!(all), "{at}");
    assert_eq!(row["unprotected"], json!(bare), "{at}");
    for (name, lost) in workloads {
        let told = &row["workloads"][name];
        let gone = lost.iter().filter(|(_, figures)| figures.is_none()).count();
        let status = match (lost.len(), gone) {
            (0, _) => "untouched",
            (_, 0) => "recoverable",
            (all, gone) if all == gone => "unprotected",
            _ => "partly",
        };
        *seen.entry(status.to_owned()).or_default() += 1;
        assert_eq!(told["status"], status, "{at} {name}");
        let data: Vec<Option<(f64, f64)>> = lost.iter().filter(|(data, _)| *data).map(|(_, f)| *f).collect();
        let greatest = |of: fn(&(f64, f64)) -> f64| -> Option<f64> {
            data.iter().map(|f| f.as_ref().map(of)).try_fold(0.0, |most: f64, f| Some(most.max(f?)))
        };
        for (key, expected) in [("rpo_s", greatest(|f| f.0)), ("worst_case_s", greatest(|f| f.1))] {
            let found = told[key].as_f64();
            let same = match (found, expected) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-6,
                (None, None) => true,
                _ => false,
            };
            assert!(same, "{at} {name} {key}: {found:?}, reckoned {expected:?}\n{estate:#}");
        }
    }
}

/// The scope of each type, by the table of docs/twin.md.
fn documented_scopes() -> std::collections::BTreeMap<String, String> {
    let text = std::fs::read_to_string(support::places::at("docs/twin.md")).unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let kind = cells.next()?.strip_suffix('`')?;
        let scope = cells.next()?;
        (kind.contains(':') && !kind.contains(' ')).then(|| (kind.to_owned(), scope.to_owned()))
    };
    text.lines().filter_map(row).collect()
}

/// What each loss of the discovered estate takes, and of what nothing survives, by the documents
/// alone. Its figures are those of the random estates.
#[test]
fn the_discovered_estate_agrees_with_a_second_reckoning() {
    let (resources, points) = support::discovered::entries();
    assert!(resources.len() > 3_000 && points.len() > 1_000);
    let mut points_of: HashMap<&str, Vec<&Value>> = HashMap::new();
    for point in &points {
        points_of.entry(point["of"].as_str().unwrap()).or_default().push(point);
    }
    let scopes = documented_scopes();
    let scope_of = |resource: &Value| {
        let scope = scopes[resource["id"].as_str().unwrap().split('/').next().unwrap()].as_str();
        let is_in_a_zone = resource["az"].is_string() && resource["multi_az"] != true;
        match scope {
            "regional; in one zone: zonal" | "zonal; Multi-AZ: regional" if is_in_a_zone => "zonal",
            "regional; in one zone: zonal" | "zonal; Multi-AZ: regional" => "regional",
            scope => ["zonal", "regional", "global"].into_iter().find(|known| *known == scope).unwrap(),
        }
    };
    let mut counts = (0, 0);
    for each in ["az", "region", "account"] {
        for row in matrix(&support::discovered::path().display().to_string(), each) {
            let lost = row["lose"].as_object().unwrap().values().next().unwrap().as_str().unwrap();
            let survives = |resource: &Value, scope: &str| {
                let is_usable = |point: &Value| {
                    let key = point["kms_key"].as_str().map(|key| {
                        let parts: Vec<&str> = key.split(':').collect();
                        json!({ "region": parts[3], "account": parts[4] })
                    });
                    point["scan"] != "infected"
                        && !taken(each, lost, point, "regional")
                        && !key.is_some_and(|key| taken(each, lost, &key, "regional"))
                };
                let replicas = resource["replicas"].as_array().into_iter().flatten();
                let is_kept = |replica: &Value| {
                    let account = replica.get("account").unwrap_or(&resource["account"]);
                    let place = json!({ "region": replica["region"], "account": account });
                    // In which zone the replica of a zonal type lies is not known.
                    !(taken(each, lost, &place, "regional") || (each == "az" && scope == "zonal"))
                };
                let id = resource["id"].as_str().unwrap();
                let is_machine = id.starts_with("ec2:instance/");
                points_of.get(id).into_iter().flatten().any(|point| is_usable(point))
                    || replicas.into_iter().any(is_kept)
                    || (is_machine && resource["stack"].is_string())
            };
            let gone: Vec<(&Value, bool)> = resources
                .iter()
                .filter(|resource| taken(each, lost, resource, scope_of(resource)))
                .map(|resource| (&resource["id"], survives(resource, scope_of(resource))))
                .collect();
            let ids = |kept: &dyn Fn(bool) -> bool| {
                let kept = gone.iter().filter(|(_, survives)| kept(*survives));
                kept.map(|(id, _)| *id).collect::<Vec<_>>()
            };
            assert_eq!(row["lost"], json!(ids(&|_| true)), "{each} {lost}");
            assert_eq!(row["unprotected"], json!(ids(&|survives| !survives)), "{each} {lost}");
            counts = (counts.0 + ids(&|_| true).len(), counts.1 + ids(&|survives| !survives).len());
        }
    }
    assert!(counts.0 > 5_000 && counts.1 > 3_000 && counts.0 - counts.1 > 300, "{counts:?}");
}
