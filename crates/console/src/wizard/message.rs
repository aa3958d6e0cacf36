//! `/campaigns/new` and `/campaigns/ID/message`: the first step.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use campaign::{CampaignId, Definition};
use control::{Caller, Campaign, Error, Idempotency, PageRequest, Problem, SenderView};
use maud::{Markup, html};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::failure::Failure;
use crate::frame::{Page, Section, sentence};
use crate::part::card::{empty, flush};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::faults::{Fault, of_definition};
use crate::wizard::fields::Fields;
use crate::wizard::inputs::{Inputs, summary};
use crate::wizard::known_choice::KnownChoices;
use crate::wizard::message_form::{Around, form};
use crate::wizard::message_preview::{columns, preview_of};
use crate::wizard::{Exit, Step, StepPage, conflict, draft, may_prepare, next_button};

/// The values of a form.
pub(crate) type Sent = Form<Vec<(String, String)>>;

/// What the page shows besides the form.
struct Known {
    senders: Vec<SenderView>,
    draft: Option<Campaign>,
    columns: Vec<String>,
    choices: KnownChoices,
}

impl Known {
    async fn read(console: &Console, viewer: &Viewer, draft: Option<Campaign>) -> Result<Self, Exit> {
        may_prepare(viewer)?;
        let all = PageRequest { after: None, limit: Some(control::MAX_LIMIT) };
        let senders = console.control.senders(&viewer.caller, &all).await?.items;
        let columns = Box::pin(columns(console, viewer, draft.as_ref())).await?;
        let choices = KnownChoices::read(console, viewer).await?;
        Ok(Self { senders, draft, columns, choices })
    }

    /// Refuses fields that control would refuse, at their field.
    fn definition(&self, fields: &Fields) -> Result<Definition, Vec<Fault>> {
        let definition = fields.definition(self.draft.as_ref().map(|draft| &draft.definition))?;
        let faults = self.choices.faults(fields);
        if !faults.is_empty() {
            return Err(faults);
        }
        let sender = self.senders.iter().find(|sender| sender.name == definition.sender);
        let provider = sender.and_then(|sender| sender.provider.parse().ok());
        match provider.map(|provider| definition.check_for(provider)) {
            Some(Err(error)) => Err(vec![of_definition(&error)]),
            Some(Ok(())) | None => Ok(definition),
        }
    }

    fn page(&self, viewer: &Viewer, fields: &Fields, faults: &[Fault], preview: &Markup) -> Markup {
        let address = self
            .draft
            .as_ref()
            .map_or_else(|| "/campaigns/new".to_owned(), |draft| Step::Message.address(draft.campaign_id));
        let hidden = match &self.draft {
            Some(draft) => [("version", draft.version.to_string())],
            // A form that is sent twice creates one draft.
            None => [(
                "once",
                Some(fields.get("once")).filter(|once| !once.is_empty()).map_or_else(new_key, str::to_owned),
            )],
        };
        let around = Around {
            senders: &self.senders,
            known: &self.choices,
            columns: &self.columns,
            address: &address,
            hidden: &hidden,
        };
        let body = html! { (summary(faults)) (form(viewer, Inputs { fields, faults }, &around)) };
        StepPage {
            step: Step::Message,
            draft: self.draft.as_ref(),
            is_checked: false,
            body,
            aside: Some(html! { h2 { "Preview" } div id="preview" { (preview) } }),
            next: Some(next_button("message", "Next: list")),
            back: ("/campaigns".into(), "Leave"),
        }
        .draw(viewer)
    }
}

fn new_key() -> String {
    Uuid::new_v4().to_string()
}

/// `GET /campaigns/new`
pub(crate) async fn new(State(console): State<Arc<Console>>, viewer: Viewer) -> Result<Markup, Exit> {
    let known = Known::read(&console, &viewer, None).await?;
    if known.senders.is_empty() {
        let text = html! { "Before the first campaign, an operator adds a sender on the page " a href="/senders" { "Senders" } "." };
        let page =
            Page::new("New campaign", Section::Campaigns, flush(None, &empty("No sender yet", &text, None)));
        return Ok(page.draw(&viewer));
    }
    let only = if known.senders.len() == 1 { known.senders[0].name.as_str() } else { "" };
    let fields = Fields::new_campaign(only);
    let preview = preview_of(&console, &viewer, None, &fields).await;
    Ok(known.page(&viewer, &fields, &[], &preview))
}

