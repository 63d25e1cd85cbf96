//! Signed evidence: what `verify` takes, and what it refuses.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use base::exit::Exit;
use evidence::{PrivateKey, RanBy, Seal, seal};
use proptest::prelude::*;
use record::report::Report;
use record::report::model::{CheckStatus, Status, StepStatus, Verdict};
use support::drill::{Drill, told};

/// A run that was signed with a key of its own.
struct Signed {
    /// Holds the folders until the end of the test.
    _drill: Drill,
    keys: TempDir,
    run: PathBuf,
}

impl Signed {
    fn new() -> Self {
        let keys = tempfile::tempdir().unwrap();
        let key = keygen(keys.path(), "runner.key");
        let drill = Drill::of("az-loss");
        let run = drill.folder().join("run");
        let playbook = drill.write();
        let (code, _, err) =
            told(&["run", &text(&playbook), "--out", &text(&run), "--sign-with", &text(&key)]);
        assert_eq!(code, 0, "{err}");
        Self { _drill: drill, keys, run }
    }

    fn key(&self) -> PathBuf {
        self.keys.path().join("runner.key")
    }

    fn public(&self) -> String {
        text(&self.keys.path().join("runner.key.pub"))
    }

    fn verify(&self) -> (i32, String) {
        self.verify_with(&["--key", &self.public()])
    }

    fn verify_with(&self, args: &[&str]) -> (i32, String) {
        let (code, out, err) = told(&[&["verify", &text(&self.run)], args].concat());
        (code, out + &err)
    }

    fn report(&self) -> Report {
        serde_json::from_slice(&fs::read(self.run.join("report.json")).unwrap()).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.run).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn keygen(folder: &Path, name: &str) -> PathBuf {
    let file = folder.join(name);
    let (code, _, err) = told(&["keygen", &text(&file)]);
    assert_eq!(code, 0, "{err}");
    file
}

/// The statement in a bundle, without its verification.
fn statement(run: &Path, file: &str) -> Value {
    use base64::Engine as _;

    let bundle: Value = serde_json::from_slice(&fs::read(run.join(file)).unwrap()).unwrap();
    let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(payload).unwrap()).unwrap()
}

#[test]
fn a_run_is_signed_and_verified_from_its_folder_alone() {
    let signed = Signed::new();
    let all = [
        "evidence.sigstore.json",
        "journal.ndjson",
        "junit.xml",
        "report.html",
        "report.json",
        "report.md",
        "test-result.sigstore.json",
    ];
    assert_eq!(signed.files(), all);
    // Somewhere else, without the playbook.
    let elsewhere = tempfile::tempdir().unwrap();
    for name in all {
        fs::copy(signed.run.join(name), elsewhere.path().join(name)).unwrap();
    }
    let (code, out, err) = told(&["verify", &text(elsewhere.path()), "--key", &signed.public()]);
    assert_eq!(code, 0, "{out}{err}");
    assert!(
        out.contains(
            "VERIFIED: unchanged, and signed by a key that you trust; it is a rehearsal, no drill\n"
        ),
        "{out}"
    );
    assert!(out.contains("SIMULATED on the twin"), "{out}");
    let evidence = statement(&signed.run, "evidence.sigstore.json");
    let report: Value = serde_json::to_value(signed.report()).unwrap();
    assert_eq!(evidence["predicate"]["report"], report);
    assert_eq!(evidence["predicate"]["journal"], report["journal"]);
    assert_eq!(evidence["predicateType"], "urn:drillmaster:rehearsal:v1");
    let names: Vec<&str> =
        evidence["subject"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["journal.ndjson", "report.json", "report.html", "report.md", "junit.xml"]);
}

