//! What is known of the flow and the template of a message.

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::senders::templates::{TemplateRow, read as read_template};

/// The flow and the template that a message names.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessageNames<'a> {
    /// The sender.
    pub sender: &'a str,
    /// The id of the flow.
    pub flow_id: Option<&'a str>,
    /// The name of the flow, instead of its id.
    pub flow_name: Option<&'a str>,
    /// Name and language of the template.
    pub template: Option<(&'a str, &'a str)>,
}

/// What is known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownTexts {
    /// Id and Flow JSON of the flow of the message, else of the flow that a button of the template opens.
    pub flow: Option<(String, String)>,
    /// The template.
    pub template: Option<TemplateRow>,
}

impl Store {
    /// What is known of the flow and the template of a message.
    pub async fn known_texts(&self, names: MessageNames<'_>) -> Result<KnownTexts, Error> {
        let select = "
            select f.flow_id, f.flow_json, s.name as sender, t.name, t.language, t.header_format, t.header, t.body, t.footer, t.buttons, t.category,
                t.status, t.updated_at, t.updated_by
            from sender s
            left join template t on t.sender_id = s.id and t.name = $4 and t.language = $5
            left join lateral (
                select f.flow_id, f.flow_json from flow f
                where f.sender_id = s.id and case
                    when $2::text is not null then f.flow_id = $2
                    when $3::text is not null then f.name = $3
                    else f.flow_id = (select b ->> 'flow_id' from jsonb_array_elements(t.buttons) b where b ? 'flow_id' limit 1) end
                order by f.updated_at desc limit 1) f on true
            where s.name = $1";
        let MessageNames { sender, flow_id, flow_name, template } = names;
        let (name, language) = template.unzip();
        // PostgreSQL refuses a text with U+0000, which no name has.
        let all = [Some(sender), flow_id, flow_name, name, language];
        if all.into_iter().flatten().any(|name| name.contains('\0')) {
            return Ok(KnownTexts::default());
        }
        let client = self.client().await?;
        let row = client.query_opt(select, &[&sender, &flow_id, &flow_name, &name, &language]).await?;
        let Some(row) = row else { return Ok(KnownTexts::default()) };
        let template = row.get::<_, Option<&str>>("body").is_some();
        Ok(KnownTexts {
            flow: row.get::<_, Option<String>>("flow_id").map(|id| (id, row.get("flow_json"))),
            template: template.then(|| read_template(&row)),
        })
    }
}
