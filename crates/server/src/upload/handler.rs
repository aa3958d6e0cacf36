//! The handler of uploads: check the key, store the list in a file, import it like the command does, and answer with a report or
//! with the annotated list.
//!
//! **Invariants.** The import is one transaction: if the client disconnects before the end, nothing is imported. The files of an
//! upload have no names (`producer::Spool`), so none of them remains after the server ends.

use std::fs::File;
use std::io::Seek;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use campaign::CampaignId;
use listener::bad_requests::BadRequests;
use listener::client_address;
use listener::connections::Connection;
use listener::unlisted_proxies::UnlistedProxies;
use producer::{AnnotatedList, ImportOptions, List, ListOptions, ListsConfig, Progress, Spool};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use store::{ImportRecord, Store};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::io::ReaderStream;

use crate::config::Config;
use crate::metrics;
use crate::upload::body::{self, BodyFormat};
use crate::upload::query::UploadQuery;
use crate::upload::refusal::{
    Refusal, internal_error, no_space, not_returned, refused_by_list, refused_by_store,
};
use crate::upload::report::UploadReport;

/// The maximum number of concurrent imports; each import uses its own database connection.
const MAX_CONCURRENT: usize = 2;

/// The state of the upload handler.
pub(crate) struct Uploads {
    store: Store,
    config: Config,
    lists: ListsConfig,
    /// The hash of the upload key; without a key, uploads are disabled.
    key: Option<[u8; 32]>,
    bad_requests: BadRequests,
    proxies: Arc<UnlistedProxies>,
    permits: Semaphore,
}

impl Uploads {
    /// If the temporary folder is not usable, an error is logged, and the server starts nevertheless, because webhooks do not
    /// need the folder.
    pub(crate) fn new(
        store: Store,
        config: Config,
        lists: ListsConfig,
        key: Option<&SecretString>,
        proxies: Arc<UnlistedProxies>,
    ) -> Self {
        if let Some(error) = key.and_then(|_| Spool::new(&lists).check().err()) {
            tracing::error!(error = &error as &dyn std::error::Error, "lists cannot be uploaded: {error}");
        }
        let key = key.map(|key| Sha256::digest(key.expose_secret()).into());
        let bad_requests = BadRequests::new(config.bad_requests);
        Self { store, config, lists, key, bad_requests, proxies, permits: Semaphore::new(MAX_CONCURRENT) }
    }
}

/// The route `/campaigns/{id}/lists`.
pub(crate) fn router(uploads: Arc<Uploads>) -> Router {
    Router::new().route("/campaigns/{id}/lists", post(receive)).with_state(uploads)
}

async fn receive(
    State(uploads): State<Arc<Uploads>>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(id): Path<i64>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let address = client_address::of(connection.peer, &head.headers, &uploads.config.trusted_proxies);
    let wants_annotated_list = wants_annotated_list(&head.headers);
    let answer = async {
        uploads.check_key(address, &head.headers)?;
        connection.mark_authenticated();
        uploads.proxies.warn_if_unlisted(connection.peer, &head.headers);
        let query = UploadQuery::parse(head.uri.query().unwrap_or_default())
            .map_err(|text| (StatusCode::BAD_REQUEST, text))?;
        let form = BodyFormat::of(&head.headers)?;
        uploads.import(CampaignId(id), query, (form, body), (address, wants_annotated_list)).await
    };
    let answer = answer.await.unwrap_or_else(|(status, error)| {
        tracing::warn!(campaign.id = id, status = status.as_u16(), "an upload was refused");
        (status, Json(serde_json::json!({ "error": error }))).into_response()
    });
    metrics::count_upload(answer.status().as_u16());
    answer
}

impl Uploads {
    fn check_key(&self, address: IpAddr, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(key) = &self.key else {
            let text = "uploads are disabled; set [server] upload_key";
            return Err((StatusCode::NOT_FOUND, text.into()));
        };
        let given =
            headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        let is_right = given.is_some_and(|given| bool::from(Sha256::digest(given).as_slice().ct_eq(key)));
        if is_right {
            return Ok(());
        }
        if self.bad_requests.count_exceeds_limit(None, address, Instant::now()) {
            return Err((StatusCode::TOO_MANY_REQUESTS, "too many wrong keys; wait a minute".into()));
        }
        Err((
            StatusCode::UNAUTHORIZED,
            "the key is missing or wrong; send it as 'Authorization: Bearer KEY'".into(),
        ))
    }

