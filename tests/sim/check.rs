//! What must hold when everything is mended and has come to rest.
//!
//! - No contact is stuck, and the gateway has nothing left of any.
//! - What the routing engine got acknowledged is answered or explained exactly once, in order.
//! - Commands arrive without gaps, in order, each number with one content alone.
//! - Who falls silent is closed after the timeout: never earlier, and later only by as much as failures explain.

use std::{collections::BTreeMap, time::Duration};

use futures::FutureExt as _;
use usher::{
    core::ids::{ContactId, ContactName, UnitName},
    gateway::{Content, Opened, open_records},
    seal::Vault,
    store::{Loaded, Store as _},
    wire::engine::{Command, Say, command, message},
};

use super::{
    centre::{End, Seen},
    hosts::{Ended, TIMEOUT, UNIT, sealer},
    plan::Plan,
    timeline::{Fate, Timeline},
};

/// How long after a fault its consequences may last: until a dead connection is noticed at the latest.
const AFTERMATH: Duration = Duration::from_secs(75);
/// Delays that are nobody's fault: latency, ticks, the wait for what an attaching engine holds.
const GRACE: Duration = Duration::from_secs(6);
/// Simulated machines look around this often.
const RESOLUTION: Duration = Duration::from_millis(100);

pub(crate) fn problems(plan: &Plan, ended: &Ended) -> Vec<String> {
    let breaches = ended.log.contract.iter().chain(&ended.log.breaches);
    let mut problems: Vec<String> = breaches.map(|it| format!("breach of contract: {it}")).collect();
    if !ended.at_rest {
        problems.push("not everything came to rest".to_owned());
    }
    if ended.open_contacts != 0 {
        problems.push(format!("the gateway still has {} contacts", ended.open_contacts));
    }
    if ended.log.unacknowledged != 0 {
        problems.push(format!("{} frames are not acknowledged", ended.log.unacknowledged));
    }
    problems.extend(left_in_store(ended));
    for (name, seen) in &ended.log.contacts {
        let unit = UnitName::new(UNIT).unwrap();
        let id = ContactId { unit, name: ContactName::new(name).unwrap() };
        let records = ended.disk.memory.records(&id, usize::MAX).now_or_never().unwrap().unwrap();
        let lives = ended.disk.memory.lives(&id).now_or_never().unwrap().unwrap();
        let records = open_records(&Vault::new(&sealer()), &lives, records);
        let timeline = Timeline::read(&records);
        let mut found = timeline.problems.clone();
        if seen.end.is_none() {
            found.push("is stuck".to_owned());
        }
        found.extend(messages(seen, &timeline));
        found.extend(commands(seen, &timeline));
        found.extend(inactivity(plan, seen, &timeline));
        if !found.is_empty() {
            problems.push(format!("{name}: {}\n{}", found.join("\n    "), told(seen, &records)));
        }
    }
    problems
}

/// What a next start would find open.
fn left_in_store(ended: &Ended) -> Option<String> {
    let mut open = BTreeMap::new();
    let mut take = |loaded| match loaded {
        Loaded::Key(_) => {}
        Loaded::Snapshot(it) => drop(open.insert(it.contact, "in a snapshot")),
        Loaded::Record(it) => drop(open.insert(it.contact, "in a record")),
        Loaded::Closed(contact) => drop(open.remove(&contact)),
        Loaded::Restored(_) => {}
    };
    ended.disk.memory.load(&mut take).now_or_never().unwrap().unwrap();
    (!open.is_empty()).then(|| format!("a restart would find {open:?}"))
}

/// Every message that was sent and taken has one fate, and answers come in the order of the messages.
fn messages(seen: &Seen, timeline: &Timeline) -> Vec<String> {
    let mut problems = Vec::new();
    for id in &seen.sent {
        let is_told = seen.refused.contains(id) || seen.abandoned.contains(id);
        match timeline.fates.get(id) {
            None if is_told || matches!(seen.end, Some((_, End::Customer | End::Person))) => {}
            None => problems.push(format!("{id} was acknowledged and is unknown")),
            Some(None) => problems.push(format!("{id} was neither answered nor explained")),
            Some(Some(_)) => {}
        }
    }
    let answers: Vec<&str> = seen.commands.iter().filter_map(|(_, it)| answered(it)).collect();
    // A message that was `Busy` was sent again: what counts is the sending that was taken.
    let mut from = 0;
    for id in &answers {
        match seen.sent.iter().skip(from).position(|it| it == id) {
            Some(at) => from += at + 1,
            None => problems.push(format!("{id} is answered twice or out of order: {answers:?} to {:?}", seen.sent)),
        }
        if timeline.fates.get(*id) != Some(&Some(Fate::Answered)) {
            problems.push(format!("{id} is answered, but its timeline says {:?}", timeline.fates.get(*id)));
        }
    }
    problems
}

