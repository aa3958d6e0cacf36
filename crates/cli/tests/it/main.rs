//! Whole processes against a real RabbitMQ, a real Postgres and a simulated provider over real HTTP.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails right there")]

mod accounts;
mod actions;
mod api;
mod api_server;
mod asleep;
mod audit;
mod campaigns;
mod costs;
mod exports;
mod flooding;
mod gate;
mod halts;
mod hours;
mod launch;
mod lists;
mod mistakes;
mod opt_outs;
mod outages;
mod places;
mod postgres_tools;
mod privacy;
mod providers;
mod queue;
mod rates;
mod receipts;
mod receiving;
mod refusing;
mod restoring;
mod spools;
mod stops;
mod texts;
mod unknown;
mod uploads;
mod webhooks;
mod world;
