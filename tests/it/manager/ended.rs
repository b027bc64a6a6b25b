//! Contacts that are over: a list by page and by API, and what each was, on its page.

use serde_json::json;
use usher::wire::engine::{MediaType, command_outcome::Outcome};

use super::{api::Program, *};
use crate::{conversation::offer, fakes::engine::FakeEngine};

/// `by-customer` is ended by the routing engine, `by-operator` by hand, `to-person` after a handover; `open` goes on.
async fn talk(admin: &Browser, setup: crate::fakes::engine::Setup) -> FakeEngine {
    let engine = FakeEngine::attach(setup.queue("support", MediaType::OpenMedia)).await.unwrap();
    for contact in ["by-customer", "by-operator", "to-person", "open"] {
        engine.open_as(offer(contact, MediaType::OpenMedia)).await;
        engine.say(contact, "hello").await;
        assert_eq!(engine.next_say(contact).await, ["echo: hello"]);
    }
    engine.end("by-customer", "bye").await;
    assert_eq!(admin.send("/contacts/sales/by-operator/end", &[]).await.status, 303);
    let seq = engine.next_command("by-operator").await.action_seq;
    engine.outcome("by-operator", seq, Outcome::Done).await;
    assert_eq!(admin.send("/contacts/sales/to-person/hand-over", &[("to", "queue:support")]).await.status, 303);
    let seq = engine.next_command("to-person").await.action_seq;
    engine.outcome("to-person", seq, Outcome::Accepted).await;
    engine.end("to-person", "bye").await;
    engine.settled().await;
    engine
}

fn moment(told: &serde_json::Value) -> jiff::Timestamp {
    told.as_str().unwrap().parse().unwrap()
}

