//! Answers that are posted later, at the connectors' door.

use super::*;
use crate::{
    fakes::webhook::{hmac, post_back},
    harness::own_port,
};

/// A gateway whose webhook says 202 to everything.
struct Later {
    webhook: FakeWebhook,
    centre: FakeEngine,
    usher: Usher,
    config: String,
    profile: String,
}

impl Later {
    async fn new(settings: &str) -> Self {
        let webhook = FakeWebhook::start(|_| std::future::ready(Reaction::Status(202)));
        let config =
            format!("drain_s = 0\n{CONFIG}[connectors]\nlisten = \"{0}\"\npublic_url = \"http://{0}/\"\n", own_port());
        let profile = profile_text(&format!("{}\n{settings}", super::settings(&webhook.url())), "");
        let usher = Usher::start(&config, &profile).await;
        let centre = FakeEngine::attach(usher.setup()).await.unwrap();
        centre.open("c1", "va1").await;
        Self { webhook, centre, usher, config, profile }
    }

    /// The customer writes; yields the turn, which waits for its answer.
    async fn asked(&self, turns: usize) -> Posted {
        self.centre.say("c1", "my order?").await;
        self.webhook.wait_for("turn", turns).await.pop().unwrap()
    }
}

fn url(turn: &Posted) -> String {
    turn.text("reply_url").to_owned()
}

fn frame(turn: &Posted, text: &str) -> Vec<u8> {
    let turn_id = turn.text("turn_id");
    json!({"type": "reply", "turn_id": turn_id, "messages": [{"text": text}]}).to_string().into_bytes()
}

fn reason((status, document): &(u16, Value)) -> (u16, &str) {
    assert_eq!(document["status"], *status);
    (*status, document["reason"].as_str().unwrap())
}

#[tokio::test]
async fn s11_an_answer_comes_later_once_for_its_own_turn() {
    let later = Later::new("").await;
    let turn = later.asked(1).await;
    assert_eq!(turn.frame["async_deadline_ms"], 60_000);
    let token = url(&turn).rsplit_once('/').unwrap().1.to_owned();
    assert_eq!(token.len(), 64);
    let door = url(&turn).strip_suffix(&token).unwrap().to_owned();

    let guess = format!("{door}{}", "0".repeat(64));
    assert_eq!(reason(&post_back(&guess, &[], &frame(&turn, "guessed")).await), (404, "not_found"));
    let other = br#"{"type":"reply","turn_id":"t-9","messages":[{"text":"x"}]}"#;
    assert_eq!(reason(&post_back(&url(&turn), &[], other).await), (409, "precondition"));
    assert_eq!(reason(&post_back(&url(&turn), &[], b"{").await), (400, "invalid"));
    assert_eq!(reason(&post_back(&url(&turn), &[], &vec![b' '; 70_000]).await), (413, "too_large"));
    assert_eq!(reason(&request("GET", &url(&turn), &[], b"").await.unwrap()), (405, "method_not_allowed"));

    let typing = json!({"type": "typing", "turn_id": turn.frame["turn_id"]}).to_string();
    assert_eq!(post_back(&url(&turn), &[], typing.as_bytes()).await.0, 204);
    assert_eq!(post_back(&url(&turn), &[], &frame(&turn, "It is on its way.")).await.0, 204);
    assert_eq!(later.centre.next_say("c1").await, ["It is on its way."]);
    assert_eq!(reason(&post_back(&url(&turn), &[], &frame(&turn, "again")).await), (410, "gone"));

    let next = later.asked(2).await;
    assert_ne!(url(&next), url(&turn));
    assert_eq!(reason(&post_back(&url(&next), &[], &frame(&turn, "the old one")).await), (409, "precondition"));
    assert_eq!(post_back(&url(&next), &[], &frame(&next, "Yes.")).await.0, 204);
    assert_eq!(later.centre.next_say("c1").await, ["Yes."]);
    later.centre.settled().await;
    assert_eq!(later.centre.take_commands(), []);
    later.usher.drain().await;
}

#[tokio::test]
async fn s11_an_answer_after_the_deadline_finds_nobody() {
    let later = Later::new("deadline_ms = 100\nasync_deadline_ms = 300").await;
    let turn = later.asked(1).await;
    assert_eq!(later.centre.next_say("c1").await, ["Sorry."]);
    assert_eq!(reason(&post_back(&url(&turn), &[], &frame(&turn, "too late")).await), (410, "gone"));
    later.centre.settled().await;
    assert_eq!(later.centre.take_commands(), []);
    later.usher.drain().await;
}

/// Between the 202 and the post the gateway goes down without waiting: nobody knows the token any more, and the question is asked
/// again with another one.
#[tokio::test]
async fn s11_a_restart_forgets_tokens_and_asks_again() {
    let Later { webhook, mut centre, usher, config, profile } = Later::new("").await;
    centre.say("c1", "my order?").await;
    let first = webhook.wait_for("turn", 1).await.remove(0);
    let usher = Usher::start_in(usher.drain().await, &config, &profile).await;
    centre.redirect(crate::fakes::engine::tcp(usher.engines));
    centre.resume().await.unwrap();
    let second = webhook.wait_for("turn", 2).await.remove(1);
    assert_eq!(second.frame["input"], first.frame["input"]);
    assert_ne!(second.frame["turn_id"], first.frame["turn_id"]);
    assert_ne!(second.key, first.key);
    assert_eq!(reason(&post_back(&url(&first), &[], &frame(&first, "for the old one")).await), (404, "not_found"));
    assert_eq!(post_back(&url(&second), &[], &frame(&second, "Here I am.")).await.0, 204);
    assert_eq!(centre.next_say("c1").await, ["Here I am."]);
    centre.settled().await;
    assert_eq!(centre.take_commands(), []);
    usher.drain().await;
}

#[tokio::test]
async fn s11_where_answers_must_be_signed_the_token_alone_is_not_enough() {
    let later = Later::new("signed_replies = true").await;
    let turn = later.asked(1).await;
    let body = frame(&turn, "Signed.");
    assert_eq!(reason(&post_back(&url(&turn), &[], &body).await), (401, "unauthenticated"));
    let now = (Clock::system().now().0 / 1_000).to_string();
    let signed = format!("t={now},v1={}", hmac(KEY, &[now.as_bytes(), b".", &body].concat()));
    assert_eq!(post_back(&url(&turn), &[("usher-signature", &signed)], &body).await.0, 204);
    assert_eq!(later.centre.next_say("c1").await, ["Signed."]);
    later.usher.drain().await;
}

#[tokio::test]
async fn s11_without_a_public_address_a_202_is_a_failure_that_says_what_to_set() {
    let webhook = FakeWebhook::start(|_| std::future::ready(Reaction::Status(202)));
    let error = ask(&engine(&settings(&webhook.url())), "hi").await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Precondition);
    assert!(error.advice.to_string().contains("connectors.public_url"), "{}", error.advice);
    assert_eq!(webhook.turns()[0].frame["reply_url"], Value::Null);
}
