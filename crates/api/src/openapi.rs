//! The document of the API (`OpenAPI` 3.1). Paths and schemas come from the handlers; what all requests share is added here.

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{OpenApi, PathItem, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema};

use crate::problem::{FieldError, Kind, ProblemDetails};

const SCHEME: &str = "api_key";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Flowcast API",
        version = "1",
        description = "Send bulk WhatsApp Flow campaigns. Times are RFC 3339 in UTC; money is decimal text. \
            Lists are pages: pass `next` of a page as `after`. Failed requests are problem details (RFC 9457)."
    ),
    components(schemas(ProblemDetails, FieldError)),
    servers((url = "/api/v1")),
    tags(
        (name = "campaigns", description = "Campaigns: a message, a list and a sender"),
        (name = "jobs", description = "Long actions"),
        (name = "senders", description = "Senders: a number, an API key and a rate at a provider"),
        (name = "suppressions", description = "Numbers that must not get messages"),
        (name = "system", description = "Waiting recipients, audit, dead letters"),
        (name = "webhooks", description = "Events, and the webhook endpoints that receive them"),
        (name = "accounts", description = "Accounts of people"),
        (name = "keys", description = "API keys")
    )
)]
struct Base;

/// The document without paths.
pub(crate) fn base() -> OpenApi {
    let mut document = Base::openapi();
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("fc_…").build();
    if let Some(components) = &mut document.components {
        components.add_security_scheme(SCHEME, SecurityScheme::Http(scheme));
    }
    document.security = Some(vec![SecurityRequirement::new(SCHEME, Vec::<String>::new())]);
    document
}

/// Adds what all operations share: problems, the key of repeated requests, the id of a request.
pub(crate) fn complete(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        let is_question = ["/lookup", "/preview"].iter().any(|end| path.ends_with(end));
        for (method, operation) in operations(item) {
            // Names of handlers are not unique.
            operation.operation_id =
                Some(format!("{method}{}", path.replace('/', "_").replace(['{', '}'], "")));
            add_problems(operation);
            simplify_body(operation);
            let parameters = operation.parameters.get_or_insert_with(Vec::new);
            if method == "post" && !is_question {
                parameters.push(RefOr::T(idempotency_key()));
            }
        }
    }
    document
}

/// The document, as it is served and committed.
pub fn document() -> String {
    let (_, document) = crate::router::routes();
    let mut text = serde_json::to_string_pretty(&complete(document)).unwrap_or_default();
    text.push('\n');
    text
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [("get", get), ("put", put), ("post", post), ("delete", delete), ("patch", patch)];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn add_problems(operation: &mut Operation) {
    let mut kinds: Vec<Kind> = Kind::all().collect();
    kinds.sort_by_key(|kind| kind.status());
    for status in kinds.iter().map(|kind| kind.status().as_u16()).collect::<std::collections::BTreeSet<_>>() {
        let named: Vec<&str> =
            kinds.iter().filter(|kind| kind.status().as_u16() == status).map(|kind| kind.word()).collect();
        let content =
            ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemDetails::name()))).build();
        let response = ResponseBuilder::new()
            .description(format!("problem: {}", named.join(", ")))
            .content("application/problem+json", content)
            .build();
        operation.responses.responses.insert(status.to_string(), RefOr::T(response));
    }
}

/// A body that may be left out is documented as an object or null; null itself is refused.
fn simplify_body(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else { return };
    for content in body.content.values_mut() {
        let RefOr::T(content) = content else { continue };
        let Some(RefOr::T(Schema::OneOf(either))) = &content.schema else { continue };
        let object = either.items.iter().find(|item| matches!(item, RefOr::Ref(_))).cloned();
        content.schema = object.or_else(|| content.schema.take());
        body.required = Some(Required::False);
    }
}

fn idempotency_key() -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some("^[ -~]+$"));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some(
            "A new random value for each request; the same value when a request is repeated. The answer to a request with the same \
             value in the last 24 hours is sent again, and nothing is changed.",
        ))
        .schema(Some(Schema::Object(schema.build())))
        .build()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::document;

    #[test]
    fn the_committed_document_is_that_of_the_routes() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
        let document = document();
        if std::env::var_os("FLOWCAST_UPDATE_OPENAPI").is_some_and(|value| value == "1") {
            std::fs::write(&path, &document).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        let message = "the API changed. If that is intended, renew docs/openapi.json with FLOWCAST_UPDATE_OPENAPI=1 cargo test -p api, \
                       and name the change in CHANGELOG.md";
        assert!(document == committed, "{message}");
    }
}
