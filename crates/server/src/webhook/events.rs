//! From the events of a webhook request to database rows.

use bytes::Bytes;
use campaign::{Consent, ReferenceKey, Refusal, SenderId, Stop};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use store::{AnswerRow, ConsentRow, InboundRow, Ingest, MessageKey, NoticeRow, Person, RawBody, ReceiptRow};
use uuid::Uuid;
use whatsapp::webhook::{Event, InboundMessage, MessageRef, Notice, ParsedWebhook, Receipt, Subject};

use crate::webhook::senders::Sender;

/// The rows of one webhook request, and the stops it causes.
#[derive(Debug, Default)]
pub(crate) struct RequestRows {
    pub(crate) ingest: Ingest,
    pub(crate) stops: Vec<StopRequest>,
}

/// A stop of a sender or campaign, because the provider reported a cause that concerns more than one recipient.
#[derive(Clone, Debug)]
pub(crate) struct StopRequest {
    pub(crate) sender: SenderId,
    pub(crate) campaign: Option<campaign::CampaignId>,
    pub(crate) stop: Stop,
    pub(crate) reason: campaign::Reason,
    pub(crate) at: Option<Timestamp>,
}

/// Converts a parsed request to rows. `raw_body` is stored unchanged, if raw bodies are kept.
pub(crate) fn rows(
    sender: &Sender,
    references: &ReferenceKey,
    parsed: ParsedWebhook,
    raw_body: Option<Bytes>,
) -> RequestRows {
    let mut builder = RowBuilder { sender, references, request: RequestRows::default() };
    if let Some(body) = raw_body {
        let digest = digest(sender.id, &body);
        builder.request.ingest.bodies.push(RawBody { sender: sender.id, digest, body });
    }
    for (kind, n) in parsed.unknown {
        builder.request.ingest.counts.insert((sender.id, kind), n);
    }
    for event in parsed.events {
        match event {
            Event::Receipt(receipt) => builder.receipt(receipt),
            Event::Inbound(inbound) => builder.inbound(inbound),
            Event::Preference(preference) => {
                let about = builder.about(MessageRef::default());
                let who = Person { about, from: preference.from, user: preference.user };
                builder.consent(InboundRow { who, at: preference.at }, preference.consent, true);
            }
            Event::Notice(notice) => builder.notice(notice),
        }
    }
    builder.request
}

/// The first half of the SHA-256 hash of sender and body.
fn digest(sender: SenderId, body: &[u8]) -> Uuid {
    let hash = Sha256::new().chain_update(sender.0.to_be_bytes()).chain_update(body).finalize();
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    Uuid::from_bytes(half)
}

/// Builds the rows of one request.
struct RowBuilder<'a> {
    sender: &'a Sender,
    references: &'a ReferenceKey,
    request: RequestRows,
}

impl RowBuilder<'_> {
    fn about(&self, message: MessageRef) -> MessageKey {
        let recipient = message.reference.and_then(|reference| self.references.open(reference));
        MessageKey { sender: self.sender.id, recipient, message_id: message.id }
    }

    fn receipt(&mut self, receipt: Receipt) {
        let Receipt { message, to, user, status, at, failure, billable } = receipt;
        let about = self.about(message);
        let (code, words, follow_up) = (None, None, None);
        let mut row = ReceiptRow { about, status, at, code, words, follow_up, billable, user };
        if let Some(failure) = failure {
            if let Some(stop) = failure.stop {
                let campaign = row.about.recipient.map(|(campaign, _)| campaign);
                let reason = failure.refusal.clone().into();
                self.request.stops.push(StopRequest { sender: self.sender.id, campaign, stop, reason, at });
            }
            let follow_up = failure.follow_up;
            if follow_up == campaign::FollowUp::Suppress && to.is_some() {
                let who = Person { about: self.about(MessageRef::default()), from: to, user: None };
                self.consent(InboundRow { who, at }, Consent::OptedOut, true);
            }
            let Refusal { code, text } = failure.refusal;
            (row.code, row.words) = (Some(code.into_owned()), Some(text.into_owned()));
            row.follow_up = Some(follow_up);
        }
        self.request.ingest.receipts.push(row);
    }

    fn inbound(&mut self, inbound: InboundMessage) {
        let InboundMessage { from, user, at, id, text, payload, answers, form } = inbound;
        let about = self.about(answers);
        if from.is_none() {
            self.count("inbound_without_number");
        }
        let row = InboundRow { who: Person { about: about.clone(), from, user }, at };
        if let Some(consent) = self.sender.words.said_by_button(text.as_deref(), payload.as_deref()) {
            self.consent(row.clone(), consent, false);
        }
        self.request.ingest.inbounds.push(row);
        // A person who answers a message has received it.
        if about.recipient.is_some() || (form.is_some() && about.message_id.is_some()) {
            let status = campaign::ReceiptStatus::Delivered;
            let about = MessageKey { message_id: about.message_id.clone(), ..about.clone() };
            let (code, words, follow_up, billable, user) = (None, None, None, None, None);
            let row = ReceiptRow { about, status, at, code, words, follow_up, billable, user };
            self.request.ingest.receipts.push(row);
        }
        if let Some(answer) = form {
            // An answer without an id is identified by its content.
            let inbound_id =
                id.unwrap_or_else(|| digest(self.sender.id, answer.to_string().as_bytes()).to_string());
            if about.recipient.is_none() && about.message_id.is_none() {
                self.count("answer_of_no_message");
            }
            self.request.ingest.answers.push(AnswerRow { about, at, inbound_id, answer, from });
        }
    }

    fn count(&mut self, kind: &'static str) {
        *self.request.ingest.counts.entry((self.sender.id, kind)).or_default() += 1;
    }

    fn consent(&mut self, inbound: InboundRow, consent: Consent, is_by_provider: bool) {
        self.request.ingest.consents.push(ConsentRow { inbound, consent, is_by_provider });
    }

    fn notice(&mut self, notice: Notice) {
        let Notice { about, name, status, is_bad, at } = notice;
        let about = match about {
            Subject::Template => "template",
            Subject::Flow => "flow",
        };
        self.request.ingest.notices.push(NoticeRow {
            sender: self.sender.id,
            about,
            name,
            status,
            is_bad,
            at,
        });
    }
}
