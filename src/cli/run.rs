//! `drillmaster run`

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::{SubsecRound, Utc};
use tokio::signal::unix;
use tokio_util::sync::CancellationToken;

use super::configuration::ConfigArg;
use super::evidence::signing::{self, Signature, Signing, SigningArgs};
use super::forecast::{Asked, Before};
use super::history::Runs;
use super::store::{self, StoreArg};
use super::telling::{TellArgs, Telling};
use super::wire::{self, Drill, Options};
use super::{complain, complained, history, load_or_complain, with_help};
use crate::ui::{self, OutputMode, Surroundings};
use ::history::Store;
use base::clock::Pace;
use base::duration::{Span, Time};
use base::exit::Exit;
use base::ids::RunId;
use base::on::On;
use base::visible::Form;
use checks::ConnectTo;
use engine::plan::Plan;
use engine::sandbox::standing;
use event::{Consumer, Event};
use playbook::reach::out_of_reach;
use record::journal::{Durability, Journal, JournalError};
use record::report::{self, PendingTemplates, Report, Templates, github};

/// The time that teardown has, unless somebody says otherwise.
pub const TEARDOWN: Span = Span::from_secs(45 * 60);

/// Run a drill: prepare the sandbox, declare the disaster, recover, check, measure, tear down,
/// report
///
/// The exit code is the verdict; see `drillmaster --help`.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster run drills/region-loss.yaml
  drillmaster run drills/az-loss.yaml --seed 7 --out runs/rehearsal
  drillmaster run playbook.yaml --on aws --sign-with drill.key
  drillmaster run playbook.yaml --param lost=eu-west-1 --output json")]
pub struct Args {
    /// The playbook to run
    playbook: PathBuf,
    /// Where to run; the default is the twin, a simulation, and only `aws` touches a real cloud
    #[arg(long, value_parser = super::on(), default_value_t)]
    on: On,
    /// With --on aws at a terminal: run without showing what would happen, and without asking
    #[arg(long)]
    yes: bool,
    /// Override a param of the playbook
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = super::name_and_value)]
    params: Vec<(String, String)>,
    /// The folder for the run's files; default: runs/<run-id>
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The id of the run; `serve` gives it
    #[arg(long, value_name = "ID", hide = true, conflicts_with = "out", value_parser = id_of_run)]
    run_id: Option<RunId>,
    /// Vary the twin's times; the same seed gives the same times
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The speed of the twin's time: max (the default), realtime, or how many times faster than
    /// real time
    #[arg(long, value_name = "max|realtime|N", value_parser = pace)]
    pace: Option<Pace>,
    /// On the twin at a real --pace: wait for people to confirm their tasks, instead of assuming them
    #[arg(long)]
    ask_people: bool,
    /// The time at which the twin's clock starts (RFC 3339); default: now
    #[arg(long, value_name = "TIME", value_parser = super::arguments::time)]
    start: Option<Time>,
    /// Keep the sandbox, and say what stays and until when
    #[arg(long)]
    keep_sandbox: bool,
    /// With a probe: wait until AWS Lambda lets the empty network go, up to an hour. With `false`,
    /// `drillmaster abort` removes it later
    #[arg(long, value_name = "true|false", default_value_t = true, action = clap::ArgAction::Set)]
    wait_network: bool,
    /// Send checks for HOST:PORT to ADDR:PORT, host names and TLS verification unchanged
    #[arg(long, value_name = "HOST:PORT=ADDR:PORT")]
    connect_to: Vec<ConnectTo>,
    /// The number of steps that may run at once
    #[arg(long, value_name = "N", default_value_t = super::rehearsal::JOBS, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    jobs: usize,
    /// The time after which a resource that teardown cannot delete is given up
    #[arg(long, value_name = "DURATION", default_value_t = TEARDOWN)]
    teardown_timeout: Span,
    /// Handlebars templates instead of the built-in ones: a file `*.html.hbs` or `*.md.hbs`, or a
    /// folder of them
    #[arg(long, value_name = "PATH")]
    template: Option<PathBuf>,
    /// text: progress on stderr and the result on stdout; json: events as NDJSON on stdout
    #[arg(long, value_enum, default_value_t)]
    output: OutputMode,
    #[command(flatten)]
    signing: SigningArgs,
    #[command(flatten)]
    store: StoreArg,
    #[command(flatten)]
    telling: TellArgs,
    #[command(flatten)]
    config: ConfigArg,
}

