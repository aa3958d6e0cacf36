//! Verdicts as text, for tables of answers.

use campaign::{Provider, Verdict};
use serde_json::{Value, json};
use whatsapp::{HttpAnswer, classify_answer};

pub(crate) fn judge(provider: Provider, status: u16, body: impl AsRef<[u8]>) -> Verdict {
    classify_answer(provider, &HttpAnswer { status, retry_after: None, body: body.as_ref() })
}

/// Checks that each answer has the verdict next to it.
#[track_caller]
pub(crate) fn assert_verdicts(provider: Provider, table: &[(u16, Value, &str)]) {
    for (status, body, expected) in table {
        // A string stands for a body that is not JSON.
        let bytes = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        assert_eq!(line(&judge(provider, *status, bytes)), *expected, "{provider} {status} {body}");
    }
}

/// A verdict as one line: `stop sender low_balance E110`.
pub(crate) fn line(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accepted { provider_message_id } => format!("accepted {provider_message_id}"),
        Verdict::Throttled { refusal, .. } => format!("throttled {}", refusal.code),
        Verdict::Retry { refusal, .. } => format!("retry {}", refusal.code),
        Verdict::Unknown { refusal } => format!("unknown {}", refusal.code),
        Verdict::Rejected { refusal } => format!("rejected {}", refusal.code),
        Verdict::WindowClosed { refusal } => format!("window closed {}", refusal.code),
        Verdict::StopCampaign { refusal, reason } => format!("stop campaign {reason} {}", refusal.code),
        Verdict::StopSender { refusal, reason } => format!("stop sender {reason} {}", refusal.code),
    }
}

/// The text for the user.
pub(crate) fn text(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Accepted { .. } => "",
        Verdict::Throttled { refusal, .. }
        | Verdict::Retry { refusal, .. }
        | Verdict::Unknown { refusal }
        | Verdict::Rejected { refusal }
        | Verdict::WindowClosed { refusal }
        | Verdict::StopCampaign { refusal, .. }
        | Verdict::StopSender { refusal, .. } => &refusal.text,
    }
}

/// Status and body of the provider's documented acceptance.
pub(crate) fn acceptance(provider: Provider) -> (u16, Value) {
    match provider {
        Provider::Kaleyra => (
            202,
            json!({"code": "WA202", "message": "Request Accepted", "data": {"message_id": "A7"}, "error": {}}),
        ),
        Provider::LipaChat => (
            200,
            json!({
                "timestamp": "2024-03-22T11:42:18.625016916",
                "data": {"messageId": "1a85c604-0f08-4182-8011-407ba84598c5", "waId": "A7", "status": "SENT",
                         "statusDesc": "Message sent successfully"},
                "status": "success", "message": "", "errors": null
            }),
        ),
        Provider::OneMsg => (
            200,
            json!({"sent": true, "message": "Sent to 919000000001@c.us",
                   "description": "Message has been sent to the provider", "id": "A7"}),
        ),
        Provider::Meta => (
            200,
            json!({"messaging_product": "whatsapp", "contacts": [{"input": "919000000001", "wa_id": "919000000001"}],
                   "messages": [{"id": "A7", "message_status": "accepted"}]}),
        ),
    }
}

/// The JSON pointer of the message id in an acceptance.
pub(crate) fn id_place(provider: Provider) -> &'static str {
    match provider {
        Provider::Kaleyra => "/data/message_id",
        Provider::LipaChat => "/data/waId",
        Provider::OneMsg => "/id",
        Provider::Meta => "/messages/0/id",
    }
}

/// A refusal in the provider's format with this text, and with this code if the provider has codes.
pub(crate) fn refusal(provider: Provider, code: &Value, words: &str) -> Value {
    match provider {
        Provider::Kaleyra => json!({"code": code, "message": words, "data": {}, "error": {"payload": words}}),
        Provider::LipaChat => json!({"data": null, "status": "error", "message": words, "errors": null}),
        Provider::OneMsg => json!({"sent": false, "message": words}),
        Provider::Meta => json!({"error": {"message": words, "type": "OAuthException", "code": code,
                                           "error_data": {"messaging_product": "whatsapp", "details": words}}}),
    }
}
