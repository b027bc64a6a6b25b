//! Access tokens: one request for many asks, refreshed ahead, kept through failures (S10, pain 9).

use tonic::Code;
use usher::nlp::google_auth::{Route, Schedule, TokenFault, Tokens};

use super::*;
use crate::fakes::{
    dialogflow::Reaction,
    token_server::{Grant, TokenServer, credential},
};

fn with_token(dialogflow: &FakeDialogflow, tokens: &TokenServer) -> DialogflowV2 {
    DialogflowV2 { credential: Some(tokens.credential()), ..settings(dialogflow.endpoint()) }
}

/// Refreshes tokens of two seconds at once, and failures soon.
fn hasty() -> Deps {
    let schedule = Schedule {
        ahead: Duration::from_secs(3600),
        at_least: Duration::from_millis(50),
        first_retry: Duration::from_millis(20),
        longest_retry: Duration::from_millis(20),
        timeout: Duration::from_secs(5),
    };
    let mut deps = deps();
    deps.tokens = Tokens::with_schedule(Clock::system(), schedule, names(&[]));
    deps
}

#[tokio::test]
async fn s10_64_cold_asks_cost_one_token_request() {
    let (dialogflow, tokens) = (FakeDialogflow::start(), TokenServer::start());
    tokens.next(Grant::Late(Duration::from_millis(100), 3600));
    dialogflow.accepts_token(&TokenServer::token(1));
    let engine = engine(DialogflowV2 { connections: 4, ..with_token(&dialogflow, &tokens) });
    let asks = (0..64).map(|it| {
        let engine = Arc::clone(&engine);
        async move { ask(&engine, &format!("text {it}")).await.unwrap() }
    });
    futures::future::join_all(asks).await;
    assert_eq!(tokens.posts(), 1);
    assert_eq!(dialogflow.requests().len(), 64);
}

#[tokio::test]
async fn pain_10_the_token_hides_from_whoever_prints_a_header() {
    let tokens = TokenServer::start();
    let source = deps().tokens.source(&tokens.credential(), &Route::Direct).unwrap();
    let bearer = source.bearer().await.unwrap();
    assert_eq!(bearer.to_str().unwrap(), format!("Bearer {}", TokenServer::token(1)));
    assert!(!format!("{bearer:?} {source:?}").contains("planted-secret"));
}

#[tokio::test]
async fn profiles_of_one_credential_share_its_token() {
    let (dialogflow, tokens) = (FakeDialogflow::start(), TokenServer::start());
    let deps = deps();
    let build = || built(with_token(&dialogflow, &tokens), &deps).unwrap();
    let (one, two) = (build(), build());
    ask(&one, "hi").await.unwrap();
    ask(&two, "hi").await.unwrap();
    assert_eq!(tokens.posts(), 1);
    assert_eq!(deps.tokens.states().len(), 1);
    drop((one, two));
    assert_eq!(deps.tokens.states(), [], "the refresher ends with its last engine");
}

#[tokio::test]
async fn s10_tokens_are_refreshed_ahead_of_their_end() {
    let (dialogflow, tokens) = (FakeDialogflow::start(), TokenServer::start());
    let deps = hasty();
    let engine = built(with_token(&dialogflow, &tokens), &deps).unwrap();
    ask(&engine, "hi").await.unwrap();
    tokens.wait_for_posts(3).await;
    ask(&engine, "later").await.unwrap();
    let sent: Vec<_> = dialogflow.requests().into_iter().map(|it| it.authorization.unwrap()).collect();
    assert_eq!(sent[0], format!("Bearer {}", TokenServer::token(1)));
    assert_ne!(sent[1], sent[0]);
}

