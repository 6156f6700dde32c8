//! The files under `objects/`: where they are, which of them are new, being read, or to be removed.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use kulkul_store::StoreError;
use kulkul_store::objects::DataId;

use crate::directory::{self, create_private};
use crate::failure::Attempting;

/// The files. Shared by sinks, streams, commits and the cleaner.
pub(super) struct Files {
    dir: PathBuf,
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
        create_private(dir)
            .and_then(|()| directory::sync(dir.parent().unwrap_or(dir)))
            .attempting("create the directory of the objects")?;
        let (garbage, removals) = mpsc::channel();
        Ok((Self { dir: dir.to_owned(), state: Mutex::default(), garbage }, removals))
    }

    /// The directory.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
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

    /// Creates the file of a new id, readable for its owner only.
    pub(super) fn create(&self, id: DataId) -> io::Result<File> {
        let path = self.path(id);
        let create = || OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        match create() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_private(&self.shelf(id))?;
                directory::sync(&self.dir)?;
                create()
            }
            other => other,
        }
    }

    /// Opens a file for reading.
    pub(super) fn open_file(&self, id: DataId) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Whether a file is there.
    pub(super) fn exists(&self, id: DataId) -> io::Result<bool> {
        self.path(id).try_exists()
    }

    /// Syncs the entry of a file in its directory.
    pub(super) fn sync_entry(&self, id: DataId) -> io::Result<()> {
        directory::sync(&self.shelf(id))
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
        let name = id.to_string();
        [&self.dir, Path::new(&name[..2]), Path::new(&name)].iter().collect()
    }

    /// The directory that a file lies in: 256 of them, so that none gets too long.
    fn shelf(&self, id: DataId) -> PathBuf {
        self.dir.join(&id.to_string()[..2])
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
