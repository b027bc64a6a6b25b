//! What is private (B10): sensitive messages, tokens, and who gets what they stand for. Everything that goes out or stays is
//! searched for what was planted.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use usher::wire::{
    engine::{
        ContactOffered, Customer, CustomerMessage, EventBody, MediaType, TranscriptLine, command_outcome::Outcome,
        customer_message, engine_frame::Body, transcript_line,
    },
    structs,
};

use super::{Stage, binary::Binary, offer, timeline::timeline, told};
use crate::{
    fakes::{
        dialogflow::{FakeDialogflow, say},
        engine::{FakeEngine, tcp},
        http_target::{HttpTarget, Reaction},
    },
    harness::{CONFIG, Usher, profile},
};

const PLANTED: &str = "planted-sensitive-4242";
const PLAIN: &str = "planted-plain-1717";

/// Every file of a store, as it lies there.
fn kept(directory: &TempDir) -> Vec<u8> {
    let files = fs::read_dir(directory.path().join("data")).unwrap();
    files.flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|it| it == text.as_bytes())
}

#[tokio::test]
async fn b10_a_sensitive_message_is_asked_but_neither_kept_nor_logged() {
    let dialogflow = FakeDialogflow::start();
    dialogflow.otherwise(say("Thank you."));
    let usher = Binary::start(&profile(&dialogflow.endpoint())).await;
    let engine = FakeEngine::attach(usher.setup()).await.unwrap();
    engine.open_as(offer("c1", MediaType::OpenMedia)).await;
    for (sensitive, text) in [(true, PLANTED), (false, PLAIN)] {
        let message = engine.compose("c1", customer_message::Body::Text(text.to_owned()));
        engine.send(Body::CustomerMessage(CustomerMessage { sensitive, ..message })).await;
        assert_eq!(engine.next_say("c1").await, ["Thank you."]);
    }
    let texts: Vec<String> = dialogflow.requests().iter().map(|it| it.text().unwrap().to_owned()).collect();
    assert_eq!(texts, [PLANTED, PLAIN]);
    engine.settled().await;
    let (directory, log) = usher.kill().await;
    let kept = kept(&directory);
    assert!(!has(&kept, PLANTED) && !has(&kept, PLAIN), "what is kept is sealed");
    let timeline = timeline(directory.path(), &["--json"]);
    assert!(timeline.contains(PLAIN), "the timeline tells what is not sensitive");
    assert!(!timeline.contains(PLANTED), "{timeline}");
    assert!(log.contains("listening"), "{log}");
    assert!(!log.contains(PLANTED) && !log.contains(PLAIN), "no customer's words in the log: {log}");
}

/// Card numbers and bank accounts as the networks and banks publish them for tests; none is a part of another.
const CARD: &str = "4111111111111111";
const CARD_WRITTEN: &str = "4111 1111 1111 1111";
const ATTRIBUTE_CARD: &str = "5555555555554444";
const HISTORY_IBAN: &str = "DE89370400440532013000";
const IBAN: &str = "GB29NWBK60161331926819";
const IBAN_WRITTEN: &str = "gb29 nwbk 6016 1331 9268 19";
const EVENT_CARD: &str = "378282246310005";
const DTMF_CARD: &str = "6011111111111117";
const SENSITIVE_CARD: &str = "30569309025904";
const RETURNED_CARD: &str = "3530111333300000";
const NUMBER: &str = "K-12345678";
/// What nobody but those who are meant may see, beside the above.
const SECRETS: [&str; 5] = [
    "planted-engine-token-0123456789",
    "planted-operators-token-0123456789",
    "planted-agent-password",
    "planted-signing-key-0123456789",
    "planted-sensitive-text",
];
const PRIVATE: [&str; 10] = [
    CARD,
    CARD_WRITTEN,
    ATTRIBUTE_CARD,
    HISTORY_IBAN,
    IBAN,
    IBAN_WRITTEN,
    EVENT_CARD,
    DTMF_CARD,
    RETURNED_CARD,
    NUMBER,
];

