//! No password, token or key is in any table, and no email address in the audit.

use control::{AccountEdit, Caller, Client, Idempotency, NewAccount, NewApiKey, Role};
use secrecy::ExposeSecret;

use crate::world::{HOUR, World, from, grant, log_in};

const EMAIL: &str = "planted-email@example.org";
const PASSWORD: &str = "planted-password-7f3a";
const WRONG: &str = "planted-wrong-password-7f3a";
/// A password that a person typed as the name.
const TYPED: &str = "planted-name-7f3a";

/// The tables that contain this text in any column, as text or in bytes.
async fn tables_with(world: &World, text: &str) -> Vec<String> {
    let select = "
        select format('%I.%I', schemaname, tablename) from pg_tables
        where schemaname not in ('pg_catalog', 'information_schema') order by 1";
    let mut found = Vec::new();
    let tables = world.look.query(select, &[]).await.unwrap();
    assert!(tables.len() > 20, "{}", tables.len());
    for table in tables {
        let table: String = table.get(0);
        let count = format!(
            "select count(*) from {table} t
            where strpos(t::text, $1) > 0 or strpos(t::text, encode(convert_to($1, 'UTF8'), 'hex')) > 0"
        );
        if world.look.query_one(&count, &[&text]).await.unwrap().get::<_, i64>(0) > 0 {
            found.push(table);
        }
    }
    found
}

#[tokio::test]
async fn no_password_token_or_key_is_in_any_table_and_no_email_in_the_audit() {
    let world = World::new("access_secrets").await;
    let control = &world.control;
    let repeatable = |key: &str| Caller {
        idempotency: Some(Idempotency { key: key.into(), fingerprint: [1; 32] }),
        ..world.ops.clone()
    };
    let new = NewAccount { name: "anna".into(), email: Some(EMAIL.into()), grant: grant(Role::Admin) };
    let link = control.add_account(&repeatable("account"), new).await.unwrap().result.token.unwrap();
    assert!(control.set_password(link.secret(), "planted".into(), Client::default()).await.is_err());
    control.set_password(link.secret(), PASSWORD.into(), Client::default()).await.unwrap();
    assert!(control.log_in(log_in("anna", WRONG), from("192.0.2.1")).await.is_err());
    assert!(control.log_in(log_in(TYPED, WRONG), from("192.0.2.1")).await.is_err());
    let session = control.log_in(log_in("anna", PASSWORD), from("192.0.2.1")).await.unwrap();
    let anna = world.caller_of(session.token.secret()).await.unwrap();
    let idempotency = Some(Idempotency { key: "key".into(), fingerprint: [1; 32] });
    let caller = Caller { idempotency, ..anna.clone() };
    let new =
        NewApiKey { name: "shop".into(), grant: grant(Role::Viewer), networks: Vec::new(), valid: HOUR };
    let key = control.add_key(&caller, new).await.unwrap().result.secret.unwrap().secret();
    control.caller_of_key(&key, from("192.0.2.1")).await.unwrap();
    let edit = AccountEdit { email: Some(Some(format!("new-{EMAIL}"))), ..AccountEdit::default() };
    control.change_account(&repeatable("edit"), "anna", edit).await.unwrap();
    let unused = control.new_link(&repeatable("link"), "anna").await.unwrap().result.token.unwrap();
    control.log_out(&anna).await.unwrap();

    let secret_of_key = key.split_at(12).1.to_owned();
    for secret in [
        PASSWORD,
        WRONG,
        TYPED,
        link.secret(),
        unused.secret(),
        session.token.secret(),
        key.as_str(),
        secret_of_key.as_str(),
    ] {
        assert_eq!(tables_with(&world, secret).await, [""; 0], "{secret}");
    }
    // The check finds what is there.
    let with_email = tables_with(&world, EMAIL).await;
    assert!(with_email.contains(&"public.account".to_owned()), "{with_email:?}");
    assert!(!with_email.contains(&"public.audit".to_owned()), "{with_email:?}");
    let shown = format!("{session:?} {link:?} {:?}", log_in("anna", PASSWORD));
    let secrets = [session.token.secret(), link.secret(), PASSWORD];
    assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
    assert_eq!(log_in("anna", PASSWORD).password.expose_secret(), PASSWORD);
    world.close().await;
}
