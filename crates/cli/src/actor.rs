//! The actor of a command: the person or program that is named in the audit.

use control::Caller;

/// Environment variables that name the actor; the first one that is set is used. `FLOWCAST_ACTOR` is for containers and scheduled
/// jobs, which have no user of their own; `SUDO_USER` is the person who used `sudo`.
const VARIABLES: [&str; 4] = ["FLOWCAST_ACTOR", "SUDO_USER", "USER", "LOGNAME"];
/// The audit keeps this many characters of a name.
const MOST_CHARACTERS: usize = 100;

/// The caller of this command, with all rights: a command uses the password of the database.
pub(crate) fn caller() -> Caller {
    Caller::command(name(|variable| std::env::var(variable).ok(), nix::unistd::getuid().as_raw()))
}

fn name(variable: impl Fn(&str) -> Option<String>, uid: u32) -> String {
    let named = VARIABLES.iter().filter_map(|name| variable(name)).find_map(|name| {
        let name: String =
            name.trim().chars().filter(|sign| !sign.is_control()).take(MOST_CHARACTERS).collect();
        (!name.is_empty()).then_some(name)
    });
    named.unwrap_or_else(|| format!("uid {uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(variables: &[(&str, &str)]) -> String {
        let variable = |name: &str| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        name(variable, 1000)
    }

    #[test]
    fn the_actor_is_the_first_name_that_the_environment_has() {
        let all = [("LOGNAME", "d"), ("USER", "c"), ("SUDO_USER", "b"), ("FLOWCAST_ACTOR", "a")];
        for (n, expected) in [(4, "a"), (3, "b"), (2, "c"), (1, "d"), (0, "uid 1000")] {
            assert_eq!(named(&all[..n]), expected);
        }
    }

    #[test]
    fn an_empty_name_is_ignored_and_a_long_name_is_cut() {
        assert_eq!(named(&[("FLOWCAST_ACTOR", " \n"), ("USER", " anna\n ")]), "anna");
        assert_eq!(named(&[("USER", &"x".repeat(500))]), "x".repeat(100));
    }
}
