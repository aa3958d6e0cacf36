//! Stores a post with a row that PostgreSQL refuses: stores the other rows and counts the refused row.
//!
//! Providers repeat a post until they get a 200, and put many events into one post. A refused row would be refused every time,
//! and would keep the other events of its post from being stored.

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::inbound::batch::{Ingest, Ingested};
use crate::inbound::ingest::{bodies, counts, store_rows};

impl Store {
    /// Stores a post, row by row if PostgreSQL refuses one. Refused rows are counted in `webhook_count`, by kind, and logged
    /// without their values. If this succeeds, the post is committed; if it fails, nothing is stored.
    pub async fn ingest_apart(&self, post: &Ingest) -> Result<Ingested, Error> {
        let mut client = self.client().await?;
        let mut tx = client.transaction().await?;
        bodies(&tx, &post.bodies).await?;
        let ingested = store_apart(&mut tx, post).await?;
        counts(&tx, &post.counts).await?;
        tx.commit().await?;
        Ok(ingested)
    }
}

/// Stores the rows of a batch. If PostgreSQL refuses a row, the batch is halved until that row is alone.
pub(crate) async fn store_apart(tx: &mut Transaction<'_>, batch: &Ingest) -> Result<Ingested, Error> {
    let mut all = Ingested::default();
    let mut parts = vec![Ingest { bodies: Vec::new(), ..batch.clone() }];
    while let Some(part) = parts.pop() {
        let savepoint = tx.savepoint("part").await?;
        match store_rows(&savepoint, &part).await {
            Ok(stored) => {
                savepoint.commit().await?;
                all.append(stored);
            }
            Err(error) if error.is_of_a_row() && part.len() > 1 => {
                savepoint.rollback().await?;
                parts.extend(part.halves());
            }
            Err(error) => {
                let Some((sender, kind)) = part.first_row().filter(|_| error.is_of_a_row()) else {
                    return Err(error);
                };
                savepoint.rollback().await?;
                tracing::error!(
                    sender.id = %sender, kind,
                    "cannot store one row of a post to sender {sender}, the other rows are stored: {error}"
                );
                counts(tx, &[((sender, kind), 1)].into()).await?;
                all.refused += 1;
            }
        }
    }
    Ok(all)
}
