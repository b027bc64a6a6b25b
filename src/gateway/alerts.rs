//! Alerts: what somebody has to mend. Each stays visible until it is mended, and is logged when it comes and when it goes.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    core::{
        agent::LogOnRefusal,
        assignment::{Finding, Problem, Subject},
        ids::{EngineName, ProfileName, Timestamp, UnitName, UserId},
        profile::Rules,
        said::{Said, said},
    },
    telemetry::Metrics,
};

/// More than any configuration should have; those beyond are logged, but not kept.
pub const MAX_ALERTS: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AlertKind {
    /// A virtual agent cannot log on.
    LogOn(LogOnRefusal),
    /// The configuration does not fit the contact centre.
    Directory(Problem),
    /// A language engine refuses the profile's credential.
    Credential,
    /// A language engine's quota is used up.
    Quota,
    /// A language engine is not asked for the moment: it failed too often.
    Outage,
    /// A canary was found to be worse than the primary, and is given up.
    RolledBack,
    /// The store cannot be written.
    Store,
    /// No connector is attached for a profile.
    Connector,
    /// A changed configuration was refused; the old one is in force.
    Configuration,
    /// Somebody has paused a profile.
    Paused,
    /// What was to be done with the store alone was not done.
    Overhaul,
}

impl AlertKind {
    /// Those that are about one of a profile's engines.
    pub const OF_ENGINES: [Self; 3] = [Self::Credential, Self::Quota, Self::Outage];

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::LogOn(LogOnRefusal::WrongPassword) => "log_on_wrong_password",
            Self::LogOn(LogOnRefusal::UnknownUser) => "log_on_unknown_user",
            Self::LogOn(LogOnRefusal::NoLicence) => "log_on_no_licence",
            Self::LogOn(LogOnRefusal::Locked) => "log_on_locked",
            Self::LogOn(LogOnRefusal::Temporary) => "log_on_temporary",
            Self::Directory(problem) => problem.label(),
            Self::Credential => "credential",
            Self::Quota => "quota",
            Self::Outage => "outage",
            Self::RolledBack => "rolled_back",
            Self::Store => "store",
            Self::Connector => "connector",
            Self::Configuration => "configuration",
            Self::Paused => "paused",
            Self::Overhaul => "overhaul",
        }
    }
}

/// Whom or what an alert is about, of its business unit if it has one; holds no customer data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    Subject(Subject),
    /// One of a profile's engines that is not its primary.
    Engine {
        profile: ProfileName,
        engine: EngineName,
    },
    /// Those that dial in with one of a profile's tokens, whose name is mostly empty.
    Connector {
        profile: ProfileName,
        token: String,
    },
    Store,
    Configuration,
    MasterKey,
    Backup,
}

impl About {
    /// `user bot-1`, `profile support`.
    #[must_use]
    pub fn tell(&self) -> Said {
        match self {
            Self::Subject(subject) => subject.tell(),
            Self::Engine { profile, engine } => said!("profile {}, engine {}", profile, engine),
            Self::Connector { profile, token } if token.is_empty() => said!("profile {}", profile),
            Self::Connector { profile, token } => said!("profile {}, connector {}", profile, token),
            Self::Store => said!("store"),
            Self::Configuration => said!("configuration"),
            Self::MasterKey => said!("master key"),
            Self::Backup => said!("backup"),
        }
    }
}

/// In English.
impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell().fmt(f)
    }
}

/// What an alert is known by: raising it again changes nothing but its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertKey {
    pub kind: AlertKind,
    /// `None`: it concerns the whole gateway.
    pub unit: Option<UnitName>,
    pub about: About,
}

impl AlertKey {
    /// About one of a profile's language engines; `None`: its primary.
    #[must_use]
    pub fn engine(kind: AlertKind, rules: &Rules, engine: Option<&EngineName>) -> Self {
        let profile = rules.profile.clone();
        let about = match engine {
            Some(engine) => About::Engine { profile, engine: engine.clone() },
            None => About::Subject(Subject::Profile(profile)),
        };
        Self { kind, unit: Some(rules.unit.clone()), about }
    }

