//! The numbers of a campaign: progress, funnel, balance.

use campaign::RecipientState;
use control::{CampaignReport, RecipientKind};
use maud::{Markup, html};

use crate::chart;
use crate::part::card::{card, flush};
use crate::part::progress::Progress;
use crate::part::table::{Kind, column, table};
use crate::part::tile::{Tile, tiles};
use crate::words::number::{money, percent, thousands};
use crate::words::state::Label;
use crate::words::{Tone, kind, recipient};

/// The bar and the tiles.
pub(crate) fn progress(report: &CampaignReport, state: &Label) -> Markup {
    let total = report.recipients();
    let waiting = report.pending + report.sending + report.retry;
    let left = if waiting > 0 && state.tone == Tone::Good { state.more.clone() } else { String::new() };
    let of = |state| kind::address(report.campaign_id, RecipientKind::In(state));
    let mut shown = vec![
        Tile::new(
            "Sent",
            thousands(report.accepted),
            format!("{} of {}", percent(report.accepted, total), thousands(total)),
        )
        .linked(of(RecipientState::Accepted)),
        Tile::new("Waiting", thousands(waiting), left).linked(of(RecipientState::Pending)),
        Tile::new("Failed", thousands(report.failed), failed_note(report))
            .linked(of(RecipientState::Failed))
            .toned(Tone::Bad, report.failed),
        Tile::new("Unconfirmed", thousands(report.unknown), "never resent automatically")
            .linked(of(RecipientState::Unknown))
            .toned(Tone::Warn, report.unknown),
    ];
    if let (Some(currency), Some(cost)) = (&report.currency, &report.cost_estimated) {
        let billed =
            report.cost_billed.map(|billed| format!("estimate · {} billed", money(&billed.to_string())));
        shown.push(Tile::new(
            "Cost so far",
            format!("{currency} {}", money(&cost.to_string())),
            billed.unwrap_or_else(|| "estimate".into()),
        ));
    }
    let aside = accounted(report);
    card("Progress", Some(&aside), &html! { (Progress::of(report).draw()) (tiles(&shown)) })
}

/// Messages that were sent and did not arrive are beside those that were not sent.
fn failed_note(report: &CampaignReport) -> String {
    match (report.failed, report.undelivered) {
        (0, 0) => String::new(),
        (_, 0) => "reasons below".into(),
        (_, n) => format!("{} more sent, not delivered", thousands(n)),
    }
}

/// Whether every row is accounted for.
fn accounted(report: &CampaignReport) -> Markup {
    html! {
        @if report.uploaded == 0 { "no list yet" }
        @else if report.difference == 0 {
            "✓ All " (thousands(report.uploaded)) " uploaded rows are accounted for · " a href="#balance" { "balance sheet" }
        }
        @else {
            span class="error" { (thousands(report.difference)) " rows are not accounted for; tell operations" }
        }
    }
}

/// From the list to the answers. Each share is of the row above.
pub(crate) fn funnel(report: &CampaignReport) -> Markup {
    let id = report.campaign_id;
    let address = |of| kind::address(id, of);
    let rows = [
        ("Uploaded", report.uploaded, None, format!("/campaigns/{id}/lists")),
        (
            "Sent",
            report.accepted,
            Some(report.recipients()),
            address(RecipientKind::In(RecipientState::Accepted)),
        ),
        ("Delivered", report.delivered, Some(report.accepted), address(RecipientKind::Delivered)),
        ("Read", report.read, Some(report.delivered), address(RecipientKind::Read)),
        ("Answered", report.answered, Some(report.delivered), address(RecipientKind::Answered)),
    ];
    let body = html! {
        table class="funnel" {
            caption class="sr" { "From the list to the answers" }
            tbody {
                @for (label, n, of, people) in rows {
                    tr {
                        th scope="row" { (label) }
                        td class="fill" { (chart::share(n, report.uploaded)) }
                        td class="n" { @if n > 0 { a href=(people) { (thousands(n)) } } @else { "0" } }
                        td class="share" { @if let Some(of) = of { (percent(n, of)) } }
                    }
                }
            }
        }
        p class="aside" { "Sent: of the recipients. Delivered: of sent. Read and answered: of delivered." }
        @if report.undelivered > 0 { p class="note" { "Reported as not delivered: " a href=(address(RecipientKind::Undelivered)) { (thousands(report.undelivered)) } } }
    };
    card("Funnel", None, &body)
}

/// Every uploaded row is in exactly one line.
pub(crate) fn balance(report: &CampaignReport) -> Markup {
    let columns =
        [column("Rows", Kind::Name), column("Meaning", Kind::Quiet), column("Number", Kind::Number)];
    let line = |label: &str, meaning: &str, n: i64| {
        vec![html! { (label) }, html! { (meaning) }, html! { (thousands(n)) }]
    };
    let linked = |label: &str, meaning: &str, n: i64, address: String| {
        vec![html! { (label) }, html! { (meaning) }, html! { a href=(address) { (thousands(n)) } }]
    };
    let mut rows = vec![line("Uploaded", "rows of all lists", report.uploaded)];
    let not_imported = [
        ("Rejected", "the number or a value is wrong", report.rejected),
        ("Duplicates", "the number is in the list already", report.duplicates),
        ("Suppressed", "on the suppression list at the import", report.suppressed),
        ("Excluded", "recipients of a campaign that was left out", report.excluded),
    ];
    rows.extend(
        not_imported.iter().filter(|(.., n)| *n > 0).map(|(label, meaning, n)| line(label, meaning, *n)),
    );
    let states = RecipientState::ALL.iter().map(|state| (*state, recipient::count(report, *state)));
    rows.extend(states.filter(|(_, n)| *n > 0).map(|(state, n)| {
        let address = kind::address(report.campaign_id, RecipientKind::In(state));
        linked(recipient::label(state), recipient::meaning(state), n, address)
    }));
    rows.push(line("Difference", "uploaded rows that are in no other line; always 0", report.difference));
    html! { div id="balance" { (flush(Some("Balance sheet"), &table("Balance sheet of the uploaded rows", &columns, &rows))) } }
}
