//! Lanes that go while there is something for them.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_lane_that_went_before_it_had_an_acceptance_cannot_resume() {
    let house = House::new().await;
    let mut engine = house.staffed();
    house.offer(&engine, "c1");
    house.detach(&engine);
    house.written().await;
    assert_eq!(house.resume(&mut engine), Err(AttachError::Lost), "the engine must send its offer again");
    assert_eq!(house.resume(&mut engine), Ok(engine.id), "a session that begins anew has lost nothing");
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_successors_have_been_sent_again_stays_behind() {
    let house = House::new().await;
    let mut engine = house.staffed();
    house.offer(&engine, "c1");
    house.apologise(&engine, "c1", "m1").await;
    house.written().await;
    assert_eq!(engine.commands(), [1]);
    let before = house.inspect("c1", |it| it.route);
    // The next command is committed while the lane is away, and the lane is back before it is carried out.
    house.apologise(&engine, "c1", "m2").await;
    house.detach(&engine);
    house.written().await;
    assert_eq!(house.resume(&mut engine), Ok(engine.id));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(engine.commands(), [1, 2], "all of them, in order");
    let frame = Box::new(ToEngine::Typing { contact: contact("c1").name });
    let stale = After::Command { lane: engine.id, contact: contact("c1"), route: before, frame };
    house.gateway.carry_out(vec![stale]);
    assert!(engine.frames.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn contacts_of_a_lane_that_goes_are_talked_to_on_those_that_stay() {
    let house = House::new().await;
    let first = house.staffed();
    let mut second = house.attach();
    house.offer(&first, "c1");
    house.apologise(&first, "c1", "m1").await;
    house.written().await;
    assert_eq!(second.commands(), [0; 0]);
    house.detach(&first);
    house.gateway.sweep_where_wanted();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(second.commands(), [1]);
}
