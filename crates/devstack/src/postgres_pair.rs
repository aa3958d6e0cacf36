//! A primary and a standby, for tests of failovers.
//!
//! Invariant: the standby has its own data, port and processes. What happens to one server does not reach the other except through
//! replication.

use url::Url;

use crate::{Error, Postgres, Service, database};

/// The name of the standby in `pg_stat_replication`.
const STANDBY: &str = "devstack_standby";

/// A primary with one standby, which follows it asynchronously at first. Dropping it removes the standby.
#[derive(Debug)]
pub struct PostgresPair<'a> {
    primary: &'a Postgres,
    standby: Postgres,
}

impl<'a> PostgresPair<'a> {
    /// Makes a standby of a server that runs from the installed programs
    /// ([`Stack::private_installed`](crate::Stack::private_installed)).
    pub async fn of(primary: &'a Postgres) -> Result<Self, Error> {
        let standby = Postgres::standby_of(primary, STANDBY).await?;
        let tried = "no installed PostgreSQL was found".to_owned();
        let standby = standby.ok_or(Error::NothingAvailable { service: Service::Postgres, tried })?;
        let pair = Self { primary, standby };
        let follows = "select count(*) from pg_stat_replication where state = 'streaming'";
        database::wait_for(pair.primary.instance.url(), follows, 1).await?;
        Ok(pair)
    }

    /// The same, with commits of the primary that wait for the standby.
    pub async fn synchronous(primary: &'a Postgres) -> Result<Self, Error> {
        let pair = Self::of(primary).await?;
        let set = format!(
            "alter system set synchronous_standby_names = 'ANY 1 ({STANDBY})'; select pg_reload_conf()"
        );
        database::execute(pair.primary.instance.url(), &set).await?;
        let is_synchronous =
            "select count(*) from pg_stat_replication where sync_state in ('sync', 'quorum')";
        database::wait_for(pair.primary.instance.url(), is_synchronous, 1).await?;
        Ok(pair)
    }

    /// The primary.
    pub fn primary(&self) -> &Postgres {
        self.primary
    }

    /// The standby.
    pub fn standby(&self) -> &Postgres {
        &self.standby
    }

    /// The address of a database of the primary, at the standby.
    pub fn url_at_standby(&self, database_url: &str) -> Result<String, Error> {
        let mut url = parse(database_url)?;
        url.set_port(self.standby.instance.url().port()).map_err(|()| invalid())?;
        Ok(url.into())
    }

    /// The address of a database with both servers, the primary first.
    pub fn url_of_both(&self, database_url: &str) -> Result<String, Error> {
        let url = parse(database_url)?;
        let (primary, standby) = (place(self.primary)?, place(&self.standby)?);
        let (user, password) = (url.username(), url.password().unwrap_or_default());
        Ok(format!("postgres://{user}:{password}@{primary},{standby}{}", url.path()))
    }

    /// Ends the replication, so that the standby misses what is committed from now on. A stopped receiver would not do: it reads later what
    /// the kernel kept for it.
    pub async fn let_standby_fall_behind(&self) -> Result<(), Error> {
        let set = "alter system set primary_conninfo = 'host=127.0.0.1 port=1'; select pg_reload_conf()";
        database::execute(self.standby.instance.url(), set).await?;
        let is_alone = "select count(*) from pg_stat_replication";
        database::wait_for(self.primary.instance.url(), is_alone, 0).await
    }

    /// Makes the standby a primary, and waits until it takes writes.
    pub async fn promote(&self) -> Result<(), Error> {
        database::execute(self.standby.instance.url(), "select pg_promote()").await?;
        let is_standby = "select pg_is_in_recovery()::int::bigint";
        database::wait_for(self.standby.instance.url(), is_standby, 0).await
    }
}

fn parse(url: &str) -> Result<Url, Error> {
    Url::parse(url).map_err(|_| invalid())
}

fn invalid() -> Error {
    Error::Invalid { variable: Service::Postgres.variable(), reason: "it is not a URL with a port" }
}

/// Host and port.
fn place(postgres: &Postgres) -> Result<String, Error> {
    let url = postgres.instance.url();
    let (host, port) = url.host_str().zip(url.port()).ok_or_else(invalid)?;
    Ok(format!("{host}:{port}"))
}
