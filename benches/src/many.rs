//! Many senders, campaigns and workers at once: rates that are used and never exceeded, urgent campaigns, rates that change, and
//! senders that cannot send.
//!
//! The simulator records the arrival of each request. Each campaign has numbers of its own, so an arrival belongs to one sender.

mod arrivals;
mod broken;
mod fleet;
mod hundred;
mod new_rate;
mod refused_claims;
mod urgency;

use crate::figures::Figures;
use crate::flowcast::Flowcast;
use crate::output::line;
use crate::services::Services;

/// The unit of how much of a rate is used.
const USED: &str = "% used";
/// The unit of how much a window has above rate × window + burst.
const EXCESS: &str = "% above";
/// The unit of waiting times.
const SECONDS: &str = "s";

/// Runs all parts, each on its own stand.
pub(crate) async fn run(measured: (&Services, &Flowcast), figures: &mut Figures) -> anyhow::Result<()> {
    line("  a hundred senders");
    Box::pin(hundred::run(measured, figures)).await?;
    line("  an urgent campaign");
    for workers in [1, 12] {
        Box::pin(urgency::run(measured, workers, figures)).await?;
    }
    line("  a rate that changes");
    Box::pin(new_rate::run(measured, figures)).await?;
    line("  one sender of twenty that cannot send");
    Box::pin(broken::run(measured, figures)).await
}
