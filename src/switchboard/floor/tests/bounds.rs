//! The end of a contact is the last of it, and every contact has one.

use super::*;

const FULL: &str = "System: This conversation has become as long as it can be and ends here. Please begin a new one.";

#[test]
fn nothing_is_delivered_after_the_end() {
    let mut house = House::attached();
    let id = house.talking("c1");
    house.says(&id, "m1").unwrap();
    house.act(|floor, now, out| floor.customer_leaves(&id, now, out)).unwrap();
    house.takes_all();
    assert_eq!(house.entries(&id)[2..], ["Customer: m1", "ended by Customer"]);
    assert!(house.floor.find(&id).unwrap().now.pending.is_empty(), "the gateway has both");
}

#[test]
fn a_contact_that_is_full_is_over_and_says_why() {
    let mut house = House::attached_within(Limits { entries: 5, ..Limits::default() });
    let id = house.talking("c1");
    house.says(&id, "m1").unwrap();
    house.say(&id, 1, "Hello");
    house.told();
    house.says(&id, "m2").unwrap();
    assert_eq!(house.told(), ["message m2", "ended c1"], "the gateway has all that was said, and the end");
    assert_eq!(house.entries(&id)[2..], ["Customer: m1", "Bot: Hello", "Customer: m2", FULL, "ended by System"]);
    assert_eq!(house.says(&id, "m3"), Err(Refusal::Ended), "to say it again would bring the same");
    assert!(house.says(&id, "m2").unwrap().repeated);
}

#[test]
fn neither_a_virtual_agent_nor_a_person_fills_a_contact_without_end() {
    let limits = Limits { entries: 6, ..Limits::default() };
    let mut house = House::attached_within(limits);
    let (id, other) = (house.talking("c1"), house.talking("c2"));
    for seq in 1..=20 {
        house.say(&id, seq, "and more");
    }
    assert_eq!(house.entries(&id)[5..], ["Bot: and more", FULL, "ended by System"]);
    house.requeue(&other, 1, "support");
    house.act(|floor, now, out| floor.accept("desk-1", &other, now, out)).unwrap();
    let says = |house: &mut House, text: &str| {
        house.act(|floor, now, out| floor.person_says("desk-1", &other, (text, text), now, out))
    };
    says(&mut house, "p1").unwrap();
    says(&mut house, "p2").unwrap();
    assert_eq!(says(&mut house, "p3"), Err(Refusal::Ended));
    assert_eq!(house.entries(&other)[4..], ["Person: p1", "Person: p2", FULL, "ended by System"]);
    // A line in which nobody is left: who is full does not wait.
    let mut house = House::attached_within(Limits { entries: 3, ..Limits::default() });
    let id = house.talking("c1");
    house.requeue(&id, 1, "support");
    assert_eq!(house.last(&id), "ended by System");
    assert!(house.floor.board(house.now).contacts.is_empty());
}
