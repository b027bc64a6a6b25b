//! Several engines of one profile: fail-over (B7), the canary and the shadow (B5), the filler (B6).

use super::*;
use crate::{
    config::settings::Rollback,
    core::{
        ids::EngineName,
        message::{Parameters, Reply},
        profile::Chain,
        step::Step,
    },
    gateway::{ports::Outage, timeline},
};

/// Answers with its name, or fails as it was told; remembers what it was asked.
#[derive(Debug, Default)]
struct Scripted {
    name: &'static str,
    failure: Mutex<Option<FailureKind>>,
    takes: Mutex<Duration>,
    not_understood: AtomicBool,
    is_out: AtomicBool,
    asked: Mutex<Vec<Ask>>,
}

impl Scripted {
    fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, ..Self::default() })
    }

    fn fails(&self, kind: impl Into<Option<FailureKind>>) {
        *self.failure.lock().unwrap() = kind.into();
    }

    fn takes(&self, span: Duration) {
        *self.takes.lock().unwrap() = span;
    }

    /// What it was asked since the last look.
    fn asked(&self) -> Vec<Ask> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

impl LanguageEngine for Scripted {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        self.asked.lock().unwrap().push(ask);
        let (failure, takes) = (*self.failure.lock().unwrap(), *self.takes.lock().unwrap());
        Box::pin(async move {
            tokio::time::sleep(takes).await;
            if let Some(kind) = failure {
                return Err(AskError::new(kind, crate::core::said::Said::foreign("mend it")));
            }
            let parameters: Parameters = [("by".to_owned(), self.name.into())].into_iter().collect();
            let not_understood = self.not_understood.load(Ordering::Relaxed);
            let replies = vec![Reply::Text(self.name.to_owned())];
            Ok(Answer { replies, parameters, not_understood, parameters_complete: true, ..Answer::default() })
        })
    }

    fn outage(&self) -> Option<Outage> {
        let (since, kind, advice) = (T0, FailureKind::Deadline, crate::core::said::Said::foreign("mend it"));
        self.is_out.load(Ordering::Relaxed).then_some(Outage { since, kind, advice, probing: false })
    }
}

fn dynamic(engine: &Arc<Scripted>) -> Arc<dyn LanguageEngine> {
    Arc::<Scripted>::clone(engine)
}

fn standby() -> EngineName {
    EngineName::new("second").unwrap()
}

const ROLLBACK: Rollback =
    Rollback { min_turns: 10, not_understood_points: 10, failure_points: 5, latency_percent: 300 };

/// A profile of a primary, a standby and, for all contacts, a canary and a shadow where they are there.
struct Crew {
    house: House,
    primary: Arc<Scripted>,
    standby: Arc<Scripted>,
    canary: Arc<Scripted>,
    shadow: Arc<Scripted>,
}

impl Crew {
    async fn new(canary: Option<u8>, shadow: Option<u8>) -> Self {
        let [primary, standby, canary_engine, shadow_engine] =
            ["primary", "standby", "canary", "shadow"].map(Scripted::new);
        let crew = |house| Self { house, primary, standby, canary: canary_engine, shadow: shadow_engine };
        let crew = crew(House::new().await);
        crew.load(canary, shadow, ROLLBACK);
        crew
    }

    fn served(&self, canary: Option<u8>, shadow: Option<u8>, rollback: Rollback) -> Served {
        let mut rules = rules(&["va1"]);
        rules.chain = Chain { canary_percent: canary, standbys: vec![standby()] };
        rules.handover.typing_after = Duration::from_millis(500);
        let mut engines = Engines::only(dynamic(&self.primary)).and(standby(), dynamic(&self.standby));
        if canary.is_some() {
            engines = engines.with_canary(dynamic(&self.canary), rollback);
        }
        if let Some(percent) = shadow {
            engines = engines.with_shadow(Shadow::new(dynamic(&self.shadow), percent));
        }
        Served::new(Arc::new(rules), engines, SecretString::from("secret"), vec![MediaType::OpenMedia])
    }

    /// Puts it in force.
    fn load(&self, canary: Option<u8>, shadow: Option<u8>, rollback: Rollback) {
        let before = Arc::clone(&self.house.gateway.roster.load().profiles()[0]);
        let served = self.served(canary, shadow, rollback).succeeding(&before);
        self.house.gateway.reload(vec![unit()], roster_of(served));
    }

