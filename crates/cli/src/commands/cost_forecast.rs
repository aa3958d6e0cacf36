//! Time and cost of a campaign, estimated before its start.

use std::time::Duration;

use campaign::{CampaignId, CostEstimate, CountryCost, Currency, Forecast};
use jiff::Timestamp;
use serde::Serialize;
use store::{CampaignRow, SenderRow, Store};

use crate::exit::Refused;
use crate::terminal::output::{line, thousands};

/// The number of countries that are printed; the JSON has all.
const DEAREST: usize = 5;

/// Time and cost.
pub(crate) struct CostForecast {
    pub(crate) forecast: Forecast,
    pub(crate) cost: Option<Cost>,
}

/// The cost of the messages to waiting recipients by the sender's price list. Amounts are texts, so that no decimal is
/// lost.
#[derive(Serialize)]
pub(crate) struct Cost {
    currency: &'static str,
    /// The total; null if a price is missing.
    total: Option<String>,
    /// The cost of the recipients that have a price.
    priced: String,
    /// The number of recipients without a price.
    unpriced: i64,
    countries: Vec<Country>,
}

#[derive(Serialize)]
struct Country {
    calling_code: String,
    recipients: i64,
    price: Option<String>,
    cost: Option<String>,
}

impl CostForecast {
    /// The estimate for the recipients that wait now.
    pub(crate) async fn of(
        store: &Store,
        campaign: &CampaignRow,
        sender: &SenderRow,
    ) -> anyhow::Result<Self> {
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
pub(crate) fn refuse_too_late(id: CampaignId, forecast: &Forecast) -> anyhow::Result<()> {
    match (forecast.begins_at, forecast.last_at) {
        (Some(begins_at), Some(last_at)) if begins_at >= last_at => Err(Refused(format!(
            "campaign {id} cannot be started: its start time and sending hours let it send from {} on, and its deadline is \
             {}; no recipient would be sent to",
            minute(begins_at),
            minute(last_at)
        ))
        .into()),
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

/// Prints when sending begins and ends; `seconds` is the time of sending.
pub(crate) fn print_time(begins_at: Option<Timestamp>, seconds: Option<u64>, ends_at: Option<Timestamp>) {
    if let Some(begins_at) = begins_at.filter(|begins_at| *begins_at > Timestamp::now()) {
        line(format!("sending begins at {}", minute(begins_at)));
    }
    let Some(seconds) = seconds else { return };
    let time = humantime::format_duration(Duration::from_secs(seconds));
    line(match ends_at {
        Some(ends_at) => format!("at its rate sending takes {time}, until {}", minute(ends_at)),
        None => format!("at its rate sending takes {time}, spread over years by its sending hours"),
    });
}

fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

impl Cost {
    fn of(currency: Currency, estimate: &CostEstimate) -> Self {
        let priced = estimate.total.normalize().to_string();
        Self {
            currency: currency.code(),
            total: (estimate.unpriced == 0).then(|| priced.clone()),
            priced,
            unpriced: estimate.unpriced,
            countries: estimate.countries.iter().map(Country::of).collect(),
        }
    }

    /// Prints the total and the most expensive countries.
    pub(crate) fn print(&self) {
        let Self { currency, priced, .. } = self;
        line(match self.unpriced {
            0 => format!("the cost is about {priced} {currency}"),
            n => {
                format!("the cost is at least {priced} {currency}; {} recipients have no price", thousands(n))
            }
        });
        for country in self.countries.iter().take(DEAREST) {
            let Country { calling_code, recipients, .. } = country;
            let what = match (&country.price, &country.cost) {
                (Some(price), Some(cost)) => format!("at {price}: {cost} {currency}"),
                _ => "have no price".to_owned(),
            };
            line(format!("  {:>12}  to +{calling_code} {what}", thousands(*recipients)));
        }
        if let Some(more) = self.countries.len().checked_sub(DEAREST).filter(|more| *more > 0) {
            line(format!("  and {more} more countries"));
        }
    }
}

impl Country {
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
        assert!(refused.is::<Refused>());
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
