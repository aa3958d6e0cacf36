//! Stops and openings: which of them wins, whoever asks, and however they meet.

use std::time::Duration;

use campaign::{CampaignId, Probing, StopReason};
use store::{Claim, ClaimRefusal, DailyCap, Error, HoldResult, LeaseAnswer, LeaseRequest, Opened, StopCause};

use crate::world::{World, reason};

const AT_ONCE: [Duration; 1] = [Duration::ZERO];

impl World {
    /// Stops the sender, or with an epoch only in that opening.
    async fn stopped_for(&self, reason: StopReason, epoch: Option<i64>) {
        let cause = StopCause { reason, refusal: None, by: "worker" };
        assert!(self.store.stop_sender(self.sender, epoch, &cause).await.unwrap());
    }

    async fn capped_at(&self, recipients: u32) {
        let cap = DailyCap { recipients, zone: "UTC".into() };
        self.store.set_daily_cap(self.sender, Some(&cap)).await.unwrap();
    }

    async fn next_day(&self) {
        self.look.execute("update sender_gate set day = day - 1", &[]).await.unwrap();
    }

    /// A probe of the sender, which is stopped for low balance.
    async fn probe(&self, campaign: CampaignId) -> Claim {
        assert!(self.store.arm_probe(self.sender, Probing::Patient, &AT_ONCE).await.unwrap());
        let probe = self.granted(campaign, 1..=9).await;
        assert!(probe.is_probe);
        probe
    }

    async fn probe_succeeds(&self, epoch: i64) -> Opened {
        self.store.open_after_probe(self.sender, epoch, "worker").await.unwrap()
    }

    async fn hold(&self) -> HoldResult {
        self.store.hold_sender(self.sender, "operator").await.unwrap()
    }

    async fn resume(&self) -> Opened {
        self.store.open_sender(self.sender, "operator").await.unwrap()
    }

    /// The reason of the one stop in force of the sender, whose gate is closed; `None` when it is open and none is.
    async fn stop_in_force(&self) -> Option<StopReason> {
        let holds = self.store.holds().await.unwrap();
        assert!(holds.len() < 2, "{holds:?}");
        assert_eq!(self.store.sender("main").await.unwrap().is_open, holds.is_empty());
        holds.first().map(|hold| hold.reason)
    }
}

#[tokio::test]
async fn a_persons_hold_takes_over_a_stop_that_was_found_and_is_not_probed() {
    let world = World::new("stop_taken_over", None).await;
    let low_balance = reason("E110");
    let cause = StopCause { reason: StopReason::LowBalance, refusal: Some(&low_balance), by: "worker" };
    assert!(world.store.stop_sender(world.sender, None, &cause).await.unwrap());
    assert_eq!(world.hold().await, HoldResult::TakenOver(StopReason::LowBalance));
    assert_eq!(world.stop_in_force().await, Some(StopReason::Operator));
    let hold = &world.store.holds().await.unwrap()[0];
    let detail = hold.detail.as_deref().unwrap();
    assert!(detail.starts_with("stopped for low_balance before: "), "{detail}");
    assert!(detail.ends_with(low_balance.text.as_ref()), "{detail}");
    assert!(!world.store.arm_probe(world.sender, Probing::Patient, &AT_ONCE).await.unwrap());
    assert_eq!(world.hold().await, HoldResult::Already);
    assert!(!world.store.stop_sender(world.sender, None, &cause).await.unwrap());

    assert_eq!(world.resume().await, Opened::Open);
    assert_eq!(world.stop_in_force().await, None);
    assert_eq!(world.resume().await, Opened::Unchanged);
    assert_eq!(world.hold().await, HoldResult::Now);
    assert_eq!(world.stop_in_force().await, Some(StopReason::Operator));
    world.close().await;
}

#[tokio::test]
async fn a_probe_opens_no_gate_that_a_person_closed_or_opened_since() {
    let world = World::new("stop_late_probe", None).await;
    let campaign = world.campaign(9).await;
    world.stopped_for(StopReason::LowBalance, None).await;
    let probe = world.probe(campaign).await;
    assert_eq!(world.hold().await, HoldResult::TakenOver(StopReason::LowBalance));
    assert_eq!(world.probe_succeeds(probe.gate_epoch).await, Opened::Unchanged);
    assert_eq!(world.stop_in_force().await, Some(StopReason::Operator));
    assert_eq!(world.refused(campaign, 1..=9).await, ClaimRefusal::Held);

    world.resume().await;
    world.stopped_for(StopReason::LowBalance, None).await;
    let probe = world.probe(campaign).await;
    world.resume().await;
    world.stopped_for(StopReason::BadCredentials, None).await;
    assert_eq!(world.probe_succeeds(probe.gate_epoch).await, Opened::Unchanged);
    assert_eq!(world.stop_in_force().await, Some(StopReason::BadCredentials));
    world.close().await;
}

