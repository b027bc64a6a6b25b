//! How long this machine's disk takes to make a small write durable.

use std::{
    fs::File,
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    time::Duration,
};

use anyhow::Result;
use usher::clock::Clock;

const WRITES: usize = 40;
/// What a write-ahead log takes for one small commit.
const BYTES: usize = 2 * 4096;

/// A file that is written over in place, as a write-ahead log is once it has its size.
pub(crate) struct Disk {
    file: File,
    times: Vec<Duration>,
}

impl Disk {
    pub(crate) fn new(folder: &Path) -> Result<Self> {
        let mut file = tempfile::tempfile_in(folder)?;
        file.write_all(&[0; WRITES * BYTES])?;
        file.sync_all()?;
        Ok(Self { file, times: Vec::new() })
    }

    pub(crate) fn sample(&mut self) -> Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        for _ in 0..WRITES {
            self.file.write_all(&[1; BYTES])?;
            let start = Clock::instant();
            self.file.sync_data()?;
            self.times.push(start.elapsed());
        }
        Ok(())
    }

    /// The median of all samples.
    pub(crate) fn fsync_time(mut self) -> Duration {
        self.times.sort_unstable();
        self.times.get(self.times.len() / 2).copied().unwrap_or_default()
    }
}
