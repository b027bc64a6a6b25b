//! Bare HTTP/1.1 and bare gRPC: paths, methods, bad input, and Google's form of an error.

use serde_json::{Value, json};
use tonic::Code;
use usher::wire::dialogflow_v2::{
    DetectIntentRequest, QueryInput, StreamingDetectIntentRequest, TextInput, query_input,
    sessions_client::SessionsClient,
};

use super::{SESSION, agent, serve};

/// Status and JSON.
pub(super) async fn ask(method: &str, url: &str, body: &str) -> (u16, Value) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let request = reqwest::Client::new().request(method, url).header("content-type", "application/json");
    let answer = request.body(body.to_owned()).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}

fn say(text: &str) -> String {
    json!({"queryInput": {"text": {"text": text, "languageCode": "en"}}}).to_string()
}

#[tokio::test]
async fn b16_every_form_of_a_session_is_served() {
    let server = serve(agent()).await;
    for session in [
        "projects/p/agent/sessions/a",
        "projects/p/locations/europe-west1/agent/sessions/a",
        "projects/p/agent/environments/e/users/u/sessions/a",
        "projects/p/locations/europe-west1/agent/environments/e/users/u/sessions/a",
    ] {
        let url = format!("http://{}/v2/{session}", server.address());
        let (status, answer) = ask("POST", &format!("{url}:detectIntent"), &say("a big java")).await;
        let result = &answer["queryResult"];
        assert_eq!((status, &result["intent"]["displayName"]), (200, &json!("order drink")));
        let name = result["outputContexts"][1]["name"].as_str().unwrap();
        assert_eq!(name, format!("{session}/contexts/order_drink_dialog_context"));
        let intent = result["intent"]["name"].as_str().unwrap();
        assert!(intent.starts_with(&format!("{}/agent/intents/", session.split("/agent").next().unwrap())), "{intent}");
        let (status, list) = ask("GET", &format!("{url}/contexts"), "").await;
        assert_eq!((status, list["contexts"].as_array().unwrap().len()), (200, 3));
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_every_answer_has_an_id_of_its_own() {
    let server = serve(agent()).await;
    let url = format!("http://{}/v2/{SESSION}:detectIntent", server.address());
    let (_, first) = ask("POST", &url, &say("hello")).await;
    let (_, second) = ask("POST", &url, &say("hello")).await;
    assert_ne!(first["responseId"], second["responseId"]);
    assert_eq!(first["responseId"].as_str().unwrap().len(), 45);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_bad_requests_are_refused_in_googles_form() {
    let server = serve(agent()).await;
    let at = |path: &str| format!("http://{}/v2/{path}", server.address());
    let detect = at(&format!("{SESSION}:detectIntent"));
    let both = json!({"queryInput": {"text": {"text": "a", "languageCode": "en"}, "event": {"name": "b", "languageCode": "en"}}});
    let audio = json!({"queryInput": {"audioConfig": {}}, "inputAudio": "AAAA"}).to_string();
    let zone =
        json!({"queryInput": {"text": {"text": "a", "languageCode": "en"}}, "queryParams": {"timeZone": "Mars"}});
    let long = format!("projects/p/agent/sessions/{}", "x".repeat(40));
    let large = say(&"x".repeat(1024 * 1024));
    for (method, url, body, code, status) in [
        ("POST", detect.clone(), "{", 400, "INVALID_ARGUMENT"),
        ("POST", detect.clone(), "[]", 400, "INVALID_ARGUMENT"),
        ("POST", detect.clone(), "", 400, "INVALID_ARGUMENT"),
        ("POST", detect.clone(), r#"{"queryInput": 3}"#, 400, "INVALID_ARGUMENT"),
        ("POST", detect.clone(), &both.to_string(), 400, "INVALID_ARGUMENT"),
        ("POST", detect.clone(), &zone.to_string(), 400, "INVALID_ARGUMENT"),
        ("POST", detect.clone(), &audio, 501, "UNIMPLEMENTED"),
        ("POST", detect.clone(), &large, 413, "INVALID_ARGUMENT"),
        ("GET", detect.clone(), "", 405, "UNIMPLEMENTED"),
        ("POST", at("projects/p/agent/sessions/a/b:detectIntent"), "{}", 400, "INVALID_ARGUMENT"),
        ("GET", at("projects/p/agent/entityTypes"), "", 404, "NOT_FOUND"),
        ("GET", at("projects/p/agent/intents/none"), "", 404, "NOT_FOUND"),
        ("GET", at("projects/p/intents"), "", 400, "INVALID_ARGUMENT"),
        ("GET", at("projects/p/agent/intents?intentView=ALL"), "", 400, "INVALID_ARGUMENT"),
        ("GET", at("projects/p/agent/intents?pageToken=x"), "", 400, "INVALID_ARGUMENT"),
        ("POST", at("projects/p/agent/intents"), "{}", 405, "UNIMPLEMENTED"),
        ("GET", format!("http://{}/", server.address()), "", 404, "NOT_FOUND"),
        ("GET", at(&format!("{SESSION}/contexts/none")), "", 404, "NOT_FOUND"),
        ("GET", at(&format!("{SESSION}/contexts?pageSize=x")), "", 400, "INVALID_ARGUMENT"),
        ("GET", at(&format!("{SESSION}/contexts/a%20b")), "", 400, "INVALID_ARGUMENT"),
        ("GET", at(&format!("{SESSION}/contexts/a%2Fb")), "", 400, "INVALID_ARGUMENT"),
        ("GET", at(&format!("{long}/contexts")), "", 400, "INVALID_ARGUMENT"),
        ("DELETE", at(&format!("{long}/contexts/a")), "", 400, "INVALID_ARGUMENT"),
        ("GET", at(&format!("{long}/entityTypes")), "", 400, "INVALID_ARGUMENT"),
        ("GET", at("projects/p/agent/sessions/%ff/contexts"), "", 400, "INVALID_ARGUMENT"),
        ("GET", at(&format!("{SESSION}/contexts?pageToken=%ff")), "", 400, "INVALID_ARGUMENT"),
        ("PUT", at(&format!("{SESSION}/contexts")), "", 405, "UNIMPLEMENTED"),
    ] {
        let (told, answer) = ask(method, &url, body).await;
        let error = &answer["error"];
        assert_eq!(
            (told, &error["code"], &error["status"]),
            (code, &json!(code), &json!(status)),
            "{method} {url} {error}"
        );
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_unknown_fields_are_skipped_and_enums_written_as_asked() {
    let server = serve(agent()).await;
    let body = json!({"queryInput": {"text": {"text": "hello", "languageCode": "en", "x": 1}, "y": []},
        "queryParams": {"platform": "x", "sessionEntityTypes": [{"name": format!("{SESSION}/entityTypes/drink"),
        "entityOverrideMode": "ENTITY_OVERRIDE_MODE_SUPPLEMENT", "entities": [{"value": "mate"}]}]}});
    let url = format!("http://{}/v2/{SESSION}", server.address());
    let (status, answer) = ask("POST", &format!("{url}:detectIntent"), &body.to_string()).await;
    assert_eq!((status, &answer["queryResult"]["queryText"]), (200, &json!("hello")));
    for (query, mode) in [
        ("", json!("ENTITY_OVERRIDE_MODE_SUPPLEMENT")),
        ("?$alt=json;enum-encoding=int", json!(2)),
        ("?alt=json;enum-encoding=int", json!(2)),
    ] {
        let (_, list) = ask("GET", &format!("{url}/entityTypes{query}"), "").await;
        assert_eq!(list["sessionEntityTypes"][0]["entityOverrideMode"], mode);
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_web_pages_of_elsewhere_are_kept_out() {
    let server = serve(agent()).await;
    let url = format!("http://{}/v2/{SESSION}:detectIntent", server.address());
    let json = ("content-type", "application/json; charset=utf-8");
    for (headers, code, status) in [
        (vec![json], 200, Value::Null),
        (vec![json, ("host", "localhost:80"), ("origin", "http://127.0.0.1:3000")], 200, Value::Null),
        (vec![json, ("host", "evil.example.com")], 403, json!("PERMISSION_DENIED")),
        (vec![json, ("origin", "https://evil.example.com")], 403, json!("PERMISSION_DENIED")),
        (vec![json, ("origin", "null")], 403, json!("PERMISSION_DENIED")),
        (vec![("content-type", "text/plain")], 415, json!("INVALID_ARGUMENT")),
        (vec![("content-type", "application/x-www-form-urlencoded")], 415, json!("INVALID_ARGUMENT")),
        (vec![], 415, json!("INVALID_ARGUMENT")),
    ] {
        let mut request = reqwest::Client::new().post(&url).body(say("hello"));
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let told = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        assert_eq!((told, &body["error"]["status"]), (code, &status), "{headers:?} {body}");
    }
    let method = format!("http://{}/google.cloud.dialogflow.v2.Sessions/DetectIntent", server.address());
    let answer = reqwest::Client::new().post(method).header("content-type", "text/plain").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 415);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_grpc_for_another_host_is_refused() {
    let server = serve(agent()).await;
    let endpoint = tonic::transport::Endpoint::new(format!("http://{}", server.address())).unwrap();
    let endpoint = endpoint.origin(http::Uri::from_static("http://evil.example.com"));
    let mut client = SessionsClient::new(endpoint.connect().await.unwrap());
    let status = client.detect_intent(DetectIntentRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().contains("localhost"), "{}", status.message());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_session_entity_types_are_bounded_in_size() {
    let server = serve(agent()).await;
    let url = format!("http://{}/v2/{SESSION}/entityTypes", server.address());
    let of = |entity: &str, bytes: usize| {
        let entities = json!([{"value": "mate", "synonyms": ["x".repeat(bytes)]}]);
        json!({"name": format!("{SESSION}/entityTypes/{entity}"), "entities": entities,
            "entityOverrideMode": "ENTITY_OVERRIDE_MODE_OVERRIDE"})
        .to_string()
    };
    let kib = 1024;
    for (entity, bytes, code, status) in [
        ("drink", 257 * kib, 400, json!("INVALID_ARGUMENT")),
        ("drink", 250 * kib, 200, Value::Null),
        ("size", 250 * kib, 200, Value::Null),
        ("topping", 250 * kib, 429, json!("RESOURCE_EXHAUSTED")),
        ("topping", kib, 200, Value::Null),
    ] {
        let (told, answer) = ask("POST", &url, &of(entity, bytes)).await;
        assert_eq!((told, &answer["error"]["status"]), (code, &status), "{entity} {bytes} {:?}", answer["error"]);
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_pages_of_contexts() {
    let server = serve(agent()).await;
    let url = format!("http://{}/v2/{SESSION}/contexts", server.address());
    for name in ["a", "b", "c"] {
        let body = json!({"name": format!("{SESSION}/contexts/{name}"), "lifespanCount": 1}).to_string();
        assert_eq!(ask("POST", &url, &body).await.0, 200);
    }
    let (_, first) = ask("GET", &format!("{url}?pageSize=2"), "").await;
    assert_eq!((first["contexts"].as_array().unwrap().len(), &first["nextPageToken"]), (2, &json!("2")));
    let (_, rest) = ask("GET", &format!("{url}?pageSize=2&pageToken=2"), "").await;
    assert_eq!(rest["contexts"][0]["name"], format!("{SESSION}/contexts/c"));
    assert!(rest.get("nextPageToken").is_none());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_streaming_and_audio_are_told_to_be_unimplemented() {
    let server = serve(agent()).await;
    let mut client = SessionsClient::connect(format!("http://{}", server.address())).await.unwrap();
    let streamed =
        client.streaming_detect_intent(futures::stream::iter([StreamingDetectIntentRequest::default()])).await;
    let status = streamed.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("does not stream"), "{}", status.message());
    let request =
        DetectIntentRequest { session: SESSION.into(), input_audio: vec![0; 4], ..DetectIntentRequest::default() };
    let status = client.detect_intent(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let mut unknown = tonic::client::Grpc::new(
        tonic::transport::Endpoint::new(format!("http://{}", server.address())).unwrap().connect().await.unwrap(),
    );
    unknown.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/google.cloud.dialogflow.v2.EntityTypes/ListEntityTypes");
    let codec = tonic_prost::ProstCodec::<DetectIntentRequest, DetectIntentRequest>::default();
    let answer = unknown.unary(tonic::Request::new(DetectIntentRequest::default()), path, codec).await;
    assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_sessions_are_apart_and_run_side_by_side() {
    let server = serve(agent()).await;
    let endpoint = format!("http://{}", server.address());
    let client = SessionsClient::connect(endpoint).await.unwrap();
    let talks = (0..50).map(|n| {
        let mut client = client.clone();
        async move {
            let mut told = String::new();
            let name = format!("Customer {n}");
            for text in ["I would like to order", "java", "big", &name] {
                let input = TextInput { text: text.to_owned(), language_code: "en".to_owned() };
                let request = DetectIntentRequest {
                    session: format!("projects/p/agent/sessions/{n}"),
                    query_input: Some(QueryInput { input: Some(query_input::Input::Text(input)) }),
                    ..DetectIntentRequest::default()
                };
                told = client.detect_intent(request).await.unwrap().into_inner().query_result.unwrap().fulfillment_text;
            }
            assert_eq!(told, format!("A large coffee for Customer {n}."));
        }
    });
    futures::future::join_all(talks).await;
    server.stop().await.unwrap();
}