#[tokio::test]
async fn an_armed_probe_is_not_sent_once_a_person_holds_the_sender() {
    let world = World::new("stop_armed", None).await;
    let campaign = world.campaign(9).await;
    world.stopped_for(StopReason::LowBalance, None).await;
    assert!(world.store.arm_probe(world.sender, Probing::Patient, &AT_ONCE).await.unwrap());
    world.hold().await;
    assert_eq!(world.refused(campaign, 1..=9).await, ClaimRefusal::Held);
    world.close().await;
}

#[tokio::test]
async fn a_persons_hold_stands_however_it_meets_an_opening() {
    let world = World::new("stop_meets", None).await;
    let store = &world.store;
    for round in 0..40 {
        let epoch = world.count("select epoch from sender_gate").await;
        let reason = if round % 2 == 0 { StopReason::LowBalance } else { StopReason::DailyCap };
        world.stopped_for(reason, Some(epoch)).await;
        let probe = store.open_after_probe(world.sender, epoch, "worker");
        let (held, opened, capped, armed) = tokio::join!(
            world.hold(),
            probe,
            store.open_capped_senders(),
            store.arm_probe(world.sender, Probing::Patient, &AT_ONCE)
        );
        assert_ne!(held, HoldResult::Already, "round {round}");
        assert!(opened.is_ok() && capped.is_ok() && armed.is_ok(), "{opened:?} {capped:?} {armed:?}");
        assert_eq!(world.stop_in_force().await, Some(StopReason::Operator), "round {round}");
        assert_eq!(
            world.count("select count(*) from sender_gate where probe_armed").await,
            0,
            "round {round}"
        );
        assert_eq!(world.resume().await, Opened::Open, "round {round}");
    }
    world.close().await;
}

#[tokio::test]
async fn the_end_of_a_day_opens_no_sender_that_a_person_holds() {
    let world = World::new("stop_day_end", None).await;
    let campaign = world.campaign(20).await;
    world.capped_at(5).await;
    assert_eq!(world.granted(campaign, 1..=20).await.rows.len(), 5);
    assert_eq!(world.hold().await, HoldResult::TakenOver(StopReason::DailyCap));
    world.next_day().await;
    assert_eq!(world.store.open_capped_senders().await.unwrap(), 0);
    assert_eq!(world.stop_in_force().await, Some(StopReason::Operator));
    assert_eq!(world.resume().await, Opened::Open);
    world.close().await;
}

#[tokio::test]
async fn a_sender_is_not_opened_while_its_daily_cap_is_used_up() {
    let world = World::new("stop_cap", None).await;
    let campaign = world.campaign(20).await;
    world.capped_at(5).await;
    world.granted(campaign, 1..=20).await;
    let epoch = world.count("select epoch from sender_gate").await;
    let opened = world.resume().await;
    let Opened::Capped { ended: None, recipients: 5, until } = opened else { panic!("{opened:?}") };
    assert!(until > world.now().await);
    assert_eq!(world.stop_in_force().await, Some(StopReason::DailyCap));
    assert_eq!(world.count("select epoch from sender_gate").await, epoch, "the feed goes back for nothing");

    // A person's hold ends, and what stopped the sender before is in force again.
    world.hold().await;
    let opened = world.resume().await;
    assert_eq!(opened, Opened::Capped { ended: Some(StopReason::Operator), recipients: 5, until });
    assert_eq!(world.stop_in_force().await, Some(StopReason::DailyCap));
    assert_eq!(world.refused(campaign, 6..=20).await, ClaimRefusal::Held);
    world.next_day().await;
    assert_eq!(world.store.open_capped_senders().await.unwrap(), 1);
    assert_eq!(world.stop_in_force().await, None);
    world.close().await;
}

#[tokio::test]
async fn a_probe_opens_no_sender_whose_daily_cap_is_used_up() {
    let world = World::new("stop_probe_cap", None).await;
    let campaign = world.campaign(20).await;
    world.granted(campaign, 11..=14).await;
    world.stopped_for(StopReason::LowBalance, None).await;
    world.capped_at(5).await;
    assert_eq!(world.stop_in_force().await, Some(StopReason::LowBalance));
    // The probe itself takes the last of the day.
    let probe = world.probe(campaign).await;
    let opened = world.probe_succeeds(probe.gate_epoch).await;
    assert!(matches!(opened, Opened::Capped { ended: Some(StopReason::LowBalance), .. }), "{opened:?}");
    assert_eq!(world.stop_in_force().await, Some(StopReason::DailyCap));
    world.next_day().await;
    assert_eq!(world.store.open_capped_senders().await.unwrap(), 1);
    world.close().await;
}

