//! What survives a restart: JSON lines, appended and synced by one thread that commits whatever has gathered. A line is an array
//! of the records of one change, so that a crash leaves all of them or none.
//!
//! At start, and when it has grown, a new file takes the old one's place by a rename: it holds the same in fewer lines. A line that a crash cut off at
//! the very end was never acknowledged and is left out; anything else that cannot be read is an error with its line.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _},
    mem,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::floor::Record;

const VERSION: u32 = 1;
/// While so much waits to be written, nothing new is taken.
const BACKLOG_BYTES: usize = 32 << 20;
/// A smaller file is not worth a new one.
const WORTH_COMPACTING: u64 = 64 << 20;
const RETRY: Duration = Duration::from_millis(500);

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{path}, line {line}: {why}; move the file away to begin anew")]
    Unreadable { path: PathBuf, line: usize, why: String },
    #[error("{path}: another process uses it; stop that one, or choose another data directory")]
    InUse { path: PathBuf },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

#[derive(Serialize, Deserialize)]
struct Head {
    switchboard: u32,
}

/// How far the journal is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Durable {
    position: u64,
    /// The last attempt to write failed; it is repeated.
    failing: bool,
}

#[derive(Debug)]
pub(super) struct Journal {
    shared: Arc<Shared>,
    /// Taken by whoever stops it.
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    /// What waits for the next commit; held for a push or a swap.
    next: Mutex<Next>,
    wake: Condvar,
    durable: watch::Sender<Durable>,
    /// The file is twice what it was when it was new: whoever has the whole should hand it over.
    has_grown: AtomicBool,
}

#[derive(Debug, Default)]
struct Next {
    lines: Vec<u8>,
    position: u64,
    /// Says the same as everything up to here.
    whole: Option<Whole>,
    stopping: bool,
}

#[derive(Debug)]
struct Whole {
    records: Vec<Record>,
    /// How much of the lines it contains.
    upto: usize,
}

impl Shared {
    fn next(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A journal on disk that has been read and is not yet written to.
#[derive(Debug)]
pub(super) struct Opened {
    path: PathBuf,
    _lock: File,
}

/// Hands every record of the file to `restore`, in order. A file that is not there is an empty one.
pub(super) fn open(path: &Path, mut restore: impl FnMut(Record) -> Result<(), String>) -> Result<Opened, JournalError> {
    let failed = |source| JournalError::Io { path: path.to_owned(), source };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(failed)?;
    }
    let lock = private().truncate(false).open(path.with_extension("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(JournalError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    let opened = Opened { path: path.to_owned(), _lock: lock };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(opened),
        Err(source) => return Err(failed(source)),
    };
    let mut file = BufReader::new(file);
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        file.read_until(b'\n', &mut bytes).map_err(failed)?;
        if bytes.pop() != Some(b'\n') {
            break;
        }
        let unreadable = |why: String| JournalError::Unreadable { path: path.to_owned(), line, why };
        if line == 1 {
            let head: Head = serde_json::from_slice(&bytes)
                .map_err(|error| unreadable(format!("this is no journal of a switchboard ({error})")))?;
            if head.switchboard != VERSION {
                return Err(unreadable(format!("version {} is not known, {VERSION} is", head.switchboard)));
            }
        } else {
            let records: Vec<Record> = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
            for record in records {
                restore(record).map_err(unreadable)?;
            }
        }
    }
    Ok(opened)
}

impl Opened {
    /// Puts a new file with these records in the place of the old one, and begins to write behind them.
    pub(super) fn start(self, records: &[Record]) -> Result<Journal, JournalError> {
        self.start_on(records, WORTH_COMPACTING, |file| file)
    }

