//! Users, their passwords and second factors, and what the audit log says of it.

use super::*;

#[tokio::test]
async fn s1_the_first_link_makes_an_administrator_once() {
    let house = House::new().await;
    let (browser, link) = (house.browser(), house.link());
    assert_eq!(browser.get("/welcome?token=0000").await.status, 404);
    assert!(browser.get(&link).await.text.contains("first administrator"));
    let choose = async |password: &str, again: &str| {
        let form = [("token", token_of(&link)), ("name", "Chief"), ("password", password), ("again", again)];
        browser.post("/welcome", &form).await
    };
    for (password, again, told) in [
        ("short", "short", "shorter than 12 characters"),
        ("chief and something", "chief and something", "holds the user&#39;s name"),
        (PASSWORD, "another one entirely", "The two passwords differ."),
    ] {
        let page = choose(password, again).await;
        assert!(page.text.contains(told) || page.text.contains(&told.replace("&#39;", "'")), "{told}: {}", page.text);
    }
    assert_eq!(choose(PASSWORD, PASSWORD).await.to.as_deref(), Some("/"));
    assert_eq!(browser.get("/").await.status, 200);
    let again = house.browser();
    assert_eq!(again.get(&link).await.status, 404, "once");
    let form = [("token", token_of(&link)), ("name", "eve"), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(again.post("/welcome", &form).await.status, 404);
    assert!(house.usher.open_office().await.0.first_link().is_none(), "there is somebody after a restart");
    house.close().await;
}

#[tokio::test]
async fn s1_nothing_tells_whether_there_is_a_user_and_guessing_is_slowed_down() {
    let (house, _) = House::with_admin().await;
    let browser = house.browser();
    let mut pages = Vec::new();
    for (name, password) in [("chief", "wrong password"), ("nobody", "wrong password"), ("<b>", ""), ("", "")] {
        let page = browser.sign_in(name, password, "").await;
        assert_eq!(page.status, 401);
        assert!(
            page.text.contains("You are not signed in") && !page.text.contains("Nothing was changed"),
            "{}",
            page.text
        );
        let typed = name.replace('<', "&lt;").replace('>', "&gt;");
        let field = format!("value=\"{typed}\" autocomplete=\"username\"");
        assert!(page.text.contains(&field), "{}", page.text);
        pages.push(page.text.replace(&field, ""));
    }
    assert!(pages.iter().all(|it| *it == pages[0]), "the same page for all");
    // All at once: each counts before it is compared.
    let crowd = futures::future::join_all((0..12).map(|_| browser.sign_in("chief", "wrong password", ""))).await;
    let compared = crowd.iter().filter(|it| it.status == 401).count();
    // One has failed before; on a slow machine a wait may be over in between.
    assert!((4..=6).contains(&compared), "{compared} of 12");
    let throttled = crowd.iter().find(|it| it.status == 429).expect("most have to wait");
    assert!(throttled.text.contains("Too many tries. Wait "), "{}", throttled.text);
    house.close().await;
}

#[tokio::test]
async fn s1_whoever_keeps_guessing_a_name_keeps_strangers_waiting_and_not_its_owner() {
    let (house, admin) = House::with_admin().await;
    let ann = house.user(&admin, "ann", "viewer").await;
    assert_eq!(ann.send("/sign-out", &[]).await.status, 303);
    let stranger = house.browser();
    futures::future::join_all((0..24).map(|_| stranger.sign_in("ann", "a guess of many", ""))).await;
    assert_eq!(stranger.sign_in("ann", PASSWORD, "").await.status, 429, "the name is guarded");
    assert_eq!(ann.sign_in("ann", PASSWORD, "").await.status, 303, "her browser is known");
    // Known for ann alone, and bounded by itself.
    assert_eq!(ann.send("/sign-out", &[]).await.status, 303);
    futures::future::join_all((0..24).map(|_| stranger.sign_in("chief", "a guess of many", ""))).await;
    assert_eq!(ann.sign_in("chief", PASSWORD, "").await.status, 429);
    futures::future::join_all((0..24).map(|_| ann.sign_in("ann", "a guess of many", ""))).await;
    assert_eq!(ann.sign_in("ann", PASSWORD, "").await.status, 429);
    house.close().await;
}

#[tokio::test]
async fn s1_users_are_invited_changed_and_removed_and_the_log_tells_by_whom() {
    let (house, admin) = House::with_admin().await;
    let bad = admin.send("/users", &[("name", "a b"), ("role", "viewer")]).await;
    assert!(bad.text.contains("1 to 64 letters, digits") && bad.text.contains("Nothing was changed"), "{}", bad.text);
    let ann = house.user(&admin, "ann", "viewer").await;
    assert_eq!(ann.get("/users").await.status, 403);
    let taken = admin.send("/users", &[("name", "ANN"), ("role", "viewer")]).await;
    assert!(taken.text.contains("There is a user of this name already"));

    let version = async |name: &str| hidden(&admin.get(&format!("/users/{name}")).await.text, "version").unwrap();
    let now = version("ann").await;
    let raised = admin.send("/users/ann", &[("role", "administrator"), ("version", &now)]).await;
    assert_eq!(raised.to.as_deref(), Some("/users?done=changed"));
    assert_eq!(ann.get("/").await.status, 303, "whoever was signed in signs in again");
    assert_eq!(ann.sign_in("ann", PASSWORD, "").await.status, 303);
    assert_eq!(ann.get("/users").await.status, 200);
    let stale = ann.send("/users/ann", &[("role", "viewer"), ("version", &now)]).await;
    assert!(stale.text.contains("Somebody else has changed this meanwhile"), "{}", stale.text);

    let root = version("chief").await;
    assert_eq!(ann.send("/users/chief/remove", &[("version", &root)]).await.status, 303);
    assert_eq!(admin.get("/").await.status, 303);
    let own = hidden(&ann.get("/users/ann").await.text, "version").unwrap();
    for (path, form) in [
        ("/users/ann/remove", vec![("version", own.as_str())]),
        ("/users/ann", vec![("role", "viewer"), ("version", own.as_str())]),
    ] {
        let page = ann.send(path, &form).await;
        assert!(page.text.contains("the last administrator"), "{}", page.text);
    }

    let log = ann.get("/audit.csv").await.text;
    let told: Vec<Vec<&str>> = log.lines().skip(1).map(|it| it.split("\",\"").skip(1).collect()).collect();
    let told: Vec<String> = told.iter().rev().map(|it| it.join(" ").trim_matches(['"', ' ']).to_owned()).collect();
    let expected = [
        "chief user.first chief  administrator",
        "chief signed_in chief",
        "chief user.added ann  viewer",
        "ann user.password ann",
        "ann signed_in ann",
        "chief user.changed ann viewer administrator",
        "ann signed_in ann",
        "ann user.removed chief administrator",
    ];
    assert_eq!(told, expected, "{log}");
    assert!(ann.get("/audit.csv").await.text.contains("user.removed"));
    house.close().await;
}

#[tokio::test]
async fn s1_a_link_for_a_new_password_is_good_once_and_ends_what_was_open() {
    let (house, admin) = House::with_admin().await;
    let ann = house.user(&admin, "ann", "viewer").await;
    let version = async || hidden(&admin.get("/users/ann").await.text, "version").unwrap();
    let seen = version().await;
    let link = link_in(&admin.send("/users/ann/invite", &[("version", &seen)]).await.text);
    let reloaded = admin.send("/users/ann/invite", &[("version", &seen)]).await.text;
    assert!(reloaded.contains("No new link was made") && !reloaded.contains("/welcome"), "{reloaded}");
    assert_eq!(house.browser().get(&link).await.status, 200, "the one that was sent is still good");
    let newer = link_in(&admin.send("/users/ann/invite", &[("version", &version().await)]).await.text);
    let other = "quite another long password";
    let accept = async |link: &str| {
        let form = [("user", "ann"), ("token", token_of(link)), ("password", other), ("again", other)];
        house.browser().post("/welcome", &form).await.status
    };
    assert_eq!(accept(&link).await, 404, "there is a newer one");
    assert_eq!(ann.get("/").await.status, 200, "until it is used nothing changes");
    assert_eq!(accept(&newer).await, 303);
    assert_eq!(accept(&newer).await, 404, "once");
    assert_eq!(ann.get("/").await.status, 303);
    assert_eq!(ann.sign_in("ann", PASSWORD, "").await.status, 401);
    assert_eq!(ann.sign_in("ann", other, "").await.status, 303);
    house.close().await;
}

/// What is said at a field.
fn problem_at<'a>(page: &'a str, field: &str) -> &'a str {
    let (_, told) =
        page.split_once(&format!("id=\"f-{field}-problem\">")).unwrap_or_else(|| panic!("nothing at {field}: {page}"));
    told.split('<').next().unwrap()
}