/// What an auditor asks stands in what `verify` prints, for people and for programs.
#[test]
fn verify_tells_what_was_lost_who_ran_it_how_it_ended_and_what_is_open() {
    let keys = tempfile::tempdir().unwrap();
    let key = text(&keygen(keys.path(), "runner.key"));
    let drill = Drill::of("region-loss");
    let run = text(&drill.folder().join("run"));
    let (code, _, err) = told(&["run", &text(&drill.write()), "--out", &run, "--sign-with", &key]);
    assert_eq!(code, 1, "{err}");
    let verify = ["verify", &run, "--key", &format!("{key}.pub")];
    let (code, out, err) = told(&verify);
    assert_eq!(code, 0, "a drill that failed has good evidence: {err}");
    let lines: Vec<String> =
        out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "Lost region us-east-1",
        "Restored in account 999988887777, us-west-2 (simulated)",
        "AWS identities none (simulated)",
        "Verdict FAILED (exit code 1): orders: RPO 2h3m missed its objective of 5m",
        "Figures orders: RTO 30m5s, objective 45m: MET",
        "orders: RPO 2h3m, objective 5m: MISSED",
        "Not restored ec2:instance/i-0d4, ec2:volume/vol-0c3",
        "Left behind nothing (9 created, 9 deleted)",
        "VERIFIED: unchanged, and signed by a key that you trust; it is a rehearsal, no drill",
    ] {
        assert!(lines.iter().any(|found| found == line), "{line}: {out}");
    }
    let begins = |with: &str| lines.iter().any(|line| line.starts_with(with));
    assert!(begins("Held (simulated time, which runs ahead of the clock) 20"), "{out}");
    assert!(begins("Findings medium orders: no check of workload"), "{out}");
    let estate = fs::read_to_string(drill.folder().join("estate.yaml")).unwrap();
    let names = format!("It names estate.yaml (SHA-256 {})", base::digest::sha256(estate));
    assert!(lines.contains(&names), "{names}: {out}");
    let (_, out, _) = told(&[&verify[..], &["--output", "json"]].concat());
    let printed: Value = serde_json::from_str(&out).unwrap();
    let drill = &printed["drill"];
    assert_eq!((&drill["verdict"], &drill["exit_code"]), (&"failed".into(), &1.into()), "{out}");
    let figures = serde_json::json!([
        { "workload": "orders", "measure": "rto", "objective_s": 2700.0, "measured_s": 1805.0, "status": "met" },
        { "workload": "orders", "measure": "rpo", "objective_s": 300.0, "measured_s": 7380.0, "status": "missed" },
    ]);
    assert_eq!(drill["figures"], figures);
}

/// Whoever ran it in a container has no name there.
#[test]
fn a_user_that_is_not_recorded_is_told() {
    let signed = Signed::new();
    let key = PrivateKey::from_pem(&fs::read_to_string(signed.key()).unwrap()).unwrap();
    let report = &signed.report();
    let ran_by = RanBy { host: Some("vm".to_owned()), ..RanBy::default() };
    seal(&signed.run, Seal { report, ran_by, signed_at: report.finished_at }, &key, None).unwrap();
    let (code, said) = signed.verify();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("user not recorded, host vm\n"), "{said}");
}

#[test]
fn nothing_of_a_rehearsal_is_passed_for_a_policy_engine() {
    let signed = Signed::new();
    let result = statement(&signed.run, "test-result.sigstore.json");
    assert_eq!(result["predicateType"], "https://in-toto.io/attestation/test-result/v0.1");
    assert_eq!(result["predicate"]["result"], "WARNED");
    assert_eq!(result["predicate"]["passedTests"], Value::Null);
    let warned: Vec<&str> = result["predicate"]["warnedTests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    for name in ["verdict", "isolation", "teardown", "workload orders: RTO", "step db", "check app-up"] {
        assert!(warned.contains(&name), "{name}: {warned:?}");
    }
}

