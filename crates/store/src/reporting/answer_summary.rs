//! Counts flow answers by field and value.

use campaign::CampaignId;
use serde::{Deserialize, Serialize};

use crate::db::connection::Store;
use crate::db::error::Error;

/// The most values of a field that are named.
const VALUES: i64 = 20;
/// The most fields that are counted: a flow has fewer.
const FIELDS: i64 = 100;
/// The time limit of the count. A million answers take a few seconds.
const TIME_LIMIT: &str = "set statement_timeout = '30s'";

/// The answers of a campaign, counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerSummary {
    /// Completed flows.
    pub answers: i64,
    /// Recipients who completed at least one flow.
    pub recipients: i64,
    /// The fields of the answers, by name; at most 100.
    pub fields: Vec<FieldSummary>,
}

/// One field of the answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSummary {
    /// The name of the field.
    pub field: String,
    /// Answers with this field.
    pub answers: i64,
    /// Different values.
    pub distinct: i64,
    /// The most frequent values, at most 20; of a field with several choices each choice counts.
    pub values: Vec<ValueCount>,
}

/// One value of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueCount {
    /// The value as text, at most 200 characters.
    pub value: String,
    /// Answers with this value.
    pub answers: i64,
}

impl Store {
    /// Counts the answers of a campaign.
    pub async fn answer_summary(&self, campaign: CampaignId) -> Result<AnswerSummary, Error> {
        let id = campaign.0;
        let totals = format!(
            "select count(*), count(distinct seq) from flow_answer where campaign_id = '{id}'::bigint"
        );
        let select = format!(
            "with field as (
                select f.key, f.value from flow_answer a,
                    jsonb_each(case jsonb_typeof(a.answer) when 'object' then a.answer else '{{}}' end) f
                where a.campaign_id = '{id}'::bigint
            ), counted as (
                select key, count(*) as answers from field group by key order by key limit $1
            ), value as (
                select key, left(v #>> '{{}}', 200) as value, count(*) as n
                from field, jsonb_array_elements(
                    case jsonb_typeof(value) when 'array' then value else jsonb_build_array(value) end) v
                where jsonb_typeof(v) <> 'null' group by 1, 2
            ), ranked as (
                select *, row_number() over (partition by key order by n desc, value) as rank,
                    count(*) over (partition by key) as distinct_values
                from value
            )
            select c.key, c.answers, coalesce(r.distinct_values, 0), r.value, r.n
            from counted c left join ranked r on r.key = c.key and r.rank <= $2 order by c.key, r.rank"
        );
        let client = self.report_client().await?;
        client.batch_execute(TIME_LIMIT).await?;
        let total = client.query_one(&totals, &[]).await?;
        let mut fields: Vec<FieldSummary> = Vec::new();
        for row in client.query(&select, &[&FIELDS, &VALUES]).await? {
            let field: String = row.get(0);
            if fields.last().is_none_or(|last| last.field != field) {
                fields.push(FieldSummary {
                    field,
                    answers: row.get(1),
                    distinct: row.get(2),
                    values: Vec::new(),
                });
            }
            if let (Some(last), Some(value)) = (fields.last_mut(), row.get::<_, Option<String>>(3)) {
                last.values.push(ValueCount { value, answers: row.get(4) });
            }
        }
        Ok(AnswerSummary { answers: total.get(0), recipients: total.get(1), fields })
    }
}
