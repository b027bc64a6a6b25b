//! What a crash leaves behind, byte by byte.

use tempfile::TempDir;

use super::*;
use crate::{
    core::ids::{ContactName, Timestamp},
    switchboard::{
        Limits, Media, NewContact, Presence, Setup,
        floor::{Floor, Out},
    },
};

fn records() -> Vec<Record> {
    let mut floor = Floor::new(Setup::demo(), Limits::default());
    let (id, now) = (ContactName::new("c1").unwrap(), Timestamp(1_000));
    let mut out = Out::default();
    let new = NewContact { media: Media::OpenMedia, language: "de".into(), name: None, attributes: [].into() };
    floor.open(&id, new, now, &mut out).unwrap();
    floor.customer_says(&id, ("m1", "Guten Tag, \u{1F44B}\n\"x\""), now, &mut out).unwrap();
    floor.set_state("desk-1", Presence::Break, now, &mut out).unwrap();
    out.records
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
    for record in records() {
        let position = journal.append(&[record]);
        assert!(journal.durable(position).await);
    }
    journal.stop();
    fs::read(path(directory)).unwrap()
}

#[tokio::test]
async fn a_file_cut_at_any_byte_yields_every_whole_record_and_nothing_else() {
    let directory = TempDir::new().unwrap();
    let whole = written(&directory).await;
    for length in 0..=whole.len() {
        fs::write(path(&directory), &whole[..length]).unwrap();
        let (found, result) = read(&path(&directory));
        result.unwrap();
        let lines = whole[..length].iter().filter(|it| **it == b'\n').count();
        assert_eq!(found, records()[..lines.saturating_sub(1)], "cut at {length}");
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
    let again = records().pop().unwrap();
    assert!(journal.durable(journal.append(std::slice::from_ref(&again))).await);
    journal.stop();
    assert_eq!(read(&path(&directory)).0, records());
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_named() {
    let directory = TempDir::new().unwrap();
    let whole = String::from_utf8(written(&directory).await).unwrap();
    let spoilt: Vec<&str> = whole.lines().enumerate().map(|(n, it)| if n == 2 { "{\"record\":" } else { it }).collect();
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
