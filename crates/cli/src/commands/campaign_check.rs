//! `flowcast campaign check`: whether a campaign can be started, and what would happen.

use std::time::Duration;

use campaign::CampaignId;
use control::{Check, Cost, CostOfCountry, minute};
use jiff::Timestamp;

use crate::exit::Refused;
use crate::plane::Plane;
use crate::terminal::output::{line, thousands};

/// The number of countries that are printed; the JSON has all.
const MOST_EXPENSIVE: usize = 5;

/// Prints the check; fails if the campaign cannot be started.
pub(crate) async fn run(plane: &Plane, id: CampaignId, json: bool) -> anyhow::Result<()> {
    let check = plane.check_campaign(id).await?;
    if json {
        line(serde_json::to_string_pretty(&check)?);
    } else {
        print(&check);
    }
    match check.problem {
        Some(problem) => Err(Refused(problem).into()),
        None => Ok(()),
    }
}

fn print(check: &Check) {
    let Check { campaign_id: id, recipients, .. } = check;
    let left_out = [
        ("duplicates", check.duplicates),
        ("suppressed", check.suppressed),
        ("excluded", check.excluded),
        ("rejected", check.rejected),
    ];
    for list in &check.lists {
        let column =
            list.number_column.as_ref().map(|name| format!("; the numbers are those of column '{name}'"));
        line(format!("{}: {}{}", list.source, list.form, column.unwrap_or_default()));
    }
    line(format!("  {:>12}  uploaded", thousands(check.uploaded)));
    for (what, n) in left_out.into_iter().filter(|(_, n)| *n > 0) {
        line(format!("- {:>12}  {what}", thousands(n)));
    }
    line(format!("= {:>12}  recipients", thousands(*recipients)));
    print_time(check.begins_at, check.seconds, check.finished_at);
    if let Some(cost) = &check.cost {
        print_cost(cost);
    }
    for sample in &check.samples {
        line(format!("\nrecipient {} gets:", sample.seq));
        let texts = [sample.header.as_ref(), Some(&sample.body), sample.footer.as_ref()];
        texts.into_iter().flatten().for_each(|text| line(format!("    {}", text.replace('\n', "\n    "))));
        if let Some(button) = &sample.button {
            line(format!("    [{button}]"));
        }
    }
    for warning in &check.warnings {
        line(format!("warning: {warning}"));
    }
    if check.can_start {
        line(format!("campaign {id} can be started"));
    }
}

/// Prints when sending begins and ends; `seconds` is the time of sending.
fn print_time(begins_at: Option<Timestamp>, seconds: Option<u64>, ends_at: Option<Timestamp>) {
    if let Some(begins_at) = begins_at.filter(|begins_at| *begins_at > Timestamp::now()) {
        line(format!("sending begins at {}", minute(begins_at)));
    }
    let Some(seconds) = seconds else { return };
    let time = humantime::format_duration(Duration::from_secs(seconds));
    line(match ends_at {
        Some(ends_at) => format!("at its rate sending takes {time}, until {}", minute(ends_at)),
        None => format!("at its rate sending takes {time}, spread over years by its sending hours"),
    });
}

/// Prints the total and the most expensive countries.
fn print_cost(cost: &Cost) {
    let Cost { currency, priced, .. } = cost;
    line(match cost.unpriced {
        0 => format!("the cost is about {priced} {currency}"),
        n => format!("the cost is at least {priced} {currency}; {} recipients have no price", thousands(n)),
    });
    for country in cost.countries.iter().take(MOST_EXPENSIVE) {
        let CostOfCountry { calling_code, recipients, .. } = country;
        let what = match (&country.price, &country.cost) {
            (Some(price), Some(cost)) => format!("at {price}: {cost} {currency}"),
            _ => "have no price".to_owned(),
        };
        line(format!("  {:>12}  to +{calling_code} {what}", thousands(*recipients)));
    }
    if let Some(more) = cost.countries.len().checked_sub(MOST_EXPENSIVE).filter(|more| *more > 0) {
        line(format!("  and {more} more countries"));
    }
}
