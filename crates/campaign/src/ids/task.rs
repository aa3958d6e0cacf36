//! The queue message: the id of a recipient that may be due, and nothing else.

use serde::{Deserialize, Serialize};

use crate::ids::id::{CampaignId, Seq};

/// One message of a sender's queue: "look at this recipient". To lose or duplicate it is harmless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendTask {
    /// The campaign.
    pub campaign: CampaignId,
    /// The recipient's position in the campaign.
    pub seq: Seq,
}

/// A queue message that is not a valid task.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Not the JSON of a task.
    #[error("the queue message is not a send task")]
    Undecodable(#[source] serde_json::Error),
    /// A task of a version that this program does not know.
    #[error("the queue message has version {0}, this program reads version 1; update it")]
    Version(u32),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u32,
    campaign: CampaignId,
    seq: Seq,
}

impl SendTask {
    /// The bytes of the queue message, fewer than 100.
    pub fn encode(self) -> Vec<u8> {
        format!(r#"{{"v":1,"campaign":{},"seq":{}}}"#, self.campaign, self.seq).into_bytes()
    }

    /// Parses the bytes of a queue message.
    pub fn decode(body: &[u8]) -> Result<Self, TaskError> {
        let Wire { v, campaign, seq } = serde_json::from_slice(body).map_err(TaskError::Undecodable)?;
        if v != 1 {
            return Err(TaskError::Version(v));
        }
        Ok(Self { campaign, seq })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_task_is_read_back_and_is_under_100_bytes(campaign: i64, seq: i32) {
            let task = SendTask { campaign: CampaignId(campaign), seq: Seq(seq) };
            prop_assert!(task.encode().len() < 100);
            prop_assert_eq!(SendTask::decode(&task.encode()).unwrap(), task);
        }

        #[test]
        fn garbage_is_refused_without_a_panic(body: Vec<u8>) {
            prop_assert!(SendTask::decode(&body).is_err());
        }
    }

    #[test]
    fn another_version_is_named() {
        let error = SendTask::decode(br#"{"v":2,"campaign":1,"seq":1}"#).unwrap_err();
        assert!(matches!(error, TaskError::Version(2)));
    }
}
