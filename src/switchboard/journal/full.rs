//! A disk that is full when a test says so.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[derive(Clone, Debug, Default)]
pub(in super::super) struct Full(Arc<AtomicBool>);

impl Full {
    pub(in super::super) fn set(&self, full: bool) {
        self.0.store(full, Ordering::SeqCst);
    }
}

struct Filling {
    file: File,
    full: Full,
}

impl Disk for Filling {
    fn write(&mut self, at: u64, lines: &[u8]) -> io::Result<()> {
        if self.full.0.load(Ordering::SeqCst) {
            // As much as there is room for.
            self.file.seek(SeekFrom::Start(at))?;
            self.file.write_all(&lines[..lines.len() / 2])?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        Disk::write(&mut self.file, at, lines)
    }
}

impl Opened {
    pub(in super::super) fn start_on_disk(self, records: &[Record], full: &Full) -> Result<Journal, JournalError> {
        let full = full.clone();
        self.start_on(records, WORTH_COMPACTING, move |file| Filling { file, full: full.clone() })
    }
}
