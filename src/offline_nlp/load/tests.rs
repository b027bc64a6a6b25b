//! What exports of ten years look like, in files made for these tests.

use std::io::{Cursor, Write};

use proptest::prelude::*;
use serde_json::json;

use super::{source::Limits, *};
use crate::offline_nlp::agent::{Entry, Message, OutputContext, Part, Phrase};

const AGENT: &str = r#"{"displayName": "Desk", "language": "en", "supportedLanguages": ["de", "EN-US"],
    "defaultTimezone": "Europe/Berlin", "mlMinConfidence": 0.4}"#;

fn files(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
}

/// The agent with these files beside `agent.json`.
fn loaded(beside: &[(&str, &str)]) -> Loaded {
    let mut all = files(beside);
    all.entry("agent.json".to_owned()).or_insert_with(|| AGENT.into());
    load(Source::files(all)).unwrap()
}

fn remarks(loaded: &Loaded) -> Vec<String> {
    loaded.report.iter().map(ToString::to_string).collect()
}

#[test]
fn b16_an_intent_is_read_with_all_that_it_says() {
    let intent = json!({
        "id": "i-1", "name": "Order: cancel?", "auto": true, "contexts": ["Order-FollowUp"], "priority": 750_000,
        "events": [{"name": "CANCEL"}], "parentId": "i-1", "webhookUsed": false, "endInteraction": true, "liveAgentHandoff": true,
        "responses": [{
            "action": "order.cancel", "resetContexts": true,
            "affectedContexts": [{"name": "Done", "lifespan": 2, "parameters": {}}, {"name": "old", "lifespan": "0"}],
            "parameters": [{"id": "p-1", "name": "when", "required": true, "dataType": "@sys.date", "value": "$when", "isList": true,
                "defaultValue": "#ctx.when", "prompts": [{"lang": "EN", "value": "When?"}, {"lang": "de", "value": "Wann?"}]}],
            "messages": [
                {"type": "0", "lang": "en", "speech": ["Gone.", "", "Cancelled."]},
                {"type": 0, "lang": "de", "speech": "Weg."},
                {"type": 1, "title": "T", "subtitle": "S", "imageUrl": "https://example.com/i.png", "buttons": [{"text": "B", "postback": "b"}]},
                {"type": 2, "title": "Q", "replies": ["yes", "no"]},
                {"type": 3, "imageUrl": "https://example.com/j.png"},
                {"type": 4, "payload": {"a": 1}},
                {"type": "simple_response", "platform": "google", "textToSpeech": "not for us"}],
            "speech": [],
        }],
    });
    let phrases = json!([
        {"id": "u", "count": 0, "isTemplate": false, "data": [
            {"text": "cancel it ", "userDefined": false},
            {"text": "please ", "meta": "@sys.ignore", "userDefined": false},
            {"text": "tomorrow", "meta": "@sys.date", "alias": "when", "userDefined": true}]},
    ]);
    let loaded = loaded(&[
        ("intents/Order_ cancel_.json", &intent.to_string()),
        ("intents/Order_ cancel__usersays_en.json", &phrases.to_string()),
    ]);
    let other = "intents/Order_ cancel_.json: responses[0].messages: 1 message(s) for other platforms than the default one are left out";
    assert_eq!(remarks(&loaded), [other]);

    let agent = loaded.agent;
    assert_eq!((agent.name.as_str(), agent.time_zone.as_str(), agent.min_confidence), ("Desk", "Europe/Berlin", 0.4));
    assert_eq!(agent.languages, ["en", "de", "en-us"]);
    let intent = &agent.intents[0];
    assert_eq!((intent.name.as_str(), intent.priority, intent.is_fallback), ("Order: cancel?", 750_000, false));
    assert!(intent.end_interaction && intent.live_agent_handoff && intent.reset_contexts && !intent.ml_disabled);
    assert_eq!(
        (&intent.input_contexts, &intent.events),
        (&vec!["order-followup".to_owned()], &vec!["cancel".to_owned()])
    );
    let output = |name: &str, lifespan| OutputContext { name: name.to_owned(), lifespan };
    assert_eq!(intent.output_contexts, [output("done", 2), output("old", 0)]);
    let parameter = &intent.parameters[0];
    assert_eq!((parameter.entity.as_str(), parameter.value.as_str()), ("sys.date", "$when"));
    assert_eq!(parameter.default, Some(json!("#ctx.when")));
    assert_eq!(parameter.prompts["en"], ["When?"]);
    assert_eq!(intent.messages["en"], [Message::Text(vec!["Gone.".to_owned(), "Cancelled.".to_owned()])]);
    assert_eq!(intent.messages["de"], [Message::Text(vec!["Weg.".to_owned()])]);
    assert_eq!(intent.messages[""].len(), 4);
    let part = |text: &str, entity: Option<&str>, alias: &str| Part {
        text: text.to_owned(),
        entity: entity.map(str::to_owned),
        alias: alias.to_owned(),
    };
    let parts =
        vec![part("cancel it ", None, ""), part("please ", None, ""), part("tomorrow", Some("sys.date"), "when")];
    assert_eq!(intent.phrases["en"], [Phrase { parts, is_template: false }]);
}

