//! Requests without an answer: what failed, which address, and what to do.

use std::error::Error as _;

use control::{Error, Problem};

use crate::address::Address;
use crate::problem::Failed;

/// The failure of an attempt without an answer.
pub(crate) fn failure(address: &Address, error: &reqwest::Error) -> Failed {
    let cause = cause(error);
    if cause.contains("certificate") {
        let text = format!(
            "cannot trust {address}: {cause}; correct the certificate of the server, or install the certificate of its authority on this \
             machine"
        );
        return Failed::Refused(Error::refused(Problem::Unavailable, text));
    }
    if error.is_connect() {
        let text = format!(
            "cannot connect to {address}: {cause}; check FLOWCAST_URL, the network, and that 'flowcast server' runs there"
        );
        return Failed::Lost { was_sent: false, error: Error::refused(Problem::Unavailable, text) };
    }
    lost(address, &cause)
}

/// The connection ended, or the time was up, after the request was sent.
pub(crate) fn lost(address: &Address, cause: &str) -> Failed {
    let text = format!("the connection to {address} was lost: {cause}; try again, and check the network");
    Failed::Lost { was_sent: true, error: Error::refused(Problem::Unavailable, text) }
}

/// The error of a change whose answer was lost in all attempts.
pub(crate) fn unknown_result(error: &Error) -> Error {
    let text = format!(
        "{error}; it is not known whether the server has executed the command: look before you repeat it"
    );
    Error::refused(Problem::Unavailable, text)
}

/// The first cause, which names the reason without our address and without layers of libraries.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    // Without a source the text of the error itself may contain the address.
    if error.source().is_none() { "no answer".into() } else { cause.to_string() }
}
