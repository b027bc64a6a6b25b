//! How actions are offered, and under which names.

use super::*;
use crate::nlp::llm::tests::profile;

fn offered(media: MediaType) -> Value {
    Tools::new(&profile().0.rules, media).offered().clone()
}

fn names(media: MediaType) -> Vec<String> {
    let tools = offered(media);
    tools.as_array().unwrap().iter().map(|it| it["function"]["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_action_of_the_medium_is_one_tool_with_a_name_that_servers_take() {
    let own = ["hand_over_to_person", "end_conversation", "not_understood"];
    let with = |more: &[&str]| own.iter().chain(more).map(|&it| it.to_owned()).collect::<Vec<_>>();
    // The business unit's action of the same name is not there twice, and a free address is not offered.
    assert_eq!(names(MediaType::OpenMedia), with(&["r_ckruf", "order_status", "order_status_2"]));
    assert_eq!(names(MediaType::WebInteraction), with(&["order_status", "page", "end_conversation_2"]));
    assert_eq!(names(MediaType::Speech), with(&[]));
    let (_, warnings) = profile();
    assert_eq!(warnings, ["action `free` is not offered to the language model, which would invent an address"]);
}

#[test]
fn nobody_to_hand_over_to_is_nobody_to_offer() {
    let mut rules = Rules::clone(&profile().0.rules);
    rules.handover.to = None;
    let tools = Tools::new(&rules, MediaType::Speech);
    let names: Vec<&str> = tools.tools.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["end_conversation", "not_understood"]);
}

#[test]
fn parameters_have_their_types() {
    let tools = offered(MediaType::OpenMedia);
    assert_eq!(
        tools[3],
        json!({"type": "function", "function": {
            "name": "r_ckruf",
            "description": "Books a call.",
            "parameters": {
                "type": "object",
                "properties": {
                    "phone": {
                        "type": "string",
                        "description": "The number to call, as the customer gave it. With a leading + and country code, or a leading 0.",
                    },
                    "when": {
                        "type": "string",
                        "format": "date-time",
                        "description": "When it suits the customer. ISO 8601, such as 2030-01-31T14:30:00+01:00.",
                    },
                    "topic": {"type": "string", "enum": ["bill", "order"]},
                },
                "required": ["phone", "when"],
                "additionalProperties": false,
            },
        }})
    );
    let order = &tools[4]["function"];
    assert_eq!(
        order["parameters"]["properties"],
        json!({"order": {"type": "integer", "description": "As on the bill."}})
    );
    assert_eq!(order["parameters"]["required"], json!(["order"]));
    assert_eq!(
        order["description"],
        "order.status: Asks a system of the company's; what it answers is told to the customer."
    );
    let page = &offered(MediaType::WebInteraction)[4]["function"]["parameters"];
    assert_eq!(page["required"], json!(["url"]));
    let pages = ["https://shop.example.com/a", "https://shop.example.com/b"];
    assert_eq!(page["properties"]["url"], json!({"type": "string", "enum": pages, "description": "Which one."}));
}

#[test]
fn names_stay_apart_however_long_or_strange() {
    let mut taken = BTreeSet::new();
    let long = "x".repeat(100);
    let names: Vec<String> = ["a b", "a.b", "a_b", "ä", &long, &long].map(|it| unique(it, &mut taken)).into();
    let (cut, second) = ("x".repeat(64), format!("{}_2", "x".repeat(62)));
    assert_eq!(names, ["a_b", "a_b_2", "a_b_3", "_", cut.as_str(), second.as_str()]);
}
