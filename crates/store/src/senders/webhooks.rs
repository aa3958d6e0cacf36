//! Webhook settings of senders: the URL path, the authentication of posts, and opt-out words.

use campaign::{Provider, SenderId};
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::db::connection::Store;
use crate::db::error::Error;

/// The webhook of one sender. `path` and `verify_token` are secrets: they are printed for the operator and never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// The sender.
    pub sender: SenderId,
    /// Its name.
    pub name: String,
    /// The provider that posts.
    pub provider: Provider,
    /// The last part of the URL.
    pub path: Uuid,
    /// The token that Meta sends back when the webhook is set up.
    pub verify_token: Uuid,
    /// Reference to the secret (`env:NAME` or `file:PATH`): the app secret for Meta, `user:password` for other providers.
    pub secret_ref: Option<String>,
    /// The networks from which posts are accepted, such as `10.0.0.0/8`; empty: all networks.
    pub sources: Option<Vec<String>>,
    /// Opt-out words; empty: the built-in list.
    pub opt_out_words: Option<Vec<String>>,
    /// Opt-in words; empty: the built-in list.
    pub opt_in_words: Option<Vec<String>>,
}

impl std::fmt::Debug for WebhookRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookRow")
            .field("sender", &self.sender)
            .field("name", &self.name)
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

/// Changes of a webhook: `None` keeps a setting, an inner `None` removes it.
#[derive(Clone, Debug, Default)]
pub struct WebhookChange {
    /// Reference to the secret.
    pub secret_ref: Option<Option<String>>,
    /// The networks from which posts are accepted.
    pub sources: Option<Option<Vec<String>>>,
    /// Opt-out words.
    pub opt_out_words: Option<Option<Vec<String>>>,
    /// Opt-in words.
    pub opt_in_words: Option<Option<Vec<String>>>,
    /// Whether to replace the path and the verify token; the old URL stops working.
    pub renews_path: bool,
}

const SELECT: &str = "
select w.sender_id, s.name, s.provider, w.path, w.verify_token, w.secret_ref, w.sources::text[] as sources, w.opt_out_words,
    w.opt_in_words
from webhook w join sender s on s.id = w.sender_id";

impl Store {
    /// The webhooks of all senders.
    pub async fn webhooks(&self) -> Result<Vec<WebhookRow>, Error> {
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(SELECT).await?, &[]).await?;
        rows.iter().map(read).collect()
    }

    /// The webhook of this sender.
    pub async fn webhook(&self, sender: SenderId) -> Result<WebhookRow, Error> {
        let select = format!("{SELECT} where w.sender_id = $1");
        read(&self.client().await?.query_one(&select, &[&sender.0]).await?)
    }

    /// Changes the webhook of this sender; servers use the change within seconds.
    pub async fn set_webhook(&self, sender: SenderId, change: &WebhookChange) -> Result<(), Error> {
        let update = "
            update webhook
            set secret_ref = case when $2 then $3 else secret_ref end,
                sources = case when $4 then $5::text[]::cidr[] else sources end,
                opt_out_words = case when $6 then $7 else opt_out_words end,
                opt_in_words = case when $8 then $9 else opt_in_words end,
                path = case when $10 then gen_random_uuid() else path end,
                verify_token = case when $10 then gen_random_uuid() else verify_token end
            where sender_id = $1";
        let WebhookChange { secret_ref, sources, opt_out_words, opt_in_words, renews_path } = change;
        let client = self.client().await?;
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 10] = [
            &sender.0,
            &secret_ref.is_some(),
            &secret_ref.as_ref().and_then(Option::as_ref),
            &sources.is_some(),
            &sources.as_ref().and_then(Option::as_ref),
            &opt_out_words.is_some(),
            &opt_out_words.as_ref().and_then(Option::as_ref),
            &opt_in_words.is_some(),
            &opt_in_words.as_ref().and_then(Option::as_ref),
            renews_path,
        ];
        client.execute(update, &parameters).await.map_err(|error| match error.code() {
            Some(&SqlState::INVALID_TEXT_REPRESENTATION) => Error::Invalid(
                "a source is no address and no network; write 203.0.113.7 or 203.0.113.0/24".into(),
            ),
            _ => error.into(),
        })?;
        Ok(())
    }
}

fn read(row: &Row) -> Result<WebhookRow, Error> {
    Ok(WebhookRow {
        sender: SenderId(row.get("sender_id")),
        name: row.get("name"),
        provider: row.get::<_, &str>("provider").parse().map_err(Error::unreadable)?,
        path: row.get("path"),
        verify_token: row.get("verify_token"),
        secret_ref: row.get("secret_ref"),
        sources: row.get("sources"),
        opt_out_words: row.get("opt_out_words"),
        opt_in_words: row.get("opt_in_words"),
    })
}
