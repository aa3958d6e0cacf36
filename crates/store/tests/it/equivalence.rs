//! Claims and records have a short statement for the ordinary case (`claim_pending.rs`, `record_final.rs`) and a general one. Whatever
//! state recipients are in, both do the same.

use std::collections::BTreeMap;
use std::time::Duration;

use campaign::{CampaignId, ClaimId, Outcome, Reason, SenderId, Seq};
use store::{Claim, ClaimAnswer, ClaimRefusal, DailyCap, RecordedOutcome, RequestRecord};
use uuid::Uuid;

use crate::world::{LEASE, World, new_sender, reason};

const RECIPIENTS: i32 = 40;
const STEPS: usize = 60;
const RUNS: u64 = 4;

/// Everything that a claim or a record changes, without times, ids of claims and the names of tables.
const STATE: &str = "
select jsonb_build_object(
    'recipients', (select jsonb_agg(jsonb_build_array(seq, state, attempts, reason_code, claim_id is null) order by seq)
        from recipient where campaign_id = $1),
    'attempts', (select jsonb_agg(jsonb_build_array(seq, outcome, reason_code, provider_message_id, late)
        order by seq, claim_id) from attempt where campaign_id = $1),
    'due', (select jsonb_agg(jsonb_build_array(seq, due_at > clock_timestamp() + interval '1 minute') order by seq)
        from due where campaign_id = $1),
    'unknown', (select jsonb_agg(seq order by seq) from unknown_recipient where campaign_id = $1),
    'being sent', (select jsonb_agg(r.seq order by r.seq) from recipient r join claim c on c.id = r.claim_id
        where r.campaign_id = $1 and r.state = 'sending' and r.seq = any(c.seqs)),
    'counters', (select jsonb_object_agg(kind, n) from counter_now where campaign_id = $1 and n <> 0),
    'by country', (select jsonb_object_agg(kind || calling_code, n) from counter_by_country_now
        where campaign_id = $1 and n <> 0)
)::text";

/// One of the two campaigns that everything is done to.
struct Side {
    campaign: CampaignId,
    sender: SenderId,
    /// What is being sent to, and under which claim.
    open: BTreeMap<i32, ClaimId>,
    /// How many outcomes of a claim are still to come.
    left: BTreeMap<ClaimId, usize>,
    /// A record with an outcome of no recipient takes the general statement.
    is_general: bool,
}

impl Side {
    /// Claims those of these that are due, in as many claims as it takes; gives whom, with the number of the attempt.
    async fn claim(&mut self, world: &World, seqs: &[Seq]) -> BTreeMap<i32, u16> {
        let mut granted = BTreeMap::new();
        loop {
            let ours = (Uuid::nil(), LEASE);
            match world.store.claim(self.sender, self.campaign, seqs, ours).await.unwrap() {
                ClaimAnswer::Granted(Claim { id, rows, .. }) => {
                    self.left.insert(id, rows.len());
                    for row in rows {
                        self.open.insert(row.seq.0, id);
                        granted.insert(row.seq.0, row.attempt);
                    }
                }
                ClaimAnswer::Refused(ClaimRefusal::NothingDue) => return granted,
                ClaimAnswer::Refused(refused) => panic!("{refused:?}"),
            }
        }
    }

    /// Records these outcomes, and closes the claims of which they are the last.
    async fn record(&mut self, world: &World, outcomes: &[(i32, Outcome)]) {
        let (mut recorded, mut closed) = (Vec::new(), Vec::new());
        let sent_at = world.now().await;
        for (seq, outcome) in outcomes {
            let claim = self.open.remove(seq).unwrap();
            let request = Some(RequestRecord {
                sent_at,
                latency: Duration::from_millis(3),
                http_status: Some(200),
                wa_id: None,
                window_closed: false,
            });
            recorded.push(RecordedOutcome { claim, seq: Seq(*seq), outcome: outcome.clone(), request });
            let left = self.left.get_mut(&claim).unwrap();
            *left -= 1;
            if *left == 0 {
                closed.push(claim);
            }
        }
        if self.is_general {
            let outcome = Outcome::Unknown { reason: reason("none") };
            recorded.push(RecordedOutcome { claim: ClaimId(0), seq: Seq(0), outcome, request: None });
        }
        world.store.record(self.sender, self.campaign, &recorded, &closed).await.unwrap();
    }

    async fn state(&self, world: &World) -> String {
        world.look.query_one(STATE, &[&self.campaign.0]).await.unwrap().get(0)
    }
}

