//! Drills on the twin under faults of every kind, chosen by seed, and with runners that die. In
//! every case the drill deletes or names everything it made, touches nothing else and gives no step
//! two effects. The exit code tells the truth.
//!
//! `SEEDS=1000 cargo test --test twin faults:: -- --nocapture` for the long test; `SEED=17` for
//! one.

mod dice;
mod faulty;
mod mends;
mod property;
mod run;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use dice::Dice;
use faulty::{Fault, Weather};
use playbook::Loaded;
use property::Fair;
use run::{Fate, run};
use support::drill::Drill;
use support::rehearsal::loaded;

/// The number of seeds that a usual test run tries.
const SEEDS: u64 = 150;

/// The playbooks, and the result of each on a day without faults.
struct Playbook {
    name: &'static str,
    loaded: Loaded,
    fair: Fair,
    _folder: Drill,
}

/// Gives some attempts to each step that has none.
fn stubborn(mut drill: Drill) -> Drill {
    let mut lines: Vec<String> = Vec::new();
    let text = drill.playbook.clone();
    let steps: Vec<&str> = text.lines().collect();
    for (number, line) in steps.iter().enumerate() {
        lines.push((*line).to_owned());
        let rest =
            steps[number + 1..].iter().take_while(|l| !l.starts_with("  - ") && !l.starts_with("checks"));
        if line.trim_start().starts_with("uses:") && !rest.clone().any(|l| l.contains("retry:")) {
            lines.push("    retry: { attempts: 4, backoff: 5s }".to_owned());
        }
    }
    drill.playbook = lines.join("\n") + "\n";
    drill
}

fn everything() -> Drill {
    let drill = Drill::new(include_str!("faults/everything.yaml"), include_str!("faults/estate.yaml"));
    let template = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("drills/orders.stack.yaml");
    std::fs::copy(template, drill.folder().join("orders.stack.yaml")).unwrap();
    drill
}

fn playbooks() -> Vec<Playbook> {
    let of = |name, drill: Drill| {
        let loaded = loaded(&drill.write());
        let fair = Fair::of(&run(&loaded, &Weather::fair(), &Fate::calm(), &mut Dice::of(0, 0)));
        Playbook { name, loaded, fair, _folder: drill }
    };
    vec![
        of("region-loss", Drill::of("region-loss")),
        of("az-loss", Drill::of("az-loss")),
        of("account-loss", Drill::of("account-loss")),
        of("everything", everything()),
        of("stubborn region-loss", stubborn(Drill::of("region-loss"))),
        of("stubborn az-loss", stubborn(Drill::of("az-loss"))),
        of("stubborn account-loss", stubborn(Drill::of("account-loss"))),
        of("stubborn everything", stubborn(everything())),
    ]
}

thread_local! {
    static TRYING: Cell<bool> = const { Cell::new(false) };
    /// The run takes a panic in one of its tasks for a lost answer. This list keeps every panic
    /// visible.
    static PANICS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Tried {
    exit_code: u8,
    resumed: bool,
    faults: BTreeMap<Fault, u64>,
}

fn attempt(seed: u64, playbooks: &[Playbook]) -> Result<Tried, String> {
    let mut dice = Dice::of(seed, 1);
    let index = usize::try_from(dice.below(playbooks.len() as u64)).unwrap();
    let playbook = &playbooks[index];
    let (weather, fate) = (Weather::of(&mut dice), Fate::of(&mut dice));
    PANICS.with_borrow_mut(Vec::clear);
    TRYING.set(true);
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let left = run(&playbook.loaded, &weather, &fate, &mut dice);
        let wrong = property::violations(&left, &playbook.fair, &weather);
        let faults = left.ledger.faults.borrow().clone();
        if let Some(path) = std::env::var_os("JOURNAL") {
            let lines = left.events.iter().map(|e| e.to_line(&[]).unwrap() + "\n");
            std::fs::write(path, lines.collect::<String>()).unwrap();
        }
        (
            Tried {
                exit_code: left.report.exit_code.code(),
                resumed: !left.report.resumed.is_empty(),
                faults,
            },
            wrong,
        )
    }));
    TRYING.set(false);
    let mut wrong = PANICS.with_borrow_mut(std::mem::take);
    if let Ok((tried, violations)) = ended {
        wrong.extend(violations);
        if wrong.is_empty() {
            return Ok(tried);
        }
    }
    let how = format!(
        "{}, {weather:?}, deaths {:?}, gap {:?}, abort {}, interrupt {:?}",
        playbook.name, fate.deaths, fate.gap, fate.abort, fate.interrupt
    );
    Err(format!(
        "SEED={seed} cargo test --test twin faults:: -- --nocapture\n  {how}\n  {}",
        wrong.join("\n  ")
    ))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn whatever_happens_nothing_is_lost() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if TRYING.get() {
            PANICS.with_borrow_mut(|all| all.push(format!("panic: {panic}")));
        } else {
            usual(panic);
        }
    }));
    let playbooks = playbooks();
    let seeds = match number("SEED") {
        Some(one) => one..one + 1,
        None => 0..number("SEEDS").unwrap_or(SEEDS),
    };
    let (mut codes, mut faults) = (BTreeMap::<u8, u64>::new(), BTreeMap::<Fault, u64>::new());
    let (mut resumed, mut failed) = (0_u64, Vec::new());
    for seed in seeds.clone() {
        match attempt(seed, &playbooks) {
            Ok(tried) => {
                *codes.entry(tried.exit_code).or_default() += 1;
                resumed += u64::from(tried.resumed);
                for (fault, times) in tried.faults {
                    *faults.entry(fault).or_default() += times;
                }
            }
            Err(told) => failed.push(told),
        }
    }
    let mut told = format!(
        "{} seeds, {resumed} of them resumed; ended with {codes:?}\nfaults: {faults:?}",
        seeds.clone().count()
    );
    for one in failed.iter().take(6) {
        let _infallible = write!(told, "\n{one}");
    }
    assert!(failed.is_empty(), "{} seeds do not hold:\n{told}", failed.len());
    eprintln!("{told}");
    let many = seeds.count();
    assert!(many == 1 || faults.len() >= 8, "{told}");
    if many >= 250 {
        // Faults do have effects, and some runs survive them.
        assert!([0, 1, 3, 4, 130].iter().all(|code| codes.get(code).is_some_and(|n| *n > 0)), "{told}");
        assert!(faults.len() == 14, "{told}");
    }
}
