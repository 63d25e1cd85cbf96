//! The program that asks checks from inside the sandbox. It lies beside this one.

use std::path::{Path, PathBuf};

use aws::function::Package;
use base::architecture::Architecture;
use playbook::model::Probe;

const PROGRAM: &str = "drillmaster-probe";
/// Lambda takes a package of 50 MB from a request (Lambda developer guide, "Lambda quotas").
const MOST: usize = 50 * 1024 * 1024;

/// Packs the program for the function of a playbook.
pub fn package(probe: &Probe) -> Result<Package, String> {
    let architecture = probe.architecture.unwrap_or_default();
    let own = std::env::current_exe().and_then(|own| own.canonicalize());
    let own = own.map_err(|e| format!("this program cannot find itself: {e}"))?;
    let folder = own.parent().unwrap_or(Path::new("."));
    let program = find(folder, architecture)?;
    let package = Package::of(&program, architecture)
        .map_err(|e| format!("{}: the program of the probe cannot be read: {e}", program.display()))?;
    if package.len() > MOST {
        return Err(format!(
            "{}: the program of the probe has {} MB packed, and AWS Lambda takes 50: build it with `--release`",
            program.display(),
            package.len() / 1_000_000
        ));
    }
    Ok(package)
}

/// The program in a folder: named with its processor, or built beside this one.
fn find(folder: &Path, architecture: Architecture) -> Result<PathBuf, String> {
    let name: &str = architecture.into();
    let candidates = [format!("{PROGRAM}-{name}"), PROGRAM.to_owned()].map(|name| folder.join(name));
    let mut wrong = Vec::new();
    for candidate in &candidates {
        match machine(candidate) {
            Ok(Some(found)) if found == architecture => return Ok(candidate.clone()),
            Ok(_) => wrong.push(format!("{} is no program for Linux on {name}", candidate.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => wrong.push(format!("{}: {error}", candidate.display())),
        }
    }
    let wrong = if wrong.is_empty() { String::new() } else { format!(" ({})", wrong.join("; ")) };
    Err(format!(
        "the playbook has `sandbox.probe`, and there is no program for it for Linux on {name} in {}{wrong}: install \
         `{PROGRAM}` beside `drillmaster`, from the same release or with `cargo install --path src/probe`",
        folder.display()
    ))
}

/// The processor that a program for Linux is made for. `None`: it is none, or for another one.
fn machine(program: &Path) -> std::io::Result<Option<Architecture>> {
    use std::io::Read as _;
    let mut head = Vec::new();
    std::fs::File::open(program)?.take(20).read_to_end(&mut head)?;
    // The header of ELF: its magic number, 64 bits, little-endian; the machine stands at 18.
    Ok(match head.as_slice() {
        [0x7f, b'E', b'L', b'F', 2, 1, .., 0x3e, 0] => Some(Architecture::X86),
        [0x7f, b'E', b'L', b'F', 2, 1, .., 0xb7, 0] => Some(Architecture::Arm),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(machine: u8) -> Vec<u8> {
        let mut head = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
        head.resize(18, 0);
        head.extend([machine, 0, 1, 0, 0, 0]);
        head
    }

    #[test]
    fn a_program_for_the_processor_is_found_and_no_other_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let none = find(folder.path(), Architecture::X86).unwrap_err();
        assert!(none.contains("cargo install --path src/probe"), "{none}");
        let plain = folder.path().join(PROGRAM);
        std::fs::write(&plain, "#!/bin/sh\n").unwrap();
        let script = find(folder.path(), Architecture::X86).unwrap_err();
        assert!(script.contains("is no program for Linux on x86_64"), "{script}");
        std::fs::write(&plain, elf(0x3e)).unwrap();
        assert_eq!(find(folder.path(), Architecture::X86), Ok(plain.clone()));
        assert!(find(folder.path(), Architecture::Arm).is_err());
        let arm = folder.path().join("drillmaster-probe-arm64");
        std::fs::write(&arm, elf(0xb7)).unwrap();
        assert_eq!(find(folder.path(), Architecture::Arm), Ok(arm));
    }
}
