//! The agent's webhook over real sockets: what it is asked, what its answer changes, and what its failure leaves.

use std::time::Duration;

use serde_json::{Value, json};
use usher::{
    clock::Clock,
    offline_nlp::{agent::Webhook, server::Server},
    wire::dialogflow_v2::{
        Context, DetectIntentRequest, DetectIntentResponse, QueryInput, QueryParameters, TextInput, query_input,
        sessions_client::SessionsClient,
    },
};

use super::{SESSION, agent, serve};
use crate::fakes::http_target::{HttpTarget, Reaction};

pub(super) async fn server(target: &HttpTarget) -> Server {
    let mut agent = agent();
    agent.webhook = Some(Webhook {
        url: format!("http://{}/hook", target.address),
        username: "cafe".to_owned(),
        password: "planted".to_owned(),
        headers: [("X-Table".to_owned(), "seven".to_owned())].into(),
    });
    serve(agent).await
}

async fn say(server: &Server, text: &str, parameters: Option<QueryParameters>) -> DetectIntentResponse {
    let mut client = SessionsClient::connect(format!("http://{}", server.address())).await.unwrap();
    let input = TextInput { text: text.to_owned(), language_code: "en".to_owned() };
    let request = DetectIntentRequest {
        session: SESSION.to_owned(),
        query_params: parameters,
        query_input: Some(QueryInput { input: Some(query_input::Input::Text(input)) }),
        ..DetectIntentRequest::default()
    };
    client.detect_intent(request).await.unwrap().into_inner()
}

fn told(answer: &DetectIntentResponse) -> (i32, &str) {
    let status = answer.webhook_status.as_ref().unwrap();
    (status.code, answer.query_result.as_ref().unwrap().fulfillment_text.as_str())
}

fn shown(contexts: &[Context]) -> Vec<String> {
    contexts.iter().map(|it| format!("{} {}", it.name.rsplit('/').next().unwrap(), it.lifespan_count)).collect()
}

