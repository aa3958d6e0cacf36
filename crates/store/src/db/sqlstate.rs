//! Classifies errors of PostgreSQL: whether the same statement may succeed later, and what an operator can do.
//!
//! Permanent errors, which are faults of a statement or of its values, are listed. Every other error is a temporary failure of
//! the server or its operation, so callers retry.

use tokio_postgres::error::DbError;

use crate::db::grants::grant;

/// The kind of an error, by what the caller can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// PostgreSQL refuses a value, and would refuse it again: retry the other rows without it.
    Data,
    /// The statement is wrong with any values.
    Statement,
    /// Tables, columns or functions are missing: the migrations of this version are not applied.
    Schema,
    /// A privilege, the user, the password or the database is missing: an operator has to change that.
    Denied,
    /// Any other error: the same statement may succeed later.
    Trouble,
}

/// The fields of a PostgreSQL error that are used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fault<'a> {
    pub(crate) code: &'a str,
    pub(crate) says: &'a str,
    pub(crate) hint: Option<&'a str>,
    /// The function of PostgreSQL that raised the error; unlike the message it is not translated.
    pub(crate) routine: Option<&'a str>,
}

impl<'a> Fault<'a> {
    pub(crate) fn of(error: &'a DbError) -> Self {
        Self {
            code: error.code().code(),
            says: error.message().lines().next().unwrap_or_default(),
            hint: error.hint(),
            routine: error.routine(),
        }
    }

    /// The first two characters of the code.
    fn class(self) -> &'a str {
        self.code.get(..2).unwrap_or_default()
    }

    /// "cached plan must not change result type".
    fn is_cached_plan(self) -> bool {
        self.code == "0A000" && self.routine == Some("RevalidateCachedQuery")
    }

    fn is_startup_parameter(self) -> bool {
        self.code == "08P01" && self.says.contains("startup parameter")
    }
}

pub(crate) fn kind(fault: Fault<'_>) -> Kind {
    let code = fault.code;
    match code {
        "42501" => Kind::Denied,
        // PgBouncer uses this code for everything that it refuses itself.
        _ if fault.is_startup_parameter() => Kind::Denied,
        "42P01" | "42703" | "42704" | "42883" | "3F000" => Kind::Schema,
        // The name of a prepared statement is in use: a pooler gave the connection to another client in between.
        "42P05" => Kind::Trouble,
        _ => match fault.class() {
            // Cardinality, data, integrity, limits of one value (54), and exceptions that triggers raise (P0).
            "21" | "22" | "23" | "44" | "54" | "P0" => Kind::Data,
            "42" => Kind::Statement,
            "28" | "3D" => Kind::Denied,
            _ => Kind::Trouble,
        },
    }
}

/// Whether a new connection may help: the error is about the session, not about the statement.
///
/// Examples: a connection to a server that became a standby, or that was made while the server was read-only (25006); prepared
/// statements that are lost (26000) or outdated by a migration (0A000); a transaction that was left open (25); internal errors
/// (XX), which are often in the memory of one server process.
pub(crate) fn is_of_session(fault: Fault<'_>) -> bool {
    fault.code == "42P05"
        || fault.is_cached_plan()
        || fault.code != "57014" && matches!(fault.class(), "08" | "25" | "26" | "28" | "57" | "XX")
}

/// A message that says what failed, why, and what to do. It contains no values of a statement.
pub(crate) fn sentence(fault: Fault<'_>) -> String {
    let Fault { code, says, .. } = fault;
    match code {
        _ if fault.is_startup_parameter() => format!(
            "PgBouncer refused a setting of Flowcast ({code}: {says}); add pgbouncer=session or pgbouncer=transaction to \
             DATABASE_URL, as in pool_mode of PgBouncer, see docs/DEPLOY.md"
        ),
        "26000" | "42P05" => format!(
            "a prepared statement was lost ({code}): a pooler such as PgBouncer gave the connection to another client in \
             between; set its pool_mode to session, or from version 1.21 on max_prepared_statements to 200, see docs/DEPLOY.md"
        ),
        "25006" => format!(
            "PostgreSQL is read-only ({code}): it is a standby, or default_transaction_read_only is on, for example after a \
             full disk; Flowcast continues when PostgreSQL can be written to"
        ),
        "28P01" => format!("PostgreSQL refused user or password ({code}); check DATABASE_URL"),
        "3D000" => format!("PostgreSQL has no such database ({code}); check DATABASE_URL or create it"),
        "42501" => match grant(says, None) {
            Some(grant) => format!("PostgreSQL denied a privilege ({code}): {says}; {grant}"),
            None => format!(
                "PostgreSQL denied a privilege ({code}): {says}; have its owner grant it to the user of DATABASE_URL"
            ),
        },
        "53100" => format!("PostgreSQL cannot write because its disk is full ({code}); free disk space"),
        // Some servers translate the message; the setting in the hint is not translated.
        "53200" if fault.hint.is_some_and(|hint| hint.contains("max_locks_per_transaction")) => format!(
            "PostgreSQL ran out of lock table entries ({code}); raise max_locks_per_transaction and restart PostgreSQL"
        ),
        "53200" => format!(
            "PostgreSQL ran out of memory ({code}: {says}); lower work_mem or max_connections, or add memory"
        ),
        "53300" => format!(
            "PostgreSQL accepts no more connections ({code}: {says}); raise max_connections, or lower [postgres] connections \
             of each process"
        ),
        "55P03" => format!("PostgreSQL did not get a lock in time ({code}); another session holds it"),
        "57014" => format!(
            "a statement took too long or was cancelled ({code}); see [postgres] statement_timeout and the load of PostgreSQL"
        ),
        "57P01" | "57P02" => {
            format!(
                "PostgreSQL ended the connection ({code}): PostgreSQL is stopping, or an operator ended the connection"
            )
        }
        "57P03" => format!("PostgreSQL accepts no connections now ({code}: {says})"),
        _ if fault.is_cached_plan() => {
            format!(
                "a prepared statement is outdated because its tables changed ({code}); it is prepared again"
            )
        }
        _ => sentence_of_class(fault),
    }
}

