//! Verifies the evidence of a run, from its folder alone.
//!
//! The caller has read the journal, and compared report.json with it. Here the signed statements are
//! held against the files, and against what the journal tells.

use std::collections::BTreeSet;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use base::duration::Time;
use record::report::{Format, Report};

use crate::bundle::Bundle;
use crate::folder;
use crate::key::{Fingerprint, Holder, PublicKey};
use crate::seal::predicate_type;
use crate::statement::{
    Evidence, REVIEW, RanBy, Review, STATEMENT, SignedBy, Statement, Subject, TEST_RESULT, TestResult,
};
use crate::timestamp::{Authorities, Stamped};
use crate::{EVIDENCE, RESULT, review};

/// Whom the reader of the evidence trusts: keys, by their fingerprints, and authorities.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    keys: BTreeSet<Fingerprint>,
    /// Who may stamp the time.
    pub authorities: Authorities,
}

impl Trust {
    pub fn key(&mut self, key: &PublicKey) {
        self.keys.insert(key.fingerprint());
    }

    pub fn fingerprint(&mut self, fingerprint: Fingerprint) {
        self.keys.insert(fingerprint);
    }
}

/// Something that is wrong with the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file in the run's folder.
    pub file: String,
    pub what: String,
}

/// What the evidence shows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Verified {
    /// Nothing is wrong, and a trusted key signed it.
    pub good: bool,
    pub faults: Vec<Fault>,
    /// The files whose contents are as they were signed.
    pub files: Vec<String>,
    /// Files in the folder that nobody signed.
    pub unsigned: Vec<String>,
    pub signed_by: Option<SignedBy>,
    pub signed_at: Option<Time>,
    /// When an authority saw the signature of the evidence. `None`: no time stamp, or a wrong one.
    pub stamp: Option<Stamped>,
    pub ran_by: Option<RanBy>,
    pub reviews: Vec<Reviewed>,
}

/// A review whose signature is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reviewed {
    pub file: String,
    pub by: String,
    pub note: String,
    pub signed_at: Time,
    pub fingerprint: Fingerprint,
    /// The key is trusted, and is not the one of the runner.
    pub counts: bool,
}

impl Verified {
    fn fault(&mut self, file: &str, what: impl Into<String>) {
        self.faults.push(Fault { file: file.to_owned(), what: what.into() });
    }
}

/// Only the key of a statement, to verify its signature before anything else of it is read.
#[derive(Deserialize)]
struct Signed {
    predicate: SignedPart,
}

#[derive(Deserialize)]
struct SignedPart {
    signer: SignedBy,
}

/// The key that signed the evidence in a folder, if there is any and its signature is right.
pub fn signed_by(folder: &Path) -> Option<SignedBy> {
    let statement: Statement<Evidence<Value>> = read(folder, EVIDENCE, &mut Verified::default())?;
    Some(statement.predicate.signer)
}

/// Whether a file of the folder is as the evidence there says, whoever signed it.
pub fn is_signed(folder: &Path, name: &str) -> bool {
    let statement: Option<Statement<Evidence<Value>>> = read(folder, EVIDENCE, &mut Verified::default());
    let found = folder::subject(folder, name);
    statement.is_some_and(|statement| found.is_ok_and(|found| statement.subject.contains(&found)))
}

/// Verifies the evidence of a run. `report` is what its journal tells, or why that is not known, by
/// the file's name.
pub fn verify(folder: &Path, report: Result<&Report, Fault>, trust: &Trust) -> Verified {
    let mut verified = Verified::default();
    if let Err(fault) = &report {
        verified.faults.push(fault.clone());
    }
    let report = report.ok();
    let evidence = read_bundle::<Evidence<Value>>(folder, EVIDENCE, &mut verified);
    if let Some((_, bundle)) = &evidence {
        verify_stamp(bundle, trust, &mut verified);
    }
    let evidence = evidence.map(|(statement, _)| statement);
    let runner = evidence.as_ref().map(|statement| statement.predicate.signer.clone());
    if let Some(statement) = &evidence {
        must_be_trusted(EVIDENCE, &statement.predicate.signer, trust, &mut verified);
        compare_files(folder, EVIDENCE, &statement.subject, &mut verified);
        all_signed(folder, &statement.subject, &mut verified);
        if let Some(report) = report {
            compare_evidence(folder, statement, report, &mut verified);
        }
        let told = &statement.predicate;
        verified.signed_by = Some(told.signer.clone());
        verified.signed_at = Some(told.signed_at);
        verified.ran_by = Some(told.ran_by.clone());
    }
    let result: Option<Statement<TestResult>> = read(folder, RESULT, &mut verified);
    if let Some(statement) = &result {
        let signer = &statement.predicate.signer;
        if runner.as_ref().is_some_and(|runner| runner != signer) {
            verified.fault(RESULT, "another key than that of the evidence signed it");
        }
        let (same, last) = statement.subject.split_at(statement.subject.len().saturating_sub(1));
        let is_of_evidence = evidence.as_ref().is_some_and(|evidence| evidence.subject == same);
        if evidence.is_some() && !(is_of_evidence && last.iter().any(|file| file.name == EVIDENCE)) {
            verified.fault(RESULT, format!("it does not name the files of {EVIDENCE}, and that file"));
        }
        compare_files(folder, RESULT, &statement.subject, &mut verified);
        verified.files.push(RESULT.to_owned());
        if statement.predicate_type != TEST_RESULT {
            verified.fault(RESULT, format!("its type is not {TEST_RESULT}"));
        }
        if let Some(report) = report
            && statement.predicate != TestResult::of(report, signer.clone())
        {
            verified.fault(RESULT, "it is not the result that the journal tells");
        }
    }
    reviews_and_unsigned(folder, runner.as_ref(), trust, &mut verified);
    verified.files.sort();
    verified.files.dedup();
    verified.faults.dedup();
    verified.good = verified.faults.is_empty();
    verified
}

