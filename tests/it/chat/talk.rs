//! A contact from its beginning to its end.

use http::{Method, StatusCode};
use serde_json::json;
use usher::{chat::Settings, core::ids::ContactName};

use super::Door;

#[tokio::test]
async fn a_contact_begins_speaks_is_heard_and_ends() {
    let door = Door::open(Settings::default()).await;
    let contact = door.begin().await;
    assert!(contact.id.len() >= 16, "{} can be guessed", contact.id);
    assert!(!contact.events.contains(&contact.token), "who reads along must not be able to speak");
    let said = door.say(&contact, "m-1", "hello <b>there</b>").await;
    assert_eq!(said.status, StatusCode::ACCEPTED);
    let mut heard = door.listen(&contact.events, &[]).await;
    assert_eq!(heard.next().await.unwrap(), "retry: 1000");
    let (seq, message) = loop {
        let (seq, entry) = heard.entry().await;
        if entry["type"] == "message" {
            break (seq, entry);
        }
    };
    assert_eq!((said.body, message["seq"].as_u64()), (json!({"seq": seq}), Some(seq)));
    assert_eq!(message["from"], "customer");
    assert_eq!(message["id"], "m-1");
    assert_eq!(message["content"], json!([{"kind": "text", "text": "hello <b>there</b>"}]));
    assert_eq!(door.leave(&contact).await, StatusCode::NO_CONTENT);
    let (last, ended) = loop {
        let (seq, entry) = heard.entry().await;
        if entry["state"] == "ended" {
            break (seq, entry);
        }
    };
    assert_eq!((ended["type"].as_str(), ended["by"].as_str()), (Some("state"), Some("customer")));
    assert_eq!(heard.next().await, None, "nothing follows the end");
    assert_eq!(door.leave(&contact).await, StatusCode::NO_CONTENT, "who leaves twice has left");
    let late = door.say(&contact, "m-2", "wait").await;
    assert_eq!((late.status, late.body["reason"].as_str()), (StatusCode::GONE, Some("ended")));
    // The history is still there for who was away.
    let mut again = door.listen(&format!("{}&after={}", contact.events, last - 1), &[]).await;
    assert_eq!(again.entry().await.0, last);
    assert_eq!(again.next().await, None);
    door.switchboard.stop().await;
}

#[tokio::test]
async fn a_message_that_is_sent_again_is_taken_once() {
    let door = Door::open(Settings::default()).await;
    let contact = door.begin().await;
    let first = door.say(&contact, "m-1", "hello").await;
    let again = door.say(&contact, "m-1", "hello").await;
    assert_eq!((first.status, again.status), (StatusCode::ACCEPTED, StatusCode::OK));
    assert_eq!(first.body, again.body);
    let other = door.say(&contact, "m-1", "goodbye").await;
    assert_eq!(other.status, StatusCode::CONFLICT);
    assert_eq!(other.headers["content-type"], "application/problem+json");
    assert!(other.body["detail"].as_str().unwrap().contains("give every message an id of its own"), "{}", other.body);
    door.switchboard.stop().await;
}

#[tokio::test]
async fn what_a_customer_tells_of_itself_reaches_the_desk() {
    let door = Door::open(Settings::default()).await;
    let wanted = json!({"language": "de", "name": " Anna ", "attributes": {"order": "4711"}, "unknown": {"a": [1]}});
    let begun = door.post("/chat/v1/contacts", "", &wanted).await;
    assert_eq!(begun.status, StatusCode::CREATED);
    let contact = ContactName::new(begun.body["contactId"].as_str().unwrap()).unwrap();
    door.say(
        &super::Begun {
            id: contact.as_str().to_owned(),
            token: begun.body["token"].as_str().unwrap().to_owned(),
            events: String::new(),
        },
        "m-1",
        "hello",
    )
    .await;
    // Nobody else takes it, so it comes to the desk.
    tokio::time::pause();
    let mut board = door.switchboard.board();
    let board = board.wait_for(|it| !it.contacts.is_empty()).await.unwrap().clone();
    assert_eq!(board.contacts[0].id, contact.as_str());
    assert_eq!((board.contacts[0].language.as_str(), board.contacts[0].name.as_deref()), ("de", Some("Anna")));
    assert_eq!(board.contacts[0].attributes["order"], "4711");
    tokio::time::resume();
    door.switchboard.stop().await;
}

#[tokio::test]
async fn typing_is_told_and_needs_no_body() {
    let door = Door::open(Settings::default()).await;
    let contact = door.begin().await;
    let authorization = format!("Bearer {}", contact.token);
    let path = format!("/chat/v1/contacts/{}/typing", contact.id);
    let mut heard = door.listen(&contact.events, &[]).await;
    heard.entry().await;
    let typed = door.ask(Method::POST, &path, &[("authorization", &authorization)], "").await;
    assert_eq!(typed.status, StatusCode::NO_CONTENT);
    let hint = loop {
        let block = heard.next().await.unwrap();
        if block.starts_with("data: ") {
            break block;
        }
    };
    assert_eq!(hint, r#"data: {"type":"typing","from":"customer"}"#, "a hint has no number");
    door.switchboard.stop().await;
}
