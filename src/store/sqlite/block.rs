//! How records are packed into a journal row.
//!
//! A row per record would cost a statement, seven values and a tree entry each; a block costs one copy. Positions inside a
//! block ascend by one from the row's own, so they are not stored.
//!
//! Per record: `prev` i64, `at` i64, `hash` 32 bytes, lengths of unit (u8), contact (u8) and body (u32), then these three.
//! Integers are little-endian.

use super::StoreError;
use crate::{
    core::ids::{ContactId, ContactName, Timestamp, UnitName},
    store::{Pos, Record, StoreErrorKind},
};

/// A block is closed when it has grown to this; larger ones would make reading one contact's records slow.
const FULL_BYTES: usize = 256 * 1024;

const HEADER_BYTES: usize = 8 + 8 + 32 + 1 + 1 + 4;

/// A journal row.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) first: Pos,
    pub(super) count: u64,
    /// The latest of its records'.
    pub(super) at: Timestamp,
    pub(super) bytes: Vec<u8>,
}

/// Packs records into as few blocks as their size allows.
///
/// # Errors
/// When the positions do not continue from `first` one by one.
pub(super) fn pack(first: Pos, records: &[Record]) -> Result<Vec<Block>, StoreError> {
    let mut left = records.iter().map(packed_bytes).sum::<usize>();
    let mut blocks: Vec<Block> = Vec::with_capacity(left / FULL_BYTES + 1);
    for (record, expected) in records.iter().zip(first.0..) {
        if record.pos.0 != expected {
            return Err(corrupt(format!("record {} where {expected} must follow", record.pos.0)));
        }
        let block = match blocks.last_mut() {
            Some(block) if block.bytes.len() < FULL_BYTES => block,
            Some(_) | None => {
                let bytes = Vec::with_capacity(left.min(FULL_BYTES + packed_bytes(record)));
                blocks.push_mut(Block { first: record.pos, count: 0, at: record.at, bytes })
            }
        };
        push(&mut block.bytes, record)?;
        block.count += 1;
        block.at = block.at.max(record.at);
        left -= packed_bytes(record);
    }
    Ok(blocks)
}

fn packed_bytes(record: &Record) -> usize {
    HEADER_BYTES + record.contact.unit.as_str().len() + record.contact.name.as_str().len() + record.body.len()
}

fn push(bytes: &mut Vec<u8>, record: &Record) -> Result<(), StoreError> {
    let (unit, name) = (record.contact.unit.as_str(), record.contact.name.as_str());
    let too_long = |_| corrupt(format!("record {} is too long to be written", record.pos.0));
    bytes.extend_from_slice(&record.prev.0.to_le_bytes());
    bytes.extend_from_slice(&record.at.0.to_le_bytes());
    bytes.extend_from_slice(&record.hash);
    bytes.push(u8::try_from(unit.len()).map_err(too_long)?);
    bytes.push(u8::try_from(name.len()).map_err(too_long)?);
    bytes.extend_from_slice(&u32::try_from(record.body.len()).map_err(too_long)?.to_le_bytes());
    bytes.extend_from_slice(unit.as_bytes());
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(&record.body);
    Ok(())
}

/// A record still in its block: reading only what is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed<'a> {
    pub(super) pos: Pos,
    pub(super) prev: Pos,
    pub(super) at: Timestamp,
    hash: &'a [u8; 32],
    unit: &'a [u8],
    name: &'a [u8],
    body: &'a [u8],
}

