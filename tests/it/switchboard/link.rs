//! The link against a gateway that does as it is told: every turn of the contract that a real one takes seldom.

use std::{
    collections::VecDeque,
    future,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use tokio::{
    sync::{Notify, oneshot},
    time::timeout,
};
use tonic::Status;
use usher::{
    switchboard::link::{Centre, Link, LinkConfig, Pace, Recalled, Receipt, SendError},
    wire::engine::{
        AgentLoggedOn, Busy, Command, ContactAccepted, CustomerMessage, Directory, Draining, Queue, Refused, User,
        customer_message, engine_frame::Body, gateway_frame, refused,
    },
};

use super::scripted::Scripted;

const PATIENCE: Duration = Duration::from_secs(20);

/// Notes what it is told; what it is given it makes durable when the test says so.
#[derive(Default)]
pub(super) struct Notebook {
    noted: Mutex<Noted>,
    changed: Notify,
    pub(super) directory: Directory,
    /// Off: frames are durable at once.
    pub(super) holds: bool,
    pub(super) kept: Option<CustomerMessage>,
}

#[derive(Default)]
pub(super) struct Noted {
    pub(super) frames: Vec<gateway_frame::Body>,
    pub(super) taken: Vec<u64>,
    pub(super) refused: Vec<(Refused, Option<Receipt>)>,
    pub(super) attached: Vec<bool>,
    pub(super) durable: VecDeque<oneshot::Sender<()>>,
}

impl Notebook {
    pub(super) fn change(&self, change: impl FnOnce(&mut Noted)) {
        change(&mut self.noted.lock().unwrap());
        self.changed.notify_waiters();
    }

    pub(super) async fn wait<T>(&self, what: &str, look: impl Fn(&mut Noted) -> Option<T>) -> T {
        let looked = async {
            loop {
                let changed = self.changed.notified();
                if let Some(found) = look(&mut self.noted.lock().unwrap()) {
                    return found;
                }
                changed.await;
            }
        };
        timeout(PATIENCE, looked).await.unwrap_or_else(|_| panic!("no {what}"))
    }

    pub(super) async fn taken(&self, expected: &[u64]) {
        self.wait("receipts", |noted| (noted.taken.len() >= expected.len()).then_some(())).await;
        assert_eq!(self.noted.lock().unwrap().taken, expected);
    }
}

impl Centre for Notebook {
    fn directory(&self) -> Directory {
        self.directory.clone()
    }

    fn attached(&self, attached: bool) {
        self.change(|noted| noted.attached.push(attached));
    }

    fn on_frame(&self, body: gateway_frame::Body) -> BoxFuture<'static, ()> {
        let (durable, waits) = oneshot::channel();
        self.change(|noted| {
            noted.frames.push(body);
            noted.durable.push_back(durable);
        });
        if self.holds { waits.map(drop).boxed() } else { future::ready(()).boxed() }
    }

    fn on_taken(&self, receipt: Receipt) {
        self.change(|noted| noted.taken.push(receipt.0));
    }

    fn on_refused(&self, refused: Refused, receipt: Option<Receipt>) -> BoxFuture<'static, ()> {
        self.change(|noted| noted.refused.push((refused, receipt)));
        future::ready(()).boxed()
    }

    fn recall(&self, _contact: &str, message_id: &str) -> Option<Recalled> {
        let message = self.kept.clone().filter(|it| it.message_id == message_id)?;
        let (durable, waits) = oneshot::channel();
        self.change(|noted| noted.durable.push_back(durable));
        Some(Recalled { message, receipt: Receipt(7), durable: waits.map(drop).boxed() })
    }
}

pub(super) fn config(gateway: SocketAddr) -> LinkConfig {
    let short = Duration::from_millis(5);
    LinkConfig {
        gateway: format!("http://{gateway}").parse().unwrap(),
        token: "token-1".into(),
        engine_id: "engine-1".to_owned(),
        unit: "sales".to_owned(),
        lanes: 1,
        seed: 7,
        pace: Pace { first: short, longest: short * 10, mend_first: short, mend_longest: short * 10 },
    }
}

