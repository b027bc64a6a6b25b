//! Users become a profile's virtual agents, and stop being it, by page (S3, S4, S16).

use usher::wire::engine::{SignOn, User};

use super::{
    editing::{Site, written},
    *,
};
use crate::fakes::engine::{FakeEngine, Setup};

const PAGE: &str = "/profiles/sales/written/agents";

/// Users of every sort beside `va1`, which the written profile has, and `va9`, which the file's has.
fn staffed(setup: Setup) -> Setup {
    let mut setup = setup.user("va1").user("va2").user("va9");
    let mut user = |id: &str, change: fn(&mut User)| {
        let sign_on = SignOn::Password.into();
        let (id, name) = (id.to_owned(), format!("Name of {id}"));
        let mut user = User { id, name, agent_rights: true, sign_on, ..User::default() };
        change(&mut user);
        setup.directory.users.push(user);
    };
    user("windows", |it| it.sign_on = SignOn::Windows.into());
    user("saml", |it| it.sign_on = SignOn::Saml2.into());
    user("processes", |it| it.automatic_post_processing = true);
    user("wraps <up>", |it| it.mandatory_wrap_up_reason = true);
    user("boss-1", |it| it.agent_rights = false);
    user("boss-2", |it| it.agent_rights = false);
    setup
}

async fn begun() -> (Site, FakeDialogflow) {
    let dialogflow = FakeDialogflow::start();
    let site = Site::new(&dialogflow).await;
    let page = site.admin.send("/profiles/new", &[("text", &written(&dialogflow, "secret-word"))]).await;
    assert_eq!(page.status, 303, "{}", page.text);
    (site, dialogflow)
}

async fn version(admin: &Browser) -> String {
    hidden(&admin.get(PAGE).await.text, "version").unwrap()
}

/// Whether there is a box for the user.
fn is_offered(page: &str, user: &str) -> bool {
    page.contains(&format!("name=\"user\" value=\"{user}\""))
}

#[tokio::test]
async fn s16_users_are_taken_on_and_off_and_log_on_at_once() {
    let (Site { usher, admin }, _dialogflow) = begun().await;
    let engine = FakeEngine::attach(staffed(usher.setup())).await.unwrap();
    engine.logged_on("va1").await;
    // What is accepted comes after the log-on was taken note of.
    engine.open("c-0", "va1").await;
    let page = admin.get(PAGE).await.text;
    assert!(is_offered(&page, "va1") && is_offered(&page, "va2") && page.contains("is logged on"), "{page}");
    assert!(page.contains("Serves profile support already") && !is_offered(&page, "va9"), "{page}");
    assert!(page.contains("2 users have no agent rights") && !page.contains("boss-1"), "{page}");

    let seen = version(&admin).await;
    let form = [("version", seen.as_str()), ("do", "assign"), ("user", "va2")];
    assert_eq!(admin.send(&format!("{PAGE}/change"), &form).await.status, 303);
    engine.logged_on("va2").await;
    let edit = admin.get("/profiles/sales/written/edit").await.text;
    assert!(edit.contains("# mine") && edit.contains("agents = [&quot;va1&quot;, &quot;va2&quot;]"), "{edit}");

    let form = [("version", version(&admin).await), ("do", "take_off".to_owned()), ("user", "va1".to_owned())];
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(admin.send(&format!("{PAGE}/change"), &form).await.status, 303);
    let late = admin.send(&format!("{PAGE}/change"), &form).await;
    assert_eq!(late.status, 409, "it was seen before the last change");
    assert!(late.text.contains("chief has changed this profile meanwhile"), "{}", late.text);
    let none = admin.send(&format!("{PAGE}/change"), &[("version", &version(&admin).await), ("do", "assign")]).await;
    assert!(none.status == 422 && none.text.contains("Nobody was chosen"), "{}", none.text);
    let log = admin.get("/audit.csv").await.text;
    assert!(log.matches("\"profile.changed\",\"sales/written\"").count() == 2, "{log}");
    drop(usher.kill().await);
}