#[tokio::test]
async fn s10_the_old_token_serves_while_a_refresh_fails() {
    let (dialogflow, tokens) = (FakeDialogflow::start(), TokenServer::start());
    dialogflow.accepts_token(&TokenServer::token(1));
    tokens.next(Grant::Token(3600)).otherwise(Grant::Broken(503));
    let deps = hasty();
    let engine = built(with_token(&dialogflow, &tokens), &deps).unwrap();
    // The fourth request shows that two failures have been taken in.
    tokens.wait_for_posts(4).await;
    ask(&engine, "hi").await.unwrap();
    let [state] = deps.tokens.states().try_into().unwrap();
    assert_eq!(state.account, "bot@p-1.iam.gserviceaccount.com");
    assert_eq!(state.last_error, Some(TokenFault::Malformed));
    assert!(state.valid_until.is_some());

    // And the first that succeeds takes over.
    tokens.otherwise(Grant::Token(3600));
    let posts = tokens.posts();
    tokens.wait_for_posts(posts + 2).await;
    assert_eq!(deps.tokens.states()[0].last_error, None);
}

#[tokio::test]
async fn s10_a_refused_account_is_told_at_once() {
    let (dialogflow, tokens) = (FakeDialogflow::start(), TokenServer::start());
    tokens.otherwise(Grant::Refused("invalid_grant"));
    for transport in [Transport::Grpc, Transport::Rest] {
        let engine =
            engine(DialogflowV2 { transport, deadline: Duration::from_secs(3600), ..with_token(&dialogflow, &tokens) });
        let error = ask(&engine, "hi").await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Credential);
        assert!(
            error.advice.to_string().contains("invalid_grant") && error.advice.to_string().contains("p-1"),
            "{}",
            error.advice
        );
    }
    assert_eq!(dialogflow.requests().len(), 0);
}

#[tokio::test]
async fn an_ask_waits_for_its_token_within_the_deadline() {
    let (dialogflow, tokens) = (FakeDialogflow::start(), TokenServer::start());
    tokens.next(Grant::Hang);
    let deadline = Duration::from_secs(1);
    let slow = engine(DialogflowV2 { deadline, ..with_token(&dialogflow, &tokens) });
    assert_eq!(ask(&slow, "hi").await.unwrap_err().kind, FailureKind::Deadline);

    // Unreachable is said once it is known.
    let unreachable = DialogflowV2 {
        deadline,
        credential: Some(credential("http://127.0.0.1:1/token")),
        ..settings(dialogflow.endpoint())
    };
    let error = ask(&engine(unreachable), "hi").await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Unavailable);
    assert!(error.advice.to_string().contains("token_uri"), "{}", error.advice);

    // Trouble at the token server passes.
    tokens.next(Grant::Broken(503)).next(Grant::Refused("internal_failure"));
    let deps = hasty();
    let engine = built(with_token(&dialogflow, &tokens), &deps).unwrap();
    ask(&engine, "hi").await.unwrap();
}

#[tokio::test]
async fn s10_the_credential_test_tells_what_an_ask_would_meet() {
    let (dialogflow, tokens) = (FakeDialogflow::start(), TokenServer::start());
    dialogflow.lives_at("p-1", Some("europe-west1"));
    for transport in [Transport::Grpc, Transport::Rest] {
        let config =
            DialogflowV2 { transport, region: Some("europe-west1".into()), ..with_token(&dialogflow, &tokens) };
        let check = async |config: &DialogflowV2| checked(config).await;
        let report = check(&config).await.unwrap();
        assert_eq!(report.account.map(|it| it.to_string()).as_deref(), Some("bot@p-1.iam.gserviceaccount.com"));
        assert_eq!(report.about.unwrap().to_string(), "agent Support, language en, time zone Europe/Berlin");
        let probe = dialogflow.requests().pop().unwrap();
        assert_eq!((probe.event(), probe.rest), (Some("usher_check"), transport == Transport::Rest));
        assert!(probe.session.ends_with("/sessions/usher-check"));

        let elsewhere = DialogflowV2 { region: None, ..config.clone() };
        assert_eq!(check(&elsewhere).await.unwrap_err().kind, FailureKind::NotFound);
        dialogflow.next(Reaction::Status(Code::PermissionDenied));
        assert_eq!(check(&config).await.unwrap_err().kind, FailureKind::Credential);
    }
    // Those who may converse need not be allowed to read the agent.
    dialogflow.agent_is(Code::PermissionDenied);
    let config = DialogflowV2 { region: Some("europe-west1".into()), ..with_token(&dialogflow, &tokens) };
    let report = checked(&config).await.unwrap();
    assert_eq!(report.about.unwrap_err().kind, FailureKind::Credential);
}
