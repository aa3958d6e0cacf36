//! The cost of comparing the database with the confirmed one in each claim: whole campaigns with the comparison and without it, in turns.

use tokio_postgres::NoTls;

use crate::figures::Figures;
use crate::flowcast::Flowcast;
use crate::pipeline;
use crate::services::Services;
use crate::stand::Stand;

/// A comparison that looks at nothing.
const WITHOUT: &str = "create or replace function is_confirmed() returns boolean language plpgsql volatile as $$ begin return true; end $$";

/// Measures one campaign with the comparison, and one without it.
pub(crate) async fn run(
    services: &Services,
    flowcast: &Flowcast,
    (consumers, recipients): (u32, u32),
    figures: &mut Figures,
) -> anyhow::Result<()> {
    for (title, compares) in [("with the comparison", true), ("without it", false)] {
        let stand = Stand::without_roles(services, flowcast).await?;
        if !compares {
            let (database, connection) = tokio_postgres::connect(stand.scope.database_url(), NoTls).await?;
            tokio::spawn(connection);
            database.batch_execute(WITHOUT).await?;
        }
        let stand = stand.with_roles(flowcast, consumers).await?;
        pipeline::on(stand, flowcast, title, recipients, figures).await?;
    }
    Ok(())
}
