//! What survives a restart: JSON lines, appended and synced by one thread that commits whatever has gathered. A line is an array
//! of the records of one change, so that a crash leaves all of them or none.
//!
//! At start a new file takes the old one's place by a rename: it holds the same in fewer lines. A line that a crash cut off at
//! the very end was never acknowledged and is left out; anything else that cannot be read is an error with its line.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write as _},
    mem,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::floor::Record;

const VERSION: u32 = 1;
/// While so much waits to be written, nothing new is taken.
const BACKLOG_BYTES: usize = 32 << 20;
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
}

#[derive(Debug, Default)]
struct Next {
    lines: Vec<u8>,
    position: u64,
    stopping: bool,
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
    lock: File,
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
    let opened = Opened { path: path.to_owned(), lock };
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
        self.start_on(records, |file| file)
    }

    fn start_on<D: Disk>(self, records: &[Record], disk: impl FnOnce(File) -> D) -> Result<Journal, JournalError> {
        let compacted = self.compact(records);
        let io = |source| JournalError::Io { path: self.path.clone(), source };
        let mut file = compacted.map_err(io)?;
        let length = file.seek(SeekFrom::End(0)).map_err(io)?;
        let shared = Arc::new(Shared::new(0));
        let writer = Writer { disk: disk(file), length, shared: Arc::clone(&shared), _lock: self.lock };
        let builder = std::thread::Builder::new().name("switchboard".to_owned());
        let thread = builder.spawn(move || writer.run());
        let thread = thread.map_err(|source| JournalError::Io { path: self.path, source })?;
        Ok(Journal { shared, writer: Mutex::new(Some(thread)) })
    }

    fn compact(&self, records: &[Record]) -> io::Result<File> {
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
        fs::rename(&new, &self.path)?;
        if let Some(directory) = self.path.parent().filter(|it| !it.as_os_str().is_empty()) {
            File::open(directory)?.sync_all()?;
        }
        Ok(file)
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
        Self { next: Mutex::default(), wake: Condvar::new(), durable }
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

struct Writer<D> {
    disk: D,
    /// Where the next batch goes.
    length: u64,
    shared: Arc<Shared>,
    /// Held while this process writes the file.
    _lock: File,
}

impl<D: Disk> Writer<D> {
    fn run(mut self) {
        loop {
            let mut next = self.shared.next();
            while next.lines.is_empty() && !next.stopping {
                next = self.shared.wake.wait(next).unwrap_or_else(PoisonError::into_inner);
            }
            let (lines, position) = (mem::take(&mut next.lines), next.position);
            drop(next);
            if lines.is_empty() {
                return;
            }
            while let Err(error) = self.disk.write(self.length, &lines) {
                tracing::error!(%error, "the switchboard's journal cannot be written; it is tried again");
                self.shared.durable.send_modify(|it| it.failing = true);
                let next = self.shared.next();
                if next.stopping {
                    return;
                }
                drop(self.shared.wake.wait_timeout(next, RETRY).unwrap_or_else(PoisonError::into_inner));
            }
            self.length += lines.len() as u64;
            self.shared.durable.send_replace(Durable { position, failing: false });
        }
    }
}

#[cfg(test)]
pub(super) mod full;
#[cfg(test)]
mod tests;
