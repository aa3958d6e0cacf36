//! The plans of the long statements: each snapshot of `snapshots/` is executed on lists in several volumes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use campaign::{CampaignId, Outcome, ReceiptStatus};
use serde_json::Value;
use store::{Ingest, VolumeLimits};
use tokio_postgres::types::Json;

use crate::world::{World, accepted, given_back, reason};

/// The campaign of the snapshots.
const CAMPAIGN: CampaignId = CampaignId(7);
/// The partitioned tables.
const PARENTS: [&str; 5] = ["recipient", "recipient_number", "attempt", "receipt", "flow_answer"];
/// Most tables and indexes that one statement locks.
const MOST_LOCKS: usize = 40;
/// Most rows of a list of 3,000 recipients that a statement reads to find 20 of them at most.
const MOST_ROWS: f64 = 100.0;
/// Instead of the table that a statement changes, if it only reads.
const NOTHING: &str = "pg_class";
/// The planner's settings of connections of the pool, without the kind of plan.
const LIKE_THE_POOL: &str = "set local jit = off; set local enable_seqscan = off";

/// How a statement is planned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// Once for all campaigns of a volume.
    Generic,
    /// For its values, on a connection of the pool.
    Custom,
    /// For its values, on a connection outside the pool, which may read a list from end to end.
    OutsideThePool,
}

/// A statement with values for its parameters, and the table that it changes with them.
struct Case {
    snapshot: &'static str,
    values: Vec<String>,
    changes: &'static str,
    plan: Plan,
}

/// The values are separated by semicolons.
fn case(snapshot: &'static str, changes: &'static str, values: &str) -> Case {
    let values = values.split(';').map(|value| value.trim().to_owned()).collect();
    let plan = match snapshot {
        "resend" => Plan::OutsideThePool,
        "resolve" | "measure_campaigns" => Plan::Custom,
        _ => Plan::Generic,
    };
    Case { snapshot, values, changes, plan }
}

fn cases(sender: i64, claim: i64) -> [Case; 14] {
    let sender = format!("{sender}::bigint");
    let claims = format!("array[{claim}, {claim}]::bigint[]");
    let claimed_by = format!("{sender}; '00000000-0000-0000-0000-000000000001'::uuid; 60000::float8");
    let why = "array[null, 'x']::text[]; array[null, 'in words']::text[]";
    let request =
        "array[now(), now()]; array[9, 9]::int[]; array[200, 400]::smallint[]; array['id.1', null]::text[]";
    let none = "array[null]::text[]";
    let number = "array[254712000001]::bigint[]";
    [
        case("claim", "recipient", &format!("array[21, 22, 61, 1]; {claimed_by}; 7")),
        case("claim_pending", "recipient", &format!("array[61, 62, 63]; {claimed_by}; 7")),
        case("postpone", "due", &format!("array[71, 72]; array[1000, 2000]; {sender}; 'recipient_hours'; 7")),
        case("lease", "sender_gate", &format!("5::bigint; {sender}; 0::bigint; null::bigint; 7")),
        case(
            "record",
            "recipient",
            &format!(
                "{claims}; array[1, 2]; array['accepted', 'retry']; array['accepted', 'retry']; array[false, true]; {why};
                array[null, 1000]::bigint[]; {request}; {sender}; array[]::bigint[]; 7"
            ),
        ),
        case("record_again", "recipient", &format!("{claims}; array[61, 62]; {sender}; 7")),
        case(
            "record_final",
            "recipient",
            &format!(
                "{claims}; array[1, 2]; array['accepted', 'failed']; {why}; {request}; {sender}; array[]::bigint[]; 7"
            ),
        ),
        case(
            "store_answers",
            "flow_answer",
            &format!(
                "array[16]; array[now()]; array['in.1']; array['{{}}'::jsonb]; {number}; {number}; {number}; 7"
            ),
        ),
        case(
            "store_receipts",
            "receipt",
            &format!(
                "array[{sender}]; array[16]; array['read']; array[now()]; {none}; {none}; array['wamid.16']; array[true];
                array[17]; 7"
            ),
        ),
        case("measure_campaigns", NOTHING, &format!("array[{sender}]")),
        case("resend", "recipient", "7::bigint; 0; false; null::text; 'test'; 'anna'; null::timestamptz; 5000"),
        case(
            "resolve",
            "recipient",
            "7::bigint; 0::float8; null::int[]; true; 5; 'unknown_given_up'; 'operator'; 'test'; 'anna'",
        ),
        case("resolve_by_receipt", "recipient", "0; 7"),
        case("fall_back", "recipient", "0; 4; true; 7"),
    ]
}