#[track_caller]
fn is_clean(what: &str, bytes: &[u8]) {
    assert!(!bytes.is_empty(), "{what} is empty: there was nothing to search");
    for planted in PRIVATE.iter().chain(&SECRETS).chain(&[SENSITIVE_CARD]) {
        assert!(!has(bytes, planted), "{planted} is in {what}: {}", String::from_utf8_lossy(bytes));
    }
}

fn config(targets: [&HttpTarget; 2]) -> String {
    let [token, ops, _, key, _] = SECRETS;
    let allow = |target: &HttpTarget, more: &str| {
        let port = target.port();
        format!("[[egress.allow]]\nhost = \"127.0.0.1\"\nport = {port}\nprivate = true\nplaintext = true\n{more}")
    };
    let [payment, other] = targets;
    CONFIG.replace("token-1", token).replace("[ops]", &format!("[ops]\ntoken = \"{ops}\""))
        + &format!("[egress]\nsigning_key = \"{key}\"\n")
        + &allow(payment, "restore_tokens = true\n")
        + &allow(other, "")
        + "[[privacy.pattern]]\nname = \"customer_number\"\nregex = '\\bK-\\d{8}\\b'\n"
}

const ACTIONS: &str = r#"
[events]
external_done = "PAID"
human_returned = "RETURNED"
[[action]]
name = "pay"
media = "openmedia"
kind = "external"
uri_parameter = "service"
[[action]]
name = "person"
media = "openmedia"
kind = "requeue"
queue = "support"
"#;

