//! The documented activities, and whatever else may come.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    super::call::escaped,
    activity::{self, Activity, ActivitySet},
    hearing::Hearing,
};
use crate::{
    core::{
        ids::{ContactId, ContactName, Turn, UnitName},
        message::{Answer, Button, Input, Reply},
    },
    gateway::ports::{Ask, Seed},
};

fn contact() -> ContactId {
    ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new("c-1").unwrap() }
}

fn ask(input: Input) -> Ask {
    Ask::new(contact(), input, "de-AT")
}

fn hear<'a>(actions: &'a [String], activities: &[Value]) -> Hearing<'a> {
    let mut hearing = Hearing::new(actions);
    for activity in activities {
        hearing.take(serde_json::from_value(activity.clone()).unwrap()).unwrap();
    }
    hearing
}

fn answer(activities: &[Value]) -> Answer {
    hear(&[], activities).finish().unwrap()
}

#[test]
fn b17_direct_lines_documented_activities_become_replies_in_order() {
    let hero = json!({"title": "Lamp", "subtitle": "Warm", "text": "and bright", "images": [{"url": "https://s.example.com/l.png"}],
        "buttons": [{"type": "postBack", "title": "Buy", "value": "buy lamp"}, {"type": "openUrl", "title": "See", "value": "https://s.example.com"}]});
    let activities = [
        json!({"type": "message", "id": "conv|0000001", "from": {"id": "bot"}, "text": "Hello.", "replyToId": "conv|0000000"}),
        json!({"type": "message", "text": "Which?", "suggestedActions": {"actions": [
            {"type": "imBack", "title": "This", "value": "This"}, {"type": "imBack", "title": "That", "value": "That"}]}}),
        json!({"type": "message", "text": "Look:", "attachments": [
            {"contentType": "application/vnd.microsoft.card.hero", "content": hero},
            {"contentType": "image/png", "contentUrl": "https://s.example.com/m.png", "name": "The way"},
            {"contentType": "application/json", "content": {"kind": "map"}},
            {"contentType": "application/vnd.microsoft.card.adaptive", "content": {"type": "AdaptiveCard"}}]}),
        json!({"type": "trace", "name": "x"}),
        json!({"type": "conversationUpdate"}),
    ];
    let button = |text: &str, postback: &str| Button { text: text.into(), postback: postback.into() };
    let object = |value: Value| value.as_object().unwrap().clone();
    let adaptive = json!({"attachment": {"contentType": "application/vnd.microsoft.card.adaptive", "content": {"type": "AdaptiveCard"}}});
    assert_eq!(
        answer(&activities).replies,
        [
            Reply::Text("Hello.".into()),
            Reply::QuickReplies { title: "Which?".into(), replies: vec!["This".into(), "That".into()] },
            Reply::Text("Look:".into()),
            Reply::Card {
                title: "Lamp".into(),
                subtitle: "Warm\nand bright".into(),
                image_uri: "https://s.example.com/l.png".into(),
                buttons: vec![button("Buy", "buy lamp"), button("See", "https://s.example.com")],
            },
            Reply::Image { uri: "https://s.example.com/m.png".into(), description: "The way".into() },
            Reply::Payload(object(json!({"kind": "map"}))),
            Reply::Payload(object(adaptive)),
        ]
    );
}

#[test]
fn b17_handoff_events_and_the_end_are_what_they_say() {
    let answered = answer(&[json!({"type": "event", "name": "handoff.initiate", "value": {"skill": "bills"}})]);
    assert!(answered.live_agent_handoff && answered.action.is_empty());
    assert_eq!(answered.parameters["skill"], "bills");
    let ended =
        hear(&[], &[json!({"type": "endOfConversation", "text": "Bye."}), json!({"type": "message", "text": "!"})]);
    assert!(ended.is_over());
    assert!(ended.finish().unwrap().end_interaction);
}

#[test]
fn b17_an_event_of_an_actions_name_is_that_action_before_any_other() {
    let actions = ["call".to_owned()];
    let events = [
        json!({"type": "event", "name": "webchat/thing", "value": 7}),
        json!({"type": "event", "name": "call", "value": {"phone": "1"}}),
    ];
    let answered = hear(&actions, &events).finish().unwrap();
    assert_eq!((answered.action.as_str(), &answered.parameters["phone"]), ("call", &json!("1")));
    let other = answer(&events[..1]);
    assert_eq!((other.action.as_str(), &other.parameters["value"]), ("webchat/thing", &json!(7)));
    let wished =
        json!({"type": "message", "text": "?", "channelData": {"usher": {"not_understood": true, "intent": "none"}}});
    let wished = answer(&[wished]);
    assert!(wished.not_understood && wished.intent.as_deref() == Some("none"));
}

#[test]
fn b17_the_last_messages_hint_says_whether_more_follows() {
    let message = |hint: &str| json!({"type": "message", "text": "x", "inputHint": hint});
    let heard = |hints: &[&str]| {
        let hearing =
            hear(&[], &hints.iter().map(|it| message(it)).collect::<Vec<_>>()[..]).finish().unwrap().replies.len();
        let it = hear(&[], &hints.iter().map(|it| message(it)).collect::<Vec<_>>()[..]);
        (hearing, it.is_over(), it.goes_on())
    };
    assert_eq!(heard(&["expectingInput"]), (1, true, false));
    assert_eq!(heard(&["expectingInput", "acceptingInput"]), (2, false, false));
    assert_eq!(heard(&["acceptingInput", "ignoringInput"]), (2, false, true));
}

