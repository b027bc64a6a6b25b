//! Every engine kind under one contract: the same conversations and the same faults, through the real gateway, on real
//! sockets. A kind that passes is one that customers cannot tell from the others.
//!
//! ```text
//! FakeEngine (contact centre) ══gRPC══ gateway ══the kind's own protocol══ Peer (the engine's fake) ── Script
//! ```
//!
//! # To add a kind
//!
//! 1. A file here, `mykind.rs`, with a type that implements [`peer::Peer`]. It owns a socket (best: a router behind
//!    [`crate::fakes::server::Server`], which brings a runtime of its own and a line that can be cut) and a
//!    [`script::Script`]. For each question that arrives on the socket:
//!
//!    ```ignore
//!    let then = script.ask(Asked { session, input: Said::Text(text), language, repeated: false });
//!    match then.due().await {                    // waits for the gate of a slow or hung answer
//!        Then::Say(replies) => …,                // each variant in the words of the protocol, as its vendor documents it
//!        …
//!    }
//!    ```
//!
//!    Check what arrives against the protocol's documented limits, and refuse what breaks them as the real one would: then the
//!    suite also shows that the adapter keeps them. `dialogflow.rs` is a peer in 130 lines.
//! 2. One line at [`kinds!`] below.
//! 3. `cargo test --test it contract::mykind`.
//!
//! What the protocol has no words for is declined in [`peer::Peer::CANNOT`], each with its reason; its cases say `left out` in
//! their output. `declines_no_more_than_its_protocol_lacks` refuses a peer that declines what no contact centre could do
//! without.
//!
//! * A kind that dials the gateway (a connector), or posts to it (a webhook's later answer), finds it in
//!   [`peer::Peer::meets`], which is called at every start of the gateway; `usher.toml` gets its tables by
//!   [`peer::Peer::config`].
//! * A kind with several transports or dialects is several peers (a const parameter, as in `dialogflow.rs`).
//! * `Asked::session` is whatever names the conversation at the engine; the suite only compares.
//! * `Asked::repeated`: the protocol lets the engine see that a question came again (the same turn id). Such a one must not be
//!   carried out again, so a peer answers it as it did before, and the suite does not count it.
//! * An answer of `Then::After` must not hold up other questions: await [`script::Then::due`] on a task of the question's own.
//! * A question whose connection is gone may be dropped with it; where the protocol lets a late answer through, it must be sent.
//!
//! # To add a case
//!
//! An `async fn case<P: Peer>()` in `conversations.rs`, `actions.rs` or `faults.rs`, and its name in the list below: a case
//! that is not listed does not compile (it is dead code). No sleeps: a [`script::Gate`] holds an answer back as long as the
//! case wants, and [`stage::Stage::done`] finds whatever was said beyond it.

mod actions;
mod connector;
mod conversations;
mod cx;
mod dialogflow;
mod dialogflow_v1;
mod direct_line;
mod faults;
mod google;
mod lex;
mod llm;
pub(crate) mod peer;
mod rasa;
pub(crate) mod script;
mod stage;
mod webhook;

use peer::{Ability, Peer, REPORTED};

/// One test for each case, in a module of the kind's name.
macro_rules! cases {
    ($peer:ty; $($room:ident: $($case:ident),+ $(,)?;)+) => {
        $($(
            #[tokio::test]
            async fn $case() {
                super::$room::$case::<$peer>().await;
            }
        )+)+
    };
}

