//! The first key of a new data directory, and the file that tells its owner.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kulkul_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccessError, AccessKey, AccessKeys, NewKey, Role};

/// The name of the file in the data directory that holds the first key. Only its owner can read it.
pub const KEY_FILE_NAME: &str = "access-key.json";

/// How the first key comes to be.
#[derive(Clone, Debug)]
pub enum FirstKey {
    /// Somebody chose it, by configuration.
    Given(NewKey),
    /// It is made at random.
    Random,
}

#[derive(Serialize, Deserialize)]
struct KeyFile {
    access_key_id: String,
    access_key_secret: String,
}

impl AccessKeys {
    /// Makes the first admin key when there is no key at all, and returns it; `None` when there are keys already.
    ///
    /// The key file is on disk before the key counts: after a crash between the two, the next start finds no key,
    /// and does both again.
    pub async fn create_first(
        &self,
        first: FirstKey,
        data_dir: &Path,
        now: Timestamp,
    ) -> Result<Option<Arc<AccessKey>>, AccessError> {
        if !self.is_empty() {
            return Ok(None);
        }
        let mut new = match first {
            FirstKey::Given(new) => new,
            FirstKey::Random => NewKey::random(Role::Admin)?,
        };
        new.role = Role::Admin;
        new.description = "made at the first start".to_owned();
        write_key_file(data_dir, &new)?;
        self.create(new, now).await.map(Some)
    }
}

/// The key in the key file of a data directory: id and secret, with the role `admin`.
pub fn read_key_file(data_dir: &Path) -> Result<NewKey, AccessError> {
    let path = data_dir.join(KEY_FILE_NAME);
    let failed = |source| AccessError::KeyFile { path: path.clone(), source };
    let text = fs::read(&path).map_err(failed)?;
    let file: KeyFile = serde_json::from_slice(&text)
        .map_err(|_| failed(io::Error::new(io::ErrorKind::InvalidData, "not a key file")))?;
    NewKey::given(&file.access_key_id, &file.access_key_secret, Role::Admin)
}

/// Writes the key file whole or not at all, readable by its owner only, and synced.
fn write_key_file(data_dir: &Path, key: &NewKey) -> Result<(), AccessError> {
    let path = data_dir.join(KEY_FILE_NAME);
    let file = KeyFile {
        access_key_id: key.id.as_str().to_owned(),
        access_key_secret: key.secret.expose().to_owned(),
    };
    let mut text = serde_json::to_vec_pretty(&file).expect("two strings are always JSON");
    text.push(b'\n');
    let temporary: PathBuf = data_dir.join(format!("{KEY_FILE_NAME}.new"));
    let write = || {
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        out.write_all(&text)?;
        out.sync_all()?;
        fs::rename(&temporary, &path)?;
        fs::File::open(data_dir)?.sync_all()
    };
    write().map_err(|source| AccessError::KeyFile { path: path.clone(), source })
}
