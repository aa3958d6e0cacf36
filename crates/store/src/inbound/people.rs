//! The people of inbound events: finds all numbers of a person, from the message that is replied to, the number and the user id
//! of WhatsApp.
//!
//! The message that is replied to is the best evidence: only its recipient can reply to it. So window and consent belong to the
//! number of that recipient, and also to the number that WhatsApp reports. Events that lead to no number are kept until they do:
//! under the user id (`users.rs`), or with the message that is replied to (`unmatched.rs`).

use std::collections::{BTreeMap, BTreeSet};

use campaign::{CampaignId, Consent, Msisdn, SenderId, Seq, UserId};

use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::inbound::batch::Ingest;
use crate::inbound::conversations::{self, ConsentChange, InboundMessage};
use crate::inbound::matching::Found;
use crate::inbound::rows::{ConsentRow, InboundRow, Person};
use crate::inbound::unmatched::{self, Event};
use crate::inbound::users::{self, UnmatchedConsent, Users};
use crate::lists::aliases::{self, Linked};
use crate::lists::numbers::recipients;
use crate::sending::closed_windows::close_windows;

/// The result of storing the people of a batch.
#[derive(Debug, Default)]
pub(crate) struct StoredPeople {
    /// Opt-outs that lead to no number, by sender.
    pub(crate) unmatched_opt_outs: BTreeMap<SenderId, i64>,
    /// Whether new aliases were learned.
    pub(crate) has_new_aliases: bool,
}

/// The known numbers of the people of a batch.
struct People<'a> {
    found: &'a Found,
    recipients: BTreeMap<(CampaignId, Seq), Msisdn>,
    users: Users,
}

/// Stores inbound messages, opt-outs and opt-ins, people that had too many messages (`quiet`), and people whose window was closed
/// (`closed`), under all numbers of each person.
pub(crate) async fn store(
    tx: &Transaction<'_>,
    found: &Found,
    batch: &Ingest,
    (quiet, closed): (&[InboundRow], &[InboundRow]),
) -> Result<StoredPeople, Error> {
    let mut stored = StoredPeople::default();
    let has_users = batch.receipts.iter().any(|receipt| receipt.user.is_some());
    let has_told = !quiet.is_empty() || !closed.is_empty();
    if batch.inbounds.is_empty() && batch.consents.is_empty() && !has_told && !has_users {
        return Ok(stored);
    }
    let mut people = People::of(tx, found, batch).await?;
    let said_earlier = people.learn_users(tx, batch).await?;
    stored.has_new_aliases = aliases::learn(tx, people.aliases(batch)).await?;
    let told = quiet.iter().chain(closed).filter_map(|row| row.who.from);
    let direct = batch.people().flat_map(|who| people.numbers(who)).chain(told);
    let linked = Linked::of(tx, direct.chain(said_earlier.iter().map(|said| said.number))).await?;
    let all = |who: &Person| -> BTreeSet<Msisdn> {
        people.numbers(who).into_iter().flat_map(|number| linked.numbers(number)).collect()
    };
    let heard = |rows: &[InboundRow]| -> Vec<InboundMessage> {
        let each = |row: &InboundRow| {
            let (sender, at) = (row.who.about.sender, row.at);
            all(&row.who).into_iter().map(move |number| InboundMessage { sender, number, at })
        };
        rows.iter().flat_map(each).collect()
    };
    let said = batch.consents.iter().flat_map(|row| {
        let ConsentRow { inbound: InboundRow { who, at }, consent, is_by_provider } = row;
        let (sender, at, consent, is_by_provider) = (who.about.sender, *at, *consent, *is_by_provider);
        all(who).into_iter().map(move |number| ConsentChange { sender, number, at, consent, is_by_provider })
    });
    let earlier = said_earlier.iter().flat_map(|said| {
        linked.numbers(said.number).into_iter().map(|number| ConsentChange { number, ..*said })
    });
    let said: Vec<ConsentChange> = said.chain(earlier).collect();
    conversations::store(tx, &heard(&batch.inbounds), &said, &heard(quiet)).await?;
    let closed = heard(closed).into_iter().map(|said| (said.sender, said.number, said.at));
    close_windows(tx, closed).await?;
    people.keep_unmatched(tx, batch).await?;
    for row in batch.consents.iter().filter(|row| row.consent == Consent::OptedOut) {
        if people.numbers(&row.inbound.who).is_empty() {
            *stored.unmatched_opt_outs.entry(row.inbound.who.about.sender).or_default() += 1;
        }
    }
    Ok(stored)
}

