//! Postgres that refuses for reasons that have nothing to do with a statement: read-only, rights, lost answers, new tables.

use std::time::Duration;

use campaign::ClaimId;
use devstack::Stack;
use secrecy::SecretString;
use store::{ClaimAnswer, Config, Error, RecordedOutcome, Store, SuppressionReason};
use tokio::time::{Instant, sleep};
use tokio_postgres::{Client, NoTls};
use url::Url;
use uuid::Uuid;

use crate::world::{LEASE, World, given_back, msisdn};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

impl World {
    /// Carries statements out about the database of this test; `%` stands for its name.
    async fn about_database(&self, statements: &str) {
        let name: String = self.look.query_one("select current_database()::text", &[]).await.unwrap().get(0);
        self.look.batch_execute(&statements.replace('%', &name)).await.unwrap();
    }

    /// Makes all new sessions read-only or not, and ends those there are.
    async fn read_only(&self, on: bool) {
        let on = if on { "on" } else { "off" };
        self.about_database(&format!("alter database \"%\" set default_transaction_read_only = {on}")).await;
    }

    async fn end_sessions(&self) {
        let end = "
            select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()";
        self.look.execute(end, &[]).await.unwrap();
    }
}

/// Repeats a call until it succeeds, and gives how it failed before.
async fn until_ok<T>(mut call: impl AsyncFnMut() -> Result<T, Error>) -> Vec<Error> {
    let (deadline, mut failures) = (Instant::now() + PATIENCE, Vec::new());
    loop {
        let Err(error) = call().await else { return failures };
        assert!(error.is_transient(), "{error}");
        assert!(Instant::now() < deadline, "{error}");
        failures.push(error);
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn connections_made_while_postgres_was_read_only_are_replaced_when_it_is_not() {
    let world = World::new("read_only", None).await;
    let campaign = world.campaign(2).await;
    world.read_only(true).await;
    world.end_sessions().await;
    let hold = async || world.store.rewind(campaign).await;
    let told = async {
        loop {
            match hold().await {
                Err(error) if error.to_string().contains("read-only (25006)") => break error,
                Err(error) => assert!(error.is_transient(), "{error}"),
                Ok(()) => {}
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, told).await.unwrap();
    assert!(error.is_transient() && error.to_string().contains("it is a standby"), "{error}");
    let waits = world.store.waiting(None).await.unwrap();
    assert_eq!(waits.len(), 1);
    assert!(
        waits[0].reason == "database" && waits[0].detail.as_ref().unwrap().contains("read-only"),
        "{waits:?}"
    );
    world.read_only(false).await;
    let healed = Instant::now();
    // The sessions of the pool are read-only for as long as they last, and nobody ends them.
    until_ok(hold).await;
    assert!(healed.elapsed() < Duration::from_secs(5), "{:?}", healed.elapsed());
    assert_eq!(world.store.waiting(None).await.unwrap()[0].reason, "no_producer");
    world.close().await;
}

#[tokio::test]
async fn a_prepared_statement_that_a_migration_made_obsolete_is_prepared_again() {
    let world = World::new("cached_plan", None).await;
    world.store.match_again().await.unwrap();
    let change = "alter table unmatched_status alter column provider_message_id type varchar";
    world.look.batch_execute(change).await.unwrap();
    let failures = until_ok(async || world.store.match_again().await).await;
    assert!(!failures.is_empty(), "the statement had to fail once");
    let told = failures.iter().all(|error| error.to_string().contains("it is prepared again"));
    assert!(told, "{failures:?}");
    world.close().await;
}

#[tokio::test]
async fn a_claim_whose_answer_did_not_come_is_found_and_given_back() {
    let world = World::new("unanswered", None).await;
    let campaign = world.campaign(5).await;
    let worker = Uuid::new_v4();
    let claim = async |seqs: &[i32]| {
        let seqs: Vec<_> = seqs.iter().map(|seq| campaign::Seq(*seq)).collect();
        match world.store.claim(world.sender, campaign, &seqs, (worker, LEASE)).await.unwrap() {
            ClaimAnswer::Granted(claim) => claim.id,
            ClaimAnswer::Refused(refused) => panic!("{refused:?}"),
        }
    };
    let answered = claim(&[1, 2]).await;
    world.granted(campaign, 3..=3).await;
    let lost = claim(&[4, 5]).await;
    let found = world.store.claims_after(world.sender, worker, answered).await.unwrap();
    assert_eq!(found, [(campaign, lost, vec![campaign::Seq(4), campaign::Seq(5)])]);
    assert_eq!(world.store.claims_after(world.sender, worker, ClaimId(0)).await.unwrap().len(), 2);
    let outcomes = [4, 5].map(|seq| RecordedOutcome {
        claim: lost,
        seq: campaign::Seq(seq),
        outcome: given_back(),
        request: None,
    });
    world.store.record(world.sender, campaign, &outcomes, &[lost]).await.unwrap();
    assert_eq!(world.row(campaign, 4).await, ("retry".into(), 0, Some("slot_missed".into())));
    assert_eq!(world.count("select count(*) from due where due_at <= clock_timestamp()").await, 2);
    assert_eq!(world.store.claims_after(world.sender, worker, answered).await.unwrap(), []);
    assert_eq!(world.miscounts().await, []);
    world.close().await;
}

/// A user of Postgres with a password and no rights; dropped at the end.
struct User {
    name: String,
    url: SecretString,
}

impl User {
    async fn new(admin: &Client, database_url: &str) -> Self {
        let name = format!("user_{}", Uuid::new_v4().simple());
        admin.batch_execute(&format!("create role {name} login password 'hunter2'")).await.unwrap();
        let mut url = Url::parse(database_url).unwrap();
        url.set_username(&name).unwrap();
        url.set_password(Some("hunter2")).unwrap();
        Self { name, url: SecretString::from(url.as_str()) }
    }

    async fn drop(self, admin: &Client) {
        admin.batch_execute(&format!("drop owned by {0}; drop role {0}", self.name)).await.unwrap();
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_named_with_the_statement_that_grants_it() {
    let world = World::new("no_right", None).await;
    let user = User::new(&world.look, world.scope.database_url()).await;
    let store = Store::connect(&Config::new(user.url.clone())).await.unwrap();
    let mut granted = Vec::new();
    while let Err(error) = store.rewind(campaign::CampaignId(1)).await {
        let Error::Denied { reason, .. } = &error else { panic!("{error}") };
        assert!(error.is_transient(), "{error}");
        let (_, grant) = reason.split_once(" run: ").expect(reason);
        let grant = grant.replace("the user of DATABASE_URL", &user.name);
        world.look.batch_execute(&grant).await.unwrap();
        granted.push(grant);
        assert!(granted.len() < 5, "{granted:?}");
    }
    assert_eq!(
        granted,
        [format!("GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE campaign_feed TO {}", user.name)]
    );
    drop(store);
    world.look.batch_execute(&format!("alter role {} password 'other'", user.name)).await.unwrap();
    let error = Store::connect(&Config::new(user.url.clone())).await.err().unwrap();
    assert_eq!(error.to_string(), "PostgreSQL refused user or password (28P01); check DATABASE_URL");
    assert!(error.is_transient() && !format!("{error:?}").contains("hunter2"));
    user.drop(&world.look).await;
    world.close().await;
}

#[tokio::test]
async fn migrating_without_a_right_names_it_and_goes_on_where_it_was_granted() {
    let scope = Stack::shared().await.unwrap().scope("migrate_rights").await.unwrap();
    let (admin, connection) = tokio_postgres::connect(scope.database_url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    admin.batch_execute("revoke create on schema public from public").await.unwrap();
    let user = User::new(&admin, scope.database_url()).await;
    let store = Store::connect(&Config::new(user.url.clone())).await.unwrap();
    let mut granted = Vec::new();
    while let Err(error) = store.migrate().await {
        let Error::Denied { reason, .. } = &error else { panic!("{error}") };
        let (_, grant) = reason.split_once(" run: ").expect(reason);
        let (grant, _) = grant.split_once(';').unwrap();
        admin.batch_execute(grant).await.unwrap();
        granted.push(grant.split(" ON ").next().unwrap().to_owned());
        assert!(granted.len() < 9, "{granted:?}");
    }
    assert_eq!(granted, ["GRANT USAGE, CREATE", "GRANT CREATE, CONNECT, TEMPORARY"]);
    store.check_schema().await.unwrap();
    drop(store);
    user.drop(&admin).await;
    drop(admin);
    scope.close().await.unwrap();
}

#[tokio::test]
async fn no_error_shows_a_value_of_the_row_that_was_refused() {
    let world = World::new("trouble_values", None).await;
    let refuse = "
        alter table suppression add constraint not_this_one check (msisdn <> 254712000001);
        create sequence refusals;
        create function refuse() returns trigger as $$ begin
            raise exception using message = 'refused', detail = format('Failing row contains (%s).', new.msisdn),
                hint = new.msisdn::text, column = 'msisdn', table = 'suppression',
                errcode = (array['40P01', '40001', 'XX001', '42501', '0A000', '53100', '57014', '22001', '42601'])[nextval('refusals')::int];
        end $$ language plpgsql;";
    world.look.batch_execute(refuse).await.unwrap();
    let (number, why) = (msisdn(1), SuppressionReason::Operator);
    let mut errors = vec![world.store.suppress([number].into_iter(), None, why).await.unwrap_err()];
    assert!(errors[0].to_string().contains("not_this_one"), "{}", errors[0]);
    let trigger = "create trigger refuse before insert on suppression for each row execute function refuse()";
    world.look.batch_execute(trigger).await.unwrap();
    for _ in 0..9 {
        errors.push(world.store.suppress([number].into_iter(), None, why).await.unwrap_err());
    }
    for error in &errors {
        let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
        let said: Vec<String> = chain.map(|error| format!("{error} {error:?} {error:#?}")).collect();
        assert!(!said.join(" ").contains("254712000001"), "{said:?}");
    }
    assert!(errors[3].may_be_of_one_row() && !errors[1].may_be_of_one_row(), "{errors:?}");
    world.close().await;
}

#[tokio::test]
async fn maintenance_gives_up_a_lock_that_another_session_holds_within_its_own_limit() {
    let world = World::new("maintenance_lock", None).await;
    let campaign = world.campaign(2).await;
    let config = Config::new(SecretString::from(world.scope.database_url()));
    // The limit for statements is longer, so that only the limit for locks can end the wait.
    let config = Config { statement_timeout: PATIENCE, ..config };
    let maintenance = Store::connect(&config.for_maintenance()).await.unwrap();
    world.look.batch_execute("begin; lock table recipient in access exclusive mode").await.unwrap();
    let began = Instant::now();
    let error = maintenance.expire_campaign(campaign).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("55P03"), "{error}");
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    world.look.batch_execute("rollback").await.unwrap();
    maintenance.expire_campaign(campaign).await.unwrap();
    world.close().await;
}
