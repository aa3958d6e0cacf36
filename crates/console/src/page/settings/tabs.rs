//! The tabs of the settings. Each is shown to people who may use it.

use control::Right;
use maud::{Markup, html};

use crate::part::button::{Weight, link};
use crate::part::tabs::tabs;
use crate::viewer::Viewer;

/// A tab of the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Own,
    Keys,
    Accounts,
    Webhooks,
    System,
}

impl Tab {
    const ALL: [Self; 5] = [Self::Own, Self::Keys, Self::Accounts, Self::Webhooks, Self::System];

    /// The address.
    pub(crate) fn address(self) -> &'static str {
        match self {
            Self::Own => "/settings",
            Self::Keys => "/settings/keys",
            Self::Accounts => "/settings/accounts",
            Self::Webhooks => "/settings/webhook-endpoints",
            Self::System => "/settings/system",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Own => "My account",
            Self::Keys => "API keys",
            Self::Accounts => "Accounts",
            Self::Webhooks => "Webhook endpoints",
            Self::System => "System",
        }
    }

    fn is_for(self, viewer: &Viewer) -> bool {
        match self {
            Self::Own | Self::Keys => true,
            Self::Accounts => viewer.may(Right::ManageAccounts),
            Self::Webhooks => viewer.may_everywhere(Right::ManageWebhooks),
            Self::System => viewer.may_everywhere(Right::Operate),
        }
    }
}

/// The tabs, above the content of a page of the settings.
pub(crate) fn settings_tabs(viewer: &Viewer, open: Tab) -> Markup {
    let shown: Vec<(&str, &str)> = Tab::ALL
        .into_iter()
        .filter(|tab| tab.is_for(viewer))
        .map(|tab| (tab.address(), tab.label()))
        .collect();
    tabs("Settings", &shown, open.address())
}

/// A form for a change that needs a fresh log-in; a link to the log-in if it is too long ago. So nobody fills in a form whose change
/// would be refused.
pub(crate) fn fresh(viewer: &Viewer, page: &str, form: &Markup) -> Markup {
    if viewer.caller.is_fresh() {
        return form.clone();
    }
    let next: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
    html! {
        div class="row" {
            p class="hint" { "For changes here, enter your password again: your log-in is more than 10 minutes old." }
            (link(&format!("/log-in?after=stale&next={next}"), "Enter password", Weight::Plain))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;

    #[test]
    fn a_person_sees_the_tabs_of_the_own_rights() {
        let own = settings_tabs(&viewer(), Tab::Keys).into_string();
        assert!(own.contains(r#"<a href="/settings/keys" aria-current="page">API keys</a>"#), "{own}");
        assert!(!own.contains("Accounts") && !own.contains("System"), "{own}");
        let mut admin = viewer();
        admin.caller.rights = control::Role::Admin.rights();
        assert!(settings_tabs(&admin, Tab::Own).into_string().contains("Webhook endpoints"));
        admin.caller.senders = Some(["ke".to_owned()].into());
        let limited = settings_tabs(&admin, Tab::Own).into_string();
        assert!(limited.contains("Accounts") && !limited.contains("System"), "{limited}");
    }
}
