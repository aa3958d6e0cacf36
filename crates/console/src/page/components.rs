//! `/dev/components`: every component, for people who build pages and for tests that photograph them. Debug builds only.

use maud::{Markup, html};

use crate::chart::{Band, Bar, BarChart, sparkline};
use crate::frame;
use crate::part::alert::{alert, done, form_error};
use crate::part::badge::badge;
use crate::part::button::{Weight, form, link, submit};
use crate::part::card::{card, empty, flush};
use crate::part::field::Field;
use crate::part::filter::{filter_bar, search, select};
use crate::part::progress::Progress;
use crate::part::segmented::{buttons, links};
use crate::part::table::{Kind, column, table};
use crate::part::tile::{Tile, tiles};
use crate::part::timeline::{Event, timeline};
use crate::visit::Visit;
use crate::words::Tone;

const HALF: Progress =
    Progress { accepted: 700_000, failed: 5_000, unconfirmed: 50, other: 20_000, total: 1_000_000 };

/// The page.
pub(crate) async fn show(visit: Visit) -> Markup {
    let content = html! {
        main id="main" {
            header class="top" { h1 { "Components " (badge(Tone::Info, "Debug build")) } }
            (alert(Tone::Bad, "ke-main is stopped: low balance at Kaleyra", &html! {
                p { "Since 12:57 (E110). 307,350 recipients are waiting; no recipient was lost." }
            }, Some(&html! { (submit("Retry now", Weight::Primary)) (link("#main", "Notify operations", Weight::Plain)) })))
            (alert(Tone::Warn, "Template paused by WhatsApp", &html! { p { "It becomes active again at 15:10." } }, None))
            (form_error("The name or the password is wrong"))
            (done("The password was changed"))
            (controls())
            (list())
            (figures())
        }
    };
    frame::document("Components", &visit, false, &content)
}

fn controls() -> Markup {
    let field = Field {
        name: "name",
        label: "Name",
        kind: "text",
        autocomplete: "off",
        value: "anna",
        hint: Some("Letters and digits"),
        is_wrong: false,
    };
    let wrong = Field { name: "other", label: "Wrong value", is_wrong: true, ..field };
    let body = html! {
        div class="swatches" { @for tone in Tone::ALL { (badge(tone, tone.class())) } }
        div class="swatches" {
            (submit("Primary", Weight::Primary)) (submit("Plain", Weight::Plain)) (submit("Danger…", Weight::Danger))
            (form("#main", "Small", Weight::Plain))
            (links("Range", &[("#main", "15 min", false), ("#main", "1 h", false), ("#main", "All", true)]))
            (buttons("Theme", "theme", &[("system", "System", true), ("light", "Light", false), ("dark", "Dark", false)]))
        }
        div class="form narrow-form" { (field.draw()) (wrong.draw()) }
    };
    card("Controls", Some(&html! { "aside" }), &body)
}

fn list() -> Markup {
    let columns = [
        column("Campaign", Kind::Name),
        column("State", Kind::Text),
        column("Progress", Kind::Wide),
        column("When", Kind::Quiet),
        column("Last hour", Kind::Text),
        column("Delivered", Kind::Number),
    ];
    let row = |name: &str, tone, state: &str| {
        vec![
            html! { a class="title" href="#main" { (name) } small { "ke-main · Kaleyra" } },
            badge(tone, state),
            html! { (HALF.draw()) small { "700,000 / 1,000,000" } },
            html! { "done by 15:04" },
            sparkline(&[3.0, 5.0, 4.0, 6.0, 5.5, 6.0, 2.0]),
            html! { "93 %" },
        ]
    };
    let rows = [
        row("September survey", Tone::Good, "Sending"),
        row("October reminder", Tone::Bad, "Stopped: low balance"),
    ];
    let fields = html! {
        (search("q", "Search", "Campaign name", ""))
        (select("state", "State", &[("", "All states"), ("running", "Running")], ""))
    };
    let body = html! { (filter_bar("/dev/components", &fields, true)) (table("Campaigns", &columns, &rows)) };
    html! { (flush(None, &body)) (flush(Some("Empty"), &empty("No campaign yet", &html! { "The first one appears here." }, Some(&link("#main", "New campaign", Weight::Primary))))) }
}

fn figures() -> Markup {
    let bar = |index: u32| Bar {
        accepted: 60.0 + f64::from(index % 7) * 3.0,
        failed: f64::from(index % 5) / 2.0,
        title: format!("minute {index}"),
    };
    let chart = BarChart {
        label: "Messages per second".into(),
        bars: (0..60)
            .map(|index| if (30..38).contains(&index) { Bar::default() } else { bar(index) })
            .collect(),
        limit: Some(80.0),
        bands: vec![Band { from: 0.5, to: 0.64, label: "Low balance".into() }],
        ticks: vec![(0.0, "11:00".into()), (0.5, "11:30".into()), (1.0, "12:00".into())],
        unit: "/s",
    };
    let shown = [
        Tile::new("Sent", "700,000".into(), "70 % of 1,000,000"),
        Tile::new("Failed", "5,000".into(), "3 reasons").toned(Tone::Bad, 5_000),
        Tile::new("Unconfirmed", "50".into(), "never resent automatically").toned(Tone::Warn, 50),
    ];
    let event = |tone, text: &str| Event { at: html! { time { "13:20" } }, text: html! { (text) }, tone };
    let events = [
        event(Tone::Quiet, "Resumed automatically"),
        event(Tone::Bad, "Stopped: low balance"),
        event(Tone::Warn, "Paused by anna"),
    ];
    html! {
        (card("Progress", None, &html! { (HALF.draw()) (tiles(&shown)) }))
        div class="cols" { (card("Messages per second", None, &chart.draw())) (card("Activity", None, &timeline(&events))) }
    }
}
