//! What every page has: head, navigation, title, and the person who is logged in.

use control::Right;
use maud::{DOCTYPE, Markup, html};

use crate::assets::{Name, path};
use crate::failure::Failure;
use crate::part::follow::{Follow, live_state};
use crate::part::icon::{Icon, icon, logo};
use crate::part::parts::Parts;
use crate::viewer::Viewer;
use crate::visit::Visit;
use crate::words::{capital, time};

/// htmx: its extensions, no style of its own, no history of its own, and pages of errors are not put into a part.
const HTMX: &str = r#"{"extensions":"sse,hx-csp","includeIndicatorCSS":false,"history":false,"noSwap":[204,304,"4xx","5xx"]}"#;

/// A section of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Campaigns,
    Senders,
    Recipients,
    Activity,
    Settings,
}

impl Section {
    const ALL: [(Self, &'static str, &'static str, Icon); 5] = [
        (Self::Campaigns, "/campaigns", "Campaigns", Icon::Campaigns),
        (Self::Senders, "/senders", "Senders", Icon::Senders),
        (Self::Recipients, "/recipients", "Recipients", Icon::Recipients),
        (Self::Activity, "/activity", "Activity", Icon::Activity),
        (Self::Settings, "/settings", "Settings", Icon::Settings),
    ];

    /// Whether the section is shown to a person.
    fn is_for(self, viewer: &Viewer) -> bool {
        match self {
            Self::Campaigns | Self::Senders | Self::Settings => true,
            Self::Recipients => viewer.may(Right::ViewRecipients),
            Self::Activity => viewer.may_everywhere(Right::ViewAudit),
        }
    }
}

/// A page in the frame.
pub(crate) struct Page<'a> {
    /// The title in the browser, which begins with the thing.
    pub(crate) title: &'a str,
    /// The section of the navigation that the page belongs to.
    pub(crate) section: Option<Section>,
    /// The page above this one: its address and its name.
    pub(crate) parent: Option<(&'a str, &'a str)>,
    /// What stands beside the heading, such as the state.
    pub(crate) badge: Option<Markup>,
    /// One line below the heading.
    pub(crate) summary: Option<Markup>,
    /// Buttons on the right of the heading.
    pub(crate) actions: Option<Markup>,
    /// Where live parts come from.
    pub(crate) follow: Option<Follow>,
    /// The live parts that the frame has: the mark, and what screen readers say.
    pub(crate) live: Option<Parts>,
    /// Whether the page loads the scripts: parts of it are drawn again, or it has dialogs.
    pub(crate) is_live: bool,
    /// The content.
    pub(crate) body: Markup,
}

impl<'a> Page<'a> {
    /// A page with a heading and a content.
    pub(crate) fn new(title: &'a str, section: Section, body: Markup) -> Self {
        let section = Some(section);
        Self {
            title,
            section,
            parent: None,
            badge: None,
            summary: None,
            actions: None,
            follow: None,
            live: None,
            is_live: false,
            body,
        }
    }

    /// The whole document.
    pub(crate) fn draw(self, viewer: &Viewer) -> Markup {
        let is_live = self.is_live || self.follow.is_some();
        let content = html! {
            a class="skip" href="#main" { "Skip to content" }
            div class="app" {
                (rail(&self, viewer))
                main id="main" {
                    (heading(&self))
                    (self.body)
                    (foot(viewer))
                }
            }
            @if let Some(follow) = &self.follow { (follow.connect(&viewer.visit)) }
            @if is_live { dialog id="dialog" aria-label="Action" {} }
        };
        document(self.title, &viewer.visit, is_live, &content)
    }
}

fn heading(page: &Page<'_>) -> Markup {
    html! {
        header class="top" {
            div {
                @if let Some((address, name)) = page.parent {
                    nav class="crumb" aria-label="Breadcrumb" { a href=(address) { (name) } " /" }
                }
                h1 { (page.title) @if let Some(badge) = &page.badge { " " (badge) } }
                @if let Some(summary) = &page.summary { p class="sub" { (summary) } }
            }
            @if let Some(actions) = &page.actions { div class="actions" id="live-actions" { (actions) } }
        }
    }
}

