//! Engines that are asked by HTTP, against a webhook, Rasa and Direct Line on the wire.

mod direct_line;
mod later;
mod rasa;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use usher::{
    clock::Clock,
    config::{self, Embedded, SecretError, Sources, settings::Profile},
    core::{
        ids::{ContactId, ContactName, Epoch, Timestamp, Turn, UnitName},
        message::{Answer, FailureKind, Input, Parameters, Reply},
    },
    egress::{Names, signature},
    gateway::ports::{Ask, AskError, LanguageEngine},
    nlp::{self, Deps},
    wire::engine::{MediaType, command::Command, command_outcome::Outcome},
};

use crate::{
    dialogflow::logs::Log,
    egress::certificate,
    fakes::{
        engine::FakeEngine,
        http_target::HttpTarget,
        webhook::{FakeWebhook, KEY, Posted, Reaction, request},
    },
    harness::{CONFIG, Usher},
};

fn profile_text(settings: &str, more: &str) -> String {
    format!(
        "name = \"support\"\nunit = \"sales\"\ntype = \"webhook\"\nagents = [\"va1\"]\nagent_password = \"secret\"\n\
         fallback_message = \"Sorry.\"\nwelcome_event = \"\"\n[webhook]\n{settings}\n{more}"
    )
}

fn profile(settings: &str) -> Arc<Profile> {
    let profiles = vec![("support.toml".to_owned(), profile_text(settings, ""))];
    let embedded = Some(Embedded { main: "[[unit]]\nname = \"sales\"\n".to_owned(), profiles });
    let sources = Sources { embedded, ..Sources::default() };
    let loaded = config::load(&sources, &nlp::schemas(), &|_| Err(SecretError::Unknown));
    Arc::clone(&loaded.unwrap_or_else(|findings| panic!("{:?}", findings.list)).settings.profiles[0])
}

fn deps() -> Deps {
    Deps::new(Clock::system(), Arc::new(Names::new(&[], Duration::ZERO).unwrap()))
}

/// Without a gateway around it. `settings`: lines of `[webhook]`.
fn engine(settings: &str) -> Arc<dyn LanguageEngine> {
    let profile = profile(settings);
    nlp::build(&profile.engines.primary, &profile, &deps()).unwrap()
}

async fn checked(settings: &str) -> Result<String, AskError> {
    let profile = profile(settings);
    let report = nlp::check_credential(&profile.engines.primary, &profile, &deps()).await?;
    report.about.map(|it| it.to_string())
}

fn asking(input: Input) -> Ask {
    let contact = ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new("c-1").unwrap() };
    Ask { turn: Some((Turn(1), Epoch(0))), ..Ask::new(contact, input, "en") }
}

async fn ask(engine: &Arc<dyn LanguageEngine>, text: &str) -> Result<Answer, AskError> {
    engine.ask(asking(Input::Text(text.to_owned()))).await
}

fn texts(answer: &Answer) -> Vec<String> {
    answer.replies.iter().map(Reply::text).collect()
}

fn event(name: &str, parameters: &Value) -> Input {
    let parameters: Parameters = parameters.as_object().unwrap().clone();
    Input::Event { name: name.to_owned(), parameters }
}

fn settings(url: &str) -> String {
    format!("url = \"{url}\"\nsigning_key = \"{KEY}\"")
}

fn reply(posted: &Posted, text: &str) -> Reaction {
    Reaction::Json(json!({"type": "reply", "turn_id": posted.frame["turn_id"], "messages": [{"text": text}]}))
}

/// Says back what it hears.
fn echo() -> FakeWebhook {
    FakeWebhook::start(|posted| {
        std::future::ready(reply(&posted, posted.frame["input"]["text"].as_str().unwrap_or("?")))
    })
}

