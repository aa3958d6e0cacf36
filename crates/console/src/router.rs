//! The routes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Redirect;
use axum::routing::{get, post};
use control::{Control, Live};
use ipnet::IpNet;
use jiff::tz::TimeZone;
use listener::unlisted_proxies::UnlistedProxies;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use crate::answer::{answer, panicked};
use crate::assets;
use crate::config::{Config, Proxies};
use crate::cookie::Cookies;
use crate::csrf;
use crate::failure::Failure;
use crate::live::feeds::Feeds;
use crate::local_number::LocalCountry;
use crate::page::admit::require_session;
use crate::page::campaign::action::{end, pause, resolve, retry};
use crate::page::campaign::recipients::{self as people_of, one};
use crate::page::campaign::{answers, export, lists, message as rules};
use crate::page::settings::{account, accounts, keys, system, webhook, webhooks};
use crate::page::stream;
use crate::page::{
    activity, campaign, campaigns, company, flow, link, log_in, new_sender, people, second_factor, sender,
    sender_action, sender_settings, senders, settings, template,
};
use crate::recent::Recent;
use crate::session::Console;
use crate::summaries::Summaries;
use crate::uploads::{UploadLimits, Uploads};
use crate::wizard::{approval, check, links, list, message, message_preview, start, trial, upload};

/// The longest form in bytes.
const MAX_FORM: usize = 64 * 1024;
/// The longest form of a flow in bytes: a file and a pasted text.
const MAX_FLOW: usize = 2 * ::campaign::MAX_FLOW_JSON + MAX_FORM;
/// The time limit of a request, its body included. A page takes milliseconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The time limit of a request that sends test messages.
const TEST_TIMEOUT: Duration = Duration::from_mins(2);

/// The pages, and the API below `/api` and `/problems`. It needs the extension `Arc<listener::connections::Connection>` on its
/// requests to know addresses of clients.
pub fn router(
    (control, live): (Control, Live),
    (config, listen): (&Config, SocketAddr),
    trusted_proxies: Vec<IpNet>,
    uploads: UploadLimits,
    api: Router,
) -> Router {
    let console = Arc::new(Console {
        recent: Recent::default(),
        summaries: Summaries::default(),
        feeds: Feeds::new(control.clone(), live),
        control,
        cookies: Cookies { is_insecure: config.insecure_loopback },
        proxies: Proxies(trusted_proxies.clone()),
        unlisted: UnlistedProxies::new("console", trusted_proxies),
        zone: TimeZone::get(&config.zone).unwrap_or(TimeZone::UTC),
        country: config.country.as_deref().and_then(LocalCountry::of),
        base: config.base(listen),
        uploads: Uploads::new(uploads),
    });
    let pages = pages(console);
    // Not nested: the API has its own answers to unknown addresses, and its log its own routes.
    Router::new().fallback(async move |request: Request| {
        let path = request.uri().path();
        let is_api = path == "/api" || path.starts_with("/api/") || path.starts_with("/problems/");
        if is_api { api.oneshot(request).await } else { pages.oneshot(request).await }
    })
}

/// Actions on one campaign and on one sender.
fn actions() -> Router<Arc<Console>> {
    Router::new()
        .route("/campaigns/{id}/pause", get(pause::ask).post(pause::pause))
        .route("/campaigns/{id}/resume", post(pause::resume))
        .route("/campaigns/{id}/end", get(end::ask).post(end::end))
        .route("/campaigns/{id}/retry", get(retry::ask).post(retry::retry))
        .route("/campaigns/{id}/resolve", get(resolve::ask).post(resolve::resolve))
        .route("/senders/{name}", get(sender::show))
        .route("/senders/{name}/webhook", post(sender::webhook))
        .route("/senders/{name}/hold", get(sender_action::ask_hold).post(sender_action::hold))
        .route("/senders/{name}/rate", get(sender_action::ask_rate).post(sender_action::rate))
        .route("/senders/{name}/cap", get(sender_action::ask_cap).post(sender_action::cap))
        .route("/senders/{name}/settings", get(sender_settings::ask).post(sender_settings::change))
        .route("/senders/{name}/probe", post(sender_action::probe))
        .route("/senders/{name}/resume", post(sender_action::resume))
        .route("/senders/{name}/flows/{flow}/remove", get(flow::ask_remove).post(flow::remove))
        .route("/senders/{name}/templates", get(template::ask).post(template::add))
        .route("/senders/{name}/templates/{template}/{language}", get(template::show).post(template::replace))
        .route(
            "/senders/{name}/templates/{template}/{language}/remove",
            get(template::ask_remove).post(template::remove),
        )
}

/// The pages of one campaign beside its overview, and recipients of all campaigns.
fn recipients() -> Router<Arc<Console>> {
    Router::new()
        .route("/campaigns/{id}/recipients", get(people_of::show))
        .route("/campaigns/{id}/recipients/{place}", get(one::show))
        .route("/campaigns/{id}/recipients/{place}/number", post(one::number))
        .route("/campaigns/{id}/recipients/{place}/suppress", post(one::suppress))
        .route("/campaigns/{id}/answers", get(answers::show))
        .route("/campaigns/{id}/answers.csv", get(answers::download))
        .route("/campaigns/{id}/lists", get(lists::show))
        .route("/campaigns/{id}/lists/{list}", get(lists::rejected))
        .route("/campaigns/{id}/rules", get(rules::show))
        .route("/campaigns/{id}/download", get(export::show))
        .route("/recipients", get(people::show).post(people::find))
        .route("/recipients/suppress", post(people::suppress))
        .route("/recipients/suppressions.csv", get(people::list::download))
        .route("/recipients/suppressions/import", post(people::list::import))
        .route("/recipients/suppressions/{id}/remove", post(people::list::remove))
}

