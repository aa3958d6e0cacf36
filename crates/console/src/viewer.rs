//! A person who is logged in.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use control::{Caller, Right, Role};
use jiff::tz::TimeZone;

use crate::visit::Visit;
use crate::words::state::Clock;

/// A person who is logged in.
#[derive(Clone, Debug)]
pub(crate) struct Viewer {
    /// Who asks, with its rights.
    pub(crate) caller: Caller,
    /// The role of the account.
    pub(crate) role: Role,
    /// The time zone in which times are shown.
    pub(crate) zone: TimeZone,
    /// The request.
    pub(crate) visit: Visit,
}

impl Viewer {
    /// Whether the person has this right.
    pub(crate) fn may(&self, right: Right) -> bool {
        self.caller.rights.has(right)
    }

    /// Whether the person has this right for every sender.
    pub(crate) fn may_everywhere(&self, right: Right) -> bool {
        self.may(right) && self.caller.senders.is_none()
    }

    /// The time of the request in the zone of the person.
    pub(crate) fn clock(&self) -> Clock<'_> {
        Clock { now: self.visit.now, zone: &self.zone }
    }
}

impl<S: Sync> FromRequestParts<S> for Viewer {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get().cloned().ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::visit::Theme;

    /// A marketer in Nairobi at 14:02:31.
    pub(crate) fn viewer() -> Viewer {
        let visit = Visit { now: "2026-11-30T11:02:31Z".parse().unwrap(), ..Visit::new(Theme::System) };
        let caller = Caller { rights: Role::Marketer.rights(), ..Caller::command("marta") };
        Viewer { caller, role: Role::Marketer, zone: TimeZone::get("Africa/Nairobi").unwrap(), visit }
    }
}
