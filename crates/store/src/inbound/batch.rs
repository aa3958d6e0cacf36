//! A batch of posts of providers, and the result of storing it.

use std::collections::BTreeMap;

use campaign::{CampaignId, SenderId};

use crate::inbound::rows::{AnswerRow, ConsentRow, InboundRow, NoticeRow, Person, RawBody, ReceiptRow};

/// What some posts said.
#[derive(Clone, Debug, Default)]
pub struct Ingest {
    /// The posts as they came.
    pub bodies: Vec<RawBody>,
    /// What was said of messages.
    pub receipts: Vec<ReceiptRow>,
    /// Completed forms.
    pub answers: Vec<AnswerRow>,
    /// Who wrote to us.
    pub inbounds: Vec<InboundRow>,
    /// Who opted out or in.
    pub consents: Vec<ConsentRow>,
    /// What was said of templates and flows.
    pub notices: Vec<NoticeRow>,
    /// What could not be used, by sender and kind.
    pub counts: BTreeMap<(SenderId, &'static str), i64>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Ingested {
    /// Campaigns somebody of whom is unknown or to be sent to again: a receipt may settle them. Whoever is being sent to is
    /// looked at by the producer.
    pub to_resolve: Vec<CampaignId>,
    /// Receipts and answers that could not be matched yet.
    pub unmatched_events: u64,
    /// Notices that were not known before.
    pub new_notices: Vec<NoticeRow>,
    /// Rows that the database refused; they are counted in `webhook_count`.
    pub refused: u64,
    /// Opt-outs that no number, id or message leads to a recipient, by sender.
    pub unmatched_opt_outs: BTreeMap<SenderId, i64>,
    /// Whether aliases were learned that have to be spread.
    pub(crate) has_new_aliases: bool,
}

impl Ingested {
    /// Adds what became of another part of the batch.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.to_resolve.append(&mut other.to_resolve);
        self.unmatched_events += other.unmatched_events;
        self.new_notices.append(&mut other.new_notices);
        self.refused += other.refused;
        for (sender, n) in other.unmatched_opt_outs {
            *self.unmatched_opt_outs.entry(sender).or_default() += n;
        }
        self.has_new_aliases |= other.has_new_aliases;
    }
}

impl Ingest {
    /// What all these posts said.
    pub fn join<'a>(posts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for post in posts {
            all.bodies.extend_from_slice(&post.bodies);
            all.receipts.extend_from_slice(&post.receipts);
            all.answers.extend_from_slice(&post.answers);
            all.inbounds.extend_from_slice(&post.inbounds);
            all.consents.extend_from_slice(&post.consents);
            all.notices.extend_from_slice(&post.notices);
            for (key, n) in &post.counts {
                *all.counts.entry(*key).or_default() += n;
            }
        }
        all
    }

    /// The people who wrote or who said something of consent.
    pub(crate) fn people(&self) -> impl Iterator<Item = &Person> {
        let said = self.consents.iter().map(|row| &row.inbound);
        self.inbounds.iter().chain(said).map(|row| &row.who)
    }

    /// How many rows it is about.
    pub fn len(&self) -> usize {
        let said = self.receipts.len() + self.answers.len() + self.notices.len();
        self.bodies.len() + said + self.inbounds.len() + self.consents.len()
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.counts.is_empty()
    }
}

impl Ingest {
    /// The sender of the first row, and the word under which a refused row of its kind is counted.
    pub(crate) fn first_row(&self) -> Option<(SenderId, &'static str)> {
        let receipt = || Some((self.receipts.first()?.about.sender, "refused_receipt"));
        let answer = || Some((self.answers.first()?.about.sender, "refused_answer"));
        let inbound = || Some((self.inbounds.first()?.who.about.sender, "refused_inbound"));
        let consent = || Some((self.consents.first()?.inbound.who.about.sender, "refused_consent"));
        let notice = || Some((self.notices.first()?.sender, "refused_notice"));
        receipt().or_else(answer).or_else(inbound).or_else(consent).or_else(notice)
    }

    /// Two parts with half of the rows each; neither is empty where there are two rows.
    pub(crate) fn halves(mut self) -> [Self; 2] {
        let mut first = self.len() / 2;
        let second = Self {
            receipts: beyond(&mut self.receipts, &mut first),
            answers: beyond(&mut self.answers, &mut first),
            inbounds: beyond(&mut self.inbounds, &mut first),
            consents: beyond(&mut self.consents, &mut first),
            notices: beyond(&mut self.notices, &mut first),
            ..Self::default()
        };
        [self, second]
    }
}

/// Leaves as many rows as are wanted still, and gives the others.
fn beyond<T>(rows: &mut Vec<T>, wanted: &mut usize) -> Vec<T> {
    let left = rows.len().min(*wanted);
    *wanted -= left;
    rows.split_off(left)
}