    #[must_use]
    pub fn log_on(unit: &UnitName, user: &UserId, refusal: LogOnRefusal) -> Self {
        let about = About::Subject(Subject::User(user.clone()));
        Self { kind: AlertKind::LogOn(refusal), unit: Some(unit.clone()), about }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    pub key: AlertKey,
    pub text: Said,
    pub mending: Said,
    pub raised_at: Timestamp,
}

impl Alert {
    #[must_use]
    pub fn log_on(unit: &UnitName, user: &UserId, refusal: LogOnRefusal, now: Timestamp) -> Self {
        let (text, mending) = match refusal {
            LogOnRefusal::WrongPassword => (
                said!(
                    "user {} cannot log on: the password is wrong; no further log-on is tried, lest the account be locked",
                    user
                ),
                said!("set the profile's agent password to the user's, here or in the contact centre"),
            ),
            LogOnRefusal::UnknownUser => (
                said!("user {} cannot log on: the contact centre does not know the user", user),
                said!("create the user in the contact centre, or take it off the profile's agents"),
            ),
            LogOnRefusal::NoLicence => (
                said!("user {} cannot log on: no licence is free", user),
                said!("add licences in the contact centre, or assign fewer virtual agents"),
            ),
            LogOnRefusal::Locked => (
                said!("user {} cannot log on: the account is locked", user),
                said!("unlock the user in the contact centre and check its password"),
            ),
            LogOnRefusal::Temporary => {
                (said!("user {} cannot log on for the moment", user), said!("nothing: it is tried again"))
            }
        };
        Self { key: AlertKey::log_on(unit, user, refusal), text, mending, raised_at: now }
    }
}

#[derive(Debug)]
pub struct Alerts {
    metrics: Arc<Metrics>,
    /// Protects the raised alerts; taken when one comes or goes and when somebody looks, never for a message.
    raised: Mutex<Raised>,
}

#[derive(Debug, Default)]
struct Raised {
    by_key: BTreeMap<AlertKey, Alert>,
    /// How often that has been changed.
    changes: u64,
}

impl Alerts {
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, raised: Mutex::default() }
    }

    pub fn raise(&self, alert: Alert) {
        let mut raised = self.lock();
        raised.insert(alert);
        self.metrics.alerts.set_len(raised.by_key.len());
    }

    pub fn clear(&self, key: &AlertKey) {
        let mut raised = self.lock();
        if raised.by_key.remove(key).is_some() {
            raised.changes += 1;
            log_mended(key);
        }
        self.metrics.alerts.set_len(raised.by_key.len());
    }

    /// Makes `findings` the unit's only findings: those that are not among them any more are mended.
    pub fn replace(&self, unit: &UnitName, findings: Vec<Finding>, now: Timestamp) {
        let found: BTreeMap<AlertKey, Alert> = findings
            .into_iter()
            .map(|finding| {
                let kind = AlertKind::Directory(finding.problem);
                let key = AlertKey { kind, unit: Some(unit.clone()), about: About::Subject(finding.subject) };
                (key.clone(), Alert { key, text: finding.text, mending: finding.mending, raised_at: now })
            })
            .collect();
        let mut raised = self.lock();
        let before = raised.by_key.len();
        raised.by_key.retain(|key, _| {
            let is_finding = matches!(key.kind, AlertKind::Directory(_)) && key.unit.as_ref() == Some(unit);
            let stays = !is_finding || found.contains_key(key);
            if !stays {
                log_mended(key);
            }
            stays
        });
        if raised.by_key.len() < before {
            raised.changes += 1;
        }
        for alert in found.into_values() {
            raised.insert(alert);
        }
        self.metrics.alerts.set_len(raised.by_key.len());
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().by_key.len()
    }

    /// Another number whenever they are not the same as before.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// All of them, the newest first.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Alert> {
        let mut alerts: Vec<Alert> = self.lock().by_key.values().cloned().collect();
        alerts.sort_by_key(|it| Reverse(it.raised_at));
        alerts
    }

    fn lock(&self) -> MutexGuard<'_, Raised> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Raised {
    fn insert(&mut self, alert: Alert) {
        if let Some(known) = self.by_key.get_mut(&alert.key) {
            if (&known.text, &known.mending) != (&alert.text, &alert.mending) {
                known.text = alert.text;
                known.mending = alert.mending;
                self.changes += 1;
            }
            return;
        }
        let Alert { key, text, mending, .. } = &alert;
        let (subject, mending) = (key.about.to_string(), mending.to_string());
        let unit = key.unit.as_ref().map(tracing::field::display);
        tracing::warn!(alert.kind = key.kind.label(), alert.subject = subject, unit, mending, "{text}");
        if self.by_key.len() < MAX_ALERTS {
            self.by_key.insert(alert.key.clone(), alert);
            self.changes += 1;
        }
    }
}

