//! `drillmaster evidence push RUN`

mod bucket;
mod vanta;

use std::path::{Path, PathBuf};

use chrono::Utc;
use tempfile::TempDir;

use super::verify::{TrustArgs, report_of};
use crate::cli::configuration::ConfigArg;
use crate::cli::run_folder::{self, Told};
use crate::cli::store::open_archive;
use crate::cli::{complain, complained, folder_of, print};
use base::exit::Exit;
use evidence::verify::{Verified, verify};
use record::report::{Report, headline};

/// Hand the evidence of a run over to where auditors look
///
/// The run is verified first, as `verify` does it: what is unsigned, was changed or is not signed with
/// a key that you trust stays here. Exit codes: 0 handed over; 1 the evidence is not good, so nothing
/// left this machine; 2 the command line or the configuration is wrong; 3 it could not be handed over.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster evidence push runs/20261122T074400Z-orders-1f3a2b4c --to s3://audit/recovery --key drill.key.pub")]
pub struct Args {
    /// The run's folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`: every signed file and review,
    /// read back and compared, none overwritten; `vanta`: the report as PDF, into the document that
    /// `evidence.vanta` of the configuration names
    #[arg(long, value_name = "URL|vanta", value_parser = target)]
    to: Target,
    /// Hand over a rehearsal on the twin, and name it so
    #[arg(long)]
    rehearsal: bool,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    config: ConfigArg,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// A URL of a bucket.
    Bucket(String),
    Vanta,
}

fn target(text: &str) -> Result<Target, String> {
    if text == "vanta" {
        return Ok(Target::Vanta);
    }
    if text == "audit-manager" {
        return Err(
            "AWS Audit Manager takes no new customers since 30 April 2026, and is not spoken here: upload \
                    `drillmaster report RUN --format pdf` there as manual evidence"
                .to_owned(),
        );
    }
    if ["s3://", "gs://", "az://"].iter().any(|scheme| text.starts_with(scheme)) {
        return Ok(Target::Bucket(text.to_owned()));
    }
    Err("write it as s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or vanta".to_owned())
}

/// A run that was verified, as a copy: nobody can change a file between its verification and its
/// departure.
#[cfg_attr(not(feature = "aws"), allow(dead_code, reason = "only a build with a network pushes"))]
struct Proved<'a> {
    folder: &'a Path,
    report: &'a Report,
    verified: &'a Verified,
}

#[cfg_attr(not(feature = "aws"), allow(dead_code, reason = "only a build with a network pushes"))]
impl Proved<'_> {
    /// The signed files, and the reviews.
    fn files(&self) -> impl Iterator<Item = &str> {
        let reviews = self.verified.reviews.iter().map(|review| &review.file);
        self.verified.files.iter().chain(reviews).map(String::as_str)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.folder.join(name)).map_err(|error| format!("{name}: cannot be read: {error}"))
    }

    /// What it is, in one line. A rehearsal says so first.
    fn title(&self) -> String {
        let kind = if self.report.simulated {
            "REHEARSAL on a model, nothing was really restored"
        } else {
            "Disaster-recovery drill on AWS"
        };
        format!("{kind}: {}", headline::of(self.report))
    }
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<(), Exit> {
    let wrong = complained(Exit::Wrong);
    let failed = complained(Exit::Error);
    let config = args.config.load_or_complain()?;
    let trust = args.trust.trust(&config).map_err(wrong)?;
    let folder = folder_of(&args.run);
    let copy = copy_of(&folder).map_err(|why| wrong(format!("{}: {why}", folder.display())))?;
    let told = run_folder::read(copy.path());
    let verified = verify(copy.path(), report_of(&told), &trust);
    if let Some(fault) = verified.faults.first() {
        complain(&format!("{}: {}: {}; nothing was pushed", folder.display(), fault.file, fault.what));
        return Err(Exit::Failed);
    }
    let Told { fold, .. } = told.map_err(wrong)?;
    let report = &fold.report;
    let name = folder.display();
    match (report.simulated, args.rehearsal) {
        (true, false) => {
            return Err(wrong(format!(
                "{name}: it is a rehearsal on the twin, and proves no recovery to an auditor: push a drill, or say \
                 --rehearsal to have it named so"
            )));
        }
        (false, true) => return Err(wrong(format!("{name}: it is no rehearsal: leave --rehearsal out"))),
        (true, true) | (false, false) => {}
    }
    let proved = Proved { folder: copy.path(), report, verified: &verified };
    let said = match &args.to {
        Target::Bucket(url) => {
            let archive = open_archive(url, &config).map_err(wrong)?;
            bucket::push(&proved, &archive).map_err(failed)?
        }
        Target::Vanta => {
            let vanta = vanta::Vanta::of(&config).map_err(wrong)?;
            vanta.push(&proved, Utc::now()).map_err(failed)?
        }
    };
    print(&said)
}

/// A copy of a run's files. What is no plain file is left out.
fn copy_of(folder: &Path) -> Result<TempDir, String> {
    let unreadable = |error: std::io::Error| format!("the folder cannot be read: {error}");
    let copy = tempfile::tempdir().map_err(|error| format!("no temporary folder can be made: {error}"))?;
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_type().map_err(unreadable)?.is_file() {
            let to = copy.path().join(entry.file_name());
            std::fs::copy(entry.path(), to)
                .map_err(|error| format!("{}: cannot be copied: {error}", entry.path().display()))?;
        }
    }
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_evidence_goes_is_read() {
        for text in ["s3://audit", "gs://audit/drills/2026/", "az://audit/drills"] {
            assert_eq!(target(text).unwrap(), Target::Bucket(text.to_owned()));
        }
        assert_eq!(target("vanta").unwrap(), Target::Vanta);
        for text in ["", "audit", "file://audit", "drata"] {
            assert!(target(text).unwrap_err().contains("az://CONTAINER/PREFIX or vanta"), "{text}");
        }
        assert!(target("audit-manager").unwrap_err().contains("takes no new customers"));
    }
}
