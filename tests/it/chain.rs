//! Several Dialogflows behind one profile, on real sockets: one dies and another steps in (B7), a quota is kept (B12), a canary
//! is given up, a shadow is only compared (B5), and a customer who waits sees that somebody writes (B6).

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::FutureExt as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use tonic::Code;
use usher::wire::engine::{ContactOffered, MediaType, gateway_frame};

use crate::{
    fakes::{
        dialogflow::{FakeDialogflow, Reaction, say},
        engine::FakeEngine,
        google::Decides,
    },
    harness::{CONFIG, Usher, profile},
};

/// Two engines, the gateway, a contact centre.
struct Stage {
    first: FakeDialogflow,
    second: FakeDialogflow,
    usher: Usher,
    centre: FakeEngine,
}

impl Stage {
    /// `more`: tables of the profile, made with the second engine's endpoint.
    async fn new(more: impl FnOnce(&str) -> String) -> Self {
        let (first, second) = (FakeDialogflow::start(), FakeDialogflow::start());
        first.otherwise(say("first"));
        second.otherwise(say("second"));
        let profile = profile(&first.endpoint()) + &more(&second.endpoint());
        let usher = Usher::start(&CONFIG.replace("[ops]", "[ops]\ntoken = \"ops-token\""), &profile).await;
        let centre = usher.setup().queue("support", MediaType::OpenMedia);
        let centre = FakeEngine::attach(centre).await.unwrap();
        Self { first, second, usher, centre }
    }

    async fn open(&self, contact: &str) {
        let (contact, agent) = (contact.to_owned(), "va1".to_owned());
        let media_type = MediaType::OpenMedia.into();
        self.centre.open_as(ContactOffered { contact, agent, media_type, ..ContactOffered::default() }).await;
    }

    /// The customer writes, and this is the answer.
    async fn answer(&self, contact: &str) -> String {
        self.centre.say(contact, "hello").await;
        self.centre.next_say(contact).await.concat()
    }

    async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.usher.ops).await.unwrap();
        let head =
            format!("GET {path} HTTP/1.1\r\nhost: ops\r\nauthorization: Bearer ops-token\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    async fn of_engine(&self, metric: &str, engine: &str) -> String {
        let sample = format!("{metric}{{unit=\"sales\",profile=\"support\",engine=\"{engine}\"}} ");
        let page = self.get("/metrics").await;
        page.lines().find_map(|line| line.strip_prefix(&sample)).unwrap_or_else(|| panic!("no {sample}")).to_owned()
    }

    async fn alerts(&self) -> Vec<String> {
        let page: Value = serde_json::from_str(&self.get("/alerts").await).unwrap();
        page["alerts"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect()
    }

    async fn steps(&self, contact: &str, kind: &str) -> Vec<Value> {
        let document: Value = serde_json::from_str(&self.get(&format!("/timeline/sales/{contact}")).await).unwrap();
        let records = document["records"].as_array().unwrap().iter();
        let steps = records.flat_map(|it| it["steps"].as_array().unwrap().iter());
        steps.filter(|it| it["step"] == kind).cloned().collect()
    }
}

fn standby(endpoint: &str) -> String {
    format!(
        "[[standby]]\nname = \"second\"\ntype = \"dialogflow-v2\"\n[standby.dialogflow]\nproject = \"q\"\nendpoint = \
         \"{endpoint}\"\n"
    )
}

/// Looks again and again, at most for ten seconds; for what the gateway does by itself.
async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) -> Duration {
    let began = Instant::now();
    let mut rounds = interval(Duration::from_millis(20));
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let found = timeout(Duration::from_secs(10), async {
        loop {
            rounds.tick().await;
            if look().await {
                return;
            }
        }
    });
    found.await.unwrap_or_else(|_| panic!("never: {what}"));
    began.elapsed()
}

