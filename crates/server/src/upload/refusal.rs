//! The refusals of an upload: status and text for each error.

use axum::http::StatusCode;
use producer::SpoolError;

/// A refusal of an upload: the status and a sentence for the user.
pub(crate) type Refusal = (StatusCode, String);

/// The list was refused.
pub(crate) fn refused_by_list(error: producer::Error) -> Refusal {
    match error {
        producer::Error::Store(error) => refused_by_store(error),
        producer::Error::BadList(text) => {
            (StatusCode::UNPROCESSABLE_ENTITY, format!("{text}; nothing was imported"))
        }
        producer::Error::Spool(error) => no_space(&error),
        error @ producer::Error::NotGivenBack { .. } => not_returned(&error),
        other => internal_error(other),
    }
}

/// The database refused the import, or failed.
pub(crate) fn refused_by_store(error: store::Error) -> Refusal {
    match error {
        store::Error::NotFound(_) => (StatusCode::NOT_FOUND, error.to_string()),
        store::Error::Known(_) => {
            (StatusCode::CONFLICT, format!("{error}; nothing was imported; again=true imports it again"))
        }
        store::Error::Conflict(_) => (StatusCode::CONFLICT, error.to_string()),
        error if error.is_transient() => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "an upload cannot be imported now: {error}"
            );
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database cannot import the list now; try again soon".into(),
            )
        }
        other => internal_error(other),
    }
}

/// The temporary folder has no space, or failed. Nothing was imported.
pub(crate) fn no_space(error: &SpoolError) -> Refusal {
    tracing::error!(error = error as &dyn std::error::Error, "an upload cannot be imported: {error}");
    (StatusCode::INSUFFICIENT_STORAGE, format!("{error}; nothing was imported"))
}

/// The list was imported, but the annotated list cannot be sent.
pub(crate) fn not_returned(error: &(dyn std::error::Error + 'static)) -> Refusal {
    tracing::error!(error, "an upload was imported, but its annotated list cannot be sent: {error}");
    let text = "the list was imported, but the annotated list cannot be sent; the reasons are in report.import_rejection";
    (StatusCode::INSUFFICIENT_STORAGE, text.into())
}

/// An internal error.
pub(crate) fn internal_error(error: impl std::error::Error + 'static) -> Refusal {
    tracing::error!(error = &error as &dyn std::error::Error, "an upload failed");
    (StatusCode::INTERNAL_SERVER_ERROR, "internal error; the log of the server has the cause".into())
}