impl<'a> People<'a> {
    async fn of(tx: &Transaction<'_>, found: &'a Found, batch: &Ingest) -> Result<Self, Error> {
        let of_people = batch.people().filter_map(|who| Some((who.about.sender, who.user.as_ref()?)));
        let of_receipts =
            batch.receipts.iter().filter_map(|row| Some((row.about.sender, row.user.as_ref()?)));
        let users = Users::of(tx, of_people.chain(of_receipts)).await?;
        let mut places: BTreeMap<CampaignId, BTreeSet<Seq>> = BTreeMap::new();
        let answered = batch.people().filter_map(|who| found.recipient(&who.about));
        // A receipt matters only if its user id is new.
        let named = batch
            .receipts
            .iter()
            .filter(|row| row.user.as_ref().is_some_and(|user| !users.is_fresh(row.about.sender, user)));
        for (campaign, seq) in answered.chain(named.filter_map(|row| found.recipient(&row.about))) {
            places.entry(campaign).or_default().insert(seq);
        }
        let mut known = BTreeMap::new();
        for (campaign, seqs) in places {
            let numbers = recipients(tx, campaign, seqs.into_iter()).await?;
            known.extend(numbers.into_iter().map(|(seq, number)| ((campaign, seq), number)));
        }
        Ok(Self { found, recipients: known, users })
    }

    /// The number of the recipient whose message a person replies to.
    fn answered(&self, who: &Person) -> Option<Msisdn> {
        self.recipients.get(&self.found.recipient(&who.about)?).copied()
    }

    /// The number of the user id of a person.
    fn of_user(&self, who: &Person) -> Option<Msisdn> {
        self.users.number(who.user.as_ref()?)
    }

    /// The numbers for which an event of a person counts: the number of the recipient, the number that WhatsApp reports, and the
    /// number of the user id.
    fn numbers(&self, who: &Person) -> BTreeSet<Msisdn> {
        self.answered(who).into_iter().chain(who.from).chain(self.of_user(who)).collect()
    }

    /// Stores the numbers of user ids, keeps consents of people without a number, and returns earlier consents of people whose
    /// number is known now.
    async fn learn_users(
        &mut self,
        tx: &Transaction<'_>,
        batch: &Ingest,
    ) -> Result<Vec<ConsentChange>, Error> {
        let mut learned: BTreeMap<(SenderId, &UserId), Msisdn> = BTreeMap::new();
        let of_people = batch.people().filter_map(|who| {
            let number = self.answered(who).or(self.of_user(who)).or(who.from)?;
            Some(((who.about.sender, who.user.as_ref()?), number))
        });
        let of_receipts = batch.receipts.iter().filter_map(|row| {
            let number = self.recipients.get(&self.found.recipient(&row.about)?)?;
            Some(((row.about.sender, row.user.as_ref()?), *number))
        });
        learned.extend(of_receipts.chain(of_people));
        learned.retain(|(sender, user), number| {
            !(self.users.is_fresh(*sender, user) && self.users.number(user) == Some(*number))
        });
        let mut ids: BTreeSet<&UserId> = learned.keys().map(|(_, user)| *user).collect();
        self.users.learn(tx, learned).await?;
        let mut waiting = Vec::new();
        for ConsentRow { inbound: InboundRow { who, at }, consent, is_by_provider } in &batch.consents {
            if let (Some(user), true) = (who.user.as_ref(), self.numbers(who).is_empty()) {
                ids.insert(user);
                let (sender, at) = (who.about.sender, *at);
                waiting.push(UnmatchedConsent {
                    sender,
                    user,
                    at,
                    consent: *consent,
                    is_by_provider: *is_by_provider,
                });
            }
        }
        users::wait(tx, &waiting).await?;
        users::known_now(tx, &ids).await
    }

    /// Pairs of numbers of one person: only the recipient of a message can reply to it, and a user id identifies one person,
    /// whatever number WhatsApp reports.
    fn aliases(&self, batch: &Ingest) -> impl Iterator<Item = (Msisdn, Msisdn)> {
        batch.people().flat_map(|who| {
            let place = self.found.replied_to(&who.about);
            let recipient = place.and_then(|place| self.recipients.get(&place).copied());
            let known = recipient.into_iter().chain(self.of_user(who));
            who.from.into_iter().flat_map(move |from| known.clone().map(move |number| (from, number)))
        })
    }

    /// Keeps events that may lead to a recipient later: consents that reply to an unknown message, and inbound messages with a
    /// user id only.
    async fn keep_unmatched(&self, tx: &Transaction<'_>, batch: &Ingest) -> Result<(), Error> {
        let is_lost =
            |who: &Person| who.about.message_id.is_some() && self.found.recipient(&who.about).is_none();
        let consents = batch.consents.iter().filter(|row| is_lost(&row.inbound.who)).map(|row| {
            let is_matched = !self.numbers(&row.inbound.who).is_empty();
            (&row.inbound.who.about, Event::of_consent(row, is_matched))
        });
        let inbounds = batch
            .inbounds
            .iter()
            .filter(|row| is_lost(&row.who) && self.numbers(&row.who).is_empty())
            .map(|row| (&row.who.about, Event::of_inbound(row)));
        unmatched::keep(tx, consents.chain(inbounds)).await?;
        Ok(())
    }
}
