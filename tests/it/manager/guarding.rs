//! What guards a sign-in, whoever tries: behind proxies, by somebody who has got hold of one, and seen from outside.

use std::time::Duration;

use futures::future::join_all;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use super::{
    api::Program,
    editing::{Site, browser_of},
    *,
};

/// As a proxy passes it on.
async fn sign_in_from(browser: &Browser, address: &str, name: &str, password: &str) -> Page {
    let form =
        form_urlencoded::Serializer::new(String::new()).extend_pairs([("name", name), ("password", password)]).finish();
    let request = browser.client.post(browser.base.clone() + "/sign-in").header("x-forwarded-for", address);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    browser.take(request.header("cookie", browser.cookies()).body(form)).await
}

#[tokio::test]
async fn s1_behind_a_proxy_a_customers_own_address_is_counted_and_shown_and_keeps_no_known_browser_out() {
    let house = House::configured(&CONFIG.replace("[manager]\n", "[manager]\nproxies = 1\n")).await;
    let admin = house.first().await;
    let ann = house.user(&admin, "ann", "viewer").await;
    let (near, far) = ("198.51.100.7", "203.0.113.9");
    let stranger = house.browser();
    let names: Vec<String> = (0..24).map(|it| format!("nobody{it}")).collect();
    let crowd = join_all(names.iter().map(|it| sign_in_from(&stranger, near, it, "a guess of many"))).await;
    let told_to_wait = crowd.iter().filter(|it| it.status == 429).count();
    assert!(told_to_wait > 12, "{told_to_wait} of one address have to wait");
    assert_eq!(sign_in_from(&ann, near, "ann", PASSWORD).await.status, 303, "her browser is known");
    assert_eq!(
        sign_in_from(&stranger, &format!("{near}, {far}"), "ann", PASSWORD).await.status,
        303,
        "another address"
    );
    let page = ann.get("/account").await.text;
    assert!(page.contains(&format!("<td>{near}</td>")) && page.contains(&format!("<td>{far}</td>")), "{page}");
    house.close().await;
}

#[tokio::test]
async fn s1_failed_sign_ins_are_counted_and_whoever_has_to_wait_is_told_of_once_without_what_was_typed() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, .. } = Site::new(&dialogflow).await;
    let stranger = browser_of(&usher).await;
    // A password that was typed in the wrong field.
    let (typed, guess) = ("tulip-gravel-9311", "a guess of many");
    join_all((0..12).map(|_| stranger.sign_in("chief", guess, ""))).await;
    join_all((0..12).map(|_| stranger.sign_in(typed, guess, ""))).await;
    let metrics = reqwest::get(format!("http://{}/metrics", usher.ops)).await.unwrap().text().await.unwrap();
    let count = |result: &str| {
        let start = format!("usher_sign_ins_total{{result=\"{result}\"}} ");
        metrics.lines().find_map(|it| it.strip_prefix(&start)?.parse::<u32>().ok()).expect("the metric")
    };
    assert_eq!((count("ok"), count("refused") + count("throttled")), (1, 24));
    assert!(count("refused") >= 10 && count("throttled") > 0, "{metrics}");
    let (_, log) = usher.kill().await;
    let told = log.lines().filter(|it| it.contains("a password keeps failing and has to wait"));
    let (of_chief, others): (Vec<&str>, Vec<&str>) = told.partition(|it| it.contains("\"user\":\"chief\""));
    assert_eq!((of_chief.len(), others.len()), (1, 1), "{log}");
    assert!(others[0].contains("\"by\":\"name\"") && !others[0].contains("\"user\""), "{log}");
    assert!(!log.contains(typed) && !log.contains(guess), "{log}");
}

