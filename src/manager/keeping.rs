//! The store by hand: a backup, a sweep, how long timelines are kept, one contact erased, each with its line of the audit log. Pages and programs do it here.

use super::{
    Manager,
    estate::Written,
    ports::{Archive, Brought, NoArchive, NotStaged, Order, Overhaul, OverhaulOrder, Refusal, Staged, Wanted},
};
use crate::{
    config::draft::{Draft, Value},
    core::{
        ids::{ContactId, Timestamp},
        said::Said,
    },
    gateway::{
        erasing::Erasing,
        storage::{DocumentKind, Erasure, Expected, SETTINGS, StoreError},
    },
};

/// The setting that says how long timelines are kept.
pub(super) const RETENTION: &str = "store.retention_days";
const RETENTION_PATH: [&str; 2] = ["store", "retention_days"];
/// As far back as a sweep goes.
pub(super) const MAX_DAYS: u16 = 36_500;
const DAY_MS: i64 = 86_400_000;
const DAY_SECONDS: u64 = 86_400;

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Undone {
    Store(StoreError),
    /// The gateway is going down.
    Leaving,
}

/// How long timelines are kept after a contact is over.
#[derive(Clone, Debug)]
pub(super) struct Retention {
    pub(super) days: u64,
    /// Where that is written; `None`: nowhere, it is the default.
    pub(super) origin: Option<String>,
    /// Of the document in which the Web Manager writes it; 0: there is none.
    pub(super) version: u64,
}

impl Retention {
    /// Where it is changed, if that is not here.
    pub(super) fn file(&self) -> Option<&str> {
        let origin = self.origin.as_deref()?;
        // Behind its name stand line and column.
        let name = origin.split(':').next().unwrap_or_default();
        (Written::of(name) == Written::InAFile).then_some(origin)
    }
}

/// Why timelines are kept as long as before.
#[derive(Debug)]
pub(super) enum NotRetained {
    /// That stands in this file, which is changed where it is.
    OfFile(String),
    Refused(Refusal),
}

impl From<StoreError> for NotRetained {
    fn from(error: StoreError) -> Self {
        Self::Refused(Refusal::Store(error))
    }
}

impl Manager {
    /// A backup on its way. The log has it before it leaves.
    pub(super) async fn backup(&self, by: &str) -> Result<Archive, NoArchive> {
        let archive = self.house.keeper().archive().await?;
        let line = self.people.line(by, "store.backed_up", &archive.name).after(&format!("sha256 {}", archive.sha256));
        self.people.tell(line).await.map_err(NoArchive::Store)?;
        Ok(archive)
    }

    pub(super) async fn retention(&self) -> Result<Retention, StoreError> {
        let document = self.people.document(DocumentKind::Settings, SETTINGS).await?;
        let loaded = self.house.configuration();
        let origin = loaded.effective.iter().find(|it| it.key == RETENTION).map(|it| it.origin.clone());
        let days = loaded.settings.store.retention.as_secs() / DAY_SECONDS;
        let version = document.map_or(0, |it| it.version);
        Ok(Retention { days, origin: origin.filter(|it| it != "default"), version })
    }

    /// `version`: of the document, as it was seen; 0: there was none.
    pub(super) async fn retain(&self, by: &str, (version, days): (u64, u16)) -> Result<(), NotRetained> {
        let refused = |why: Said| NotRetained::Refused(Refusal::Unable(why));
        if let Some(file) = self.retention().await?.file() {
            return Err(NotRetained::OfFile(file.to_owned()));
        }
        let document = self.people.document(DocumentKind::Settings, SETTINGS).await?;
        if document.as_ref().map_or(0, |it| it.version) != version {
            return Err(NotRetained::Refused(Refusal::Conflict(document.map(Box::new))));
        }
        let text = document.map(|it| String::from_utf8_lossy(&it.body).into_owned()).unwrap_or_default();
        let mut draft = Draft::read(&text).map_err(|error| refused(error.tell()))?;
        draft.set(&RETENTION_PATH, &Value::Integer(days.into())).map_err(|error| refused(error.tell()))?;
        let expected = if version == 0 { Expected::New } else { Expected::Version(version) };
        let (kind, name, text) = (DocumentKind::Settings, SETTINGS.to_owned(), Some(draft.to_string()));
        let order = Order::of(by.to_owned(), Wanted { kind, name, expected, text });
        self.house.change(order).await.map(drop).map_err(NotRetained::Refused)
    }

    /// A sweep: contacts that were over before so many days lose their keys and records. Says how many records went.
    pub(super) async fn prune(&self, by: String, days: u16) -> Result<u64, Undone> {
        let before = Timestamp(self.people.now().0.saturating_sub(i64::from(days).saturating_mul(DAY_MS)));
        let house = self.clone();
        // It is done, whether or not whoever asked still waits.
        let swept = tokio::spawn(async move {
            let subject = format!("older than {days} days");
            house.people.tell(house.people.line(&by, "store.pruned", &subject)).await?;
            house.gateway.prune_before(before).await
        });
        swept.await.map_err(|_ended| Undone::Leaving)?.map_err(Undone::Store)
    }

    /// Everything is sealed under a new master key: the gateway ends for it, and begins anew.
    /// `seen`: the master key in use, by its id.
    pub(super) async fn rotate(&self, by: String, seen: String) -> Result<(), Refusal> {
        self.house.overhaul(OverhaulOrder { by, what: Overhaul::Rotation, seen }).await
    }

    /// The backup that waits takes the store's place, if it is the one that was `seen`: the gateway ends for it, and begins anew.
    pub(super) async fn restore(&self, by: String, seen: String) -> Result<(), Refusal> {
        self.house.overhaul(OverhaulOrder { by, what: Overhaul::Restore, seen }).await
    }

    /// A backup that is to be restored, with its line of the audit log.
    pub(super) async fn bring(&self, brought: Brought) -> Result<Staged, NotStaged> {
        let staged = self.house.keeper().bring(brought).await?;
        let line = self.people.line(&staged.by, "store.brought", &format!("sha256 {}", staged.sha256));
        if let Err(error) = self.people.tell(line).await {
            self.house.keeper().forget();
            return Err(NotStaged::Store(error));
        }
        Ok(staged)
    }

    /// Destroys the keys of a contact that is over.
    pub(super) async fn erase(&self, by: String, contact: ContactId) -> Result<Erasing, Undone> {
        let house = self.clone();
        // It is done, whether or not whoever asked still waits.
        let erased = tokio::spawn(async move { erase(&house, &by, &contact).await });
        erased.await.map_err(|_ended| Undone::Leaving)?.map_err(Undone::Store)
    }
}

/// With its line of the audit log, which says which contact by where its first record stood: a name may be a person's.
async fn erase(manager: &Manager, by: &str, contact: &ContactId) -> Result<Erasing, StoreError> {
    let erasing = manager.gateway.erase(contact, by).await?;
    if erasing.erasure == Erasure::Done {
        let born = erasing.born.unwrap_or_default().0;
        let subject = format!("{}, the contact that began with record {born}", contact.unit);
        manager.people.tell(manager.people.line(by, "contact.erased", &subject)).await?;
    }
    Ok(erasing)
}