/// Returns how safely records are kept. On the twin a crash costs nothing real. While people watch,
/// each record is written when it is made, for those who read along.
pub fn durability(on: On, pace: Pace) -> Durability {
    match (on, pace) {
        (On::Twin, Pace::Max) => Durability::Buffered,
        (On::Twin, Pace::Times(_)) | (On::Aws, _) => Durability::Synced,
    }
}

fn id_of_run(text: &str) -> Result<RunId, String> {
    if ::history::objects::is_part(text) {
        Ok(RunId(text.to_owned()))
    } else {
        Err("it cannot be the name of a folder".to_owned())
    }
}

fn pace(text: &str) -> Result<Pace, String> {
    match text {
        "max" => Ok(Pace::Max),
        "realtime" => Ok(Pace::Times(1.0)),
        number => match number.parse::<f64>() {
            // A slower drill would outlast the machine's clock.
            Ok(times) if (0.001..=1e9).contains(&times) => Ok(Pace::Times(times)),
            Ok(_) | Err(_) => {
                Err("write `max`, `realtime`, or a number such as 60 (0.001 to 1e9)".to_owned())
            }
        },
    }
}

pub fn run(args: &Args) -> Exit {
    match carry_out(args) {
        Ok(code) | Err(code) => code,
    }
}

fn carry_out(args: &Args) -> Result<Exit, Exit> {
    if args.on == On::Aws
        && let Some(flag) = only_for_the_twin(args)
    {
        complain(&format!(
            "{flag} is about the twin's time, and --on aws has only the real one: leave one of them out"
        ));
        return Err(Exit::Wrong);
    }
    let pace = args.pace.unwrap_or(Pace::Max);
    if args.ask_people && args.on == On::Twin && pace == Pace::Max {
        complain(
            "--ask-people waits for people, and at full pace no time passes for them: add `--pace realtime`",
        );
        return Err(Exit::Wrong);
    }
    let config = args.config.load_or_complain()?;
    let loaded = load_or_complain(&args.playbook, &args.params, &config)?;
    if args.on == On::Aws {
        let found = out_of_reach(&loaded, &args.connect_to);
        if !found.is_empty() {
            super::output::write_stderr(&found.render(Surroundings::detect().stderr_look().color));
            return Err(Exit::Wrong);
        }
    }
    let wrong = complained(Exit::Wrong);
    let store = args.store.for_run(&config).map_err(wrong)?;
    let beside = args.out.as_deref().and_then(Path::parent).map(history::or_here);
    let beside = || store::local(beside.unwrap_or(Path::new(history::RUNS)));
    let mut runs = Runs::of(store.clone().unwrap_or_else(beside));
    history::tell(&loaded, &mut runs, Utc::now());
    let templates = PendingTemplates::load(args.template.as_deref()).map_err(|e| wrong(with_help(&e)))?;
    let signing = args.signing.signing(&config, loaded.playbook.lose.loss().as_ref())?;
    let telling = Telling::of(&loaded, &args.telling, &config);
    if let Some(folder) = args.out.as_ref().filter(|folder| folder.join(record::journal::FILE_NAME).exists())
    {
        return Err(wrong(format!("{} holds a run already: choose another --out", folder.display())));
    }
    if args.on == On::Aws && !args.yes {
        super::consent::ask(&loaded, &config, &args.connect_to)?;
    }
    let watched = matches!(ui::choose(args.output, &Surroundings::detect()), ui::Display::Live(_));
    // A rehearsal at full pace is over before anybody can read what was expected.
    let is_slow = args.on == On::Aws || pace != Pace::Max;
    let started = Utc::now().trunc_subsecs(0);
    let start = args.start.unwrap_or(started);
    let asked = Asked { start, jobs: args.jobs, watched: watched && is_slow };
    let Before { forecast, expected } = super::forecast::before_run(&loaded, &config, &asked);
    let mut plan = wire::plan_of(loaded).map_err(wrong)?;
    if let Some(reserved) = args.run_id.as_ref().filter(|run| standing::is_reserved(&run.0)) {
        return Err(wrong(format!(
            "the run id {reserved} begins as those of standing sandboxes do: choose another --run-id"
        )));
    }
    let run = args.run_id.clone().unwrap_or_else(|| run_id(&plan.name, started));
    let folder = args.out.clone().unwrap_or_else(|| Path::new(history::RUNS).join(run.to_string()));
    let named = store.as_ref().map(store::lasting_name);
    // A run in the folder `runs` lies in a store already, and lacks only its entry in the index.
    let store = store.or_else(|| args.out.is_none().then(|| store::local(Path::new(history::RUNS))));
    // They are the runs of that store: without a name, both are the folder `runs`.
    let past = store.as_ref().map(|_| history::past(&mut runs, &plan.name, args.on, start));
    let past = past.unwrap_or_default();
    history::keep_counts(&mut plan, &mut runs, args.on, start);
    let options = Options {
        on: args.on,
        run,
        seed: args.seed,
        pace,
        jobs: args.jobs,
        keep_sandbox: args.keep_sandbox,
        wait_network: args.wait_network,
        patience: args.teardown_timeout.0,
        connect_to: args.connect_to.clone(),
        start,
        abort: false,
        needs_program: true,
        ask_people: args.ask_people,
        folder: Some(folder.clone()),
        protected: config.protected(),
        forecast,
        past,
        store: named,
    };
    let durability = durability(args.on, pace);
    let at = folder.clone();
    let before = Vec::new();
    let output = args.output;
    let run = Run { options, before, folder, templates, signing, store, telling, output, expected };
    run.carry_out(plan, move || Journal::create(&at, durability))
}

