//! The Web Manager's door with a certificate of its own.

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use reqwest::{Certificate, Client, redirect::Policy};
use rustls::pki_types::CertificateDer;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use crate::{
    fakes::dialogflow::FakeDialogflow,
    harness::{CONFIG, Usher, profile},
};

#[tokio::test]
async fn the_door_does_tls_itself_and_its_cookies_go_no_other_way() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("manager.pem"), made.cert.pem()).unwrap();
    fs::write(directory.path().join("manager.key"), made.signing_key.serialize_pem()).unwrap();
    let config = format!("{CONFIG}\n[manager.tls]\ncertificate = \"manager.pem\"\nkey = \"manager.key\"\n");
    let dialogflow = FakeDialogflow::start();
    let usher = Usher::start_in(directory, &config, &profile(&dialogflow.endpoint())).await;
    let (office, address) = usher.open_office().await;
    let link = office.first_link().expect("nobody can sign in").expose_secret().to_owned();
    assert!(link.starts_with(&format!("https://{address}/welcome?token=")), "{link}");

    let authority = Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let builder = Client::builder().redirect(Policy::none()).no_proxy();
    let client = builder.tls_certs_only([authority]).build().unwrap();
    let page = client.get(&link).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers().contains_key("strict-transport-security"), "{:?}", page.headers());
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("token", link.split_once("token=").unwrap().1)
        .append_pair("name", "chief")
        .append_pair("password", super::PASSWORD)
        .append_pair("again", super::PASSWORD)
        .finish();
    let request = client.post(format!("https://{address}/welcome")).header("sec-fetch-site", "same-origin");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 303);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-usher_") && cookie.ends_with("; Secure"), "{cookie}");
    let plain = Client::builder().no_proxy().build().unwrap();
    assert!(plain.get(format!("http://{address}/sign-in")).send().await.is_err(), "no word in plaintext");
    let certificate = made.cert.der().clone();
    let told = tokio::task::spawn_blocking(move || begin_with_http_2(address, certificate)).await.unwrap();
    assert_eq!(told, b"", "no settings of a server's");
    office.close().await;
    usher.drain().await;
}

/// What the door answers to somebody who asks for no protocol and begins with HTTP/2.
fn begin_with_http_2(address: SocketAddr, certificate: CertificateDer<'static>) -> Vec<u8> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let session = rustls::ClientConnection::new(Arc::new(config), address.ip().into()).unwrap();
    let mut stream = rustls::StreamOwned::new(session, TcpStream::connect(address).unwrap());
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut told = Vec::new();
    // It closes without a word, of TLS's neither.
    if let Err(error) = stream.read_to_end(&mut told) {
        assert!(matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{error}");
    }
    told
}
