//! Each action is in the audit exactly once.

use control::{AccountEdit, Client, NewAccount, NewApiKey, Role};

use crate::world::{HOUR, PASSWORD, World, from, grant, log_in};

/// The rows that were added since this one, as `actor_kind:actor action object_kind:object outcome problem`.
async fn since(world: &World, row: &mut i64) -> Vec<String> {
    let select = "
        select id, concat(actor_kind, ':', actor, ' ', action, ' ', object_kind, ':' || object, ' ', outcome,
            ' ' || (details ->> 'problem'))
        from audit where id > $1 order by id";
    let rows = world.look.query(select, &[row]).await.unwrap();
    *row = rows.last().map_or(*row, |last| last.get(0));
    rows.iter().map(|row| row.get(1)).collect()
}

macro_rules! audited {
    ($world:expr, $row:expr, $action:expr, $expected:expr) => {{
        let done = $action.await;
        assert_eq!(since(&$world, &mut $row).await, [$expected.to_string()]);
        done
    }};
}

#[tokio::test]
async fn each_action_of_accounts_and_each_log_in_is_in_the_audit_exactly_once() {
    let world = World::new("access_audited").await;
    let (control, ops) = (&world.control, &world.ops);
    let mut row = 0;
    let account = |name: &str, role| NewAccount { name: name.into(), email: None, grant: grant(role) };
    let none = AccountEdit::default;
    let anonymous = Client::default;

    let add = control.add_account(ops, account("anna", Role::Admin));
    let added = audited!(world, row, add, "command:ops account.add account:anna done").unwrap().result;
    let add = control.add_account(ops, account("ANNA", Role::Viewer));
    let refused = "command:ops account.add account:ANNA refused conflict-state";
    audited!(world, row, add, refused).unwrap_err();
    let link = control.new_link(ops, "anna");
    let linked = audited!(world, row, link, "command:ops account.link account:anna done").unwrap().result;
    let link = control.new_link(ops, "nobody");
    audited!(world, row, link, "command:ops account.link account:nobody refused not-found").unwrap_err();

    let old = added.token.unwrap();
    let set = control.set_password(old.secret(), PASSWORD.into(), anonymous());
    let refused = "account:unknown account.password installation refused unauthorized";
    audited!(world, row, set, refused).unwrap_err();
    let token = linked.token.unwrap();
    let set = control.set_password(token.secret(), "too-short".into(), anonymous());
    let refused = "account:anna account.password account:anna refused invalid-body";
    audited!(world, row, set, refused).unwrap_err();
    let set = control.set_password(token.secret(), PASSWORD.into(), anonymous());
    audited!(world, row, set, "account:anna account.password account:anna done").unwrap();

    let open = control.log_in(log_in("anna", "wrong"), from("192.0.2.1"));
    audited!(world, row, open, "account:anna session.open account:anna refused unauthorized").unwrap_err();
    let open = control.log_in(log_in("my-password-typed-as-name", "wrong"), from("192.0.2.1"));
    audited!(world, row, open, "account:unknown session.open installation refused unauthorized").unwrap_err();
    let open = control.log_in(log_in("Anna", PASSWORD), from("192.0.2.1"));
    let session = audited!(world, row, open, "account:anna session.open account:anna done").unwrap();
    let anna = world.caller_of(session.token.secret()).await.unwrap();

    let change =
        control.change_account(&anna, "anna", AccountEdit { email: Some(Some("a@b.org".into())), ..none() });
    audited!(world, row, change, "account:anna account.change account:anna done").unwrap();
    let change = control.change_account(&anna, "anna", AccountEdit { is_disabled: Some(true), ..none() });
    let refused = "account:anna account.change account:anna refused conflict-state";
    audited!(world, row, change, refused).unwrap_err();
    world.close().await;
}

#[tokio::test]
async fn each_action_of_keys_and_sessions_is_in_the_audit_exactly_once() {
    let world = World::new("keys_audited").await;
    let (control, ops) = (&world.control, &world.ops);
    let key = |role| NewApiKey { name: "shop".into(), grant: grant(role), networks: Vec::new(), valid: HOUR };
    let anna = world.person("anna", grant(Role::Admin)).await;
    let mut row = 0;
    since(&world, &mut row).await;

    let added = control.add_key(&anna, key(Role::Viewer)).await.unwrap().result;
    let id = &added.key.id;
    assert_eq!(since(&world, &mut row).await, [format!("account:anna key.add api_key:{id} done")]);
    let program = control.caller_of_key(&added.secret.unwrap().secret(), from("192.0.2.1")).await.unwrap();
    let refused = control.add_key(&program, key(Role::Viewer)).await;
    assert!(refused.is_err());
    let rows = since(&world, &mut row).await;
    assert!(rows.len() == 1 && rows[0].starts_with(&format!("api_key:{id} key.add api_key:")), "{rows:?}");
    assert!(rows[0].ends_with(" refused forbidden"), "{rows:?}");
    let account = NewAccount { name: "berta".into(), email: None, grant: grant(Role::Viewer) };
    let add = control.add_account(&program, account);
    audited!(world, row, add, format!("api_key:{id} account.add account:berta refused forbidden"))
        .unwrap_err();
    let revoke = control.revoke_key(&anna, id);
    audited!(world, row, revoke, format!("account:anna key.revoke api_key:{id} done")).unwrap();
    let revoke = control.revoke_key(&anna, "aaaaaaaa");
    audited!(world, row, revoke, "account:anna key.revoke api_key:aaaaaaaa refused not-found").unwrap_err();

    let end = control.end_session(&anna, 99);
    audited!(world, row, end, "account:anna session.end session:99 refused not-found").unwrap_err();
    let end = control.end_sessions(ops, "anna");
    audited!(world, row, end, "command:ops session.end account:anna done").unwrap();
    let out = control.log_out(&anna);
    let done = format!("account:anna session.end session:{} done", anna.session.unwrap().id);
    audited!(world, row, out, done).unwrap();

    // Reading is not in the audit.
    control.accounts(ops).await.unwrap();
    control.account(ops, "anna").await.unwrap();
    control.sessions(ops).await.unwrap();
    control.keys(ops).await.unwrap();
    control.audit(ops, &control::AuditQuery::default(), &control::PageRequest::default()).await.unwrap();
    assert_eq!(since(&world, &mut row).await, [""; 0]);
    let check = control.verify_audit(ops).await.unwrap();
    assert_eq!((check.first_broken, check.last.unwrap().audit_id), (None, row));
    world.close().await;
}

#[tokio::test]
async fn the_address_and_the_program_of_a_log_in_are_in_the_audit() {
    let world = World::new("access_audited_client").await;
    world.account("anna", grant(Role::Viewer)).await;
    let session = world.log_in("anna", PASSWORD).await.unwrap();
    let select = "
        select count(*) from audit where action = 'session.open' and host(address) = '192.0.2.1' and user_agent = 'Firefox'
            and (details ->> 'session')::bigint = (select id from session)";
    assert_eq!(world.count(select).await, 1);
    assert!(session.session > 0);
    world.close().await;
}
