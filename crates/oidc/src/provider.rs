//! The OpenID provider of a company.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use crate::attempt::Attempt;
use crate::error::Error;
use crate::http;
use crate::person::Person;

/// Endpoints and keys of the provider are read again after this time.
const KEPT_FOR: Duration = Duration::from_mins(10);
/// The clocks of this machine and of the provider may differ by this much.
const SKEW: Duration = Duration::from_mins(1);

/// How Flowcast is registered at the provider.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The issuer; its metadata is below `/.well-known/openid-configuration`.
    pub issuer: String,
    /// The id of the client.
    pub client_id: String,
    /// The secret of the client.
    pub client_secret: SecretString,
    /// The address of this console to which the provider sends browsers back.
    pub redirect_uri: String,
    /// The claim of the ID token that lists groups.
    pub groups_claim: String,
    /// Scopes beside `openid`, such as `profile`, `email` and `groups`.
    pub scopes: Vec<String>,
}

type ReadyClient = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// The endpoints and keys, with the time at which they were read.
type Kept = Option<(Instant, CoreProviderMetadata)>;

/// The OpenID provider of a company.
pub struct Provider {
    settings: Settings,
    http: reqwest::Client,
    metadata: Mutex<Kept>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.settings.issuer).finish_non_exhaustive()
    }
}

impl Provider {
    /// A provider. Nothing is read yet.
    pub fn new(settings: Settings) -> Result<Self, String> {
        Ok(Self { http: http::client()?, settings, metadata: Mutex::default() })
    }

    /// Begins a log-in: the address that the browser is sent to, and what it keeps. With `is_fresh`, the provider asks the person to
    /// prove again who it is.
    pub async fn begin(&self, next: &str, is_fresh: bool) -> Result<(Url, Attempt), Error> {
        let client = self.client().await?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client.authorize_url(
            CoreAuthenticationFlow::AuthorizationCode,
            CsrfToken::new_random,
            Nonce::new_random,
        );
        for scope in &self.settings.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        if is_fresh {
            request = request.set_max_age(Duration::ZERO);
        }
        let (address, state, nonce) = request.set_pkce_challenge(challenge).url();
        let attempt = Attempt {
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
            next: next.to_owned(),
        };
        Ok((address, attempt))
    }

    /// Redeems the code of an answer, and returns who the ID token names, if it is valid now.
    pub async fn finish(
        &self,
        attempt: Attempt,
        (state, code): (&str, &str),
        now: SystemTime,
    ) -> Result<Person, Error> {
        if !attempt.began(state) {
            return Err(Error::NotBegun);
        }
        let client = self.client().await?;
        let invalid = |cause: String| Error::Invalid { cause };
        let tokens = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| invalid(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier))
            .request_async(&|request: HttpRequest| http::send(self.http.clone(), request))
            .await
            .map_err(|error| Error::Unavailable { cause: format!("the code cannot be redeemed: {error}") })?;
        let token = tokens.id_token().ok_or_else(|| invalid("the answer has no ID token".into()))?;
        let verifier = client.id_token_verifier().set_time_fn(|| (now - SKEW).into());
        if let Err(error) = token.claims(&verifier, &Nonce::new(attempt.nonce)) {
            // The provider may have new keys: the next log-in reads them.
            self.kept().take();
            return Err(invalid(chain(&error)));
        }
        Person::read(&token.to_string(), &self.settings.groups_claim)
            .ok_or_else(|| invalid("the ID token cannot be read".into()))
    }

    async fn client(&self) -> Result<ReadyClient, Error> {
        let metadata = self.metadata().await?;
        let unavailable = |error: url::ParseError| Error::Unavailable { cause: error.to_string() };
        let redirect = RedirectUrl::new(self.settings.redirect_uri.clone()).map_err(unavailable)?;
        let secret = ClientSecret::new(self.settings.client_secret.expose_secret().to_owned());
        let id = ClientId::new(self.settings.client_id.clone());
        Ok(CoreClient::from_provider_metadata(metadata, id, Some(secret)).set_redirect_uri(redirect))
    }

    /// Endpoints and keys. The last ones are used for a while, so that a log-in does not wait for them.
    async fn metadata(&self) -> Result<CoreProviderMetadata, Error> {
        if let Some((_, metadata)) = self.kept().as_ref().filter(|(read, _)| read.elapsed() < KEPT_FOR) {
            return Ok(metadata.clone());
        }
        let issuer = IssuerUrl::new(self.settings.issuer.clone())
            .map_err(|error| Error::Unavailable { cause: error.to_string() })?;
        let send = |request: HttpRequest| http::send(self.http.clone(), request);
        // Without a lock: a provider that does not answer must not queue up log-ins.
        let found = CoreProviderMetadata::discover_async(issuer, &send).await;
        let found = found.map_err(|error| Error::Unavailable {
            cause: format!("the metadata of {} cannot be read: {}", self.settings.issuer, chain(&error)),
        })?;
        *self.kept() = Some((Instant::now(), found.clone()));
        Ok(found)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error with its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}
