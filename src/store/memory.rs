//! The store in memory, for simulations: it outlives the gateways that claim it, and fails when told to.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    fmt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::{FutureExt, future, future::BoxFuture};

use super::{
    AuditLine, AuditOf, Batch, Change, ChangeError, Claim, Closed, ConnectorToken, Counts, Day, Document, DocumentKind,
    Ended, EndedOf, Erased, Erasure, Expected, Flush, Holdings, Life, LifeKey, Loaded, NumberKey, NumbersOf,
    OwnerEpoch, Pos, Record, Snapshot, Store, StoreError, StoreErrorKind, Tally, TokensMove, Unclear, Uncounted,
};
use crate::core::ids::{ContactId, ProfileName, Timestamp, UnitName};

#[derive(Default)]
pub struct Memory {
    /// Guards the whole state; every call holds it from beginning to end and waits for nothing.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    epoch: i64,
    /// What [`Store::prune`] has cut off.
    pruned: u64,
    /// Consecutive, from `pruned + 1`.
    journal: VecDeque<Record>,
    sessions: BTreeMap<ContactId, Snapshot>,
    closed: HashMap<ContactId, Closed>,
    /// By the position where they begin.
    lives: BTreeMap<Pos, Lived>,
    checkpoint: Pos,
    secrets: BTreeMap<String, Vec<u8>>,
    connector_tokens: Vec<ConnectorToken>,
    documents: BTreeMap<(DocumentKind, String), Document>,
    last_version: u64,
    audit: Vec<AuditLine>,
    /// What each commit has added to the numbers, by its last record.
    tallies: BTreeMap<Pos, Tally>,
    numbers: BTreeMap<NumberKey, Counts>,
    unclear: BTreeMap<Pos, Unclear>,
    /// The last flush, and what it holds.
    flushed: (u64, Pos),
    faults: Faults,
}

struct Lived {
    contact: ContactId,
    key: Result<Vec<u8>, Erased>,
    /// Its last record and when it was closed; `None` while it is open.
    ended: Option<(Pos, Timestamp)>,
}

#[derive(Default)]
struct Faults {
    refuse: usize,
    lose_answers: usize,
}

impl Memory {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next `calls` calls do nothing and end as `Unavailable`.
    pub fn fail_next(&self, calls: usize) {
        self.state().faults.refuse = calls;
    }

