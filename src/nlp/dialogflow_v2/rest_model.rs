//! Google's client's model ↔ our wire messages, so that both transports share one conversion.

use google_cloud_dialogflow_v2::model::{self, intent::message as rest};

use crate::wire::dialogflow_v2::{
    Context, DetectIntentRequest, DetectIntentResponse, Intent, Message, QueryResult, Sentiment,
    SentimentAnalysisResult, Status, message, query_input,
};
use crate::wire::structs;

pub(super) fn request(wire: DetectIntentRequest) -> model::DetectIntentRequest {
    let DetectIntentRequest { session, query_params, query_input, .. } = wire;
    let input = query_input.and_then(|it| it.input).map(|it| {
        let input = model::QueryInput::new();
        match it {
            query_input::Input::Text(text) => {
                input.set_text(model::TextInput::new().set_text(text.text).set_language_code(text.language_code))
            }
            query_input::Input::Event(event) => input.set_event(
                model::EventInput::new()
                    .set_name(event.name)
                    .set_language_code(event.language_code)
                    .set_or_clear_parameters(event.parameters.map(structs::to_json_leniently)),
            ),
        }
    });
    let parameters = query_params.map(|it| {
        let sentiment = it.sentiment_analysis_request_config.map(|it| {
            let config = model::SentimentAnalysisRequestConfig::new();
            config.set_analyze_query_text_sentiment(it.analyze_query_text_sentiment)
        });
        model::QueryParameters::new()
            .set_time_zone(it.time_zone)
            .set_contexts(it.contexts.into_iter().map(given_context))
            .set_or_clear_payload(it.payload.map(structs::to_json_leniently))
            .set_or_clear_sentiment_analysis_request_config(sentiment)
    });
    model::DetectIntentRequest::new()
        .set_session(session)
        .set_or_clear_query_params(parameters)
        .set_or_clear_query_input(input)
}

fn given_context(wire: Context) -> model::Context {
    model::Context::new()
        .set_name(wire.name)
        .set_lifespan_count(wire.lifespan_count)
        .set_or_clear_parameters(wire.parameters.map(structs::to_json_leniently))
}

pub(super) fn response(rest: model::DetectIntentResponse) -> DetectIntentResponse {
    DetectIntentResponse {
        response_id: rest.response_id,
        query_result: rest.query_result.map(query_result),
        webhook_status: rest.webhook_status.map(|it| Status { code: it.code, message: it.message }),
    }
}

fn query_result(rest: model::QueryResult) -> QueryResult {
    let sentiment = rest.sentiment_analysis_result.and_then(|it| it.query_text_sentiment);
    QueryResult {
        query_text: rest.query_text,
        action: rest.action,
        parameters: rest.parameters.map(|it| structs::from_json(&it)),
        all_required_params_present: rest.all_required_params_present,
        fulfillment_text: rest.fulfillment_text,
        fulfillment_messages: rest.fulfillment_messages.into_iter().map(message).collect(),
        output_contexts: rest.output_contexts.into_iter().map(context).collect(),
        intent: rest.intent.map(|it| Intent {
            name: it.name,
            display_name: it.display_name,
            is_fallback: it.is_fallback,
            live_agent_handoff: it.live_agent_handoff,
            end_interaction: it.end_interaction,
            ..Intent::default()
        }),
        intent_detection_confidence: rest.intent_detection_confidence,
        language_code: rest.language_code,
        sentiment_analysis_result: sentiment.map(|it| SentimentAnalysisResult {
            query_text_sentiment: Some(Sentiment { score: it.score, magnitude: it.magnitude }),
        }),
        ..QueryResult::default()
    }
}

fn context(rest: model::Context) -> Context {
    Context {
        name: rest.name,
        lifespan_count: rest.lifespan_count,
        parameters: rest.parameters.map(|it| structs::from_json(&it)),
    }
}

fn message(rest: model::intent::Message) -> Message {
    // A platform newer than Google's client has a name and no number: it is not the default one either way.
    let platform = rest.platform.value().unwrap_or(i32::MAX);
    Message { platform, message: rest.message.and_then(body) }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "non-exhaustive there, and the rest is of other platforms")]
fn body(rest: rest::Message) -> Option<message::Message> {
    Some(match rest {
        rest::Message::Text(it) => message::Message::Text(message::Text { text: it.text }),
        rest::Message::Image(it) => message::Message::Image(message::Image {
            image_uri: it.image_uri,
            accessibility_text: it.accessibility_text,
        }),
        rest::Message::QuickReplies(it) => {
            message::Message::QuickReplies(message::QuickReplies { title: it.title, quick_replies: it.quick_replies })
        }
        rest::Message::Card(it) => message::Message::Card(message::Card {
            title: it.title,
            subtitle: it.subtitle,
            image_uri: it.image_uri,
            buttons: it
                .buttons
                .into_iter()
                .map(|it| message::card::Button { text: it.text, postback: it.postback })
                .collect(),
        }),
        rest::Message::Payload(it) => message::Message::Payload(structs::from_json(&it)),
        _ => return None,
    })
}
