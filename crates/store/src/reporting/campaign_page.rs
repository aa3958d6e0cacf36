//! Reads what a page shows: from one connection, in one snapshot.

use campaign::{CampaignId, Definition, Rate, SenderId};
use jiff::Timestamp;
use tokio_postgres::types::Json;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::reporting::breakdowns::MinuteReport;
use crate::reporting::reports::{COLUMNS, CampaignReport};
use crate::senders::activity::ProviderNotice;
use crate::senders::rate::rate_of;

/// A campaign with its report and its sender.
#[derive(Clone, Debug)]
pub struct CampaignHead {
    /// The report.
    pub report: CampaignReport,
    /// The definition.
    pub definition: Definition,
    /// Counts the edits of the draft, from 1.
    pub version: i32,
    /// The sender.
    pub sender: SenderId,
    /// The rate of the sender; `None`: no limit.
    pub rate: Option<Rate>,
    /// The latest notice of the provider about the template or flow of the campaign.
    pub notice: Option<ProviderNotice>,
}

impl Store {
    /// A store whose statements read one snapshot on one connection of the pool, with the planner settings of reports. It cannot
    /// write. Dropping it ends the transaction.
    pub async fn begin_reading(&self) -> Result<Self, Error> {
        let bound = self.bind().await?;
        let settings =
            "set transaction isolation level repeatable read, read only; set local enable_seqscan = on";
        bound.client().await?.batch_execute(settings).await?;
        Ok(bound)
    }

    /// A campaign with its report and its sender, in one statement.
    pub async fn campaign_head(&self, id: CampaignId) -> Result<CampaignHead, Error> {
        let select = format!(
            "select {COLUMNS}, c.definition, c.version, c.sender_id, g.permits, g.per_us, g.burst, (
                select jsonb_build_object('about', about, 'name', name, 'language', language, 'status', status, 'noticed_at', noticed_at)
                from provider_notice p
                where p.sender_id = c.sender_id and name = case about
                    when 'template' then c.definition #>> '{{template,name}}' else c.definition #>> '{{flow,flow_id}}' end
                    and language in ('', coalesce(c.definition #>> '{{template,language}}', ''))
                order by noticed_at desc limit 1) as notice
            from report.campaign r join campaign c on c.id = r.campaign_id join sender_gate g on g.sender_id = c.sender_id
            where r.campaign_id = $1 and c.id = $1"
        );
        let rows = self.reading_client().await?.query(&select, &[&id.0]).await?;
        let row = rows.first().ok_or_else(|| Error::no_campaign(id))?;
        Ok(CampaignHead {
            report: CampaignReport::read(row),
            definition: row.try_get::<_, Json<Definition>>("definition").map_err(Error::unreadable)?.0,
            version: row.get("version"),
            sender: SenderId(row.get("sender_id")),
            notice: row
                .try_get::<_, Option<Json<ProviderNotice>>>("notice")
                .map_err(Error::unreadable)?
                .map(|notice| notice.0),
            rate: rate_of(row.get("permits"), row.get("per_us"), row.get("burst")),
        })
    }

    /// The newest minutes of a campaign in which something happened, the oldest first: after this minute if it is given, at most
    /// `limit`.
    pub async fn newest_minutes(
        &self,
        campaign: CampaignId,
        after: Option<Timestamp>,
        limit: u32,
    ) -> Result<Vec<MinuteReport>, Error> {
        let select = "
            select * from report.timeline
            where campaign_id = $1 and minute > coalesce($2, '-infinity'::timestamptz) order by minute desc limit $3";
        let rows = self.client().await?.query(select, &[&campaign.0, &after, &i64::from(limit)]).await?;
        Ok(rows.iter().rev().map(MinuteReport::read).collect())
    }
}
