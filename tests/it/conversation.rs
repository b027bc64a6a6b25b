//! A contact's whole way through the real gateway: offered over gRPC, answered by Dialogflow, kept in SQLite.

use crate::{
    fakes::{
        dialogflow::{FakeDialogflow, say},
        engine::FakeEngine,
    },
    harness::{CONFIG, Usher, profile},
};

#[tokio::test]
async fn a_message_is_asked_and_its_answer_said() {
    let dialogflow = FakeDialogflow::start();
    dialogflow.on_text("hello", say("Hi there."));
    let usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
    let engine = FakeEngine::attach(usher.setup()).await.unwrap();
    engine.open("c1", "va1").await;
    engine.say("c1", "hello").await;
    assert_eq!(engine.next_say("c1").await, ["Hi there."]);
    engine.settled().await;
    usher.drain().await;
}
