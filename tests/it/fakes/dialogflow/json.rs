//! The REST side's JSON, as Google documents it.

use serde_json::{Value, json};
use usher::wire::dialogflow_v2::{
    DetectIntentRequest, DetectIntentResponse, EventInput, Message, QueryInput, QueryParameters, QueryResult,
    SentimentAnalysisRequestConfig, TextInput, message, query_input,
};

use crate::fakes::google::json::{from_struct, to_struct};

pub(crate) fn request(session: &str, body: &Value) -> DetectIntentRequest {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let input = &body["queryInput"];
    let input = if let Some(it) = input.get("text") {
        let (text, language_code) = (text(&it["text"]), text(&it["languageCode"]));
        Some(query_input::Input::Text(TextInput { text, language_code }))
    } else {
        input.get("event").map(|it| {
            query_input::Input::Event(EventInput {
                name: text(&it["name"]),
                parameters: to_struct(&it["parameters"]),
                language_code: text(&it["languageCode"]),
            })
        })
    };
    let query_params = body.get("queryParams").map(|it| QueryParameters {
        time_zone: text(&it["timeZone"]),
        payload: to_struct(&it["payload"]),
        sentiment_analysis_request_config: it.get("sentimentAnalysisRequestConfig").map(|it| {
            SentimentAnalysisRequestConfig { analyze_query_text_sentiment: it["analyzeQueryTextSentiment"] == true }
        }),
        ..QueryParameters::default()
    });
    let query_input = Some(QueryInput { input });
    DetectIntentRequest { session: session.to_owned(), query_params, query_input, ..DetectIntentRequest::default() }
}

pub(crate) fn response(response: &DetectIntentResponse) -> Vec<u8> {
    let mut body = json!({ "responseId": response.response_id });
    if let Some(result) = &response.query_result {
        body["queryResult"] = query_result(result);
    }
    if let Some(status) = &response.webhook_status {
        body["webhookStatus"] = json!({ "code": status.code, "message": status.message });
    }
    body.to_string().into_bytes()
}

fn query_result(result: &QueryResult) -> Value {
    let mut body = json!({
        "queryText": result.query_text,
        "action": result.action,
        "allRequiredParamsPresent": result.all_required_params_present,
        "fulfillmentText": result.fulfillment_text,
        "fulfillmentMessages": result.fulfillment_messages.iter().map(message).collect::<Vec<_>>(),
        "outputContexts": result.output_contexts.iter()
            .map(|it| json!({ "name": it.name, "lifespanCount": it.lifespan_count })).collect::<Vec<_>>(),
        "intentDetectionConfidence": result.intent_detection_confidence,
        "languageCode": result.language_code,
    });
    if let Some(parameters) = &result.parameters {
        body["parameters"] = from_struct(parameters);
    }
    if let Some(it) = &result.intent {
        body["intent"] = json!({
            "name": it.name, "displayName": it.display_name, "isFallback": it.is_fallback,
            "liveAgentHandoff": it.live_agent_handoff, "endInteraction": it.end_interaction,
        });
    }
    if let Some(it) = result.sentiment_analysis_result.and_then(|it| it.query_text_sentiment) {
        body["sentimentAnalysisResult"] =
            json!({ "queryTextSentiment": { "score": it.score, "magnitude": it.magnitude } });
    }
    body
}

fn message(message: &Message) -> Value {
    let mut body = match &message.message {
        None => json!({}),
        Some(message::Message::Text(it)) => json!({ "text": { "text": it.text } }),
        Some(message::Message::Image(it)) => {
            json!({ "image": { "imageUri": it.image_uri, "accessibilityText": it.accessibility_text } })
        }
        Some(message::Message::QuickReplies(it)) => {
            json!({ "quickReplies": { "title": it.title, "quickReplies": it.quick_replies } })
        }
        Some(message::Message::Card(it)) => json!({ "card": {
            "title": it.title, "subtitle": it.subtitle, "imageUri": it.image_uri,
            "buttons": it.buttons.iter()
                .map(|it| json!({ "text": it.text, "postback": it.postback })).collect::<Vec<_>>(),
        } }),
        Some(message::Message::Payload(it)) => json!({ "payload": from_struct(it) }),
    };
    body["platform"] = message.platform.into();
    body
}
