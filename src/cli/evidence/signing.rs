//! The key that signs, and the signing of a run that has ended.

use std::path::{Path, PathBuf};

use chrono::{SubsecRound as _, Utc};

use crate::cli::output::write_stderr;
use crate::cli::run_folder::Told;
use crate::config::UserConfig;
use base::redact;
use evidence::key::Holder;
use evidence::verify::{Fault, Trust, signed_by, verify};
use evidence::{PrivateKey, RanBy, Seal, Signer};
use record::report::Report;

/// What stands before the name of a variable that holds a key.
const VARIABLE: &str = "env:";

#[derive(Debug, Clone, Default, clap::Args)]
pub struct SigningArgs {
    /// The private key that signs: a file of `keygen`, or env:NAME for a variable that holds its
    /// text
    ///
    /// Default: `evidence.key` of the configuration. Without it the evidence of a run is signed with a
    /// key that is made for this run alone: it shows that the files have not changed since, to whoever
    /// noted the key's fingerprint, and nobody's identity.
    #[arg(long, value_name = "KEY")]
    pub sign_with: Option<String>,
}

impl SigningArgs {
    /// The key that was named, on the command line or in the configuration.
    ///
    /// # Errors
    /// The key cannot be read, as a text for the user.
    pub fn named(&self, config: &UserConfig) -> Result<Option<Box<dyn Signer>>, String> {
        let asked = match (&self.sign_with, &config.evidence.key) {
            (Some(key), _) => Some(("--sign-with", Source::of(key, Path::new("")))),
            (None, Some(key)) => {
                Some(("`evidence.key` of the configuration", Source::of(key, config.folder())))
            }
            (None, None) => None,
        };
        asked
            .map(|(who, source)| {
                source
                    .read()
                    .map(|key| Box::new(key) as Box<dyn Signer>)
                    .map_err(|why| format!("{who}: {why}"))
            })
            .transpose()
    }

    /// The key of a run: the one that was named, or one for this run alone.
    pub fn signer(&self, config: &UserConfig) -> Result<Box<dyn Signer>, String> {
        match self.named(config)? {
            Some(signer) => Ok(signer),
            None => Ok(Box::new(PrivateKey::for_one_run().map_err(|error| error.to_string())?)),
        }
    }
}

enum Source {
    File(PathBuf),
    Variable(String),
}

impl Source {
    /// Relative paths begin at `base`.
    fn of(text: &str, base: &Path) -> Self {
        match text.strip_prefix(VARIABLE) {
            Some(name) => Self::Variable(name.to_owned()),
            None => Self::File(base.join(text)),
        }
    }

    fn read(&self) -> Result<PrivateKey, String> {
        let (name, text) = match self {
            Self::Variable(name) => {
                // `var` would show in its error what the variable holds.
                let value =
                    std::env::var_os(name).ok_or_else(|| format!("the variable {name} is not set"))?;
                let text = value.into_string().map_err(|_| format!("the variable {name} holds no text"))?;
                (name.clone(), text)
            }
            Self::File(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path).map_err(|error| {
                    format!("{name}: cannot be read: {error}; make a key with `drillmaster keygen`")
                })?;
                warn_of_readers(path);
                (name, text)
            }
        };
        // Neither the whole nor a line of it is ever printed. A last line may be too short to be found.
        redact::register(text.trim());
        for part in text.split_whitespace().filter(|part| !part.contains("-----")) {
            redact::register(part);
        }
        PrivateKey::from_pem(&text).map_err(|error| {
            let hint = if text.contains("\\n") { "; it must hold real line breaks, not `\\n`" } else { "" };
            format!("{name}: {error}{hint}")
        })
    }
}

/// Others who can read the key can sign in the owner's name. Mounted secrets often look so, so it is
/// no error.
fn warn_of_readers(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    let open = std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
    if open {
        write_stderr(&format!(
            "warning: {0}: other users of this machine may read this private key: run `chmod 600 {0}`\n",
            path.display()
        ));
    }
}

