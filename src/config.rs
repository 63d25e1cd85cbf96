//! The user's configuration: the protected accounts, and the places to sweep and to discover. It belongs to the
//! person or the CI that runs drills, and takes precedence over any playbook.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::Value as Json;

use base::duration::Span;
use base::ids::{AccountId, BadName, Region};
use estate::EstateFormats;
use playbook::notify::{self, Notify};
use port::Protected;
use yaml::file::{self, Document};
use yaml::{Checker, Diagnostics, Formats, Schema};

/// The variable that names the file if `--config` does not.
pub const VARIABLE: &str = "DRILLMASTER_CONFIG";

#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// Accounts in which nothing is ever changed. A playbook cannot override this.
    #[serde(default)]
    pub protected_accounts: BTreeSet<AccountId>,
    /// Those of `protected_accounts` from whose vaults `backup.copy` may copy. A copy job of AWS Backup
    /// then runs there. Nothing of the account is changed.
    #[serde(default)]
    pub copy_from: BTreeSet<AccountId>,
    /// The accounts that `sweep` and `discover` read, by a name of your choice, each with its
    /// credentials.
    #[serde(default)]
    pub accounts: BTreeMap<String, SweptAccount>,
    /// The regions that they read in each of these accounts.
    #[serde(default)]
    pub regions: BTreeSet<Region>,
    /// Keys for the evidence of runs.
    #[serde(default)]
    pub evidence: EvidenceKeys,
    /// Where runs are kept: a folder, or `s3://BUCKET/PREFIX`, `gs://…`, `az://…`. Default: the folder
    /// `runs`. Name a place that no drill loses.
    #[serde(default)]
    pub store: Option<String>,
    /// The account of `accounts` whose credentials reach a store of S3. Default: the default credentials
    /// chain.
    #[serde(default)]
    pub store_account: Option<String>,
    /// Demand that the bucket of a store of S3 locks each new object for at least this long, by its
    /// default retention. A run does not begin otherwise.
    #[serde(default)]
    pub store_lock: Option<Span>,
    /// Who is told when a run has ended, beside those whom its playbook names. What cannot be sent is a
    /// warning, and changes no verdict.
    #[serde(default)]
    pub notify: Vec<Notify>,
    /// The collector of OpenTelemetry that receives a trace of each run. The variables
    /// `OTEL_EXPORTER_OTLP_…` win.
    #[serde(default)]
    pub traces: Option<TraceCollector>,
    /// The file for the figures of the last run, for Prometheus. Of a folder, each playbook and cloud
    /// has its own file.
    #[serde(default)]
    pub metrics_file: Option<String>,
    /// The file that the configuration was read from.
    #[serde(skip)]
    pub path: Option<PathBuf>,
}

/// Paths in it begin at the folder of the configuration.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvidenceKeys {
    /// The private key that signs runs: a file of `keygen`, `env:NAME` for a variable that holds its
    /// text, or `awskms:///alias/NAME` for a key of AWS KMS. Default: a key that is made for each run
    /// alone.
    #[serde(default)]
    pub key: Option<String>,
    /// An authority of time (RFC 3161) that stamps the evidence of runs, by its URL.
    #[serde(default)]
    pub timestamp: Option<String>,
    /// The certificates of the authorities of time that `verify` trusts: a file in PEM.
    #[serde(default)]
    pub timestamp_ca: Option<PathBuf>,
    /// The account of `accounts` whose credentials `evidence push --to s3://…` uses. Default: those of
    /// the environment.
    #[serde(default)]
    pub account: Option<String>,
    /// The document of Vanta that `evidence push --to vanta` uploads to.
    #[serde(default)]
    pub vanta: Option<VantaDocument>,
    /// Whose signatures `verify` takes: files of public keys, or fingerprints such as `SHA256:9vM…=`.
    #[serde(default)]
    pub trusted_keys: Vec<String>,
}

/// A document in the portal of Vanta, and an application there that may upload to it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VantaDocument {
    /// The id of the document, as it stands in its address.
    pub document: String,
    /// `env:NAME`: the variable that holds the id of the application.
    pub client_id: String,
    /// `env:NAME`: the variable that holds its secret.
    pub client_secret: String,
    /// Default: `https://api.vanta.com`.
    #[serde(default)]
    pub url: Option<String>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceCollector {
    /// Its URL for OTLP over HTTP, without `/v1/traces`: `http://localhost:4318`; or `env:NAME` for a
    /// variable that holds it.
    #[schemars(extend("format" = "notify-url"))]
    pub endpoint: String,
    /// Headers of each request, by their names: `Authorization: env:OTLP_AUTHORIZATION`. A variable
    /// holds each.
    #[serde(default)]
    #[schemars(extend("additionalProperties" = serde_json::json!({ "type": "string", "format": "env-secret" })))]
    pub headers: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SweptAccount {
    pub id: AccountId,
    /// A profile of the shared AWS configuration. Default: the default credentials chain.
    #[serde(default)]
    pub profile: Option<String>,
    /// The role to assume, by ARN.
    #[serde(default)]
    pub role: Option<String>,
    #[serde(default)]
    pub external_id: Option<String>,
}

impl UserConfig {
    /// The folder of the configuration. Relative paths in it begin there.
    pub fn folder(&self) -> &Path {
        self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""))
    }

    pub fn protected(&self) -> Protected {
        Protected::new(self.protected_accounts.clone(), self.path.clone().unwrap_or_default())
            .with_copied_from(self.copy_from.clone())
    }
}

