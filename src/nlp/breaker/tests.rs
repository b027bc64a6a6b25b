//! The breaker by example, and against a model.

use proptest::prelude::*;

use super::*;

const T0: i64 = 1_795_168_800_000;
const DOWN: Verdict = Verdict::Failed(FailureKind::Unavailable);

/// A breaker and a clock.
struct Bench {
    breaker: Breaker,
    now: i64,
}

impl Bench {
    fn new(may_hang: bool) -> Self {
        Self { breaker: Breaker::new(may_hang, 7), now: T0 }
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.now)
    }

    fn admit(&mut self) -> Option<Admitted> {
        let now = self.now();
        let admitted = self.breaker.admit(now).0.ok()?;
        self.breaker.puts(now);
        Some(admitted)
    }

    /// One question and what came of it after so long; `None`: it was held back.
    fn ask(&mut self, verdict: Verdict, took: i64) -> Option<Option<Change>> {
        let asked = self.admit()?;
        self.now += took;
        let now = self.now();
        Some(self.breaker.settle(asked, verdict, now))
    }

    fn is_open(&self) -> bool {
        self.breaker.outage().is_some()
    }

    /// Opens it.
    fn down() -> Self {
        let mut bench = Self::new(false);
        while !bench.is_open() {
            bench.ask(DOWN, 1);
        }
        bench
    }
}

#[test]
fn b7_five_failures_in_a_row_open_it_however_seldom_they_come() {
    let mut bench = Bench::new(false);
    for n in 1..=5 {
        assert!(!bench.is_open(), "after {}", n - 1);
        let change = bench.ask(Verdict::Failed(FailureKind::Deadline), 7_000).unwrap();
        assert_eq!(change, (n == 5).then_some(Change::Opened));
        bench.now += 3_600_000;
    }
}

#[test]
fn b7_an_answer_between_failures_begins_the_count_anew() {
    let mut bench = Bench::new(false);
    for _ in 0..10 {
        for _ in 0..4 {
            bench.ask(DOWN, 500);
        }
        bench.ask(Verdict::Answered, 500);
    }
    assert!(!bench.is_open());
}

#[test]
fn b7_it_opens_within_a_second_of_failures_at_every_rate() {
    for every_ms in [1_i64, 2, 10, 100] {
        // All of them, and two of three.
        for spared in [i64::MAX, 3] {
            let mut bench = Bench::new(false);
            for _ in 0..5_000 / every_ms {
                bench.ask(Verdict::Answered, every_ms);
            }
            let begin = bench.now;
            let mut n = 0;
            while !bench.is_open() {
                n += 1;
                bench.ask(if n % spared == 0 { Verdict::Answered } else { DOWN }, every_ms);
                assert!(bench.now - begin <= 1_000 || (spared == 3 && every_ms == 100), "every {every_ms} ms");
                if bench.now - begin > 1_000 {
                    break;
                }
            }
        }
    }
}

#[test]
fn b7_a_few_failures_among_many_answers_do_not_open_it() {
    let mut bench = Bench::new(false);
    for n in 0..10_000 {
        bench.ask(if n % 3 == 0 { DOWN } else { Verdict::Answered }, 2);
    }
    assert!(!bench.is_open());
}

#[test]
fn b7_what_says_nothing_of_the_engine_does_not_open_it() {
    for kind in [FailureKind::Empty, FailureKind::Invalid, FailureKind::Webhook, FailureKind::Interrupted] {
        let mut bench = Bench::new(false);
        for _ in 0..100 {
            bench.ask(Verdict::of(kind), 1);
        }
        assert!(!bench.is_open(), "{kind:?}");
    }
}

#[test]
fn b7_one_question_at_a_time_finds_out_and_an_answer_closes_it() {
    let mut bench = Bench::down();
    assert_eq!(bench.admit(), None);
    bench.now += 2_000;
    let probe = bench.admit().expect("the cool-down is over");
    assert_eq!(bench.breaker.outage(), Some((Timestamp(T0 + 5), true)));
    assert_eq!(bench.admit(), None, "one at a time");
    bench.now += 5_000;
    assert_eq!(bench.admit(), None, "however long it takes");
    let now = bench.now();
    assert_eq!(bench.breaker.settle(probe, Verdict::Answered, now), Some(Change::Closed));
    assert!(!bench.is_open() && bench.breaker.is_calm());
    assert!(bench.admit().is_some() && bench.admit().is_some());
}

