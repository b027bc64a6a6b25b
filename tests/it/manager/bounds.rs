//! How much the door takes, of whom, and what it says to what it cannot read.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use usher::manager::access;

use super::{
    doors::path,
    transfer::{upload, zipped},
    *,
};

#[tokio::test]
async fn s1_no_form_without_its_sessions_token_changes_anything() {
    let (house, admin) = House::with_admin().await;
    let before = admin.get("/audit.csv").await.text;
    let mut seen = 0;
    for (route, methods, role) in access() {
        let path = path(route);
        if role.is_none() || !methods.contains("POST") {
            continue;
        }
        for form in [vec![], vec![("csrf", "0000")]] {
            let page = admin.post(&path, &form).await;
            assert_eq!(page.status, 200, "{path}: {}", page.text);
            assert!(page.text.contains("Your input is still here"), "{path}: {}", page.text);
        }
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
    assert_eq!(admin.get("/audit.csv").await.text, before);
    house.close().await;
}

#[tokio::test]
async fn a_form_has_a_bound_in_bytes_in_fields_and_in_what_it_unpacks_to() {
    let (house, admin) = House::with_admin().await;
    let large = "x".repeat(512 * 1024);
    for large in [large.clone(), large.repeat(16)] {
        let page = admin.send("/profiles/new", &[("text", &large)]).await;
        assert_eq!(page.status, 413, "{}", page.text);
        for told in ["larger than 512 KiB", "Nothing was changed", "as a file in profiles/"] {
            assert!(page.text.contains(told), "{told}: {}", page.text);
        }
    }
    let page = house.browser().post("/sign-in", &[("name", &large[..100_000])]).await;
    assert!(page.status == 413 && page.text.contains("larger than 64 KiB"), "of a stranger: {}", page.text);
    assert!(!page.text.contains("the API"), "{}", page.text);
    let many = vec![("unit", "x"); 2_000];
    let page = admin.send("/engines/new", &many).await;
    assert_eq!(page.status, 400, "with its token one too many: {}", page.text);
    assert_eq!(admin.send("/account/language", &many[1..]).await.status, 303);

    let bomb = zipped(&[("usher.toml".to_owned(), "#".repeat(9 << 20))].into());
    assert!(bomb.len() < 64 * 1024, "{}", bomb.len());
    let page = upload(&admin, &bomb).await;
    assert_eq!(page.status, 422, "{}", page.text);
    assert!(page.text.contains("this zip holds more than 8388608 bytes"), "{}", page.text);
    house.close().await;
}

#[tokio::test]
async fn whoever_begins_with_http_2_is_not_served() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    let house = House::new().await;
    let mut socket = TcpStream::connect(house.address).await.unwrap();
    socket.write_all(&[PREFACE, SETTINGS].concat()).await.unwrap();
    let mut told = Vec::new();
    // What is closed with something unread in it may be seen as a reset.
    if let Err(error) = socket.read_to_end(&mut told).await {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    }
    assert_eq!(told, b"", "no settings of a server's");
    house.close().await;
}

#[tokio::test]
async fn an_address_that_is_no_text_names_nothing() {
    let (house, admin) = House::with_admin().await;
    let mut seen = 0;
    for (route, methods, role) in access() {
        let (true, Some(_), Some((before, named))) = (methods.contains("GET"), role, route.split_once('{')) else {
            continue;
        };
        let after = named.split_once('}').unwrap().1.replace(['{', '}'], "");
        let page = admin.get(&format!("{before}%FF{after}")).await;
        assert_eq!(page.status, 404, "{route}: {}", page.text);
        assert!(page.text.contains("There is no such page, or what it shows is gone."), "{route}: {}", page.text);
        seen += 1;
    }
    assert!(seen > 20, "{seen}");
    house.close().await;
}

#[tokio::test]
async fn strangers_who_take_all_their_places_keep_nobody_waiting_who_is_signed_in() {
    let (house, admin) = House::with_admin().await;
    let mut slow = Vec::new();
    for _ in 0..64 {
        let mut socket = TcpStream::connect(house.address).await.unwrap();
        let head = "POST /sign-in HTTP/1.1\r\nhost: usher\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                    content-length: 10\r\nexpect: 100-continue\r\n\r\n";
        socket.write_all(head.as_bytes()).await.unwrap();
        // Said when the form is waited for.
        let mut answer = [0; 25];
        socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        slow.push(socket);
    }
    let page = house.browser().sign_in("chief", PASSWORD, "").await;
    assert_eq!(page.status, 503, "{}", page.text);
    assert_eq!(page.headers["retry-after"], "15");
    assert!(page.text.contains("Too many forms are being read"), "{}", page.text);
    assert_eq!(admin.send("/account/language", &[("language", "de")]).await.status, 303);
    drop(slow);
    house.close().await;
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_refused_by_a_page_in_the_readers_language() {
    let (house, admin) = House::with_admin().await;
    admin.send("/account/language", &[("language", "de")]).await;
    for path in ["/profiles?from=x", "/audit?before=x", "/profiles?from=1&from=2", "/?find=a&find=b"] {
        let page = admin.get(path).await;
        assert_eq!(page.status, 400, "{path}: {}", page.text);
        assert!(page.text.contains("Was hinter dem Fragezeichen dieser Adresse steht"), "{path}: {}", page.text);
    }
    for path in ["/profiles", "/alerts"] {
        assert_eq!(admin.get(&format!("{path}?from={}", usize::MAX)).await.status, 200, "{path}");
    }
    house.close().await;
}