fn pages(console: Arc<Console>) -> Router {
    let protected = Router::new()
        .route("/", get(async || Redirect::to("/campaigns")))
        .route("/campaigns", get(campaigns::show))
        .route("/campaigns/live", get(stream::list))
        .route("/campaigns/parts", get(campaigns::all_parts))
        .route("/campaigns/{id}", get(campaign::show))
        .route("/campaigns/{id}/live", get(stream::campaign))
        .route("/campaigns/{id}/parts", get(campaign::all_parts))
        .merge(actions())
        .merge(recipients())
        .merge(wizard_pages())
        .route("/senders", get(senders::show))
        .route("/senders/new", get(new_sender::ask).post(new_sender::add))
        .route("/settings", get(settings::show))
        .route("/settings/password", post(settings::password))
        .route("/settings/theme", post(settings::theme))
        .route("/settings/app/remove", post(second_factor::remove))
        .route("/settings/sessions/{id}/end", post(settings::end_session))
        .merge(settings_of_the_installation())
        .route("/activity", get(activity::show))
        .fallback(async || Failure::of_status(StatusCode::NOT_FOUND))
        .layer(from_fn_with_state(Arc::clone(&console), require_session));
    let public = Router::new()
        .route("/assets/{file}", get(assets::serve))
        .route("/log-in", get(log_in::show).post(log_in::send))
        .route("/log-in/company", get(company::begin))
        .route("/log-in/company/callback", get(company::finish))
        .route("/log-in/code", get(second_factor::ask).post(second_factor::enter))
        .route("/log-in/app", get(second_factor::set_up).post(second_factor::confirm))
        .route("/log-out", post(log_in::out))
        .route("/link/{token}", get(link::show).post(link::send));
    #[cfg(debug_assertions)]
    let public = public.merge(crate::page::dev::routes());
    let routes = protected
        .merge(public)
        .layer(RequestBodyLimitLayer::new(MAX_FORM))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, TIMEOUT));
    routes
        .merge(with_own_limits(&console))
        .layer(CsrfLayer::new().with_rejection_response(csrf::refused))
        .layer(from_fn(csrf::refuse_unknown_origin))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::clone(&console), answer))
        .layer(CompressionLayer::new())
        .with_state(console)
}

/// Routes with limits of their own.
fn with_own_limits(console: &Arc<Console>) -> Router<Arc<Console>> {
    // A test message waits for a slot of the sender's rate and for the provider.
    let tests = Router::new()
        .route("/campaigns/{id}/test", post(trial::send))
        .layer(from_fn_with_state(Arc::clone(console), require_session))
        .layer(RequestBodyLimitLayer::new(MAX_FORM))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, TEST_TIMEOUT));
    // The text of a flow, as a file or pasted: one of the two has its longest length.
    let flows = Router::new()
        .route("/senders/{name}/flows", get(flow::ask).post(flow::add))
        .route("/senders/{name}/flows/{flow}", get(flow::show).post(flow::replace))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(console), require_session))
        .layer(RequestBodyLimitLayer::new(MAX_FLOW))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, TIMEOUT));
    // A list has limits of its own.
    let lists = Router::new()
        .route("/campaigns/{id}/list", post(upload::send))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(console), require_session));
    tests.merge(flows).merge(lists)
}

fn settings_of_the_installation() -> Router<Arc<Console>> {
    Router::new()
        .route("/settings/keys", get(keys::show).post(keys::add))
        .route("/settings/keys/{id}/revoke", post(keys::revoke))
        .route("/settings/accounts", get(accounts::show).post(accounts::add))
        .route("/settings/accounts/{name}", get(account::show).post(account::change))
        .route("/settings/accounts/{name}/{action}", post(account::switch))
        .route("/settings/accounts/{name}/link", post(account::new_link))
        .route("/settings/accounts/{name}/sessions/end", post(account::end_sessions))
        .route("/settings/webhook-endpoints", get(webhooks::show).post(webhooks::add))
        .route("/settings/webhook-endpoints/{name}", get(webhook::show).post(webhook::change))
        .route("/settings/webhook-endpoints/{name}/{action}", post(webhook::act))
        .route("/settings/system", get(system::show))
        .route("/settings/system/redrive", post(system::redrive))
        .route("/settings/system/count-check", post(system::check_counts))
}

/// The steps of a new campaign.
fn wizard_pages() -> Router<Arc<Console>> {
    Router::new()
        .route("/campaigns/new", get(message::new).post(message::create))
        .route("/campaigns/new/preview", post(message_preview::preview_new))
        .route("/campaigns/{id}/duplicate", post(links::duplicate))
        .route("/campaigns/{id}/message", get(message::show).post(message::save))
        .route("/campaigns/{id}/message/preview", post(message_preview::preview))
        .route("/campaigns/{id}/list", get(list::show))
        .route("/campaigns/{id}/list/job", get(list::job))
        .route("/campaigns/{id}/list/job/{job}/give-up", post(list::give_up))
        .route("/campaigns/{id}/list/annotated/{job}", get(list::annotated))
        .route("/campaigns/{id}/list/remove", post(list::remove))
        .route("/campaigns/{id}/check", get(check::show).post(check::begin))
        .route("/campaigns/{id}/check/job", get(check::job))
        .route("/campaigns/{id}/start", get(start::show).post(start::send))
        .route("/campaigns/{id}/start/request", post(approval::send))
        .route("/campaigns/{id}/times", post(start::save_times))
}
