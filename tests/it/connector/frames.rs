//! Frames that cannot be used, and sockets that behave badly.

use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use super::*;

#[tokio::test]
async fn s11_a_bad_frame_is_told_where_and_what_and_the_third_in_a_row_closes() {
    let stage = Stage::new("").await;
    let mut connector = stage.connector().await;
    connector.send_text("{\"type\": \"reply\",\n \"turn_id\": \"t\", \"mesages\": []}").await;
    let error = connector.next_of("error").await;
    assert_eq!(error["code"], "bad_frame");
    assert_eq!(error["at"], json!({"path": "mesages", "line": 2, "column": 27}), "{error}");
    assert!(error["message"].as_str().unwrap().contains("unknown field `mesages`"), "{error}");
    connector.send_text("{").await;
    assert_eq!(connector.next_of("error").await["code"], "bad_json");
    connector.send(json!({"type": "ping"})).await;
    connector.next_of("pong").await;
    for code in ["bad_json", "not_text", "unexpected"] {
        match code {
            "bad_json" => connector.send_text("nonsense").await,
            "not_text" => connector.send_binary(b"\0").await,
            _ => connector.send(json!({"type": "hello"})).await,
        }
        assert_eq!(connector.next_of("error").await["code"], code);
    }
    assert_eq!(connector.closed().await, (4002, "bad_frames".to_owned()));
    assert_eq!(stage.metric("usher_connector_bad_frames_total{code=\"bad_json\"}").await, 2);
    assert_eq!(stage.metric("usher_connector_bad_frames_total{code=\"not_text\"}").await, 1);
    assert_eq!(stage.metric("usher_connector_closes_total{why=\"bad_frames\"}").await, 1);
    stage.done().await;
}

#[tokio::test]
async fn s11_an_oversized_frame_closes_its_socket_and_its_turn_moves() {
    let stage = Stage::with(&format!("{DOOR}max_frame_bytes = 4096\n"), "", "").await;
    let (mut one, mut two) = (stage.connector().await, stage.connector().await);
    assert_eq!(one.welcome["max_frame_bytes"], 4096);
    let turn = stage.first_turn("c-1", &mut one).await;
    one.say(&turn, &"x".repeat(200_000)).await;
    assert_eq!(one.closed().await, (1009, "too_large".to_owned()));
    let moved = two.turn().await;
    two.say(&moved, "Short").await;
    stage.hears("c-1", "Short").await;
    stage.done().await;
}

#[tokio::test]
async fn s11_the_first_frame_is_hello() {
    let stage = Stage::new("").await;
    for frame in ["{\"type\": \"ping\"}", "nonsense", "[]"] {
        let mut connector = FakeConnector::dial(stage.door, &stage.token).await.unwrap();
        connector.send_text(frame).await;
        connector.next_of("error").await;
        assert_eq!(connector.closed().await, (4000, "no_hello".to_owned()), "{frame}");
    }
    let connector = FakeConnector::dial(stage.door, &stage.token).await.unwrap();
    connector.cut();
    stage.done().await;
}

#[tokio::test]
async fn s11_broken_websocket_frames_close_the_socket() {
    let stage = Stage::new("").await;
    let mut io = stage.connector().await.into_io();
    // A text frame that is not masked.
    io.write_all(&[0x81, 0x01, b'x']).await.unwrap();
    stage.until_metric("usher_connector_closes_total{why=\"protocol\"}", 1).await;
    let mut io = stage.connector().await.into_io();
    // Masked, and no UTF-8.
    io.write_all(&[0x81, 0x81, 0, 0, 0, 0, 0xff]).await.unwrap();
    stage.until_metric("usher_connector_closes_total{why=\"protocol\"}", 2).await;
    stage.done().await;
}
