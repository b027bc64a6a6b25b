//! Tool calls: what is valid ends the turn, what is not is shown to the model once and never carried out.

use super::*;

fn order(n: &Value) -> Reply {
    Reply::calls("I look.", &[("order_status", json!({"order": n}))])
}

#[tokio::test]
async fn a_valid_call_ends_the_turn() {
    let summary = json!({"reason": "asked", "summary": "Wants a person."});
    let decides = move |asked: Asked| match asked.input() {
        "where is it?" => order(&json!(4711)),
        _ => Reply::calls(
            "One moment.",
            &[("hand_over_to_person", summary.clone()), ("order_status", json!({"order": 1}))],
        ),
    };
    let model = Model::new("", decides);
    let answer = model.hears("where is it?").await.unwrap();
    assert_eq!((texts(&answer), answer.action.as_str()), (vec!["I look.".to_owned()], "order.status"));
    assert_eq!(Value::Object(answer.parameters), json!({"order": 4711}));
    let answer = model.hears("a person!").await.unwrap();
    assert_eq!((texts(&answer), answer.action.as_str()), (vec!["One moment.".to_owned()], ""));
    assert!(answer.live_agent_handoff);
    assert_eq!(model.fake.asked().len(), 2, "one question each");
}

#[tokio::test]
async fn a_wrong_call_is_shown_to_the_model_and_may_be_mended_once() {
    for stream in ["off", "typing", "paragraphs"] {
        let decides = |asked: Asked| if asked.corrects() { order(&json!(4711)) } else { order(&json!("4711")) };
        let model = Model::new(&format!("stream = \"{stream}\"\n"), decides);
        let answer = model.hears("where is it?").await.unwrap();
        assert_eq!((texts(&answer), answer.action.as_str()), (vec!["I look.".to_owned()], "order.status"));
        let asked = model.fake.asked();
        let [.., calls, told] = asked[1].messages() else { panic!("no round") };
        assert_eq!(calls["tool_calls"][0]["function"]["arguments"], "{\"order\":\"4711\"}");
        assert_eq!(told["tool_call_id"], calls["tool_calls"][0]["id"]);
        assert_eq!(told["content"], "Refused: `order` must be a whole number; nothing was done.");
        assert_eq!(asked[0].request_id(), asked[1].request_id(), "of one turn");
    }
}

#[tokio::test]
async fn an_invented_action_is_never_carried_out() {
    let stubborn = Model::new("", |_| Reply::calls("Your refund is on its way.", &[("refund", json!({}))]));
    let answer = stubborn.hears("refund!").await.unwrap();
    assert_eq!((texts(&answer), answer.action.as_str()), (vec!["Sorry.".to_owned()], ""));
    assert!(answer.not_understood, "counts for the contact, and for no breaker: a customer can talk a model into it");
    assert_eq!(answer.contexts, ["tool_refused"]);
    assert_eq!(stubborn.fake.asked().len(), 2, "two rounds and no more");

    let decides = |asked: Asked| match asked.corrects() {
        true => Reply::words("I cannot refund."),
        false => Reply::calls("Your refund is on its way.", &[("refund", json!({})), ("person", json!({"x": 1}))]),
    };
    let model = Model::new("", decides);
    let answer = model.hears("refund!").await.unwrap();
    assert_eq!((texts(&answer), answer.not_understood), (vec!["I cannot refund.".to_owned()], false));
    let told: Vec<String> = model.fake.asked()[1]
        .messages()
        .iter()
        .filter(|it| it["role"] == "tool")
        .map(|it| it["content"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        told,
        [
            "Refused: there is no such tool, and nothing was done; the tools are hand_over_to_person, end_conversation, \
             not_understood, order_status, person.",
            "Refused: it takes no arguments; nothing was done.",
        ]
    );
}

#[tokio::test]
async fn both_rounds_share_the_deadline() {
    let fake = FakeOpenAi::start(|asked| match asked.corrects() {
        true => std::future::pending().boxed(),
        false => std::future::ready(order(&json!("4711"))).boxed(),
    });
    let model = Model::with(fake, "deadline_ms = 500\n");
    let began = Clock::instant();
    let error = model.hears("where is it?").await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Deadline);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(model.fake.asked().len(), 2);
}

#[tokio::test]
async fn calls_beyond_the_bound_are_not_looked_at() {
    let calls: Vec<(&str, Value)> =
        std::iter::repeat_n(("invented", json!({})), 10).chain([("person", json!({}))]).collect();
    let model = Model::new("", move |_| Reply::calls("", &calls));
    let answer = model.hears("everything").await.unwrap();
    assert_eq!((answer.action.as_str(), answer.not_understood), ("", true));
}