pub(super) fn start(config: LinkConfig, notebook: Notebook) -> (Link, Arc<Notebook>) {
    let notebook = Arc::new(notebook);
    let centre: Arc<dyn Centre> = Arc::<Notebook>::clone(&notebook);
    (Link::start(config, &centre), notebook)
}

fn note(number: u64) -> Body {
    Body::AgentLoggedOn(AgentLoggedOn { user: format!("u{number}") })
}

fn message(contact: &str, id: &str) -> CustomerMessage {
    let (contact, message_id) = (contact.to_owned(), id.to_owned());
    let body = Some(customer_message::Body::Text("hello".to_owned()));
    CustomerMessage { contact, message_id, sensitive: false, body }
}

fn accepted(contact: &str) -> Option<gateway_frame::Body> {
    let contact = contact.to_owned();
    Some(gateway_frame::Body::ContactAccepted(ContactAccepted { contact, agent: String::new() }))
}

fn busy(contact: &str, id: &str, retry_after_ms: u32) -> Option<gateway_frame::Body> {
    let (contact, message_id) = (contact.to_owned(), id.to_owned());
    Some(gateway_frame::Body::Busy(Busy { contact, message_id, retry_after_ms, reason: String::new() }))
}

/// One lane to a gateway that has just welcomed it.
async fn attached(notebook: Notebook) -> (Scripted, super::scripted::Attach, Link, Arc<Notebook>) {
    let mut gateway = Scripted::start().await;
    let (link, notebook) = start(config(gateway.address), notebook);
    let stream = gateway.welcome("s1").await;
    (gateway, stream, link, notebook)
}

#[tokio::test]
async fn the_hello_says_who_we_are_and_holds_the_directory() {
    let directory =
        Directory { queues: vec![Queue { id: "q".to_owned(), ..Queue::default() }], ..Directory::default() };
    let notebook = Notebook { directory: directory.clone(), ..Notebook::default() };
    let mut gateway = Scripted::start().await;
    let (link, notebook) = start(LinkConfig { lanes: 2, ..config(gateway.address) }, notebook);
    let mut hellos = Vec::new();
    for session in ["s1", "s2"] {
        let stream = gateway.welcome(session).await;
        assert_eq!(stream.authorization, "Bearer token-1");
        hellos.push((stream.hello.clone(), stream));
    }
    hellos.sort_by_key(|it| it.0.lane);
    let [(first, _), (second, _)] = hellos.as_slice() else { panic!() };
    assert_eq!((first.engine_id.as_str(), first.business_unit.as_str()), ("engine-1", "sales"));
    assert_eq!((first.lanes, &first.directory), (2, &Some(directory)));
    assert_eq!((second.lane, second.lanes, &second.directory), (1, 2, &None));
    assert_eq!((first.session.as_str(), first.last_received), ("", 0));
    notebook.wait("attachment", |noted| (noted.attached == [true]).then_some(())).await;
    drop(hellos);
    link.stop().await;
    notebook.wait("detachment", |noted| (noted.attached.last() == Some(&false)).then_some(())).await;
}

#[tokio::test]
async fn a_directory_above_the_frame_limit_goes_on_by_deltas() {
    let user = |n: usize| User { id: format!("user-{n}"), name: "n".repeat(100), ..User::default() };
    let directory = Directory { users: (0..2000).map(user).collect(), ..Directory::default() };
    let (_gateway, mut stream, link, _notebook) =
        attached(Notebook { directory: directory.clone(), ..Notebook::default() }).await;
    let mut users = stream.hello.directory.clone().unwrap().users;
    assert!(users.len() < 2000);
    while users.len() < 2000 {
        let (seq, body) = stream.numbered().await;
        let Body::Directory(delta) = body else { panic!("{body:?}") };
        users.extend(delta.users);
        stream.ack(seq).await;
    }
    assert_eq!(users, directory.users);
    drop(stream);
    link.stop().await;
}

