//! Answers as they come: what the customer sees before the end, and what may go wrong on the way.

use super::*;

async fn streamed(stream: &str, reply: impl Fn() -> Reply + Send + Sync + 'static) -> (Result<Answer, AskError>, Told) {
    let model = Model::new(&format!("stream = \"{stream}\"\n"), move |_| reply());
    let told = Told::default();
    let asked = Ask { progress: told.progress(), ..ask(Input::Text("hi".to_owned())) };
    (model.engine.ask(asked).await, told)
}

const WORDS: &str = "Größer als 東京 🦀.\n\nAnd so on.\n\nThe end.";

#[tokio::test]
async fn words_come_through_whatever_cuts_the_stream() {
    let paragraphs = ["Größer als 東京 🦀.", "And so on.", "The end."];
    let (answer, told) = streamed("off", || Reply::words(WORDS)).await;
    assert_eq!((texts(&answer.unwrap()).as_slice(), told.typing()), (paragraphs.map(str::to_owned).as_slice(), 0));
    let (answer, told) = streamed("typing", || Reply::words(WORDS)).await;
    assert_eq!((texts(&answer.unwrap()).as_slice(), told.typing()), (paragraphs.map(str::to_owned).as_slice(), 1));
    assert_eq!(told.texts(), Vec::<String>::new());
    let (answer, told) = streamed("paragraphs", || Reply::words(WORDS)).await;
    assert_eq!((told.texts(), told.typing()), (paragraphs[..2].iter().map(|&it| it.to_owned()).collect(), 1));
    assert_eq!(texts(&answer.unwrap()), paragraphs[2..]);
}

#[tokio::test]
async fn the_words_before_a_tool_call_wait_for_what_comes_of_it() {
    let call = || Reply::calls("I connect you.\n\n", &[("person", json!({}))]);
    let (answer, told) = streamed("paragraphs", call).await;
    let answer = answer.unwrap();
    assert_eq!((texts(&answer), answer.action.as_str()), (vec!["I connect you.".to_owned()], "person"));
    assert_eq!(told.texts(), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_said_before_a_break_stays_said_and_the_turn_fails() {
    let cut = || Reply::CutAmid("One.\n\nTwo is".to_owned());
    let (answer, told) = streamed("paragraphs", cut).await;
    assert_eq!(answer.unwrap_err().kind, FailureKind::Unavailable);
    assert!(told.texts().len() <= 1, "{:?}", told.texts());
    for (error, kind) in [
        (json!({"error": {"code": 503, "message": "x"}}), FailureKind::Unavailable),
        (json!({"error": {"message": "x", "type": "server_error", "code": null}}), FailureKind::Internal),
        (json!({"error": {"message": "x", "code": "rate_limit_exceeded"}}), FailureKind::Quota),
    ] {
        let (answer, told) =
            streamed("paragraphs", move || Reply::ErrorAmid("One.\n\nTwo is".to_owned(), error.clone())).await;
        assert_eq!((answer.unwrap_err().kind, told.texts()), (kind, vec!["One.".to_owned()]));
    }
}

#[tokio::test]
async fn habits_of_servers_are_understood() {
    let raw = |text: &'static str| move || Reply::Raw(text.as_bytes().to_vec());
    let (answer, _) = streamed(
        "typing",
        raw("data: {\"choices\":[{\"delta\":{\"content\":\"Hi.\"},\"finish_reason\":\"stop\"}]}\n\n"),
    )
    .await;
    assert_eq!(texts(&answer.unwrap()), ["Hi."], "no [DONE], but a reason to end");
    let (answer, _) = streamed(
        "typing",
        raw("error: {\"code\":400,\"message\":\"x\",\"type\":\"exceed_context_size_error\"}\n\ndata: [DONE]\n\n"),
    )
    .await;
    let error = answer.unwrap_err();
    assert_eq!(error.kind, FailureKind::Invalid, "llama.cpp before autumn 2025");
    assert!(error.advice.to_string().contains("`exceed_context_size_error`"), "{}", error.advice);
    let (answer, _) = streamed(
        "typing",
        raw("data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{\"name\":\"order_status\",\"arguments\":\
             {\"order\":7}}}]},\"finish_reason\":\"tool_calls\"}]}\n\ndata: [DONE]\n\n"),
    )
    .await;
    let answer = answer.unwrap();
    assert_eq!((answer.action.as_str(), &answer.parameters["order"]), ("order.status", &json!(7)));
    let (answer, _) = streamed("typing", raw("data: \u{0}{\n\n")).await;
    assert_eq!(answer.unwrap_err().kind, FailureKind::Malformed);
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_heard_all_the_same() {
    let target = HttpTarget::plain([Reaction::json(
        r#"{"choices":[{"message":{"content":[{"type":"text","text":"Hi."}]},"finish_reason":"stop"}]}"#,
    )]);
    let fake = FakeOpenAi::start(|_| panic!("it is not asked"));
    let text = profile(&fake, "stream = \"paragraphs\"\n");
    let mut settings = text.engines.primary.clone();
    let endpoint = format!("http://{}/v1", target.address);
    settings.values.set("endpoint", config::schema::Value::Text(endpoint));
    let engine = nlp::build(&settings, &text, &deps()).unwrap();
    let answer = engine.ask(ask(Input::Text("hi".to_owned()))).await.unwrap();
    assert_eq!(texts(&answer), ["Hi."]);
    assert_eq!(target.requests()[0].line, "POST /v1/chat/completions HTTP/1.1");
}

#[tokio::test]
async fn an_answer_at_the_limit_of_tokens_is_said_and_marked() {
    let cut = || Reply::Message(Message { content: "Half an".to_owned(), calls: Vec::new(), finish: "length" });
    let (answer, _) = streamed("typing", cut).await;
    let answer = answer.unwrap();
    assert_eq!((texts(&answer), answer.contexts), (vec!["Half an".to_owned()], vec!["cut_at_max_tokens".to_owned()]));
}