/// Signs the files of a run that has ended. Returns the key, as a person would note it.
pub fn sign(report: &Report, folder: &Path, signer: &dyn Signer) -> Result<String, String> {
    let told = Seal {
        report,
        ran_by: ran_by(|name| std::env::var(name).ok()),
        signed_at: Utc::now().trunc_subsecs(0),
    };
    evidence::seal(folder, told, signer).map_err(|error| {
        format!("{error}; the run is not signed, and it cannot be signed later: run the drill again")
    })?;
    let fingerprint = signer.public_key().fingerprint();
    Ok(match signer.holder() {
        Holder::Kept => fingerprint.to_string(),
        Holder::ThrownAway => format!("{fingerprint} (a key that was made for this run alone)"),
    })
}

/// What is said of the signature at the end of a command.
pub enum Signature {
    /// The key that signed now.
    New(String),
    /// The run had been signed before.
    Kept,
    /// The run is not signed.
    None,
}

/// Whether the files of a run that has ended are as they were signed, by whomever.
///
/// # Errors
/// What was changed, as a text for the user.
pub fn still_signed(folder: &Path, told: &Told) -> Result<(), String> {
    let mut trust = Trust::default();
    if let Some(signed) = signed_by(folder) {
        trust.fingerprint(signed.fingerprint);
    }
    match verify(folder, Ok(&told.fold.report), &trust).faults.first() {
        None => Ok(()),
        Some(Fault { file, what }) => {
            Err(format!("{}: {file}: {what}; restore the folder from a copy", folder.display()))
        }
    }
}

/// Who runs this program, as the machine and the CI say.
fn ran_by(variable: impl Fn(&str) -> Option<String>) -> RanBy {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let github = || {
        let (server, repository, run) =
            (set("GITHUB_SERVER_URL")?, set("GITHUB_REPOSITORY")?, set("GITHUB_RUN_ID")?);
        Some(format!("{server}/{repository}/actions/runs/{run}"))
    };
    RanBy {
        user: user_of(&set),
        host: Some(host).filter(|host| !host.is_empty()),
        endpoint: endpoint(&set),
        ci_job: github().or_else(|| set("CI_JOB_URL")).or_else(|| set("BUILD_URL")),
    }
}

/// The user of this program, as the machine and the CI say.
pub fn user() -> Option<String> {
    user_of(&|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

fn user_of(set: &impl Fn(&str) -> Option<String>) -> Option<String> {
    ["GITHUB_ACTOR", "GITLAB_USER_LOGIN", "USER", "LOGNAME"].into_iter().find_map(set)
}

/// Where the environment sends AWS's calls, if it says so.
fn endpoint(set: &impl Fn(&str) -> Option<String>) -> Option<String> {
    const VARIABLE: &str = "AWS_ENDPOINT_URL";
    let of_a_service = || {
        let mut names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        names.find(|name| name.starts_with("AWS_ENDPOINT_URL_"))
    };
    let name = if set(VARIABLE).is_some() { VARIABLE.to_owned() } else { of_a_service()? };
    Some(format!("{name}={}", set(&name)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_job_of_each_ci_is_named() {
        let named = |pairs: &[(&str, &str)]| {
            ran_by(|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
        };
        let github = [
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/drills"),
            ("GITHUB_RUN_ID", "7"),
            ("GITHUB_ACTOR", "alice"),
            ("USER", "runner"),
        ];
        let told = named(&github);
        assert_eq!(told.ci_job.as_deref(), Some("https://github.com/acme/drills/actions/runs/7"));
        assert_eq!(told.user.as_deref(), Some("alice"));
        assert_eq!(named(&[("CI_JOB_URL", "https://ci/7")]).ci_job.as_deref(), Some("https://ci/7"));
        let alone = named(&[("USER", "bob"), ("CI_JOB_URL", "")]);
        assert_eq!((alone.user.as_deref(), alone.ci_job), (Some("bob"), None));
    }
}
