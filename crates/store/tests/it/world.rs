//! A database of its own for each test, with one sender and what a test needs to fill it.

use std::time::Duration;

use campaign::{
    CampaignId, Definition, FollowUp, Msisdn, Outcome, Provider, Rate, Reason, ReceiptStatus, SenderId, Seq,
    StopReason, Variables,
};
use devstack::{Scope, Stack};
use jiff::Timestamp;
use secrecy::SecretString;
use store::{
    Claim, ClaimAnswer, ClaimRefusal, Config, LeftOut, ListOrigin, MessageKey, NewSender, Person, ReceiptRow,
    RecordedOutcome, RequestRecord, StopCause, Store,
};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

pub(crate) const LEASE: Duration = Duration::from_mins(1);
pub(crate) const NOON: &str = "2026-10-01T12:00:00Z";

pub(crate) const CAMPAIGN: &str = r#"
name = "trial"
sender = "main"
[flow]
body = "Hello {{ first_name }}"
cta = "Open"
flow_id = "1"
screen = "WELCOME"
[policy]
assume_window = "open"
"#;

/// A store with tables, a sender `main`, and a plain connection for looking.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) sender: SenderId,
    pub(crate) look: Client,
    pub(crate) scope: Scope,
}

impl World {
    /// Cancels a campaign and ends its recipients; returns their number.
    pub(crate) async fn cancel(&self, campaign: CampaignId) -> i64 {
        self.store.cancel_campaign(campaign, "test").await.unwrap();
        self.store.end_cancelled(campaign).await.unwrap()
    }

