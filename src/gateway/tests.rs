//! The gateway with a routing engine that is a channel per lane, at simulated time.

mod engines;
mod lanes;
mod numbers;

use std::time::Duration;

use futures::{FutureExt as _, future::BoxFuture};
use secrecy::SecretString;

use super::{
    lane::{Customer, FromEngine, Offer},
    ports::{Ask, AskError, ExternalError, LanguageEngine},
    *,
};
use crate::{
    core::{
        agent::Standing,
        directory::{Delta, Directory, SignOn, User},
        ids::{MessageId, ProfileName, Timestamp, UserId},
        message::{Answer, FailureKind, Input, MediaType},
        profile::{self, Chain, Events, Handover, Inactivity, LongText, OnUncertain, Rules, TextLimit},
    },
    store::memory::Memory,
};

/// 20 November 2026, 10:00 UTC.
const T0: Timestamp = Timestamp(1_795_168_800_000);
const TIMEOUT: Duration = Duration::from_secs(180);
const ABSENCE: Duration = Duration::from_secs(900);

/// Says nothing, or fails as it was told.
#[derive(Debug, Default)]
struct Mute(Mutex<Option<FailureKind>>);

impl LanguageEngine for Mute {
    fn ask(&self, _: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        let failure = *self.0.lock().unwrap();
        let result = failure.map_or_else(
            || Ok(Answer::default()),
            |kind| Err(AskError::new(kind, crate::core::said::Said::foreign("mend it"))),
        );
        Box::pin(std::future::ready(result))
    }
}

#[derive(Debug)]
struct NoSystems;

impl ExternalSystems for NoSystems {
    fn query(&self, _: ExternalRequest) -> BoxFuture<'_, Result<String, ExternalError>> {
        panic!("nobody asks")
    }
}

fn unit() -> UnitName {
    UnitName::new("north").unwrap()
}

fn user() -> UserId {
    UserId::new("va1").unwrap()
}

fn contact(name: &str) -> ContactId {
    ContactId { unit: unit(), name: ContactName::new(name).unwrap() }
}

pub(super) fn rules(agents: &[&str]) -> Rules {
    Rules {
        profile: ProfileName::new("support").unwrap(),
        unit: unit(),
        agents: agents.iter().map(|it| UserId::new(it).unwrap()).collect(),
        language: "en".to_owned(),
        actions: Vec::new(),
        welcome_event: String::new(),
        fallback_message: "Sorry.".to_owned(),
        chain: Chain::default(),
        inactivity: Inactivity {
            timeout: TIMEOUT,
            timeout_message: String::new(),
            warn_before: Duration::ZERO,
            warning_message: String::new(),
        },
        handover: Handover {
            to: None,
            not_understood_after: 0,
            failures_after: 0,
            slow_after: 0,
            typing_after: Duration::ZERO,
            slow_threshold: Duration::ZERO,
            slow_message: String::new(),
            not_understood_message: String::new(),
            failure_message: String::new(),
            max_handovers: 3,
            max_wait: Duration::ZERO,
            unavailable_message: String::new(),
        },
        events: Events::default(),
        text_limit: TextLimit { characters: 0, policy: LongText::Reject, message: String::new() },
        coalesce: Duration::ZERO,
        on_uncertain: OnUncertain::Retry,
        zone: jiff::tz::TimeZone::UTC,
        calling_code: String::new(),
        limits: profile::Limits { waiting_inputs: 4, undelivered: 8, transcript_bytes: 4096 },
    }
}

fn served(agents: &[&str], engine: &Arc<Mute>) -> Served {
    let engine: Arc<dyn LanguageEngine> = Arc::<Mute>::clone(engine);
    Served::new(
        Arc::new(rules(agents)),
        Engines::only(engine),
        SecretString::from("secret"),
        vec![MediaType::OpenMedia],
    )
}

fn roster_of(served: Served) -> Roster {
    Roster::new(vec![Arc::new(served)])
}

fn directory(users: &[&str]) -> Directory {
    let mut directory = Directory::default();
    for id in users {
        let user = User {
            name: String::new(),
            agent_rights: true,
            sign_on: SignOn::Password,
            automatic_post_processing: false,
            mandatory_wrap_up_reason: false,
        };
        directory.users.insert(UserId::new(id).unwrap(), user);
    }
    directory
}

