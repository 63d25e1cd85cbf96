//! Questions to a probe elsewhere, and its answers. A probe asks checks where the runner cannot.
//!
//! A question holds all that the check needs of the runner's machine. Secrets travel in it, so it is
//! not written down anywhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::sql::Access;
use super::{DataSeen, Net, Observation, printable};
use base::rung::Rung;
use playbook::check::CheckKind;
use playbook::endpoint;

/// Both sides must be of one version: a probe that does not know a key of a check would leave it
/// out, and flatter.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// One attempt of a check.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    pub version: String,
    /// `None` asks for `name`, or only whether the probe answers.
    pub check: Option<CheckKind>,
    /// A name to look up as programs in the sandbox do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The variables of the environment that the check reads, such as its password.
    pub env: BTreeMap<String, String>,
    /// The texts of the files that the check names, by their names in the check.
    pub files: BTreeMap<String, String>,
    /// Whether what the check asks was made by the run, so that it may write there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made: bool,
}

/// What the probe saw.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub version: String,
    pub seen: Observation,
}

impl Question {
    /// The question of a check.
    ///
    /// # Errors
    /// An unknown observation, if a file that the check names cannot be read.
    pub fn of(check: Option<&CheckKind>, net: &Net) -> Result<Self, Observation> {
        let (variables, files) = check.map(|check| needs(check, net)).unwrap_or_default();
        let env = variables.iter().filter_map(|name| Some(((*name).to_owned(), net.env(name)?.to_owned())));
        let files = files.into_iter().map(|name| match net.read(name) {
            Ok(text) => Ok((name.to_owned(), text)),
            Err(error) => {
                let why = format!("cannot read `{name}`: {error}; it must be a text file");
                Err(Observation::unknown("not asked", why))
            }
        });
        Ok(Self {
            version: VERSION.to_owned(),
            env: env.collect(),
            files: files.collect::<Result<_, _>>()?,
            made: check.is_some_and(|check| is_made(check, net)),
            check: check.cloned(),
            name: None,
        })
    }

    /// The question whether a name leads to an address.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        Self {
            version: VERSION.to_owned(),
            check: None,
            name: Some(name.to_owned()),
            env: BTreeMap::new(),
            files: BTreeMap::new(),
            made: false,
        }
    }

    /// Makes the attempt here.
    pub async fn ask(self) -> Answer {
        let seen = if self.version == VERSION {
            let made = self.made;
            let net = Net::new(Vec::new(), "/").with_env(self.env).with_files(self.files);
            let net = net.writing_to(Box::new(move |_| made));
            match (&self.check, &self.name) {
                (Some(check), _) => super::probe(check, &net).await,
                (None, Some(name)) => super::dns::find(name).await,
                (None, None) => Observation::healthy("the probe answers"),
            }
        } else {
            Observation::unknown("not asked", other_version(&self.version))
        };
        Answer { version: VERSION.to_owned(), seen }
    }
}

impl Answer {
    /// Reads an answer, whose texts are as untrusted as what the probe asked.
    ///
    /// # Errors
    /// Why it is no answer of a probe of this version.
    pub fn read(answer: &[u8]) -> Result<Observation, String> {
        let Ok(Self { version, seen }) = serde_json::from_slice(answer) else {
            return Err(
                "what the probe answered cannot be read: see that it is of the same version as this program"
                    .into(),
            );
        };
        if version != VERSION {
            return Err(other_version(&version));
        }
        let Observation { health, observed, value, why, assumed, data } = seen;
        if !assumed.is_empty() {
            return Err("the probe answered with assumptions, which it never makes".into());
        }
        let shown = Observation::healthy(observed);
        let why = why.map(|why| printable(&why, 600));
        let data = data.map(|data| {
            let DataSeen { rungs, rows } = *data;
            Box::new(DataSeen { rungs: rungs.iter().map(shown_rung).collect(), rows })
        });
        Ok(Observation { health, value, why, data, ..shown })
    }
}

fn is_made(check: &CheckKind, net: &Net) -> bool {
    matches!(endpoint::read(check), Ok(Some(address)) if net.may_write_to(&address.host))
}

/// The texts of a rung are as untrusted as all others.
fn shown_rung(rung: &Rung) -> Rung {
    let why = rung.why.as_ref().map(|why| printable(why, 600));
    Rung { name: printable(&rung.name, 40), observed: printable(&rung.observed, 200), why, ..rung.clone() }
}

fn other_version(other: &str) -> String {
    format!("the probe is of another version: {other} and {VERSION}; install both from one release")
}

