//! Signed evidence, verified by programs that are not ours: Sigstore's library for JavaScript,
//! `securesystemslib` for Python, and openssl.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use support::drill::{Drill, told};
use support::peers::{browser, output, program, python, stores};
use support::places::at;

/// What a foreign verifier says: the statement, or why it refuses.
pub fn verified(command: &mut Command) -> Result<Value, String> {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&done.stdout).unwrap())
}

pub fn by_sigstore(bundle: &Path, key: &Path) -> Result<Value, String> {
    verified(
        Command::new(program("node"))
            .arg(at("tests/peers/verify_bundle.js"))
            .args([bundle, key])
            .env("NODE_PATH", stores().join("node_modules")),
    )
}

pub fn by_securesystemslib(bundle: &Path, key: &Path) -> Result<Value, String> {
    verified(Command::new(python()).arg(at("tests/peers/verify_bundle.py")).args([bundle, key]))
}

pub fn text(path: &Path) -> String {
    path.display().to_string()
}

fn signed_run(drill: &Drill, key: &Path) -> PathBuf {
    let run = drill.next_out();
    let (code, _, err) =
        told(&["run", &text(&drill.write()), "--out", &text(&run), "--sign-with", &text(key)]);
    assert_eq!(code, 0, "{err}");
    run
}

pub fn sha256_of(file: &Path) -> String {
    base::digest::sha256(fs::read(file).unwrap())
}

#[test]
fn others_take_what_is_good_and_refuse_what_was_changed() {
    let drill = Drill::of("az-loss");
    for kind in ["ecdsa-p256", "ed25519"] {
        let key = drill.folder().join(format!("{kind}.key"));
        let (code, _, err) = told(&["keygen", &text(&key), "--type", kind]);
        assert_eq!(code, 0, "{err}");
        let public = drill.folder().join(format!("{kind}.key.pub"));
        let run = signed_run(&drill, &key);
        let other = drill.folder().join(format!("{kind}-other.key"));
        assert_eq!(told(&["keygen", &text(&other), "--type", kind]).0, 0);
        let other = drill.folder().join(format!("{kind}-other.key.pub"));
        for file in ["evidence.sigstore.json", "test-result.sigstore.json"] {
            let bundle = run.join(file);
            for verify in [by_sigstore, by_securesystemslib] {
                let statement = verify(&bundle, &public).unwrap();
                assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
                for subject in statement["subject"].as_array().unwrap() {
                    let name = subject["name"].as_str().unwrap();
                    assert_eq!(subject["digest"]["sha256"], sha256_of(&run.join(name)), "{name}");
                }
                verify(&bundle, &other).unwrap_err();
                // Another payload, with the same signature.
                let mut changed: Value = serde_json::from_slice(&fs::read(&bundle).unwrap()).unwrap();
                let payload = &mut changed["dsseEnvelope"]["payload"];
                let mut relabelled = statement.clone();
                relabelled["predicateType"] = "urn:drillmaster:drill:v1".into();
                *payload = encoded(&relabelled).into();
                let path = drill.folder().join("changed.json");
                fs::write(&path, changed.to_string()).unwrap();
                verify(&path, &public).unwrap_err();
            }
        }
    }
}

fn encoded(value: &Value) -> String {
    use base64::Engine as _;

    base64::engine::general_purpose::STANDARD.encode(value.to_string())
}

#[test]
fn keys_of_openssl_sign_and_openssl_reads_ours() {
    let drill = Drill::of("az-loss");
    let openssl =
        |args: &[&str]| output(Command::new(program("openssl")).args(args).current_dir(drill.folder()));
    for args in [
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "theirs.key"][..],
        &["genpkey", "-algorithm", "ED25519", "-out", "theirs.key"],
    ] {
        openssl(args);
        openssl(&["pkey", "-in", "theirs.key", "-pubout", "-out", "theirs.pub"]);
        let run = signed_run(&drill, &drill.folder().join("theirs.key"));
        let public = drill.folder().join("theirs.pub");
        let (code, out, _) = told(&["verify", &text(&run), "--key", &text(&public)]);
        assert_eq!(code, 0, "{out}");
    }
    for kind in ["ecdsa-p256", "ed25519"] {
        let key = drill.folder().join(format!("ours-{kind}"));
        assert_eq!(told(&["keygen", &text(&key), "--type", kind]).0, 0);
        let public = openssl(&["pkey", "-in", &text(&key), "-pubout"]);
        let ours = fs::read_to_string(drill.folder().join(format!("ours-{kind}.pub"))).unwrap();
        assert_eq!(public.trim(), ours.trim());
    }
}

