//! What a customer marks as sensitive is asked, and then nowhere to be found (B10).

use std::fs;

use usher::wire::engine::{CustomerMessage, MediaType, customer_message, engine_frame::Body};

use super::{binary::Binary, offer, timeline::timeline};
use crate::{
    fakes::{
        dialogflow::{FakeDialogflow, say},
        engine::FakeEngine,
    },
    harness::profile,
};

const PLANTED: &str = "planted-sensitive-4242";
const PLAIN: &str = "planted-plain-1717";

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
    let mut kept = Vec::new();
    for file in fs::read_dir(directory.path().join("data")).unwrap() {
        kept.extend(fs::read(file.unwrap().path()).unwrap());
    }
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|it| it == text.as_bytes());
    assert!(!has(&kept, PLANTED) && !has(&kept, PLAIN), "what is kept is sealed");
    let timeline = timeline(directory.path(), &["--json"]);
    assert!(timeline.contains(PLAIN), "the timeline tells what is not sensitive");
    assert!(!timeline.contains(PLANTED), "{timeline}");
    assert!(log.contains("listening"), "{log}");
    assert!(!log.contains(PLANTED) && !log.contains(PLAIN), "no customer's words in the log: {log}");
}
