//! Pages: parameters, and the link to the next page.

use axum::Json;
use axum::http::header::LINK;
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use control::{Page, PageRequest};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// Which page of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// `next` of the previous page; left out: the first page.
    #[serde(default)]
    after: Option<String>,
    /// The most items, 1 to 200; left out: 50.
    #[serde(default)]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

impl From<PageQuery> for PageRequest {
    fn from(query: PageQuery) -> Self {
        Self { after: query.after, limit: query.limit }
    }
}

/// The answer with a page and the link to the next one.
pub(crate) fn answer<T: Serialize>(uri: &Uri, page: &Page<T>) -> Response {
    let next = page.next.as_deref().map(|next| next_link(uri, next));
    let mut response = Json(page).into_response();
    if let Some(link) = next.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(LINK, link);
    }
    response
}

/// The address of this page with another `after`. The values of `next` need no escapes.
fn next_link(uri: &Uri, next: &str) -> String {
    let others = uri.query().unwrap_or_default().split('&');
    let others = others.filter(|parameter| !parameter.is_empty() && !parameter.starts_with("after="));
    let query: Vec<&str> = others.collect();
    let after = format!("after={next}");
    let query = query.into_iter().chain([after.as_str()]).collect::<Vec<_>>().join("&");
    format!("<{}?{query}>; rel=\"next\"", uri.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_keeps_the_other_parameters() {
        let link = |uri: &str| next_link(&uri.parse().unwrap(), "9");
        assert_eq!(link("/api/v1/audit"), "</api/v1/audit?after=9>; rel=\"next\"");
        assert_eq!(
            link("/api/v1/audit?after=20&limit=2&actor=anna"),
            "</api/v1/audit?limit=2&actor=anna&after=9>; rel=\"next\""
        );
    }
}
