//! What customers, contact centres, language engines and administrators write is shown as text, wherever it is shown; and secrets
//! nowhere.

use serde_json::json;
use usher::{manager::access, wire::engine::MediaType};

use super::{
    editing::{Site, written},
    *,
};
use crate::{
    conversation::offer,
    fakes::{dialogflow::say, engine::FakeEngine},
};

/// Closes an attribute and an element, and would be an element of its own.
const MARKUP: &str = "\"'></textarea><i>planted</i>";
/// Of a test: it may hold no slash.
const NAME: &str = "\"'><i>planted";
const AS_TEXT: &str = "&lt;i&gt;planted";
const SECRET: &str = "lantern-orchard-4471";
const AT: &str = "/profiles/sales/written";

/// A profile with markup wherever a text may be.
fn planted_profile(dialogflow: &FakeDialogflow) -> String {
    let planted = MARKUP.replace('"', "\\\"");
    let text = written(dialogflow, SECRET)
        .replace("\"Sorry.\"", &format!("\"{planted}\""))
        .replace("# mine", &format!("# {MARKUP}"))
        .replace("welcome_event = \"\"", &format!("welcome_event = \"{planted}\""));
    let of_action = |name: &str, rest: &str| {
        format!(
            "[[action]]\nname = \"{name}\"\nmedia = \"openmedia\"\ndescription = \"{planted}\"\n{rest}\n\
             [[action.parameter]]\nname = \"of_{name}\"\ntype = \"enum\"\nvalues = [\"{planted}\"]\ndescription = \"{planted}\"\n"
        )
    };
    let queue = format!("kind = \"requeue\"\nqueue = \"{planted}\"");
    text + &format!("[inactivity]\ntimeout_message = \"{planted}\"\n[handover]\nqueue = \"{planted}\"\n")
        + &of_action("human", &queue)
        + &format!(
            "[[action]]\nname = \"{planted}\"\nmedia = \"openmedia\"\nkind = \"requeue\"\nqueue = \"gone {planted}\"\n"
        )
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Contacts, virtual agents and queues that are called so.
async fn talk(site: &Site) -> FakeEngine {
    let setup = site.usher.setup().user("va1").user(MARKUP).queue(MARKUP, MediaType::OpenMedia);
    let engine = FakeEngine::attach(setup).await.unwrap();
    engine.logged_on("va1").await;
    for contact in ["c1", MARKUP] {
        let mut offer = offer(contact, MediaType::OpenMedia);
        offer.language = "en".to_owned();
        offer.attributes.insert(MARKUP.to_owned(), MARKUP.to_owned());
        engine.open_as(offer).await;
        engine.say(contact, MARKUP).await;
        engine.next_say(contact).await;
    }
    engine
}

/// A trial, and a test of it that has failed; yields the trial's path.
async fn try_it(site: &Site) -> String {
    let form = [("media", "openmedia"), ("language", ""), ("engine", "primary"), ("queues", "open")];
    let trial = site.admin.send(&format!("{AT}/try"), &form).await.to.unwrap();
    assert_eq!(site.admin.send(&trial, &[("kind", "say"), ("text", MARKUP)]).await.status, 303);
    let tests = [json!({ "test": NAME }), json!({ "say": MARKUP, "texts": [format!("other {MARKUP}")] })];
    let tests = tests.map(|it| it.to_string()).join("\n");
    let kept = site.admin.send(&format!("{AT}/tests/import"), &[("text", &tests)]).await;
    assert_eq!(kept.status, 303, "{}", kept.text);
    assert_eq!(site.admin.send(&format!("{AT}/tests/run"), &[("engine", "primary")]).await.status, 303);
    trial
}

/// An action of the business unit `clinic`.
async fn lend(admin: &Browser) {
    let version = hidden(&admin.get("/units/clinic/edit").await.text, "version").unwrap();
    let lent = [
        ("kind", "requeue"),
        ("name", MARKUP),
        ("media", "openmedia"),
        ("queue", MARKUP),
        ("description", MARKUP),
        ("parameter.0.name", "why"),
        ("parameter.0.description", MARKUP),
        ("version", version.as_str()),
    ];
    let lent = admin.send("/units/clinic/actions/new", &lent).await;
    assert_eq!(lent.status, 303, "{}", lent.text);
}

/// What forms show again that were refused, and differences.
async fn refusals(site: &Site) -> Vec<String> {
    let text = format!("[limits]\ncontacts = 9000\n# {MARKUP}\n");
    let broken = format!("name = \"{}\"\nagent_password = \"{SECRET}\"\n", MARKUP.replace('"', "\\\""));
    let mut seen = Vec::new();
    for (path, form) in [
        ("/users", vec![("name", MARKUP), ("role", MARKUP)]),
        ("/tokens", vec![("name", MARKUP), ("role", "viewer"), ("days", MARKUP)]),
        ("/units/new", vec![("name", MARKUP), ("zone", MARKUP), ("country", MARKUP), ("actions", MARKUP)]),
        ("/engines/new", vec![("id", MARKUP), ("unit", MARKUP)]),
        ("/profiles/new", vec![("type", "llm"), ("do", "save"), ("name", MARKUP), ("llm.model", MARKUP)]),
        ("/profiles/new", vec![("text", broken.as_str())]),
        ("/configuration/import", vec![("text", text.as_str())]),
        ("/store/retention", vec![("retention", MARKUP)]),
        ("/store/prune", vec![("days", MARKUP)]),
        (&format!("{AT}/actions/new"), vec![("kind", "requeue"), ("name", MARKUP), ("queue", MARKUP)]),
        (
            "/units/clinic/actions/new",
            vec![("kind", "external"), ("name", MARKUP), ("uri", MARKUP), ("description", MARKUP)],
        ),
        (&format!("{AT}/tests/import"), vec![("text", MARKUP)]),
    ] {
        let answer = site.admin.send(path, &form).await;
        assert!(answer.status < 500, "{path}: {}", answer.text);
        seen.push(format!(
            "{path}
{}",
            answer.text
        ));
        assert!(!answer.text.contains(SECRET), "{path} shows a secret again: {}", answer.text);
        assert!(answer.text.contains(AS_TEXT), "{path} shows what was typed: {}", answer.text);
    }
    seen
}

#[tokio::test]
async fn s12_no_page_runs_what_somebody_has_typed_and_none_shows_a_secret() {
    let dialogflow = FakeDialogflow::start();
    dialogflow.on_text(MARKUP, say(MARKUP).intent(MARKUP).context(MARKUP).action(MARKUP, &json!({ MARKUP: MARKUP })));
    let site = Site::new(&dialogflow).await;
    let added = site.admin.send("/profiles/new", &[("text", &planted_profile(&dialogflow))]).await;
    assert_eq!(added.status, 303, "{}", added.text);
    assert_eq!(
        site.admin.send("/units/new", &[("name", "clinic"), ("zone", "UTC"), ("country", "DE")]).await.status,
        303
    );
    assert_eq!(site.admin.send("/engines/new", &[("id", "east"), ("unit", "clinic")]).await.status, 200);
    lend(&site.admin).await;
    let _engine = talk(&site).await;
    let trial = try_it(&site).await;
    // A browser that calls itself so.
    let agent = site.admin.client.post(site.admin.base.clone() + "/sign-in").header("user-agent", "<i>planted</i>");
    let agent = agent.header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(agent.body(format!("name=chief&password={PASSWORD}")).send().await.unwrap().status(), 303);

    let action = format!("{AT}/actions/edit?media=openmedia&name={}", encoded(MARKUP));
    let of_unit = format!("/units/clinic/actions/edit?media=openmedia&name={}", encoded(MARKUP));
    let find = "/?find=%22%3E%3Ci%3Eplanted%3C%2Fi%3E".to_owned();
    let contact = format!("/contacts/sales/{}", encoded(MARKUP));
    let texts = [format!("{AT}/edit?view=text"), "/units/clinic/edit?view=text".to_owned()];
    let pages = access().filter(|(path, methods, _)| methods.contains("GET") && !path.ends_with("/events"));
    let pages = pages.map(|(route, ..)| match route {
        "/profiles/{unit}/{profile}/actions/edit" => action.clone(),
        "/units/{unit}/actions/edit" => of_unit.clone(),
        "/profiles/{unit}/{profile}/try/{trial}" => trial.clone(),
        "/numbers.csv" => format!("{route}?table=contacts"),
        _ => route
            .replace("/units/{unit}", "/units/clinic")
            .replace("{unit}", "sales")
            .replace("{contact}", "c1")
            .replace("{profile}", "written")
            .replace("{engine}", "east")
            .replace("{user}", "chief")
            .replace("{test}", &encoded(NAME))
            .replace("{operation}", "listContacts"),
    });
    let (mut seen, mut shown) = (refusals(&site).await, Vec::new());
    for page in pages.chain([find, contact]).chain(texts) {
        let answer = site.admin.get(&page).await;
        // Whoever is signed in goes on from the door.
        let good = if matches!(page.as_str(), "/sign-in" | "/welcome") { 200..=499 } else { 200..=200 };
        assert!(good.contains(&answer.status), "{page}: {} {}", answer.status, answer.text);
        assert!(!answer.text.contains(SECRET), "{page}: {}", answer.text);
        // Files are no pages: they are saved, and never run.
        if answer.headers.get("content-type").is_some_and(|it| it.to_str().unwrap().starts_with("text/html")) {
            if answer.text.contains(AS_TEXT) {
                shown.push(page.clone());
            }
            seen.push(format!("{page}\n{}", answer.text));
        }
    }
    for page in &seen {
        assert!(!page.contains("<i>planted"), "{page}");
    }
    let of_profile = [format!("{AT}/tests"), format!("{AT}/edit")];
    let lent = ["/units/clinic/actions", "/units/clinic/edit", "/units/clinic/edit?view=text"];
    let others = ["/", AT, "/audit", "/account", &trial, &action, &of_unit, "/alerts"];
    for page in of_profile.iter().map(String::as_str).chain(lent).chain(others) {
        assert!(shown.iter().any(|it| it == page), "{page} shows it as text: {shown:?}");
    }
    let (_, output) = site.usher.kill().await;
    assert!(!output.contains(SECRET), "{output}");
}