/// Reads a statement whose signature is that of the key that it names. No time stamp may stand beside
/// it: nothing would cover its bytes.
fn read<P: DeserializeOwned>(folder: &Path, name: &str, verified: &mut Verified) -> Option<Statement<P>> {
    let (statement, bundle) = read_bundle(folder, name, verified)?;
    if name != EVIDENCE && bundle.stamped().is_some() {
        verified.fault(name, "it holds a time stamp, which belongs to the evidence alone");
        return None;
    }
    Some(statement)
}

fn read_bundle<P: DeserializeOwned>(
    folder: &Path,
    name: &str,
    verified: &mut Verified,
) -> Option<(Statement<P>, Bundle)> {
    let fault = match folder::read(folder, name) {
        Ok(bytes) => match signed(&bytes) {
            Ok(read) => return Some(read),
            Err(what) => what,
        },
        Err(error) if error.is_missing() => "is missing: the run is not signed".to_owned(),
        Err(error) => error.to_string(),
    };
    verified.fault(name, fault);
    None
}

/// The time stamp of the evidence. The test result names the bytes of the whole bundle.
fn verify_stamp(bundle: &Bundle, trust: &Trust, verified: &mut Verified) {
    let Some(stamp) = bundle.stamped() else { return };
    let told = match bundle.signature_bytes() {
        Ok(signature) => stamp.verify(&signature, &trust.authorities).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match told {
        Ok(stamped) => verified.stamp = Some(stamped),
        Err(why) => verified.fault(EVIDENCE, format!("its time stamp: {why}")),
    }
}

fn signed<P: DeserializeOwned>(bytes: &[u8]) -> Result<(Statement<P>, Bundle), String> {
    let bundle = Bundle::from_text(bytes).map_err(|error| error.to_string())?;
    let payload = bundle.payload().map_err(|error| error.to_string())?;
    let odd = |error: serde_json::Error| format!("its statement cannot be read: {error}");
    let Signed { predicate: SignedPart { signer } } = serde_json::from_slice(&payload).map_err(odd)?;
    let key = PublicKey::from_pem(&signer.public_key).map_err(|error| format!("its public key: {error}"))?;
    if key.fingerprint() != signer.fingerprint {
        return Err("its public key has another fingerprint than it says".to_owned());
    }
    if !bundle.is_signed(&payload, &key).map_err(|error| error.to_string())? {
        return Err("its signature is wrong: it was changed after it was signed".to_owned());
    }
    let statement: Statement<P> = serde_json::from_slice(&payload).map_err(odd)?;
    if statement.form != STATEMENT {
        return Err(format!("it is no statement of the form {STATEMENT}"));
    }
    Ok((statement, bundle))
}

fn must_be_trusted(name: &str, signer: &SignedBy, trust: &Trust, verified: &mut Verified) {
    if trust.keys.contains(&signer.fingerprint) {
        return;
    }
    let fingerprint = &signer.fingerprint;
    let what = match signer.key {
        Holder::ThrownAway => format!(
            "it is signed with {fingerprint}, a key that was made for this run alone, so it shows nobody's identity; if \
             somebody noted this fingerprint when the run ended, in the log of the CI for example, give it with \
             --fingerprint; sign coming runs with a key from `drillmaster keygen`"
        ),
        Holder::Kept => format!(
            "it is signed with {fingerprint}, and you named no such key: ask whoever runs the drills for their public \
             key or its fingerprint, by a way of your own, and give it with --key or --fingerprint"
        ),
    };
    verified.fault(name, what);
}

/// Compares the files with the digests that were signed.
fn compare_files(folder: &Path, by: &str, subjects: &[Subject], verified: &mut Verified) {
    for Subject { name, digest } in subjects {
        if !is_plain(name) {
            verified.fault(by, format!("it names `{name}`, which is no file of a run"));
            continue;
        }
        match folder::digest(folder, name) {
            Ok(found) if found == *digest => verified.files.push(name.clone()),
            Ok(_) => verified.fault(name, "was changed: its SHA-256 is not the one that was signed"),
            Err(error) if error.is_missing() => verified.fault(name, "is missing: it was signed"),
            Err(error) => verified.fault(name, error.to_string()),
        }
    }
}

/// Another name could lead out of the folder.
fn is_plain(name: &str) -> bool {
    !name.contains('/') && !name.starts_with('.')
}

/// A file that a run writes must be signed. Else somebody could put a report of their own beside signed
/// figures.
fn all_signed(folder: &Path, subjects: &[Subject], verified: &mut Verified) {
    let mut names: Vec<&str> = subjects.iter().map(|file| file.name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).any(|two| two[0] == two[1]) {
        verified.fault(EVIDENCE, "it names a file twice");
    }
    for name in folder::names() {
        let is_signed = names.contains(&name);
        let is_there = folder.join(name).symlink_metadata().is_ok();
        if !is_signed && (is_there || folder::is_needed(name)) {
            verified.fault(name, "is not among the files that were signed");
        }
    }
}

/// Compares what the statement says with what the journal tells.
fn compare_evidence(
    folder: &Path,
    statement: &Statement<Evidence<Value>>,
    report: &Report,
    verified: &mut Verified,
) {
    let told = &statement.predicate;
    let kind = if report.simulated { "a rehearsal on the twin" } else { "a drill on AWS" };
    if told.simulated != report.simulated || statement.predicate_type != predicate_type(report.simulated) {
        verified.fault(EVIDENCE, format!("it does not say what the journal tells: that this was {kind}"));
    }
    let same_run = told.run_id == report.run_id
        && told.journal == report.journal
        && told.playbook.sha256 == report.playbook.sha256
        && told.playbook.path == report.playbook.path
        && told.playbook.name == report.playbook.name
        && told.tool.version == report.drillmaster_version;
    if !same_run {
        verified.fault(EVIDENCE, "it is about another run than the journal");
    }
    if told.identities != report.identities {
        verified.fault(EVIDENCE, "it names other AWS identities than the journal");
    }
    let name = Format::Json.file_name();
    // A missing or changed file is told by its digest.
    let Ok(bytes) = folder::read(folder, name) else { return };
    if !serde_json::from_slice::<Value>(&bytes).is_ok_and(|value| value == told.report) {
        verified.fault(EVIDENCE, format!("the report in it is not the one of {name}"));
    }
}

/// The other files of the folder: reviews, and what nobody signed.
fn reviews_and_unsigned(folder: &Path, runner: Option<&SignedBy>, trust: &Trust, verified: &mut Verified) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return verified.fault(".", format!("the folder cannot be read: {error}")),
    };
    let mut names: Vec<String> = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => names.push(entry.file_name().to_string_lossy().into_owned()),
            Err(error) => verified.fault(".", format!("the folder cannot be read: {error}")),
        }
    }
    names.sort();
    for name in names {
        let is_own = [EVIDENCE, RESULT].contains(&name.as_str());
        if name.starts_with(review::PREFIX) && folder::is_bundle(&name) {
            reviewed(folder, &name, runner, trust, verified);
        } else if !is_own
            && !verified.files.contains(&name)
            && !verified.faults.iter().any(|f| f.file == name)
        {
            verified.unsigned.push(name);
        }
    }
}

