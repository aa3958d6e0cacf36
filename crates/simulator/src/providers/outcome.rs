//! The table of a provider's answers, built once at the start.
//!
//! Invariant: the first three outcomes of every table are [`ACCEPTED`], [`LOW_BALANCE`] and [`RATE_LIMITED`]. The last two are
//! the simulator's own; no provider documents them.

use bytes::Bytes;
use hyper::StatusCode;

use crate::Error;

/// The index of an outcome in the table of its provider.
pub(crate) type OutcomeId = u8;

pub(crate) const ACCEPTED: OutcomeId = 0;
pub(crate) const LOW_BALANCE: OutcomeId = 1;
pub(crate) const RATE_LIMITED: OutcomeId = 2;

/// One answer of a provider.
#[derive(Clone)]
pub(crate) struct Outcome {
    /// Our name of the outcome, unique in the table. Codes are not unique: Kaleyra uses one code for two answers.
    pub(crate) name: &'static str,
    /// The code in the body.
    pub(crate) code: &'static str,
    pub(crate) status: StatusCode,
    /// The complete body; empty for [`ACCEPTED`], whose body contains the message id.
    pub(crate) body: Bytes,
    pub(crate) content_type: &'static str,
}

impl Outcome {
    /// The outcome that accepts.
    pub(crate) fn accepted(code: &'static str, status: u16) -> Self {
        Self::refusal("accepted", status, code, Bytes::new())
    }

    /// A refusal with a JSON body.
    pub(crate) fn refusal(name: &'static str, status: u16, code: &'static str, body: Bytes) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { name, code, status, body, content_type: "application/json" }
    }
}

/// Every outcome of a provider, and the simulator's own two.
pub(crate) struct Outcomes {
    all: Vec<Outcome>,
}

impl Outcomes {
    /// Adds the simulator's own outcomes to the table of a provider.
    pub(crate) fn new(mut all: Vec<Outcome>) -> Self {
        all.push(Outcome::refusal("redirected", 307, "redirected", Bytes::new()));
        all.push(Outcome::refusal("garbled", 502, "garbled", Bytes::new()));
        Self { all }
    }

    pub(crate) fn get(&self, id: OutcomeId) -> Option<&Outcome> {
        self.all.get(usize::from(id))
    }

    pub(crate) fn redirected(&self) -> OutcomeId {
        self.counted_from_end(2)
    }

    pub(crate) fn garbled(&self) -> OutcomeId {
        self.counted_from_end(1)
    }

    /// Finds a refusal by its name, or by its code if only one refusal has that code.
    pub(crate) fn refusal(&self, wanted: &str) -> Result<OutcomeId, Error> {
        let refusals = || self.refusals();
        if let Some((id, _)) = refusals().find(|(_, outcome)| outcome.name == wanted) {
            return Ok(id);
        }
        let mut with_code = refusals().filter(|(_, outcome)| outcome.code == wanted);
        if let (Some((id, _)), None) = (with_code.next(), with_code.next()) {
            return Ok(id);
        }
        let names: Vec<_> = refusals().map(|(_, outcome)| outcome.name).collect();
        Err(Error::invalid(format!(
            "no single refusal is called {wanted:?}: use one of {}",
            names.join(", ")
        )))
    }

    /// The refusal of a free-form message to a closed window, if the provider has one.
    pub(crate) fn window_closed(&self) -> Option<OutcomeId> {
        self.refusals().find(|(_, outcome)| outcome.name == "window_closed").map(|(id, _)| id)
    }

    fn refusals(&self) -> impl Iterator<Item = (OutcomeId, &Outcome)> {
        (0..).zip(&self.all).filter(|&(id, _)| id != ACCEPTED && id < self.redirected())
    }

    fn counted_from_end(&self, distance: usize) -> OutcomeId {
        OutcomeId::try_from(self.all.len().saturating_sub(distance)).unwrap_or(OutcomeId::MAX)
    }
}
