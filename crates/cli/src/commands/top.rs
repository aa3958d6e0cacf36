//! `flowcast top`: the senders with their stops, workers and waiting recipients, every second.

use std::time::Duration;

use control::{Error, PageRequest, Problem, SenderSystem, SenderView, Waiting};
use serde::Serialize;
use tokio::time::Instant;

use crate::args::Top;
use crate::plane::Plane;
use crate::settings::Settings;
use crate::terminal::output::{complain, line, raw, table, thousands};

/// The time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Moves the cursor of a terminal to the top and clears it.
const CLEAR: &[u8] = b"\x1b[H\x1b[2J";
const HEADER: [&str; 9] =
    ["sender", "state", "rate", "feed", "workers", "open claims", "due", "waiting", "unknown"];

/// Shows the table until it is interrupted, or once.
pub(crate) async fn run(settings: &Settings, options: Top) -> anyhow::Result<()> {
    let plane = Plane::open(settings).await?;
    let clears = !options.once && !options.json && output_is_terminal();
    let mut senders = look(&plane).await?;
    loop {
        let shown_at = Instant::now();
        if clears {
            raw(CLEAR);
        }
        show(&senders, options.json)?;
        if options.once {
            return Ok(());
        }
        loop {
            tokio::time::sleep_until(shown_at + EVERY).await;
            match look(&plane).await {
                Ok(found) => {
                    senders = found;
                    break;
                }
                // An outage is when the table is needed: the next look may succeed.
                Err(error) if error.problem() == Problem::Unavailable => {
                    complain(format!("{error}\n"));
                    tokio::time::sleep(EVERY).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn output_is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdout())
}

/// One sender at one moment.
#[derive(Serialize)]
struct Row {
    sender: String,
    /// `open`, or the reasons of its stops.
    state: Vec<String>,
    rate: Option<String>,
    /// `fed`, `no_producer`, or what keeps the producer from feeding.
    feed: String,
    workers: u32,
    open_claims: u32,
    due: u32,
    waiting: i64,
    /// Why most of the waiting recipients wait.
    reason: Option<String>,
    unknown: u32,
}

async fn look(plane: &Plane) -> Result<Vec<Row>, Error> {
    let (system, waiting) = (plane.system().await?, plane.waiting().await?);
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = plane.senders(&PageRequest { after, limit: Some(control::MAX_LIMIT) }).await?;
        for sender in page.items {
            let of_system = system.senders.iter().find(|one| one.sender == sender.name);
            rows.extend(of_system.map(|of_system| row(sender, of_system, &waiting)));
        }
        after = page.next;
        if after.is_none() {
            return Ok(rows);
        }
    }
}

fn row(sender: SenderView, system: &SenderSystem, waiting: &[Waiting]) -> Row {
    let of_sender = || waiting.iter().filter(|wait| wait.sender == sender.name && wait.recipients > 0);
    let feed = match (&system.trouble, system.has_producer) {
        (Some(trouble), _) => trouble.clone(),
        (None, true) => "fed".to_owned(),
        (None, false) => "no_producer".to_owned(),
    };
    let state = if sender.is_open {
        vec!["open".to_owned()]
    } else {
        sender
            .stops
            .iter()
            .filter(|stop| stop.campaign_id.is_none())
            .map(|stop| stop.reason.clone())
            .collect()
    };
    Row {
        state,
        rate: sender.rate.map(|rate| rate.to_string()),
        feed,
        workers: system.workers,
        open_claims: system.open_claims,
        due: system.due,
        waiting: of_sender().map(|wait| wait.recipients).sum(),
        reason: of_sender().max_by_key(|wait| wait.recipients).map(|wait| wait.reason.clone()),
        unknown: system.unknown,
        sender: sender.name,
    }
}

fn show(senders: &[Row], json: bool) -> anyhow::Result<()> {
    if json {
        line(serde_json::to_string(senders)?);
        return Ok(());
    }
    let rows: Vec<Vec<String>> = senders.iter().map(cells).collect();
    table(&HEADER, &rows);
    Ok(())
}

fn cells(row: &Row) -> Vec<String> {
    let reason = row.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    vec![
        row.sender.clone(),
        row.state.join(", "),
        row.rate.clone().unwrap_or_else(|| "none".to_owned()),
        row.feed.clone(),
        row.workers.to_string(),
        row.open_claims.to_string(),
        row.due.to_string(),
        format!("{}{reason}", thousands(row.waiting)),
        row.unknown.to_string(),
    ]
}