/// The parameters of a run, from the command line or from the records of an earlier process.
pub struct Run {
    pub options: Options,
    /// The events of a resumed run.
    pub before: Vec<Event>,
    pub folder: PathBuf,
    pub templates: PendingTemplates,
    /// Signs the evidence at the end.
    pub signing: Signing,
    /// Keeps the run at its end.
    pub store: Option<Store>,
    /// Tells people of it.
    pub telling: Telling,
    pub output: OutputMode,
    /// The seconds that each workload is expected to take, by its name. Empty if nobody watches.
    pub expected: BTreeMap<String, f64>,
}

impl Run {
    /// Carries out the run and delivers its report.
    ///
    /// The journal is opened last. Earlier mistakes, such as a build without AWS or a playbook
    /// without an estate, are reported before anything is written.
    pub fn carry_out(
        self,
        plan: Plan,
        journal: impl FnOnce() -> Result<Journal, JournalError>,
    ) -> Result<Exit, Exit> {
        let Self { options, before, folder, templates, signing, store, telling, output, expected } = self;
        let wrong = complained(Exit::Wrong);
        let around = Surroundings::detect();
        let display = ui::choose(output, &around);
        let interrupt = CancellationToken::new();
        let runtime = wire::runtime().map_err(wrong)?;
        let ended = runtime.block_on(async {
            outlast_file_size_limit();
            let mut opened = None;
            let drill = Drill::new(plan, &options, &before, interrupt.clone(), |clock| {
                let (kept, consumers): (_, Vec<Box<dyn Consumer>>) = match journal() {
                    Ok(new) => {
                        (Ok(new.kept()), vec![Box::new(new), ui::consumer(display, clock, options.pace, expected)])
                    }
                    Err(error) => (Err(error.to_string()), Vec::new()),
                };
                opened = Some(kept);
                consumers
            })
            .map_err(wrong)?;
            let kept = opened.unwrap_or_else(|| Err("the run would leave no journal".to_owned())).map_err(
                |error| {
                    complain(&error);
                    Exit::Error
                },
            )?;
            let report = tokio::select! {
                report = drill.run(Some(&kept)) => report,
                () = interruptions(&interrupt, &folder) => std::process::exit(Exit::Interrupted.code().into()),
            };
            Ok::<_, Exit>((report, kept))
        });
        // Some tasks may never return, such as a name lookup. The runtime does not wait for them.
        runtime.shutdown_background();
        let (report, kept) = ended?;
        if let Some(error) = kept.broken() {
            // The journal has no end. This is reported in addition to everything else.
            complain(&error.message);
        }
        let Some(report) = report else {
            complain("the run left no record");
            return Err(Exit::Error);
        };
        let templates = templates.get().map_err(|error| {
            complain(&with_help(&error));
            Exit::Error
        })?;
        let ended = Ended { signing: Some(&signing), store: store.as_ref(), telling: Some(&telling) };
        Ok(deliver(&report, &folder, &templates, &ended, output, around))
    }
}

