//! Where runs are kept, and `drillmaster store`.

#[cfg(feature = "live")]
mod remote;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::configuration::ConfigArg;
use super::history::RUNS;
use super::output::{complain, complained, print, write_stderr};
use crate::config::UserConfig;
use crate::ui::text::{clean, count};
use base::exit::Exit;
use history::store::{Pushed, Rebuilt};
use history::{Folder, Store};

#[derive(Debug, Clone, Default, clap::Args)]
pub struct StoreArg {
    /// Where runs are kept: a folder, or `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`,
    /// `az://CONTAINER/PREFIX`
    ///
    /// Default: `store` of the configuration, else the folder `runs`.
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
}

impl StoreArg {
    /// The store of a run that is resumed: the one that is named now, or else the one that it began with.
    pub fn for_resumed(
        &self,
        config: &UserConfig,
        began_with: Option<&str>,
    ) -> Result<Option<Store>, String> {
        let named = self.for_run(config)?;
        match (named, began_with) {
            (None, Some(place)) => Self { store: Some(place.to_owned()) }.for_run(config),
            (named, _) => Ok(named),
        }
    }

    /// The store in a folder that a command reads which touches no network. `None`: the configuration names
    /// a bucket.
    pub fn offline(config: &UserConfig) -> Option<Store> {
        match &config.store {
            Some(url) if url.contains("://") => None,
            Some(path) => Some(local(&config.folder().join(path))),
            None => Some(local(Path::new(RUNS))),
        }
    }

    /// The store that was named, on the command line or in the configuration.
    pub fn named(&self, config: &UserConfig) -> Option<Result<Store, String>> {
        let (text, base) = match (&self.store, &config.store) {
            (Some(text), _) => (text, Path::new("")),
            (None, Some(text)) => (text, config.folder()),
            (None, None) => return None,
        };
        Some(open(text, base, config))
    }

    /// The store that was named, for a run that will be put there. A store that cannot take it is told
    /// before the run begins.
    pub fn for_run(&self, config: &UserConfig) -> Result<Option<Store>, String> {
        let Some(store) = self.named(config).transpose()? else { return Ok(None) };
        store.must_be_safe().map_err(|error| error.to_string())?;
        Ok(Some(store))
    }

    /// The store that was named, or the folder `runs`, to read it. A folder that was named must be there: an
    /// empty history would look like a good one.
    pub fn open_to_read(&self, config: &UserConfig) -> Result<Store, String> {
        let Some(store) = self.named(config).transpose()? else { return self.open(config) };
        if store.is_there() {
            Ok(store)
        } else {
            Err(format!("{}: there is no such folder, so no store", store.place()))
        }
    }

    /// The store that was named, or the folder `runs`.
    ///
    /// # Errors
    /// It cannot be reached, as a text for the user.
    pub fn open(&self, config: &UserConfig) -> Result<Store, String> {
        self.named(config).unwrap_or_else(|| Ok(local(Path::new(RUNS))))
    }
}

/// The name of a store by which another process finds it, from whatever folder.
pub fn lasting_name(store: &Store) -> String {
    let place = store.place();
    if place.contains("://") {
        return place;
    }
    std::path::absolute(&place).map_or(place, |path| path.display().to_string())
}

/// The store in a folder.
pub fn local(folder: &Path) -> Store {
    Store::new(Arc::new(Folder::new(folder)))
}

/// The store of a run in the folder `runs`, by whatever path it is named.
pub fn of_folder(run: &Path) -> Option<Store> {
    let parent = super::history::or_here(run.parent()?);
    let is_usual = match (parent.canonicalize(), Path::new(RUNS).canonicalize()) {
        (Ok(parent), Ok(usual)) => parent == usual,
        (Ok(_) | Err(_), _) => false,
    };
    is_usual.then(|| local(Path::new(RUNS)))
}

/// Puts a run that has ended into its store.
///
/// # Errors
/// What failed, and what to do, as a text for the user.
pub fn keep(store: &Store, folder: &Path) -> Result<(), String> {
    match store.push(folder) {
        Ok(pushed) if pushed.new.is_empty() => Ok(()),
        Ok(pushed) => {
            write_stderr(&told(&pushed, store));
            Ok(())
        }
        Err(error) => Err(format!(
            "the run is not in its store: {error}; `drillmaster store push {} --store {}` tries again",
            folder.display(),
            store.place()
        )),
    }
}

