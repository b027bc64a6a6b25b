//! Tokens: made beside the running gateway, good for a grace period after the next, then refused.

use super::*;
use crate::fakes::connector::knock;

#[tokio::test]
async fn s11_a_reloaded_token_leaves_the_old_one_its_grace_and_then_closes_its_sockets() {
    let stage = Stage::new("").await;
    let mut old = stage.connector().await;
    let new_token = reload_token(&stage.usher, Duration::from_secs(3)).await;
    let mut new = FakeConnector::attach(stage.door, &new_token).await;
    let _still = stage.connector().await;
    let turn = stage.first_turn("c-1", &mut old).await;
    old.say(&turn, "Hi").await;
    stage.hears("c-1", "Hi").await;
    assert_eq!(old.closed().await, (4001, "token_revoked".to_owned()));
    let bearer = format!("Authorization: Bearer {}", stage.token);
    let refusal =
        knock(stage.door, "GET /connectors/v1", true, &["Sec-WebSocket-Protocol: usher.connector.v1", &bearer]).await;
    assert_eq!(refusal.status, 401);
    stage.exchange("c-1", &mut new).await;
    stage.done().await;
}

#[tokio::test]
async fn s11_a_token_of_a_profile_that_no_connector_serves_opens_nothing() {
    let stage = Stage::new("").await;
    let of = TokenOf {
        unit: UnitName::new("sales").unwrap(),
        profile: ProfileName::new("other").unwrap(),
        name: String::new(),
    };
    let token = app::reload_connector_token(&stage.usher.data(), of, Duration::ZERO).await.unwrap();
    let bearer = format!("Authorization: Bearer {}", token.expose_secret());
    let refusal =
        knock(stage.door, "GET /connectors/v1", true, &["Sec-WebSocket-Protocol: usher.connector.v1", &bearer]).await;
    assert_eq!((refusal.status, refusal.problem["reason"].as_str()), (409, Some("precondition")));
    stage.done().await;
}
