//! From the events of a webhook request to database rows.

use bytes::Bytes;
use campaign::{Consent, ReferenceKey, Refusal, SenderId};
use sha2::{Digest, Sha256};
use store::{
    AnswerRow, ConsentRow, InboundRow, Ingest, MessageKey, NoticeRow, NumberChangeRow, Person, RawBody,
    ReceiptRow,
};
use uuid::Uuid;
use whatsapp::webhook::{
    Event, InboundMessage, MessageRef, Notice, NumberChange, ParsedWebhook, Receipt, Subject,
};

use crate::webhook::senders::Sender;

/// Converts a parsed request to rows. `raw_body` is stored unchanged, if raw bodies are kept.
pub(crate) fn rows(
    sender: &Sender,
    references: &ReferenceKey,
    parsed: ParsedWebhook,
    raw_body: Option<Bytes>,
) -> Ingest {
    let mut builder = RowBuilder { sender, references, ingest: Ingest::default() };
    if let Some(body) = raw_body {
        let digest = digest(sender.id, &body);
        builder.ingest.bodies.push(RawBody { sender: sender.id, digest, body });
    }
    for (kind, n) in parsed.unknown {
        builder.ingest.counts.insert((sender.id, kind), n);
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
            Event::NumberChange(change) => builder.number_change(change),
            Event::Notice(notice) => builder.notice(notice),
        }
    }
    builder.ingest
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
    ingest: Ingest,
}

impl RowBuilder<'_> {
    fn about(&self, message: MessageRef) -> MessageKey {
        let recipient = message.reference.and_then(|reference| self.references.open(reference));
        MessageKey { sender: self.sender.id, recipient, message_id: message.id }
    }

    fn receipt(&mut self, receipt: Receipt) {
        let Receipt { message, to, user, status, at, failure, billable } = receipt;
        let about = self.about(message);
        let (code, words, follow_up, stop) = (None, None, None, None);
        let mut row = ReceiptRow {
            about,
            status,
            at,
            code,
            words,
            follow_up,
            stop,
            window_closed: false,
            billable,
            user,
        };
        if let Some(failure) = failure {
            (row.stop, row.window_closed) = (failure.stop, failure.window_closed);
            let follow_up = failure.follow_up;
            if follow_up == campaign::FollowUp::Suppress && to.is_some() {
                let who = Person { about: self.about(MessageRef::default()), from: to, user: None };
                self.consent(InboundRow { who, at }, Consent::OptedOut, true);
            }
            let Refusal { code, text } = failure.refusal;
            (row.code, row.words) = (Some(code.into_owned()), Some(text.into_owned()));
            row.follow_up = Some(follow_up);
        }
        self.ingest.receipts.push(row);
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
        self.ingest.inbounds.push(row);
        // A person who answers a message has received it.
        if about.recipient.is_some() || (form.is_some() && about.message_id.is_some()) {
            let status = campaign::ReceiptStatus::Delivered;
            let about = MessageKey { message_id: about.message_id.clone(), ..about.clone() };
            self.ingest.receipts.push(ReceiptRow {
                about,
                status,
                at,
                code: None,
                words: None,
                follow_up: None,
                stop: None,
                window_closed: false,
                billable: None,
                user: None,
            });
        }
        if let Some(answer) = form {
            // An answer without an id is identified by its content.
            let inbound_id =
                id.unwrap_or_else(|| digest(self.sender.id, answer.to_string().as_bytes()).to_string());
            if about.recipient.is_none() && about.message_id.is_none() {
                self.count("answer_of_no_message");
            }
            self.ingest.answers.push(AnswerRow { about, at, inbound_id, answer, from });
        }
    }

    fn count(&mut self, kind: &'static str) {
        *self.ingest.counts.entry((self.sender.id, kind)).or_default() += 1;
    }

    fn consent(&mut self, inbound: InboundRow, consent: Consent, is_by_provider: bool) {
        self.ingest.consents.push(ConsentRow { inbound, consent, is_by_provider });
    }

    fn number_change(&mut self, change: NumberChange) {
        let NumberChange { from, to, previous_user, user } = change;
        self.ingest.changes.push(NumberChangeRow { sender: self.sender.id, from, to, previous_user, user });
    }

    fn notice(&mut self, notice: Notice) {
        let Notice { about, name, language, status, is_bad, at } = notice;
        let about = match about {
            Subject::Template => "template",
            Subject::Flow => "flow",
            Subject::Account => "account",
        };
        self.ingest.notices.push(NoticeRow {
            sender: self.sender.id,
            about,
            name,
            language,
            status,
            is_bad,
            at,
        });
    }
}
