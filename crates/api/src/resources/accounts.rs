//! `/accounts`: accounts of people. A person sets the password with a one-time link, which is in the answer that created it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use control::{Account, AccountEdit, AccountLink, Done, LinkedAccount, NewAccount, Page};

use crate::admission::Api;
use crate::body::{Empty, Path, Reader, Write};
use crate::problem::Failure;
use crate::{etag, resources::changed};

/// List all accounts, by name
#[utoipa::path(get, path = "/accounts", tag = "accounts", responses((status = 200, body = Page<Account>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
) -> Result<Json<Page<Account>>, Failure> {
    Ok(Json(Page { items: api.control.accounts(&caller).await?, next: None }))
}

/// Add an account, and create the link with which the person sets the password
#[utoipa::path(post, path = "/accounts", tag = "accounts", request_body = NewAccount,
    responses((status = 201, body = LinkedAccount)))]
pub(crate) async fn add(
    State(api): State<Arc<Api>>,
    Write { caller, body }: Write<NewAccount>,
) -> Result<Response, Failure> {
    Ok(linked(StatusCode::CREATED, api.control.add_account(&caller, body).await?))
}

/// Show an account
#[utoipa::path(get, path = "/accounts/{name}", tag = "accounts",
    params(("name" = String, Path, description = "Name of the account")),
    responses((status = 200, body = Account), (status = 304, description = "not changed")))]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(etag::versioned(&headers, &api.control.account(&caller, &name).await?))
}

/// Change the rights of an account, or disable it
#[utoipa::path(patch, path = "/accounts/{name}", tag = "accounts",
    params(("name" = String, Path, description = "Name of the account"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the account that was read; left out: any")),
    request_body = AccountEdit, responses((status = 200, body = Account)))]
pub(crate) async fn change(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Write { caller, body }: Write<AccountEdit>,
) -> Result<Response, Failure> {
    let done = api.control.change_account(&caller, &name, body).await?;
    Ok(etag::with_new_tag(changed(StatusCode::OK, &done), &done.result))
}

/// Create a new link for an account; its earlier links become invalid
#[utoipa::path(post, path = "/accounts/{name}/link", tag = "accounts",
    params(("name" = String, Path, description = "Name of the account")), request_body = Option<Empty>,
    responses((status = 200, body = LinkedAccount)))]
pub(crate) async fn link(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(linked(StatusCode::OK, api.control.new_link(&caller, &name).await?))
}

fn linked(status: StatusCode, done: Done<AccountLink>) -> Response {
    let Done { result, is_replayed } = done;
    changed(status, &Done { result: LinkedAccount::from(result), is_replayed })
}
