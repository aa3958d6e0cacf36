//! Lists that are posted: the key is asked, the list is put into a file, imported as the command does it, and answered with what
//! became of its rows, or with the list itself and its errors.
//!
//! **Invariants.** The import is one transaction: a caller that hangs up in the middle has imported nothing. The files of an upload
//! have no names (`producer::Spool`), so none of them outlives the server.

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
use producer::{AnnotatedList, ImportOptions, List, ListOptions, ListsConfig, Progress, Spool, SpoolError};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use store::Store;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::io::ReaderStream;

use crate::address;
use crate::config::Config;
use crate::connections::Connection;
use crate::limit::BadRequests;
use crate::proxies::UnnamedProxies;
use crate::upload_answer::Answer;
use crate::upload_body::{self, Form};
use crate::upload_query::{self, UploadQuery};

/// Lists that are taken in at once; each import holds a connection of its own.
const AT_ONCE: usize = 2;

/// What uploads are taken in with.
pub(crate) struct Uploads {
    store: Store,
    config: Config,
    lists: ListsConfig,
    /// The hash of the key that uploads must show; without one there are none.
    key: Option<[u8; 32]>,
    bad: BadRequests,
    proxies: Arc<UnnamedProxies>,
    places: Semaphore,
}

/// Why an upload is not taken, by the status and a sentence for the person.
pub(crate) type Refusal = (StatusCode, String);

impl Uploads {
    /// Webhooks do not need the temporary folder, so a server whose folder does not work starts all the same, and says so.
    pub(crate) fn new(
        store: Store,
        config: Config,
        lists: ListsConfig,
        key: Option<&SecretString>,
        proxies: Arc<UnnamedProxies>,
    ) -> Self {
        if let Some(error) = key.and_then(|_| Spool::new(&lists).check().err()) {
            tracing::error!(error = &error as &dyn std::error::Error, "lists cannot be uploaded: {error}");
        }
        let key = key.map(|key| Sha256::digest(key.expose_secret()).into());
        let bad = BadRequests::new(config.bad_requests);
        Self { store, config, lists, key, bad, proxies, places: Semaphore::new(AT_ONCE) }
    }
}

/// The address there is.
pub(crate) fn router(uploads: Arc<Uploads>) -> Router {
    Router::new().route("/campaigns/{id}/lists", post(take_in)).with_state(uploads)
}

async fn take_in(
    State(uploads): State<Arc<Uploads>>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(id): Path<i64>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let address = address::of(connection.peer, &head.headers, &uploads.config.trusted_proxies);
    let wants_list = wants_list(&head.headers);
    let taken = async {
        uploads.check_key(address, &head.headers)?;
        connection.mark_checked();
        uploads.proxies.look(connection.peer, &head.headers);
        let query = UploadQuery::parse(head.uri.query().unwrap_or_default())
            .map_err(|says| (StatusCode::BAD_REQUEST, says))?;
        let form = Form::of(&head.headers)?;
        uploads.import(CampaignId(id), query, (form, body), wants_list).await
    };
    taken.await.unwrap_or_else(|(status, error)| {
        tracing::warn!(campaign.id = id, status = status.as_u16(), "an upload was refused");
        (status, Json(serde_json::json!({ "error": error }))).into_response()
    })
}

