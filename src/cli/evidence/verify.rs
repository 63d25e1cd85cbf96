//! `drillmaster verify RUN`

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;

use super::facts::Facts;
use super::page;
use super::timestamp::trusted;
use crate::cli::configuration::ConfigArg;
use crate::cli::run_folder::{self, Told};
use crate::cli::{complained, folder_of, print, print_as};
use crate::config::UserConfig;
use base::exit::Exit;
use base::visible::Form;
use evidence::key::Fingerprint;
use evidence::verify::{Fault, Trust, Verified, verify};
use evidence::{EVIDENCE, PublicKey};
use record::journal;
use record::report::{Report, headline};

/// Verify the evidence of a run, without a network
///
/// The signatures, the contents of every file, the journal's chain, and whether all of them say the
/// same. It prints what was lost, who ran it, the verdict with its figures, and what is open. Exit
/// codes: 0 nothing was changed, and a key that you trust signed it, even if the drill failed; 1
/// something was changed, is missing or is not signed by such a key; 2 the command line is wrong.
///
/// Example: drillmaster verify runs/20261122T074400Z-orders-1f3a2b4c --key drill.key.pub
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster verify runs/signed --key drill.key.pub")]
pub struct Args {
    /// The run's folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[command(flatten)]
    trust: TrustArgs,
    /// Also demand a time stamp by such an authority
    #[arg(long)]
    require_timestamp: bool,
    /// Also demand the review of a second person, by another key that you trust
    #[arg(long)]
    require_review: bool,
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    config: ConfigArg,
}

/// Whom the reader trusts.
#[derive(clap::Args)]
pub struct TrustArgs {
    /// A public key that you trust, in PEM; may be repeated
    ///
    /// So are those of `evidence.trusted_keys` in the configuration.
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// The fingerprint of a key that you trust, as `keygen` prints it; may be repeated
    #[arg(long, value_name = "SHA256:…")]
    fingerprint: Vec<Fingerprint>,
    /// The certificates of the authorities of time that you trust, in PEM; default:
    /// `evidence.timestamp_ca` of the configuration
    #[arg(long, value_name = "FILE")]
    timestamp_ca: Option<PathBuf>,
}

impl TrustArgs {
    /// # Errors
    /// A file cannot be read, as a text for the user.
    pub fn trust(&self, config: &UserConfig) -> Result<Trust, String> {
        let mut trust = keys_of(config)?;
        for path in &self.key {
            trust.key(&public_key(path)?);
        }
        for fingerprint in &self.fingerprint {
            trust.fingerprint(fingerprint.clone());
        }
        trust.authorities = trusted(self.timestamp_ca.as_deref(), config)?;
        Ok(trust)
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    #[default]
    Text,
    Json,
}

/// What `verify --output json` prints.
#[derive(Serialize)]
struct Printed<'a> {
    run: String,
    run_id: Option<&'a str>,
    simulated: Option<bool>,
    headline: Option<String>,
    /// What the journal tells of the run. `null`: it cannot be read.
    drill: Option<&'a Facts<'a>>,
    #[serde(flatten)]
    verified: &'a Verified,
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(code) | Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<Exit, Exit> {
    let wrong = complained(Exit::Wrong);
    let config = args.config.load_or_complain()?;
    let trust = args.trust.trust(&config).map_err(wrong)?;
    let folder = folder_of(&args.run);
    if !folder.is_dir() {
        return Err(wrong(format!("{}: is no folder of a run", folder.display())));
    }
    let told = run_folder::read(&folder);
    let mut verified = verify(&folder, report_of(&told), &trust);
    if args.require_review && !verified.reviews.iter().any(|review| review.counts) {
        let what =
            "nobody else has reviewed it with a key that you trust: `drillmaster review` signs a review";
        verified.faults.push(Fault { file: EVIDENCE.to_owned(), what: what.to_owned() });
        verified.good = false;
    }
    if args.require_timestamp && !verified.stamp.as_ref().is_some_and(|stamp| stamp.trusted) {
        let what = "no authority of time that you named has stamped it: `run --timestamp URL` asks one, and \
                    --timestamp-ca names whom you trust";
        verified.faults.push(Fault { file: EVIDENCE.to_owned(), what: what.to_owned() });
        verified.good = false;
    }
    let report = told.as_ref().ok().map(|told| &told.fold.report);
    let facts = told.as_ref().ok().map(|told| Facts::of(&told.fold.report, &told.inputs));
    let written = match args.output {
        Output::Text => print(&page::text(&folder, report.zip(facts.as_ref()), &verified)),
        Output::Json => {
            let printed = Printed {
                run: folder.display().to_string(),
                run_id: report.map(|report| report.run_id.as_str()),
                simulated: report.map(|report| report.simulated),
                headline: report.map(headline::of),
                drill: facts.as_ref(),
                verified: &verified,
            };
            let json = serde_json::to_string_pretty(&printed).map_err(|error| wrong(error.to_string()))?;
            print_as(&format!("{json}\n"), Form::Json)
        }
    };
    written?;
    Ok(if verified.good { Exit::Passed } else { Exit::Failed })
}

/// The keys that the configuration trusts.
pub fn keys_of(config: &UserConfig) -> Result<Trust, String> {
    let mut trust = Trust::default();
    for key in &config.evidence.trusted_keys {
        if key.starts_with("SHA256:") {
            let fingerprint = key.parse().map_err(|error| format!("`evidence.trusted_keys`: {error}"))?;
            trust.fingerprint(fingerprint);
        } else {
            let path = config.folder().join(key);
            let key = public_key(&path).map_err(|error| format!("`evidence.trusted_keys`: {error}"))?;
            trust.key(&key);
        }
    }
    Ok(trust)
}

fn public_key(path: &Path) -> Result<PublicKey, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: cannot be read: {error}"))?;
    PublicKey::from_pem(&text).map_err(|error| format!("{name}: {error}"))
}

/// What the journal tells, and what is wrong with it.
pub fn report_of(told: &Result<Told, String>) -> Result<&Report, Fault> {
    let fault = |what: String| Fault { file: journal::FILE_NAME.to_owned(), what };
    match told {
        Ok(Told { unread: Some(error), .. }) => Err(fault(error.to_string())),
        Ok(told) => match told.next() {
            Some(next) => Err(fault(next)),
            None => Ok(&told.fold.report),
        },
        Err(message) => Err(fault(message.clone())),
    }
}
