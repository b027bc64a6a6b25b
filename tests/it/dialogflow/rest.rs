//! `transport = "rest"`: the same answers as gRPC, also through a proxy (pain 9).

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_util::task::AbortOnDropHandle;
use tonic::Code;
use usher::wire::dialogflow_v2::message;

use super::*;
use crate::fakes::{dialogflow::Reaction, token_server::TokenServer};

#[tokio::test]
async fn rest_answers_as_grpc_does() {
    let dialogflow = FakeDialogflow::start();
    let foreign = message::Message::Text(message::Text { text: vec!["for another channel".into()] });
    let rich = say("Hello")
        .quick_replies("Which?", &["A", "B"])
        .card("Card", "Sub", "https://x/i.png", &[("More", "more")])
        .image("https://x/j.png", "a cat")
        .payload(&json!({"n": 3, "half": 0.5, "deep": {"list": [1, null, true]}}))
        .on_platform(8, foreign)
        .action("callback", &json!({"phone": "+49 30 1", "date_time": {"startDate": "2026-11-20"}, "count": 2}))
        .context("billing")
        .sentiment(-0.5)
        .intent("rich")
        .ends()
        .hands_off()
        .webhook_failed(Code::Internal, "boom");
    dialogflow.on_text("rich", rich);
    dialogflow.on_text("fallback", say("What?").fallback());
    dialogflow.on_text("slots", say("When?").action("callback", &json!({})).incomplete());
    dialogflow.on_text("bare", say("").no_intent());
    dialogflow.on_event("welcome", say("Welcome").text("How can I help?"));

    let via = |transport| {
        engine(DialogflowV2 {
            transport,
            time_zone: "Europe/Berlin".into(),
            sentiment: true,
            ..settings(dialogflow.endpoint())
        })
    };
    let (grpc, rest) = (via(Transport::Grpc), via(Transport::Rest));
    let texts = ["rich", "fallback", "slots", "bare", "anything"];
    let mut inputs: Vec<Input> = texts.into_iter().map(|it| Input::Text(it.into())).collect();
    inputs.push(Input::Event { name: "welcome".into(), parameters: object(&json!({"from": "web", "n": 1})) });
    for input in inputs {
        let mut question = asking(input.clone());
        question.payload = object(&json!({"attributes": {"tier": "gold"}}));
        let (one, two) = (grpc.ask(question.clone()).await.unwrap(), rest.ask(question).await.unwrap());
        assert_eq!(one, two, "{input:?}");
        let requests = dialogflow.requests();
        let [.., sent, sent_by_rest] = requests.as_slice() else { panic!("two requests at least") };
        assert!(!sent.rest && sent_by_rest.rest);
        assert_eq!(sent.session, sent_by_rest.session);
        assert_eq!(sent.input, sent_by_rest.input);
        assert_eq!(sent.parameters, sent_by_rest.parameters);
    }
}

/// A proxy as sites have it: tunnels, and plain requests in absolute form.
async fn proxy(passed: Arc<AtomicUsize>) -> (String, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let passed = Arc::clone(&passed);
            tokio::spawn(async move {
                if pass(client).await.is_some() {
                    passed.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    };
    (format!("http://user:pw@{address}"), AbortOnDropHandle::new(tokio::spawn(serve)))
}

async fn pass(mut client: TcpStream) -> Option<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|it| it == b"\r\n\r\n") {
        (client.read_buf(&mut head).await.ok()? > 0).then_some(())?;
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    // "user:pw"
    text.contains("proxy-authorization: basic dxnlcjpwdw==").then_some(())?;
    let mut words = text.split_whitespace();
    let (method, target) = (words.next()?, words.next()?);
    let authority = target.trim_start_matches("http://").split('/').next()?;
    let mut server = TcpStream::connect(authority).await.ok()?;
    if method == "connect" {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.ok()?;
    } else {
        server.write_all(&head).await.ok()?;
    }
    tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
    Some(())
}

#[tokio::test]
async fn pain_9_token_and_conversation_pass_the_profiles_proxy() {
    let (dialogflow, tokens) = (FakeDialogflow::start(), TokenServer::start());
    dialogflow.accepts_token(&TokenServer::token(1));
    let passed = Arc::new(AtomicUsize::new(0));
    let (proxy, _serving) = proxy(Arc::clone(&passed)).await;
    let config = DialogflowV2 {
        transport: Transport::Rest,
        proxy: Some(proxy),
        credential: Some(tokens.credential()),
        ..settings(dialogflow.endpoint())
    };
    let engine = engine(config.clone());
    assert_eq!(ask(&engine, "hi").await.unwrap().replies, [Reply::Text("echo: hi".into())]);
    assert_eq!(passed.load(Ordering::SeqCst), 2, "the token's request and the conversation's");
    assert_eq!(dialogflow.requests()[0].session, "projects/p-1/agent/sessions/u.c-1");

    dialogflow.next(Reaction::Status(Code::ResourceExhausted));
    assert_eq!(ask(&engine, "hi").await.unwrap_err().kind, FailureKind::Quota);
    dialogflow.next(Reaction::Raw(b"<html>".into()));
    assert_eq!(ask(&engine, "hi").await.unwrap_err().kind, FailureKind::Malformed);
    dialogflow.next(Reaction::Raw(vec![b' '; 2 * 1024 * 1024]));
    assert_eq!(ask(&engine, "hi").await.unwrap_err().kind, FailureKind::Malformed);

    dialogflow.accepts_token(&TokenServer::token(2));
    let report = checked(&config).await.unwrap();
    assert_eq!(report.about.unwrap().to_string(), "agent Support, language en, time zone Europe/Berlin");
}
