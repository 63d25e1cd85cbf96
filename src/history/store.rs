//! A store of runs: puts runs in, lists them, and fetches them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use tempfile::TempDir;

use base::duration::Time;
use base::on::On;
use base::private;
use evidence::folder;
use record::journal;
use record::run_folder::{self, Told};

use crate::entry::{Entry, SCHEMA};
use crate::objects::{Listed, Listing, Objects, Put, StoreError, is_part};

/// Where the index lies.
const INDEX: &str = "index";

/// Names at the top of a store that are no runs.
const RESERVED: &[&str] = &[INDEX, crate::findings::FOLDER, crate::lease::FOLDER, crate::due::FOLDER];

#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn Objects>,
}

/// All runs of a store, the oldest first.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct History {
    pub runs: Vec<Entry>,
    /// Runs that did not come to their end.
    pub unfinished: Vec<Unfinished>,
    /// Runs that could not be read. They count for nothing.
    pub unread: Vec<Unread>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unfinished {
    pub run: String,
    pub on: On,
    pub playbook: String,
    pub started_at: Time,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unread {
    pub run: String,
    pub why: String,
}

/// A run's folder. One that was fetched from afar goes when this is dropped.
pub struct Fetched {
    pub folder: PathBuf,
    _temporary: Option<TempDir>,
}

/// What putting a run into a store did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    pub run: String,
    /// The files that were put.
    pub new: Vec<String>,
    /// The files that lay there already, with the same contents.
    pub kept: Vec<String>,
}

/// How the index differs from the runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    pub same: usize,
    /// Runs that had no entry.
    pub added: Vec<String>,
    /// Runs whose entry said something else.
    pub changed: Vec<String>,
}

/// A run in the listing of a store: its files with their sizes.
type Files = BTreeMap<String, u64>;

enum Read {
    Ended(Box<Entry>),
    Unfinished(Unfinished),
}

impl Store {
    pub fn new(objects: Arc<dyn Objects>) -> Self {
        Self { objects }
    }

    pub fn place(&self) -> String {
        self.objects.place()
    }

    pub fn objects(&self) -> &dyn Objects {
        self.objects.as_ref()
    }

    /// Every run, from the index where it tells of the run as it lies there, otherwise from the run.
    pub fn history(&self) -> Result<History, StoreError> {
        let listing = self.objects.list()?;
        let runs = runs_of(&listing);
        let indexed: BTreeSet<&str> =
            listing.objects.iter().filter_map(|object| indexed_run(&object.key)).collect();
        let keys: Vec<String> =
            runs.keys().filter(|run| indexed.contains(run.as_str())).map(|run| index_key(run)).collect();
        let entries = self.objects.read_all(&keys);
        let mut known: BTreeMap<String, Entry> = BTreeMap::new();
        for (key, read) in keys.iter().zip(entries) {
            // An entry that is gone, damaged or of another version is made anew below.
            let entry = read?.and_then(|bytes| serde_json::from_slice::<Entry>(&bytes).ok());
            if let (Some(run), Some(entry)) = (indexed_run(key), entry) {
                known.insert(run.to_owned(), entry);
            }
        }
        let mut history = History::default();
        for (run, why) in listing.unread {
            history.unread.push(Unread { run, why });
        }
        for (run, files) in runs {
            match known.remove(&run).filter(|entry| entry.schema == SCHEMA && is_of(entry, &files)) {
                Some(entry) => history.runs.push(entry),
                None => match self.read(&run, &files) {
                    Ok(Read::Ended(entry)) => history.runs.push(*entry),
                    Ok(Read::Unfinished(run)) => history.unfinished.push(run),
                    Err(why) => history.unread.push(Unread { run, why }),
                },
            }
        }
        history.runs.sort_by(|a, b| (a.at(), &a.run_id).cmp(&(b.at(), &b.run_id)));
        Ok(history)
    }

    /// Reads a run whole, not by the index.
    fn read(&self, run: &str, files: &Files) -> Result<Read, String> {
        let fetched = self.fetch_files(run, files.keys()).map_err(|error| error.to_string())?;
        let Told { fold, .. } = run_folder::read(&fetched.folder)?;
        Ok(if fold.finished {
            Read::Ended(Box::new(Entry::of(&fold.report, of_run(files))))
        } else {
            Read::Unfinished(Unfinished {
                run: run.to_owned(),
                on: fold.report.on,
                playbook: fold.report.playbook.name,
                started_at: fold.report.started_at,
            })
        })
    }

    /// The folder of a run, for those who read all its files.
    pub fn fetch(&self, run: &str) -> Result<Fetched, StoreError> {
        let listing = self.objects.list()?;
        let missing = || StoreError::new(self.place(), format!("there is no run {}", run.escape_debug()));
        let files = runs_of(&listing).remove(run).ok_or_else(missing)?;
        self.fetch_files(run, files.keys())
    }