#[test]
fn b17_what_a_bot_may_not_say_is_told_apart_from_what_it_may() {
    for bad in [
        json!({"type": "message", "channelData": {"usher": {"acton": "a slip"}}}),
        json!({"type": "message", "attachments": [{"contentType": "application/json", "content": "text"}]}),
        json!({"type": "message", "attachments": [{"contentType": "application/vnd.microsoft.card.hero", "content": "text"}]}),
    ] {
        let activity: Activity = serde_json::from_value(bad.clone()).unwrap();
        assert!(Hearing::new(&[]).take(activity).is_err(), "{bad}");
    }
}

#[test]
fn b17_questions_are_activities_as_documented() {
    let text = activity::question(&ask(Input::Text("Hi".into())), "usher-1", false, None).unwrap();
    let usher = json!({"unit": "sales", "contact": "c-1", "media": "webinteraction", "parameters": {}});
    let expected = json!({"type": "message", "textFormat": "plain", "text": "Hi", "locale": "de-AT",
        "from": {"id": "sales/c-1", "role": "user"}, "channelData": {"clientActivityID": "usher-1", "usher": usher}});
    assert_eq!(text, expected);

    let mut welcome =
        ask(Input::Event { name: "WELCOME".into(), parameters: json!({"a": 1}).as_object().unwrap().clone() });
    welcome.turn = Some((Turn(7), crate::core::ids::Epoch(0)));
    welcome.seed = Some(Box::new(Seed::default()));
    let event = activity::question(&welcome, "usher-2", true, None).unwrap();
    assert_eq!(
        (&event["type"], &event["name"], &event["value"]),
        (&json!("event"), &json!("WELCOME"), &json!({"a": 1}))
    );
    assert_eq!(event["channelData"]["usher"]["anew"], true);
    assert_eq!(event["channelData"]["usher"]["seed"], json!({"transcript": [], "slots": {}}));
    assert_eq!(activity::question(&ask(Input::Redacted), "t", false, None), None);
}

#[test]
fn b17_a_pressed_button_comes_back_as_what_it_stands_for() {
    let actions = json!({"actions": [
        {"type": "postBack", "title": "Buy", "value": {"sku": 7}},
        {"type": "postBack", "title": "Later", "value": "later"},
        {"type": "messageBack", "title": "Ask", "text": "I ask", "value": {"q": 1}},
        {"type": "imBack", "title": "Say", "value": "say it"}]});
    let mut hearing = hear(&[], &[json!({"type": "message", "text": "?", "suggestedActions": actions})]);
    let said = hearing.said();
    let [Reply::Card { buttons, .. }] = said.as_slice() else { panic!("{said:?}") };
    let sends: Vec<&str> = buttons.iter().map(|it| it.postback.as_str()).collect();
    assert_eq!(sends, ["{\"sku\":7}", "later", "I ask", "say it"]);
    let offers = std::mem::take(&mut hearing.offers);
    let pressed = |sends: &str| {
        let offer = offers.iter().find(|it| it.sends == sends);
        let mut it = activity::question(&ask(Input::Text(sends.to_owned())), "t", false, offer).unwrap();
        it["channelData"].as_object_mut().unwrap().remove("usher");
        json!([it["text"], it["value"], it["channelData"]])
    };
    assert_eq!(pressed("{\"sku\":7}"), json!([null, {"sku": 7}, {"clientActivityID": "t", "postBack": true}]));
    assert_eq!(pressed("later"), json!(["later", null, {"clientActivityID": "t", "postBack": true}]));
    assert_eq!(pressed("I ask"), json!(["I ask", {"q": 1}, {"clientActivityID": "t", "messageBack": true}]));
    assert_eq!(pressed("say it"), json!(["say it", null, {"clientActivityID": "t"}]));
}

#[test]
fn b17_an_empty_body_is_a_sign_of_life() {
    let empty = ActivitySet::read(b" \r\n").unwrap();
    assert!(empty.activities.is_empty() && empty.watermark.is_none());
    assert!(ActivitySet::read(b"{}").unwrap().activities.is_empty());
    assert!(ActivitySet::read(b"[1]").is_err());
    assert_eq!(escaped("a|b/../c?d"), "a%7Cb%2F%2E%2E%2Fc%3Fd");
}

proptest! {
    #[test]
    fn b17_no_activity_panics(bytes in prop::collection::vec(any::<u8>(), 0..256), text in ".{0,40}") {
        drop(ActivitySet::read(&bytes));
        let action = json!({"type": "postBack", "title": text, "value": {"x": text}});
        let activity = json!({"type": "message", "id": text, "replyToId": text, "text": text, "inputHint": text,
            "attachments": [{"contentType": text, "contentUrl": text, "content": {"title": text, "buttons": [action]}}],
            "suggestedActions": {"actions": [action]}, "channelData": {"usher": {"action": text}}});
        let mut hearing = Hearing::new(&[]);
        assert!(hearing.take(serde_json::from_value(activity).unwrap()).is_ok() || !text.is_empty());
        drop(hearing.finish());
    }
}
