//! The history of many runs: what a year of quarterly drills shows, held against figures reckoned by
//! hand, and many writers of one store.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::Value;

use support::drill::{Drill, drillmaster, told};

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// The sample of a lost zone. Its database comes back by its log, which takes `base` and 2 s for each of
/// 200 GiB: 400 s. The application answers 25 s later. The objective is 20 min.
fn quarterly(base: &str) -> Drill {
    Drill::of("az-loss")
        .playbook("lose: { az: use1-az1 }", "lose: { az: use1-az1 }\ncontrols: [DORA-11.6, SOC2-A1.3]")
        .estate("rds.restore_to_time: { base: 12m,", &format!("rds.restore_to_time: {{ base: {base},"))
}

/// The RTO of [`quarterly`], in seconds.
fn rto(minutes: f64) -> f64 {
    minutes * 60.0 + 400.0 + 25.0
}

struct Year {
    store: tempfile::TempDir,
    /// The folders of the runs, in their order.
    runs: Vec<PathBuf>,
    _drills: Vec<Drill>,
}

impl Year {
    /// Quarterly drills from January 2026, each with its own time for the database.
    fn of(bases: &[&str]) -> Self {
        let store = tempfile::tempdir().unwrap();
        let (mut runs, mut drills) = (Vec::new(), Vec::new());
        for (quarter, base) in bases.iter().enumerate() {
            let drill = quarterly(base);
            let start = format!("{}-{:02}-01T06:00:00Z", 2026 + quarter / 4, 1 + quarter % 4 * 3);
            let (playbook, out) = (drill.write(), drill.next_out());
            let (code, _, err) = told(&[
                "run",
                &text(&playbook),
                "--out",
                &text(&out),
                "--start",
                &start,
                "--store",
                &text(store.path()),
            ]);
            assert!(code == 0 || code == 1, "{err}");
            runs.push(out);
            drills.push(drill);
        }
        Self { store, runs, _drills: drills }
    }

    fn told(&self, args: &[&str]) -> (i32, String, String) {
        told(&[args, &["--store", &text(self.store.path())]].concat())
    }

    fn json(&self, args: &[&str]) -> Value {
        let (code, out, err) = self.told(&[args, &["--output", "json"]].concat());
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).unwrap()
    }
}

fn list<'a>(value: &'a Value, key: &str) -> &'a Vec<Value> {
    value[key].as_array().unwrap_or_else(|| panic!("{key}: {value}"))
}

/// 12, 6, 14, 12 and 14 min: passed, better, missed, passed, missed again.
const BASES: [&str; 5] = ["12m", "6m", "14m", "12m", "14m"];

