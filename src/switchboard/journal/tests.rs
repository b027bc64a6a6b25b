//! What a crash leaves behind, byte by byte.

use tempfile::TempDir;

use super::*;
use crate::{
    core::ids::{ContactName, Timestamp},
    switchboard::{
        Limits, Media, NewContact, Presence, Setup,
        floor::{Floor, Out},
        talk::What,
    },
    wire::engine::{Command, CreateCallback, command, gateway_frame},
};

const NOW: Timestamp = Timestamp(1_000);

fn floor() -> Floor {
    Floor::new(Setup::demo(), Limits::default())
}

fn contact() -> ContactName {
    ContactName::new("c1").unwrap()
}

fn booking(floor: &mut Floor, out: &mut Out) {
    let (queue, phone) = ("callbacks".to_owned(), "+4930901820".to_owned());
    let booking = CreateCallback { queue, phone, at_ms: 9_000, context: None };
    let command = Some(command::Command::CreateCallback(booking));
    let command = Command { contact: contact().to_string(), action_seq: 1, command };
    floor.on_frame(gateway_frame::Body::Command(command), NOW, out);
}

/// What each of these changes has to have written down.
fn changes() -> Vec<Vec<Record>> {
    let mut floor = floor();
    let id = contact();
    let mut changes = Vec::new();
    let mut change = |act: &dyn Fn(&mut Floor, &mut Out)| {
        let mut out = Out::default();
        act(&mut floor, &mut out);
        changes.push(out.records);
    };
    let new = NewContact { media: Media::OpenMedia, language: "de".into(), name: None, attributes: [].into() };
    change(&|floor, out| floor.open(&id, new.clone(), NOW, out).unwrap());
    change(&|floor, out| {
        floor.customer_says(&id, ("m1", "Guten Tag, \u{1F44B}\n\"x\""), NOW, out).unwrap();
    });
    change(&|floor, out| floor.set_state("desk-1", Presence::Break, NOW, out).unwrap());
    change(&|floor, out| booking(floor, out));
    change(&|floor, out| floor.callback_done("callback-1", true, NOW, out).unwrap());
    assert_eq!(changes[3].len(), 2, "the callback, and what its contact knows of it");
    changes
}

fn records() -> Vec<Record> {
    changes().concat()
}

fn path(directory: &TempDir) -> PathBuf {
    directory.path().join("switchboard.jsonl")
}

/// What is in the file, and why it cannot be read.
fn read(path: &Path) -> (Vec<Record>, Result<(), JournalError>) {
    let mut found = Vec::new();
    let opened = open(path, |record| {
        found.push(record);
        Ok(())
    });
    (found, opened.map(drop))
}

async fn written(directory: &TempDir) -> Vec<u8> {
    let journal = open(&path(directory), |_| Ok(())).unwrap().start(&[]).unwrap();
    for change in changes() {
        let position = journal.append(&change);
        assert!(journal.durable(position).await);
    }
    journal.stop();
    fs::read(path(directory)).unwrap()
}

#[tokio::test]
async fn a_file_cut_at_any_byte_yields_every_whole_change_and_nothing_else() {
    let directory = TempDir::new().unwrap();
    let whole = written(&directory).await;
    for length in 0..=whole.len() {
        fs::write(path(&directory), &whole[..length]).unwrap();
        let (found, result) = read(&path(&directory));
        result.unwrap();
        let lines = whole[..length].iter().filter(|it| **it == b'\n').count();
        assert_eq!(found, changes()[..lines.saturating_sub(1)].concat(), "cut at {length}");
    }
}

#[tokio::test]
async fn s21_wherever_a_crash_cuts_a_repeated_command_books_no_second_callback() {
    let directory = TempDir::new().unwrap();
    let whole = written(&directory).await;
    let opened = changes()[0].clone();
    for length in 0..=whole.len() {
        fs::write(path(&directory), &whole[..length]).unwrap();
        let mut floor = floor();
        let found = open(&path(&directory), |record| floor.restore(record)).map(drop);
        found.unwrap();
        let mut out = Out::default();
        floor.resume(NOW, &mut out);
        if floor.find(&contact()).is_none() {
            // Cut before its first line: the customer was never told that it is open.
            opened.iter().for_each(|it| floor.restore(it.clone()).unwrap());
        }
        booking(&mut floor, &mut out);
        let booked: Vec<String> = floor.board(NOW).callbacks.iter().map(|it| it.id.clone()).collect();
        assert_eq!(booked, ["callback-1"], "cut at {length}");
        let entries = &floor.find(&contact()).unwrap().entries;
        let told = entries.iter().filter(|it| matches!(it.what, What::Callback { .. })).count();
        assert_eq!(told, 1, "cut at {length}");
    }
}

