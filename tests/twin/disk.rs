//! Full disks and read-only folders: everything that was created is torn down, and the user is
//! told.
//!
//! The small disk is a tmpfs in its own mount namespace (`unshare`), so nothing stays mounted after
//! the test. Where that is not allowed, the tests that need it say so and pass. A limit on the file
//! size then takes its place.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use record::journal::{self, Durability, Journal};
use serde_json::{Value, json};
use support::drill::{Drill, told};

/// A drill on its own disk. `None` where no disk can be mounted.
struct Disk {
    drill: Drill,
    mount: PathBuf,
}

impl Disk {
    fn new() -> Option<Self> {
        let drill = Drill::of("az-loss");
        let mount = drill.folder().join("disk");
        std::fs::create_dir(&mount).unwrap();
        let disk = Self { drill, mount };
        let probe = disk.run("size=64k", "true", "true", &[]);
        if probe.status.success() {
            return Some(disk);
        }
        eprintln!(
            "NOT TESTED on a tmpfs, which cannot be mounted here: {}",
            String::from_utf8_lossy(&probe.stderr).trim()
        );
        None
    }

    /// Mounts the disk and runs the drill into its folder `run`. Runs `before` and `after` (shell)
    /// around it.
    fn run(&self, options: &str, before: &str, after: &str, args: &[&str]) -> Output {
        let drill = self.drill.command(&self.mount.join("run"), args);
        let script = format!(
            "mount -t tmpfs -o \"$1\" none \"$2\" || exit 99; {before} || exit 98; out=$2; copy=$3; shift 3; \"$@\"; code=$?; \
             {after}; exit $code"
        );
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", &script, "sh", options]);
        command.arg(&self.mount).arg(self.copy());
        if before == "true" && after == "true" {
            command.arg("true");
        } else {
            command.arg(drill.get_program()).args(drill.get_args());
        }
        command.stdin(std::process::Stdio::null()).output().unwrap()
    }

