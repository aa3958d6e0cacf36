//! `flowcast sender test`: one real message to one number, outside the campaign's counts.

use campaign::Msisdn;
use control::{TestMessage, TestResult};

use crate::args::senders::SenderTest;
use crate::exit::Refused;
use crate::plane::Database;
use crate::terminal::output::{line, text};

pub(crate) async fn run(Database { control, caller }: &Database, test: SenderTest) -> anyhow::Result<()> {
    let to = Msisdn::parse(&test.to, None).map_err(|error| Refused(format!("--to: {error}")))?;
    let message = TestMessage {
        campaign: test.campaign,
        sender: Some(test.name),
        to,
        variables: test.variables.into_iter().collect(),
    };
    if test.dry_run {
        text(&control.show_test(caller, &message).await?);
        return Ok(());
    }
    print(&control.send_test(caller, &message).await?)
}

/// Prints the result without the number. Anything but an acceptance is a failure of the command.
fn print(result: &TestResult) -> anyhow::Result<()> {
    let status = result.http_status.map_or_else(|| "no answer".into(), |status| format!("HTTP {status}"));
    let after = format!("{status} after {} ms", result.milliseconds);
    if let Some(id) = &result.provider_message_id {
        line(format!("{} accepted the message as {id} ({after})", result.provider));
        if result.is_held {
            line(
                "the provider holds the message back for a check of the template's quality; it may be sent or dropped later",
            );
        }
        return Ok(());
    }
    let what = match result.verdict.as_str() {
        "throttled" => "too fast",
        "retry" => "not accepted, may be sent again",
        "unknown" => "unknown, may have been accepted",
        "stops_campaign" => "would stop the campaign",
        "stops_sender" => "would stop the sender",
        _ => "rejected",
    };
    let (code, text) = (result.code.as_deref().unwrap_or("-"), result.text.as_deref().unwrap_or_default());
    let said = |name: &str, text: &Option<String>| text.as_ref().map(|text| format!("; {name}: {text}"));
    let details = said("the provider says", &result.details).unwrap_or_default();
    let trace_id = said("fbtrace_id", &result.trace_id).unwrap_or_default();
    Err(Refused(format!("{what}: {code} {text} ({after}){details}{trace_id}")).into())
}
