//! `drillmaster review RUN`

use std::path::PathBuf;

use chrono::Utc;

use super::signing::{SigningArgs, Unusable};
use super::verify::{keys_of, report_of};
use crate::cli::configuration::ConfigArg;
use crate::cli::{complain, complained, folder_of, print, run_folder};
use base::exit::Exit;
use evidence::review::{Said, review};
use evidence::verify::{signed_by, verify};

/// Sign the evidence of a run as a second person
///
/// The evidence is verified first. Your own key signs, which must not be the runner's. The review
/// becomes a file in the run's folder. Exit codes: 0 signed; 1 the evidence is not good, so nothing was
/// signed; 2 the command line is wrong.
///
/// Example: drillmaster review RUN --by "Ada Lovelace" --note "Restored data looked at" --sign-with ada.key
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster review runs/signed --by 'Ada Lovelace' --note 'Data compared' --sign-with ada.key")]
pub struct Args {
    /// The run's folder
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Your name
    #[arg(long, value_name = "NAME")]
    by: String,
    /// What you looked at, and what you found
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// Your private key: a file of `keygen`, env:NAME for a variable that holds its text, or
    /// `awskms:///alias/NAME` for a key of AWS KMS; default: `evidence.key` of the configuration
    #[arg(long, value_name = "KEY")]
    sign_with: Option<String>,
    #[command(flatten)]
    config: ConfigArg,
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(code) | Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<Exit, Exit> {
    let wrong = complained(Exit::Wrong);
    let config = args.config.load_or_complain()?;
    for (flag, text) in [("--by", &args.by), ("--note", &args.note)] {
        if text.trim().is_empty() {
            return Err(wrong(format!("{flag} is empty: a review says who looked, and what was found")));
        }
    }
    let signing = SigningArgs { sign_with: args.sign_with.clone(), timestamp: None };
    let signer = signing.named(&config, None).map_err(Unusable::complained)?;
    let signer = signer
        .ok_or_else(|| wrong("name your own key with --sign-with: `drillmaster keygen` makes one".into()))?;
    let folder = folder_of(&args.run);
    let told = run_folder::read(&folder);
    let mut trust = keys_of(&config).map_err(wrong)?;
    // Whose key the runner's is, the reviewer says to whoever trusts the reviewer.
    let signed_by = signed_by(&folder);
    if let Some(runner) = &signed_by {
        if runner.fingerprint == signer.public_key().fingerprint() {
            let message = "the runner signed with this key already, and a review is by a second person: use another key";
            return Err(wrong(message.into()));
        }
        if config.evidence.trusted_keys.is_empty() {
            trust.fingerprint(runner.fingerprint.clone());
        }
    }
    let verified = verify(&folder, report_of(&told), &trust);
    if let Some(fault) = verified.faults.first() {
        complain(&format!("{}: {}: {}; nothing was signed", folder.display(), fault.file, fault.what));
        return Err(Exit::Failed);
    }
    let said = Said { by: args.by.clone(), note: args.note.clone(), at: Utc::now() };
    let file = review(&folder, said, signer.as_ref()).map_err(|error| wrong(error.to_string()))?;
    print(&format!(
        "Signed: {}, with {}. It binds you to evidence of {}.\n",
        file.display(),
        signer.public_key().fingerprint(),
        signed_by.map(|signed| signed.fingerprint.to_string()).unwrap_or_default()
    ))?;
    Ok(Exit::Passed)
}
