//! A store of runs: puts runs in, lists them, and fetches them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use schemars::JsonSchema;
use serde::Serialize;
use tempfile::TempDir;

use base::digest::sha256;
use base::duration::Time;
use base::on::On;
use base::private;
use evidence::folder;
use record::journal;
use record::report::Format;
use record::run_folder::{self, Told};

use crate::entry::{Entry, FileEntry, SCHEMA};
use crate::objects::{Listed, Listing, Objects, Put, StoreError, is_part};
use crate::{due, findings, lease};

/// Where the index lies.
const INDEX: &str = "index";

/// Names at the top of a store that are no runs.
pub(crate) const RESERVED: &[&str] = &[INDEX, findings::FOLDER, lease::FOLDER, due::FOLDER];

/// The files from which a run is read.
const READ: [&str; 2] = [journal::FILE_NAME, Format::Json.file_name()];

#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn Objects>,
    /// Set once the store has shown that it replaces nothing.
    is_safe: Arc<OnceLock<()>>,
}

/// All runs of a store, the oldest first.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub runs: Vec<Entry>,
    /// Runs that did not come to their end.
    pub unfinished: Vec<Unfinished>,
    /// What could not be read, and counts for nothing.
    pub unread: Vec<Unread>,
    /// What else is to be known of the store.
    pub notes: Vec<String>,
    /// Where each run lies, by its id.
    pub(crate) places: BTreeMap<String, Place>,
    /// The runs that the index does not tell of as they are. They were read whole.
    pub not_indexed: usize,
}

/// Where a run lies: its key, and the files there with their sizes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    key: String,
    files: Files,
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

/// How the index differed from the runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    pub same: usize,
    /// Runs that had no entry, or one of another version of this program.
    pub added: Vec<String>,
    /// Runs whose entry said something else.
    pub changed: Vec<String>,
}

/// The files of a run with their sizes, as a store lists them.
type Files = BTreeMap<String, u64>;

enum Read {
    Ended(Box<Entry>),
    Unfinished(Unfinished),
}

impl Store {
    pub fn new(objects: Arc<dyn Objects>) -> Self {
        Self { objects, is_safe: Arc::default() }
    }

    pub fn place(&self) -> String {
        self.objects.place()
    }

    pub(crate) fn objects(&self) -> &dyn Objects {
        self.objects.as_ref()
    }

    /// Whether there is such a folder. Of a bucket its listing tells.
    pub fn is_there(&self) -> bool {
        self.objects.run_folder("").is_none_or(|root| root.is_dir())
    }

    fn wrong(&self, what: impl std::fmt::Display) -> StoreError {
        StoreError::new(self.place(), what)
    }

    /// Shows once that the store takes objects and replaces none.
    ///
    /// # Errors
    /// It does not, or it cannot be reached.
    pub fn must_be_safe(&self) -> Result<(), StoreError> {
        if self.is_safe.get().is_none() {
            self.objects.refuse_if_unsafe()?;
            // Somebody else may have been faster, with the same outcome.
            let _ = self.is_safe.set(());
        }
        Ok(())
    }

    /// Makes an object where none is.
    pub(crate) fn create(&self, key: &str, bytes: &[u8]) -> Result<Put, StoreError> {
        self.must_be_safe()?;
        self.objects.create(key, bytes)
    }

    /// Every run, from the index where it tells of the run as it lies there, otherwise from the run.
    pub fn history(&self) -> Result<History, StoreError> {
        let listing = self.objects.list("")?;
        let runs = runs_of(&listing);
        let indexed: BTreeSet<&str> =
            listing.objects.iter().filter_map(|object| indexed_run(&object.key)).collect();
        let keys: Vec<String> =
            runs.keys().filter(|run| indexed.contains(run.as_str())).map(|run| index_key(run)).collect();
        let entries = self.objects.read_all(&keys);
        let mut known: BTreeMap<String, Entry> = BTreeMap::new();
        for (key, read) in keys.iter().zip(entries) {
            // An entry that is gone, damaged or of another version tells nothing.
            let entry = read.ok().flatten().and_then(|bytes| serde_json::from_slice::<Entry>(&bytes).ok());
            if let (Some(run), Some(entry)) = (indexed_run(key), entry) {
                known.insert(run.to_owned(), entry);
            }
        }
        let mut history = History { unread: unread(&listing, &runs), ..History::default() };
        for (key, files) in runs {
            if let Some(entry) = known.remove(&key).filter(|entry| self.is_of(entry, &key, &files)) {
                history.add(entry, key, files);
                continue;
            }
            history.not_indexed += 1;
            let read = self.read(&key, &files);
            history.take(key, files, read);
        }
        history.sort();
        Ok(history)
    }