macro_rules! kinds {
    ($($name:ident: $peer:ty,)+) => {
        $(mod $name {
            #[test]
            fn declines_no_more_than_its_protocol_lacks() {
                super::declines_no_more_than_its_protocol_lacks::<$peer>();
            }

            cases! {
                $peer;
                conversations:
                    the_engine_greets_by_the_welcome_event,
                    several_turns_in_order,
                    words_of_every_kind_pass_both_ways,
                    messages_wait_in_order_behind_a_running_turn,
                    ten_messages_in_one_turn,
                    more_than_text,
                    parts_come_before_the_rest,
                    an_engine_at_work_is_shown,
                    contacts_never_hear_each_others_answers,
                    many_contacts_talk_at_once,
                    the_contacts_language_reaches_the_engine,
                    events_bring_their_parameters,
                    three_inputs_not_understood_hand_over,
                    the_engine_may_ask_for_a_person,
                    the_engine_may_end_the_conversation,
                    a_contacts_end_reaches_the_engine,
                    a_conversation_goes_on_after_a_restart,
                    a_turn_that_a_drain_meets_is_answered;
                actions:
                    a_requeue_takes_parameters_and_transcript_along,
                    a_callback_is_booked_and_its_outcome_told,
                    an_external_answer_follows_the_engines_words,
                    a_page_is_pushed,
                    an_unknown_action_is_plain_text,
                    no_action_fires_before_its_parameters_are_there;
                faults:
                    an_internal_error,
                    an_engine_that_says_it_is_down,
                    s33_a_quota_that_is_used_up,
                    a_refused_credential,
                    an_agent_that_is_not_there,
                    a_refused_request,
                    an_agent_that_is_not_ready,
                    a_failed_webhook_of_the_engines,
                    a_malformed_answer,
                    half_an_answer,
                    an_oversized_answer,
                    an_empty_answer,
                    a_connection_that_is_always_cut_in_mid_request,
                    a_connection_that_is_cut_in_mid_request_once,
                    b1_a_hung_question_ends_at_the_deadline_and_its_late_answer_is_dropped,
                    b1_an_answer_after_the_contacts_end_is_dropped,
                    an_answer_that_comes_twice_is_said_once,
                    b6_two_failures_in_a_row_hand_over,
                    b6_a_slow_answer_is_excused_meanwhile,
                    an_engine_that_is_away_and_comes_back,
                    one_contacts_trouble_is_no_others;
            }
        })+
    };
}

kinds! {
    dialogflow_v2_grpc: crate::contract::dialogflow::Dialogflow<false>,
    dialogflow_v2_rest: crate::contract::dialogflow::Dialogflow<true>,
    connector_socket: crate::contract::connector::Connector,
    dialogflow_cx_grpc: crate::contract::cx::Cx<false>,
    dialogflow_cx_rest: crate::contract::cx::Cx<true>,
    dialogflow_v1_http: crate::contract::dialogflow_v1::DialogflowV1,
    lex_by_intents: crate::contract::lex::Lex<false>,
    lex_by_lambda: crate::contract::lex::Lex<true>,
    llm_whole: crate::contract::llm::Llm<false>,
    llm_streamed: crate::contract::llm::Llm<true>,
    webhook_at_once: crate::contract::webhook::Webhook<false>,
    webhook_later: crate::contract::webhook::Webhook<true>,
    rasa_rest: crate::contract::rasa::Rasa,
    bot_framework: crate::contract::direct_line::DirectLine,
}

/// More than this many declined, and the suite would show little.
const MAX_DECLINED: usize = 12;

fn declines_no_more_than_its_protocol_lacks<P: Peer>() {
    let declined: Vec<Ability> = P::CANNOT.iter().map(|it| it.0).collect();
    for (n, (ability, why)) in P::CANNOT.iter().enumerate() {
        assert!(!ability.is_basic(), "{}: no kind may decline {ability:?}", P::KIND);
        assert!(why.split(' ').count() >= 3, "{}: say why it cannot {ability:?}", P::KIND);
        assert!(!declined[..n].contains(ability), "{}: {ability:?} is declined twice", P::KIND);
    }
    assert!(declined.len() <= MAX_DECLINED, "{} declines too much: {declined:?}", P::KIND);
    let reported = REPORTED.iter().filter(|it| P::can(Ability::Failure(**it))).count();
    assert!(reported >= 2, "{} reports hardly any failure", P::KIND);
}