/// Lists in three volumes; of campaign 7 there are recipients in each state that a statement looks for. Returns the claim that is open.
async fn fill(world: &World) -> i64 {
    world.look.execute("select setval('campaign_id_seq', 7, false)", &[]).await.unwrap();
    assert_eq!(world.campaign(3_000).await, CAMPAIGN);
    world.campaign(3_000).await;
    world.store.rotate_volume(VolumeLimits { recipients: 1, ..VolumeLimits::default() }).await.unwrap();
    assert_eq!(world.campaign(1_000).await, CampaignId(10_000));
    let open = world.granted(CAMPAIGN, 1..=10).await;
    let failed = Outcome::Failed { reason: reason("131026") };
    let unknown = Outcome::Unknown { reason: reason("timeout") };
    for (seqs, outcome) in
        [(11..=20, unknown), (21..=30, given_back()), (31..=40, failed), (41..=60, accepted())]
    {
        let claim = world.granted(CAMPAIGN, seqs).await;
        world.record(CAMPAIGN, &claim, &outcome).await;
    }
    let receipts = (11..=13).map(|seq| world.receipt(CAMPAIGN, seq, ReceiptStatus::Delivered));
    let failed = (41..=43).map(|seq| world.receipt(CAMPAIGN, seq, ReceiptStatus::Failed));
    let receipts = receipts.chain(failed).collect();
    let list = "insert into template_fallback (campaign_id, seq) select 7, generate_series(41, 43)";
    world.look.batch_execute(list).await.unwrap();
    world.store.ingest(&Ingest { receipts, ..Ingest::default() }).await.unwrap();
    world.look.batch_execute("analyze").await.unwrap();
    open.id.0
}

/// The statement that executes a snapshot: a generic plan needs a prepared statement.
async fn prepared(world: &World, case: &Case) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(format!("{}.sql", case.snapshot));
    let mut text = fs::read_to_string(path).unwrap();
    if case.plan == Plan::Generic {
        let name = case.snapshot;
        world.look.batch_execute(&format!("prepare {name} as {text}")).await.unwrap();
        return format!("execute {name} ({})", case.values.join(", "));
    }
    for (n, value) in case.values.iter().enumerate().rev() {
        text = text.replace(&format!("${}", n + 1), value);
    }
    assert!(!text.contains('$'), "{}: a parameter without a value", case.snapshot);
    text
}

/// The tables that a plan reads or writes, with the most rows that one node of the plan read.
fn tables(plan: &Value) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    let mut nodes = vec![plan];
    while let Some(node) = nodes.pop() {
        if let Some(table) = node["Relation Name"].as_str() {
            let number = |field: &str| node[field].as_f64().unwrap_or(0.0);
            let of_a_loop = number("Actual Rows") + number("Rows Removed by Filter");
            let rows = found.entry(table.to_owned()).or_insert(0.0);
            *rows = f64::max(*rows, of_a_loop * number("Actual Loops"));
        }
        match node {
            Value::Array(items) => nodes.extend(items),
            Value::Object(fields) => nodes.extend(fields.values()),
            _ => {}
        }
    }
    found
}

/// Whether this is a table of a volume, and of which.
fn volume(table: &str) -> Option<&str> {
    PARENTS.iter().find_map(|parent| table.strip_prefix(parent)?.strip_prefix("_v"))
}

#[tokio::test]
async fn a_long_statement_reads_few_rows_and_only_tables_of_the_volume_of_its_campaign() {
    let world = World::new("plans", None).await;
    let claim = fill(&world).await;
    let cases = cases(world.sender.0, claim);
    let kept = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots")).unwrap().count();
    assert_eq!(cases.len(), kept, "a snapshot is not executed");
    for case in &cases {
        let name = case.snapshot;
        let statement = prepared(&world, case).await;
        let settings = match case.plan {
            Plan::Generic => format!("{LIKE_THE_POOL}; set local plan_cache_mode = force_generic_plan"),
            Plan::Custom => format!("{LIKE_THE_POOL}; set local plan_cache_mode = force_custom_plan"),
            Plan::OutsideThePool => "set local jit = off".to_owned(),
        };
        world.look.batch_execute(&format!("begin; {settings}")).await.unwrap();
        let explain = format!("explain (analyze, format json) {statement}");
        let Json(plan): Json<Value> = world.look.query_one(&explain, &[]).await.unwrap().get(0);
        let changed = format!(
            "select count(*) from {} where xmin::text = (pg_current_xact_id()::text::bigint % 4294967296)::text",
            case.changes
        );
        let locks = "
            select c.relname::text from pg_locks l join pg_class c on c.oid = l.relation
            where l.pid = pg_backend_pid() and l.locktype = 'relation'
                and c.relnamespace = 'public'::regnamespace";
        let rows = world.look.query(locks, &[]).await.unwrap();
        let locked: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
        assert!(
            case.changes == NOTHING || world.count(&changed).await > 0,
            "{name} changes nothing: its plan says nothing"
        );
        world.look.batch_execute("rollback").await.unwrap();

        let used = tables(&plan);
        let long: Vec<_> =
            used.iter().filter(|(table, rows)| volume(table).is_some() && **rows > MOST_ROWS).collect();
        assert!(
            case.plan == Plan::OutsideThePool || long.is_empty(),
            "{name} reads more than it looks for: {long:?}"
        );
        let used: BTreeSet<String> = used.into_keys().collect();
        let others = |tables: &BTreeSet<String>| -> Vec<String> {
            let of_others = tables.iter().filter(|table| volume(table).is_some_and(|v| !v.starts_with('0')));
            of_others.cloned().collect()
        };
        assert_eq!(others(&used), Vec::<String>::new(), "{name} plans tables of other volumes");
        assert_eq!(others(&locked), Vec::<String>::new(), "{name} locks tables of other volumes");
        assert!(locked.len() <= MOST_LOCKS, "{name} locks {} tables and indexes: {locked:?}", locked.len());
    }
    world.close().await;
}
