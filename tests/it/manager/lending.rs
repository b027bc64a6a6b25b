//! A business unit lends its actions to all of its profiles (S18): what is only about that.

use super::{
    building::{begun, centre, fill, text_of},
    editing::Site,
    *,
};
use crate::{conversation::binary::Binary, fakes::engine::FakeEngine};

const UNIT: &str = "/units/clinic/actions";
const PROFILE: &str = "/profiles/clinic/written/actions";
const HUMAN: &[(&str, &str)] = &[("kind", "requeue"), ("name", "human"), ("media", "openmedia"), ("queue", "desk")];

#[tokio::test]
async fn s18_an_action_of_a_business_unit_is_its_profiles_until_one_has_its_own() {
    let (Site { usher, admin }, setup, _dialogflow) = begun().await;
    assert!(admin.get(UNIT).await.text.contains("have what they have of their own"));
    let made = fill(&admin, &format!("{UNIT}/new?kind=requeue"), HUMAN).await;
    assert_eq!(made.to.as_deref(), Some(UNIT), "{}", made.text);
    let engine = FakeEngine::attach(centre(setup)).await.unwrap();
    engine.logged_on("va1").await;

    let lent = admin.get(PROFILE).await.text;
    assert!(lent.contains("hands over to queue desk") && lent.contains("unit clinic (Web Manager):"), "{lent}");
    assert!(lent.contains(&format!("<a href=\"{UNIT}\">the business unit</a>")), "{lent}");
    assert!(!lent.contains(&format!("{PROFILE}/edit")), "it is not the profile's to change: {lent}");
    let override_it = format!("{PROFILE}/new?media=openmedia&name=human");
    assert!(lent.contains(&override_it.replace('&', "&amp;")), "{lent}");
    assert!(admin.get(&override_it).await.text.contains("value=\"desk\" selected"));
    let own: Vec<_> = HUMAN.iter().map(|it| if it.0 == "queue" { ("queue", "people") } else { *it }).collect();
    assert_eq!(fill(&admin, &override_it, &own).await.to.as_deref(), Some(PROFILE));
    let list = admin.get(PROFILE).await.text;
    assert!(list.contains("overridden by this profile's own"), "{list}");
    let list = admin.get(UNIT).await.text;
    assert!(list.contains(&format!("overridden in <a href=\"{PROFILE}\">written</a>")), "{list}");

    // A copy begins with the same, and says that the name is taken until it has another.
    let copy = format!("{UNIT}/new?media=openmedia&name=human");
    assert!(admin.get(&format!("{UNIT}/edit?media=openmedia&name=human")).await.text.contains("Copy it"));
    assert_eq!(fill(&admin, &copy, HUMAN).await.status, 422);
    let other: Vec<_> = HUMAN.iter().map(|it| if it.0 == "name" { ("name", "person") } else { *it }).collect();
    assert_eq!(fill(&admin, &copy, &other).await.status, 303);
    let units = admin.get("/units").await.text;
    assert!(units.contains(&format!("<a href=\"{UNIT}\">2</a>")), "{units}");
    let form = admin.get("/units/clinic/edit").await.text;
    assert!(form.contains("Actions: 2") && form.contains(&format!("href=\"{UNIT}\"")), "{form}");
    drop(usher.kill().await);
}

#[tokio::test]
async fn s18_the_form_of_a_business_unit_leaves_its_actions_as_they_are_written() {
    let (Site { usher, admin }, ..) = begun().await;
    let text = "# To people.\n[[unit.action]]\nname = \"human\" # as in the agent\nmedia = \"openmedia\"\nkind = \"requeue\"\nqueue = \"desk\"";
    let unit = [("zone", "UTC"), ("country", "DE")];
    let by_text: Vec<_> = unit.into_iter().chain([("actions", text)]).collect();
    assert_eq!(fill(&admin, "/units/clinic/edit?view=text", &by_text).await.status, 303);
    let plain = admin.get("/units/clinic/edit").await.text;
    assert!(!plain.contains("name=\"actions\""), "{plain}");
    let by_form = [("zone", "Europe/Vienna"), ("country", "AT"), ("languages", "de")];
    let seen = hidden(&plain, "version").unwrap();
    let changed = fill(&admin, "/units/clinic/edit", &by_form).await;
    assert_eq!(changed.to.as_deref(), Some("/units?done=changed"), "{}", changed.text);
    assert_eq!(text_of(&admin, "/units/clinic").await.trim(), text);
    let late = by_form.into_iter().chain([("version", seen.as_str())]).collect::<Vec<_>>();
    let late = admin.send("/units/clinic/edit", &late).await;
    assert!(late.status == 409 && late.text.contains("chief has written this meanwhile"), "{}", late.text);
    assert_eq!(text_of(&admin, "/units/clinic").await.trim(), text);
    drop(usher.kill().await);
}

