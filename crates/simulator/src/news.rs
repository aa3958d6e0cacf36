//! What becomes of accepted messages: decided by dice, written as the provider writes it.
//!
//! Read from the providers' pages on webhooks: Meta's change object; Kaleyra's wrapped form and its flat one for what it did not
//! send; LipaChat's `MESSAGE_STATUS`; 1msg's acks, and Meta's form where an ack has no place for what is told.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::dice::Dice;
use crate::{Msisdn, Provider, Webhook};

/// A message that was accepted.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) recipient: Option<Msisdn>,
    pub(crate) reference: Option<String>,
    pub(crate) flow_token: Option<String>,
}

/// One thing that is told of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Sent,
    Delivered,
    Read,
    Failed,
    Answered,
    OptedOut,
}

/// What is told of one message, each with the time after which it is.
pub(crate) fn plan(webhook: &Webhook, dice: &mut Dice) -> Vec<(Duration, News)> {
    let mut happens = |rate: f64| dice.fraction() < rate;
    let mut all = vec![News::Sent];
    if happens(webhook.failed) {
        all.push(News::Failed);
    } else {
        all.push(News::Delivered);
        let is_read = happens(webhook.read);
        if is_read {
            all.push(News::Read);
        }
        if is_read && happens(webhook.answered) {
            all.push(News::Answered);
        }
        if happens(webhook.opted_out) {
            all.push(News::OptedOut);
        }
    }
    let (mut plan, mut at) = (Vec::new(), Duration::ZERO);
    let is_early = dice.fraction() < webhook.early;
    for news in all {
        at += webhook.after.sample(dice.fraction());
        if dice.fraction() < webhook.lost {
            continue;
        }
        let after = if is_early && news == News::Sent { Duration::ZERO } else { at };
        let times = if dice.fraction() < webhook.doubled { 2 } else { 1 };
        for _ in 0..times {
            let is_late = dice.fraction() < webhook.late;
            let late_by = if is_late { webhook.late_by.mul_f64(dice.fraction()) } else { Duration::ZERO };
            plan.push((after + late_by, news));
        }
    }
    plan
}

/// The form that one person completes.
pub(crate) fn form(webhook: &Webhook, dice: &mut Dice) -> Map<String, Value> {
    let mut form = Map::new();
    for (name, values) in &webhook.form {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below the length of the list"
        )]
        let place = (dice.fraction() * f64::from(u32::try_from(values.len()).unwrap_or(0))) as usize;
        form.insert(name.clone(), values.get(place).cloned().unwrap_or_default());
    }
    form
}

/// What the bodies of one provider have in common.
pub(crate) struct Writer<'a> {
    pub(crate) provider: Provider,
    pub(crate) account: &'a str,
    pub(crate) number: Msisdn,
    pub(crate) webhook: &'a Webhook,
}

