//! A name server on loopback UDP whose answers a test sets by name.
#![expect(clippy::indexing_slicing, reason = "asked by our own client alone: a query that is cut short fails the test")]

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::{net::UdpSocket, task::JoinHandle};

/// How a question for one name is answered.
#[derive(Clone, Debug)]
pub(crate) enum NameAnswer {
    Addresses {
        addresses: Vec<IpAddr>,
        ttl_s: u32,
    },
    NoSuchName,
    /// SERVFAIL.
    Failure,
    Silence,
    /// An answer to a question nobody asked, as a forger would send it.
    WrongId(IpAddr),
}

impl NameAnswer {
    pub(crate) fn address(address: &str, ttl_s: u32) -> Self {
        Self::addresses(&[address], ttl_s)
    }

    pub(crate) fn addresses(addresses: &[&str], ttl_s: u32) -> Self {
        let addresses = addresses.iter().map(|it| it.parse().expect("an address")).collect();
        Self::Addresses { addresses, ttl_s }
    }
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<String, NameAnswer>,
    asked: HashMap<String, usize>,
}

/// Answers NXDOMAIN for names it was not told of. Stops when dropped.
#[derive(Debug)]
pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;

impl NameServer {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a UDP port");
        let address = socket.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let task = tokio::spawn(serve(socket, Arc::clone(&state)));
        Self { address, state, task }
    }

    pub(crate) async fn with(name: &str, answer: NameAnswer) -> Self {
        let server = Self::start().await;
        server.set(name, answer);
        server
    }

    pub(crate) fn set(&self, name: &str, answer: NameAnswer) {
        self.state.lock().expect("state").answers.insert(name.to_owned(), answer);
    }

    /// How many questions for IPv4 addresses of `name` came in.
    pub(crate) fn asked(&self, name: &str) -> usize {
        self.state.lock().expect("state").asked.get(name).copied().unwrap_or_default()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, state: Arc<Mutex<State>>) {
    let mut buffer = [0; 1_500];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        let query = &buffer[..length];
        let (name, kind, end) = question(query);
        let answer = {
            let mut state = state.lock().expect("state");
            if kind == TYPE_A {
                *state.asked.entry(name.clone()).or_default() += 1;
            }
            state.answers.get(&name).cloned().unwrap_or(NameAnswer::NoSuchName)
        };
        if let Some(reply) = reply(query, end, kind, &answer) {
            socket.send_to(&reply, peer).await.expect("to send a reply");
        }
    }
}

/// The name, the type and the end of the one question in `query`.
fn question(query: &[u8]) -> (String, u16, usize) {
    let mut at = 12;
    let mut labels = Vec::new();
    while query[at] != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..=at + length]).to_ascii_lowercase());
        at += length + 1;
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    (labels.join("."), kind, at + 5)
}

fn reply(query: &[u8], end: usize, kind: u16, answer: &NameAnswer) -> Option<Vec<u8>> {
    let (code, addresses, ttl_s, id_mask) = match answer {
        NameAnswer::Silence => return None,
        NameAnswer::Addresses { addresses, ttl_s } => (0, addresses.clone(), *ttl_s, 0),
        NameAnswer::NoSuchName => (3, vec![], 0, 0),
        NameAnswer::Failure => (2, vec![], 0, 0),
        NameAnswer::WrongId(address) => (0, vec![*address], 60, 0xff),
    };
    let records: Vec<Vec<u8>> = addresses
        .iter()
        .filter_map(|address| match (address, kind) {
            (IpAddr::V4(address), TYPE_A) => Some(address.octets().to_vec()),
            (IpAddr::V6(address), TYPE_AAAA) => Some(address.octets().to_vec()),
            _ => None,
        })
        .collect();
    let mut reply = vec![query[0] ^ id_mask, query[1] ^ id_mask, 0x81, 0x80 | code, 0, 1];
    reply.extend(u16::try_from(records.len()).expect("few records").to_be_bytes());
    reply.extend([0, 0, 0, 0]);
    reply.extend(&query[12..end]);
    for data in records {
        // The name is the question's, at offset 12.
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1]);
        reply.extend(ttl_s.to_be_bytes());
        reply.extend(u16::try_from(data.len()).expect("a short record").to_be_bytes());
        reply.extend(data);
    }
    Some(reply)
}