    async fn say(&self, engine: &Engine, contact: &str, id: &str) {
        self.house.say(engine, contact, id);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    /// The contact's timeline.
    async fn steps(&self, name: &str) -> Vec<Step> {
        self.house.written().await;
        let records = self.house.gateway.timeline(&contact(name), storage::Pos(0), 100).await.unwrap();
        let mut steps: Vec<Step> = Vec::new();
        for record in &records {
            steps.extend(timeline::steps(record).unwrap().unwrap());
        }
        steps
    }

    fn texts(&self, name: &str) -> Vec<String> {
        self.house.inspect(name, |it| it.contact.undelivered().filter_map(|(_, command)| said(command)).collect())
    }

    fn metric(&self, sample: &str) -> String {
        let page = self.house.gateway.metrics.render();
        let found = page.lines().find_map(|line| line.strip_prefix(sample).map(|it| it.trim().to_owned()));
        found.unwrap_or_else(|| panic!("no `{sample}` in\n{page}"))
    }

    fn of_engine(&self, metric: &str, engine: &str) -> String {
        self.metric(&format!("{metric}{{unit=\"north\",profile=\"support\",engine=\"{engine}\"}}"))
    }
}

fn said(command: &crate::core::contact::Command) -> Option<String> {
    match command {
        crate::core::contact::Command::Say(replies) => Some(replies.iter().map(Reply::text).collect()),
        crate::core::contact::Command::Requeue { .. }
        | crate::core::contact::Command::CreateCallback { .. }
        | crate::core::contact::Command::PushUrl(_)
        | crate::core::contact::Command::EndContact { .. } => None,
    }
}

#[tokio::test(start_paused = true)]
async fn b7_the_standby_answers_and_knows_what_was_said() {
    let crew = Crew::new(None, None).await;
    let engine = crew.house.staffed();
    crew.house.offer(&engine, "c1");
    crew.say(&engine, "c1", "m1").await;
    crew.primary.fails(FailureKind::Unavailable);
    crew.say(&engine, "c1", "m2").await;
    crew.primary.fails(None);
    crew.say(&engine, "c1", "m3").await;
    assert_eq!(crew.texts("c1"), ["primary", "standby", "standby"], "it stays with the standby");
    let asked = crew.standby.asked();
    let seed = asked[0].seed.as_ref().expect("a seed");
    let lines: Vec<&str> = seed.transcript.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(lines, ["hello", "primary"], "without the question itself");
    assert_eq!(seed.slots.get("by"), Some(&"primary".into()));
    assert!(asked[1].seed.is_none(), "it has the conversation now");
    let [first, ..] = &*crew.primary.asked() else { panic!("asked") };
    assert!(!first.ongoing && asked[0].ongoing, "it has had an answer before");
    crew.house.offer(&engine, "c2");
    crew.say(&engine, "c2", "m1").await;
    assert_eq!(crew.texts("c2"), ["primary"], "a new contact begins with the primary");
    assert_eq!(crew.metric("usher_fail_overs_total{kind=\"unavailable\"}"), "1");
    assert_eq!(crew.of_engine("usher_engine_failures_total", "primary"), "1");
    assert_eq!(crew.of_engine("usher_engine_questions_total", "second"), "2");
}

#[tokio::test(start_paused = true)]
async fn b7_a_gateway_that_is_killed_in_the_middle_of_a_fail_over_asks_the_standby_after_its_restart() {
    let crew = Crew::new(None, None).await;
    let engine = crew.house.staffed();
    crew.house.offer(&engine, "c1");
    crew.primary.fails(FailureKind::Unavailable);
    crew.standby.takes(Duration::from_secs(60));
    crew.say(&engine, "c1", "m1").await;
    assert_eq!(crew.standby.asked().len(), 1);
    crew.house.written().await;
    crew.standby.takes(Duration::ZERO);
    let served = crew.served(None, None, ROLLBACK);
    let next = House::with(Arc::clone(&crew.house.store), served, Arc::default()).await;
    next.gateway.recover().await.unwrap();
    let _engine = next.staffed();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(crew.standby.asked().len(), 1);
    assert!(crew.primary.asked().len() == 1, "not the primary again");
    let texts: Vec<String> =
        next.inspect("c1", |it| it.contact.undelivered().filter_map(|(_, command)| said(command)).collect());
    assert_eq!(texts, ["standby"]);
}

#[tokio::test(start_paused = true)]
async fn b7_an_outage_is_an_alert_that_goes_by_itself() {
    let crew = Crew::new(None, None).await;
    let _engine = crew.house.staffed();
    crew.standby.is_out.store(true, Ordering::Relaxed);
    crew.house.gateway.report_outages();
    assert_eq!(crew.house.alerts(), [("outage", "profile support, engine second".to_owned())]);
    assert_eq!(crew.of_engine("usher_engine_breaker", "second"), "2");
    assert_eq!(crew.of_engine("usher_engine_breaker", "primary"), "0");
    // A reload that keeps the engine keeps the alert; without the engine it is nobody's.
    crew.load(None, None, ROLLBACK);
    crew.house.gateway.report_outages();
    assert_eq!(crew.house.alerts().len(), 1);
    crew.standby.is_out.store(false, Ordering::Relaxed);
    crew.house.gateway.report_outages();
    assert_eq!((crew.house.alerts(), crew.of_engine("usher_engine_breaker", "second")), (Vec::new(), "0".to_owned()));
    crew.standby.is_out.store(true, Ordering::Relaxed);
    crew.house.gateway.report_outages();
    crew.house.gateway.reload(vec![unit()], Roster::default());
    assert_eq!(crew.house.alerts(), []);
}

#[tokio::test(start_paused = true)]
async fn b7_a_refused_credential_of_the_primary_stays_raised_while_the_standby_answers() {
    let crew = Crew::new(None, None).await;
    let engine = crew.house.staffed();
    crew.house.offer(&engine, "c1");
    crew.primary.fails(FailureKind::Credential);
    crew.say(&engine, "c1", "m1").await;
    crew.say(&engine, "c1", "m2").await;
    assert_eq!(crew.texts("c1"), ["standby", "standby"]);
    assert_eq!(crew.house.alerts(), [("credential", "profile support".to_owned())]);
    crew.primary.fails(None);
    crew.house.offer(&engine, "c2");
    crew.say(&engine, "c2", "m1").await;
    assert_eq!(crew.house.alerts(), []);
}

#[tokio::test(start_paused = true)]
async fn b5_a_canary_that_fails_is_given_up_and_its_contacts_go_to_the_primary() {
    let crew = Crew::new(Some(100), None).await;
    let engine = crew.house.staffed();
    crew.house.offer(&engine, "c1");
    crew.say(&engine, "c1", "m0").await;
    assert_eq!(crew.texts("c1"), ["canary"]);
    crew.canary.not_understood.store(true, Ordering::Relaxed);
    crew.canary.fails(FailureKind::Internal);
    // Each new contact begins with the canary and goes on with the primary.
    for n in 0..9 {
        let name = format!("d{n}");
        crew.house.offer(&engine, &name);
        crew.say(&engine, &name, "m1").await;
        assert_eq!(crew.texts(&name), ["primary"]);
        let frame = FromEngine::Ended { contact: contact(&name).name, reason: String::new() };
        crew.house.frame(&engine, frame);
    }
    assert_eq!(crew.house.alerts(), [("rolled_back", "profile support, engine canary".to_owned())]);
    crew.house.gateway.report_outages();
    assert_eq!(crew.of_engine("usher_canary_rolled_back", "canary"), "1");
    crew.canary.asked();
    // An ongoing one at its next turn, and it is told why; a new one from the beginning.
    crew.say(&engine, "c1", "m1").await;
    crew.house.offer(&engine, "e1");
    crew.say(&engine, "e1", "m1").await;
    assert_eq!((crew.texts("c1"), crew.texts("e1")), (vec!["canary".into(), "primary".into()], vec!["primary".into()]));
    assert_eq!(crew.canary.asked().len(), 0);
    let moved = crew.steps("c1").await.iter().filter(|step| matches!(step, Step::Moved { .. })).count();
    assert_eq!(moved, 1);
    // A reload that leaves the canary as it is changes nothing; one that changes it tries again.
    crew.load(Some(100), Some(0), ROLLBACK);
    crew.house.offer(&engine, "e2");
    crew.say(&engine, "e2", "m1").await;
    assert_eq!((crew.texts("e2"), crew.house.alerts().len()), (vec!["primary".to_owned()], 1));
    crew.canary.fails(None);
    crew.load(Some(100), None, Rollback { min_turns: 11, ..ROLLBACK });
    assert_eq!(crew.house.alerts(), []);
    crew.house.offer(&engine, "e3");
    crew.say(&engine, "e3", "m1").await;
    assert_eq!(crew.texts("e3"), ["canary"]);
}

#[tokio::test(start_paused = true)]
async fn b5_a_canary_keeps_its_contacts_also_after_a_restart() {
    let crew = Crew::new(Some(50), None).await;
    let first = |name: &str| crew.served(Some(50), None, ROLLBACK).first_engine(&contact(name).name);
    let names: Vec<String> = (0..50).map(|n| format!("c{n}")).collect();
    let canaries: Vec<&String> = names.iter().filter(|name| first(name).is_some()).collect();
    assert!((10..40).contains(&canaries.len()), "{canaries:?}");
    assert!(names.iter().all(|name| first(name).is_some() == canaries.contains(&name)), "always the same");
}

#[tokio::test(start_paused = true)]
async fn b5_a_shadow_is_asked_the_same_in_its_own_conversation_and_nothing_comes_of_it() {
    let crew = Crew::new(None, Some(100)).await;
    let engine = crew.house.staffed();
    crew.house.offer(&engine, "c1");
    crew.shadow.takes(Duration::from_millis(200));
    crew.shadow.not_understood.store(true, Ordering::Relaxed);
    crew.say(&engine, "c1", "m1").await;
    assert_eq!(crew.texts("c1"), ["primary"]);
    let asked = crew.shadow.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].contact, contact("c1~shadow"));
    assert_eq!((&asked[0].input, asked[0].payload.get("shadow")), (&Input::Text("hello".into()), Some(&true.into())));
    let told: Vec<String> =
        crew.steps("c1").await.iter().filter(|step| matches!(step, Step::Shadowed { .. })).map(Step::tell).collect();
    assert_eq!(told, ["turn 1: the shadow answered in 200 ms; differs in not_understood"]);
    let compared = |result: &str| {
        crew.metric(&format!("usher_shadow_answers_total{{unit=\"north\",profile=\"support\",result=\"{result}\"}}"))
    };
    assert_eq!(compared("not_understood"), "1");
    // Only one at a time per contact: what comes meanwhile is skipped, and the customer's turns go on.
    crew.shadow.takes(Duration::from_secs(5));
    crew.say(&engine, "c1", "m2").await;
    crew.say(&engine, "c1", "m3").await;
    assert_eq!((crew.texts("c1").len(), crew.shadow.asked().len(), compared("skipped")), (3, 1, "1".to_owned()));
    tokio::time::sleep(Duration::from_secs(10)).await;
    crew.shadow.takes(Duration::ZERO);
    crew.say(&engine, "c1", "m4").await;
    assert_eq!(crew.shadow.asked().len(), 1, "it goes on");
}

