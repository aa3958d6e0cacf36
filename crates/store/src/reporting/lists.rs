//! Reads the lists of a campaign for people: counts of each list, its rejected rows, and the first recipients.

use campaign::{CampaignId, Seq, Variables};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::Json;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::reporting::view_row::view_row;

view_row! {
    /// One imported list: a row of `report.import` with its number in the campaign.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[expect(missing_docs, reason = "the fields are the columns of the view, documented there")]
    pub struct ListReport {
        pub list: i64,
        pub source: String,
        pub form: Option<String>,
        pub number_column: Option<String>,
        pub uploaded: i32,
        pub imported: i32,
        pub duplicates: i32,
        pub suppressed: i32,
        pub excluded: i32,
        pub rejected: i32,
        pub hidden: i32,
        pub imported_at: Timestamp,
    }
}

view_row! {
    /// One rejected row of a list.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    #[expect(missing_docs, reason = "the fields are the columns of report.import_rejection, documented there")]
    pub struct RejectionReport {
        pub line: i32,
        pub reason: String,
        pub column_name: Option<String>,
        pub cell: String,
    }
}

impl Store {
    /// The lists of a campaign in the order of their import. The first has number 1.
    pub async fn list_reports(&self, campaign: CampaignId) -> Result<Vec<ListReport>, Error> {
        let select = "
            select row_number() over (order by import_id) as list, *
            from report.import where campaign_id = $1 order by import_id";
        let rows = self.client().await?.query(select, &[&campaign.0]).await?;
        Ok(rows.iter().map(ListReport::read).collect())
    }

    /// Rejected rows of the list with this number, in the order of their lines, after a line, at most `limit`.
    pub async fn rejections(
        &self,
        campaign: CampaignId,
        list: i64,
        (after, limit): (i32, u32),
    ) -> Result<Vec<RejectionReport>, Error> {
        let select = "
            select line, reason, column_name, cell from import_rejection
            where import_id = (select id from import where campaign_id = $1 order by id offset $2 limit 1) and line > $3
            order by line limit $4";
        let client = self.client().await?;
        let offset = (list - 1).max(0);
        let rows = client.query(select, &[&campaign.0, &offset, &after, &i64::from(limit)]).await?;
        Ok(rows.iter().map(RejectionReport::read).collect())
    }

    /// The variables of recipients of a campaign in the order of the list, after a place, at most `limit`.
    pub async fn variables_after(
        &self,
        campaign: CampaignId,
        (after, limit): (Seq, u32),
    ) -> Result<Vec<(Seq, Variables)>, Error> {
        let select = format!(
            "select seq, variables from recipient where campaign_id = '{}'::bigint and seq > $1 order by seq limit $2",
            campaign.0
        );
        let rows = self.client().await?.query(&select, &[&after.0, &i64::from(limit)]).await?;
        rows.iter()
            .map(|row| {
                Ok((Seq(row.get(0)), row.try_get::<_, Json<Variables>>(1).map_err(Error::unreadable)?.0))
            })
            .collect()
    }
}
