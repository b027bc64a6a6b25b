//! Conversations with the agent of `tests/fixtures/agent`, line by line.

use std::path::Path;

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::offline_nlp::{
    agent::{Entry, Webhook},
    lexicon::Mode,
    load,
};

/// A conversation at simulated time.
struct Talk {
    engine: Engine,
    session: Session,
    now: Timestamp,
    language: &'static str,
}

fn agent() -> Agent {
    load::open(Path::new("tests/fixtures/agent")).unwrap().agent
}

fn talk_with(agent: Agent) -> Talk {
    let now = "2026-11-20T12:00:00Z".parse().unwrap();
    Talk { engine: Engine::new(Arc::new(agent)), session: Session::new(0), now, language: "en" }
}

fn talk() -> Talk {
    talk_with(agent())
}

fn query(input: Input, language: &str) -> Query {
    let language = language.to_owned();
    Query { input, language, contexts: vec![], reset_contexts: false, entities: vec![], zone: None }
}

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

impl Talk {
    fn ask(&mut self, query: Query) -> Turn {
        self.engine.begin(&mut self.session, query, self.now)
    }

    fn text(&self, text: &str) -> Query {
        query(Input::Text(text.to_owned()), self.language)
    }

    fn say(&mut self, text: &str) -> Outcome {
        let query = self.text(text);
        self.ask(query).outcome
    }

    fn event(&mut self, name: &str, parameters: &Value) -> Outcome {
        let input = Input::Event { name: name.to_owned(), parameters: map(parameters) };
        self.ask(query(input, self.language)).outcome
    }

    fn intent(&self, outcome: &Outcome) -> &str {
        outcome.intent.map_or("", |it| self.engine.agent().intents[it].name.as_str())
    }

    /// Each line and the intent, the text and whether everything is there.
    #[track_caller]
    fn script(&mut self, lines: &[(&str, &str, &str, bool)]) {
        for (said, intent, text, complete) in lines {
            let outcome = self.say(said);
            let told = (self.intent(&outcome), outcome.text.as_str(), outcome.complete);
            assert_eq!(told, (*intent, *text, *complete), "{said}");
        }
    }
}

/// `name lifespan`, without the service's own counters.
fn contexts(outcome: &Outcome) -> Vec<String> {
    let own = outcome.contexts.iter().filter(|it| it.name != "__system_counters__");
    own.map(|it| format!("{} {}", it.name, it.lifespan)).collect()
}

fn context<'a>(outcome: &'a Outcome, name: &str) -> &'a Context {
    outcome.contexts.iter().find(|it| it.name == name).unwrap()
}

const ORDER: &str = "order drink";

#[test]
fn b16_slot_filling_asks_for_one_parameter_after_another() {
    let mut talk = talk();
    let outcome = talk.say("I would like to order");
    assert_eq!((outcome.text.as_str(), outcome.action.as_str()), ("Which drink?", "order.drink"));
    assert!(!outcome.complete && outcome.intent.is_some());
    assert_eq!(outcome.parameters["drink"], "");
    assert_eq!(outcome.parameters["toppings"], json!([]));
    assert_eq!(outcome.messages, [Message::Text(vec!["Which drink?".to_owned()])]);
    let id = talk.engine.agent().intents[outcome.intent.unwrap()].id.clone();
    let expected = [
        format!("{id}_id_dialog_context 2"),
        "order_drink_dialog_context 2".into(),
        "order_drink_dialog_params_drink 1".into(),
    ];
    assert_eq!(contexts(&outcome), expected);
    talk.script(&[
        ("no idea at all", ORDER, "Coffee or tea?", false),
        ("java with sugar and honey", ORDER, "What size for the coffee?", false),
        ("a big one", ORDER, "What is your name?", false),
    ]);
    let done = talk.say("Doe");
    assert_eq!(done.text, "A large coffee for Doe.");
    assert!(done.complete);
    assert_eq!(contexts(&done), ["order 3"], "the places that were held are given up");
    let parameters =
        json!({"drink": "coffee", "size": "large", "name": "Doe", "toppings": [], "place": "counter", "note": "none"});
    assert_eq!(json!(done.parameters), parameters);
    assert_eq!(context(&done, "order").parameters["size.original"], "big");
}

#[test]
fn b16_a_phrase_fills_what_it_holds_and_lists_take_all() {
    let mut talk = talk();
    let outcome = talk.say("a big java with sugar and milk please");
    assert_eq!(outcome.text, "What is your name?");
    assert_eq!(outcome.parameters["toppings"], json!(["sugar", "milk"]));
    let place = context(&outcome, "order_drink_dialog_context");
    assert_eq!(place.parameters["drink.original"], "java");
    let mut heard = vec![talk.say("Doe").text];
    talk.say("a big java with sugar and milk please");
    heard.push(talk.say("Doe").text);
    heard.sort();
    assert_eq!(heard, ["A large coffee for Doe.", "A large coffee with sugar, milk for Doe."]);
}

