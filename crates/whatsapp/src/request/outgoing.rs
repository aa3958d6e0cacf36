//! One message to one recipient.

use campaign::{CampaignId, Message, Msisdn, Reference};

/// One message to one recipient.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The recipient.
    pub to: Msisdn,
    /// The content.
    pub message: &'a Message,
    /// Identifies the recipient's row in receipts and replies; also the flow token.
    pub reference: Reference,
    /// The campaign.
    pub campaign: CampaignId,
    /// The number of the attempt, from 1; 0 is a test, which does not count as an attempt.
    pub attempt: u16,
}