#[tokio::test]
async fn a_persons_pause_takes_over_the_pause_of_a_campaign_that_was_found() {
    let world = World::new("stop_campaign", None).await;
    let campaign = world.campaign(1).await;
    let hold = async || world.store.hold_campaign(campaign, "operator").await;
    let cause = StopCause { reason: StopReason::TemplateFault, refusal: None, by: "the provider's report" };
    assert!(world.store.pause_campaign(campaign, None, &cause).await.unwrap());
    assert_eq!(hold().await.unwrap(), HoldResult::TakenOver(StopReason::TemplateFault));
    assert_eq!(hold().await.unwrap(), HoldResult::Already);
    let reasons: Vec<StopReason> =
        world.store.holds().await.unwrap().iter().map(|hold| hold.reason).collect();
    assert_eq!(reasons, [StopReason::Operator]);
    world.store.start_campaign(campaign, "operator").await.unwrap();
    assert_eq!(hold().await.unwrap(), HoldResult::Now);
    world.cancel(campaign).await;
    let error = hold().await.unwrap_err();
    assert!(matches!(&error, Error::Conflict(says) if says.contains("is cancelled")), "{error}");
    world.close().await;
}

#[tokio::test]
async fn the_end_of_a_replaced_stop_is_not_sent_as_an_opening() {
    let world = World::new("stop_alert", None).await;
    let told = async || {
        let mut events = Vec::new();
        while let Some(alert) = world.store.take_alert(Duration::from_mins(1)).await.unwrap() {
            world.store.alert_done(&alert.id).await.unwrap();
            events.push(format!("{} {}", alert.body["event"], alert.body["reason"]).replace('"', ""));
        }
        events
    };
    world.stopped_for(StopReason::LowBalance, None).await;
    assert_eq!(told().await, ["sender_stopped low_balance"]);
    world.hold().await;
    assert_eq!(told().await, ["sender_stopped operator"]);
    world.resume().await;
    assert_eq!(told().await, ["sender_opened operator"]);
    world.close().await;
}

#[tokio::test]
async fn a_probe_that_lost_its_slot_gets_a_new_one_and_disarms_no_other_probe() {
    let world = World::new("stop_probe_slot", Some("100/s")).await;
    let campaign = world.campaign(10).await;
    let low_balance = reason("E110");
    let cause = StopCause { reason: StopReason::LowBalance, refusal: Some(&low_balance), by: "worker" };
    world.store.stop_sender(world.sender, None, &cause).await.unwrap();
    let probe = world.probe(campaign).await;
    let lease = async |probes: Option<i64>| {
        let request = LeaseRequest { probes, ahead: Duration::from_millis(100), ..LeaseRequest::of(1) };
        world.store.lease(world.sender, campaign, request).await.unwrap()
    };
    let of_probe = Some(probe.gate_epoch);
    assert!(matches!(lease(of_probe).await, LeaseAnswer::Granted(_)));
    for other in [None, Some(probe.gate_epoch - 1), Some(probe.gate_epoch + 1)] {
        assert_eq!(lease(other).await, LeaseAnswer::Held, "{other:?}");
    }
    assert!(world.store.arm_probe(world.sender, Probing::Patient, &AT_ONCE).await.unwrap());
    assert!(matches!(lease(of_probe).await, LeaseAnswer::Granted(_)));
    let armed = "select count(*) from sender_gate where probe_armed and not is_open";
    assert_eq!(world.count(armed).await, 1);
    // A person takes the stop over: its epoch is another one.
    world.hold().await;
    assert_eq!(lease(of_probe).await, LeaseAnswer::Held);
    world.close().await;
}

#[tokio::test]
async fn a_notice_about_one_language_concerns_campaigns_in_that_language_only() {
    let world = World::new("stop_language", None).await;
    let template = |language: &str| {
        format!(
            "[template]\nname = \"offer\"\nlanguage = \"{language}\"\nbody = [\"{{{{ first_name }}}}\"]\n"
        )
    };
    let english = world.campaign_with(&template("en"), 1).await;
    let swahili = world.campaign_with(&template("sw"), 1).await;
    let using = async |language: Option<&str>| {
        let mut found =
            world.store.campaigns_using(world.sender, Some(("offer", language)), None).await.unwrap();
        found.sort_unstable();
        found
    };
    assert_eq!(using(Some("sw")).await, [swahili]);
    assert_eq!(using(Some("fr")).await, []);
    assert_eq!(using(None).await, [english, swahili]);
    world.close().await;
}
