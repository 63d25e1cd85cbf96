//! `drillmaster schedule export`

mod eventbridge;
mod github;
mod kubernetes;
mod systemd;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args as _, ValueEnum};

use crate::cli::configuration::{ConfigArg, load_or_complain};
use crate::cli::output::{complained, print_as, write_stderr};
use crate::cli::run;
use crate::ui::text::clean;
use ::schedule::{Fields, Schedule};
use base::digest::sha256;
use base::duration::Span;
use base::exit::Exit;
use base::ids::Region;
use base::on::On;
use base::visible::{Form, hides};
use playbook::Loaded;

/// Write what starts the drills of a playbook when they are due
///
/// The manifest calls `drillmaster run`. Where its scheduler differs from the schedule, a comment in
/// it says so. What the scheduler cannot say is refused, with the reason. Options of `run` stand
/// after `--`.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster schedule export orders.yaml --to github-actions --action acme/drillmaster@v1 -o .
  drillmaster schedule export /srv/orders.yaml --to systemd --on aws -o units -- --sign-with drill.key")]
pub struct Args {
    /// The playbook
    playbook: PathBuf,
    /// The scheduler
    #[arg(long, value_enum, value_name = "SCHEDULER")]
    to: Scheduler,
    /// Where the drills run; only `aws` touches a real cloud, and only such a drill counts as held
    #[arg(long, value_parser = crate::cli::on(), default_value_t)]
    on: On,
    /// Write files into this folder instead of stdout. A file that `schedule export` did not write is
    /// not overwritten
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where the playbook lies on the machine that runs it; default: where it lies here
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// With github-actions: the repository of Drillmaster's action, and its version
    #[arg(long, value_name = "OWNER/NAME@REF")]
    action: Option<String>,
    /// With kubernetes: an image that holds Drillmaster and the playbook
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// With systemd: the program [default: /usr/local/bin/drillmaster]
    #[arg(long, value_name = "PATH")]
    program: Option<String>,
    /// Options of `run`
    #[arg(last = true, value_name = "OPTIONS")]
    options: Vec<String>,
    #[command(flatten)]
    config: ConfigArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scheduler {
    /// A workflow: copy it into .github/workflows
    GithubActions,
    /// A service and its timer: copy them into /etc/systemd/system
    Systemd,
    /// A CronJob, and the volume that keeps the runs
    Kubernetes,
    /// A CloudFormation template: a schedule of EventBridge that runs a task of ECS
    Eventbridge,
}

/// The first words of each file.
const WRITTEN: &str = "# Written by `drillmaster schedule export`";

/// What is to be started, and when.
struct Job<'a> {
    name: &'a str,
    schedule: &'a Schedule,
    fields: Fields,
    on: On,
    /// Where the playbook lies on the machine that runs it.
    playbook: String,
    options: &'a [String],
    ttl: Span,
    region: &'a Region,
}

/// Whether the folder of the runs goes with the machine: artifacts of a workflow expire, and a task of ECS
/// keeps nothing.
fn loses_its_runs(args: &Args) -> bool {
    let is_named = args.options.iter().any(|option| option == "--store" || option.starts_with("--store="));
    let keeps_nothing = match args.to {
        Scheduler::GithubActions | Scheduler::Eventbridge => true,
        Scheduler::Systemd | Scheduler::Kubernetes => false,
    };
    keeps_nothing && !is_named && !args.on.is_simulated()
}

