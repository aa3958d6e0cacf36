//! Why recipients wait: the reasons of `report.waiting`.

use campaign::StopReason;
use control::Waiting;

use crate::words::{capital, stop};

/// A reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The sender or the campaign is stopped.
    Stop(StopReason),
    /// Only recipients are left that are tried again later.
    Retry,
    NoProducer,
    Hours,
    QueueBlocked,
    QueueAway,
    FeedFailed,
    NoWorker,
    Throttled,
    /// They are being sent to, at the rate.
    Rate,
    /// They are being sent to, without a rate.
    Queue,
    /// PostgreSQL cannot be written to.
    Database,
}

impl Reason {
    /// The reasons that are no stop, with their words in the view.
    pub(crate) const OTHERS: [(&'static str, Self); 11] = [
        ("retry", Self::Retry),
        ("no_producer", Self::NoProducer),
        ("hours", Self::Hours),
        ("queue_blocked", Self::QueueBlocked),
        ("queue_away", Self::QueueAway),
        ("feed_failed", Self::FeedFailed),
        ("no_worker", Self::NoWorker),
        ("throttled", Self::Throttled),
        ("rate", Self::Rate),
        ("queue", Self::Queue),
        ("database", Self::Database),
    ];

    /// The reason of this word; `None` if the database is newer than this program.
    pub(crate) fn of(word: &str) -> Option<Self> {
        let other = Self::OTHERS.iter().find(|(known, _)| *known == word).map(|(_, reason)| *reason);
        other.or_else(|| word.parse().ok().map(Self::Stop))
    }

    /// The order in which reasons are named: a stop first, recipients that are tried again last.
    fn order(self) -> u8 {
        match self {
            Self::Stop(_) => 0,
            Self::Database
            | Self::NoProducer
            | Self::Hours
            | Self::QueueBlocked
            | Self::QueueAway
            | Self::FeedFailed
            | Self::NoWorker => 1,
            Self::Throttled | Self::Rate | Self::Queue => 2,
            Self::Retry => 3,
        }
    }

    /// What does not work, for reasons that operations has to mend.
    pub(crate) fn fault(self) -> Option<&'static str> {
        match self {
            Self::NoProducer => Some("no producer running"),
            Self::NoWorker => Some("no worker running"),
            Self::QueueBlocked => Some("RabbitMQ is out of memory or disk"),
            Self::QueueAway => Some("RabbitMQ unreachable"),
            Self::FeedFailed => Some("the producer cannot publish"),
            Self::Database => Some("PostgreSQL cannot be written to"),
            Self::Stop(_) | Self::Retry | Self::Hours | Self::Throttled | Self::Rate | Self::Queue => None,
        }
    }
}

/// What recipients wait for, by the word of the view.
pub(crate) fn label(word: &str) -> String {
    match Reason::of(word) {
        Some(Reason::Stop(reason)) => capital(stop::short(reason)),
        Some(Reason::Retry) => "a retry".into(),
        Some(Reason::Hours) => "its sending hours".into(),
        Some(Reason::Throttled) => "the provider, which asked to slow down".into(),
        Some(Reason::Rate | Reason::Queue) => "its turn at the rate".into(),
        Some(reason) => reason.fault().unwrap_or(word).to_owned(),
        None => word.to_owned(),
    }
}

/// The first reason of a campaign, with its row.
pub(crate) fn first(waiting: &[Waiting], campaign: i64) -> Option<(Reason, &Waiting)> {
    let own = waiting.iter().filter(|wait| wait.campaign_id == Some(campaign));
    own.filter_map(|wait| Reason::of(&wait.reason).map(|reason| (reason, wait)))
        .min_by_key(|(reason, _)| reason.order())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use regex::Regex;

    use super::*;

    #[test]
    fn every_reason_of_the_view_has_words() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let view = Regex::new(r"(?s)create (?:or replace )?view report\.waiting as(.*?);\n").unwrap();
        let texts: Vec<String> = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
        let newest = texts.iter().rev().find_map(|text| view.captures(text)).unwrap()[1].to_owned();
        let word = Regex::new(r"(?:then|else|when) '([a-z_]+)'|'([a-z_]+)' as reason").unwrap();
        let words: BTreeSet<String> = word
            .captures_iter(&newest)
            .map(|found| found.get(1).or(found.get(2)).unwrap().as_str().to_owned())
            .collect();
        assert!(words.len() >= 6, "{words:?}");
        for word in &words {
            assert!(
                Reason::of(word).is_some()
                    || ["running", "paused", "pending", "epoch"].contains(&word.as_str()),
                "{word}"
            );
        }
    }

    #[test]
    fn a_stop_is_named_before_what_follows_from_it() {
        let wait = |reason: &str, campaign_id| Waiting {
            sender: "ke".into(),
            campaign_id,
            reason: reason.into(),
            detail: None,
            since: None,
            until: None,
            caused_by: None,
            recipients: 1,
        };
        let waiting = [
            wait("retry", Some(7)),
            wait("rate", Some(7)),
            wait("low_balance", Some(7)),
            wait("hours", Some(8)),
        ];
        assert_eq!(first(&waiting, 7).unwrap().0, Reason::Stop(StopReason::LowBalance));
        assert_eq!(first(&waiting[..2], 7).unwrap().0, Reason::Rate);
        assert!(first(&waiting, 9).is_none() && Reason::of("of_the_future").is_none());
    }
}
