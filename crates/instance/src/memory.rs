//! Sees to it that no instance uses more memory than its function may.
//!
//! A thread looks at all processes of the machine ten times a second while any invocation runs, and once a second
//! otherwise: reading `/proc` costs some ten microseconds a process. An instance over its limit is killed, which its
//! invocation sees as the end of the process. An instance's memory is that of its process and of all its descendants;
//! pages that several of them share count for each.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use kulkul_sandbox::Process;

use crate::call::MemoryUse;

/// Time between two looks while an invocation runs.
const BUSY_PERIOD: Duration = Duration::from_millis(100);
/// Looks that are left out while none runs.
const IDLE_FACTOR: u32 = 10;

/// The memory of one instance, as far as is known.
#[derive(Debug)]
pub(crate) struct Vitals {
    process: Process,
    limit_kib: u64,
    peak_kib: AtomicU64,
    /// Invocations that run in it.
    busy: AtomicUsize,
}

/// Looks after the memory of all instances.
#[derive(Debug, Default)]
pub(crate) struct MemoryWatch {
    watched: Mutex<Vec<Weak<Vitals>>>,
}

impl Vitals {
    /// The most memory that was seen in use. Whoever asks before the first look has one taken.
    pub(crate) fn peak(&self) -> MemoryUse {
        if self.peak_kib.load(Ordering::Relaxed) == 0
            && let Some(kib) = peak_of(self.process.pid())
        {
            self.note(kib);
        }
        MemoryUse { kib: self.peak_kib.load(Ordering::Relaxed) }
    }

    /// Takes note of what the process itself says or somebody has seen.
    pub(crate) fn note(&self, kib: u64) {
        self.peak_kib.fetch_max(kib, Ordering::Relaxed);
    }

    /// An invocation begins.
    pub(crate) fn begin(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    /// An invocation that began has ended.
    pub(crate) fn end(&self) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }

    /// The number of the instance's process.
    pub(crate) fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// Ends the instance, whoever has it.
    pub(crate) fn kill(&self) {
        self.process.kill();
    }

    fn judge(&self, kib: u64) {
        self.note(kib);
        if kib > self.limit_kib {
            tracing::info!(
                pid = self.process.pid(),
                kib,
                limit_kib = self.limit_kib,
                "an instance is out of memory"
            );
            self.process.kill();
        }
    }
}

/// The most memory that one process has used, as the system tells; `None` when it is gone.
fn peak_of(pid: i32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

impl MemoryWatch {
    /// Starts the thread; it ends when the last handle has been dropped.
    pub(crate) fn start() -> io::Result<Arc<Self>> {
        let watch = Arc::new(Self::default());
        let weak = Arc::downgrade(&watch);
        std::thread::Builder::new().name("kulkul-memory".into()).spawn(move || look_often(&weak))?;
        Ok(watch)
    }

    /// Looks after a process from now on, until the result has been dropped.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub(crate) fn watch(&self, process: &Process, limit_mib: u32) -> io::Result<Arc<Vitals>> {
        let (process, limit_kib) = (process.observer()?, u64::from(limit_mib) << 10);
        let (peak_kib, busy) = (AtomicU64::new(0), AtomicUsize::new(0));
        let vitals = Arc::new(Vitals { process, limit_kib, peak_kib, busy });
        self.lock().push(Arc::downgrade(&vitals));
        Ok(vitals)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Vitals>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks once, unless nobody is busy and it is not time for the idle ones.
    fn look(&self, idle_too: bool) {
        let mut watched: Vec<Arc<Vitals>> = Vec::new();
        self.lock().retain(|weak| weak.upgrade().map(|vitals| watched.push(vitals)).is_some());
        if !watched.iter().any(|vitals| idle_too || vitals.busy.load(Ordering::Relaxed) > 0) {
            return;
        }
        let roots = watched.iter().map(|vitals| vitals.process.pid()).collect::<Vec<_>>();
        for (vitals, kib) in watched.iter().zip(sum_by_root(&roots, processes())) {
            vitals.judge(kib);
        }
    }
}

fn look_often(watch: &Weak<MemoryWatch>) {
    for turn in 0u32.. {
        std::thread::sleep(BUSY_PERIOD);
        let Some(watch) = watch.upgrade() else { return };
        watch.look(turn.is_multiple_of(IDLE_FACTOR));
    }
}

/// What one line of `/proc/<pid>/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    pid: i32,
    parent: i32,
    session: i32,
    memory_kib: u64,
}

