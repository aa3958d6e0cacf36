//! The web console: pages for people, rendered on the server.
//!
//! ```text
//! request ─▶ answer (nonce, headers, error pages) ─▶ forgery check ─▶ session (cookie ─▶ Viewer) ─▶ page::… ─▶ frame, part::… ─▶ HTML
//! ```
//!
//! **Invariants.**
//! - This crate knows HTTP, HTML and the control plane. Rights, audit and sessions are in `control`.
//! - Every answer has the security headers of `headers`, also errors and assets. No page has an inline script or an inline style.
//! - Every page works without JavaScript. A live part is drawn by the same function as the page.
//! - A request that is not GET or HEAD changes something only if a page of this console sent it.
//! - Phone numbers and tokens are in no address that a page links to, and in no log.
//! - `PreEscaped` is used in `assets` and `chart` only; every other text is escaped.
//!
//! # Structure
//!
//! `config`, `visit` (what is known of a request), `viewer` (who is logged in), `assets`, `headers`, `csrf` (forged requests), `cookie`, `failure`, `words` (labels and
//! sentences), `chart` (SVG), `part` (components, one function each), `preview` (messages and screens of flows as recipients see them), `shown` (what live pages show), `live` (their feeds), `frame` (what every page has), `csv` and `download`
//! (files), `summaries` (counted answers), `recent` (people who were here), `answer`, `uploads` (lists that arrive), `session` (the state of all requests), `wizard` (the
//! steps of a new campaign), `page` (one file per page), `router`.

mod answer;
mod assets;
mod chart;
mod config;
mod cookie;
mod csrf;
mod csv;
mod download;
mod failure;
mod frame;
mod headers;
mod live;
mod local_number;
mod page;
mod part;
mod preview;
mod recent;
mod router;
mod session;
mod shown;
mod summaries;
mod uploads;
mod viewer;
mod visit;
mod wizard;
mod words;

#[cfg(test)]
mod sources;

pub use config::Config;
pub use router::router;
pub use uploads::UploadLimits;