#[test]
fn b16_another_intent_leaves_slot_filling() {
    let mut talk = talk();
    talk.script(&[
        ("I would like to order", ORDER, "Which drink?", false),
        ("let me talk to a person", "human", "One moment.", true),
        ("Doe", "Default Fallback Intent", "I did not get that.", true),
    ]);
    assert!(talk.session.filling.is_none());
    talk.say("a big java");
    let left = talk.say("what are your opening hours");
    assert_eq!(talk.intent(&left), "hours", "an exact phrase is no name");
    assert!(contexts(&left).is_empty());
}

#[test]
fn b16_words_that_give_up_leave_slot_filling() {
    let mut talk = talk();
    talk.say("I would like to order");
    let outcome = talk.say("Never mind!");
    assert_eq!((outcome.text.as_str(), outcome.action.as_str()), ("OK, cancelled.", "order.drink"));
    assert!(outcome.cancels_slot_filling && !outcome.complete);
    assert!(contexts(&outcome).is_empty());
    talk.script(&[("Doe", "Default Fallback Intent", "I did not get that.", true)]);
}

#[test]
fn b16_slot_filling_ends_with_its_contexts() {
    for reset in [true, false] {
        let mut talk = talk();
        talk.say("a big java");
        let mut query = talk.text("Doe");
        if reset {
            query.reset_contexts = true;
        } else {
            talk.now += SignedDuration::from_mins(20);
        }
        let outcome = talk.ask(query).outcome;
        assert_eq!(talk.intent(&outcome), "Default Fallback Intent");
    }
}

#[test]
fn b16_follow_ups_need_their_context_and_are_preferred_in_it() {
    let mut talk = talk();
    talk.script(&[
        ("yes", "small talk - yes", "Yes to what?", true),
        ("a big java", ORDER, "What is your name?", false),
        ("Doe", ORDER, "A large coffee for Doe.", true),
        ("mumble", "order drink - fallback", "Is the order right: yes or no?", true),
        ("yes", "order drink - yes", "Your coffee (big) is being made, Doe.", true),
        ("yes", "small talk - yes", "Yes to what?", true),
        ("mumble", "Default Fallback Intent", "I did not get that.", true),
    ]);
}

#[test]
fn b16_contexts_count_down_and_learn_what_is_said() {
    let mut talk = talk();
    talk.say("a big java");
    talk.say("Doe");
    assert_eq!(contexts(&talk.say("hello")), ["order 2"]);
    assert_eq!(contexts(&talk.say("hello")), ["order 1"]);
    assert_eq!(contexts(&talk.say("hello")), ["order 0"], "told once more, without a turn left");
    assert!(contexts(&talk.say("hello")).is_empty());
}

#[test]
fn b16_an_intent_deletes_contexts_and_resets_them() {
    let mut talk = talk();
    talk.say("a big java");
    talk.say("Doe");
    let outcome = talk.say("yes");
    assert_eq!(contexts(&outcome), ["made 2"]);
    assert!(contexts(&talk.say("start over")).is_empty());
}

#[test]
fn b16_a_query_brings_contexts_and_resets_the_old_ones() {
    let mut talk = talk();
    let mut query = talk.text("yes");
    let parameters = map(&json!({"drink": "tea", "size": "small", "size.original": "tiny", "name": "Roe"}));
    query.contexts = vec![Context { name: "order".to_owned(), lifespan: 1, parameters }];
    assert_eq!(talk.ask(query).outcome.text, "Your tea (tiny) is being made, Roe.");
    let mut query = talk.text("hello");
    query.reset_contexts = true;
    assert!(contexts(&talk.ask(query).outcome).is_empty());
}

#[test]
fn b16_events_match_by_name_and_their_parameters_are_a_context() {
    let mut talk = talk();
    let outcome = talk.event("greet", &json!({"name": "Desk 1"}));
    assert_eq!(talk.intent(&outcome), "greet");
    assert_eq!((outcome.text.as_str(), outcome.query_text.as_str()), ("Hello Desk 1, any table.", "greet"));
    assert_eq!(json!(outcome.parameters), json!({"who": "Desk 1", "table": "any table"}));
    assert_eq!((outcome.confidence, contexts(&outcome)), (1.0, vec!["greet 0".to_owned()]));
    assert_eq!(talk.event("GREET", &json!({"name": "x", "table": 7})).text, "Hello x, 7.");
    let unknown = talk.event("nobody", &json!({}));
    assert_eq!((unknown.intent, unknown.text.as_str()), (None, ""));
}

