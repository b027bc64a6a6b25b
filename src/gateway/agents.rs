//! Virtual agents at run time: logged on as soon as their engine is there and its directory says that they may (S2–S4).

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use super::{
    Gateway, LaneId, NoDirectory, Roster, Served,
    alerts::{Alert, AlertKey, AlertKind},
    lane::ToEngine,
    unit::Unit,
};
use crate::core::{
    agent::{Agent, Effect, Event, LogOnRefusal, Standing},
    assignment::{self, may_log_on},
    directory::{Delta, Directory},
    ids::{EngineName, Timestamp, UnitName, UserId},
    profile::Rules,
};

/// An engine that has been away for so long has no session left to resume, and forgets its log-ons.
const RESUMES_WITHIN: Duration = Duration::from_secs(10 * 60);

/// A unit's virtual agents by user.
pub(super) type Agents = HashMap<UserId, Agent>;

impl Gateway {
    /// The unit's first lane is there. A new one's directory may follow; see [`Self::on_directory`].
    pub(super) fn on_unit_attached(&self, unit: &Unit, resumed: bool) {
        if !resumed {
            self.all_agents(unit, Event::EngineLost);
        }
        self.all_agents(unit, Event::EngineAttached);
    }

    fn all_agents(&self, unit: &Unit, event: Event) {
        let users: Vec<UserId> = locked(unit).keys().cloned().collect();
        for user in &users {
            self.agent_event(unit, user, event);
        }
    }

    /// The directory that a lane attaches with. An engine that attaches anew has forgotten our log-ons, whatever other lanes
    /// look attached: after a crash they may be half-open leftovers.
    pub(super) fn on_directory(self: &Arc<Self>, unit: &Arc<Unit>, lane: LaneId, directory: Directory) {
        let guard = unit.reviewing.lock().unwrap_or_else(PoisonError::into_inner);
        let anew = unit.lane(lane).is_some_and(|lane| lane.anew.swap(false, Ordering::Relaxed));
        if anew {
            self.all_agents(unit, Event::EngineLost);
        }
        unit.directory.store(Arc::new(directory));
        self.review(unit);
        if anew {
            self.all_agents(unit, Event::EngineAttached);
        }
        drop(guard);
        self.take_up_interrupted(unit);
    }

    /// What a business unit's routing engine has told of it.
    ///
    /// # Errors
    /// When there is no such unit, or nothing has been told since the start.
    pub fn directory(&self, unit: &UnitName) -> Result<Arc<Directory>, NoDirectory> {
        let unit = self.unit(unit).ok_or(NoDirectory::UnknownUnit)?;
        if unit.interrupted.load(Ordering::Relaxed) {
            return Err(NoDirectory::NotYet);
        }
        Ok(unit.directory.load_full())
    }

    pub(super) fn on_directory_delta(&self, unit: &Unit, delta: Delta) {
        let _guard = unit.reviewing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut directory = Directory::clone(&unit.directory.load());
        let matters = matters(&directory, &delta);
        directory.apply(delta);
        unit.directory.store(Arc::new(directory));
        if matters {
            self.review(unit);
        }
    }

    /// Compares what is configured with the engine's directory: findings become alerts, agents that may log on do. The caller
    /// holds `unit.reviewing`.
    pub(super) fn review(&self, unit: &Unit) {
        let roster = self.roster.load();
        let directory = unit.directory.load();
        let rules: Vec<&Rules> = roster.of_unit(&unit.name).map(|served| &*served.rules).collect();
        let findings = assignment::check(&unit.name, &directory, &rules);
        for finding in &findings {
            tracing::warn!(unit = %unit.name, subject = %finding.subject, problem = finding.problem.label(), "{}", finding.text);
        }
        self.alerts.replace(&unit.name, findings, self.clock.now());
        let fit: HashSet<&UserId> = rules
            .iter()
            .flat_map(|rules| &rules.agents)
            .filter(|user| directory.users.get(user).is_some_and(|user| may_log_on(user).is_ok()))
            .collect();
        let attached = !unit.lanes().is_empty();
        let known: Vec<UserId> = locked(unit).keys().cloned().collect();
        for user in known.iter().filter(|user| !fit.contains(user)) {
            self.agent_event(unit, user, Event::Unassigned);
        }
        for user in fit {
            self.admit(unit, user, attached);
        }
    }

