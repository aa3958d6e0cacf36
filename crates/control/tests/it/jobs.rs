//! Long actions: jobs are executed once, and taken over from a process that ended.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use campaign::CampaignId;
use control::{Caller, ImportedList, Job, ListImport, PageRequest, Problem, Retry};
use producer::{ImportOptions, List, ListOptions, Progress};
use serde_json::{Value, json};
use store::{ImportRecord, NewJob, ResendClass};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::world::{World, anna, problem, with_key};

/// The job after its end.
async fn ended(world: &World, id: i64) -> Job {
    let until = Instant::now() + Duration::from_mins(1);
    loop {
        let job = world.control.job(&anna(), id).await.unwrap();
        if job.state != "running" {
            return job;
        }
        assert!(Instant::now() < until, "{job:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// A running campaign whose two recipients failed.
async fn failed(world: &World) -> CampaignId {
    let id = world.ready(&anna()).await;
    world.control.start_campaign(&anna(), id, None).await.unwrap();
    let fail = "update recipient set state = 'failed', reason_code = 'E1', changed_at = clock_timestamp() - interval '1 minute'";
    world.look.batch_execute(fail).await.unwrap();
    id
}

/// A job that a process has begun that does not exist any more.
async fn lost(world: &World, kind: &str, id: CampaignId, parameters: Value) -> i64 {
    let job = NewJob {
        kind,
        campaign: Some(id),
        parameters: &parameters,
        actor_kind: "command",
        actor: "anna",
        worker: "gone",
    };
    let job = world.store.add_job(&job).await.unwrap();
    let age = format!("update job set heartbeat_at = now() - interval '16 seconds' where id = {job}");
    world.look.batch_execute(&age).await.unwrap();
    job
}

fn retry() -> Retry {
    Retry { class: ResendClass::Failed, code: None, reason: "the provider was down".into() }
}

fn list(rows: &str) -> List {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(format!("phone;first name\n{rows}").as_bytes()).unwrap();
    List::open(file.path(), &ListOptions::default()).unwrap()
}

#[tokio::test]
async fn a_job_is_executed_once_however_often_it_is_asked_for() {
    let world = World::new("control_job").await;
    let id = failed(&world).await;
    let caller = with_key(&anna(), "retry", 1);
    let begun = world.control.begin_retry(&caller, id, &retry()).await.unwrap();
    let again = world.control.begin_retry(&caller, id, &retry()).await.unwrap();
    assert_eq!((again.is_replayed, again.result), (true, begun.result));
    let job = ended(&world, begun.result.job_id).await;
    assert_eq!((job.state.as_str(), job.result), ("done", Some(json!({ "resent": 2 }))), "{:?}", job.detail);
    assert_eq!(world.count("select count(*) from resolution where actor = 'anna'").await, 2);
    let retries = world.audit().await.into_iter().filter(|row| row.contains("campaign.retry")).count();
    assert_eq!(retries, 1);
    // Hidden from a caller who may not see its campaign.
    let limited = Caller { senders: Some(["other".to_owned()].into()), ..anna() };
    assert_eq!(problem(world.control.job(&limited, job.job_id).await), Problem::NotFound);
    world.close().await;
}

#[tokio::test]
async fn a_job_of_a_process_that_ended_is_taken_over_and_resends_to_no_recipient_twice() {
    let world = World::new("control_takeover").await;
    let id = failed(&world).await;
    let parameters = json!({ "class": "failed", "code": null, "reason": "again" });
    let job = lost(&world, "retry", id, parameters).await;
    // One recipient was resent to before the process ended, and has failed again since.
    let failed_again = "update recipient set changed_at = clock_timestamp() where seq = 1";
    world.look.batch_execute(failed_again).await.unwrap();
    let import = lost(&world, "import", id, json!({})).await;
    let shutdown = CancellationToken::new();
    let keeping = tokio::spawn({
        let (control, shutdown) = (world.control.clone(), shutdown.clone());
        async move { control.keep_jobs(shutdown).await }
    });
    let job = ended(&world, job).await;
    assert_eq!((job.state.as_str(), job.result), ("done", Some(json!({ "resent": 1 }))), "{:?}", job.detail);
    let import = ended(&world, import).await;
    assert_eq!(import.state, "interrupted");
    assert_eq!(
        import.detail.as_deref(),
        Some("the server that executed it ended; nothing was imported; upload the list again")
    );
    shutdown.cancel();
    keeping.await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn an_import_that_is_given_up_imports_nothing() {
    let world = World::new("control_given_up").await;
    let id = world.draft(&anna()).await;
    let shutdown = CancellationToken::new();
    let keeping = tokio::spawn({
        let (control, shutdown) = (world.control.clone(), shutdown.clone());
        async move { control.keep_jobs(shutdown).await }
    });
    let other = control::Control::new(control::Setup {
        store: world.store.clone(),
        lists: producer::ListsConfig::default(),
        http: whatsapp::Config::default(),
        keys: Arc::new(|_| Ok("key".into())),
    });
    let lock = format!("begin; select from campaign where id = {} for update", id.0);
    let waiting = "
        select (select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')
        from pg_stat_clear_snapshot()";
    // The job is given up in its own process, then in another one.
    for control in [&world.control, &other] {
        world.look.batch_execute(&lock).await.unwrap();
        let import = ListImport { default_country: "KE".parse().ok(), ..ListImport::default() };
        let begun = world.control.begin_import(&anna(), id, list("0712000001;Anna\n"), import).await.unwrap();
        let until = Instant::now() + Duration::from_mins(1);
        while world.count(waiting).await == 0 {
            assert!(Instant::now() < until, "the import does not wait for the row of its campaign");
            sleep(Duration::from_millis(20)).await;
        }
        let given_up = control.give_up_job(&anna(), begun.result.job_id).await.unwrap().result;
        assert_eq!(given_up.detail.as_deref(), Some("given up by anna; nothing was imported"));
        world.look.batch_execute("commit").await.unwrap();
        // The row is free when the transaction of the import has ended.
        world.look.batch_execute(&format!("{lock}; commit")).await.unwrap();
    }
    shutdown.cancel();
    keeping.await.unwrap();
    assert_eq!(world.count("select count(*) from import").await, 0);
    assert_eq!(world.store.campaign(id).await.unwrap().recipients, 0);
    world.close().await;
}

#[tokio::test]
async fn a_list_is_imported_by_a_job_whose_result_is_committed_with_it() {
    let world = World::new("control_import").await;
    let id = world.draft(&anna()).await;
    let import = || ListImport { default_country: "KE".parse().ok(), ..ListImport::default() };
    let rows = "0712000001;Anna\n0712000002;Ben\n12;Nobody\n";
    let begun = world.control.begin_import(&anna(), id, list(rows), import()).await.unwrap();
    let job = ended(&world, begun.result.job_id).await;
    assert_eq!(job.state, "done", "{:?}", job.detail);
    let imported: ImportedList = serde_json::from_value(job.result.unwrap()).unwrap();
    assert_eq!((imported.uploaded, imported.imported, imported.rejected, imported.hidden), (3, 2, 1, 0));
    assert!(imported.header.starts_with("the numbers are those of column '"), "{}", imported.header);
    assert_eq!(imported.reasons.iter().map(|reason| reason.rows).collect::<Vec<_>>(), [1]);
    assert!(imported.first.is_empty(), "cells of a list are not kept in a job");
    let all = PageRequest::default();
    let rejected = world.control.rejections(&anna(), id, imported.list.unwrap(), &all).await.unwrap().items;
    assert_eq!((rejected.len(), rejected[0].line, rejected[0].number.as_str()), (1, 4, "12"));
    // The same file again is a refusal with a sentence.
    let begun = world.control.begin_import(&anna(), id, list(rows), import()).await.unwrap();
    let job = ended(&world, begun.result.job_id).await;
    assert_eq!((job.state.as_str(), job.problem.as_deref()), ("failed", Some("known-list")));
    assert!(job.detail.unwrap().contains("has this very file already"));
    world.close().await;
}

#[tokio::test]
async fn an_import_whose_job_was_given_up_imports_nothing() {
    let world = World::new("control_given_up").await;
    let id = world.draft(&anna()).await;
    let job = lost(&world, "import", id, json!({})).await;
    let record = ImportRecord::Job { id: job, worker: "somebody else".into() };
    let options = ImportOptions {
        default_country: "KE".parse().ok(),
        needed: ["first_name".to_owned()].into(),
        record: Some(record),
        ..ImportOptions::default()
    };
    let rows = list("0712000001;Anna\n");
    let refused = producer::import(&world.store, id, rows, options, Arc::new(Progress::default())).await;
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("was given up meanwhile") && text.contains("nothing was imported"), "{text}");
    assert_eq!(world.count("select count(*) from recipient").await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_process_that_stops_gives_its_jobs_to_others_at_once() {
    let world = World::new("control_release").await;
    let id = failed(&world).await;
    let shutdown = CancellationToken::new();
    let keeping = tokio::spawn({
        let (control, shutdown) = (world.control.clone(), shutdown.clone());
        async move { control.keep_jobs(shutdown).await }
    });
    // The job waits for this lock until its process stops.
    let (mut holder, connection) =
        tokio_postgres::connect(world.scope.database_url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let lock = holder.transaction().await.unwrap();
    lock.execute("select from campaign where id = $1 for update", &[&id.0]).await.unwrap();
    let begun = world.control.begin_retry(&anna(), id, &retry()).await.unwrap();
    let waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";
    let until = Instant::now() + Duration::from_secs(30);
    while world.count(waits).await == 0 {
        assert!(Instant::now() < until);
        sleep(Duration::from_millis(10)).await;
    }
    shutdown.cancel();
    keeping.await.unwrap();
    let free =
        format!("select count(*) from job where id = {} and heartbeat_at = 'epoch'", begun.result.job_id);
    assert_eq!(world.count(&free).await, 1);
    lock.rollback().await.unwrap();
    world.close().await;
}
