//! A backup that is to be restored, brought to a running gateway: it is looked at and kept beside the store until somebody says
//! yes, for an hour. One at a time; what is left of one goes with whatever holds it.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::AsyncWriteExt as _,
    sync::{Notify, Semaphore},
    time::{Instant, sleep_until, timeout, timeout_at},
};

use super::{
    restore::{Good, NoKey, STAGING, Source, Staging, examine},
    why::{because, is_full, why},
};
use crate::{
    app::{load_on, machine::free_bytes, serve},
    clock::Clock,
    config::{Finding, Severity, Sources},
    core::{
        hex,
        ids::Timestamp,
        said::{Said, said},
    },
    manager::ports::{Brought, NotStaged, Staged},
    peer::Pace,
    seal::{Keyring, Sealer},
    store::sqlite::Sqlite,
};

/// How long it waits for a yes.
const KEPT_FOR: Duration = Duration::from_secs(3600);
/// Whoever sends nothing for so long has gone.
const STALLED: Duration = Duration::from_secs(30);
/// How much longer it is read from whoever was refused.
const LINGER: Duration = Duration::from_secs(5);
/// What stays free on the disk.
const SPARE_BYTES: u64 = 64 * 1024 * 1024;
/// Of what speaks against a configuration.
const MOST_TOLD: usize = 10;
/// What errors call it.
pub(in crate::app) const SHOWN: Said = said!("the backup");

/// One that waits for a yes. Its files go with it.
#[derive(Debug)]
pub(in crate::app) struct Waiting {
    staging: Staging,
    key: Option<Sealer>,
    about: Staged,
    until: Instant,
}

impl Waiting {
    pub(in crate::app) fn file(&self) -> PathBuf {
        file(&self.staging)
    }

    pub(in crate::app) const fn key(&self) -> Option<&Sealer> {
        self.key.as_ref()
    }
}

fn file(staging: &Staging) -> PathBuf {
    staging.path().join("backup.tar")
}

/// Where backups are brought to.
#[derive(Debug)]
pub(super) struct Ramp {
    sources: Sources,
    directory: PathBuf,
    clock: Clock,
    /// One is brought at a time.
    place: Semaphore,
    /// Protects what waits; taken for a look or an exchange.
    waiting: Mutex<Option<Waiting>>,
    changed: Notify,
}

impl Ramp {
    /// Removes what a gateway that was killed has left.
    pub(super) fn new(sources: Sources, directory: PathBuf, clock: Clock) -> Self {
        for left in leftovers(&directory) {
            if let Err(error) = fs::remove_dir_all(&left) {
                tracing::warn!(path = %left.display(), %error, "what is left of a backup that was brought cannot be removed");
            }
        }
        let (place, waiting, changed) = (Semaphore::new(1), Mutex::default(), Notify::new());
        Self { sources, directory, clock, place, waiting, changed }
    }

    fn locked(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, waiting: Option<Waiting>) {
        let before = std::mem::replace(&mut *self.locked(), waiting);
        drop(before);
        self.changed.notify_one();
    }

    pub(super) fn staged(&self) -> Option<Staged> {
        self.locked().as_ref().map(|it| it.about.clone())
    }

    pub(super) fn forget(&self) -> bool {
        let was_there = self.locked().is_some();
        self.put(None);
        was_there
    }

    /// The one that somebody has seen, by its digest.
    pub(super) fn take(&self, sha256: &str) -> Option<Waiting> {
        self.locked().take_if(|it| it.about.sha256 == sha256)
    }

    /// Forgets what waits when its time is over, for ever.
    pub(super) async fn tidy(&self) -> std::convert::Infallible {
        loop {
            let until = self.locked().as_ref().map(|it| it.until);
            match until {
                None => self.changed.notified().await,
                Some(until) if until <= Clock::instant() => self.put(None),
                Some(until) => tokio::select! {
                    () = sleep_until(until) => {}
                    () = self.changed.notified() => {}
                },
            }
        }
    }

    /// Takes a backup in and looks at all of it.
    pub(super) async fn bring(&self, brought: Brought) -> Result<Staged, NotStaged> {
        let Brought { by, key, bytes, mut body } = brought;
        let taken = self.take_in((by, key, bytes), &mut body).await;
        if taken.is_err() {
            // Whoever still sends would not read why.
            let rest = async { while let Some(Ok(_)) = body.next().await {} };
            timeout(LINGER, rest).await.unwrap_or_default();
        }
        taken
    }

