//! Numeric identifiers of campaigns, senders, recipients and claims.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// A campaign. PostgreSQL assigns the id when the campaign is created.
    CampaignId, i64
);
id!(
    /// A sender: a WhatsApp business number at a provider. PostgreSQL assigns the id when the sender is added.
    SenderId, i64
);
id!(
    /// The position of a recipient in its campaign, from 1 without gaps, in the order of the imported lists.
    Seq, i32
);
id!(
    /// One claim of a batch of recipients by one worker. It fences off a worker that records after its lease ended.
    ClaimId, i64
);