/// The variables of the environment and the files that a check reads.
fn needs<'a>(check: &'a CheckKind, net: &Net) -> (Vec<&'a str>, Vec<&'a str>) {
    match check {
        CheckKind::Http(spec) => (Vec::new(), spec.ca_file.as_deref().into_iter().collect()),
        CheckKind::Sql(spec) => {
            let (variables, ca_file) = Access::from(spec).needs();
            (variables, ca_file.into_iter().collect())
        }
        CheckKind::Redis(spec) => {
            let password = spec.password_env.as_deref().unwrap_or(super::redis::PASSWORD_ENV);
            (vec![password], spec.ca_file.as_deref().into_iter().collect())
        }
        CheckKind::Data(spec) => {
            let (variables, ca_file) = Access::from(spec).needs();
            let counted = spec.against.as_deref().filter(|against| net.kept(against).is_some());
            (variables, ca_file.into_iter().chain(spec.reference()).chain(counted).collect())
        }
        CheckKind::Tcp(_)
        | CheckKind::Dns(_)
        | CheckKind::S3(_)
        | CheckKind::Dynamodb(_)
        | CheckKind::Command(_)
        | CheckKind::State(_) => Default::default(),
    }
}

/// Whether a probe inside the sandbox asks the check. What `connect_to` sends elsewhere goes from the
/// runner.
pub fn is_asked_inside(check: &CheckKind, net: &Net) -> bool {
    let through_tunnel = || match endpoint::read(check) {
        Ok(Some(address)) => {
            let default = if address.scheme.as_deref() == Some("http") { 80 } else { 443 };
            let asked = (&*address.host, address.port.unwrap_or(default));
            net.target(asked.0, asked.1) != asked
        }
        // What cannot be read is refused wherever it is asked.
        Ok(None) | Err(_) => false,
    };
    check.can_be_asked_inside() && !through_tunnel()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Health;
    use crate::testing::net;

    fn check(yaml: &str) -> CheckKind {
        serde_saphyr::from_str(yaml).unwrap()
    }

    /// What a check needs stands in the question, and nothing else of the environment.
    #[test]
    fn a_question_holds_what_its_check_reads() {
        let variables =
            [("PGPASSWORD", "from-env"), ("APP_PW", "of-app"), ("AWS_SECRET_ACCESS_KEY", "canary")];
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), "-----BEGIN").unwrap();
        let mut net = net().with_env(variables.map(|(name, value)| (name.into(), value.into())));
        net.base_dir = folder.path().to_owned();
        let sql = check(
            "sql: { url: 'postgres://u@db/o', query: select 1, password_env: APP_PW, tls: { ca_file: ca.pem } }",
        );
        let question = Question::of(Some(&sql), &net).map_err(|seen| seen.why).unwrap();
        let names: Vec<&str> = question.env.keys().map(String::as_str).collect();
        assert_eq!(names, ["APP_PW", "PGPASSWORD"]);
        assert_eq!(question.files["ca.pem"], "-----BEGIN");
        let text = serde_json::to_string(&question).unwrap();
        assert!(!text.contains("canary"), "{text}");
        let http = check("http: { url: 'https://web', ca_file: gone.pem }");
        let unread = Question::of(Some(&http), &net).err().unwrap();
        assert!(unread.health == Health::Unknown && unread.why.unwrap().contains("gone.pem"));
    }

    /// A question is read as it was written, whatever its check says.
    #[tokio::test]
    async fn an_answer_is_the_one_that_the_runner_would_have_got() {
        for (yaml, health) in [
            ("tcp: { address: '127.0.0.1:1' }", Health::Unhealthy),
            ("http: { url: 'http://127.0.0.1:1/', status: [200, 204], max_latency: 1s }", Health::Unhealthy),
            (
                "sql: { url: 'postgres://u@127.0.0.1:1/o', query: select 1, expect: '>= 1' }",
                Health::Unhealthy,
            ),
            ("dns: { name: 'a.test', server: '127.0.0.1:1', timeout: 300ms }", Health::Unhealthy),
            ("state: { of: x }", Health::Unknown),
        ] {
            let kind = check(yaml);
            let question = Question::of(Some(&kind), &net()).map_err(|seen| seen.why).unwrap();
            let text = serde_json::to_string(&question).unwrap();
            let answer = serde_json::from_str::<Question>(&text).unwrap().ask().await;
            let seen = Answer::read(&serde_json::to_vec(&answer).unwrap()).unwrap();
            assert_eq!((seen.health, &seen), (health, &crate::probe(&kind, &net()).await), "{yaml}");
        }
    }

    #[tokio::test]
    async fn a_name_is_found_or_it_is_told_why_not() {
        let seen = Question::of_name("localhost").ask().await.seen;
        assert!(seen.is_healthy() && seen.observed.contains("127.0.0.1"), "{seen:?}");
        let missing = Question::of_name("nothing.invalid").ask().await.seen;
        assert!(missing.health == Health::Unhealthy && missing.why.is_some(), "{missing:?}");
    }

    #[tokio::test]
    async fn another_version_is_not_believed() {
        let mut question = Question::of(None, &net()).ok().unwrap();
        question.version = "9.9.9".into();
        let seen = question.ask().await.seen;
        assert!(seen.health == Health::Unknown && seen.why.unwrap().contains("9.9.9"));
        let old = Answer { version: "0.0.1".into(), seen: Observation::healthy("200") };
        assert!(Answer::read(&serde_json::to_vec(&old).unwrap()).unwrap_err().contains("0.0.1"));
        assert!(Answer::read(b"garbage").is_err());
    }
}
