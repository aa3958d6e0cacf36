//! Actions.

pub use crate::access::object::Object;

/// Everything that a caller may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Create a draft.
    CreateCampaign,
    /// Replace the definition of a draft.
    EditCampaign,
    /// Create a draft with the definition of another campaign.
    CloneCampaign,
    /// Delete a draft.
    DeleteCampaign,
    /// Check whether a campaign can be started.
    CheckCampaign,
    /// Request the start of a large campaign, which another person starts.
    RequestStart,
    /// Start a draft.
    StartCampaign,
    /// Pause a running campaign.
    PauseCampaign,
    /// Resume a paused campaign.
    ResumeCampaign,
    /// End a campaign.
    EndCampaign,
    /// Resend to failed or undelivered recipients.
    RetryRecipients,
    /// Resolve unconfirmed recipients.
    ResolveRecipients,
    /// Import a list of recipients.
    ImportList,
    /// Download recipients.
    ExportRecipients,
    /// Send a test message.
    TestCampaign,
    /// Delete the rows of an ended campaign.
    ArchiveCampaign,
    /// Read campaigns, reports and senders.
    View,
    /// Read recipients.
    ViewRecipients,
    /// Read flow answers.
    ViewAnswers,
    /// See the whole number of a recipient.
    RevealNumber,
    /// Add a sender.
    AddSender,
    /// Change the rate, the daily cap or the webhook of a sender.
    ChangeSender,
    /// Read the webhook address of a sender, which is secret.
    ViewWebhook,
    /// Hold a sender.
    HoldSender,
    /// Resume a sender.
    ResumeSender,
    /// Send one message of a stopped sender now, to find out whether the cause is gone.
    ProbeSender,
    /// Replace the prices of a sender.
    SetPrices,
    /// Add or replace a known flow of a sender.
    SetFlow,
    /// Remove a known flow of a sender.
    RemoveFlow,
    /// Add or replace the text of a template of a sender.
    SetTemplate,
    /// Remove the text of a template of a sender.
    RemoveTemplate,
    /// Add a number to the suppression list.
    Suppress,
    /// Look up a number on the suppression list.
    LookUpNumber,
    /// Remove a number from the suppression list.
    Unsuppress,
    /// Import a list of numbers into the suppression list.
    ImportSuppressions,
    /// Read the suppression list with masked numbers.
    ViewSuppressions,
    /// Read the suppression list with whole numbers.
    ReadSuppressedNumbers,
    /// Read producers, workers, queues and dead letters.
    ViewSystem,
    /// Publish dead-lettered tasks again.
    RedriveDeadLetters,
    /// Compare the counters with a full count.
    CheckCounts,
    /// Give up a running job. It needs the right that the job needs.
    GiveUpJob,
    /// Erase personal data of old campaigns.
    RunRetention,
    /// Erase a number.
    EraseNumber,
    /// Prepare a restored database for sending.
    PrepareRestored,
    /// Confirm a database that failed over or was restored, so that senders may send from it.
    ConfirmDatabase,
    /// Read the audit of all accounts.
    ViewAudit,
    /// Read the accounts, and the sessions and API keys of all accounts.
    ViewAccounts,
    /// Read one's own sessions and API keys.
    ViewOwn,
    /// Add an account.
    AddAccount,
    /// Change the rights of an account, or disable it.
    ChangeAccount,
    /// Create a one-time link with which a person sets the password.
    LinkAccount,
    /// Set a password with a one-time link.
    SetPassword,
    /// Log in.
    OpenSession,
    /// Log out, or end another session. The sessions of other accounts need the right to manage accounts.
    EndSession,
    /// Begin the set-up of one's own authenticator app.
    SetUpFactor,
    /// Confirm the set-up of one's own authenticator app with a code.
    ConfirmFactor,
    /// Complete a log-in with a code.
    EnterCode,
    /// Remove a second factor. Those of other accounts need the right to manage accounts.
    RemoveFactor,
    /// Add an API key with at most one's own rights.
    AddKey,
    /// Revoke an API key. The keys of other accounts need the right to manage accounts.
    RevokeKey,
    /// Read webhook endpoints and the deliveries to them.
    ViewWebhookEndpoints,
    /// Add a webhook endpoint.
    AddWebhookEndpoint,
    /// Change the address or the events of a webhook endpoint, or disable it.
    ChangeWebhookEndpoint,
    /// Renew the secret of a webhook endpoint.
    RenewWebhookSecret,
    /// Remove a webhook endpoint.
    RemoveWebhookEndpoint,
    /// Send a test event to a webhook endpoint.
    PingWebhookEndpoint,
    /// Deliver events to a webhook endpoint again.
    ResendWebhookEvents,
}

