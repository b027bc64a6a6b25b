//! An engine that stops answering, at simulated time.

use std::sync::atomic::AtomicUsize;

use futures::future::join_all;

use super::*;
use crate::{
    core::{
        ids::{ContactName, UnitName},
        message::Input,
    },
    telemetry::Metrics,
};

/// Answers after 10 ms until it hangs.
#[derive(Debug, Default)]
struct Engine {
    hangs: AtomicBool,
    /// It says something every 300 ms, hanging or not.
    mutters: AtomicBool,
    asked: AtomicUsize,
    given_up: Arc<AtomicUsize>,
}

/// Counts what is dropped before its end.
struct Running(Option<Arc<AtomicUsize>>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_add(1, Relaxed);
        }
    }
}

impl LanguageEngine for Engine {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Relaxed);
            let mut running = Running(Some(Arc::clone(&self.given_up)));
            while self.mutters.load(Relaxed) {
                sleep(Duration::from_millis(300)).await;
                ask.progress.typing();
            }
            let takes = if self.hangs.load(Relaxed) { Duration::from_secs(3600) } else { Duration::from_millis(10) };
            sleep(takes).await;
            running.0 = None;
            Ok(Answer::default())
        })
    }
}

fn guarded(engine: &Arc<Engine>, may_hang: bool) -> Guarded {
    let governors = Governors::new(Clock::system(), Arc::new(Metrics::default()));
    let protection = Protection {
        name: "profile support, engine primary".to_owned(),
        deadline: Duration::from_secs(5),
        may_hang,
        spare: false,
        quota_key: "p".to_owned(),
        quota_per_minute: 0,
    };
    Guarded::new(Arc::clone(engine) as Arc<dyn LanguageEngine>, protection, &governors)
}

fn question(n: usize) -> Ask {
    let (unit, name) = (UnitName::new("sales").unwrap(), ContactName::new(&format!("c{n}")).unwrap());
    Ask::new(ContactId { unit, name }, Input::Text("hi".to_owned()), "en")
}

#[tokio::test(start_paused = true)]
async fn b7_what_an_engine_that_hangs_has_been_asked_goes_elsewhere_though_nobody_asks_any_more() {
    let engine = Arc::new(Engine::default());
    let guard = guarded(&engine, true);
    guard.ask(question(0)).await.unwrap();
    engine.hangs.store(true, Relaxed);
    let began = Clock::instant();
    let ask = async |n: u64| {
        sleep(Duration::from_millis(10 * n)).await;
        let error = guard.ask(question(1)).await.unwrap_err();
        (error.kind, error.held_back, began.elapsed())
    };
    for (kind, held_back, after) in join_all((0..30).map(ask)).await {
        assert_eq!((kind, held_back), (FailureKind::Deadline, false));
        assert!((800..1_000).contains(&after.as_millis()), "after {after:?}");
    }
    assert_eq!((engine.asked.load(Relaxed), engine.given_up.load(Relaxed)), (31, 30), "the calls end as well");
    let held_back = guard.ask(question(2)).await.unwrap_err();
    assert!(
        held_back.held_back && held_back.advice.to_string().contains("has stopped answering"),
        "{}",
        held_back.advice
    );
    assert_eq!(guard.outage().unwrap().kind, FailureKind::Deadline);
}

#[tokio::test(start_paused = true)]
async fn b7_a_few_slow_answers_are_waited_for() {
    let engine = Arc::new(Engine::default());
    let guard = guarded(&engine, true);
    guard.ask(question(0)).await.unwrap();
    engine.hangs.store(true, Relaxed);
    let patience = Duration::from_secs(4);
    let asks = join_all((0..20).map(|n| tokio::time::timeout(patience, guard.ask(question(n)))));
    assert!(asks.await.iter().all(Result::is_err), "still waiting");
    assert!(guard.outage().is_none());
}

#[tokio::test(start_paused = true)]
async fn b7_an_engine_that_shows_that_it_is_at_work_does_not_hang() {
    let engine = Arc::new(Engine::default());
    let guard = guarded(&engine, true);
    guard.ask(question(0)).await.unwrap();
    engine.mutters.store(true, Relaxed);
    let ask = |n| {
        let heard = Ask { progress: Progress::new(|_| {}), ..question(n) };
        tokio::time::timeout(Duration::from_secs(4), guard.ask(heard))
    };
    let asks = join_all((0..30).map(ask));
    assert!(asks.await.iter().all(Result::is_err), "still waiting");
    assert!(guard.outage().is_none());
}

#[tokio::test(start_paused = true)]
async fn b7_what_was_said_in_part_is_not_asked_of_another_engine() {
    let engine = Arc::new(Engine::default());
    let guard = guarded(&engine, true);
    guard.ask(question(0)).await.unwrap();
    engine.hangs.store(true, Relaxed);
    let began = Clock::instant();
    let mut half = question(1);
    half.progress = Progress::new(|_| {});
    let life = Life::of(&mut half, &guard.signs);
    half.progress.say(vec![crate::core::message::Reply::Text("Half of it.".to_owned())]);
    let hung = guard.hangs.notified();
    pin!(hung);
    hung.as_mut().enable();
    let spoken = tokio::time::timeout(Duration::from_secs(3), guard.unless_it_hangs(&half, hung, &life));
    let others = join_all((0..30).map(|n| guard.ask(question(n))));
    let (spoken, others) = tokio::join!(spoken, others);
    assert!(others.iter().all(Result::is_err) && guard.outage().is_some());
    assert!(spoken.is_err() && began.elapsed() >= Duration::from_secs(3), "it is waited for");
}

/// Worker threads, so that one finds it out while others are about to look.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b7_nobody_is_left_with_an_engine_that_hangs() {
    let engine = Arc::new(Engine::default());
    let guard = Arc::new(guarded(&engine, true));
    guard.ask(question(0)).await.unwrap();
    engine.hangs.store(true, Relaxed);
    let asks = (0..200).map(|n| {
        let guard = Arc::clone(&guard);
        tokio::spawn(async move { tokio::time::timeout(Duration::from_secs(4), guard.ask(question(n))).await.is_ok() })
    });
    assert!(join_all(asks).await.into_iter().all(|it| it.unwrap()), "each is told before its deadline");
}
