//! A profile's engines as its page shows them: what each is there for, and whether it does that (B5, B7).

use tonic::Code;
use usher::wire::engine::MediaType;

use super::*;
use crate::{
    conversation::offer,
    fakes::{
        dialogflow::{Reaction, say},
        engine::FakeEngine,
    },
};

const PAGE: &str = "/profiles/sales/support";

#[tokio::test]
async fn b5_an_engine_is_shown_by_its_part_and_a_canary_that_is_given_up_with_the_reason() {
    let (dialogflow, canary) = (FakeDialogflow::start(), FakeDialogflow::start());
    dialogflow.otherwise(say("first"));
    canary.otherwise(say("canary"));
    let own = |table: &str| format!("[{table}.dialogflow]\nproject = \"q\"\nendpoint = \"{}\"\n", canary.endpoint());
    let text = profile(&dialogflow.endpoint())
        + &format!("[canary]\nshare_percent = 100\nmin_turns = 10\n{}", own("canary"))
        + &format!("[shadow]\nshare_percent = 7\n{}", own("shadow"))
        + &format!("[[standby]]\nname = \"second\"\ntype = \"dialogflow-v2\"\n{}", own("standby"));
    let usher = Usher::start(CONFIG, &text).await;
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow };
    let admin = house.first().await;
    let page = admin.get(PAGE).await.text;
    let state = |page: &str, engine: &str| {
        let (_, row) = page.split_once(&format!("<td><span class=\"code\">{engine}</span></td>")).unwrap();
        row.split("</tr>").next().unwrap().to_owned()
    };
    for (engine, told) in [
        ("primary", "is asked<"),
        ("second", "steps in when the engines before it fail"),
        ("canary", "is asked for 100 % of the new contacts"),
        ("shadow", "is asked beside for 7 % of the contacts, and only compared"),
    ] {
        assert!(state(&page, engine).contains(told), "{engine}: {page}");
    }

    canary.otherwise(Reaction::Status(Code::Internal));
    let engine = FakeEngine::attach(house.usher.setup().queue("support", MediaType::OpenMedia)).await.unwrap();
    for n in 0..20 {
        let name = format!("c{n}");
        engine.open_as(offer(&name, MediaType::OpenMedia)).await;
        engine.say(&name, "hello").await;
        assert_eq!(engine.next_say(&name).await, ["first"], "nobody goes without an answer");
    }
    let told = state(&admin.get(PAGE).await.text, "canary");
    assert!(told.contains("class=\"bad\">given up</span> 100.0 % of its questions fail"), "{told}");
    assert!(!told.contains("is asked for"), "{told}");
    house.close().await;
}
