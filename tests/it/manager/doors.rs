//! Who may come in where: every page by every role, forms of other sites, sessions, headers.

use usher::manager::{Role, access};

use super::*;

/// A path of the route, with names that are there.
pub(super) fn path(route: &str) -> String {
    route
        .replace("{unit}", "sales")
        .replace("{contact}", "c1")
        .replace("{profile}", "support")
        .replace("{user}", "chief")
        .replace("{token}", "none")
        .replace("{engine}", "east")
        .replace("{test}", "none")
        .replace("{trial}", "none")
        .replace("{operation}", "listContacts")
}

#[tokio::test]
async fn s1_every_page_takes_its_role() {
    let (house, admin) = House::with_admin().await;
    let viewer = house.user(&admin, "victor", "viewer").await;
    let operator = house.user(&admin, "olga", "operator").await;
    let stranger = house.browser();
    let mut seen = 0;
    for (route, methods, role) in access() {
        let path = path(route);
        for method in methods.split(' ') {
            let ask = async |browser: &Browser| match method {
                // What streams is looked at no further than its head.
                "GET" => browser.open(&path).await.status().as_u16(),
                _ => browser.post(&path, &[]).await.status,
            };
            seen += 1;
            let expected = match (role, method) {
                (None, _) => continue,
                (Some(_), "GET") => 303,
                (Some(_), _) => 401,
            };
            assert_eq!(ask(&stranger).await, expected, "nobody at {method} {path}");
            for (browser, own) in [(&viewer, Role::Viewer), (&operator, Role::Operator), (&admin, Role::Administrator)]
            {
                let status = ask(browser).await;
                let may = Some(own) >= role;
                assert_eq!(status == 403, !may, "{own:?} at {method} {path}: {status}");
                assert!(status < 500, "{own:?} at {method} {path}: {status}");
            }
        }
    }
    assert!(seen > 20, "{seen}");
    house.close().await;
}

#[tokio::test]
async fn s1_a_form_of_another_site_changes_nothing() {
    let (house, admin) = House::with_admin().await;
    let csrf = admin.csrf().await;
    for (site, form) in [
        ("cross-site", vec![("name", "eve"), ("role", "administrator"), ("csrf", csrf.as_str())]),
        ("same-site", vec![("name", "eve"), ("role", "administrator"), ("csrf", csrf.as_str())]),
        ("same-origin", vec![("name", "eve"), ("role", "administrator")]),
        ("same-origin", vec![("name", "eve"), ("role", "administrator"), ("csrf", "0000")]),
    ] {
        let page = admin.post_from(site, "/users", &form).await;
        let expected = if site == "same-origin" { 200 } else { 403 };
        assert_eq!(page.status, expected, "{site}: {}", page.text);
        assert!(!admin.get("/users").await.text.contains("eve"));
    }
    let json = admin.client.post(admin.base.clone() + "/users").header("cookie", admin.cookies()).body("{}");
    assert_eq!(json.send().await.unwrap().status(), 415);
    house.close().await;
}

#[tokio::test]
async fn s1_a_session_is_new_with_every_sign_in_and_nobody_can_choose_it() {
    let (house, admin) = House::with_admin().await;
    let first = admin.session().unwrap();
    let chosen = house.browser();
    chosen.cookies.lock().unwrap().insert(admin.session_name(), "chosen".to_owned());
    assert_eq!(chosen.get("/").await.status, 303);
    assert_eq!(chosen.sign_in("chief", PASSWORD, "").await.status, 303);
    let second = chosen.session().unwrap();
    assert!(second != "chosen" && second != first && second.len() == 64);
    let cookie = chosen.sign_in("chief", PASSWORD, "").await.headers["set-cookie"].to_str().unwrap().to_owned();
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Max-Age=43200"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert_eq!(admin.send("/sign-out", &[]).await.to.as_deref(), Some("/sign-in"));
    assert_eq!(admin.session(), None);
    let old = house.browser();
    old.cookies.lock().unwrap().insert(admin.session_name(), first);
    assert_eq!(old.get("/").await.status, 303, "it is over at the gateway, too");
    house.close().await;
}

#[tokio::test]
async fn s1_two_gateways_on_a_host_leave_each_others_users_signed_in() {
    let (one, admin) = House::with_admin().await;
    let two = House::new().await;
    // A browser sends a host's cookies to all of its ports.
    let other = Browser { cookies: Arc::clone(&admin.cookies), ..two.browser() };
    let link = two.link();
    let form = [("token", token_of(&link)), ("name", "chief"), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(other.post("/welcome", &form).await.status, 303);
    assert_eq!((admin.get("/").await.status, other.get("/").await.status), (200, 200));
    assert_eq!(other.send("/sign-out", &[]).await.status, 303);
    assert_eq!((admin.get("/").await.status, other.get("/").await.status), (200, 303));
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn s1_the_door_leads_to_pages_of_ours_alone() {
    let (house, admin) = House::with_admin().await;
    admin.cookies.lock().unwrap().clear();
    assert_eq!(admin.get("/audit?before=7").await.to.as_deref(), Some("/sign-in?to=%2Faudit%3Fbefore%3D7"));
    for (to, expected) in
        [("/audit?before=7", "/audit?before=7"), ("//evil.example", "/"), ("https://evil.example", "/")]
    {
        let form = [("name", "chief"), ("password", PASSWORD), ("to", to)];
        assert_eq!(house.browser().post("/sign-in", &form).await.to.as_deref(), Some(expected), "{to}");
    }
    house.close().await;
}

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_browsers_strict() {
    let (house, admin) = House::with_admin().await;
    for path in ["/", "/sign-in", "/users", "/nothing", "/style.css", "/audit.csv", "/contacts/sales/none"] {
        let headers = admin.open(path).await.headers().clone();
        let csp = headers["content-security-policy"].to_str().unwrap();
        assert!(csp.starts_with("default-src 'none'") && !csp.contains("unsafe"), "{path}: {csp}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(headers[name], value, "{path}");
        }
        let cache = if path == "/style.css" { "no-cache" } else { "no-store" };
        assert_eq!(headers["cache-control"], cache, "{path}");
    }
    let tag = admin.open("/usher.js").await.headers()["etag"].clone();
    let again = admin.client.get(admin.base.clone() + "/usher.js").header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    let page = admin.get("/").await.text;
    for path in ["/style.css", "/usher.js", "/icon.svg"] {
        let named = page.split('"').find(|it| it.starts_with(&format!("{path}?"))).unwrap();
        let kept = admin.open(named).await.headers()["cache-control"].clone();
        assert!(kept.to_str().unwrap().ends_with("immutable"), "{named}: {kept:?}");
        let other = admin.open(&format!("{named}0")).await.headers()["cache-control"].clone();
        assert_eq!(other, "no-cache", "of another version");
    }
    assert_eq!(admin.get("/nothing").await.status, 404);
    house.close().await;
}
