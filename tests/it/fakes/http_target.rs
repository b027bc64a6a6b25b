//! An HTTP server whose behaviour a test scripts to the byte: an external system, a proxy, or something broken.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What to do with the next request.
#[derive(Clone, Debug)]
pub(crate) enum Reaction {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// These bytes and no more.
    Raw(Vec<u8>),
    /// These bytes, then silence until the client goes.
    RawThenHang(Vec<u8>),
    /// A body without end, until the client goes.
    Endless,
    /// Nothing, until the client goes.
    Hang,
}

impl Reaction {
    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status: 200, headers: vec![("content-type", "application/json".to_owned())], body: body.into() }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self::Answer { status, headers: vec![], body: vec![] }
    }

    pub(crate) fn redirect(status: u16, location: impl Into<String>) -> Self {
        Self::Answer { status, headers: vec![("location", location.into())], body: vec![] }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    /// `POST /path HTTP/1.1`
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Recorded {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Debug, Default)]
struct State {
    /// The last one stays.
    script: Mutex<VecDeque<Reaction>>,
    requests: Mutex<Vec<Recorded>>,
    connections: AtomicUsize,
}

/// One request per connection. Runs until the process ends: a blocked `accept` holds nothing back.
#[derive(Debug)]
pub(crate) struct HttpTarget {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

impl HttpTarget {
    pub(crate) fn plain(script: impl IntoIterator<Item = Reaction>) -> Self {
        Self::start(script, None)
    }

    /// Speaks TLS, also inside a tunnel that a client asks for with CONNECT.
    pub(crate) fn tls(script: impl IntoIterator<Item = Reaction>, config: Arc<ServerConfig>) -> Self {
        Self::start(script, Some((config, true)))
    }

    /// A proxy that speaks TLS in its tunnels only, in the place of whoever is asked for.
    pub(crate) fn proxy(script: impl IntoIterator<Item = Reaction>, config: Arc<ServerConfig>) -> Self {
        Self::start(script, Some((config, false)))
    }

    fn start(script: impl IntoIterator<Item = Reaction>, tls: Option<(Arc<ServerConfig>, bool)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a TCP port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State { script: Mutex::new(script.into_iter().collect()), ..State::default() });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (state, tls, stream) = (Arc::clone(&shared), tls.clone(), stream.expect("a connection"));
                state.connections.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || serve(&state, tls, stream));
            }
        });
        Self { address, state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn then(&self, reaction: Reaction) {
        let mut script = self.state.script.lock().expect("script");
        script.clear();
        script.push_back(reaction);
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.state.requests.lock().expect("requests").clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

fn serve(state: &State, tls: Option<(Arc<ServerConfig>, bool)>, mut stream: TcpStream) {
    let encrypted = |config, stream| StreamOwned::new(ServerConnection::new(config).expect("TLS"), stream);
    match tls {
        Some((config, true)) => exchange(state, &mut encrypted(config, stream)),
        Some((config, false)) => {
            let tunnel = stream.try_clone().expect("the same stream");
            if exchange(state, &mut stream) {
                exchange(state, &mut encrypted(config, tunnel));
            }
            true
        }
        None => exchange(state, &mut stream),
    };
}

/// Whether the client asked for a tunnel. A client that goes away is no error.
fn exchange(state: &State, stream: &mut (impl Read + Write)) -> bool {
    let Some(request) = read(stream) else { return false };
    let tunnel = request.line.starts_with("CONNECT ");
    state.requests.lock().expect("requests").push(request);
    if tunnel {
        return stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_ok();
    }
    let reaction = {
        let mut script = state.script.lock().expect("script");
        if script.len() > 1 { script.pop_front() } else { script.front().cloned() }
    };
    match reaction.expect("a script") {
        Reaction::Answer { status, headers, body } => {
            let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
            headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
            finish(stream, &[head.as_bytes(), b"\r\n", &body].concat());
        }
        Reaction::Raw(bytes) => finish(stream, &bytes),
        Reaction::RawThenHang(bytes) => {
            finish(stream, &bytes);
            hang(stream);
        }
        Reaction::Endless => {
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let chunk = [b"400\r\n".as_slice(), &[b' '; 0x400], b"\r\n"].concat();
            let mut open = stream.write_all(head).is_ok();
            while open {
                open = stream.write_all(&chunk).is_ok();
            }
        }
        Reaction::Hang => hang(stream),
    }
    false
}

fn finish(stream: &mut impl Write, bytes: &[u8]) {
    // The client may have gone: that is its right.
    drop(stream.write_all(bytes).and_then(|()| stream.flush()));
}

fn hang(stream: &mut impl Read) {
    let mut buffer = [0; 64];
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
}

fn read(stream: &mut impl Read) -> Option<Recorded> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, it)| it.parse().expect("a length"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Recorded { line: line.trim_end().to_owned(), headers, body })
}
