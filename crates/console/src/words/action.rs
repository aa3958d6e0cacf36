//! What people and programs did.

use control::Action;

/// What was done, as the middle of "Anna … this campaign".
#[expect(clippy::too_many_lines, reason = "one line per action")]
pub(crate) fn verb(action: Action) -> &'static str {
    match action {
        Action::CreateCampaign => "created the draft",
        Action::EditCampaign => "edited the draft",
        Action::CloneCampaign => "copied the campaign",
        Action::DeleteCampaign => "deleted the draft",
        Action::CheckCampaign => "checked the campaign",
        Action::RequestStart => "requested the start of the campaign",
        Action::StartCampaign => "started the campaign",
        Action::PauseCampaign => "paused the campaign",
        Action::ResumeCampaign => "resumed the campaign",
        Action::EndCampaign => "ended the campaign",
        Action::RetryRecipients => "retried failed recipients",
        Action::ResolveRecipients => "resolved unconfirmed recipients",
        Action::ImportList => "imported a list",
        Action::ExportRecipients => "downloaded recipients",
        Action::TestCampaign => "sent a test message",
        Action::ArchiveCampaign => "archived the campaign",
        Action::View => "viewed campaigns",
        Action::ViewRecipients => "viewed recipients",
        Action::ViewAnswers => "viewed answers",
        Action::RevealNumber => "showed a phone number",
        Action::AddSender => "added the sender",
        Action::ChangeSender => "changed the sender",
        Action::ViewWebhook => "viewed the webhook address",
        Action::HoldSender => "paused the sender",
        Action::ResumeSender => "resumed the sender",
        Action::ProbeSender => "probed the sender",
        Action::SetPrices => "replaced the price list",
        Action::SetFlow => "added or replaced a flow",
        Action::RemoveFlow => "removed a flow",
        Action::SetTemplate => "added or replaced a template",
        Action::RemoveTemplate => "removed a template",
        Action::Suppress => "suppressed a number",
        Action::LookUpNumber => "looked up a number",
        Action::Unsuppress => "removed a number from the suppression list",
        Action::ImportSuppressions => "imported suppressed numbers",
        Action::ViewSuppressions => "viewed the suppression list",
        Action::ReadSuppressedNumbers => "read suppressed numbers",
        Action::ViewSystem => "viewed the system",
        Action::RedriveDeadLetters => "redrove dead letters",
        Action::CheckCounts => "compared the counters",
        Action::RunRetention => "ran the retention",
        Action::EraseNumber => "erased a number",
        Action::PrepareRestored => "prepared the restored database",
        Action::ConfirmDatabase => "confirmed the database",
        Action::ViewAudit => "viewed the audit",
        Action::ViewAccounts => "viewed accounts",
        Action::ViewOwn => "viewed the own sessions",
        Action::AddAccount => "added the account",
        Action::ChangeAccount => "changed the account",
        Action::LinkAccount => "made a link for the account",
        Action::SetPassword => "set the password",
        Action::OpenSession => "logged in",
        Action::EndSession => "ended a session",
        Action::AddKey => "added an API key",
        Action::RevokeKey => "revoked an API key",
        Action::SetUpFactor => "began to set up an authenticator app",
        Action::ConfirmFactor => "set up an authenticator app",
        Action::EnterCode => "entered a code",
        Action::RemoveFactor => "removed an authenticator app",
        Action::GiveUpJob => "gave up a job",
        Action::ViewWebhookEndpoints => "viewed webhook endpoints",
        Action::AddWebhookEndpoint => "added a webhook endpoint",
        Action::ChangeWebhookEndpoint => "changed a webhook endpoint",
        Action::RenewWebhookSecret => "renewed the secret of a webhook endpoint",
        Action::RemoveWebhookEndpoint => "removed a webhook endpoint",
        Action::PingWebhookEndpoint => "pinged a webhook endpoint",
        Action::ResendWebhookEvents => "delivered events again",
    }
}

/// The sentence of a row of the audit without its actor.
pub(crate) fn sentence(action: &str, outcome: &str) -> String {
    let known = Action::ALL.into_iter().find(|known| known.word() == action);
    let verb = known.map_or_else(|| format!("did '{action}'"), |action| verb(action).to_owned());
    match outcome {
        "done" => verb,
        "refused" => format!("{verb} (refused)"),
        _ => format!("{verb} (failed)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_its_own_words() {
        let verbs: std::collections::BTreeSet<&str> = Action::ALL.into_iter().map(verb).collect();
        assert_eq!(verbs.len(), Action::ALL.len());
        assert_eq!(sentence("campaign.start", "done"), "started the campaign");
        assert_eq!(sentence("campaign.start", "refused"), "started the campaign (refused)");
        assert_eq!(sentence("of.the.future", "failed"), "did 'of.the.future' (failed)");
    }
}
