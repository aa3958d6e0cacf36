//! The commands of accounts, API keys and the audit.

use serde_json::Value;

use crate::world::World;

/// Runs a command as this actor.
async fn as_actor(world: &World, actor: &str, arguments: &[&str]) {
    let output = world.command(arguments).env("FLOWCAST_ACTOR", actor).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn an_operator_adds_changes_and_disables_an_account() {
    let world = World::new("account_commands", "none", simulator::Config::default()).await;
    assert!(world.ok(&["account", "list"]).await.starts_with("no accounts yet; add one with"));
    let says = world
        .ok(&[
            "account",
            "add",
            "anna",
            "--role",
            "admin",
            "--email",
            "anna@example.org",
            "--sender",
            "ke-main",
        ])
        .await;
    let link = says.lines().find_map(|line| line.strip_prefix("link ")).unwrap().trim().to_owned();
    let token = link.strip_prefix("http://127.0.0.1:0/link/").unwrap();
    assert_eq!(token.len(), 43, "{says}");
    assert!(says.contains("1h, for one use"), "{says}");
    world.file("flowcast.toml", "[console]\npublic_url = \"https://send.example.org\"\n");
    let again = world.ok(&["account", "link", "ANNA"]).await;
    assert!(again.contains("https://send.example.org/link/") && !again.contains(token), "{again}");

    let says = world.ok(&["account", "set", "anna", "--numbers", "true", "--all-senders"]).await;
    assert!(says.contains("senders       all") && says.contains("numbers       yes"), "{says}");
    let json: Value = serde_json::from_str(&world.ok(&["account", "show", "anna", "--json"]).await).unwrap();
    assert_eq!((&json["email"], &json["grant"]["role"]), (&"anna@example.org".into(), &"admin".into()));

    let (code, says) = world.fails(&["account", "disable", "anna"]).await;
    assert_eq!((code, says.contains("is the last enabled admin")), (4, true), "{says}");
    world.ok(&["account", "add", "berta", "--role", "admin"]).await;
    world.ok(&["account", "disable", "anna"]).await;
    assert!(world.ok(&["account", "list"]).await.contains("disabled"));
    world.ok(&["account", "enable", "anna"]).await;
    for (arguments, expected) in [
        (["account", "add", "anna", "--role", "viewer"].as_slice(), (4, "account 'anna' exists already")),
        (&["account", "add", "a b", "--role", "viewer"], (4, "account 'a b' cannot be stored")),
        (&["account", "add", "carla", "--role", "viewer", "--sender", "tz"], (3, "there is no sender 'tz'")),
        (&["account", "add", "carla", "--role", "root"], (2, "use viewer, marketer, operator or admin")),
        (&["account", "show", "nobody"], (3, "there is no account 'nobody'")),
        (&["account", "set", "anna"], (4, "name a setting to change")),
    ] {
        let (code, says) = world.fails(arguments).await;
        assert!(code == expected.0 && says.contains(expected.1), "{arguments:?}: {code}, {says}");
    }
    world.close().await;
}

#[tokio::test]
async fn an_operator_adds_lists_and_revokes_a_key() {
    let world = World::new("key_commands", "none", simulator::Config::default()).await;
    let add = ["key", "add", "shop", "--role", "marketer", "--expires", "90d", "--network", "203.0.113.0/24"];
    let says = world.ok(&add).await;
    let key = says.lines().next().unwrap().strip_prefix("API key").unwrap().trim();
    assert!(key.starts_with("fc_") && key.len() == 55, "{says}");
    let (id, secret) = key.strip_prefix("fc_").unwrap().split_once('_').unwrap();
    let list = world.ok(&["key", "list"]).await;
    assert!(list.contains(id) && list.contains("203.0.113.0/24") && !list.contains(secret), "{list}");
    let (code, says) = world.fails(&["key", "add", "shop", "--role", "viewer", "--expires", "2y"]).await;
    assert!(code == 4 && says.contains("expires after 1 second to 365 days"), "{says}");
    assert!(world.ok(&["key", "revoke", id]).await.contains("is revoked"));
    assert_eq!(world.fails(&["key", "revoke", "aaaaaaaa"]).await.0, 3);
    world.close().await;
}

#[tokio::test]
async fn the_audit_names_the_actor_of_a_command_and_a_broken_chain_is_found() {
    let world = World::new("audit_commands", "none", simulator::Config::default()).await;
    as_actor(&world, "grace", &["account", "add", "anna", "--role", "admin"]).await;
    as_actor(&world, "hope", &["account", "link", "anna"]).await;
    as_actor(&world, "hope", &["account", "add", "berta", "--role", "viewer"]).await;
    let list = world.ok(&["audit", "list", "--actor", "grace"]).await;
    assert!(
        list.contains("command:grace") && list.contains("account.add") && !list.contains("hope"),
        "{list}"
    );
    let json: Value =
        serde_json::from_str(&world.ok(&["audit", "list", "--object", "account:anna", "--json"]).await)
            .unwrap();
    let actions: Vec<&str> =
        json.as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["account.link", "account.add"]);
    let says = world.ok(&["audit", "list", "--action", "account.add", "--limit", "1"]).await;
    assert!(says.contains("berta") && !says.contains("anna"), "{says}");

    let rows = world.count("select count(*) from audit").await;
    let says = world.ok(&["audit", "verify"]).await;
    let whole = format!("the audit is whole: {rows} rows, and the hash of the last row is ");
    assert!(says.starts_with(&whole), "{says}");
    let row = world.count("select id from audit where action = 'account.link'").await;
    let edit = format!(
        "alter table audit disable trigger refuse_change; update audit set actor = 'somebody' where id = {row}"
    );
    world.look.batch_execute(&edit).await.unwrap();
    let (code, says) = world.fails(&["audit", "verify"]).await;
    let broken = format!("the audit is broken at row {row}: this row was changed");
    assert!(code == 4 && says.contains(&broken), "{code}: {says}");
    world.close().await;
}

#[tokio::test]
async fn a_producer_removes_old_failures_of_log_ins_results_of_requests_and_jobs() {
    let mut world = World::new("old_rows", "none", simulator::Config::default()).await;
    let insert = "
        insert into login_failure (kind, key_hash, failures, last_at)
        select 'account', sha256(n::text::bytea), 1, clock_timestamp() - n * interval '23 hours' from generate_series(1, 2) n;
        insert into idempotency (actor, key, fingerprint, result, created_at)
        select 'command:ops', n::text, sha256(''), '{}', clock_timestamp() - n * interval '23 hours' from generate_series(1, 2) n;
        insert into job (kind, state, actor_kind, actor, worker, finished_at)
        select 'counts', 'done', 'command', 'ops', 'w', clock_timestamp() - n * interval '20 days' from generate_series(1, 2) n";
    world.look.batch_execute(insert).await.unwrap();
    let _producer = world.start("producer");
    let rows = "
        select (select count(*) from login_failure) * 100 + (select count(*) from idempotency) * 10 + (select count(*) from job)";
    world.until(rows, 111).await;
    world.close().await;
}
