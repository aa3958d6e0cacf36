//! `flowcast audit …`: actions of people and programs.

use control::{AuditQuery, AuditView, LastAuditRow, MAX_LIMIT, PageRequest};

use crate::args::accounts::{AuditCommand, AuditList};
use crate::commands::waiting::time;
use crate::exit::Refused;
use crate::plane::Plane;
use crate::settings::Settings;
use crate::terminal::output::{line, table, thousands};

pub(crate) async fn run(settings: &Settings, command: AuditCommand) -> anyhow::Result<()> {
    let plane = Plane::open(settings).await?;
    match command {
        AuditCommand::List(args) => list(&plane, args).await,
        AuditCommand::Verify => verify(&plane).await,
    }
}

async fn list(plane: &Plane, args: AuditList) -> anyhow::Result<()> {
    let (object_kind, object) = match args.object.as_deref().map(|object| object.split_once(':')) {
        None => (None, None),
        Some(None) => (args.object.clone(), None),
        Some(Some((kind, id))) => (Some(kind.to_owned()), Some(id.to_owned())),
    };
    let AuditList { actor, action, limit: most, json, .. } = args;
    let query = AuditQuery { actor, action, object_kind, object };
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let left = most - u32::try_from(rows.len())?;
        let page = PageRequest { after, limit: Some(left.min(MAX_LIMIT)) };
        let page = plane.audit(&query, &page).await?;
        rows.extend(page.items);
        after = page.next;
        if after.is_none() || rows.len() >= most as usize {
            break;
        }
    }
    if json {
        line(serde_json::to_string_pretty(&rows)?);
        return Ok(());
    }
    if rows.is_empty() {
        line("the audit has no such rows");
        return Ok(());
    }
    table(
        &["row", "time", "actor", "action", "object", "outcome"],
        &rows.iter().map(cells).collect::<Vec<_>>(),
    );
    Ok(())
}

fn cells(row: &AuditView) -> Vec<String> {
    let object = row.object.as_ref().map(|object| format!(":{object}")).unwrap_or_default();
    vec![
        row.audit_id.to_string(),
        time(Some(row.at)),
        format!("{}:{}", row.actor_kind, row.actor),
        row.action.clone(),
        format!("{}{object}", row.object_kind),
        row.outcome.clone(),
    ]
}

async fn verify(plane: &Plane) -> anyhow::Result<()> {
    let check = plane.verify_audit().await?;
    if let Some(row) = check.first_broken {
        return Err(Refused(format!(
            "the audit is broken at row {row}: this row was changed, or the row before it was changed or removed; compare the \
             rows with a backup"
        ))
        .into());
    }
    match check.last {
        None => line("the audit is empty"),
        Some(LastAuditRow { audit_id: rows, hash }) => line(format!(
            "the audit is whole: {} rows, and the hash of the last row is {hash}; keep both elsewhere to find out whether \
             rows are removed at the end",
            thousands(rows)
        )),
    }
    Ok(())
}
