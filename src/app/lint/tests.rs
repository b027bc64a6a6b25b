//! Row by row: what is compared, and what is found, where, and how grave.

use super::*;
use crate::{
    config::{self, Embedded, Sources},
    core::{
        directory::Queue,
        ids::QueueId,
        intents::{AnswerLimits, Intent, Message, MessageKind, Parameter},
    },
};

const MAIN: &str = "[[unit]]\nname = \"U\"\nmedia_servers = [\"cms\"]\n";
const PROFILE: &str = r#"name = "p"
type = "dialogflow-v2"
agent_password = { env = "PASSWORD" }
fallback_message = "Sorry."
welcome_event = ""
[dialogflow]
project = "p"
endpoint = "http://127.0.0.1:1"
"#;
const HUMAN: &str = r#"[[action]]
name = "human"
media = ["openmedia", "webinteraction"]
kind = "requeue"
queue = "people"
"#;
const CALL: &str = r#"[[action]]
name = "call"
media = ["openmedia", "webinteraction"]
kind = "callback"
queue = "callbacks"
phone_parameter = "phone"
time_parameter = "when"
"#;

fn loaded(main: &str, more: &str) -> Loaded {
    let profiles = vec![("p.toml".to_owned(), format!("{PROFILE}{more}"))];
    let embedded = Some(Embedded { main: main.to_owned(), profiles });
    let environment = std::iter::once(("PASSWORD".to_owned(), "x".to_owned())).collect();
    let sources = Sources { embedded, environment, ..Sources::default() };
    config::load(&sources, &nlp::schemas(), &|_| Err(config::SecretError::Unknown)).unwrap_or_else(|it| panic!("{it}"))
}

fn compared(more: &str, list: Vec<Intent>) -> Report {
    compared_with(MAIN, more, |intents| intents.list = list)
}

fn compared_with(main: &str, more: &str, change: impl FnOnce(&mut Intents)) -> Report {
    let loaded = loaded(main, more);
    let mut intents = Intents {
        language: "en".into(),
        languages: vec!["en".into()],
        phrases_known: true,
        list: Vec::new(),
        limits: AnswerLimits { messages: 2, text_bytes: 10, items: 2, payload_bytes: 10 },
    };
    change(&mut intents);
    let (profile, places) = (&loaded.settings.profiles[0], &loaded.places[0]);
    compare(&Sides { profile, places, intents: Some(&intents), directory: None })
}

/// One that customers can mean, and that answers.
fn intent(name: &str, action: &str) -> Intent {
    let messages = vec![Message { bytes: 2, ..Message::default() }];
    Intent { name: name.into(), action: action.into(), phrases: 3, messages, ..Intent::default() }
}

fn parameter(name: &str, entity: &str) -> Parameter {
    Parameter { name: name.into(), entity: entity.into(), required: true, ..Parameter::default() }
}

fn call(parameters: Vec<Parameter>) -> Intent {
    Intent { parameters, ..intent("call me", "call") }
}

/// `severity code place: message`
fn told(report: &Report) -> Vec<String> {
    let line = |it: &Found| {
        let place = it.finding.location.as_ref().map(|it| format!("{}:{}:{}", it.file, it.line, it.column));
        let place = place.or_else(|| it.intent.as_ref().map(|it| format!("intent {it}"))).unwrap_or_default();
        format!("{:?} {} {place}: {}", it.finding.severity, it.code.label(), it.finding.message)
    };
    report.list.iter().map(line).collect()
}

#[test]
fn b3_sides_that_fit_have_no_findings() {
    let call = call(vec![parameter("phone", "sys.phone-number"), parameter("when", "sys.date-time")]);
    let found = compared(&[HUMAN, CALL].concat(), vec![intent("a person", "human"), call]);
    assert_eq!(told(&found), Vec::<&str>::new());
    assert_eq!(found.unchecked.len(), 1, "{:?}", found.unchecked);
    assert!(found.unchecked[0].to_string().contains("--directory"));
}