#[test]
fn a_year_of_drills_shows_what_was_reckoned_by_hand() {
    let year = Year::of(&BASES);

    let history = year.json(&["history"]);
    let verdicts: Vec<&str> =
        list(&history, "runs").iter().map(|run| run["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["failed", "passed", "failed", "passed", "passed"], "the newest first");

    let trend = year.json(&["trend", "--workload", "orders"]);
    let [trend] = list(&trend, "trends").as_slice() else { panic!("{trend}") };
    let figures: Vec<(f64, &str)> = list(trend, "points")
        .iter()
        .map(|point| (point["rto"]["measured_s"].as_f64().unwrap(), point["rto"]["change"].as_str().unwrap()))
        .collect();
    // Each is compared with the last before it that passed: the fourth with the second, the fifth with the
    // fourth (10.5 % worse).
    let by_hand = [
        (rto(12.0), "first"),
        (rto(6.0), "better"),
        (rto(14.0), "worse"),
        (rto(12.0), "worse"),
        (rto(14.0), "worse"),
    ];
    assert_eq!(figures, by_hand);
    let (_, page, _) = year.told(&["trend", "--workload", "orders", "--output", "html"]);
    assert_eq!(page.matches("<figure class=\"chart\">").count(), 2, "{page}");
    assert!(page.contains("aria-label=\"RTO of orders over 5 runs: 2"), "{page}");
    let (code, said, _) = year.told(&["trend", "--fail-on-regression"]);
    assert!(code == 1 && said.starts_with("1 regression: RTO of orders"), "{said}");
    assert_eq!(year.told(&["trend", "--fail-on-regression", "--tolerance", "11%"]).0, 0);

    let findings = year.json(&["finding", "list", "--all"]);
    let missed =
        list(&findings, "findings").iter().find(|finding| finding["rule"] == "objective-missed").unwrap();
    assert_eq!(missed["resource"], "orders RTO");
    assert_eq!((missed["open"].as_bool(), missed["reopened"].as_u64()), (Some(true), Some(1)));
    assert!(missed["opened_at"].as_str().unwrap().starts_with("2026-07-01T06:"), "{missed}");
    assert_eq!(missed["message"], "the RTO is 21m5s, its objective 20m");

    // Rehearsals satisfy no clause.
    let controls = year.json(&["controls"]);
    let clauses: Vec<(&str, &str)> = list(&controls, "clauses")
        .iter()
        .map(|row| (row["clause"].as_str().unwrap(), row["standing"].as_str().unwrap()))
        .collect();
    assert_eq!(clauses, [("SOC2-A1.3", "not_shown"), ("DORA-11.6", "not_shown")]);
    let drill = &controls["clauses"][0]["drills"][0];
    assert_eq!(drill["last_passed"], Value::Null);
    assert!(drill["last_rehearsed"]["at"].as_str().unwrap().starts_with("2026-10-01T06:"), "{drill}");
    assert_eq!(year.told(&["controls", "--require", "all"]).0, 1);
    let (code, _, err) = year.told(&["controls", "--require", "SOC2-A1.3,NIST-CP-4"]);
    assert!(code == 1 && err.contains("NIST-CP-4 is demanded"), "{err}");
}

#[test]
fn the_next_drill_closes_a_finding_and_people_own_it() {
    let year = Year::of(&BASES[..4]);
    let find = |args: &[&str]| {
        let findings = year.json(args);
        list(&findings, "findings").iter().find(|finding| finding["rule"] == "objective-missed").cloned()
    };
    assert_eq!(find(&["finding", "list"]), None, "it is closed");
    let closed = find(&["finding", "list", "--all"]).unwrap();
    // From the end of the third run to the end of the fourth: a quarter of 92 days, and the fourth is
    // 2 min faster.
    let days = closed["time_to_close_s"].as_f64().unwrap() / 86_400.0;
    assert!((91.9..92.1).contains(&days), "{days}");
    let id = closed["id"].as_str().unwrap();
    let (code, _, err) = year.told(&["finding", "close", id, "--because", "x", "--by", "ann"]);
    assert!(code == 2 && err.contains("is closed since 2026-10-01"), "{err}");

    // Before the drill closed it, it had an owner and a date.
    let year = Year::of(&BASES[..3]);
    let assign = ["finding", "assign", id, "--owner", "ann", "--due", "2026-08-01", "--by", "bob"];
    let (code, said, err) = year.told(&assign);
    assert_eq!(code, 0, "{err}");
    assert_eq!(said, format!("{id} is due on 2026-08-01, from ann: objective-missed orders RTO\n"));
    let findings = year.json(&["finding", "list"]);
    let owned = list(&findings, "findings").iter().find(|finding| finding["id"] == id).unwrap();
    assert_eq!((owned["owner"].as_str(), owned["overdue"].as_bool()), (Some("ann"), Some(true)));
    // A person closes it, and the next run that finds it opens it again.
    let close =
        ["finding", "close", id, "--because", "accepted", "--by", "bob", "--at", "2026-08-02T00:00:00Z"];
    assert_eq!(year.told(&close).0, 0);
    let findings = year.json(&["finding", "list", "--all"]);
    let closed = list(&findings, "findings").iter().find(|finding| finding["id"] == id).unwrap();
    assert_eq!((closed["closed_by"].as_str(), closed["because"].as_str()), (Some("bob"), Some("accepted")));
    let (code, _, err) = year.told(&["finding", "assign", "ffff", "--owner", "ann", "--by", "bob"]);
    assert!(code == 2 && err.contains("no finding"), "{err}");
}

#[test]
fn the_gate_takes_its_baseline_from_the_history() {
    let year = Year::of(&BASES[..4]);
    let fourth = text(&year.runs[3]);
    let gate = |args: &[&str]| year.told(&[&["gate", &fourth], args].concat());
    let (code, said, _) = gate(&["--baseline", "last-passed"]);
    // The second run is the last before it that passed.
    assert!(code == 1 && said.contains("RTO 19m5s, 13m5s in the baseline: 6m worse"), "{said}");
    // The median of the first two is 16m5s.
    let (code, said, _) = gate(&["--baseline", "median:2", "--tolerance", "20%"]);
    assert!(code == 0 && said.contains("16m5s in the baseline: 3m worse, within 20 %"), "{said}");
    let first = text(&year.runs[0]);
    let (code, _, err) = year.told(&["gate", &first, "--baseline", "last-passed"]);
    let (_, said, _) = year.told(&["gate", &first, "--baseline", "last-passed"]);
    assert!(code == 2 && (err.clone() + &said).contains("so there is no baseline"), "{said}{err}");
    let (code, said, err) = gate(&["--baseline", "median:0"]);
    assert!(code == 2 && (said + &err).contains("from 1 to 100"), "{err}");
}

/// The index as it lies there: names and contents.
fn index(store: &Path) -> Vec<(String, Vec<u8>)> {
    let mut entries: Vec<_> = fs::read_dir(store.join("index"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
        })
        .collect();
    entries.sort();
    entries
}

#[test]
fn eight_processes_write_to_one_store_at_once() {
    let store = tempfile::tempdir().unwrap();
    let drill = Drill::of("az-loss");
    let playbook = drill.write();
    let shared = drill.run_with(&[]);
    let start = |_: usize| -> Child {
        drillmaster()
            .args([
                "run",
                &text(&playbook),
                "--out",
                &text(&drill.next_out()),
                "--store",
                &text(store.path()),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let push = |_: usize| -> Child {
        drillmaster()
            .args(["store", "push", &text(&shared.folder), "--store", &text(store.path())])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    // Eight runs of their own, and eight that put the same run there.
    let writers: Vec<Child> = (0..8).map(start).chain((0..8).map(push)).collect();
    for mut writer in writers {
        assert_eq!(writer.wait().unwrap().code(), Some(0));
    }
    let at = text(store.path());
    let (code, out, err) = told(&["history", "--store", &at, "--output", "json"]);
    assert_eq!(code, 0, "{err}");
    let history: Value = serde_json::from_str(&out).unwrap();
    let ids: BTreeSet<&str> =
        list(&history, "runs").iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 9);
    for id in ids {
        let (code, said, err) = told(&["verify", &text(&store.path().join(id))]);
        // No key is trusted, and nothing else is wrong.
        assert!(code == 1 && said.matches("was changed").count() == 0, "{said}{err}");
    }
    let before = index(store.path());
    let (code, said, _) = told(&["store", "rebuild", "--store", &at]);
    assert_eq!((code, said.as_str()), (0, "9 runs in the index, 0 added, 0 mended\n"));
    fs::remove_dir_all(store.path().join("index")).unwrap();
    let (code, said, _) = told(&["store", "rebuild", "--store", &at]);
    assert_eq!((code, said.as_str()), (0, "9 runs in the index, 9 added, 0 mended\n"));
    assert_eq!(index(store.path()), before);
}

#[test]
fn nothing_in_a_store_is_replaced_and_an_index_that_lies_is_found() {
    let year = Year::of(&BASES[..1]);
    let run = &year.runs[0];
    let id = {
        let history = year.json(&["history"]);
        history["runs"][0]["run_id"].as_str().unwrap().to_owned()
    };
    let kept = year.store.path().join(&id);
    // Another run of the same name.
    let journal = fs::read(kept.join("journal.ndjson")).unwrap();
    fs::write(kept.join("report.html"), "another").unwrap();
    let (code, _, err) = year.told(&["store", "push", &text(run)]);
    assert!(code == 3 && err.contains("report.html lies there with other contents"), "{err}");
    assert_eq!(fs::read(kept.join("report.html")).unwrap(), b"another");
    fs::copy(run.join("report.html"), kept.join("report.html")).unwrap();
    // A review comes later.
    let key = year.store.path().join(".key");
    assert_eq!(told(&["keygen", &text(&key)]).0, 0);
    fs::write(run.join("review-20260101T000000000Z.sigstore.json"), "{}").unwrap();
    let (code, said, err) = year.told(&["store", "push", &text(run)]);
    assert!(code == 0 && said.contains("1 file put into"), "{said}{err}");
    // The index says that the run passed with a better figure.
    let entry = year.store.path().join(format!("index/{id}.json"));
    let lied = fs::read_to_string(&entry).unwrap().replace("1145.0", "145.0");
    fs::write(&entry, lied).unwrap();
    let (code, _, err) = year.told(&["store", "rebuild"]);
    assert!(code == 1 && err.contains("said something else"), "{err}");
    let trend = year.json(&["trend"]);
    assert_eq!(trend["trends"][0]["points"][0]["rto"]["measured_s"], rto(12.0));
    // A run whose journal was changed counts for nothing, and is told. So is one without a journal, and one
    // that is gone.
    let at = journal.len() / 2;
    let changed = [&journal[..at], &[journal[at] ^ 1], &journal[at + 1..]].concat();
    let cut = journal[..journal.len() - 40].to_vec();
    for broken in [Some(changed), Some(cut), None] {
        match broken {
            Some(bytes) => fs::write(kept.join("journal.ndjson"), bytes).unwrap(),
            None => fs::remove_file(kept.join("journal.ndjson")).unwrap(),
        }
        let history = year.json(&["history"]);
        assert!(list(&history, "runs").is_empty() && list(&history, "unread").len() == 1, "{history}");
        assert_eq!(year.told(&["store", "rebuild"]).0, 1);
        assert_eq!(year.told(&["trend", "--fail-on-regression"]).0, 1, "nothing is left to judge");
    }
    fs::remove_dir_all(&kept).unwrap();
    let history = year.json(&["history"]);
    assert_eq!(history["unread"][0]["why"], "the index knows it, and the run is gone");
    assert_eq!(year.told(&["store", "rebuild"]).0, 1);
}

#[test]
fn what_decides_is_read_from_the_run_and_not_from_the_index() {
    let year = Year::of(&BASES[..3]);
    // The third run failed. Its entry says that it passed.
    let history = year.json(&["history"]);
    let id = history["runs"][0]["run_id"].as_str().unwrap();
    let entry = year.store.path().join(format!("index/{id}.json"));
    let lied = fs::read_to_string(&entry).unwrap();
    let lied = lied.replace("\"verdict\": \"failed\"", "\"verdict\": \"passed\"");
    fs::write(&entry, lied.replace("\"exit_code\": 1", "\"exit_code\": 0")).unwrap();
    let drill = quarterly("12m").playbook("controls: [DORA-11.6, SOC2-A1.3]", "schedule: quarterly");
    let playbook = text(&drill.write());
    let args = ["schedule", "overdue", &playbook, "--on", "twin", "--at", "2026-10-02T00:00:00Z"];
    let (code, said, _) = year.told(&args);
    assert!(code == 1 && said.contains("the index said something else"), "{said}");
    // Neither is it a baseline, nor an earlier run of the next report.
    let (out, start) = (drill.next_out(), "2026-10-01T06:00:00Z");
    let run = ["run", &playbook, "--out", &text(&out), "--start", start];
    assert_eq!(year.told(&run).0, 0);
    let report: Value = serde_json::from_slice(&fs::read(out.join("report.json")).unwrap()).unwrap();
    let past: Vec<bool> = list(&report, "past").iter().map(|run| run["passed"].as_bool().unwrap()).collect();
    assert_eq!(past, [true, true, false]);
    let (code, said, err) = year.told(&["gate", &text(&out), "--baseline", "last-passed"]);
    assert!(code == 1 && said.contains("13m5s in the baseline"), "{said}{err}");
}

#[test]
fn nothing_to_judge_does_not_pass() {
    let year = Year::of(&BASES[..1]);
    let typo = text(&year.store.path().join("typo"));
    for command in [&["history"][..], &["trend"], &["controls"], &["finding", "list"], &["store", "rebuild"]]
    {
        let (code, _, err) = told(&[command, &["--store", &typo]].concat());
        assert!(code == 2 && err.contains("no such folder"), "{command:?}: {err}");
    }
    let empty = tempfile::tempdir().unwrap();
    let empty = text(empty.path());
    assert_eq!(told(&["controls", "--require", "all", "--store", &empty]).0, 1);
    assert_eq!(told(&["trend", "--fail-on-regression", "--store", &empty]).0, 1);
    assert_eq!(year.told(&["trend", "--fail-on-regression", "--workload", "typo"]).0, 1);
    // A store that cannot take the run is told before the run.
    let drill = Drill::of("az-loss");
    let file = drill.folder().join("file");
    fs::write(&file, "").unwrap();
    let out = drill.next_out();
    let (code, _, err) = told(&["run", &text(&drill.write()), "--out", &text(&out), "--store", &text(&file)]);
    assert!(code == 2 && err.contains("nothing can be kept in this folder") && !out.exists(), "{err}");
}

#[test]
fn a_regression_is_one_whatever_part_of_the_history_is_shown() {
    let year = Year::of(&BASES[..3]);
    let days = (chrono::Utc::now()
        - "2026-06-15T00:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap())
    .num_days();
    let since = format!("{days}d");
    let trend = year.json(&["trend", "--since", &since]);
    let points = list(&trend["trends"][0], "points");
    assert_eq!((points.len(), points[0]["rto"]["change"].as_str()), (1, Some("worse")), "{trend}");
    assert_eq!(year.told(&["trend", "--since", &since, "--fail-on-regression"]).0, 1);
}

#[test]
fn runs_in_folders_of_any_name_are_compared_and_count_once() {
    let drill = Drill::of("az-loss");
    let playbook = text(&drill.write());
    let folder = |name: &str| text(&drill.folder().join("runs").join(name));
    for (name, start) in [("first", "2026-01-01T06:00:00Z"), ("second", "2026-04-01T06:00:00Z")] {
        assert_eq!(told(&["run", &playbook, "--out", &folder(name), "--start", start]).0, 0);
    }
    let (code, said, err) = told(&["gate", &folder("second"), "--baseline", "last-passed"]);
    assert!(code == 0 && said.contains("19m5s in the baseline: the same"), "{said}{err}");
    let (_, _, err) = told(&["gate", &folder("second"), "--baseline", "median:3"]);
    assert!(err.contains("the median of 1 (there are no 3 that passed)"), "{err}");
    let store = text(&drill.folder().join("runs"));
    assert_eq!(told(&["store", "push", &folder("first"), "--store", &store]).0, 0);
    let (code, said, _) = told(&["history", "--store", &store]);
    assert!(code == 0 && said.starts_with("2 runs\n"), "{said}");
    // A process that died after the end of its run did not put it into its store. `resume` does.
    let other = text(&drill.folder().join("other"));
    let (code, _, err) = told(&["resume", &folder("first"), "--store", &other]);
    assert!(code == 0 && err.contains("files put into"), "{err}");
    assert!(told(&["history", "--store", &other]).1.starts_with("1 run\n"));
}

#[test]
fn a_run_without_a_store_is_found_in_the_folder_of_runs() {
    let drill = Drill::of("az-loss");
    drill.write();
    let here = drill.folder();
    let run = |args: &[&str]| {
        let done = drillmaster().args(args).current_dir(here).output().unwrap();
        (done.status.code(), String::from_utf8(done.stdout).unwrap())
    };
    assert_eq!(
        run(&["history"]).1,
        "No run is here. `drillmaster run` puts its runs into the folder `runs`.\n"
    );
    assert_eq!(run(&["run", "playbook.yaml"]).0, Some(0));
    let (code, said) = run(&["history"]);
    assert!(code == Some(0) && said.contains("twin (simulated)  PASSED   orders    19m5s of 20m"), "{said}");
    assert_eq!(fs::read_dir(here.join("runs/index")).unwrap().count(), 1);
    // It is one run, whatever path names it.
    let folder = fs::read_dir(here.join("runs")).unwrap().map(|entry| entry.unwrap().path());
    let folder = folder.into_iter().find(|path| path.join("journal.ndjson").exists()).unwrap();
    let (code, said) = run(&["store", "push", &text(&folder)]);
    assert!(code == Some(0) && said.ends_with("lies in runs already\n"), "{said}");
    for output in ["markdown", "csv", "html"] {
        let (code, said) = run(&["trend", "--output", output]);
        assert!(code == Some(0) && said.contains("19m5s of 20m"), "{said}");
    }
}

#[test]
fn a_drill_is_overdue_when_its_window_closed_without_one_that_passed() {
    let year = Year::of(&BASES[..3]);
    let drill = quarterly("12m").playbook(
        "controls: [DORA-11.6, SOC2-A1.3]",
        "schedule: { cron: \"0 6 1 */3 *\", timezone: Europe/Berlin, window: 2d }",
    );
    let playbook = text(&drill.write());
    let overdue = |at: &str, more: &[&str]| {
        let (code, out, err) = year.told(&[&["schedule", "overdue", &playbook, "--at", at], more].concat());
        (code, out + &err)
    };
    let twin = ["--on", "twin"];
    // The drill of April passed. That of July failed, and its window closes on July 3 at 4:00 UTC.
    assert_eq!(overdue("2026-07-03T03:59:59Z", &twin).0, 0);
    let (code, said) = overdue("2026-07-03T04:00:00Z", &twin);
    assert!(code == 1 && said.starts_with("1 of 1 drill overdue"), "{said}");
    assert!(said.contains("orders-az-loss") && said.contains("2026-07-01 04:00"), "{said}");
    // Before the first drill, and without a real one, it is overdue.
    assert_eq!(overdue("2025-12-31T00:00:00Z", &twin).0, 1);
    let (code, said) = overdue("2026-05-01T00:00:00Z", &[]);
    assert!(code == 1 && said.contains("never"), "{said}");
    let (code, out, _) = year.told(
        &[&["schedule", "overdue", &playbook, "--at", "2026-07-03T04:00:00Z", "--output", "json"][..], &twin]
            .concat(),
    );
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, value["playbooks"][0]["missed"].as_str()), (1, Some("2026-07-01T04:00:00Z")), "{out}");
}