    fn start_on<D: Disk>(
        self,
        records: &[Record],
        worth: u64,
        disk: impl Fn(File) -> D + Send + 'static,
    ) -> Result<Journal, JournalError> {
        let path = self.path.clone();
        let io = |source| JournalError::Io { path: path.clone(), source };
        let mut file = self.renew(records).map_err(io)?;
        self.put_in_place().map_err(io)?;
        let length = file.seek(SeekFrom::End(0)).map_err(io)?;
        let shared = Arc::new(Shared::new(0));
        let grown = length.saturating_mul(2).max(worth);
        let writer =
            Writer { disk: disk(file), length, grown, worth, on: disk, shared: Arc::clone(&shared), opened: self };
        let builder = std::thread::Builder::new().name("switchboard".to_owned());
        let thread = builder.spawn(move || writer.run()).map_err(io)?;
        Ok(Journal { shared, writer: Mutex::new(Some(thread)) })
    }

    /// A file beside the journal, durable and whole.
    fn renew(&self, records: &[Record]) -> io::Result<File> {
        let new = self.path.with_extension("new");
        let mut file = BufWriter::new(private().truncate(true).open(&new)?);
        serde_json::to_writer(&mut file, &Head { switchboard: VERSION })?;
        for record in records {
            file.write_all(b"\n")?;
            serde_json::to_writer(&mut file, &[record])?;
        }
        file.write_all(b"\n")?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(file)
    }

    /// Once this has begun the old file may be gone, and until it has succeeded it may come back.
    fn put_in_place(&self) -> io::Result<()> {
        let new = self.path.with_extension("new");
        match fs::rename(&new, &self.path) {
            // It was moved by an attempt that then failed.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.path.exists() => {}
            renamed => renamed?,
        }
        if let Some(directory) = self.path.parent().filter(|it| !it.as_os_str().is_empty()) {
            File::open(directory)?.sync_all()?;
        }
        Ok(())
    }
}

/// Nobody else's business: it holds what customers said.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).write(true).mode(0o600);
    options
}

impl Shared {
    fn new(position: u64) -> Self {
        let durable = watch::Sender::new(Durable { position, failing: false });
        Self { next: Mutex::default(), wake: Condvar::new(), durable, has_grown: AtomicBool::new(false) }
    }
}

impl Journal {
    /// Forgets everything, and says so of nothing.
    pub(super) fn in_memory() -> Self {
        Self { shared: Arc::new(Shared::new(u64::MAX)), writer: Mutex::new(None) }
    }

    fn is_in_memory(&self) -> bool {
        self.shared.durable.borrow().position == u64::MAX
    }

    /// Records of one call become durable together, calls in their order. Yields the position of this one.
    pub(super) fn append(&self, records: &[Record]) -> u64 {
        let mut next = self.shared.next();
        if records.is_empty() || self.is_in_memory() {
            return next.position;
        }
        let length = next.lines.len();
        match serde_json::to_writer(&mut next.lines, records) {
            Ok(()) => next.lines.push(b'\n'),
            // Records are text and numbers; should some not be writable, they must not spoil what stands beside them.
            Err(error) => {
                tracing::error!(%error, "records cannot be written");
                next.lines.truncate(length);
                return next.position;
            }
        }
        next.position += 1;
        self.shared.wake.notify_one();
        next.position
    }

    /// Whether the file is worth a new one: [`Self::renew`] is waited for. Says so once.
    pub(super) fn has_grown(&self) -> bool {
        self.shared.has_grown.swap(false, Ordering::Relaxed)
    }

    /// `records` say the same as all that was appended so far: a new file begins with them.
    pub(super) fn renew(&self, records: Vec<Record>) {
        let mut next = self.shared.next();
        next.whole = Some(Whole { records, upto: next.lines.len() });
        self.shared.wake.notify_one();
    }

    /// Whether new work may be taken.
    pub(super) fn takes_work(&self) -> bool {
        !self.shared.durable.borrow().failing && self.shared.next().lines.len() < BACKLOG_BYTES
    }

    /// Waits until everything up to `position` is durable. False: the journal cannot be written now; it goes on trying.
    pub(super) async fn durable(&self, position: u64) -> bool {
        let mut durable = self.shared.durable.subscribe();
        let reached = durable.wait_for(|it| it.position >= position || it.failing).await;
        reached.is_ok_and(|it| it.position >= position)
    }

    /// Waits until everything up to `position` is durable, however long that takes.
    pub(super) async fn settled(&self, position: u64) {
        let mut durable = self.shared.durable.subscribe();
        if durable.wait_for(|it| it.position >= position).await.is_err() {
            tracing::debug!("the journal is gone");
        }
    }

