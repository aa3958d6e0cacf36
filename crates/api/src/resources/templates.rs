//! `/senders/{name}/templates`

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use control::{NewTemplate, Page, TemplateView};

use crate::admission::Api;
use crate::body::{Empty, Path, Query, Reader, Write};
use crate::page::{self, PageQuery};
use crate::problem::Failure;
use crate::{etag, resources::changed};

/// List the templates of a sender whose text is known, by name and language
#[utoipa::path(get, path = "/senders/{name}/templates", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender"), PageQuery),
    responses((status = 200, body = Page<TemplateView>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(name): Path<String>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    Ok(page::answer(&uri, &api.control.templates(&caller, &name, &query.into()).await?))
}

/// Show the text of a template
#[utoipa::path(get, path = "/senders/{name}/templates/{template}/{language}", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender"), ("template" = String, Path, description = "Name of the template"),
        ("language" = String, Path, description = "Language of the template, such as en_US")),
    responses((status = 200, body = TemplateView), (status = 304, description = "not changed")))]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path((name, template, language)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let found = api.control.template(&caller, &name, (&template, &language)).await?;
    Ok(etag::versioned(&headers, &found))
}

/// Add the text of a template to a sender, or replace it. Nothing is sent to the provider
#[utoipa::path(put, path = "/senders/{name}/templates/{template}/{language}", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender"), ("template" = String, Path, description = "Name of the template"),
        ("language" = String, Path, description = "Language of the template, such as en_US"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the template that was read; left out: any")),
    request_body = NewTemplate,
    responses((status = 200, body = TemplateView)))]
pub(crate) async fn replace(
    State(api): State<Arc<Api>>,
    Path((name, template, language)): Path<(String, String, String)>,
    Write { caller, body }: Write<NewTemplate>,
) -> Result<Response, Failure> {
    let done = api.control.set_template(&caller, &name, (&template, &language), &body).await?;
    Ok(etag::with_new_tag(changed(StatusCode::OK, &done), &done.result))
}

/// Remove the text of a template. Campaigns that use the template go on
#[utoipa::path(delete, path = "/senders/{name}/templates/{template}/{language}", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender"), ("template" = String, Path, description = "Name of the template"),
        ("language" = String, Path, description = "Language of the template, such as en_US"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the template that was read; left out: any")),
    responses((status = 200, body = TemplateView)))]
pub(crate) async fn remove(
    State(api): State<Arc<Api>>,
    Path((name, template, language)): Path<(String, String, String)>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    let done = api.control.remove_template(&caller, &name, (&template, &language)).await?;
    Ok(changed(StatusCode::OK, &done))
}
