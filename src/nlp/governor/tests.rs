//! The governor by example, and against a model.

use proptest::prelude::*;

use super::*;

const T0: i64 = 1_795_168_800_000;
const DEADLINE_MS: i64 = 5_000;

/// A governor, its clock, and who waits.
struct Bench {
    governor: Governor,
    now: i64,
    waiting: Vec<(Ticket, Class, i64)>,
}

impl Bench {
    fn new(quota_per_minute: u32) -> Self {
        Self { governor: Governor::new(quota_per_minute, Timestamp(T0)), now: T0, waiting: Vec::new() }
    }

    fn enter(&mut self, class: Class) -> Entry {
        let (now, deadline) = (Timestamp(self.now), Timestamp(self.now + DEADLINE_MS));
        let entry = self.governor.enter(class, false, deadline, now);
        if let Entry::Wait(ticket) = entry {
            self.waiting.push((ticket, class, self.now));
        }
        entry
    }

    /// Whose turn it is now, in order, and since when each waited.
    fn turns(&mut self) -> Vec<(Class, i64)> {
        let mut went = Vec::new();
        while let Some(next) = self.governor.next()
            && self.governor.turn(next, Timestamp(self.now)) == Turn::Go
        {
            let at = self.waiting.iter().position(|(ticket, ..)| *ticket == next).expect("it waits");
            let (_, class, since) = self.waiting.remove(at);
            went.push((class, since));
        }
        went
    }

    /// Those whose deadline has come leave.
    fn expire(&mut self) -> usize {
        let late: Vec<Ticket> =
            self.waiting.iter().filter(|(.., since)| self.now >= since + DEADLINE_MS).map(|it| it.0).collect();
        for ticket in &late {
            self.governor.leave(*ticket);
        }
        self.waiting.retain(|(ticket, ..)| !late.contains(ticket));
        late.len()
    }
}

#[test]
fn b12_without_a_quota_nobody_waits() {
    let mut bench = Bench::new(0);
    for _ in 0..1_000 {
        assert_eq!(bench.enter(Class::New), Entry::Go);
    }
}

#[test]
fn b12_no_minute_sees_more_than_the_quota() {
    for quota in [1_u32, 6, 60, 600, 6_000] {
        let mut bench = Bench::new(quota);
        let mut went: Vec<i64> = Vec::new();
        for _ in 0..180_000 / 20 {
            bench.now += 20;
            bench.expire();
            if bench.enter(Class::Ongoing) == Entry::Go {
                went.push(bench.now);
            }
            went.extend(bench.turns().iter().map(|_| bench.now));
        }
        let within = |from: usize| went.partition_point(|it| *it < went[from] + 60_000) - from;
        let most = (0..went.len()).map(within).max().unwrap();
        let most = u32::try_from(most).unwrap();
        assert!(most <= quota, "{most} in a minute of {quota}");
        assert!(quota < 60 || most >= quota.min(3_000) * 8 / 10, "{most} in a minute of {quota}: it makes use of it");
    }
}

#[test]
fn b12_ongoing_contacts_come_first_and_each_class_in_its_order() {
    let mut bench = Bench::new(60);
    // The last of them waits.
    while bench.enter(Class::New) == Entry::Go {}
    for _ in 0..2 {
        bench.now += 1;
        assert!(matches!(bench.enter(Class::Ongoing), Entry::Wait(_)));
    }
    let mut order = Vec::new();
    for _ in 0..400 {
        bench.now += 10;
        order.extend(bench.turns());
    }
    let classes: Vec<Class> = order.iter().map(|it| it.0).collect();
    assert_eq!(classes, [Class::Ongoing, Class::Ongoing, Class::New]);
    assert!(order[0].1 < order[1].1, "the one that came first: {order:?}");
}

#[test]
fn b12_a_new_contact_whose_turn_cannot_come_in_time_is_told_at_once() {
    let mut bench = Bench::new(60);
    let (mut waiting, mut refused) = (0, 0);
    for _ in 0..30 {
        match bench.enter(Class::New) {
            Entry::Go => {}
            Entry::Wait(_) => waiting += 1,
            Entry::Refused => refused += 1,
        }
    }
    assert!((3..=5).contains(&waiting), "{waiting} may wait for one a second and five seconds");
    assert_eq!(refused, 29 - waiting);
    assert!(matches!(bench.enter(Class::Ongoing), Entry::Wait(_)), "one under way waits");
    let mut late = 0;
    for _ in 0..600 {
        bench.now += 10;
        late += bench.expire();
        bench.turns();
    }
    assert_eq!(late, 1, "who was let wait had its turn, but for the one that the contact under way displaced");
}

