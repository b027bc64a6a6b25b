//! The gateway's own adapter against what the offline engine serves of CX.

use super::*;
use crate::offline::{agent, serve};

#[tokio::test]
async fn b16_the_gateways_own_adapter_by_cx() {
    for transport in TRANSPORTS {
        let server = serve(agent()).await;
        let endpoint = format!("http://{}", server.address());
        let engine = engine(values(&endpoint, transport, &[("agent", "offline")]));
        let parameters = object(&json!({"name": "Desk 1"}));
        let greeted = engine.ask(asking(Input::Event { name: "GREET".into(), parameters })).await.unwrap();
        assert_eq!(greeted.replies, [Reply::Text("Hello Desk 1, any table.".into())]);
        assert_eq!(greeted.action, "greet");
        let asked = ask(&engine, "a big java").await.unwrap();
        assert_eq!((asked.action.as_str(), asked.not_understood), ("", false), "its form is not filled");
        let ordered = ask(&engine, "Doe").await.unwrap();
        assert_eq!((ordered.action.as_str(), &ordered.parameters["drink"]), ("order.drink", &"coffee".into()));
        let hours = ask(&engine, "when are you open?").await.unwrap();
        let kinds = hours.replies.iter().map(|it| match it {
            Reply::Text(_) => "text",
            Reply::QuickReplies { .. } => "quick replies",
            Reply::Card { buttons, .. } if buttons.len() == 1 => "card",
            Reply::Card { .. } => "card without its button",
            Reply::Image { .. } => "image",
            Reply::Payload(_) => "payload",
        });
        assert_eq!(kinds.collect::<Vec<_>>(), ["card", "image", "payload", "text"]);
        assert!(ask(&engine, "I want a human").await.unwrap().live_agent_handoff);
        assert!(ask(&engine, "goodbye").await.unwrap().end_interaction);
        for _ in 0..3 {
            ask(&engine, "hello").await.unwrap();
        }
        assert!(ask(&engine, "quark").await.unwrap().not_understood);
        let report = checked(values(&endpoint, transport, &[("agent", "offline")])).await;
        assert_eq!(report.about.unwrap().to_string(), "agent Test Cafe, language en, time zone Europe/Berlin");
        server.stop().await.unwrap();
    }
}
