//! What can go wrong for the one who starts or steers the simulator; what a client does wrong is an answer, not an error.

/// Why the simulator could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address to listen on cannot be had; choose another or stop who has it.
    #[error("cannot listen on {address}: choose a free address and port, port 0 takes any")]
    Listen {
        /// The address that was asked for.
        address: std::net::SocketAddr,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// A value cannot be used; correct it.
    #[error("{what}")]
    Invalid {
        /// What is wrong with it and what would be right.
        what: String,
    },
    /// There is nothing with this id.
    #[error("there is no fault {id}: list them with GET /_admin/faults")]
    NotFound {
        /// The id that was asked for.
        id: u64,
    },
}

impl Error {
    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }
}
