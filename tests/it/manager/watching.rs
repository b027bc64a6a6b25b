//! What operators see: contacts as they are now, a timeline as it grows, log-ons, alerts, profiles with where they are written.

use futures::StreamExt as _;

use usher::wire::engine::{
    DirectoryDelta, MediaType, Queue, SpeechTarget, command, engine_frame::Body, log_on_refused::Reason, requeue::To,
};

use super::*;
use crate::{conversation::offer, fakes::engine::FakeEngine};

/// Reads events until one holds the text; yields what came.
pub(super) async fn until(response: Response, text: &str) -> String {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.bytes_stream();
    let mut seen = String::new();
    while !seen.contains(text) {
        let more = tokio::time::timeout(std::time::Duration::from_secs(30), body.next());
        let more = more.await.unwrap_or_else(|_| panic!("no {text} in {seen}"));
        seen.push_str(std::str::from_utf8(&more.expect("the stream goes on").unwrap()).unwrap());
    }
    seen
}

#[tokio::test]
async fn b13_contacts_are_seen_as_they_are_and_their_timelines_as_they_grow() {
    let (house, admin) = House::with_admin().await;
    let empty = admin.get("/").await.text;
    assert!(empty.contains("No contact is open") && empty.contains("no routing engine"), "{empty}");
    let engine = FakeEngine::attach(house.usher.setup()).await.unwrap();
    let odd = "c <b>&\"1\"";
    engine.open(odd, "va1").await;
    engine.say(odd, "hello").await;
    assert_eq!(engine.next_say(odd).await, ["echo: hello"]);

    let live = admin.get("/").await.text;
    assert!(live.contains("c &lt;b&gt;&amp;&quot;1&quot;") && !live.contains("c <b>"), "{live}");
    assert!(live.contains("engine-1") && live.contains("waits for the customer"), "{live}");
    let path = "/contacts/sales/c%20%3Cb%3E%26%221%22";
    assert!(live.contains(&format!("href=\"{path}\"")), "{live}");
    assert!(admin.get("/?standing=with_person").await.text.contains("No open contact fits the filter"));
    assert!(admin.get("/?find=VA1&profile=support").await.text.contains(path));
    assert!(admin.get("/?unit=care").await.text.contains("No open contact fits the filter"));

    let timeline = admin.get(path).await.text;
    assert!(timeline.contains("chained to the one before: unaltered"), "{timeline}");
    assert!(timeline.contains("class=\"heard customer\"") && timeline.contains("hello"), "{timeline}");
    let german = admin.client.get(admin.base.clone() + path).header("accept-language", "de");
    let german = admin.take(german.header("cookie", admin.cookies())).await.text;
    assert!(german.contains(">Kunde</span>") && german.contains("Runde 1: Engine gefragt"), "{german}");
    let began = timeline.split("began=").nth(1).unwrap().split('"').next().unwrap();
    let last = timeline.split("data-last=\"").nth(1).unwrap().split('"').next().unwrap();
    let events = admin.open(&format!("{path}/events?began={began}&last={last}")).await;
    engine.say(odd, "a <script>alert(1)</script>").await;
    let seen = until(events, "echo: a").await;
    assert!(seen.contains("&lt;script&gt;") && !seen.contains("<script>"), "{seen}");
    assert_eq!(admin.get("/contacts/sales/none").await.status, 404);
    house.close().await;
}

#[tokio::test]
async fn b13_a_page_that_is_live_hears_of_a_contact_and_ends_with_the_session() {
    let (house, admin) = House::with_admin().await;
    let engine = FakeEngine::attach(house.usher.setup()).await.unwrap();
    let rows = admin.open("/live/events").await;
    engine.open("c-7", "va1").await;
    let seen = until(rows, "/contacts/sales/c-7").await;
    assert!(seen.starts_with("event: rows\ndata: "), "{seen}");
    let rows = admin.open("/live/events").await;
    let contact = admin.open("/contacts/sales/c-7/events").await;
    admin.send("/sign-out", &[]).await;
    ends(rows).await;
    ends(contact).await;
    house.close().await;
}