#[tokio::test]
async fn s1_ones_own_password_and_browsers() {
    let (house, admin) = House::with_admin().await;
    let elsewhere = house.browser();
    elsewhere.sign_in("chief", PASSWORD, "").await;
    let other = "quite another long password";
    let wrong = [("old", "not the password"), ("new", other), ("again", other)];
    let refused = admin.send("/account/password", &wrong).await;
    assert_eq!((refused.status, problem_at(&refused.text, "old")), (422, "This is not your password."));
    let differ = [("old", PASSWORD), ("new", other), ("again", "another one entirely")];
    let refused = admin.send("/account/password", &differ).await;
    assert_eq!(problem_at(&refused.text, "again"), "The two passwords differ.");
    let short = [("old", PASSWORD), ("new", "short"), ("again", "short")];
    let refused = admin.send("/account/password", &short).await;
    assert!(problem_at(&refused.text, "new").contains("shorter than 12 characters"), "{}", refused.text);
    let right = [("old", PASSWORD), ("new", other), ("again", other)];
    assert_eq!(admin.send("/account/password", &right).await.to.as_deref(), Some("/account?done=password"));
    assert_eq!((admin.get("/").await.status, elsewhere.get("/").await.status), (200, 303));
    elsewhere.sign_in("chief", other, "").await;
    let session = hidden(&admin.get("/account").await.text, "session").expect("the other browser");
    assert_eq!(admin.send("/account/end", &[("session", &session)]).await.status, 303);
    assert_eq!((admin.get("/").await.status, elsewhere.get("/").await.status), (200, 303));
    assert_eq!(admin.send("/account/language", &[("language", "de")]).await.status, 303);
    assert!(admin.get("/").await.text.contains("Kein Kontakt ist offen."));
    house.close().await;
}