    /// The next `calls` calls do what they should and end as `Unavailable` all the same: the caller cannot know.
    pub fn lose_next_answers(&self, calls: usize) {
        self.state().faults.lose_answers = calls;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in a simulation is reported where it happens.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call<T>(&self, work: impl FnOnce(&mut State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut state = self.state();
        if let Some(left) = state.faults.refuse.checked_sub(1) {
            state.faults.refuse = left;
            return Err(StoreError::new(StoreErrorKind::Unavailable, "failing as told"));
        }
        let result = work(&mut state)?;
        if let Some(left) = state.faults.lose_answers.checked_sub(1) {
            state.faults.lose_answers = left;
            return Err(StoreError::new(StoreErrorKind::Unavailable, "done, and failing as told"));
        }
        Ok(result)
    }
}

impl State {
    fn next(&self) -> Pos {
        Pos(self.pruned + self.journal.len() as u64 + 1)
    }

    fn record(&self, pos: Pos) -> Option<&Record> {
        let index = pos.0.checked_sub(self.pruned + 1)?;
        self.journal.get(usize::try_from(index).ok()?)
    }

    fn commit(&mut self, epoch: OwnerEpoch, batch: &Batch) -> Result<(), StoreError> {
        if epoch.0 != self.epoch {
            return Err(StoreError::new(StoreErrorKind::Fenced, format!("epoch {} is over", epoch.0)));
        }
        let corrupt = |pos: Pos, why| StoreError::new(StoreErrorKind::Corrupt, format!("position {} {why}", pos.0));
        let next = self.next();
        let first = batch.records.first().map_or(next, |record| record.pos);
        if first > next {
            return Err(corrupt(next, "is left out"));
        }
        for (record, expected) in batch.records.iter().zip(first.0..) {
            if record.pos.0 != expected {
                return Err(corrupt(record.pos, "is out of order"));
            }
            if self.record(record.pos).is_some_and(|there| there != record) {
                return Err(corrupt(record.pos, "is taken by another record"));
            }
        }
        if let (Some(last), true) = (batch.records.last(), first == next && !batch.tally.is_empty()) {
            self.tallies.insert(last.pos, batch.tally.clone());
        }
        if let Some(flush) = &batch.flush {
            self.flush(flush);
        }
        self.journal.extend(batch.records.iter().filter(|record| record.pos >= next).cloned());
        for LifeKey { contact, born, sealed } in &batch.keys {
            let life = || Lived { contact: contact.clone(), key: Ok(sealed.clone()), ended: None };
            self.lives.entry(*born).or_insert_with(life);
        }
        for snapshot in &batch.snapshots {
            self.sessions.insert(snapshot.contact.clone(), snapshot.clone());
        }
        for closed in &batch.closed {
            self.closed.insert(closed.contact.clone(), closed.clone());
            if self.sessions.get(&closed.contact).is_some_and(|session| session.last <= closed.last) {
                self.sessions.remove(&closed.contact);
            }
            let lives = self.lives.range_mut(..=closed.last).map(|(_, life)| life);
            for life in lives.filter(|it| it.contact == closed.contact && it.ended.is_none()) {
                life.ended = Some((closed.last, closed.at));
            }
        }
        self.checkpoint = batch.checkpoint.unwrap_or(self.checkpoint);
        Ok(())
    }

    fn load(&self, each: &mut (dyn FnMut(Loaded) + Send)) {
        for (born, life) in &self.lives {
            if let Ok(sealed) = &life.key
                && life.ended.is_none_or(|(last, _)| last >= self.checkpoint)
            {
                each(Loaded::Key(LifeKey { contact: life.contact.clone(), born: *born, sealed: sealed.clone() }));
            }
        }
        self.sessions.values().for_each(|session| each(Loaded::Snapshot(session.clone())));
        let mut closed: BTreeMap<&ContactId, Pos> = self
            .closed
            .values()
            .filter(|closed| closed.last >= self.checkpoint)
            .map(|closed| (&closed.contact, closed.last))
            .collect();
        for record in self.journal.iter().filter(|record| record.pos >= self.checkpoint) {
            // Its name is in use again.
            if closed.get(&record.contact).is_some_and(|last| *last < record.pos) {
                closed.remove(&record.contact);
            }
            each(Loaded::Record(record.clone()));
        }
        closed.into_keys().for_each(|contact| each(Loaded::Closed(contact.clone())));
    }

    fn records(&self, contact: &ContactId, after: Pos, limit: usize) -> Vec<Record> {
        let known = [
            self.sessions.get(contact).map(|session| session.last),
            self.closed.get(contact).map(|closed| closed.last),
            self.journal
                .iter()
                .rfind(|record| record.pos >= self.checkpoint && record.contact == *contact)
                .map(|record| record.pos),
        ];
        let last = known.into_iter().flatten().max().unwrap_or_default();
        self.trail(last, after, limit)
    }

    fn trail(&self, at: Pos, after: Pos, limit: usize) -> Vec<Record> {
        let chain = std::iter::successors(self.record(at), |record| self.record(record.prev));
        let mut records: Vec<Record> = chain.take_while(|record| record.pos > after).take(limit).cloned().collect();
        records.reverse();
        records
    }

    fn ended(&self, of: &EndedOf, limit: usize) -> Ended {
        let mut all: Vec<&Closed> = self.closed.values().collect();
        all.retain(|it| of.before.is_none_or(|before| it.last < before));
        all.sort_by_key(|it| Reverse(it.last));
        let (seen, unseen) = all.split_at(of.window(limit).min(all.len()));
        let mut found = seen.iter().filter(|it| of.takes(it));
        let contacts: Vec<Closed> = found.by_ref().take(limit).map(|it| Closed::clone(it)).collect();
        let next = match found.next() {
            Some(_) => contacts.last().map(|it| it.last),
            None => seen.last().filter(|_| !unseen.is_empty()).map(|it| it.last),
        };
        Ended { contacts, next }
    }

    fn flush(&mut self, flush: &Flush) {
        if self.flushed.0 >= flush.serial {
            return;
        }
        self.flushed = (flush.serial, flush.through);
        for (key, counts) in &flush.tally.counts {
            self.numbers.entry(key.clone()).or_default().add_all(counts);
        }
        self.unclear.extend(flush.tally.unclear.iter().map(|it| (it.pos, it.clone())));
    }

    fn uncounted(&self) -> Uncounted {
        let (serial, through) = self.flushed;
        let mut tally = Tally::default();
        self.tallies.range(Pos(through.0 + 1)..).for_each(|(_, added)| tally.add_all(added.clone()));
        Uncounted { tally, serial }
    }

    fn prune_numbers(&mut self, before: Day) -> u64 {
        let count = self.numbers.len();
        self.numbers.retain(|key, _| key.day >= before);
        (count - self.numbers.len()) as u64
    }

    fn lives_of<'a>(&'a self, contact: &'a ContactId) -> impl DoubleEndedIterator<Item = (&'a Pos, &'a Lived)> {
        self.lives.iter().filter(move |(_, life)| life.contact == *contact)
    }

    fn lives(&self, contact: &ContactId) -> Vec<Life> {
        self.lives_of(contact).map(|(born, life)| Life { born: *born, key: life.key.clone() }).collect()
    }

    fn erase(&mut self, contact: &ContactId, erased: &Erased) -> Erasure {
        let newest = match self.lives_of(contact).next_back() {
            None => return Erasure::Unknown,
            Some((_, Lived { ended: None, .. })) => return Erasure::Open,
            Some((_, newest)) => newest.key.clone(),
        };
        if let (Err(before), true) = (newest, self.lives_of(contact).all(|(_, life)| life.key.is_err())) {
            return Erasure::Before(before);
        }
        for life in self.lives.values_mut().filter(|life| life.contact == *contact && life.key.is_ok()) {
            life.key = Err(erased.clone());
        }
        Erasure::Done
    }

    fn erased(&self) -> u64 {
        let erased = self.lives.values().filter(|life| life.key.is_err()).map(|life| &life.contact);
        erased.collect::<BTreeSet<_>>().len() as u64
    }

    fn put_connector_token(&mut self, token: &ConnectorToken, grace: Timestamp, expected: Expected) -> bool {
        let tokens = &mut self.connector_tokens;
        let name = |it: &ConnectorToken| (it.unit.clone(), it.profile.clone(), it.name.clone());
        let current = tokens.iter().find(|it| name(it) == name(token) && it.valid_until.is_none());
        if !ConnectorToken::is_expected(current, expected) {
            return false;
        }
        tokens.retain(|it| it.valid_until.is_none_or(|until| until >= token.made_at));
        for old in tokens.iter_mut().filter(|it| name(it) == name(token)) {
            old.valid_until = Some(old.valid_until.map_or(grace, |until| until.min(grace)));
        }
        tokens.push(token.clone());
        tokens.sort_by_key(|it| (name(it), Reverse(it.made_at), it.sha256));
        true
    }

    fn change(&mut self, changes: &[Change], moves: &[TokensMove], line: &AuditLine) -> Result<Vec<u64>, ChangeError> {
        for change in changes {
            let found = self.documents.get(&(change.kind, change.name.clone()));
            if !change.expected.holds(found) {
                let (kind, name, found) = (change.kind, change.name.clone(), found.cloned().map(Box::new));
                return Err(ChangeError::Conflict { kind, name, found });
            }
        }
        let mut versions = Vec::new();
        for change in changes {
            self.last_version += 1;
            let (kind, name, version) = (change.kind, change.name.clone(), self.last_version);
            versions.push(version);
            let key = (kind, name.clone());
            match change.body.clone() {
                Some(body) => {
                    let (changed_at, changed_by) = (line.at, line.by.clone());
                    let document = Document { kind, name, version, body, changed_at, changed_by };
                    self.documents.insert(key, document);
                }
                None => drop(self.documents.remove(&key)),
            }
        }
        for TokensMove { from, to } in moves {
            let is_of = |it: &ConnectorToken, (unit, profile): &(_, _)| it.unit == *unit && it.profile == *profile;
            match to {
                None => self.connector_tokens.retain(|it| !is_of(it, from)),
                Some(to) => {
                    self.connector_tokens.retain(|it| !is_of(it, to));
                    for it in self.connector_tokens.iter_mut().filter(|it| is_of(it, from)) {
                        (it.unit, it.profile) = to.clone();
                    }
                }
            }
        }
        self.audit.push(line.clone());
        Ok(versions)
    }

    fn audit(&self, of: &AuditOf, limit: usize) -> Vec<(u64, AuditLine)> {
        let numbered = self.audit.iter().enumerate().rev().map(|(index, line)| (index as u64 + 1, line));
        let looked_at = numbered.take_while(|(number, _)| of.since.is_none_or(|since| *number >= since));
        let wanted = looked_at.filter(|(number, line)| of.takes(*number, line));
        wanted.take(limit).map(|(number, line)| (number, line.clone())).collect()
    }

    fn holdings(&self) -> Holdings {
        let count = |n: usize| n as u64;
        let mut documents = BTreeMap::new();
        for (kind, _) in self.documents.keys() {
            *documents.entry(kind.label().to_owned()).or_default() += 1;
        }
        Holdings {
            contacts: count(self.lives.len()),
            open: count(self.lives.values().filter(|life| life.ended.is_none()).count()),
            erased: count(self.lives.values().filter(|life| life.key.is_err()).count()),
            records: count(self.journal.len()),
            oldest_ms: self.journal.front().map(|it| it.at.0),
            newest_ms: self.journal.back().map(|it| it.at.0),
            secrets: count(self.secrets.keys().filter(|it| !it.contains('/')).count()),
            documents,
            audit_lines: count(self.audit.len()),
            connector_tokens: count(self.connector_tokens.len()),
            bytes: 0,
            log_bytes: 0,
        }
    }

    fn prune(&mut self, before: Timestamp) -> u64 {
        let young = self.journal.iter().find(|record| record.at >= before).map(|record| record.pos);
        let cut = young.map_or(self.checkpoint, |young| young.min(self.checkpoint));
        let mut gone = 0;
        while self.journal.front().is_some_and(|record| record.pos < cut) {
            self.journal.pop_front();
            gone += 1;
        }
        self.pruned += gone;
        self.tallies.retain(|last, _| *last >= cut);
        self.unclear.retain(|pos, _| *pos >= cut);
        if gone > 0 {
            self.closed.retain(|_, closed| closed.last >= cut || closed.at >= before);
            self.lives.retain(|_, life| life.ended.is_none_or(|(last, at)| last >= cut || at >= before));
        }
        gone
    }
}

impl Store for Memory {
    fn claim<'a>(&'a self, _owner: &'a str) -> BoxFuture<'a, Result<Claim, StoreError>> {
        let claim = self.call(|state| {
            state.epoch += 1;
            Ok(Claim { epoch: OwnerEpoch(state.epoch), next: state.next() })
        });
        future::ready(claim).boxed()
    }

