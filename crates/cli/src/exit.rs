//! Exit codes by kind of error, and one clear sentence for each error.

use std::process::ExitCode;

use control::Problem;

use crate::terminal::output::complain;

/// A refusal by the command itself; the text says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

/// A process is not ready, or none answers; try again later.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unready(pub(crate) String);

const FAILED: u8 = 1;
const NOT_FOUND: u8 = 3;
const REFUSED: u8 = 4;
const UNAVAILABLE: u8 = 5;

/// Prints the error to standard error, and returns the exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        // A source that the error's own text contains is not repeated.
        if !text.contains(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    complain(format!("flowcast: {text}\n"));
    ExitCode::from(code(error))
}

fn code(error: &anyhow::Error) -> u8 {
    error
        .chain()
        .find_map(|cause| {
            match cause.downcast_ref::<control::Error>() {
                Some(control::Error::Store(error)) => return Some(store_code(error)),
                Some(error) => return Some(problem_code(error.problem())),
                None => {}
            }
            if let Some(error) = cause.downcast_ref::<store::Error>() {
                return Some(store_code(error));
            }
            if cause.is::<broker::Error>() || cause.is::<Unready>() {
                return Some(UNAVAILABLE);
            }
            let refused = cause.is::<Refused>() || cause.is::<campaign::DefinitionError>();
            refused.then_some(REFUSED)
        })
        .unwrap_or(FAILED)
}

fn problem_code(problem: Problem) -> u8 {
    match problem {
        Problem::NotFound => NOT_FOUND,
        Problem::Unavailable => UNAVAILABLE,
        Problem::Internal => FAILED,
        Problem::Unauthorized
        | Problem::Forbidden
        | Problem::LogInAgain
        | Problem::InvalidBody
        | Problem::InvalidDefinition
        | Problem::ProviderCannot
        | Problem::ConflictState
        | Problem::VersionConflict
        | Problem::KnownList
        | Problem::BadList
        | Problem::TooLarge
        | Problem::TooManyRequests
        | Problem::IdempotencyReused
        | Problem::IdempotencyRunning
        | Problem::IdempotencyMissing
        | Problem::CheckOutdated
        | Problem::ApprovalNeeded => REFUSED,
    }
}

fn store_code(error: &store::Error) -> u8 {
    match error {
        store::Error::NotFound(_) => NOT_FOUND,
        store::Error::Conflict(_)
        | store::Error::Known(_)
        | store::Error::Invalid(_)
        | store::Error::Denied { .. }
        | store::Error::Schema(_) => REFUSED,
        store::Error::Unavailable { .. } => UNAVAILABLE,
        store::Error::Refused { .. } | store::Error::Unreadable(_) => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn the_exit_code_shows_the_kind_of_error() {
        let not_found: Result<(), _> = Err(store::Error::NotFound("campaign 7".into()));
        assert_eq!(code(&not_found.context("doing it").unwrap_err()), NOT_FOUND);
        assert_eq!(code(&control::Error::conflict("no").into()), REFUSED);
        let hidden: control::Error = store::Error::no_sender("main").into();
        assert_eq!(code(&hidden.into()), NOT_FOUND);
        assert_eq!(code(&Refused("no".into()).into()), REFUSED);
        assert_eq!(code(&anyhow::anyhow!("broken")), FAILED);
    }
}