#[test]
fn b16_an_event_leaves_slot_filling_and_an_unknown_one_does_not() {
    let mut talk = talk();
    talk.say("a big java");
    talk.event("nobody", &json!({}));
    assert_eq!(talk.say("Doe").text, "A large coffee for Doe.");
    talk.say("a big java");
    talk.event("greet", &json!({"name": "x"}));
    talk.script(&[("Doe", "order drink - fallback", "Is the order right: yes or no?", true)]);
}

#[test]
fn b16_the_higher_priority_wins_and_a_negative_one_is_off() {
    let mut agent = agent();
    assert_eq!(talk_with(agent.clone()).say("what is the status").text, "Important.");
    for intent in agent.intents.iter_mut().filter(|it| it.name == "status important") {
        intent.priority = -1;
    }
    assert_eq!(talk_with(agent).say("what is the status").text, "Normal.");
}

#[test]
fn b16_languages_fall_back_to_their_root_and_to_the_agents_own() {
    let mut talk = talk();
    talk.language = "de-CH";
    let outcome = talk.say("guten Tag");
    assert_eq!((outcome.text.as_str(), outcome.language.as_str()), ("Willkommen im Café!", "de"));
    talk.script(&[
        ("einen großen Tee bitte", ORDER, "Wie heißen Sie?", false),
        ("Doe", ORDER, "Ein tea (großen) für Doe.", true),
        // No German text.
        ("ja", "order drink - yes", "Your tea (großen) is being made, Doe.", true),
        ("quark", "Default Fallback Intent", "Das habe ich nicht verstanden.", true),
    ]);
    talk.language = "fr";
    let outcome = talk.say("hello");
    assert_eq!((talk.intent(&outcome), outcome.language.as_str()), ("Default Welcome Intent", "en"));
}

#[test]
fn b16_all_kinds_of_messages() {
    let mut talk = talk();
    let welcome = talk.event("WELCOME", &json!({}));
    assert_eq!(welcome.messages.len(), 2);
    let replies = vec!["I want a coffee".to_owned(), "When are you open?".to_owned()];
    assert_eq!(welcome.messages[1], Message::QuickReplies { title: "Try this".into(), replies });
    let hours = talk.say("when are you open?");
    assert_eq!(hours.text, "From 8 to 18.");
    let buttons = vec![("Show the way".to_owned(), "https://cafe.example.com/way".to_owned())];
    assert_eq!(
        hours.messages,
        [
            Message::Card {
                title: "Opening hours".into(),
                subtitle: "Every day".into(),
                image_uri: "https://cafe.example.com/door.png".into(),
                buttons,
            },
            Message::Image { uri: "https://cafe.example.com/map.png".into(), description: "A map".into() },
            Message::Payload(map(&json!({"kind": "hours", "open": [8, 18]}))),
            Message::Text(vec!["From 8 to 18.".into()]),
        ]
    );
}

#[test]
fn b16_a_session_hears_every_variant_before_one_comes_again() {
    let mut talk = talk();
    let mut heard: Vec<String> = (0..6).map(|_| talk.say("hello").text).collect();
    assert_eq!(heard[..3], heard[3..]);
    heard.truncate(3);
    heard.sort();
    assert_eq!(heard, ["Hello, what can I do for you?", "Hi! Coffee or tea?", "Welcome to the café!"]);
}

#[test]
fn b16_what_is_not_understood_is_counted() {
    let mut talk = talk();
    let counted = |outcome: &Outcome| {
        let counters = context(outcome, "__system_counters__");
        (counters.lifespan, counters.parameters["no-match"].clone())
    };
    assert_eq!(counted(&talk.say("mumble")), (1, json!(1)));
    assert_eq!(counted(&talk.say("quark")), (1, json!(2)));
    assert_eq!(counted(&talk.say("hello")), (0, json!(0)));
}

#[test]
fn b16_without_a_fallback_intent_nobody_answers() {
    let mut agent = agent();
    agent.intents.retain(|it| !it.is_fallback);
    let outcome = talk_with(agent).say("mumble");
    assert_eq!((outcome.intent, outcome.text.as_str(), outcome.confidence), (None, "", 0.0));
}

#[test]
fn b16_session_entities_supplement_or_override_for_20_minutes() {
    let entity = |mode| SessionEntity {
        name: "drink".to_owned(),
        mode,
        entries: vec![Entry { value: "mate".to_owned(), synonyms: vec!["mate".to_owned()] }],
    };
    for (mode, coffee) in [(Mode::Supplement, "coffee"), (Mode::Override, "")] {
        let mut talk = talk();
        let now = talk.now;
        talk.session.set_entity(entity(mode), now);
        assert_eq!(talk.say("I want a mate").parameters["drink"], "mate");
        let mut query = talk.text("I want a coffee");
        query.reset_contexts = true;
        assert_eq!(talk.ask(query).outcome.parameters["drink"], coffee);
        talk.now += SignedDuration::from_mins(20);
        talk.session.expire(talk.now);
        assert_eq!(talk.session.entities().count(), 0);
    }
}