/// What the operators' door answers.
async fn ask_ops(usher: &Binary, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(usher.ops).await.unwrap();
    let head = format!(
        "GET {path} HTTP/1.1\r\nhost: ops\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
        SECRETS[1]
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    if path.ends_with("/events") {
        // Open-ended: as much as the history is.
        while !has(&answer, "ended: ") {
            let mut some = [0; 4096];
            let read = stream.read(&mut some).await.unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&some[..read]);
        }
    } else {
        stream.read_to_end(&mut answer).await.unwrap();
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    answer
}

fn said_before(text: String) -> TranscriptLine {
    TranscriptLine { speaker: transcript_line::Speaker::Customer.into(), text, at_ms: 0 }
}

fn with_everything(contact: &str) -> ContactOffered {
    ContactOffered {
        customer: Some(Customer { name: format!("Ann {NUMBER}"), ..Customer::default() }),
        attributes: [("note".to_owned(), format!("pays by {ATTRIBUTE_CARD}"))].into(),
        history: vec![said_before(format!("my account is {HISTORY_IBAN}"))],
        ..offer(contact, MediaType::OpenMedia)
    }
}

fn object(value: &Value) -> prost_types::Struct {
    structs::from_json(value.as_object().unwrap())
}

/// The contact says all of it; every answer is an echo.
async fn say_everything(engine: &FakeEngine) {
    use customer_message::Body::{Dtmf, Event, Structured, Text};
    let form = json!({ "account": IBAN_WRITTEN, "who": { "number": NUMBER } });
    let parameters = json!({ "card": EVENT_CARD.parse::<i64>().unwrap() });
    let event = EventBody { name: "form".to_owned(), parameters: Some(object(&parameters)) };
    let bodies = [
        Text(format!("my card is {CARD_WRITTEN}, thanks")),
        Structured(object(&form)),
        Event(event),
        Dtmf(format!("{DTMF_CARD}#")),
    ];
    for body in bodies {
        let message = engine.compose("c1", body);
        // Twice: what comes again is dropped, and no less private.
        for _ in 0..2 {
            engine.send(Body::CustomerMessage(message.clone())).await;
        }
        engine.next_say("c1").await;
    }
    let sensitive = engine.compose("c1", Text(format!("{} {SENSITIVE_CARD}", SECRETS[4])));
    engine.send(Body::CustomerMessage(CustomerMessage { sensitive: true, ..sensitive })).await;
    engine.next_say("c1").await;
}

/// The agent answers "pay at …" by a query to that target with the card's token.
fn pays(dialogflow: &FakeDialogflow, text: &str, target: &HttpTarget) {
    let service = format!("http://{}/pay", target.address);
    let parameters = json!({ "service": service, "card": "[card:2]", "text": "from [iban:2] of [customer_number:1]" });
    dialogflow.on_text(text, say("One moment.").action("pay", &parameters));
}

fn parameters(target: &HttpTarget, request: usize) -> Value {
    let body: Value = serde_json::from_slice(&target.requests()[request].body).unwrap();
    body["parameters"].clone()
}

#[tokio::test]
async fn b10_what_is_private_goes_to_nobody_but_the_target_that_may_have_it() {
    let answer = format!("Paid with {CARD_WRITTEN}. Our own account is FR1420041010050500013M02606.");
    let paid = || Reaction::json(json!({ "contactID": "c1", "content": answer }).to_string());
    let targets = [HttpTarget::plain([paid(), paid()]), HttpTarget::plain([paid()])];
    let dialogflow = FakeDialogflow::start();
    dialogflow.otherwise(say("Noted."));
    let config = config([&targets[0], &targets[1]]);
    let profile = profile(&dialogflow.endpoint()).replace("\"secret\"", &format!("\"{}\"", SECRETS[2])) + ACTIONS;
    pays(&dialogflow, "pay", &targets[0]);
    pays(&dialogflow, "tell the other", &targets[1]);
    dialogflow.on_event("PAID", say("Thank you."));
    dialogflow.on_event("RETURNED", say("Here I am again."));
    dialogflow.on_text("a person", say("I connect you.").action("person", &json!({ "card": "[card:2]" })));

    let usher = Binary::start_in(TempDir::new().unwrap(), &config, &profile).await;
    let mut setup = usher.setup().queue("support", MediaType::OpenMedia);
    setup.token = SECRETS[0].to_owned();
    let mut engine = FakeEngine::attach(setup).await.unwrap();
    engine.open_as(with_everything("c1")).await;
    say_everything(&engine).await;
    let pay = async |engine: &FakeEngine, text: &str| {
        engine.say("c1", text).await;
        assert_eq!(engine.next_say("c1").await, ["One moment."]);
        let said = engine.next_say("c1").await;
        // What it was given does not come back; what is its own does.
        assert_eq!(said, ["Paid with [card:2]. Our own account is FR1420041010050500013M02606."], "{text}");
        assert_eq!(engine.next_say("c1").await, ["Thank you."]);
    };
    pay(&engine, "pay").await;
    engine.settled().await;
    let metrics = ask_ops(&usher, "/metrics").await;
    is_clean("the metrics", &metrics);
    for sample in [
        "usher_tokens_total{kind=\"card\"} 5",
        "usher_tokens_total{kind=\"iban\"} 2",
        "usher_tokens_total{kind=\"pattern\"} 2",
    ] {
        assert!(has(&metrics, sample), "no {sample} in {}", String::from_utf8_lossy(&metrics));
    }
    let (directory, first_log) = usher.kill().await;
    is_clean("the store after a kill", &kept(&directory));

    // What tokens stand for is still known, but for what came with a sensitive message.
    let usher = Binary::start_in(directory, &config, &profile).await;
    engine.redirect(tcp(usher.engines));
    engine.resume().await.unwrap();
    pay(&engine, "pay").await;
    engine.say("c1", "tell the other").await;
    for text in ["One moment.", "Paid with [card:2]. Our own account is FR1420041010050500013M02606.", "Thank you."] {
        assert_eq!(engine.next_say("c1").await, [text]);
    }
    for request in 0..2 {
        let given = parameters(&targets[0], request);
        assert_eq!((&given["card"], &given["text"]), (&CARD.into(), &format!("from {IBAN} of {NUMBER}").into()));
    }
    let given = parameters(&targets[1], 0);
    assert_eq!((&given["card"], &given["text"]), (&"[card:2]".into(), &"from [iban:2] of [customer_number:1]".into()));

    goes_to_a_person_and_returns(&engine).await;
    engine.end("c1", "done").await;
    engine.settled().await;

    for request in dialogflow.requests() {
        is_clean("a question to the language engine", format!("{request:?}").replace(SECRETS[4], "").as_bytes());
    }
    for path in ["/metrics", "/alerts", "/timeline/sales/c1", "/timeline/sales/c1/events"] {
        is_clean(path, &ask_ops(&usher, path).await);
    }
    let (directory, second_log) = usher.kill().await;
    is_clean("the log", first_log.as_bytes());
    is_clean("the log after the restart", second_log.as_bytes());
    is_clean("the store", &kept(&directory));
    tells_of_tokens(&directory);
    assert_eq!(engine.breaches(), Vec::<String>::new());
}

async fn goes_to_a_person_and_returns(engine: &FakeEngine) {
    engine.say("c1", "a person").await;
    assert_eq!(engine.next_say("c1").await, ["I connect you."]);
    let requeue = engine.next_command("c1").await;
    is_clean("what the person is told", format!("{requeue:?}").as_bytes());
    let context = format!("{requeue:?}");
    for token in ["[card:1]", "[card:2]", "[iban:1]", "[customer_number:1]"] {
        assert!(context.contains(token), "no {token} in {context}");
    }
    engine.outcome("c1", requeue.action_seq, Outcome::Accepted).await;
    let history = vec![said_before(format!("and {RETURNED_CARD}"))];
    let returned = ContactOffered { returned_from: requeue.action_seq, history, ..with_everything("c1") };
    engine.open_as(returned).await;
    assert_eq!(engine.next_say("c1").await, ["Here I am again."]);
}

/// The timeline, by what is left in `directory`.
fn tells_of_tokens(directory: &TempDir) {
    let text = timeline(directory.path(), &[]);
    is_clean("the timeline", text.as_bytes());
    is_clean("the timeline in JSON", timeline(directory.path(), &["--json"]).as_bytes());
    for line in ["private, replaced by tokens: 1 card, 1 customer_number, 1 iban", "\"my card is [card:2], thanks\""] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    assert!(text.contains("\nunaltered: "), "{text}");
}

#[tokio::test]
async fn b10_a_changed_configuration_holds_for_what_comes_in_after_it() {
    let dialogflow = FakeDialogflow::start();
    let mut usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
    let engine = FakeEngine::attach(usher.setup()).await.unwrap();
    engine.open_as(offer("c1", MediaType::OpenMedia)).await;
    let echo = async |text: &str| {
        engine.say("c1", text).await;
        engine.next_say("c1").await.remove(0)
    };
    let text = format!("{CARD} and {NUMBER}");
    assert_eq!(
        echo(&text).await,
        format!("echo: [card:1] and {NUMBER}"),
        "card numbers are found without being asked for"
    );
    let pattern = "[privacy]\ntokens = []\n[[privacy.pattern]]\nname = \"nr\"\nregex = 'K-\\d+'\n";
    usher.reload(&format!("{CONFIG}{pattern}")).await;
    assert_eq!(echo(&text).await, format!("echo: {CARD} and [nr:1]"));
    usher.reload(CONFIG).await;
    assert_eq!(echo(&text).await, format!("echo: [card:1] and {NUMBER}"), "the same number has the same token");
    engine.settled().await;
    usher.drain().await;
}

#[tokio::test]
async fn b10_a_phone_number_for_a_callback_is_no_card_number() {
    let stage = Stage::new("").await;
    stage.dialogflow.on_text("+49 30 123456", say("I will call you."));
    stage.open("c1", MediaType::OpenMedia).await;
    stage.writes("c1", "+49 30 123456").await;
    stage.hears("c1", "I will call you.").await;
    let event = EventBody { name: "form".to_owned(), parameters: Some(object(&json!({ "phone": "+4915112345678" }))) };
    stage.engine.message("c1", customer_message::Body::Event(event)).await;
    assert_eq!(told(&stage.event("form").await)["phone"], "+4915112345678");
    stage.hears("c1", "echo: form").await;
    stage.done().await;
}
