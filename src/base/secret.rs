//! Secrets by reference: `env:NAME`, or a file. What names one never holds it.
//!
//! One rule for all: line breaks at the end are no part of a secret, as in a shell's `$(cat FILE)`; all
//! other white space is. A secret is removed from all that is written, from the moment it is read.

use std::ffi::OsString;
use std::path::Path;

use crate::redact;

/// What stands before the name of a variable.
const VARIABLE: &str = "env:";

/// The variables of the environment.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The name of the variable that a reference `env:NAME` names.
pub fn variable(text: &str) -> Option<&str> {
    text.strip_prefix(VARIABLE)
}

/// The secret of a reference, which can be nothing but `env:NAME`.
///
/// # Errors
/// It is no reference, or the variable holds nothing, as a text for the user. It shows neither.
pub fn read(reference: &str, environment: Environment<'_>) -> Result<String, String> {
    let name = variable(reference).filter(|name| !name.is_empty());
    let name = name.ok_or(
        "a secret stands in no file and on no command line: put it into a variable, and write `env:NAME`",
    )?;
    of_variable(name, environment)
}

/// The secret in a variable.
///
/// # Errors
/// The variable holds nothing, as a text for the user.
pub fn of_variable(name: &str, environment: Environment<'_>) -> Result<String, String> {
    let what = format!("the variable {}", name.escape_debug());
    let value = environment(name).ok_or_else(|| format!("{what} is not set"))?;
    // The error of `into_string` would show what it holds.
    let value = value.into_string().map_err(|_| format!("{what} holds no text"))?;
    taken(&value).ok_or_else(|| format!("{what} is empty"))
}

/// The secret in a file.
///
/// # Errors
/// The file cannot be read, or holds nothing, as a text for the user.
pub fn of_file(path: &Path) -> Result<String, String> {
    let what = path.display();
    let bytes = std::fs::read(path).map_err(|error| format!("{what}: cannot be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("{what} holds no text"))?;
    taken(&text).ok_or_else(|| format!("{what} is empty"))
}

/// A text without the line breaks at its end.
pub fn trimmed(text: &str) -> &str {
    text.trim_end_matches(['\n', '\r'])
}

fn taken(text: &str) -> Option<String> {
    let secret = trimmed(text);
    if secret.trim().is_empty() {
        return None;
    }
    redact::register(secret);
    Some(secret.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Result<String, String> {
        read("env:TOKEN", &|name| (name == "TOKEN").then(|| value.into()))
    }

    #[test]
    fn line_breaks_at_the_end_are_no_part_of_it() {
        for (value, secret) in [
            ("a-token-of-base-secret\r\n\n", "a-token-of-base-secret"),
            (" spaces of base secret ", " spaces of base secret "),
            ("two-lines-of-base\nsecret-lines-of-base", "two-lines-of-base\nsecret-lines-of-base"),
        ] {
            assert_eq!(of(value).unwrap(), secret);
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "a-token-in-a-file-of-base\n").unwrap();
        assert_eq!(of_file(&file).unwrap(), "a-token-in-a-file-of-base");
    }

    #[test]
    fn it_is_found_in_texts_whole_and_by_its_lines() {
        of("-----BEGIN PRIVATE KEY-----\nbase-secret-pem-line-1\n-----END PRIVATE KEY-----\n").unwrap();
        of("base-secret-first-line\nbase-secret-second-line").unwrap();
        for part in ["base-secret-pem-line-1", "base-secret-first-line", "base-secret-second-line"] {
            assert_eq!(redact::text(&format!("<{part}>")), "<***>");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_secret_is_said_without_showing_it() {
        use std::os::unix::ffi::OsStringExt as _;

        for (reference, why) in [
            ("hunter2", "write `env:NAME`"),
            ("env:", "write `env:NAME`"),
            ("env:NONE", "the variable NONE is not set"),
            ("env:EMPTY", "the variable EMPTY is empty"),
            ("env:BYTES", "the variable BYTES holds no text"),
        ] {
            let environment = |name: &str| match name {
                "EMPTY" => Some(" \n".into()),
                "BYTES" => Some(OsString::from_vec(b"hunter2\xff".to_vec())),
                _ => None,
            };
            let said = read(reference, &environment).unwrap_err();
            assert!(said.contains(why) && !said.contains("hunter2"), "{reference}: {said}");
        }
    }
}
