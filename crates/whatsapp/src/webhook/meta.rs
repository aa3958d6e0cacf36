//! Meta's posts: `entry[].changes[]`, up to a thousand in one
//! (`developers.facebook.com/documentation/business-messaging/whatsapp/webhooks`).

use serde_json::Value;

use super::value::{self, list};
use super::{Reader, Unreadable, change};

pub(super) fn read(body: &Value, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    if !body.is_object() {
        return Err(Unreadable::Shape);
    }
    let entries = list(body, "entry")?;
    if entries.is_empty() {
        reader.unknown("unknown_event");
    }
    for entry in entries {
        let at = value::time(entry.get("time"));
        for change in list(entry, "changes")? {
            change::read(change, (None, at), reader)?;
        }
    }
    Ok(())
}
