//! The store of a running gateway, as the Web Manager keeps it.

use std::{convert::Infallible, io, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt as _, future::BoxFuture, stream};
use tokio::{
    io::AsyncReadExt as _,
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};

use super::{
    archive::Packed,
    backup::{file_name, pack},
    staged::{Ramp, Waiting},
};
use crate::{
    app::{machine::free_bytes, overhaul::Anew},
    clock::Clock,
    gateway::storage::{Store, StoreError},
    manager::ports::{Archive, Brought, Keeper, KeptStore, NoArchive, NotStaged, Overhauled, Staged},
    seal::KeyId,
};

const CHUNK: usize = 64 * 1024;
/// Whoever does not read for so long gives up.
const STALLED: Duration = Duration::from_secs(60);
/// What stays free on the disk.
const SPARE_BYTES: u64 = 64 * 1024 * 1024;

/// Looks after the store.
#[derive(Debug)]
pub(in crate::app) struct Desk {
    store: Arc<dyn Store>,
    clock: Clock,
    directory: PathBuf,
    key: KeyId,
    key_from_environment: bool,
    /// What was done before the gateway began anew the last time.
    past: Option<Overhauled>,
    /// `None`: the gateway cannot begin anew in its process.
    ramp: Option<Ramp>,
    /// One backup at a time: each needs the disk once more.
    place: Arc<Semaphore>,
}

impl Desk {
    pub(in crate::app) fn new(
        (store, clock): (Arc<dyn Store>, Clock),
        directory: PathBuf,
        (key, key_from_environment): (KeyId, bool),
        anew: Option<Anew>,
    ) -> Self {
        let place = Arc::new(Semaphore::new(1));
        let (past, ramp) = match anew {
            Some(Anew { sources, past }) => (past, Some(Ramp::new(sources, directory.clone(), clock.clone()))),
            None => (None, None),
        };
        Self { store, clock, directory, key, key_from_environment, past, ramp, place }
    }

    /// The backup that somebody has seen waiting.
    pub(in crate::app) fn take_staged(&self, sha256: &str) -> Option<Waiting> {
        self.ramp.as_ref()?.take(sha256)
    }

    /// Forgets what has waited long enough, for ever.
    pub(in crate::app) async fn tidy(&self) -> Infallible {
        match &self.ramp {
            Some(ramp) => ramp.tidy().await,
            None => std::future::pending().await,
        }
    }

    async fn archive(&self) -> Result<Archive, NoArchive> {
        let place = Arc::clone(&self.place).try_acquire_owned().map_err(|_taken| NoArchive::Another)?;
        let needed = self.store.holdings().await.map_err(NoArchive::Store)?.bytes;
        let free = free_bytes(&self.directory);
        if free.is_some_and(|free| free < needed.saturating_add(SPARE_BYTES)) {
            return Err(NoArchive::NoSpace { needed, free: free.unwrap_or_default() });
        }
        let now = self.clock.now().0;
        let failed = |error: anyhow::Error| NoArchive::Failed(format!("{error:#}"));
        let packed = pack(&*self.store, &self.directory, None, now).await.map_err(failed)?;
        let name = file_name(now).map_err(failed)?;
        let (bytes, sha256) = (packed.bytes(), packed.manifest.database.sha256.clone());
        let (tell, told) = mpsc::channel(2);
        // It ends by itself: with the file, with its reader, or when nobody reads.
        drop(tokio::spawn(send(packed, tell, place)));
        let body = stream::unfold(told, |mut told| async move { told.recv().await.map(|it| (it, told)) });
        Ok(Archive { name, bytes, sha256, body: body.boxed() })
    }
}

impl Keeper for Desk {
    fn kept(&self) -> BoxFuture<'_, Result<KeptStore, StoreError>> {
        Box::pin(async move {
            Ok(KeptStore {
                directory: self.directory.clone(),
                holds: self.store.holdings().await?,
                free_bytes: free_bytes(&self.directory),
                key: self.key.to_string(),
                key_from_environment: self.key_from_environment,
                begins_anew: self.ramp.is_some(),
                past: self.past.clone(),
            })
        })
    }

    fn archive(&self) -> BoxFuture<'_, Result<Archive, NoArchive>> {
        Box::pin(self.archive())
    }

    fn bring(&self, brought: Brought) -> BoxFuture<'_, Result<Staged, NotStaged>> {
        Box::pin(async move {
            match &self.ramp {
                Some(ramp) => ramp.bring(brought).await,
                None => Err(NotStaged::NotHere),
            }
        })
    }

    fn staged(&self) -> Option<Staged> {
        self.ramp.as_ref().and_then(Ramp::staged)
    }

    fn forget(&self) -> bool {
        self.ramp.as_ref().is_some_and(Ramp::forget)
    }
}

async fn send(packed: Packed, to: mpsc::Sender<io::Result<Bytes>>, _place: OwnedSemaphorePermit) {
    let mut left = packed.manifest.database.bytes;
    let (head, database, tail) = packed.into_parts();
    let mut database = tokio::fs::File::from_std(database);
    let give = async |part: io::Result<Bytes>| matches!(timeout(STALLED, to.send(part)).await, Ok(Ok(())));
    if !give(Ok(head.into())).await {
        return;
    }
    while left > 0 {
        let mut chunk = vec![0; usize::try_from(left).unwrap_or(CHUNK).min(CHUNK)];
        let read = database.read(&mut chunk).await;
        let part = read.and_then(|read| if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(read) });
        let part = part.map(|read| {
            chunk.truncate(read);
            left = left.saturating_sub(read as u64);
            Bytes::from(chunk)
        });
        let is_over = part.is_err();
        if !give(part).await || is_over {
            return;
        }
    }
    give(Ok(Bytes::copy_from_slice(&tail))).await;
}
