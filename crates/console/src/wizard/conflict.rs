//! Two people edit one draft: the later one sees both versions, and decides.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use campaign::{CampaignId, Definition};
use control::{Action, Campaign, CampaignEvent};
use maud::{Markup, html};

use crate::frame::{Page, Section};
use crate::part::alert::alert;
use crate::part::button::{Weight, link, submit};
use crate::part::card::flush;
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::difference::{self, Difference};
use crate::wizard::fields::Fields;
use crate::wizard::{Exit, Step, draft};
use crate::words::Tone;

/// The page with both versions. Nothing was stored.
pub(crate) async fn page(
    console: &Console,
    viewer: &Viewer,
    id: i64,
    (fields, own): (&Fields, &Definition),
) -> Result<Response, Exit> {
    let stored = draft(console, viewer, id).await?;
    let events = console.control.campaign_page(&viewer.caller, CampaignId(id), None).await?.events;
    let found = difference::between(own, &stored.definition);
    let page = draw(viewer, &stored, editor(&events), (fields, &found));
    Ok((StatusCode::CONFLICT, page).into_response())
}

/// Who edited the draft last.
fn editor(events: &[CampaignEvent]) -> &str {
    let edit = Action::EditCampaign.word();
    let last = events.iter().find(|event| event.action == edit && event.outcome == "done");
    last.map_or("another person", |event| &event.actor)
}

fn draw(
    viewer: &Viewer,
    stored: &Campaign,
    editor: &str,
    (fields, found): (&Fields, &[Difference]),
) -> Markup {
    let id = stored.campaign_id;
    let title = format!("{editor} changed this campaign while you edited it");
    let text =
        html! { p { "Nothing of your version was stored yet. Compare both versions, then keep one." } };
    let body = html! {
        (alert(Tone::Warn, &title, &text, None))
        (flush(Some("Both versions"), &difference::draw("Parts that differ", ("Your version", "Stored version"), found)))
        form method="post" action=(Step::Message.address(id)) {
            @for (name, value) in fields.pairs().filter(|(name, _)| *name != "version") { input type="hidden" name=(name) value=(value); }
            // The version that the person sees now: a third edit meanwhile is shown again.
            input type="hidden" name="version" value=(stored.version);
            div class="actions" {
                (submit("Keep your version", Weight::Plain))
                (link(&Step::Message.address(id), "Keep the stored version", Weight::Primary))
            }
        }
    };
    let page = Page::new("Two versions", Section::Campaigns, body);
    Page { parent: Some(("/campaigns", "Campaigns")), ..page }.draw(viewer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;

    #[test]
    fn both_versions_are_shown_and_the_form_carries_the_version_that_was_seen() {
        let stored = crate::wizard::tests::draft(0);
        let mut own = stored.definition.clone();
        own.name = "Mine <b>".into();
        let fields = Fields::of(&own);
        let found = difference::between(&own, &stored.definition);
        let page = draw(&viewer(), &stored, "anna", (&fields, &found)).into_string();
        for expected in [
            "Anna changed this campaign",
            "Mine &lt;b&gt;",
            "September survey",
            r#"name="version" value="3""#,
            r#"name="name" value="Mine &lt;b&gt;""#,
        ] {
            assert!(page.to_lowercase().contains(&expected.to_lowercase()), "{expected} is not in {page}");
        }
    }

    #[test]
    fn the_last_successful_edit_names_the_editor() {
        let event = |actor: &str, action: Action, outcome: &str| CampaignEvent {
            at: "2026-11-30T11:02:31Z".parse().unwrap(),
            actor: actor.into(),
            action: action.word().into(),
            outcome: outcome.into(),
        };
        let events = [
            event("me", Action::EditCampaign, "refused"),
            event("ops", Action::CheckCampaign, "done"),
            event("anna", Action::EditCampaign, "done"),
        ];
        assert_eq!((editor(&events), editor(&events[..2])), ("anna", "another person"));
    }
}
