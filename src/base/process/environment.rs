//! The environment of a program.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use tempfile::TempDir;

/// The variables that a program inherits from the drill's environment, unless the playbook sets
/// others.
const INHERITED: [&str; 4] = ["PATH", "LANG", "LC_ALL", "TMPDIR"];

/// Where AWS's SDKs look for credentials, and what keeps them from it. Not every SDK takes the home
/// folder from `HOME`.
const NO_FILES: [(&str, &str); 2] =
    [("AWS_CONFIG_FILE", "/dev/null"), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")];
const NO_METADATA: (&str, &str) = ("AWS_EC2_METADATA_DISABLED", "true");

/// The variables of a program, and the home folder that was made for it.
pub struct Environment {
    pub(super) variables: BTreeMap<OsString, OsString>,
    pub(super) home: Option<TempDir>,
    /// Whether all that the program starts ends with it. Not for commands that print a secret: they
    /// may start an agent that serves the next one.
    pub(super) supervised: bool,
}

impl Environment {
    /// These variables and no others, without a supervisor.
    pub fn of(variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>) -> Self {
        let own =
            variables.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().to_owned()));
        Self { variables: own.collect(), home: None, supervised: false }
    }

    /// An environment without cloud credentials: with them, a command or a check could reach
    /// production. `HOME` is a new and empty folder, and the instance's role is not asked for. A
    /// playbook that gives `HOME` opens the profiles in it.
    pub fn without_credentials<V: Into<OsString>>(
        inherited: impl Fn(&str) -> Option<V>,
        given: &BTreeMap<String, String>,
    ) -> std::io::Result<Self> {
        let mut environment = Self::of(
            INHERITED.iter().filter_map(|name| Some((*name, Into::<OsString>::into(inherited(name)?)))),
        );
        let mut set = |name: &str, value: &OsStr| {
            environment.variables.insert(name.into(), value.into());
        };
        let mut home = None;
        if !given.contains_key("HOME") {
            set(NO_METADATA.0, NO_METADATA.1.as_ref());
            let made = tempfile::Builder::new().prefix("drillmaster-home-").tempdir()?;
            set("HOME", made.path().as_os_str());
            home = Some(made);
            for (name, value) in NO_FILES {
                set(name, value.as_ref());
            }
        }
        for (name, value) in given {
            set(name, value.as_ref());
        }
        Ok(Self { home, supervised: true, ..environment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(given: &[(&str, &str)]) -> (BTreeMap<String, String>, Option<TempDir>) {
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let outside = |name: &str| Some(format!("outside's {name}"));
        let Environment { variables, home, .. } = Environment::without_credentials(outside, &given).unwrap();
        let text = |text: OsString| text.into_string().unwrap();
        (variables.into_iter().map(|(name, value)| (text(name), text(value))).collect(), home)
    }

    #[test]
    fn no_way_to_credentials_is_inherited() {
        let (variables, home) = made(&[("A", "b")]);
        let names: Vec<_> = variables.keys().map(String::as_str).collect();
        let expected = [
            "A",
            "AWS_CONFIG_FILE",
            "AWS_EC2_METADATA_DISABLED",
            "AWS_SHARED_CREDENTIALS_FILE",
            "HOME",
            "LANG",
            "LC_ALL",
            "PATH",
            "TMPDIR",
        ];
        assert_eq!(names, expected);
        assert_eq!(std::fs::read_dir(home.unwrap().path()).unwrap().count(), 0);
    }

    #[test]
    fn a_profile_is_given_on_purpose() {
        let (variables, home) = made(&[("HOME", "/home/joe"), ("AWS_PROFILE", "drill")]);
        assert!(home.is_none() && !variables.contains_key("AWS_CONFIG_FILE"));
        assert_eq!(variables["HOME"], "/home/joe");
        // A profile may take its credentials from the instance's role.
        assert!(!variables.contains_key("AWS_EC2_METADATA_DISABLED"));
    }
}
