//! TLS and mutual TLS at the routing engines' door, with certificates made for the test.

use std::{fs, path::Path};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tempfile::TempDir;
use tonic::{
    Code,
    transport::{Certificate, Channel, ClientTlsConfig, Identity},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::harness::{CONFIG, Usher, profile};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Certificate and key in PEM.
fn issue(authority: &Authority, name: &str, usage: ExtendedKeyUsagePurpose) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![usage];
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

fn server_files(directory: &Path, authority: &Authority) {
    let (certificate, key) = issue(authority, "localhost", ExtendedKeyUsagePurpose::ServerAuth);
    fs::write(directory.join("server.pem"), certificate).unwrap();
    fs::write(directory.join("server.key"), key).unwrap();
}

fn config(client_ca: bool) -> String {
    let client_ca = if client_ca { "client_ca = \"engines.pem\"\n" } else { "" };
    format!("{CONFIG}\n[server.tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n{client_ca}")
}

async fn start(directory: TempDir, client_ca: bool) -> Usher {
    Usher::start_in(directory, &config(client_ca), &profile("http://127.0.0.1:1")).await
}

async fn channel(usher: &Usher, tls: ClientTlsConfig) -> Result<Channel, tonic::transport::Error> {
    let url = format!("https://localhost:{}", usher.engines.port());
    Channel::from_shared(url).unwrap().tls_config(tls.domain_name("localhost"))?.connect().await
}

async fn check(channel: Channel) -> Result<(), Code> {
    let checked = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    checked.map(|_| ()).map_err(|status| status.code())
}

fn trusting(authority: &Authority) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem()))
}

#[tokio::test]
async fn tls_shows_the_configured_certificate_and_a_renewed_one_after_a_reload() {
    let (old, new) = (authority(), authority());
    let directory = TempDir::new().unwrap();
    let files = directory.path().to_owned();
    server_files(&files, &old);
    let mut usher = start(directory, false).await;

    let before = channel(&usher, trusting(&old)).await.unwrap();
    assert_eq!(check(before.clone()).await, Ok(()));
    assert!(channel(&usher, trusting(&new)).await.is_err());

    server_files(&files, &new);
    usher.reload(&config(false)).await;
    assert_eq!(check(channel(&usher, trusting(&new)).await.unwrap()).await, Ok(()));
    assert!(channel(&usher, trusting(&old)).await.is_err());
    assert_eq!(check(before).await, Ok(()), "a connection that stands keeps standing");
}

#[tokio::test]
async fn mutual_tls_wants_a_certificate_of_the_configured_authority() {
    let (ours, engines, strangers) = (authority(), authority(), authority());
    let directory = TempDir::new().unwrap();
    server_files(directory.path(), &ours);
    fs::write(directory.path().join("engines.pem"), engines.pem()).unwrap();
    let usher = start(directory, true).await;

    let with = |issuer: &Authority| {
        let (certificate, key) = issue(issuer, "engine-1", ExtendedKeyUsagePurpose::ClientAuth);
        trusting(&ours).identity(Identity::from_pem(certificate, key))
    };
    assert_eq!(check(channel(&usher, with(&engines)).await.unwrap()).await, Ok(()));
    for stranger in [trusting(&ours), with(&strangers)] {
        // With TLS 1.3 the refusal reaches a client with its first request, if not before.
        if let Ok(channel) = channel(&usher, stranger).await {
            assert!(check(channel).await.is_err());
        }
    }
}
