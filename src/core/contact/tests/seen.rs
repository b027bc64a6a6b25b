//! One step of a contact as the model sees it, and what can be asked of it.

use proptest::{prelude::*, test_runner::TestCaseError};

use super::*;

pub(super) type Verdict = Result<(), TestCaseError>;

/// One step of the contact, from outside.
pub(super) struct Seen<'a> {
    pub(super) event: &'a Event,
    pub(super) out: &'a Out,
    pub(super) now: i64,
    pub(super) before: &'a Contact,
    pub(super) after: &'a Contact,
    pub(super) rules: &'a Rules,
    pub(super) rolled_back: bool,
}

impl Seen<'_> {
    pub(super) fn changed(&self) -> bool {
        self.before.snapshot().unwrap() != self.after.snapshot().unwrap()
    }

    pub(super) fn is_quiet(&self) -> Verdict {
        prop_assert_eq!(shown(&self.out.effects), Vec::<String>::new());
        Ok(())
    }

    /// Nothing at all came of it, but a line in the timeline.
    pub(super) fn is_stale(&self) -> Verdict {
        prop_assert!(!self.changed(), "a stale answer changed the contact");
        let noted = matches!(self.out.steps.as_slice(), [Step::Stale { .. }]);
        prop_assert!(noted, "{:?}", self.out.steps);
        self.is_quiet()
    }

    pub(super) fn says(&self, text: &str) -> bool {
        let text = Command::Say(vec![Reply::Text(text.to_owned())]);
        self.out.effects.iter().any(|it| matches!(it, Effect::Send { command, .. } if **command == text))
    }

    pub(super) fn requeues(&self) -> bool {
        self.out.effects.iter().any(|it| matches!(it, Effect::Send { command, .. } if is_requeue(command)))
    }

    /// What a technical failure must lead to.
    pub(super) fn fails_politely(&self) -> Verdict {
        prop_assert!(self.says(FALLBACK) || self.requeues(), "no fallback: {:?}", shown(&self.out.effects));
        Ok(())
    }
}

fn is_requeue(command: &Command) -> bool {
    matches!(command, Command::Requeue { .. })
}