#[tokio::test]
async fn b13_the_first_contacts_are_shown_and_more_for_who_asks() {
    let (house, admin) = House::with_admin().await;
    let engine = FakeEngine::attach(house.usher.setup()).await.unwrap();
    for number in 0..60 {
        let contact = format!("c-{number:02}");
        engine.open(&contact, "va1").await;
        engine.say(&contact, "hello").await;
        assert_eq!(engine.next_say(&contact).await, ["echo: hello"]);
    }
    let rows = |page: &str| page.matches("href=\"/contacts/sales/c-").count();
    let first = admin.get("/?standing=listening").await.text;
    assert_eq!(rows(&first), 50, "{first}");
    assert!(first.contains("50 of 60 are shown") && first.contains("c-59") && !first.contains("c-00"), "{first}");
    let more = first.split("id=\"more\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    assert!(more.contains("standing=listening"), "{more}");
    let all = admin.get(&more).await.text;
    assert_eq!(rows(&all), 60, "{all}");
    assert!(!all.contains("are shown") && !all.contains("id=\"more\""), "{all}");
    let events = until(admin.open(&more.replacen("/?", "/live/events?", 1)).await, "c-00").await;
    assert_eq!(rows(&events), 60, "{events}");
    house.close().await;
}

async fn ends(events: Response) {
    let mut body = events.bytes_stream();
    while let Some(more) = body.next().await {
        more.unwrap();
    }
}

#[tokio::test]
async fn s16_log_ons_and_alerts_are_seen_with_the_way_to_mend_them() {
    let (house, admin) = House::with_admin().await;
    assert!(admin.get("/alerts").await.text.contains("Nothing has to be mended."));
    let setup = house.usher.setup();
    let engine = FakeEngine::attach(setup).await.unwrap();
    engine.logged_on("va1").await;
    let agents = admin.get("/agents").await.text;
    assert!(agents.contains("va1") && agents.contains("is logged on") && agents.contains("support"), "{agents}");
    house.close().await;
}

#[tokio::test]
async fn s16_alerts_and_log_ons_are_live_and_counted_on_every_page() {
    let (house, admin) = House::with_admin().await;
    let (alerts, agents) = (admin.open("/alerts/events").await, admin.open("/agents/events").await);
    assert!(!admin.get("/account").await.text.contains("to be mended"));
    let mut setup = house.usher.setup();
    setup.refuses.insert("va1".to_owned(), Reason::NoLicence);
    let _engine = FakeEngine::attach(setup).await.unwrap();
    let seen = until(alerts, "no licence is free").await;
    assert!(seen.starts_with("event: rows\ndata: ") && seen.contains("Nothing has to be mended."), "{seen}");
    until(agents, "was refused, tries again").await;
    let alerts = until(admin.open("/alerts/events").await, "event: alerts").await;
    assert!(alerts.contains("<b>1</b>"), "{alerts}");
    for path in ["/", "/account", "/profiles/sales/support"] {
        let page = admin.get(path).await.text;
        assert!(page.contains("Alerts<span id=\"alerts\"> <b>1</b><span class=\"unseen\"> to be mended"), "{page}");
    }
    let live = admin.get("/").await.text;
    assert!(live.contains("<a href=\"/alerts\">One alert is open.</a>"), "{live}");
    for path in ["/alerts/events", "/agents/events"] {
        let events = admin.open(path).await;
        let other = house.browser();
        other.cookies.lock().unwrap().clone_from(&admin.cookies.lock().unwrap());
        admin.send("/sign-out", &[]).await;
        assert_eq!(other.get(path).await.status, 303, "it is over");
        ends(events).await;
        assert_eq!(admin.sign_in("chief", PASSWORD, "").await.status, 303);
    }
    house.close().await;
}

#[tokio::test]
async fn s16_an_alert_leads_to_what_it_is_about_whatever_that_is_called() {
    let dialogflow = FakeDialogflow::start();
    let text = profile(&dialogflow.endpoint()).replace("\"support\"", "\"support, by day\"");
    let usher = Usher::start(CONFIG, &text).await;
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow };
    let admin = house.first().await;
    let at = "/profiles/sales/support%2C%20by%20day";
    assert_eq!(admin.send(&format!("{at}/pause"), &[]).await.status, 303);
    let mut setup = house.usher.setup();
    setup.refuses.insert("va1".to_owned(), Reason::NoLicence);
    let _engine = FakeEngine::attach(setup).await.unwrap();
    until(admin.open("/agents/events").await, "was refused, tries again").await;
    let page = admin.get("/alerts").await.text;
    for link in
        [format!("<a href=\"{at}\">profile support, by day</a>"), format!("<a href=\"{at}/agents\">user va1</a>")]
    {
        assert!(page.contains(&link), "no {link} in {page}");
    }
    house.close().await;
}

#[tokio::test]
async fn s7_a_profile_shows_what_is_in_force_where_it_is_written_and_no_secret() {
    let (house, admin) = House::with_admin().await;
    let list = admin.get("/profiles").await.text;
    assert!(list.contains("href=\"/profiles/sales/support\"") && list.contains("Dialogflow"), "{list}");
    let page = admin.get("/profiles/sales/support").await.text;
    for text in ["fallback_message", "Sorry.", "support.toml:", &house.dialogflow.endpoint(), "va1"] {
        assert!(page.contains(text), "no {text} in {page}");
    }
    assert!(page.contains("****") && !page.contains("secret\"<"), "the password is not shown");
    assert!(!page.contains("&quot;secret&quot;"), "{page}");
    assert_eq!(admin.get("/profiles/sales/none").await.status, 404);
    assert_eq!(admin.get("/profiles/none/support").await.status, 404);
    house.close().await;
}