#[test]
fn b3_s17_a_name_that_differs_in_case_alone_is_an_error_at_its_place() {
    let found = compared(HUMAN, vec![intent("a person", "Human"), intent("another", "HUMAN ")]);
    assert_eq!(
        told(&found),
        [
            "Error action_misspelt p.toml:10:8: no intent asks for action `human`, but `another` for `HUMAN `",
            "Note action_not_configured : intents ask for actions that the profile does not configure: `Human`",
        ]
    );
}

#[test]
fn b3_a_name_that_is_near_is_a_warning_with_what_may_be_meant() {
    let found = compared(HUMAN, vec![intent("a person", "humam")]);
    assert_eq!(
        told(&found),
        [
            "Warning action_misspelt p.toml:10:8: no intent asks for action `human`, but `a person` for `humam`",
            "Note action_not_configured : intents ask for actions that the profile does not configure: `humam`",
        ]
    );
}

#[test]
fn b3_actions_that_one_side_alone_has_are_told() {
    let found = compared(HUMAN, vec![intent("hours", "shop.hours")]);
    assert_eq!(
        told(&found),
        [
            "Warning action_of_no_intent p.toml:10:8: no intent asks for action `human`",
            "Note action_not_configured : intents ask for actions that the profile does not configure: `shop.hours`",
        ]
    );
}

#[test]
fn b3_an_action_of_the_business_unit_may_be_for_another_profile() {
    let main = format!("{MAIN}{}", HUMAN.replace("[[action]]", "[[unit.action]]"));
    let found = compared_with(&main, "", |_| {});
    assert_eq!(told(&found), ["Note action_of_no_intent usher.toml:5:8: no intent asks for action `human`"]);
}

#[test]
fn b3_s21_parameters_that_no_intent_has_are_errors_with_the_nearest() {
    let found = compared(CALL, vec![call(vec![parameter("Phone", "sys.phone-number")])]);
    assert_eq!(
        told(&found),
        [
            "Error parameter_missing p.toml:14:19: `phone_parameter` of action `call` is `phone`, which intent `call me` does not have",
            "Error parameter_missing p.toml:15:18: `time_parameter` of action `call` is `when`, which intent `call me` does not have",
        ]
    );
    assert!(found.list[0].finding.help.to_string().contains("did you mean `Phone`?"), "{:?}", found.list[0]);
}

#[test]
fn b3_s24_parameters_must_be_required_or_have_a_value() {
    let optional = |preset| Parameter { required: false, preset, ..parameter("phone", "sys.phone-number") };
    let when = || parameter("when", "sys.time");
    let found = compared(CALL, vec![call(vec![optional(false), when()])]);
    assert_eq!(
        told(&found),
        [
            "Warning parameter_optional p.toml:14:19: `phone_parameter` of action `call` is `phone`, which is not required in intent `call me`"
        ]
    );
    assert_eq!(told(&compared(CALL, vec![call(vec![optional(true), when()])])), Vec::<&str>::new());
}

#[test]
fn b3_parameters_must_be_of_a_type_that_can_be_read() {
    for (phone, when, findings) in [
        ("sys.any", "sys.date", 0),
        ("own-number", "own-time", 0),
        ("sys.number", "sys.time-period", 1),
        ("sys.phone-number", "sys.any", 1),
        ("sys.date", "sys.phone-number", 2),
    ] {
        let found = compared(CALL, vec![call(vec![parameter("phone", phone), parameter("when", when)])]);
        assert_eq!(found.list.len(), findings, "{phone} {when}: {:?}", told(&found));
        assert!(found.list.iter().all(|it| it.code == Code::ParameterType));
    }
    let list = Parameter { is_list: true, ..parameter("phone", "sys.phone-number") };
    let found = compared(CALL, vec![call(vec![list, parameter("when", "sys.date-time")])]);
    assert_eq!(
        told(&found),
        [
            "Warning parameter_type p.toml:14:19: `phone_parameter` of action `call` must hold a phone number, but `phone` of intent `call me` is a list"
        ]
    );
}

