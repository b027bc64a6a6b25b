//! The gateway's own settings: doors, store, bounds, log.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use super::{
    section::{At, Section},
    settings::{Connectors, Durability, Limits, Log, LogFormat, Manager, Ops, Server, Store, Tls},
};
use crate::{
    core::{profile, said::said},
    telemetry,
};

const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

pub(super) fn server(mut section: Section<'_>) -> Server {
    let listen = section.socket_address("listen");
    let tls = section.has("tls").then(|| tls(section.section("tls")));
    section.know(&["tls"]);
    let allow_plaintext = section.flag("allow_plaintext");
    if let Some(At { value, place }) = &listen
        && !value.ip().is_loopback()
        && tls.is_none()
        && !allow_plaintext
    {
        section.cx.error(
            *place,
            said!("the routing engines' door {} would be open to the network without TLS", value),
            said!(
                "add `[server.tls]` with `certificate` and `key`, listen on loopback, or set `server.allow_plaintext = true`"),
        );
    }
    let server = Server {
        listen: listen.map_or(NOWHERE, |at| at.value),
        tls: tls.flatten(),
        workers: section.number("workers", 0..=1024),
        credits: section.number("credits", 1..=65_536),
        max_frame_bytes: section.number("max_frame_bytes", 4096..=16_777_216),
    };
    section.finish();
    server
}

pub(super) fn connectors(mut section: Section<'_>) -> Connectors {
    let listen = section.socket_address("listen");
    let tls = section.has("tls").then(|| tls(section.section("tls")));
    section.know(&["tls"]);
    let allow_plaintext = section.flag("allow_plaintext");
    if let Some(At { value, place }) = &listen
        && !value.ip().is_loopback()
        && tls.is_none()
        && !allow_plaintext
    {
        section.cx.error(
            *place,
            said!("the connectors' door {} would be open to the network without TLS", value),
            said!(
                "add `[connectors.tls]` with `certificate` and `key`, listen on loopback, or set `connectors.allow_plaintext = true`"),
        );
    }
    let connectors = Connectors {
        listen: listen.map_or(NOWHERE, |at| at.value),
        tls: tls.flatten(),
        max_sockets: section.number("max_sockets", 1..=1_000_000),
        max_frame_bytes: section.number("max_frame_bytes", 4096..=1_048_576),
        public_url: section.url("public_url").map(|at| at.value.trim_end_matches('/').to_owned()),
        write_deadline: section.seconds("write_deadline_s", 1..=600),
        ping_every: section.seconds("ping_s", 1..=3_600),
    };
    section.finish();
    connectors
}

pub(super) fn manager(mut section: Section<'_>) -> Manager {
    let listen = section.socket_address("listen");
    let tls = section.has("tls").then(|| tls(section.section("tls")));
    section.know(&["tls"]);
    let public_url = section.url("public_url").map(|at| at.value.trim_end_matches('/').to_owned());
    let allow_plaintext = section.flag("allow_plaintext");
    if let Some(At { value, place }) = &listen
        && !value.ip().is_loopback()
        && tls.is_none()
        && !allow_plaintext
    {
        section.cx.error(
            *place,
            said!("the Web Manager's door {} would be open to the network without TLS", value),
            said!(
                "add `[manager.tls]` with `certificate` and `key`, listen on loopback, or set `manager.allow_plaintext = true`"),
        );
    }
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let manager = Manager {
        listen: listen.map_or(NOWHERE, |at| at.value),
        tls: tls.flatten(),
        public_url,
        idle: minutes(section.number("idle_minutes", 1..=1440)),
        absolute: minutes(60 * section.number::<u64>("absolute_hours", 1..=168)),
        proxies: section.number("proxies", 0..=16),
    };
    section.finish();
    manager
}

fn tls(mut section: Section<'_>) -> Option<Tls> {
    let certificate = section.required("certificate", said!("name a PEM file with the certificate and those above it"));
    let key = section.required("key", said!("name a PEM file with the certificate's key"));
    let client_ca = section.text("client_ca");
    let is_certificate = |bytes: &[u8]| {
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
        all.is_ok_and(|all| !all.is_empty())
    };
    let certificate = certificate.map(|at| pem(&section, "certificate", &at, &is_certificate));
    let key = key.map(|at| pem(&section, "key", &at, &|bytes| PrivateKeyDer::from_pem_slice(bytes).is_ok()));
    let client_ca = client_ca.map(|at| pem(&section, "client_ca", &at, &is_certificate));
    section.finish();
    Some(Tls { certificate: certificate?, key: key?, client_ca })
}

