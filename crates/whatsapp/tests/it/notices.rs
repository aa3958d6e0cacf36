//! Notices about templates and the account.

use campaign::Provider;
use serde_json::json;

use crate::webhooks::{lines, of_meta, reading};

#[test]
fn events_of_templates_and_the_account_are_notices_with_their_language() {
    let template = |status: &str| json!({"event": status, "message_template_name": "offer", "message_template_language": "sw"});
    for (field, value, expected) in [
        ("message_template_status_update", template("PAUSED"), "Template offer (sw) paused true"),
        ("message_template_status_update", template("ARCHIVED"), "Template offer (sw) archived true"),
        (
            "message_template_status_update",
            template("PENDING_DELETION"),
            "Template offer (sw) pending deletion true",
        ),
        ("message_template_status_update", template("APPROVED"), "Template offer (sw) approved false"),
        (
            "message_template_quality_update",
            json!({"message_template_name": "offer", "new_quality_score": "RED"}),
            "Template offer quality red false",
        ),
        (
            "template_category_update",
            json!({"message_template_name": "offer", "new_category": "MARKETING"}),
            "Template offer category marketing false",
        ),
        (
            "account_update",
            json!({"event": "ACCOUNT_RESTRICTION"}),
            "Account account_update account restriction false",
        ),
        (
            "phone_number_quality_update",
            json!({"display_phone_number": "254700000001", "event": "FLAGGED", "current_limit": "TIER_10K"}),
            "Account phone_number_quality_update flagged tier 10k false",
        ),
        (
            "business_capability_update",
            json!({"max_daily_conversation_per_phone": 2000}),
            "Account business_capability_update 2000 false",
        ),
    ] {
        assert_eq!(lines(Provider::Meta, &of_meta(field, &value)), [expected], "{field} {value}");
    }
    let flat = json!({"id": "1", "time": 1_722_834_665, "event": "REJECTED", "message_template_name": "offer",
        "message_template_language": "en"});
    assert_eq!(lines(Provider::Kaleyra, &flat), ["Template offer (en) rejected true"]);
    let errors = of_meta("messages", &json!({"errors": [{"code": 130_429, "title": "Rate limit hit"}]}));
    let read = reading(Provider::Meta, &errors);
    assert!(read.events.is_empty());
    assert_eq!(read.unknown.get("error_of_the_account"), Some(&1));
}
