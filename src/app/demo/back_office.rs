//! The demo's external system (S22): a back office that knows a few invoices and answers in the contact's language.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::problem;
use crate::{core::ids::ContactName, switchboard::Switchboard};

/// Far above what the gateway sends.
const MAX_BODY_BYTES: usize = 16 * 1024;
/// An invoice number and a bit.
const MAX_NUMBER_CHARS: usize = 40;

struct Invoice {
    number: &'static str,
    english: &'static str,
    german: &'static str,
}

const INVOICES: &[Invoice] = &[
    Invoice {
        number: "R-2026-0042",
        english: "Invoice R-2026-0042 for €84.90 was paid on 3 November. Nothing is open.",
        german: "Rechnung R-2026-0042 über 84,90 € wurde am 3. November bezahlt. Es ist nichts offen.",
    },
    Invoice {
        number: "R-2026-0107",
        english: "Invoice R-2026-0107 for €129.00 is open and due on 30 November.",
        german: "Rechnung R-2026-0107 über 129,00 € ist offen und am 30. November fällig.",
    },
    Invoice {
        number: "R-2026-0133",
        english: "Invoice R-2026-0133 for €19.50 is overdue since 12 November. A payment may already be on its way.",
        german: "Rechnung R-2026-0133 über 19,50 € ist seit dem 12. November überfällig. Eine Zahlung kann schon \
                 unterwegs sein.",
    },
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Query {
    #[serde(rename = "contactID")]
    contact_id: String,
    parameters: Map<String, Value>,
}

#[derive(Serialize)]
struct Answer {
    #[serde(rename = "contactID")]
    contact_id: String,
    content: String,
}

/// The contact centre knows each contact's language.
pub(super) fn router(switchboard: Switchboard) -> Router {
    Router::new()
        .route("/back-office/invoices", post(invoices))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(switchboard)
}

async fn invoices(State(switchboard): State<Switchboard>, body: Bytes) -> Response {
    let query: Query = match serde_json::from_slice(&body) {
        Ok(query) => query,
        Err(error) => {
            let detail = format!("send {{\"contactID\": \"…\", \"parameters\": {{…}}}}: {error}");
            return problem(StatusCode::BAD_REQUEST, &detail);
        }
    };
    let contact = match ContactName::new(&query.contact_id) {
        Ok(contact) => contact,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &format!("contactID {error}")),
    };
    // One that is not known here is answered in English.
    let language = switchboard.language(&contact).unwrap_or_default();
    let content = content(&query.parameters, &language);
    Json(Answer { contact_id: query.contact_id, content }).into_response()
}

fn content(parameters: &Map<String, Value>, language: &str) -> String {
    let german = is_german(language);
    let Some(number) = number(parameters) else {
        return if german {
            "Bitte nennen Sie die Rechnungsnummer, zum Beispiel R-2026-0107."
        } else {
            "Please give me the invoice number, for example R-2026-0107."
        }
        .to_owned();
    };
    match INVOICES.iter().find(|it| digits(it.number) == digits(&number)) {
        Some(invoice) if german => invoice.german.to_owned(),
        Some(invoice) => invoice.english.to_owned(),
        None if german => {
            format!("Unter der Nummer {number} finde ich keine Rechnung. Versuchen Sie es mit R-2026-0107.")
        }
        None => format!("I cannot find an invoice with the number {number}. Try R-2026-0107."),
    }
}

fn is_german(language: &str) -> bool {
    language.split(['-', '_']).next().is_some_and(|it| it.eq_ignore_ascii_case("de"))
}

/// As the agent's parameter has it.
fn number(parameters: &Map<String, Value>) -> Option<String> {
    let named = parameters.get("number")?.as_str()?;
    let shown: String = named.chars().filter(|it| !it.is_control()).take(MAX_NUMBER_CHARS).collect();
    (!digits(&shown).is_empty()).then_some(shown)
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(parameters: &Value, language: &str) -> String {
        content(parameters.as_object().unwrap(), language)
    }

    #[test]
    fn s22_known_invoices_are_told_in_the_contacts_language() {
        let english =
            of(&json!({ "number": "R-2026-0107", "uri": "http://127.0.0.1:7410/back-office/invoices" }), "en");
        assert_eq!(english, "Invoice R-2026-0107 for €129.00 is open and due on 30 November.");
        let german = of(&json!({ "number": "r 2026 0107" }), "de-DE");
        assert_eq!(german, "Rechnung R-2026-0107 über 129,00 € ist offen und am 30. November fällig.");
    }

    #[test]
    fn s22_an_unknown_invoice_is_said_so_without_control_characters_and_at_no_length() {
        assert_eq!(
            of(&json!({ "number": "7\u{7}7" }), "fr"),
            "I cannot find an invoice with the number 77. Try R-2026-0107."
        );
        assert!(of(&json!({ "number": "9".repeat(5000) }), "").len() < 200);
        assert_eq!(of(&json!({}), "en"), "Please give me the invoice number, for example R-2026-0107.");
    }
}