    /// Whether an entry is of the run as it lies there. Where that is cheap, the journal is read for it;
    /// elsewhere the sizes of the files must do.
    fn is_of(&self, entry: &Entry, key: &str, files: &Files) -> bool {
        let sizes: Files = entry.files.iter().map(|(name, file)| (name.clone(), file.size)).collect();
        if entry.schema != SCHEMA || sizes != of_run(files) {
            return false;
        }
        let noted = entry.files.get(journal::FILE_NAME).map(|file| file.sha256.as_str());
        match self.objects.digest(&format!("{key}/{}", journal::FILE_NAME)) {
            Some(Ok(digest)) => noted == Some(digest.as_str()),
            Some(Err(_)) => false,
            None => true,
        }
    }

    /// Reads a run whole, not by the index.
    fn read(&self, key: &str, files: &Files) -> Result<Read, String> {
        let fetched = self.fetch_files(key, READ.into_iter()).map_err(|error| error.to_string())?;
        let Told { fold, .. } = run_folder::read(&fetched.folder)?;
        if !fold.finished {
            return Ok(Read::Unfinished(Unfinished {
                run: key.to_owned(),
                on: fold.report.on,
                playbook: fold.report.playbook.name,
                started_at: fold.report.started_at,
            }));
        }
        let mut entries = BTreeMap::new();
        for (name, size) in of_run(files) {
            let object = format!("{key}/{name}");
            let sha256 = match self.objects.digest(&object) {
                Some(digest) => digest,
                None => self.objects.read(&object).map(|bytes| sha256(bytes.unwrap_or_default())),
            };
            let sha256 = sha256.map_err(|error| error.to_string())?;
            entries.insert(name, FileEntry { size, sha256 });
        }
        Ok(Read::Ended(Box::new(Entry::of(&fold.report, entries))))
    }

    /// The runs of a history that are wanted, the newest first, as the runs themselves tell and not the
    /// index: what rests on them is a verdict. Where the index said something else, a note says so.
    pub fn confirmed(
        &self,
        history: &mut History,
        wanted: impl Fn(&Entry) -> bool,
        most: usize,
    ) -> Vec<Entry> {
        let mut found = Vec::new();
        for index in (0..history.runs.len()).rev() {
            if found.len() == most {
                break;
            }
            let Some(entry) = history.runs.get(index).filter(|entry| wanted(entry)) else { continue };
            let Some(Place { key, files }) = history.places.get(&entry.run_id) else { continue };
            match self.read(key, files) {
                Ok(Read::Ended(read)) => {
                    if !read.says_the_same(entry) {
                        history.notes.push(format!(
                            "the index said something else of {key} than the run does: `drillmaster store rebuild` mends it"
                        ));
                    }
                    found.extend(Some(*read).filter(&wanted));
                }
                Ok(Read::Unfinished(_)) => {
                    let why = "the index calls it ended, and it is not".to_owned();
                    history.unread.push(Unread { run: key.clone(), why });
                }
                Err(why) => history.unread.push(Unread { run: key.clone(), why }),
            }
        }
        found
    }

    /// All runs as they tell of themselves. The index is not looked at.
    pub fn whole_history(&self) -> Result<History, StoreError> {
        let listing = self.objects.list("")?;
        let runs = runs_of(&listing);
        let mut history = History { unread: unread(&listing, &runs), ..History::default() };
        for (key, files) in runs {
            let read = self.read(&key, &files);
            history.take(key, files, read);
        }
        history.sort();
        Ok(history)
    }

    /// The folder of a run of this history, with all its files.
    pub fn fetch(&self, history: &History, run: &str) -> Result<Fetched, StoreError> {
        let missing = || self.wrong(format!("there is no run {}", run.escape_debug()));
        let Place { key, files } = history.places.get(run).ok_or_else(missing)?;
        self.fetch_files(key, files.keys().map(String::as_str))
    }

