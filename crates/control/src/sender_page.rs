//! What the page of a sender shows.

use std::collections::BTreeMap;

use serde_json::Value;
use store::{ProviderNotice, SenderActivity, UnusablePosts};

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;
use crate::flows::FlowView;
use crate::prices::PricesView;
use crate::sender_stops::PastStop;
use crate::senders::{SenderView, view};
use crate::templates::TemplateView;
use crate::waiting::Waiting;

/// The most stops that are read.
const MOST: u32 = 100;
/// The most flows and the most templates that are read.
const MOST_TEXTS: i64 = 200;

/// What is known of a sender.
#[derive(Clone, Debug)]
pub struct SenderPage {
    /// Its settings, and the stops in force.
    pub sender: SenderView,
    /// The stops, the newest first.
    pub stops: Vec<PastStop>,
    /// Workers that reported within ten seconds.
    pub workers: i64,
    /// Whether a producer feeds the queue of the sender.
    pub is_fed: bool,
    /// What keeps the producer from feeding.
    pub trouble: Option<String>,
    /// Requests in the last complete minute.
    pub sent_last_minute: i64,
    /// Names of the campaigns that are running or paused, by id.
    pub campaigns: BTreeMap<i64, String>,
    /// The latest notice of the provider about each template and flow.
    pub notices: Vec<ProviderNotice>,
    /// Posts to the webhook address that could not be used.
    pub unusable_posts: Vec<UnusablePosts>,
    /// Waiting recipients of its campaigns.
    pub waiting: Vec<Waiting>,
    /// The price list.
    pub prices: Option<PricesView>,
    /// The known flows, by id; at most 200.
    pub flows: Vec<FlowView>,
    /// The known templates, by name and language; at most 200.
    pub templates: Vec<TemplateView>,
}

impl Control {
    /// What the page of a sender shows.
    pub async fn sender_page(&self, caller: &Caller, name: &str) -> Result<SenderPage, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Sender(name.into()));
        self.act(attempt, async {
            let row = self.store.sender(name).await?;
            let holds = self.store.holds().await?;
            let stops = self.store.hold_page(row.id, None, MOST).await?;
            let activity = self.store.sender_activity(row.id).await?;
            let SenderActivity {
                workers,
                is_fed,
                trouble,
                sent_last_minute,
                campaigns,
                notices,
                unusable_posts,
            } = activity;
            let waiting = self.store.waiting(None).await?;
            let prices = self.store.prices(row.id).await?;
            let flows = self.store.flows(row.id, "", MOST_TEXTS).await?;
            let templates = self.store.templates(row.id, ("", ""), MOST_TEXTS).await?;
            let page = SenderPage {
                sender: view(caller, &row, &holds),
                stops: stops.into_iter().map(PastStop::of).collect(),
                workers,
                is_fed,
                trouble,
                sent_last_minute,
                campaigns,
                notices,
                unusable_posts,
                waiting: waiting.into_iter().filter(|wait| wait.sender == name).map(Waiting::from).collect(),
                prices: prices.map(|list| PricesView::of(name, &list)),
                flows: flows.into_iter().map(FlowView::from).collect(),
                templates: templates.into_iter().map(TemplateView::from).collect(),
            };
            Ok((page, Value::Null))
        })
        .await
    }
}