fn listed(page: &str) -> Vec<&str> {
    let links = page.split("href=\"/contacts/sales/").skip(1);
    links.map(|it| it.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn b13_contacts_that_are_over_are_listed_found_and_shown_with_what_they_were() {
    let (house, admin) = House::with_admin().await;
    let empty = admin.get("/contacts/ended").await;
    assert!(empty.status == 200 && empty.text.contains("No contact has ended yet."), "{}", empty.text);
    let engine = talk(&admin, house.usher.setup()).await;
    let viewer = house.user(&admin, "victor", "viewer").await;
    let list = viewer.get("/contacts/ended").await.text;
    assert_eq!(listed(&list), ["to-person", "by-operator", "by-customer"], "those that ended last first: {list}");
    for cell in ["<td>after a handover</td>", "<td>by an operator</td>", "<td>by the customer</td>", "<td>support</td>"]
    {
        assert!(list.contains(cell), "no {cell} in {list}");
    }
    for (query, found) in [
        ("end=operator", ["by-operator"].as_slice()),
        ("profile=support&find=BY-", &["by-operator", "by-customer"]),
        ("find=va1&end=customer", &["by-customer"]),
        ("unit=care", &[]),
        ("profile=none", &[]),
        ("end=nonsense", &[]),
    ] {
        let page = viewer.get(&format!("/contacts/ended?{query}")).await.text;
        assert_eq!(listed(&page), found, "{query}: {page}");
        assert!(!found.is_empty() || page.contains("Nothing here fits the filter."), "{query}: {page}");
    }
    for path in ["/contacts/ended", "/", "/numbers"] {
        let page = viewer.get(&format!("{path}?unit=care&profile=gone")).await.text;
        for gone in ["care", "gone"] {
            let option = format!("<option value=\"{gone}\" selected>{gone}</option>");
            assert!(page.contains(&option), "what is filtered by is shown: no {option} in {page}");
        }
    }
    let oldest = viewer.get("/contacts/ended?before=1").await.text;
    assert!(oldest.contains("There are no older ones."), "{oldest}");

    let page = viewer.get("/contacts/sales/to-person").await.text;
    for part in [
        "It is over.",
        "How it ended <b>after a handover</b>",
        "Profile <a href=\"/profiles/sales/support\">support</a>",
        "Virtual agent <b>va1</b>",
        "Kind of contact <b>Message</b>",
        "<span>From <b>",
        "<span>To <b>",
    ] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    let open = viewer.get("/contacts/sales/open").await.text;
    assert!(!open.contains("It is over.") && !open.contains("<span>To <b>"), "{open}");
    // A live page hears of the end with all of it.
    let events = admin.open("/contacts/sales/open/events").await;
    engine.end("open", "bye").await;
    watching::until(events, "How it ended <b>by the customer</b>").await;
    house.close().await;
}

#[tokio::test]
async fn b13_a_program_pages_through_contacts_that_are_over_and_reads_what_each_was() {
    let (house, admin) = House::with_admin().await;
    let _engine = talk(&admin, house.usher.setup()).await;
    let program = Program::new(&admin, "ci", "viewer").await;
    let first = program.get("/contacts/ended?limit=2").await.json();
    let names = |list: &serde_json::Value| -> Vec<String> {
        let all = list["contacts"].as_array().unwrap().iter();
        all.map(|it| it["contact"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&first), ["to-person", "by-operator"]);
    let rest = program.get(&format!("/contacts/ended?limit=2&before={}", first["next"])).await.json();
    assert_eq!((names(&rest), &rest["next"]), (vec!["by-customer".to_owned()], &json!(null)));
    let it = &first["contacts"][1];
    for (field, value) in
        [("ended_by", "operator"), ("profile", "support"), ("agent", "va1"), ("media", "openmedia"), ("unit", "sales")]
    {
        assert_eq!(it[field], value, "{it}");
    }
    assert_eq!(it["turns"], 1, "{it}");
    assert!(moment(&it["began_at"]) <= moment(&it["ended_at"]), "{it}");
    let handed = program.get("/contacts/ended?ended_by=handed_over&unit=sales").await.json();
    assert_eq!(names(&handed), ["to-person"]);
    program.get("/contacts/ended?unit=none").await.problem(422, "invalid");
    program.get("/contacts/ended?ended_by=nonsense").await.problem(400, "malformed");
    let timeline = program.get("/contacts/sales/by-operator/timeline").await.json();
    assert_eq!(&timeline["ended"], it);
    assert_eq!(program.get("/contacts/sales/open/timeline").await.json()["ended"], json!(null));
    house.close().await;
}

#[tokio::test]
async fn b13_what_a_contact_was_outlives_a_restart_in_its_midst() {
    let (house, admin) = House::with_admin().await;
    let engine = FakeEngine::attach(house.usher.setup()).await.unwrap();
    engine.open("c-1", "va1").await;
    engine.say("c-1", "hello").await;
    assert_eq!(engine.next_say("c-1").await, ["echo: hello"]);
    let program = Program::new(&admin, "ci", "viewer").await;
    let began = program.get("/contacts/sales/c-1/timeline").await.json()["records"][0]["at"].clone();
    let House { usher, office, dialogflow, .. } = house;
    office.close().await;
    drop(engine);
    let directory = usher.drain().await;
    let usher = Usher::start_in(directory, CONFIG, &profile(&dialogflow.endpoint())).await;
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow };
    let admin = house.browser();
    assert_eq!(admin.sign_in("chief", PASSWORD, "").await.status, 303);
    let engine = FakeEngine::attach(house.usher.setup()).await.unwrap();
    engine.end("c-1", "bye").await;
    engine.settled().await;
    let program = Program::new(&admin, "late", "viewer").await;
    let ended = program.get("/contacts/ended").await.json()["contacts"][0].clone();
    assert_eq!((&ended["contact"], &ended["turns"]), (&json!("c-1"), &json!(1)), "{ended}");
    assert!(moment(&ended["began_at"]) <= moment(&began), "a record is written once its contact has begun: {ended}");
    house.close().await;
}
