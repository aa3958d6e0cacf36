//! A batch of posts of providers, and the result of storing it.

use std::collections::BTreeMap;

use campaign::{CampaignId, SenderId};

use crate::inbound::rows::{
    AnswerRow, ConsentRow, InboundRow, NoticeRow, NumberChangeRow, Person, RawBody, ReceiptRow, ReportedStop,
};

/// The contents of some posts.
#[derive(Clone, Debug, Default)]
pub struct Ingest {
    /// The raw posts.
    pub bodies: Vec<RawBody>,
    /// Delivery receipts.
    pub receipts: Vec<ReceiptRow>,
    /// Completed forms.
    pub answers: Vec<AnswerRow>,
    /// Inbound messages.
    pub inbounds: Vec<InboundRow>,
    /// Opt-outs and opt-ins.
    pub consents: Vec<ConsentRow>,
    /// People with a new number or user id.
    pub changes: Vec<NumberChangeRow>,
    /// States of templates and flows.
    pub notices: Vec<NoticeRow>,
    /// Events that could not be used, by sender and kind.
    pub counts: BTreeMap<(SenderId, &'static str), i64>,
}

/// The result of storing a batch.
#[derive(Debug, Default)]
pub struct Ingested {
    /// Campaigns with recipients that are `unknown` or wait for a retry, which a receipt of this batch may resolve. The producer
    /// resolves recipients that are `sending`.
    pub to_resolve: Vec<CampaignId>,
    /// Campaigns with recipients that may get the template now, because their flow met a closed window.
    pub to_fall_back: Vec<CampaignId>,
    /// Receipts and answers that are not matched to a recipient yet.
    pub unmatched_events: u64,
    /// Notices that were not stored before.
    pub new_notices: Vec<NoticeRow>,
    /// Rows that the database refused; they are counted in `webhook_count`.
    pub refused: u64,
    /// Opt-outs that do not lead to a recipient by number, id or message, by sender.
    pub unmatched_opt_outs: BTreeMap<SenderId, i64>,
    /// Stops that receipts of the batch report. The campaign of a receipt that names its message only by the provider's id is looked
    /// up in the transaction that stores the receipt.
    pub stops: Vec<ReportedStop>,
    /// Whether new aliases were learned ([`Store::spread_aliases`](crate::Store::spread_aliases)).
    pub(crate) has_new_aliases: bool,
}

impl Ingested {
    /// Adds the result of another part of the batch.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.to_resolve.append(&mut other.to_resolve);
        self.to_fall_back.append(&mut other.to_fall_back);
        self.unmatched_events += other.unmatched_events;
        self.new_notices.append(&mut other.new_notices);
        self.refused += other.refused;
        for (sender, n) in other.unmatched_opt_outs {
            *self.unmatched_opt_outs.entry(sender).or_default() += n;
        }
        self.stops.append(&mut other.stops);
        self.has_new_aliases |= other.has_new_aliases;
    }
}

impl Ingest {
    /// The contents of all these posts.
    pub fn join<'a>(posts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for post in posts {
            all.bodies.extend_from_slice(&post.bodies);
            all.receipts.extend_from_slice(&post.receipts);
            all.answers.extend_from_slice(&post.answers);
            all.inbounds.extend_from_slice(&post.inbounds);
            all.consents.extend_from_slice(&post.consents);
            all.changes.extend_from_slice(&post.changes);
            all.notices.extend_from_slice(&post.notices);
            for (key, n) in &post.counts {
                *all.counts.entry(*key).or_default() += n;
            }
        }
        all
    }

    /// The people of inbound messages, opt-outs and opt-ins.
    pub(crate) fn people(&self) -> impl Iterator<Item = &Person> {
        let said = self.consents.iter().map(|row| &row.inbound);
        self.inbounds.iter().chain(said).map(|row| &row.who)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        let said = self.receipts.len() + self.answers.len() + self.notices.len();
        self.bodies.len() + said + self.inbounds.len() + self.consents.len() + self.changes.len()
    }

    /// Whether the batch is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.counts.is_empty()
    }
}

impl Ingest {
    /// The sender of the first row, and the kind under which a refused row is counted.
    pub(crate) fn first_row(&self) -> Option<(SenderId, &'static str)> {
        let receipt = || Some((self.receipts.first()?.about.sender, "refused_receipt"));
        let answer = || Some((self.answers.first()?.about.sender, "refused_answer"));
        let inbound = || Some((self.inbounds.first()?.who.about.sender, "refused_inbound"));
        let consent = || Some((self.consents.first()?.inbound.who.about.sender, "refused_consent"));
        let change = || Some((self.changes.first()?.sender, "refused_number_change"));
        let notice = || Some((self.notices.first()?.sender, "refused_notice"));
        receipt().or_else(answer).or_else(inbound).or_else(consent).or_else(change).or_else(notice)
    }

    /// Splits the batch into two halves; with two rows or more neither is empty.
    pub(crate) fn halves(mut self) -> [Self; 2] {
        let mut first = self.len() / 2;
        let second = Self {
            receipts: beyond(&mut self.receipts, &mut first),
            answers: beyond(&mut self.answers, &mut first),
            inbounds: beyond(&mut self.inbounds, &mut first),
            consents: beyond(&mut self.consents, &mut first),
            changes: beyond(&mut self.changes, &mut first),
            notices: beyond(&mut self.notices, &mut first),
            ..Self::default()
        };
        [self, second]
    }
}

/// Keeps at most `wanted` rows, and returns the others.
fn beyond<T>(rows: &mut Vec<T>, wanted: &mut usize) -> Vec<T> {
    let left = rows.len().min(*wanted);
    *wanted -= left;
    rows.split_off(left)
}
