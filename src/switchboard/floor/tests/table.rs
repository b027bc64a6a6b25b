//! What leads to what.

use super::*;
use crate::{
    switchboard::{board::Counts, text},
    wire::engine::{ContactRejected, CreateCallback, PushUrl, contact_rejected},
};

#[test]
fn s2_virtual_agents_log_on_with_the_right_password_alone() {
    let mut house = House::new();
    house.act(|floor, now, out| floor.on_attached(true, now, out));
    house.log_on("va-1", "wrong");
    house.log_on("desk-1", "secret");
    house.log_on("va-1", "secret");
    assert_eq!(house.told(), ["refused va-1 WrongPassword", "refused desk-1 UnknownUser", "on va-1"]);
}

#[test]
fn a_contact_waits_for_a_virtual_agent_and_its_messages_for_the_acceptance() {
    let mut house = House::new();
    let id = house.open("c");
    house.says(&id, "m1").unwrap();
    assert_eq!(house.told(), [""; 0]);
    house.attach();
    assert_eq!(house.told(), ["on va-1", "offer c va-1 from 0", "on va-2"]);
    house.accepted(&id);
    assert_eq!(house.told(), ["message m1"]);
    assert_eq!(house.entries(&id), ["connecting", "Customer: m1", "bot None"]);
}

#[test]
fn a_message_is_delivered_when_the_gateway_has_it_and_said_once() {
    let mut house = House::attached();
    let id = house.talking("c");
    let said = house.says(&id, "m1").unwrap();
    assert_eq!((said.repeated, house.says(&id, "m1")), (false, Ok(Said { repeated: true, ..said })));
    let other = house.act(|floor, now, out| floor.customer_says(&id, ("m1", "other"), now, out));
    assert_eq!(other, Err(Refusal::Conflict));
    assert_eq!(house.frames.len(), 1);
    house.takes_all();
    assert_eq!(house.entries(&id)[2..], ["Customer: m1", "delivered m1"]);
}

#[test]
fn sixty_four_messages_wait_for_the_gateway_and_no_more() {
    let mut house = House::new();
    let id = house.open("c");
    for n in 0..64 {
        house.says(&id, &format!("m{n}")).unwrap();
    }
    assert_eq!(house.says(&id, "m64"), Err(Refusal::TooMuch));
    house.attach();
    house.accepted(&id);
    let told = house.told();
    let messages: Vec<&String> = told.iter().filter(|it| it.starts_with("message")).collect();
    assert_eq!((messages.len(), messages[0].as_str(), messages[63].as_str()), (64, "message m0", "message m63"));
}

#[test]
fn a_command_is_carried_out_once_by_its_number() {
    let mut house = House::attached();
    let id = house.talking("c");
    house.say(&id, 3, "Hello");
    house.say(&id, 3, "Hello");
    house.say(&id, 2, "late");
    house.restart();
    house.say(&id, 3, "Hello");
    assert_eq!(house.entries(&id)[2..], ["Bot: Hello"]);
}

#[test]
fn b2_a_person_takes_the_contact_talks_and_gives_it_back() {
    let mut house = House::attached();
    let id = house.talking("c");
    house.requeue(&id, 4, "support");
    assert_eq!(house.told(), ["outcome 4 Offered"]);
    house.says(&id, "m1").unwrap();
    assert_eq!(house.told(), ["message m1"], "who waits is still heard by the gateway");
    house.act(|floor, now, out| floor.accept("desk-1", &id, now, out)).unwrap();
    assert_eq!(house.told(), ["outcome 4 Accepted"]);
    house.says(&id, "m2").unwrap();
    house.act(|floor, now, out| floor.person_says("desk-1", &id, ("p1", "Good day"), now, out)).unwrap();
    assert_eq!(house.told(), [""; 0]);
    house.act(|floor, now, out| floor.give_back("desk-1", &id, now, out)).unwrap();
    let Body::ContactOffered(offer) = &house.frames[0].body else { panic!("{:?}", house.frames) };
    let history: Vec<&str> = offer.history.iter().map(|it| it.text.as_str()).collect();
    assert_eq!((offer.returned_from, history), (4, vec!["m1", "m2", "Good day"]));
    house.accepted(&id);
    let expected = [
        "waiting support 1",
        "Customer: m1",
        "with Desk 1",
        "Customer: m2",
        "delivered m2",
        "Person: Good day",
        "bot Some(Returned)",
    ];
    assert_eq!(house.entries(&id)[2..], expected);
}

#[test]
fn b2_nobody_takes_it_for_two_minutes() {
    let mut house = House::attached();
    let id = house.talking("c");
    house.requeue(&id, 1, "support");
    house.told();
    house.wait(119);
    assert_eq!(house.last(&id), "waiting support 1");
    house.wait(1);
    assert_eq!(house.last(&id), "bot Some(Expired)");
    assert!(house.told().contains(&"outcome 1 Expired".to_owned()));
}

