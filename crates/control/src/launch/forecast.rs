//! Time and cost of a campaign, estimated before its start.

use campaign::{CampaignId, CostEstimate, CountryCost, Currency, Forecast};
use serde::{Deserialize, Serialize};
use store::{CampaignRow, SenderRow, Store};

use crate::error::Error;
use crate::text::{minute, thousands};

/// Time and cost.
pub(crate) struct CostForecast {
    pub(crate) forecast: Forecast,
    pub(crate) cost: Option<Cost>,
}

/// The cost of the messages to waiting recipients by the sender's price list. Amounts are texts, so that no decimal is
/// lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// The currency, ISO 4217.
    pub currency: String,
    /// The total; empty if a price is missing.
    pub total: Option<String>,
    /// The cost of the recipients that have a price.
    pub priced: String,
    /// The number of recipients without a price.
    pub unpriced: i64,
    /// The cost by country, most expensive first.
    pub countries: Vec<CostOfCountry>,
}

/// The cost of the recipients of one country.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CostOfCountry {
    /// The calling code, such as 254.
    pub calling_code: String,
    /// Waiting recipients.
    pub recipients: i64,
    /// The price of one message.
    pub price: Option<String>,
    /// The price of all messages.
    pub cost: Option<String>,
}

impl CostForecast {
    /// The estimate for the recipients that wait now.
    pub(crate) async fn of(store: &Store, campaign: &CampaignRow, sender: &SenderRow) -> Result<Self, Error> {
        let waiting = store.waiting_by_country(campaign.id).await?;
        let now = store.now().await?;
        let policy = &campaign.definition.policy;
        let rate =
            [sender.rate, policy.rate].into_iter().flatten().max_by_key(|rate| rate.time_of(1_000_000));
        let deadline = policy.deadline.map(|deadline| deadline.at(campaign.started_at.unwrap_or(now)));
        let forecast = Forecast::of(&campaign.definition.schedule, &waiting, rate, deadline, now);
        let prices = store.campaign_prices(campaign.id).await?;
        let cost = prices.map(|prices| Cost::of(prices.currency, &prices.estimate(waiting)));
        Ok(Self { forecast, cost })
    }
}

/// Refuses a campaign whose sending hours or start time come after its deadline, because nothing would be sent.
pub(crate) fn refuse_too_late(id: CampaignId, forecast: &Forecast) -> Result<(), Error> {
    match (forecast.begins_at, forecast.last_at) {
        (Some(begins_at), Some(last_at)) if begins_at >= last_at => Err(Error::conflict(format!(
            "campaign {id} cannot be started: its start time and sending hours let it send from {} on, and its deadline is \
             {}; no recipient would be sent to",
            minute(begins_at),
            minute(last_at)
        ))),
        _ => Ok(()),
    }
}

/// The warning that the deadline is before the end of sending.
pub(crate) fn late(forecast: &Forecast) -> Option<String> {
    let last_at = forecast.last_at.filter(|_| forecast.too_late > 0)?;
    Some(format!(
        "the deadline is before the end of sending: about {} recipients would still wait at {} and not be sent to",
        thousands(forecast.too_late),
        minute(last_at)
    ))
}

impl Cost {
    fn of(currency: Currency, estimate: &CostEstimate) -> Self {
        let priced = estimate.total.normalize().to_string();
        Self {
            currency: currency.code().to_owned(),
            total: (estimate.unpriced == 0).then(|| priced.clone()),
            priced,
            unpriced: estimate.unpriced,
            countries: estimate.countries.iter().map(CostOfCountry::of).collect(),
        }
    }
}

impl CostOfCountry {
    fn of(country: &CountryCost) -> Self {
        Self {
            calling_code: country.calling_code.to_string(),
            recipients: country.recipients,
            price: country.price.map(|price| price.normalize().to_string()),
            cost: country.cost.map(|cost| cost.normalize().to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use campaign::{CallingCode, PriceList};

    fn forecast(begins_at: &str, last_at: &str, too_late: i64) -> Forecast {
        let at = |time: &str| format!("2026-11-20T{time}:00Z").parse().ok();
        Forecast { time: None, begins_at: at(begins_at), ends_at: None, last_at: at(last_at), too_late }
    }

    #[test]
    fn a_campaign_that_begins_after_its_deadline_is_refused_and_one_that_ends_after_it_is_not() {
        let refused = refuse_too_late(CampaignId(7), &forecast("15:00", "15:00", 5)).unwrap_err();
        assert_eq!(refused.problem(), crate::error::Problem::ConflictState);
        assert_eq!(
            refused.to_string(),
            "campaign 7 cannot be started: its start time and sending hours let it send from 2026-11-20 15:00 UTC on, and its \
             deadline is 2026-11-20 15:00 UTC; no recipient would be sent to"
        );
        assert!(refuse_too_late(CampaignId(7), &forecast("14:59", "15:00", 1_200)).is_ok());
        assert_eq!(
            late(&forecast("14:59", "15:00", 1_200)).as_deref(),
            Some(
                "the deadline is before the end of sending: about 1,200 recipients would still wait at 2026-11-20 15:00 UTC and \
                 not be sent to"
            )
        );
        assert_eq!(late(&forecast("14:59", "15:00", 0)), None);
    }

    #[test]
    fn a_cost_with_a_missing_price_has_no_total() {
        let prices = PriceList::parse("calling_code,price\n254,1.50\n", "KES".parse().unwrap()).unwrap();
        let cost = |waiting: &[(i16, i64)]| {
            let waiting = waiting.iter().map(|(code, n)| (CallingCode(*code), *n));
            serde_json::to_value(Cost::of(prices.currency, &prices.estimate(waiting))).unwrap()
        };
        let kenya =
            serde_json::json!({"calling_code": "254", "recipients": 3, "price": "1.5", "cost": "4.5"});
        assert_eq!(
            cost(&[(254, 3)]),
            serde_json::json!({"currency": "KES", "total": "4.5", "priced": "4.5", "unpriced": 0, "countries": [kenya]})
        );
        let both = cost(&[(49, 2), (254, 3)]);
        assert_eq!((&both["total"], &both["priced"]), (&serde_json::Value::Null, &"4.5".into()));
        assert_eq!((&both["unpriced"], &both["countries"][0]), (&2.into(), &kenya));
    }
}
