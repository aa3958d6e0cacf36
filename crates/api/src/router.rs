//! The routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::get;
use control::{Control, Live, Problem};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::admission::{Api, admit};
use crate::answer::{answer, no_route};
use crate::config::Config;
use crate::openapi;
use crate::problem::{Failure, Kind};
use crate::resources::{
    accounts, answers, audit, campaigns, events, flows, jobs, keys, list_reports, lists, live, preview,
    prices, recipients, running, sender_stops, senders, suppressions, system, templates, waiting,
    webhook_endpoints,
};

/// The routes that need a key, below `/api/v1`, and their document.
pub(crate) fn routes() -> (Router<Arc<Api>>, OpenApi) {
    OpenApiRouter::with_openapi(openapi::base())
        .merge(of_campaigns())
        .merge(of_senders_and_jobs())
        .merge(of_the_installation())
        .split_for_parts()
}

fn of_campaigns() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(campaigns::list, campaigns::create))
        .routes(routes!(campaigns::show, campaigns::edit, campaigns::delete))
        .routes(routes!(campaigns::clone))
        .routes(routes!(campaigns::report))
        .routes(routes!(campaigns::errors))
        .routes(routes!(campaigns::waiting))
        .routes(routes!(recipients::list))
        .routes(routes!(recipients::show))
        .routes(routes!(recipients::number))
        .routes(routes!(recipients::export))
        .routes(routes!(answers::list))
        .routes(routes!(recipients::timeline))
        .routes(routes!(recipients::countries))
        .routes(routes!(answers::summary))
        .routes(routes!(list_reports::list, lists::import))
        .routes(routes!(list_reports::show))
        .routes(routes!(list_reports::rejections))
        .routes(routes!(list_reports::conservation))
        .routes(routes!(preview::preview))
        .routes(routes!(preview::test))
        .routes(routes!(running::start))
        .routes(routes!(running::approval, running::request_start))
        .routes(routes!(running::pause))
        .routes(routes!(running::resume))
        .routes(routes!(running::end))
        .routes(routes!(lists::annotated))
}

fn of_senders_and_jobs() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(jobs::check))
        .routes(routes!(jobs::retry))
        .routes(routes!(jobs::resolve))
        .routes(routes!(jobs::archive))
        .routes(routes!(jobs::show, jobs::give_up))
        .routes(routes!(jobs::check_counters))
        .routes(routes!(senders::list, senders::add))
        .routes(routes!(senders::show, senders::change))
        .routes(routes!(senders::webhook))
        .routes(routes!(sender_stops::hold))
        .routes(routes!(sender_stops::resume))
        .routes(routes!(sender_stops::probe))
        .routes(routes!(sender_stops::stops))
        .routes(routes!(prices::show, prices::replace))
        .routes(routes!(flows::list))
        .routes(routes!(flows::show, flows::replace, flows::remove))
        .routes(routes!(templates::list))
        .routes(routes!(templates::show, templates::replace, templates::remove))
        .routes(routes!(suppressions::list, suppressions::add))
        .routes(routes!(suppressions::count))
        .routes(routes!(suppressions::import))
        .routes(routes!(suppressions::lookup))
        .routes(routes!(suppressions::remove_number))
        .routes(routes!(suppressions::remove))
}

fn of_the_installation() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(waiting::list))
        .routes(routes!(live::live))
        .routes(routes!(audit::list))
        .routes(routes!(audit::check))
        .routes(routes!(system::show))
        .routes(routes!(system::dead_letters))
        .routes(routes!(system::redrive))
        .routes(routes!(events::list))
        .routes(routes!(webhook_endpoints::list, webhook_endpoints::add))
        .routes(routes!(webhook_endpoints::show, webhook_endpoints::change, webhook_endpoints::remove))
        .routes(routes!(webhook_endpoints::renew))
        .routes(routes!(webhook_endpoints::ping))
        .routes(routes!(webhook_endpoints::deliveries))
        .routes(routes!(webhook_endpoints::resend))
        .routes(routes!(webhook_endpoints::recover))
        .routes(routes!(keys::list))
        .routes(routes!(keys::show, keys::revoke))
        .routes(routes!(accounts::list, accounts::add))
        .routes(routes!(accounts::show, accounts::change))
        .routes(routes!(accounts::link))
}

/// The API. It needs the extension `Arc<listener::connections::Connection>` on its requests to know addresses of clients.
pub fn router(control: Control, live: Live, config: Config) -> Router {
    let api = Arc::new(Api::new(control, live, config));
    let (routes, _) = routes();
    let protected = routes.route_layer(from_fn_with_state(Arc::clone(&api), admit)).with_state(api);
    let document: Arc<str> = openapi::document().into();
    let serve = move || {
        let document = document.to_string();
        async move { ([(CONTENT_TYPE, "application/json")], document) }
    };
    Router::new()
        .nest("/api/v1", protected)
        .route("/api/v1/openapi.json", get(serve))
        .route("/problems/{name}", get(problem))
        .fallback(no_route)
        .layer(from_fn(answer))
}

/// The page that the type of a problem points to.
async fn problem(Path(name): Path<String>) -> Result<impl IntoResponse, Failure> {
    let found = Kind::all().find(|kind| kind.word() == name);
    let kind = found.ok_or_else(|| Failure::of(Problem::NotFound, "there is no such kind of problem"))?;
    let text = format!("{}\n\n{} (status {})\n", kind.word(), kind.title(), kind.status().as_u16());
    Ok(([(CONTENT_TYPE, "text/plain; charset=utf-8")], text))
}
