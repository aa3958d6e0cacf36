//! The connection to PostgreSQL: address, TLS, pool, errors, the database clock, the identity of the database, migrations, and the tables of volumes.
//!
//! Uses no other folder.

pub(crate) mod address;
pub(crate) mod backoff;
pub(crate) mod clock;
pub(crate) mod compatibility;
pub(crate) mod config;
pub(crate) mod connection;
pub(crate) mod connector;
pub(crate) mod error;
pub(crate) mod failure;
pub(crate) mod grants;
pub(crate) mod identity;
pub(crate) mod metrics;
pub(crate) mod pool;
pub(crate) mod presence;
pub(crate) mod relocation;
pub(crate) mod schema;
pub(crate) mod servers;
pub(crate) mod sql;
pub(crate) mod sqlstate;
pub(crate) mod tls;
pub(crate) mod unanswered;
pub(crate) mod volume;
