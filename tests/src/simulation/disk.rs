//! A disk that fills up and loses power.
//!
//! It is told of every write of a handheld before it is done. It can refuse one, or let the
//! process die just there. What it has been told to make durable survives a power failure;
//! a name whose folder was not synced does not, nor content that was not, nor what SQLite
//! wrote to its log with anything less than `synchronous=FULL` (a commit is durable with the
//! log's own sync only then).

use gridcrew_mobile_core::disk::{Operation, Watcher};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs, io,
    panic::resume_unwind,
    path::{Path, PathBuf},
};

/// What the process unwinds with when it dies.
#[derive(Debug)]
pub struct Died;

/// What is to happen to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blow {
    /// The disk is full.
    Full,
    /// The process dies before it.
    Die,
    /// The power fails before it; a commit is left torn.
    Power,
}

#[derive(Debug, Default)]
struct State {
    /// What is to happen, and how many operations from now.
    plan: Option<(Blow, u32)>,
    /// What happened.
    struck: Option<Blow>,
    /// How SQLite syncs, since the store was opened.
    synchronous: Option<i64>,
    /// Content that was not synced.
    content: BTreeSet<PathBuf>,
    /// Names that were not synced, each with the content that it had before.
    names: BTreeMap<PathBuf, Option<Vec<u8>>>,
    written: Option<PathBuf>,
    /// A torn commit: where the log ended before it.
    tearing: Option<u64>,
}

/// The disk under one data folder.
#[derive(Debug)]
pub struct Disk {
    log: PathBuf,
    state: RefCell<State>,
}

/// The files of a data folder as the power failure leaves them.
#[derive(Clone, Debug, Default)]
pub struct Remains(BTreeMap<PathBuf, Vec<u8>>);

impl Disk {
    /// The disk under the data folder `root`.
    #[must_use]
    pub fn under(root: &Path) -> Self {
        Self {
            log: root.join("handheld.db-wal"),
            state: RefCell::default(),
        }
    }

    /// Lets something happen to the write after so many others.
    pub fn plan(&self, blow: Blow, after: u32) {
        let mut state = self.state.borrow_mut();
        state.plan = Some((blow, after));
        state.struck = None;
    }

    /// Nothing is to happen any more; gives what did.
    pub fn calm(&self) -> Option<Blow> {
        let mut state = self.state.borrow_mut();
        state.plan = None;
        state.struck.take()
    }

    /// What is left in `root` when the power fails now, and whether a write is torn;
    /// `chance` says how much of that came through.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn remains(&self, root: &Path, chance: u64) -> io::Result<(Remains, bool)> {
        let mut state = self.state.borrow_mut();
        let mut files = BTreeMap::new();
        gather(root, root, &mut files)?;
        files.remove(Path::new("handheld.db-shm"));
        let log = Path::new("handheld.db-wal");
        let mut torn = false;
        if state.synchronous.is_some_and(|pragma| pragma < 2) {
            files.remove(log);
        } else if let (Some(before), Some(bytes)) = (state.tearing.take(), files.get_mut(log)) {
            let before = usize::try_from(before).unwrap_or(0);
            let more = bytes.len().saturating_sub(before);
            let kept = usize::try_from(chance).unwrap_or(0) % more.max(1);
            bytes.truncate(before.saturating_add(kept));
            torn = more > 0;
        }
        for path in &state.content {
            if let Some(bytes) = inside(root, path).and_then(|path| files.get_mut(&path)) {
                bytes.truncate(bytes.len() / 2);
            }
        }
        for (path, before) in &state.names {
            if let Some(path) = inside(root, path) {
                match before {
                    Some(bytes) => files.insert(path, bytes.clone()),
                    None => files.remove(&path),
                };
            }
        }
        *state = State::default();
        Ok((Remains(files), torn))
    }
}

impl Remains {
    /// Every file of a folder that nobody has open.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of(root: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        gather(root, root, &mut files)?;
        Ok(Self(files))
    }

    /// Those of the files whose path is wanted.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&Path) -> bool) -> Self {
        self.0.retain(|path, _| wanted(path));
        self
    }

    /// These files and those.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Puts the files in the place of everything in `root`.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn put(&self, root: &Path) -> io::Result<()> {
        if root.exists() {
            fs::remove_dir_all(root)?;
        }
        for (path, bytes) in &self.0 {
            let path = root.join(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(path, bytes)?;
        }
        Ok(())
    }
}

fn inside(root: &Path, path: &Path) -> Option<PathBuf> {
    path.strip_prefix(root).ok().map(Path::to_owned)
}

fn gather(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    for item in fs::read_dir(folder)? {
        let path = item?.path();
        if path.is_dir() {
            gather(root, &path, files)?;
        } else if let Some(name) = inside(root, &path) {
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

impl Watcher for Disk {
    fn before(&self, operation: Operation<'_>) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        if let Operation::Opened { synchronous } = operation {
            state.synchronous = Some(synchronous);
        }
        if state.tearing.is_some() && operation == Operation::Committed {
            drop(state);
            resume_unwind(Box::new(Died));
        }
        match state.plan {
            Some((blow, 0)) => {
                // A full disk refuses what needs room.
                let refusable = matches!(operation, Operation::Commit | Operation::Write(_));
                if blow != Blow::Full || refusable {
                    state.plan = None;
                    state.struck = Some(blow);
                }
                match (blow, operation) {
                    (Blow::Full, _) if refusable => {
                        return Err(io::Error::from(io::ErrorKind::StorageFull));
                    }
                    (Blow::Full, _) => {}
                    (Blow::Power, Operation::Commit) => {
                        let length = fs::metadata(&self.log).map_or(0, |file| file.len());
                        state.tearing = Some(length);
                    }
                    _ => {
                        drop(state);
                        resume_unwind(Box::new(Died));
                    }
                }
            }
            Some((blow, after)) => state.plan = Some((blow, after - 1)),
            None => {}
        }
        match operation {
            Operation::Write(path) => {
                state.content.insert(path.to_owned());
                state.written = Some(path.to_owned());
            }
            Operation::SyncFile(path) => {
                state.content.remove(path);
            }
            Operation::Rename(path) => {
                let part = state.written.take();
                if part.is_some_and(|part| state.content.remove(&part)) {
                    state.content.insert(path.to_owned());
                }
                if !state.names.contains_key(path) {
                    let before = fs::read(path).ok();
                    state.names.insert(path.to_owned(), before);
                }
            }
            Operation::SyncFolder(folder) => {
                state.names.retain(|path, _| path.parent() != Some(folder));
            }
            Operation::Remove(_)
            | Operation::Opened { .. }
            | Operation::Commit
            | Operation::Committed => {}
        }
        Ok(())
    }
}