impl Writer<'_> {
    /// The body that tells it; `at_s` is the provider's time in seconds.
    pub(crate) fn body(
        &self,
        message: &Message,
        news: News,
        (at_s, form): (u64, &Map<String, Value>),
    ) -> Value {
        match (self.provider, news) {
            (Provider::Kaleyra, News::Failed) => json!({
                "code": self.webhook.failed_code, "status": "not sent", "reason": "could not be sent",
                "message_id": message.id, "extra_info": extra(message),
            }),
            (Provider::Kaleyra, _) => json!({
                "meta_object": self.change(message, news, (at_s, form)), "extra_info": extra(message),
                "message_id": message.id,
            }),
            (Provider::LipaChat, News::Answered | News::OptedOut) => {
                self.lipachat_message(message, news, form)
            }
            (Provider::LipaChat, _) => json!({"event": "MESSAGE_STATUS", "messageStatus": {
                "messageId": message.reference, "waId": message.id, "status": word(news).to_uppercase(),
                "statusDesc": "",
            }}),
            (Provider::OneMsg, News::Sent | News::Delivered | News::Read) => json!({
                "instanceId": self.account, "ack": [{"id": message.id, "chatId": chat(message),
                    "status": if news == News::Read { "viewed" } else { word(news) }}],
            }),
            (Provider::OneMsg, News::OptedOut) => json!({
                "instanceId": self.account, "messages": [{"id": inbound_id(message, news), "fromMe": false,
                    "chatId": chat(message), "author": chat(message), "type": "chat",
                    "body": self.webhook.opt_out_word, "time": at_s, "self": 0}],
            }),
            (Provider::OneMsg | Provider::Meta, _) => json!({
                "object": "whatsapp_business_account",
                "entry": [{"id": "102290129340398", "changes": [self.change(message, news, (at_s, form))]}],
            }),
        }
    }

    /// Meta's change object.
    fn change(&self, message: &Message, news: News, (at_s, form): (u64, &Map<String, Value>)) -> Value {
        let from = message.recipient.map(|recipient| recipient.wa_id().to_string());
        let mut value = json!({
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": self.number.to_string(), "phone_number_id": self.account},
        });
        let told = match news {
            News::Answered => {
                let mut response = form.clone();
                if let Some(token) = &message.flow_token {
                    response.insert("flow_token".to_owned(), json!(token));
                }
                json!({"from": from, "id": inbound_id(message, news), "timestamp": at_s.to_string(),
                    "type": "interactive", "context": {"from": self.number.to_string(), "id": message.id},
                    "interactive": {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent",
                        "response_json": Value::Object(response).to_string()}}})
            }
            News::OptedOut => {
                json!({"from": from, "id": inbound_id(message, news), "timestamp": at_s.to_string(),
                "type": "text", "text": {"body": self.webhook.opt_out_word}})
            }
            News::Sent | News::Delivered | News::Read | News::Failed => {
                let mut status = json!({"id": message.id, "status": word(news), "timestamp": at_s.to_string(),
                    "recipient_id": from});
                if let (Provider::Meta, Some(reference)) = (self.provider, &message.reference) {
                    status["biz_opaque_callback_data"] = json!(reference);
                }
                if news == News::Failed {
                    let code = self.webhook.failed_code.parse::<u32>().unwrap_or(0);
                    status["errors"] = json!([{"code": code, "title": "could not be delivered"}]);
                }
                status
            }
        };
        let list = if matches!(news, News::Answered | News::OptedOut) { "messages" } else { "statuses" };
        value[list] = json!([told]);
        json!({"field": "messages", "value": value})
    }

    /// The form of a flow is not documented here; it is Meta's, with the reference as our first screen hands it on.
    fn lipachat_message(&self, message: &Message, news: News, form: &Map<String, Value>) -> Value {
        let from = message.recipient.map(|recipient| recipient.wa_id().to_string());
        let mut told =
            json!({"messageId": inbound_id(message, news), "from": from, "to": self.number.to_string()});
        if news == News::Answered {
            let mut response = form.clone();
            response.insert("flowcast_ref".to_owned(), json!(message.reference));
            told["type"] = json!("INTERACTIVE");
            told["interactive"] = json!({"type": "nfm_reply", "nfm_reply": {"name": "flow",
                "response_json": Value::Object(response).to_string()}});
        } else {
            told["type"] = json!("TEXT");
            told["text"] = json!(self.webhook.opt_out_word);
        }
        told
    }
}

fn word(news: News) -> &'static str {
    match news {
        News::Sent => "sent",
        News::Delivered => "delivered",
        News::Read => "read",
        News::Failed => "failed",
        News::Answered | News::OptedOut => "received",
    }
}

fn extra(message: &Message) -> Value {
    json!({"trace_id": message.id, "message_id": message.id, "ref": message.reference})
}

fn chat(message: &Message) -> Option<String> {
    message.recipient.map(|recipient| format!("{}@c.us", recipient.wa_id()))
}

fn inbound_id(message: &Message, news: News) -> String {
    format!("{}.{}", message.id, if news == News::Answered { "form" } else { "text" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(webhook: &Webhook) -> Vec<News> {
        let mut dice = Dice::new(7);
        (0..1000).flat_map(|_| plan(webhook, &mut dice)).map(|(_, news)| news).collect()
    }

    #[test]
    fn the_rates_are_kept_and_the_same_seed_tells_the_same() {
        let webhook = Webhook {
            read: 0.5,
            answered: 0.5,
            failed: 0.1,
            opted_out: 0.02,
            doubled: 0.1,
            ..Webhook::default()
        };
        let told = kinds(&webhook);
        let share = |wanted| told.iter().filter(|news| **news == wanted).count();
        assert!((1030..1170).contains(&share(News::Sent)), "{}", share(News::Sent));
        assert!((70..150).contains(&share(News::Failed)), "{}", share(News::Failed));
        assert!((190..310).contains(&share(News::Answered)), "{}", share(News::Answered));
        assert!((5..45).contains(&share(News::OptedOut)), "{}", share(News::OptedOut));
        assert_eq!(told, kinds(&webhook));
        assert_eq!(kinds(&Webhook { lost: 1.0, ..webhook }), []);
    }
}
