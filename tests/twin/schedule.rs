//! `drillmaster schedule`, as a user calls it.

use serde_json::Value;
use support::drill::{Drill, told};

const BERLIN: &str = "schedule: { cron: \"30 2 29 3,10 *\", timezone: Europe/Berlin, window: 4h }";

fn drill(schedule: &str) -> Drill {
    Drill::good().playbook("\nworkloads:", &format!("\n{schedule}\n\nworkloads:"))
}

#[test]
fn the_next_drills_are_told_in_both_times() {
    let drill = drill(BERLIN);
    let path = drill.write();
    let path = path.to_str().unwrap();
    let (code, text, _) = told(&["schedule", "next", path, "--count", "2", "--from", "2026-01-31T08:00:00Z"]);
    assert_eq!(code, 0);
    assert_eq!(
        text,
        "orders-region-loss: 30 2 29 3,10 * (Europe/Berlin), every 151d to 214d, may begin within 4h\n  \
         Sun 2026-03-29 03:00 CEST   2026-03-29T01:00:00Z\n  \
         Thu 2026-10-29 02:30 CET   2026-10-29T01:30:00Z\n"
    );
    let (code, json, _) = told(&[
        "schedule",
        "next",
        path,
        "--count",
        "1",
        "--from",
        "2026-01-31T08:00:00Z",
        "--output",
        "json",
    ]);
    assert_eq!(code, 0);
    let json: Value = serde_json::from_str(&json).unwrap();
    let of = &json["playbooks"][0];
    assert_eq!(
        (&json["schema"], &of["timezone"]),
        (&"drillmaster/schedule/v1".into(), &"Europe/Berlin".into())
    );
    assert_eq!(
        of["next"][0],
        serde_json::json!({ "due": "2026-03-29T01:00:00Z", "local": "2026-03-29T03:00:00+02:00", "until": "2026-03-29T05:00:00Z" })
    );
}

#[test]
fn a_playbook_without_a_schedule_is_told() {
    let (with, without) = (drill("schedule: quarterly"), Drill::good());
    let (with, without) = (with.write(), without.write());
    let (with, without) = (with.to_str().unwrap(), without.to_str().unwrap());
    let from = ["--from", "2026-01-31T08:00:00Z", "--count", "1"];
    let (code, out, err) = told(&[&["schedule", "next", with, without], &from[..]].concat());
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("until the next one is due\n  Wed 2026-04-01 06:00 UTC   2026-04-01T06:00:00Z\n"),
        "{out}"
    );
    assert!(
        out.contains("orders-region-loss: no schedule\n") && err.contains("it is never due"),
        "{out}{err}"
    );
    let (code, out, err) = told(&[&["schedule", "next", without], &from[..]].concat());
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("write `schedule: quarterly`"), "{err}");
}