fn pem(section: &Section<'_>, key: &str, at: &At<&str>, is_good: &dyn Fn(&[u8]) -> bool) -> PathBuf {
    let path = section.cx.path(at.place, at.value);
    section.cx.files.borrow_mut().insert(path.clone());
    let name = section.name_of(key);
    match std::fs::read(&path).map(zeroize::Zeroizing::new) {
        Ok(bytes) if is_good(&bytes) => {}
        Ok(_) => {
            let message = said!("`{}`: {} holds no usable PEM of its kind", name, path.display());
            section.cx.error(
                at.place,
                message,
                said!("certificates read `BEGIN CERTIFICATE`, keys `BEGIN PRIVATE KEY`"),
            );
        }
        Err(error) => {
            let message = said!("`{}`: cannot read {}: {}", name, path.display(), error);
            section.cx.error(at.place, message, said!("a path is relative to the file that names it"));
        }
    }
    path
}

pub(super) fn ops(mut section: Section<'_>) -> Ops {
    let listen = section.socket_address("listen");
    let token = section.token_sha256();
    if let Some(At { value, place }) = &listen
        && !value.ip().is_loopback()
        && !section.has("token")
        && !section.has("token_sha256")
    {
        section.cx.error(
            *place,
            said!("the operators' door {} would be open to the network without a token", value),
            said!("set `ops.token`, or listen on loopback"),
        );
    }
    section.finish();
    Ops { listen: listen.map_or(NOWHERE, |at| at.value), token_sha256: token.map(|at| at.value) }
}

pub(super) fn store(mut section: Section<'_>) -> Store {
    let path = section.required("path", said!("name the directory of the database"));
    let path = path.map(|at| section.cx.path(at.place, at.value)).unwrap_or_default();
    if path.exists() && !path.is_dir() {
        let message = said!("`{}`: {} is no directory", section.name_of("path"), path.display());
        section.cx.error(section.place, message, said!("name the directory, not the database file"));
    }
    let store = Store {
        durability: section.choice("durability").unwrap_or(Durability::Sync),
        retention: Duration::from_secs(section.number::<u64>("retention_days", 1..=36_500) * 86_400),
        numbers_days: section.number("numbers_days", 1..=3_660),
        checkpoint_every: section.seconds("checkpoint_s", 1..=86_400),
        path,
    };
    section.finish();
    store
}

/// Bounds of the gateway, and of each contact.
pub(super) fn limits(mut section: Section<'_>) -> (Limits, profile::Limits) {
    let limits = Limits {
        contacts: section.number("contacts", 1..=10_000_000),
        running_calls: section.number("running_calls", 1..=1_000_000),
        journal_backlog: section.number("journal_backlog", 1..=10_000_000),
        engine_absence: section.seconds("engine_absence_s", 1..=604_800),
    };
    let mut contact = section.section("contact");
    let of_contact = profile::Limits {
        waiting_inputs: contact.number("waiting_inputs", 1..=10_000),
        undelivered: contact.number("undelivered", 1..=10_000),
        transcript_bytes: contact.number("transcript_bytes", 0..=1_048_576),
    };
    contact.finish();
    section.finish();
    (limits, of_contact)
}

pub(super) fn log(mut section: Section<'_>) -> Log {
    let filter = section.text("filter");
    if let Some(At { value, place }) = &filter
        && let Err(error) = telemetry::check_filter(value)
    {
        let message = said!("`{}`: {}", section.name_of("filter"), error);
        section.cx.error(*place, message, said!("write it as \"info\" or \"info,usher::nlp=debug\""));
    }
    let log = Log {
        format: section.choice("format").unwrap_or(LogFormat::Pretty),
        filter: filter.map_or_else(String::new, |at| at.value.to_owned()),
    };
    section.finish();
    log
}

pub(super) fn otlp_endpoint(mut section: Section<'_>) -> Option<String> {
    let endpoint = section.endpoint("endpoint");
    section.finish();
    endpoint.map(|at| at.value.to_string())
}

/// The store's directory alone, however wrong everything else is.
pub(super) fn store_path(mut section: Section<'_>) -> Option<PathBuf> {
    section.text("path").map(|at| section.cx.path(at.place, at.value))
}