/// For codes of which only the class is known.
fn sentence_of_class(fault: Fault<'_>) -> String {
    let Fault { code, says, .. } = fault;
    match fault.class() {
        "28" if says.contains("certificate") => format!(
            "PostgreSQL refused the connection ({code}: {says}); name a client certificate that is issued to the user, and its key, in \
             DATABASE_URL with sslcert and sslkey"
        ),
        "28" => format!(
            "PostgreSQL refused the connection ({code}: {says}); check user, pg_hba.conf and DATABASE_URL"
        ),
        "08" => format!("the connection to PostgreSQL failed ({code}: {says})"),
        "40" => {
            format!(
                "PostgreSQL rolled back a transaction because of a conflict with another one ({code}); it is repeated"
            )
        }
        "53" => format!("PostgreSQL lacks a resource ({code}: {says})"),
        "58" | "XX" | "F0" => {
            format!(
                "PostgreSQL met an internal error or damaged data ({code}: {says}); see the PostgreSQL log"
            )
        }
        _ => format!("PostgreSQL refused a statement ({code}: {says})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault<'a>(code: &'a str, says: &'a str, hint: Option<&'a str>) -> Fault<'a> {
        Fault { code, says, hint, routine: None }
    }

    #[test]
    fn what_is_wrong_with_a_value_is_permanent_and_trouble_of_the_server_is_not() {
        let kind_of = |code| kind(fault(code, "says", None));
        for code in ["22001", "22021", "22P05", "23505", "23514", "21000", "54000", "P0001"] {
            assert_eq!(kind_of(code), Kind::Data, "{code}");
        }
        assert_eq!(kind_of("42601"), Kind::Statement);
        assert_eq!(kind_of("42P01"), Kind::Schema);
        for code in ["28P01", "28000", "42501", "3D000"] {
            assert_eq!(kind_of(code), Kind::Denied, "{code}");
        }
        for code in [
            "08006", "25006", "26000", "42P05", "0A000", "40001", "40P01", "53100", "53200", "53300",
            "55P03", "57014", "57P01", "58030", "XX000", "XX001", "HV000", "99999",
        ] {
            assert_eq!(kind_of(code), Kind::Trouble, "{code}");
        }
    }

    #[test]
    fn a_session_is_given_up_for_what_another_one_may_do() {
        for code in ["25006", "25P02", "26000", "42P05", "28000", "57P01", "XX000", "08006"] {
            assert!(is_of_session(fault(code, "says", None)), "{code}");
        }
        for code in ["23505", "22021", "40P01", "53200", "53300", "55P03", "57014", "0A000", "42501"] {
            assert!(!is_of_session(fault(code, "says", None)), "{code}");
        }
        let routine = Some("RevalidateCachedQuery");
        assert!(is_of_session(Fault { code: "0A000", routine, ..Fault::default() }));
    }

    #[test]
    fn each_error_is_told_with_its_cause_and_what_to_do() {
        for (code, says, hint, told) in [
            (
                "53200",
                "out of shared memory",
                Some("You might need to increase max_locks_per_transaction."),
                "raise max_locks_per_transaction",
            ),
            ("53200", "out of memory", None, "ran out of memory (53200: out of memory)"),
            (
                "25006",
                "cannot execute UPDATE in a read-only transaction",
                None,
                "is read-only (25006): it is a standby",
            ),
            (
                "42501",
                "permission denied for table recipient",
                None,
                "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE recipient TO",
            ),
            ("08P01", "unsupported startup parameter: options", None, "pgbouncer=session"),
            ("42P05", "prepared statement \"s1\" already exists", None, "max_prepared_statements"),
            ("28000", "no pg_hba.conf entry for host", None, "check user, pg_hba.conf"),
            ("28000", "connection requires a valid client certificate", None, "with sslcert and sslkey"),
            ("XX001", "could not read block 7", None, "damaged data (XX001: could not read block 7)"),
        ] {
            let found = sentence(fault(code, says, hint));
            assert!(found.contains(told), "{code}: {found}");
        }
    }
}