#[tokio::test]
async fn b7_a_primary_that_dies_leaves_nobody_unanswered_and_comes_back_by_itself() {
    let Stage { first, second, usher, centre } = Stage::new(standby).await;
    let address = first.address();
    let stage = Stage { first, second, usher, centre };
    stage.open("old").await;
    assert_eq!(stage.answer("old").await, "first");
    // It dies: connections are refused.
    let Stage { first, second, usher, centre } = stage;
    drop(first);
    let stage = Stage { first: FakeDialogflow::start(), second, usher, centre };
    assert_eq!(stage.answer("old").await, "second");
    for n in 0..10 {
        let name = format!("c{n}");
        stage.open(&name).await;
        assert_eq!(stage.answer(&name).await, "second", "{name}");
    }
    until("the breaker opens", async || stage.of_engine("usher_engine_breaker", "primary").await != "0").await;
    assert_eq!(stage.alerts().await, ["outage"]);
    // What was said goes along, and the timeline tells why.
    let over = stage.steps("old", "failed_over").await;
    assert_eq!(
        (&over[0]["from"], &over[0]["to"], &over[0]["kind"]),
        (&json!("primary"), &json!("second"), &json!("unavailable"))
    );
    let last = stage.steps("c9", "failed_over").await;
    assert!(last[0]["advice"].as_str().unwrap().contains("breaker open since"), "{last:?}");
    // It is back: new contacts find out, ongoing ones stay where they are.
    let Stage { first: _, second, usher, centre } = stage;
    let stage = Stage { first: FakeDialogflow::start_at(address), second, usher, centre };
    stage.first.otherwise(say("first"));
    let mut n = 10;
    let back = async || {
        n += 1;
        let name = format!("c{n}");
        stage.open(&name).await;
        stage.answer(&name).await == "first"
    };
    until("the primary answers again", back).await;
    assert_eq!(stage.answer("old").await, "second");
    until("the breaker closes", async || stage.of_engine("usher_engine_breaker", "primary").await == "0").await;
    assert_eq!(stage.alerts().await, Vec::<String>::new());
    stage.usher.drain().await;
}

#[tokio::test]
async fn b7_when_all_are_dead_a_person_takes_over_at_the_first_message() {
    let handover = |endpoint: &str| {
        standby(endpoint)
            + "[handover]\nqueue = \"support\"\nfailure_message = \"A colleague takes over.\"\nfailures_after = 3\n"
    };
    let Stage { first, second, usher, centre } = Stage::new(handover).await;
    drop((first, second));
    let stage = Stage { first: FakeDialogflow::start(), second: FakeDialogflow::start(), usher, centre };
    stage.open("c1").await;
    assert_eq!(stage.answer("c1").await, "A colleague takes over.");
    let command = stage.centre.next_command("c1").await;
    let requeued = format!("{:?}", command.command);
    assert!(requeued.contains("2 technical failures in a row"), "{requeued}");
    stage.usher.drain().await;
}

/// Grants ten at once and then so many a second, and refuses the others as Google does.
fn quota(per_second: f64) -> Decides<crate::fakes::dialogflow::V2> {
    let bucket = Arc::new(Mutex::new((10.0_f64, Instant::now())));
    Decides(Arc::new(move |_| {
        let mut bucket = bucket.lock().unwrap();
        let now = Instant::now();
        bucket.0 = (bucket.0 + (now - bucket.1).as_secs_f64() * per_second).min(10.0);
        bucket.1 = now;
        let granted = bucket.0 >= 1.0;
        if granted {
            bucket.0 -= 1.0;
        }
        let reaction = if granted { say("granted").into() } else { Reaction::Status(Code::ResourceExhausted) };
        std::future::ready(reaction).boxed()
    }))
}

#[tokio::test]
async fn b12_a_quota_that_nobody_knew_of_is_learned_and_no_refusal_reaches_a_customer() {
    let stage = Stage::new(|_| String::new()).await;
    let names: Vec<String> = (0..30).map(|n| format!("c{n}")).collect();
    for name in &names {
        stage.open(name).await;
        assert_eq!(stage.answer(name).await, "first");
    }
    stage.first.leaves_it_to(quota(10.0));
    let answers = futures::future::join_all(names.iter().map(|name| stage.answer(name))).await;
    assert!(answers.iter().all(|it| it == "granted"), "{answers:?}");
    let refused = stage.first.requests().len() - 60;
    assert!((1..=40).contains(&refused), "{refused} were refused before it was learned");
    stage.usher.drain().await;
}