#[test]
fn without_a_trusted_key_nothing_is_good() {
    let signed = Signed::new();
    let (code, said) = signed.verify_with(&[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("you named no such key"), "{said}");
    let other = keygen(signed.keys.path(), "other.key");
    let (code, said) = signed.verify_with(&["--key", &format!("{}.pub", text(&other))]);
    assert_eq!(code, 1, "{said}");
    // The fingerprint of the right one is enough.
    let fingerprint =
        statement(&signed.run, "evidence.sigstore.json")["predicate"]["signer"]["fingerprint"].clone();
    let (code, said) = signed.verify_with(&["--fingerprint", fingerprint.as_str().unwrap()]);
    assert_eq!(code, 0, "{said}");
    // So is the configuration.
    let config = signed.keys.path().join("config.yaml");
    fs::write(&config, "evidence: { trusted_keys: [runner.key.pub] }\n").unwrap();
    let (code, said) = signed.verify_with(&["--config", &text(&config)]);
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_run_without_a_key_is_sealed_but_shows_nobody() {
    let drill = Drill::of("az-loss");
    let run = drill.folder().join("run");
    let (code, said, err) = told(&["run", &text(&drill.write()), "--out", &text(&run)]);
    assert_eq!(code, 0, "{err}");
    let (code, out, _) = told(&["verify", &text(&run)]);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("a key that was made for this run alone"), "{out}");
    assert_eq!(out.matches("FAULT").count(), 1, "{out}");
    // The run has told the fingerprint.
    let noted = said.lines().find_map(|line| line.strip_prefix("Signed: ")).unwrap();
    let (fingerprint, rest) = noted.split_once(' ').unwrap();
    assert_eq!(rest, "(a key that was made for this run alone)");
    let (code, out, _) = told(&["verify", &text(&run), "--fingerprint", fingerprint]);
    assert_eq!(code, 0, "{out}");
}

#[test]
fn a_key_of_the_configuration_signs() {
    let signed = Signed::new();
    let config = signed.keys.path().join("config.yaml");
    fs::write(&config, "evidence: { key: runner.key, trusted_keys: [runner.key.pub] }\n").unwrap();
    let drill = Drill::of("az-loss");
    let run = drill.folder().join("run");
    let config = text(&config);
    let (code, _, err) = told(&["run", &text(&drill.write()), "--out", &text(&run), "--config", &config]);
    assert_eq!(code, 0, "{err}");
    let (code, out, _) = told(&["verify", &text(&run), "--config", &config]);
    assert_eq!(code, 0, "{out}");
    // A key that cannot be read is told before anything runs.
    fs::remove_file(signed.key()).unwrap();
    let again = drill.folder().join("again");
    let (code, _, err) = told(&["run", &text(&drill.write()), "--out", &text(&again), "--config", &config]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("`evidence.key` of the configuration") && err.contains("keygen"), "{err}");
    assert!(!again.exists());
}

#[test]
fn a_rehearsal_is_not_relabelled() {
    let signed = Signed::new();
    let key = PrivateKey::from_pem(&fs::read_to_string(signed.key()).unwrap()).unwrap();
    let told = |report: &Report| {
        let at = report.finished_at;
        seal(&signed.run, Seal { report, ran_by: RanBy::default(), signed_at: at }, &key, None).unwrap();
    };
    // Even with the key of the runner: the statement must say what the journal tells.
    told(&Report { simulated: false, ..signed.report() });
    let (code, said) = signed.verify();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("that this was a rehearsal on the twin"), "{said}");
    assert!(
        said.contains("test-result.sigstore.json: it is not the result that the journal tells"),
        "{said}"
    );
    // Neither does it help to change the report, and to sign that.
    let report = fs::read_to_string(signed.run.join("report.json")).unwrap();
    fs::write(signed.run.join("report.json"), report.replace("\"simulated\": true", "\"simulated\": false"))
        .unwrap();
    told(&Report { simulated: false, ..signed.report() });
    let (code, said) = signed.verify();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("the report is not what its journal says"), "{said}");
    // The journal holds the word, too: its chain breaks.
    let journal = fs::read_to_string(signed.run.join("journal.ndjson")).unwrap();
    let relabelled = journal.replacen("\"on\":\"twin\"", "\"on\":\"aws\"", 1);
    assert_ne!(relabelled, journal);
    fs::write(signed.run.join("journal.ndjson"), relabelled).unwrap();
    told(&Report { simulated: false, ..signed.report() });
    let (code, said) = signed.verify();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("FAULT          journal.ndjson"), "{said}");
}

/// Nobody calls AWS on the twin, and nobody can say afterwards that somebody did.
#[test]
fn identities_are_those_of_the_journal() {
    use event::{Identified, Purpose};

    let signed = Signed::new();
    let key = PrivateKey::from_pem(&fs::read_to_string(signed.key()).unwrap()).unwrap();
    let evidence = statement(&signed.run, "evidence.sigstore.json");
    assert_eq!(evidence["predicate"]["identities"], serde_json::json!([]));
    let arn = "arn:aws:sts::111122223333:assumed-role/drill/x".to_owned();
    let who = Identified { account: "111122223333".parse().unwrap(), arn, purpose: Purpose::Sandbox };
    let report = &Report { identities: vec![who], ..signed.report() };
    let told = Seal { report, ran_by: RanBy::default(), signed_at: report.finished_at };
    seal(&signed.run, told, &key, None).unwrap();
    let (code, said) = signed.verify();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("it names other AWS identities than the journal"), "{said}");
}

