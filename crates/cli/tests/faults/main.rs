//! Long tests with whole processes, real services and real kills: `make faults`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails right there")]

#[path = "../it/api_fuzz.rs"]
mod api_fuzz;
#[expect(dead_code, reason = "shared with the short tests")]
#[path = "../it/api_server.rs"]
mod api_server;
#[path = "../it/audit.rs"]
mod audit;
#[path = "../it/halts.rs"]
mod halts;
#[path = "../it/postgres_tools.rs"]
mod postgres_tools;
#[expect(dead_code, reason = "shared with the short tests")]
#[path = "../it/process.rs"]
mod process;
#[path = "../it/rates.rs"]
mod rates;
#[expect(dead_code, reason = "shared with the short tests")]
#[path = "../it/receiving.rs"]
mod receiving;
#[expect(dead_code, reason = "shared with the short tests")]
#[path = "../it/world.rs"]
mod world;

mod api;
mod cluster;
#[expect(dead_code, reason = "shared with the short tests")]
mod console;
mod disk;
mod failover;
mod history;
mod journal_storm;
mod outage;
mod pooler;
mod promotion;
mod rate;
mod rolling_restart;
mod stops;
mod storm;
mod upgrade;
mod walk;
mod within_a_second;