    fn admit(&self, unit: &Unit, user: &UserId, attached: bool) {
        let new = !locked(unit).contains_key(user);
        if new {
            let seed = crate::core::contact::name_hash(user.as_str());
            locked(unit).insert(user.clone(), Agent::new(seed));
            self.metrics.agent_moved(None, Some(Standing::Unassigned));
            if attached {
                self.agent_event(unit, user, Event::EngineAttached);
            }
        }
        self.agent_event(unit, user, Event::Assigned);
    }

    pub(super) fn on_logged_on(&self, unit: &Unit, user: &UserId) {
        tracing::info!(unit = %unit.name, agent = %user, "agent logged on");
        self.agent_event(unit, user, Event::LoggedOn);
    }

    pub(super) fn on_log_on_refused(&self, unit: &Unit, user: &UserId, reason: LogOnRefusal, detail: &str) {
        tracing::warn!(unit = %unit.name, agent = %user, ?reason, detail, "log-on refused");
        self.agent_event(unit, user, Event::Refused(reason));
    }

    pub(super) fn on_logged_off(&self, unit: &Unit, user: &UserId, reason: &str) {
        tracing::warn!(unit = %unit.name, agent = %user, reason, "agent logged off by the contact centre");
        self.agent_event(unit, user, Event::LoggedOff);
    }

    pub(super) fn tick_agents(&self, now: Timestamp) {
        for unit in self.units.load().values() {
            if unit.absence(now) >= RESUMES_WITHIN {
                self.lose_agents(unit);
            }
            let due: Vec<UserId> = locked(unit)
                .iter()
                .filter(|(_, agent)| agent.deadline().is_some_and(|due| due <= now))
                .map(|(user, _)| user.clone())
                .collect();
            for user in due {
                self.agent_event(unit, &user, Event::Tick);
            }
        }
    }

    /// Nobody can say any more that they are logged on; the engine that comes logs them on again.
    fn lose_agents(&self, unit: &Unit) {
        let on = |agent: &Agent| matches!(agent.standing(), Standing::LoggedOn | Standing::LoggingOn);
        let users: Vec<UserId> =
            locked(unit).iter().filter(|(_, agent)| on(agent)).map(|(user, _)| user.clone()).collect();
        for user in &users {
            self.agent_event(unit, user, Event::EngineLost);
        }
    }

    /// Whether the user is or was one of ours.
    pub(super) fn knows_agent(&self, unit: &Unit, user: &UserId) -> bool {
        locked(unit).contains_key(user)
    }

    pub(super) fn is_logged_on(&self, unit: &Unit, user: &UserId) -> bool {
        locked(unit).get(user).is_some_and(|agent| agent.standing() == Standing::LoggedOn)
    }

    /// Users of all units with their state, for operators.
    #[must_use]
    pub fn agents(&self) -> Vec<(UnitName, UserId, Standing)> {
        let units = self.units.load();
        let of_unit = |unit: &Arc<Unit>| {
            let agents = locked(unit);
            agents.iter().map(|(user, agent)| (unit.name.clone(), user.clone(), agent.standing())).collect::<Vec<_>>()
        };
        units.values().filter(|unit| unit.is_configured()).flat_map(of_unit).collect()
    }

