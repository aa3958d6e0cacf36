//! Counts the recipients that could be sent to again, by code: the same recipients as `resend.sql`.

use campaign::CampaignId;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::unknown::resend::ResendClass;

/// The most codes of a class.
const MOST: i64 = 50;

/// Recipients of a class with the same code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResendCount {
    /// The class.
    pub class: ResendClass,
    /// The code; `None`: without a code.
    pub code: Option<String>,
    /// What the code means.
    pub reason: Option<String>,
    /// The number of recipients.
    pub recipients: i64,
}

impl Store {
    /// Recipients that failed or are undelivered, by code, the most frequent first.
    pub async fn resend_counts(&self, campaign: CampaignId) -> Result<Vec<ResendCount>, Error> {
        let id = campaign.0;
        let select = format!(
            "with found as (
                select false as undelivered, reason_code as code, count(*) as n from recipient
                where campaign_id = '{id}'::bigint and state = 'failed' and msisdn > 0 group by reason_code
                union all
                select true, t.code, count(*) from receipt t join recipient r using (campaign_id, seq)
                where t.campaign_id = '{id}'::bigint and r.campaign_id = '{id}'::bigint and t.failed_at is not null
                    and t.delivered_at is null and r.state = 'accepted' and r.msisdn > 0
                    and not exists (select from resolution s where s.campaign_id = '{id}'::bigint and s.seq = t.seq
                        and s.resolved_by = 'receipt' and s.to_state = 'retry' and s.reason = t.code)
                group by t.code
            ), ranked as (
                select *, row_number() over (partition by undelivered order by n desc, code) as rank from found
            )
            select undelivered, code, coalesce(reason_words(code), (
                    select w.words from campaign c join sender s on s.id = c.sender_id join failure_code w on w.provider = s.provider
                    where c.id = '{id}'::bigint and w.code = ranked.code), (
                    select a.reason_text from attempt a
                    where a.campaign_id = '{id}'::bigint and a.reason_code = ranked.code and a.outcome <> 'accepted' limit 1)),
                case when rank < $1 then n else sum(n) over (partition by undelivered order by rank
                    rows between current row and unbounded following) end::bigint
            from ranked where rank <= $1 order by undelivered, rank"
        );
        let rows = self.client().await?.query(&select, &[&MOST]).await?;
        Ok(rows
            .iter()
            .map(|row| ResendCount {
                class: if row.get(0) { ResendClass::Undelivered } else { ResendClass::Failed },
                code: row.get(1),
                reason: row.get(2),
                recipients: row.get(3),
            })
            .collect())
    }
}
