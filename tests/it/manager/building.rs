//! Each kind of action is built by page, changed and taken out, and what leads nowhere is marked (S17–S23).

use usher::wire::engine::{MediaType, SpeechTarget};

use super::{
    editing::{Site, written},
    forms::plain,
    units::token_in,
    *,
};
use crate::fakes::engine::{FakeEngine, Setup, tcp};

/// Who can have actions: they are built in the same way.
const OWNERS: [&str; 2] = ["/profiles/clinic/written", "/units/clinic"];

/// A business unit with a profile, both kept by the Web Manager, and the routing engine that may attach for it.
pub(super) async fn begun() -> (Site, Setup, FakeDialogflow) {
    let dialogflow = FakeDialogflow::start();
    let site = Site::new(&dialogflow).await;
    let unit = site.admin.send("/units/new", &[("name", "clinic"), ("zone", "UTC"), ("country", "DE")]).await;
    assert_eq!(unit.status, 303, "{}", unit.text);
    let made = site.admin.send("/engines/new", &[("id", "east"), ("unit", "clinic")]).await;
    let text = written(&dialogflow, "secret-word").replace("\"sales\"", "\"clinic\"");
    let page = site.admin.send("/profiles/new", &[("text", &text)]).await;
    assert_eq!(page.status, 303, "{}", page.text);
    let setup = Setup::new(tcp(site.usher.engines), &token_in(&made.text), "east", "clinic").user("va1");
    (site, setup, dialogflow)
}

pub(super) fn centre(setup: Setup) -> Setup {
    let mut setup = setup.queue("desk", MediaType::OpenMedia).queue("web", MediaType::WebInteraction);
    setup.directory.speech_targets.push(SpeechTarget { id: "4711".to_owned(), name: "Hotline".to_owned() });
    setup
}

/// Fills in the form of that address, as it stands there.
pub(super) async fn fill(admin: &Browser, at: &str, form: &[(&str, &str)]) -> Page {
    let version = hidden(&admin.get(at).await.text, "version").unwrap_or_default();
    let form: Vec<_> = form.iter().copied().chain([("version", version.as_str())]).collect();
    admin.send(at, &form).await
}

/// The text that an owner's actions are written in.
pub(super) async fn text_of(admin: &Browser, owner: &str) -> String {
    if owner.starts_with("/profiles") {
        return admin.get(&format!("{owner}/export")).await.text;
    }
    let page = admin.get(&format!("{owner}/edit?view=text")).await.text;
    let (_, text) = page.split_once("name=\"actions\"").unwrap_or_else(|| panic!("no text in {page}"));
    plain(text.split_once(">\n").unwrap().1.split("</textarea>").next().unwrap()) + "\n"
}

#[tokio::test]
async fn s19_to_s23_each_kind_of_action_is_built_with_exactly_what_it_needs() {
    let (Site { usher, admin }, setup, _dialogflow) = begun().await;
    let engine = FakeEngine::attach(centre(setup)).await.unwrap();
    engine.logged_on("va1").await;
    for owner in OWNERS {
        each_kind(&admin, owner).await;
    }
    drop(usher.kill().await);
}