fn rail(page: &Page<'_>, viewer: &Viewer) -> Markup {
    let name = viewer.caller.name();
    let initials: String = name.chars().take(2).flat_map(char::to_uppercase).collect();
    html! {
        header class="rail" {
            p class="logo" { (logo()) }
            nav aria-label="Main" {
                ul {
                    @for (own, address, label, drawn) in Section::ALL.into_iter().filter(|(own, ..)| own.is_for(viewer)) {
                        li {
                            a href=(address) aria-current=[(page.section == Some(own)).then_some("page")] { (icon(drawn)) (label) }
                        }
                    }
                }
            }
            @if let Some(parts) = &page.live { (live_state(parts)) }
            div class="who" {
                span class="initials" aria-hidden="true" { (initials) }
                span {
                    span class="name" { (name) }
                    small { (viewer.role) }
                }
                form method="post" action="/log-out" { button class="link" { "Log out" } }
            }
        }
    }
}

fn foot(viewer: &Viewer) -> Markup {
    let now = viewer.visit.now;
    html! {
        footer class="foot" {
            "As of " (time::clock_with_seconds(now, &viewer.zone)) " · times in " (time::zone_name(&viewer.zone))
        }
    }
}

/// A page for people who are not logged in: one card.
pub(crate) fn bare(title: &str, visit: &Visit, body: &Markup) -> Markup {
    let content = html! {
        main id="main" class="bare" {
            p class="logo" { (logo()) }
            section class="card" { h1 { (title) } (body) }
        }
    };
    document(title, visit, false, &content)
}

/// The page of an error, in the frame of the person if one is logged in.
pub(crate) fn error(visit: &Visit, viewer: Option<&Viewer>, failure: &Failure) -> Markup {
    let title = failure.title();
    let way_back = html! {
        p { (sentence(&failure.text)) }
        p class="actions" {
            @if viewer.is_some() { a class="button" href="/campaigns" { "Go to campaigns" } }
            @else { a class="button" href="/log-in" { "Log in" } }
        }
        p class="reference" { "Reference " code { (visit.id) } }
    };
    match viewer {
        None => bare(title, visit, &way_back),
        Some(viewer) => {
            let body = html! { section class="card" { (way_back) } };
            let page = Page { section: None, ..Page::new(title, Section::Campaigns, body) };
            page.draw(viewer)
        }
    }
}

/// An error as a sentence of a page: with a capital letter and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let stop = if text.ends_with(['.', '?', '!', ')']) { "" } else { "." };
    format!("{}{stop}", capital(text))
}

/// The whole document; a live one loads htmx.
pub(crate) fn document(title: &str, visit: &Visit, is_live: bool, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(visit.theme.word()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Flowcast" }
                link rel="icon" href=(path(Name::Icon)) type="image/svg+xml";
                link rel="stylesheet" href=(path(Name::Style));
                @if is_live {
                    meta name="htmx-config" content=(HTMX);
                }
            }
            body {
                (content)
                // Not deferred: htmx would then begin as soon as it is loaded, perhaps before its extensions, and process the page
                // without the gate of hx-csp.
                @if is_live {
                    @for name in [Name::Htmx, Name::HtmxSse, Name::HtmxCsp, Name::Script] { script src=(path(name)) nonce=(visit.nonce) {} }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::visit::Theme;

    #[test]
    fn an_error_is_a_sentence() {
        assert_eq!(sentence("there is no campaign 7"), "There is no campaign 7.");
        assert_eq!(sentence(""), ".");
    }

    #[test]
    fn texts_are_escaped_and_a_page_without_live_parts_loads_no_script() {
        let visit = Visit::new(Theme::Dark);
        let failure = Failure::not_found("there is no <script>alert(1)</script>");
        let page = error(&visit, None, &failure).into_string();
        assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script"), "{page}");
        assert!(page.contains(r#"data-theme="dark""#) && page.contains(&visit.id.to_string()), "{page}");
        let live = document("x", &visit, true, &html! {}).into_string();
        assert_eq!(live.matches(&format!("nonce=\"{}\"></script>", visit.nonce)).count(), 4, "{live}");
        assert!(!live.contains("defer") && !live.contains("async"), "{live}");
    }
}