/// The documented frame, signed so that an implementation of somebody else's finds it good.
#[tokio::test]
async fn s11_a_turn_is_posted_signed_and_answered() {
    let webhook = echo();
    let engine = engine(&settings(&webhook.url()));
    let question = Ask { payload: event_parameters(), ..asking(Input::Text("Where is it?".into())) };
    let answer = engine.ask(question).await.unwrap();
    assert_eq!(texts(&answer), ["Where is it?"]);
    let [posted] = webhook.turns().try_into().unwrap();
    let turn_id = posted.text("turn_id").to_owned();
    let left = posted.frame["deadline_ms"].as_u64().unwrap();
    assert!((5_000..=10_000).contains(&left), "of ten seconds: {left}");
    assert_eq!(
        posted.frame,
        json!({"type": "turn", "turn_id": turn_id, "contact": "c-1", "media": "webinteraction", "language": "en",
            "input": {"text": "Where is it?"}, "parameters": {"tier": "gold"}, "deadline_ms": left,
            "unit": "sales", "profile": "support"})
    );
    assert_eq!(posted.key, format!("sales/c-1/{turn_id}"));
    assert_eq!(posted.headers["content-type"], "application/json");
    assert_eq!(webhook.refused(), 0);
    assert_eq!(checked(&settings(&webhook.url())).await.unwrap(), "the webhook takes what we post");
}

fn event_parameters() -> Parameters {
    json!({"tier": "gold"}).as_object().unwrap().clone()
}

#[tokio::test]
async fn s11_what_is_not_signed_by_our_key_is_the_webhooks_to_refuse() {
    let webhook = echo();
    let other = format!("url = \"{}\"\nsigning_key = \"some other key than its own\"", webhook.url());
    let error = ask(&engine(&other), "hi").await.unwrap_err();
    assert_eq!((error.kind, webhook.refused(), webhook.turns().len()), (FailureKind::Credential, 1, 0));
    assert!(error.advice.to_string().contains("signing_key"), "{}", error.advice);
    assert_eq!(checked(&other).await.unwrap_err().kind, FailureKind::Credential);
}

/// What somebody has recorded on the way is of no use to them.
#[tokio::test]
async fn s11_a_recorded_post_is_refused_or_known() {
    let count = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&count);
    let webhook = FakeWebhook::start_with(true, move |posted| {
        counts.fetch_add(1, Ordering::SeqCst);
        std::future::ready(reply(&posted, "once"))
    });
    ask(&engine(&settings(&webhook.url())), "hi").await.unwrap();
    let [posted] = webhook.turns().try_into().unwrap();
    let signed = posted.headers["usher-signature"].to_str().unwrap().to_owned();
    let replay = async |signed: &str, body: &[u8]| {
        let headers = [("usher-signature", signed), ("idempotency-key", &*posted.key), ("connection", "close")];
        request("POST", &webhook.url(), &headers, body).await.unwrap().0
    };
    assert_eq!(replay(&signed, &posted.body).await, 200, "known by its key");
    assert_eq!(count.load(Ordering::SeqCst), 1, "and not carried out again");
    assert_eq!(replay(&signed, b"{}").await, 401);
    let v1 = signed.split_once(',').unwrap().1;
    assert_eq!(replay(&format!("t={},{v1}", Clock::system().now().0 / 1_000 + 1), &posted.body).await, 401);
    let old = Timestamp(Clock::system().now().0 - 301_000);
    assert_eq!(replay(&signature(KEY.as_bytes(), old, &posted.body).unwrap(), &posted.body).await, 401);
}

#[tokio::test]
async fn s11_what_was_not_sent_is_tried_again_a_few_times() {
    let (config, _) = certificate(&["localhost"]);
    let target = HttpTarget::tls([], config);
    let engine = engine(&settings(&format!("https://localhost:{}/", target.port())));
    let error = ask(&engine, "hi").await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Unavailable);
    assert_eq!((target.connections(), target.requests().len()), (3, 0), "{}", error.advice);
}

#[tokio::test]
async fn s11_what_may_have_arrived_is_not_sent_again() {
    for (reaction, kind) in
        [(Reaction::Status(503), FailureKind::Unavailable), (Reaction::Cut, FailureKind::Unavailable)]
    {
        let webhook = FakeWebhook::start(move |_| std::future::ready(reaction.clone()));
        let error = ask(&engine(&settings(&webhook.url())), "hi").await.unwrap_err();
        assert_eq!((error.kind, webhook.turns().len()), (kind, 1));
    }
}