/// What a policy engine sees of a drill on AWS.
#[test]
fn a_real_drill_has_its_own_type_and_passes() {
    let signed = Signed::new();
    let key = PrivateKey::from_pem(&fs::read_to_string(signed.key()).unwrap()).unwrap();
    let states = |report: &Report| {
        let told = Seal { report, ran_by: RanBy::default(), signed_at: report.finished_at };
        seal(&signed.run, told, &key, None).unwrap();
        let evidence = statement(&signed.run, "evidence.sigstore.json");
        (
            evidence["predicateType"].clone(),
            statement(&signed.run, "test-result.sigstore.json")["predicate"].clone(),
        )
    };
    let real = Report { simulated: false, ..signed.report() };
    let (kind, result) = states(&real);
    assert_eq!(kind, "urn:drillmaster:drill:v1");
    assert_eq!(result["result"], "PASSED");
    let names = |result: &Value, list: &str| -> Vec<String> {
        let list = result[list].as_array().into_iter().flatten();
        list.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    assert!(names(&result, "passedTests").contains(&"workload orders: RTO".to_owned()), "{result}");
    assert_eq!(names(&result, "failedTests"), Vec::<String>::new());
    // What is unknown, unhealthy or not torn down is no pass.
    let mut worse = real.clone();
    worse.exit_code = Exit::LeftBehind;
    let (_, result) = states(&worse);
    assert_eq!(result["result"], "FAILED", "it left something behind");
    worse.verdict = Verdict::Failed;
    worse.workloads[0].rto.status = Status::Unknown;
    worse.checks[0].status = CheckStatus::Unhealthy;
    worse.steps[0].status = StepStatus::Skipped;
    worse.sandbox.isolation_verified = false;
    worse.teardown.left_behind.push("vpc-1".into());
    let (_, result) = states(&worse);
    assert_eq!(result["result"], "FAILED");
    let failed = names(&result, "failedTests");
    for name in ["verdict", "isolation", "teardown", "workload orders: RTO", "check app-up"] {
        assert!(failed.contains(&name.to_owned()), "{name}: {failed:?}");
    }
    assert_eq!(names(&result, "warnedTests"), [format!("step {}", worse.steps[0].id)]);
}

#[test]
fn a_second_person_signs_what_was_verified() {
    let signed = Signed::new();
    let key = text(&keygen(signed.keys.path(), "ada.key"));
    let public = format!("{key}.pub");
    let run = text(&signed.run);
    let review = |key: &str| {
        told(&["review", &run, "--by", "Ada", "--note", "The data are there", "--sign-with", key])
    };
    let demand = ["--key", &signed.public(), "--key", &public, "--require-review"];
    let (code, said) = signed.verify_with(&demand);
    assert_eq!(code, 1, "{said}");
    let (code, _, err) = review(&text(&signed.key()));
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("a review is by a second person"), "{err}");
    let (code, out, err) = review(&key);
    assert_eq!(code, 0, "{out}{err}");
    let (code, said) = signed.verify_with(&demand);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("by Ada") && said.contains("The data are there"), "{said}");
    // Without trust in Ada's key it does not count.
    let (code, said) = signed.verify_with(&["--key", &signed.public(), "--require-review"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("does not count"), "{said}");
    // A review is of these files alone.
    let file = signed.files().into_iter().find(|name| name.starts_with("review-")).unwrap();
    let other = Signed::new();
    fs::copy(signed.run.join(&file), other.run.join(&file)).unwrap();
    let (code, said) = other.verify();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&format!("{file}: it is about another evidence.sigstore.json")), "{said}");
    // What was changed is not signed.
    let report = signed.run.join("report.md");
    fs::write(&report, fs::read_to_string(&report).unwrap() + "\n").unwrap();
    let (code, _, err) = review(&key);
    assert_eq!(code, 1, "{err}");
    assert!(err.contains("report.md") && err.contains("nothing was signed"), "{err}");
}

#[test]
fn what_is_missing_or_was_added_is_told() {
    let signed = Signed::new();
    fs::write(signed.run.join("notes.txt"), "by hand").unwrap();
    let (code, said) = signed.verify();
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("notes.txt: no part of the evidence"), "{said}");
    assert!(said.contains("no drill; 1 file is not part of it\n"), "{said}");
    for name in ["report.html", "test-result.sigstore.json", "evidence.sigstore.json", "journal.ndjson"] {
        let kept = fs::read(signed.run.join(name)).unwrap();
        fs::remove_file(signed.run.join(name)).unwrap();
        let (code, said) = signed.verify();
        assert_eq!(code, 1, "{said}");
        assert!(said.contains(&format!("FAULT          {name}")), "{name}: {said}");
        fs::write(signed.run.join(name), kept).unwrap();
    }
    let (code, said) = signed.verify();
    assert_eq!(code, 0, "{said}");
}

