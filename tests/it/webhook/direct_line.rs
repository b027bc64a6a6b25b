//! Direct Line 3.0, as Microsoft documents it.

use tokio::sync::Semaphore;

use super::*;
use crate::fakes::direct_line::{Bot, FakeDirectLine, SECRET};

fn settings(direct_line: &FakeDirectLine, more: &str) -> String {
    format!(
        "dialect = \"bot-framework\"\nurl = \"{}\"\ntoken = \"{SECRET}\"\npoll_ms = 20\nquiet_ms = 40\n{more}",
        direct_line.url()
    )
}

fn text(bot: &Bot) -> &str {
    bot.activity["text"].as_str().or(bot.activity["name"].as_str()).unwrap_or_default()
}

fn message(text: &str) -> Value {
    json!({"type": "message", "text": text})
}

/// Says back what it hears.
fn echo() -> FakeDirectLine {
    FakeDirectLine::start(|bot| {
        bot.send(message(text(&bot)));
        std::future::ready(None)
    })
}

#[tokio::test]
async fn b17_a_conversation_is_begun_once_and_gone_on_with() {
    let direct_line = echo();
    let engine = engine(&settings(&direct_line, ""));
    for said in ["one", "two", "three"] {
        assert_eq!(texts(&ask(&engine, said).await.unwrap()), [said]);
    }
    assert_eq!(direct_line.conversations(), 1);
    let posted = direct_line.posted();
    assert_eq!(posted[0]["from"], json!({"id": "sales/c-1", "role": "user"}));
    assert_eq!(posted[0]["channelData"]["usher"]["anew"], Value::Null);
}

#[tokio::test]
async fn b17_a_lost_conversation_is_begun_anew_and_the_bot_is_told() {
    let direct_line = echo();
    let engine = engine(&settings(&direct_line, ""));
    ask(&engine, "one").await.unwrap();
    direct_line.forgets_everything();
    assert_eq!(texts(&ask(&engine, "two").await.unwrap()), ["two"]);
    let posted = direct_line.posted();
    assert_eq!(posted.len(), 2, "a question that was not taken is put once more, in another conversation");
    assert_eq!(posted[1]["channelData"]["usher"]["anew"], true);
}

/// Another life of the gateway knows no conversation, but that there was one.
#[tokio::test]
async fn b17_after_a_restart_the_bot_is_told_that_it_begins_anew() {
    let direct_line = echo();
    let later = Ask { turn: Some((Turn(4), Epoch(0))), ..asking(Input::Text("go on".into())) };
    engine(&settings(&direct_line, "")).ask(later).await.unwrap();
    assert_eq!(direct_line.posted()[0]["channelData"]["usher"]["anew"], true);
}

#[tokio::test]
async fn b1_what_a_bot_says_to_a_question_that_failed_is_dropped() {
    let gate = Arc::new(Semaphore::new(0));
    let holds = Arc::clone(&gate);
    let direct_line = FakeDirectLine::start(move |bot| {
        let holds = Arc::clone(&holds);
        async move {
            if text(&bot) == "slow" {
                holds.acquire().await.unwrap().forget();
            }
            bot.send(message(&format!("to {}", text(&bot))));
            None
        }
    });
    let engine = engine(&settings(&direct_line, "deadline_ms = 400"));
    assert_eq!(ask(&engine, "slow").await.unwrap_err().kind, FailureKind::Deadline);
    gate.add_permits(1);
    let answer = ask(&engine, "quick").await.unwrap();
    assert_eq!(texts(&answer), ["to quick"]);
    assert_eq!(texts(&ask(&engine, "again").await.unwrap()), ["to again"]);
    assert_eq!(direct_line.conversations(), 1);
}

/// What comes when the bot seemed to have answered is late, but an answer.
#[tokio::test]
async fn b17_an_afterthought_is_said_with_the_next_turn() {
    let first = Arc::new(std::sync::Mutex::new(None::<Bot>));
    let kept = Arc::clone(&first);
    let direct_line = FakeDirectLine::start(move |bot| {
        bot.send(message(&format!("to {}", text(&bot))));
        kept.lock().unwrap().get_or_insert(bot);
        std::future::ready(None)
    });
    let engine = engine(&settings(&direct_line, ""));
    assert_eq!(texts(&ask(&engine, "one").await.unwrap()), ["to one"]);
    first.lock().unwrap().as_ref().unwrap().send(message("and one more thing"));
    assert_eq!(texts(&ask(&engine, "two").await.unwrap()), ["and one more thing", "to two"]);
}

