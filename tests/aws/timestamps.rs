//! Time stamps of RFC 3161, by an authority that openssl plays.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::evidence::{text, verified};
use support::drill::{Drill, told};
use support::peers::{Answer, HttpTarget, output, program, stores};
use support::places::at;

const CONFIGURATION: &str = "
[tsa]
default_tsa = one
[one]
serial = serial
crypto_device = builtin
signer_cert = leaf.pem
certs = mid.pem
signer_key = leaf.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = no
tsa_name = yes
ess_cert_id_alg = sha256
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
";

/// An authority: a root, an intermediate, and the certificate that stamps.
struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    /// `key`: how openssl names the kind of its key.
    fn new(key: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.cnf"), CONFIGURATION).unwrap();
        fs::write(folder.path().join("serial"), "01\n").unwrap();
        let one = Self { folder };
        let root =
            ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "root.key", "-out", "root.pem"];
        one.openssl(&[&root[..], &["-subj", "/CN=Test Root", "-days", "3650"]].concat());
        one.certificate("mid", "root", &["rsa:2048"], "root");
        one.certificate("leaf", "mid", key, "leaf");
        one
    }

    fn certificate(&self, name: &str, by: &str, key: &[&str], extensions: &str) {
        let (file, subject) = (|kind: &str| format!("{name}.{kind}"), format!("/O=Test/CN=Test {name}"));
        let request = ["req", "-nodes", "-keyout", &file("key"), "-out", &file("csr"), "-subj", &subject];
        self.openssl(&[&request[..], &["-newkey"], key].concat());
        let sign =
            ["x509", "-req", "-in", &file("csr"), "-out", &file("pem"), "-days", "3650", "-CAcreateserial"];
        let ca = ["-CA", &format!("{by}.pem"), "-CAkey", &format!("{by}.key")];
        self.openssl(&[&sign[..], &ca, &["-extfile", "ca.cnf", "-extensions", extensions]].concat());
    }

    fn openssl(&self, args: &[&str]) -> String {
        output(Command::new(program("openssl")).args(args).current_dir(self.folder.path()))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Answers at a URL of its own.
    fn serve(&self) -> HttpTarget {
        let (folder, one) = (self.folder.path().to_owned(), Mutex::new(()));
        HttpTarget::answering(move |request| {
            assert_eq!(request.header("content-type"), Some("application/timestamp-query"));
            let _one_at_a_time = one.lock().unwrap();
            fs::write(folder.join("query"), &request.body).unwrap();
            let reply = ["ts", "-reply", "-config", "ca.cnf", "-section", "one", "-queryfile", "query"];
            output(Command::new(program("openssl")).args(reply).args(["-out", "reply"]).current_dir(&folder));
            let body = fs::read(folder.join("reply")).unwrap();
            Answer::status(200).header("content-type", "application/timestamp-reply").body(body)
        })
    }
}

/// A run that was signed with a key of its own.
struct Signed {
    drill: Drill,
    run: PathBuf,
    said: String,
}

impl Signed {
    fn with(args: &[&str]) -> Self {
        let drill = Drill::of("az-loss");
        let key = drill.folder().join("drill.key");
        assert_eq!(told(&["keygen", &text(&key)]).0, 0);
        let run = drill.next_out();
        let (playbook, out, key) = (text(&drill.write()), text(&run), text(&key));
        let all = [&["run", &playbook, "--out", &out, "--sign-with", &key], args].concat();
        let (code, _, said) = told(&all);
        assert_eq!(code, 0, "{said}");
        Self { drill, run, said }
    }

    fn public(&self) -> PathBuf {
        self.drill.folder().join("drill.key.pub")
    }

    fn verify(&self, args: &[&str]) -> (i32, String) {
        let (run, key) = (text(&self.run), text(&self.public()));
        let (code, out, err) = told(&[&["verify", &run, "--key", &key], args].concat());
        (code, out + &err)
    }