/// The codes come from an implementation of their own: what an app does.
#[tokio::test]
async fn s1_a_second_factor_is_asked_for_once_it_has_been_shown() {
    let (house, admin) = House::with_admin().await;
    let page = admin.get("/account/factor").await.text;
    assert!(page.contains("<svg class=\"qr\"") && !page.contains("style="), "a picture for the app: {page}");
    let secret = hidden(&page, "secret").unwrap();
    assert!(page.contains(&format!("otpauth://totp/Usher:chief?secret={secret}&amp;issuer=Usher")), "{page}");
    let own = ("password", PASSWORD);
    let wrong = admin.send("/account/factor", &[("secret", &secret), ("code", "000000"), own]).await;
    assert!(problem_at(&wrong.text, "code").contains("not the code that the app shows"), "{}", wrong.text);
    assert_eq!(house.browser().sign_in("chief", PASSWORD, "").await.status, 303, "it is not on yet");
    let code = code(&secret);
    let on = admin.send("/account/factor", &[("secret", &secret), ("code", &code), own]).await;
    assert_eq!(on.to.as_deref(), Some("/account?done=factor"));
    let browser = house.browser();
    assert_eq!(browser.sign_in("chief", PASSWORD, "").await.status, 401);
    assert_eq!(browser.sign_in("chief", PASSWORD, &code).await.status, 401, "a code is good once");
    assert_eq!(admin.send("/account/factor/off", &[own]).await.status, 303);
    assert_eq!(browser.sign_in("chief", PASSWORD, "").await.status, 303);
    house.close().await;
}