fn log_mended(key: &AlertKey) {
    let unit = key.unit.as_ref().map(tracing::field::display);
    tracing::info!(alert.kind = key.kind.label(), alert.subject = key.about.to_string(), unit, "mended");
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_800_000_000_000);
    const LATER: Timestamp = Timestamp(1_800_000_060_000);

    fn unit(name: &str) -> UnitName {
        UnitName::new(name).unwrap()
    }

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    fn finding(name: &str, problem: Problem) -> Finding {
        Finding { subject: Subject::User(user(name)), problem, text: said!("bad"), mending: said!("mend") }
    }

    fn subjects(alerts: &Alerts) -> Vec<(Timestamp, String)> {
        alerts.snapshot().into_iter().map(|it| (it.raised_at, it.key.about.to_string())).collect()
    }

    #[test]
    fn an_alert_stays_until_it_is_cleared_and_keeps_its_first_time() {
        let metrics = Arc::new(Metrics::default());
        let alerts = Alerts::new(Arc::clone(&metrics));
        let (unit, user) = (unit("north"), user("bot-1"));
        alerts.raise(Alert::log_on(&unit, &user, LogOnRefusal::Locked, NOON));
        alerts.raise(Alert { text: said!("still"), ..Alert::log_on(&unit, &user, LogOnRefusal::Locked, LATER) });
        assert_eq!(subjects(&alerts), [(NOON, "user bot-1".to_owned())]);
        assert_eq!((alerts.snapshot()[0].text.to_string(), metrics.alerts.get()), ("still".to_owned(), 1));
        alerts.clear(&AlertKey::log_on(&unit, &user, LogOnRefusal::NoLicence));
        assert_eq!(metrics.alerts.get(), 1, "another kind is another alert");
        alerts.clear(&AlertKey::log_on(&unit, &user, LogOnRefusal::Locked));
        assert_eq!((subjects(&alerts), metrics.alerts.get()), (Vec::new(), 0));
    }

    #[test]
    fn s16_mended_findings_of_a_unit_disappear_and_the_others_stay() {
        let alerts = Alerts::new(Arc::default());
        let (north, south) = (unit("north"), unit("south"));
        alerts.raise(Alert::log_on(&north, &user("bot-3"), LogOnRefusal::Locked, NOON));
        alerts.replace(&south, vec![finding("bot-1", Problem::UnknownUser)], NOON);
        let both = vec![finding("bot-1", Problem::UnknownUser), finding("bot-1", Problem::AssignedTwice)];
        alerts.replace(&north, both, NOON);
        assert_eq!(alerts.snapshot().len(), 4);
        alerts.replace(&north, vec![finding("bot-1", Problem::AssignedTwice)], LATER);
        let left: Vec<_> = alerts.snapshot().into_iter().map(|it| (it.key.unit, it.key.kind, it.raised_at)).collect();
        assert_eq!(
            left,
            [
                (Some(north.clone()), AlertKind::LogOn(LogOnRefusal::Locked), NOON),
                (Some(south), AlertKind::Directory(Problem::UnknownUser), NOON),
                (Some(north), AlertKind::Directory(Problem::AssignedTwice), NOON),
            ]
        );
    }

    #[test]
    fn whoever_watches_is_told_of_changes_alone() {
        let alerts = Alerts::new(Arc::default());
        let (unit, user) = (unit("north"), user("bot-1"));
        let locked = || Alert::log_on(&unit, &user, LogOnRefusal::Locked, NOON);
        let key = AlertKey::log_on(&unit, &user, LogOnRefusal::Locked);
        let mut last = alerts.changes();
        let mut changed = |step: &dyn Fn()| {
            step();
            std::mem::replace(&mut last, alerts.changes()) != alerts.changes()
        };
        assert!(changed(&|| alerts.raise(locked())));
        assert!(!changed(&|| alerts.raise(Alert { raised_at: LATER, ..locked() })), "it is the same");
        assert!(changed(&|| alerts.raise(Alert { text: said!("still"), ..locked() })));
        assert!(changed(&|| alerts.clear(&key)));
        assert!(!changed(&|| alerts.clear(&key)), "it was gone");
        let found = || vec![finding("bot-1", Problem::UnknownUser)];
        assert!(changed(&|| alerts.replace(&unit, found(), NOON)));
        assert!(!changed(&|| alerts.replace(&unit, found(), LATER)));
        assert!(changed(&|| alerts.replace(&unit, Vec::new(), LATER)));
        assert_eq!(alerts.count(), 0);
    }

    #[test]
    fn the_number_of_alerts_is_bounded() {
        let alerts = Alerts::new(Arc::default());
        let many = (0..=MAX_ALERTS).map(|n| finding(&format!("bot-{n}"), Problem::UnknownUser)).collect();
        alerts.replace(&unit("north"), many, NOON);
        assert_eq!(alerts.snapshot().len(), MAX_ALERTS);
    }

    #[test]
    fn newest_first() {
        let alerts = Alerts::new(Arc::default());
        alerts.raise(Alert::log_on(&unit("north"), &user("old"), LogOnRefusal::Locked, NOON));
        alerts.raise(Alert::log_on(&unit("north"), &user("new"), LogOnRefusal::Locked, LATER));
        assert_eq!(subjects(&alerts).into_iter().map(|it| it.1).collect::<Vec<_>>(), ["user new", "user old"]);
    }
}