/// A file with its name.
struct Manifest {
    name: String,
    text: String,
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(()) => Exit::Passed,
        Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<(), Exit> {
    let wrong = complained(Exit::Wrong);
    let config = args.config.load_or_complain()?;
    let loaded = load_or_complain(&args.playbook, &[], &config)?;
    let manifests = manifests(args, &loaded).map_err(wrong)?;
    if args.on.is_simulated() {
        write_stderr(
            "note: these are rehearsals on the twin, and none counts as held: drills need `--on aws`\n",
        );
    }
    if loses_its_runs(args) {
        write_stderr(
            "note: nothing there keeps the runs, and a drill whose run is gone does not count as held: name a store, as in `-- \
             --store s3://BUCKET/PREFIX`\n",
        );
    }
    if let Some(step) = nobody_confirms(args.on, &loaded) {
        write_stderr(&format!(
            "note: step {} is a manual.task, which fails where there is no terminal\n",
            clean(step)
        ));
    }
    let Some(folder) = &args.out else {
        let text = match manifests.as_slice() {
            [one] => one.text.clone(),
            several => {
                let named = |Manifest { name, text }: &Manifest| format!("# The file {name}\n{text}");
                several.iter().map(named).collect::<Vec<_>>().join("\n")
            }
        };
        // An escape of JSON is one of YAML, too, and of systemd.
        return print_as(&text, Form::Json);
    };
    for manifest in &manifests {
        let path = folder.join(&manifest.name);
        write(folder, &path, &manifest.text).map_err(wrong)?;
        write_stderr(&format!("written: {}\n", path.display()));
    }
    Ok(())
}

/// A step of a drill on AWS that waits for a person.
fn nobody_confirms(on: On, loaded: &Loaded) -> Option<&str> {
    let mut steps = loaded.playbook.steps.iter();
    let manual = steps.find(|step| !on.is_simulated() && step.uses == "manual.task")?;
    Some(&manual.id)
}

fn manifests(args: &Args, loaded: &Loaded) -> Result<Vec<Manifest>, String> {
    only_for(args)?;
    let playbook = &loaded.playbook;
    let schedule = playbook.schedule.as_ref().ok_or_else(|| {
        format!("{} has no schedule: write `schedule: quarterly` into it", args.playbook.display())
    })?;
    let fields = schedule.fields().ok_or_else(|| {
        format!(
            "`{}` names days by `L`, `W` or `#`, and this export writes numbers: name the days by numbers",
            schedule.cron()
        )
    })?;
    let place = args.path.clone().unwrap_or_else(|| args.playbook.display().to_string());
    let job = Job {
        name: &playbook.name,
        schedule,
        fields,
        on: args.on,
        playbook: place,
        options: &args.options,
        ttl: playbook.sandbox.ttl,
        region: &playbook.sandbox.region,
    };
    for text in job.command().iter().chain(&args.image).chain(&args.program) {
        if text.contains(hides) {
            return Err(format!("`{}` holds a character that hides: leave it out", text.escape_debug()));
        }
    }
    job.check_options(&[])?;
    match args.to {
        Scheduler::GithubActions => github::manifest(&job, args.action.as_deref()),
        Scheduler::Systemd => systemd::manifests(&job, args.program.as_deref()),
        Scheduler::Kubernetes => kubernetes::manifest(&job, args.image.as_deref()),
        Scheduler::Eventbridge => eventbridge::manifest(&job),
    }
}

/// Some options are about one scheduler.
fn only_for(args: &Args) -> Result<(), String> {
    for (given, flag, to) in [
        (args.action.is_some(), "--action", Scheduler::GithubActions),
        (args.program.is_some(), "--program", Scheduler::Systemd),
        (args.image.is_some(), "--image", Scheduler::Kubernetes),
    ] {
        if given && args.to != to {
            let name = to.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
            return Err(format!("{flag} goes with `--to {name}`: leave it out"));
        }
    }
    Ok(())
}

impl Job<'_> {
    /// The arguments of the program.
    fn command(&self) -> Vec<String> {
        let mut command =
            vec!["run".to_owned(), self.playbook.clone(), "--on".to_owned(), self.on.to_string()];
        command.extend_from_slice(self.options);
        command
    }

    /// Whether `run` takes the options, beside those that the scheduler's manifest adds.
    fn check_options(&self, more: &[&str]) -> Result<(), String> {
        let run = run::Args::augment_args(clap::Command::new("drillmaster").no_binary_name(true));
        let arguments = self.command().into_iter().skip(1).chain(more.iter().map(|text| (*text).to_owned()));
        match run.try_get_matches_from(arguments) {
            Ok(_) => Ok(()),
            Err(error) => {
                let text = error.render().to_string();
                let first = text.lines().next().unwrap_or_default();
                Err(format!("`run` does not take these options: {}", first.trim_start_matches("error: ")))
            }
        }
    }

    /// The first lines of a manifest, with what its scheduler does otherwise.
    fn head(&self, differences: &[&str]) -> String {
        let text = format!("{} from the schedule of {}. {}", &WRITTEN[2..], self.name, differences.join(" "));
        textwrap::indent(&textwrap::fill(&text, 98), "# ") + "\n"
    }

    /// How long a drill may take, teardown included.
    fn longest(&self) -> Span {
        Span(self.ttl.0 + run::TEARDOWN.0)
    }

    /// The absolute path of the playbook, for machines without a folder of their own.
    fn absolute(&self, why: &str) -> Result<&str, String> {
        if Path::new(&self.playbook).is_absolute() {
            return Ok(&self.playbook);
        }
        Err(format!("{why}: say where the playbook lies there, `--path /srv/drills/orders.yaml`"))
    }
}

/// The name of a playbook in an alphabet of lower-case letters, digits and `-`, and not too long. What
/// had to be changed gets a digest, so that two names stay two.
fn name_in_lower_case(name: &str, most: usize) -> String {
    let plain: String =
        name.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let plain = plain.trim_matches('-');
    if plain == name && plain.len() <= most {
        return plain.to_owned();
    }
    let digest: String = sha256(name).chars().take(8).collect();
    let kept: String = plain.chars().take(most.saturating_sub(digest.len() + 1)).collect();
    format!("{}-{digest}", kept.trim_end_matches('-'))
}

/// Writes a file. One that somebody else wrote stays.
fn write(folder: &Path, path: &Path, text: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: it cannot be written: {error}", path.display());
    match fs::read(path) {
        Ok(old) if !old.starts_with(WRITTEN.as_bytes()) => {
            return Err(format!(
                "{}: `schedule export` did not write this file: move it away, or choose another folder",
                path.display()
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    fs::create_dir_all(folder).map_err(failed)?;
    fs::write(path, text).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::name_in_lower_case;

    #[test]
    fn two_names_stay_two() {
        assert_eq!(name_in_lower_case("orders-az-loss", 40), "orders-az-loss");
        let (one, two) = (name_in_lower_case("Orders_a", 40), name_in_lower_case("orders-a", 40));
        assert!(one.starts_with("orders-a-") && one != two, "{one} {two}");
        let long = "a".repeat(64);
        assert_eq!(name_in_lower_case(&long, 40).len(), 40);
        assert_eq!(name_in_lower_case("a.", 40).len(), 10);
    }
}