#[test]
fn b12_the_load_of_ongoing_contacts_counts_for_the_estimate() {
    let mut bench = Bench::new(600);
    let (mut late, mut went) = (0, 0);
    for n in 0..2_000 {
        bench.now += 10;
        late += bench.expire();
        // Nine a second of ten.
        if n % 11 == 0 {
            bench.enter(Class::Ongoing);
        }
        if n % 5 == 0 {
            bench.enter(Class::New);
        }
        went += bench.turns().iter().filter(|(class, _)| *class == Class::New).count();
    }
    assert!(went > 10, "{went} new ones had a turn");
    assert!(late <= 20, "{late} of 400 waited in vain");
}

#[test]
fn b12_a_refusal_pauses_and_one_finds_out_when_it_is_over() {
    let mut bench = Bench::new(0);
    assert_eq!(bench.enter(Class::Ongoing), Entry::Go);
    bench.governor.refused(Some(Duration::from_secs(3)), 20.0, Timestamp(bench.now));
    assert!(matches!(bench.enter(Class::Ongoing), Entry::Wait(_)));
    assert!(matches!(bench.enter(Class::Ongoing), Entry::Wait(_)));
    bench.now += 2_999;
    assert_eq!(bench.turns(), []);
    bench.now += 1;
    assert_eq!(bench.turns().len(), 1, "one");
    let rate = bench.governor.rate().unwrap();
    assert!((13.9..14.1).contains(&rate), "{rate}");
}

#[test]
fn b12_a_time_named_beyond_the_deadline_is_not_waited_for() {
    let mut bench = Bench::new(0);
    bench.governor.refused(Some(Duration::from_secs(60)), 20.0, Timestamp(bench.now));
    assert_eq!(bench.enter(Class::Ongoing), Entry::Refused);
    assert_eq!(bench.enter(Class::New), Entry::Refused);
    bench.now += 56_000;
    assert!(matches!(bench.enter(Class::Ongoing), Entry::Wait(_)));
}

