//! Which role may do what, with the pure tables.

use control::{Action, Right, Role};

/// What a role may do for itself and for others.
const TABLE: [(Action, &str, [bool; 4]); 10] = [
    // viewer, marketer, operator, admin
    (Action::ViewOwn, "view.own", [true, true, true, true]),
    (Action::SetPassword, "account.password", [true, true, true, true]),
    (Action::OpenSession, "session.open", [true, true, true, true]),
    (Action::EndSession, "session.end", [true, true, true, true]),
    (Action::AddKey, "key.add", [true, true, true, true]),
    (Action::RevokeKey, "key.revoke", [true, true, true, true]),
    (Action::ViewAccounts, "view.accounts", [false, false, false, true]),
    (Action::AddAccount, "account.add", [false, false, false, true]),
    (Action::ChangeAccount, "account.change", [false, false, false, true]),
    (Action::LinkAccount, "account.link", [false, false, false, true]),
];

#[test]
fn each_role_may_do_what_the_table_says() {
    for (action, word, expected) in TABLE {
        let may = Role::ALL.map(|role| action.right().is_none_or(|right| role.rights().has(right)));
        assert_eq!((action.word(), may), (word, expected));
        assert_eq!(action.is_audited(), !word.starts_with("view"), "{word}");
    }
}

#[test]
fn words_of_actions_are_distinct() {
    let mut words = Action::ALL.map(Action::word);
    words.sort_unstable();
    assert!(words.windows(2).all(|words| words[0] != words[1]), "{words:?}");
}

#[test]
fn accounts_keys_numbers_webhooks_and_erasure_need_a_fresh_log_in() {
    let needs: Vec<&str> =
        Action::ALL.into_iter().filter(|action| action.needs_fresh_log_in()).map(Action::word).collect();
    for word in
        ["account.add", "account.change", "account.link", "key.add", "campaign.export", "number.erase"]
    {
        assert!(needs.contains(&word), "{word}");
    }
    for word in ["view", "view.accounts", "campaign.start", "session.end", "session.open", "key.revoke"] {
        assert!(!needs.contains(&word), "{word}");
    }
    for action in Action::ALL {
        let of_right = matches!(
            action.right(),
            Some(Right::ManageAccounts | Right::Numbers | Right::ManageWebhooks | Right::Erase)
        );
        let is_view = matches!(action, Action::ViewAccounts | Action::ViewWebhookEndpoints);
        let of_own_account = matches!(action, Action::AddKey | Action::SetUpFactor | Action::RemoveFactor);
        let is_needed = (of_right && !is_view) || of_own_account;
        assert_eq!(action.needs_fresh_log_in(), is_needed, "{}", action.word());
    }
}
