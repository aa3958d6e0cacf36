//! One campaign through each of the providers, and what people see of the differences.

use simulator::{Config, Effect, Fault, Provider, Scope};

use crate::world::{KEY, World};

const FLOW: &str = r#"
name = "September survey"
sender = "ke-main"

[flow]
body = "Hello {{ first_name }}, how was your visit?"
cta = "Open survey"
flow_id = "1197715005513101"
screen = "WELCOME"

[flow.data]
first_name = "{{ first_name }}"

[policy]
assume_window = "open"
"#;
const TEMPLATE: &str = include_str!("../../../../examples/template-campaign.toml");

fn config(provider: Provider) -> Config {
    let account = if provider == Provider::Meta { "106540352242922" } else { "ODI371267300" };
    Config { provider, account: account.into(), ..Config::default() }
}

/// The same template without its flow button, which LipaChat's have not.
fn without_button() -> String {
    let end = TEMPLATE.find("# Its flow button.").unwrap();
    TEMPLATE.get(..end).unwrap().to_owned()
}

/// 2,000 recipients get a flow and 2,000 a template through this provider; ledger and rows agree.
async fn both_kinds_go_through(provider: Provider, template: &str) {
    const EACH: u32 = 2_000;
    let name = format!("through_{}", provider.word());
    let mut world = World::new(&name, "none", config(provider)).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    for campaign in [FLOW, template] {
        let id = world.draft_of(campaign, EACH).await;
        world.ok(&["campaign", "start", &id]).await;
        world.finished(&id).await;
        world.each_exactly_once(&id, u64::from(EACH)).await;
        let entries = world.ledger().entries(0, usize::MAX);
        let in_ledger: std::collections::HashSet<_> = entries
            .iter()
            .filter(|entry| entry.accepted)
            .filter_map(|entry| entry.message_id.clone())
            .collect();
        let select = "select provider_message_id from attempt where campaign_id = $1::text::bigint";
        let rows = world.look.query(select, &[&id]).await.unwrap();
        assert_eq!(rows.len(), in_ledger.len());
        assert!(rows.iter().all(|row| in_ledger.contains(&row.get::<_, String>(0))), "{provider}");
        assert!(
            entries.iter().all(|entry| entry.unknown_fields.is_empty() && entry.wrong.is_none()),
            "{provider}"
        );
        world.provider.controls().reset().unwrap();
    }
    world.close().await;
}

#[tokio::test]
async fn kaleyra_takes_2000_flows_and_2000_templates() {
    both_kinds_go_through(Provider::Kaleyra, TEMPLATE).await;
}

#[tokio::test]
async fn lipachat_takes_2000_flows_and_2000_templates() {
    both_kinds_go_through(Provider::LipaChat, &without_button()).await;
}

#[tokio::test]
async fn one_msg_takes_2000_flows_and_2000_templates() {
    both_kinds_go_through(Provider::OneMsg, TEMPLATE).await;
}

#[tokio::test]
async fn meta_takes_2000_flows_and_2000_templates() {
    both_kinds_go_through(Provider::Meta, TEMPLATE).await;
}