pub(super) fn code(secret: &str) -> String {
    let program = "import base64,hashlib,hmac,struct,sys,time\n\
        key=base64.b32decode(sys.argv[1]);digest=hmac.new(key,struct.pack('>Q',int(time.time())//30),hashlib.sha1).digest()\n\
        at=digest[-1]&15;print('%06d'%((struct.unpack('>I',digest[at:at+4])[0]&0x7fffffff)%1000000))";
    let output = std::process::Command::new("python3").args(["-c", program, secret]).output().expect("python3");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn s1_the_audit_log_is_filtered_by_page_and_by_program_and_its_file_holds_what_the_filter_takes() {
    let (house, admin) = House::with_admin().await;
    let olga = house.user(&admin, "olga", "operator").await;
    olga.send("/profiles/sales/support/pause", &[]).await;
    olga.send("/profiles/sales/support/resume", &[]).await;
    admin.send("/profiles/sales/support/pause", &[]).await;
    let now = jiff::Timestamp::from_millisecond(usher::clock::Clock::system().now().0).unwrap();
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    // The day may end meanwhile.
    let (before, after) = (today.yesterday().unwrap(), today.tomorrow().unwrap());
    let rows = |page: &str| page.matches("<span title=\"").count();
    let query = "by=olga&action=profile.paused&subject=SALES";
    for (query, found) in [
        (query.to_owned(), 1),
        ("by=olga&subject=support".to_owned(), 2),
        ("action=profile.paused".to_owned(), 2),
        (format!("action=profile.paused&from={today}&to={after}"), 2),
        (format!("action=profile.paused&to={before}"), 0),
        ("by=nobody".to_owned(), 0),
        ("subject=sales%2Fsupport&action=user.added".to_owned(), 0),
    ] {
        let page = admin.get(&format!("/audit?{query}")).await;
        assert_eq!((page.status, rows(&page.text)), (200, found), "{query}: {}", page.text);
        assert_eq!(page.text.contains("Nothing here fits the filter."), found == 0, "{query}");
        let file = admin.get(&format!("/audit.csv?{query}")).await.text;
        assert_eq!(file.lines().count(), 1 + found, "{query}: {file}");
    }
    let page = admin.get(&format!("/audit?{query}")).await.text;
    assert!(page.contains("href=\"/audit.csv?by=olga&amp;action=profile.paused&amp;subject=SALES\""), "{page}");
    assert!(page.contains("<option value=\"profile.paused\" selected>profile paused</option>"), "{page}");
    let unknown = admin.get("/audit?action=unheard.of").await.text;
    assert!(unknown.contains("<option value=\"unheard.of\" selected>unheard.of</option>"), "{unknown}");
    for (query, why) in [
        ("from=28.11.2026", "A day is written as 2026-11-28."),
        ("from=2026-11-28&to=2026-11-27", "The last day comes before the first."),
    ] {
        let page = admin.get(&format!("/audit?{query}")).await;
        assert!(page.status == 422 && page.text.contains(why), "{why}: {}", page.text);
        let file = admin.get(&format!("/audit.csv?{query}")).await;
        assert!(file.status == 422 && file.text.contains(why), "{why}: {}", file.text);
    }
    let program = api::Program::new(&admin, "ci", "administrator").await;
    let told = program.get(&format!("/audit?{query}")).await.json();
    assert_eq!((&told["lines"][0]["by"], told["lines"].as_array().unwrap().len()), (&serde_json::json!("olga"), 1));
    let first = program.get("/audit?action=profile.paused&limit=1").await.json();
    let rest = program.get(&format!("/audit?action=profile.paused&before={}", first["next"])).await.json();
    assert_eq!((&first["lines"][0]["by"], &rest["lines"][0]["by"]), (&"chief".into(), &"olga".into()), "{rest}");
    let file = program.get(&format!("/audit.csv?{query}")).await.text;
    assert_eq!(file.lines().count(), 2, "{file}");
    program.get("/audit?from=2026-11-28&to=2026-11-27").await.problem(422, "invalid");
    program.get("/audit.csv?from=28.11.2026").await.problem(400, "malformed");
    house.close().await;
}

/// So many lines that they are looked through in three parts, none of which is looked for.
async fn fill_the_audit_log(data: &std::path::Path) {
    use sqlx::{ConnectOptions as _, Connection as _};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(data.join("usher.db"));
    let mut conn = options.connect().await.unwrap();
    let lines = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) \
        INSERT INTO audit (at, by, action, subject) SELECT i, 'ann', 'signed_in', 'ann' FROM n";
    sqlx::query(lines).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

#[tokio::test]
async fn s1_what_is_rare_in_the_audit_log_is_looked_for_a_part_at_a_time() {
    let (house, admin) = House::with_admin().await;
    let program = api::Program::new(&admin, "ci", "administrator").await;
    fill_the_audit_log(&house.usher.data()).await;
    let (mut before, mut found) = (String::new(), Vec::new());
    loop {
        let told = program.get(&format!("/audit?action=user.first{before}")).await.json();
        found.push(told["lines"].as_array().unwrap().len());
        if told["next"].is_null() {
            break;
        }
        before = format!("&before={}", told["next"]);
    }
    assert_eq!(found, [0, 0, 1]);
    let beyond = program.get("/audit?limit=1&before=9007199254740991").await.json();
    assert_eq!(beyond["lines"].as_array().unwrap().len(), 1, "the log is looked at from its end on: {beyond}");

    let mut page = admin.get("/audit?action=user.first").await.text;
    for _ in 0..2 {
        assert!(page.contains("Nothing in this part of the log fits the filter."), "{page}");
        let (ahead, _) = page.split_once("\" rel=\"next\"").unwrap_or_else(|| panic!("no further part: {page}"));
        let path = ahead.rsplit_once("href=\"").unwrap().1.replace("&amp;", "&");
        page = admin.get(&path).await.text;
    }
    assert!(page.contains("<span title=\"user.first\"") && !page.contains("rel=\"next\""), "{page}");
    let file = admin.get("/audit.csv?action=user.first").await.text;
    assert_eq!(file.lines().count(), 2, "the file goes through all parts: {file}");
    assert_eq!(admin.get("/audit.csv?by=ann").await.text.lines().count(), 1 + 25_000);
    house.close().await;
}
