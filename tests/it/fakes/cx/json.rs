//! The REST side's JSON, as Google documents it.

use serde_json::{Value, json};
use usher::wire::dialogflow_cx::{
    DetectIntentRequest, DetectIntentResponse, DtmfInput, EventInput, QueryInput, QueryParameters, QueryResult,
    ResponseMessage, TextInput,
    r#match::MatchType,
    query_input,
    response_message::{Message, output_audio_text, telephony_transfer_call},
};

use crate::fakes::google::json::{from_struct, to_struct};

pub(crate) fn request(session: &str, body: &Value) -> DetectIntentRequest {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let given = &body["queryInput"];
    let input = if let Some(it) = given.get("text") {
        Some(query_input::Input::Text(TextInput { text: text(&it["text"]) }))
    } else if let Some(it) = given.get("dtmf") {
        let (digits, finish_digit) = (text(&it["digits"]), text(&it["finishDigit"]));
        Some(query_input::Input::Dtmf(DtmfInput { digits, finish_digit }))
    } else {
        given.get("event").map(|it| query_input::Input::Event(EventInput { event: text(&it["event"]) }))
    };
    let query_params = body.get("queryParams").map(|it| QueryParameters {
        time_zone: text(&it["timeZone"]),
        payload: to_struct(&it["payload"]),
        parameters: to_struct(&it["parameters"]),
        analyze_query_text_sentiment: it["analyzeQueryTextSentiment"] == true,
        channel: text(&it["channel"]),
        ..QueryParameters::default()
    });
    let query_input = Some(QueryInput { input, language_code: text(&given["languageCode"]) });
    DetectIntentRequest { session: session.to_owned(), query_params, query_input }
}

pub(crate) fn response(response: &DetectIntentResponse) -> Vec<u8> {
    // With fields and values that our part of the contract does not know.
    let mut body = json!({"responseId": response.response_id, "responseType": "FINAL", "allowCancellation": false});
    if let Some(result) = &response.query_result {
        body["queryResult"] = query_result(result);
    }
    body.to_string().into_bytes()
}

fn query_result(result: &QueryResult) -> Value {
    let mut body = json!({
        "languageCode": result.language_code,
        "responseMessages": result.response_messages.iter().map(message).collect::<Vec<_>>(),
        "webhookStatuses": result.webhook_statuses.iter()
            .map(|it| json!({"code": it.code, "message": it.message, "details": []})).collect::<Vec<_>>(),
        "advancedSettings": {"loggingSettings": {"enableInteractionLogging": true}},
    });
    if let Some(parameters) = &result.parameters {
        body["parameters"] = from_struct(parameters);
    }
    if let Some(it) = &result.current_flow {
        body["currentFlow"] = json!({"name": it.name, "displayName": it.display_name, "nluSettings": {}});
    }
    if let Some(it) = &result.current_page {
        body["currentPage"] = json!({"name": it.name, "displayName": it.display_name});
    }
    if let Some(it) = &result.r#match {
        body["match"] = json!({"matchType": match_type(it.match_type()), "confidence": it.confidence});
        if !it.event.is_empty() {
            body["match"]["event"] = it.event.clone().into();
        }
        if let Some(intent) = &it.intent {
            body["match"]["intent"] = json!({"name": intent.name, "displayName": intent.display_name});
        }
    }
    if let Some(it) = &result.sentiment_analysis_result {
        body["sentimentAnalysisResult"] = json!({"score": it.score, "magnitude": it.magnitude});
    }
    body
}

const fn match_type(it: MatchType) -> &'static str {
    match it {
        // A newer one than we know.
        MatchType::Unspecified => "SOMETHING_NEW",
        MatchType::Intent => "INTENT",
        MatchType::DirectIntent => "DIRECT_INTENT",
        MatchType::ParameterFilling => "PARAMETER_FILLING",
        MatchType::NoMatch => "NO_MATCH",
        MatchType::NoInput => "NO_INPUT",
        MatchType::Event => "EVENT",
        MatchType::KnowledgeConnector => "KNOWLEDGE_CONNECTOR",
        MatchType::Playbook => "PLAYBOOK",
    }
}

fn message(message: &ResponseMessage) -> Value {
    let mut body = match &message.message {
        None => json!({ "toolCall": {"tool": "t", "action": "a"} }),
        Some(Message::Text(it)) => json!({ "text": {"text": it.text, "allowPlaybackInterruption": false} }),
        Some(Message::Payload(it)) => json!({ "payload": from_struct(it) }),
        Some(Message::OutputAudioText(it)) => match &it.source {
            None => json!({ "outputAudioText": {} }),
            Some(output_audio_text::Source::Text(it)) => json!({ "outputAudioText": {"text": it} }),
            Some(output_audio_text::Source::Ssml(it)) => json!({ "outputAudioText": {"ssml": it} }),
        },
        Some(Message::ConversationSuccess(_)) => json!({ "conversationSuccess": {} }),
        Some(Message::LiveAgentHandoff(it)) => match &it.metadata {
            None => json!({ "liveAgentHandoff": {} }),
            Some(it) => json!({ "liveAgentHandoff": {"metadata": from_struct(it)} }),
        },
        Some(Message::EndInteraction(_)) => json!({ "endInteraction": {} }),
        Some(Message::PlayAudio(it)) => json!({ "playAudio": {"audioUri": it.audio_uri} }),
        Some(Message::MixedAudio(_)) => json!({ "mixedAudio": {"segments": [{"audio": "AAAA"}]} }),
        Some(Message::TelephonyTransferCall(it)) => match &it.endpoint {
            None => json!({ "telephonyTransferCall": {} }),
            Some(telephony_transfer_call::Endpoint::PhoneNumber(it)) => {
                json!({ "telephonyTransferCall": {"phoneNumber": it} })
            }
        },
    };
    body["responseType"] = "HANDLER_PROMPT".into();
    if !message.channel.is_empty() {
        body["channel"] = message.channel.clone().into();
    }
    body
}
