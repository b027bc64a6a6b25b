//! Sessions that are cut, resumed, replaced and ended, and what becomes of their turns.

use super::*;

#[test]
fn s11_a_session_resumed_in_time_has_its_turns_again_and_keeps_its_contacts() {
    let mut bench = Bench::with(Terms { patience: seconds(20), ..TERMS });
    let (one, two) = (bench.attach(), bench.attach());
    let turn = bench.ask("ann");
    let sent = bench.turn(&one);
    bench.cut(&one);
    bench.wait(seconds(4));
    let again = bench.resume(&one);
    assert!(again.resumed);
    let resent = bench.turn(&again);
    assert_eq!((&resent.turn_id, resent.again, resent.deadline_ms), (&sent.turn_id, true, 6_000));
    assert_eq!(bench.turns(&two), []);
    bench.reply(&one, &sent, "from the old socket");
    bench.ended(&[]);
    bench.reply(&again, &resent, "Hi");
    bench.ended(&[(turn, Ok("Hi"))]);
    bench.ask("ann");
    assert_eq!(bench.contacts(&again), [("ann".to_owned(), false)]);
    assert_eq!(bench.moved, 0);
}

#[test]
fn s11_after_thirty_seconds_there_is_nothing_to_resume() {
    let mut bench = Bench::new();
    let one = bench.attach();
    bench.cut(&one);
    bench.wait(Duration::from_millis(29_999));
    let back = bench.resume(&one);
    assert!(back.resumed);
    bench.cut(&back);
    bench.wait(seconds(30));
    let anew = bench.resume(&one);
    assert!(!anew.resumed);
    assert_ne!(anew.session, one.session);
}

#[test]
fn s11_turns_of_a_lost_socket_go_to_another_once_and_then_fail() {
    let mut bench = Bench::new();
    let (one, two) = (bench.attach(), bench.attach());
    let turn = bench.ask("ann");
    let sent = bench.turn(&one);
    bench.cut(&one);
    bench.wait(Duration::from_millis(1_999));
    assert_eq!(bench.turns(&two), [], "the first may come back");
    bench.wait(Duration::from_millis(1));
    let moved = bench.turn(&two);
    assert_eq!((&moved.turn_id, moved.again, bench.moved), (&sent.turn_id, true, 1));
    // The first learns of it if it comes back, and cannot answer any more.
    let back = bench.resume(&one);
    assert_eq!(bench.take(&back), [cancelled(&sent, CancelReason::Moved)]);
    bench.reply(&back, &sent, "too late");
    bench.ended(&[]);
    bench.pool.detach(two.seat, Departure::End, bench.now);
    bench.note();
    bench.ended(&[(turn, Err(FailureKind::Unavailable))]);
    bench.take(&back);
    bench.ask("ann");
    assert_eq!(bench.turns(&back).len(), 1);
}

#[test]
fn s11_what_was_never_written_may_move_as_often_as_it_must() {
    let mut bench = Bench::new();
    let mut sockets = vec![bench.attach(), bench.attach(), bench.attach()];
    let turn = bench.ask("ann");
    while sockets.len() > 1 {
        let gone = sockets.remove(0);
        bench.pool.detach(gone.seat, Departure::End, bench.now);
    }
    let sent = bench.turn(&sockets[0]);
    assert!(!sent.again);
    bench.reply(&sockets[0], &sent, "Hi");
    bench.ended(&[(turn, Ok("Hi"))]);
    assert_eq!(bench.moved, 0);
}

#[test]
fn s11_the_only_socket_is_waited_for_with_what_it_had_and_new_turns_fail_when_patience_ends() {
    let mut bench = Bench::new();
    let one = bench.attach();
    let had = bench.ask("ann");
    let sent = bench.turn(&one);
    bench.cut(&one);
    let waits = bench.ask("bob");
    let queued = bench.ask("ann");
    bench.wait(seconds(2));
    bench.ended(&[(queued, Err(FailureKind::Unavailable)), (waits, Err(FailureKind::Unavailable))]);
    assert_eq!(bench.alone, Some(true));
    let refused = bench.ask("bob");
    bench.ended(&[(refused, Err(FailureKind::Unavailable))]);
    bench.wait(seconds(6));
    let back = bench.resume(&one);
    assert_eq!(bench.alone, Some(false));
    let resent = bench.turn(&back);
    bench.reply(&back, &resent, "Hi");
    bench.ended(&[(had, Ok("Hi"))]);
    assert_eq!(resent.turn_id, sent.turn_id);
}

