//! Numbers over HTTP: what real contacts came to, over a restart, as pages and as files; and what was not understood.

use usher::{
    core::ids::{ContactId, ContactName, ProfileName, Timestamp, UnitName},
    gateway::{
        numbers::{Measure, Span},
        storage::{Batch, Counts, Day, Erased, Erasure, Flush, NumberKey, Pos, Tally},
    },
    store::{Store, memory::Memory, sqlite::Sqlite},
    wire::engine::{MediaType, command_outcome::Outcome, customer_message, engine_frame::Body},
};

use super::*;
use crate::{
    conversation::offer,
    fakes::{dialogflow::say, engine::FakeEngine},
};

/// The last line of a table, without its name.
async fn last_line(browser: &Browser, table: &str) -> String {
    let page = browser.get(&format!("/numbers.csv?table={table}")).await;
    assert_eq!(page.status, 200, "{}", page.text);
    page.text.lines().last().unwrap().split_once(',').unwrap().1.to_owned()
}

async fn head(browser: &Browser, table: &str) -> String {
    browser.get(&format!("/numbers.csv?table={table}")).await.text.lines().next().unwrap().to_owned()
}

/// One contact that is not understood, one that an operator hands to a person.
pub(super) async fn talk(house: &House, admin: &Browser) {
    for text in ["nonsense", " NONSENSE! ", "my pin is 1234"] {
        house.dialogflow.on_text(text.trim(), say("What?").fallback());
        house.dialogflow.on_text(text, say("What?").fallback());
    }
    let setup = house.usher.setup().queue("support", MediaType::OpenMedia);
    let engine = FakeEngine::attach(setup).await.unwrap();
    engine.open_as(offer("c-1", MediaType::OpenMedia)).await;
    for (text, answer) in [("nonsense", "What?"), (" NONSENSE! ", "What?"), ("hello", "echo: hello")] {
        engine.say("c-1", text).await;
        assert_eq!(engine.next_say("c-1").await, [answer]);
    }
    let mut message = engine.compose("c-1", customer_message::Body::Text("my pin is 1234".to_owned()));
    message.sensitive = true;
    engine.send(Body::CustomerMessage(message)).await;
    assert_eq!(engine.next_say("c-1").await, ["What?"]);
    engine.end("c-1", "bye").await;
    engine.open_as(offer("c-2", MediaType::OpenMedia)).await;
    assert_eq!(admin.send("/contacts/sales/c-2/hand-over", &[("to", "queue:support")]).await.status, 303);
    let command = engine.next_command("c-2").await;
    engine.outcome("c-2", command.action_seq, Outcome::Accepted).await;
    engine.end("c-2", "bye").await;
    engine.settled().await;
}

async fn expect_the_talk(admin: &Browser) {
    assert_eq!(head(admin, "contacts").await, "\"day\",\"begun\",\"ended\",\"by the customer\",\"after a handover\"");
    for (table, line) in [
        ("contacts", "2,2,1,1"),
        ("containment", "50.0,1,2"),
        ("handovers", "1,1,1,0,0,0,0"),
        ("understanding", "75.0,3,4,4"),
        ("failures", "0,0,0,0"),
        ("timeouts", "0,0"),
        ("quota", "4,0,0,0,0"),
    ] {
        assert_eq!(last_line(admin, table).await, line, "{table}");
    }
    let reasons = admin.get("/numbers.csv?table=reasons").await.text;
    assert!(reasons.contains("\"an operator\",1,100.0\r\n"), "{reasons}");
    let engines = admin.get("/numbers.csv?table=engines").await.text;
    assert!(engines.contains("\"sales / support / primary\",4,0,0,0,0,3,"), "{engines}");
    let stages = admin.get("/numbers.csv?table=stages").await.text;
    assert!(stages.lines().any(|it| it.starts_with("\"the customer's wait") && it.ends_with(",4")), "{stages}");
    assert!(stages.lines().any(|it| it.starts_with("\"from the offer until") && it.ends_with(",1")), "{stages}");
}