/// Those of estates, and of `notify`.
pub struct ConfigFormats;

impl Formats for ConfigFormats {
    fn check(&self, format: &str, text: &str) -> Result<(), BadName> {
        notify::format(format, text).unwrap_or_else(|| EstateFormats.check(format, text))
    }

    fn noun(&self, format: &str) -> Option<&'static str> {
        notify::noun(format).or_else(|| EstateFormats.noun(format))
    }

    fn pattern(&self, format: &str) -> Option<&'static str> {
        notify::pattern(format).or_else(|| EstateFormats.pattern(format))
    }
}

/// The JSON Schema of configurations (draft 2020-12).
pub fn config_schema() -> Json {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<UserConfig>().to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".into(), "Drillmaster configuration".into());
    }
    schema
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::compile(&config_schema()));

/// The path of the configuration: from the command line, otherwise from the variable, otherwise the
/// usual place. The second value says whether the path was given explicitly. The file must then
/// exist.
pub fn locate(named: Option<&Path>, variable: impl Fn(&str) -> Option<OsString>) -> Option<(PathBuf, bool)> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = named.map(Path::to_owned).or_else(|| set(VARIABLE)) {
        return Some((path, true));
    }
    // The XDG base directory specification says to ignore relative paths.
    let base = set("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let base = base.or_else(|| set("HOME").map(|home| home.join(".config")))?;
    Some((base.join("drillmaster").join("config.yaml"), false))
}

const CONFIGURATION: Document = Document {
    what: "a configuration",
    first: "protected_accounts",
    telling: &["protected_accounts"],
    usual: &["accounts", "copy_from", "evidence", "metrics_file", "notify", "regions", "store", "traces"],
    common: &[],
};

/// Reads the configuration and reports all its mistakes. The result is empty if no path was given
/// and the usual file does not exist.
///
/// # Errors
/// A given file does not exist, or a file cannot be read. The list of protected accounts must not
/// be ignored.
pub fn load(place: Option<(PathBuf, bool)>) -> Result<UserConfig, Diagnostics> {
    let Some((path, named)) = place else { return Ok(UserConfig::default()) };
    let is_missing = || std::fs::metadata(&path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound);
    if !named && is_missing() {
        return Ok(UserConfig::default());
    }
    let mut found = Diagnostics::default();
    let config = match file::read(&path, 0) {
        Ok(mut read) => {
            let root = file::root(&mut read, &CONFIGURATION, &mut found);
            root.and_then(|root| {
                let checker = Checker { source: &read.source, formats: &ConfigFormats, templates: false };
                checker.check(&root, &SCHEMA, &mut found);
                notify::check(&read.source, &root, &mut found);
                if found.has_errors() {
                    return None;
                }
                serde_json::from_value::<UserConfig>(root.to_json())
                    .map_err(|error| {
                        let message = format!("the configuration cannot be read: {error}");
                        found.push(
                            read.source
                                .error(root.span, message)
                                .help("compare it with `drillmaster schema config`"),
                        );
                    })
                    .ok()
            })
        }
        Err(diagnostic) => {
            found.push(*diagnostic);
            None
        }
    };
    found.sort();
    match config {
        Some(config) if !found.has_errors() => Ok(UserConfig { path: Some(path), ..config }),
        Some(_) | None => Err(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(named: Option<&str>, variables: &[(&str, &str)]) -> Option<(PathBuf, bool)> {
        locate(named.map(Path::new), |name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn it_is_where_a_user_looks_for_it() {
        let all = [(VARIABLE, "/v.yaml"), ("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(place(Some("n.yaml"), &all), Some(("n.yaml".into(), true)));
        assert_eq!(place(None, &all), Some(("/v.yaml".into(), true)));
        assert_eq!(place(None, &all[1..]), Some(("/x/drillmaster/config.yaml".into(), false)));
        assert_eq!(place(None, &all[2..]), Some(("/h/.config/drillmaster/config.yaml".into(), false)));
        let odd = [(VARIABLE, ""), ("XDG_CONFIG_HOME", "relative"), ("HOME", "/h")];
        assert_eq!(place(None, &odd), Some(("/h/.config/drillmaster/config.yaml".into(), false)));
        assert_eq!(place(None, &[]), None);
    }

    #[test]
    fn what_is_named_must_be_there_and_right() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        assert!(load(Some((path.clone(), false))).unwrap().protected_accounts.is_empty());
        assert!(load(Some((path.clone(), true))).is_err());
        let told = |text: &str| {
            std::fs::write(&path, text).unwrap();
            load(Some((path.clone(), false))).map_err(|found| found.render(false))
        };
        let config = told("protected_accounts: [\"111122223333\"]\nregions: [us-west-2]\n").unwrap();
        let [production, other] = ["111122223333", "999988887777"].map(|id| id.parse::<AccountId>().unwrap());
        assert!(config.protected().why(&production).unwrap().contains("config.yaml"));
        assert_eq!(config.protected().why(&other), None);
        let error = told("protected_acounts: [\"111122223333\"]\n").unwrap_err();
        assert!(error.contains("config.yaml:1:1") && error.contains("protected_accounts"), "{error}");
        let error = told("protected_accounts: [111122223333]\n").unwrap_err();
        assert!(error.contains("config.yaml:1:22"), "{error}");
        assert!(told("").is_err());
    }
}
