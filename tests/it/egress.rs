//! Outbound calls on real sockets: the rules of B11, the query of S22, name look-up under S32.

use std::{io::Write, net::SocketAddr, sync::Arc, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::Sha256;
use usher::{
    actions::external::HttpSystems,
    clock::Clock,
    config::settings::{self, AllowedHost},
    core::ids::{ContactId, ContactName, Timestamp, UnitName},
    egress::{Answer, Call, Egress, EgressError, EgressErrorKind},
    gateway::ports::{ExternalError, ExternalRequest, ExternalSystems},
    privacy::Secrets,
};

use crate::fakes::{
    dns::{NameAnswer, NameServer},
    http_target::{HttpTarget, Reaction},
};

mod names;

const NAME: &str = "api.example.com";

fn settings(names: &[SocketAddr], allow: Vec<AllowedHost>) -> settings::Egress {
    settings::Egress {
        allow,
        max_answer_bytes: 256 * 1024,
        deadline: Duration::from_secs(20),
        signing_key: None,
        proxy: None,
        resolvers: names.to_vec(),
        stale_addresses_for: Duration::from_secs(600),
    }
}

fn host(host: &str) -> AllowedHost {
    AllowedHost { host: host.to_owned(), port: None, private: false, plaintext: false, restore_tokens: false }
}

/// As the fakes need it: they are on loopback and, but for a few, speak plaintext.
fn local(name: &str) -> AllowedHost {
    AllowedHost { private: true, plaintext: true, ..host(name) }
}

fn clock() -> Clock {
    Clock::starting_at(Timestamp(1_700_000_000_000))
}

fn build(settings: &settings::Egress) -> Egress {
    Egress::new(settings, clock()).expect("an egress")
}

fn call(url: impl Into<String>) -> Call {
    Call { url: url.into(), body: br#"{"a":1}"#.to_vec(), idempotency_key: "c-1/7".to_owned() }
}

async fn post(egress: &Egress, url: impl Into<String>) -> Result<Answer, EgressError> {
    egress.post_json(call(url)).await
}

/// Lets time pass for what counts in the runtime's clock; nothing may be under way.
async fn pass(span: Duration) {
    tokio::time::pause();
    tokio::time::advance(span).await;
    tokio::time::resume();
}

/// The kind of a failure, and its text.
async fn failure(egress: &Egress, url: impl Into<String>) -> (EgressErrorKind, String) {
    let error = post(egress, url).await.expect_err("a failure");
    (error.kind, error.detail)
}

async fn loopback_names() -> NameServer {
    NameServer::with(NAME, NameAnswer::address("127.0.0.1", 60)).await
}

/// A name server, an egress that may call [`NAME`] there, and the URL of `target`.
async fn lane(target: &HttpTarget) -> (NameServer, Egress, String) {
    let names = loopback_names().await;
    let egress = build(&settings(&[names.address], vec![local(NAME)]));
    (names, egress, format!("http://{NAME}:{}/hook", target.port()))
}

/// A server's certificate for `names`, and the same as the authority to trust.
pub(crate) fn certificate(names: &[&str]) -> (Arc<rustls::ServerConfig>, String) {
    let names: Vec<_> = names.iter().map(|it| (*it).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a certificate and its key");
    (Arc::new(config), made.cert.pem())
}

// S22

fn request(uri: String) -> ExternalRequest {
    let parameters = json!({"order": "4711", "count": 2, "uri": uri});
    let parameters = parameters.as_object().expect("an object").clone();
    let contact =
        ContactId { unit: UnitName::new("north").expect("a name"), name: ContactName::new("c-1").expect("a name") };
    ExternalRequest { contact, idempotency_key: "north/c-1/7".to_owned(), uri, parameters, secrets: Secrets::default() }
}

async fn query(egress: Egress, uri: String) -> Result<String, ExternalError> {
    HttpSystems::new(Arc::new(egress)).query(request(uri)).await
}

#[tokio::test]
async fn s22_query_posts_contact_and_parameters_and_returns_the_content() {
    let target = HttpTarget::plain([Reaction::json(r#"{"contactID":"c-1","content":"It is on its way."}"#)]);
    let (_names, egress, uri) = lane(&target).await;
    assert_eq!(query(egress, uri.clone()).await.as_deref(), Ok("It is on its way."));
    let requests = target.requests();
    let [sent] = requests.as_slice() else { panic!("one request, not {requests:?}") };
    assert_eq!(sent.line, "POST /hook HTTP/1.1");
    assert_eq!(sent.header("host"), Some(format!("{NAME}:{}", target.port()).as_str()));
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("idempotency-key"), Some("north/c-1/7"));
    assert_eq!(sent.header("user-agent"), Some(concat!("usher/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(sent.header("usher-signature"), None);
    let body: Value = serde_json::from_slice(&sent.body).expect("JSON");
    assert_eq!(body, json!({"contactID": "c-1", "parameters": {"order": "4711", "count": "2", "uri": uri}}));
}

#[tokio::test]
async fn s22_query_that_fails_says_how_and_quotes_nothing() {
    let page = |status| Reaction::Answer {
        status,
        headers: vec![("content-type", "text/html; charset=utf-8".to_owned())],
        body: b"<html>secret</html>".to_vec(),
    };
    let other = Reaction::json(r#"{"contactID":"c-2","content":"secret"}"#);
    for (reaction, label, detail) in [
        (page(500), "status", "answered 500 (text/html)"),
        (page(404), "status", "answered 404 (text/html)"),
        (page(304), "status", "answered 304 (text/html)"),
        (page(200), "malformed", "the answer (200, text/html) is not a JSON object"),
        (Reaction::status(200), "malformed", "the answer (200, no content type) is empty"),
        (Reaction::status(204), "malformed", "the answer (204, no content type) is empty"),
        (other, "other_contact", "contactID of another contact"),
        (Reaction::redirect(302, "/secret"), "redirect", "answered 302"),
        (Reaction::Raw(b"SSH-2.0-secret\r\n".to_vec()), "broken", "does not speak HTTP"),
        (Reaction::Raw(vec![]), "broken", "broke off"),
    ] {
        let target = HttpTarget::plain([reaction.clone()]);
        let (_names, egress, uri) = lane(&target).await;
        let error = query(egress, uri).await.expect_err("a failure");
        assert_eq!(error.label, label, "{reaction:?}");
        assert!(error.detail.contains(detail), "{}", error.detail);
        assert!(!error.detail.contains("secret"), "{}", error.detail);
        assert_eq!(target.connections(), 1, "a query is made once");
    }
}

// B11: where a call may go

#[tokio::test]
async fn b11_host_that_is_not_listed_is_not_even_looked_up() {
    let target = HttpTarget::plain([Reaction::json("{}")]);
    let names = loopback_names().await;
    let listed = AllowedHost { port: Some(1), ..local(NAME) };
    let egress = build(&settings(&[names.address], vec![local("*.api.example.com"), listed]));
    let port = target.port();
    let (kind, detail) = failure(&egress, format!("http://{NAME}:{port}/?q=secret")).await;
    assert_eq!(kind, EgressErrorKind::NotAllowed);
    assert_eq!(detail, format!("host api.example.com with port {port} is not in [[egress.allow]]"));
    assert_eq!((names.asked(NAME), target.connections()), (0, 0));
    let (kind, _) = failure(&build(&settings(&[], vec![])), "https://api.example.com").await;
    assert_eq!(kind, EgressErrorKind::NotAllowed, "nothing listed, nothing allowed");
}

#[tokio::test]
async fn b11_name_that_leads_to_a_private_address_is_refused() {
    let target = HttpTarget::plain([Reaction::json("{}")]);
    for address in ["127.0.0.1", "::ffff:127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "0.0.0.0"] {
        let names = NameServer::with(NAME, NameAnswer::address(address, 60)).await;
        let egress = build(&settings(&[names.address], vec![AllowedHost { plaintext: true, ..host(NAME) }]));
        let (kind, detail) = failure(&egress, format!("http://{NAME}:{}/", target.port())).await;
        assert_eq!(kind, EgressErrorKind::Address, "{address}: {detail}");
        assert!(detail.starts_with("host api.example.com leads to "), "{detail}");
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn b11_literal_private_address_is_refused_however_it_is_written() {
    let target = HttpTarget::plain([Reaction::json("{}")]);
    let port = target.port();
    let listed = ["127.0.0.1", "::1", "169.254.169.254", "0.0.0.0"];
    let allow = listed.iter().map(|it| AllowedHost { plaintext: true, ..host(it) }).collect();
    let egress = build(&settings(&[], allow));
    for text in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "[::1]", "169.254.169.254", "0.0.0.0", "0"]
    {
        let (kind, detail) = failure(&egress, format!("http://{text}:{port}/")).await;
        assert_eq!(kind, EgressErrorKind::Address, "{text}: {detail}");
    }
    assert_eq!(target.connections(), 0);
    let egress = build(&settings(&[], vec![local("127.0.0.1"), local("0.0.0.0")]));
    post(&egress, format!("http://2130706433:{port}/")).await.expect("listed as private");
    let (kind, _) = failure(&egress, format!("http://0.0.0.0:{port}/")).await;
    assert_eq!(kind, EgressErrorKind::Address, "nowhere is nowhere, listed or not");
}

#[tokio::test]
async fn b11_address_that_was_checked_is_the_one_that_is_connected() {
    let target = HttpTarget::plain([Reaction::json("{}")]);
    let (names, egress, url) = lane(&target).await;
    post(&egress, &url).await.expect("an answer");
    assert_eq!((names.asked(NAME), target.connections()), (1, 1), "one look-up decides");
    post(&egress, &url).await.expect("an answer");
    assert_eq!(names.asked(NAME), 1, "and holds for its time");
}

#[tokio::test]
async fn b11_name_that_moves_to_a_forbidden_address_is_refused_from_then_on() {
    let target = HttpTarget::plain([Reaction::json("{}")]);
    let (names, egress, url) = lane(&target).await;
    post(&egress, &url).await.expect("an answer");
    // Where nobody is to be called, and yet most systems would connect to themselves.
    names.set(NAME, NameAnswer::address("0.0.0.0", 0));
    pass(Duration::from_secs(61)).await;
    assert_eq!(failure(&egress, &url).await.0, EgressErrorKind::Address);
    assert_eq!((names.asked(NAME), target.connections()), (2, 1));
}

#[tokio::test]
async fn b11_name_that_moves_from_a_public_to_a_private_address_is_refused_from_then_on() {
    let proxy = HttpTarget::plain([Reaction::json("{}")]);
    let names = NameServer::with(NAME, NameAnswer::addresses(&["10.0.0.1", "8.8.8.8"], 0)).await;
    let egress = build(&settings::Egress {
        proxy: Some(format!("http://{}", proxy.address)),
        ..settings(&[names.address], vec![AllowedHost { plaintext: true, ..host(NAME) }])
    });
    post(&egress, format!("http://{NAME}/")).await.expect("an answer");
    names.set(NAME, NameAnswer::address("10.0.0.1", 0));
    pass(Duration::from_secs(6)).await;
    assert_eq!(failure(&egress, format!("http://{NAME}/")).await.0, EgressErrorKind::Address);
    assert_eq!((names.asked(NAME), proxy.connections()), (2, 1));
}

#[tokio::test]
async fn b11_plaintext_other_schemes_and_user_names_are_refused() {
    let egress = build(&settings(&[], vec![host(NAME)]));
    for (url, expected) in [
        ("http://api.example.com/", "http:// is not allowed for host api.example.com"),
        ("ftp://api.example.com/", "only https:// addresses"),
        ("file:///etc/passwd", "only https:// addresses"),
        ("https://secret@api.example.com/", "holds a user name or password"),
        ("https://:secret@api.example.com/", "holds a user name or password"),
    ] {
        let (kind, detail) = failure(&egress, url).await;
        assert_eq!(kind, EgressErrorKind::NotAllowed, "{url}");
        assert!(detail.contains(expected) && !detail.contains("secret"), "{detail}");
    }
    for url in
        ["", "api.example.com", "https://", "https://api example.com", &format!("https://{NAME}/{}", "x".repeat(9_000))]
    {
        assert_eq!(failure(&egress, url).await.0, EgressErrorKind::Invalid, "{url}");
    }
    for key in ["", "a\r\nx: y", "ü\n", &"k".repeat(256)] {
        let call = Call { idempotency_key: key.to_owned(), ..call(format!("https://{NAME}/")) };
        assert_eq!(egress.post_json(call).await.expect_err("refused").kind, EgressErrorKind::Invalid, "{key:?}");
    }
}

// B11: redirects

#[tokio::test]
async fn b11_redirect_repeats_the_same_post_up_to_three_times() {
    for (count, followed) in [(1, true), (3, true), (4, false)] {
        let hop =
            |index: usize| Reaction::redirect(if index.is_multiple_of(2) { 307 } else { 308 }, format!("/hop{index}"));
        let target = HttpTarget::plain((0..count).map(hop).chain([Reaction::json("{}")]));
        let (_names, egress, url) = lane(&target).await;
        let result = post(&egress, url).await;
        let requests = target.requests();
        assert!(requests.iter().all(|it| it.body == br#"{"a":1}"# && it.header("idempotency-key") == Some("c-1/7")));
        if followed {
            result.expect("an answer");
            assert_eq!(requests.last().expect("a request").line, format!("POST /hop{} HTTP/1.1", count - 1));
        } else {
            assert_eq!(result.expect_err("too many").kind, EgressErrorKind::Redirect);
        }
        assert_eq!(requests.len(), 4.min(count + 1));
    }
}

#[tokio::test]
async fn b11_redirect_is_held_to_the_whole_allow_list() {
    let names = loopback_names().await;
    names.set("public.example.com", NameAnswer::address("127.0.0.1", 60));
    let target = HttpTarget::plain([Reaction::status(200)]);
    let public = AllowedHost { plaintext: true, ..host("public.example.com") };
    let tls_only = AllowedHost { private: true, ..host("tls.example.com") };
    let egress = build(&settings(&[names.address], vec![local(NAME), public, tls_only]));
    let port = target.port();
    for (status, location, expected) in [
        (307, format!("http://other.example.com:{port}/"), EgressErrorKind::NotAllowed),
        (308, format!("http://127.0.0.1:{port}/"), EgressErrorKind::NotAllowed),
        (307, format!("//other.example.com:{port}/"), EgressErrorKind::NotAllowed),
        (307, format!("http://user@{NAME}:{port}/"), EgressErrorKind::NotAllowed),
        (307, format!("http://tls.example.com:{port}/"), EgressErrorKind::NotAllowed),
        (307, format!("http://public.example.com:{port}/"), EgressErrorKind::Address),
        (307, "https://[".to_owned(), EgressErrorKind::Redirect),
        (301, "/".to_owned(), EgressErrorKind::Redirect),
        (302, "/".to_owned(), EgressErrorKind::Redirect),
        (303, "/".to_owned(), EgressErrorKind::Redirect),
    ] {
        target.then(Reaction::redirect(status, location.clone()));
        let before = target.connections();
        let (kind, detail) = failure(&egress, format!("http://{NAME}:{port}/")).await;
        assert_eq!(kind, expected, "{status} {location}: {detail}");
        assert_eq!(target.connections(), before + 1, "{status} {location}");
    }
    target.then(Reaction::status(308));
    assert_eq!(failure(&egress, format!("http://{NAME}:{port}/")).await.0, EgressErrorKind::Redirect, "no Location");
}

#[tokio::test]
async fn b11_redirect_from_tls_to_plaintext_is_refused() {
    let (config, pem) = certificate(&[NAME]);
    let plain = HttpTarget::plain([Reaction::json("{}")]);
    let location = format!("http://{NAME}:{}/", plain.port());
    let target = HttpTarget::tls([Reaction::redirect(307, location)], config);
    let names = loopback_names().await;
    let egress =
        Egress::trusting(&settings(&[names.address], vec![local(NAME)]), clock(), pem.as_bytes()).expect("an egress");
    let (kind, detail) = failure(&egress, format!("https://{NAME}:{}/", target.port())).await;
    assert_eq!(kind, EgressErrorKind::Redirect, "{detail}");
    assert_eq!((target.requests().len(), plain.connections()), (1, 0));
}

// B11: what comes back

#[tokio::test]
async fn b11_answer_may_be_as_large_as_allowed_and_not_a_byte_larger() {
    let most = 256 * 1024;
    for (size, fits) in [(most, true), (most + 1, false)] {
        let target = HttpTarget::plain([Reaction::json(vec![b' '; size])]);
        let (_names, egress, url) = lane(&target).await;
        match post(&egress, url).await {
            Ok(answer) => assert!(fits && answer.body.len() == size),
            Err(error) => assert!(!fits && error.kind == EgressErrorKind::TooLarge, "{error}"),
        }
    }
    let target = HttpTarget::plain([Reaction::Endless]);
    let (_names, egress, url) = lane(&target).await;
    let (kind, detail) = failure(&egress, url).await;
    assert_eq!(kind, EgressErrorKind::TooLarge);
    assert!(detail.ends_with("is larger than 262144 bytes"), "{detail}");
}

#[tokio::test]
async fn b11_compressed_answer_is_not_unpacked_but_refused() {
    let headers = vec![("content-encoding", "gzip".to_owned())];
    let target = HttpTarget::plain([Reaction::Answer { status: 200, headers, body: vec![0x1f, 0x8b] }]);
    let (_names, egress, url) = lane(&target).await;
    assert_eq!(failure(&egress, url).await.0, EgressErrorKind::Broken);
    assert_eq!(target.requests()[0].header("accept-encoding"), None);
}

#[tokio::test]
async fn b11_deadline_covers_everything_together() {
    let slow_body = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{".to_vec();
    for script in [
        vec![Reaction::Hang],
        vec![Reaction::RawThenHang(slow_body)],
        vec![Reaction::RawThenHang(b"HTTP/1.1 200 OK\r\nx:".to_vec())],
        vec![Reaction::redirect(307, "/on"), Reaction::Hang],
    ] {
        let target = HttpTarget::plain(script.clone());
        let names = loopback_names().await;
        let deadline = Duration::from_millis(200);
        let egress = build(&settings::Egress { deadline, ..settings(&[names.address], vec![local(NAME)]) });
        let (kind, detail) = failure(&egress, format!("http://{NAME}:{}/", target.port())).await;
        assert_eq!(kind, EgressErrorKind::Deadline, "{script:?}");
        assert_eq!(detail, "no answer within 200 ms");
    }
    let silent = NameServer::with(NAME, NameAnswer::Silence).await;
    let deadline = Duration::from_millis(200);
    let egress = build(&settings::Egress { deadline, ..settings(&[silent.address], vec![local(NAME)]) });
    assert_eq!(failure(&egress, format!("http://{NAME}/")).await.0, EgressErrorKind::Deadline, "the look-up too");
}

#[tokio::test]
async fn b11_answer_cut_short_is_broken() {
    for bytes in ["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{", "HTTP/1.1 200", "HTTP/1.1 999999 X\r\n\r\n"] {
        let target = HttpTarget::plain([Reaction::Raw(bytes.as_bytes().to_vec())]);
        let (_names, egress, url) = lane(&target).await;
        assert_eq!(failure(&egress, url).await.0, EgressErrorKind::Broken, "{bytes:?}");
    }
}

#[tokio::test]
async fn b11_host_without_a_listener_is_unreachable() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let names = loopback_names().await;
    let egress = build(&settings(&[names.address], vec![local(NAME)]));
    let (kind, detail) = failure(&egress, format!("http://{NAME}:{}/?q=secret", gone.port())).await;
    assert_eq!(kind, EgressErrorKind::Unreachable);
    assert_eq!(detail, format!("http://{NAME}:{} cannot be reached: connection refused", gone.port()));
}

#[tokio::test]
async fn b11_call_is_signed_over_time_and_body() {
    let target = HttpTarget::plain([Reaction::json("{}")]);
    let names = loopback_names().await;
    let signing_key = Some(SecretString::from("a key"));
    let egress = build(&settings::Egress { signing_key, ..settings(&[names.address], vec![local(NAME)]) });
    post(&egress, format!("http://{NAME}:{}/", target.port())).await.expect("an answer");
    let requests = target.requests();
    let signature = requests[0].header("usher-signature").expect("a signature");
    let (time, mac) = signature.strip_prefix("t=").and_then(|it| it.split_once(",v1=")).expect("t=…,v1=…");
    assert!(time.starts_with("17000000"), "the clock's time: {time}");
    let mut expected = Hmac::<Sha256>::new_from_slice(b"a key").expect("a key");
    expected.update(format!("{time}.").as_bytes());
    expected.update(&requests[0].body);
    let expected: String = expected.finalize().into_bytes().iter().map(|it| format!("{it:02x}")).collect();
    assert_eq!(mac, expected);
}

// B11: TLS and proxies

#[tokio::test]
async fn b11_tls_server_must_prove_its_name() {
    let (config, pem) = certificate(&[NAME]);
    let target = HttpTarget::tls([Reaction::json("{}")], config);
    let names = loopback_names().await;
    names.set("other.example.com", NameAnswer::address("127.0.0.1", 60));
    let settings = settings(&[names.address], vec![AllowedHost { private: true, ..host("*.example.com") }]);
    let port = target.port();
    let trusting = Egress::trusting(&settings, clock(), pem.as_bytes()).expect("an egress");
    assert_eq!(post(&trusting, format!("https://{NAME}:{port}/")).await.expect("an answer").body.as_ref(), b"{}");
    assert_eq!(post(&trusting, format!("https://API.example.com.:{port}/")).await.expect("an answer").status, 200);
    assert_eq!(target.requests().len(), 2);

    let (kind, detail) = failure(&trusting, format!("https://other.example.com:{port}/")).await;
    assert_eq!(kind, EgressErrorKind::Tls, "another name: {detail}");
    let (kind, detail) = failure(&build(&settings), format!("https://{NAME}:{port}/")).await;
    assert_eq!(kind, EgressErrorKind::Tls, "an unknown authority: {detail}");
    let plain = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let plain_port = plain.local_addr().expect("an address").port();
    let refusal = std::thread::spawn(move || {
        let (mut stream, _) = plain.accept().expect("a connection");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("to answer");
        stream
    });
    let (kind, detail) = failure(&trusting, format!("https://{NAME}:{plain_port}/")).await;
    drop(refusal.join().expect("the refusal"));
    assert_eq!(kind, EgressErrorKind::Tls, "no TLS at all: {detail}");
    assert_eq!(target.requests().len(), 2, "nothing was sent");
}

#[tokio::test]
async fn b11_proxy_gets_names_and_only_those_that_we_would_call() {
    let (config, pem) = certificate(&[NAME]);
    let proxy = HttpTarget::proxy([Reaction::json("{}")], config);
    let names = loopback_names().await;
    names.set("private.example.com", NameAnswer::address("10.0.0.1", 60));
    let private = AllowedHost { plaintext: true, ..host("private.example.com") };
    let settings = settings::Egress {
        proxy: Some(format!("http://user:pass@{}", proxy.address)),
        ..settings(&[names.address], vec![local(NAME), private])
    };
    let egress = Egress::trusting(&settings, clock(), pem.as_bytes()).expect("an egress");
    post(&egress, format!("http://{NAME}:81/hook")).await.expect("an answer");
    post(&egress, format!("https://{NAME}/hook")).await.expect("an answer through a tunnel");
    let lines: Vec<_> = proxy.requests().into_iter().map(|it| it.line).collect();
    assert_eq!(
        lines,
        [
            format!("POST http://{NAME}:81/hook HTTP/1.1"),
            format!("CONNECT {NAME}:443 HTTP/1.1"),
            "POST /hook HTTP/1.1".to_owned(),
        ]
    );
    let credentials = |index: usize| proxy.requests()[index].header("proxy-authorization").map(str::to_owned);
    assert_eq!(credentials(0).as_deref(), Some("Basic dXNlcjpwYXNz"));
    assert_eq!(credentials(1).as_deref(), Some("Basic dXNlcjpwYXNz"));
    assert_eq!(credentials(2), None, "the proxy's password is not for the target");

    let (kind, _) = failure(&egress, "http://private.example.com/").await;
    assert_eq!(kind, EgressErrorKind::Address);
    assert_eq!(proxy.requests().len(), 3);
}

#[tokio::test]
async fn b11_settings_that_cannot_be_carried_out_are_named() {
    let good = settings(&[], vec![host(NAME)]);
    let refused = |settings: settings::Egress| Egress::new(&settings, clock()).expect_err("refused").to_string();
    let pattern = refused(settings::Egress { allow: vec![host("https://x")], ..good.clone() });
    assert!(pattern.starts_with("[[egress.allow]] host \"https://x\" holds more than a host"), "{pattern}");
    let key = refused(settings::Egress { signing_key: Some(SecretString::from("")), ..good.clone() });
    assert_eq!(key, "[egress] signing_key is empty");
    for proxy in
        ["proxy:3128", "socks5://u:secret@proxy:1080", "http://", "http://u:secret@proxy:99999", "http://proxy/x"]
    {
        let text = refused(settings::Egress { proxy: Some(proxy.to_owned()), ..good.clone() });
        assert_eq!(text, "[egress] proxy is not a URL of the form http://user:password@host:port", "{proxy}");
    }
}