#[tokio::test]
async fn b6_numbers_tell_what_contacts_came_to_and_outlive_a_restart() {
    let (house, admin) = House::with_admin().await;
    let empty = admin.get("/numbers").await;
    assert!(empty.status == 200 && empty.text.contains("Nothing has been counted in this span."), "{}", empty.text);
    talk(&house, &admin).await;
    expect_the_talk(&admin).await;
    let page = admin.get("/numbers?unit=sales&profile=support&span=7").await.text;
    for text in ["Contained", "50.0 %", "role=\"img\"", "/numbers.csv?table=contacts&amp;unit=sales", "<td>75.0 %</td>"]
    {
        assert!(page.contains(text), "no {text} in {page}");
    }
    assert!(admin.get("/numbers?unit=care").await.text.contains("Nothing has been counted"), "each unit for itself");

    let House { usher, office, dialogflow, .. } = house;
    office.close().await;
    let directory = usher.drain().await;
    let usher = Usher::start_in(directory, CONFIG, &profile(&dialogflow.endpoint())).await;
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow };
    let admin = house.browser();
    assert_eq!(admin.sign_in("chief", PASSWORD, "").await.status, 303);
    expect_the_talk(&admin).await;
    house.close().await;
}

#[tokio::test]
async fn b10_questions_not_understood_are_counted_and_go_with_their_contacts_keys() {
    let (house, admin) = House::with_admin().await;
    assert!(admin.get("/numbers/questions").await.text.contains("No question in this span was not understood"));
    talk(&house, &admin).await;
    let page = admin.get("/numbers/questions").await.text;
    assert!(page.contains("NONSENSE!") && page.contains("<td class=\"number\">2</td>"), "{page}");
    assert!(page.contains("/contacts/sales/c-1"), "{page}");
    assert!(page.contains("Looked up: 3.") && page.contains("1 of them cannot be shown"), "{page}");
    assert!(!page.contains("1234"), "what is sensitive is not told");
    assert!(!page.contains(">nonsense<"), "two ways to write it are one, and the last is shown");
    // A span that is over has none of it.
    let before = admin.get("/numbers/questions?span=own&from=2020-01-01&to=2020-01-31").await.text;
    assert!(before.contains("No question in this span was not understood"), "{before}");

    let store = Sqlite::open_existing(&house.usher.data()).await.unwrap();
    let contact = ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new("c-1").unwrap() };
    let erased = Erased { at: Timestamp(1), by: "ann".to_owned() };
    assert_eq!(store.erase(&contact, &erased).await.unwrap(), Erasure::Done);
    store.close().await.unwrap();
    let page = admin.get("/numbers/questions").await.text;
    assert!(!page.to_lowercase().contains("nonsense"), "{page}");
    assert!(page.contains("3 of them cannot be shown"), "{page}");
    assert_eq!(last_line(&admin, "understanding").await, "75.0,3,4,4", "a number is nobody's");
    house.close().await;
}

#[tokio::test]
async fn a_span_that_is_none_is_said_so_at_its_field_and_what_is_not_there_is_not_found() {
    let (house, admin) = House::with_admin().await;
    for (query, text) in [
        ("from=4.10.2024&to=2024-10-05", "A day is written as 2026-11-28."),
        ("from=2024-10-05&to=2024-10-04", "The last day comes before the first"),
        ("from=2020-01-01&to=2024-10-04", "A span has 400 days at most."),
    ] {
        for path in ["/numbers", "/numbers/questions"] {
            let page = admin.get(&format!("{path}?span=own&{query}")).await;
            assert_eq!(page.status, 422);
            assert_eq!(page.text.matches(text).count(), 2, "above and at its field: {}", page.text);
            assert!(page.text.contains("aria-invalid=\"true\""), "{}", page.text);
            assert!(!page.text.contains("Nothing was changed"), "nothing was to be changed: {}", page.text);
        }
        assert_eq!(admin.get(&format!("/numbers.csv?table=contacts&span=own&{query}")).await.status, 404);
    }
    assert_eq!(admin.get("/numbers.csv?table=none").await.status, 404);
    let long = "x".repeat(200);
    assert_eq!(admin.get(&format!("/numbers?profile={long}")).await.status, 404);
    let viewer = house.user(&admin, "victor", "viewer").await;
    for path in ["/numbers", "/numbers/questions", "/numbers.csv?table=profiles"] {
        assert_eq!(viewer.get(path).await.status, 200, "{path}");
    }
    let german = admin.client.get(admin.base.clone() + "/numbers").header("accept-language", "de");
    assert!(admin.take(german.header("cookie", admin.cookies())).await.text.contains("Zahlen"));
    house.close().await;
}

