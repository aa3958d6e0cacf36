//! Errors of starting and controlling the simulator. An invalid request of a client is not an error; it gets an answer.

/// An error of starting or controlling the simulator.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listen address is not available. Choose another, or stop the process that uses it.
    #[error("cannot listen on {address}: choose a free address and port, port 0 takes any")]
    Listen {
        /// The requested address.
        address: std::net::SocketAddr,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A value is invalid; correct it.
    #[error("{what}")]
    Invalid {
        /// What is wrong with the value, and what a correct value looks like.
        what: String,
    },
    /// No fault has this id.
    #[error("there is no fault {id}: list them with GET /_admin/faults")]
    NotFound {
        /// The requested id.
        id: u64,
    },
}

impl Error {
    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }
}
