//! Price lists of senders. A price list is never changed: a new list replaces it, and a campaign keeps the list of its start.

use campaign::{CallingCode, CampaignId, PriceList, SenderId};
use rust_decimal::Decimal;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Connection;

impl Store {
    /// Adds a price list to a sender; campaigns that were started keep their list.
    pub async fn set_prices(&self, sender: SenderId, list: &PriceList) -> Result<(), Error> {
        let insert = "
            with list as (
                insert into price_list (sender_id, currency, default_price) values ($1, $2, $3) returning id
            )
            insert into price (price_list_id, calling_code, price)
            select list.id, p.calling_code, p.price
            from list, unnest($4::smallint[], $5::numeric[]) as p (calling_code, price)";
        let codes: Vec<i16> = list.prices.keys().map(|code| code.0).collect();
        let prices: Vec<Decimal> = list.prices.values().copied().collect();
        let client = self.client().await?;
        client.execute(insert, &[&sender.0, &list.currency.code(), &list.default, &codes, &prices]).await?;
        Ok(())
    }

    /// The price list of a sender, if it has one.
    pub async fn prices(&self, sender: SenderId) -> Result<Option<PriceList>, Error> {
        let select = "select max(id) from price_list where sender_id = $1";
        let client = self.client().await?;
        let id: Option<i64> = client.query_one(select, &[&sender.0]).await?.get(0);
        price_list(&client, id).await
    }

    /// The price list of a campaign, or the list that it would get if it were started now.
    pub async fn campaign_prices(&self, campaign: CampaignId) -> Result<Option<PriceList>, Error> {
        let select = "
            select coalesce(c.price_list_id, (select max(l.id) from price_list l where l.sender_id = c.sender_id))
            from campaign c where c.id = $1";
        let client = self.client().await?;
        let id: Option<i64> = client.query_opt(select, &[&campaign.0]).await?.and_then(|row| row.get(0));
        price_list(&client, id).await
    }

    /// The number of recipients of a campaign that are not sent to yet, by country.
    pub async fn waiting_by_country(&self, campaign: CampaignId) -> Result<Vec<(CallingCode, i64)>, Error> {
        let select = "
            select calling_code::smallint, waiting from report.country where campaign_id = $1 and waiting > 0";
        let rows = self.client().await?.query(select, &[&campaign.0]).await?;
        Ok(rows.iter().map(|row| (CallingCode(row.get(0)), row.get(1))).collect())
    }
}

async fn price_list(client: &Connection, id: Option<i64>) -> Result<Option<PriceList>, Error> {
    let Some(id) = id else { return Ok(None) };
    let select = "select currency, default_price from price_list where id = $1";
    let row = client.query_one(select, &[&id]).await?;
    let select = "select calling_code, price from price where price_list_id = $1";
    let prices = client.query(select, &[&id]).await?;
    Ok(Some(PriceList {
        currency: row.get::<_, &str>(0).parse().map_err(Error::unreadable)?,
        default: row.get::<_, Option<Decimal>>(1).map(|price| price.normalize()),
        prices: prices
            .iter()
            .map(|row| (CallingCode(row.get(0)), row.get::<_, Decimal>(1).normalize()))
            .collect(),
    }))
}
