//! Forms that are refused keep what was typed, and lead on: past another administrator's change, and past a store that fails.

use std::path::Path;

use super::{
    editing::{Site, written},
    units::CLINIC,
    *,
};

fn with<'a>(form: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = form.iter().filter(|it| more.iter().all(|other| other.0 != it.0));
    kept.chain(more).copied().collect()
}

/// What a page's form says that it goes on from.
fn version(page: &Page) -> String {
    hidden(&page.text, "version").unwrap_or_else(|| panic!("no version in {}", page.text))
}

#[tokio::test]
async fn the_second_of_two_administrators_sees_what_is_there_and_saves_again() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    admin.send("/units/new", CLINIC).await;
    let path = "/units/clinic/edit";
    let seen = version(&admin.get(path).await);
    let first = admin.send(path, &with(CLINIC, &[("zone", "Europe/Berlin"), ("version", &seen)])).await;
    assert_eq!(first.status, 303, "{}", first.text);
    let late = admin.send(path, &with(CLINIC, &[("country", "ch"), ("version", &seen)])).await;
    assert!(late.status == 409 && late.text.contains("Europe/Berlin"), "what is there: {}", late.text);
    assert!(late.text.contains("value=\"CH\"") && late.text.contains("value=\"Europe/Vienna\""), "{}", late.text);
    let again = admin.send(path, &with(CLINIC, &[("country", "ch"), ("version", &version(&late))])).await;
    assert_eq!(again.to.as_deref(), Some("/units?done=changed"), "{}", again.text);

    admin.send("/engines/new", &[("id", "east"), ("unit", "clinic")]).await;
    let path = "/engines/east/edit";
    let seen = version(&admin.get(path).await);
    let both = [("version", seen.as_str()), ("unit", "clinic"), ("unit", "care")];
    assert_eq!(admin.send(path, &both).await.status, 303);
    let late = admin.send(path, &[("version", &seen), ("unit", "care")]).await;
    assert!(late.status == 409 && late.text.contains("chief has written this meanwhile"), "{}", late.text);
    let again = admin.send(path, &[("version", &version(&late)), ("unit", "care")]).await;
    assert_eq!(again.to.as_deref(), Some("/engines?done=changed"), "{}", again.text);
    let list = admin.get("/engines").await.text;
    assert!(list.contains("/?unit=care") && !list.contains("/?unit=clinic"), "{list}");
    drop(usher.kill().await);
}

/// Where to, what, and what of it the page shows again.
type Sent<'a> = (String, Vec<(&'a str, &'a str)>, &'a str);

/// From here on nothing can be written that the audit log would tell.
async fn breaks(data: &Path) {
    use sqlx::{ConnectOptions as _, Connection as _};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(data.join("usher.db"));
    let mut conn = options.connect().await.unwrap();
    let trigger = "CREATE TRIGGER broken BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'broken'); END";
    sqlx::query(trigger).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

#[tokio::test]
async fn a_store_that_fails_takes_nothing_that_was_typed_along() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let text = written(&dialogflow, "secret-word");
    assert_eq!(admin.send("/profiles/new", &[("text", &text)]).await.status, 303);
    admin.send("/units/new", CLINIC).await;
    admin.send("/engines/new", &[("id", "east"), ("unit", "clinic")]).await;
    let of = "/profiles/sales/written";
    let imported = "{\"test\":\"one\"}\n{\"say\":\"hello\"}\n";
    assert_eq!(admin.send(&format!("{of}/tests/import"), &[("text", imported)]).await.status, 303);
    let [unit, engine, profile, test] = [
        "/units/clinic/edit",
        "/engines/east/edit",
        "/profiles/sales/written/edit",
        "/profiles/sales/written/test/one",
    ];
    let mut seen = Vec::new();
    for path in [unit, engine, profile, test] {
        seen.push(version(&admin.get(path).await));
    }
    let opened = forms::plain(&hidden(&admin.get(profile).await.text, "seen").unwrap());
    breaks(&usher.directory.path().join("data")).await;

    let changed = text.replace("Sorry.", "Typed here.");
    let fresh = changed.replace("\"written\"", "\"fresh\"").replace("va1", "va3");
    let (import, more) =
        ("{\"test\":\"two\"}\n{\"say\":\"typed here\"}\n", "{\"test\":\"one\"}\n{\"say\":\"typed here\"}\n");
    let action = [("kind", "requeue"), ("name", "typed here"), ("media", "openmedia"), ("queue", "q")];
    let forms: Vec<Sent<'_>> = vec![
        ("/units/new".into(), with(CLINIC, &[("name", "ward")]), "value=\"ward\""),
        (unit.into(), with(CLINIC, &[("media_servers", "typed.here"), ("version", &seen[0])]), "value=\"typed.here\""),
        ("/engines/new".into(), vec![("id", "west"), ("unit", "care")], "value=\"west\""),
        (engine.into(), vec![("unit", "care"), ("version", &seen[1])], "value=\"care\" checked"),
        ("/profiles/new".into(), vec![("text", &fresh)], "Typed here."),
        (profile.into(), vec![("text", &changed), ("version", &seen[2])], "Typed here."),
        (
            profile.into(),
            vec![("seen", &opened), ("fallback_message", "Typed here."), ("version", &seen[2])],
            "Typed here.",
        ),
        (format!("{of}/actions/new"), with(&action, &[("version", &seen[2])]), "value=\"typed here\""),
        ("/units/clinic/actions/new".into(), with(&action, &[("version", &seen[0])]), "value=\"typed here\""),
        (
            format!("{of}/agents/change"),
            vec![("typed", "va7"), ("do", "assign"), ("version", &seen[2])],
            "\nva7</textarea>",
        ),
        (format!("{test}/text"), vec![("text", more), ("version", &seen[3])], "typed here"),
        (format!("{test}/copy"), vec![("copy", "typed here")], "value=\"typed here\""),
        (format!("{of}/tests/import"), vec![("text", import)], "typed here"),
        ("/tokens".into(), vec![("name", "typed-here"), ("role", "viewer"), ("days", "30")], "value=\"typed-here\""),
    ];
    for (path, form, kept) in forms {
        let page = admin.send(&path, &form).await;
        assert_eq!(page.status, 503, "{path}: {}", page.text);
        assert!(page.text.contains("The store cannot be read or written now."), "{path}: {}", page.text);
        assert!(page.text.contains(kept), "{path}: no {kept} in {}", page.text);
        assert!(!page.text.contains("secret-word"), "{path}: {}", page.text);
    }
    drop(usher.kill().await);
}

