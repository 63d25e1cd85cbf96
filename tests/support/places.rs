//! Where to find the repository's files and the built program.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A file or folder of the repository, from its root.
pub fn at(path: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    root.join(path)
}

/// The built program. Cargo passes its path to the tests of its package, and builds it before them.
pub fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("CARGO_BIN_EXE_drillmaster") {
        return path.into();
    }
    // A test binary that is started by hand lies in `deps`, a folder below the program's.
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("drillmaster");
    assert!(path.is_file(), "{} is missing: `cargo build` makes it", path.display());
    path
}

/// The program in an empty environment.
pub fn drillmaster() -> Command {
    let mut command = Command::new(program());
    command.env_clear().stdin(Stdio::null());
    command
}