#[test]
fn b3_s18_actions_for_contacts_that_nobody_serves_are_told() {
    let speech = "[[action]]\nname = \"human\"\nmedia = \"speech\"\nkind = \"speech_requeue\"\ntarget = \"4711\"\n";
    let found = compared(&[speech, HUMAN].concat(), vec![intent("a person", "human")]);
    assert_eq!(
        told(&found),
        [
            "Warning action_media_not_served p.toml:11:9: action `human` is for speech, which this profile's virtual agents do not serve"
        ]
    );
    let served = format!("{speech}{HUMAN}[speech]\nenabled = true\nmedia_server = \"cms\"\n");
    assert_eq!(told(&compared(&served, vec![intent("a person", "human")])), Vec::<&str>::new());
}

#[test]
fn b3_an_action_for_one_medium_alone_is_worth_a_note() {
    let web = HUMAN.replace("[\"openmedia\", \"webinteraction\"]", "\"webinteraction\"");
    let page =
        "[[action]]\nname = \"page\"\nmedia = \"webinteraction\"\nkind = \"push_url\"\nurl_parameter = \"url\"\n";
    let show = Intent { parameters: vec![parameter("url", "sys.url")], ..intent("show", "page") };
    let found = compared(&[&web, page].concat(), vec![intent("a person", "human"), show]);
    assert_eq!(
        told(&found),
        [
            "Note action_on_one_medium p.toml:11:9: action `human` is configured for webinteraction and not for openmedia"
        ]
    );
}

#[test]
fn b3_an_action_whose_intents_can_never_match_is_unreachable() {
    let orphan = Intent { input_contexts: vec!["ordering".into()], ..intent("a person", "human") };
    let off = Intent { switched_off: true, ..intent("off", "human") };
    let mute = Intent { phrases: 0, ..intent("mute", "human") };
    let found = compared(HUMAN, vec![orphan.clone(), off, mute]);
    assert_eq!(
        told(&found),
        ["Warning action_unreachable p.toml:10:8: action `human` can never fire: intent `a person` needs the context \
          `ordering`, which no intent that can match sets; intent `off` is switched off by its priority; intent `mute` has \
          neither training phrases in `en` nor an event"]
    );
    // One way to it is enough for the action; the others are told by themselves.
    let found = compared(HUMAN, vec![orphan.clone(), intent("help", "human")]);
    assert_eq!(
        told(&found),
        [
            "Warning intent_unreachable intent a person: intent `a person` needs the context `ordering`, which no intent that can match sets"
        ]
    );
    let opens = Intent { output_contexts: vec!["Ordering".into()], ..intent("order", "") };
    assert_eq!(told(&compared(HUMAN, vec![orphan.clone(), opens.clone()])), Vec::<&str>::new());
    // What sets the context must be reachable itself; two that lead to each other are not.
    let circle = Intent { input_contexts: vec!["ordering".into()], ..opens };
    assert_eq!(compared(HUMAN, vec![orphan.clone(), circle]).count(Severity::Warning), 2);
    // An event activates a context of its name, and the engine has contexts of its own.
    let event = Intent { events: vec!["ORDERING".into()], ..intent("event", "") };
    assert_eq!(told(&compared(HUMAN, vec![orphan, event])), Vec::<&str>::new());
    let slot = Intent { input_contexts: vec!["order_dialog_params_size".into()], ..intent("sizes", "human") };
    assert_eq!(told(&compared(HUMAN, vec![slot])), Vec::<&str>::new());
}

