//! What is written for analysts runs: every query of docs/REPORTS.md and of the Grafana dashboard, by a reader's role.

use serde_json::Value;

use crate::world::{World, accepted};

const REPORTS: &str = include_str!("../../../../docs/REPORTS.md");
const DASHBOARD: &str = include_str!("../../../../deploy/grafana/dashboards/flowcast.json");

/// Every query as a reader, on a campaign of which something is known.
async fn each_runs(name: &str, queries: Vec<String>) {
    let world = World::new(name, None).await;
    let campaign = world.campaign(3).await;
    let claim = world.granted(campaign, 1..=2).await;
    world.record(campaign, &claim, &accepted()).await;
    world.look.batch_execute("set role flowcast_report").await.unwrap();
    for query in queries {
        let ran = world.look.query(&query, &[]).await;
        assert!(ran.is_ok(), "{query}: {:?}", ran.err());
    }
    world.close().await;
}

#[tokio::test]
async fn every_query_of_the_reports_page_runs() {
    let queries: Vec<String> = REPORTS
        .split("```sql\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap().trim().trim_end_matches(';').to_owned())
        .collect();
    assert!(queries.len() >= 20, "{}", queries.len());
    each_runs("document_queries", queries).await;
}

#[tokio::test]
async fn every_query_of_the_dashboard_runs() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut queries = Vec::new();
    collect(&dashboard, &mut queries);
    assert!(queries.len() >= 13, "{}", queries.len());
    each_runs("dashboard_queries", queries).await;
}

/// The queries anywhere in the dashboard, with Grafana's macros and variables filled in.
fn collect(value: &Value, queries: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field.as_str() {
                    Some(query) if name == "rawSql" || name == "query" => queries.push(filled_in(query)),
                    _ => collect(field, queries),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, queries)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn filled_in(query: &str) -> String {
    query.replace("$__timeFilter(", "(now() > ").replace("$campaign", "1")
}

#[tokio::test]
async fn the_reports_page_names_every_view_and_column() {
    let world = World::new("document_columns", None).await;
    let select = "select table_name::text, column_name::text from information_schema.columns where table_schema = 'report'";
    for row in world.look.query(select, &[]).await.unwrap() {
        let (view, column): (&str, &str) = (row.get(0), row.get(1));
        let section = REPORTS.split(&format!("### report.{view}\n")).nth(1).expect(view);
        let section = section.split("\n### ").next().unwrap();
        assert!(section.contains(&format!("| `{column}` |")), "{view}.{column} is not in docs/REPORTS.md");
    }
    world.close().await;
}
