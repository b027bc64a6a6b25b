//! Connectors as operators see them: who is attached for which profile, and how busy.

use std::time::Duration;

use super::*;
use crate::{
    connector::{DOOR, profile, reload_token},
    fakes::{connector::FakeConnector, engine::FakeEngine},
};

#[tokio::test]
async fn s11_attached_connectors_are_seen_with_what_they_have_in_flight() {
    let usher = Usher::start(&format!("{CONFIG}{DOOR}"), &profile("credits = 4", "")).await;
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow: FakeDialogflow::start() };
    let (admin, link) = (house.browser(), house.link());
    let form = [("token", token_of(&link)), ("name", "chief"), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(admin.post("/welcome", &form).await.status, 303);
    let token = reload_token(&house.usher, Duration::ZERO).await;
    for path in ["/", "/profiles/sales/support"] {
        assert!(admin.get(path).await.text.contains("none is attached"), "{path}");
    }
    let mut connector = FakeConnector::attach(house.usher.connectors.unwrap(), &token).await;
    let centre = FakeEngine::attach(house.usher.setup()).await.unwrap();
    centre.open("c-1", "va1").await;
    centre.say("c-1", "hello").await;
    let turn = connector.turn().await;
    let live = admin.get("/").await.text;
    assert!(live.contains("1 attached") && live.contains("1 turns") && live.contains("since <time"), "{live}");
    assert!(live.contains("<a href=\"/profiles/sales/support\">support</a>"), "{live}");
    let page = admin.get("/profiles/sales/support").await.text;
    assert!(page.contains("is attached") && page.contains("1 / 4"), "{page}");
    connector.say(&turn, "hi").await;
    assert_eq!(centre.next_say("c-1").await, ["hi"]);
    assert!(admin.get("/profiles/sales/support").await.text.contains("0 / 4"));
    house.close().await;
}