#[tokio::test(start_paused = true)]
async fn b5_a_shadow_hears_nothing_sensitive_and_no_repetition_and_stale_turns_are_dropped() {
    let crew = Crew::new(None, Some(100)).await;
    let engine = crew.house.staffed();
    crew.house.offer(&engine, "c1");
    let (name, id, input) = (contact("c1").name, MessageId::new("m1").unwrap(), Input::Text("4111".to_owned()));
    crew.house.frame(&engine, FromEngine::Message { contact: name, id, input, sensitive: true });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(crew.shadow.asked().len(), 0);
    crew.primary.fails(FailureKind::Internal);
    crew.say(&engine, "c1", "m2").await;
    assert_eq!(crew.shadow.asked().len(), 1, "once, although two engines were asked");
    crew.standby.takes(Duration::from_secs(5));
    crew.say(&engine, "c1", "m3").await;
    let frame = FromEngine::Ended { contact: contact("c1").name, reason: String::new() };
    crew.house.frame(&engine, frame);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let stale = "usher_shadow_answers_total{unit=\"north\",profile=\"support\",result=\"stale\"}";
    assert_eq!(crew.metric(stale), "1");
}

#[tokio::test(start_paused = true)]
async fn b5_a_drain_does_not_wait_for_a_shadow() {
    let crew = Crew::new(None, Some(100)).await;
    let engine = crew.house.staffed();
    crew.house.offer(&engine, "c1");
    crew.shadow.takes(Duration::from_secs(50));
    crew.say(&engine, "c1", "m1").await;
    crew.house.written().await;
    let began = Clock::instant();
    crew.house.gateway.drain(Duration::from_secs(30)).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn b6_the_wheel_shows_the_customer_that_somebody_writes() {
    let crew = Crew::new(None, None).await;
    let mut engine = crew.house.staffed();
    crew.house.offer(&engine, "c1");
    let stop = CancellationToken::new();
    let timers = tokio::spawn(Arc::clone(&crew.house.gateway).run_timers(stop.clone()));
    tokio::time::sleep(Duration::from_secs(3)).await;
    crew.primary.takes(Duration::from_millis(400));
    crew.say(&engine, "c1", "m1").await;
    crew.primary.takes(Duration::from_millis(900));
    crew.say(&engine, "c1", "m2").await;
    stop.cancel();
    timers.await.unwrap();
    crew.house.written().await;
    let mut typing = 0;
    while let Ok(frame) = engine.frames.try_recv() {
        typing += usize::from(matches!(frame, ToEngine::Typing { .. }));
    }
    assert_eq!(typing, 1, "for the answer that took long, not for the other");
}
