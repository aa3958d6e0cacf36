//! `/events`: the events that webhook endpoints receive, for programs that ask for them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use control::EventPage;

use crate::admission::Api;
use crate::body::{Query, Reader};
use crate::page::PageQuery;
use crate::problem::Failure;

/// List events, the oldest first. Keep `next` of the last page and ask with it again for newer events
#[utoipa::path(get, path = "/events", tag = "webhooks", params(PageQuery), responses((status = 200, body = EventPage)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Query(query): Query<PageQuery>,
) -> Result<Json<EventPage>, Failure> {
    Ok(Json(api.control.events(&caller, &query.into()).await?))
}