#[test]
fn b16_what_is_broken_is_reported_with_file_and_key_and_the_rest_is_loaded() {
    let loaded = loaded(&[
        ("intents/Broken.json", "{\"name\": \"Broken\",\n  \"priority\" 5}"),
        (
            "intents/Foo.json",
            r#"{"name": "Foo", "priority": "high", "auto": "perhaps", "responses": [{"messages": [{"type": 9}]}]}"#,
        ),
        (
            "intents/Foo_usersays_en.json",
            r#"[{"data": [{"text": "a"}]}, 7, {"data": [{"text": "b", "meta": "sys.date"}]}, {"data": [{"text": {}}]},
               {"data": [{"text": "c", "meta": "@sys.date", "alias": "gone"}]}]"#,
        ),
        ("intents/Nobody_usersays_en.json", "[]"),
        ("entities/size.json", r#"{"name": "size", "isRegexp": true}"#),
        (
            "entities/size_entries_en.json",
            r#"[{"value": "[a-", "synonyms": ["[a-"]}, {"value": "s", "synonyms": ["[0-9]+"]}]"#,
        ),
    ]);
    assert_eq!(
        remarks(&loaded),
        [
            "entities/size_entries_en.json: [0]: [a- is no expression that can be used (error: unclosed character class): it is left out",
            "intents/Nobody_usersays_en.json: there is no intents/Nobody.json that it belongs to: it is left out",
            "intents/Broken.json: 2:14: is not JSON: expected `:`: it is left out",
            "intents/Foo.json: priority: must be a number: it is left out",
            "intents/Foo.json: auto: must be true or false: false is taken",
            "intents/Foo.json: responses[0].messages[0].type: 9 is no type of the default platform (0 to 4): the message is left out",
            "intents/Foo_usersays_en.json: [1]: must be an object: it is left out",
            "intents/Foo_usersays_en.json: [2].data[0].meta: sys.date is no entity (they begin with @): the part is plain text",
            "intents/Foo_usersays_en.json: [3].data[0].text: must be a text: it is left out",
            "intents/Foo_usersays_en.json: [3]: is an empty phrase: it is left out",
            "intents/Foo_usersays_en.json: [4].data[0].alias: the intent has no parameter gone: the value is not kept",
        ]
    );
    let texts: Vec<String> = loaded.agent.intents[0].phrases["en"].iter().map(Phrase::text).collect();
    assert_eq!(texts, ["a", "b", "c"]);
    assert_eq!(loaded.agent.entities[0].entries["en"].len(), 1);
}