#[tokio::test]
async fn what_destroys_is_behind_a_step_of_its_own() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let action = "[[action]]\nname = \"human\"\nmedia = \"openmedia\"\nkind = \"requeue\"\nqueue = \"q\"\n";
    let text = written(&dialogflow, "secret-word") + action;
    assert_eq!(admin.send("/profiles/new", &[("text", &text)]).await.status, 303);
    admin.send("/units/new", CLINIC).await;
    admin.send("/engines/new", &[("id", "east"), ("unit", "clinic")]).await;
    let of = "/profiles/sales/written";
    admin.send(&format!("{of}/tests/import"), &[("text", "{\"test\":\"one\"}\n{\"say\":\"hello\"}\n")]).await;
    for (path, title) in [
        ("/units/clinic/edit".to_owned(), "Remove the business unit"),
        ("/engines/east/edit".to_owned(), "Remove the engine"),
        ("/users/chief".to_owned(), "Remove the user"),
        (format!("{of}/edit"), "Remove the profile"),
        (format!("{of}/edit?view=text"), "Remove the profile"),
        (format!("{of}/actions/edit?media=openmedia&name=human"), "Remove the action"),
        ("/units/clinic/actions/edit?media=openmedia&name=to_ward".to_owned(), "Remove the action"),
        (format!("{of}/test/one"), "Remove the test"),
    ] {
        let page = admin.get(&path).await.text;
        let (_, inside) = page
            .split_once(&format!("<details class=\"quiet apart\"><summary>{title}</summary>"))
            .unwrap_or_else(|| panic!("{path}: no step in {page}"));
        let inside = inside.split("</details>").next().unwrap();
        assert!(inside.contains("/remove") && inside.contains("class=\"danger\""), "{path}: {inside}");
        for (at, _) in page.match_indices("class=\"danger\"") {
            assert!(is_behind_a_step(&page[..at]), "{path}: {page}");
        }
    }
    drop(usher.kill().await);
}

/// Whether what follows stands in something that is opened first.
fn is_behind_a_step(before: &str) -> bool {
    before.matches("<details").count() > before.matches("</details>").count()
}

#[tokio::test]
async fn what_ends_or_revokes_something_asks_first() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let dials = "unit = \"sales\"\nname = \"dials\"\ntype = \"connector\"\nagent_password = \"x\"\nfallback_message = \"Sorry.\"\n";
    assert_eq!(admin.send("/profiles/new", &[("text", dials)]).await.status, 303);
    let of = "/profiles/sales/dials";
    let none = admin.get(of).await.text;
    let (before, _) = none.split_once(&format!("action=\"{of}/token\"")).unwrap();
    assert!(!is_behind_a_step(before), "the first token ends no other: {none}");
    assert_eq!(admin.send(&format!("{of}/token"), &[("name", ""), ("made_at", "")]).await.status, 200);
    admin.send("/tokens", &[("name", "nightly"), ("role", "viewer"), ("days", "30")]).await;
    admin.send("/units/new", CLINIC).await;
    admin.send("/engines/new", &[("id", "east"), ("unit", "clinic")]).await;
    let seen = version(&admin.get("/engines/east/edit").await);
    admin.send("/engines/east/token", &[("version", &seen), ("keep", "yes")]).await;
    let elsewhere = Browser { cookies: Arc::default(), ..admin.clone() };
    assert_eq!(elsewhere.sign_in("chief", PASSWORD, "").await.status, 303);
    let trial = [("media", "webinteraction"), ("language", ""), ("engine", "primary"), ("queues", "open")];
    let trial = admin.send("/profiles/sales/support/try", &trial).await.to.expect("a conversation");
    for (path, action) in [
        ("/tokens", "/tokens/nightly/revoke".to_owned()),
        ("/account", "/account/end".to_owned()),
        ("/users/chief", "/users/chief/end".to_owned()),
        ("/engines/east/edit", "/engines/east/former".to_owned()),
        (of, format!("{of}/token")),
        (&*trial, format!("{trial}/end")),
    ] {
        let page = admin.get(path).await.text;
        let form = page.split_once(&format!("action=\"{action}\""));
        let (before, after) = form.unwrap_or_else(|| panic!("{path}: no {action} in {page}"));
        assert!(is_behind_a_step(before), "{path}: {page}");
        assert!(after.split("</form>").next().unwrap().contains("class=\"danger\""), "{path}: {page}");
    }
    drop(usher.kill().await);
}
