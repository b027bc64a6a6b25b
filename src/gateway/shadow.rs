//! The shadow: an engine that is asked what the profile's engine is asked, in conversations of its own, for a share of the
//! contacts (B5). Its answers are compared and dropped. It never holds up a customer: what is too much is skipped.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use super::{
    Gateway,
    effects::seed,
    ports::{Ask, AskError, LanguageEngine},
    served::Served,
    shard::Entry,
};
use crate::{
    clock::Clock,
    core::{
        contact::{Event, name_hash},
        ids::{ContactId, ContactName, EngineName, Turn},
        message::{Answer, FailureKind, Parameters},
        profile::{SHADOW_SALT, in_share},
        said::said,
        step::{Aspect, Step},
    },
    telemetry::{EngineCells, Metrics, labels::ShadowResult},
};

/// Beyond so many questions under way to one shadow further ones are skipped.
const MAX_RUNNING: usize = 256;
/// An engine keeps its own deadline; this is for one that does not.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Debug)]
pub struct Shadow {
    engine: Arc<dyn LanguageEngine>,
    percent: u8,
    /// Protects the contacts whose shadow is being asked: it hears one input after the other. Taken for contacts in the share.
    running: Arc<Mutex<HashSet<ContactId>>>,
    cells: OnceLock<Arc<EngineCells>>,
}

/// A question to a shadow, and where the answer that was given will be told.
#[derive(Debug)]
pub(super) struct Shadowing {
    served: Arc<Served>,
    ask: Ask,
    turn: Turn,
    given: oneshot::Receiver<Given>,
    place: Place,
}

/// Among those that a shadow is being asked for. Given back whatever becomes of the question.
#[derive(Debug)]
struct Place {
    running: Arc<Mutex<HashSet<ContactId>>>,
    contact: ContactId,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.contact);
    }
}

/// As much of an answer as is compared. Holds no text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given {
    failure: Option<FailureKind>,
    action: String,
    parameters: Parameters,
    intent: Option<String>,
    not_understood: bool,
}

impl Given {
    pub(super) fn of(result: &Result<Answer, AskError>) -> Self {
        match result {
            Ok(answer) => Self {
                failure: None,
                action: answer.action.clone(),
                parameters: answer.parameters.clone(),
                intent: answer.intent.clone(),
                not_understood: answer.not_understood,
            },
            Err(error) => Self {
                failure: Some(error.kind),
                action: String::new(),
                parameters: Parameters::new(),
                intent: None,
                not_understood: false,
            },
        }
    }

    /// In what `self`, of the shadow, differs; what matters most comes first. Parameters matter to actions alone.
    fn differs(&self, given: &Self) -> Vec<Aspect> {
        if self.failure.is_some() || given.failure.is_some() {
            let both = self.failure.is_some() && given.failure.is_some();
            return if both { Vec::new() } else { vec![Aspect::Failure] };
        }
        let acts = !self.action.is_empty() || !given.action.is_empty();
        let all = [
            (Aspect::Action, self.action != given.action),
            (Aspect::Parameters, acts && self.parameters != given.parameters),
            (Aspect::NotUnderstood, self.not_understood != given.not_understood),
            (Aspect::Intent, self.intent != given.intent),
        ];
        all.into_iter().filter_map(|(aspect, differs)| differs.then_some(aspect)).collect()
    }
}

impl Shadow {
    #[must_use]
    pub fn new(engine: Arc<dyn LanguageEngine>, percent: u8) -> Self {
        Self { engine, percent, running: Arc::default(), cells: OnceLock::new() }
    }

    pub(super) fn engine(&self) -> &Arc<dyn LanguageEngine> {
        &self.engine
    }

    pub(super) fn cells(&self, served: &Served, metrics: &Metrics) -> &EngineCells {
        let rules = &served.rules;
        self.cells.get_or_init(|| metrics.engine(&rules.unit, &rules.profile, EngineName::SHADOW))
    }

    fn concerns(&self, contact: &ContactName) -> bool {
        in_share(name_hash(contact.as_str()), SHADOW_SALT, self.percent)
    }

    /// `None`: it has enough to do, or is being asked for the contact.
    fn begin(&self, contact: &ContactId) -> Option<Place> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = running.len() < MAX_RUNNING && running.insert(contact.clone());
        begins.then(|| Place { running: Arc::clone(&self.running), contact: contact.clone() })
    }
}

/// A conversation that is never the contact's own, at whatever engine.
fn shadow_of(contact: &ContactId) -> ContactId {
    let hashed = || ContactName::new(&format!("{:016x}~shadow", name_hash(contact.name.as_str())));
    let name = ContactName::new(&format!("{}~shadow", contact.name)).or_else(|_| hashed());
    ContactId { unit: contact.unit.clone(), name: name.unwrap_or_else(|_| contact.name.clone()) }
}

impl Gateway {
    /// Whether a question is put to the profile's shadow as well: `None` mostly. Yields where to tell the answer then.
    pub(super) fn shadow(
        &self,
        entry: &Entry,
        ask: &Ask,
        sensitive: bool,
    ) -> Option<(Box<Shadowing>, oneshot::Sender<Given>)> {
        let served = &entry.served;
        let shadow = served.shadow()?;
        let (turn, _) = ask.turn.filter(|_| shadow.concerns(&ask.contact.name))?;
        // Well before customers would be turned away for it. A sensitive input is for nobody who need not have it.
        let room = self.calls.running() < self.limits.running_calls / 2 && !self.is_draining();
        let place = if sensitive || !room { None } else { shadow.begin(&ask.contact) };
        let Some(place) = place else {
            shadow.cells(served, &self.metrics).compared(ShadowResult::Skipped);
            return None;
        };
        let (tell, given) = oneshot::channel();
        let mut copy = Ask { contact: shadow_of(&ask.contact), turn: None, ..ask.clone() };
        // Its conversation is its own: that the contact has moved to another engine is nothing to it.
        copy.seed = shadow.engine().wants_transcript().then(|| seed(entry, false));
        copy.payload.insert("shadow".to_owned(), true.into());
        let shadowing = Shadowing { served: Arc::clone(served), ask: copy, turn, given, place };
        Some((Box::new(shadowing), tell))
    }