/// Relative paths begin at `base`.
fn open(text: &str, base: &Path, config: &UserConfig) -> Result<Store, String> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok(local(&base.join(text)));
    };
    match scheme {
        "file" => Ok(local(Path::new(rest))),
        "s3" | "gs" | "az" => remote(text, config),
        _ => Err(format!(
            "`{}` is no store: name a folder, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX",
            text.escape_debug()
        )),
    }
}

#[cfg(feature = "live")]
pub use remote::open_archive;

#[cfg(feature = "live")]
use remote::open as remote;

#[cfg(not(feature = "live"))]
const NO_BUCKETS: &str = "this build reaches no bucket: build it with the cargo feature `aws` (it is on by default), or with `live` for gs:// and az://";

#[cfg(not(feature = "live"))]
fn remote(_: &str, _: &UserConfig) -> Result<Store, String> {
    Err(NO_BUCKETS.to_owned())
}

#[cfg(not(feature = "live"))]
pub fn open_archive(_: &str, _: &UserConfig) -> Result<Store, String> {
    Err(NO_BUCKETS.to_owned())
}

/// Put runs into a store, and look after its index
///
/// A run with `--store` puts itself there at its end. Nothing in a store is ever replaced, but for its
/// index.
#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster store push runs/20261122T074400Z-orders-1f3a2b4c --store s3://acme-recovery/runs
  drillmaster store rebuild --store s3://acme-recovery/runs")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Put runs into the store, or what has come to them since: reviews
    Push(Push),
    /// Make the index anew, from the runs alone
    ///
    /// Exit codes: 0 the index was right, or is now; 1 an entry said something else than its run, or a
    /// run cannot be read.
    Rebuild(Rebuild),
}

#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster store push runs/20261122T074400Z-orders-1f3a2b4c --store s3://acme-recovery/runs")]
struct Push {
    /// Folders of runs
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    #[command(flatten)]
    store: StoreArg,
    #[command(flatten)]
    config: ConfigArg,
}

#[derive(clap::Args)]
#[command(after_long_help = "\
Examples:
  drillmaster store rebuild --store s3://acme-recovery/runs")]
struct Rebuild {
    #[command(flatten)]
    store: StoreArg,
    #[command(flatten)]
    config: ConfigArg,
}

pub fn run(args: &Args) -> Exit {
    let done = match &args.what {
        What::Push(args) => push(args),
        What::Rebuild(args) => rebuild(args),
    };
    done.unwrap_or_else(|code| code)
}

fn push(args: &Push) -> Result<Exit, Exit> {
    let config = args.config.load_or_complain()?;
    let store = args.store.open(&config).map_err(complained(Exit::Wrong))?;
    let mut code = Exit::Passed;
    for folder in &args.runs {
        match store.push(folder) {
            Ok(pushed) => print(&told(&pushed, &store))?,
            Err(error) => {
                complain(&error.to_string());
                code = Exit::Error;
            }
        }
    }
    Ok(code)
}

/// What a push did, in one line.
pub fn told(pushed: &Pushed, store: &Store) -> String {
    let place = store.place();
    let place = clean(&place);
    match (pushed.new.len(), pushed.kept.len()) {
        (0, _) => format!("{} lies in {place} already\n", pushed.run),
        (new, 0) => format!("{}: {} put into {place}\n", pushed.run, count(new, "file")),
        (new, kept) => {
            format!("{}: {} put into {place}, {kept} lay there already\n", pushed.run, count(new, "file"))
        }
    }
}

fn rebuild(args: &Rebuild) -> Result<Exit, Exit> {
    let config = args.config.load_or_complain()?;
    let store = args.store.open_to_read(&config).map_err(complained(Exit::Wrong))?;
    let (rebuilt, history) = store.rebuild().map_err(|error| complained(Exit::Error)(error.to_string()))?;
    for unread in &history.unread {
        complain(&format!("{} cannot be read: {}", unread.run, unread.why));
    }
    for note in &history.notes {
        write_stderr(&format!("note: {}\n", clean(note)));
    }
    let Rebuilt { same, added, changed } = &rebuilt;
    for run in changed {
        complain(&format!("the index said something else of {run} than the run does; it is mended"));
    }
    print(&format!(
        "{} in the index, {} added, {} mended\n",
        count(same + added.len() + changed.len(), "run"),
        added.len(),
        changed.len()
    ))?;
    Ok(if changed.is_empty() && history.unread.is_empty() { Exit::Passed } else { Exit::Failed })
}
