//! TLS to RabbitMQ: the files of the settings, and what a failed handshake means.
//!
//! With TLS 1.3 RabbitMQ checks the client certificate after the client has finished its handshake. It then sends an alert and closes the
//! connection, and the client sees the alert, or only a lost connection. So a [`Handshake`] notes whether RabbitMQ asked for a certificate.

use std::io;
use std::sync::Arc;

use certificates::{ClientCertificate, client, refuses_client, tls_error, verifier};
use lapin::tcp::RustlsConnector;
use lapin::uri::AMQPScheme;
use rustls::CertificateError::{
    Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
    UnknownIssuer,
};

use crate::{Config, Error};

/// What one connection needs for TLS.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    pub(crate) connector: RustlsConnector,
    certificate: Arc<ClientCertificate>,
}

impl Handshake {
    /// Reads the files; `None` for an address without TLS.
    pub(crate) fn read(config: &Config, scheme: &AMQPScheme) -> Result<Option<Self>, Error> {
        let unusable = |error: certificates::Unusable| Error::invalid(error.to_string());
        if *scheme == AMQPScheme::AMQP {
            return Ok(None);
        }
        let files = config.files().read().map_err(unusable)?;
        let verifier = verifier(files.roots.as_deref()).map_err(unusable)?;
        let certificate = ClientCertificate::new(files.identity);
        let config = client(verifier, Arc::clone(&certificate) as _).map_err(unusable)?;
        Ok(Some(Self { connector: config.into(), certificate }))
    }

    /// Whether RabbitMQ asked for a certificate and got none.
    pub(crate) fn lacks_certificate(&self) -> bool {
        self.certificate.was_asked_for() && !self.certificate.is_set()
    }

    /// The error of a connection that failed before the login was complete, with what to do. RabbitMQ's own refusals stay as they are.
    pub(crate) fn explain(&self, error: lapin::Error) -> lapin::Error {
        let lapin::ErrorKind::IOError(fault) = error.kind() else { return error };
        let says = match self.help(fault) {
            Some(help) => format!("{fault}; {help}"),
            None => return error,
        };
        io::Error::new(fault.kind(), says).into()
    }

    fn help(&self, fault: &io::Error) -> Option<&'static str> {
        match tls_error(fault) {
            Some(rustls::Error::InvalidCertificate(wrong)) => match wrong {
                UnknownIssuer => {
                    Some("name the file with the root certificate of RabbitMQ in broker.ca_file")
                }
                NotValidForName | NotValidForNameContext { .. } => {
                    Some("write a host into AMQP_URL that is in the certificate of RabbitMQ")
                }
                Expired | ExpiredContext { .. } => Some("renew the certificate of RabbitMQ"),
                NotValidYet | NotValidYetContext { .. } => {
                    Some("check the clock of this machine and the certificate of RabbitMQ")
                }
                _ => Some("check the certificate of RabbitMQ"),
            },
            Some(rustls::Error::InvalidMessage(_)) => {
                Some("the port may be one without TLS; RabbitMQ's port for amqps:// is 5671")
            }
            Some(error) if !refuses_client(error) && !matches!(error, rustls::Error::AlertReceived(_)) => {
                None
            }
            _ if self.lacks_certificate() => Some(
                "RabbitMQ asked for a client certificate, and there is none; set broker.cert_file and broker.key_file",
            ),
            _ if self.certificate.was_asked_for() => Some(
                "RabbitMQ asked for a client certificate; check that it trusts the issuer of broker.cert_file, and that the certificate has \
                 not expired",
            ),
            _ => None,
        }
    }
}
