//! Several sockets: who gets what, and what becomes of it when one is lost.

use serde_json::json;

use super::*;

#[tokio::test]
async fn s11_contacts_stick_to_their_socket() {
    let stage = Stage::new("").await;
    let (mut one, mut two) = (stage.connector().await, stage.connector().await);
    let first = stage.first_turn("c-1", &mut one).await;
    let second = stage.first_turn("c-2", &mut two).await;
    one.say(&first, "from one").await;
    two.say(&second, "from two").await;
    stage.hears("c-1", "from one").await;
    stage.hears("c-2", "from two").await;
    for _ in 0..3 {
        stage.exchange("c-2", &mut two).await;
        stage.exchange("c-1", &mut one).await;
    }
    assert_eq!(stage.metric("usher_connector_sockets").await, 2);
    stage.done().await;
}

#[tokio::test]
async fn s11_a_cut_socket_resumes_with_its_turn_and_its_contacts() {
    let stage = Stage::new("patience_ms = 20000\ndeadline_ms = 20000").await;
    let (mut one, mut two) = (stage.connector().await, stage.connector().await);
    let turn = stage.first_turn("c-1", &mut one).await;
    let session = one.session().to_owned();
    one.cut();
    let hello = json!({"type": "hello", "resume": session});
    let mut back = FakeConnector::attach_with(stage.door, &stage.token, hello).await;
    assert_eq!((back.welcome["resumed"].as_bool(), back.session()), (Some(true), session.as_str()));
    let again = back.turn().await;
    assert_eq!((&again["turn_id"], &again["again"]), (&turn["turn_id"], &json!(true)));
    back.say(&again, "I am back").await;
    stage.hears("c-1", "I am back").await;
    stage.exchange("c-1", &mut back).await;
    two.send(json!({"type": "ping"})).await;
    assert_eq!(two.next().await, json!({"type": "pong"}), "the other has got nothing");
    stage.done().await;
}

#[tokio::test]
async fn s11_after_its_time_a_session_is_over() {
    let stage = Stage::new("resume_s = 0\npatience_ms = 0").await;
    let one = stage.connector().await;
    let session = one.session().to_owned();
    one.cut();
    stage.until_metric("usher_connector_sockets", 0).await;
    let hello = json!({"type": "hello", "resume": session});
    let back = FakeConnector::attach_with(stage.door, &stage.token, hello).await;
    assert_eq!(back.welcome["resumed"], false);
    assert_ne!(back.session(), session);
    stage.done().await;
}

#[tokio::test]
async fn s11_a_lost_sockets_turn_goes_to_another_once_and_then_fails() {
    let stage = Stage::new("patience_ms = 0").await;
    let (mut one, mut two) = (stage.connector().await, stage.connector().await);
    let turn = stage.first_turn("c-1", &mut one).await;
    one.cut();
    let moved = two.turn().await;
    assert_eq!((&moved["turn_id"], &moved["again"]), (&turn["turn_id"], &json!(true)));
    assert_eq!(stage.metric("usher_connector_turns_moved_total").await, 1);
    let mut three = stage.connector().await;
    two.cut();
    stage.hears("c-1", "Sorry.").await;
    stage.exchange("c-1", &mut three).await;
    assert_eq!(stage.metric("usher_failures_total{kind=\"unavailable\"}").await, 1);
    stage.done().await;
}

#[tokio::test]
async fn s11_one_that_closes_in_order_gives_its_turns_away_at_once() {
    let stage = Stage::new("patience_ms = 60000\nresume_s = 60\ndeadline_ms = 60000").await;
    let (mut one, mut two) = (stage.connector().await, stage.connector().await);
    stage.first_turn("c-1", &mut one).await;
    one.close().await;
    let moved = two.turn().await;
    two.say(&moved, "I took over").await;
    stage.hears("c-1", "I took over").await;
    stage.done().await;
}

#[tokio::test]
async fn s11_one_that_is_leaving_finishes_and_goes() {
    let stage = Stage::new("").await;
    let (mut one, mut two) = (stage.connector().await, stage.connector().await);
    let turn = stage.first_turn("c-1", &mut one).await;
    one.send(json!({"type": "leaving"})).await;
    one.send(json!({"type": "ping"})).await;
    one.next_of("pong").await;
    let other = stage.first_turn("c-2", &mut two).await;
    let third = stage.first_turn("c-3", &mut two).await;
    one.say(&turn, "My last").await;
    stage.hears("c-1", "My last").await;
    assert_eq!(one.closed().await, (1000, "left".to_owned()));
    two.say(&other, "Hi").await;
    two.say(&third, "Hi").await;
    stage.hears("c-2", "Hi").await;
    stage.hears("c-3", "Hi").await;
    stage.exchange("c-1", &mut two).await;
    stage.done().await;
}

#[tokio::test]
async fn s11_a_session_taken_over_closes_its_old_socket() {
    let stage = Stage::new("").await;
    let mut one = stage.connector().await;
    let mut two = one.resume(stage.door, &stage.token).await;
    assert_eq!(one.closed().await, (4004, "replaced".to_owned()));
    let turn = stage.first_turn("c-1", &mut two).await;
    two.say(&turn, "Hi").await;
    stage.hears("c-1", "Hi").await;
    stage.done().await;
}

#[tokio::test]
async fn s11_notices_of_a_cut_follow_the_resume() {
    let stage = Stage::new("").await;
    let mut one = stage.connector().await;
    let turn = stage.first_turn("c-1", &mut one).await;
    one.say(&turn, "Hi").await;
    stage.hears("c-1", "Hi").await;
    let session = one.session().to_owned();
    one.cut();
    stage.until_metric("usher_connector_sockets", 0).await;
    stage.centre.end("c-1", "left").await;
    stage.centre.settled().await;
    let hello = json!({"type": "hello", "resume": session});
    let mut back = FakeConnector::attach_with(stage.door, &stage.token, hello).await;
    assert_eq!(back.next().await, json!({"type": "closed", "contact": "c-1", "reason": "left"}));
    stage.done().await;
}
