use control::{Caller, Right};

use super::*;
use crate::viewer::tests::viewer;
use crate::wizard::checked::tests::check;

/// An open sender with 80 messages per second.
pub(crate) fn sender() -> SenderView {
    SenderView {
        name: "ke-main".into(),
        provider: "kaleyra".into(),
        number: "254700000000".into(),
        base_url: "https://api.example.org".into(),
        account: None,
        api_key_ref: None,
        api_version: None,
        plus_in_path: true,
        rate: "80/s".parse().ok(),
        daily_cap: None,
        used_today: 0,
        is_open: true,
        stops: vec![],
    }
}

fn known(check: Check) -> Known {
    let draft = crate::wizard::tests::draft(1_000_000);
    Known { draft, checked: Checked::Done(Box::new(check)), sender: sender(), approval: nobody_else() }
}

/// No second person is needed.
fn nobody_else() -> StartApproval {
    StartApproval {
        campaign_id: 7,
        approval_above: None,
        is_needed: false,
        requested_by: None,
        requested_at: None,
        is_own: false,
    }
}

/// The start needs a second person. `requested`: the account that requested it, and whether the viewer uses this account.
fn approval(requested: Option<(&str, bool)>) -> StartApproval {
    StartApproval {
        approval_above: Some(50_000),
        is_needed: true,
        requested_by: requested.map(|(by, _)| by.to_owned()),
        requested_at: requested.map(|_| "2026-11-30T10:00:00Z".parse().unwrap()),
        is_own: requested.is_some_and(|(_, is_own)| is_own),
        ..nobody_else()
    }
}

fn drawn(known: &Known, viewer: &Viewer) -> String {
    known.page(viewer, &html! {}, (&known.fields(viewer), &[])).into_string()
}

#[test]
fn the_button_says_how_many_and_the_form_carries_what_was_seen() {
    let page = drawn(&known(check()), &viewer());
    for expected in [
        "Start: send to 1,000,000 recipients",
        r#"name="fingerprint" value="3-1000000""#,
        r#"name="seen_recipients" value="1000000""#,
        "&quot;name&quot;:&quot;September survey&quot;",
        r#"name="version" value="3""#,
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
}

#[test]
fn nobody_starts_without_the_right_or_a_check_without_problems() {
    let rights = [Right::View, Right::Prepare].into_iter().collect();
    let preparer = Viewer { caller: Caller { rights, ..Caller::command("paul") }, ..viewer() };
    let page = drawn(&known(check()), &preparer);
    assert!(!page.contains("Start: send") && !page.contains(r#"name="fingerprint""#), "{page}");
    let faulty = Check { can_start: false, problem: Some("3 lack <city>".into()), ..check() };
    let page = drawn(&known(faulty), &viewer());
    assert!(!page.contains("Start: send") && page.contains("3 lack &lt;city&gt;."), "{page}");
    let outdated = Known { checked: Checked::No { was_changed: true }, ..known(check()) };
    assert!(!drawn(&outdated, &viewer()).contains("Start: send"));
}

#[test]
fn a_large_campaign_is_requested_by_one_person_and_started_by_another() {
    let of = |requested| drawn(&Known { approval: approval(requested), ..known(check()) }, &viewer());
    for (requested, shown, hidden) in [
        (None, ["Request the start: 1,000,000 recipients", "start/request"], "Start: send"),
        (Some(("marta", true)), ["marta requested the start", "Waiting for another person"], "Start: send"),
        (Some(("a<b", false)), ["a&lt;b requested the start", "Start: send to 1,000,000"], "start/request"),
    ] {
        let page = of(requested);
        assert!(
            shown.iter().all(|text| page.contains(text)) && !page.contains(hidden),
            "{requested:?}: {page}"
        );
    }
}

#[test]
fn a_refused_start_shows_what_was_changed() {
    let draft = crate::wizard::tests::draft(1_200);
    let mut seen = draft.definition.clone();
    seen.name = "Old <name>".into();
    let pairs = [("seen", serde_json::to_string(&seen).unwrap()), ("seen_recipients", "1000".into())];
    let fields = Fields::sent(pairs.map(|(name, value)| (name.to_owned(), value)).into());
    let page = outdated(&draft, &fields).into_string();
    for expected in [
        "The campaign was not started",
        "Recipients",
        "1,000",
        "1,200",
        "Old &lt;name&gt;",
        "September survey",
    ] {
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    let broken = Fields::sent(vec![("seen".into(), "{".into())]);
    assert!(outdated(&draft, &broken).into_string().contains("The campaign was not started"));
}
