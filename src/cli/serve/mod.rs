//! `drillmaster serve`: runs drills when they are due.

mod fence;
mod page;
mod runner;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Parser as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use self::fence::Fence;
use self::runner::Processes;
use super::configuration::{ConfigArg, load_or_complain};
use super::evidence::verify::TrustArgs;
use super::history::{RUNS, controls, or_here};
use super::output::{complain, complained, write_stderr};
use super::run::{Signal, Signals};
use super::sheet::{Cell, Sheet};
use super::store::StoreArg;
use super::{Cli, wire};
use crate::cli::schedule::Asked;
use crate::ui::text::{Tone, clean, count};
use ::history::Store;
use ::history::keeper::{Instant, Keeper, Kept, Runner as _};
use ::history::lease::{Holder, Terms};
use base::clock::Uptime;
use base::duration::Span;
use base::exit::Exit;
use base::on::On;
use schedule::CatchUp;

/// The shortest lease. A store on the network needs time to answer.
const SHORTEST_LEASE: Duration = Duration::from_secs(10);

/// How often the clocks and the processes are looked at.
const TICK: Duration = Duration::from_millis(500);

/// Run the drills of playbooks when they are due
///
/// A page shows the history, what is due, what runs, the clauses that drills show, and the tasks that wait
/// for a person. `/metrics` is for Prometheus.
///
/// Each drill is run as a process of its own, in the folder `runs`, with the options that stand after
/// `--`. Several machines may serve the same playbooks with one store: each due drill is held once, and
/// never two of a playbook at the same time. A run whose process died is resumed, on the machine that has
/// its folder. An interruption (INT, TERM) interrupts the drills, and waits for their teardown. Exit
/// codes: 0 it was interrupted, and nothing runs any more; 2 the command line or a playbook is wrong.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster serve drills/region-loss.yaml
  drillmaster serve drills/*.yaml --on aws --store s3://acme-recovery/runs --catch-up none
  drillmaster serve playbook.yaml --listen 0.0.0.0:8411 --token env:PAGE_TOKEN --host drills.example.com
  drillmaster serve playbook.yaml -- --param lost=eu-west-1 --sign-with drill.key")]
pub struct Args {
    /// The playbooks; each has a `schedule`
    #[arg(value_name = "PLAYBOOK", required = true)]
    playbooks: Vec<PathBuf>,
    /// Where to run; the default is the twin, a simulation, and only `aws` touches a real cloud
    #[arg(long, value_parser = super::on(), default_value_t)]
    on: On,
    /// Drills that were due while nothing served: hold the last one if it may still begin, hold all of
    /// them one after the other, or hold none
    #[arg(long, value_name = "last|all|none", value_parser = catch_up(), default_value_t)]
    catch_up: CatchUp,
    /// How long a playbook stays with a process that no longer answers, before another one takes over
    #[arg(long, value_name = "DURATION", default_value_t = Span::from_secs(300))]
    lease: Span,
    /// Where the page is served, or `off`. Only this machine reaches the default; anything else needs
    /// --token
    #[arg(long, value_name = "ADDR:PORT|off", value_parser = listen, default_value = "127.0.0.1:8411")]
    listen: Listen,
    /// Who does not know this token sees nothing: env:NAME for the variable that holds it
    #[arg(long, value_name = "env:NAME")]
    token: Option<String>,
    /// A name by which browsers reach the page, with its port unless it is 80 or 443
    #[arg(long = "host", value_name = "NAME[:PORT]")]
    hosts: Vec<String>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Options of `run`
    #[arg(last = true, value_name = "OPTIONS")]
    options: Vec<String>,
    #[command(flatten)]
    store: StoreArg,
    #[command(flatten)]
    config: ConfigArg,
}

fn catch_up() -> impl TypedValueParser<Value = CatchUp> {
    const ALL: [CatchUp; 3] = [CatchUp::Last, CatchUp::All, CatchUp::None];
    PossibleValuesParser::new(ALL.map(CatchUp::word))
        .map(|word| ALL.into_iter().find(|known| known.word() == word).unwrap_or_default())
}

/// Where the page is served.
#[derive(Debug, Clone, Copy)]
enum Listen {
    Off,
    At(SocketAddr),
}

fn listen(text: &str) -> Result<Listen, String> {
    if text == "off" {
        return Ok(Listen::Off);
    }
    let at =
        text.parse().map_err(|_| "write an address with a port, such as 127.0.0.1:8411, or `off`".to_owned());
    at.map(Listen::At)
}

/// The shortest token. Whoever reaches the port may guess.
const SHORTEST_TOKEN: usize = 16;

fn token(args: &Args) -> Result<Option<String>, String> {
    let Some(named) = &args.token else { return Ok(None) };
    let token =
        base::secret::read(named, &|name| std::env::var_os(name)).map_err(|why| format!("--token: {why}"))?;
    if token.len() < SHORTEST_TOKEN {
        return Err(format!("--token: the token is too short: use at least {SHORTEST_TOKEN} characters"));
    }
    Ok(Some(token))
}

/// Binds the page's port. `None`: there is no page.
fn page_at(args: &Args, token: Option<&String>) -> Result<Option<std::net::TcpListener>, String> {
    let Listen::At(address) = args.listen else { return Ok(None) };
    if !address.ip().is_loopback() && token.is_none() {
        return Err(format!(
            "--listen {address}: others reach this address, so the page needs --token env:NAME (over plain HTTP: put it \
             behind a proxy with TLS)"
        ));
    }
    page::bind(address).map(Some)
}

/// The names by which the page is reached.
fn hosts(args: &Args, at: SocketAddr) -> Vec<String> {
    let mut hosts = args.hosts.clone();
    hosts.push(at.to_string());
    if at.ip().is_loopback() {
        hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{}", at.port())));
    }
    hosts
}

pub fn run(args: &Args) -> Exit {
    carry_out(args).unwrap_or_else(|code| code)
}

/// A playbook, and the process that runs it.
struct Served {
    keeper: Keeper,
    processes: Processes,
}

fn carry_out(args: &Args) -> Result<Exit, Exit> {
    let wrong = complained(Exit::Wrong);
    if args.lease.0 < SHORTEST_LEASE {
        return Err(wrong(format!(
            "--lease {}: a lease lasts at least {}",
            args.lease,
            Span(SHORTEST_LEASE)
        )));
    }
    let config = args.config.load_or_complain()?;
    let store = args.store.open(&config).map_err(wrong)?;
    store.must_be_safe().map_err(|error| wrong(error.to_string()))?;
    let me = Holder { id: format!("{:032x}", rand::random::<u128>()), host: host(), pid: std::process::id() };
    let mut served: Vec<Served> = Vec::new();
    let token = token(args).map_err(wrong)?;
    let trust = args.trust.trust(&config).map_err(wrong)?;
    let (mut playbooks, mut claims) = (Vec::new(), Vec::new());
    for path in &args.playbooks {
        let loaded = load_or_complain(path, &[], &config)?;
        playbooks.push(Asked::of(&loaded));
        claims.push(controls::claim(&loaded));
        let name = loaded.playbook.name.clone();
        let Some(schedule) = loaded.playbook.schedule else {
            return Err(wrong(format!(
                "{}: the playbook does not say when it is due: write `schedule: quarterly`, for instance",
                path.display()
            )));
        };
        if served.iter().any(|other| other.keeper.playbook() == name) {
            return Err(wrong(format!("{}: two playbooks have the name `{name}`", path.display())));
        }
        let kept = Kept {
            playbook: name.clone(),
            on: args.on,
            schedule,
            catch_up: args.catch_up,
            terms: Terms::lasting(args.lease.0),
        };
        let keeper = Keeper::new(kept, me.clone()).map_err(wrong)?;
        served.push(Served { keeper, processes: processes(args, path, name)? });
    }
    let listener = page_at(args, token.as_ref()).map_err(wrong)?;
    let signals = signals().map_err(wrong)?;
    told(None, &format!("serving {} with the store {}", count(served.len(), "playbook"), store.place()));
    for one in &served {
        let next = one.keeper.next(Utc::now());
        let next =
            next.map_or_else(|| "never".to_owned(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true));
        told(Some(one.keeper.playbook()), &format!("due next at {next}"));
    }
    if let Some(listener) = listener {
        let at = listener.local_addr().map_err(|error| wrong(format!("--listen: {error}")))?;
        let secret = || format!("{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        let site = page::Site {
            store: store.clone(),
            runs: or_here(Path::new(RUNS)).to_owned(),
            playbooks,
            claims,
            trust,
            on: args.on,
            token,
            hosts: hosts(args, at),
            session: secret(),
            csrf: secret(),
            told: Mutex::default(),
        };
        page::start(listener, site).map_err(wrong)?;
        told(None, &format!("the page is at http://{at}/"));
    }
    let fence = Fence::start().map_err(|error| wrong(format!("no thread can be started: {error}")))?;
    serve(&store, &mut served, &signals, &fence);
    Ok(Exit::Passed)
}

/// Until it is interrupted, and nothing runs any more.
fn serve(store: &Store, served: &mut [Served], signals: &Receiver<()>, fence: &Fence) {
    let mut stopping = false;
    loop {
        let at = Instant { now: whole_seconds(Utc::now()), uptime: Uptime::now().since_start() };
        let running = served.iter_mut().filter_map(|Served { keeper, processes }| {
            processes.is_busy().then(|| keeper.lease_ends()).flatten()
        });
        fence.set(running.min());
        let mut busy = false;
        for Served { keeper, processes } in &mut *served {
            let did = keeper.tick(store, processes, at);
            busy |= processes.is_busy();
            for text in processes.told().into_iter().chain(did) {
                told(Some(keeper.playbook()), &text);
            }
        }
        if stopping && !busy {
            told(None, "nothing runs any more");
            return;
        }
        match signals.recv_timeout(TICK) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) if stopping => {
                told(
                    None,
                    "stopped at once: `drillmaster serve` or `drillmaster resume` goes on with the runs",
                );
                for Served { processes, .. } in served {
                    processes.kill();
                }
                return;
            }
            // Without the thread that waits for signals, none could end this.
            Ok(()) | Err(RecvTimeoutError::Disconnected) => {
                stopping = true;
                told(
                    None,
                    "interrupted: drills that run are torn down; interrupt again to leave them as they are",
                );
                for Served { keeper, processes } in &mut *served {
                    keeper.stop(processes);
                }
            }
        }
    }
}

/// Drills are due at whole minutes, and a claim names whole seconds.
fn whole_seconds(now: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now)
}

fn processes(args: &Args, path: &Path, name: String) -> Result<Processes, Exit> {
    let here = std::path::absolute(or_here(Path::new(RUNS)));
    let here = here.map_err(|error| complained(Exit::Error)(format!("{RUNS}: {error}")))?;
    let mut processes =
        Processes::new(path.to_owned(), name, here.display().to_string(), args.options.clone());
    processes.of_run = vec!["--on".into(), args.on.word().into()];
    if let Some(store) = &args.store.store {
        processes.of_both.extend([OsString::from("--store"), store.into()]);
    }
    if let Some(config) = args.config.file() {
        processes.of_both.extend([OsString::from("--config"), config.into()]);
    }
    // What `run` does not take is told now, and not when a drill is due.
    let line = processes.arguments("a-run");
    if let Err(asked) = Cli::try_parse_from(std::iter::once(OsString::from("drillmaster")).chain(line)) {
        complain("the options after `--` are none that `drillmaster run` takes here:");
        write_stderr(&asked.render().to_string());
        return Err(Exit::Wrong);
    }
    Ok(processes)
}

/// One message for each interruption.
fn signals() -> Result<Receiver<()>, String> {
    let (sender, receiver) = mpsc::channel();
    let runtime = wire::runtime()?;
    let wait = move || {
        runtime.block_on(async {
            let mut signals = Signals::new();
            loop {
                // A service outlives the terminal that it was started from.
                if signals.next().await == Signal::Interrupt && sender.send(()).is_err() {
                    return;
                }
            }
        });
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(wait)
        .map_err(|error| format!("nothing can wait for signals: {error}"))?;
    Ok(receiver)
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The runs that did not come to their end: id, playbook, and whether a process runs it.
fn running_sheet(runs: &[(String, String, bool)]) -> Sheet {
    let rows = runs.iter().map(|(run, playbook, lives)| {
        let state =
            if *lives { Cell::of(Tone::Warning, "running") } else { Cell::of(Tone::Bad, "no process") };
        vec![Cell::new(playbook), state, Cell::new(run).of_run(run)]
    });
    Sheet {
        title: "Runs that have not ended".into(),
        columns: vec!["playbook", "", "run"],
        rows: rows.collect(),
        none: "No run goes on.",
        ..Sheet::default()
    }
}

/// A line of the log, on stderr.
fn told(playbook: Option<&str>, text: &str) {
    let at = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let of = playbook.map(|name| format!("{}: ", clean(name))).unwrap_or_default();
    write_stderr(&format!("{at} {of}{}\n", clean(text)));
}
