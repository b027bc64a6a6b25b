//! What is counted, and that it is counted once, whatever becomes of the gateway.

use super::*;
use crate::gateway::{
    numbers::{Measure as M, Span},
    storage::{Counts, Day, NumbersOf},
};

fn of(engines: bool) -> NumbersOf {
    NumbersOf { unit: None, profile: None, engines, from: Day(0), to: Day(30_000) }
}

async fn counted(house: &House, engines: bool) -> Counts {
    house.gateway.numbers::<Counts>(&of(engines), |all, _, counts| all.add_all(counts)).await.unwrap()
}

fn told<const N: usize>(counts: &Counts, measures: [M; N]) -> [u64; N] {
    measures.map(|it| it.of(counts))
}

impl House {
    fn leave(&self, engine: &Engine, name: &str) {
        let contact = contact(name).name;
        self.frame(engine, FromEngine::Ended { contact, reason: "bye".to_owned() });
    }

    /// What a commit has done, without an end of the journal.
    async fn commits(&self, stop: &CancellationToken) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!stop.is_cancelled());
        self.gateway.flushed().await;
    }
}

#[tokio::test(start_paused = true)]
async fn b6_a_contact_is_counted_from_its_offer_to_its_end() {
    let house = House::new().await;
    let engine = house.staffed();
    for name in ["c1", "c2"] {
        house.offer(&engine, name);
        house.say(&engine, name, "m1");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    *house.mute.0.lock().unwrap() = Some(FailureKind::Quota);
    house.say(&engine, "c1", "m2");
    tokio::time::sleep(Duration::from_secs(1)).await;
    house.leave(&engine, "c1");
    house.written().await;
    let counts = counted(&house, false).await;
    let measures = [M::Begun, M::Messages, M::Turns, M::Contained, M::NoAnswer(FailureKind::Quota), M::NotUnderstood];
    assert_eq!(told(&counts, measures), [2, 3, 3, 1, 1, 0]);
    assert_eq!(Span::Answer.count(&counts), 2, "an answer that did not come took no time");
    let calls = counted(&house, true).await;
    assert_eq!(told(&calls, [M::Calls, M::CallsFailed, M::CallsOverQuota, M::HeldBack]), [3, 1, 1, 0]);
    assert_eq!(Span::Call.count(&calls), 2);
    let day = house.gateway.numbers::<Vec<Day>>(&of(false), |all, key, _| all.push(key.day)).await.unwrap();
    assert_eq!(day.iter().map(Day::to_string).collect::<Vec<_>>(), ["2026-11-20"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_committed_is_counted_once_after_a_kill_and_what_was_not_is_not() {
    let house = House::new().await;
    let stop = CancellationToken::new();
    let journal = tokio::spawn(Arc::clone(&house.gateway).run_journal(stop.clone()));
    let engine = house.staffed();
    house.offer(&engine, "c1");
    house.commits(&stop).await;
    // Into the rows; the next one stays outside.
    house.gateway.checkpoint().await;
    house.commits(&stop).await;
    house.offer(&engine, "c2");
    house.commits(&stop).await;
    assert_eq!(M::Begun.of(&counted(&house, false).await), 2, "shown as soon as it is committed");
    house.store.fail_next(1_000);
    house.offer(&engine, "c3");
    tokio::time::sleep(Duration::from_secs(1)).await;
    journal.abort();
    house.store.fail_next(0);
    for _ in 0..2 {
        let next = House::on(Arc::clone(&house.store), &["va1"]).await;
        next.gateway.recover().await.unwrap();
        assert_eq!(M::Begun.of(&counted(&next, false).await), 2, "and no more by a start that is killed itself");
    }
    let next = House::on(Arc::clone(&house.store), &["va1"]).await;
    next.gateway.recover().await.unwrap();
    next.written().await;
    assert_eq!(
        next.store.uncounted().await.unwrap().tally,
        storage::Tally::default(),
        "an end leaves nothing to count"
    );
    assert_eq!(M::Begun.of(&counted(&next, false).await), 2);
}

#[tokio::test(start_paused = true)]
async fn a_flush_whose_answer_is_lost_is_counted_once() {
    let house = House::new().await;
    let stop = CancellationToken::new();
    let journal = tokio::spawn(Arc::clone(&house.gateway).run_journal(stop.clone()));
    let engine = house.staffed();
    house.offer(&engine, "c1");
    house.commits(&stop).await;
    house.store.lose_next_answers(1);
    house.gateway.checkpoint().await;
    house.commits(&stop).await;
    house.offer(&engine, "c2");
    house.store.lose_next_answers(1);
    house.commits(&stop).await;
    assert_eq!(M::Begun.of(&counted(&house, false).await), 2);
    journal.abort();
    let next = House::on(Arc::clone(&house.store), &["va1"]).await;
    next.gateway.recover().await.unwrap();
    assert_eq!(M::Begun.of(&counted(&next, false).await), 2);
}