    async fn take_in(
        &self,
        (by, key, bytes): (String, Option<SecretString>, Option<u64>),
        body: &mut BoxStream<'static, io::Result<Bytes>>,
    ) -> Result<Staged, NotStaged> {
        let _place = self.place.try_acquire().map_err(|_taken| NotStaged::Another)?;
        let key = key.map(|it| Sealer::from_text(&it)).transpose().map_err(|_malformed| NotStaged::NoSuchKey)?;
        let pace = Pace::new(Clock::instant());
        let first = part(body, pace.next_by(0)).await?.ok_or(NotStaged::Empty)?;
        // The one before makes room.
        self.put(None);
        let least = bytes.unwrap_or_default().max(first.len() as u64);
        let staging = Staging::new(&self.directory).map_err(|it| self.untaken(least, &it, NotStaged::Failed))?;
        let (sha256, written) = self.receive(&staging, bytes, (first, pace), body).await?;
        let good = self.look(&staging, written, key.as_ref()).await?;
        let environment = &self.sources.environment;
        let ring = Keyring::read(&self.directory, environment.master_key().as_ref())
            .map_err(|it| NotStaged::Failed(why(&it.into())))?;
        let now = self.clock.now();
        let manifest = good.manifest();
        let about = Staged {
            sha256,
            bytes: written,
            by,
            at: now,
            until: now + KEPT_FOR,
            usher: manifest.usher.clone(),
            made_at: Timestamp(manifest.made_at.as_millisecond()),
            holds: manifest.holds.clone(),
            key: good.key.as_ref().map(|it| it.id().to_string()),
            changes_key: good.changes_key(ring.now(), environment).is_some(),
        };
        tracing::info!(by = about.by, bytes = written, sha256 = about.sha256, "a backup waits to be restored");
        self.put(Some(Waiting { staging, key, about: about.clone(), until: Clock::instant() + KEPT_FOR }));
        Ok(about)
    }

    /// Writes it down as it comes; yields its digest and its length.
    async fn receive(
        &self,
        staging: &Staging,
        told: Option<u64>,
        (first, mut pace): (Bytes, Pace),
        body: &mut BoxStream<'static, io::Result<Bytes>>,
    ) -> Result<(String, u64), NotStaged> {
        // Twice: once as it came, once unpacked.
        let free = free_bytes(&self.directory);
        let room = free.map_or(u64::MAX, |it| it.saturating_sub(SPARE_BYTES) / 2);
        let fits = |bytes: u64| match bytes > room {
            true => Err(NotStaged::NoSpace { needed: bytes.saturating_mul(2), free: free.unwrap_or_default() }),
            false => Ok(()),
        };
        let told = told.unwrap_or_default();
        fits(told)?;
        let unwritable = |error: io::Error, written: u64| {
            let failed = |why: Said| NotStaged::Failed(said!("it cannot be written: {}", why));
            self.untaken(told.max(written), &error.into(), failed)
        };
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let out = tokio::fs::OpenOptions::from(options).open(file(staging)).await;
        let mut out = out.map_err(|it| unwritable(it, first.len() as u64))?;
        let (mut sha256, mut written, mut next) = (Sha256::new(), 0_u64, Some(first));
        while let Some(bytes) = next {
            written = written.saturating_add(bytes.len() as u64);
            fits(written)?;
            sha256.update(&bytes);
            let began = Clock::instant();
            out.write_all(&bytes).await.map_err(|it| unwritable(it, written))?;
            pace.put_off(began.elapsed());
            next = part(body, pace.next_by(written)).await?;
        }
        out.flush().await.map_err(|it| unwritable(it, written))?;
        Ok((hex::encode(&sha256.finalize()), written))
    }

    /// What is unpacked for it goes again.
    async fn look(&self, staging: &Staging, bytes: u64, key: Option<&Sealer>) -> Result<Good, NotStaged> {
        let refused = |error: anyhow::Error| match error.downcast_ref() {
            Some(NoKey(id)) => NotStaged::NoKey(id.to_string()),
            None => self.untaken(bytes, &error, NotStaged::Refused),
        };
        let unpacked = Staging::new(staging.path()).map_err(|it| self.untaken(bytes, &it, NotStaged::Failed))?;
        let source = Source { file: &file(staging), shown: &SHOWN, key };
        let good = examine(&unpacked, &self.directory, &self.sources.environment, &source).await.map_err(refused)?;
        usable(&self.sources, unpacked.path(), good.key.as_ref()).await.map_err(|error| match error {
            Unusable::Findings(list) => NotStaged::Findings(list),
            Unusable::Other(error) => self.untaken(bytes, &error, NotStaged::Refused),
        })?;
        Ok(good)
    }

    /// Of a backup of so many bytes.
    fn untaken(&self, bytes: u64, error: &anyhow::Error, otherwise: impl FnOnce(Said) -> NotStaged) -> NotStaged {
        if is_full(error) {
            let free = free_bytes(&self.directory).unwrap_or_default();
            return NotStaged::NoSpace { needed: bytes.saturating_mul(2), free };
        }
        otherwise(why(error))
    }
}

/// The next that is not empty, by then at the latest; `None`: the end.
async fn part(body: &mut BoxStream<'static, io::Result<Bytes>>, by: Instant) -> Result<Option<Bytes>, NotStaged> {
    loop {
        let stalled = Clock::instant() + STALLED;
        match timeout_at(stalled.min(by), body.next()).await {
            Ok(None) => return Ok(None),
            // What is there at once comes before any timeout.
            _ if Clock::instant() >= by => return Err(NotStaged::TooSlow),
            Ok(Some(Ok(bytes))) if bytes.is_empty() => {}
            Ok(Some(Ok(bytes))) => return Ok(Some(bytes)),
            Ok(Some(Err(_))) | Err(_) => return Err(NotStaged::CutOff),
        }
    }
}

