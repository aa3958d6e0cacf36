//! The publisher's second channel: declares queues and counts messages, while the first one receives confirms.
//!
//! Invariant: a refusal (a missing queue, other arguments) closes its channel, so nothing is ever declared or counted
//! on the confirm channel.

use lapin::Channel;

use crate::link::Link;
use crate::requests::{Job, Request, RequestQueue};
use crate::{Error, QueueName, topology};

/// The reply code of a queue that does not exist.
const NOT_FOUND: u16 = 404;

/// Answers requests until the link is lost, or no more requests can come.
pub(crate) async fn serve(link: &Link, requests: &mut RequestQueue) {
    let mut channel = None;
    while requests.wait().await {
        let Some(request) = requests.take() else {
            continue;
        };
        let silent = match answer(link, &mut channel, request).await {
            Answer::Given => false,
            Answer::Silence => true,
        };
        if silent {
            // A late answer would be read as the answer to the next request.
            return;
        }
    }
}

enum Answer {
    Given,
    Silence,
}

async fn answer(link: &Link, channel: &mut Option<Channel>, request: Request) -> Answer {
    if link.is_blocked() {
        request.reply(Err(Error::Blocked));
        return Answer::Given;
    }
    let result = match &request.job {
        Job::Declare(queue) => topology::ensure(link, queue).await,
        Job::Depth(queue) => depth(link, channel, queue).await,
        Job::Publish(..) => Err(Error::invalid("messages are not published on the control channel")),
    };
    match result {
        Err(Error::Unavailable { source: None, .. }) if link.is_blocked() => {
            request.reply(Err(Error::Blocked));
            Answer::Silence
        }
        Err(error @ Error::Unavailable { source: None, .. }) => {
            request.reply(Err(error));
            Answer::Silence
        }
        result => {
            request.reply(result);
            Answer::Given
        }
    }
}

/// The number of ready messages. A queue that does not exist is declared.
async fn depth(link: &Link, kept: &mut Option<Channel>, queue: &QueueName) -> Result<u32, Error> {
    let channel = match kept.take() {
        Some(channel) if channel.status().connected() => channel,
        _ => link.channel().await?,
    };
    match topology::count(link, &channel, queue).await {
        Ok(count) => {
            *kept = Some(channel);
            Ok(count)
        }
        Err(error) if error.reply_code() == Some(NOT_FOUND) => topology::ensure(link, queue).await,
        Err(error) => Err(error),
    }
}
