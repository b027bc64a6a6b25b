//! What answers, and those that do not come, say of their engines: counted, compared, and shown to whoever must mend it.

use std::{sync::atomic::Ordering, time::Duration};

use super::{
    Gateway,
    alerts::{Alert, AlertKey, AlertKind},
    canary::{Came, CanaryWatch, Variant, Worse},
    ports::{AskError, Outage},
    served::Served,
};
use crate::core::{
    ids::{EngineName, Timestamp},
    message::{Answer, FailureKind},
    said::said,
};

/// So long after a question that had no turn within a quota the quota still counts as too small.
const CROWDED_FOR: Duration = Duration::from_secs(10);

impl Gateway {
    /// What an answer, or none, says of its engine; and of a canary in comparison.
    pub(super) fn measure(
        &self,
        served: &Served,
        engine: Option<&EngineName>,
        result: &Result<Answer, AskError>,
        (took, words): (Duration, bool),
    ) {
        let cells = served.cells(served.engines().seat(engine), engine, &self.metrics);
        let came = match result {
            Ok(answer) => {
                cells.answered(took, words && answer.not_understood);
                Came::Answered { took, not_understood: words.then_some(answer.not_understood) }
            }
            Err(_) => {
                cells.failed();
                Came::Failed
            }
        };
        let variant = match engine {
            None => Variant::Primary,
            Some(engine) if engine.is_canary() => Variant::Canary,
            Some(_) => return,
        };
        if matches!(result, Err(error) if error.held_back && error.kind == FailureKind::Quota) {
            // There was no turn within a quota that both may share: that says nothing of the engine.
            return;
        }
        if let Some(worse) = served.canary().and_then(|canary| canary.count(variant, came)) {
            self.roll_back(served, &worse);
        }
    }

    fn roll_back(&self, served: &Served, worse: &Worse) {
        let canary = EngineName::canary();
        let key = AlertKey::engine(AlertKind::RolledBack, &served.rules, Some(&canary));
        tracing::warn!(profile = %served.rules.profile, %worse, "the canary is worse than the primary: it is given up");
        self.alerts.raise(Alert {
            text: said!("{}: given up, the primary serves its contacts: {}", key.about.tell(), worse.tell()),
            key,
            mending: said!(
                "mend the canary and change its settings to try again, or take `[canary]` out of the profile"
            ),
            raised_at: self.clock.now(),
        });
    }

    /// What an administrator has to mend stays visible until an answer comes through again.
    pub(super) fn watch_engine(&self, served: &Served, engine: Option<&EngineName>, result: &Result<Answer, AskError>) {
        let rules = &served.rules;
        let raised = &served.engines().seat(engine).raised;
        let (refusal, now) = (&raised.refusal, self.clock.now());
        let (kind, error) = match result {
            Ok(_) => {
                // Where some have a turn and others have none, an answer does not mend it.
                let crowded = || now.since(Timestamp(raised.no_turn_at.load(Ordering::Relaxed))) < CROWDED_FOR;
                if refusal.load(Ordering::Relaxed) && !crowded() && refusal.swap(false, Ordering::Relaxed) {
                    self.alerts.clear(&AlertKey::engine(AlertKind::Credential, rules, engine));
                    self.alerts.clear(&AlertKey::engine(AlertKind::Quota, rules, engine));
                }
                return;
            }
            Err(error) if error.kind == FailureKind::Quota => (AlertKind::Quota, error),
            Err(error) if matches!(error.kind, FailureKind::Credential | FailureKind::NotFound) => {
                (AlertKind::Credential, error)
            }
            Err(_) => return,
        };
        let roster = self.roster.load();
        let known = roster.find(&rules.unit, &rules.profile);
        if known.is_none_or(|it| !it.rules.chain.knows(engine)) {
            // Its last contacts run out; nobody can mend it any more.
            return;
        }
        if error.held_back {
            raised.no_turn_at.store(now.0, Ordering::Relaxed);
        }
        refusal.store(true, Ordering::Relaxed);
        self.alerts.raise(Alert {
            key: AlertKey::engine(kind, rules, engine),
            text: said!("profile {}: the language engine refuses its questions", rules.profile),
            mending: error.advice.clone(),
            raised_at: now,
        });
    }

    /// Those of a profile that is gone, or of engines that it has no more.
    pub(super) fn clear_engine_alerts(&self, served: &Served, left: impl Fn(Option<&EngineName>) -> bool) {
        for (engine, _) in served.engines().seats().filter(|(engine, _)| !left(*engine)) {
            for kind in AlertKind::OF_ENGINES {
                self.alerts.clear(&AlertKey::engine(kind, &served.rules, engine));
            }
        }
    }

    /// Which engines are not asked for the moment, as operators see it.
    pub(super) fn report_outages(&self) {
        for served in self.roster.load().profiles() {
            for (engine, seat) in served.engines().seats() {
                let outage = seat.engine.outage();
                let probing = outage.as_ref().is_some_and(|it| it.probing);
                let cells = served.cells(seat, engine, &self.metrics);
                cells.breaker(outage.is_some(), probing);
                cells.rolled_back(served.canary().is_some_and(CanaryWatch::is_rolled_back));
                let (is_out, was_out) = (outage.is_some(), &seat.raised.outage);
                if was_out.load(Ordering::Relaxed) == is_out {
                    continue;
                }
                was_out.store(is_out, Ordering::Relaxed);
                let key = AlertKey::engine(AlertKind::Outage, &served.rules, engine);
                match outage {
                    None => self.alerts.clear(&key),
                    Some(Outage { since, kind, advice, .. }) => self.alerts.raise(Alert {
                        text: said!(
                            "{} is not asked: it failed too often, at last with {}",
                            key.about.tell(),
                            kind.label()
                        ),
                        key,
                        mending: said!("{}; it is tried now and then, and asked again once it answers", advice),
                        raised_at: since,
                    }),
                }
            }
        }
    }
}
