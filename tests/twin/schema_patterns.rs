//! Editors and validation agree: the schemas' patterns accept what the parsers accept.

use engine::actions::CATALOGUE;
use serde_json::{Value, json};

use playbook::comparison::{Comparison, SizeComparison};

/// The pattern of a format in a printed schema.
fn pattern(schema: &Value, format: &str) -> String {
    match schema {
        Value::Object(object) if object.get("format") == Some(&json!(format)) => {
            object["pattern"].as_str().unwrap_or_else(|| panic!("{format} has no pattern")).to_owned()
        }
        Value::Object(object) => {
            object.values().map(|v| pattern(v, format)).find(|p| !p.is_empty()).unwrap_or_default()
        }
        Value::Array(items) => {
            items.iter().map(|v| pattern(v, format)).find(|p| !p.is_empty()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

fn reads<T: std::str::FromStr>(text: &str) -> bool {
    text.parse::<T>().is_ok()
}

fn of_notify(format: &str, text: &str) -> bool {
    playbook::notify::format(format, text).is_some_and(|read| read.is_ok())
}

struct Row {
    format: &'static str,
    reads: fn(&str) -> bool,
    good: &'static [&'static str],
    bad: &'static [&'static str],
}

const ROWS: [Row; 18] = [
    Row {
        format: "duration",
        reads: reads::<base::duration::Span>,
        good: &["90s", "15m", "1h30m", "1h 30m", "2d", "1.5s", ".5h", "250ms", "1w", "0", " 5m "],
        bad: &["", "2 hours", "15", "5 m", "1x", "-5m", "1h 30", "five minutes", "1:30", "..s", "1h,30m"],
    },
    Row {
        format: "size",
        reads: reads::<base::duration::Size>,
        good: &["200GiB", "1.5TiB", "512MB", "200 GiB", "1024", "1e3B", "0B"],
        bad: &["", "lots", "200 gigs", "200Gi", "GiB", "-5GiB", "1,5TiB", "5G"],
    },
    Row {
        format: "when",
        reads: reads::<base::duration::When>,
        good: &["-2h", "+10m", "-1d 2h", "2026-01-31T08:00:00Z", "2026-01-31T08:00:00.5+01:00"],
        bad: &["", "yesterday", "2 hours ago", "08:00", "2026-01-31T08:00:00", "31.01.2026", "2026-13"],
    },
    Row {
        format: "account-id",
        reads: reads::<base::ids::AccountId>,
        good: &["111122223333", "012345678901"],
        bad: &["", "1111-2222-3333", "11112222333", "1111222233334", "production"],
    },
    Row {
        format: "region",
        reads: reads::<base::ids::Region>,
        good: &["us-east-1", "ap-northeast-3", "us-gov-west-1", "eusc-de-east-1"],
        bad: &["", "us-east", "us-east-1a", "US-EAST-1", "us_east_1", "us east 1", "use1-az1"],
    },
    Row {
        format: "az-id",
        reads: reads::<base::ids::AzId>,
        good: &["use1-az1", "usw2-lax1-az1", "apne1-az4"],
        bad: &["", "us-east-1a", "use1", "use1-az", "USE1-AZ1", "use1 az1"],
    },
    Row {
        format: "connect-to",
        reads: reads::<playbook::connect_to::ConnectTo>,
        good: &["db.internal:5432=127.0.0.1:15432", "*.example.org:443 = [::1]:8443", "*:80=bastion:80"],
        bad: &["", "db.internal", "db.internal:5432", "db:5432=", "db=127.0.0.1:15432", "db:x=a:1"],
    },
    Row {
        format: "resource-id",
        reads: reads::<estate::ResourceId>,
        good: &["rds:db/orders", "s3:bucket/a/b", "ec2:instance/i-0a1", "rds:db/orders[region=us-west-2]"],
        bad: &[
            "",
            "orders",
            "rds:db",
            "rds:db/",
            "rds/orders",
            "ec2:instance[tag:a=b]",
            "rds:db/orders[us-west-2]",
        ],
    },
    Row {
        format: "selector",
        reads: reads::<estate::Selector>,
        good: &[
            "rds:db/orders",
            "ec2:instance[tag:app=orders]",
            "ec2:instance[tag:app=]",
            "rds:db/o[account=111122223333,region=us-west-2]",
        ],
        bad: &["", "orders", "ec2:instance[app=orders]", "ec2:instance[tag:app]", "tag:app=orders"],
    },
    Row {
        format: "cron",
        reads: |text| schedule::check_cron(text).is_ok(),
        good: &["0 6 1 */3 *", "0 6 1 JAN,APR mon-fri", " 0  6 L * * ", "0 6 * * MON#1", "0 6 15W * *"],
        bad: &["", "quarterly", "@daily", "0 6 1 *", "0 0 6 1 * *", "0 6 ? * 1", "0 6 1 * +1"],
    },
    Row {
        format: "timezone",
        reads: |text| schedule::zone(text).is_ok(),
        good: &["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"],
        bad: &["", "+01:00", "Europe Berlin", "/Berlin"],
    },
    Row {
        format: "cidr",
        reads: |text| playbook::cidr::read(text).is_ok(),
        good: &["10.66.0.0/16", "0.0.0.0/0"],
        bad: &["", "10.66.0.0", "10.66/16", "::/0", "10.66.0.0/-1", "10.66.0.0 /16"],
    },
    Row {
        format: "comparison",
        reads: reads::<Comparison>,
        good: &[
            ">= 1000",
            "> 0",
            "<5",
            "<= -5",
            "== ok",
            "= x",
            "=x",
            "!= error",
            "matches ^v2",
            "contains ready",
            "ok",
            "!ok",
            "5",
            "> 2026-01-31T08:00:00Z",
            "containsfoo",
            "~x",
        ],
        bad: &["", "  ", ">= many", "> ok", "<> 5", "=~ x", "!~ x", "=> 5", "=< 5", ">="],
    },
    Row {
        format: "size-comparison",
        reads: reads::<SizeComparison>,
        good: &[">= 1GiB", "== 5", "> 0", "1TiB"],
        bad: &["", ">= big", "matches 1", "~5", ">="],
    },
    Row {
        format: "env-secret",
        reads: |text| of_notify("env-secret", text),
        good: &["env:SLACK_WEBHOOK_URL", "env:_x1"],
        bad: &["", "env:", "env:1X", "env:A-B", "SLACK", "https://hooks.slack.com/x"],
    },
    Row {
        format: "notify-url",
        reads: |text| of_notify("notify-url", text),
        good: &["https://ops.example.com/drills?a=b#c", "http://[::1]:8080", "env:URL", "https://a/@b"],
        bad: &[
            "",
            "ops.example.com",
            "ftp://a",
            "https://",
            "https://a:b@c/",
            "https://a b",
            "env:",
            "https://a/<x>",
        ],
    },
    Row {
        format: "mailbox",
        reads: |text| of_notify("mailbox", text),
        good: &["drills@example.com", "a+b@c"],
        bad: &["", "drills", "a@b@c", "Drills <a@b>", "a@", "a@b, c@d", "a b@c"],
    },
    Row {
        format: "sns-topic",
        reads: |text| of_notify("sns-topic", text),
        good: &[
            "arn:aws:sns:us-west-2:999988887777:drills",
            "arn:aws-cn:sns:cn-north-1:999988887777:a_b.fifo",
        ],
        bad: &[
            "",
            "drills",
            "arn:aws:sqs:us-west-2:999988887777:q",
            "arn:aws:sns:us-west-2:1:q",
            "arn:aws:sns::999988887777:q",
        ],
    },
];

#[test]
fn patterns_and_parsers_agree() {
    let playbook = playbook::schema::playbook_schema(CATALOGUE);
    let estate = estate::load::editor_schema();
    for row in &ROWS {
        for (name, schema) in [("playbook", &playbook), ("estate", &estate)] {
            let pattern = pattern(schema, row.format);
            if pattern.is_empty() {
                continue;
            }
            // The check uses the schema's own engine. JSON Schema has another dialect than our
            // parsers.
            let check = jsonschema::validator_for(&json!({ "pattern": pattern })).unwrap();
            for (texts, good) in [(row.good, true), (row.bad, false)] {
                for text in texts {
                    let told = format!("{name} {} `{text}` {pattern}", row.format);
                    assert_eq!((row.reads)(text), good, "the parser: {told}");
                    assert_eq!(check.is_valid(&json!(text)), good, "the pattern: {told}");
                }
            }
        }
        let everywhere = [&playbook, &estate].map(|schema| pattern(schema, row.format)).concat();
        assert!(!everywhere.is_empty(), "no schema names the format {}", row.format);
    }
}

/// A playbook takes an expression in place of every text. An estate takes none.
#[test]
fn expressions_fit_in_playbooks_alone() {
    let playbook = pattern(&playbook::schema::playbook_schema(CATALOGUE), "region");
    let estate = pattern(&estate::load::editor_schema(), "region");
    let fits = |pattern: &str| {
        jsonschema::validator_for(&json!({ "pattern": pattern }))
            .unwrap()
            .is_valid(&json!("{{ params.lost }}"))
    };
    assert!(fits(&playbook) && !fits(&estate), "{playbook} {estate}");
}

/// An editor accepts an incomplete playbook if it extends another one.
#[test]
fn what_a_playbook_extends_may_hold_what_it_leaves_out() {
    let check = jsonschema::validator_for(&playbook::schema::playbook_schema(CATALOGUE)).unwrap();
    assert!(check.is_valid(&json!({ "extends": "base.yaml", "name": "a" })));
    assert!(!check.is_valid(&json!({ "name": "a" })));
}

/// Every format has a pattern, except the names of the catalogues of actions and clauses, and the formats of JSON Schema
/// itself.
#[test]
fn every_format_of_ours_has_a_pattern() {
    fn without(schema: &Value, found: &mut Vec<String>) {
        match schema {
            Value::Object(object) => {
                if let (Some(format), None) = (object.get("format"), object.get("pattern")) {
                    found.push(format.to_string());
                }
                object.values().for_each(|value| without(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| without(value, found)),
            _ => {}
        }
    }
    let known = ["\"action\"", "\"control\"", "\"double\"", "\"date-time\"", "\"float\""];
    for schema in [playbook::schema::playbook_schema(CATALOGUE), estate::load::editor_schema()] {
        let mut found = Vec::new();
        without(&schema, &mut found);
        found.retain(|format| !known.contains(&format.as_str()) && !format.contains("int"));
        assert!(found.is_empty(), "{found:?}");
    }
}