    /// Asks the shadow and compares, beside everything else; a drain does not wait for it.
    pub(super) fn run_shadow(self: &Arc<Self>, shadowing: Shadowing) {
        let (gateway, stop) = (Arc::clone(self), self.shadows.clone());
        self.tasks.spawn(async move {
            stop.run_until_cancelled(gateway.shadowed(shadowing)).await;
        });
    }

    async fn shadowed(self: &Arc<Self>, shadowing: Shadowing) {
        let Shadowing { served, ask, turn, given, place } = shadowing;
        let Some(shadow) = served.shadow() else { return };
        let cells = shadow.cells(&served, &self.metrics);
        let began = Clock::instant();
        let result = timeout(PATIENCE, shadow.engine().ask(ask)).await;
        let result = result.unwrap_or_else(|_| Err(AskError::new(FailureKind::Deadline, said!("no answer"))));
        let took = began.elapsed();
        match &result {
            Ok(answer) => cells.answered(took, answer.not_understood),
            Err(_) => cells.failed(),
        }
        self.count_call(&served, Some(&EngineName::shadow()), (&result, took, true));
        // Nobody tells: the turn was over when its answer came.
        let Ok(given) = given.await else {
            cells.compared(ShadowResult::Stale);
            return;
        };
        let own = Given::of(&result);
        let differs = own.differs(&given);
        cells.compared(differs.first().map_or(ShadowResult::Same, |it| label(*it)));
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let Given { failure, action, intent, .. } = own;
        self.apply(
            &place.contact,
            Event::Shadowed(Box::new(Step::Shadowed { turn, ms, intent, action, failure, differs })),
        );
    }
}

const fn label(aspect: Aspect) -> ShadowResult {
    match aspect {
        Aspect::Failure => ShadowResult::Failure,
        Aspect::Action => ShadowResult::Action,
        Aspect::Parameters => ShadowResult::Parameters,
        Aspect::NotUnderstood => ShadowResult::NotUnderstood,
        Aspect::Intent => ShadowResult::Intent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::UnitName;

    fn contact(name: &str) -> ContactId {
        ContactId { unit: UnitName::new("north").unwrap(), name: ContactName::new(name).unwrap() }
    }

    fn given(change: impl FnOnce(&mut Answer)) -> Given {
        let mut answer = Answer { intent: Some("order".to_owned()), ..Answer::default() };
        change(&mut answer);
        Given::of(&Ok(answer))
    }

    #[test]
    fn b5_what_matters_most_is_named_first_and_parameters_matter_to_actions_alone() {
        let plain = given(|_| {});
        assert_eq!(plain.differs(&plain.clone()), []);
        let human = given(|it| it.action = "human".to_owned());
        let puzzled = given(|it| {
            it.not_understood = true;
            it.intent = None;
        });
        assert_eq!(human.differs(&puzzled), [Aspect::Action, Aspect::NotUnderstood, Aspect::Intent]);
        let slots = |answer: &mut Answer| drop(answer.parameters.insert("size".to_owned(), "L".into()));
        assert_eq!(given(slots).differs(&plain), [], "no action, so nothing comes of it");
        let with_slots = given(|it| {
            it.action = "human".to_owned();
            slots(it);
        });
        assert_eq!(with_slots.differs(&human), [Aspect::Parameters]);
        let failed = Given::of(&Err(AskError::new(FailureKind::Deadline, said!("late"))));
        assert_eq!(failed.differs(&human), [Aspect::Failure]);
        assert_eq!(human.differs(&failed), [Aspect::Failure]);
        assert_eq!(failed.differs(&Given::of(&Err(AskError::new(FailureKind::Quota, said!("much"))))), []);
    }

    #[test]
    fn b5_a_shadows_conversation_is_never_the_contacts_own() {
        assert_eq!(shadow_of(&contact("c1")), contact("c1~shadow"));
        let long = contact(&"x".repeat(128));
        let shadow = shadow_of(&long);
        assert!(shadow != long && shadow.name.as_str().ends_with("~shadow"), "{shadow}");
        assert_ne!(shadow, shadow_of(&contact(&format!("{}y", "x".repeat(127)))));
    }

    #[test]
    fn b5_shares_are_kept_and_those_of_canary_and_shadow_do_not_follow_each_other() {
        let chain = crate::core::profile::Chain { canary_percent: Some(20), standbys: Vec::new() };
        let (mut canaries, mut shadowed, mut both) = (0, 0, 0);
        for n in 0..10_000 {
            let hash = name_hash(&format!("contact-{n}"));
            let canary = chain.first(hash).is_some();
            let shadow = in_share(hash, SHADOW_SALT, 20);
            canaries += usize::from(canary);
            shadowed += usize::from(shadow);
            both += usize::from(canary && shadow);
        }
        assert!((1_850..=2_150).contains(&canaries), "{canaries}");
        assert!((1_850..=2_150).contains(&shadowed), "{shadowed}");
        assert!((320..=480).contains(&both), "{both} of both");
    }
}