/// Installs a handler for the signal of `ulimit -f`.
///
/// A file that would grow beyond the limit then causes a write error, and the drill tears down.
/// Without a handler, the signal would end the process at once.
fn outlast_file_size_limit() {
    // The same number on Linux, macOS and the BSDs, except on MIPS and PA-RISC.
    const SIGXFSZ: i32 = 25;
    let kind = unix::SignalKind::from_raw(SIGXFSZ);
    // The handler stays for the life of the process. If it cannot be installed, the signal ends the
    // process as before.
    let _ = unix::signal(kind);
}

/// Returns an option that only the twin supports, if one is given.
fn only_for_the_twin(args: &Args) -> Option<&'static str> {
    let asked =
        [(args.pace.is_some(), "--pace"), (args.seed.is_some(), "--seed"), (args.start.is_some(), "--start")];
    asked.into_iter().find_map(|(given, flag)| given.then_some(flag))
}

/// The first signal starts the teardown. A second one that a person or the system sends on purpose
/// ends the process at once.
///
/// A lost terminal starts the teardown too, and never ends the process: HUP often comes several
/// times, and together with TERM.
async fn interruptions(interrupt: &CancellationToken, folder: &Path) {
    let tell = super::output::write_stderr;
    let mut signals = Signals::new();
    let mut asked = false;
    loop {
        match signals.next().await {
            Signal::LostTerminal => {
                if !interrupt.is_cancelled() {
                    tell("the terminal is lost: tearing the sandbox down\n");
                }
            }
            Signal::Interrupt if asked => break,
            Signal::Interrupt => {
                asked = true;
                tell(
                    "interrupted: tearing the sandbox down; interrupt again to stop at once and leave the sandbox as it is\n",
                );
            }
        }
        interrupt.cancel();
    }
    tell(&format!(
        "stopped at once: what the run created may still stand; it carries the tag drillmaster:run, and the journal lists \
         it. `drillmaster resume {0}` and `drillmaster abort {0}` go on with the teardown\n",
        folder.display()
    ));
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// INT or TERM.
    Interrupt,
    /// HUP.
    LostTerminal,
}

/// The signals that end a run. They are caught for the life of the process.
pub struct Signals {
    interrupt: Option<unix::Signal>,
    terminate: Option<unix::Signal>,
    hang_up: Option<unix::Signal>,
}

impl Signals {
    pub fn new() -> Self {
        // A signal that cannot be caught ends the process, as it would have done before.
        let catch = |kind| unix::signal(kind).ok();
        Self {
            interrupt: catch(unix::SignalKind::interrupt()),
            terminate: catch(unix::SignalKind::terminate()),
            // `nohup` asks that the run outlives its terminal.
            hang_up: if is_hang_up_ignored() { None } else { catch(unix::SignalKind::hangup()) },
        }
    }

    pub async fn next(&mut self) -> Signal {
        async fn one(signal: &mut Option<unix::Signal>) {
            let received = match signal {
                Some(signal) => signal.recv().await,
                None => None,
            };
            // Without a handler, or after its end, no signal comes.
            if received.is_none() {
                std::future::pending::<()>().await;
            }
        }
        tokio::select! {
            () = one(&mut self.interrupt) => Signal::Interrupt,
            () = one(&mut self.terminate) => Signal::Interrupt,
            () = one(&mut self.hang_up) => Signal::LostTerminal,
        }
    }
}

/// Whether the process was started with HUP ignored. Only Linux tells.
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// What is done with the files of a run that has ended.
#[derive(Default)]
pub struct Ended<'a> {
    /// Signs them. `None`: they were signed before, or never will be.
    pub signing: Option<&'a Signing>,
    /// Keeps them.
    pub store: Option<&'a Store>,
    /// Tells people of them. Nothing that fails there changes the exit code.
    pub telling: Option<&'a Telling>,
}