#[tokio::test]
async fn a_frame_is_acknowledged_in_order_and_only_when_it_is_durable() {
    let (_gateway, mut stream, link, notebook) = attached(Notebook { holds: true, ..Notebook::default() }).await;
    for seq in 1..=3 {
        stream.frame(seq, 0, accepted(&format!("c{seq}"))).await;
    }
    let mut durable =
        notebook.wait("frames", |noted| (noted.durable.len() == 3).then(|| std::mem::take(&mut noted.durable))).await;
    // The later ones are durable first: nothing can be acknowledged.
    durable.pop_back().unwrap().send(()).unwrap();
    durable.pop_back().unwrap().send(()).unwrap();
    link.send(note(1), None).await.unwrap();
    let said = stream.next().await;
    assert_eq!((said.seq, said.ack), (1, 0));
    durable.pop_back().unwrap().send(()).unwrap();
    stream.acked(3).await;
    drop(stream);
    link.stop().await;
}

#[tokio::test]
async fn a_lost_stream_is_resumed_and_goes_on_where_it_was_at_each_point() {
    // How many of our four frames the gateway has, and how many it has acknowledged, when the stream is cut.
    for (has, acked) in [(0, 0), (2, 0), (2, 1), (4, 2), (4, 4)] {
        let (mut gateway, mut stream, link, notebook) = attached(Notebook::default()).await;
        for number in 1..=4 {
            link.send(note(number), Some(Receipt(number))).await.unwrap();
        }
        stream.frame(1, 0, accepted("c1")).await;
        for _ in 0..4 {
            stream.numbered().await;
        }
        stream.acked(1).await;
        stream.ack(acked).await;
        notebook.wait("receipts", |noted| (noted.taken.len() as u64 == acked).then_some(())).await;
        drop(stream);

        let mut stream = gateway.attach().await;
        assert_eq!((stream.hello.session.as_str(), stream.hello.last_received), ("s1", 1), "{has} {acked}");
        stream.welcome("s1", true, has, acked).await;
        // It comes again, although we have it: it must not be handed over again.
        stream.frame(1, acked, accepted("c1")).await;
        stream.frame(2, acked, accepted("c2")).await;
        for expected in has + 1..=4 {
            assert_eq!(stream.numbered().await, (expected, note(expected)), "{has} {acked}");
        }
        stream.acked(2).await;
        stream.ack(4).await;
        notebook.taken(&[1, 2, 3, 4]).await;
        let frames = notebook.wait("frames", |noted| Some(noted.frames.clone())).await;
        assert_eq!(frames, [accepted("c1").unwrap(), accepted("c2").unwrap()]);
        drop(stream);
        link.stop().await;
    }
}

#[tokio::test]
async fn a_new_session_is_given_everything_that_was_never_acknowledged() {
    let (mut gateway, mut stream, link, notebook) = attached(Notebook::default()).await;
    for number in 1..=3 {
        link.send(note(number), Some(Receipt(number))).await.unwrap();
        stream.numbered().await;
    }
    stream.frame(1, 1, accepted("c1")).await;
    notebook.taken(&[1]).await;
    stream.end(Status::unavailable("restarting")).await;

    let mut stream = gateway.attach().await;
    stream.welcome("s2", false, 0, 0).await;
    assert_eq!(stream.numbered().await, (1, note(2)));
    assert_eq!(stream.numbered().await, (2, note(3)));
    // The gateway numbers from 1, too.
    stream.frame(1, 2, accepted("c2")).await;
    notebook.taken(&[1, 2, 3]).await;
    stream.acked(1).await;
    drop(stream);
    link.stop().await;
}

#[tokio::test]
async fn never_more_than_the_credits_are_under_way_and_the_sender_waits() {
    let (_gateway, mut stream, link, notebook) = attached(Notebook::default()).await;
    for number in 1..=4 {
        link.send(note(number), Some(Receipt(number))).await.unwrap();
        assert_eq!(stream.numbered().await.0, number);
    }
    let mut queued = 4;
    let refused = loop {
        match link.try_send(note(queued + 1), Some(Receipt(queued + 1))) {
            Ok(()) => queued += 1,
            Err(refused) => break refused,
        }
        tokio::task::yield_now().await;
        assert!(queued < 2000, "what waits is not bounded");
    };
    assert_eq!(refused, SendError::Full);
    assert!(stream.is_silent_for(Duration::from_millis(50)).await, "four credits are used up");
    stream.ack(2).await;
    assert_eq!((stream.numbered().await.0, stream.numbered().await.0), (5, 6));
    notebook.taken(&[1, 2]).await;
    drop(stream);
    link.stop().await;
    assert_eq!(link.send(note(1), None).await, Err(SendError::Stopped));
}

