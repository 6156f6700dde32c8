//! Where an instance finds its code, its layers, its temporary files and the shims.

use std::path::{Path, PathBuf};

use kulkul_sandbox::{Access, Bind};

use crate::document::ForkEnclosure;
use crate::environment::Places;
use crate::isolation::{HOST_INSIDE, Isolation, SHIMS_INSIDE};
use crate::launcher::InstanceDir;
use crate::spec::InstanceSpec;

/// Where the shims lie.
pub(super) struct Shims {
    pub(super) directory: PathBuf,
}

/// The shim for Python.
pub(super) const PYTHON_SHIM: &str = "kulkul_runtime.py";
/// The shim for Node.js.
pub(super) const NODE_SHIM: &str = "kulkul_runtime.cjs";

impl Shims {
    /// The path of a shim, as an instance sees it.
    pub(super) fn path(&self, name: &str, isolation: &Isolation) -> PathBuf {
        match isolation.encloses() {
            true => Path::new(SHIMS_INSIDE).join(name),
            false => self.directory.join(name),
        }
    }

    pub(super) fn bind(&self) -> Bind {
        read_only(&self.directory, SHIMS_INSIDE)
    }
}

/// Where an instance finds its things.
pub(super) fn places(spec: &InstanceSpec, directory: &InstanceDir, isolation: &Isolation) -> Places {
    let text = |path: &Path| absolute(path).to_string_lossy().into_owned();
    if isolation.encloses() {
        let layers = spec.layers_dir.as_ref().map(|_| "/opt".to_owned());
        return Places { code: "/code".into(), layers, temporary: "/tmp".into() };
    }
    Places {
        code: text(&spec.code_dir),
        layers: spec.layers_dir.as_deref().map(text),
        temporary: text(directory.path()),
    }
}

/// The directories that an enclosed instance sees in places of their own.
pub(super) fn binds(spec: &InstanceSpec, directory: &InstanceDir) -> Vec<Bind> {
    let code = read_only(&spec.code_dir, "/code");
    let layers = spec.layers_dir.as_deref().map(|layers| read_only(layers, "/opt"));
    let temporary = Bind { access: Access::ReadWrite, ..read_only(directory.path(), "/tmp") };
    [code, temporary].into_iter().chain(layers).collect()
}

fn read_only(source: &Path, target: &str) -> Bind {
    Bind { source: absolute(source), target: target.into(), access: Access::ReadOnly }
}

/// The path from the root: where a path that starts elsewhere leads depends on who follows it.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

pub(super) fn fork_enclosure(binds: &[Bind], isolation: &Isolation) -> ForkEnclosure {
    let each = |bind: &Bind| {
        let source = format!("{HOST_INSIDE}{}", bind.source.display());
        (source, bind.target.to_string_lossy().into_owned(), bind.access == Access::ReadWrite)
    };
    ForkEnclosure { binds: binds.iter().map(each).collect(), host: HOST_INSIDE, user: isolation.owner() }
}
