//! A language model as an engine, against a server of chat completions on the wire.

mod rounds;
mod streams;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::FutureExt as _;
use serde_json::{Value, json};
use usher::{
    clock::Clock,
    config::{self, Embedded, SecretError, Sources, settings::Profile},
    core::{
        ids::{ContactId, ContactName, Epoch, Timestamp, Turn, UnitName},
        message::{Answer, FailureKind, Input, Line, MediaType, Parameters, Reply as Said, Speaker},
    },
    egress::Names,
    gateway::ports::{Ask, AskError, LanguageEngine, Progress, Seed},
    nlp::{self, Deps},
};

use crate::{
    dialogflow::logs::Log,
    fakes::{
        engine::FakeEngine,
        http_target::{HttpTarget, Reaction},
        openai::{Asked, FakeOpenAi, MODEL, Message, Reply},
    },
    harness::{CONFIG, Usher},
};

const ACTIONS: &str = r#"
[handover]
queue = "support"
[[action]]
name = "order.status"
media = "openmedia"
kind = "external"
uri = "https://orders.example.com/status"
description = "Tells where an order is."
[[action.parameter]]
name = "order"
type = "integer"
required = true
[[action]]
name = "person"
media = "openmedia"
kind = "requeue"
queue = "support"
"#;

/// A model whose answers the test decides, and the engine that asks it.
struct Model {
    fake: FakeOpenAi,
    profile: Arc<Profile>,
    engine: Arc<dyn LanguageEngine>,
}

impl Model {
    /// `settings`: lines of `[llm]`, after which other tables may begin.
    fn new(settings: &str, decides: impl Fn(Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::with(FakeOpenAi::start(move |asked| std::future::ready(decides(asked)).boxed()), settings)
    }

    fn with(fake: FakeOpenAi, settings: &str) -> Self {
        let profile = profile(&fake, settings);
        let engine = nlp::build(&profile.engines.primary, &profile, &deps()).unwrap();
        Self { fake, profile, engine }
    }

    async fn hears(&self, text: &str) -> Result<Answer, AskError> {
        self.engine.ask(ask(Input::Text(text.to_owned()))).await
    }
}

fn deps() -> Deps {
    Deps::new(Clock::system(), Arc::new(Names::new(&[], Duration::ZERO).unwrap()))
}

fn profile(fake: &FakeOpenAi, settings: &str) -> Arc<Profile> {
    let text = format!(
        "name = \"support\"\ntype = \"llm\"\nagents = [\"va1\"]\nagent_password = \"secret\"\n\
         fallback_message = \"Sorry.\"\n[llm]\nendpoint = \"{}\"\nmodel = \"{MODEL}\"\n\
         system_prompt = \"You are the virtual agent of Example Ltd.\"\n{settings}{ACTIONS}",
        fake.endpoint()
    );
    let main = "[[unit]]\nname = \"sales\"\nzone = \"Europe/Berlin\"\n".to_owned();
    let embedded = Some(Embedded { main, profiles: vec![("support.toml".to_owned(), text)] });
    let sources = Sources { embedded, ..Sources::default() };
    let loaded = config::load(&sources, &nlp::schemas(), &|_| Err(SecretError::Unknown));
    Arc::clone(&loaded.unwrap_or_else(|findings| panic!("{:?}", findings.list)).settings.profiles[0])
}

fn ask(input: Input) -> Ask {
    let contact = ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new("c1").unwrap() };
    Ask { media: MediaType::OpenMedia, turn: Some((Turn(3), Epoch(0))), ..Ask::new(contact, input, "de") }
}

/// What was told before the answer: what was said, and how often somebody was seen to write.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<Vec<Said>>>>);

impl Told {
    fn progress(&self) -> Progress {
        let told = Arc::clone(&self.0);
        Progress::new(move |replies| told.lock().unwrap().push(replies))
    }

    fn texts(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().flatten().map(Said::text).collect()
    }

    fn typing(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|it| it.is_empty()).count()
    }
}

fn texts(answer: &Answer) -> Vec<String> {
    answer.replies.iter().map(Said::text).collect()
}

#[tokio::test]
async fn a_question_holds_what_is_set_and_nothing_else() {
    let settings = "api_key = \"planted-key\"\nstream = \"off\"\ntemperature = 0.5\nmax_tokens = 99\n\
                    max_tokens_name = \"max_completion_tokens\"\n";
    let model = Model::new(settings, |_| Reply::words("Hallo."));
    model.fake.accepts_key("planted-key");
    let line = |speaker, text: &str| Line { speaker, text: text.to_owned(), at: Timestamp::default() };
    let transcript = vec![line(Speaker::Customer, "Hi"), line(Speaker::VirtualAgent, "Hello.")];
    let seed = Some(Box::new(Seed { transcript, slots: Parameters::new(), returns: false }));
    let answer = model.engine.ask(Ask { seed, ..ask(Input::Text("Wie geht's?".to_owned())) }).await.unwrap();
    assert_eq!(texts(&answer), ["Hallo."]);
    let asked = model.fake.asked().remove(0);
    let mut body = asked.body.clone();
    let system = body["messages"][0]["content"].take();
    assert!(system.as_str().unwrap().starts_with("You are the virtual agent of Example Ltd.\n\n# How you work\n"));
    body["tools"].take();
    body["messages"][3]["content"].take();
    let expected = json!({
        "model": MODEL,
        "messages": [
            {"role": "system", "content": null},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": null},
        ],
        "tools": null,
        "temperature": 0.5,
        "max_completion_tokens": 99,
    });
    assert_eq!(body, expected);
    let own = ["hand_over_to_person", "end_conversation", "not_understood"];
    assert_eq!(asked.tools(), [own.as_slice(), &["order_status", "person"]].concat());
    assert_eq!(asked.input(), "Wie geht's?");
    assert_eq!(asked.facts()["language"], "de");
    assert!(!asked.request_id().contains("c1") && asked.request_id().ends_with("-3"), "{}", asked.request_id());
}