/// The recipe of docs/evidence.md, for those who do not want to rely on Drillmaster.
#[test]
fn openssl_alone_verifies_a_run_as_the_documentation_says() {
    let page = fs::read_to_string(at("docs/evidence.md")).unwrap();
    let recipes: Vec<&str> = page.split("```sh openssl\n").skip(1).collect();
    let recipes: Vec<&str> =
        recipes.into_iter().map(|text| text.split_once("```").map_or(text, |(recipe, _)| recipe)).collect();
    let [fingerprint, signatures, of_ed25519] = recipes[..] else { panic!("{recipes:?}") };
    let drill = Drill::of("az-loss");
    let key = drill.folder().join("drill.key");
    let (code, told_of_key, err) = told(&["keygen", &text(&key)]);
    assert_eq!(code, 0, "{err}");
    let run = drill.folder().join("runs/signed");
    let (code, _, err) =
        told(&["run", &text(&drill.write()), "--out", &text(&run), "--sign-with", &text(&key)]);
    assert_eq!(code, 0, "{err}");
    let shell = |recipe: &str| {
        let done = Command::new("sh").args(["-c", recipe]).current_dir(drill.folder()).output().unwrap();
        let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        (done.status.success(), said)
    };
    let (good, said) = shell(fingerprint);
    assert!(good && told_of_key.contains(&format!("SHA256:{}", said.trim())), "{said}{told_of_key}");
    let (good, said) = shell(signatures);
    assert!(good, "{said}");
    assert_eq!(said.matches("Verified OK").count(), 2, "{said}");
    for file in ["journal.ndjson", "report.json", "report.html", "report.md", "junit.xml"] {
        assert_eq!(said.matches(&format!("{file}: OK")).count(), 2, "{said}");
    }
    assert!(said.contains("evidence.sigstore.json: OK"), "{said}");
    assert!(said.contains("\"predicateType\":\"urn:drillmaster:rehearsal:v1\""), "{said}");
    // Each kind of change is seen: of a file, and of a statement.
    for (file, from, to) in [
        ("report.md", "orders", "0rders"),
        ("journal.ndjson", "use1-az1", "use1-az2"),
        ("evidence.sigstore.json", "\"payload\":\"eyJ", "\"payload\":\"eyK"),
        ("test-result.sigstore.json", "\"payload\":\"eyJ", "\"payload\":\"eyK"),
    ] {
        let path = run.join(file);
        let good = fs::read_to_string(&path).unwrap();
        let changed = good.replacen(from, to, 1);
        assert_ne!(good, changed, "{file}");
        fs::write(&path, changed).unwrap();
        let (is_good, said) = shell(signatures);
        assert!(!is_good, "{file}: {said}");
        fs::write(&path, good).unwrap();
    }
    // The line for a key of the other kind.
    let ours = signatures.lines().find(|line| line.contains("openssl dgst -sha256 -verify")).unwrap();
    let signatures = signatures.replace(ours, of_ed25519.trim_end());
    for file in [&key, &drill.folder().join("drill.key.pub")] {
        fs::remove_file(file).unwrap();
    }
    assert_eq!(told(&["keygen", &text(&key), "--type", "ed25519"]).0, 0);
    fs::remove_dir_all(&run).unwrap();
    let (code, _, err) =
        told(&["run", &text(&drill.write()), "--out", &text(&run), "--sign-with", &text(&key)]);
    assert_eq!(code, 0, "{err}");
    let (good, said) = shell(&signatures);
    assert!(good, "{said}");
    assert_eq!(said.matches("Verified Successfully").count(), 2, "{said}");
}

#[test]
fn a_browser_prints_the_report() {
    let drill = Drill::of("az-loss");
    let run = drill.next_out();
    let (code, _, err) = told(&["run", &text(&drill.write()), "--out", &text(&run)]);
    assert_eq!(code, 0, "{err}");
    let file = drill.folder().join("report.pdf");
    let print = |browser: PathBuf| {
        let mut command = support::drill::drillmaster();
        command.args(["report", &text(&run), "--format", "pdf", "--out", &text(&file)]);
        let done = command.env("CHROME", browser).output().unwrap();
        (done.status.code().unwrap(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, said) = print(browser());
    assert_eq!(code, 0, "{said}");
    let pdf = fs::read(&file).unwrap();
    assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 20_000, "{} bytes", pdf.len());
    fs::remove_file(&file).unwrap();
    // A browser that ends well and writes nothing.
    let (code, said) = print(program("true"));
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("printed no PDF"), "{said}");
    assert!(!file.exists());
}