#[tokio::test]
async fn s3_s4_s16_who_cannot_serve_is_shown_with_the_reason_and_refused_by_name() {
    let (Site { usher, admin }, _dialogflow) = begun().await;
    let engine = FakeEngine::attach(staffed(usher.setup())).await.unwrap();
    engine.logged_on("va1").await;
    let page = admin.get(&format!("{PAGE}?show=unfit")).await.text;
    let version = version(&admin).await;
    for (user, shown, reason) in [
        ("windows", "windows", "Signs on by Windows"),
        ("saml", "saml", "Signs on by SAML2"),
        ("processes", "processes", "Has automatic post-processing"),
        ("wraps <up>", "wraps &lt;up&gt;", "Must give a wrap-up reason"),
        ("va9", "va9", "Serves profile support already"),
        ("boss-1", "boss-1", "Has no agent rights"),
        ("nobody", "nobody", "Is not in the business unit"),
    ] {
        let listed = !matches!(user, "boss-1" | "nobody");
        assert_eq!(page.contains(reason), listed, "{user} in {page}");
        assert!(!is_offered(&page, shown), "{user}");
        let form = [("version", version.as_str()), ("do", "assign"), ("user", user), ("user", "va2")];
        let refused = admin.send(&format!("{PAGE}/change"), &form).await;
        assert_eq!(refused.status, 422, "{user}");
        assert!(refused.text.contains(&format!("<li>{shown}: {reason}")), "{user}: {}", refused.text);
        let ticked = "name=\"user\" value=\"va2\" checked";
        assert!(refused.text.contains(ticked), "what was chosen stays: {}", refused.text);
    }
    assert!(!engine.take_notices().iter().any(|it| format!("{it:?}").contains("va2")));
    let found = admin.get(&format!("{PAGE}?find=NAME%20OF%20s")).await.text;
    assert!(found.contains("saml") && !found.contains("windows"), "{found}");
    let all = admin.get(&format!("{PAGE}?all=available")).await.text;
    assert!(all.contains("value=\"va2\" checked") && !all.contains("value=\"va1\" checked"), "{all}");
    drop(usher.kill().await);
}

#[tokio::test]
async fn s16_before_an_engine_attaches_users_are_named_and_checked_when_it_does() {
    let (Site { usher, admin }, _dialogflow) = begun().await;
    let page = admin.get(PAGE).await.text;
    assert!(page.contains("is checked when one attaches") && page.contains("name=\"typed\""), "{page}");
    let version = version(&admin).await;
    let form = [("version", version.as_str()), ("do", "assign"), ("typed", "va2\r\nva9\r\n")];
    let refused = admin.send(&format!("{PAGE}/change"), &form).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text.contains("<li>va9: Serves profile support already"), "{}", refused.text);
    assert!(refused.text.contains("va2\nva9"), "what was typed stays: {}", refused.text);
    let form = [("version", version.as_str()), ("do", "assign"), ("typed", "va2\r\nwindows\r\n")];
    assert_eq!(admin.send(&format!("{PAGE}/change"), &form).await.status, 303);
    let engine = FakeEngine::attach(staffed(usher.setup())).await.unwrap();
    engine.logged_on("va2").await;
    let page = admin.get(PAGE).await.text;
    assert!(page.contains("Signs on by Windows") && is_offered(&page, "windows"), "it can be taken off: {page}");
    // A file's profile is looked at, not changed.
    let page = admin.get("/profiles/sales/support/agents").await.text;
    assert!(page.contains("Written in ") && !page.contains("type=\"checkbox\""), "{page}");
    let form = [("version", "1"), ("do", "assign"), ("user", "va3")];
    assert_eq!(admin.send("/profiles/sales/support/agents/change", &form).await.status, 409);
    drop(usher.kill().await);
}