#[tokio::test]
async fn s18_the_actions_of_a_unit_that_a_file_or_nobody_has_written() {
    let (Site { usher, admin }, ..) = begun().await;
    let of_file = admin.get("/units/sales/actions").await;
    assert!(
        of_file.status == 200
            && of_file
                .text
                .contains("Written in usher.toml. Its actions are changed there, in <code>[[unit.action]]</code>.")
    );
    assert!(!of_file.text.contains("/units/sales/actions/new"), "{}", of_file.text);
    for (path, form) in
        [("new", HUMAN), ("edit?media=openmedia&name=human", HUMAN), ("remove?media=openmedia&name=human", &[])]
    {
        let refused = admin.send(&format!("/units/sales/actions/{path}"), form).await;
        assert_eq!(refused.status, 409, "{path}: {}", refused.text);
        assert!(
            refused.text.contains("This is written in usher.toml and is changed there."),
            "{path}: {}",
            refused.text
        );
    }
    assert_eq!(admin.get("/units/sales/actions/new").await.status, 409);
    assert_eq!(admin.get("/profiles/sales/support/actions/new").await.status, 409, "a profile of a file is no other");
    for path in ["", "/new", "/edit?media=openmedia&name=human"] {
        assert_eq!(admin.get(&format!("/units/nowhere/actions{path}")).await.status, 404, "{path}");
    }
    assert_eq!(admin.get("/units/clinic/actions/edit?media=openmedia&name=none").await.status, 404);
    drop(usher.kill().await);
}

#[tokio::test]
async fn s1_s18_whoever_may_only_look_sees_the_actions_of_a_business_unit_and_changes_none() {
    let (Site { usher, admin }, ..) = begun().await;
    assert_eq!(fill(&admin, &format!("{UNIT}/new?kind=requeue"), HUMAN).await.status, 303);
    for role in ["viewer", "operator"] {
        let made = admin.send("/users", &[("name", role), ("role", role)]).await;
        let (link, other) = (link_in(&made.text), Browser { cookies: Arc::default(), ..admin.clone() });
        let form = [("user", role), ("token", token_of(&link)), ("password", PASSWORD), ("again", PASSWORD)];
        assert_eq!(other.post("/welcome", &form).await.status, 303);
        let list = other.get(UNIT).await;
        assert!(list.status == 200 && list.text.contains("hands over to queue desk"), "{}", list.text);
        assert!(!list.text.contains(&format!("{UNIT}/")), "no way to change one: {}", list.text);
        for path in ["new", "edit?media=openmedia&name=human"] {
            assert_eq!(other.get(&format!("{UNIT}/{path}")).await.status, 403, "{role}: {path}");
            assert_eq!(other.send(&format!("{UNIT}/{path}"), HUMAN).await.status, 403, "{role}: {path}");
        }
        let remove = format!("{UNIT}/remove?media=openmedia&name=human");
        assert_eq!(other.send(&remove, &[("version", "2")]).await.status, 403, "{role}");
    }
    assert!(text_of(&admin, "/units/clinic").await.contains("name = \"human\""));
    drop(usher.kill().await);
}

#[tokio::test]
async fn s1_s18_an_action_that_was_typed_for_a_business_unit_is_still_there_after_the_door() {
    let (Site { usher, admin }, ..) = begun().await;
    let at = format!("{UNIT}/new");
    let version = hidden(&admin.get(&format!("{at}?kind=requeue")).await.text, "version").unwrap();
    let form: Vec<_> = HUMAN.iter().copied().chain([("csrf", "old"), ("version", version.as_str())]).collect();
    held::signed_out(&admin);
    let page = admin.post(&at, &form).await;
    let asked = held::sign_in_with(&admin, "chief", &page).await;
    let done = held::go_on(&admin, &at, &asked).await;
    assert_eq!(done.to.as_deref(), Some(UNIT), "{}", done.text);
    assert!(text_of(&admin, "/units/clinic").await.contains("name = \"human\""));
    drop(usher.kill().await);
}

#[tokio::test]
async fn s18_a_default_business_unit_is_written_when_it_gets_its_first_action() {
    let dialogflow = FakeDialogflow::start();
    let profile = profile(&dialogflow.endpoint()).replace("unit = \"sales\"\n", "");
    let config = CONFIG.replace("[[unit]]\nname = \"sales\"\n[[unit]]\nname = \"care\"\n", "");
    let config = config.split("[[engine]]").next().unwrap();
    let usher = Binary::start_in(tempfile::tempdir().unwrap(), config, &profile).await;
    let admin = editing::browser_of(&usher).await;
    let link = usher.line("make the first administrator at").await;
    let form = [("token", token_of(&link)), ("name", "chief"), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(admin.post("/welcome", &form).await.status, 303);
    let page = "/units/DEFAULT/actions";
    assert_eq!(hidden(&admin.get(&format!("{page}/new?kind=requeue")).await.text, "version").as_deref(), Some("0"));
    // What is wrong with it stands at its field, though its document is not there yet.
    let bad: Vec<_> = HUMAN.iter().copied().chain([("parameter.0.name", "bad name")]).collect();
    let bad = fill(&admin, &format!("{page}/new?kind=requeue"), &bad).await;
    assert!(bad.status == 422 && bad.text.contains("id=\"f-parameter.0.name-problem\""), "{}", bad.text);
    let made = fill(&admin, &format!("{page}/new?kind=requeue"), HUMAN).await;
    assert_eq!(made.to.as_deref(), Some(page), "{}", made.text);
    assert!(admin.get("/units").await.text.contains("unit DEFAULT (Web Manager)"));
    let late: Vec<_> = HUMAN.iter().copied().chain([("version", "0")]).collect();
    let late = admin.send(&format!("{page}/new"), &late).await;
    assert!(
        late.status == 409 && late.text.contains("chief has changed this business unit meanwhile"),
        "{}",
        late.text
    );
    drop(usher.kill().await);
}