/// Whoever has got hold of a sign-in has not got the account.
#[tokio::test]
async fn s1_the_second_factor_takes_the_password_and_ends_the_other_sign_ins() {
    let (house, admin) = House::with_admin().await;
    let elsewhere = house.browser();
    elsewhere.sign_in("chief", PASSWORD, "").await;
    let page = admin.get("/account/factor").await.text;
    let secret = hidden(&page, "secret").unwrap();
    let code = people::code(&secret);
    let set = async |password: &str| {
        let form = [("secret", secret.as_str()), ("code", code.as_str()), ("password", password)];
        admin.send("/account/factor", &form).await
    };
    let refused = set("a guess of many").await;
    assert!(refused.text.contains("This is not your password.") && refused.text.contains(&secret), "{}", refused.text);
    assert_eq!(elsewhere.get("/").await.status, 200, "nothing was changed");
    assert_eq!(set(PASSWORD).await.to.as_deref(), Some("/account?done=factor"));
    assert_eq!((admin.get("/").await.status, elsewhere.get("/").await.status), (200, 303));

    let refused = admin.send("/account/factor/off", &[("password", "a guess of many")]).await;
    assert!(refused.text.contains("This is not your password."), "{}", refused.text);
    assert_eq!(house.browser().sign_in("chief", PASSWORD, "").await.status, 401, "it is still on");
    let crowd = join_all((0..12).map(|_| admin.send("/account/factor/off", &[("password", "a guess of many")]))).await;
    assert!(crowd.iter().any(|it| it.text.contains("Too many tries.")), "guessing is slowed down");
    house.close().await;
}

#[tokio::test]
async fn s1_a_password_is_changed_and_ends_the_other_sign_ins_though_its_browser_leaves() {
    let (house, admin) = House::with_admin().await;
    let elsewhere = house.browser();
    elsewhere.sign_in("chief", PASSWORD, "").await;
    let (csrf, other) = (admin.csrf().await, "quite another long password");
    let form = [("csrf", csrf.as_str()), ("old", PASSWORD), ("new", other), ("again", other)];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut socket = TcpStream::connect(house.address).await.unwrap();
    let head = format!(
        "POST /account/password HTTP/1.1\r\nhost: usher\r\ncookie: {}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         content-length: {}\r\n\r\n",
        admin.cookies(),
        body.len()
    );
    socket.write_all((head + &body).as_bytes()).await.unwrap();
    // Meanwhile the passwords are being compared and hashed.
    assert_eq!(admin.get("/account").await.status, 200);
    drop(socket);
    let told = async { while !admin.get("/audit.csv").await.text.contains("user.password") {} };
    timeout(Duration::from_secs(30), told).await.expect("it is carried out");
    assert_eq!((admin.get("/").await.status, elsewhere.get("/").await.status), (200, 303));
    assert_eq!(house.browser().sign_in("chief", other, "").await.status, 303);
    house.close().await;
}

#[tokio::test]
async fn s1_sign_ins_are_ended_by_their_user_and_by_administrators_and_the_log_tells() {
    let (house, admin) = House::with_admin().await;
    let ann = house.user(&admin, "ann", "viewer").await;
    let second = house.browser();
    second.sign_in("ann", PASSWORD, "").await;
    let session = hidden(&ann.get("/account").await.text, "session").expect("the other browser");
    assert_eq!(ann.send("/account/end", &[("session", &session)]).await.status, 303);
    assert_eq!(second.get("/").await.status, 303);
    second.sign_in("ann", PASSWORD, "").await;

    assert!(admin.get("/users/ann").await.text.contains("Signed in now: 2"));
    assert_eq!(ann.send("/users/ann/end", &[]).await.status, 403);
    assert_eq!(admin.send("/users/ann/end", &[]).await.to.as_deref(), Some("/users?done=ended"));
    assert_eq!((ann.get("/").await.status, second.get("/").await.status), (303, 303));
    assert_eq!(admin.send("/users/nobody/end", &[]).await.status, 404);
    ann.sign_in("ann", PASSWORD, "").await;
    let program = Program::new(&admin, "ci", "administrator").await;
    assert_eq!(program.ask("DELETE", "/users/ann/sign-ins", &[], "").await.status, 204);
    assert_eq!(ann.get("/").await.status, 303);

    let log = admin.get("/audit.csv").await.text;
    for line in [
        "\"ann\",\"signed_out_elsewhere\",\"ann\"",
        "\"chief\",\"user.signed_out\",\"ann\",\"2\"",
        "\"token:ci\",\"user.signed_out\",\"ann\",\"1\"",
    ] {
        assert_eq!(log.matches(line).count(), 1, "{line} in {log}");
    }
    house.close().await;
}