#[test]
fn b12_pauses_without_a_named_time_double_until_an_answer() {
    let mut bench = Bench::new(0);
    let mut pauses = Vec::new();
    for _ in 0..8 {
        bench.governor.refused(None, 20.0, Timestamp(bench.now));
        let Entry::Wait(ticket) = bench.enter(Class::Ongoing) else { panic!("it waits") };
        let begin = bench.now;
        while bench.governor.turn(ticket, Timestamp(bench.now)) != Turn::Go {
            bench.now += 1;
        }
        pauses.push(bench.now - begin);
    }
    assert_eq!(pauses, [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    bench.governor.answered();
    bench.governor.refused(None, 20.0, Timestamp(bench.now));
    let Entry::Wait(ticket) = bench.enter(Class::Ongoing) else { panic!("it waits") };
    bench.now += 250;
    assert_eq!(bench.governor.turn(ticket, Timestamp(bench.now)), Turn::Go);
}

#[test]
fn b12_many_refusals_of_one_moment_cut_the_rate_once() {
    let mut bench = Bench::new(0);
    for _ in 0..50 {
        bench.governor.refused(None, 20.0, Timestamp(bench.now));
    }
    let rate = bench.governor.rate().unwrap();
    assert!((13.9..14.1).contains(&rate), "{rate}");
}

const STEP_MS: i64 = 10;
/// A minute.
const STEPS: i64 = 6_000;

/// An engine that grants so many a second, in a bucket of one second, and a crowd that wants three times as much. Yields
/// how many were refused by the engine and how many answered during the last half minute of one.
fn learn(per_second: i64, quota_per_minute: u32) -> (usize, usize) {
    let mut bench = Bench::new(quota_per_minute);
    let (mut tokens, mut refused, mut answered) = (per_second * 1_000, 0, 0);
    let mut again = 0;
    for step in 0..STEPS {
        bench.now += STEP_MS;
        tokens = (tokens + per_second * STEP_MS).min(per_second * 1_000);
        bench.expire();
        let mut go = bench.turns().len();
        let wanted = |step: i64| step * STEP_MS * per_second * 3 / 1_000;
        for _ in wanted(step)..wanted(step + 1) {
            go += usize::from(bench.enter(Class::Ongoing) == Entry::Go);
        }
        for _ in 0..go {
            let late = usize::from(step >= STEPS / 2);
            if tokens >= 1_000 {
                tokens -= 1_000;
                answered += late;
                bench.governor.answered();
            } else {
                refused += late;
                let rate = f64::from(u32::try_from(per_second).unwrap());
                bench.governor.refused(None, rate, Timestamp(bench.now));
                again += 1;
            }
        }
    }
    assert!(again < 120, "{again} refusals of {per_second} a second");
    (refused, answered)
}

#[test]
fn b12_it_learns_what_the_engine_grants_and_makes_use_of_it() {
    for per_second in [2_i64, 10, 40] {
        let (refused, answered) = learn(per_second, 0);
        let most = usize::try_from(per_second * 30).unwrap();
        assert!(answered * 10 >= most * 7, "{answered} of {most} at {per_second} a second");
        assert!(refused * 20 <= most.max(200), "{refused} refusals for {answered} answers at {per_second} a second");
    }
}

#[test]
fn b12_a_configured_quota_that_is_too_large_is_corrected_by_what_is_learned() {
    let (refused, answered) = learn(10, 3_000);
    assert!(answered >= 210 && refused <= 15, "{answered} answers, {refused} refusals");
}

#[derive(Clone, Debug)]
enum Move {
    Wait(i64),
    Enter(bool),
    Again(bool),
    Turn,
    Leave(usize),
    Refused(Option<u64>),
    Answered,
    Quota(u32),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let a_move = prop_oneof![
        4 => prop_oneof![0_i64..300, 500_i64..9_000].prop_map(Move::Wait),
        8 => any::<bool>().prop_map(Move::Enter),
        1 => any::<bool>().prop_map(Move::Again),
        8 => Just(Move::Turn),
        2 => (0_usize..8).prop_map(Move::Leave),
        1 => proptest::option::of(0_u64..20_000).prop_map(Move::Refused),
        3 => Just(Move::Answered),
        1 => (0_u32..1_200).prop_map(Move::Quota),
    ];
    proptest::collection::vec(a_move, 1..200)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// The small model: two lists. Nobody is lost or let go twice, nobody overtakes within a class, no new one goes while an
    /// ongoing one waits, and nobody goes during a pause.
    #[test]
    fn b12_whatever_happens_the_lines_are_kept(quota in 0_u32..1_200, moves in moves()) {
        let mut governor = Governor::new(quota, Timestamp(T0));
        let mut now = T0;
        let mut paused_until = i64::MIN;
        let mut lines: [Vec<Ticket>; 2] = [Vec::new(), Vec::new()];
        for it in moves {
            match it {
                Move::Wait(ms) => now += ms,
                Move::Enter(ongoing) | Move::Again(ongoing) => {
                    let again = matches!(it, Move::Again(_));
                    let class = Class::of(ongoing);
                    match governor.enter(class, again, Timestamp(now + DEADLINE_MS), Timestamp(now)) {
                        Entry::Go => {
                            prop_assert!(now >= paused_until, "in a pause");
                            prop_assert!(ongoing || lines[0].is_empty(), "before ongoing ones");
                            prop_assert!(again || lines[usize::from(!ongoing)].is_empty(), "overtaken");
                        }
                        Entry::Wait(ticket) if again => lines[usize::from(!ongoing)].insert(0, ticket),
                        Entry::Wait(ticket) => lines[usize::from(!ongoing)].push(ticket),
                        Entry::Refused => {}
                    }
                }
                Move::Turn => {
                    let first = lines[0].first().or(lines[1].first()).copied();
                    prop_assert_eq!(governor.next(), first);
                    for ticket in lines.concat() {
                        let turn = governor.turn(ticket, Timestamp(now));
                        if Some(ticket) != first {
                            // The next of the line, once its first has gone.
                            prop_assert!(turn == Turn::Later || Some(ticket) == lines[0].first().or(lines[1].first()).copied());
                        }
                        match turn {
                            Turn::Go => {
                                prop_assert!(now >= paused_until, "in a pause");
                                lines[0].retain(|it| *it != ticket);
                                lines[1].retain(|it| *it != ticket);
                            }
                            Turn::At(at) => prop_assert!(at.0 > now),
                            Turn::Later => {}
                        }
                    }
                }
                Move::Leave(n) => {
                    let all = lines.concat();
                    if let Some(ticket) = n.checked_rem(all.len()).and_then(|n| all.get(n)).copied() {
                        governor.leave(ticket);
                        lines[0].retain(|it| *it != ticket);
                        lines[1].retain(|it| *it != ticket);
                    }
                }
                Move::Refused(after) => {
                    governor.refused(after.map(Duration::from_millis), 10.0, Timestamp(now));
                    if let Some(after) = after {
                        paused_until = paused_until.max(now + i64::try_from(after).unwrap());
                    }
                }
                Move::Answered => governor.answered(),
                Move::Quota(quota) => governor.set_quota(quota),
            }
            prop_assert_eq!(governor.waiting(), lines[0].len() + lines[1].len());
        }
        // Everybody has a turn in the end.
        let mut left = 20_000;
        while let Some(next) = governor.next() {
            left -= 1;
            prop_assert!(left > 0, "nobody goes any more");
            match governor.turn(next, Timestamp(now)) {
                Turn::Go => {}
                Turn::At(at) => now = at.0,
                Turn::Later => prop_assert!(false, "the next is not the next"),
            }
        }
    }
}
