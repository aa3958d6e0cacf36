//! `/senders/{name}/prices`

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use control::{NewPrices, PricesView, Problem};

use crate::admission::Api;
use crate::body::{Path, Reader, Write};
use crate::etag;
use crate::problem::Failure;
use crate::resources::changed;

/// Show the price list of a sender
#[utoipa::path(get, path = "/senders/{name}/prices", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender")),
    responses((status = 200, body = PricesView), (status = 304, description = "not changed")))]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let prices = api.control.prices(&caller, &name).await?;
    let prices = prices.ok_or_else(|| {
        Failure::of(Problem::NotFound, format!("sender {name} has no prices; PUT a price list"))
    })?;
    Ok(etag::versioned(&headers, &prices))
}

/// Replace the price list of a sender
#[utoipa::path(put, path = "/senders/{name}/prices", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the price list that was read; left out: any")),
    request_body = NewPrices,
    responses((status = 200, body = PricesView)))]
pub(crate) async fn replace(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Write { caller, body }: Write<NewPrices>,
) -> Result<Response, Failure> {
    let list = body.list()?;
    let done = api.control.set_prices(&caller, &name, &list).await?;
    Ok(etag::with_new_tag(changed(StatusCode::OK, &done), &done.result))
}