#[tokio::test]
async fn b2_an_operator_hands_a_contact_to_a_queue_or_ends_it_and_the_log_tells() {
    let (house, admin) = House::with_admin().await;
    let (operator, viewer) =
        (house.user(&admin, "olga", "operator").await, house.user(&admin, "victor", "viewer").await);
    let setup = house.usher.setup().queue("support", MediaType::OpenMedia).queue("web", MediaType::WebInteraction);
    let engine = FakeEngine::attach(setup).await.unwrap();
    engine.open_as(offer("c-1", MediaType::OpenMedia)).await;
    let page = operator.get("/contacts/sales/c-1").await.text;
    assert!(
        page.contains("Hand over to a person") && page.contains("\"queue:support\"") && !page.contains("queue:web"),
        "{page}"
    );
    assert!(!viewer.get("/contacts/sales/c-1").await.text.contains("Hand over to a person"));
    let none = operator.send("/contacts/sales/c-1/hand-over", &[("to", "queue:none")]).await;
    assert_eq!(none.status, 409);
    assert!(none.text.contains("The contact stays with the virtual agent"), "{}", none.text);
    let done = operator.send("/contacts/sales/c-1/hand-over", &[("to", "queue:support")]).await;
    assert_eq!(done.to.as_deref(), Some("/contacts/sales/c-1?done=handed"), "{}", done.text);
    let command = engine.next_command("c-1").await;
    assert!(format!("{command:?}").contains("operator olga"), "{command:?}");
    assert!(operator.get("/contacts/sales/c-1").await.text.contains("operator olga"));

    let again = operator.send("/contacts/sales/c-1/end", &[]).await;
    assert_eq!(again.status, 409, "it is not the virtual agent's any more");

    engine.open_as(offer("c-2", MediaType::OpenMedia)).await;
    assert_eq!(operator.send("/contacts/sales/c-2/end", &[]).await.status, 303);
    assert!(format!("{:?}", engine.next_command("c-2").await).contains("EndContact"));
    assert_eq!(operator.send("/contacts/sales/none/end", &[]).await.status, 404);
    let log = admin.get("/audit.csv").await.text;
    for line in
        ["\"olga\",\"contact.handed_over\",\"sales/c-1\",\"\",\"support\"", "\"olga\",\"contact.ended\",\"sales/c-2\""]
    {
        assert!(log.contains(line), "no {line} in {log}");
    }
    house.close().await;
}

#[tokio::test]
async fn s20_an_operator_gives_a_call_to_a_target() {
    let (house, admin) = House::with_admin().await;
    let mut setup = house.usher.setup().queue("support", MediaType::OpenMedia);
    setup.directory.speech_targets.push(SpeechTarget { id: "4711".to_owned(), name: "Hotline".to_owned() });
    let engine = FakeEngine::attach(setup).await.unwrap();
    engine.open_as(offer("call", MediaType::Speech)).await;
    let page = admin.get("/contacts/sales/call").await.text;
    assert!(page.contains("value=\"target:4711\">target 4711 · Hotline<") && !page.contains("queue:support"), "{page}");
    for to in ["target:none", "queue:support"] {
        assert_eq!(admin.send("/contacts/sales/call/hand-over", &[("to", to)]).await.status, 409, "{to}");
    }
    assert_eq!(admin.send("/contacts/sales/call/hand-over", &[("to", "target:4711")]).await.status, 303);
    let Some(command::Command::Requeue(requeue)) = engine.next_command("call").await.command else {
        panic!("no requeue")
    };
    assert_eq!(requeue.to, Some(To::Target("4711".to_owned())));
    assert!(admin.get("/contacts/sales/call").await.text.contains("Target <b>4711</b>"));
    assert!(admin.get("/audit.csv").await.text.contains("\"contact.handed_over\",\"sales/call\",\"\",\"target 4711\""));
    house.close().await;
}

#[tokio::test]
async fn b2_the_page_says_why_nobody_can_be_promised_and_offers_a_queue_as_soon_as_it_opens() {
    let (house, admin) = House::with_admin().await;
    let mut setup = house.usher.setup().queue("web", MediaType::WebInteraction);
    let queue = |open| Queue {
        id: "late".to_owned(),
        name: "Late".to_owned(),
        media_type: MediaType::OpenMedia.into(),
        open,
        ..Queue::default()
    };
    setup.directory.queues.push(queue(false));
    let engine = FakeEngine::attach(setup).await.unwrap();
    for (contact, media, why) in [
        ("c-1", MediaType::OpenMedia, "the queues for this kind of contact are closed"),
        ("c-2", MediaType::Speech, "the contact centre has no queue or target for this kind of contact"),
    ] {
        engine.open_as(offer(contact, media)).await;
        let page = admin.get(&format!("/contacts/sales/{contact}")).await.text;
        assert!(page.contains(why) && page.contains("End the contact"), "{page}");
    }
    let events = admin.open("/contacts/sales/c-1/events").await;
    let opened = DirectoryDelta { queues: vec![queue(true)], ..DirectoryDelta::default() };
    engine.send(Body::Directory(opened)).await;
    let seen = until(events, "queue:late").await;
    assert!(seen.contains("event: hand"), "{seen}");
    house.close().await;
}
