//! The link against the real gateway: a conversation, and what a restart, a cut and a wrong token do to it.

use std::{sync::Arc, time::Duration};

use tokio::net::{TcpListener, TcpStream};
use usher::{
    switchboard::link::{Link, LinkConfig, Receipt},
    wire::engine::{
        AgentLoggedOn, ContactOffered, CustomerMessage, MediaType, SignOn, User, command, customer_message,
        engine_frame::Body, gateway_frame,
    },
};

use super::link::{Notebook, config, start};
use crate::{
    fakes::dialogflow::FakeDialogflow,
    harness::{CONFIG, Usher, profile},
};

fn centre() -> Notebook {
    let sign_on = SignOn::Password.into();
    let user = User { id: "va1".to_owned(), agent_rights: true, sign_on, ..User::default() };
    let mut notebook = Notebook::default();
    notebook.directory.users.push(user);
    notebook
}

async fn log_on(link: &Link, notebook: &Notebook) {
    notebook
        .wait("log-on", |noted| {
            let at = noted.frames.iter().position(|it| matches!(it, gateway_frame::Body::LogOnAgent(_)))?;
            Some(noted.frames.remove(at))
        })
        .await;
    link.send(Body::AgentLoggedOn(AgentLoggedOn { user: "va1".to_owned() }), None).await.unwrap();
}

async fn offer(link: &Link, notebook: &Notebook, contact: &str) {
    let (contact, agent) = (contact.to_owned(), "va1".to_owned());
    let media_type = MediaType::OpenMedia.into();
    let offer = ContactOffered { contact, agent, media_type, ..ContactOffered::default() };
    link.send(Body::ContactOffered(offer), Some(Receipt(1000))).await.unwrap();
    notebook
        .wait("acceptance", |noted| {
            let at = noted.frames.iter().position(|it| matches!(it, gateway_frame::Body::ContactAccepted(_)))?;
            Some(noted.frames.remove(at))
        })
        .await;
}

async fn say(link: &Link, contact: &str, number: u64) {
    let (contact, message_id) = (contact.to_owned(), format!("m{number}"));
    let body = Some(customer_message::Body::Text(format!("text {number}")));
    let message = CustomerMessage { contact, message_id, sensitive: false, body };
    link.send(Body::CustomerMessage(message), Some(Receipt(number))).await.unwrap();
}

/// What the virtual agent said, in order, each command once.
async fn heard(notebook: &Notebook, count: usize) -> Vec<String> {
    notebook
        .wait("answers", |noted| {
            let (mut done, mut texts) = (0, Vec::new());
            for body in &noted.frames {
                let gateway_frame::Body::Command(it) = body else { continue };
                let Some(command::Command::Say(say)) = &it.command else { continue };
                if it.action_seq > done {
                    done = it.action_seq;
                    texts.extend(say.messages.iter().cloned().map(crate::fakes::engine::text));
                }
            }
            (texts.len() >= count).then_some(texts)
        })
        .await
}

fn echoes(numbers: impl Iterator<Item = u64>) -> Vec<String> {
    numbers.map(|it| format!("echo: text {it}")).collect()
}

#[tokio::test]
async fn a_conversation_over_the_link_with_several_lanes() {
    let dialogflow = FakeDialogflow::start();
    let usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
    let (link, notebook) = start(LinkConfig { lanes: 3, ..config(usher.engines) }, centre());
    log_on(&link, &notebook).await;
    offer(&link, &notebook, "c1").await;
    for number in 1..=20 {
        say(&link, "c1", number).await;
    }
    assert_eq!(heard(&notebook, 20).await, echoes(1..=20));
    let mut taken = notebook.wait("receipts", |noted| (noted.taken.len() == 21).then(|| noted.taken.clone())).await;
    taken.sort_unstable();
    assert_eq!(taken, (1..=20).chain([1000]).collect::<Vec<_>>());
    assert_eq!(link.welcomes(), 3);
    link.stop().await;
    usher.drain().await;
}

#[tokio::test]
async fn a_gateway_that_restarts_goes_on_with_the_conversation() {
    let dialogflow = FakeDialogflow::start();
    let profile = profile(&dialogflow.endpoint());
    let usher = Usher::start(CONFIG, &profile).await;
    let proxy = Proxy::start(usher.engines).await;
    let (link, notebook) = start(config(proxy.address), centre());
    log_on(&link, &notebook).await;
    offer(&link, &notebook, "c1").await;
    for number in 1..=3 {
        say(&link, "c1", number).await;
    }
    assert_eq!(heard(&notebook, 3).await, echoes(1..=3));
    let directory = usher.drain().await;
    say(&link, "c1", 4).await;
    let usher = Usher::start_in(directory, CONFIG, &profile).await;
    proxy.lead_to(usher.engines);
    log_on(&link, &notebook).await;
    say(&link, "c1", 5).await;
    assert_eq!(heard(&notebook, 5).await, echoes(1..=5));
    let asked: Vec<_> = dialogflow.requests().iter().filter_map(|it| it.text().map(str::to_owned)).collect();
    assert_eq!(asked, (1..=5).map(|it| format!("text {it}")).collect::<Vec<_>>(), "each is asked once");
    link.stop().await;
    usher.drain().await;
}

#[tokio::test]
async fn cuts_in_the_middle_of_everything_lose_and_repeat_nothing() {
    let dialogflow = FakeDialogflow::start();
    let usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
    let proxy = Proxy::start(usher.engines).await;
    let (link, notebook) = start(config(proxy.address), centre());
    log_on(&link, &notebook).await;
    offer(&link, &notebook, "c1").await;
    for number in 1..=60 {
        say(&link, "c1", number).await;
        if number % 10 == 5 {
            proxy.cut();
        }
    }
    assert_eq!(heard(&notebook, 60).await, echoes(1..=60));
    let taken = notebook.wait("receipts", |noted| (noted.taken.len() == 61).then(|| noted.taken.clone())).await;
    let mut distinct = taken.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 61, "no receipt came twice: {taken:?}");
    assert!(link.welcomes() > 1, "the cuts were felt");
    link.stop().await;
    usher.drain().await;
}

#[tokio::test]
async fn a_wrong_token_is_tried_again_until_it_is_right() {
    let dialogflow = FakeDialogflow::start();
    let mut usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
    let (link, notebook) = start(LinkConfig { token: "token-2".into(), ..config(usher.engines) }, centre());
    tokio::time::timeout(Duration::from_millis(200), log_on(&link, &notebook)).await.unwrap_err();
    usher.reload(&CONFIG.replace("token-1", "token-2")).await;
    log_on(&link, &notebook).await;
    link.stop().await;
    usher.drain().await;
}

/// Leads connections to a gateway that may move, and can cut all of them.
pub(super) struct Proxy {
    pub(super) address: std::net::SocketAddr,
    target: Arc<std::sync::Mutex<std::net::SocketAddr>>,
    cut: tokio::sync::watch::Sender<u64>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub(super) async fn start(target: std::net::SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(std::sync::Mutex::new(target));
        let (cut, cuts) = tokio::sync::watch::channel(0);
        let leads = Arc::clone(&target);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let (to, mut cuts) = (*leads.lock().unwrap(), cuts.clone());
                cuts.mark_unchanged();
                connections.spawn(async move {
                    let Ok(mut far) = TcpStream::connect(to).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        Self { address, target, cut, task }
    }

    pub(super) fn cut(&self) {
        self.cut.send_modify(|it| *it += 1);
    }

    pub(super) fn lead_to(&self, target: std::net::SocketAddr) {
        *self.target.lock().unwrap() = target;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}
