//! The statement that grants a missing privilege, if the error of PostgreSQL names the object.

/// Stands for the user if it is not known.
const USER: &str = "the user of DATABASE_URL";

/// The statement that an operator can run, from the message of a 42501 error, for this user.
pub(crate) fn grant(says: &str, user: Option<&str>) -> Option<String> {
    let user = user.map_or_else(|| USER.to_owned(), quoted);
    if let Some(object) = says.strip_prefix("permission denied for ") {
        let (kind, name) = object.split_once(' ')?;
        let name = quoted(name.trim_matches('"'));
        let right = match kind {
            "schema" => format!("USAGE, CREATE ON SCHEMA {name}"),
            "database" => format!("CREATE, CONNECT, TEMPORARY ON DATABASE {name}"),
            "table" | "relation" => format!("SELECT, INSERT, UPDATE, DELETE ON TABLE {name}"),
            // Only the reports are views.
            "view" => format!("SELECT ON report.{name}"),
            "sequence" => format!("USAGE, SELECT, UPDATE ON SEQUENCE {name}"),
            "function" | "procedure" => format!("EXECUTE ON ROUTINE {name}"),
            "type" => format!("USAGE ON TYPE {name}"),
            "tablespace" => format!("CREATE ON TABLESPACE {name}"),
            _ => return None,
        };
        return Some(format!("as its owner or a superuser run: GRANT {right} TO {user}"));
    }
    if let Some(object) = says.strip_prefix("must be owner of ") {
        let (kind, name) = object.split_once(' ')?;
        let kind = if kind == "relation" { "TABLE".to_owned() } else { kind.to_uppercase() };
        let name = quoted(name.trim_matches('"'));
        return Some(format!("as its owner or a superuser run: ALTER {kind} {name} OWNER TO {user}"));
    }
    (says == "permission denied to create role")
        .then(|| format!("as a superuser run: ALTER ROLE {user} CREATEROLE"))
}

/// A name as SQL takes it.
fn quoted(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if is_plain {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_names_right_object_and_user() {
        let run = |says| grant(says, Some("Flow\"cast")).unwrap();
        for (says, told) in [
            (
                "permission denied for schema public",
                "GRANT USAGE, CREATE ON SCHEMA public TO \"Flow\"\"cast\"",
            ),
            (
                "permission denied for database my-db",
                "GRANT CREATE, CONNECT, TEMPORARY ON DATABASE \"my-db\" TO",
            ),
            ("permission denied for view waiting", "GRANT SELECT ON report.waiting TO"),
            ("must be owner of table recipient", "ALTER TABLE recipient OWNER TO \"Flow\"\"cast\""),
            ("permission denied to create role", "ALTER ROLE \"Flow\"\"cast\" CREATEROLE"),
        ] {
            assert!(run(says).contains(told), "{}", run(says));
        }
        assert_eq!(grant("keine Berechtigung für Schema public", None), None);
        assert!(
            grant("permission denied for sequence claim_id_seq", None)
                .unwrap()
                .ends_with("TO the user of DATABASE_URL")
        );
    }
}
