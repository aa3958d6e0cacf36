//! A stand with many senders, each with a rate, and their campaigns.

use std::ops::Range;

use anyhow::Context;
use broker::Topology;
use campaign::{CampaignId, Definition, Provider, SenderId};
use store::NewSender;

use crate::flowcast::Flowcast;
use crate::list;
use crate::services::Services;
use crate::stand::{ACCOUNT, CAMPAIGN, KEY_NAME, NUMBER, Stand};

/// A stand without a warm-up campaign, whose processes run already.
pub(crate) struct Fleet<'a> {
    pub(crate) stand: Stand,
    flowcast: &'a Flowcast,
    next_row: u32,
}

/// A running campaign and the rows of the generated list that are its recipients.
#[derive(Clone)]
pub(crate) struct Running {
    pub(crate) id: CampaignId,
    pub(crate) rows: Range<u32>,
}

impl<'a> Fleet<'a> {
    /// Starts producers and consumers without a sender that they could send for.
    pub(crate) async fn start(
        (services, flowcast): (&Services, &'a Flowcast),
        (producers, consumers): (u32, u32),
    ) -> anyhow::Result<Self> {
        let mut stand = Stand::of_provider(services, flowcast, Provider::Meta).await?;
        for _ in 0..producers {
            stand.add_producer(flowcast)?;
        }
        for _ in 0..consumers {
            stand.add_consumer(flowcast)?;
        }
        Ok(Self { stand, flowcast, next_row: list::MEASURED })
    }

    /// Adds a sender with a rate; `base_url` is the simulator's unless it is given.
    pub(crate) async fn add_sender(
        &self,
        (name, rate): (&str, &str),
        base_url: Option<&str>,
    ) -> anyhow::Result<SenderId> {
        let sender = NewSender {
            name: name.to_owned(),
            provider: Provider::Meta,
            base_url: base_url.unwrap_or(&self.stand.base_url).to_owned(),
            account: Some(ACCOUNT.into()),
            number: NUMBER.into(),
            api_key_ref: format!("env:{KEY_NAME}"),
            rate: Some(rate.parse()?),
            daily_cap: None,
        };
        let id = self.stand.store.add_sender(&sender).await?;
        let topology = Topology::new(self.stand.scope.queue_prefix());
        self.stand.scope.track_queue(topology.sender_queue(id.0).as_str());
        Ok(id)
    }

    /// Imports a list of `recipients` into a new campaign of a sender.
    pub(crate) async fn import(
        &mut self,
        sender: &str,
        weight: u16,
        recipients: u32,
    ) -> anyhow::Result<Running> {
        let rows = self.next_row..self.next_row + recipients;
        self.next_row = rows.end;
        let mut definition = Definition::parse(CAMPAIGN).context("examples/campaign.toml")?;
        sender.clone_into(&mut definition.sender);
        definition.policy.weight = weight;
        definition.policy.rate = None;
        let id = self.stand.store.create_campaign(&definition, None).await?;
        let list = self.stand.list(rows.clone())?;
        self.stand.import(self.flowcast, id, &list).await?;
        Ok(Running { id, rows })
    }

    /// Starts an imported campaign with the `flowcast` command.
    pub(crate) async fn start_campaign(&self, campaign: &Running) -> anyhow::Result<()> {
        self.stand.start_campaign(self.flowcast, campaign.id).await
    }
}
