//! What a stop leaves to arrive: every kind of stop, with a quick and a slow provider, with and without a rate, with 1 and 8 workers.

use std::time::Duration;

use crate::halts::{Case, Halt};

/// Recipients of one stop: more than all workers hold, and more than leave before it.
fn recipients(rate: &str, workers: usize) -> u32 {
    match (rate, workers) {
        ("none", 1) => 4_000,
        ("none", _) => 16_000,
        _ => 1_500,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_arrives_later_than_a_second_after_a_stop() {
    let mut late = Vec::new();
    for halt in [Halt::Pause, Halt::Hold, Halt::Cancel, Halt::LowBalance] {
        for latency in [Duration::from_millis(20), Duration::from_secs(5)] {
            for rate in ["none", "100/s"] {
                for workers in [1, 8] {
                    let recipients = recipients(rate, workers);
                    let halted = Case { halt, latency, rate, workers, recipients }.run().await;
                    println!("{halted}");
                    if halted.late() > 0 {
                        late.push(halted.to_string());
                    }
                }
            }
        }
    }
    assert!(late.is_empty(), "{late:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_arrives_later_than_a_second_after_a_stop_that_is_not_notified() {
    let latency = Duration::from_secs(5);
    let case = Case { halt: Halt::LowBalance, latency, rate: "none", workers: 8, recipients: 16_000 };
    let halted = case.run_without_notifications().await;
    println!("{halted}");
    assert_eq!(halted.late(), 0, "{halted}");
}