#[tokio::test]
async fn a_busy_message_comes_again_under_its_id_before_what_its_customer_said_later() {
    let (_gateway, mut stream, link, notebook) = attached(Notebook::default()).await;
    link.send(Body::CustomerMessage(message("c", "m1")), Some(Receipt(1))).await.unwrap();
    link.send(Body::CustomerMessage(message("c", "m2")), Some(Receipt(2))).await.unwrap();
    link.send(Body::CustomerMessage(message("other", "m1")), Some(Receipt(3))).await.unwrap();
    assert_eq!(stream.numbered().await.1, Body::CustomerMessage(message("c", "m1")));
    assert_eq!(stream.numbered().await.1, Body::CustomerMessage(message("other", "m1")), "it is not held up");
    let began = tokio::time::Instant::now();
    stream.frame(1, 2, busy("c", "m1", 120)).await;
    notebook.taken(&[3]).await;
    assert_eq!(stream.numbered().await, (3, Body::CustomerMessage(message("c", "m1"))));
    assert!(began.elapsed() >= Duration::from_millis(120), "after {:?}", began.elapsed());
    stream.ack(3).await;
    assert_eq!(stream.numbered().await, (4, Body::CustomerMessage(message("c", "m2"))));
    stream.ack(4).await;
    notebook.taken(&[3, 1, 2]).await;
    drop(stream);
    link.stop().await;
}

#[tokio::test]
async fn a_message_that_is_given_back_after_its_acknowledgement_is_asked_of_the_centre() {
    let kept = Some(message("c", "m1"));
    let (_gateway, mut stream, link, notebook) = attached(Notebook { kept, ..Notebook::default() }).await;
    link.send(Body::CustomerMessage(message("c", "m1")), Some(Receipt(1))).await.unwrap();
    stream.numbered().await;
    stream.ack(1).await;
    notebook.taken(&[1]).await;
    stream.frame(1, 1, busy("c", "m1", 1)).await;
    let again = stream.next().await;
    assert_eq!((again.seq, again.body), (2, Some(Body::CustomerMessage(message("c", "m1")))));
    assert_eq!(again.ack, 0, "it is not durable yet that the message is to be taken once more");
    notebook.wait("recall", |noted| noted.durable.pop_front()).await.send(()).unwrap();
    stream.acked(1).await;
    stream.ack(2).await;
    notebook.taken(&[1, 7]).await;
    drop(stream);
    link.stop().await;
}

#[tokio::test]
async fn a_refusal_is_told_with_its_receipt_and_the_stream_goes_on() {
    let (_gateway, mut stream, link, notebook) = attached(Notebook::default()).await;
    link.send(note(1), Some(Receipt(1))).await.unwrap();
    link.send(note(2), Some(Receipt(2))).await.unwrap();
    stream.numbered().await;
    stream.numbered().await;
    let reason = refused::Reason::UnknownUser.into();
    let refused = Refused { frame: 1, reason, detail: "who?".to_owned(), ..Refused::default() };
    stream.frame(1, 2, Some(gateway_frame::Body::Refused(refused.clone()))).await;
    notebook.taken(&[2]).await;
    let told = notebook.wait("refusal", |noted| noted.refused.pop()).await;
    assert_eq!(told, (refused, Some(Receipt(1))));
    let mut large = message("c", "m1");
    large.body = Some(customer_message::Body::Text("x".repeat(5000)));
    link.send(Body::CustomerMessage(large), Some(Receipt(3))).await.unwrap();
    let (refused, receipt) = notebook.wait("refusal", |noted| noted.refused.pop()).await;
    assert_eq!((refused.reason(), receipt), (refused::Reason::TooLarge, Some(Receipt(3))));
    link.send(note(4), None).await.unwrap();
    assert_eq!(stream.numbered().await, (3, note(4)), "what never left took no number");
    drop(stream);
    link.stop().await;
}