#[test]
fn s11_a_connector_that_was_started_anew_gets_what_the_lost_one_had() {
    let mut bench = Bench::new();
    let one = bench.attach();
    let turn = bench.ask("ann");
    let sent = bench.turn(&one);
    bench.cut(&one);
    bench.wait(seconds(5));
    let two = bench.attach();
    let moved = bench.turn(&two);
    assert_eq!((&moved.turn_id, moved.again), (&sent.turn_id, true));
    bench.reply(&two, &moved, "Hi");
    bench.ended(&[(turn, Ok("Hi"))]);
}

#[test]
fn s11_a_restart_with_a_close_frame_loses_nothing_if_it_is_quick() {
    let mut bench = Bench::new();
    let one = bench.attach();
    let turn = bench.ask("ann");
    bench.turn(&one);
    bench.pool.detach(one.seat, Departure::End, bench.now);
    bench.wait(Duration::from_millis(1_900));
    let two = bench.attach();
    let moved = bench.turn(&two);
    bench.reply(&two, &moved, "Hi");
    bench.ended(&[(turn, Ok("Hi"))]);
}

#[test]
fn s11_a_session_resumed_while_its_old_socket_seems_open_takes_it_over() {
    let mut bench = Bench::new();
    let one = bench.attach();
    bench.ask("ann");
    let sent = bench.turn(&one);
    let two = bench.resume(&one);
    assert_eq!(bench.closed, [(one.number, ConnectorClose::Replaced)]);
    assert_eq!(bench.pool.take(one.seat, bench.now), Take::Gone);
    bench.cut(&one);
    assert_eq!(bench.turn(&two).turn_id, sent.turn_id, "the old socket's end changes nothing");
    assert_eq!(bench.pool.sockets(), 1);
}

#[test]
fn s11_one_that_leaves_answers_what_it_has_and_gets_no_more() {
    let mut bench = Bench::new();
    let (one, two) = (bench.attach(), bench.attach());
    let turn = bench.ask("ann");
    let sent = bench.turn(&one);
    bench.pool.on_leaving(one.seat, bench.now);
    bench.ask("bob");
    bench.ask("cid");
    assert_eq!(bench.turns(&two).len(), 2);
    assert_eq!(bench.closed, []);
    bench.reply(&one, &sent, "Hi");
    bench.ended(&[(turn, Ok("Hi"))]);
    assert_eq!(bench.closed, [(one.number, ConnectorClose::Left)]);
    bench.ask("ann");
    assert_eq!(bench.turns(&one).len(), 0);
}

#[test]
fn s11_what_nobody_reads_is_not_kept_without_bound() {
    let mut bench = Bench::new();
    let one = bench.attach();
    for _ in 0..MAX_OUTBOX {
        bench.pool.on_ping(one.seat, None);
    }
    bench.note();
    assert_eq!(bench.flooded.len(), 0);
    bench.pool.on_ping(one.seat, None);
    bench.note();
    assert_eq!(bench.flooded, [one.number]);
    bench.pool.on_slow(one.seat, bench.now);
    bench.note();
    assert_eq!(bench.closed, [(one.number, ConnectorClose::SlowConsumer)]);
    let away = bench.attach();
    bench.ask("ann");
    bench.turn(&away);
    bench.cut(&away);
    for n in 0..MAX_OUTBOX + 10 {
        bench.pool.on_step(&name("ann"), &Step::UnknownAction { name: n.to_string() }, bench.now);
    }
    let back = bench.resume(&away);
    let frames = bench.take(&back);
    assert_eq!(frames.len(), MAX_OUTBOX + 1, "the latest of them, and the turn");
    assert!(matches!(&frames[0], ToConnector::Outcome(it) if it.action.as_deref() == Some("10")), "{:?}", frames[0]);
}

#[test]
fn s11_sockets_of_a_revoked_token_are_closed_and_others_stay() {
    let mut bench = Bench::new();
    let old = bench.attach();
    bench.pool.attach(9, [2; 32], &Hello::default(), "new".to_owned(), bench.now);
    bench.note();
    bench.pool.end_untrusted(|token| *token == [2; 32], bench.now);
    bench.note();
    assert_eq!(bench.closed, [(old.number, ConnectorClose::TokenRevoked)]);
    bench.pool.end_all(ConnectorClose::Draining, bench.now);
    bench.note();
    assert_eq!(bench.closed[1..], [(9, ConnectorClose::Draining)]);
    assert_eq!((bench.pool.sockets(), bench.pool.sessions.len()), (0, 0));
}