    async fn import(
        &self,
        id: CampaignId,
        query: UploadQuery,
        (form, body): (BodyFormat, Body),
        (address, wants_annotated_list): (IpAddr, bool),
    ) -> Result<Response, Refusal> {
        let Ok(_permit) = self.permits.try_acquire() else {
            return Err((
                StatusCode::SERVICE_UNAVAILABLE,
                "other lists are being imported; try again soon".into(),
            ));
        };
        let definition = self.store.campaign(id).await.map_err(refused_by_store)?.definition;
        let message = definition.compile().map_err(|error| (StatusCode::CONFLICT, error.to_string()))?;
        let spool = Spool::new(&self.lists);
        let spooled = body::spool(body, form, &spool, self.config.max_upload_bytes);
        let spooled = tokio::time::timeout(self.config.upload_timeout, spooled).await;
        let (file, file_name) = spooled
            .map_err(|_| (StatusCode::REQUEST_TIMEOUT, "the list did not arrive in time".to_owned()))??;
        let errors = if wants_annotated_list {
            Some(Arc::new(spool.file().map_err(|error| no_space(&error))?))
        } else {
            None
        };
        let options = ImportOptions {
            default_country: query.default_country,
            number_column: query.number_column,
            needed: message.variables().clone(),
            defaults: definition.defaults,
            message: Some(Arc::new(message)),
            exclude: query.exclude,
            again: query.again,
            errors: errors.clone().map(AnnotatedList::Spooled),
            // The upload key names no person.
            record: Some(ImportRecord::Audit {
                actor_kind: "api_key",
                actor: "upload key".into(),
                address: Some(address),
                user_agent: None,
                request_id: None,
            }),
        };
        let list = ListOptions { spool: spool.clone(), ..query.list };
        let name =
            query.name.unwrap_or_else(|| producer::file_name(file_name.as_deref().unwrap_or_default()));
        let list = open(file, name, list).await?;
        let form = list.to_string();
        let report = producer::import(&self.store, id, list, options, Arc::new(Progress::default())).await;
        let report = report.map_err(refused_by_list)?;
        tracing::info!(
            campaign.id = %id, rows = report.counts.uploaded, imported = report.counts.imported,
            "a list was uploaded to campaign {id}"
        );
        let answer = UploadReport::of(id, form, &report);
        match errors {
            Some(errors) => annotated_list(&answer, &spool, &errors),
            None => Ok(Json(answer).into_response()),
        }
    }
}

/// Detects the format of the list, and opens it.
async fn open(file: File, name: String, options: ListOptions) -> Result<List, Refusal> {
    let opened = tokio::task::spawn_blocking(move || List::of_file(file, name, &options)).await;
    opened.map_err(internal_error)?.map_err(refused_by_list)
}

/// Whether the client asks for the annotated list instead of the report.
fn wants_annotated_list(headers: &HeaderMap) -> bool {
    let kinds = headers.get(header::ACCEPT).and_then(|kinds| kinds.to_str().ok()).unwrap_or_default();
    kinds.split([',', ';']).any(|kind| kind.trim().eq_ignore_ascii_case("text/csv"))
}

/// The annotated list, with the counts in a header.
fn annotated_list(answer: &UploadReport, spool: &Spool, mut errors: &File) -> Result<Response, Refusal> {
    let file = errors.rewind().and_then(|()| errors.try_clone());
    let file = tokio::fs::File::from_std(file.map_err(|error| not_returned(&spool.unwritable(error)))?);
    let counts = HeaderValue::try_from(answer.counts()).map_err(internal_error)?;
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    let headers =
        [(header::CONTENT_TYPE, kind), (header::HeaderName::from_static("flowcast-import"), counts)];
    Ok((headers, Body::from_stream(ReaderStream::new(file))).into_response())
}