#[test]
fn b7_failed_probes_wait_longer_and_longer_but_never_more_than_a_minute() {
    let mut bench = Bench::down();
    let mut waits = Vec::new();
    for _ in 0..12 {
        let begin = bench.now;
        let probe = loop {
            match bench.admit() {
                Some(probe) => break probe,
                None => bench.now += 10,
            }
        };
        waits.push(bench.now - begin);
        let now = bench.now();
        assert_eq!(bench.breaker.settle(probe, DOWN, now), None);
    }
    assert!((1_000..=2_010).contains(&waits[0]), "{waits:?}");
    assert!(waits[1] > 1_900 && waits[2] > 3_900, "{waits:?}");
    assert!(waits.iter().all(|it| *it <= 60_010) && waits[11] >= 30_000, "{waits:?}");
    bench.now += 60_000;
    let probe = bench.admit().unwrap();
    let now = bench.now();
    bench.breaker.settle(probe, Verdict::Answered, now);
    while !bench.is_open() {
        bench.ask(DOWN, 1);
    }
    bench.now += 2_000;
    assert!(bench.admit().is_some(), "once it was well, it begins with short waits again");
}

#[test]
fn b7_a_probe_that_is_given_up_leaves_the_next_question_to_find_out() {
    let mut bench = Bench::down();
    bench.now += 2_000;
    let probe = bench.admit().unwrap();
    let now = bench.now();
    assert_eq!(bench.breaker.settle(probe, Verdict::Unknown, now), None);
    assert!(bench.is_open() && bench.admit().is_some());
}

#[test]
fn b7_failures_from_before_an_outage_do_not_open_it_again() {
    let mut bench = Bench::new(false);
    let old: Vec<Admitted> = (0..50).map(|_| bench.admit().unwrap()).collect();
    bench.now += 10;
    while !bench.is_open() {
        bench.ask(DOWN, 1);
    }
    bench.now += 2_000;
    bench.ask(Verdict::Answered, 1);
    for asked in old {
        let now = bench.now();
        assert_eq!(bench.breaker.settle(asked, Verdict::Failed(FailureKind::Deadline), now), None);
    }
    assert!(!bench.is_open());
}

/// So many a second are asked, and answered after 50 ms until `hangs_at`; says when it opened.
fn hang(may_hang: bool, per_second: i64) -> Option<i64> {
    let mut bench = Bench::new(may_hang);
    let mut running: Vec<(i64, Admitted)> = Vec::new();
    let hangs_at = T0 + 3_000;
    while bench.now < hangs_at + 5_000 {
        bench.now += 1;
        let now = bench.now();
        let (back, rest): (Vec<_>, Vec<_>) = running.into_iter().partition(|(at, _)| *at + 50 <= now.0);
        running = rest;
        for (at, asked) in back {
            if at < hangs_at {
                bench.breaker.settle(asked, Verdict::Answered, now);
            }
        }
        if (bench.now - T0) % (1_000 / per_second) == 0 {
            match bench.breaker.admit(now) {
                (Ok(asked), _) => {
                    bench.breaker.puts(now);
                    running.push((now.0, asked));
                }
                (Err(_), change) => {
                    assert_eq!(change, Some(Change::Opened));
                    return Some(bench.now - hangs_at);
                }
            }
        }
    }
    None
}

#[test]
fn b7_an_engine_that_hangs_is_found_out_long_before_its_deadline_if_there_is_another() {
    let after = hang(true, 500).expect("it opens");
    assert!(after <= 1_000, "after {after} ms");
    assert_eq!(hang(false, 500), None, "where else to ask, if there is one engine");
    assert_eq!(hang(true, 2), None, "a few questions tell nothing");
}

#[test]
fn b7_questions_that_are_given_up_do_not_make_an_engine_hang_and_a_sign_of_life_begins_the_wait_anew() {
    let mut bench = Bench::new(true);
    bench.ask(Verdict::Answered, 10);
    for _ in 0..30 {
        bench.ask(Verdict::Unknown, 60_000);
    }
    for _ in 0..21 {
        bench.admit().expect("admitted");
    }
    bench.now += 799;
    assert_eq!(bench.breaker.look(bench.now()), None, "the first of those that are out was asked just now");
    bench.breaker.forget_silence();
    bench.now += 1;
    assert_eq!(bench.breaker.look(bench.now()), None);
    for _ in 0..21 {
        bench.admit().expect("admitted");
    }
    bench.now += 800;
    assert_eq!(bench.breaker.look(bench.now()), Some(Change::Opened), "how long answers take is still known");
}