#[tokio::test]
async fn after_so_many_turns_a_person_goes_on_and_no_model_is_asked() {
    let model = Model::new("max_turns = 2\nmax_turns_message = \"Enough.\"\n", |_| panic!("it is not asked"));
    let answer = model.hears("and one more thing").await.unwrap();
    assert_eq!((texts(&answer), answer.live_agent_handoff), (vec!["Enough.".to_owned()], true));
    assert_eq!(answer.parameters["reason"], "max_turns");
    let event = Input::Event { name: "QUEUE_UNAVAILABLE".to_owned(), parameters: Parameters::new() };
    let error = model.engine.ask(ask(event)).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Empty, "for the core to say what it says to unanswered events");
    let nobody_waits = Ask { turn: None, ..ask(Input::Text("x".to_owned())) };
    assert_eq!(model.engine.ask(nobody_waits).await.unwrap(), Answer::default());
    assert_eq!(model.fake.asked().len(), 0);
}

#[tokio::test]
async fn check_online_holds_a_conversation_with_the_tools() {
    let model = Model::new("api_key = \"planted-key\"\n", |_| Reply::words("good"));
    model.fake.accepts_key("planted-key");
    let checked = nlp::check_credential(&model.profile.engines.primary, &model.profile, &deps()).await.unwrap();
    assert_eq!(checked.account.map(|it| it.to_string()).as_deref(), Some("its API key"));
    assert_eq!(checked.about.unwrap().to_string(), "model m-1");
    assert!(model.fake.asked()[0].tools().contains(&"person"));

    model.fake.accepts_key("another");
    let refused = nlp::check_credential(&model.profile.engines.primary, &model.profile, &deps()).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Credential);
    assert!(refused.advice.to_string().ends_with("; it says `invalid_api_key`"), "{}", refused.advice);
}

#[tokio::test]
async fn no_key_no_prompt_and_no_word_of_the_customers_in_logs_or_errors() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let decides = |asked: Asked| match asked.input() {
        "planted-1" => Reply::error(400, "context_length_exceeded"),
        "planted-2" => Reply::calls("planted", &[("planted", json!({"planted": "planted"}))]),
        "planted-3" => {
            Reply::ErrorAmid("planted ".to_owned(), json!({"error": {"message": "planted", "type": "planted!"}}))
        }
        _ => Reply::Raw(b"data: planted\n\n".to_vec()),
    };
    let model = Model::new("api_key = \"planted-key\"\n", decides);
    let mut shown = format!("{:?}", model.profile);
    for text in ["planted-1", "planted-2", "planted-3", "planted-4"] {
        shown += &match model.hears(text).await {
            Ok(answer) => format!("{answer:?}"),
            Err(error) => format!("{error} {error:?}"),
        };
    }
    drop(guard);
    shown += &log.text();
    assert!(shown.contains("a model calls tools wrongly, twice"), "the log was captured");
    let leak = shown.find("planted").map(|at| shown[at.saturating_sub(300)..at].to_owned());
    assert_eq!(leak, None);
}

#[tokio::test]
async fn an_external_system_is_asked_where_the_configuration_says() {
    let target = HttpTarget::plain([Reaction::json(r#"{"contactID": "c1", "content": "On its way."}"#)]);
    let fake = FakeOpenAi::start(|asked| {
        let reply = match asked.event() {
            Some((name, told)) => Reply::words(&format!("{name}: {}", told["content"].as_str().unwrap())),
            None => Reply::calls("I look.", &[("order_status", json!({"order": 4711}))]),
        };
        std::future::ready(reply).boxed()
    });
    let profile = format!(
        "name = \"support\"\nunit = \"sales\"\nagents = [\"va1\"]\nagent_password = \"secret\"\ntype = \"llm\"\n\
         fallback_message = \"Sorry.\"\nwelcome_event = \"\"\n[llm]\nendpoint = \"{}\"\nmodel = \"{MODEL}\"\n\
         system_prompt = \"B.\"\n\
         [events]\nexternal_done = \"DONE\"\n{}",
        fake.endpoint(),
        ACTIONS.replace("https://orders.example.com", &format!("http://{}", target.address)),
    );
    let allow = "[[egress.allow]]\nhost = \"127.0.0.1\"\nprivate = true\nplaintext = true\n";
    let usher = Usher::start(&format!("{CONFIG}{allow}"), &profile).await;
    let engine = FakeEngine::attach(usher.setup()).await.unwrap();
    engine.open("c1", "va1").await;
    engine.say("c1", "where is it?").await;
    for expected in ["I look.", "On its way.", "DONE: On its way."] {
        assert_eq!(engine.next_say("c1").await, [expected]);
    }
    let requests = target.requests();
    assert_eq!(requests[0].line, "POST /status HTTP/1.1");
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(body, json!({"contactID": "c1", "parameters": {"order": "4711"}}), "texts, as everything there");
    // What was said is what the model is told next.
    let last = fake.asked().pop().unwrap();
    let said: Vec<&str> = last.messages().iter().skip(1).map(|it| it["content"].as_str().unwrap()).collect();
    assert_eq!(said[..2], ["where is it?", "I look.\n\nOn its way."]);
    usher.drain().await;
}
