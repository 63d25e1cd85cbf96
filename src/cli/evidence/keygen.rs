//! `drillmaster keygen`

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::cli::{complain, print};
use base::exit::Exit;
use base::private;
use evidence::{Kind, PrivateKey, Signer as _};

/// Make a key that signs the evidence of runs
///
/// The private key goes into FILE, which only you may read, and its public half into FILE.pub. Nothing
/// is overwritten. Exit codes: 0 made; 2 a file exists already, or cannot be written.
///
/// Example: drillmaster keygen drill.key
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster keygen drill.key")]
pub struct Args {
    /// The file for the private key
    #[arg(value_name = "FILE", default_value = "drill.key")]
    file: PathBuf,
    #[arg(long = "type", value_enum, default_value_t)]
    kind: Algorithm,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Algorithm {
    /// ECDSA on P-256 with SHA-256, which all verifiers know
    #[default]
    EcdsaP256,
    /// Pure Ed25519, which fewer verifiers know
    Ed25519,
}

pub fn run(args: &Args) -> Exit {
    match make(args) {
        Ok(told) => match print(&told) {
            Ok(()) => Exit::Passed,
            Err(code) => code,
        },
        Err(message) => {
            complain(&message);
            Exit::Wrong
        }
    }
}

fn make(args: &Args) -> Result<String, String> {
    let kind = match args.kind {
        Algorithm::EcdsaP256 => Kind::EcdsaP256,
        Algorithm::Ed25519 => Kind::Ed25519,
    };
    let mut name = args.file.file_name().unwrap_or_default().to_owned();
    name.push(".pub");
    let public_file = args.file.with_file_name(name);
    if public_file.exists() {
        return Err(exists(&public_file));
    }
    let (key, text) = PrivateKey::generate(kind).map_err(|error| error.to_string())?;
    write_new(private::file(), &args.file, &text)?;
    if let Err(message) = write_new(OpenOptions::new(), &public_file, &key.public_key().to_pem()) {
        // Half a pair helps nobody, and the next try would not overwrite it.
        let _ = std::fs::remove_file(&args.file);
        return Err(message);
    }
    let (file, public, fingerprint) =
        (args.file.display(), public_file.display(), key.public_key().fingerprint());
    Ok(format!(
        "Private key: {file}. Keep it secret: whoever has it can sign in your name.\n\
         Public key: {public}\n\
         Fingerprint: {fingerprint}\n\
         Give the public key or its fingerprint to whoever verifies your runs.\n\
         Sign with it: `drillmaster run PLAYBOOK --sign-with {file}`, or `evidence: {{ key: {file} }}` in the configuration.\n\
         Verify with it: `drillmaster verify RUN --key {public}`\n"
    ))
}

fn exists(path: &Path) -> String {
    format!("{}: exists already, and no key is overwritten: choose another FILE", path.display())
}

fn write_new(mut options: OpenOptions, path: &Path, text: &str) -> Result<(), String> {
    let opened = options.write(true).create_new(true).open(path);
    opened.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all())).map_err(
        |error| {
            if error.kind() == ErrorKind::AlreadyExists {
                exists(path)
            } else {
                format!("{}: cannot be written: {error}", path.display())
            }
        },
    )
}
