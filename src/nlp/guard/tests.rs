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
    asked: AtomicUsize,
}

impl LanguageEngine for Engine {
    fn ask(&self, _: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        Box::pin(async {
            self.asked.fetch_add(1, Relaxed);
            let takes = if self.hangs.load(Relaxed) { Duration::from_secs(3600) } else { Duration::from_millis(10) };
            sleep(takes).await;
            Ok(Answer::default())
        })
    }
}

fn guarded(engine: &Arc<Engine>, has_next: bool) -> Guarded {
    let governors = Governors::new(Clock::system(), Arc::new(Metrics::default()));
    let protection = Protection {
        name: "profile support, engine primary".to_owned(),
        deadline: Duration::from_secs(5),
        has_next,
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
    assert_eq!(engine.asked.load(Relaxed), 31);
    let held_back = guard.ask(question(2)).await.unwrap_err();
    assert!(held_back.held_back && held_back.advice.contains("has stopped answering"), "{}", held_back.advice);
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
