//! Slow consumers, silence, reloads and the drain.

use serde_json::json;

use super::*;

#[tokio::test]
async fn s11_a_connector_that_does_not_read_is_cut_off_and_its_turns_move() {
    let door = format!("{DOOR}write_deadline_s = 1\n");
    let stage = Stage::with(&door, "deadline_ms = 60000", "").await;
    let mut slow = stage.connector().await;
    stage.first_turn("c-1", &mut slow).await;
    let mut other = stage.connector().await;
    // It says much and reads nothing of what it is answered; sooner or later nothing more goes through.
    let mut io = slow.into_io();
    let ping = masked(json!({"type": "ping", "id": "x".repeat(60)}).to_string().as_bytes());
    let flood = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        while io.write_all(&ping).await.is_ok() {}
    });
    let moved = other.turn().await;
    assert_eq!(moved["contact"], "c-1");
    other.say(&moved, "I read").await;
    stage.hears("c-1", "I read").await;
    flood.await.unwrap();
    stage.until_metric("usher_connector_closes_total{why=\"slow_consumer\"}", 1).await;
    stage.done().await;
}

/// A client's text frame, with a mask of zeros.
fn masked(text: &[u8]) -> Vec<u8> {
    assert!(text.len() < 126);
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(text);
    frame
}

#[tokio::test]
async fn s11_a_socket_that_gives_no_sign_of_life_is_cut_and_may_come_back() {
    let door = format!("{DOOR}ping_s = 1\n");
    let stage = Stage::with(&door, "", "").await;
    let dead = stage.connector().await;
    let session = dead.session().to_owned();
    let alive = stage.connector().await;
    // Its pongs never leave, as nobody looks at the socket.
    let _open = dead.into_io();
    let pongs = tokio::spawn(async move {
        let mut alive = alive;
        alive.closed().await
    });
    stage.until_metric("usher_connector_closes_total{why=\"no_sign_of_life\"}", 1).await;
    assert_eq!(stage.metric("usher_connector_sockets").await, 1);
    let hello = json!({"type": "hello", "resume": session});
    let back = FakeConnector::attach_with(stage.door, &stage.token, hello).await;
    assert_eq!(back.welcome["resumed"], true);
    stage.done().await;
    assert_eq!(pongs.await.unwrap().0, 1001);
}

#[tokio::test]
async fn s11_a_drain_lets_turns_finish_and_closes_with_its_reason() {
    let stage = Stage::new("").await;
    let mut connector = stage.connector().await;
    let turn = stage.first_turn("c-1", &mut connector).await;
    let Stage { usher, centre, door, token } = stage;
    let answers = async {
        centre.notice("the drain", |it| matches!(it, gateway_frame::Body::Draining(_)).then_some(())).await;
        let late = FakeConnector::dial(door, &token).await;
        assert!(late.is_err(), "nobody comes in any more");
        connector.say(&turn, "Just in time").await;
        assert_eq!(centre.next_say("c-1").await, ["Just in time"]);
        connector.closed().await
    };
    let (_, closed) = tokio::join!(usher.drain(), answers);
    assert_eq!(closed, (1001, "draining".to_owned()));
}

#[tokio::test]
async fn s11_sockets_stay_through_a_reload_and_go_with_their_profile() {
    let mut stage = Stage::new("credits = 2").await;
    let mut connector = stage.connector().await;
    let config = format!("{CONFIG}{DOOR}");
    stage.usher.reload_profile(&config, &profile("credits = 8", "")).await;
    let other = stage.connector().await;
    assert_eq!(other.welcome["credits"], 8);
    let turn = stage.first_turn("c-1", &mut connector).await;
    connector.say(&turn, "Still here").await;
    stage.hears("c-1", "Still here").await;
    stage.centre.end("c-1", "left").await;
    connector.next_of("closed").await;
    let dialogflow = crate::harness::profile("http://127.0.0.1:9");
    stage.usher.reload_profile(&config, &dialogflow).await;
    assert_eq!(connector.closed().await, (4005, "profile_gone".to_owned()));
    stage.done().await;
}

#[tokio::test]
async fn s11_the_first_connector_profile_of_a_reload_opens_the_door() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let door = free.local_addr().unwrap();
    drop(free);
    let config = format!("{CONFIG}[connectors]\nlisten = \"{door}\"\n");
    let mut usher = Usher::start(&config, &crate::harness::profile("http://127.0.0.1:9")).await;
    assert_eq!(usher.connectors, None);
    let token = reload_token(&usher, Duration::ZERO).await;
    usher.reload_profile(&config, &profile("", "")).await;
    let mut connector = FakeConnector::attach(door, &token).await;
    let drained = tokio::spawn(async move { usher.drain().await });
    assert_eq!(connector.closed().await.0, 1001);
    drained.await.unwrap();
}
