//! Templates of senders, as people entered their texts.

use campaign::SenderId;
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Row;

use crate::db::connection::Store;
use crate::db::error::Error;

/// The texts of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateTexts {
    /// The name at the provider.
    pub name: String,
    /// The language, such as `en_US`.
    pub language: String,
    /// What the header is: `text`, `image`, `video`, `document`, or another word of Meta; `None` if it is not known.
    pub header_format: Option<String>,
    /// The text of the header.
    pub header: Option<String>,
    /// The body with its variables `{{1}}`, `{{2}}`.
    pub body: String,
    /// The footer.
    pub footer: Option<String>,
    /// The buttons: `[{"text": …, "kind": …, "url": …, "flow_id": …}]`.
    pub buttons: Value,
    /// `marketing`, `utility` or `authentication`.
    pub category: Option<String>,
    /// `approved`, `pending`, `rejected`, `paused` or `disabled`, as the person knew it.
    pub status: Option<String>,
}

/// A known template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateRow {
    /// The name of its sender.
    pub sender: String,
    /// Its texts.
    pub texts: TemplateTexts,
    /// When it was added or replaced.
    pub updated_at: Timestamp,
    /// The actor that added or replaced it.
    pub updated_by: String,
}

const SELECT: &str = "
select s.name as sender, t.name, t.language, t.header_format, t.header, t.body, t.footer, t.buttons, t.category, t.status, t.updated_at, t.updated_by
from template t join sender s on s.id = t.sender_id";

pub(crate) fn read(row: &Row) -> TemplateRow {
    TemplateRow {
        sender: row.get("sender"),
        texts: TemplateTexts {
            name: row.get("name"),
            language: row.get("language"),
            header_format: row.get("header_format"),
            header: row.get("header"),
            body: row.get("body"),
            footer: row.get("footer"),
            buttons: row.get("buttons"),
            category: row.get("category"),
            status: row.get("status"),
        },
        updated_at: row.get("updated_at"),
        updated_by: row.get("updated_by"),
    }
}

impl Store {
    /// Adds a template to a sender, or replaces the one with this name and language.
    pub async fn set_template(
        &self,
        sender: SenderId,
        texts: &TemplateTexts,
        updated_by: &str,
    ) -> Result<(), Error> {
        let upsert = "
            insert into template (sender_id, name, language, header, body, footer, buttons, category, status, updated_by, header_format)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            on conflict (sender_id, name, language) do update set header = excluded.header, body = excluded.body,
                header_format = excluded.header_format, footer = excluded.footer, buttons = excluded.buttons, category = excluded.category, status = excluded.status,
                updated_at = clock_timestamp(), updated_by = excluded.updated_by";
        let TemplateTexts { name, language, header_format, header, body, footer, buttons, category, status } =
            texts;
        let client = self.client().await?;
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 11] = [
            &sender.0,
            name,
            language,
            header,
            body,
            footer,
            buttons,
            category,
            status,
            &updated_by,
            header_format,
        ];
        client.execute(upsert, &values).await?;
        Ok(())
    }

    /// Templates of a sender after this name and language, by both.
    pub async fn templates(
        &self,
        sender: SenderId,
        (name, language): (&str, &str),
        limit: i64,
    ) -> Result<Vec<TemplateRow>, Error> {
        let select = format!(
            "{SELECT} where t.sender_id = $1 and (t.name, t.language) > ($2, $3) order by t.name, t.language limit $4"
        );
        let rows = self.client().await?.query(&select, &[&sender.0, &name, &language, &limit]).await?;
        Ok(rows.iter().map(read).collect())
    }

    /// Templates of all senders, by sender, name and language; at most this many.
    pub async fn all_templates(&self, limit: i64) -> Result<Vec<TemplateRow>, Error> {
        let select = format!("{SELECT} order by s.name, t.name, t.language limit $1");
        Ok(self.client().await?.query(&select, &[&limit]).await?.iter().map(read).collect())
    }

    /// A template of a sender.
    pub async fn template(
        &self,
        sender: SenderId,
        name: &str,
        language: &str,
    ) -> Result<Option<TemplateRow>, Error> {
        let select = format!("{SELECT} where t.sender_id = $1 and t.name = $2 and t.language = $3");
        let row = self.client().await?.query_opt(&select, &[&sender.0, &name, &language]).await?;
        Ok(row.as_ref().map(read))
    }

    /// The languages in which a template of a sender is known.
    pub async fn template_languages(&self, sender: SenderId, name: &str) -> Result<Vec<String>, Error> {
        let select = "select language from template where sender_id = $1 and name = $2 order by language";
        let rows = self.client().await?.query(select, &[&sender.0, &name]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Removes a template; returns whether there was one.
    pub async fn remove_template(&self, sender: SenderId, name: &str, language: &str) -> Result<bool, Error> {
        let delete = "delete from template where sender_id = $1 and name = $2 and language = $3";
        Ok(self.client().await?.execute(delete, &[&sender.0, &name, &language]).await? > 0)
    }
}
