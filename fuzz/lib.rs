//! What must hold of any answer: no panic, and no acceptance without a success and the provider's own message id.

use campaign::{Provider, Verdict};
use whatsapp::{Heard, judge_answer};

/// Judges these bytes: two of the HTTP status, the rest the body.
pub fn judge(provider: Provider, data: &[u8], id_place: &str) {
    let Some((status, body)) = data.split_first_chunk::<2>() else { return };
    let status = u16::from_be_bytes(*status) % 700;
    let verdict = judge_answer(provider, &Heard { status, retry_after: None, body });
    if let Verdict::Accepted { provider_message_id } = verdict {
        assert!((200..300).contains(&status), "accepted with {status}");
        let body: serde_json::Value = serde_json::from_slice(body).expect("accepted without JSON");
        let id = body.pointer(id_place).and_then(serde_json::Value::as_str);
        assert_eq!(id, Some(provider_message_id.as_str()), "accepted without the provider's id");
    }
}