fn reviewed(folder: &Path, name: &str, runner: Option<&SignedBy>, trust: &Trust, verified: &mut Verified) {
    let Some(statement) = read::<Review>(folder, name, verified) else { return };
    if statement.predicate_type != REVIEW {
        return verified.fault(name, format!("its type is not {REVIEW}"));
    }
    let names: Vec<&str> = statement.subject.iter().map(|file| file.name.as_str()).collect();
    if names != [EVIDENCE, RESULT] {
        return verified.fault(name, format!("it is not about {EVIDENCE} and {RESULT}"));
    }
    for Subject { name: file, digest } in &statement.subject {
        if !folder::digest(folder, file).is_ok_and(|found| found == *digest) {
            return verified.fault(name, format!("it is about another {file} than the one that lies here"));
        }
    }
    if verified.signed_at.is_none_or(|signed| statement.predicate.signed_at < signed) {
        return verified.fault(name, "it is older than the evidence that it is about");
    }
    let Review { by, note, signed_at, signer } = statement.predicate;
    let is_other = runner.is_some_and(|runner| runner.fingerprint != signer.fingerprint);
    let counts = is_other && trust.keys.contains(&signer.fingerprint);
    let fingerprint = signer.fingerprint;
    verified.reviews.push(Reviewed { file: name.to_owned(), by, note, signed_at, fingerprint, counts });
}
