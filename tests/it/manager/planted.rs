//! What customers, contact centres and administrators write is shown as text, wherever it is shown; and secrets nowhere.

use usher::{manager::access, wire::engine::MediaType};

use super::{doors::path, *};
use crate::{conversation::offer, fakes::engine::FakeEngine};

/// Closes an attribute and an element, and would be an element of its own.
const MARKUP: &str = "\"'></textarea><i>planted</i>";
const SECRET: &str = "lantern-orchard-4471";

/// Every GET page of the table but what streams.
fn pages() -> impl Iterator<Item = String> {
    let pages = access().filter(|(path, methods, _)| methods.contains("GET") && !path.ends_with("/events"));
    pages.map(|(route, ..)| path(route))
}

#[tokio::test]
async fn s12_no_page_runs_what_somebody_has_typed_and_none_shows_a_secret() {
    let dialogflow = FakeDialogflow::start();
    let planted = MARKUP.replace('"', "\\\"");
    let text = profile(&dialogflow.endpoint())
        .replace("\"secret\"", &format!("\"{SECRET}\""))
        .replace("\"Sorry.\"", &format!("\"{planted}\""))
        .replace("welcome_event = \"\"", &format!("welcome_event = \"{planted}\""))
        + &format!(
            "[inactivity]\ntimeout_message = \"{planted}\"\n[handover]\nqueue = \"{planted}\"\n[[action]]\nname = \"{planted}\"\nmedia = \"openmedia\"\nkind = \"requeue\"\nqueue = \"{planted}\"\n"
        );
    let usher = Usher::start(CONFIG, &text).await;
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow };
    let admin = house.browser();
    let link = house.link();
    let form = [("token", token_of(&link)), ("name", "chief"), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(admin.post("/welcome", &form).await.status, 303);

    let setup = house.usher.setup().user(MARKUP).queue(MARKUP, MediaType::OpenMedia);
    let engine = FakeEngine::attach(setup).await.unwrap();
    for contact in ["c1", MARKUP] {
        let mut offer = offer(contact, MediaType::OpenMedia);
        offer.language = "en".to_owned();
        offer.attributes.insert(MARKUP.to_owned(), MARKUP.to_owned());
        engine.open_as(offer).await;
        engine.say(contact, MARKUP).await;
        assert_eq!(engine.next_say(contact).await, [format!("echo: {MARKUP}")]);
    }
    // A browser that calls itself so, and a user who could not be added.
    let agent = admin.client.post(admin.base.clone() + "/sign-in").header("user-agent", "<i>planted</i>");
    let agent = agent.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(agent.body(format!("name=chief&password={PASSWORD}")).send().await.unwrap().status(), 303);
    let refused = admin.send("/users", &[("name", MARKUP), ("role", MARKUP)]).await;
    assert!(refused.text.contains("&lt;i&gt;planted"), "{}", refused.text);

    let (mut seen, mut shown) = (vec![refused.text], 0);
    for page in pages().chain(["/?find=%22%3E%3Ci%3Eplanted%3C%2Fi%3E".to_owned()]) {
        let answer = admin.get(&page).await;
        assert!(answer.status < 500, "{page}: {}", answer.text);
        seen.push(format!("{page}\n{}", answer.text));
    }
    for page in &seen {
        assert!(!page.contains("<i>planted"), "{page}");
        assert!(!page.contains(SECRET), "{page}");
        shown += usize::from(page.contains("&lt;i&gt;planted"));
    }
    assert!(shown >= 6, "{shown} pages show it as text");
    house.close().await;
}
