//! Moves rows from the partitions of single campaigns, which migrations up to V22 created, to the tables of volumes.
//!
//! **Invariants.** A batch and its progress are written in one transaction, so an interrupted run loses no row and moves none
//! twice. An old table is dropped after its last batch. No other process works meanwhile: [`Store::check_schema`] fails while
//! old tables exist.

use tokio_postgres::Client;

use crate::db::connection::Store;
use crate::db::error::Error;

/// Whether old tables exist.
pub(crate) const HAS_OLD_TABLES: &str = "select to_regclass('relocation') is not null";

/// Values of `seq` that one transaction moves.
const STRIDE: i32 = 50_000;

/// The old parent tables, and the statements that move the rows of one partition `{{old}}` with `$1 < seq <= $2`.
const MOVES: [(&str, &[&str]); 4] = [
    ("recipient_before", &[
        "insert into recipient_number (msisdn, campaign_id, seq) select msisdn, campaign_id, seq from {{old}}
            where seq > $1 and seq <= $2 and msisdn > 0 order by msisdn",
        "insert into recipient_v{{volume}} ({{columns}}) select {{columns}} from {{old}} where seq > $1 and seq <= $2 order by seq",
    ]),
    ("attempt_before", &[
        "insert into attempt_v{{volume}} ({{columns}}) select {{columns}} from {{old}} where seq > $1 and seq <= $2 order by seq, claim_id",
    ]),
    ("receipt_before", &[
        "insert into receipt_v{{volume}} ({{columns}}) select {{columns}} from {{old}} where seq > $1 and seq <= $2 order by seq",
    ]),
    ("flow_answer_before", &[
        "insert into flow_answer_v{{volume}} ({{columns}}) select {{columns}} from {{old}} where seq > $1 and seq <= $2 order by seq",
    ]),
];

/// The progress of moving rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelocationProgress {
    /// Tables whose rows are moved.
    pub tables: usize,
    /// Tables that existed at the beginning of this run.
    pub of: usize,
}

/// A partition of one campaign.
struct Old {
    parent: &'static str,
    statements: &'static [&'static str],
    name: String,
}

impl Store {
    /// Moves the rows of all old tables, one table after the other. Stops between two batches if `progress` returns an error.
    pub(crate) async fn relocate(
        client: &mut Client,
        progress: &mut (dyn FnMut(RelocationProgress) -> Result<(), Error> + Send),
    ) -> Result<(), Error> {
        let mut old = Vec::new();
        for (parent, statements) in MOVES {
            let select = "
                select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
                where i.inhparent = $1::text::regclass order by length(c.relname), c.relname";
            let found = client.query(select, &[&parent]).await?;
            old.extend(found.iter().map(|row| Old { parent, statements, name: row.get(0) }));
        }
        for (tables, table) in old.iter().enumerate() {
            progress(RelocationProgress { tables, of: old.len() })?;
            table.relocate(client, &mut || progress(RelocationProgress { tables, of: old.len() })).await?;
        }
        let parents: Vec<&str> = MOVES.iter().map(|(parent, _)| *parent).collect();
        client.batch_execute(&format!("drop table {}, relocation", parents.join(", "))).await?;
        if !old.is_empty() {
            client
                .batch_execute("analyze recipient, recipient_number, attempt, receipt, flow_answer")
                .await?;
        }
        progress(RelocationProgress { tables: old.len(), of: old.len() })
    }
}

impl Old {
    async fn relocate(
        &self,
        client: &mut Client,
        go_on: &mut (dyn FnMut() -> Result<(), Error> + Send),
    ) -> Result<(), Error> {
        let name = &self.name;
        let columns = "
            select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
            where attrelid = $1::text::regclass and attnum > 0 and not attisdropped";
        let columns: String = client.query_one(columns, &[name]).await?.get(0);
        let volume = format!("select volume_of(campaign_id) from {name} limit 1");
        let volume: Option<i64> = client.query_opt(&volume, &[]).await?.map(|row| row.get(0));
        let last: i32 =
            client.query_one(&format!("select coalesce(max(seq), 0) from {name}"), &[]).await?.get(0);
        let noted = "select coalesce(max(up_to), 0) from relocation where table_name = $1";
        let mut from: i32 = client.query_one(noted, &[name]).await?.get(0);
        while let Some(volume) = volume.filter(|_| from < last) {
            go_on()?;
            let up_to = from.saturating_add(STRIDE);
            let tx = client.transaction().await?;
            for statement in self.statements {
                let statement = statement
                    .replace("{{volume}}", &volume.to_string())
                    .replace("{{columns}}", &columns)
                    .replace("{{old}}", name);
                tx.execute(&statement, &[&from, &up_to]).await?;
            }
            let note = "
                insert into relocation (table_name, up_to) values ($1, $2)
                on conflict (table_name) do update set up_to = excluded.up_to";
            tx.execute(note, &[name, &up_to]).await?;
            tx.commit().await?;
            from = up_to;
        }
        let gone = format!("alter table {} detach partition {name}; drop table {name}", self.parent);
        let tx = client.transaction().await?;
        tx.batch_execute(&gone).await?;
        tx.execute("delete from relocation where table_name = $1", &[name]).await?;
        tx.commit().await?;
        Ok(())
    }
}
