//! Reads recipients for people: pages of a campaign, and all that is known of one recipient. Numbers are masked.

use campaign::{CampaignId, Msisdn, RecipientState, Seq};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::reporting::view_row::view_row;

view_row! {
    /// One row of `report.recipient`, with the number masked.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[expect(missing_docs, reason = "the fields are the columns of the view, documented there")]
    pub struct RecipientReport {
        pub seq: i32,
        pub number: String,
        pub calling_code: String,
        pub state: String,
        pub reason_code: Option<String>,
        pub reason: Option<String>,
        pub attempts: i16,
        pub changed_at: Option<Timestamp>,
        pub first_sent_at: Option<Timestamp>,
        pub last_sent_at: Option<Timestamp>,
        pub delivered_at: Option<Timestamp>,
        pub read_at: Option<Timestamp>,
        pub undelivered_at: Option<Timestamp>,
        pub undelivered_code: Option<String>,
        pub undelivered_reason: Option<String>,
        pub answered_at: Option<Timestamp>,
    }
}

view_row! {
    /// One row of `report.attempt`.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[expect(missing_docs, reason = "the fields are the columns of the view, documented there")]
    pub struct AttemptReport {
        pub claim_id: i64,
        pub sent_at: Option<Timestamp>,
        pub recorded_at: Timestamp,
        pub latency_ms: Option<f64>,
        pub http_status: Option<i16>,
        pub outcome: String,
        pub late: bool,
        pub code: Option<String>,
        pub reason: Option<String>,
    }
}

view_row! {
    /// One row of `report.resolution`.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[expect(missing_docs, reason = "the fields are the columns of the view, documented there")]
    pub struct ResolutionReport {
        pub from_state: String,
        pub to_state: String,
        pub resolved_by: String,
        pub reason: Option<String>,
        pub resolved_at: Timestamp,
        pub actor: Option<String>,
    }
}

/// Which recipients are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientKind {
    /// In this state.
    In(RecipientState),
    /// The message was delivered.
    Delivered,
    /// The message was read.
    Read,
    /// The provider reported a failure, and no delivery.
    Undelivered,
    /// The flow was completed.
    Answered,
}

/// Columns of [`RecipientReport`]; the owner of the tables would see the number.
const RECIPIENT: &str = "
select v.seq, masked(r.msisdn, r.calling_code) as number, v.calling_code, v.state, v.reason_code, v.reason, v.attempts,
    v.changed_at, v.first_sent_at, v.last_sent_at, v.delivered_at, v.read_at, v.undelivered_at, v.undelivered_code,
    v.undelivered_reason, v.answered_at
from report.recipient v join recipient r using (campaign_id, seq)";

impl Store {
    /// Recipients of a campaign after this place, in the order of the list, at most `limit`; of one kind and with one code, if these
    /// are given.
    pub async fn recipients(
        &self,
        campaign: CampaignId,
        (kind, code): (Option<RecipientKind>, Option<&str>),
        (after, limit): (Seq, u32),
    ) -> Result<Vec<RecipientReport>, Error> {
        let id = campaign.0;
        let (state, reported) = match kind {
            Some(RecipientKind::In(state)) => (Some(state.word()), None),
            Some(RecipientKind::Delivered) => (None, Some("delivered_at is not null")),
            Some(RecipientKind::Read) => (None, Some("read_at is not null")),
            Some(RecipientKind::Undelivered) => {
                (None, Some("failed_at is not null and delivered_at is null"))
            }
            Some(RecipientKind::Answered) | None => (None, None),
        };
        let among = match (kind, reported) {
            (_, Some(condition)) => format!(
                "(select seq, code from receipt where campaign_id = '{id}'::bigint and {condition}) t"
            ),
            (Some(RecipientKind::Answered), None) => format!(
                "(select distinct seq, null::text as code from flow_answer where campaign_id = '{id}'::bigint) t"
            ),
            (_, None) => format!(
                "(select seq, reason_code as code, state from recipient where campaign_id = '{id}'::bigint) t"
            ),
        };
        let in_state = if reported.is_none() && kind != Some(RecipientKind::Answered) {
            "coalesce(t.state = $2, true)"
        } else {
            "$2::text is null"
        };
        // The places are chosen first, so that the view is evaluated for these recipients only.
        let select = format!(
            "{RECIPIENT}
            where v.campaign_id = '{id}'::bigint and r.campaign_id = '{id}'::bigint and v.seq = any(array(
                select t.seq from {among}
                where t.seq > $1 and {in_state} and coalesce(t.code = $4, $4::text is null) order by t.seq limit $3))
            order by v.seq"
        );
        let rows = self.client().await?.query(&select, &[&after.0, &state, &i64::from(limit), &code]).await?;
        Ok(rows.iter().map(RecipientReport::read).collect())
    }

    /// One recipient.
    pub async fn recipient(&self, campaign: CampaignId, seq: Seq) -> Result<RecipientReport, Error> {
        let id = campaign.0;
        let select = format!(
            "{RECIPIENT} where v.campaign_id = '{id}'::bigint and r.campaign_id = '{id}'::bigint and v.seq = $1"
        );
        let row = self.client().await?.query_opt(&select, &[&seq.0]).await?;
        row.as_ref()
            .map(RecipientReport::read)
            .ok_or_else(|| Error::NotFound(format!("recipient {seq} in campaign {campaign}")))
    }

    /// The requests to a recipient, the oldest first.
    pub async fn attempts(&self, campaign: CampaignId, seq: Seq) -> Result<Vec<AttemptReport>, Error> {
        let select = format!(
            "select * from report.attempt where campaign_id = '{}'::bigint and seq = $1 order by claim_id",
            campaign.0
        );
        let rows = self.client().await?.query(&select, &[&seq.0]).await?;
        Ok(rows.iter().map(AttemptReport::read).collect())
    }

    /// The resolutions of a recipient, the oldest first.
    pub async fn resolutions(&self, campaign: CampaignId, seq: Seq) -> Result<Vec<ResolutionReport>, Error> {
        let select =
            "select * from report.resolution where campaign_id = $1 and seq = $2 order by resolved_at";
        let rows = self.client().await?.query(select, &[&campaign.0, &seq.0]).await?;
        Ok(rows.iter().map(ResolutionReport::read).collect())
    }

    /// The number of a recipient; `None` if it is erased.
    pub async fn number_of(&self, campaign: CampaignId, seq: Seq) -> Result<Option<Msisdn>, Error> {
        let select = "select msisdn from recipient where campaign_id = $1 and seq = $2";
        let row = self.client().await?.query_opt(select, &[&campaign.0, &seq.0]).await?;
        let row = row.ok_or_else(|| Error::NotFound(format!("recipient {seq} in campaign {campaign}")))?;
        Ok(u64::try_from(row.get::<_, i64>(0)).ok().and_then(Msisdn::from_digits))
    }
}