#[test]
fn b16_names_that_lead_nowhere_are_warned_of_at_load() {
    let intent = r#"{"name": "A", "webhookUsed": true, "parentId": "x", "condition": "$session.params", "responses": [{
        "parameters": [{"name": "v", "dataType": "@sys.music-artist"}, {"name": "w", "dataType": "@vehicle"}]}]}"#;
    let loaded =
        loaded(&[("intents/A.json", intent), ("intents/A_usersays_fr.json", r#"[{"data": [{"text": "salut"}]}]"#)]);
    assert_eq!(
        remarks(&loaded),
        [
            "intents/A.json: condition: conditions are not supported: the intent behaves as if there were none",
            "intents/A.json: @sys.music-artist is not supported: it behaves as @sys.any",
            "intents/A.json: there is no entity @vehicle: it behaves as @sys.any",
            "intents/A.json: its parent x is not among the intents",
            "intents/A.json: asks the webhook, but the agent has none that is switched on: its own messages are said",
            "intents/A.json: has phrases in fr, which is not among the languages of agent.json",
        ]
    );
    assert!(loaded.report.iter().all(|it| !it.is_error));
}

#[test]
fn b16_an_old_export_has_phrases_templates_and_entries_in_the_files_themselves() {
    let loaded = loaded(&[
        (
            "intents/A.json",
            r#"{"name": "A", "userSays": [{"data": [{"text": "hi"}]}], "responses": [{"speech": "Hello."}]}"#,
        ),
        ("intents/B.json", r#"{"name": "B", "templates": ["fly to @sys.geo-city:city, please"], "userSays": []}"#),
        ("entities/e.json", r#"{"name": "e", "entries": [{"value": "small", "synonyms": []}, "large"]}"#),
    ]);
    let [a, b] = loaded.agent.intents.as_slice() else { panic!("two intents") };
    assert_eq!(a.phrases["en"][0].text(), "hi");
    assert_eq!(a.messages[""], [Message::Text(vec!["Hello.".to_owned()])]);
    let parts: Vec<_> = b.phrases["en"][0].parts.iter().map(|it| (it.text.as_str(), it.entity.as_deref())).collect();
    assert_eq!(parts, [("fly to ", None), ("@sys.geo-city:city", Some("sys.geo-city")), (", please", None)]);
    assert_eq!(b.phrases["en"][0].parts[1].alias, "city");
    let entry = |it: &str| Entry { value: it.to_owned(), synonyms: vec![it.to_owned()] };
    assert_eq!(loaded.agent.entities[0].entries["en"], [entry("small"), entry("large")]);
}

#[test]
fn b16_an_address_in_a_template_is_not_an_entity() {
    let phrase = phrase::taken_apart("write to desk@example.com (@sys.any:what)").unwrap();
    let texts: Vec<&str> = phrase.parts.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(texts, ["write to desk@example.com (", "@sys.any:what", ")"]);
}

#[test]
fn b16_a_webhook_counts_only_when_it_is_switched_on_and_its_secrets_are_never_told() {
    let of = |webhook: Value| {
        let agent = json!({"language": "en", "webhook": webhook}).to_string();
        let loaded = loaded(&[("agent.json", &agent), ("intents/A.json", r#"{"name": "A"}"#)]);
        (loaded.agent.webhook.clone(), remarks(&loaded))
    };
    assert_eq!(of(json!({"url": "https://example.com/hook", "available": false})).0, None);
    let headers = json!({"": "", "X-Key": "s3cret", "Bad Name": "s3cret"});
    let (webhook, report) = of(json!({"url": "https://example.com/hook", "available": true, "headers": headers}));
    let webhook = webhook.unwrap();
    assert_eq!(webhook.headers, BTreeMap::from([("X-Key".to_owned(), "s3cret".to_owned())]));
    assert_eq!(format!("{webhook:?}"), "Webhook(..)");
    assert_eq!(report, ["agent.json: webhook.headers.Bad Name: cannot be sent as a header: it is left out"]);
    let (webhook, report) = of(json!({"url": "ftp://example.com", "available": true}));
    assert_eq!(webhook, None);
    assert_eq!(report, ["agent.json: webhook.url: must be an http or https URL: the webhook is left out"]);
}

#[test]
fn b16_without_an_agent_or_an_intent_there_is_nothing_to_load() {
    let error = |all: &[(&str, &str)]| load(Source::files(files(all))).unwrap_err();
    assert!(matches!(error(&[("intents/A.json", "{}")]), LoadError::NoAgent));
    let broken = error(&[("agent.json", "{]")]);
    assert_eq!(broken.to_string(), "agent.json: 1:2: is not JSON: key must be a string");
    let empty = error(&[("agent.json", AGENT), ("intents/A.json", "")]);
    assert!(matches!(empty, LoadError::NoIntents { .. }), "{empty}");
    assert_eq!(
        empty.report()[0].to_string(),
        "intents/A.json: 1:0: is not JSON: EOF while parsing a value: it is left out"
    );
}

#[test]
fn b16_a_zip_a_directory_and_memory_give_the_same_agent() {
    let all = [
        ("agent.json", AGENT),
        ("package.json", r#"{"version": "1.0.0"}"#),
        ("intents/A.json", r#"{"name": "A", "auto": false}"#),
        ("intents/A_usersays_en.json", "\u{feff}[{\"data\": [{\"text\": \"hi\"}]}]"),
    ];
    let expected = load(Source::files(files(&all))).unwrap().agent;
    assert!(expected.intents[0].ml_disabled);
    assert_eq!(expected.intents[0].phrases["en"][0].text(), "hi");

    let place = tempfile::tempdir().unwrap();
    for (name, text) in all {
        let path = place.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    assert_eq!(open(place.path()).unwrap().agent, expected);

    // Packed with its directory, as people do.
    let zipped = zipped(&all.map(|(name, text)| (format!("../my agent/{name}"), text.to_owned())));
    let path = place.path().join("agent.zip");
    std::fs::write(&path, zipped).unwrap();
    assert_eq!(open(&path).unwrap().agent, expected);
}

fn zipped(files: &[(String, String)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn b16_a_zip_that_unpacks_to_too_much_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("bomb.zip");
    let kilobyte = " ".repeat(1 << 10);
    let entries: Vec<_> = (0..5).map(|it| (format!("intents/{it}.json"), kilobyte.clone())).collect();
    let zip = zipped(&entries);
    let read =
        |max_bytes, max_files| Source::unzip(Cursor::new(&zip), &path, Limits { files: max_files, bytes: max_bytes });
    assert_eq!(read(5 << 10, 5).unwrap().files.len(), 5);
    let error = read((5 << 10) - 1, 5).unwrap_err().to_string();
    assert!(
        error.ends_with("bomb.zip: holds more than 5119 bytes: no agent is that large, so it is not read"),
        "{error}"
    );
    let error = read(5 << 10, 4).unwrap_err().to_string();
    assert!(error.ends_with("bomb.zip: holds more than 4 files: no agent is that large, so it is not read"), "{error}");
    std::fs::write(&path, "PK no").unwrap();
    assert!(matches!(Source::zip(&path), Err(LoadError::Zip { .. })));
    assert!(matches!(open(&place.path().join("absent")), Err(LoadError::Read { .. })));
}

fn any_json() -> impl Strategy<Value = Value> {
    let keys = [
        "name",
        "data",
        "text",
        "meta",
        "alias",
        "responses",
        "messages",
        "type",
        "speech",
        "parameters",
        "prompts",
        "value",
        "lang",
        "affectedContexts",
        "lifespan",
        "events",
        "contexts",
        "userSays",
        "templates",
        "synonyms",
        "entries",
        "payload",
        "isRegexp",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(|it| json!(it)),
        any::<f64>().prop_map(|it| json!(it)),
        "[@a-z.:$ä\u{1F600} (\\[]{0,12}".prop_map(|it| json!(it)),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|it| json!(it)),
            prop::collection::btree_map(prop::sample::select(keys.to_vec()), inner, 0..6).prop_map(|it| json!(it)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn b16_no_json_makes_the_loader_panic(a in any_json(), b in any_json(), c in any_json(), d in any_json(), e in any_json()) {
        let files = [("agent.json", a), ("intents/A.json", b), ("intents/A_usersays_en.json", c), ("entities/E.json", d),
            ("entities/E_entries_en.json", e)];
        let files = files.map(|(name, value)| (name.to_owned(), value.to_string().into_bytes()));
        let loaded = load(Source::files(BTreeMap::from(files))).unwrap();
        prop_assert_eq!(loaded.agent.intents.len(), 1);
    }
}