    fn fetch_files<'a>(
        &self,
        run: &str,
        files: impl Iterator<Item = &'a String>,
    ) -> Result<Fetched, StoreError> {
        if let Some(folder) = self.objects.run_folder(run) {
            return Ok(Fetched { folder, _temporary: None });
        }
        let failed = |error: std::io::Error| StoreError::new(self.place(), format!("{run}: {error}"));
        let temporary = TempDir::new().map_err(failed)?;
        let folder = temporary.path().join(run);
        private::create_dir_all(&folder).map_err(failed)?;
        let names: Vec<&String> = files.collect();
        let keys: Vec<String> = names.iter().map(|name| format!("{run}/{name}")).collect();
        for (name, read) in names.iter().zip(self.objects.read_all(&keys)) {
            if let Some(bytes) = read? {
                private::write_whole(&folder.join(name), bytes, None).map_err(failed)?;
            }
        }
        Ok(Fetched { folder, _temporary: Some(temporary) })
    }

    /// Puts a run that has ended into the store. What lies there already is compared, and never
    /// replaced. A second push adds what has come since: reviews.
    pub fn push(&self, folder: &Path) -> Result<Pushed, StoreError> {
        let refused = |what: String| StoreError::new(self.place(), what);
        let told = run_folder::read(folder).map_err(refused)?;
        if !told.fold.finished {
            return Err(refused(told.next().unwrap_or_else(|| "the run has not ended".to_owned())));
        }
        let run = told.fold.report.run_id.clone();
        if !is_part(&run) || RESERVED.contains(&run.as_str()) {
            return Err(refused(format!("`{}` cannot be the name of a run", run.escape_debug())));
        }
        let mut pushed = Pushed { run: run.clone(), new: Vec::new(), kept: Vec::new() };
        let is_here = self.objects.run_folder(&run).is_some_and(|own| is_same_folder(&own, folder));
        let names =
            folder::present(folder).map_err(|error| refused(format!("{}: {error}", folder.display())))?;
        let mut files = Files::new();
        for name in names {
            let bytes = folder::read(folder, &name).map_err(|error| refused(format!("{name} {error}")))?;
            files.insert(name.clone(), bytes.len() as u64);
            if is_here {
                pushed.kept.push(name);
            } else if self.put_once(&format!("{run}/{name}"), &bytes)? {
                pushed.new.push(name);
            } else {
                pushed.kept.push(name);
            }
        }
        self.index(&run, &Entry::of(&told.fold.report, of_run(&files)))?;
        Ok(pushed)
    }

    /// Makes an object. `false`: it lies there already, with the same contents.
    ///
    /// # Errors
    /// Something else lies there.
    pub fn put_once(&self, key: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        match self.objects.create(key, bytes)? {
            Put::Made => Ok(true),
            // A write whose answer was lost looks like this too.
            Put::Exists if self.objects.read(key)?.as_deref() == Some(bytes) => Ok(false),
            Put::Exists => Err(StoreError::new(
                self.place(),
                format!(
                    "{key} lies there with other contents, and nothing in a store is replaced; name another store"
                ),
            )),
        }
    }

    fn index(&self, run: &str, entry: &Entry) -> Result<(), StoreError> {
        self.objects.replace(&index_key(run), &as_json(entry))
    }

    /// Makes the index anew, from the runs alone.
    pub fn rebuild(&self) -> Result<(Rebuilt, History), StoreError> {
        let listing = self.objects.list()?;
        let (mut rebuilt, mut history) = (Rebuilt::default(), History::default());
        for (run, why) in &listing.unread {
            history.unread.push(Unread { run: run.clone(), why: why.clone() });
        }
        for (run, files) in runs_of(&listing) {
            let entry = match self.read(&run, &files) {
                Ok(Read::Ended(entry)) => *entry,
                Ok(Read::Unfinished(unfinished)) => {
                    history.unfinished.push(unfinished);
                    continue;
                }
                Err(why) => {
                    history.unread.push(Unread { run, why });
                    continue;
                }
            };
            match self.objects.read(&index_key(&run))? {
                Some(bytes) if bytes == as_json(&entry) => rebuilt.same += 1,
                Some(_) => {
                    self.index(&run, &entry)?;
                    rebuilt.changed.push(run);
                }
                None => {
                    self.index(&run, &entry)?;
                    rebuilt.added.push(run);
                }
            }
            history.runs.push(entry);
        }
        Ok((rebuilt, history))
    }
}

fn as_json(entry: &Entry) -> Vec<u8> {
    // An entry holds only texts, numbers and times, which JSON can always represent.
    let mut text = serde_json::to_vec_pretty(entry).unwrap_or_default();
    text.push(b'\n');
    text
}

fn index_key(run: &str) -> String {
    format!("{INDEX}/{run}.json")
}

fn indexed_run(key: &str) -> Option<&str> {
    key.strip_prefix(INDEX)?.strip_prefix('/')?.strip_suffix(".json")
}

/// The runs of a listing. A run is there if its journal is.
fn runs_of(listing: &Listing) -> BTreeMap<String, Files> {
    let mut runs: BTreeMap<String, Files> = BTreeMap::new();
    for Listed { key, size } in &listing.objects {
        if let Some((run, file)) = key.split_once('/')
            && is_part(run)
            && is_part(file)
            && !RESERVED.contains(&run)
        {
            runs.entry(run.to_owned()).or_default().insert(file.to_owned(), *size);
        }
    }
    runs.retain(|_, files| files.contains_key(journal::FILE_NAME));
    runs
}

/// The files that a run leaves at its end. Reviews come later.
fn of_run(files: &Files) -> Files {
    let is_of_run = |name: &str| {
        folder::names().any(|known| known == name) || [evidence::EVIDENCE, evidence::RESULT].contains(&name)
    };
    files.iter().filter(|(name, _)| is_of_run(name)).map(|(name, size)| (name.clone(), *size)).collect()
}

/// Whether an entry is of these files.
fn is_of(entry: &Entry, files: &Files) -> bool {
    entry.files == of_run(files)
}

fn is_same_folder(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        (Ok(_) | Err(_), _) => false,
    }
}