#[test]
fn b2_where_nobody_is_on_duty_a_requeue_fails_and_those_who_wait_return() {
    let mut house = House::attached();
    let (a, b) = (house.talking("a"), house.talking("b"));
    house.requeue(&a, 1, "nowhere");
    house.requeue(&b, 1, "support");
    house.act(|floor, now, out| floor.set_state("desk-1", Presence::Offline, now, out)).unwrap();
    house.requeue(&a, 2, "support");
    assert_eq!(house.told(), ["outcome 1 Failed", "outcome 1 Offered", "outcome 1 Failed", "outcome 2 Failed"]);
    assert_eq!(house.last(&b), "bot Some(Failed)");
    house.wait(1);
    assert_eq!(house.told(), ["directory []"]);
}

#[test]
fn those_behind_move_up_and_are_told() {
    let mut house = House::attached();
    let (a, b) = (house.talking("a"), house.talking("b"));
    house.requeue(&a, 1, "support");
    house.requeue(&b, 1, "support");
    assert_eq!(house.last(&b), "waiting support 2");
    house.act(|floor, now, out| floor.accept("desk-1", &a, now, out)).unwrap();
    assert_eq!(house.last(&b), "waiting support 1");
}

fn callback(queue: &str) -> command::Command {
    let (queue, phone) = (queue.to_owned(), "+4930901820".to_owned());
    command::Command::CreateCallback(CreateCallback { queue, phone, at_ms: 9_000_000, context: None })
}

#[test]
fn s21_the_number_of_a_callback_that_is_forgotten_is_never_given_again() {
    let mut house = House::attached();
    let id = house.talking("c");
    house.command(&id, 1, callback("callbacks"));
    house.act(|floor, now, out| floor.callback_done("callback-1", true, now, out)).unwrap();
    house.wait(24 * 60 * 60);
    assert_eq!(house.floor.board(house.now).callbacks.len(), 0);
    house.command(&id, 2, callback("callbacks"));
    assert_eq!(house.last(&id), "callback-2 +4930901820 9000000");
    house.act(|floor, now, out| floor.callback_done("callback-2", true, now, out)).unwrap();
    house.wait(24 * 60 * 60);
    // The second one reads what the first one wrote anew.
    house.restart();
    house.restart();
    house.attach();
    house.command(&id, 3, callback("callbacks"));
    assert_eq!(house.last(&id), "callback-3 +4930901820 9000000");
}

#[test]
fn s21_a_callback_is_booked_once_and_kept() {
    let mut house = House::attached();
    let id = house.talking("c");
    house.command(&id, 1, callback("nowhere"));
    house.command(&id, 2, callback("callbacks"));
    house.restart();
    house.command(&id, 2, callback("callbacks"));
    let board = house.floor.board(house.now);
    assert_eq!(board.callbacks.len(), 1);
    assert_eq!((board.callbacks[0].due, board.callbacks[0].done), (9_000_000, None));
    assert_eq!(house.told()[..2], ["outcome 1 Failed", "outcome 2 Done"]);
    assert_eq!(house.last(&id), "callback-1 +4930901820 9000000");
    house.act(|floor, now, out| floor.callback_done("callback-1", true, now, out)).unwrap();
    house.wait(24 * 60 * 60);
    assert_eq!(house.floor.board(house.now).callbacks.len(), 0);
}

#[test]
fn s23_pages_are_pushed_when_they_are_pages() {
    let mut house = House::attached();
    let id = house.talking("c");
    let push = |url: &str| command::Command::PushUrl(PushUrl { url: url.to_owned() });
    house.command(&id, 1, push("javascript:alert(1)"));
    house.command(&id, 2, push("https://example.com/terms"));
    assert_eq!(house.told(), ["outcome 1 Failed", "outcome 2 Done"]);
    assert_eq!(house.entries(&id)[2..], ["page https://example.com/terms"]);
    assert!(text::is_page("https://example.com/terms"));
}

#[test]
fn b8_the_customers_last_word_supersedes_an_end() {
    let mut house = House::attached();
    let id = house.talking("c");
    house.says(&id, "m1").unwrap();
    house.takes_all();
    house.says(&id, "m2").unwrap();
    house.end(&id, 1, "m1");
    house.takes_all();
    house.end(&id, 2, "m1");
    assert_eq!(house.told(), ["outcome 2 Superseded"]);
    house.says(&id, "m3").unwrap();
    house.takes_all();
    house.end(&id, 3, "m3");
    assert_eq!(house.told(), ["outcome 3 Done"]);
    let entries = house.entries(&id);
    assert_eq!(entries[entries.len() - 2..], ["Bot: Bye", "ended by Bot"]);
    assert_eq!(house.says(&id, "m4"), Err(Refusal::Ended));
}

#[test]
fn a_rejected_offer_goes_to_another_agent_and_then_waits() {
    let mut house = House::attached();
    let id = house.open("c");
    let rejected = |reason: contact_rejected::Reason| {
        let (contact, reason) = ("c".to_owned(), reason.into());
        gateway_frame::Body::ContactRejected(ContactRejected { contact, reason, detail: String::new() })
    };
    assert_eq!(house.told(), ["offer c va-1 from 0"]);
    house.hears(rejected(contact_rejected::Reason::UnknownAgent));
    assert_eq!(house.told(), ["offer c va-2 from 0"]);
    house.hears(rejected(contact_rejected::Reason::AtCapacity));
    assert_eq!(house.told(), [""; 0]);
    house.wait(1);
    assert!(house.told().iter().any(|it| it.starts_with("offer c")));
    house.hears(rejected(contact_rejected::Reason::AtCapacity));
    house.act(|floor, now, out| floor.on_attached(false, now, out));
    house.wait(60);
    assert_eq!(house.last(&id), "waiting support 1", "a person may take it instead");
}