    /// Writes what is there and ends the thread.
    pub(super) fn stop(&self) {
        self.shared.next().stopping = true;
        self.shared.wake.notify_one();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if writer.is_some_and(|it| it.join().is_err()) {
            tracing::error!("the journal's thread has died");
        }
    }
}

/// Where the lines go. An attempt that failed may have left anything behind `at`.
trait Disk: Send + 'static {
    /// Durable when it returns; nothing stands behind `lines`.
    fn write(&mut self, at: u64, lines: &[u8]) -> io::Result<()>;
}

impl Disk for File {
    fn write(&mut self, at: u64, lines: &[u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(at))?;
        self.write_all(lines)?;
        self.set_len(at + lines.len() as u64)?;
        self.sync_data()
    }
}

struct Writer<D, F> {
    disk: D,
    /// Makes the next one.
    on: F,
    /// Where the next batch goes.
    length: u64,
    /// From this length on the file is worth a new one; never below `worth`.
    grown: u64,
    worth: u64,
    shared: Arc<Shared>,
    /// Its lock is held while this process writes the file.
    opened: Opened,
}

impl<D: Disk, F: Fn(File) -> D> Writer<D, F> {
    fn run(mut self) {
        loop {
            let mut next = self.shared.next();
            while next.lines.is_empty() && next.whole.is_none() && !next.stopping {
                next = self.shared.wake.wait(next).unwrap_or_else(PoisonError::into_inner);
            }
            let (lines, whole, position) = (mem::take(&mut next.lines), next.whole.take(), next.position);
            drop(next);
            if lines.is_empty() && whole.is_none() {
                return;
            }
            let (before, after) = lines.split_at(whole.as_ref().map_or(0, |it| it.upto).min(lines.len()));
            // What the whole contains is written all the same: should the new file fail, the old one lacks nothing.
            let written = self.write(before) && whole.is_none_or(|it| self.renew(&it.records)) && self.write(after);
            if !written {
                return;
            }
            self.shared.durable.send_replace(Durable { position, failing: false });
            if self.length >= self.grown {
                self.grown = self.length.saturating_mul(2);
                self.shared.has_grown.store(true, Ordering::Relaxed);
            }
        }
    }

    /// False: it cannot be written, and is to stop.
    fn write(&mut self, lines: &[u8]) -> bool {
        if lines.is_empty() {
            return true;
        }
        while let Err(error) = self.disk.write(self.length, lines) {
            if !self.try_again(&error) {
                return false;
            }
        }
        self.length += lines.len() as u64;
        true
    }

    /// A new file in the place of this one. One that cannot be made is left, until the old one has grown again; but once the old
    /// one may be gone nothing is acknowledged before the new one is there for certain. False as with `write`.
    fn renew(&mut self, records: &[Record]) -> bool {
        let made = self.opened.renew(records).and_then(|mut it| Ok((it.seek(SeekFrom::End(0))?, it)));
        let (length, file) = match made {
            Ok(made) => made,
            Err(error) => {
                tracing::warn!(%error, "the switchboard's journal cannot be compacted; it goes on as it is");
                return true;
            }
        };
        while let Err(error) = self.opened.put_in_place() {
            if !self.try_again(&error) {
                return false;
            }
        }
        tracing::info!(from = self.length, to = length, "the switchboard's journal is compacted");
        (self.disk, self.length) = ((self.on)(file), length);
        self.grown = length.saturating_mul(2).max(self.worth);
        true
    }

    /// After a while. False: it is to stop.
    fn try_again(&self, error: &io::Error) -> bool {
        tracing::error!(%error, "the switchboard's journal cannot be written; it is tried again");
        self.shared.durable.send_modify(|it| it.failing = true);
        let next = self.shared.next();
        if next.stopping {
            return false;
        }
        drop(self.shared.wake.wait_timeout(next, RETRY).unwrap_or_else(PoisonError::into_inner));
        true
    }
}

#[cfg(test)]
pub(super) mod full;
#[cfg(test)]
mod tests;