#[tokio::test]
async fn what_the_senders_provider_cannot_do_is_refused_with_its_name() {
    let world = World::new("unable", "none", config(Provider::LipaChat)).await;
    for (text, says) in [
        (TEMPLATE.to_owned(), "lipachat: [template] button cannot be sent"),
        (FLOW.replace("cta", "header = \"Survey\"\ncta"), "lipachat: [flow] header cannot be sent"),
    ] {
        let file = world.file("unable.toml", text);
        let (code, said) = world.fails(&["campaign", "create", &file]).await;
        assert!(said.contains(says), "{said}");
        assert_eq!(code, 4);
    }
    assert_eq!(world.count("select count(*) from campaign").await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_test_message_goes_to_one_number_and_counts_nowhere() {
    for provider in Provider::ALL {
        let world = World::new(&format!("test_{}", provider.word()), "none", config(provider)).await;
        let id = world.draft_of(FLOW, 1).await;
        let test = [
            "sender",
            "test",
            "ke-main",
            "--to",
            "+254712345678",
            "--campaign",
            &id,
            "--set",
            "first_name=Zoe",
        ];
        let dry: Vec<&str> = test.iter().copied().chain(["--dry-run"]).collect();
        let shown = world.ok(&dry).await;
        assert!(shown.starts_with("POST http://127.0.0.1:") && shown.contains("********"), "{shown}");
        assert!(shown.contains("254712345678") && shown.contains("Zoe") && !shown.contains(KEY), "{shown}");
        assert_eq!(world.ledger().summary().requests, 0);

        let output = world.command(&test).env("RUST_LOG", "trace").output().await.unwrap();
        let (said, logged) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.contains("accepted the message as"), "{said}{logged}");
        assert!(logged.contains("TRACE"), "nothing was traced: {logged}");
        for planted in [KEY, "254712345678", "Zoe", "how was your visit"] {
            assert!(
                !said.contains(planted) && !logged.contains(planted),
                "{provider}: {planted} is in {said}{logged}"
            );
        }
        let entry = world.ledger().entries(0, 1).remove(0);
        assert!(entry.accepted && entry.recipient.is_some_and(|number| number.to_string() == "254712345678"));
        if provider == Provider::Kaleyra {
            assert_eq!(entry.ref2.as_deref(), Some("test"));
        }
        assert_eq!(world.count("select count(*) from attempt").await, 0);
        assert_eq!(world.count("select count(*) from recipient where state = 'pending'").await, 1);

        world.provider.controls().set_balance(Some(0));
        let (code, said) = world.fails(&test).await;
        assert!(!said.contains("254712345678"), "{said}");
        assert_eq!(code, 4, "{said}");
        assert_eq!(world.count("select count(*) from sender_gate where is_open").await, 1);
        world.close().await;
    }
}

#[tokio::test]
async fn a_refused_test_message_prints_what_meta_says_and_its_trace_id() {
    let world = World::new("test_explained", "none", config(Provider::Meta)).await;
    let id = world.draft_of(FLOW, 1).await;
    let effect = Effect::Refuse { outcome: "bad_parameter".into(), retry_after_s: None, accepted: false };
    world.provider.controls().inject(Fault { effect, scope: Scope::next(1) }).unwrap();
    let test =
        ["sender", "test", "ke-main", "--to", "+254712345678", "--campaign", &id, "--set", "first_name=Zoe"];
    let (_, said) = world.fails(&test).await;
    for expected in
        ["rejected: 100 ", "; the provider says: Invalid parameter", "; fbtrace_id: AbCdEfGhIjKlMnOp"]
    {
        assert!(said.contains(expected), "{said}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_flow_token_leads_to_its_recipient() {
    let mut world = World::new("token", "none", config(Provider::Meta)).await;
    let id = world.draft_of(FLOW, 3).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    for entry in world.ledger().entries(0, 9) {
        let (token, number) = (entry.flow_token.unwrap(), entry.recipient.unwrap().to_string());
        let place = number.parse::<u64>().unwrap() - 254_712_000_000 + 1;
        let said = world.ok(&["flow", "decode", &token]).await;
        assert_eq!(said, format!("campaign {id} (September survey), recipient {place}\n"));
        let with_number = world.ok(&["flow", "decode", &token, "--number", "--json"]).await;
        assert!(with_number.contains(&format!("\"number\": \"+{number}\"")), "{with_number}");
    }
    let (_, said) = world.fails(&["flow", "decode", "0f8fad5b-d9cb-469f-a165-70867728950e"]).await;
    assert!(said.contains("belongs to no recipient"), "{said}");
    world.close().await;
}

#[tokio::test]
async fn the_answers_of_every_provider_are_printed_with_what_the_operator_changed() {
    let world = World::bare("errors", Config::default()).await;
    for (provider, says) in [
        ("kaleyra", "E110 400 stop sender: low_balance"),
        ("lipachat", "saying 'invalid credentials'"),
        ("1msg", "passes on Meta's codes"),
        ("meta", "retry after 1s, 4s, 16s, 1m 4s"),
    ] {
        let printed = world.ok(&["provider", "errors", provider]).await;
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed(&printed).contains(&squeezed(says)), "{printed}");
    }
    world.file(
        "flowcast.toml",
        "[providers.kaleyra.errors]\nWA500 = \"unknown\"\nE999 = \"stop sender: payment\"\n",
    );
    let printed = world.ok(&["provider", "errors", "kaleyra"]).await;
    assert!(printed.contains("unknown (configured)"), "{printed}");
    assert!(printed.contains("stop sender: payment (configured)"), "{printed}");
    world.close().await;
}

#[tokio::test]
async fn a_corrected_sender_sends_without_a_restart() {
    const N: u32 = 200;
    let mut world = World::new("corrected", "none", config(Provider::Kaleyra)).await;
    let set = |value: &'static str| ["sender", "set", "ke-main", "--account", value];
    world.ok(&set("HXWRONG00IN")).await;
    let id = world.draft_of(FLOW, N).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from hold where reason = 'bad_credentials' and ended_at is null", 1).await;
    let waits = world.ok(&["waiting"]).await;
    assert!(waits.contains("flowcast sender set"), "{waits}");
    for (wrong, says) in [
        (["--base-url", "ftp://x"], "base URL"),
        (["--api-version", "23"], "API version"),
        (["--number", "12"], "number"),
        (["--account", "a/b"], "account"),
    ] {
        let (_, error) = world.fails(&["sender", "set", "ke-main", wrong[0], wrong[1]]).await;
        let is_of_meta = wrong[0] == "--api-version";
        assert!(error.contains(says) || (is_of_meta && error.contains("version like v23.0")), "{error}");
    }
    let shown =
        world.ok(&["sender", "set", "ke-main", "--account", "ODI371267300", "--plus-in-path", "false"]).await;
    assert!(shown.contains("account   ODI371267300") && shown.contains("without +"), "{shown}");
    let deadline = tokio::time::Instant::now() + crate::world::PATIENCE;
    while !world.logs().contains("the new settings of sender ke-main are used from now on") {
        assert!(tokio::time::Instant::now() < deadline, "{}", world.logs());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world.ok(&["sender", "resume", "ke-main"]).await;
    world.finished(&id).await;
    world.each_exactly_once(&id, u64::from(N)).await;
    let audited = "select count(*) from audit where action = 'sender.change' and details ->> 'account' = 'ODI371267300'";
    assert_eq!(world.count(audited).await, 1);
    world.close().await;
}
