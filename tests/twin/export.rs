//! `drillmaster schedule export`: the manifests are those of `tests/golden/manifests`.
//! `tests/peers/test_manifests.py` shows them to the programs that will read them.

use std::fs;
use std::path::Path;

use support::drill::{Drill, told};
use support::golden;
use support::places::at;

/// Arguments that would break out of a shell, a template or an expression.
const HOSTILE: [&str; 4] =
    ["--param", "a=$(id) ${HOME} ${{ secrets.X }} %H '\"\\ `id`", "--out", "/var/my runs"];
const PATH: &str = "/srv/drills/${HOME} \"orders\".yaml";

struct Case {
    name: &'static str,
    schedule: &'static str,
    /// What is exported, beside `--to`.
    options: &'static [&'static str],
    to: &'static [&'static str],
}

const CASES: [Case; 3] = [
    Case {
        name: "quarter",
        schedule: "quarterly",
        options: &["--path", "/srv/drills/orders.yaml"],
        to: &["systemd", "kubernetes", "eventbridge"],
    },
    Case {
        name: "either-day",
        schedule: "{ cron: \"30 6,18 1,15 * MON-WED\", timezone: America/New_York }",
        options: &["--on", "aws", "--path", "/srv/drills/orders.yaml"],
        to: &["systemd", "kubernetes"],
    },
    Case {
        name: "hostile",
        schedule: "{ cron: \"0 6 * * 0,FRI\", timezone: Europe/Berlin, window: 4h }",
        options: &["--on", "aws", "--path", PATH, "--", HOSTILE[0], HOSTILE[1], HOSTILE[2], HOSTILE[3]],
        to: &["systemd", "kubernetes", "eventbridge"],
    },
];

fn drill(schedule: &str) -> Drill {
    Drill::good().playbook("\nworkloads:", &format!("\nschedule: {schedule}\n\nworkloads:"))
}

fn export(playbook: &Path, folder: &Path, to: &str, more: &[&str]) {
    let (playbook, folder) = (playbook.to_str().unwrap(), folder.to_str().unwrap());
    let image: &[&str] = if to == "kubernetes" { &["--image", "registry.example.com/drills:1"] } else { &[] };
    let action: &[&str] = if to == "github-actions" { &["--action", "acme/drillmaster@v0.1.0"] } else { &[] };
    let args = [&["schedule", "export", playbook, "--to", to, "-o", folder], image, action, more].concat();
    let (code, out, err) = told(&args);
    assert_eq!((code, out.as_str()), (0, ""), "{args:?}: {err}");
}

