//! Load through the web chat: simultaneous customers over HTTP and server-sent events, by the public chat API alone.
//!
//! What a customer said is held against what the chat shows, entry by entry: while it talks, and once more at the end, when the
//! whole log is read anew.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use http::{Method, Uri};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    sync::Notify,
    task::JoinSet,
    time::{Instant, error::Elapsed, sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    LoadError, Plan, Said, Voice,
    client::{Client, HttpError, read},
    converse,
    events::{Event, Parser},
    report::{Report, Tally},
};
use crate::{
    clock::Clock,
    switchboard::talk::{Content, Entry, From, State, What},
};

/// So many chats begin, or end, at a time.
const AT_ONCE: usize = 64;
/// Before a lost stream is opened again.
const LISTEN_AGAIN: Duration = Duration::from_millis(200);
/// The proxy's or server's word comes at least so often; a stream without any is dead.
const SILENT_AT_MOST: Duration = Duration::from_secs(60);
/// How long the greeting may take to come to its end before the run begins.
const QUIET: Duration = Duration::from_millis(300);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Begun {
    contact_id: String,
    token: String,
    events: String,
}

#[derive(Deserialize)]
struct Taken {
    seq: u64,
}

/// What one customer sees.
#[derive(Default)]
struct Log {
    /// Protects what was seen; held for a look or one entry alone.
    seen: Mutex<Seen>,
    changed: Notify,
}

#[derive(Default)]
struct Seen {
    entries: Vec<Entry>,
    heard_at: Vec<Instant>,
    repeated: usize,
    gaps: usize,
    reconnects: usize,
    faults: Vec<String>,
}

impl Log {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen());
        self.changed.notify_waiters();
    }

    async fn wait<T>(&self, look: impl Fn(&Seen) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = look(&self.seen()) {
                return found;
            }
            changed.await;
        }
    }
}

impl Seen {
    fn last(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.seq)
    }

    /// Entries are numbered without a gap: each comes once.
    fn take(&mut self, entry: Entry, now: Instant) {
        let expected = self.last() + 1;
        if entry.seq < expected {
            self.repeated += 1;
            return;
        }
        if entry.seq > expected {
            self.gaps += 1;
            self.faults.push(format!("entry {} came where {expected} was due", entry.seq));
        }
        self.entries.push(entry);
        self.heard_at.push(now);
    }

    fn is_over(&self) -> bool {
        self.entries.iter().any(|it| matches!(it.what, What::State(State::Ended { .. })))
    }

    /// When the first reply after an entry was heard.
    fn reply_after(&self, seq: u64) -> Option<Instant> {
        let at = self.entries.iter().position(|it| it.seq > seq && is_reply(it))?;
        self.heard_at.get(at).copied()
    }
}

fn is_reply(entry: &Entry) -> bool {
    matches!(&entry.what, What::Message { from: From::Bot | From::Person | From::System, .. })
}

/// What the chat keeps of a conversation, if it could be read in time.
type Kept = Result<Result<Vec<Entry>, HttpError>, Elapsed>;

struct Chat {
    client: Client,
    begun: Begun,
    log: Arc<Log>,
    listening: AbortOnDropHandle<()>,
    patience: Duration,
    /// What the customer said, in order: id and text.
    said: Mutex<Vec<(String, String)>>,
}

/// Runs the plan against the chat at `server`.
///
/// # Errors
/// When it could not begin: no chat there, or a contact refused.
pub async fn run(plan: &Plan, server: &Uri) -> Result<Report, LoadError> {
    plan.check()?;
    let client = Client::new(server)?;
    let begin = |number| Chat::begin(client.clone(), plan, number);
    let mut opening = stream::iter(0..plan.contacts).map(begin).buffered(AT_ONCE);
    let mut chats = Vec::new();
    while let Some(chat) = opening.next().await {
        chats.push(Arc::new(chat?));
    }
    drop(opening);
    for (number, chat) in chats.iter().enumerate() {
        chat.greeted(number).await?;
    }
    let start = Clock::instant();
    let mut talking = JoinSet::new();
    for (number, chat) in chats.iter().enumerate() {
        let (plan, chat) = (plan.clone(), Arc::clone(chat));
        talking.spawn(async move {
            let tally = converse(&plan, number, start, chat.as_ref()).await;
            (chat, tally)
        });
    }
    let talked = talking.join_all().await;
    let took = start.elapsed();
    drop(chats);
    let ends = stream::iter(talked).map(|(chat, tally)| async move { chat.end(tally).await });
    let tallies: Vec<Tally> = ends.buffer_unordered(AT_ONCE).collect().await;
    Ok(Report::of(tallies).timed(plan.rate, took))
}

