//! Cards: one subject of a page.

use maud::{Markup, html};

/// A card with a title.
pub(crate) fn card(title: &str, aside: Option<&Markup>, body: &Markup) -> Markup {
    html! { section class="card" { @if !title.is_empty() || aside.is_some() { (head(title, aside)) } (body) } }
}

/// A card whose content reaches its edges, such as a table.
pub(crate) fn flush(title: Option<&str>, body: &Markup) -> Markup {
    html! { section class="card flush" { @if let Some(title) = title { (head(title, None)) } (body) } }
}

/// The same with something beside the title, such as a button.
pub(crate) fn flush_beside(title: &str, aside: Option<&Markup>, body: &Markup) -> Markup {
    html! { section class="card flush" { (head(title, aside)) (body) } }
}

fn head(title: &str, aside: Option<&Markup>) -> Markup {
    html! {
        div class="row" {
            h2 { (title) }
            @if let Some(aside) = aside { div class="aside" { (aside) } }
        }
    }
}

/// What a card shows instead of an empty list.
pub(crate) fn empty(title: &str, text: &Markup, action: Option<&Markup>) -> Markup {
    html! {
        div class="empty" {
            h2 { (title) }
            p { (text) }
            @if let Some(action) = action { (action) }
        }
    }
}