#[tokio::test]
async fn b17_a_bot_that_expects_input_has_answered_at_once() {
    let direct_line = FakeDirectLine::start(|bot| {
        bot.send(json!({"type": "message", "text": "How many?", "inputHint": "expectingInput"}));
        std::future::ready(None)
    });
    let engine = engine(&settings(&direct_line, "quiet_ms = 30000").replace("quiet_ms = 40\n", ""));
    assert_eq!(texts(&ask(&engine, "hi").await.unwrap()), ["How many?"]);
}

#[tokio::test]
async fn b17_being_asked_too_often_is_waited_out() {
    let direct_line = echo();
    direct_line.is_asked_too_often(2);
    let engine = engine(&settings(&direct_line, ""));
    assert_eq!(texts(&ask(&engine, "hi").await.unwrap()), ["hi"]);
    direct_line.is_asked_too_often(1_000);
    let hurried = super::engine(&settings(&direct_line, "deadline_ms = 300"));
    assert_eq!(ask(&hurried, "hi").await.unwrap_err().kind, FailureKind::Quota);
}

#[tokio::test]
async fn b17_a_silent_bot_is_late_for_words_and_done_with_an_event() {
    let direct_line = FakeDirectLine::start(|_| std::future::ready(None));
    let engine = engine(&settings(&direct_line, "deadline_ms = 3000"));
    let error = engine.ask(asking(event("CALLBACK_DONE", &json!({})))).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Empty);
    assert_eq!(ask(&engine, "hi").await.unwrap_err().kind, FailureKind::Deadline);
}

#[tokio::test]
async fn b17_the_secret_is_checked() {
    let direct_line = echo();
    assert_eq!(checked(&settings(&direct_line, "")).await.unwrap(), "a conversation can be begun");
    let wrong = settings(&direct_line, "").replace(SECRET, "another secret");
    assert_eq!(checked(&wrong).await.unwrap_err().kind, FailureKind::Credential);
    assert_eq!(ask(&engine(&wrong), "hi").await.unwrap_err().kind, FailureKind::Credential);
}

/// Microsoft's handoff protocol: the bot asks by an event, and is told by events.
#[tokio::test]
async fn b17_a_bot_hands_over_and_hears_how_it_goes() {
    let direct_line = FakeDirectLine::start(|bot| {
        if text(&bot) == "a person" {
            bot.send(message("I connect you."));
            bot.send(json!({"type": "event", "name": "handoff.initiate", "value": {"skill": "bills"}}));
        }
        std::future::ready(None)
    });
    let more = "[handover]\nqueue = \"support\"\n";
    let usher = Usher::start(CONFIG, &profile_text(&settings(&direct_line, ""), more)).await;
    let centre = FakeEngine::attach(usher.setup().queue("support", MediaType::OpenMedia)).await.unwrap();
    centre.open("c1", "va1").await;
    centre.say("c1", "a person").await;
    assert_eq!(centre.next_say("c1").await, ["I connect you."]);
    let command = centre.next_command("c1").await;
    let Some(Command::Requeue(requeue)) = command.command else { panic!("{command:?}") };
    assert_eq!(requeue.context.unwrap().parameters["skill"], "bills");
    centre.outcome("c1", command.action_seq, Outcome::Offered).await;
    centre.outcome("c1", command.action_seq, Outcome::Accepted).await;
    centre.settled().await;
    centre.end("c1", "done").await;
    direct_line.wait_for("endOfConversation", 1).await;
    let told: Vec<Value> = direct_line.posted().into_iter().skip(1).collect();
    let states: Vec<&Value> =
        told.iter().map(|it| if it["type"] == "event" { &it["value"]["state"] } else { &it["type"] }).collect();
    assert_eq!(states, ["accepted", "completed", "endOfConversation"]);
    assert!(told[..2].iter().all(|it| it["name"] == "handoff.status"), "{told:?}");
    usher.drain().await;
}