impl Action {
    /// All actions.
    pub const ALL: [Self; 67] = [
        Self::CreateCampaign,
        Self::EditCampaign,
        Self::CloneCampaign,
        Self::DeleteCampaign,
        Self::CheckCampaign,
        Self::RequestStart,
        Self::StartCampaign,
        Self::PauseCampaign,
        Self::ResumeCampaign,
        Self::EndCampaign,
        Self::RetryRecipients,
        Self::ResolveRecipients,
        Self::ImportList,
        Self::ExportRecipients,
        Self::TestCampaign,
        Self::ArchiveCampaign,
        Self::View,
        Self::ViewRecipients,
        Self::ViewAnswers,
        Self::RevealNumber,
        Self::AddSender,
        Self::ChangeSender,
        Self::ViewWebhook,
        Self::HoldSender,
        Self::ResumeSender,
        Self::ProbeSender,
        Self::SetPrices,
        Self::SetFlow,
        Self::RemoveFlow,
        Self::SetTemplate,
        Self::RemoveTemplate,
        Self::Suppress,
        Self::LookUpNumber,
        Self::Unsuppress,
        Self::ImportSuppressions,
        Self::ViewSuppressions,
        Self::ReadSuppressedNumbers,
        Self::ViewSystem,
        Self::RedriveDeadLetters,
        Self::CheckCounts,
        Self::GiveUpJob,
        Self::RunRetention,
        Self::EraseNumber,
        Self::PrepareRestored,
        Self::ConfirmDatabase,
        Self::ViewAudit,
        Self::ViewAccounts,
        Self::ViewOwn,
        Self::AddAccount,
        Self::ChangeAccount,
        Self::LinkAccount,
        Self::SetPassword,
        Self::OpenSession,
        Self::EndSession,
        Self::SetUpFactor,
        Self::ConfirmFactor,
        Self::EnterCode,
        Self::RemoveFactor,
        Self::AddKey,
        Self::RevokeKey,
        Self::ViewWebhookEndpoints,
        Self::AddWebhookEndpoint,
        Self::ChangeWebhookEndpoint,
        Self::RenewWebhookSecret,
        Self::RemoveWebhookEndpoint,
        Self::PingWebhookEndpoint,
        Self::ResendWebhookEvents,
    ];

    /// The action in the audit.
    #[expect(clippy::too_many_lines, reason = "one line per action")]
    pub fn word(self) -> &'static str {
        match self {
            Self::CreateCampaign => "campaign.create",
            Self::EditCampaign => "campaign.edit",
            Self::CloneCampaign => "campaign.clone",
            Self::DeleteCampaign => "campaign.delete",
            Self::CheckCampaign => "campaign.check",
            Self::RequestStart => "campaign.request_start",
            Self::StartCampaign => "campaign.start",
            Self::PauseCampaign => "campaign.pause",
            Self::ResumeCampaign => "campaign.resume",
            Self::EndCampaign => "campaign.end",
            Self::RetryRecipients => "campaign.retry",
            Self::ResolveRecipients => "campaign.resolve",
            Self::ImportList => "campaign.import",
            Self::ExportRecipients => "campaign.export",
            Self::TestCampaign => "campaign.test",
            Self::ArchiveCampaign => "campaign.archive",
            Self::View => "view",
            Self::ViewRecipients => "view.recipients",
            Self::ViewAnswers => "view.answers",
            Self::RevealNumber => "number.reveal",
            Self::AddSender => "sender.add",
            Self::ChangeSender => "sender.change",
            Self::ViewWebhook => "sender.webhook",
            Self::HoldSender => "sender.hold",
            Self::ResumeSender => "sender.resume",
            Self::ProbeSender => "sender.probe",
            Self::SetPrices => "sender.prices",
            Self::SetFlow => "flow.set",
            Self::RemoveFlow => "flow.remove",
            Self::SetTemplate => "template.set",
            Self::RemoveTemplate => "template.remove",
            Self::Suppress => "suppression.add",
            Self::LookUpNumber => "suppression.lookup",
            Self::Unsuppress => "suppression.remove",
            Self::ImportSuppressions => "suppression.import",
            Self::ViewSuppressions => "view.suppressions",
            Self::ReadSuppressedNumbers => "suppression.read",
            Self::ViewSystem => "view.system",
            Self::RedriveDeadLetters => "dead_letter.redrive",
            Self::CheckCounts => "counters.check",
            Self::GiveUpJob => "job.give_up",
            Self::RunRetention => "retention.run",
            Self::EraseNumber => "number.erase",
            Self::PrepareRestored => "restored.prepare",
            Self::ConfirmDatabase => "database.confirm",
            Self::ViewAudit => "view.audit",
            Self::ViewAccounts => "view.accounts",
            Self::ViewOwn => "view.own",
            Self::AddAccount => "account.add",
            Self::ChangeAccount => "account.change",
            Self::LinkAccount => "account.link",
            Self::SetPassword => "account.password",
            Self::OpenSession => "session.open",
            Self::EndSession => "session.end",
            Self::SetUpFactor => "second_factor.set_up",
            Self::ConfirmFactor => "second_factor.confirm",
            Self::EnterCode => "session.code",
            Self::RemoveFactor => "second_factor.remove",
            Self::AddKey => "key.add",
            Self::RevokeKey => "key.revoke",
            Self::ViewWebhookEndpoints => "view.webhook_endpoints",
            Self::AddWebhookEndpoint => "webhook_endpoint.add",
            Self::ChangeWebhookEndpoint => "webhook_endpoint.change",
            Self::RenewWebhookSecret => "webhook_endpoint.renew",
            Self::RemoveWebhookEndpoint => "webhook_endpoint.remove",
            Self::PingWebhookEndpoint => "webhook_endpoint.ping",
            Self::ResendWebhookEvents => "webhook_endpoint.resend",
        }
    }
}