fn with_webhook() -> Talk {
    let mut agent = agent();
    agent.webhook = Some(Webhook { url: "https://cafe.example.com/hook".to_owned(), ..Webhook::default() });
    talk_with(agent)
}

#[track_caller]
fn done(next: Next) -> Outcome {
    match next {
        Next::Done(outcome) => outcome,
        Next::Event(query) => panic!("{query:?}"),
    }
}

#[test]
fn b16_a_webhook_is_asked_where_the_intent_says_so() {
    let mut talk = with_webhook();
    for (said, asks) in [("hello", false), ("tell me the news", true), ("reserve a table", true), ("Doe", true)] {
        let query = talk.text(said);
        let turn = talk.ask(query);
        assert_eq!(turn.asks_webhook, asks, "{said}");
        if asks {
            let query = talk.text(said);
            talk.engine.finish(&mut talk.session, turn, None, &query, talk.now);
        }
    }
    let mut without = talk_with(agent());
    let query = without.text("tell me the news");
    assert!(!without.ask(query).asks_webhook, "the agent has none");
}

#[test]
fn b16_a_webhooks_answer_takes_the_place_of_the_agents() {
    let mut talk = with_webhook();
    let query = talk.text("tell me the news");
    let turn = talk.ask(query.clone());
    assert_eq!(turn.outcome.text, "There is no news.");
    let answer = Fulfilment {
        text: "It rains.".to_owned(),
        source: "weather".to_owned(),
        payload: Some(map(&json!({"rain": true}))),
        contexts: vec![
            Context { name: "rain".to_owned(), lifespan: 4, parameters: map(&json!({"mm": 3})) },
            Context { name: "news".to_owned(), lifespan: 0, parameters: Map::new() },
        ],
        ..Fulfilment::default()
    };
    let outcome = done(talk.engine.finish(&mut talk.session, turn.clone(), Some(answer), &query, talk.now));
    assert_eq!((outcome.text.as_str(), outcome.webhook_source.as_str()), ("It rains.", "weather"));
    assert_eq!(outcome.messages, [Message::Text(vec!["It rains.".to_owned()])]);
    assert_eq!(
        (contexts(&outcome), json!(outcome.webhook_payload)),
        (vec!["rain 4".to_owned()], json!({"rain": true}))
    );
    let messages = vec![Message::Image { uri: "https://cafe.example.com/sun.png".into(), description: String::new() }];
    let answer = Fulfilment { messages: messages.clone(), ..Fulfilment::default() };
    let outcome = done(talk.engine.finish(&mut talk.session, turn.clone(), Some(answer), &query, talk.now));
    assert_eq!((outcome.text.as_str(), outcome.messages), ("", messages));
    let failed = done(talk.engine.finish(&mut talk.session, turn, None, &query, talk.now));
    assert_eq!(failed.text, "There is no news.");
}

#[test]
fn b16_a_webhook_may_have_an_event_answered_in_its_place() {
    let mut talk = with_webhook();
    let query = talk.text("tell me the news");
    let turn = talk.ask(query.clone());
    let parameters = map(&json!({"name": "Desk 2"}));
    let followup = Some(Followup { name: "GREET".to_owned(), parameters, language: None });
    let answer = Fulfilment { text: "unheard".to_owned(), followup, ..Fulfilment::default() };
    let Next::Event(query) = talk.engine.finish(&mut talk.session, turn, Some(answer), &query, talk.now) else {
        panic!("an event is to be answered")
    };
    assert_eq!(talk.ask(query).outcome.text, "Hello Desk 2, any table.");
}

#[test]
fn b16_a_webhooks_event_is_heard_at_the_clients_place_and_in_the_language_it_names() {
    let mut talk = with_webhook();
    let zone = TimeZone::get("America/New_York").unwrap();
    let query = Query { zone: Some(zone.clone()), ..talk.text("tell me the news") };
    let turn = talk.ask(query.clone());
    for (named, expected) in [(None, "en"), (Some("de"), "de")] {
        let language = named.map(str::to_owned);
        let followup = Some(Followup { name: "GREET".to_owned(), language, ..Followup::default() });
        let answer = Some(Fulfilment { followup, ..Fulfilment::default() });
        let Next::Event(event) = talk.engine.finish(&mut talk.session, turn.clone(), answer, &query, talk.now) else {
            panic!("an event is to be answered")
        };
        assert_eq!((event.language.as_str(), event.zone.as_ref()), (expected, Some(&zone)));
    }
}
