//! A connector at its wire: a raw WebSocket client that says and hears JSON, and knows nothing of the gateway's own types.

use std::{net::SocketAddr, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest as _,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

const PATIENCE: Duration = Duration::from_secs(20);

/// One socket.
pub(crate) struct FakeConnector {
    ws: WebSocketStream<TcpStream>,
    /// What `hello` was answered with.
    pub(crate) welcome: Value,
}

impl FakeConnector {
    pub(crate) async fn attach(door: SocketAddr, token: &str) -> Self {
        Self::attach_with(door, token, json!({"type": "hello"})).await
    }

    pub(crate) async fn attach_with(door: SocketAddr, token: &str, hello: Value) -> Self {
        let mut connector = Self::dial(door, token).await.expect("the door lets it in");
        connector.send(hello).await;
        connector.welcome = connector.next().await;
        assert_eq!(connector.welcome["type"], "welcome", "{}", connector.welcome);
        connector
    }

    /// Goes on with this one's session, on a new socket.
    pub(crate) async fn resume(&self, door: SocketAddr, token: &str) -> Self {
        Self::attach_with(door, token, json!({"type": "hello", "resume": self.session()})).await
    }

    /// Lets itself in and says nothing yet.
    pub(crate) async fn dial(door: SocketAddr, token: &str) -> Result<Self, tungstenite::Error> {
        let mut request = format!("ws://{door}/connectors/v1").into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        headers.insert("sec-websocket-protocol", "usher.connector.v1".parse().unwrap());
        let io = TcpStream::connect(door).await?;
        io.set_nodelay(true)?;
        let config = WebSocketConfig::default().read_buffer_size(4096);
        let (ws, response) = client_async_with_config(request, io, Some(config)).await?;
        assert_eq!(response.headers()["sec-websocket-protocol"], "usher.connector.v1");
        Ok(Self { ws, welcome: Value::Null })
    }

    pub(crate) fn session(&self) -> &str {
        self.welcome["session"].as_str().expect("a session has a name")
    }

    pub(crate) async fn send(&mut self, frame: Value) {
        self.send_text(&frame.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.ws.send(Message::text(text)).await.expect("the socket takes it");
    }

    pub(crate) async fn try_send_text(&mut self, text: &str) -> Result<(), tungstenite::Error> {
        self.ws.send(Message::text(text)).await
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        self.ws.send(Message::binary(bytes.to_vec())).await.expect("the socket takes it");
    }

    /// The next frame, whatever it is.
    pub(crate) async fn next(&mut self) -> Value {
        match self.read().await {
            Ok(frame) => frame,
            Err(close) => panic!("closed instead of a frame: {close:?}"),
        }
    }

    /// The next frame, which is a turn.
    pub(crate) async fn turn(&mut self) -> Value {
        self.next_of("turn").await
    }

    pub(crate) async fn next_of(&mut self, kind: &str) -> Value {
        let frame = self.next().await;
        assert_eq!(frame["type"], kind, "{frame}");
        frame
    }

    pub(crate) async fn say(&mut self, turn: &Value, text: &str) {
        self.reply(turn, json!({"messages": [{"text": text}]})).await;
    }

    /// A reply to the turn, with these fields.
    pub(crate) async fn reply(&mut self, turn: &Value, fields: Value) {
        let mut reply = json!({"type": "reply", "turn_id": turn["turn_id"]});
        for (key, value) in fields.as_object().unwrap() {
            reply[key] = value.clone();
        }
        self.send(reply).await;
    }

    /// The code and reason by which the gateway closes the socket; frames before it are read over.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        loop {
            if let Err(close) = self.read().await {
                return close.unwrap_or((0, "without a close frame".to_owned()));
            }
        }
    }

    /// `Err`: the socket is closed, by this frame.
    pub(crate) async fn read(&mut self) -> Result<Value, Option<(u16, String)>> {
        loop {
            let read = timeout(PATIENCE, self.ws.next()).await.expect("something comes within 20 s");
            match read {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).expect("frames are JSON")),
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map(|it| (it.code.into(), it.reason.to_string())));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// Closes with a close frame, and waits for the answer to it.
    pub(crate) async fn close(mut self) {
        let close = CloseFrame { code: 1000.into(), reason: "bye".into() };
        self.ws.close(Some(close)).await.unwrap();
        self.closed().await;
    }

    /// Loses the connection without a word.
    pub(crate) fn cut(self) {
        let io = self.ws.into_inner();
        drop(io);
    }

    /// The connection below, with which more can be done wrong.
    pub(crate) fn into_io(self) -> TcpStream {
        self.ws.into_inner()
    }
}

/// An answer of the door to a request that is no proper one.
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) problem: Value,
}

/// Sends a request with these header lines (a whole handshake if `handshake`).
pub(crate) async fn knock(door: SocketAddr, request_line: &str, handshake: bool, headers: &[&str]) -> Refusal {
    let mut request = format!("{request_line} HTTP/1.1\r\nHost: {door}\r\n");
    if handshake {
        request += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    }
    for header in headers {
        request += header;
        request += "\r\n";
    }
    request += "\r\n";
    let mut io = TcpStream::connect(door).await.unwrap();
    io.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, io.read_to_string(&mut answer)).await.expect("an answer within 20 s").unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let head = head.to_ascii_lowercase();
    assert!(head.contains("content-type: application/problem+json"), "{head}");
    Refusal { status, head, problem: serde_json::from_str(body).unwrap() }
}
