//! Rules that hold for any answer: no panic, and no acceptance without a success status and the provider's own message id. Rules
//! that hold for any webhook body: no panic, no NUL character, and no event without a message reference or id.

use campaign::{Provider, Verdict};
use whatsapp::webhook::Event;
use whatsapp::{HttpAnswer, Overrides, classify_answer};

/// Classifies an answer: two bytes are the HTTP status, the rest is the body.
pub fn classify(provider: Provider, data: &[u8], id_pointer: &str) {
    let Some((status, body)) = data.split_first_chunk::<2>() else { return };
    let status = u16::from_be_bytes(*status) % 700;
    let verdict = classify_answer(provider, &HttpAnswer { status, retry_after: None, body });
    if let Verdict::Accepted { provider_message_id } = verdict {
        assert!((200..300).contains(&status), "accepted with {status}");
        let body: serde_json::Value = serde_json::from_slice(body).expect("accepted without JSON");
        let id = body.pointer(id_pointer).and_then(serde_json::Value::as_str);
        assert_eq!(id, Some(provider_message_id.as_str()), "accepted without the provider's id");
    }
}

/// Parses the bytes as a webhook body.
pub fn read(provider: Provider, data: &[u8]) {
    let Ok(parsed) = whatsapp::read_webhook(provider, data, &Overrides::default()) else { return };
    for event in parsed.events {
        match event {
            Event::Receipt(receipt) => {
                assert!(receipt.message.reference.is_some() || receipt.message.id.is_some(), "a receipt without reference and id");
            }
            Event::Inbound(inbound) => {
                assert!(!inbound.form.is_some_and(|form| has_nul(&form)), "a form with NUL");
            }
            Event::Notice(notice) => assert!(!notice.name.contains('\0') && !notice.status.contains('\0')),
            Event::Preference(_) => {}
        }
    }
}

/// Whether a string or a member name contains NUL, which `jsonb` does not store.
fn has_nul(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::String(text) => text.contains('\0'),
        serde_json::Value::Array(all) => all.iter().any(has_nul),
        serde_json::Value::Object(all) => {
            all.iter().any(|(name, value)| name.contains('\0') || has_nul(value))
        }
        _ => false,
    }
}