impl Packed<'_> {
    pub(super) fn is_of(&self, contact: &ContactId) -> bool {
        self.name == contact.name.as_str().as_bytes() && self.unit == contact.unit.as_str().as_bytes()
    }

    pub(super) fn is_of_unit(&self, unit: &UnitName) -> bool {
        self.unit == unit.as_str().as_bytes()
    }

    pub(super) fn contact(&self, names: &mut Names) -> Result<ContactId, StoreError> {
        names.contact(self.unit, self.name)
    }

    pub(super) fn is(&self, record: &Record) -> bool {
        self.pos == record.pos && self.hash == &record.hash && self.is_of(&record.contact) && self.body == record.body
    }

    /// `names` spares the business unit a new allocation for each record.
    pub(super) fn unpack(&self, names: &mut Names) -> Result<Record, StoreError> {
        Ok(Record {
            pos: self.pos,
            contact: names.contact(self.unit, self.name)?,
            prev: self.prev,
            at: self.at,
            hash: *self.hash,
            body: self.body.to_vec(),
        })
    }
}

/// Iterates over a block's records; fails when it does not hold what the row says.
pub(super) fn unpack(first: Pos, count: u64, bytes: &[u8]) -> impl Iterator<Item = Result<Packed<'_>, StoreError>> {
    let mut rest = bytes;
    (first.0..first.0.saturating_add(count)).map(move |pos| {
        let (packed, tail) = split(Pos(pos), rest).ok_or_else(|| corrupt(format!("record {pos} is cut short")))?;
        rest = tail;
        Ok(packed)
    })
}

fn split(pos: Pos, bytes: &[u8]) -> Option<(Packed<'_>, &[u8])> {
    let (prev, bytes) = bytes.split_first_chunk::<8>()?;
    let (at, bytes) = bytes.split_first_chunk::<8>()?;
    let (hash, bytes) = bytes.split_first_chunk::<32>()?;
    let ([unit_bytes, name_bytes], bytes) = bytes.split_first_chunk::<2>()?;
    let (body_bytes, bytes) = bytes.split_first_chunk::<4>()?;
    let (unit, bytes) = bytes.split_at_checked(usize::from(*unit_bytes))?;
    let (name, bytes) = bytes.split_at_checked(usize::from(*name_bytes))?;
    let (body, bytes) = bytes.split_at_checked(usize::try_from(u32::from_le_bytes(*body_bytes)).ok()?)?;
    let prev = Pos(u64::from_le_bytes(*prev));
    Some((Packed { pos, prev, at: Timestamp(i64::from_le_bytes(*at)), hash, unit, name, body }, bytes))
}

/// Makes names of bytes that were names when they were written. Business units are few, so the last one is kept.
#[derive(Debug, Default)]
pub(super) struct Names {
    unit: Option<UnitName>,
}

impl Names {
    pub(super) fn contact(&mut self, unit: &[u8], name: &[u8]) -> Result<ContactId, StoreError> {
        let unit = match &self.unit {
            Some(known) if known.as_str().as_bytes() == unit => known.clone(),
            Some(_) | None => self.unit.insert(UnitName::new(text(unit)?).map_err(corrupt)?).clone(),
        };
        Ok(ContactId { unit, name: ContactName::new(text(name)?).map_err(corrupt)? })
    }
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, StoreError> {
    std::str::from_utf8(bytes).map_err(corrupt)
}

pub(super) fn corrupt(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, source)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(pos: u64, at: i64, body: Vec<u8>) -> Record {
        let contact = ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new("ann").unwrap() };
        Record { pos: Pos(pos), contact, prev: Pos(0), at: Timestamp(at), hash: [0; 32], body }
    }

    #[test]
    fn a_block_carries_its_latest_time_and_is_closed_when_full() {
        let records = [record(5, 30, vec![0; 10]), record(6, 10, vec![0; FULL_BYTES]), record(7, 20, Vec::new())];
        let blocks = pack(Pos(5), &records).unwrap();
        let told: Vec<_> = blocks.iter().map(|block| (block.first.0, block.count, block.at.0)).collect();
        assert_eq!(told, [(5, 2, 30), (7, 1, 20)]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), count in any::<u64>()) {
            let mut names = Names::default();
            let read = unpack(Pos(1), count, &bytes).take(10).try_for_each(|packed| packed?.unpack(&mut names).map(drop));
            if count > 10 {
                prop_assert_eq!(read.unwrap_err().kind, StoreErrorKind::Corrupt);
            }
        }
    }
}