#[test]
fn b3_phrases_that_the_engine_does_not_tell_are_not_missed() {
    let mute = Intent { phrases: 0, ..intent("a person", "human") };
    let found = compared_with(MAIN, HUMAN, |it| {
        it.phrases_known = false;
        it.list = vec![mute];
    });
    assert_eq!(told(&found), Vec::<&str>::new());
    assert!(found.unchecked.iter().any(|it| it.to_string().starts_with("training phrases")), "{:?}", found.unchecked);
}

#[test]
fn b3_an_action_of_fallback_intents_alone_is_worth_a_note() {
    let fallback = Intent { is_fallback: true, phrases: 0, ..intent("nothing", "human") };
    assert_eq!(
        told(&compared(HUMAN, vec![fallback])),
        [
            "Note action_of_fallback_only p.toml:10:8: action `human` fires only when nothing was understood: only fallback \
          intents ask for it (`nothing`)"
        ]
    );
}

#[test]
fn b3_events_that_no_intent_listens_to_are_told_with_the_nearest() {
    let events = "[events]\nhuman_returned = \"HUMAN_BACK\"\ncallback_done = \"DONE\"\n";
    let back = Intent { events: vec!["human_back2".into()], phrases: 0, ..intent("back", "") };
    let found = compared(events, vec![back]);
    assert_eq!(
        told(&found),
        [
            "Warning event_unheard p.toml:10:18: `events.human_returned`: no intent listens to event `HUMAN_BACK`",
            "Warning event_unheard p.toml:11:17: `events.callback_done`: no intent listens to event `DONE`",
        ]
    );
    assert!(found.list[0].finding.help.to_string().contains("`human_back2`"));
    let heard = |name: &str| Intent { events: vec![name.into()], phrases: 0, ..intent(name, "") };
    assert_eq!(told(&compared(events, vec![heard("human_back"), heard("done")])), Vec::<&str>::new());
}

#[test]
fn b3_the_welcome_event_counts_also_where_it_is_the_default() {
    let loaded = {
        let profiles = vec![("p.toml".to_owned(), PROFILE.replace("welcome_event = \"\"\n", ""))];
        let embedded = Some(Embedded { main: MAIN.to_owned(), profiles });
        let environment = std::iter::once(("PASSWORD".to_owned(), "x".to_owned())).collect();
        config::load(&Sources { embedded, environment, ..Sources::default() }, &nlp::schemas(), &|_| {
            Err(config::SecretError::Unknown)
        })
    };
    let loaded = loaded.unwrap_or_else(|it| panic!("{it}"));
    let intents = Intents { languages: vec!["en".into()], phrases_known: true, ..Intents::default() };
    let (profile, places) = (&loaded.settings.profiles[0], &loaded.places[0]);
    let found = compare(&Sides { profile, places, intents: Some(&intents), directory: None });
    assert_eq!(
        told(&found),
        ["Warning event_unheard : `welcome_event`: no intent listens to event `WELCOME` (the default)"]
    );
}

#[test]
fn b3_a_live_agent_needs_a_queue_to_go_to() {
    let person = Intent { hands_over: true, ends: true, ..intent("a person", "") };
    let found = compared("", vec![person.clone()]);
    assert_eq!(
        told(&found),
        ["Warning live_agent_without_queue : intent `a person` asks for a live agent, but `[handover]` names no queue"]
    );
    assert!(found.list[0].finding.help.to_string().contains("sent away"));
    assert_eq!(told(&compared("[handover]\nqueue = \"people\"\n", vec![person])), Vec::<&str>::new());
}

