//! The known flows and templates of a sender, on its page.

use control::{FlowView, ProviderNotice, Right, SenderPage, TemplateView};
use maud::{Markup, html};

use crate::part::button::{Weight, link};
use crate::part::card::flush_beside;
use crate::part::table::{Kind, column, table};
use crate::viewer::Viewer;
use crate::words::{capital, time};

/// The flows whose Flow JSON is known.
pub(crate) fn flows(viewer: &Viewer, page: &SenderPage) -> Markup {
    let own = format!("/senders/{}/flows", page.sender.name);
    let columns = [
        column("Flow", Kind::Name),
        column("Screens", Kind::Text),
        column("Provider says", Kind::Text),
        column("Changed", Kind::Quiet),
    ];
    let row = |flow: &FlowView| {
        let screens: Vec<&str> = flow.screens.iter().map(|screen| screen.id.as_str()).collect();
        vec![
            html! { a class="title" href={ (own) "/" (flow.flow_id) } { (flow.name) } small { (flow.flow_id) } },
            html! { (screens.join(", ")) },
            notice(viewer, page, "flow", &flow.flow_id),
            html! { (time::element(flow.updated_at, viewer.visit.now, &viewer.zone)) small { "by " (flow.updated_by) } },
        ]
    };
    let rows: Vec<Vec<Markup>> = page.flows.iter().map(row).collect();
    let none =
        "With its Flow JSON, a flow has a preview, its screens can be chosen, and answers have their labels.";
    list(
        viewer,
        "Flows",
        ("Add a flow", &own),
        &(if rows.is_empty() { Err(none) } else { Ok(table("Known flows by id", &columns, &rows)) }),
    )
}

/// The templates whose text is known.
pub(crate) fn templates(viewer: &Viewer, page: &SenderPage) -> Markup {
    let own = format!("/senders/{}/templates", page.sender.name);
    let columns = [
        column("Template", Kind::Name),
        column("Text", Kind::Text),
        column("Provider says", Kind::Text),
        column("Changed", Kind::Quiet),
    ];
    let row = |one: &TemplateView| {
        let beginning: String = one.text.body.chars().take(80).collect();
        let is_cut = beginning.len() < one.text.body.len();
        vec![
            html! { a class="title" href={ (own) "/" (one.name) "/" (one.language) } { (one.name) } small { (one.language) } },
            html! { (beginning) @if is_cut { "…" } },
            notice(viewer, page, "template", &one.name),
            html! { (time::element(one.updated_at, viewer.visit.now, &viewer.zone)) small { "by " (one.updated_by) } },
        ]
    };
    let rows: Vec<Vec<Markup>> = page.templates.iter().map(row).collect();
    let none = "With its text, a template has a preview and can be chosen in a new campaign.";
    list(
        viewer,
        "Templates",
        ("Add a template", &own),
        &(if rows.is_empty() { Err(none) } else { Ok(table("Known templates by name", &columns, &rows)) }),
    )
}

fn list(
    viewer: &Viewer,
    title: &str,
    (label, address): (&str, &str),
    rows: &Result<Markup, &'static str>,
) -> Markup {
    let add = viewer.may(Right::Prepare).then(|| link(address, label, Weight::Plain));
    let body = html! { @match rows { Ok(table) => (table), Err(none) => p class="inset aside" { (none) } } };
    flush_beside(title, add.as_ref(), &body)
}

/// What the provider said last about a template or flow.
fn notice(viewer: &Viewer, page: &SenderPage, about: &str, name: &str) -> Markup {
    let found = page.notices.iter().find(|notice| notice.about == about && notice.name == name);
    html! {
        @if let Some(ProviderNotice { status, noticed_at, .. }) = found {
            (capital(&status.to_lowercase().replace('_', " "))) small { "since " (time::element(*noticed_at, viewer.visit.now, &viewer.zone)) }
        } @else { small { "nothing yet" } }
    }
}
