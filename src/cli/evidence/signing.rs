//! The key that signs, and the signing of a run that has ended.

use std::path::{Path, PathBuf};

use chrono::{SubsecRound as _, Utc};

use super::{kms, timestamp};
use crate::cli::complain;
use crate::cli::output::write_stderr;
use crate::cli::run_folder::Told;
use crate::config::UserConfig;
use base::exit::Exit;
use base::secret;
use estate::Loss;
use evidence::key::Holder;
use evidence::timestamp::TimeAuthority;
use evidence::verify::{Fault, Trust, signed_by, verify};
use evidence::{PrivateKey, RanBy, Seal, Signer};
use record::report::Report;

/// What stands before a key of AWS KMS, as in cosign.
const KMS: &str = "awskms://";

#[derive(Debug, Clone, Default, clap::Args)]
pub struct SigningArgs {
    /// The private key that signs: a file of `keygen`, env:NAME for a variable that holds its text,
    /// or `awskms:///alias/NAME` for a key of AWS KMS
    ///
    /// Default: `evidence.key` of the configuration. Without it the evidence of a run is signed with a
    /// key that is made for this run alone: it shows that the files have not changed since, to whoever
    /// noted the key's fingerprint, and nobody's identity.
    #[arg(long, value_name = "KEY")]
    pub sign_with: Option<String>,
    /// Have an authority of time stamp the evidence (RFC 3161)
    ///
    /// Default: `evidence.timestamp` of the configuration. An authority that does not answer is a
    /// warning: the run is then signed without a stamp.
    #[arg(long, value_name = "URL")]
    pub timestamp: Option<String>,
}

/// An authority of time, and its URL.
pub struct Authority {
    url: String,
    asked: Box<dyn TimeAuthority>,
}

/// What signs a run at its end.
pub struct Signing {
    pub signer: Box<dyn Signer>,
    pub authority: Option<Authority>,
}

impl SigningArgs {
    /// The key that was named, on the command line or in the configuration. `loss`: what is lost when
    /// it signs.
    ///
    /// # Errors
    /// The key cannot be read, or does not survive the loss.
    pub fn named(
        &self,
        config: &UserConfig,
        loss: Option<&Loss>,
    ) -> Result<Option<Box<dyn Signer>>, Unusable> {
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
                    .signer(loss)
                    .map_err(|Unusable { exit, why }| Unusable { exit, why: format!("{who}: {why}") })
            })
            .transpose()
    }

    /// What signs a run: the key that was named, or one for this run alone; and an authority of time, if
    /// one was named.
    ///
    /// # Errors
    /// As of [`Self::named`]. They are told before anything runs, so that no drill ends without its
    /// signature.
    pub fn signing(&self, config: &UserConfig, loss: Option<&Loss>) -> Result<Signing, Exit> {
        let authority = self.authority(config).map_err(Unusable::complained)?;
        let signer = self.named(config, loss).and_then(|named| match named {
            Some(signer) => Ok(signer),
            None => {
                Ok(Box::new(PrivateKey::for_one_run().map_err(|error| Unusable::wrong(error.to_string()))?))
            }
        });
        Ok(Signing { signer: signer.map_err(Unusable::complained)?, authority })
    }

    fn authority(&self, config: &UserConfig) -> Result<Option<Authority>, Unusable> {
        let (who, url) = match (&self.timestamp, &config.evidence.timestamp) {
            (Some(url), _) => ("--timestamp", url),
            (None, Some(url)) => ("`evidence.timestamp` of the configuration", url),
            (None, None) => return Ok(None),
        };
        let asked = timestamp::authority(url)
            .map_err(|Unusable { exit, why }| Unusable { exit, why: format!("{who}: {why}") })?;
        Ok(Some(Authority { url: url.clone(), asked }))
    }
}

/// Why a key cannot sign.
#[derive(Debug)]
pub struct Unusable {
    pub exit: Exit,
    pub why: String,
}

impl Unusable {
    pub fn wrong(why: String) -> Self {
        Self { exit: Exit::Wrong, why }
    }

    pub fn complained(self) -> Exit {
        complain(&self.why);
        self.exit
    }
}

enum Source {
    /// A key of AWS KMS, by what stands behind `awskms://`.
    Kms(String),
    File(PathBuf),
    Variable(String),
}

impl Source {
    /// Relative paths begin at `base`.
    fn of(text: &str, base: &Path) -> Self {
        match (secret::variable(text), text.strip_prefix(KMS)) {
            (Some(name), _) => Self::Variable(name.to_owned()),
            (None, Some(key)) => Self::Kms(key.to_owned()),
            (None, None) => Self::File(base.join(text)),
        }
    }

    fn signer(&self, loss: Option<&Loss>) -> Result<Box<dyn Signer>, Unusable> {
        let key = match self {
            Self::Kms(key) => return kms::signer(key, loss),
            Self::Variable(name) => of_variable(name),
            Self::File(path) => of_file(path),
        };
        Ok(Box::new(key.map_err(Unusable::wrong)?))
    }
}

fn of_variable(name: &str) -> Result<PrivateKey, String> {
    let text = secret::of_variable(name, &|name| std::env::var_os(name))?;
    private_key(name, &text)
}

fn of_file(path: &Path) -> Result<PrivateKey, String> {
    let name = path.display().to_string();
    let text = secret::of_file(path).map_err(|why| format!("{why}; make a key with `drillmaster keygen`"))?;
    warn_of_readers(path);
    private_key(&name, &text)
}

fn private_key(name: &str, text: &str) -> Result<PrivateKey, String> {
    PrivateKey::from_pem(text).map_err(|error| {
        let hint = if text.contains("\\n") { "; it must hold real line breaks, not `\\n`" } else { "" };
        format!("{name}: {error}{hint}")
    })
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
pub fn sign(report: &Report, folder: &Path, signing: &Signing) -> Result<String, String> {
    let signer = signing.signer.as_ref();
    let told = Seal {
        report,
        ran_by: ran_by(|name| std::env::var(name).ok()),
        signed_at: Utc::now().trunc_subsecs(0),
    };
    let authority = signing.authority.as_ref();
    let stamped = evidence::seal(folder, told, signer, authority.map(|authority| authority.asked.as_ref()));
    let stamped = stamped.map_err(|error| {
        format!("{error}; the run is not signed, and it cannot be signed later: run the drill again")
    })?;
    if let (Some(Err(why)), Some(Authority { url, .. })) = (stamped, authority) {
        write_stderr(&format!("warning: {url}: {why}; the run is signed without a time stamp\n"));
    }
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
    /// The process that ended the run did not sign it.
    None,
    /// The key did not sign.
    Failed,
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