#[tokio::test]
async fn b16_the_webhook_is_asked_as_the_service_asks() {
    let target = HttpTarget::plain([Reaction::json(r#"{"fulfillmentText": "It rains."}"#)]);
    let server = server(&target).await;
    let payload = json!({"contact": {"id": "c-1"}});
    let payload = usher::wire::structs::from_json(payload.as_object().unwrap());
    let headers = [("x-trace".to_owned(), "t-1".to_owned())].into();
    let parameters = QueryParameters { payload: Some(payload), webhook_headers: headers, ..QueryParameters::default() };
    let answer = say(&server, "tell me the news", Some(parameters)).await;
    assert_eq!(told(&answer), (0, "It rains."));
    assert_eq!(answer.webhook_status.as_ref().unwrap().message, "Webhook execution successful");
    let result = answer.query_result.as_ref().unwrap();
    assert!(result.diagnostic_info.as_ref().unwrap().fields.contains_key("webhook_latency_ms"));

    let asked = target.requests().remove(0);
    assert_eq!(asked.line, "POST /hook HTTP/1.1");
    // cafe:planted
    assert_eq!(asked.header("authorization"), Some("Basic Y2FmZTpwbGFudGVk"));
    assert_eq!((asked.header("x-table"), asked.header("x-trace")), (Some("seven"), Some("t-1")));
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(body["responseId"], answer.response_id);
    assert_eq!(body["session"], SESSION);
    assert_eq!(body["originalDetectIntentRequest"]["payload"], json!({"contact": {"id": "c-1"}}));
    let asked = &body["queryResult"];
    assert_eq!((&asked["queryText"], &asked["languageCode"]), (&json!("tell me the news"), &json!("en")));
    assert_eq!((&asked["action"], &asked["intent"]["displayName"]), (&json!("news"), &json!("news")));
    assert_eq!(
        (&asked["fulfillmentText"], &asked["allRequiredParamsPresent"]),
        (&json!("There is no news."), &json!(true))
    );
    assert_eq!(asked["fulfillmentMessages"], json!([{"text": {"text": ["There is no news."]}}]));
    assert_eq!(asked["outputContexts"][0], json!({"name": format!("{SESSION}/contexts/news"), "lifespanCount": 2}));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_the_webhooks_answer_is_the_agents() {
    let body = json!({
        "fulfillmentMessages": [
            {"text": {"text": ["Rain."]}},
            {"platform": "SLACK", "text": {"text": ["unheard"]}},
            {"quickReplies": {"title": "More?", "quickReplies": ["Yes"]}},
            {"payload": {"mm": 3}},
        ],
        "outputContexts": [
            {"name": format!("{SESSION}/contexts/rain"), "lifespanCount": 4, "parameters": {"mm": 3}},
            {"name": format!("{SESSION}/contexts/news"), "lifespanCount": 0},
        ],
        "sessionEntityTypes": [{"name": format!("{SESSION}/entityTypes/drink"),
            "entityOverrideMode": "ENTITY_OVERRIDE_MODE_OVERRIDE", "entities": [{"value": "mate", "synonyms": ["mate"]}]}],
        "source": "weather", "payload": {"rain": true}, "unknown": {"x": 1},
    });
    let target = HttpTarget::plain([Reaction::json(body.to_string())]);
    let server = server(&target).await;
    let answer = say(&server, "tell me the news", None).await;
    assert_eq!(told(&answer), (0, "Rain."));
    let result = answer.query_result.unwrap();
    assert_eq!(result.fulfillment_messages.len(), 3);
    assert_eq!(shown(&result.output_contexts), ["rain 4", "__system_counters__ 0"]);
    assert_eq!(result.webhook_source, "weather");
    assert!(result.webhook_payload.unwrap().fields.contains_key("rain"));
    let ordered = say(&server, "I want a mate", None).await.query_result.unwrap();
    assert_eq!(ordered.fulfillment_text, "What size for the mate?");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_a_follow_up_event_is_answered_in_the_webhooks_place() {
    let event =
        json!({"followupEventInput": {"name": "GREET", "parameters": {"name": "Desk 1"}, "languageCode": "en"}});
    let target = HttpTarget::plain([Reaction::json(event.to_string())]);
    let server = server(&target).await;
    let answer = say(&server, "tell me the news", None).await;
    assert_eq!(told(&answer), (0, "Hello Desk 1, any table."));
    assert_eq!(answer.query_result.unwrap().intent.unwrap().display_name, "greet");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_a_follow_up_event_is_answered_in_the_language_it_names() {
    for (language, expected) in [("de", "de"), ("", "en")] {
        let event = json!({"followupEventInput": {"name": "GREET", "languageCode": language}});
        let target = HttpTarget::plain([Reaction::json(event.to_string())]);
        let server = server(&target).await;
        let answer = say(&server, "tell me the news", None).await;
        assert_eq!(answer.query_result.unwrap().language_code, expected);
        server.stop().await.unwrap();
    }
}

#[tokio::test]
async fn b16_follow_up_events_that_go_round_come_to_an_end() {
    let mut agent = agent();
    for intent in agent.intents.iter_mut().filter(|it| it.name == "news") {
        intent.events = vec!["again".to_owned()];
    }
    let again = || Reaction::json(r#"{"followupEventInput": {"name": "AGAIN"}}"#);
    let target = HttpTarget::plain(std::iter::repeat_with(again).take(20));
    agent.webhook = Some(Webhook { url: format!("http://{}/", target.address), ..Webhook::default() });
    let server = serve(agent).await;
    let answer = say(&server, "tell me the news", None).await;
    assert_eq!(told(&answer), (9, "There is no news."));
    assert_eq!(target.requests().len(), 6);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_slot_filling_asks_its_own_webhook() {
    let target = HttpTarget::plain([
        Reaction::json(r#"{"fulfillmentText": "May I have your name?"}"#),
        Reaction::json(r#"{"fulfillmentText": "Booked."}"#),
    ]);
    let server = server(&target).await;
    let answer = say(&server, "reserve a table", None).await;
    assert_eq!(told(&answer), (0, "May I have your name?"));
    assert!(!answer.query_result.unwrap().all_required_params_present);
    let answer = say(&server, "Doe", None).await;
    assert_eq!(told(&answer), (0, "Booked."));
    let bodies: Vec<Value> = target.requests().iter().map(|it| serde_json::from_slice(&it.body).unwrap()).collect();
    assert!(bodies[0]["queryResult"].get("allRequiredParamsPresent").is_none());
    assert_eq!(bodies[1]["queryResult"]["parameters"], json!({"guest": "Doe"}));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_a_webhook_that_fails_leaves_the_agents_own_answer() {
    let other = format!("{{\"outputContexts\": [{{\"name\": \"{SESSION}x/contexts/a\", \"lifespanCount\": 1}}]}}");
    for (reaction, code) in [
        (Reaction::status(500), 14),
        (Reaction::status(404), 14),
        (Reaction::json("{"), 3),
        (Reaction::json(r#"{"fulfillmentText": 3}"#), 3),
        (Reaction::json(other), 3),
        (Reaction::json(format!("{{\"fulfillmentText\": \"{}\"}}", "x".repeat(65 * 1024))), 8),
        (Reaction::redirect(307, "http://127.0.0.2:9/"), 3),
        (Reaction::Raw(b"nonsense".to_vec()), 14),
    ] {
        let target = HttpTarget::plain([reaction.clone()]);
        let server = server(&target).await;
        let answer = say(&server, "tell me the news", None).await;
        assert_eq!(told(&answer), (code, "There is no news."), "{reaction:?}");
        assert_eq!(shown(&answer.query_result.unwrap().output_contexts), ["news 2", "__system_counters__ 0"]);
        server.stop().await.unwrap();
    }
}

#[tokio::test]
async fn b16_a_webhook_has_five_seconds() {
    let target = HttpTarget::plain([Reaction::Hang]);
    let server = server(&target).await;
    let began = Clock::instant();
    let answer = say(&server, "tell me the news", None).await;
    assert_eq!(told(&answer), (4, "There is no news."));
    let took = began.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_secs(8)).contains(&took), "{took:?}");
    server.stop().await.unwrap();
}
