//! SIGTERM: in order, and nothing is left undone.

use std::time::Duration;

use tempfile::TempDir;
use tonic::Code;
use usher::wire::engine::{contact_rejected::Reason, gateway_frame::Body};

use crate::{
    centre::{self, AGENT},
    external::External,
    fakes::{
        dialogflow::{FakeDialogflow, Reaction, say},
        engine::{FakeEngine, tcp},
    },
    house::{config, profile},
    process::{Usher, configure, get},
};

#[tokio::test]
async fn sigterm_finishes_turns_takes_no_contacts_and_closes_with_a_notice() {
    let (directory, dialogflow, external) = (TempDir::new().unwrap(), FakeDialogflow::start(), External::start());
    configure(directory.path(), &config("sync", external.port()), &profile(&dialogflow));
    // A long answer that asks for an external query, and a message that waits behind it.
    let query = serde_json::json!({ "uri": external.uri("answer"), "question": "q" });
    let answer = say("looking").action("look_up", &query);
    dialogflow.on_text("slow", Reaction::Late(Duration::from_millis(1_500), Box::new(answer.into())));
    let mut usher = Usher::spawn(directory.path());
    let doors = usher.doors().await;
    let mut engine = FakeEngine::attach(centre::setup(tcp(doors.engines))).await.unwrap();
    for contact in ["c1", "c2"] {
        engine.offer(contact, AGENT).await;
    }
    engine.logged_on(AGENT).await;
    engine.open("c1", AGENT).await;
    engine.say("c1", "slow").await;
    engine.say("c1", "next").await;
    dialogflow.wait_for_requests(1).await;

    usher.terminate();
    engine.notice("the drain's notice", |it| matches!(it, Body::Draining(_)).then_some(())).await;
    let (status, body) = get(doors.ops, "/readyz").await;
    assert_eq!((status, body.contains("draining")), (503, true), "{body}");
    engine.offer("c3", AGENT).await;
    let rejected = engine.notice("rejection", |it| match it {
        Body::ContactRejected(it) if it.contact == "c3" => Some(it.reason()),
        _ => None,
    });
    assert_eq!(rejected.await, Reason::Draining);
    let late = engine.say("c1", "late").await;
    engine.notice("Busy", |it| matches!(it, Body::Busy(it) if it.message_id == late).then_some(())).await;
    for text in ["looking", "content: q", "echo: next"] {
        assert_eq!(engine.next_say("c1").await, [text], "what runs is finished");
    }
    let ended = engine.ended().await.expect_err("a status");
    assert_eq!((ended.code(), ended.message()), (Code::Unavailable, "draining; attach again"));
    let status = usher.ended().await;
    assert_eq!(status.code(), Some(0));

    let mut usher = Usher::spawn(directory.path());
    engine.redirect(tcp(usher.doors().await.engines));
    engine.resume().await.unwrap();
    let again = engine.say("c1", "again").await;
    // The message that was refused during the drain may come before or after, as the engine sends it again.
    let mut said = vec![engine.next_say("c1").await.concat(), engine.next_say("c1").await.concat()];
    said.sort();
    assert_eq!(said, ["echo: again", "echo: late"], "{again} goes on where it was");
    engine.settled().await;
    assert_eq!((engine.repeated(), engine.breaches()), (0, vec![]), "everything was delivered and journalled");
    usher.kill().await;
}