    fn agent_event(&self, unit: &Unit, user: &UserId, event: Event) {
        let mut effects = Vec::new();
        let now = self.clock.now();
        let mut agents = locked(unit);
        let Some(agent) = agents.get_mut(user) else { return };
        let before = agent.standing();
        agent.on_event(event, now, &mut effects);
        let after = agent.standing();
        drop(agents);
        self.metrics.agent_moved(Some(before), Some(after));
        for effect in effects {
            match effect {
                Effect::LogOn => self.log_on(unit, user),
                Effect::LogOff => {
                    let reason = "not assigned to a profile".to_owned();
                    self.push_any(unit, ToEngine::LogOff { user: user.clone(), reason });
                }
                Effect::Alert(refusal) => self.alerts.raise(Alert::log_on(&unit.name, user, refusal, now)),
                Effect::ClearAlert(refusal) => self.alerts.clear(&AlertKey::log_on(&unit.name, user, refusal)),
            }
        }
    }

    fn log_on(&self, unit: &Unit, user: &UserId) {
        let roster = self.roster.load();
        if let Some(served) = roster.find_by_agent(&unit.name, user) {
            let (password, media) = (served.password.clone(), served.media.clone());
            self.push_any(unit, ToEngine::LogOn { user: user.clone(), password, media });
        }
    }

    /// On the lane that is surest to be there; without one the agent's own clock tries again.
    fn push_any(&self, unit: &Unit, frame: ToEngine) {
        if let Some(lane) = unit.newest_lane() {
            self.push(unit, lane, frame);
        }
    }

    /// Puts a changed configuration in force: new contacts and log-ons use it, running contacts keep what they began with.
    ///
    /// A unit that is not configured any more takes no engine in. It is kept, since contacts of it may still run, and they are
    /// reachable again when it comes back; its agents are taken off.
    pub fn reload(&self, units: Vec<UnitName>, roster: Roster) {
        let now = self.clock.now();
        let _guard = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let old_roster = self.roster.swap(Arc::new(roster));
        let mut all = HashMap::clone(&self.units.load());
        for unit in all.values() {
            unit.configured.store(units.contains(&unit.name), Ordering::Relaxed);
        }
        for name in units {
            all.entry(name.clone()).or_insert_with(|| Arc::new(Unit::new(name, now)));
        }
        self.units.store(Arc::new(all));
        let roster = self.roster.load();
        for old in old_roster.profiles() {
            let new = roster.find(&old.rules.unit, &old.rules.profile);
            let left = |engine: Option<&EngineName>| new.is_some_and(|new| new.rules.chain.knows(engine));
            self.clear_engine_alerts(old, left);
            if old.canary().is_some() && !new.is_some_and(|new| new.engines().shares_canary(old.engines())) {
                let canary = EngineName::canary();
                self.alerts.clear(&AlertKey::engine(AlertKind::RolledBack, &old.rules, Some(&canary)));
            }
        }
        self.tell_pauses(&old_roster);
        for unit in self.units.load().values() {
            let guard = unit.reviewing.lock().unwrap_or_else(PoisonError::into_inner);
            self.review(unit);
            drop(guard);
            for served in roster.of_unit(&unit.name) {
                self.tell_changed_password(unit, served, &old_roster);
            }
        }
    }

    fn tell_changed_password(&self, unit: &Unit, served: &Served, old: &Roster) {
        for user in &served.rules.agents {
            if old.find_by_agent(&unit.name, user).is_some_and(|old| !old.same_password(served)) {
                self.agent_event(unit, user, Event::PasswordChanged);
            }
        }
    }
}

fn locked(unit: &Unit) -> MutexGuard<'_, Agents> {
    unit.agents.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the delta may change who can log on, or where contacts can go. Queue lengths, which change all the time, do not.
fn matters(directory: &Directory, delta: &Delta) -> bool {
    let Delta { removed_queues, removed_users, removed_targets, changed } = delta;
    let removes = !(removed_queues.is_empty() && removed_users.is_empty() && removed_targets.is_empty());
    removes
        || changed.users.iter().any(|(id, user)| directory.users.get(id) != Some(user))
        || changed.targets.iter().any(|(id, target)| directory.targets.get(id) != Some(target))
        || changed.queues.iter().any(|(id, new)| directory.queues.get(id).is_none_or(|queue| queue.media != new.media))
}
