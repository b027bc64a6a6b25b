//! Forms whose sign-in had ended when they came: they wait at the gateway for the user who typed them, and for nobody else.

use super::{editing::Site, transfer::upload_as, *};

/// As if the sign-in were over; the browser is still known.
pub(super) fn signed_out(browser: &Browser) {
    let name = browser.session_name();
    browser.cookies.lock().unwrap().remove(&name).expect("signed in");
}

/// What the sign-in page carries goes on with it.
pub(super) async fn sign_in_with(browser: &Browser, name: &str, page: &Page) -> Page {
    assert_eq!(page.status, 401, "{}", page.text);
    let (to, held) = (hidden(&page.text, "to").unwrap(), hidden(&page.text, "held").unwrap());
    let form = [("name", name), ("password", PASSWORD), ("to", to.as_str()), ("held", held.as_str())];
    browser.post("/sign-in", &form).await
}

/// By the button of the page.
pub(super) async fn go_on(browser: &Browser, path: &str, page: &Page) -> Page {
    assert!(page.status == 200 && page.text.contains("Your input is still here"), "{}", page.text);
    assert!(page.text.contains(&format!("action=\"{path}\"")), "{}", page.text);
    let (csrf, held) = (hidden(&page.text, "csrf").unwrap(), hidden(&page.text, "held").unwrap());
    browser.post(path, &[("csrf", &csrf), ("held", &held)]).await
}

#[tokio::test]
async fn s1_what_was_typed_is_still_there_after_the_door() {
    let (house, admin) = House::with_admin().await;
    signed_out(&admin);
    let page = admin.post("/users", &[("csrf", "old"), ("name", "ann"), ("role", "operator")]).await;
    assert!(!page.text.contains("ann") && !page.text.contains("operator"), "an id stands for it: {}", page.text);
    assert_eq!(hidden(&page.text, "to").as_deref(), Some("/users"));
    let asked = sign_in_with(&admin, "chief", &page).await;
    assert!(asked.text.contains("What you were about to do: <span class=\"code\">/users</span>"), "{}", asked.text);
    // The door closes a second time.
    signed_out(&admin);
    let held = hidden(&asked.text, "held").unwrap();
    let page = admin.post("/users", &[("csrf", "old"), ("held", &held)]).await;
    let asked = sign_in_with(&admin, "chief", &page).await;
    let done = go_on(&admin, "/users", &asked).await;
    assert_eq!(link_in(&done.text).split('&').next(), Some("/welcome?user=ann"));
    let again = go_on(&admin, "/users", &asked).await;
    assert_eq!(again.status, 410, "once: {}", again.text);
    assert!(again.text.contains("Nothing was changed."), "{}", again.text);
    house.close().await;
}

#[tokio::test]
async fn s1_what_was_typed_is_its_users_alone_and_nothing_is_kept_for_strangers() {
    let (house, admin) = House::with_admin().await;
    let eve = house.user(&admin, "eve", "administrator").await;
    signed_out(&admin);
    let page = admin.post("/account/password", &[("old", PASSWORD), ("new", "a secret that is typed")]).await;
    let held = hidden(&page.text, "held").unwrap();
    let other = sign_in_with(&house.browser(), "eve", &page).await;
    assert_eq!(other.status, 410, "{}", other.text);
    assert!(!other.text.contains("/account/password"), "{}", other.text);
    let other = eve.send("/account/password", &[("held", &held)]).await;
    assert_eq!(other.status, 410, "{}", other.text);
    let elsewhere = sign_in_with(&admin, "chief", &page).await;
    assert_eq!(elsewhere.status, 200);
    let elsewhere = admin.send("/account/language", &[("held", &held)]).await;
    assert_eq!(elsewhere.status, 410, "it was for another address");

    let stranger = house.browser().post("/users", &[("name", "ann"), ("role", "operator")]).await;
    assert_eq!((stranger.status, hidden(&stranger.text, "held")), (401, None), "{}", stranger.text);
    assert!(stranger.text.contains("This takes a sign-in."), "{}", stranger.text);
    house.close().await;
}

#[tokio::test]
async fn s1_a_form_as_large_as_any_is_still_there_after_the_door() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let prompt = "ä".repeat(32_000);
    let text = format!(
        "name = \"assistant\"\nunit = \"sales\"\ntype = \"llm\"\nagents = [\"va2\"]\nagent_password = \"secret\"\n\
         fallback_message = \"Sorry.\"\nwelcome_event = \"\"\n[llm]\nendpoint = \"http://127.0.0.1:9/v1\"\nmodel = \"m\"\n\
         system_prompt = \"{prompt}\"\n"
    );
    signed_out(&admin);
    let page = admin.post("/profiles/new", &[("text", &text)]).await;
    let asked = sign_in_with(&admin, "chief", &page).await;
    let done = go_on(&admin, "/profiles/new", &asked).await;
    assert_eq!((done.status, done.to.as_deref()), (303, Some("/profiles/sales/assistant?done=saved")), "{}", done.text);
    assert!(admin.get("/profiles/sales/assistant/export").await.text.contains(&prompt));

    signed_out(&admin);
    let file = "# a line of an import\n".repeat(15_000) + "[nonsense]\n";
    let page = upload_as(&admin, "old", file.as_bytes()).await;
    let asked = sign_in_with(&admin, "chief", &page).await;
    assert!(asked.text.contains("Import: <span class=\"code\">/configuration/import</span>"), "{}", asked.text);
    let done = go_on(&admin, "/configuration/import", &asked).await;
    assert_eq!(done.status, 422);
    assert!(done.text.contains("nonsense"), "{}", done.text);
    drop(usher.kill().await);
}