#[tokio::test]
async fn a_draining_gateway_is_told_of_and_served_to_the_end() {
    let (_gateway, mut stream, link, notebook) = attached(Notebook::default()).await;
    notebook.wait("attachment", |noted| (noted.attached == [true]).then_some(())).await;
    stream.frame(1, 0, Some(gateway_frame::Body::Draining(Draining { grace_ms: 1000 }))).await;
    notebook.wait("detachment", |noted| (noted.attached == [true, false]).then_some(())).await;
    let command = Command { contact: "c".to_owned(), action_seq: 1, command: None };
    stream.frame(2, 0, Some(gateway_frame::Body::Command(command))).await;
    stream.acked(2).await;
    link.send(note(1), None).await.unwrap();
    assert_eq!(stream.numbered().await, (1, note(1)));
    drop(stream);
    link.stop().await;
}

#[tokio::test]
async fn a_gateway_that_breaks_the_contract_gets_a_new_session() {
    let faults: [(&str, u64, u64, Option<gateway_frame::Body>); 4] = [
        ("a gap", 2, 0, accepted("c")),
        ("an acknowledgement of what was never sent", 0, 9, None),
        ("a body without a number", 0, 0, accepted("c")),
        ("a second Welcome", 0, 0, Some(gateway_frame::Body::Welcome(usher::wire::engine::Welcome::default()))),
    ];
    for (what, seq, ack, body) in faults {
        let (mut gateway, mut stream, link, notebook) = attached(Notebook::default()).await;
        link.send(note(1), Some(Receipt(1))).await.unwrap();
        stream.numbered().await;
        stream.frame(seq, ack, body).await;
        let mut stream = gateway.attach().await;
        assert_eq!(stream.hello.session, "", "{what}");
        stream.welcome("s2", false, 0, 0).await;
        assert_eq!(stream.numbered().await, (1, note(1)), "{what}");
        stream.ack(1).await;
        notebook.taken(&[1]).await;
        let frames = notebook.wait("frames", |noted| Some(noted.frames.len())).await;
        assert_eq!(frames, 0, "{what}");
        drop(stream);
        link.stop().await;
    }
}

#[tokio::test]
async fn whatever_ends_a_stream_it_is_opened_again() {
    let mut gateway = Scripted::start().await;
    let (link, notebook) = start(config(gateway.address), Notebook::default());
    let ends = [
        Status::unauthenticated("no"),
        Status::permission_denied("no"),
        Status::not_found("no"),
        Status::aborted("replaced"),
        Status::invalid_argument("seq"),
        Status::resource_exhausted("slow"),
        Status::internal("?"),
    ];
    for status in ends {
        gateway.attach().await.end(status).await;
    }
    // What should be a Welcome is none.
    gateway.attach().await.frame(1, 0, accepted("c")).await;
    let mut stream = gateway.welcome("s1").await;
    link.send(note(1), Some(Receipt(1))).await.unwrap();
    stream.numbered().await;
    stream.ack(1).await;
    notebook.taken(&[1]).await;
    drop(stream);
    link.stop().await;
}

#[tokio::test]
async fn an_absent_gateway_is_waited_for_and_stop_ends_that_too() {
    let gateway = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gateway.local_addr().unwrap();
    drop(gateway);
    let (link, notebook) = start(config(address), Notebook::default());
    link.send(note(1), Some(Receipt(1))).await.unwrap();
    timeout(PATIENCE, link.stop()).await.unwrap();
    assert!(notebook.wait("nothing", |noted| Some(noted.attached.is_empty())).await);
}

#[tokio::test]
async fn stop_half_closes_and_hears_the_last_acknowledgements() {
    let (_gateway, mut stream, link, notebook) = attached(Notebook::default()).await;
    link.send(note(1), Some(Receipt(1))).await.unwrap();
    stream.numbered().await;
    let stopping = tokio::spawn({
        let link = link.clone();
        async move { link.stop().await }
    });
    assert!(stream.is_over().await);
    stream.ack(1).await;
    drop(stream);
    stopping.await.unwrap();
    notebook.taken(&[1]).await;
}