/// The message that a command answers.
fn answered(command: &Command) -> Option<&str> {
    let Some(command::Command::Say(Say { messages })) = &command.command else { return None };
    let Some(message::Message::Text(text)) = &messages.first()?.message else { return None };
    let (id, _) = text.strip_prefix("re ")?.split_once(' ')?;
    Some(id)
}

fn commands(seen: &Seen, timeline: &Timeline) -> Vec<String> {
    let mut problems = Vec::new();
    let mut last = 0;
    for (_, command) in &seen.commands {
        if command.action_seq <= last {
            problems.push(format!("command {} came after {last}", command.action_seq));
        }
        last = command.action_seq;
    }
    let came: Vec<String> = seen.commands.iter().map(|(_, it)| describe(it)).collect();
    for (n, (came, sent)) in came.iter().zip(&timeline.commands).enumerate() {
        if came != sent {
            problems.push(format!("command {} came as {came:?}, and is {sent:?} in the timeline", n + 1));
        }
    }
    // What is on its way when the customer leaves needs no delivery.
    let may_lack = matches!(seen.end, Some((_, End::Customer | End::Person)));
    if came.len() > timeline.commands.len() || (came.len() < timeline.commands.len() && !may_lack) {
        problems.push(format!("{} commands came of {}", came.len(), timeline.commands.len()));
    }
    problems
}

/// As [`Timeline`] describes them.
fn describe(command: &Command) -> String {
    let text = |it: &usher::wire::engine::Message| match &it.message {
        Some(message::Message::Text(text)) => text.clone(),
        other => format!("{other:?}"),
    };
    match command.command.as_ref().expect("a command is one") {
        command::Command::Say(it) => format!("say {}", it.messages.iter().map(text).collect::<Vec<_>>().join("|")),
        command::Command::Requeue(it) => format!("requeue {}", it.reason),
        command::Command::CreateCallback(it) => format!("callback {} {}", it.phone, it.at_ms),
        command::Command::PushUrl(it) => format!("push {}", it.url),
        command::Command::EndContact(it) => format!("end {} {}", it.reason, it.unless_after),
    }
}

fn inactivity(plan: &Plan, seen: &Seen, timeline: &Timeline) -> Option<String> {
    let (_, End::Gateway(reason)) = seen.end.as_ref()? else { return None };
    match reason.as_str() {
        "completed" => return None,
        "inactivity" => {}
        other => return Some(format!("ended for {other}")),
    }
    let (came, idle) = seen.closing?;
    // Before the first message there is none that `unless_after` could name.
    let crossed = timeline.commands.last().is_some_and(|it| it == "end inactivity ") && !seen.sent.is_empty();
    if came + RESOLUTION < idle.from + TIMEOUT && !crossed {
        return Some(format!("closed at {came:?}, idle only from {:?}", idle.from));
    }
    let faults = plan.faults.iter().map(|(began, fault)| (*began, *began + fault.lasts() + AFTERMATH));
    let troubled: Duration =
        faults.map(|(began, over)| over.min(came).saturating_sub(began.max(idle.for_sure_from))).sum();
    (came > idle.for_sure_from + TIMEOUT + troubled + GRACE)
        .then(|| format!("closed only at {came:?}, idle from {:?}, troubled for {troubled:?}", idle.for_sure_from))
}

/// The contact's story, for whoever has to find out.
fn told(seen: &Seen, records: &[Opened]) -> String {
    let came = seen.commands.iter().map(|(at, it)| format!("  {at:?} {} {}", it.action_seq, describe(it)));
    let kept = records.iter().map(|it| {
        if let Content::Readable(body) = &it.content {
            format!("  {} {}", it.record.at.0, String::from_utf8_lossy(body))
        } else {
            format!("  {} {:?}", it.record.at.0, it.content)
        }
    });
    let lines: Vec<String> = came.chain(kept).collect();
    format!("  sent {:?}, refused {:?}, end {:?}\n{}", seen.sent, seen.refused, seen.end, lines.join("\n"))
}
