//! Who is let in, and how the others are told.

use super::*;
use crate::fakes::connector::knock;

const PATH: &str = "GET /connectors/v1";
const PROTOCOL: &str = "Sec-WebSocket-Protocol: usher.connector.v1";

#[tokio::test]
async fn s11_what_is_no_proper_dial_in_is_refused_before_the_upgrade() {
    let stage = Stage::new("").await;
    let bearer = format!("Authorization: Bearer {}", stage.token);
    let cases: [(&str, bool, &[&str], u16, &str); 8] = [
        (PATH, true, &[PROTOCOL], 401, "unauthenticated"),
        (PATH, true, &[PROTOCOL, "Authorization: Bearer guess"], 401, "unauthenticated"),
        (PATH, true, &[&bearer], 400, "invalid"),
        (PATH, true, &[&bearer, "Sec-WebSocket-Protocol: usher.connector.v2"], 400, "invalid"),
        (PATH, false, &[&bearer, PROTOCOL], 426, "upgrade_required"),
        ("POST /connectors/v1", true, &[&bearer, PROTOCOL], 405, "method_not_allowed"),
        ("GET /connectors/v2", true, &[&bearer, PROTOCOL], 404, "not_found"),
        ("GET /", false, &[], 404, "not_found"),
    ];
    for (line, handshake, headers, status, reason) in cases {
        let refusal = knock(stage.door, line, handshake, headers).await;
        assert_eq!((refusal.status, refusal.problem["reason"].as_str()), (status, Some(reason)), "{line} {headers:?}");
        assert_eq!(refusal.problem["status"], status);
        assert!(!refusal.problem.to_string().contains("guess"), "{}", refusal.problem);
    }
    let refusal = knock(stage.door, PATH, true, &[PROTOCOL]).await;
    assert!(refusal.head.contains("www-authenticate: bearer"), "{}", refusal.head);
    assert_eq!(stage.metric("usher_connector_problems_total{problem=\"unauthenticated\"}").await, 3);
    stage.done().await;
}

#[tokio::test]
async fn s11_an_address_that_guesses_is_throttled_and_the_right_token_still_opens() {
    let stage = Stage::new("").await;
    let _known = stage.connector().await;
    let guess = |n: u32| format!("Authorization: Bearer guess-{n}");
    for n in 0..10 {
        assert_eq!(knock(stage.door, PATH, true, &[PROTOCOL, &guess(n)]).await.status, 401);
    }
    let refusal = knock(stage.door, PATH, true, &[PROTOCOL, &guess(11)]).await;
    assert_eq!((refusal.status, refusal.problem["reason"].as_str()), (429, Some("busy")));
    assert!(refusal.head.contains("retry-after: "), "{}", refusal.head);
    let _still = stage.connector().await;
    stage.done().await;
}

#[tokio::test]
async fn s11_the_sockets_are_bounded_and_one_that_goes_makes_room() {
    let stage = Stage::with(&format!("{DOOR}max_sockets = 2\n"), "", "").await;
    let (one, _two) = (stage.connector().await, stage.connector().await);
    let bearer = format!("Authorization: Bearer {}", stage.token);
    let refusal = knock(stage.door, PATH, true, &[PROTOCOL, &bearer]).await;
    assert_eq!((refusal.status, refusal.problem["reason"].as_str()), (503, Some("unavailable")));
    one.close().await;
    stage.until_metric("usher_connector_sockets", 1).await;
    let mut tries = 0;
    while FakeConnector::dial(stage.door, &stage.token).await.is_err() {
        tries += 1;
        assert!(tries < 1_000, "the place of the one that went is free");
    }
    stage.done().await;
}