#[test]
fn a_gateway_that_forgot_the_contact_is_offered_it_again() {
    let mut house = House::attached();
    let id = house.talking("c");
    house.say(&id, 7, "Hello");
    house.says(&id, "m1").unwrap();
    let frame = house.frames.pop().unwrap();
    house.refuses(&frame, refused::Reason::UnknownContact);
    assert!(house.told()[0].starts_with("offer c"));
    house.accepted(&id);
    assert_eq!(house.told(), ["message m1"]);
    house.say(&id, 1, "Hello again");
    assert_eq!(house.last(&id), "Bot: Hello again", "its numbers begin anew");
}

#[test]
fn what_was_not_taken_goes_again_after_a_restart_in_order() {
    let mut house = House::attached();
    let id = house.talking("c");
    house.says(&id, "m1").unwrap();
    house.requeue(&id, 1, "support");
    house.says(&id, "m2").unwrap();
    house.act(|floor, now, out| floor.customer_leaves(&id, now, out)).unwrap();
    let before = house.told();
    house.restart();
    assert_eq!(house.told(), [""; 0], "not before the gateway is there");
    house.attach();
    let after: Vec<String> = house.told().into_iter().filter(|it| !it.starts_with("on ")).collect();
    assert_eq!(before, ["message m1", "outcome 1 Offered", "message m2", "ended c"]);
    assert_eq!(after, before);
}

#[test]
fn a_message_that_was_taken_and_is_given_back_waits_again_and_survives_a_restart() {
    let mut house = House::attached();
    let id = house.talking("c");
    house.says(&id, "m1").unwrap();
    house.takes_all();
    house.says(&id, "m2").unwrap();
    house.told();
    let recall = |house: &mut House| house.act(|floor, now, out| floor.recall("c", "m1", now, out));
    let (message, receipt) = recall(&mut house).unwrap();
    assert_eq!((message.contact.as_str(), message.message_id.as_str()), ("c", "m1"));
    assert_eq!(recall(&mut house), None, "it is on its way");
    assert_eq!(house.told(), [""; 0], "the link has it");
    let before = house.journal.clone();

    house.act(|floor, now, out| floor.on_taken(receipt, now, out));
    let delivered = house.entries(&id).into_iter().filter(|it| it == "delivered m1").count();
    assert_eq!((delivered, house.floor.find(&id).unwrap().now.pending.len()), (1, 1));

    house.journal = before;
    house.restart();
    house.attach();
    assert_eq!(house.told()[..2], ["message m1", "message m2"]);
    house.act(|floor, now, out| floor.customer_leaves(&id, now, out)).unwrap();
    assert_eq!(recall(&mut house), None, "nobody waits for an answer");
}

#[test]
fn contacts_that_ended_are_forgotten_after_a_day() {
    let mut house = House::attached();
    let id = house.talking("c");
    house.act(|floor, now, out| floor.customer_leaves(&id, now, out)).unwrap();
    house.wait(24 * 60 * 60 - 1);
    assert!(house.floor.find(&id).is_some());
    assert_eq!(house.floor.board(house.now).counts.ended, 1);
    house.wait(1);
    assert!(house.floor.find(&id).is_none());
    assert_eq!(house.floor.board(house.now).counts, Counts::default());
    house.restart();
    assert!(house.floor.find(&id).is_none(), "nor does the journal bring it back");
}

#[test]
fn a_desk_with_contacts_does_not_go_home() {
    let mut house = House::attached();
    let id = house.talking("c");
    house.requeue(&id, 1, "support");
    house.act(|floor, now, out| floor.accept("desk-1", &id, now, out)).unwrap();
    let offline =
        |house: &mut House| house.act(|floor, now, out| floor.set_state("desk-1", Presence::Offline, now, out));
    assert!(matches!(offline(&mut house), Err(Refusal::NotNow(_))));
    house.act(|floor, now, out| floor.close("desk-1", &id, now, out)).unwrap();
    assert_eq!(house.told().last().unwrap(), "ended c");
    assert_eq!(offline(&mut house), Ok(()));
}

#[test]
fn typing_is_a_hint_and_told_once_a_second() {
    let mut house = House::attached();
    let id = house.talking("c");
    for _ in 0..3 {
        house.act(|floor, now, out| floor.customer_types(&id, now, out)).unwrap();
    }
    assert_eq!((house.told(), house.hints.len()), (vec!["typing c".to_owned()], 1));
    house.wait(1);
    house.act(|floor, now, out| floor.customer_types(&id, now, out)).unwrap();
    assert_eq!(house.told(), ["typing c"]);
}