#[tokio::test]
async fn b12_a_configured_quota_is_kept_and_new_contacts_that_cannot_have_a_turn_go_to_the_standby() {
    // One a second.
    let more = |endpoint: &str| "quota_per_minute = 60\ndeadline_ms = 2000\n".to_owned() + &standby(endpoint);
    let stage = Stage::new(more).await;
    let names: Vec<String> = (0..12).map(|n| format!("c{n}")).collect();
    for name in &names {
        stage.open(name).await;
    }
    let answers = futures::future::join_all(names.iter().map(|name| stage.answer(name))).await;
    let first = answers.iter().filter(|it| *it == "first").count();
    assert!((1..=4).contains(&first), "{answers:?}");
    assert_eq!(answers.iter().filter(|it| *it == "second").count(), 12 - first);
    assert_eq!(stage.first.requests().len(), first, "what has no turn is not asked");
    let over = stage.steps("c11", "failed_over").await;
    assert_eq!(over[0]["kind"], "quota");
    assert!(over[0]["ms"].as_u64().unwrap() < 1_000, "it is told early: {over:?}");
    stage.usher.drain().await;
}

fn canary(endpoint: &str) -> String {
    format!(
        "[canary]\nshare_percent = 100\nmin_turns = 10\n[canary.dialogflow]\nproject = \"q\"\nendpoint = \"{endpoint}\"\n"
    )
}

#[tokio::test]
async fn b5_a_canary_that_fails_is_given_up_by_itself() {
    let stage = Stage::new(canary).await;
    stage.open("old").await;
    assert_eq!(stage.answer("old").await, "second");
    stage.second.otherwise(Reaction::Status(Code::Internal));
    let mut asked = 0;
    while stage.alerts().await.iter().all(|it| it != "rolled_back") {
        asked += 1;
        assert!(asked <= 12, "{asked} contacts met a canary that fails");
        let name = format!("c{asked}");
        stage.open(&name).await;
        assert_eq!(stage.answer(&name).await, "first", "nobody goes without an answer");
    }
    until("the gauge", async || stage.of_engine("usher_canary_rolled_back", "canary").await == "1").await;
    let before = stage.second.requests().len();
    assert_eq!(stage.answer("old").await, "first");
    stage.open("new").await;
    assert_eq!(stage.answer("new").await, "first");
    assert_eq!(stage.second.requests().len(), before, "it is asked no more");
    assert_eq!(stage.steps("old", "moved").await[0]["why"], "rolled_back");
    stage.usher.drain().await;
}

#[tokio::test]
async fn b5_a_shadow_has_conversations_of_its_own_and_what_it_asks_for_is_not_done() {
    let more = |endpoint: &str| {
        format!(
            "[shadow]\nshare_percent = 100\n[shadow.dialogflow]\nproject = \"q\"\nendpoint = \"{endpoint}\"\n[[action]]\nname = \
             \"person\"\nmedia = \"openmedia\"\nkind = \"requeue\"\nqueue = \"support\"\n"
        )
    };
    let stage = Stage::new(more).await;
    stage.second.otherwise(say("One moment.").action("person", &json!({})));
    stage.open("c1").await;
    assert_eq!(stage.answer("c1").await, "first");
    until("the comparison is told", async || !stage.steps("c1", "shadowed").await.is_empty()).await;
    let shadowed = stage.steps("c1", "shadowed").await;
    assert_eq!((&shadowed[0]["action"], &shadowed[0]["differs"][0]), (&json!("person"), &json!("action")));
    let (real, shadow) = (stage.first.requests(), stage.second.requests());
    assert_eq!((real.len(), shadow.len()), (1, 1));
    let session = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    assert_ne!(session(&real[0].session), session(&shadow[0].session));
    assert_eq!(stage.answer("c1").await, "first", "the contact is still with the virtual agent");
    stage.centre.settled().await;
    assert_eq!(stage.centre.take_commands(), []);
    stage.usher.drain().await;
}

#[tokio::test]
async fn b6_who_waits_for_an_answer_sees_that_somebody_writes() {
    let stage = Stage::new(|_| "[handover]\ntyping_after_ms = 100\n".to_owned()).await;
    // An engine that has just come has two seconds in which no timer fires.
    stage.first.otherwise(Reaction::Late(Duration::from_secs(5), Box::new(say("first").into())));
    stage.open("c1").await;
    stage.centre.say("c1", "hello").await;
    let shown =
        |it: &gateway_frame::Body| matches!(it, gateway_frame::Body::Typing(it) if it.contact == "c1").then_some(());
    stage.centre.notice("typing", shown).await;
    assert_eq!(stage.centre.take_commands(), [], "before the answer");
    assert_eq!(stage.centre.next_say("c1").await, ["first"]);
    stage.usher.drain().await;
}
