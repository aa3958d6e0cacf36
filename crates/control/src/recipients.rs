//! Recipients and their answers are read.

use campaign::{CampaignId, Seq};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{
    AnswerReport, AnswerSummary, AttemptReport, CountryReport, MinuteReport, RecipientKind, RecipientReport,
    ResolutionReport,
};

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::{Error, Problem};
use crate::page::{Page, PageRequest};

/// All that is known of a recipient, with the number masked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecipientDetails {
    /// The recipient.
    pub recipient: RecipientReport,
    /// The requests to it, the oldest first.
    pub attempts: Vec<AttemptReport>,
    /// The resolutions, the oldest first.
    pub resolutions: Vec<ResolutionReport>,
}

/// The most answers of one recipient.
const MOST_ANSWERS: u32 = 50;

/// The whole number of a recipient.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecipientNumber {
    /// The recipient.
    pub seq: i32,
    /// E.164, with `+`; empty if the number is erased.
    pub number: Option<String>,
}

impl Control {
    /// Recipients of a campaign in the order of the list, with masked numbers; of one kind and with one code, if these are given.
    pub async fn recipients(
        &self,
        caller: &Caller,
        id: CampaignId,
        which: (Option<RecipientKind>, Option<&str>),
        page: &PageRequest,
    ) -> Result<Page<RecipientReport>, Error> {
        let attempt = Attempt::new(caller, Action::ViewRecipients, Object::Campaign(id));
        self.act(attempt, async {
            self.store.campaign(id).await?;
            let limit = page.limit()?;
            let after = Seq(seq(page.after_id()?.unwrap_or(0))?);
            let rows = self.store.recipients(id, which, (after, limit + 1)).await?;
            Ok((Page::of(rows, limit, |row| row.seq.to_string()), json!({})))
        })
        .await
    }

    /// All that is known of one recipient.
    pub async fn recipient(
        &self,
        caller: &Caller,
        id: CampaignId,
        seq: Seq,
    ) -> Result<RecipientDetails, Error> {
        let attempt = Attempt::new(caller, Action::ViewRecipients, Object::Campaign(id));
        self.act(attempt, async {
            self.store.campaign(id).await?;
            let details = RecipientDetails {
                recipient: self.store.recipient(id, seq).await?,
                attempts: self.store.attempts(id, seq).await?,
                resolutions: self.store.resolutions(id, seq).await?,
            };
            Ok((details, json!({})))
        })
        .await
    }

    /// The whole number of a recipient.
    pub async fn reveal_number(
        &self,
        caller: &Caller,
        id: CampaignId,
        seq: Seq,
    ) -> Result<RecipientNumber, Error> {
        let attempt =
            Attempt::new(caller, Action::RevealNumber, Object::Campaign(id)).with("recipient", seq.0);
        self.act(attempt, async {
            let number = self.store.number_of(id, seq).await?;
            let number = number.map(|number| format!("+{}", number.digits()));
            Ok((RecipientNumber { seq: seq.0, number }, json!({})))
        })
        .await
    }

    /// The flow answers of one recipient, the oldest first.
    pub async fn answers_of(
        &self,
        caller: &Caller,
        id: CampaignId,
        seq: Seq,
    ) -> Result<Vec<AnswerReport>, Error> {
        let attempt = Attempt::new(caller, Action::ViewAnswers, Object::Campaign(id));
        self.act(attempt, async {
            let rows = self.store.answers(id, (Some((seq, "")), MOST_ANSWERS)).await?;
            let mut own: Vec<_> = rows.into_iter().filter(|row| row.seq == seq.0).collect();
            own.sort_by_key(|row| row.answered_at);
            Ok((own, Value::Null))
        })
        .await
    }

    /// Flow answers of a campaign, by recipient.
    pub async fn answers(
        &self,
        caller: &Caller,
        id: CampaignId,
        page: &PageRequest,
    ) -> Result<Page<AnswerReport>, Error> {
        let attempt = Attempt::new(caller, Action::ViewAnswers, Object::Campaign(id));
        self.act(attempt, async {
            self.store.campaign(id).await?;
            let limit = page.limit()?;
            let after = page.after.as_deref().map(answer_key).transpose()?;
            let rows = self.store.answers(id, (after, limit + 1)).await?;
            let key = |row: &AnswerReport| format!("{}_{}", row.seq, row.answer_id);
            Ok((Page::of(rows, limit, key), json!({})))
        })
        .await
    }

    /// Flow answers of a campaign, counted by field and value.
    pub async fn answer_summary(&self, caller: &Caller, id: CampaignId) -> Result<AnswerSummary, Error> {
        let attempt = Attempt::new(caller, Action::ViewAnswers, Object::Campaign(id));
        self.act(attempt, async {
            self.store.campaign(id).await?;
            Ok((self.store.answer_summary(id).await?, Value::Null))
        })
        .await
    }

    /// Minutes of a campaign in which something happened, the oldest first.
    pub async fn timeline(
        &self,
        caller: &Caller,
        id: CampaignId,
        page: &PageRequest,
    ) -> Result<Page<MinuteReport>, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Campaign(id));
        self.act(attempt, async {
            self.store.campaign(id).await?;
            let limit = page.limit()?;
            let after: Option<Timestamp> =
                page.after.as_deref().map(|after| after.parse().map_err(|_| bad_after())).transpose()?;
            let rows = self.store.timeline(id, after, limit + 1).await?;
            Ok((Page::of(rows, limit, |row| row.minute.to_string()), json!({})))
        })
        .await
    }

    /// Recipients and costs of a campaign by country, the largest first.
    pub async fn countries(&self, caller: &Caller, id: CampaignId) -> Result<Vec<CountryReport>, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Campaign(id));
        self.act(attempt, async {
            self.store.campaign(id).await?;
            Ok((self.store.countries(id).await?, Value::Null))
        })
        .await
    }
}

fn seq(after: i64) -> Result<i32, Error> {
    i32::try_from(after).map_err(|_| bad_after())
}

fn answer_key(after: &str) -> Result<(Seq, &str), Error> {
    let parts = after.split_once('_').and_then(|(seq, answer)| Some((seq.parse().ok()?, answer)));
    parts.ok_or_else(bad_after)
}

fn bad_after() -> Error {
    let text = "after is not the 'next' of a page of this list; leave it out to begin";
    Error::refused(Problem::InvalidBody, text)
}
