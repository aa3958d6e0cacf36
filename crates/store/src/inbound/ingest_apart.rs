//! Storing a post of which the database refuses a row: everything else of it is stored, and the refused row is counted.
//!
//! Providers repeat a post until it gets a 200, and post many events together. A row that the database refuses would be refused
//! every time, and would take the other events of its post with it.

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::inbound::batch::{Ingest, Ingested};
use crate::inbound::ingest::{bodies, counts, store_rows};

impl Store {
    /// Takes a post in, row by row where the database refuses one. Refused rows are counted in `webhook_count`, by their kind, and
    /// logged without their values. It is committed when this returns, and nothing of it is when this fails.
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

/// Stores the rows of a batch, and halves it where the database refuses a row until that row stands alone.
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
                    "a row of a post to sender {sender} is not stored, the others are: {error}"
                );
                counts(tx, &[((sender, kind), 1)].into()).await?;
                all.refused += 1;
            }
        }
    }
    Ok(all)
}