fn compare(name: &str, folder: &Path) {
    let golden = at("tests/golden/manifests").join(name);
    fs::create_dir_all(&golden).unwrap();
    let wrong: Vec<String> = golden::files(folder)
        .iter()
        .filter_map(|file| golden::plain(&golden.join(file), &fs::read_to_string(folder.join(file)).unwrap()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(golden::files(folder), golden::files(&golden), "of {}", golden.display());
}

#[test]
fn manifests_are_as_agreed() {
    for Case { name, schedule, options, to } in CASES {
        let drill = drill(schedule);
        let (path, folder) = (drill.write(), drill.folder().join("out"));
        for to in to {
            export(&path, &folder, to, options);
        }
        // A workflow lies in a repository, and its action chooses the run's folder.
        let own: &[&str] = match name {
            "hostile" => {
                &["--on", "aws", "--path", "drills/${{ x }} '\"$(id).yaml", "--", HOSTILE[0], HOSTILE[1]]
            }
            "either-day" => &["--on", "aws", "--path", "drills/orders.yaml"],
            _ => &["--path", "drills/orders.yaml"],
        };
        export(&path, &folder, "github-actions", own);
        let from = ["--from", "2026-01-31T08:00:00Z", "--count", "12", "--output", "json"];
        let (code, next, _) = told(&[&["schedule", "next", path.to_str().unwrap()], &from[..]].concat());
        assert_eq!(code, 0);
        let next: serde_json::Value = serde_json::from_str(&next).unwrap();
        let due: Vec<&str> = next["playbooks"][0]["next"]
            .as_array()
            .unwrap()
            .iter()
            .map(|due| due["due"].as_str().unwrap())
            .collect();
        fs::write(folder.join("next.txt"), due.join("\n") + "\n").unwrap();
        compare(name, &folder);
    }
}

/// What is refused, and why.
#[test]
fn what_a_scheduler_cannot_say_is_refused() {
    let action: &[&str] = &["--action", "acme/drillmaster@v1"];
    let image: &[&str] = &["--image", "drills:1", "--path", "/srv/x.yaml"];
    let there: &[&str] = &["--path", "/srv/x.yaml"];
    let in_repository: &[&str] = &["--action", "acme/drillmaster@v1", "--path", "x.yaml"];
    for (schedule, to, more, told_of) in [
        ("{ cron: \"0 6 L * *\" }", "systemd", there, "names days by `L`, `W` or `#`"),
        ("{ cron: \"0 6 1 * MON\" }", "eventbridge", there, "EventBridge takes one of both"),
        ("{ cron: \"0 6 * * *\", window: 5s }", "kubernetes", image, "looks every 10s"),
        ("{ cron: \"0 6 * * *\", window: 30s }", "eventbridge", there, "no deadline below 60s"),
        ("{ cron: \"* 6 * * *\" }", "github-actions", in_repository, "more often than every 5m"),
        ("quarterly", "github-actions", &["--path", "x.yaml"], "--action OWNER/NAME@REF"),
        ("quarterly", "github-actions", &["--action", "a/b/c@v1"], "--action OWNER/NAME@REF"),
        ("quarterly", "github-actions", action, "does not lie in a checkout"),
        ("quarterly", "kubernetes", there, "--image"),
        (
            "quarterly",
            "kubernetes",
            &["--image", "drills:1", "--path", "x.yaml"],
            "the drill runs in the image",
        ),
        ("quarterly", "systemd", &["--program", "drillmaster"], "no absolute path"),
        ("quarterly", "systemd", image, "--image goes with `--to kubernetes`"),
        ("quarterly", "systemd", &["--path", "/srv/x\ny.yaml"], "a character that hides"),
        (
            "quarterly",
            "systemd",
            &["--path", "/srv/x.yaml", "--", "--sed", "1"],
            "unexpected argument '--sed'",
        ),
        (
            "quarterly",
            "systemd",
            &["--path", "/srv/x.yaml", "--", "--on", "aws"],
            "cannot be used multiple times",
        ),
    ] {
        let drill = drill(schedule);
        let path = drill.write();
        let (code, out, err) =
            told(&[&["schedule", "export", path.to_str().unwrap(), "--to", to], more].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{schedule} {to} {more:?}: {err}");
        assert!(err.contains(told_of), "{schedule} {to} {more:?}: {err}");
    }
    let (without, long) = (Drill::good(), drill("quarterly").playbook("ttl: 4h", "ttl: 6h"));
    let path = without.write();
    let (code, _, err) = told(&["schedule", "export", path.to_str().unwrap(), "--to", "systemd"]);
    assert!(code == 2 && err.contains("has no schedule: write"), "{err}");
    let path = long.write();
    let export = ["schedule", "export", path.to_str().unwrap(), "--to", "github-actions", "--on", "aws"];
    let (code, _, err) = told(&[&export[..], in_repository].concat());
    assert!(code == 2 && err.contains("a runner of GitHub ends a job after 6h"), "{err}");
}

#[test]
fn a_step_that_waits_for_a_person_is_told() {
    let manual = "- { id: cut-over, uses: manual.task, workload: orders, with: { instructions: Confirm it., assume: 3m } }";
    let drill = drill("quarterly").step(manual);
    let path = drill.write();
    let export = ["schedule", "export", path.to_str().unwrap(), "--to", "systemd"];
    let (code, _, err) = told(&[&export[..], &["--on", "aws"]].concat());
    assert!(code == 0 && err.contains("step cut-over is a manual.task"), "{err}");
    let (code, _, err) = told(&export);
    assert!(code == 0 && !err.contains("manual.task") && err.contains("none counts as held"), "{err}");
}

#[test]
fn a_drill_whose_run_would_be_lost_is_told() {
    let drill = drill("quarterly");
    let path = drill.write();
    let told_of = |more: &[&str]| {
        let there = ["--path", "drills/orders.yaml", "--action", "acme/drillmaster@v1", "--to"];
        let export = [&["schedule", "export", path.to_str().unwrap()][..], &there].concat();
        let (code, _, err) = told(&[&export[..], more].concat());
        assert_eq!(code, 0, "{err}");
        err.contains("name a store")
    };
    assert!(told_of(&["github-actions", "--on", "aws"]));
    assert!(!told_of(&["github-actions", "--on", "aws", "--", "--store", "s3://acme/runs"]));
    assert!(!told_of(&["github-actions"]), "no rehearsal counts as held");
}

#[test]
fn a_file_of_somebody_else_stays() {
    let drill = drill("quarterly");
    let (path, folder) = (drill.write(), drill.folder().join("out"));
    let options = ["--path", "/srv/drills/orders.yaml"];
    export(&path, &folder, "systemd", &options);
    // Its own files are written anew.
    export(&path, &folder, "systemd", &["--path", "/srv/other.yaml"]);
    let service = folder.join("drillmaster-orders-region-loss.service");
    assert!(fs::read_to_string(&service).unwrap().contains("run /srv/other.yaml"));
    fs::write(&service, "[Service]\n").unwrap();
    let args =
        ["schedule", "export", path.to_str().unwrap(), "--to", "systemd", "-o", folder.to_str().unwrap()];
    let (code, _, err) = told(&[&args[..], &options].concat());
    assert_eq!(code, 2);
    assert!(err.contains("did not write this file"), "{err}");
    assert_eq!(fs::read_to_string(&service).unwrap(), "[Service]\n");
}
