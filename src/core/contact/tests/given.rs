//! The rules and the directory that most scripts follow.

use std::time::Duration;

use super::*;
use crate::core::{
    action::{ActionKind, ActionRule, Address, Offer},
    directory::Queue,
    ids::{ProfileName, SpeechTargetId, UnitName},
    profile::{Chain, Events, Handover, Inactivity, Limits, LongText, OnUncertain, TextLimit},
};

pub(super) const FALLBACK: &str = "Something went wrong.";
pub(super) const GOODBYE: &str = "Goodbye.";
pub(super) const NOBODY: &str = "Nobody is free.";

pub(super) fn queue(id: &str) -> QueueId {
    QueueId::new(id).unwrap()
}

fn to_people() -> Destination {
    Destination::Queue(queue("people"))
}

pub(super) fn card(media: MediaType) -> Card {
    Card {
        agent: UserId::new("anna").unwrap(),
        media,
        queue: None,
        language: "en".to_owned(),
        customer_id: String::new(),
        customer_name: String::new(),
        customer_address: String::new(),
        attributes: Vec::new(),
        history: Vec::new(),
    }
}

/// Three minutes, a person after three inputs not understood or two failures, at most two handovers; nothing optional is on.
pub(super) fn rules() -> Rules {
    Rules {
        profile: ProfileName::new("shop").unwrap(),
        unit: UnitName::new("unit").unwrap(),
        agents: Vec::new(),
        language: "en".to_owned(),
        actions: action_rules(),
        welcome_event: String::new(),
        fallback_message: FALLBACK.to_owned(),
        chain: Chain::default(),
        inactivity: Inactivity {
            timeout: Duration::from_millis(TIMEOUT_MS.unsigned_abs()),
            timeout_message: GOODBYE.to_owned(),
            warn_before: Duration::ZERO,
            warning_message: String::new(),
        },
        handover: Handover {
            to: Some(to_people()),
            not_understood_after: 3,
            failures_after: 2,
            slow_after: 0,
            typing_after: Duration::ZERO,
            slow_threshold: Duration::ZERO,
            slow_message: String::new(),
            not_understood_message: "A person understands you better.".to_owned(),
            failure_message: "We have a problem; a person helps you.".to_owned(),
            max_handovers: 2,
            max_wait: Duration::ZERO,
            unavailable_message: NOBODY.to_owned(),
        },
        events: Events::default(),
        text_limit: TextLimit { characters: 0, policy: LongText::Reject, message: "Shorter, please.".to_owned() },
        coalesce: Duration::ZERO,
        on_uncertain: OnUncertain::Retry,
        zone: jiff::tz::TimeZone::UTC,
        calling_code: "49".to_owned(),
        limits: Limits { waiting_inputs: 4, undelivered: 8, transcript_bytes: 4096 },
    }
}

/// A canary for nobody by itself, and so many standbys.
pub(super) fn chain(canary: bool, standbys: u8) -> Chain {
    let standbys = (1..=standbys).map(|n| EngineName::new(&format!("standby-{n}")).unwrap()).collect();
    Chain { canary_percent: canary.then_some(0), standbys }
}

pub(super) fn all_events() -> Events {
    Events {
        human_returned: "human_returned".to_owned(),
        handover_accepted: "handover_accepted".to_owned(),
        handover_failed: "handover_failed".to_owned(),
        handover_expired: "handover_expired".to_owned(),
        queue_unavailable: "queue_unavailable".to_owned(),
        callback_done: "callback_done".to_owned(),
        callback_failed: "callback_failed".to_owned(),
        external_done: "external_done".to_owned(),
        external_failed: "external_failed".to_owned(),
        push_done: "push_done".to_owned(),
        push_failed: "push_failed".to_owned(),
        turn_interrupted: "turn_interrupted".to_owned(),
    }
}

fn action_rules() -> Vec<ActionRule> {
    use MediaType::{OpenMedia, Speech, WebInteraction};
    let rule = |name: &str, media, kind| ActionRule { name: name.to_owned(), media, kind, offer: Offer::default() };
    let to = |id: &str| ActionKind::Requeue { queue: queue(id) };
    let target = ActionKind::SpeechRequeue { target: SpeechTargetId::new("desk").unwrap() };
    let callback = ActionKind::Callback {
        queue: queue("sales"),
        phone_parameter: "phone".to_owned(),
        time_parameter: "when".to_owned(),
    };
    let external = ActionKind::External { uri: Address::Parameter("uri".to_owned()) };
    let push = ActionKind::PushUrl { url: Address::Parameter("page".to_owned()) };
    vec![
        rule("human", OpenMedia, to("people")),
        rule("human", WebInteraction, to("sales")),
        rule("human", Speech, target),
        rule("closed", OpenMedia, to("closed")),
        rule("callback", OpenMedia, callback),
        rule("look_up", OpenMedia, external),
        rule("show", WebInteraction, push),
    ]
}

pub(super) fn directory() -> Directory {
    let named = |id: &str, open, wait_s| {
        let media = MediaType::OpenMedia;
        (queue(id), Queue { name: id.to_owned(), media, open, waiting: 0, expected_wait_s: wait_s })
    };
    Directory {
        queues: [named("people", true, Some(30)), named("sales", true, None), named("closed", false, None)].into(),
        users: std::collections::BTreeMap::new(),
        targets: [(SpeechTargetId::new("desk").unwrap(), "Desk".to_owned())].into(),
    }
}