    /// The place where `after` copies the run's files. The disk is gone with the namespace.
    fn copy(&self) -> PathBuf {
        self.drill.folder().join("copy")
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The ids of everything created or deleted, as the run's events reported them.
fn told_of(events: &[Value], name: &str) -> Vec<String> {
    let of = |event: &Value| match name {
        "created" => event["resources"].as_array().unwrap().clone(),
        _ => vec![event["resource"].clone()],
    };
    let mut ids: Vec<String> =
        events.iter().filter(|e| e["event"] == name).flat_map(of).map(|r| r["id"].to_string()).collect();
    ids.sort();
    ids
}

/// Checks a run whose journal could not be written from some instant on. Returns how much it had
/// created.
#[track_caller]
fn torn_down(output: &Output, folder: &Path, cause: &str) -> usize {
    let stderr = text(&output.stderr);
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    let events: Vec<Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let created = told_of(&events, "created");
    assert_eq!(created, told_of(&events, "deleted"));
    assert_eq!(events.iter().find(|e| e["event"] == "left_behind").unwrap()["resources"], json!([]));
    let last: Vec<&Value> = events.iter().rev().take(2).map(|e| &e["event"]).collect();
    assert_eq!(last, ["verdict", "run_finished"]);
    assert!(stderr.contains(cause), "the user is told: {stderr}");
    // The part that reached the disk is a readable journal.
    let kept = journal::read(folder).unwrap();
    assert!(!kept.finished() && kept.events.len() < events.len());
    if kept.end().records > 0 {
        let (code, json, stderr) = told(&["report", folder.to_str().unwrap(), "--format", "json"]);
        assert_eq!(code, 0, "{stderr}");
        let report: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(report["verdict"], "error");
        assert_ne!(told(&["gate", folder.to_str().unwrap()]).0, 0);
    }
    let (_, again) = Journal::reopen(folder, Durability::Buffered).unwrap();
    assert_eq!(again.end(), kept.end());
    created.len()
}

#[test]
fn a_disk_that_fills_while_the_drill_runs() {
    let Some(disk) = Disk::new() else { return };
    let mut in_the_middle = 0;
    let mut whole = 0;
    for kib in [4, 8, 12, 16, 20, 24, 28, 32, 44, 60, 76, 88, 92, 104, 120, 132, 148, 164] {
        let _of_the_run_before = std::fs::remove_dir_all(disk.copy());
        let output = disk.run(
            &format!("size={kib}k"),
            "mkdir \"$2/run\"",
            "cp -R \"$out/run\" \"$copy\"",
            &["--output", "json"],
        );
        let (stderr, folder) = (text(&output.stderr), disk.copy());
        assert!(!matches!(output.status.code(), Some(98 | 99)), "{stderr}");
        if !journal::read(&folder).unwrap().finished() {
            let created = torn_down(&output, &folder, "the disk is full: make room");
            in_the_middle += usize::from(created > 0);
        } else if report_files().all(|file| folder.join(file).exists()) {
            assert_eq!(output.status.code(), Some(0), "{stderr}");
            whole += 1;
        } else {
            // The journal just fit on the disk. The report did not.
            assert_eq!(output.status.code(), Some(3), "{stderr}");
            let next = ["then render again", "cannot be signed later"];
            assert!(stderr.contains("cannot write"), "{stderr}");
            assert!(next.iter().any(|next| stderr.contains(next)), "{stderr}");
            assert_eq!(told(&["report", folder.to_str().unwrap()]).0, 0);
        }
        let temporary = std::fs::read_dir(&folder).unwrap().flatten().filter(|file| {
            file.file_name()
                .to_str()
                .is_some_and(|name| name != journal::FILE_NAME && !report_files().any(|file| file == name))
        });
        assert_eq!(temporary.count(), 0, "half a file was left");
    }
    assert!(in_the_middle >= 2 && whole >= 2, "{in_the_middle} {whole}");
}

fn report_files() -> impl Iterator<Item = &'static str> {
    let reports = record::report::Format::ALL.iter().map(|format| format.file_name());
    reports.chain([evidence::EVIDENCE, evidence::RESULT])
}

/// Stands in for a full disk where mounting is not allowed: `ulimit -f`, in blocks of 512 bytes.
#[test]
fn a_journal_that_may_not_grow() {
    let mut in_the_middle = 0;
    for blocks in [0, 8, 16, 24, 32, 40] {
        let drill = Drill::of("az-loss");
        let out = drill.next_out();
        let run = drill.command(&out, &["--output", "json"]);
        let output = Command::new("sh")
            .args(["-c", "ulimit -f \"$1\"; shift; exec \"$@\"", "sh", &blocks.to_string()])
            .arg(run.get_program())
            .args(run.get_args())
            .env_clear()
            .output()
            .unwrap();
        in_the_middle += usize::from(torn_down(&output, &out, "may not grow any more: see `ulimit -f`") > 0);
    }
    assert!(in_the_middle >= 2, "{in_the_middle}");
}

/// The same case, as a person sees it.
#[test]
fn the_summary_says_what_to_do_about_a_full_disk() {
    let Some(disk) = Disk::new() else { return };
    let output = disk.run("size=16k", "mkdir \"$2/run\"", "cp -R \"$out/run\" \"$copy\"", &[]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{stdout}\n{stderr}");
    let told: String = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("the disk is full: make room") && told.contains("nothing left behind"), "{stdout}");
}

#[test]
fn a_read_only_disk() {
    let Some(disk) = Disk::new() else { return };
    let output = disk.run("ro,size=64k", "true", "ls -A \"$out\" >\"$copy\"", &[]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("read-only") && stderr.contains("--out"), "{stderr}");
    assert!(stdout.is_empty() && !stderr.contains("phase"), "something was done: {stdout}{stderr}");
    assert_eq!(std::fs::read_to_string(disk.copy()).unwrap(), "", "nothing stands there");
}

/// Root may write anyway. Then only the file system can refuse, and `a_read_only_disk` tests that.
#[test]
fn a_folder_that_this_user_may_not_write() {
    use std::os::unix::fs::PermissionsExt as _;

    let drill = Drill::of("az-loss");
    let folder = drill.folder().join("locked");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(folder.join("probe"), "").is_ok() {
        eprintln!("NOT TESTED without write permission: this user may write everywhere");
        return;
    }
    let output = drill.command(&folder.join("run"), &[]).output().unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(
        stderr.contains("this user has no permission: change its mode") && stderr.contains("--out"),
        "{stderr}"
    );
    assert!(stdout.is_empty() && !stderr.contains("phase"), "something was done: {stdout}{stderr}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}
