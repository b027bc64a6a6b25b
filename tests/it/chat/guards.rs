//! Who may do what, and how much of it.

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;
use usher::chat::{Rate, Settings};

use super::{Answer, Door};

fn problem(answer: &Answer) -> (u16, Option<&str>, Option<&str>) {
    assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", answer.body);
    assert_eq!(answer.body["status"], answer.status.as_u16());
    (answer.status.as_u16(), answer.body["reason"].as_str(), answer.body["field"].as_str())
}

#[tokio::test]
async fn a_token_opens_its_own_contact_alone_and_nobody_learns_which_there_are() {
    let door = Door::open(Settings::default()).await;
    let (mine, other) = (door.begin().await, door.begin().await);
    let reading = mine.events.split_once("token=").unwrap().1;
    let message = json!({"id": "m-1", "text": "hello"});
    let path = format!("/chat/v1/contacts/{}/messages", mine.id);
    let mut refusals = Vec::new();
    for token in ["", "nonsense", &other.token, reading] {
        refusals.push(door.post(&path, token, &message).await);
    }
    refusals.push(door.post("/chat/v1/contacts/never-opened/messages", &mine.token, &message).await);
    for refusal in &refusals {
        assert_eq!(problem(refusal), (401, Some("unauthenticated"), None));
        assert_eq!(refusal.body, refusals[0].body);
        assert_eq!(refusal.headers["www-authenticate"], "Bearer");
    }
    let events = format!("/chat/v1/contacts/{}/events", mine.id);
    for query in [String::new(), format!("?token={}", mine.token), format!("?token={reading}x")] {
        let answer = door.ask(Method::GET, &format!("{events}{query}"), &[], "").await;
        assert_eq!(problem(&answer), (401, Some("unauthenticated"), None), "{query}");
    }
    let others = other.events.replace(&other.id, &mine.id);
    assert_eq!(door.ask(Method::GET, &others, &[], "").await.status, StatusCode::UNAUTHORIZED);
    let authorization = format!("Bearer {}", mine.token);
    assert_eq!(door.listen(&events, &[("authorization", &authorization)]).await.entry().await.0, 1);
    door.switchboard.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_field_and_mending() {
    let door = Door::open(Settings::default()).await;
    let contact = door.begin().await;
    let path = format!("/chat/v1/contacts/{}/messages", contact.id);
    let long = "x".repeat(4_001);
    for (body, expected) in [
        (json!({"text": "a"}), (400, Some("invalid"), Some("id"))),
        (json!({"id": 7, "text": "a"}), (400, Some("invalid"), Some("id"))),
        (json!({"id": "x".repeat(65), "text": "a"}), (400, Some("invalid"), Some("id"))),
        (json!({"id": "m-1", "text": " \n"}), (400, Some("invalid"), Some("text"))),
        (json!({"id": "m-1", "text": long}), (413, Some("too_large"), Some("text"))),
        (json!({"id": "m-1", "text": "x".repeat(70_000)}), (413, Some("too_large"), None)),
        (json!(["m-1"]), (400, Some("invalid"), None)),
    ] {
        assert_eq!(problem(&door.post(&path, &contact.token, &body).await), expected, "{body:.80}");
    }
    for (body, field) in [
        (json!({}), "language"),
        (json!({"language": "<b>"}), "language"),
        (json!({"language": "en", "name": ["Anna"]}), "name"),
        (json!({"language": "en", "attributes": {"a": 1}}), "attributes"),
    ] {
        let answer = door.post("/chat/v1/contacts", "", &body).await;
        assert_eq!(problem(&answer), (400, Some("invalid"), Some(field)), "{body}");
    }
    let authorization = format!("Bearer {}", contact.token);
    let typed = |kind: &'static str| [("authorization", authorization.as_str()), ("content-type", kind)];
    let form = door.ask(Method::POST, &path, &typed("text/plain"), r#"{"id":"m-1","text":"a"}"#).await;
    assert_eq!(problem(&form), (415, Some("unsupported_media"), None));
    let broken = door.ask(Method::POST, &path, &typed("application/json; charset=utf-8"), "{\"id\":").await;
    assert_eq!(problem(&broken), (400, Some("invalid"), None));
    assert_eq!(broken.body["detail"], "the body is not valid JSON, at line 1, column 6");
    assert_eq!(problem(&door.ask(Method::GET, "/chat/v1/nothing", &[], "").await), (404, Some("not_found"), None));
    let put = door.ask(Method::PUT, &path, &[], "").await;
    assert_eq!(problem(&put), (405, Some("method_not_allowed"), None));
    door.switchboard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_address_begins_so_many_contacts_and_a_proxys_customers_are_told_apart() {
    let minute = Duration::from_secs(60);
    let settings = Settings { contacts: Rate { count: 2, per: minute }, proxies: 1, ..Settings::default() };
    let door = Door::open(settings).await;
    let begin = async |customer: &str| {
        let headers = [("content-type", "application/json"), ("x-forwarded-for", customer)];
        door.ask(Method::POST, "/chat/v1/contacts", &headers, r#"{"language":"en"}"#).await
    };
    assert_eq!(begin("198.51.100.1").await.status, StatusCode::CREATED);
    assert_eq!(begin("203.0.113.5, 198.51.100.1").await.status, StatusCode::CREATED);
    let refused = begin("203.0.113.6, 198.51.100.1").await;
    assert_eq!(problem(&refused), (429, Some("busy"), None));
    assert_eq!(refused.headers["retry-after"], "30");
    assert_eq!(begin("198.51.100.2").await.status, StatusCode::CREATED);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(begin("198.51.100.1").await.status, StatusCode::CREATED);
    door.switchboard.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_contact_says_so_much_and_one_address_asks_so_much() {
    let settings = Settings {
        messages: Rate { count: 2, per: Duration::from_secs(10) },
        requests: Rate { count: 6, per: Duration::from_secs(60) },
        ..Settings::default()
    };
    let door = Door::open(settings).await;
    let contact = door.begin().await;
    for id in ["m-1", "m-2"] {
        assert_eq!(door.say(&contact, id, "hello").await.status, StatusCode::ACCEPTED);
    }
    let refused = door.say(&contact, "m-3", "hello").await;
    assert_eq!((problem(&refused).0, &refused.headers["retry-after"]), (429, &"5".parse().unwrap()));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(door.say(&contact, "m-3", "hello").await.status, StatusCode::ACCEPTED);
    assert_eq!(door.leave(&contact).await, StatusCode::NO_CONTENT);
    assert_eq!(door.leave(&contact).await, StatusCode::TOO_MANY_REQUESTS, "the address has had its six");
    door.switchboard.stop().await;
}

#[tokio::test]
async fn pages_of_configured_origins_may_use_the_chat_and_no_others() {
    let origins = vec!["https://shop.example.com".parse().unwrap()];
    let door = Door::open(Settings { origins, ..Settings::default() }).await;
    let preflight = async |origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "POST")];
        door.ask(Method::OPTIONS, "/chat/v1/contacts", &headers, "").await
    };
    let allowed = preflight("https://shop.example.com").await;
    assert_eq!(allowed.status, StatusCode::NO_CONTENT);
    assert_eq!(allowed.headers["access-control-allow-origin"], "https://shop.example.com");
    assert_eq!(allowed.headers["access-control-allow-headers"], "authorization, content-type, last-event-id");
    assert_eq!(allowed.headers["access-control-allow-methods"], "GET, POST, DELETE");
    assert!(!allowed.headers.contains_key("access-control-allow-credentials"));
    for foreign in ["https://shop.example.com.evil.example", "http://shop.example.com", "null"] {
        let refused = preflight(foreign).await;
        assert_eq!(problem(&refused), (403, Some("forbidden"), None), "{foreign}");
        assert!(!refused.headers.contains_key("access-control-allow-origin"), "{foreign}");
        assert_eq!(refused.headers["vary"], "Origin");
    }
    let headers = [("origin", "https://shop.example.com"), ("content-type", "application/json")];
    let begun = door.ask(Method::POST, "/chat/v1/contacts", &headers, r#"{"language":"en"}"#).await;
    assert_eq!(begun.status, StatusCode::CREATED);
    assert_eq!(begun.headers["access-control-allow-origin"], "https://shop.example.com");
    assert_eq!(begun.headers["access-control-expose-headers"], "retry-after");
    assert_eq!(begun.headers["vary"], "Origin");
    door.switchboard.stop().await;
}

#[tokio::test]
async fn every_answer_is_guarded_and_the_script_may_be_embedded_anywhere() {
    let door = Door::open(Settings::default()).await;
    for path in ["/chat/widget.js", "/chat/v1/contacts", "/chat/nothing"] {
        let answer = door.ask(Method::GET, path, &[], "").await;
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer", "{path}");
        assert!(
            answer.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"),
            "{path}"
        );
    }
    let script = door.ask(Method::GET, "/chat/widget.js", &[], "").await;
    assert_eq!(script.headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(script.headers["access-control-allow-origin"], "*");
    assert_eq!(script.headers["cache-control"], "no-cache");
    let tag = script.headers["etag"].to_str().unwrap();
    let again = door.ask(Method::GET, "/chat/widget.js", &[("if-none-match", tag)], "").await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    let version = tag.trim_matches('"');
    let pinned = door.ask(Method::GET, &format!("/chat/widget.js?v={version}"), &[], "").await;
    assert_eq!(pinned.headers["cache-control"], "public, max-age=31536000, immutable");
    door.switchboard.stop().await;
}

#[tokio::test]
async fn while_nothing_can_be_kept_the_customer_is_asked_to_come_again() {
    let door = Door::open(Settings::default()).await;
    door.switchboard.stop().await;
    let refused = door.post("/chat/v1/contacts", "", &json!({"language": "en"})).await;
    assert_eq!(problem(&refused), (503, Some("unavailable"), None));
    assert_eq!(refused.headers["retry-after"], "2");
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_refused_like_everything_else() {
    let door = Door::open(Settings::default()).await;
    let contact = door.begin().await;
    let twice = format!("{}&token=again", contact.events);
    let events = "/chat/v1/contacts/%FF/events?token=x";
    for (method, path, expected) in [
        (Method::GET, events, (400, Some("invalid"), None)),
        (Method::POST, "/chat/v1/contacts/%FF/messages", (400, Some("invalid"), None)),
        (Method::POST, "/chat/v1/contacts/%FF/typing", (400, Some("invalid"), None)),
        (Method::DELETE, "/chat/v1/contacts/%FF", (400, Some("invalid"), None)),
        (Method::GET, twice.as_str(), (400, Some("invalid"), None)),
        (Method::GET, "/chat/widget.js?v=1&v=2", (400, Some("invalid"), None)),
        (Method::POST, "/chat/widget.js", (405, Some("method_not_allowed"), None)),
        (Method::DELETE, "/chat/v1/contacts", (405, Some("method_not_allowed"), None)),
    ] {
        let answer = door.ask(method.clone(), path, &[], "").await;
        assert_eq!(problem(&answer), expected, "{method} {path}");
        assert!(!answer.body.to_string().contains("again"), "no token is repeated: {}", answer.body);
    }
    door.switchboard.stop().await;
}

#[tokio::test]
async fn a_body_that_is_no_contact_costs_none() {
    let contacts = Rate { count: 1, per: Duration::from_secs(60) };
    let door = Door::open(Settings { contacts, ..Settings::default() }).await;
    for (body, field) in [
        (json!({"language": "<b>"}), "language"),
        (json!({"language": "en", "name": "a\nb"}), "name"),
        (json!({"language": "en", "attributes": {"": "x"}}), "attributes"),
    ] {
        let answer = door.post("/chat/v1/contacts", "", &body).await;
        assert_eq!(problem(&answer), (400, Some("invalid"), Some(field)), "{body}");
    }
    door.begin().await;
    let refused = door.post("/chat/v1/contacts", "", &json!({"language": "en"})).await;
    assert_eq!(problem(&refused), (429, Some("busy"), None));
    door.switchboard.stop().await;
}