/// A store in which many profiles have numbers of a year, as if so many contacts had been.
async fn a_busy_year() -> Arc<dyn Store> {
    let store = Memory::new();
    let epoch = store.claim("a gateway before").await.unwrap().epoch;
    let mut counts = Counts::default();
    for measure in [Measure::Begun, Measure::Contained, Measure::Turns, Measure::NotUnderstood, Measure::Callbacks] {
        counts.add(measure.code(), 123_456);
    }
    for (code, times) in (100..107).chain(150..156).chain(200..212).zip(1_000..) {
        counts.add(code, times);
    }
    counts.add(Span::Answer.code(std::time::Duration::from_millis(700)), 123_456);
    let today = Day::of(usher::clock::Clock::system().now(), &jiff::tz::TimeZone::UTC);
    let mut tally = Tally::default();
    let unit = UnitName::new("sales").unwrap();
    let mut add = |day: i32, profile: usize| {
        let profile = ProfileName::new(&format!("profile-with-a-name-{profile}")).unwrap();
        tally.add(NumberKey { day: today.plus(-day), unit: unit.clone(), profile, engine: None }, &counts);
    };
    (0..400).for_each(|day| add(day, 0));
    (0..500).for_each(|profile| add(1, profile));
    let flush = Some(Flush { serial: 1, through: Pos(0), tally });
    store.commit(epoch, &Batch { flush, ..Batch::default() }).await.unwrap();
    Arc::new(store)
}

#[tokio::test]
async fn a_year_of_five_hundred_profiles_is_a_page_within_its_bounds() {
    let dialogflow = FakeDialogflow::start();
    let usher = Usher::start_on(a_busy_year().await, CONFIG, &profile(&dialogflow.endpoint())).await;
    // For the master key: the store of this gateway has no place of its own.
    std::fs::create_dir_all(usher.data()).unwrap();
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow };
    let admin = house.browser();
    let link = house.link();
    let form = [("token", token_of(&link)), ("name", "chief"), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(admin.post("/welcome", &form).await.status, 303);
    let mut beside = 0;
    for path in ["/style.css", "/usher.js", "/icon.svg"] {
        beside += admin.get(path).await.text.len();
    }
    let today = Day::of(usher::clock::Clock::system().now(), &jiff::tz::TimeZone::UTC);
    let own = |days: i32| format!("own&from={}&to={today}", today.plus(1 - days));
    for span in ["7".to_owned(), "30".to_owned(), "365".to_owned(), own(31), own(217)] {
        let page = admin.get(&format!("/numbers?span={span}")).await;
        assert_eq!(page.status, 200);
        let bytes = page.text.len() + beside;
        assert!(bytes <= 100 * 1024, "{bytes} bytes for {span}");
    }
    let page = admin.get("/numbers?span=365").await.text;
    assert!(page.contains("Each point is four weeks.") && page.contains("20 of 500 are shown"), "{page}");
    let all = admin.get("/numbers.csv?table=profiles&span=365").await.text;
    assert_eq!(all.lines().count(), 501);
    house.close().await;
}
