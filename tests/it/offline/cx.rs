//! CX's door by bare HTTP: bad input, webhooks, sessions apart.

use serde_json::{Value, json};

use super::{agent, doors::ask, serve, webhook};
use crate::fakes::http_target::{HttpTarget, Reaction};

const SESSION: &str = "projects/p/locations/l/agents/offline/sessions/s";

fn say(text: &str) -> Value {
    json!({"queryInput": {"text": {"text": text}, "languageCode": "en"}})
}

#[tokio::test]
async fn b16_cx_bad_requests_are_refused_in_googles_form() {
    let server = serve(agent()).await;
    let at = |path: &str| format!("http://{}/v3/{path}", server.address());
    let detect = at(&format!("{SESSION}:detectIntent"));
    let params = |it: Value| {
        let mut body = say("hello");
        body["queryParams"] = it;
        body.to_string()
    };
    let large = json!({ "x": "x".repeat(40 * 1024) });
    for (method, url, body, code, status) in [
        ("POST", detect.clone(), "{".to_owned(), 400, "INVALID_ARGUMENT"),
        ("POST", detect.clone(), "{}".to_owned(), 400, "INVALID_ARGUMENT"),
        ("POST", detect.clone(), params(json!({"timeZone": "Mars"})), 400, "INVALID_ARGUMENT"),
        ("POST", detect.clone(), params(json!({"parameters": large})), 400, "INVALID_ARGUMENT"),
        ("POST", detect.clone(), params(json!({"payload": large})), 400, "INVALID_ARGUMENT"),
        ("POST", detect.clone(), params(json!({"channel": "x".repeat(251)})), 400, "INVALID_ARGUMENT"),
        ("POST", detect.clone(), params(json!({"currentPage": "p"})), 501, "UNIMPLEMENTED"),
        ("GET", detect.clone(), String::new(), 405, "UNIMPLEMENTED"),
        (
            "POST",
            at("projects/p/locations/l/agents/offline/sessions:detectIntent"),
            "{}".to_owned(),
            400,
            "INVALID_ARGUMENT",
        ),
        ("POST", at("projects/p/agent/sessions/s:detectIntent"), "{}".to_owned(), 400, "INVALID_ARGUMENT"),
        ("POST", at("projects/p/locations/l/agents/o/sessions/s:detectIntent"), "{}".to_owned(), 404, "NOT_FOUND"),
        ("GET", at("projects/p/locations/l/agents/o"), String::new(), 404, "NOT_FOUND"),
        ("POST", at("projects/p/locations/l/agents/offline"), "{}".to_owned(), 405, "UNIMPLEMENTED"),
        ("GET", at("projects/p/locations/l/agents/offline/flows"), String::new(), 404, "NOT_FOUND"),
        ("GET", at("%ff"), String::new(), 400, "INVALID_ARGUMENT"),
    ] {
        let (told, answer) = ask(method, &url, &body).await;
        let error = &answer["error"];
        assert_eq!((told, &error["status"]), (code, &json!(status)), "{method} {url} {error}");
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_cx_sessions_are_apart_from_each_other_and_from_those_of_es() {
    let server = serve(agent()).await;
    let cx = |session: &str| format!("http://{}/v3/{session}:detectIntent", server.address());
    let (_, answer) = ask("POST", &cx(SESSION), &say("a big java").to_string()).await;
    assert_eq!(answer["queryResult"]["parameters"]["drink"], "coffee");
    for other in ["projects/q/locations/l/agents/offline/sessions/s", &format!("{SESSION}2")] {
        let (_, answer) = ask("POST", &cx(other), &say("Doe").to_string()).await;
        assert_ne!(answer["queryResult"]["match"]["matchType"], "PARAMETER_FILLING", "{other}");
    }
    let es = format!("http://{}/v2/projects/p/locations/l/agent/sessions/s:detectIntent", server.address());
    let (_, answer) = ask("POST", &es, r#"{"queryInput": {"text": {"text": "Doe", "languageCode": "en"}}}"#).await;
    assert_ne!(answer["queryResult"]["intent"]["displayName"], "order drink");
    let (_, answer) = ask("POST", &cx(SESSION), &say("Doe").to_string()).await;
    assert_eq!(answer["queryResult"]["match"]["matchType"], "PARAMETER_FILLING");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_cx_a_session_that_grows_too_large_stays_as_it_was() {
    let server = serve(agent()).await;
    let url = format!("http://{}/v3/{SESSION}:detectIntent", server.address());
    let mut refused = 0;
    for n in 0..20 {
        let mut body = say("hello");
        body["queryParams"] = json!({"parameters": {format!("p{n}"): "x".repeat(30 * 1024)}});
        let (status, _) = ask("POST", &url, &body.to_string()).await;
        refused += u32::from(status == 429);
        assert!(status == 200 || status == 429, "{status}");
    }
    assert!((1..19).contains(&refused), "{refused}");
    let (status, _) = ask("POST", &url, &say("hello").to_string()).await;
    assert_eq!(status, 200);
    server.stop().await.unwrap();
}

/// The webhook is the agent's, and so is asked in the words of ES.
#[tokio::test]
async fn b16_cx_the_agents_webhook_answers_and_can_be_left_out() {
    let good = || Reaction::json(r#"{"fulfillmentText": "It rains.", "payload": {"mm": "3"}}"#);
    let target = HttpTarget::plain([good(), Reaction::json("[]")]);
    let server = webhook::server(&target).await;
    let url = format!("http://{}/v3/{SESSION}:detectIntent", server.address());
    let mut body = say("tell me the news");
    body["queryParams"] = json!({"payload": {"contact": "c-1"}});
    let (_, answer) = ask("POST", &url, &body.to_string()).await;
    let result = &answer["queryResult"];
    assert_eq!(result["responseMessages"][0]["text"]["text"], json!(["It rains."]));
    assert_eq!(result["webhookPayloads"], json!([{"mm": "3"}]));
    assert_eq!(result["webhookStatuses"].as_array().unwrap().len(), 1);
    let asked: Value = serde_json::from_slice(&target.requests()[0].body).unwrap();
    assert_eq!(asked["session"], "projects/p/locations/l/agent/environments/draft/users/-/sessions/s");
    assert_eq!(asked["originalDetectIntentRequest"]["payload"], json!({"contact": "c-1"}));

    let (_, answer) = ask("POST", &url, &body.to_string()).await;
    let result = &answer["queryResult"];
    assert_eq!(result["responseMessages"][0]["text"]["text"], json!(["There is no news."]));
    assert_eq!(result["webhookStatuses"][0]["code"], 3, "{result}");

    body["queryParams"]["disableWebhook"] = true.into();
    let (_, answer) = ask("POST", &url, &body.to_string()).await;
    let result = &answer["queryResult"];
    assert_eq!(result["responseMessages"][0]["text"]["text"], json!(["There is no news."]));
    assert_eq!((result.get("webhookStatuses"), target.requests().len()), (None, 2));
    server.stop().await.unwrap();
}
