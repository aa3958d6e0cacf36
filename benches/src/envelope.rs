//! The message that carries the id of a job: plain text, or the format of a framework.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::json;
use uuid::Uuid;

/// The name of the task or actor in the frameworks.
const TASK: &str = "deliver";
const PERSISTENT: u8 = 2;

/// The message format of one contestant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// The id in digits, which is also its JSON.
    Plain,
    /// Celery's message protocol, version 2.
    Celery,
    /// Dramatiq's message.
    Dramatiq,
}

impl Envelope {
    /// The message with this id for this queue.
    pub(crate) fn seal(self, queue: &str, id: i32) -> (Vec<u8>, BasicProperties) {
        let properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        match self {
            Self::Plain => (id.to_string().into_bytes(), properties),
            Self::Celery => {
                let task = Uuid::new_v4().to_string();
                let embed = json!({"callbacks": null, "errbacks": null, "chain": null, "chord": null});
                let properties = properties
                    .with_content_type("application/json".into())
                    .with_content_encoding("utf-8".into())
                    .with_correlation_id(task.as_str().into())
                    .with_headers(celery_headers(&task));
                (json!([[id], {}, embed]).to_string().into_bytes(), properties)
            }
            Self::Dramatiq => {
                let message = json!({
                    "queue_name": queue, "actor_name": TASK, "args": [id], "kwargs": {}, "options": {},
                    "message_id": Uuid::new_v4().to_string(), "message_timestamp": 1_700_000_000_000_u64,
                });
                (message.to_string().into_bytes(), properties)
            }
        }
    }

    /// The arguments of the queue, which a contestant that declares the queue itself must use too.
    pub(crate) fn arguments(self, queue: &str) -> FieldTable {
        let mut arguments = FieldTable::default();
        let mut put = |name: &str, value: &str| {
            arguments.insert(name.into(), AMQPValue::LongString(value.into()));
        };
        put("x-queue-type", "quorum");
        if self == Self::Dramatiq {
            put("x-dead-letter-exchange", "");
            put("x-dead-letter-routing-key", &format!("{queue}.XQ"));
        }
        arguments
    }

    /// Other queues and exchanges that a contestant declares.
    pub(crate) fn company(self, queue: &str) -> (Vec<String>, Vec<String>) {
        let delayed = |n: u8| format!("celery_delayed_{n}");
        match self {
            Self::Plain => (Vec::new(), Vec::new()),
            Self::Celery => {
                let exchanges = [queue.to_owned(), "celery_delayed_delivery".to_owned()];
                ((0..28).map(delayed).collect(), exchanges.into_iter().chain((0..28).map(delayed)).collect())
            }
            Self::Dramatiq => (vec![format!("{queue}.DQ"), format!("{queue}.XQ")], Vec::new()),
        }
    }
}

fn celery_headers(task: &str) -> FieldTable {
    let text = |value: &str| AMQPValue::LongString(value.into());
    let mut headers = FieldTable::default();
    for (name, value) in [
        ("lang", text("py")),
        ("task", text(TASK)),
        ("id", text(task)),
        ("root_id", text(task)),
        ("parent_id", AMQPValue::Void),
        ("group", AMQPValue::Void),
        ("eta", AMQPValue::Void),
        ("expires", AMQPValue::Void),
        ("retries", AMQPValue::LongInt(0)),
        ("argsrepr", text("")),
        ("kwargsrepr", text("{}")),
        ("ignore_result", AMQPValue::Boolean(true)),
    ] {
        headers.insert(name.into(), value);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_envelope_contains_the_id_and_is_persistent() {
        for envelope in [Envelope::Plain, Envelope::Celery, Envelope::Dramatiq] {
            let (body, properties) = envelope.seal("queue", 4711);
            assert!(String::from_utf8(body).unwrap().contains("4711"));
            assert_eq!(*properties.delivery_mode(), Some(PERSISTENT));
        }
    }
}