/// A gateway on a store of its own, and the clock that drives it. Nothing runs beside it but what a test calls.
struct House {
    gateway: Arc<Gateway>,
    store: Arc<Memory>,
    mute: Arc<Mute>,
}

/// One lane's other end.
struct Engine {
    id: LaneId,
    out: mpsc::Sender<ToEngine>,
    frames: mpsc::Receiver<ToEngine>,
}

impl House {
    async fn new() -> Self {
        Self::on(Arc::new(Memory::new()), &["va1"]).await
    }

    async fn on(store: Arc<Memory>, agents: &[&str]) -> Self {
        let mute = Arc::new(Mute::default());
        Self::with(store, served(agents, &mute), mute).await
    }

    async fn with(store: Arc<Memory>, served: Served, mute: Arc<Mute>) -> Self {
        let claim = store.claim("test").await.unwrap();
        let metrics = Arc::new(Metrics::default());
        let gateway = Gateway::new(Parts {
            clock: Clock::starting_at(T0),
            store: Arc::<Memory>::clone(&store),
            claim,
            durability: Durability::Sync,
            sealer: Sealer::from_key([0; 32]),
            scanner: Scanner::default(),
            limits: Limits { contacts: 10, running_calls: 10, journal_backlog: 100, engine_absence: ABSENCE },
            units: vec![unit()],
            roster: roster_of(served),
            external: Arc::new(NoSystems),
            alerts: Arc::new(Alerts::new(Arc::clone(&metrics))),
            metrics,
            health: Arc::new(Health::default()),
        });
        Self { gateway, store, mute }
    }

    fn attach(&self) -> Engine {
        let (out, frames) = mpsc::channel(100);
        let engine = EngineId::new("engine-1").unwrap();
        let id = self.gateway.attach(&unit(), &engine, out.clone(), None).unwrap();
        Engine { id, out, frames }
    }

    fn detach(&self, engine: &Engine) {
        self.gateway.detach(&unit(), engine.id, &engine.out);
    }

    fn frame(&self, engine: &Engine, frame: FromEngine) {
        self.gateway.on_frame(&unit(), engine.id, 1, frame);
    }

    /// Attaches with a directory, and its agent is logged on.
    fn staffed(&self) -> Engine {
        let mut engine = self.attach();
        self.frame(&engine, FromEngine::Directory(directory(&["va1"])));
        assert_eq!(engine.log_ons(), 1);
        self.frame(&engine, FromEngine::AgentLoggedOn { user: user() });
        engine
    }

    fn offer(&self, engine: &Engine, name: &str) {
        let offer = Offer {
            contact: contact(name).name,
            agent: user(),
            media: MediaType::OpenMedia,
            queue: None,
            customer: Customer::default(),
            language: None,
            attributes: Vec::new(),
            history: Vec::new(),
            returned_from: None,
        };
        self.frame(engine, FromEngine::Offered(Box::new(offer)));
    }

    fn say(&self, engine: &Engine, name: &str, id: &str) {
        let (contact, id) = (contact(name).name, MessageId::new(id).unwrap());
        let input = Input::Text("hello".to_owned());
        self.frame(engine, FromEngine::Message { contact, id, input, sensitive: false });
    }

    /// Contacts that the store knows to be closed.
    async fn closed(&self) -> usize {
        let mut closed = 0;
        self.store
            .load(&mut |loaded| closed += usize::from(matches!(loaded, storage::Loaded::Closed(_))))
            .await
            .unwrap();
        closed
    }

    fn alerts(&self) -> Vec<(&'static str, String)> {
        self.gateway.alerts.snapshot().into_iter().map(|it| (it.key.kind.label(), it.key.about.to_string())).collect()
    }

    fn standing(&self) -> Standing {
        self.gateway.agents()[0].2
    }

    fn inspect<R>(&self, name: &str, look: impl FnOnce(&Entry) -> R) -> R {
        let id = contact(name);
        look(&self.gateway.shards.of(&id).contacts[&id])
    }

    /// Until the store has everything.
    async fn written(&self) {
        let stop = CancellationToken::new();
        stop.cancel();
        Arc::clone(&self.gateway).run_journal(stop).await.unwrap();
    }
}

impl Engine {
    /// Log-ons asked for since the last look.
    fn log_ons(&mut self) -> usize {
        let mut count = 0;
        while let Ok(frame) = self.frames.try_recv() {
            count += usize::from(matches!(frame, ToEngine::LogOn { .. }));
        }
        count
    }
}