/// `GET /campaigns/ID/message`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Markup, Exit> {
    let draft = draft(&console, &viewer, id).await?;
    let fields = Fields::of(&draft.definition);
    let preview = preview_of(&console, &viewer, Some(&draft), &fields).await;
    Ok(Known::read(&console, &viewer, Some(draft)).await?.page(&viewer, &fields, &[], &preview))
}

/// `POST /campaigns/new`
pub(crate) async fn create(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Form(sent): Sent,
) -> Result<Response, Exit> {
    let mut fields = Fields::sent(sent);
    let known = Known::read(&console, &viewer, None).await?;
    known.choices.complete(&mut fields);
    let definition = match known.definition(&fields) {
        Ok(definition) => definition,
        Err(faults) => return refused(&console, &viewer, &known, (&fields, &faults)).await,
    };
    let caller = once(&viewer.caller, fields.get("once"), &definition);
    match console.control.create_campaign(&caller, &definition).await {
        Ok(done) => Ok(Redirect::to(&Step::List.address(done.result.campaign_id)).into_response()),
        Err(error) => {
            let faults = faults_of(error)?;
            refused(&console, &viewer, &known, (&fields, &faults)).await
        }
    }
}

/// `POST /campaigns/ID/message`
pub(crate) async fn save(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Form(sent): Sent,
) -> Result<Response, Exit> {
    let mut fields = Fields::sent(sent);
    let known = Known::read(&console, &viewer, Some(draft(&console, &viewer, id).await?)).await?;
    known.choices.complete(&mut fields);
    let definition = match known.definition(&fields) {
        Ok(definition) => definition,
        Err(faults) => return refused(&console, &viewer, &known, (&fields, &faults)).await,
    };
    let next = || Ok(Redirect::to(&Step::List.address(id)).into_response());
    let version = fields.get("version").parse().map_err(|_| Failure::of_status(StatusCode::BAD_REQUEST))?;
    // An edit that changes nothing would make the check of the draft outdated.
    if known.draft.as_ref().is_some_and(|draft| draft.version == version && draft.definition == definition) {
        return next();
    }
    match console.control.edit_campaign(&viewer.caller, CampaignId(id), version, &definition).await {
        Ok(_) => next(),
        Err(error) if error.problem() == Problem::VersionConflict => {
            Box::pin(conflict::page(&console, &viewer, id, (&fields, &definition))).await
        }
        Err(error) => {
            let faults = faults_of(error)?;
            refused(&console, &viewer, &known, (&fields, &faults)).await
        }
    }
}

/// The faults of an error that the person can correct.
fn faults_of(error: Error) -> Result<Vec<Fault>, Exit> {
    match error.problem() {
        Problem::InvalidDefinition
        | Problem::ProviderCannot
        | Problem::ConflictState
        | Problem::InvalidBody => Ok(vec![Fault::new("form", sentence(&error.to_string()))]),
        _ => Err(error.into()),
    }
}

async fn refused(
    console: &Console,
    viewer: &Viewer,
    known: &Known,
    (fields, faults): (&Fields, &[Fault]),
) -> Result<Response, Exit> {
    let preview = preview_of(console, viewer, known.draft.as_ref(), fields).await;
    let page = known.page(viewer, fields, faults, &preview);
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// A caller whose request is executed once for this key.
pub(crate) fn once(caller: &Caller, key: &str, content: &impl serde::Serialize) -> Caller {
    let fingerprint = Sha256::digest(serde_json::to_vec(content).unwrap_or_default()).into();
    let idempotency =
        (1..=100).contains(&key.len()).then(|| Idempotency { key: key.to_owned(), fingerprint });
    Caller { idempotency, ..caller.clone() }
}
