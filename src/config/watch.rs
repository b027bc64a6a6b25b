//! Notices that the configuration should be loaded again: on SIGHUP, or when one of its files changes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Interval, MissedTickBehavior},
};

use super::Sources;

/// How often files are looked at.
pub const POLL: Duration = Duration::from_secs(2);

/// Why to load again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Signal,
    Files,
}

/// What tells that a file is another than before; `None`: it is not there.
type Fingerprint = BTreeMap<PathBuf, Option<(Option<SystemTime>, u64, u64)>>;

#[derive(Debug)]
pub struct Watcher {
    sources: Sources,
    /// Files that the configuration names: secrets, certificates.
    named: BTreeSet<PathBuf>,
    seen: Fingerprint,
    hangup: Signal,
    poll: Interval,
}

impl Watcher {
    /// `files` are those of the last load, good or bad. Must be called within a runtime.
    ///
    /// # Errors
    /// When the signal cannot be listened to.
    pub fn new(sources: Sources, files: &[PathBuf]) -> io::Result<Self> {
        let hangup = signal(SignalKind::hangup())?;
        let mut poll = tokio::time::interval(POLL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let named = files.iter().cloned().collect();
        let seen = fingerprint(&sources, &named);
        Ok(Self { sources, named, seen, hangup, poll })
    }

    /// Replaces the files that are watched beside the sources themselves; changes since the last look stay noticed.
    pub fn follow(&mut self, files: &[PathBuf]) {
        self.named = files.iter().cloned().collect();
        let now = fingerprint(&self.sources, &self.named);
        self.seen.retain(|path, _| now.contains_key(path));
        for (path, mark) in now {
            self.seen.entry(path).or_insert(mark);
        }
    }

    /// Waits until there is a reason to load again. Safe to cancel.
    pub async fn changed(&mut self) -> Cause {
        loop {
            tokio::select! {
                Some(()) = self.hangup.recv() => {
                    self.look();
                    return Cause::Signal;
                }
                _ = self.poll.tick() => {
                    if self.look() {
                        return Cause::Files;
                    }
                }
            }
        }
    }

    /// Whether anything is other than at the last look. A few `stat` calls: short enough for a runtime's thread.
    fn look(&mut self) -> bool {
        let now = fingerprint(&self.sources, &self.named);
        std::mem::replace(&mut self.seen, now) != self.seen
    }
}

fn fingerprint(sources: &Sources, named: &BTreeSet<PathBuf>) -> Fingerprint {
    sources.paths().into_iter().chain(named.iter().cloned()).map(|path| (path.clone(), mark(&path))).collect()
}

fn mark(path: &Path) -> Option<(Option<SystemTime>, u64, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok(), metadata.len(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(directory: &Path) -> Watcher {
        fs::create_dir_all(directory.join("profiles")).unwrap();
        fs::write(directory.join("usher.toml"), "").unwrap();
        let sources = Sources { config: Some(directory.join("usher.toml")), ..Sources::default() };
        Watcher::new(sources, &[directory.join("secret")]).unwrap()
    }

    #[tokio::test]
    async fn every_involved_file_is_noticed_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut watcher = watched(directory.path());
        assert!(!watcher.look());
        for (file, content) in
            [("usher.toml", "drain_s = 1"), ("profiles/a.toml", ""), ("profiles/a.toml", "x"), ("secret", "s")]
        {
            fs::write(directory.path().join(file), content).unwrap();
            assert!(watcher.look(), "{file}");
            assert!(!watcher.look(), "{file}");
        }
        fs::remove_file(directory.path().join("profiles/a.toml")).unwrap();
        assert!(watcher.look());
    }

    #[tokio::test]
    async fn a_file_replaced_by_one_of_the_same_size_and_time_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let mut watcher = watched(directory.path());
        let (old, new) = (directory.path().join("usher.toml"), directory.path().join("new"));
        fs::write(&new, "").unwrap();
        let time = fs::metadata(&old).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&new).unwrap().set_modified(time).unwrap();
        fs::rename(&new, &old).unwrap();
        assert!(watcher.look());
    }

    #[tokio::test]
    async fn files_named_by_a_later_load_are_followed_and_nothing_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let mut watcher = watched(directory.path());
        fs::write(directory.path().join("usher.toml"), "# changed").unwrap();
        watcher.follow(&[directory.path().join("other")]);
        assert!(watcher.look(), "a change before `follow` is not lost");
        fs::write(directory.path().join("other"), "x").unwrap();
        assert!(watcher.look());
        fs::write(directory.path().join("secret"), "x").unwrap();
        assert!(!watcher.look(), "no longer involved");
    }

    /// One test for both: a hangup reaches every watcher of the process.
    #[tokio::test]
    async fn waiting_ends_when_a_file_changes_and_on_a_hangup() {
        let directory = tempfile::tempdir().unwrap();
        let mut watcher = watched(directory.path());
        fs::write(directory.path().join("usher.toml"), "# changed").unwrap();
        assert_eq!(watcher.changed().await, Cause::Files);
        let process = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-HUP", &process]).status().unwrap().success());
        assert_eq!(watcher.changed().await, Cause::Signal);
    }
}