#[test]
fn b3_the_agent_must_speak_the_profiles_language() {
    let with = |profile: &str, agent: &[&str]| {
        let text = PROFILE.replace("name = \"p\"", &format!("name = \"p\"\nlanguage = \"{profile}\""));
        let embedded = Some(Embedded { main: MAIN.to_owned(), profiles: vec![("p.toml".to_owned(), text)] });
        let environment = std::iter::once(("PASSWORD".to_owned(), "x".to_owned())).collect();
        let sources = Sources { embedded, environment, ..Sources::default() };
        let loaded = config::load(&sources, &nlp::schemas(), &|_| Err(config::SecretError::Unknown))
            .unwrap_or_else(|it| panic!("{it}"));
        let languages = agent.iter().map(|it| (*it).to_owned()).collect();
        let intents = Intents { languages, phrases_known: true, ..Intents::default() };
        let (profile, places) = (&loaded.settings.profiles[0], &loaded.places[0]);
        compare(&Sides { profile, places, intents: Some(&intents), directory: None })
    };
    for (profile, agent) in [("de", &["en", "de"][..]), ("de-CH", &["de"]), ("EN", &["en"])] {
        assert_eq!(told(&with(profile, agent)), Vec::<String>::new(), "{profile}");
    }
    assert_eq!(
        told(&with("de", &["en", "fr"])),
        ["Error language_missing p.toml:2:12: the agent does not speak `de`, the profile's language"]
    );
    let unknown = with("de", &[]);
    assert_eq!((told(&unknown), unknown.unchecked.len()), (Vec::new(), 2));
}

#[test]
fn b3_intents_that_say_nothing_are_told_with_what_the_customer_hears() {
    let silent = |name: &str, action: &str| Intent { messages: Vec::new(), ..intent(name, action) };
    let found = compared(HUMAN, vec![silent("empty", ""), silent("lost", "lost"), silent("a person", "human")]);
    assert_eq!(
        told(&found),
        [
            "Note action_not_configured : intents ask for actions that the profile does not configure: `lost`",
            "Warning intent_silent intent empty: intent `empty` says nothing: the customer hears the fallback message, and \
             it counts as a failure",
            "Warning intent_silent intent lost: intent `lost` says nothing: its action is not configured, so the customer \
             hears nothing",
        ]
    );
    let excused = [
        Intent { webhook: true, ..silent("webhook", "") },
        Intent { ends: true, ..silent("bye", "") },
        // Woken by events of ours alone.
        Intent { phrases: 0, events: vec!["DONE".into()], ..silent("done", "") },
    ];
    assert_eq!(told(&compared("", excused.to_vec())), Vec::<&str>::new());
}

#[test]
fn b3_messages_for_another_channel_alone_are_not_said() {
    let platform = Some("FACEBOOK".to_owned());
    let messages = vec![Message { platform, bytes: 5, ..Message::default() }];
    let found = compared("", vec![Intent { messages, ..intent("hello", "") }]);
    assert_eq!(
        told(&found),
        [
            "Warning other_platforms_only intent hello: intent `hello` has messages for `FACEBOOK` alone: the customer hears \
          the fallback message, and it counts as a failure"
        ]
    );
}

