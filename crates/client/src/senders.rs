//! Senders, their stops and their prices.

use campaign::PriceList;
use control::{
    Error, HeldSender, NewPrices, Page, PageRequest, Price, PricesView, ProbedSender, Problem, ResumedSender,
    SenderChange, SenderToAdd, SenderView, WebhookView,
};

use crate::request::Request;
use crate::transport::Client;

impl Client {
    /// Senders, by name.
    pub async fn senders(&self, page: &PageRequest) -> Result<Page<SenderView>, Error> {
        self.page(Request::get(["senders"]), page).await
    }

    /// A sender.
    pub async fn sender(&self, name: &str) -> Result<SenderView, Error> {
        self.read(Request::get(["senders", name])).await
    }

    /// The webhook of a sender.
    pub async fn sender_webhook(&self, name: &str) -> Result<WebhookView, Error> {
        self.read(Request::get(["senders", name, "webhook"])).await
    }

    /// Adds a sender.
    pub async fn add_sender(&self, new: &SenderToAdd) -> Result<SenderView, Error> {
        self.read(Request::post(["senders"]).json(new)?).await
    }

    /// Changes a sender.
    pub async fn change_sender(&self, name: &str, change: &SenderChange) -> Result<SenderView, Error> {
        self.read(Request::patch(["senders", name]).json(change)?).await
    }

    /// Stops a sender until it is resumed.
    pub async fn hold_sender(&self, name: &str) -> Result<HeldSender, Error> {
        self.read(Request::post(["senders", name, "hold"])).await
    }

    /// Resumes a stopped sender.
    pub async fn resume_sender(&self, name: &str) -> Result<ResumedSender, Error> {
        self.read(Request::post(["senders", name, "resume"])).await
    }

    /// Probes a stopped sender.
    pub async fn probe_sender(&self, name: &str) -> Result<ProbedSender, Error> {
        self.read(Request::post(["senders", name, "probe"])).await
    }

    /// The price list of a sender; `None`: it has none.
    pub async fn prices(&self, name: &str) -> Result<Option<PricesView>, Error> {
        match self.read(Request::get(["senders", name, "prices"])).await {
            Ok(prices) => Ok(Some(prices)),
            // The sender has no prices, or there is no such sender.
            Err(error) if error.problem() == Problem::NotFound => self.sender(name).await.map(|_| None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the price list of a sender.
    pub async fn set_prices(&self, name: &str, list: &PriceList) -> Result<PricesView, Error> {
        let prices = list
            .prices
            .iter()
            .map(|(code, price)| Price { calling_code: code.to_string(), price: price.to_string() });
        let new = NewPrices {
            currency: list.currency.code().to_owned(),
            default: list.default.map(|price| price.to_string()),
            prices: prices.collect(),
        };
        self.read(Request::put(["senders", name, "prices"]).json(&new)?).await
    }
}