#[tokio::test]
async fn what_was_cut_off_does_not_spoil_what_is_written_next() {
    let directory = TempDir::new().unwrap();
    let whole = written(&directory).await;
    fs::write(path(&directory), &whole[..whole.len() - 3]).unwrap();
    let mut kept = Vec::new();
    let opened = open(&path(&directory), |record| {
        kept.push(record);
        Ok(())
    });
    let journal = opened.unwrap().start(&kept).unwrap();
    assert!(journal.durable(journal.append(&changes()[4])).await);
    journal.stop();
    assert_eq!(read(&path(&directory)).0, records());
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_named() {
    let directory = TempDir::new().unwrap();
    let whole = String::from_utf8(written(&directory).await).unwrap();
    let spoilt: Vec<&str> =
        whole.lines().enumerate().map(|(n, it)| if n == 2 { "[{\"record\":" } else { it }).collect();
    fs::write(path(&directory), spoilt.join("\n") + "\n").unwrap();
    let (_, result) = read(&path(&directory));
    assert!(matches!(result, Err(JournalError::Unreadable { line: 3, .. })), "{result:?}");
    fs::write(path(&directory), "{\"switchboard\":9}\n").unwrap();
    let said = read(&path(&directory)).1.unwrap_err().to_string();
    assert!(said.contains("line 1: version 9 is not known"), "{said}");
    fs::write(path(&directory), "something else\n").unwrap();
    assert!(matches!(read(&path(&directory)).1, Err(JournalError::Unreadable { line: 1, .. })));
}

#[tokio::test]
async fn a_file_has_one_writer_and_is_private() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = TempDir::new().unwrap();
    let journal = open(&path(&directory), |_| Ok(())).unwrap().start(&[]).unwrap();
    assert!(matches!(read(&path(&directory)).1, Err(JournalError::InUse { .. })));
    let mode = fs::metadata(path(&directory)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    journal.stop();
    read(&path(&directory)).1.unwrap();
}

#[tokio::test]
async fn a_file_that_has_grown_is_renewed_while_it_is_written_and_lacks_nothing() {
    let directory = TempDir::new().unwrap();
    let worth = 20_000;
    let journal = open(&path(&directory), |_| Ok(())).unwrap().start_on(&[], worth, |file| file).unwrap();
    let (mut restored, mut floor) = (floor(), floor());
    let (mut renewed, mut largest) = (0, 0);
    let id = contact();
    let new = NewContact { media: Media::OpenMedia, language: "de".into(), name: None, attributes: [].into() };
    let mut out = Out::default();
    floor.open(&id, new, NOW, &mut out).unwrap();
    journal.append(&out.records);
    for n in 0..2_000 {
        let mut out = Out::default();
        let state = if n % 2 == 0 { Presence::Break } else { Presence::Available };
        floor.set_state("desk-1", state, NOW, &mut out).unwrap();
        let position = journal.append(&out.records);
        if journal.has_grown() {
            journal.renew(floor.records());
            renewed += 1;
        }
        if n % 3 == 0 {
            assert!(journal.durable(position).await);
            largest = largest.max(fs::metadata(path(&directory)).unwrap().len());
        }
    }
    let mut out = Out::default();
    booking(&mut floor, &mut out);
    assert!(journal.durable(journal.append(&out.records)).await);
    journal.stop();
    assert!(renewed >= 3 && largest < 2 * worth, "renewed {renewed} times, {largest} bytes at most");
    drop(open(&path(&directory), |record| restored.restore(record)).unwrap());
    let sorted =
        |floor: &Floor| floor.records().iter().map(|it| serde_json::to_string(it).unwrap()).collect::<Vec<_>>();
    assert_eq!(sorted(&restored), sorted(&floor));
}
