//! `drillmaster serve` as a child process, and drills that it runs.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::drill::{Drill, drillmaster};

/// A server of a playbook, and what it has told so far.
pub struct Serving {
    child: Child,
    stderr: BufReader<ChildStderr>,
    seen: String,
}

impl Serving {
    /// Serves the playbook of this drill, in its folder.
    pub fn start(drill: &Drill, args: &[&str]) -> Self {
        Self::with(drill, args, &[])
    }

    /// The same, with variables of the environment.
    pub fn with(drill: &Drill, args: &[&str], env: &[(&str, &str)]) -> Self {
        drill.write();
        let mut command = drillmaster();
        command.envs(env.iter().copied()).current_dir(drill.folder());
        command.args(["serve", "playbook.yaml", "--lease", "10s", "--listen", "127.0.0.1:0"]).args(args);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr, seen: String::new() }
    }

    /// Where its page is: `127.0.0.1:40001`.
    pub fn page(&mut self) -> String {
        let line = self.until("the page is at http://");
        line.trim_end().trim_end_matches('/').rsplit_once("//").unwrap().1.to_owned()
    }

    /// Reads what it tells until a line holds `words`.
    pub fn until(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.stderr.read_line(&mut line).unwrap() > 0, "`{words}` never came:\n{}", self.seen);
            self.seen += &line;
            if line.contains(words) {
                return line;
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let done = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status();
        assert!(done.unwrap().success());
    }

    pub fn end(mut self) -> (Option<i32>, String) {
        self.stderr.read_to_string(&mut self.seen).unwrap();
        (self.child.wait().unwrap().code(), std::mem::take(&mut self.seen))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Due in each minute, so one is due when it is served.
pub fn minutely(drill: Drill) -> Drill {
    drill.playbook("\nworkloads:", "\nschedule: { cron: \"* * * * *\" }\n\nworkloads:")
}

/// Due on the first day of each year, and until the next one. So it is due once while a test runs.
pub fn yearly(drill: Drill) -> Drill {
    drill.playbook("\nworkloads:", "\nschedule: yearly\n\nworkloads:")
}

/// The run of the line `due …: RUN starts`.
pub fn run_of(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    words[words.iter().position(|word| *word == "starts").unwrap() - 1].to_owned()
}

/// A database that takes days, at a pace at which the run goes on while it is watched.
pub fn long() -> Drill {
    yearly(Drill::good().estate("rds.restore: { base: 9m,", "rds.restore: { base: 900h,"))
}

pub const SLOW: [&str; 3] = ["--", "--pace", "100"];

/// Waits until an event stands in the journal of a run.
pub fn recorded(drill: &Drill, run: &str, event: &str) {
    let journal = drill.folder().join("runs").join(run).join("journal.ndjson");
    let record = format!("\"event\":\"{event}\"");
    let began = std::time::Instant::now();
    while !std::fs::read_to_string(&journal).unwrap_or_default().contains(&record) {
        assert!(began.elapsed().as_secs() < 120, "{event} was never recorded");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
