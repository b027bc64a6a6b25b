//! Numbers per day, business unit and profile: counted from the same steps that are journalled, in the same commit.
//!
//! A transition's `Added` goes with its record; the journal's writer folds those of a batch into one tally, which is
//! committed with it. Here is what has been committed since the last flush, and what has no record of its own (calls to
//! engines, deliveries), which goes with the next commit. A start reads the tallies after the last flush back: nothing is
//! counted twice, and nothing that was committed is missing. The path of a message pays for a short list; nothing is written
//! for it.

pub(super) mod count;
mod measure;
mod questions;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::tz::TimeZone;
pub use measure::{Measure, Span};
pub use questions::{Question, Questions};

use super::{
    Gateway,
    ports::AskError,
    served::Served,
    storage::{Batch, Counts, Day, Flush, NumberKey, NumbersOf, Pos, StoreError, Tally, Unclear, Uncounted},
};
use crate::core::{
    ids::{EngineName, ProfileName, Timestamp, UnitName},
    message::Answer,
};

/// Ten years: whether anything was ever counted is looked up in no more.
const KEPT_DAYS: i32 = 3_653;
/// Days that are read at a time, so that others get their turn.
const DAYS_AT_ONCE: i32 = 31;
/// How often a view begins again because a flush came in between. There is one a minute.
const TRIES: usize = 4;

#[derive(Debug)]
pub(super) struct Numbers {
    /// What has no record of its own and goes with the next commit. Held for one addition.
    loose: Mutex<Tally>,
    /// Held for a fold or a copy, never across an await.
    book: Mutex<Book>,
}

#[derive(Clone, Debug)]
struct Book {
    /// Committed, and not flushed.
    pending: Tally,
    /// On its way into the rows.
    flushing: Tally,
    /// Of the last flush that was begun.
    serial: u64,
    /// The last record whose commit is in `pending` or before.
    through: Pos,
}

impl Numbers {
    /// `next`: the position of the next record.
    pub(super) fn new(next: Pos) -> Self {
        let (pending, flushing) = (Tally::default(), Tally::default());
        let book = Book { pending, flushing, serial: 0, through: Pos(next.0.saturating_sub(1)) };
        Self { loose: Mutex::default(), book: Mutex::new(book) }
    }

    /// What the last life has left, before anything else.
    pub(super) fn resume(&self, Uncounted { tally, serial }: Uncounted) {
        let mut book = self.book();
        book.pending.add_all(tally);
        book.serial = serial;
    }

    /// Counts what has no record of its own.
    pub(super) fn add(&self, key: NumberKey, counts: &Counts) {
        self.loose().add(key, counts);
    }

    pub(super) fn take_loose(&self) -> Tally {
        std::mem::take(&mut *self.loose())
    }

    /// What is to go into the rows with the next commit. One at a time: it is tried until it is committed.
    pub(super) fn begin_flush(&self) -> Option<Flush> {
        let mut book = self.book();
        if book.pending.is_empty() {
            return None;
        }
        book.serial += 1;
        book.flushing = std::mem::take(&mut book.pending);
        Some(Flush { serial: book.serial, through: book.through, tally: book.flushing.clone() })
    }

    /// What goes with the last commit of all: also what is still loose.
    pub(super) fn last_flush(&self) -> Option<Flush> {
        let loose = self.take_loose();
        self.book().pending.add_all(loose);
        self.begin_flush()
    }

    /// `batch` is durable.
    pub(super) fn committed(&self, batch: &mut Batch) {
        let mut book = self.book();
        if batch.flush.is_some() {
            book.flushing = Tally::default();
        }
        book.pending.add_all(std::mem::take(&mut batch.tally));
        book.through = batch.records.last().map_or(book.through, |last| last.pos);
    }

    fn loose(&self) -> MutexGuard<'_, Tally> {
        self.loose.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// What is not in rows that hold flushes up to `serial`.
    fn beside(&self, serial: u64) -> impl Iterator<Item = &Tally> {
        let flushing = (serial < self.serial).then_some(&self.flushing);
        flushing.into_iter().chain([&self.pending])
    }
}