    fn load<'a>(&'a self, each: &'a mut (dyn FnMut(Loaded) + Send)) -> BoxFuture<'a, Result<(), StoreError>> {
        future::ready(self.call(|state| {
            state.load(each);
            Ok(())
        }))
        .boxed()
    }

    fn commit<'a>(&'a self, epoch: OwnerEpoch, batch: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>> {
        future::ready(self.call(|state| state.commit(epoch, batch))).boxed()
    }

    fn records_after<'a>(
        &'a self,
        contact: &'a ContactId,
        after: Pos,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Record>, StoreError>> {
        future::ready(self.call(|state| Ok(state.records(contact, after, limit)))).boxed()
    }

    fn trail(&self, at: Pos, after: Pos, limit: usize) -> BoxFuture<'_, Result<Vec<Record>, StoreError>> {
        future::ready(self.call(|state| Ok(state.trail(at, after, limit)))).boxed()
    }

    fn ended<'a>(&'a self, of: &'a EndedOf, limit: usize) -> BoxFuture<'a, Result<Ended, StoreError>> {
        future::ready(self.call(|state| Ok(state.ended(of, limit)))).boxed()
    }

    fn closed<'a>(&'a self, contact: &'a ContactId) -> BoxFuture<'a, Result<Option<Closed>, StoreError>> {
        future::ready(self.call(|state| Ok(state.closed.get(contact).cloned()))).boxed()
    }