    fn bundle(&self) -> Value {
        serde_json::from_slice(&fs::read(self.run.join("evidence.sigstore.json")).unwrap()).unwrap()
    }

    fn stamp(&self) -> Option<Vec<u8>> {
        let all = &self.bundle()["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"];
        Some(STANDARD.decode(all[0]["signedTimestamp"].as_str()?).unwrap())
    }
}

fn by_sigstore(bundle: &Path, key: &Path, chain: &str) -> Result<Value, String> {
    verified(
        Command::new(program("node"))
            .arg(at("tests/peers/verify_bundle.js"))
            .args([bundle, key])
            .arg(chain)
            .env("NODE_PATH", stores().join("node_modules")),
    )
}

#[test]
fn an_authority_stamps_the_evidence_and_others_verify_it() {
    for key in [&["rsa:2048"][..], &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]] {
        let authority = Authority::new(key);
        let server = authority.serve();
        let signed = Signed::with(&["--timestamp", &server.url("/tsa")]);
        assert!(!signed.said.contains("without a time stamp"), "{}", signed.said);
        assert_eq!(server.count(), 1, "the evidence alone is stamped");
        // Anybody can make a stamp of an authority that nobody named.
        let (code, said) = signed.verify(&[]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("Time stamp     not verified: you named no authority"), "{said}");
        let (code, said) = signed.verify(&["--require-timestamp"]);
        assert_eq!(code, 1, "{said}");
        let root = text(&authority.file("root.pem"));
        let (code, said) = signed.verify(&["--timestamp-ca", &root, "--require-timestamp"]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("Time stamp     seen at 20") && said.contains("by Test leaf"), "{said}");
        // So does the configuration.
        let config = authority.file("config.yaml");
        fs::write(&config, "evidence: { timestamp_ca: root.pem }\n").unwrap();
        let (code, said) = signed.verify(&["--config", &text(&config), "--require-timestamp"]);
        assert_eq!(code, 0, "{said}");
        let other = Authority::new(&["rsa:2048"]);
        let (code, said) = signed.verify(&["--timestamp-ca", &text(&other.file("root.pem"))]);
        assert_eq!(code, 1, "{said}");
        let words = "FAULT          evidence.sigstore.json: its time stamp: no authority that you named vouches for it";
        assert!(said.contains(words), "{said}");
        // Others.
        let chain =
            |of: &Authority| ["leaf.pem", "mid.pem", "root.pem"].map(|name| text(&of.file(name))).join(",");
        let bundle = signed.run.join("evidence.sigstore.json");
        by_sigstore(&bundle, &signed.public(), &chain(&authority)).unwrap();
        by_sigstore(&bundle, &signed.public(), &chain(&other)).unwrap_err();
        let signature = signed.bundle()["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap().to_owned();
        fs::write(authority.file("signature"), STANDARD.decode(signature).unwrap()).unwrap();
        fs::write(authority.file("stamp"), signed.stamp().unwrap()).unwrap();
        authority.openssl(&["ts", "-verify", "-data", "signature", "-in", "stamp", "-CAfile", "root.pem"]);
    }
}

