//! Meta's webhook: `entry[].changes[]`, up to a thousand per request
//! (`developers.facebook.com/documentation/business-messaging/whatsapp/webhooks`).

use serde_json::Value;

use crate::webhook::event::InvalidBody;
use crate::webhook::fields::{self, list};
use crate::webhook::meta_change;
use crate::webhook::reader::Reader;

pub(super) fn read(body: &Value, reader: &mut Reader<'_>) -> Result<(), InvalidBody> {
    if !body.is_object() {
        return Err(InvalidBody::Shape);
    }
    let entries = list(body, "entry")?;
    if entries.is_empty() {
        reader.unknown("unknown_event");
    }
    for entry in entries {
        let at = fields::time(entry.get("time"));
        for change in list(entry, "changes")? {
            meta_change::read(change, (None, at), reader)?;
        }
    }
    Ok(())
}
