//! The files under `objects/`: where they are, which of them are new, being read, or to be removed.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use kulkul_store::StoreError;
use kulkul_store::objects::DataId;

use super::spares::Spares;
use crate::directory::{self, create_private};
use crate::failure::Attempting;

/// The files lie in so many directories, so that none gets too long: one for each first digit of an id.
const SHELVES: usize = 16;

/// The files. Shared by sinks, streams, commits and the cleaner.
pub(super) struct Files {
    dir: PathBuf,
    /// Kept open, since each new file syncs the one that it is in.
    shelves: [File; SHELVES],
    spares: Spares,
    state: Mutex<State>,
    /// Unbounded: each message stands for a file that exists, or did.
    garbage: mpsc::Sender<DataId>,
}

#[derive(Default)]
struct State {
    /// Files that a sink writes, or that a commit may be taking. They are nobody's garbage.
    new: HashSet<DataId>,
    /// How many streams read a file.
    read: HashMap<DataId, u32>,
    /// Files that go once their last reader is done.
    doomed: HashSet<DataId>,
}

/// Files that are being read. They stay until this is dropped.
pub(super) struct Reading {
    files: Arc<Files>,
    ids: Vec<DataId>,
}

impl Files {
    /// Opens the directory, creates it if need be. The receiver gets the files to be removed.
    pub(super) fn open(dir: &Path) -> Result<(Self, mpsc::Receiver<DataId>), StoreError> {
        let shelves = open_shelves(dir).attempting("create the directory of the objects")?;
        let (garbage, removals) = mpsc::channel();
        let (spares, state) = (Spares::default(), Mutex::default());
        Ok((Self { dir: dir.to_owned(), shelves, spares, state, garbage }, removals))
    }

    /// The directory.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The files that are ready to be written.
    pub(super) fn spares(&self) -> &Spares {
        &self.spares
    }

    /// A new id, protected from the cleaner until [`Files::settled`] or [`Files::discard`].
    pub(super) fn new_id(&self) -> DataId {
        let id = DataId(uuid::Uuid::new_v4().as_u128());
        self.state().new.insert(id);
        id
    }

    /// The file was committed: it is no longer new.
    pub(super) fn settled(&self, id: DataId) {
        self.state().new.remove(&id);
    }

    /// Has a file removed: nothing refers to it.
    pub(super) fn discard(&self, id: DataId) {
        // Without a cleaner the server is about to end; the next start finds the file.
        let _no_cleaner = self.garbage.send(id);
    }

    /// Protects files from being removed while they are read.
    pub(super) fn begin_reading(self: &Arc<Self>, ids: Vec<DataId>) -> Reading {
        let mut state = self.state();
        for &id in &ids {
            *state.read.entry(id).or_default() += 1;
        }
        drop(state);
        Reading { files: Arc::clone(self), ids }
    }

    /// Removes a file now, or when its last reader is done.
    pub(super) fn remove(&self, id: DataId) -> io::Result<()> {
        let mut state = self.state();
        if state.read.contains_key(&id) {
            state.doomed.insert(id);
            return Ok(());
        }
        drop(state);
        let removed = match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        self.settled(id);
        removed
    }

    /// Whether a file is new: written in this run of the server and not yet settled.
    pub(super) fn is_new(&self, id: DataId) -> bool {
        self.state().new.contains(&id)
    }

    /// A new empty file, whose entry is synced. Mostly one that was made beforehand.
    pub(super) fn create(&self) -> io::Result<(DataId, File)> {
        if let Some(spare) = self.spares.take() {
            return Ok(spare);
        }
        let id = self.new_id();
        let file = self.create_file(id).and_then(|file| self.sync_shelf(id).map(|()| file));
        file.map(|file| (id, file)).inspect_err(|_| self.discard(id))
    }

    /// Several new empty files, whose entries are synced at once: they lie in the same directory.
    pub(super) fn create_together(&self, count: usize) -> io::Result<Vec<(DataId, File)>> {
        let shelf = self.new_id();
        self.settled(shelf);
        let mut made = Vec::with_capacity(count);
        for _ in 0..count {
            let id = self.new_id_beside(shelf);
            made.push((id, self.create_file(id).inspect_err(|_| self.discard(id))?));
        }
        self.sync_shelf(shelf)?;
        Ok(made)
    }

    /// A new id whose file lies in the same directory as that of another id.
    fn new_id_beside(&self, other: DataId) -> DataId {
        let digit = other.0 >> 124 << 124;
        let id = DataId(uuid::Uuid::new_v4().as_u128() << 4 >> 4 | digit);
        self.state().new.insert(id);
        id
    }

    /// Creates the file of an id, readable for its owner only.
    fn create_file(&self, id: DataId) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(self.path(id))
    }

    fn sync_shelf(&self, id: DataId) -> io::Result<()> {
        self.shelves[shelf_of(id)].sync_all()
    }

    /// Opens a file for reading.
    pub(super) fn open_file(&self, id: DataId) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Whether a file is there.
    pub(super) fn exists(&self, id: DataId) -> io::Result<bool> {
        self.path(id).try_exists()
    }

    /// Writes all of `tail` into `data` behind its first `at` bytes, and syncs it.
    pub(super) fn extend(&self, data: DataId, at: u64, tail: DataId) -> io::Result<()> {
        let mut from = self.open_file(tail)?;
        let mut to = OpenOptions::new().write(true).open(self.path(data))?;
        to.seek(SeekFrom::Start(at))?;
        io::copy(&mut from, &mut to)?;
        to.sync_data()
    }

    fn path(&self, id: DataId) -> PathBuf {
        self.dir.join(format!("{:x}/{id}", shelf_of(id)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shelf of a file.
fn shelf_of(id: DataId) -> usize {
    (id.0 >> 124) as usize
}

/// Opens the directories that the files lie in; creates those that are missing.
fn open_shelves(dir: &Path) -> io::Result<[File; SHELVES]> {
    let names: Vec<PathBuf> = (0..SHELVES).map(|number| dir.join(format!("{number:x}"))).collect();
    let missing = names.iter().filter(|name| !name.is_dir());
    let mut created = false;
    for name in missing {
        create_private(name)?;
        created = true;
    }
    if created {
        directory::sync(dir)?;
        directory::sync(dir.parent().unwrap_or(dir))?;
    }
    let files = names.iter().map(File::open).collect::<io::Result<Vec<File>>>()?;
    Ok(files.try_into().expect("there are as many names as shelves"))
}

impl Reading {
    /// The files.
    pub(super) fn files(&self) -> &Files {
        &self.files
    }

    /// Which of them are being read, each once.
    pub(super) fn ids(&self) -> &[DataId] {
        &self.ids
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut state = self.files.state();
        for id in &self.ids {
            let count = state.read.get_mut(id).expect("who reads a file is counted");
            *count -= 1;
            if *count == 0 {
                state.read.remove(id);
                if state.doomed.remove(id) {
                    self.files.discard(*id);
                }
            }
        }
    }
}

/// The id that a file name stands for.
pub(super) fn id_of(name: &str) -> Option<DataId> {
    let valid = name.len() == 32 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    valid.then(|| u128::from_str_radix(name, 16).ok().map(DataId)).flatten()
}
