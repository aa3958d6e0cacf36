//! Which builds work with which tables, so that an upgrade replaces one process after the other.
//!
//! A build works with tables that have every migration it needs ([`OLDEST`]), and with later tables that declare it compatible:
//! `installation.schema_compatible_from` is the migration that a build has to know. A migration that expands the tables leaves this number
//! as it is; one that contracts them sets it to its own. The first line of a migration says which of the two it is.

/// The migration that this build needs. Raise it to the number of a migration when a statement uses what the migration adds.
pub(crate) const OLDEST: i64 = 51;

/// The tables of a database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tables {
    /// The number of the last migration.
    pub(crate) last: i64,
    /// The migration that a build has to know. 0 for tables that are older than this column.
    pub(crate) compatible_from: i64,
}

/// Why a build whose last migration is `known` does not work with these tables, and what to do.
pub(crate) fn refusal(tables: Tables, known: i64) -> Option<String> {
    let Tables { last, compatible_from } = tables;
    if last < OLDEST {
        return Some(format!(
            "the tables are of an older version: their last migration is {last}, and this program needs migration {OLDEST}; run 'flowcast \
             migrate'"
        ));
    }
    (compatible_from > known).then(|| {
        format!(
            "the tables are of a newer version: their last migration is {last}, they work with programs that know migration \
             {compatible_from}, and this program knows {known} at most; start the version of the program that applied the migrations, or \
             a later one"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_works_with_tables_in_the_range_only() {
        let works = |last, compatible_from, known| refusal(Tables { last, compatible_from }, known).is_none();
        assert!(works(OLDEST, 42, OLDEST));
        // Before `migrate`, with a migration that this build does not need yet.
        assert!(works(OLDEST, 42, OLDEST + 1));
        // The previous build beside expanded tables.
        assert!(works(OLDEST + 1, 42, OLDEST));
        // The previous build beside contracted tables.
        assert!(!works(OLDEST + 1, OLDEST + 1, OLDEST));
        assert!(!works(OLDEST - 1, 0, OLDEST));
    }
}
