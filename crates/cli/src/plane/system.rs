//! Waiting recipients, audit, dead letters, counters, API keys.

use control::{
    ApiKey, AuditCheck, AuditQuery, AuditView, CountCheck, DeadLetter, Error, FailingJob, Page, PageRequest,
    Problem, RedrivenLetters, SystemView, Waiting,
};

use crate::plane::{Database, Plane};

impl Plane {
    /// Waiting recipients of all campaigns, with the reason.
    pub(crate) async fn waiting(&self) -> Result<Vec<Waiting>, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.waiting(caller, None).await,
            Self::Api(api) => api.waiting().await,
        }
    }

    /// The state of the installation.
    pub(crate) async fn system(&self) -> Result<SystemView, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.system(caller).await,
            Self::Api(api) => api.system().await,
        }
    }

    /// Maintenance jobs whose last run failed; none if the caller may not see the installation.
    pub(crate) async fn failing_jobs(&self) -> Result<Vec<FailingJob>, Error> {
        let jobs = match self {
            Self::Database(Database { control, caller }) => control.failing_jobs(caller).await,
            Self::Api(api) => api.system().await.map(|system| system.failing_jobs),
        };
        match jobs {
            Err(error) if error.problem() == Problem::Forbidden => Ok(Vec::new()),
            jobs => jobs,
        }
    }

    /// Rows of the audit, the newest first.
    pub(crate) async fn audit(
        &self,
        query: &AuditQuery,
        page: &PageRequest,
    ) -> Result<Page<AuditView>, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.audit(caller, query, page).await,
            Self::Api(api) => api.audit(query, page).await,
        }
    }

    /// Checks the hashes of all rows of the audit.
    pub(crate) async fn verify_audit(&self) -> Result<AuditCheck, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.verify_audit(caller).await,
            Self::Api(api) => api.verify_audit().await,
        }
    }

    /// The dead letters that died last, at most `most`.
    pub(crate) async fn latest_dead_letters(&self, most: u32) -> Result<Vec<DeadLetter>, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.latest_dead_letters(caller, most).await,
            Self::Api(api) => api.latest_dead_letters(most).await,
        }
    }

    /// Publishes the recipients of dead letters again; `None`: of all that were not redriven yet.
    pub(crate) async fn redrive(&self, ids: Option<&[i64]>) -> Result<RedrivenLetters, Error> {
        match self {
            Self::Database(Database { control, caller }) => Ok(control.redrive(caller, ids).await?.result),
            Self::Api(api) => api.redrive(ids).await,
        }
    }

    /// Compares the counters of all reports with a full count. `progress` gets the number of compared campaigns and of all.
    pub(crate) async fn check_counts(&self, progress: impl Fn(usize, usize)) -> Result<CountCheck, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.check_counts(caller, progress).await,
            Self::Api(api) => api.check_counts(progress).await,
        }
    }

    /// All API keys, newest first.
    pub(crate) async fn keys(&self) -> Result<Vec<ApiKey>, Error> {
        match self {
            Self::Database(Database { control, caller }) => control.keys(caller).await,
            Self::Api(api) => api.keys().await,
        }
    }

    /// Revokes an API key.
    pub(crate) async fn revoke_key(&self, id: &str) -> Result<ApiKey, Error> {
        match self {
            Self::Database(Database { control, caller }) => Ok(control.revoke_key(caller, id).await?.result),
            Self::Api(api) => api.revoke_key(id).await,
        }
    }
}