/// Why no gateway would begin with a store.
#[derive(Debug)]
pub(in crate::app) enum Unusable {
    Findings(Vec<Finding>),
    Other(anyhow::Error),
}

impl From<Unusable> for anyhow::Error {
    fn from(why: Unusable) -> Self {
        match why {
            Unusable::Other(error) => error,
            Unusable::Findings(list) => because(said!("the configuration would not be good: {}", findings(&list))),
        }
    }
}

fn findings(list: &[Finding]) -> Said {
    let errors = || list.iter().filter(|it| it.severity == Severity::Error);
    let told = errors().take(MOST_TOLD).map(finding).reduce(|before, next| said!("{}; {}", before, next));
    let told = told.unwrap_or_default();
    match errors().count().saturating_sub(MOST_TOLD) {
        0 => told,
        left => said!("{} and {} more", told, left),
    }
}

fn finding(it: &Finding) -> Said {
    let Finding { message, help, location, .. } = it;
    match location {
        Some(place) => said!("in {}: {}; {}", place.file, message, help),
        None => said!("{}; {}", message, help),
    }
}

/// Whether a gateway would begin with the store in `directory`, beside the files that are there now.
pub(in crate::app) async fn usable(sources: &Sources, directory: &Path, key: Option<&Sealer>) -> Result<(), Unusable> {
    let other = |error: crate::store::StoreError| Unusable::Other(super::with_reason(error));
    let store = Sqlite::open(directory).await.map_err(other)?;
    let loaded = load_on(sources, &store, key).await;
    // In order, whatever came of it: the file is about to get another name.
    store.close().await.map_err(other)?;
    let loaded = loaded.map_err(|findings| Unusable::Findings(findings.list))?;
    serve::could_start(&loaded.settings).map_err(Unusable::Other)
}

fn leftovers(directory: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(directory).into_iter().flatten().flatten();
    let is_left = |it: &fs::DirEntry| it.file_name().to_string_lossy().starts_with(STAGING) && it.path().is_dir();
    all.filter(is_left).map(|it| it.path()).collect()
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    /// So many bytes every 20 seconds, `times` over: what came of it, and how long it took.
    async fn brought(bytes: usize, times: usize) -> (Result<u64, NotStaged>, Duration) {
        let parts = stream::iter(0..times).then(move |_| async move {
            tokio::time::sleep(Duration::from_secs(20)).await;
            Ok(Bytes::from(vec![0; bytes]))
        });
        let (mut body, began) = (parts.boxed(), Clock::instant());
        let (pace, mut written) = (Pace::new(began), 0);
        let done = loop {
            match part(&mut body, pace.next_by(written)).await {
                Ok(Some(bytes)) => written += bytes.len() as u64,
                Ok(None) => break Ok(written),
                Err(why) => break Err(why),
            }
        };
        (done, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_byte_by_byte_is_given_up_though_it_never_stalls() {
        let (done, took) = brought(1, 1000).await;
        assert!(matches!(done, Err(NotStaged::TooSlow)), "{done:?}");
        assert_eq!(took.as_secs(), 60, "no longer than what is waited for first");
        let (done, took) = brought(64 * 1024 * 10, 1000).await;
        assert!(matches!(done, Err(NotStaged::TooSlow)), "at half the rate: {done:?}");
        assert!((60..=120).contains(&took.as_secs()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_ended_is_whole_however_late_that_is_seen() {
        let (mut body, by) = (stream::empty().boxed(), Clock::instant());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(matches!(part(&mut body, by).await, Ok(None)));
    }

    #[test]
    fn findings_are_told_in_one_line_and_in_our_words() {
        let wrong = |n: usize| Finding {
            severity: Severity::Error,
            message: said!("number {} is wrong", n),
            help: said!("mend it"),
            location: None,
            setting: None,
        };
        let warning = Finding { severity: Severity::Warning, ..wrong(0) };
        let told = |list: Vec<Finding>| why(&Unusable::Findings(list).into());
        let two = said!(
            "{}; {}",
            said!("{}; {}", wrong(1).message, wrong(1).help),
            said!("{}; {}", wrong(2).message, wrong(2).help)
        );
        assert_eq!(told(vec![wrong(1), warning, wrong(2)]), said!("the configuration would not be good: {}", two));
        let many = told((1..=1000).map(wrong).collect());
        assert!(many.to_string().ends_with("number 10 is wrong; mend it and 990 more"), "{many}");
        let kept = serde_json::to_string(&many).unwrap();
        assert_eq!(serde_json::from_str::<Said>(&kept).unwrap(), many, "it can be read again");
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_steadily_takes_as_long_as_it_takes() {
        let (done, took) = brought(64 * 1024 * 20, 180).await;
        assert_eq!((done.unwrap(), took.as_secs()), (64 * 1024 * 20 * 180, 3600));
    }
}
