//! Posts with receipts, as Kaleyra and Meta send them.

use std::fmt::Write;

use campaign::{CampaignId, Provider, ReferenceKey, Seq};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::stand::NUMBER;

const STATUSES: [&str; 3] = ["sent", "delivered", "read"];

/// Posts about the recipients of a campaign. Three consecutive posts are about the same recipients.
pub(crate) struct Posts {
    pub(crate) provider: Provider,
    pub(crate) path: String,
    pub(crate) campaign: CampaignId,
    pub(crate) references: ReferenceKey,
    /// Receipts in each post. Kaleyra posts one.
    pub(crate) receipts: u32,
    /// Meta's app secret.
    pub(crate) secret: String,
}

impl Posts {
    /// How many posts all receipts of so many recipients are.
    pub(crate) fn count(&self, recipients: u32) -> u32 {
        recipients.div_ceil(self.receipts) * 3
    }

    /// The HTTP request of the post with this number.
    pub(crate) fn request(&self, number: u32) -> anyhow::Result<Vec<u8>> {
        let first = number / 3 * self.receipts + 1;
        let status = STATUSES.get(usize::try_from(number % 3)?).copied().unwrap_or_default();
        let (body, signature) = if self.provider == Provider::Meta {
            let body = self.of_meta(first, status)?.to_string();
            let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes())?;
            mac.update(body.as_bytes());
            let mut header = "x-hub-signature-256: sha256=".to_owned();
            for byte in mac.finalize().into_bytes() {
                write!(header, "{byte:02x}")?;
            }
            header.push_str("\r\n");
            (body, header)
        } else {
            (self.of_kaleyra(first, status)?.to_string(), String::new())
        };
        let (path, length) = (&self.path, body.len());
        Ok(format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\n{signature}content-length: {length}\r\n\r\n{body}"
        )
        .into_bytes())
    }

    fn of_kaleyra(&self, seq: u32, status: &str) -> anyhow::Result<Value> {
        let mut receipt = receipt(seq, status);
        receipt["conversation"] = json!({"id": "x", "origin": {"type": "marketing"}});
        Ok(json!({
            "meta_object": {"field": "messages", "value": value(&[receipt])},
            "extra_info": {"trace_id": "8f14e45f", "ref": self.reference(seq)?, "ref1": "campaign-1"},
            "status": status,
        }))
    }

    fn of_meta(&self, first: u32, status: &str) -> anyhow::Result<Value> {
        let receipts = (first..first + self.receipts).map(|seq| {
            let mut receipt = receipt(seq, status);
            receipt["biz_opaque_callback_data"] = json!(self.reference(seq)?);
            anyhow::Ok(receipt)
        });
        let value = value(&receipts.collect::<Result<Vec<_>, _>>()?);
        let change = json!({"field": "messages", "value": value});
        Ok(json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}))
    }

    fn reference(&self, seq: u32) -> anyhow::Result<String> {
        Ok(self.references.seal(self.campaign, Seq(i32::try_from(seq)?)).to_string())
    }
}

fn value(receipts: &[Value]) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": NUMBER, "phone_number_id": "104000000000060"},
        "statuses": receipts,
    })
}

fn receipt(seq: u32, status: &str) -> Value {
    json!({
        "id": format!("wamid.HBgMOTE5NDAwMDAwMDAwFQIAERgS{seq:08}"),
        "status": status, "timestamp": "1722834665", "recipient_id": "919400000000",
        "pricing": {"billable": true, "pricing_model": "CBP", "category": "marketing"},
    })
}