#[test]
fn b7_that_an_engine_hangs_is_found_by_looking_as_well() {
    let mut bench = Bench::new(true);
    bench.ask(Verdict::Answered, 10);
    assert_eq!(bench.breaker.look_at(bench.now()), Some(Timestamp(bench.now + 800)));
    let asked = bench.now;
    for _ in 0..20 {
        bench.admit().expect("admitted");
    }
    bench.now += 800;
    assert_eq!(bench.breaker.look(bench.now()), None, "twenty tell nothing");
    bench.now = asked + 799;
    bench.admit().expect("admitted");
    assert_eq!(bench.breaker.look(bench.now()), None);
    bench.now = asked + 800;
    assert_eq!(bench.breaker.look_at(bench.now()), Some(bench.now()));
    assert_eq!(bench.breaker.look(bench.now()), Some(Change::Opened));
    assert_eq!((bench.breaker.look(bench.now()), bench.breaker.look_at(bench.now())), (None, None), "once");
}

#[test]
fn b7_an_engine_that_takes_its_time_does_not_hang() {
    let mut bench = Bench::new(true);
    for _ in 0..20 {
        // Thirty at once, each takes four seconds: as a language model does.
        let asked: Vec<Admitted> = (0..30).map(|_| bench.admit().expect("admitted")).collect();
        bench.now += 4_000;
        for asked in asked {
            let now = bench.now();
            bench.breaker.settle(asked, Verdict::Answered, now);
        }
    }
    assert!(!bench.is_open());
}

/// What may happen.
#[derive(Clone, Debug)]
enum Move {
    Wait(i64),
    Ask,
    /// Of those under way.
    Settle(usize, u8),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let a_move = prop_oneof![
        2 => prop_oneof![0_i64..50, 500_i64..3_000, 10_000_i64..70_000].prop_map(Move::Wait),
        5 => Just(Move::Ask),
        5 => (0_usize..16, 0_u8..8).prop_map(|(n, kind)| Move::Settle(n, kind)),
    ];
    proptest::collection::vec(a_move, 1..200)
}

/// The small model: it knows failures in a row, and that a bad second opens as well; so it says when the breaker *must* be open
/// and when it *must not* be, and checks probes exactly.
#[derive(Debug, Default)]
struct Model {
    in_a_row: u32,
    failures_ever: u32,
    probing: bool,
    open: bool,
    closed_at: i64,
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn b7_whatever_happens_it_opens_for_failures_alone_and_probes_one_at_a_time(moves in moves()) {
        let mut bench = Bench::new(false);
        let mut model = Model { closed_at: i64::MIN, ..Model::default() };
        let mut running: Vec<Admitted> = Vec::new();
        for it in moves {
            match it {
                Move::Wait(ms) => bench.now += ms,
                Move::Ask => match bench.admit() {
                    Some(asked) => {
                        prop_assert_eq!(asked.probe, model.open, "all of them, or a probe");
                        prop_assert!(!(model.open && model.probing), "a second probe");
                        model.probing |= asked.probe;
                        running.push(asked);
                    }
                    None => prop_assert!(model.open, "held back for nothing"),
                },
                Move::Settle(n, kind) => {
                    if running.is_empty() {
                        continue;
                    }
                    let asked = running.swap_remove(n % running.len());
                    let verdict = match kind {
                        0 => Verdict::Unknown,
                        1..=4 => DOWN,
                        _ => Verdict::Answered,
                    };
                    let now = bench.now();
                    let change = bench.breaker.settle(asked, verdict, now);
                    if asked.probe {
                        model.probing = false;
                        prop_assert_eq!(change, (verdict == Verdict::Answered).then_some(Change::Closed));
                        if change.is_some() {
                            model = Model { closed_at: now.0, ..Model::default() };
                        }
                    } else if model.open || asked.at.0 < model.closed_at {
                        prop_assert_eq!(change, None);
                    } else {
                        match verdict {
                            Verdict::Unknown => {}
                            Verdict::Answered => model.in_a_row = 0,
                            Verdict::Failed(_) => {
                                model.in_a_row += 1;
                                model.failures_ever += 1;
                            }
                        }
                        let must = model.in_a_row >= 5;
                        let may = matches!(verdict, Verdict::Failed(_)) && model.failures_ever >= 10;
                        prop_assert!(!must || change == Some(Change::Opened));
                        prop_assert!(must || may || change.is_none(), "opened for {:?}", model);
                        model.open = change.is_some();
                    }
                }
            }
            prop_assert_eq!(bench.is_open(), model.open);
        }
        // It always comes back.
        bench.now += 60_000;
        if model.open && !model.probing {
            bench.ask(Verdict::Answered, 1);
            prop_assert!(!bench.is_open());
        }
    }
}
