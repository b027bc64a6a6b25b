//! Erasures that a backup does not know of, since they were made after it: a restore carries them over.

use super::{why::why, with_reason};
use crate::{
    core::{
        ids::Timestamp,
        said::{Said, said},
    },
    store::sqlite::{Alone, Loose},
};

/// What became of them.
pub(super) enum Carried {
    /// Of so many contacts.
    Over(u64),
    /// Nothing was here that would know them.
    NoStore,
    /// What was here does not say.
    Unreadable(Said),
}

impl Carried {
    /// Destroys in `copy`, made at that moment, the keys that the store in the directory has destroyed.
    pub(super) async fn over(
        alone: &Alone,
        is_used: bool,
        copy: &Loose,
        made_at: jiff::Timestamp,
    ) -> anyhow::Result<Self> {
        if !is_used {
            return Ok(Self::NoStore);
        }
        let here = match alone.destroyed().await {
            Ok(here) => here,
            Err(error) => {
                tracing::warn!(error = %error.source, "the store that is replaced does not say who was erased");
                return Ok(Self::Unreadable(why(&with_reason(error))));
            }
        };
        let made_at = Timestamp(made_at.as_millisecond());
        Ok(Self::Over(copy.destroy(&here, made_at).await.map_err(with_reason)?))
    }

    /// In words, for whoever has to erase.
    pub(super) fn told(&self) -> Said {
        match self {
            Self::Over(0) => said!("No contact in the backup was erased here after the backup was made."),
            Self::Over(1) => {
                said!("One contact was erased here after the backup was made: it is erased in the backup, too.")
            }
            Self::Over(contacts) => said!(
                "{} contacts were erased here after the backup was made: they are erased in the backup, too.",
                contacts
            ),
            Self::NoStore => said!(
                "There was no store here that knows who was erased after the backup was made: erase them anew (docs/privacy.md)."
            ),
            Self::Unreadable(why) => said!(
                "Who was erased after the backup was made is not known, as the store that was here cannot be read ({}): contacts that were erased may be readable again. Erase them anew (docs/privacy.md).",
                why
            ),
        }
    }
}