    pub(crate) async fn new(name: &str, rate: Option<&str>) -> Self {
        let scope = Stack::shared().await.unwrap().scope(name).await.unwrap();
        let store = Store::connect(&Config::new(SecretString::from(scope.database_url()))).await.unwrap();
        store.migrate().await.unwrap();
        let rate: Option<Rate> = rate.map(|rate| rate.parse().unwrap());
        let sender = store.add_sender(&new_sender("main", rate)).await.unwrap();
        let (look, connection) = tokio_postgres::connect(scope.database_url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        Self { store, sender, look, scope }
    }

    /// A running campaign with this many recipients.
    pub(crate) async fn campaign(&self, recipients: u32) -> CampaignId {
        let id = self.draft(recipients).await;
        self.store.start_campaign(id, "test").await.unwrap();
        id
    }

    /// A running campaign with this line in its `[policy]`.
    pub(crate) async fn campaign_with(&self, policy: &str, recipients: u32) -> CampaignId {
        let id = self.draft_of(&format!("{CAMPAIGN}{policy}\n"), recipients).await;
        self.store.start_campaign(id, "test").await.unwrap();
        id
    }

    pub(crate) async fn draft(&self, recipients: u32) -> CampaignId {
        self.draft_of(CAMPAIGN, recipients).await
    }

    async fn draft_of(&self, file: &str, recipients: u32) -> CampaignId {
        let id = self.store.create_campaign(&Definition::parse(file).unwrap(), None).await.unwrap();
        self.import(id, 0..recipients).await;
        id
    }

    pub(crate) async fn import(&self, id: CampaignId, numbers: std::ops::Range<u32>) {
        self.import_numbers(id, numbers.map(msisdn)).await;
    }

    pub(crate) async fn import_numbers(&self, id: CampaignId, numbers: impl IntoIterator<Item = Msisdn>) {
        let mut import = self.store.begin_import(id).await.unwrap();
        let (rows, stored) = tokio::sync::mpsc::channel(1);
        let batch = numbers.into_iter().map(|number| (number, variables())).collect();
        let send = async move { rows.send(batch).await.unwrap() };
        let (copied, ()) = tokio::join!(import.copy(stored), send);
        copied.unwrap();
        import.finish(&origin(), LeftOut::default(), std::iter::empty(), None).await.unwrap();
    }

    /// Where the counts of any campaign are not what a full count gives.
    pub(crate) async fn miscounts(&self) -> Vec<store::Miscount> {
        let campaigns = self.store.countable_campaigns().await.unwrap();
        self.store.check_counters(&campaigns, |_| {}).await.unwrap()
    }

    pub(crate) async fn claim(
        &self,
        campaign: CampaignId,
        seqs: std::ops::RangeInclusive<i32>,
    ) -> ClaimAnswer {
        let seqs: Vec<Seq> = seqs.map(Seq).collect();
        self.store.claim(self.sender, campaign, &seqs, (Uuid::new_v4(), LEASE)).await.unwrap()
    }

    pub(crate) async fn granted(&self, campaign: CampaignId, seqs: std::ops::RangeInclusive<i32>) -> Claim {
        match self.claim(campaign, seqs).await {
            ClaimAnswer::Granted(claim) => claim,
            ClaimAnswer::Refused(refused) => panic!("not granted: {refused:?}"),
        }
    }

    pub(crate) async fn refused(
        &self,
        campaign: CampaignId,
        seqs: std::ops::RangeInclusive<i32>,
    ) -> ClaimRefusal {
        match self.claim(campaign, seqs).await {
            ClaimAnswer::Granted(claim) => panic!("granted {} rows", claim.rows.len()),
            ClaimAnswer::Refused(refused) => refused,
        }
    }

    /// Records the same outcome for every row of a claim, and closes it.
    pub(crate) async fn record(&self, campaign: CampaignId, claim: &Claim, outcome: &Outcome) -> u64 {
        let outcomes: Vec<RecordedOutcome> = claim
            .rows
            .iter()
            .map(|row| RecordedOutcome {
                claim: claim.id,
                seq: row.seq,
                outcome: outcome.clone(),
                request: Some(RequestRecord {
                    sent_at: claim.at,
                    latency: Duration::from_millis(3),
                    http_status: Some(202),
                    wa_id: None,
                    window_closed: false,
                }),
            })
            .collect();
        self.store.record(self.sender, campaign, &outcomes, &[claim.id]).await.unwrap().changed
    }

    pub(crate) async fn row(&self, campaign: CampaignId, seq: i32) -> (String, i16, Option<String>) {
        let select = "select state, attempts, reason_code from recipient where campaign_id = $1 and seq = $2";
        let row = self.look.query_one(select, &[&campaign.0, &seq]).await.unwrap();
        (row.get(0), row.get(1), row.get(2))
    }

    /// What a provider says of a recipient's message, at noon of some day.
    pub(crate) fn receipt(&self, campaign: CampaignId, seq: i32, status: ReceiptStatus) -> ReceiptRow {
        let after = Duration::from_secs(status as u64 * 60);
        ReceiptRow {
            about: self.about(campaign, seq),
            status,
            at: Some(NOON.parse::<Timestamp>().unwrap() + after),
            code: (status == ReceiptStatus::Failed).then(|| "131026".to_owned()),
            words: (status == ReceiptStatus::Failed).then(|| "not on WhatsApp".to_owned()),
            follow_up: (status == ReceiptStatus::Failed).then_some(FollowUp::NotDelivered),
            stop: None,
            window_closed: false,
            billable: None,
            user: None,
        }
    }

    /// The message of a recipient, by reference and by id.
    pub(crate) fn about(&self, campaign: CampaignId, seq: i32) -> MessageKey {
        MessageKey {
            sender: self.sender,
            recipient: Some((campaign, Seq(seq))),
            message_id: Some(format!("wamid.{seq}")),
        }
    }

    /// A person of whom the number is known and nothing else.
    pub(crate) fn person(&self, from: Msisdn) -> Person {
        let about = MessageKey { sender: self.sender, recipient: None, message_id: None };
        Person { about, from: Some(from), user: None }
    }

    /// The database's time.
    pub(crate) async fn now(&self) -> Timestamp {
        self.look.query_one("select clock_timestamp()", &[]).await.unwrap().get(0)
    }

    pub(crate) async fn count(&self, select: &str) -> i64 {
        self.look.query_one(select, &[]).await.unwrap().get(0)
    }

    /// Drops the database, and says what could not be dropped.
    pub(crate) async fn close(self) {
        let Self { store, look, scope, .. } = self;
        drop((store, look));
        scope.close().await.unwrap();
    }
}

pub(crate) fn new_sender(name: &str, rate: Option<Rate>) -> NewSender {
    NewSender {
        name: name.into(),
        provider: Provider::Kaleyra,
        base_url: "http://127.0.0.1:1".into(),
        account: Some("SID".into()),
        number: "919900000000".into(),
        api_key_ref: "env:KEY".into(),
        rate,
        daily_cap: None,
    }
}

pub(crate) fn origin() -> ListOrigin {
    ListOrigin { source: "list.csv".into(), form: "CSV".into(), sha256: [0; 32], ..ListOrigin::default() }
}

pub(crate) fn msisdn(n: u32) -> Msisdn {
    Msisdn::from_digits(254_712_000_000 + u64::from(n)).unwrap()
}

/// Numbers of a country by turns: Kenya, Tanzania, the United States and Germany.
pub(crate) fn abroad(n: u32) -> Msisdn {
    let base = [254_712_000_000, 255_712_000_000, 12_125_000_000, 491_512_000_000][n as usize % 4];
    Msisdn::from_digits(base + u64::from(n)).unwrap()
}

pub(crate) fn variables() -> Variables {
    [("first_name", "Anna"), ("town", "Nakuru")].into_iter().collect()
}

pub(crate) fn accepted() -> Outcome {
    Outcome::Accepted { provider_message_id: "A1".into() }
}

/// Not sent, not counted, due again at once.
pub(crate) fn given_back() -> Outcome {
    Outcome::Retry { after: Duration::ZERO, counted: false, reason: reason("slot_missed") }
}

pub(crate) fn reason(code: &'static str) -> Reason {
    Reason { code: code.into(), text: "in words".into() }
}

/// Somebody of ours stops it.
pub(crate) fn by_operator() -> StopCause<'static> {
    StopCause { reason: StopReason::Operator, refusal: None, by: "test" }
}

/// The seeds of a random test, so many: the one in `FLOWCAST_TEST_SEED`, or new ones; `FLOWCAST_TEST_SEEDS` asks for more. A test
/// prints its seed when it fails.
pub(crate) fn seeds(n: usize) -> Vec<u64> {
    let given = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    if let Some(seed) = given("FLOWCAST_TEST_SEED") {
        return vec![seed];
    }
    let n = given("FLOWCAST_TEST_SEEDS").map_or(n, |n| usize::try_from(n).unwrap());
    std::iter::repeat_with(|| fastrand::u64(..)).take(n).collect()
}