    fn fetch_files<'a>(
        &self,
        key: &str,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<Fetched, StoreError> {
        if let Some(folder) = self.objects.run_folder(key) {
            return Ok(Fetched { folder, _temporary: None });
        }
        let failed = |error: std::io::Error| self.wrong(format!("{key}: {error}"));
        let temporary = TempDir::new().map_err(failed)?;
        let folder = temporary.path().join(key);
        private::create_dir_all(&folder).map_err(failed)?;
        let names: Vec<&str> = names.collect();
        let keys: Vec<String> = names.iter().map(|name| format!("{key}/{name}")).collect();
        for (name, read) in names.iter().zip(self.objects.read_all(&keys)) {
            if let Some(bytes) = read? {
                private::write_whole(&folder.join(name), bytes, None).map_err(failed)?;
            }
        }
        Ok(Fetched { folder, _temporary: Some(temporary) })
    }

    /// Puts a run that has ended into the store. What lies there already is compared, and never
    /// replaced. A second push adds what has come since: reviews, and what a push that died left out.
    pub fn push(&self, folder: &Path) -> Result<Pushed, StoreError> {
        let told = run_folder::read(folder).map_err(|why| self.wrong(why))?;
        if !told.fold.finished {
            let next = told.next().unwrap_or_else(|| "the run has not ended".to_owned());
            return Err(self.wrong(next));
        }
        let run = told.fold.report.run_id.clone();
        let own = self.own_key(folder);
        let key = own.as_deref().unwrap_or(&run);
        if !is_part(key) || RESERVED.contains(&key) {
            return Err(self.wrong(format!("`{}` cannot be the name of a run", key.escape_debug())));
        }
        let mut pushed = Pushed { run: run.clone(), new: Vec::new(), kept: Vec::new() };
        let names =
            folder::present(folder).map_err(|error| self.wrong(format!("{}: {error}", folder.display())))?;
        let mut files = BTreeMap::new();
        for name in names {
            let bytes = folder::read(folder, &name).map_err(|error| self.wrong(format!("{name} {error}")))?;
            files.insert(name.clone(), FileEntry { size: bytes.len() as u64, sha256: sha256(&bytes) });
            if own.is_none() && self.put_once(&format!("{key}/{name}"), &bytes)? {
                pushed.new.push(name);
            } else {
                pushed.kept.push(name);
            }
        }
        files.retain(|name, _| is_of_run(name));
        self.index(key, &Entry::of(&told.fold.report, files))?;
        Ok(pushed)
    }

    /// The key of a run that lies in this store already, by whatever path it is named.
    fn own_key(&self, folder: &Path) -> Option<String> {
        let folder = folder.canonicalize().ok()?;
        let name = folder.file_name()?.to_str()?;
        let own = self.objects.run_folder(name)?.canonicalize().ok()?;
        (own == folder).then(|| name.to_owned())
    }

    /// Makes an object. `false`: it lies there already, with the same contents.
    ///
    /// # Errors
    /// Something else lies there.
    fn put_once(&self, key: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        const TRIES: usize = 3;
        for _ in 0..TRIES {
            if self.create(key, bytes)? == Put::Made {
                return Ok(true);
            }
            // A write whose answer was lost looks like this too.
            match self.objects.read(key)? {
                Some(found) if found == bytes => return Ok(false),
                Some(_) => {
                    return Err(self.wrong(format!(
                        "{key} lies there with other contents. Nothing there is replaced: it keeps what was put there \
                         first"
                    )));
                }
                // S3 says that it exists while somebody else is writing it.
                None => {}
            }
        }
        Err(self.wrong(format!("somebody else is writing {key}: try again")))
    }

    /// Makes an object, and reads it back. `false`: it lay there already.
    ///
    /// # Errors
    /// Something else lies there.
    pub fn hand_over(&self, key: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        let new = self.put_once(key, bytes)?;
        if new && self.objects.read(key)?.as_deref() != Some(bytes) {
            return Err(self.wrong(format!("{key} was put there, and another object is read back")));
        }
        Ok(new)
    }

    fn index(&self, key: &str, entry: &Entry) -> Result<(), StoreError> {
        self.objects.replace(&index_key(key), &as_json(entry))
    }

    /// Makes the index anew, from the runs alone.
    pub fn rebuild(&self) -> Result<(Rebuilt, History), StoreError> {
        self.must_be_safe()?;
        let listing = self.objects.list("")?;
        let runs = runs_of(&listing);
        let mut rebuilt = Rebuilt::default();
        let mut history = History { unread: unread(&listing, &runs), ..History::default() };
        for (key, files) in runs {
            let read = self.read(&key, &files);
            self.mend_entry(&key, &read, &mut rebuilt)?;
            history.take(key, files, read);
        }
        Ok((rebuilt, history))
    }