/// Two senders with the same campaign. The second has a daily cap that is never reached, so its claims are general.
async fn two_sides(name: &str) -> (World, [Side; 2]) {
    let world = World::new(name, None).await;
    let mut capped = new_sender("capped", None);
    capped.daily_cap = Some(DailyCap { recipients: 1_000_000, zone: "UTC".into() });
    let capped = world.store.add_sender(&capped).await.unwrap();
    let side = async |sender: SenderId, is_general| {
        let campaign = world.draft(u32::try_from(RECIPIENTS).unwrap()).await;
        let update = "update campaign set sender_id = $2 where id = $1";
        world.look.execute(update, &[&campaign.0, &sender.0]).await.unwrap();
        world.store.start_campaign(campaign, "test").await.unwrap();
        Side { campaign, sender, open: BTreeMap::new(), left: BTreeMap::new(), is_general }
    };
    let sides = [side(world.sender, false).await, side(capped, true).await];
    (world, sides)
}

fn outcome(random: &mut fastrand::Rng, seq: i32) -> Outcome {
    let reason = || Reason { code: ["X", "Y"][usize::from(seq % 2 == 0)].into(), text: "in words".into() };
    match random.u8(..9) {
        0..=3 => Outcome::Accepted { provider_message_id: format!("id-{seq}") },
        4 | 5 => Outcome::Failed { reason: reason() },
        6 => Outcome::Retry {
            after: Duration::from_hours(random.u64(..2)),
            counted: random.bool(),
            reason: reason(),
        },
        7 => Outcome::Throttled { after: Duration::ZERO, reason: reason() },
        _ => Outcome::Unknown { reason: reason() },
    }
}

/// What may happen to recipients besides: it happens to both campaigns alike.
async fn something_else(world: &World, random: &mut fastrand::Rng) {
    let number = 254_712_000_000 + random.i64(..i64::from(RECIPIENTS));
    let statement = match random.u8(..6) {
        0 => format!(
            "insert into suppression (msisdn, reason) values ({number}, 'operator') on conflict do nothing"
        ),
        1 => format!("delete from suppression where msisdn = {number}"),
        2 => format!(
            "insert into conversation (sender_id, msisdn, last_inbound_at)
             select id, {number}, clock_timestamp() - interval '1 hour' * {} from sender
             on conflict (sender_id, msisdn) do update set last_inbound_at = excluded.last_inbound_at",
            random.u8(..2) * 48
        ),
        3 => "update due set due_at = clock_timestamp()".into(),
        // Whoever is being sent to becomes unknown: the worker died.
        4 => "update claim set lease_until = clock_timestamp() - interval '1 hour'".into(),
        _ => {
            let id = random.i32(1..=RECIPIENTS);
            format!(
                "update recipient set state = 'cancelled' where seq = {id} and state in ('pending', 'retry')"
            )
        }
    };
    world.look.execute(&statement, &[]).await.unwrap();
}

#[tokio::test]
async fn the_short_statements_do_what_the_general_ones_do() {
    let first = fastrand::u64(..);
    println!("seed {first} and the {RUNS} that follow");
    for seed in (0..RUNS).map(|n| first.wrapping_add(n)) {
        let mut random = fastrand::Rng::with_seed(seed);
        let (world, mut sides) = two_sides("equivalence").await;
        for step in 0..STEPS {
            match random.u8(..10) {
                0..=3 => {
                    let first = random.i32(1..=RECIPIENTS);
                    let seqs: Vec<Seq> = (first..first + random.i32(1..20)).map(Seq).collect();
                    let [short, general] = &mut sides;
                    let granted = (short.claim(&world, &seqs).await, general.claim(&world, &seqs).await);
                    assert_eq!(granted.0, granted.1, "seed {seed}, step {step}");
                }
                4..=7 => {
                    let mut seqs: Vec<i32> = sides[0].open.keys().copied().collect();
                    random.shuffle(&mut seqs);
                    seqs.truncate(random.usize(..=seqs.len()));
                    let outcomes: Vec<(i32, Outcome)> =
                        seqs.iter().map(|seq| (*seq, outcome(&mut random, *seq))).collect();
                    let (last, others): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcome)| {
                        matches!(outcome, Outcome::Accepted { .. } | Outcome::Failed { .. })
                    });
                    for side in &mut sides {
                        // Apart, so that the final ones take the short statement.
                        side.record(&world, &last).await;
                        side.record(&world, &others).await;
                    }
                }
                8 => {
                    for side in &sides {
                        world.store.expire_claims(side.sender).await.unwrap();
                    }
                }
                _ => something_else(&world, &mut random).await,
            }
            let states = (sides[0].state(&world).await, sides[1].state(&world).await);
            assert_eq!(states.0, states.1, "seed {seed}, step {step}");
        }
        assert_eq!(world.miscounts().await, [], "seed {seed}");
        world.close().await;
    }
}
