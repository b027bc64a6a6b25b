//! What Dialogflow refuses, breaks or leaves unanswered (S33, pains 6 and 9).

use tokio::net::TcpSocket;
use tonic::Code;

use super::*;
use crate::fakes::dialogflow::Reaction;

const TRANSPORTS: [Transport; 2] = [Transport::Grpc, Transport::Rest];

#[tokio::test]
async fn s33_every_status_has_its_kind_and_is_asked_once() {
    let expected = [
        (Code::ResourceExhausted, FailureKind::Quota),
        (Code::FailedPrecondition, FailureKind::Precondition),
        (Code::InvalidArgument, FailureKind::Invalid),
        (Code::NotFound, FailureKind::NotFound),
        (Code::Unauthenticated, FailureKind::Credential),
        (Code::PermissionDenied, FailureKind::Credential),
        (Code::DeadlineExceeded, FailureKind::Deadline),
        (Code::Internal, FailureKind::Internal),
        (Code::Unimplemented, FailureKind::NotFound),
        (Code::Aborted, FailureKind::Internal),
        (Code::Cancelled, FailureKind::Internal),
    ];
    for transport in TRANSPORTS {
        for (code, kind) in expected {
            let dialogflow = FakeDialogflow::start();
            dialogflow.next(Reaction::Status(code));
            let engine = engine(DialogflowV2 { transport, ..settings(dialogflow.endpoint()) });
            let error = ask(&engine, "hi").await.unwrap_err();
            assert_eq!(error.kind, kind, "{transport:?} {code:?}: {error:?}");
            assert!(error.advice.to_string().starts_with("profile support: "), "{}", error.advice);
            assert_eq!(dialogflow.requests().len(), 1, "{transport:?} {code:?}");
            // The next one is none the worse for it.
            ask(&engine, "again").await.unwrap();
        }
    }
}

#[tokio::test]
async fn s33_only_unavailable_is_tried_again() {
    for transport in TRANSPORTS {
        let dialogflow = FakeDialogflow::start();
        dialogflow.next(Reaction::Status(Code::Unavailable)).next(Reaction::Status(Code::Unavailable));
        let engine = engine(DialogflowV2 { transport, ..settings(dialogflow.endpoint()) });
        let answer = ask(&engine, "hi").await.unwrap();
        assert_eq!(answer.replies, [Reply::Text("echo: hi".into())], "{transport:?}");
        let requests = dialogflow.requests();
        assert!(requests.len() == 3 && requests.iter().all(|it| it.text() == Some("hi")), "{requests:?}");

        dialogflow.otherwise(Reaction::Status(Code::Unavailable));
        assert_eq!(ask(&engine, "down").await.unwrap_err().kind, FailureKind::Unavailable);
        assert_eq!(dialogflow.requests().len(), 6, "two retries and no more");
    }
}

#[tokio::test]
async fn pain_6_the_deadline_bounds_the_ask_and_is_told_as_one() {
    for transport in TRANSPORTS {
        let dialogflow = FakeDialogflow::start();
        dialogflow.next(Reaction::Hang);
        let deadline = Duration::from_millis(200);
        let engine = engine(DialogflowV2 { transport, deadline, ..settings(dialogflow.endpoint()) });
        let before = Clock::instant();
        let error = ask(&engine, "hi").await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Deadline, "{transport:?}");
        assert!(error.advice.to_string().contains("within 200 ms"), "{}", error.advice);
        assert!((deadline..Duration::from_secs(5)).contains(&before.elapsed()), "{:?}", before.elapsed());
        dialogflow.wait_for_requests(1).await;
        ask(&engine, "still there?").await.unwrap();
        assert_eq!(dialogflow.requests().len(), 2);
    }
}

#[tokio::test]
async fn pain_6_a_slow_answer_within_the_deadline_is_an_answer() {
    let dialogflow = FakeDialogflow::start();
    dialogflow.next(Reaction::Late(Duration::from_millis(100), Box::new(say("late").into())));
    let engine = engine(settings(dialogflow.endpoint()));
    assert_eq!(ask(&engine, "hi").await.unwrap().replies, [Reply::Text("late".into())]);
}

#[tokio::test]
async fn pain_6_a_failed_webhook_is_seen_although_the_call_is_ok() {
    for transport in TRANSPORTS {
        let dialogflow = FakeDialogflow::start();
        dialogflow.on_text("static", say("static").webhook_failed(Code::DeadlineExceeded, "too slow"));
        dialogflow.on_text("empty", say("").webhook_failed(Code::Unavailable, "down"));
        let engine = engine(DialogflowV2 { transport, ..settings(dialogflow.endpoint()) });
        let answer = ask(&engine, "static").await.unwrap();
        assert_eq!(answer.webhook_failure.as_deref(), Some("DeadlineExceeded: too slow"), "{transport:?}");
        assert_eq!(ask(&engine, "empty").await.unwrap_err().kind, FailureKind::Webhook);
        // The call itself was fine: nothing was asked twice.
        assert_eq!(dialogflow.requests().len(), 2);
    }
}

#[tokio::test]
async fn pain_9_the_wrong_region_is_named() {
    let dialogflow = FakeDialogflow::start();
    dialogflow.lives_at("p-1", Some("europe-west1"));
    for (region, found) in [(None, false), (Some("europe-west2"), false), (Some("europe-west1"), true)] {
        let region = region.map(str::to_owned);
        let engine = engine(DialogflowV2 { region: region.clone(), ..settings(dialogflow.endpoint()) });
        let outcome = ask(&engine, "hi").await;
        assert_eq!(outcome.is_ok(), found, "{region:?}");
        if let Err(error) = outcome {
            assert_eq!(error.kind, FailureKind::NotFound);
            let named = format!("region {}", region.unwrap_or("global".into()));
            assert!(
                error.advice.to_string().contains(&named) && error.advice.to_string().contains("p-1"),
                "{}",
                error.advice
            );
        }
    }
}

#[tokio::test]
async fn answers_that_cannot_be_read_or_say_nothing_are_told_apart() {
    for transport in TRANSPORTS {
        let dialogflow = FakeDialogflow::start();
        let engine = engine(DialogflowV2 { transport, ..settings(dialogflow.endpoint()) });
        dialogflow.next(Reaction::Raw(vec![0xff; 64]));
        let error = ask(&engine, "hi").await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Malformed, "{transport:?}: {error:?}");
        dialogflow.next(say(""));
        assert_eq!(ask(&engine, "hi").await.unwrap_err().kind, FailureKind::Empty);
        dialogflow.next(say("").no_intent());
        assert!(ask(&engine, "hi").await.unwrap().not_understood);
        assert_eq!(dialogflow.requests().len(), 3);
    }
    // gRPC answers are bounded while they are read.
    let dialogflow = FakeDialogflow::start();
    dialogflow.next(Reaction::Raw(vec![0; 2 * 1024 * 1024]));
    let engine = engine(settings(dialogflow.endpoint()));
    assert_eq!(ask(&engine, "hi").await.unwrap_err().kind, FailureKind::Malformed);
}

#[tokio::test]
async fn a_dead_endpoint_fails_asks_and_not_the_start() {
    // Bound, so that nobody else gets the port, and not listening.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let gone = format!("http://{}", socket.local_addr().unwrap());
    for transport in TRANSPORTS {
        let engine = engine(DialogflowV2 { transport, connections: 4, ..settings(gone.clone()) });
        let error = ask(&engine, "hi").await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Unavailable, "{transport:?}: {error:?}");
        assert!(error.advice.to_string().contains("cannot be reached"), "{}", error.advice);
    }
}
