//! Price lists of senders.

use campaign::PriceList;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::Error;
use crate::versions::{Versioned, check_version, version_of};

/// The price list of a sender. Prices are decimal numbers as texts, so that no decimal is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PricesView {
    /// Name of the sender.
    pub sender: String,
    /// ISO 4217 code of the currency, such as `KES`.
    pub currency: String,
    /// The price of one message to a country without its own price; `null`: unknown.
    #[schema(required)]
    pub default: Option<String>,
    /// Prices by country.
    pub prices: Vec<Price>,
}

/// The price of one message to a country.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Country calling code, such as `254`.
    pub calling_code: String,
    /// Price of one message, such as `0.0450`.
    pub price: String,
}

/// A new price list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPrices {
    /// ISO 4217 code of the currency, such as `KES`.
    pub currency: String,
    /// The price of one message to a country without its own price.
    #[serde(default)]
    pub default: Option<String>,
    /// Prices by country.
    pub prices: Vec<Price>,
}

impl NewPrices {
    /// The list with checked prices.
    pub fn list(&self) -> Result<PriceList, Error> {
        let currency = self.currency.parse().map_err(Error::invalid)?;
        let rows = self.prices.iter().map(|row| (row.calling_code.as_str(), row.price.as_str()));
        PriceList::from_rows(currency, self.default.as_deref(), rows).map_err(Error::invalid)
    }
}

impl PricesView {
    pub(crate) fn of(sender: &str, list: &PriceList) -> Self {
        let row = |(code, price): (&campaign::CallingCode, &rust_decimal::Decimal)| Price {
            calling_code: code.to_string(),
            price: price.to_string(),
        };
        Self {
            sender: sender.to_owned(),
            currency: list.currency.code().to_owned(),
            default: list.default.map(|price| price.to_string()),
            prices: list.prices.iter().map(row).collect(),
        }
    }
}

impl Versioned for PricesView {
    fn version(&self) -> String {
        version_of(self)
    }
}

impl Control {
    /// The price list of a sender; `None`: it has none.
    pub async fn prices(&self, caller: &Caller, name: &str) -> Result<Option<PricesView>, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Sender(name.into()));
        self.act(attempt, async {
            let sender = self.store.sender(name).await?;
            let list = self.store.prices(sender.id).await?;
            Ok((list.map(|list| PricesView::of(name, &list)), Value::Null))
        })
        .await
    }

    /// Replaces the price list of a sender. Campaigns that were started keep the prices of their start.
    pub async fn set_prices(
        &self,
        caller: &Caller,
        name: &str,
        list: &PriceList,
    ) -> Result<Done<PricesView>, Error> {
        let attempt = Attempt::new(caller, Action::SetPrices, Object::Sender(name.into()))
            .with("currency", list.currency.code())
            .with("prices", list.prices.len());
        self.change(attempt, async |store| {
            let sender = store.sender(name).await?;
            let present = async {
                let list = store.prices(sender.id).await?;
                Ok(list.map(|list| PricesView::of(name, &list)))
            };
            check_version(&store, caller, &Object::Sender(name.into()), present).await?;
            store.set_prices(sender.id, list).await?;
            // As it is stored: without zeros at the end of a price.
            let stored = store.prices(sender.id).await?;
            Ok((PricesView::of(name, stored.as_ref().unwrap_or(list)), Value::Null))
        })
        .await
    }
}
