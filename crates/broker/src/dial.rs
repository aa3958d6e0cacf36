//! Connecting to one of the nodes of RabbitMQ: names are resolved, and each node gets its own time limit.
//!
//! Invariants: a node that does not answer uses up [`Config::address_timeout`] and no more. Errors name host and port, and nothing else of an
//! address.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use lapin::uri::AMQPUri;
use tokio::net::lookup_host;
use tokio::time::{Instant, timeout};

use crate::link::Link;
use crate::tls::Handshake;
use crate::{Config, Error};

/// Connects to the first node that accepts; each is tried once.
pub(crate) async fn dial(config: &Config, name: &str) -> Result<Link, Error> {
    let begun = Instant::now();
    let mut failures = Failures::default();
    let nodes = config.url.in_order(resolve(config, &mut failures).await?, config.order);
    let is_alone = nodes.len() == 1;
    for (uri, node) in nodes {
        let left = config.connect_timeout.saturating_sub(begun.elapsed());
        // Where there is no other node to go on to, all the time is for this one.
        let limit = if is_alone { left } else { left.min(config.address_timeout) };
        let place = place(&uri);
        if limit.is_zero() {
            failures.note(&place, "not tried, because connect_timeout has passed", None);
            continue;
        }
        let handshake = match Handshake::read(config, &uri.scheme) {
            Ok(handshake) => handshake,
            // The node is not at fault.
            Err(error) => {
                failures.note_error(&place, error, limit);
                continue;
            }
        };
        match Link::connect(config, (uri, node), handshake, limit, name).await {
            Ok(link) => {
                config.url.note_success(node);
                return Ok(link);
            }
            Err(error) => {
                config.url.note_failure(node);
                failures.note_error(&place, error, limit);
            }
        }
    }
    Err(failures.into_error())
}

/// Host and port of an address.
pub(crate) fn place(uri: &AMQPUri) -> String {
    let (host, port) = (&uri.authority.host, uri.authority.port);
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The nodes behind all addresses. A name may stand for several nodes.
async fn resolve(config: &Config, failures: &mut Failures) -> Result<Vec<(AMQPUri, SocketAddr)>, Error> {
    let lookups = config.uris()?.into_iter().map(|uri| async move {
        let found =
            timeout(config.address_timeout, lookup_host((uri.authority.host.clone(), uri.authority.port)));
        let found = found.await.map_err(std::io::Error::from).and_then(|found| found);
        (uri, found.map(Iterator::collect::<Vec<SocketAddr>>))
    });
    let mut nodes: Vec<(AMQPUri, SocketAddr)> = Vec::new();
    for (uri, found) in join_all(lookups).await {
        match found {
            Ok(found) => nodes.extend(found.into_iter().map(|node| (uri.clone(), node))),
            Err(error) => failures.note(&place(&uri), &format!("cannot resolve the name: {error}"), None),
        }
    }
    Ok(nodes)
}

/// Why each node could not be used.
#[derive(Default)]
struct Failures {
    says: Vec<String>,
    refused: Option<Error>,
    invalid: Option<Error>,
    source: Option<lapin::Error>,
}

impl Failures {
    fn note(&mut self, place: &str, why: &str, source: Option<lapin::Error>) {
        self.says.push(format!("{place} ({why})"));
        self.source = source.or(self.source.take());
    }

    fn note_error(&mut self, place: &str, error: Error, limit: Duration) {
        match error {
            Error::Refused { doing, says, help, source } => {
                self.says.push(format!("{place} ({says})"));
                let says = format!("{says} (at {place})");
                self.refused.get_or_insert(Error::Refused { doing, says, help, source });
            }
            error @ Error::Invalid { .. } => {
                self.says.push(format!("{place} ({error})"));
                self.invalid.get_or_insert(error);
            }
            error => {
                let source = error.cause();
                let why = source.as_ref().map_or_else(|| format!("no answer within {limit:.1?}"), why);
                self.note(place, &why, source);
            }
        }
    }

    /// A refusal or a setting is what a person can correct, so it is reported before silence.
    fn into_error(self) -> Error {
        let Self { says, refused, invalid, source } = self;
        refused.or(invalid).unwrap_or_else(|| Error::Unreachable { tried: says.join(", "), source })
    }
}

/// lapin's words, without the prefix of errors of input and output.
fn why(error: &lapin::Error) -> String {
    match error.kind() {
        lapin::ErrorKind::IOError(fault) => fault.to_string(),
        _ => error.to_string(),
    }
}