    /// Makes the entry of a run what the run tells.
    fn mend_entry(
        &self,
        key: &str,
        read: &Result<Read, String>,
        rebuilt: &mut Rebuilt,
    ) -> Result<(), StoreError> {
        // What cannot be read is no entry.
        let found = self.objects.read(&index_key(key)).ok().flatten();
        let of_this_version =
            |bytes: &[u8]| serde_json::from_slice::<Entry>(bytes).is_ok_and(|entry| entry.schema == SCHEMA);
        match (read, found) {
            (Ok(Read::Ended(entry)), Some(bytes)) if bytes == as_json(entry) => rebuilt.same += 1,
            (Ok(Read::Ended(entry)), found) => {
                self.index(key, entry)?;
                let is_changed = found.is_some_and(|bytes| of_this_version(&bytes));
                let list = if is_changed { &mut rebuilt.changed } else { &mut rebuilt.added };
                list.push(key.to_owned());
            }
            // What cannot be read has no figures.
            (Err(_), Some(_)) => self.objects.replace(&index_key(key), b"null\n")?,
            (Err(_), None) | (Ok(Read::Unfinished(_)), _) => {}
        }
        Ok(())
    }
}

impl History {
    fn sort(&mut self) {
        self.runs.sort_by(|a, b| (a.at(), &a.run_id).cmp(&(b.at(), &b.run_id)));
    }

    /// Adds what a run told when it was read.
    fn take(&mut self, key: String, files: Files, read: Result<Read, String>) {
        match read {
            Ok(Read::Ended(entry)) => self.add(*entry, key, files),
            Ok(Read::Unfinished(run)) => self.unfinished.push(run),
            Err(why) => self.unread.push(Unread { run: key, why }),
        }
    }

    /// Adds a run. A second copy of one counts once.
    fn add(&mut self, entry: Entry, key: String, files: Files) {
        let id = entry.run_id.clone();
        if let Some(first) = self.places.get(&id) {
            self.notes.push(format!("{key} and {} hold the same run, {id}: it counts once", first.key));
            return;
        }
        self.places.insert(id, Place { key, files });
        self.runs.push(entry);
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

/// The folders of a listing that hold files of runs.
fn folders_of(listing: &Listing) -> BTreeMap<String, Files> {
    let mut folders: BTreeMap<String, Files> = BTreeMap::new();
    for Listed { key, size } in &listing.objects {
        if let Some((run, file)) = key.split_once('/')
            && is_part(run)
            && is_part(file)
            && !RESERVED.contains(&run)
        {
            folders.entry(run.to_owned()).or_default().insert(file.to_owned(), *size);
        }
    }
    folders.retain(|_, files| !of_run(files).is_empty());
    folders
}

/// The runs of a listing. A run is there if its journal is.
fn runs_of(listing: &Listing) -> BTreeMap<String, Files> {
    let mut runs = folders_of(listing);
    runs.retain(|_, files| files.contains_key(journal::FILE_NAME));
    runs
}

/// What a listing shows to be missing.
fn unread(listing: &Listing, runs: &BTreeMap<String, Files>) -> Vec<Unread> {
    let mut unread: Vec<Unread> = Vec::new();
    for (run, why) in &listing.unread {
        unread.push(Unread { run: run.clone(), why: why.clone() });
    }
    let folders = folders_of(listing);
    for run in folders.keys().filter(|run| !runs.contains_key(*run)) {
        let why = "its journal is not here: it was removed, or the run was put here in part (`drillmaster store push` \
                   puts the rest)";
        unread.push(Unread { run: run.clone(), why: why.into() });
    }
    let indexed = listing.objects.iter().filter_map(|object| indexed_run(&object.key));
    for run in indexed.filter(|run| !folders.contains_key(*run)) {
        unread.push(Unread { run: run.to_owned(), why: "the index knows it, and the run is gone".into() });
    }
    unread
}

/// Whether a run leaves this file at its end. Reviews come later.
fn is_of_run(name: &str) -> bool {
    folder::names().any(|known| known == name) || [evidence::EVIDENCE, evidence::RESULT].contains(&name)
}

fn of_run(files: &Files) -> Files {
    files.iter().filter(|(name, _)| is_of_run(name)).map(|(name, size)| (name.clone(), *size)).collect()
}