/// Writes and signs the files of a run that has ended, keeps them in a store, shows its result, and
/// tells people of it.
pub fn deliver(
    report: &Report,
    folder: &Path,
    templates: &Templates,
    ended: &Ended<'_>,
    output: OutputMode,
    around: Surroundings,
) -> Exit {
    // A result that cannot be delivered is a failure.
    let mut signature = Signature::None;
    let delivered = match (report::write_all(report, folder, templates), ended.signing) {
        // What could not be written whole is not signed.
        (Err(error), _) => Err(with_help(&error)),
        (Ok(()), None) => Ok(()),
        (Ok(()), Some(signing)) => {
            let signed = signing::sign(report, folder, signing);
            signature = signed.as_ref().map_or(Signature::Failed, |key| Signature::New(key.clone()));
            signed.map(drop)
        }
    };
    let delivered = delivered.and_then(|()| ended.store.map_or(Ok(()), |store| store::keep(store, folder)));
    if let Err(message) = &delivered {
        complain(message);
    }
    let shown = show(report, folder, templates, signature, output, around);
    // Last, because it may take some seconds.
    if let Some(telling) = ended.telling {
        telling.tell(report);
    }
    match (shown, delivered) {
        (Exit::Passed, Err(_)) => Exit::Error,
        (code, Ok(()) | Err(_)) => code,
    }
}

/// Shows the result of a run whose files lie in its folder.
pub fn show(
    report: &Report,
    folder: &Path,
    templates: &Templates,
    signature: Signature,
    output: OutputMode,
    around: Surroundings,
) -> Exit {
    // A result that cannot be delivered is a failure.
    let mut code = report.exit_code;
    let mut spoilt = |message: String| {
        complain(&message);
        if code == Exit::Passed {
            code = Exit::Error;
        }
    };
    let annotations = github::publish(report, templates, |name| std::env::var(name).ok());
    if output == OutputMode::Text {
        let files: Vec<PathBuf> =
            ["report.html", "report.md", "report.json"].iter().map(|f| folder.join(f)).collect();
        if let Err(error) = ui::summary::write(
            &mut ui::out::stdout(ui::out::text()),
            report,
            &files,
            around.stdout_look(),
            around.stdout_columns().unwrap_or(ui::summary::COLUMNS),
        ) {
            spoilt(format!("the result cannot be written to stdout: {error}"));
        }
        let said = match &signature {
            Signature::New(key) => format!("Signed: {key}"),
            Signature::Kept => "Signed before, and the files are as they were signed.".to_owned(),
            Signature::Failed => "Not signed, and it stays so: `verify` refuses this run.".to_owned(),
            Signature::None => "Not signed: only the process that ends a run signs it.".to_owned(),
        };
        let mut out = ui::out::stdout(ui::out::text());
        if let Err(error) = writeln!(out, "{said}").and_then(|()| out.flush()) {
            spoilt(format!("the result cannot be written to stdout: {error}"));
        }
        match annotations {
            Ok(lines) => {
                let mut out = ui::out::stdout(Form::Commands);
                let written = lines.iter().try_for_each(|line| writeln!(out, "{line}"));
                if let Err(error) = written.and_then(|()| out.flush()) {
                    spoilt(format!("the annotations cannot be written to stdout: {error}"));
                }
            }
            Err(error) => spoilt(with_help(&error)),
        }
    } else {
        if let Err(error) = annotations {
            spoilt(with_help(&error));
        }
        let signed_with = match signature {
            Signature::New(key) => Some(key),
            Signature::Kept | Signature::None | Signature::Failed => None,
        };
        match report::Outcome::of(report, signed_with).to_line() {
            // A reader that is gone changes no verdict but a pass.
            Ok(line) => match super::print_as(&format!("{line}\n"), output.form()) {
                Err(lost) if code == Exit::Passed => code = lost,
                Ok(()) | Err(_) => {}
            },
            Err(error) => spoilt(with_help(&error)),
        }
    }
    code
}

/// Returns an id such as `20261122T074400Z-NAME-1f3a2b4c`.
pub fn run_id(name: &str, started: Time) -> RunId {
    RunId(format!("{}-{name}-{:08x}", started.format("%Y%m%dT%H%M%SZ"), rand::random::<u32>()))
}
