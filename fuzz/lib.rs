//! What must hold of any answer: no panic, and no acceptance without a success and the provider's own message id. And of any
//! post: no panic, nothing that a database column does not take, and nothing said of a message that is not named.

use campaign::{Provider, Verdict};
use whatsapp::webhook::Event;
use whatsapp::{HttpAnswer, Overrides, classify_answer};

/// Judges these bytes: two of the HTTP status, the rest the body.
pub fn judge(provider: Provider, data: &[u8], id_place: &str) {
    let Some((status, body)) = data.split_first_chunk::<2>() else { return };
    let status = u16::from_be_bytes(*status) % 700;
    let verdict = classify_answer(provider, &HttpAnswer { status, retry_after: None, body });
    if let Verdict::Accepted { provider_message_id } = verdict {
        assert!((200..300).contains(&status), "accepted with {status}");
        let body: serde_json::Value = serde_json::from_slice(body).expect("accepted without JSON");
        let id = body.pointer(id_place).and_then(serde_json::Value::as_str);
        assert_eq!(id, Some(provider_message_id.as_str()), "accepted without the provider's id");
    }
}

/// Reads these bytes as a post.
pub fn read(provider: Provider, data: &[u8]) {
    let Ok(reading) = whatsapp::read_webhook(provider, data, &Overrides::default()) else { return };
    for event in reading.events {
        match event {
            Event::Receipt(receipt) => {
                assert!(receipt.message.reference.is_some() || receipt.message.id.is_some(), "of no message");
            }
            Event::Inbound(inbound) => {
                assert!(!inbound.form.is_some_and(|form| has_nul(&form)), "a form with NUL");
            }
            Event::Notice(notice) => assert!(!notice.name.contains('\0') && !notice.status.contains('\0')),
            Event::Preference(_) => {}
        }
    }
}

/// Whether a text or a name in it has a NUL, which `jsonb` does not take.
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
