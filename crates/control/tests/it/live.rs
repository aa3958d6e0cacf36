//! Campaigns and jobs are followed with the statements of one watcher.

use std::time::Duration;

use campaign::CampaignId;
use control::{Caller, Live, LiveState, Problem, Watch};
use secrecy::SecretString;
use store::{Config, Store};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::world::{World, anna, problem};

async fn live(world: &World, shutdown: &CancellationToken) -> Live {
    let config = Config::new(SecretString::from(world.scope.database_url())).for_watching();
    Live::start(Store::connect(&config).await.unwrap(), shutdown.clone())
}

/// The next name of the campaign, and whether it is live.
async fn name(watch: &mut Watch) -> (String, bool) {
    let sample = timeout(Duration::from_mins(1), watch.next()).await.unwrap().unwrap();
    match &sample.state {
        LiveState::Campaign(campaign) => (campaign.name.clone(), sample.is_live),
        other => (format!("{other:?}"), sample.is_live),
    }
}

async fn rename(world: &World, id: CampaignId, name: &str) {
    world.look.execute("update campaign set name = $2 where id = $1", &[&id.0, &name]).await.unwrap();
}

#[tokio::test]
async fn twenty_watchers_make_the_statements_of_one_and_no_watcher_makes_none() {
    let world = World::new("control_live").await;
    let shutdown = CancellationToken::new();
    let live = live(&world, &shutdown).await;
    let id = world.ready(&anna()).await;
    assert_eq!(live.round_trips(), 0);

    // The round trips while the watchers see three changes, and the time that this takes in seconds.
    let watched = async |n: usize| {
        let mut watches = Vec::new();
        for _ in 0..n {
            watches.push(live.watch_campaign(&world.control, &anna(), id).await.unwrap());
        }
        for watch in &mut watches {
            assert!(name(watch).await.1);
        }
        let (before, began) = (live.round_trips(), Instant::now());
        for change in ["one", "two", "three"] {
            rename(&world, id, change).await;
            for watch in &mut watches {
                assert_eq!(name(watch).await, (change.to_owned(), true));
            }
        }
        (live.round_trips() - before, began.elapsed().as_secs())
    };
    for n in [1, 20] {
        let (round_trips, seconds) = watched(n).await;
        let text = format!("{n} watchers: {round_trips} round trips in {seconds} s");
        assert!(round_trips >= 3 && round_trips <= seconds + 2, "{text}");
    }

    let statement = "
        select coalesce(max(extract(epoch from query_start)::float8), 0)::text || ' ' || count(*)
        from pg_stat_activity where datname = current_database() and query like '%waiting as materialized%' and pid <> pg_backend_pid()";
    let last = async || world.look.query_one(statement, &[]).await.unwrap().get::<_, String>(0);
    // A round trip may be under way when the last watcher ends.
    sleep(Duration::from_millis(1_500)).await;
    let (before, last_before) = (live.round_trips(), last().await);
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!((live.round_trips(), last().await), (before, last_before));
    shutdown.cancel();
    world.close().await;
}

#[tokio::test]
async fn a_watch_tells_of_deletion_of_old_states_and_of_the_end_of_the_process() {
    let world = World::new("control_watch").await;
    let shutdown = CancellationToken::new();
    let live = live(&world, &shutdown).await;
    let control = &world.control;
    let id = world.draft(&anna()).await;
    assert_eq!(problem(live.watch_campaign(control, &anna(), CampaignId(999)).await), Problem::NotFound);
    let limited = Caller { senders: Some(["other".to_owned()].into()), ..anna() };
    assert_eq!(problem(live.watch_campaign(control, &limited, id).await), Problem::NotFound);
    let job = control.begin_check(&anna(), id).await.unwrap().result.job_id;
    let mut of_job = live.watch_job(control, &anna(), job).await.unwrap();
    loop {
        let sample = timeout(Duration::from_mins(1), of_job.next()).await.unwrap().unwrap();
        let LiveState::Job(found) = &sample.state else { panic!("{sample:?}") };
        if found.state == "done" {
            assert_eq!(**found, control.job(&anna(), job).await.unwrap());
            break;
        }
    }
    let mut watch = live.watch_campaign(control, &anna(), id).await.unwrap();
    assert_eq!(name(&mut watch).await, ("trial".to_owned(), true));
    // PostgreSQL does not answer in time: the last state is old. Then the campaign is renamed.
    world.look.batch_execute("begin; lock table campaign in access exclusive mode").await.unwrap();
    assert_eq!(name(&mut watch).await, ("trial".to_owned(), false));
    world.look.batch_execute("commit").await.unwrap();
    assert_eq!(name(&mut watch).await, ("trial".to_owned(), true));
    control.delete_campaign(&anna(), id).await.unwrap();
    assert_eq!(name(&mut watch).await, ("Deleted".to_owned(), true));
    shutdown.cancel();
    assert!(timeout(Duration::from_mins(1), watch.next()).await.unwrap().is_none());
    // Samples that were not read come first.
    while timeout(Duration::from_mins(1), of_job.next()).await.unwrap().is_some() {}
    assert_eq!(problem(live.watch_running(control, &anna()).await), Problem::Unavailable);
    world.close().await;
}

#[tokio::test]
async fn the_connections_of_the_sampler_cannot_write() {
    let world = World::new("control_read_only").await;
    let id = world.ready(&anna()).await;
    let config = Config::new(SecretString::from(world.scope.database_url())).for_watching();
    let reading = Store::connect(&config).await.unwrap();
    assert_eq!(reading.campaign(id).await.unwrap().recipients, 2);
    let refused = [
        reading.start_campaign(id, "x").await.map(drop).unwrap_err(),
        reading.delete_draft(id).await.map(drop).unwrap_err(),
        reading.fold_counters().await.unwrap_err(),
        reading.lock_campaign(id).await.unwrap_err(),
    ];
    for error in refused {
        assert!(error.to_string().contains("read-only (25006)"), "{error}");
    }
    world.close().await;
}
