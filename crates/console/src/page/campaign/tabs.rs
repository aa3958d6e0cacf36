//! The pages of one campaign, as links beside each other.

use control::Right;
use maud::Markup;

use crate::part::tabs::tabs;
use crate::viewer::Viewer;

/// A page of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Overview,
    Recipients,
    Answers,
    Lists,
    Message,
}

impl Tab {
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Overview, "", "Overview"),
        (Self::Recipients, "/recipients", "Recipients"),
        (Self::Answers, "/answers", "Answers"),
        (Self::Lists, "/lists", "Lists"),
        (Self::Message, "/rules", "Message and rules"),
    ];

    /// The pages that the person may see; this is the open one.
    pub(crate) fn draw(self, viewer: &Viewer, campaign: i64) -> Markup {
        let is_seen = |tab: &Self| match tab {
            Self::Recipients => viewer.caller.rights.has(Right::ViewRecipients),
            Self::Answers => viewer.caller.rights.has(Right::ViewAnswers),
            Self::Overview | Self::Lists | Self::Message => true,
        };
        let address = |path: &str| format!("/campaigns/{campaign}{path}");
        let seen: Vec<(String, &str)> = Self::ALL
            .iter()
            .filter(|(tab, ..)| is_seen(tab))
            .map(|(_, path, label)| (address(path), *label))
            .collect();
        let shown: Vec<(&str, &str)> =
            seen.iter().map(|(address, label)| (address.as_str(), *label)).collect();
        let own = Self::ALL.iter().find(|(tab, ..)| *tab == self).map_or("", |(_, path, _)| *path);
        tabs("Campaign", &shown, &address(own))
    }
}
