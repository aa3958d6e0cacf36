//! Lists of every kind, imported into a real PostgreSQL.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails right there")]

mod corpus;
mod field;
mod hostile;
mod json;
mod numbers;
mod packed;
mod spools;
mod texts;
mod workbooks;
mod world;
