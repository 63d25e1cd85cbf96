//! Answers of people to a run of another process: a file of its own for each step, made once and
//! never replaced.

use std::fs::{OpenOptions, hard_link, remove_file};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::plain_file::{self, Refused};
use base::duration::Time;
use base::private;

/// The folder of the answers, in the folder of a run.
const FOLDER: &str = "approvals";

/// The longest answer that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// What a person said of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    pub step: String,
    /// The task is done. `false`: it is refused.
    pub done: bool,
    pub by: String,
    /// When the answer was given, by the clock of whoever gave it.
    pub at: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

fn path(run: &Path, step: &str) -> PathBuf {
    // Ids of steps have no `/` and no leading dot.
    run.join(FOLDER).join(format!("{step}.json"))
}

/// Puts an answer into the folder of a run. `false`: somebody has answered already.
///
/// # Errors
/// The file cannot be written, as a text for the user.
pub fn give(run: &Path, approval: &Approval) -> Result<bool, String> {
    let path = path(run, &approval.step);
    let failed = |what: &str| format!("{}: the answer cannot be written: {what}", path.display());
    let text = serde_json::to_vec_pretty(approval).map_err(|error| failed(&error.to_string()))?;
    let folder = run.join(FOLDER);
    let temporary = folder.join(format!(".{}.{}.tmp", approval.step, std::process::id()));
    let put = private::create_dir_all(&folder)
        .and_then(|()| private::file().write(true).create(true).truncate(true).open(&temporary))
        .and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        })
        // A link is refused where a name stands already, and it is there as a whole.
        .and_then(|()| hard_link(&temporary, &path));
    // Only its name goes. It may not exist, and only the outcome above matters.
    let _ = remove_file(&temporary);
    match put {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(failed(&error.to_string())),
    }
}

/// The answer for a step, if somebody gave one.
///
/// # Errors
/// The file cannot be read as an answer for this step, as a text for the user.
pub fn given(run: &Path, step: &str) -> Result<Option<Approval>, String> {
    let path = path(run, step);
    let failed = |what: &str| format!("{}: this is no answer: {what}", path.display());
    let file = match plain_file::open(&path, OpenOptions::new().read(true)) {
        Ok(file) => file,
        Err(Refused::Io(error)) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(Refused::Io(error)) => return Err(failed(&error.to_string())),
        Err(Refused::NotAFile(what)) => return Err(failed(&format!("it is {what}"))),
    };
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(|error| failed(&error.to_string()))?;
    let approval: Approval = serde_json::from_str(&text).map_err(|error| failed(&error.to_string()))?;
    if approval.step != step {
        return Err(failed(&format!("it is about the step `{}`", approval.step.escape_debug())));
    }
    Ok(Some(approval))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn answer(by: &str) -> Approval {
        let at = chrono::DateTime::UNIX_EPOCH;
        Approval { step: "ask".into(), done: true, by: by.into(), at, note: None }
    }

    #[test]
    fn the_first_answer_stands() {
        let run = tempfile::tempdir().unwrap();
        assert_eq!(given(run.path(), "ask").unwrap(), None);
        assert!(give(run.path(), &answer("ann")).unwrap());
        assert!(!give(run.path(), &answer("bob")).unwrap());
        assert_eq!(given(run.path(), "ask").unwrap(), Some(answer("ann")));
        let folder = run.path().join(FOLDER);
        let mode = path(run.path(), "ask").metadata().unwrap().permissions().mode();
        assert_eq!((mode & 0o777, std::fs::read_dir(folder).unwrap().count()), (0o600, 1));
    }

    #[test]
    fn what_is_no_answer_is_refused_with_its_place() {
        let run = tempfile::tempdir().unwrap();
        give(run.path(), &answer("ann")).unwrap();
        std::fs::copy(path(run.path(), "ask"), path(run.path(), "other")).unwrap();
        std::fs::write(path(run.path(), "torn"), "{\"step\": \"to").unwrap();
        std::os::unix::fs::symlink("/etc/hostname", path(run.path(), "link")).unwrap();
        for (step, why) in [("other", "about the step `ask`"), ("torn", "EOF"), ("link", "a link")] {
            let error = given(run.path(), step).unwrap_err();
            assert!(error.contains(&format!("approvals/{step}.json")) && error.contains(why), "{error}");
        }
    }
}
