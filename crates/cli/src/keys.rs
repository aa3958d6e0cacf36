//! Reads a key by its reference, from the environment or a file of this machine.

use std::path::Path;

use identity::FactorKey;
use notifier::WebhookKey;
use secrecy::{ExposeSecret, SecretString};

/// Reads the API key at `env:NAME` or `file:PATH`.
pub(crate) fn resolve(reference: &str) -> Result<SecretString, String> {
    find("key", reference)
}

/// Reads the secret of a webhook in the same way.
pub(crate) fn resolve_secret(reference: &str) -> Result<SecretString, String> {
    find("webhook secret", reference)
}

/// Minimum length of the upload key, in characters. With this key, lists can be imported over HTTP.
const SHORTEST_UPLOAD_KEY: usize = 12;

/// Reads the key that uploads of lists must have, and refuses a key that could be guessed.
pub(crate) fn resolve_upload_key(reference: &str) -> Result<SecretString, String> {
    let of_setting = |problem: String| format!("[server] upload_key: {problem}");
    let key = find("upload key", reference).map_err(of_setting)?;
    match key.expose_secret().chars().count() {
        length if length < SHORTEST_UPLOAD_KEY => Err(of_setting(format!(
            "the key in {reference} has {length} characters; write {SHORTEST_UPLOAD_KEY} or more, as 'openssl rand -hex 32' makes them"
        ))),
        _ => Ok(key),
    }
}

/// Reads the key from which the secrets of webhook endpoints are derived.
pub(crate) fn resolve_webhook_key(reference: &str) -> Result<WebhookKey, String> {
    let found = find("webhook key", reference)
        .and_then(|key| WebhookKey::new(key).map_err(|error| error.to_string()));
    found.map_err(|problem| format!("[webhooks] key: {problem}"))
}

/// Reads the key from which the secrets of authenticator apps are derived.
pub(crate) fn resolve_factor_key(reference: &str) -> Result<FactorKey, String> {
    let found = find("key of second factors", reference)
        .and_then(|key| FactorKey::new(key).map_err(|error| error.to_string()));
    found.map_err(|problem| format!("[console] key: {problem}"))
}

/// Reads the secret of the client at the OpenID provider.
pub(crate) fn resolve_client_secret(reference: &str) -> Result<SecretString, String> {
    find("secret of the client", reference).map_err(|problem| format!("[oidc] client_secret: {problem}"))
}

fn find(what: &str, reference: &str) -> Result<SecretString, String> {
    let found = match reference.split_once(':') {
        Some(("env", name)) => std::env::var(name).map_err(|_| {
            format!("its {what} is expected in the environment variable {name}, which is not set")
        })?,
        Some(("file", path)) => std::fs::read_to_string(Path::new(path)).map_err(|error| {
            format!("its {what} is expected in the file {path}, which cannot be read: {error}")
        })?,
        _ => return Err(format!("the reference to its {what} is neither env:NAME nor file:PATH")),
    };
    match found.trim() {
        "" => Err(format!("its {what} in {reference} is empty")),
        found => Ok(SecretString::from(found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_a_file_without_its_line_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "secret\n").unwrap();
        let key = resolve(&format!("file:{}", file.path().display())).unwrap();
        assert_eq!(key.expose_secret(), "secret");
    }

    #[test]
    fn an_upload_key_that_can_be_guessed_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let resolved = |key: &str| {
            std::fs::write(file.path(), key).unwrap();
            resolve_upload_key(&format!("file:{}", file.path().display()))
        };
        assert!(resolved("0123456789ab").is_ok());
        let error = resolved("0123456789a").unwrap_err();
        assert!(
            error.starts_with("[server] upload_key: the key in file:") && error.contains("has 11 characters"),
            "{error}"
        );
        assert!(!error.contains("0123456789a"), "{error}");
        assert!(
            resolve_upload_key("hunter2hunter2hunter2")
                .unwrap_err()
                .contains("neither env:NAME nor file:PATH")
        );
    }

    #[test]
    fn a_missing_key_says_where_it_was_expected() {
        let error = resolve("env:FLOWCAST_NO_SUCH_VARIABLE").unwrap_err();
        assert!(error.contains("FLOWCAST_NO_SUCH_VARIABLE"), "{error}");
        assert!(resolve("file:/no/such/file").unwrap_err().contains("/no/such/file"));
        assert!(resolve("secret").unwrap_err().contains("neither"));
    }
}