#[tokio::test(start_paused = true)]
async fn s2_agents_are_logged_on_at_an_engine_that_comes_back_beside_its_own_half_open_lane() {
    let house = House::new().await;
    let (mut first, mut ghost) = (house.staffed(), house.attach());
    assert_eq!(ghost.log_ons(), 0, "a further lane has no log-ons of its own");
    house.detach(&first);
    let mut again = house.attach();
    house.frame(&again, FromEngine::Directory(directory(&["va1"])));
    assert_eq!((first.log_ons(), ghost.log_ons(), again.log_ons()), (0, 0, 1));
    assert_eq!(house.standing(), Standing::LoggingOn);
    house.frame(&again, FromEngine::AgentLoggedOn { user: user() });
    assert_eq!(house.standing(), Standing::LoggedOn);
    // A change of the directory is no new engine.
    house.frame(&again, FromEngine::Directory(directory(&["va1"])));
    assert_eq!(again.log_ons(), 0);
}

#[tokio::test(start_paused = true)]
async fn s2_a_restarted_engine_of_one_lane_gets_one_log_on() {
    let house = House::new().await;
    let first = house.staffed();
    house.detach(&first);
    let _again = house.staffed();
    assert_eq!(house.standing(), Standing::LoggedOn);
    let page = house.gateway.metrics.render();
    let counted: Vec<&str> = page.lines().filter_map(|it| it.strip_prefix("usher_agents{state=")).collect();
    let counted: Vec<&str> = counted.into_iter().filter(|it| !it.ends_with(" 0")).collect();
    assert_eq!(counted, ["\"logged_on\"} 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_contact_whose_engine_stays_away_is_given_up_whatever_it_waits_for() {
    let house = House::new().await;
    let engine = house.staffed();
    house.offer(&engine, "idle");
    house.offer(&engine, "unsaid");
    // With an answer that nobody has acknowledged no clock of the contact runs.
    *house.mute.0.lock().unwrap() = Some(FailureKind::Unavailable);
    house.say(&engine, "unsaid", "m1");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(house.inspect("unsaid", |it| it.contact.due(&it.served.rules)), None);
    house.detach(&engine);
    tokio::time::sleep(ABSENCE - Duration::from_secs(1)).await;
    house.gateway.end_abandoned().await;
    assert_eq!(house.gateway.contacts(), 2, "not yet");
    tokio::time::sleep(Duration::from_secs(1)).await;
    house.gateway.end_abandoned().await;
    assert_eq!(house.gateway.contacts(), 0);
    house.written().await;
    assert_eq!(house.closed().await, 2);
}

#[tokio::test(start_paused = true)]
async fn an_orphan_is_ended_for_good_even_if_its_profile_comes_back() {
    let house = House::new().await;
    let engine = house.staffed();
    house.offer(&engine, "c1");
    house.gateway.checkpoint().await;
    house.written().await;
    let without = House::on(Arc::clone(&house.store), &[]).await;
    let found = without.gateway.recover().await.unwrap();
    assert_eq!((found.contacts, found.orphans, found.unreadable), (0, 1, 0));
    without.written().await;
    assert_eq!(without.closed().await, 1);
    let records = house.store.records(&contact("c1"), 10).await.unwrap();
    assert_eq!(
        (records.len(), verify_chain(&ChainKeys::of(&Sealer::from_key([0; 32])), &records)),
        (2, Ok(())),
        "its end is in its timeline"
    );
    let again = House::on(Arc::clone(&house.store), &["va1"]).await;
    let found = again.gateway.recover().await.unwrap();
    assert_eq!((found.contacts, found.orphans, again.gateway.contacts()), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_unit_that_is_removed_and_comes_back_still_has_its_contacts() {
    let house = House::new().await;
    let engine = house.staffed();
    house.offer(&engine, "c1");
    house.gateway.reload(Vec::new(), Roster::default());
    assert!(house.gateway.agents().is_empty());
    house.detach(&engine);
    let (out, _frames) = mpsc::channel(1);
    let refused = house.gateway.attach(&unit(), &EngineId::new("engine-1").unwrap(), out, None);
    assert_eq!(refused, Err(AttachError::UnknownUnit));
    house.gateway.reload(vec![unit()], roster_of(served(&["va1"], &house.mute)));
    let engine = house.staffed();
    assert_eq!(house.inspect("c1", |it| it.unit.lane(engine.id).map(|it| it.id)), Some(engine.id));
    tokio::time::sleep(TIMEOUT).await;
    assert!(house.inspect("c1", |it| it.unit.timers_run(house.gateway.clock.now())));
}

#[tokio::test(start_paused = true)]
async fn s16_a_unit_that_is_removed_takes_its_alerts_along() {
    let house = House::new().await;
    let engine = house.attach();
    house.frame(&engine, FromEngine::Directory(directory(&[])));
    assert_eq!(house.alerts(), [("unknown_user", "user va1")].map(|(kind, of)| (kind, of.to_owned())));
    house.frame(&engine, FromEngine::Directory(directory(&["va1"])));
    let reason = crate::core::agent::LogOnRefusal::NoLicence;
    house.frame(&engine, FromEngine::LogOnRefused { user: user(), reason, detail: String::new() });
    assert_eq!(house.alerts(), [("log_on_no_licence", "user va1")].map(|(kind, of)| (kind, of.to_owned())));
    house.gateway.reload(Vec::new(), Roster::default());
    assert_eq!(house.alerts(), []);
}

#[tokio::test(start_paused = true)]
async fn an_alert_about_a_language_engine_outlives_a_reload_until_it_is_mended() {
    let house = House::new().await;
    let engine = house.staffed();
    house.offer(&engine, "c1");
    *house.mute.0.lock().unwrap() = Some(FailureKind::Credential);
    house.say(&engine, "c1", "m1");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(house.alerts(), [("credential", "profile support".to_owned())]);
    let before = Arc::clone(&house.gateway.roster.load().profiles()[0]);
    house.gateway.reload(vec![unit()], roster_of(served(&["va1"], &house.mute).succeeding(&before)));
    assert_eq!(house.alerts().len(), 1, "nothing is mended yet");
    *house.mute.0.lock().unwrap() = None;
    house.offer(&engine, "c2");
    house.say(&engine, "c2", "m1");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(house.alerts(), []);
}

#[tokio::test(start_paused = true)]
async fn a_profile_that_is_removed_takes_its_alerts_along() {
    let house = House::new().await;
    let engine = house.staffed();
    house.offer(&engine, "c1");
    *house.mute.0.lock().unwrap() = Some(FailureKind::Quota);
    house.say(&engine, "c1", "m1");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(house.alerts(), [("quota", "profile support".to_owned())]);
    house.gateway.reload(vec![unit()], Roster::default());
    assert_eq!(house.alerts(), []);
    house.say(&engine, "c1", "m2");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(house.alerts(), [], "a contact that runs out brings none back");
}

/// Each lane's deltas change users of their own, from threads of their own, so that a lost one shows.
#[tokio::test]
async fn s3_no_lane_overwrites_what_another_has_just_told_of_the_directory() {
    const EACH: usize = 200;
    let house = House::new().await;
    let (one, two) = (house.staffed(), house.attach());
    let tell = |engine: &Engine, lane: usize| {
        for n in 0..EACH {
            let changed = directory(&[&format!("user-{lane}-{n}")]);
            house.frame(engine, FromEngine::Delta(Delta { changed, ..Delta::default() }));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| tell(&one, 1));
        scope.spawn(|| tell(&two, 2));
    });
    let unit = house.gateway.unit(&unit()).unwrap();
    assert_eq!(unit.directory.load().users.len(), 1 + 2 * EACH);
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_not_forget_that_the_customer_was_typing() {
    let house = House::new().await;
    let engine = house.staffed();
    house.offer(&engine, "c1");
    house.gateway.checkpoint().await;
    let due = |house: &House| house.inspect("c1", |it| it.contact.due(&it.served.rules)).unwrap();
    let before = due(&house);
    tokio::time::advance(TIMEOUT / 2).await;
    house.frame(&engine, FromEngine::Typing { contact: contact("c1").name });
    assert_eq!(due(&house), before + TIMEOUT / 2);
    house.gateway.checkpoint().await;
    house.written().await;
    let next = House::on(Arc::clone(&house.store), &["va1"]).await;
    next.gateway.recover().await.unwrap();
    assert_eq!(due(&next), before + TIMEOUT / 2);
}

#[tokio::test(start_paused = true)]
async fn an_engine_whose_connection_flaps_does_not_stop_the_clocks() {
    let house = House::new().await;
    let unit = house.gateway.unit(&unit()).unwrap();
    let runs = || unit.timers_run(house.gateway.clock.now());
    let mut seen = Vec::new();
    for _ in 0..5 {
        let engine = house.attach();
        tokio::time::sleep(Duration::from_millis(1400)).await;
        seen.push(runs());
        house.detach(&engine);
        assert!(!runs(), "never without an engine");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The second attachment outlives the first one's grace, the third has one of its own.
    assert_eq!(seen, [false, true, false, true, false]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let _engine = house.attach();
    tokio::time::sleep(Duration::from_millis(1999)).await;
    assert!(!runs(), "after a longer absence the whole grace");
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(runs());
}

#[tokio::test(start_paused = true)]
async fn s2_agents_do_not_look_logged_on_at_an_engine_that_is_gone_for_good() {
    let house = House::new().await;
    let engine = house.staffed();
    house.detach(&engine);
    tokio::time::sleep(Duration::from_secs(599)).await;
    house.gateway.tick_agents(house.gateway.clock.now());
    assert_eq!(house.standing(), Standing::LoggedOn, "its session may come back");
    tokio::time::sleep(Duration::from_secs(1)).await;
    house.gateway.tick_agents(house.gateway.clock.now());
    assert_eq!(house.standing(), Standing::AwaitingEngine);
    house.staffed();
    assert_eq!(house.standing(), Standing::LoggedOn);
}

impl House {
    /// The customer says something, and the apology for it is under way.
    async fn apologise(&self, engine: &Engine, name: &str, id: &str) {
        *self.mute.0.lock().unwrap() = Some(FailureKind::Unavailable);
        self.say(engine, name, id);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    fn resume(&self, engine: &mut Engine) -> Result<LaneId, AttachError> {
        let (out, frames) = mpsc::channel(100);
        let name = EngineId::new("engine-1").unwrap();
        let resumed = self.gateway.attach(&unit(), &name, out.clone(), Some(engine.id));
        if resumed.is_ok() {
            (engine.out, engine.frames) = (out, frames);
        }
        resumed
    }
}

impl Engine {
    /// Numbers of the commands that came since the last look.
    fn commands(&mut self) -> Vec<u32> {
        let mut seqs = Vec::new();
        while let Ok(frame) = self.frames.try_recv() {
            if let ToEngine::Command { seq, .. } = frame {
                seqs.push(seq.0);
            }
        }
        seqs
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_on_of_somebody_else_is_refused() {
    let house = House::new().await;
    let mut engine = house.staffed();
    house.frame(&engine, FromEngine::AgentLoggedOn { user: UserId::new("somebody").unwrap() });
    let mut refused = Vec::new();
    while let Ok(frame) = engine.frames.try_recv() {
        if let ToEngine::Refused { reason, detail, .. } = frame {
            refused.push((reason, detail));
        }
    }
    assert_eq!(refused, [(lane::Refusal::UnknownUser, "somebody is not a virtual agent here".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_contact_is_in_the_wheel_once_however_often_its_deadline_moves() {
    let house = House::new().await;
    let engine = house.staffed();
    house.offer(&engine, "c1");
    let stop = CancellationToken::new();
    let timers = tokio::spawn(Arc::clone(&house.gateway).run_timers(stop.clone()));
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(7)).await;
        house.frame(&engine, FromEngine::Typing { contact: contact("c1").name });
    }
    stop.cancel();
    timers.await.unwrap();
    assert_eq!(house.gateway.shards.each().map(|shard| shard.wheel.len()).sum::<usize>(), 1);
}

#[tokio::test(start_paused = true)]
async fn b13_who_watches_is_told_of_its_contacts_commits_and_watchers_are_bounded() {
    let house = House::new().await;
    let engine = house.staffed();
    let watch = |name: &str| house.gateway.watch(&contact(name));
    let (mine, other) = (watch("c1").unwrap(), watch("c2").unwrap());
    house.offer(&engine, "c1");
    assert_eq!(mine.grown().now_or_never(), None, "nothing is committed yet");
    house.written().await;
    assert_eq!(mine.grown().now_or_never(), Some(()));
    assert_eq!(mine.grown().now_or_never(), None, "once");
    assert_eq!(other.grown().now_or_never(), None);
    let held: Vec<_> = (2..MAX_WATCHERS).map(|_| watch("c1").unwrap()).collect();
    assert_eq!(watch("c3").unwrap_err(), TooManyWatchers);
    drop((held, mine));
    watch("c3").unwrap();
}