#[test]
fn b3_what_is_longer_than_is_passed_on_is_told() {
    let said = |bytes, items| Message { bytes, items, ..Message::default() };
    let payload = Message { kind: MessageKind::Payload, bytes: 11, ..Message::default() };
    let with = |messages: Vec<Message>| {
        let found = compared("", vec![Intent { messages, ..intent("long", "") }]);
        assert!(found.list.iter().all(|it| it.code == Code::AnswerCut));
        found.list.iter().map(|it| it.finding.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(with(vec![said(10, 2), said(1, 0)]), Vec::<&str>::new());
    assert_eq!(with(vec![said(11, 0)]), ["intent `long` has 11 bytes in one text: at most 10 are passed on"]);
    assert_eq!(
        with(vec![said(1, 3)]),
        ["intent `long` has 3 quick replies or buttons in one message: at most 2 are passed on"]
    );
    assert_eq!(with(vec![payload]), ["intent `long` has 11 bytes in one payload: at most 10 are passed on"]);
    assert_eq!(with(vec![said(1, 0); 3]), ["intent `long` has 3 messages: at most 2 are passed on"]);
}

#[test]
fn b3_queues_that_the_contact_centre_does_not_have_are_errors_at_their_places() {
    let loaded = loaded(MAIN, &[HUMAN, "[handover]\nqueue = \"desk\"\n"].concat());
    let (profile, places) = (&loaded.settings.profiles[0], &loaded.places[0]);
    let mut directory = Directory::default();
    let web =
        Queue { name: String::new(), media: MediaType::WebInteraction, open: true, waiting: 0, expected_wait_s: None };
    directory.queues.insert(QueueId::new("people").unwrap(), web);
    let list = vec![intent("a person", "human")];
    let intents = Intents { languages: vec!["en".into()], phrases_known: true, list, ..Intents::default() };
    let sides = Sides { profile, places, intents: Some(&intents), directory: Some(&directory) };
    let found = compare(&sides);
    assert_eq!(
        told(&found),
        [
            "Error queue_media p.toml:13:9: action human (openmedia) of profile p names queue people, which is for \
             webinteraction, not openmedia",
            "Error queue_unknown p.toml:15:9: handover of profile p names queue desk, which the business unit does not have",
        ]
    );
    assert_eq!(found.unchecked, ["virtual agents: the directory names no users"]);
    // An engine that has no intents is compared with the directory all the same.
    let found = compare(&Sides { intents: None, ..sides });
    assert_eq!((found.list.len(), found.unchecked.len()), (2, 2), "{:?}", told(&found));
}

#[test]
fn b3_a_directory_is_read_as_the_operators_door_writes_it() {
    let text = r#"{"queues": {"people": {"name": "People", "media": "openmedia", "open": true, "waiting": 2, "expected_wait_s": null}},
        "users": {"va1": {"name": "V", "agent_rights": true, "sign_on": "saml2", "automatic_post_processing": false,
        "mandatory_wrap_up_reason": false}}, "targets": {"4711": "Desk"}}"#;
    let read = directory(text.as_bytes()).unwrap();
    assert_eq!((read.queues.len(), read.users.len(), read.targets.len()), (1, 1, 1));
    assert_eq!(directory(serde_json::to_string(&read).unwrap().as_bytes()).unwrap(), read);
    for bad in ["", "[]", "{\"queue\": {}}", "{\"queues\": {\"\": {\"media\": \"speech\"}}}", "\u{0}"] {
        assert!(directory(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn names_are_listed_so_that_they_can_be_read() {
    assert_eq!(list([]), "");
    assert_eq!(list(["a"]), "`a`");
    assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
    assert_eq!(list(["a"; 10]), "`a`, `a`, `a`, `a`, `a`, `a`, `a`, `a` and 2 more");
}

mod random {
    use proptest::prelude::*;

    use super::*;

    fn any_intent() -> impl Strategy<Value = Intent> {
        let names = || proptest::collection::vec("[a-c]", 0..3);
        (names(), names(), names(), 0_usize..2, any::<bool>(), any::<bool>(), "[a-d]?").prop_map(
            |(input_contexts, output_contexts, events, phrases, is_fallback, switched_off, action)| Intent {
                input_contexts,
                output_contexts,
                events,
                phrases,
                is_fallback,
                switched_off,
                action,
                ..Intent::default()
            },
        )
    }

    proptest! {
        #[test]
        fn b3_what_can_match_stays_so_when_more_is_added(list in proptest::collection::vec(any_intent(), 0..8), one in any_intent()) {
            let of = |list: Vec<Intent>| reach::Reach::of(&Intents { phrases_known: true, list, ..Intents::default() });
            let (before, mut more) = (of(list.clone()), list.clone());
            more.push(one);
            let after = of(more);
            for at in 0..list.len() {
                prop_assert!(before.why_not(at).is_some() || after.why_not(at).is_none());
            }
        }

        #[test]
        fn b3_no_directory_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(directory(bytes.as_slice()));
        }
    }
}
