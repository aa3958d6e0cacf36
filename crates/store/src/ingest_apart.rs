//! Storing a post of which the database refuses a row: everything else of it is stored, and the refused row is counted.
//!
//! Providers repeat a post until it gets a 200, and post many events together. A row that the database refuses would be refused
//! every time, and would take the other events of its post with it.

use campaign::SenderId;

use crate::connection::Store;
use crate::error::Error;
use crate::ingest::{Ingest, Ingested, bodies, counts, store_rows};
use crate::pool::Transaction;

impl Error {
    /// Whether the database refused the values of a row. The same row is refused every time; other rows may be stored.
    pub fn is_of_a_row(&self) -> bool {
        matches!(self, Self::Refused { is_value: true, .. })
    }
}

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

impl Ingest {
    /// The sender of the first row, and the word under which a refused row of its kind is counted.
    fn first_row(&self) -> Option<(SenderId, &'static str)> {
        let receipt = || Some((self.receipts.first()?.about.sender, "refused_receipt"));
        let answer = || Some((self.answers.first()?.about.sender, "refused_answer"));
        let inbound = || Some((self.inbounds.first()?.who.about.sender, "refused_inbound"));
        let consent = || Some((self.consents.first()?.inbound.who.about.sender, "refused_consent"));
        let notice = || Some((self.notices.first()?.sender, "refused_notice"));
        receipt().or_else(answer).or_else(inbound).or_else(consent).or_else(notice)
    }

    /// Two parts with half of the rows each; neither is empty where there are two rows.
    fn halves(mut self) -> [Self; 2] {
        let mut first = self.len() / 2;
        let second = Self {
            receipts: beyond(&mut self.receipts, &mut first),
            answers: beyond(&mut self.answers, &mut first),
            inbounds: beyond(&mut self.inbounds, &mut first),
            consents: beyond(&mut self.consents, &mut first),
            notices: beyond(&mut self.notices, &mut first),
            ..Self::default()
        };
        [self, second]
    }
}

/// Leaves as many rows as are wanted still, and gives the others.
fn beyond<T>(rows: &mut Vec<T>, wanted: &mut usize) -> Vec<T> {
    let left = rows.len().min(*wanted);
    *wanted -= left;
    rows.split_off(left)
}