impl Chat {
    async fn begin(client: Client, plan: &Plan, number: usize) -> Result<Self, LoadError> {
        let language = if plan.language.is_empty() { "en" } else { &plan.language };
        let contact = json!({ "language": language, "name": plan.contact_name(number) });
        let path = "/chat/v1/contacts";
        let answer = patiently(plan.patience, |_| client.send(Method::POST, path, None, Some(&contact))).await?;
        let begun: Begun = read(path, &answer)?;
        let log = Arc::new(Log::default());
        let listener = listen(client.clone(), begun.events.clone(), Arc::clone(&log));
        let listening = AbortOnDropHandle::new(tokio::spawn(listener));
        let said = Mutex::default();
        Ok(Self { client, begun, log, listening, patience: plan.patience, said })
    }

    /// Until the virtual agent has the contact and nothing more comes unasked.
    async fn greeted(&self, number: usize) -> Result<(), LoadError> {
        let with_bot = |seen: &Seen| {
            let with_bot = |it: &Entry| is_reply(it) || matches!(it.what, What::State(State::Bot { .. }));
            seen.entries.iter().any(with_bot).then_some(())
        };
        let opened = timeout(self.patience, self.log.wait(with_bot)).await;
        opened.map_err(|_elapsed| {
            let why = self.log.seen().faults.first().cloned();
            let why = why.unwrap_or_else(|| format!("no virtual agent had it within {:?}", self.patience));
            LoadError::NotOpened { contact: format!("number {number}"), why }
        })?;
        loop {
            let before = self.log.seen().last();
            let more = self.log.wait(|seen| (seen.last() > before).then_some(()));
            if timeout(QUIET.saturating_sub(self.age()), more).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Since the last entry was heard.
    fn age(&self) -> Duration {
        self.log.seen().heard_at.last().map_or(Duration::ZERO, Instant::elapsed)
    }

    fn said(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the account: what was said against what was shown, and what was shown against what the chat keeps.
    async fn end(self: Arc<Self>, mut tally: Tally) -> Tally {
        let last = self.log.seen().last();
        let kept = timeout(self.patience, self.read_again(last)).await;
        self.listening.abort();
        let (said, id) = (self.said().clone(), self.begun.contact_id.as_str());
        self.account(&said, (kept, last), &mut tally);
        let path = format!("/chat/v1/contacts/{id}");
        let leave = |_| self.client.send(Method::DELETE, &path, Some(&self.begun.token), None);
        if let Err(why) = patiently(self.patience, leave).await {
            tally.fault(format!("{id}: {why}"));
        }
        tally
    }

    fn account(&self, said: &[(String, String)], (kept, last): (Kept, u64), tally: &mut Tally) {
        let (seen, id) = (self.log.seen(), self.begun.contact_id.as_str());
        let replies = seen.entries.iter().filter(|entry| is_reply(entry)).count();
        tally.further += replies.saturating_sub(tally.answered);
        tally.repeated += seen.repeated;
        tally.reconnects += seen.reconnects;
        tally.lost += seen.gaps;
        seen.faults.iter().for_each(|fault| tally.fault(format!("{id}: {fault}")));
        compare(id, said, &seen.entries, tally);
        match kept {
            // What has come since then was not read anew.
            Ok(Ok(kept)) if seen.entries.iter().filter(|it| it.seq <= last).eq(&kept) => {}
            Ok(Ok(_)) => tally.fault(format!("{id}: the log read anew is not what was heard")),
            Ok(Err(why)) => tally.fault(format!("{id}: {why}")),
            Err(_elapsed) => tally.fault(format!("{id}: the log could not be read anew within {:?}", self.patience)),
        }
    }

    /// The whole log up to an entry, by a stream of its own.
    async fn read_again(&self, last: u64) -> Result<Vec<Entry>, HttpError> {
        let log = Arc::new(Log::default());
        let listener = listen(self.client.clone(), self.begun.events.clone(), Arc::clone(&log));
        let _listening = AbortOnDropHandle::new(tokio::spawn(listener));
        log.wait(|seen| (seen.last() >= last).then_some(())).await;
        let mut entries = std::mem::take(&mut log.seen().entries);
        entries.retain(|entry| entry.seq <= last);
        Ok(entries)
    }
}

impl Voice for Chat {
    async fn say(&self, turn: u64, line: &str, tally: &mut Tally) -> Said {
        if self.log.seen().is_over() {
            return Said::Over;
        }
        let id = format!("m{turn}");
        self.said().push((id.clone(), line.to_owned()));
        let path = format!("/chat/v1/contacts/{}/messages", self.begun.contact_id);
        let body = json!({ "id": id, "text": line });
        let mut limits = 0;
        let posted = patiently(self.patience, |limited| {
            limits += usize::from(limited);
            self.client.send(Method::POST, &path, Some(&self.begun.token), Some(&body))
        })
        .await;
        tally.busy += limits;
        let seq = match posted.and_then(|answer| read::<Taken>(&path, &answer)) {
            Ok(taken) => taken.seq,
            Err(why) => {
                tally.refused += 1;
                tally.fault(format!("{}: {why}", self.begun.contact_id));
                return Said::Silence;
            }
        };
        let replied = self.log.wait(|seen| match (seen.reply_after(seq), seen.is_over()) {
            (Some(at), _) => Some(Said::Answered(at)),
            (None, true) => Some(Said::Over),
            (None, false) => None,
        });
        timeout(self.patience, replied).await.unwrap_or_else(|_elapsed| {
            let (id, patience) = (&self.begun.contact_id, self.patience);
            tally.fault(format!("{id}: line {turn} was not answered within {patience:?}"));
            Said::Silence
        })
    }
}

/// Sends again what may do better later; the argument tells whether the last try met a rate limit.
async fn patiently<T, F: Future<Output = Result<T, HttpError>>>(
    patience: Duration,
    mut send: impl FnMut(bool) -> F,
) -> Result<T, HttpError> {
    let (began, mut limited) = (Clock::instant(), false);
    loop {
        let error = match send(limited).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let Some(wait) = error.again_after().filter(|wait| began.elapsed() + *wait < patience) else {
            return Err(error);
        };
        limited = error.is_limit();
        sleep(wait).await;
    }
}

/// Hears a chat's entries until it is aborted, over as many streams as it takes.
async fn listen(client: Client, path: String, log: Arc<Log>) {
    let mut first = true;
    loop {
        if !first {
            log.change(|seen| seen.reconnects += 1);
            sleep(LISTEN_AGAIN).await;
        }
        first = false;
        let last = Some(log.seen().last()).filter(|it| *it > 0);
        match client.follow(&path, last).await {
            Ok(pieces) => hear(pieces, &log).await,
            Err(why) if why.again_after().is_some() => {}
            Err(why) => {
                log.change(|seen| seen.faults.push(why.to_string()));
                return;
            }
        }
        if log.seen().is_over() {
            return;
        }
    }
}

async fn hear(mut pieces: impl futures::Stream<Item = Result<bytes::Bytes, HttpError>> + Unpin, log: &Log) {
    let mut parser = Parser::default();
    while let Ok(Some(Ok(piece))) = timeout(SILENT_AT_MOST, pieces.next()).await {
        let now = Clock::instant();
        let events = match parser.feed(&piece) {
            Ok(events) => events,
            Err(why) => return log.change(|seen| seen.faults.push(why.to_string())),
        };
        for event in events {
            log.change(|seen| on_event(seen, &event, now));
        }
    }
}

/// Hints have no id: they are of the moment.
fn on_event(seen: &mut Seen, event: &Event, now: Instant) {
    let Some(id) = event.id.as_deref().filter(|_| event.name.is_empty()) else { return };
    match serde_json::from_str::<Entry>(&event.data) {
        Ok(entry) if entry.seq.to_string() == id => seen.take(entry, now),
        Ok(entry) => seen.faults.push(format!("entry {} came under id {id}", entry.seq)),
        Err(why) => seen.faults.push(format!("event {id} is no entry: {why}")),
    }
}

/// Every message said is shown once, in order, as it was said.
fn compare(contact: &str, said: &[(String, String)], shown: &[Entry], tally: &mut Tally) {
    let shown: Vec<(&str, &str)> = shown.iter().filter_map(customers_text).collect();
    let count = |id: &str| shown.iter().filter(|it| it.0 == id).count();
    for (id, _) in said {
        match count(id) {
            0 => tally.lost += 1,
            times => tally.repeated += times - 1,
        }
    }
    if !shown.iter().copied().eq(said.iter().map(|(id, text)| (id.as_str(), text.as_str()))) {
        tally.fault(format!("{contact}: what was said and what is shown differ"));
    }
}

fn customers_text(entry: &Entry) -> Option<(&str, &str)> {
    match &entry.what {
        What::Message { id, from: From::Customer, content, .. } => match content.as_slice() {
            [Content::Text { text }] => Some((id, text)),
            _other => Some((id, "")),
        },
        What::Message { .. } | What::Delivered { .. } | What::State(_) | What::Push { .. } | What::Callback { .. } => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64, from: From, id: &str, text: &str) -> Entry {
        let content = vec![Content::Text { text: text.to_owned() }];
        Entry { seq, at: 0, what: What::Message { id: id.to_owned(), from, name: None, content } }
    }

    fn seen(entries: Vec<Entry>) -> Seen {
        let mut seen = Seen::default();
        entries.into_iter().for_each(|it| seen.take(it, Clock::instant()));
        seen
    }

    #[test]
    fn an_entry_that_comes_again_or_is_missing_is_noticed() {
        let [one, two, four] = [1, 2, 4].map(|seq| entry(seq, From::Bot, "b", "x"));
        let seen = seen(vec![one, two.clone(), two, four]);
        assert_eq!((seen.repeated, seen.gaps, seen.entries.len()), (1, 1, 3));
        assert_eq!(seen.faults, ["entry 4 came where 3 was due"]);
    }

    #[test]
    fn a_reply_is_what_somebody_else_says_afterwards() {
        let entries = vec![
            entry(1, From::Bot, "b1", "hello"),
            entry(2, From::Customer, "m0", "hi"),
            entry(3, From::Customer, "m1", "hi"),
        ];
        let mut seen = seen(entries);
        assert_eq!(seen.reply_after(2), None);
        let now = Clock::instant();
        seen.take(entry(4, From::Bot, "b2", "yes"), now);
        assert_eq!(seen.reply_after(2), Some(now));
    }

    #[test]
    fn what_was_said_must_be_shown_once_in_order_and_unchanged() {
        let said = [("m0", "a"), ("m1", "b")].map(|(id, text)| (id.to_owned(), text.to_owned()));
        let (a, b) = (entry(1, From::Customer, "m0", "a"), entry(2, From::Customer, "m1", "b"));
        let changed = entry(2, From::Customer, "m1", "B");
        let cases = [
            (vec![a.clone(), b.clone()], 0, 0, 0),
            (vec![a.clone()], 1, 0, 1),
            (vec![a.clone(), b.clone(), b.clone()], 0, 1, 1),
            (vec![b, a.clone()], 0, 0, 1),
            (vec![a, changed], 0, 0, 1),
        ];
        for (n, (shown, lost, repeated, faults)) in cases.into_iter().enumerate() {
            let mut tally = Tally::default();
            compare("c", &said, &shown, &mut tally);
            assert_eq!((tally.lost, tally.repeated, tally.faults.len()), (lost, repeated, faults), "case {n}");
        }
    }

    #[test]
    fn hints_and_foreign_events_are_no_entries() {
        let mut seen = Seen::default();
        let (now, data) = (Clock::instant(), r#"{"type":"typing","from":"bot"}"#.to_owned());
        on_event(&mut seen, &Event { data, ..Event::default() }, now);
        assert!(seen.entries.is_empty() && seen.faults.is_empty());
        on_event(&mut seen, &Event { id: Some("1".to_owned()), data: "{".to_owned(), ..Event::default() }, now);
        assert_eq!(seen.faults.len(), 1);
    }
}
