//! What Dialogflow CX refuses, breaks or leaves unanswered.

use tonic::Code;

use super::*;

#[tokio::test]
async fn s33_cx_every_status_has_its_kind_and_only_unavailable_is_tried_again() {
    let expected = [
        (Code::ResourceExhausted, FailureKind::Quota),
        (Code::FailedPrecondition, FailureKind::Precondition),
        (Code::InvalidArgument, FailureKind::Invalid),
        (Code::NotFound, FailureKind::NotFound),
        (Code::Unauthenticated, FailureKind::Credential),
        (Code::PermissionDenied, FailureKind::Credential),
        (Code::Internal, FailureKind::Internal),
    ];
    for transport in TRANSPORTS {
        let cx = FakeCx::start();
        let engine = engine(values(&cx.endpoint(), transport, &[]));
        for (code, kind) in expected {
            let before = cx.requests().len();
            cx.next(Reaction::Status(code));
            let error = ask(&engine, "hi").await.unwrap_err();
            assert_eq!((error.kind, cx.requests().len() - before), (kind, 1), "{transport} {code:?}: {error:?}");
        }
        cx.next(Reaction::Status(Code::Unavailable)).next(Reaction::Status(Code::Unavailable));
        assert_eq!(ask(&engine, "hi").await.unwrap().replies, [Reply::Text("echo: hi".into())]);
    }
}

#[tokio::test]
async fn pain_9_cx_the_wrong_location_or_agent_is_named() {
    let cx = FakeCx::start();
    cx.lives_at("p-1", Some("europe-west3"));
    for transport in TRANSPORTS {
        for (more, named) in [(("location", "global"), "location global"), (("agent", "a-2"), "no agent a-2")] {
            let engine = engine(values(&cx.endpoint(), transport, &[more]));
            let error = ask(&engine, "hi").await.unwrap_err();
            assert_eq!(error.kind, FailureKind::NotFound);
            assert!(
                error.advice.to_string().contains(named) && error.advice.to_string().contains("`location`"),
                "{}",
                error.advice
            );
        }
    }
}

#[tokio::test]
async fn cx_answers_that_cannot_be_read_or_say_nothing_are_told_apart() {
    for transport in TRANSPORTS {
        let cx = FakeCx::start();
        let engine = engine(values(&cx.endpoint(), transport, &[]));
        for raw in [vec![0xff; 64], b"[]".to_vec(), vec![b' '; 2 * 1024 * 1024]] {
            cx.next(Reaction::Raw(raw));
            let error = ask(&engine, "hi").await.unwrap_err();
            assert_eq!(error.kind, FailureKind::Malformed, "{transport}: {error:?}");
            assert!(error.advice.to_string().contains("Dialogflow CX"), "{}", error.advice);
        }
        cx.next(say(""));
        assert_eq!(ask(&engine, "hi").await.unwrap_err().kind, FailureKind::Empty);
        cx.next(say("").webhook_failed(Code::Unavailable, "down"));
        assert_eq!(ask(&engine, "hi").await.unwrap_err().kind, FailureKind::Webhook);
        cx.next(say("").no_match());
        assert!(ask(&engine, "hi").await.unwrap().not_understood);
    }
}

#[tokio::test]
async fn pain_6_cx_the_deadline_bounds_the_ask() {
    for transport in TRANSPORTS {
        let cx = FakeCx::start();
        cx.next(Reaction::Hang);
        let mut values = values(&cx.endpoint(), transport, &[]);
        values.set("deadline_ms", Setting::Number(200));
        let error = ask(&engine(values), "hi").await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Deadline, "{transport}");
    }
}