    fn uncounted(&self) -> BoxFuture<'_, Result<Uncounted, StoreError>> {
        future::ready(self.call(|state| Ok(state.uncounted()))).boxed()
    }

    fn numbers<'a>(
        &'a self,
        of: &'a NumbersOf,
        each: &'a mut (dyn FnMut(NumberKey, Counts) + Send),
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        future::ready(self.call(|state| {
            let wanted = state.numbers.iter().filter(|(key, _)| of.takes(key));
            wanted.for_each(|(key, counts)| each(key.clone(), counts.clone()));
            Ok(state.flushed.0)
        }))
        .boxed()
    }

    fn unclear<'a>(
        &'a self,
        unit: &'a UnitName,
        profile: &'a ProfileName,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Pos>, StoreError>> {
        let of_it = move |it: &&Unclear| it.unit == *unit && it.profile == *profile;
        let newest =
            |state: &mut State| Ok(state.unclear.values().rev().filter(of_it).take(limit).map(|it| it.pos).collect());
        future::ready(self.call(newest)).boxed()
    }

    fn prune_numbers(&self, before: Day) -> BoxFuture<'_, Result<u64, StoreError>> {
        future::ready(self.call(|state| Ok(state.prune_numbers(before)))).boxed()
    }

    fn lives<'a>(&'a self, contact: &'a ContactId) -> BoxFuture<'a, Result<Vec<Life>, StoreError>> {
        future::ready(self.call(|state| Ok(state.lives(contact)))).boxed()
    }

    fn erase<'a>(&'a self, contact: &'a ContactId, erased: &'a Erased) -> BoxFuture<'a, Result<Erasure, StoreError>> {
        future::ready(self.call(|state| Ok(state.erase(contact, erased)))).boxed()
    }

    fn erased(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        future::ready(self.call(|state| Ok(state.erased()))).boxed()
    }

    fn prune(&self, before: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        future::ready(self.call(|state| Ok(state.prune(before)))).boxed()
    }

    fn put_secret<'a>(&'a self, name: &'a str, sealed: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>> {
        future::ready(self.call(|state| {
            state.secrets.insert(name.to_owned(), sealed.to_vec());
            Ok(())
        }))
        .boxed()
    }

    fn secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        future::ready(self.call(|state| Ok(state.secrets.get(name).cloned()))).boxed()
    }

    fn secret_names(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        future::ready(self.call(|state| Ok(state.secrets.keys().cloned().collect()))).boxed()
    }

    fn put_connector_token<'a>(
        &'a self,
        token: &'a ConnectorToken,
        grace: Timestamp,
        expected: Expected,
        line: Option<&'a AuditLine>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        future::ready(self.call(|state| {
            let is_put = state.put_connector_token(token, grace, expected);
            state.audit.extend(line.filter(|_| is_put).cloned());
            Ok(is_put)
        }))
        .boxed()
    }

    fn connector_tokens(&self) -> BoxFuture<'_, Result<Vec<ConnectorToken>, StoreError>> {
        future::ready(self.call(|state| Ok(state.connector_tokens.clone()))).boxed()
    }

    fn documents(&self, kind: DocumentKind) -> BoxFuture<'_, Result<Vec<Document>, StoreError>> {
        let of_kind = |it: &&Document| it.kind == kind;
        future::ready(self.call(|state| Ok(state.documents.values().filter(of_kind).cloned().collect()))).boxed()
    }

    fn document<'a>(
        &'a self,
        kind: DocumentKind,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        let key = (kind, name.to_owned());
        future::ready(self.call(|state| Ok(state.documents.get(&key).cloned()))).boxed()
    }

    fn change_and_move<'a>(
        &'a self,
        changes: &'a [Change],
        moves: &'a [TokensMove],
        line: &'a AuditLine,
    ) -> BoxFuture<'a, Result<Vec<u64>, ChangeError>> {
        // A conflict is an answer, not a fault.
        let answered = self.call(|state| match state.change(changes, moves, line) {
            Err(ChangeError::Store(error)) => Err(error),
            answer => Ok(answer),
        });
        future::ready(answered.map_err(ChangeError::from).and_then(|answer| answer)).boxed()
    }

    fn audit<'a>(&'a self, of: &'a AuditOf, limit: usize) -> BoxFuture<'a, Result<Vec<(u64, AuditLine)>, StoreError>> {
        future::ready(self.call(|state| Ok(state.audit(of, limit)))).boxed()
    }

    fn holdings(&self) -> BoxFuture<'_, Result<Holdings, StoreError>> {
        future::ready(self.call(|state| Ok(state.holdings()))).boxed()
    }

    fn copy_to<'a>(&'a self, _file: &'a Path) -> BoxFuture<'a, Result<(), StoreError>> {
        let why = "this store is in memory alone: there is nothing to copy";
        future::ready(Err(StoreError::new(StoreErrorKind::Unavailable, why))).boxed()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{ContactName, UnitName};

    fn batch(pos: u64) -> Batch {
        let contact = ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new("ann").unwrap() };
        let record =
            Record { pos: Pos(pos), contact, prev: Pos(pos - 1), at: Timestamp(0), hash: [0; 32], body: Vec::new() };
        Batch { records: vec![record], ..Batch::default() }
    }

    #[tokio::test]
    async fn faults_come_as_often_as_told_and_a_lost_answer_is_a_commit_all_the_same() {
        let store = Memory::new();
        let epoch = store.claim("here").await.unwrap().epoch;
        store.fail_next(2);
        for _ in 0..2 {
            assert_eq!(store.commit(epoch, &batch(1)).await.unwrap_err().kind, StoreErrorKind::Unavailable);
        }
        assert_eq!(store.state().next(), Pos(1));
        store.lose_next_answers(1);
        assert_eq!(store.commit(epoch, &batch(1)).await.unwrap_err().kind, StoreErrorKind::Unavailable);
        assert_eq!(store.state().next(), Pos(2));
        store.commit(epoch, &batch(1)).await.unwrap();
        store.commit(epoch, &batch(2)).await.unwrap();
        assert_eq!(store.state().next(), Pos(3));
    }
}