#[tokio::test]
async fn s11_a_webhook_that_says_it_is_idempotent_gets_it_again_with_the_same_key() {
    for trouble in [Reaction::Status(502), Reaction::Status(503), Reaction::Status(504), Reaction::Cut] {
        let count = Arc::new(AtomicUsize::new(0));
        let webhook = FakeWebhook::start_with(true, move |posted| {
            let first = count.fetch_add(1, Ordering::SeqCst) == 0;
            std::future::ready(if first { trouble.clone() } else { reply(&posted, "there") })
        });
        let engine = engine(&format!("{}\nidempotent = true", settings(&webhook.url())));
        assert_eq!(texts(&ask(&engine, "hi").await.unwrap()), ["there"]);
        let [first, second] = webhook.turns().try_into().unwrap();
        assert_eq!((&first.key, &first.frame["turn_id"]), (&second.key, &second.frame["turn_id"]));
        assert_eq!((&first.frame["again"], &second.frame["again"]), (&Value::Null, &json!(true)));
        let left = |it: &Value| it["deadline_ms"].as_u64().unwrap();
        let less = left(&first.frame) - left(&second.frame);
        assert!(less >= 100, "it waited that long before: {less}");
    }
    // A status that does not pass stays what it is.
    let webhook = FakeWebhook::start(|_| std::future::ready(Reaction::Status(500)));
    let engine = engine(&format!("{}\nidempotent = true", settings(&webhook.url())));
    assert_eq!(ask(&engine, "hi").await.unwrap_err().kind, FailureKind::Internal);
    assert_eq!(webhook.turns().len(), 1);
}

#[tokio::test]
async fn s11_outcomes_and_the_end_are_posted_in_order_by_their_actions_names() {
    let webhook = FakeWebhook::start(|posted| {
        let action = json!({"type": "reply", "turn_id": posted.frame["turn_id"], "messages": [{"text": "One moment."}],
            "action": "person"});
        std::future::ready(Reaction::Json(action))
    });
    let more = "[[action]]\nname = \"person\"\nmedia = \"openmedia\"\nkind = \"requeue\"\nqueue = \"support\"\n";
    let usher = Usher::start(CONFIG, &profile_text(&settings(&webhook.url()), more)).await;
    let centre = FakeEngine::attach(usher.setup().queue("support", MediaType::OpenMedia)).await.unwrap();
    centre.open("c1", "va1").await;
    centre.say("c1", "a person").await;
    assert_eq!(centre.next_say("c1").await, ["One moment."]);
    let requeue = centre.next_command("c1").await;
    assert!(matches!(requeue.command, Some(Command::Requeue(_))), "{requeue:?}");
    centre.outcome("c1", requeue.action_seq, Outcome::Offered).await;
    centre.outcome("c1", requeue.action_seq, Outcome::Failed).await;
    centre.settled().await;
    centre.end("c1", "customer left").await;
    webhook.wait_for("closed", 1).await;
    let told: Vec<Value> = webhook.posted().into_iter().skip(1).map(|it| it.frame).collect();
    let outcome = |outcome: &str| json!({"type": "outcome", "contact": "c1", "action": "person", "outcome": outcome, "unit": "sales", "profile": "support"});
    let closed = json!({"type": "closed", "contact": "c1", "reason": "left", "unit": "sales", "profile": "support"});
    assert_eq!(told, [outcome("offered"), outcome("failed"), closed]);
    assert_eq!(webhook.turns()[0].frame["actions"], json!(["person"]));
    usher.drain().await;
}

#[tokio::test]
async fn s11_no_key_no_token_and_no_word_of_the_customers_in_logs_or_errors() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let mut shown = String::new();
    let answers = [
        Reaction::Status(500),
        Reaction::Raw(b"planted-answer".to_vec()),
        Reaction::Json(json!({"type": "reply", "turn_id": "planted-answer", "messages": "planted-answer"})),
        Reaction::Cut,
    ];
    for answer in answers {
        let webhook = FakeWebhook::start(move |_| std::future::ready(answer.clone()));
        for dialect in ["usher", "rasa", "bot-framework"] {
            let settings = format!(
                "dialect = \"{dialect}\"\nurl = \"{}\"\nsigning_key = \"{KEY}\"\ntoken = \"planted-token\"",
                webhook.url()
            );
            let engine = engine(&settings);
            let error = ask(&engine, "planted-text").await.unwrap_err();
            let source = error.source.as_ref().map(|it| format!("{it} {it:?}"));
            shown.push_str(&format!("{engine:?} {error:?} {error} {source:?}\n"));
        }
    }
    shown.push_str(&log.text());
    assert!(shown.contains("profile support"), "there is something to look at");
    for planted in ["planted", KEY] {
        assert!(!shown.contains(planted), "{planted} in {shown}");
    }
}