impl Gateway {
    /// The numbers of some days, the last minute's included. `add` may be told the same key more than once.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn numbers<T: Default + Send>(
        &self,
        of: &NumbersOf,
        add: impl Fn(&mut T, &NumberKey, &Counts) + Send + Sync,
    ) -> Result<T, StoreError> {
        let numbers = &self.journal.numbers;
        let mut tries = 1;
        loop {
            let (book, loose) = (numbers.book().clone(), numbers.loose().clone());
            let mut told = T::default();
            let (first, last) = self.read_rows(of, &mut |key, counts| add(&mut told, &key, &counts)).await?;
            // A flush that came in between is in some of the rows, and in what was copied before.
            if (first == last && last <= book.serial) || tries == TRIES {
                for (key, counts) in book.beside(last).chain([&loose]).flat_map(|it| &it.counts) {
                    if of.takes(key) {
                        add(&mut told, key, counts);
                    }
                }
                return Ok(told);
            }
            tries += 1;
        }
    }

    /// Whether anything was counted, in ten years, of a business unit, or a profile.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn has_counted(
        &self,
        unit: Option<&UnitName>,
        profile: Option<&ProfileName>,
    ) -> Result<bool, StoreError> {
        // The store goes by days; zones that are ahead have one more.
        let today = self.today(unit);
        let (unit, profile, from, to) = (unit.cloned(), profile.cloned(), today.plus(-KEPT_DAYS), today.plus(1));
        let of = NumbersOf { unit, profile, engines: false, from, to };
        let numbers = &self.journal.numbers;
        let (book, loose) = (numbers.book().clone(), numbers.loose().clone());
        let beside = [&book.flushing, &book.pending, &loose];
        let mut kept = beside.into_iter().flat_map(|it| &it.counts).any(|(key, _)| of.takes(key));
        self.store.numbers(&of, &mut |_, _| kept = true).await?;
        Ok(kept)
    }

    /// The day that it is now, in a business unit's zone; of several, where it is latest.
    #[must_use]
    pub fn today(&self, unit: Option<&UnitName>) -> Day {
        let now = self.clock.now();
        let roster = self.roster.load();
        let of_it = roster.profiles().iter().filter(|it| unit.is_none_or(|unit| *unit == it.rules.unit));
        of_it.map(|it| Day::of(now, &it.rules.zone)).max().unwrap_or_else(|| Day::of(now, &TimeZone::UTC))
    }

    fn zone(&self, unit: Option<&UnitName>) -> TimeZone {
        let roster = self.roster.load();
        let of_it = unit.and_then(|unit| roster.of_unit(unit).next());
        of_it.map_or(TimeZone::UTC, |it| it.rules.zone.clone())
    }

    /// Yields which flush the first rows had, and which the last.
    async fn read_rows(
        &self,
        of: &NumbersOf,
        each: &mut (dyn FnMut(NumberKey, Counts) + Send),
    ) -> Result<(u64, u64), StoreError> {
        let (mut from, mut serials) = (of.from, None);
        loop {
            let to = from.plus(DAYS_AT_ONCE - 1).min(of.to);
            let serial = self.store.numbers(&NumbersOf { from, to, ..of.clone() }, each).await?;
            let (first, _) = serials.unwrap_or((serial, serial));
            if to >= of.to {
                return Ok((first, serial));
            }
            serials = Some((first, serial));
            from = to.plus(1);
        }
    }

    /// One call to an engine, whatever it was for; `words`: the customer's.
    pub(super) fn count_call(
        &self,
        served: &Served,
        engine: Option<&EngineName>,
        (result, took, words): (&Result<Answer, AskError>, Duration, bool),
    ) {
        let engine = engine.cloned().unwrap_or_else(EngineName::primary);
        self.journal.numbers.add(key(served, Some(engine), self.clock.now()), &count::of_call(result, took, words));
    }

    /// Where the newest questions of a profile that were not understood are told of, the newest first.
    async fn unclear(&self, of: &NumbersOf, limit: usize) -> Result<Vec<Pos>, StoreError> {
        let (Some(unit), Some(profile)) = (&of.unit, &of.profile) else { return Ok(Vec::new()) };
        let book = self.journal.numbers.book().clone();
        let of_it = |it: &&Unclear| it.unit == *unit && it.profile == *profile;
        let mut all = self.store.unclear(unit, profile, limit).await?;
        all.extend(
            [&book.flushing, &book.pending].into_iter().flat_map(|it| &it.unclear).filter(of_it).map(|it| it.pos),
        );
        all.sort_unstable_by(|a, b| b.cmp(a));
        all.dedup();
        all.truncate(limit);
        Ok(all)
    }
}

/// Whose a number of this moment is. The day is that of the business unit's zone.
pub(super) fn key(served: &Served, engine: Option<EngineName>, now: Timestamp) -> NumberKey {
    let rules = &served.rules;
    let (unit, profile) = (rules.unit.clone(), rules.profile.clone());
    NumberKey { day: Day::of(now, &rules.zone), unit, profile, engine }
}