async fn each_kind(admin: &Browser, owner: &str) {
    let page = format!("{owner}/actions");
    let kinds = admin.get(&format!("{page}/new")).await.text;
    for (kind, fields, written) in [
        (
            "requeue",
            vec![("media", "openmedia"), ("queue", "desk")],
            "media = \"openmedia\"\nkind = \"requeue\"\nqueue = \"desk\"\n",
        ),
        (
            "speech_requeue",
            vec![("media", "speech"), ("target", "4711")],
            "kind = \"speech_requeue\"\ntarget = \"4711\"\n",
        ),
        (
            "callback",
            vec![
                ("media", "openmedia"),
                ("media", "webinteraction"),
                ("queue", "desk"),
                ("phone_parameter", "phone"),
                ("time_parameter", "when"),
            ],
            "media = [\"openmedia\", \"webinteraction\"]\nkind = \"callback\"\nqueue = \"desk\"\nphone_parameter = \"phone\"\ntime_parameter = \"when\"\n",
        ),
        (
            "external",
            vec![("media", "webinteraction"), ("uri_parameter", "uri")],
            "kind = \"external\"\nuri_parameter = \"uri\"\n",
        ),
        (
            "push_url",
            vec![("media", "webinteraction"), ("url", "https://shop.example.com/")],
            "kind = \"push_url\"\nurl = \"https://shop.example.com/\"\n",
        ),
    ] {
        assert!(kinds.contains(&format!("{page}/new?kind={kind}")), "{kinds}");
        let at = format!("{page}/new?kind={kind}");
        // Nothing filled in: each mandatory field says so.
        let empty = fill(admin, &at, &[("kind", kind)]).await;
        assert_eq!(empty.status, 422, "{kind}");
        let optional = usize::from(matches!(kind, "external" | "push_url"));
        let own = fields.iter().filter(|it| it.0 != "media").count() - optional;
        assert_eq!(empty.text.matches("This is mandatory.").count(), 2 * (1 + own), "{kind}: {}", empty.text);
        assert!(empty.text.contains("one kind at least") && empty.text.contains("aria-invalid=\"true\""));
        let name = format!("do_{kind}");
        let form: Vec<_> = fields.iter().copied().chain([("kind", kind), ("name", name.as_str())]).collect();
        let done = fill(admin, &at, &form).await;
        assert_eq!(done.to.as_deref(), Some(page.as_str()), "{kind}: {}", done.text);
        let text = text_of(admin, owner).await;
        assert!(text.contains(&format!("name = \"{name}\"\n")) && text.contains(written), "{kind}: {text}");
    }
    let list = admin.get(&page).await.text;
    for text in [
        "hands over to queue desk",
        "hands over to target 4711",
        "callback by queue desk",
        "that uri names",
        "https://shop.example.com/",
    ] {
        assert!(list.contains(text), "no {text} in {list}");
    }
    let form = admin.get(&format!("{page}/new?kind=requeue")).await.text;
    assert!(form.contains("desk (desk, Message)") && form.contains("value=\"web\""), "{form}");
    assert!(!form.contains("value=\"speech\""), "a requeue is not for calls: {form}");
}

#[tokio::test]
async fn s17_s18_an_action_is_changed_and_taken_out_by_its_media_type_and_exact_name() {
    let (Site { usher, admin }, _, _dialogflow) = begun().await;
    for (owner, what) in OWNERS.into_iter().zip(["profile", "business unit"]) {
        named_to_the_letter(&admin, owner, what).await;
        changed_by_two(&admin, owner, what).await;
        taken_out(&admin, owner).await;
    }
    drop(usher.kill().await);
}

const HUMAN: [(&str, &str); 4] = [("kind", "requeue"), ("name", "Human"), ("media", "openmedia"), ("queue", "desk")];
/// Where the action is changed, behind its owner's path.
const EDIT: &str = "actions/edit?media=openmedia&name=Human";

async fn named_to_the_letter(admin: &Browser, owner: &str, what: &str) {
    let new = format!("{owner}/actions/new?kind=requeue");
    assert_eq!(fill(admin, &new, &HUMAN).await.status, 303);
    let twice = fill(admin, &new, &HUMAN).await;
    assert_eq!(twice.status, 422);
    assert!(twice.text.contains(&format!("Another action of this {what} has this name for Message")), "{}", twice.text);
    let other = [("kind", "requeue"), ("name", "human"), ("media", "openmedia"), ("queue", "desk")];
    assert_eq!(fill(admin, &new, &other).await.status, 303, "another letter is another name");
}