#[test]
fn a_report_that_was_not_signed_is_no_part_of_a_good_run() {
    let signed = Signed::new();
    let key = PrivateKey::from_pem(&fs::read_to_string(signed.key()).unwrap()).unwrap();
    let page = fs::read(signed.run.join("report.html")).unwrap();
    fs::remove_file(signed.run.join("report.html")).unwrap();
    let report = &signed.report();
    let told = Seal { report, ran_by: RanBy::default(), signed_at: report.finished_at };
    seal(&signed.run, told, &key, None).unwrap();
    let (code, said) = signed.verify();
    assert_eq!(code, 0, "{said}");
    fs::write(signed.run.join("report.html"), page).unwrap();
    let (code, said) = signed.verify();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("FAULT          report.html: is not among the files that were signed"), "{said}");
}

#[test]
fn no_key_is_overwritten_and_none_is_open_to_others() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let key = keygen(folder.path(), "a.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&key).unwrap();
    let (code, _, err) = told(&["keygen", &text(&key)]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("no key is overwritten"), "{err}");
    assert_eq!(fs::read(&key).unwrap(), before);
}

/// Only the process that ends a run signs it. Whoever resumes it later cannot know what was changed.
#[test]
fn a_run_that_has_ended_is_not_signed_again() {
    let signed = Signed::new();
    let run = text(&signed.run);
    let key = text(&signed.key());
    let file = |name: &str| signed.run.join(name);
    let evidence = fs::read(file("evidence.sigstore.json")).unwrap();
    for args in [&["resume", &run][..], &["abort", &run], &["resume", &run, "--sign-with", &key]] {
        let (code, out, err) = told(args);
        assert_eq!(code, 0, "{err}");
        assert!(out.contains("Signed before"), "{out}");
        assert_eq!(fs::read(file("evidence.sigstore.json")).unwrap(), evidence);
    }
    // A report that is gone comes back as it was.
    fs::remove_file(file("report.html")).unwrap();
    let (code, _, err) = told(&["resume", &run]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(signed.verify().0, 0);
    // Relabelled, with a chain of hashes that is right.
    let journal = fs::read_to_string(file("journal.ndjson")).unwrap();
    let mut lines: Vec<String> = journal.lines().map(str::to_owned).collect();
    assert!(lines[0].contains("\"on\":\"twin\""));
    lines[0] = lines[0].replacen("\"on\":\"twin\"", "\"on\":\"aws\"", 1);
    for n in 1..lines.len() {
        let before = base::digest::sha256(format!("{}\n", lines[n - 1]));
        let (_, rest) = lines[n].split_once("\",").unwrap();
        lines[n] = format!("{{\"prev\":\"{before}\",{rest}");
    }
    fs::write(file("journal.ndjson"), lines.join("\n") + "\n").unwrap();
    fs::remove_file(file("report.json")).unwrap();
    let (code, _, err) = told(&["resume", &run, "--sign-with", &key]);
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("journal.ndjson"), "{err}");
    assert_eq!(fs::read(file("evidence.sigstore.json")).unwrap(), evidence);
    // Without the evidence it is written, and not signed.
    for name in ["evidence.sigstore.json", "test-result.sigstore.json"] {
        fs::remove_file(file(name)).unwrap();
    }
    let (_, out, err) = told(&["resume", &run, "--sign-with", &key]);
    assert!(out.contains("Not signed"), "{out}{err}");
    let (code, said) = signed.verify();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("FAULT          evidence.sigstore.json: is missing"), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, ..ProptestConfig::default() })]

    /// A reader is a process of its own, so the cases are few and the changes of each are many.
    #[test]
    fn any_changed_byte_of_any_file_is_found(places in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 12)) {
        let signed = Signed::new();
        let key = text(&keygen(signed.keys.path(), "ada.key"));
        let run = text(&signed.run);
        let (code, _, err) = told(&["review", &run, "--by", "Ada", "--note", "seen", "--sign-with", &key]);
        prop_assert_eq!(code, 0, "{}", err);
        for name in signed.files() {
            let file = signed.run.join(&name);
            let good = fs::read(&file).unwrap();
            let last = good.len() - 1;
            // The last byte of each file is often whitespace, which a careless reader would pass over.
            let changes = places.iter().map(|(at, change)| (at.index(good.len()), *change));
            for (at, change) in changes.chain([(last, b'\n' ^ b' '), (0, 1)]) {
                let mut changed = good.clone();
                changed[at] ^= change;
                fs::write(&file, &changed).unwrap();
                let (code, said) = signed.verify();
                prop_assert_eq!(code, 1, "{} byte {}: {}", name, at, said);
                prop_assert!(said.contains(&format!("FAULT          {name}")), "{name} byte {at}: {said}");
            }
            fs::write(&file, &good).unwrap();
        }
        let (code, said) = signed.verify();
        prop_assert_eq!(code, 0, "{}", said);
    }
}