impl Uploads {
    fn check_key(&self, address: IpAddr, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(key) = &self.key else {
            let says = "uploads are not switched on here; see [server] upload_key";
            return Err((StatusCode::NOT_FOUND, says.into()));
        };
        let shown =
            headers.get(header::AUTHORIZATION).and_then(|shown| shown.as_bytes().strip_prefix(b"Bearer "));
        let is_right = shown.is_some_and(|shown| bool::from(Sha256::digest(shown).as_slice().ct_eq(key)));
        if is_right {
            return Ok(());
        }
        if self.bad.is_beyond(None, address, Instant::now()) {
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
        (form, body): (Form, Body),
        wants_list: bool,
    ) -> Result<Response, Refusal> {
        let Ok(_place) = self.places.try_acquire() else {
            return Err((
                StatusCode::SERVICE_UNAVAILABLE,
                "other lists are being imported; try again soon".into(),
            ));
        };
        let definition = self.store.campaign(id).await.map_err(refused_by_store)?.definition;
        let message = definition.compile().map_err(|error| (StatusCode::CONFLICT, error.to_string()))?;
        let spool = Spool::new(&self.lists);
        let spooled = upload_body::spool(body, form, &spool, self.config.max_upload_bytes);
        let spooled = tokio::time::timeout(self.config.upload_timeout, spooled).await;
        let (file, file_name) = spooled
            .map_err(|_| (StatusCode::REQUEST_TIMEOUT, "the list did not arrive in time".to_owned()))??;
        let errors =
            if wants_list { Some(Arc::new(spool.file().map_err(|error| no_space(&error))?)) } else { None };
        let options = ImportOptions {
            default_country: query.default_country,
            number_column: query.number_column,
            needed: message.variables().clone(),
            defaults: definition.defaults,
            message: Some(Arc::new(message)),
            exclude: query.exclude,
            again: query.again,
            errors: errors.clone().map(AnnotatedList::Spooled),
        };
        let list = ListOptions { spool: spool.clone(), ..query.list };
        let name =
            query.name.unwrap_or_else(|| upload_query::file_name(file_name.as_deref().unwrap_or_default()));
        let list = open(file, name, list).await?;
        let form = list.to_string();
        let report = producer::import(&self.store, id, list, options, Arc::new(Progress::default())).await;
        let report = report.map_err(refused_by_list)?;
        tracing::info!(
            campaign.id = %id, rows = report.counts.uploaded, imported = report.counts.imported,
            "a list was uploaded to campaign {id}"
        );
        let answer = Answer::of(id, form, &report);
        match errors {
            Some(errors) => with_errors(&answer, &spool, &errors),
            None => Ok(Json(answer).into_response()),
        }
    }
}

/// Finds out what the list is.
async fn open(file: File, name: String, options: ListOptions) -> Result<List, Refusal> {
    let opened = tokio::task::spawn_blocking(move || List::of_file(file, name, &options)).await;
    opened.map_err(broken)?.map_err(refused_by_list)
}

/// Whether the list is to be given back, and not only its counts.
fn wants_list(headers: &HeaderMap) -> bool {
    let kinds = headers.get(header::ACCEPT).and_then(|kinds| kinds.to_str().ok()).unwrap_or_default();
    kinds.split([',', ';']).any(|kind| kind.trim().eq_ignore_ascii_case("text/csv"))
}

/// The list with its errors, and the counts in a header.
fn with_errors(answer: &Answer, spool: &Spool, mut errors: &File) -> Result<Response, Refusal> {
    let file = errors.rewind().and_then(|()| errors.try_clone());
    let file = tokio::fs::File::from_std(file.map_err(|error| not_given_back(&spool.unwritable(error)))?);
    let counts = HeaderValue::try_from(answer.counts()).map_err(broken)?;
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    let headers =
        [(header::CONTENT_TYPE, kind), (header::HeaderName::from_static("flowcast-import"), counts)];
    Ok((headers, Body::from_stream(ReaderStream::new(file))).into_response())
}

fn refused_by_list(error: producer::Error) -> Refusal {
    match error {
        producer::Error::Store(error) => refused_by_store(error),
        producer::Error::BadList(says) => {
            (StatusCode::UNPROCESSABLE_ENTITY, format!("{says}; nothing was imported"))
        }
        producer::Error::Spool(error) => no_space(&error),
        error @ producer::Error::NotGivenBack { .. } => not_given_back(&error),
        other => broken(other),
    }
}

fn refused_by_store(error: store::Error) -> Refusal {
    match error {
        store::Error::NotFound(_) => (StatusCode::NOT_FOUND, error.to_string()),
        store::Error::Known(_) => {
            (StatusCode::CONFLICT, format!("{error}; nothing was imported; again=true imports it again"))
        }
        store::Error::Conflict(_) => (StatusCode::CONFLICT, error.to_string()),
        error if error.is_transient() => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an upload cannot be taken in now: {error}"
            );
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database cannot take the list in now; try again soon".into(),
            )
        }
        other => broken(other),
    }
}

pub(crate) fn no_space(error: &SpoolError) -> Refusal {
    tracing::error!(error = error as &dyn std::error::Error, "an upload cannot be taken in: {error}");
    (StatusCode::INSUFFICIENT_STORAGE, format!("{error}; nothing was imported"))
}

fn not_given_back(error: &(dyn std::error::Error + 'static)) -> Refusal {
    tracing::error!(error, "an upload was imported, but its annotated list cannot be answered: {error}");
    let says = "the list was imported, but cannot be given back; the reasons are in report.import_rejection";
    (StatusCode::INSUFFICIENT_STORAGE, says.into())
}

fn broken(error: impl std::error::Error + 'static) -> Refusal {
    tracing::error!(error = &error as &dyn std::error::Error, "an upload failed");
    (StatusCode::INTERNAL_SERVER_ERROR, "the server failed; its log says why".into())
}