#[test]
fn a_changed_byte_of_a_stamped_bundle_is_found_even_if_no_authority_is_named() {
    let authority = Authority::new(&["rsa:2048"]);
    let server = authority.serve();
    let signed = Signed::with(&["--timestamp", &server.url("/")]);
    let file = signed.run.join("evidence.sigstore.json");
    let good = fs::read_to_string(&file).unwrap();
    let begin = good.find("\"timestampVerificationData\"").unwrap();
    let end = good.find("\"dsseEnvelope\"").unwrap();
    let places = (begin..end).step_by((end - begin) / 60);
    for at in places.chain([begin, end - 1, good.len() - 1]) {
        let mut changed = good.clone().into_bytes();
        // Another letter of base64, where it is one.
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        fs::write(&file, &changed).unwrap();
        let (code, said) = signed.verify(&[]);
        assert_eq!(code, 1, "byte {at}: {said}");
        assert!(said.contains("FAULT          evidence.sigstore.json"), "byte {at}: {said}");
    }
    // Nobody can take the stamp away, or put one beside another statement.
    let mut without: Value = serde_json::from_str(&good).unwrap();
    let material = without["verificationMaterial"].as_object_mut().unwrap();
    let stamp = material.remove("timestampVerificationData").unwrap();
    fs::write(&file, without.to_string() + "\n").unwrap();
    let (code, said) = signed.verify(&[]);
    assert_eq!(code, 1, "{said}");
    fs::write(&file, &good).unwrap();
    let file = signed.run.join("test-result.sigstore.json");
    let kept = fs::read_to_string(&file).unwrap();
    let with = format!("\"tlogEntries\":[],\"timestampVerificationData\":{stamp}");
    fs::write(&file, kept.replace("\"tlogEntries\":[]", &with)).unwrap();
    let (code, said) = signed.verify(&[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("it holds a time stamp, which belongs to the evidence alone"), "{said}");
    fs::write(&file, &kept).unwrap();
    assert_eq!(signed.verify(&[]).0, 0);
}

#[test]
fn an_authority_that_stamps_nothing_is_a_warning_and_no_verdict() {
    let authority = Authority::new(&["rsa:2048"]);
    let server = authority.serve();
    let old = Signed::with(&["--timestamp", &server.url("/")]).stamp().unwrap();
    let refused = {
        let folder = authority.file("");
        // It knows no SHA-1.
        output(
            Command::new(program("openssl"))
                .args(["ts", "-query", "-digest", &"ab".repeat(20), "-sha1"])
                .args(["-out", "weak"])
                .current_dir(&folder),
        );
        authority.openssl(&[
            "ts",
            "-reply",
            "-config",
            "ca.cnf",
            "-section",
            "one",
            "-queryfile",
            "weak",
            "-out",
            "no",
        ]);
        fs::read(authority.file("no")).unwrap()
    };
    for (answer, words) in [
        (Answer::status(503).body("come later"), "HTTP 503: come later"),
        (Answer::status(200).body("no stamp"), "the answer is no time stamp"),
        (Answer::status(200).body(""), "the answer is no time stamp"),
        (Answer::status(200).body(old), "it is about something else than the signature"),
        (Answer::status(200).body(refused), "the authority refuses"),
    ] {
        let server = HttpTarget::start(answer);
        let signed = Signed::with(&["--timestamp", &server.url("/")]);
        unstamped(&signed, &server.url("/"), words);
    }
    let gone = HttpTarget::start(Answer::status(200));
    let url = gone.url("/");
    let _port = gone.end();
    unstamped(&Signed::with(&["--timestamp", &url]), &url, "Connection refused");
}

#[track_caller]
fn unstamped(signed: &Signed, url: &str, words: &str) {
    let said = &signed.said;
    assert!(said.contains(&format!("warning: {url}: ")) && said.contains(words), "{words}: {said}");
    assert!(said.contains("the run is signed without a time stamp"), "{said}");
    assert_eq!(signed.stamp(), None);
    let (code, said) = signed.verify(&[]);
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("Time stamp"), "{said}");
    let (code, said) = signed.verify(&["--require-timestamp"]);
    assert_eq!(code, 1, "{said}");
}

#[test]
fn what_names_no_authority_is_told_before_anything_runs() {
    let drill = Drill::of("az-loss");
    let playbook = text(&drill.write());
    for url in ["tsa.example", "ftp://tsa.example/", "https://"] {
        let out = drill.next_out();
        let (code, _, said) = told(&["run", &playbook, "--out", &text(&out), "--timestamp", url]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("--timestamp") && said.contains("write it like https://"), "{said}");
        assert!(!out.exists());
    }
    let signed = Signed::with(&[]);
    let (code, said) = signed.verify(&["--timestamp-ca", &text(&signed.public())]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("it holds `PUBLIC KEY`, not `CERTIFICATE`"), "{said}");
}