async fn changed_by_two(admin: &Browser, owner: &str, what: &str) {
    let edit = format!("{owner}/{EDIT}");
    let form = admin.get(&edit).await.text;
    let (version, seen) = (hidden(&form, "version").unwrap(), plain(&hidden(&form, "seen").unwrap()));
    let described = [
        ("kind", "requeue"),
        ("name", "Human"),
        ("media", "openmedia"),
        ("queue", "people"),
        ("description", "When nobody else can help."),
        ("parameter.0.name", "why"),
        ("parameter.0.type", "enum"),
        ("parameter.0.values", "angry\r\nlost"),
        ("parameter.0.required", "yes"),
        ("parameter.5.name", "bad name"),
    ];
    let bad = fill(admin, &edit, &described).await;
    assert_eq!(bad.status, 422);
    assert!(bad.text.contains("id=\"f-parameter.1.name-problem\""), "at its field: {}", bad.text);
    assert!(bad.text.contains("angry\nlost") && bad.text.contains("When nobody else can help."), "{}", bad.text);
    assert_eq!(fill(admin, &edit, &described[..9]).await.status, 303);
    let text = text_of(admin, owner).await;
    assert!(text.contains("values = [\"angry\", \"lost\"]") && text.contains("required = true"), "{text}");

    // Somebody else has seen it before, and has made it one for the other text medium as well.
    let mut late_form = vec![("media", "webinteraction"), ("version", &version), ("seen", &seen)];
    late_form.extend(HUMAN);
    let late = admin.send(&edit, &late_form).await;
    assert_eq!(late.status, 409, "seen before the last change");
    assert!(late.text.contains(&format!("chief has changed this {what} meanwhile")), "{}", late.text);
    assert!(late.text.contains("Queue is now: people"), "{}", late.text);
    assert!(!late.text.contains("Kind of contact is now"), "nobody else has changed it: {}", late.text);
    for told in ["Description is now: When nobody else can help.", "Parameter why is now: enum, required, angry | lost"]
    {
        assert!(late.text.contains(told), "no {told} in {}", late.text);
    }
    let now = hidden(&late.text, "version").unwrap();
    late_form[1].1 = &now;
    assert_eq!(admin.send(&edit, &late_form).await.status, 303, "who has seen it may save");
}

async fn taken_out(admin: &Browser, owner: &str) {
    let edit = format!("{owner}/{EDIT}");
    let version = hidden(&admin.get(&edit).await.text, "version").unwrap();
    let gone = admin.send(&edit.replace("/edit?", "/remove?"), &[("version", &version)]).await;
    assert_eq!(gone.to, Some(format!("{owner}/actions")), "{}", gone.text);
    assert_eq!(admin.get(&edit).await.status, 404);
    assert!(text_of(admin, owner).await.contains("name = \"human\""), "the other stays");
}

#[tokio::test]
async fn b3_what_of_an_action_leads_nowhere_is_marked_in_list_and_form() {
    for owner in OWNERS {
        leads_nowhere(&format!("{owner}/actions")).await;
    }
}

async fn leads_nowhere(page: &str) {
    let (Site { usher, admin }, setup, _dialogflow) = begun().await;
    for (kind, form) in [
        ("requeue", vec![("name", "lost"), ("media", "openmedia"), ("queue", "none")]),
        ("requeue", vec![("name", "other"), ("media", "openmedia"), ("queue", "web")]),
        ("speech_requeue", vec![("name", "nowhere"), ("media", "speech"), ("target", "0815")]),
        ("external", vec![("name", "ask"), ("media", "openmedia"), ("uri", "https://orders.example.com/status")]),
    ] {
        let form: Vec<_> = form.into_iter().chain([("kind", kind)]).collect();
        let done = fill(&admin, &format!("{page}/new?kind={kind}"), &form).await;
        assert_eq!(done.status, 303, "before an engine attaches anything may be named: {}", done.text);
    }
    assert!(admin.get(page).await.text.contains("is seen when one attaches"));
    let engine = FakeEngine::attach(centre(setup)).await.unwrap();
    engine.logged_on("va1").await;
    let list = admin.get(page).await.text;
    let told = [
        ("lost", "has no such queue"),
        ("other", "The queue is for another kind of contact"),
        ("nowhere", "has no such target"),
        ("ask", "host orders.example.com with port 443 is not in [[egress.allow]]"),
    ];
    for (name, why) in told {
        assert!(list.contains(why), "{why}: {list}");
        let media = if name == "nowhere" { "speech" } else { "openmedia" };
        let form = admin.get(&format!("{page}/edit?media={media}&name={name}")).await.text;
        assert!(form.contains(why), "{name}: {form}");
    }
    let form = admin.get(&format!("{page}/edit?media=openmedia&name=lost")).await.text;
    assert!(form.contains("none (not in the directory)"), "it is still what is chosen: {form}");
    drop(usher.kill().await);
}