/// The memory of each root's process and its descendants. One that left its parents still has its session, one that
/// left its session still has its parent; only one that left both is overlooked.
fn sum_by_root(roots: &[i32], mut all: Vec<Stat>) -> Vec<u64> {
    all.sort_by_key(|stat| stat.pid); // Parents usually come before their children.
    // A root without a number has ended; 0 is also the parent of the machine's first process.
    let numbered = roots.iter().enumerate().filter(|(_, pid)| **pid > 0);
    let mut owner: HashMap<i32, usize> = numbered.map(|(index, pid)| (*pid, index)).collect();
    let mut sums = vec![0; roots.len()];
    for stat in all {
        let of = [stat.pid, stat.session, stat.parent].iter().find_map(|pid| owner.get(pid).copied());
        if let Some(index) = of {
            owner.insert(stat.pid, index);
            sums[index] += stat.memory_kib;
        }
    }
    sums
}

/// The numbers of a process's descendants, those that left its session included.
pub(crate) fn descendants(root: i32) -> Vec<i32> {
    descendants_among(root, processes())
}

fn descendants_among(root: i32, mut all: Vec<Stat>) -> Vec<i32> {
    all.sort_by_key(|stat| stat.pid);
    let mut family = HashSet::from([root]);
    all.retain(|stat| {
        let belongs = root > 0 && (family.contains(&stat.session) || family.contains(&stat.parent));
        belongs && stat.pid != root && family.insert(stat.pid)
    });
    all.iter().map(|stat| stat.pid).collect()
}

fn processes() -> Vec<Stat> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter_map(|pid| parse_stat(pid, &std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
        .collect()
}

/// Reads the fields after the program's name, which is in parentheses and may contain anything.
fn parse_stat(pid: i32, text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<i64>().ok();
    // The first field here is the third of the file. Source: proc_pid_stat(5).
    let (parent, session, pages) = (number(1)?, number(3)?, number(21)?);
    let memory_kib = u64::try_from(pages).ok()? * page_kib();
    Some(Stat { pid, parent: parent as i32, session: session as i32, memory_kib })
}

fn page_kib() -> u64 {
    use std::sync::OnceLock;
    static PAGE_KIB: OnceLock<u64> = OnceLock::new();
    *PAGE_KIB.get_or_init(|| {
        let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
        size.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(4096) / 1024
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_counts_for_the_instance_a_process_descends_from() {
        let stat = |pid, parent, session, memory_kib| Stat { pid, parent, session, memory_kib };
        let all = vec![
            stat(1, 0, 1, 1000),
            stat(10, 1, 10, 1),
            stat(11, 10, 10, 2), // A child.
            stat(12, 11, 12, 4), // A grandchild with a session of its own.
            stat(13, 1, 10, 8),  // An orphan in the session.
            stat(20, 1, 20, 100),
            stat(21, 20, 20, 200),
        ];
        assert_eq!(sum_by_root(&[10, 20, 30, 0], all.clone()), [15, 300, 0, 0]);
        assert_eq!(descendants_among(10, all.clone()), [11, 12, 13]);
        assert!(descendants_among(0, all).is_empty());
    }

    #[test]
    fn a_stat_line_is_read_whatever_the_program_is_called() {
        let text = "42 (a) R (b) S 7 42 42 0 -1 4194560 100 0 0 0 0 0 0 0 20 0 1 0 100 1000000 250 18446744073709551615";
        let expected = Stat { pid: 42, parent: 7, session: 42, memory_kib: 250 * page_kib() };
        assert_eq!(parse_stat(42, text), Some(expected));
        assert_eq!(parse_stat(42, "42 (short) S 1"), None);
        assert!(processes().iter().any(|stat| stat.pid == std::process::id() as i32 && stat.memory_kib > 0));
    }
}
