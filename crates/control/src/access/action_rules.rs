//! The right that each action needs, and what else applies to it.

use crate::access::action::Action;
use crate::access::right::Right;

impl Action {
    /// The right that the action needs. `None`: a caller may do it for itself, and what concerns other accounts is checked by the
    /// action.
    #[expect(clippy::too_many_lines, reason = "one line per action")]
    pub fn right(self) -> Option<Right> {
        let right = match self {
            Self::ViewOwn
            | Self::GiveUpJob
            | Self::SetPassword
            | Self::OpenSession
            | Self::EndSession
            | Self::SetUpFactor
            | Self::ConfirmFactor
            | Self::EnterCode
            | Self::RemoveFactor
            | Self::AddKey
            | Self::RevokeKey => return None,
            Self::ViewAccounts | Self::AddAccount | Self::ChangeAccount | Self::LinkAccount => {
                Right::ManageAccounts
            }
            Self::CreateCampaign
            | Self::EditCampaign
            | Self::CloneCampaign
            | Self::DeleteCampaign
            | Self::CheckCampaign
            | Self::RequestStart
            | Self::ImportList
            | Self::SetFlow
            | Self::RemoveFlow
            | Self::SetTemplate
            | Self::RemoveTemplate => Right::Prepare,
            Self::StartCampaign
            | Self::PauseCampaign
            | Self::ResumeCampaign
            | Self::EndCampaign
            | Self::RetryRecipients
            | Self::ResolveRecipients => Right::Send,
            Self::ExportRecipients | Self::RevealNumber => Right::Numbers,
            Self::TestCampaign => Right::Test,
            Self::ArchiveCampaign | Self::RunRetention | Self::EraseNumber => Right::Erase,
            Self::View => Right::View,
            Self::ViewRecipients => Right::ViewRecipients,
            Self::ViewAnswers => Right::ViewAnswers,
            Self::AddSender | Self::ChangeSender | Self::ViewWebhook => Right::ManageSenders,
            Self::HoldSender | Self::ResumeSender | Self::ProbeSender => Right::HoldSenders,
            Self::SetPrices => Right::ManagePrices,
            Self::Suppress | Self::LookUpNumber => Right::Suppress,
            Self::Unsuppress
            | Self::ImportSuppressions
            | Self::ViewSuppressions
            | Self::ReadSuppressedNumbers => Right::Unsuppress,
            Self::ViewSystem
            | Self::RedriveDeadLetters
            | Self::CheckCounts
            | Self::PrepareRestored
            | Self::ConfirmDatabase => Right::Operate,
            Self::ViewAudit => Right::ViewAudit,
            Self::ViewWebhookEndpoints
            | Self::AddWebhookEndpoint
            | Self::ChangeWebhookEndpoint
            | Self::RenewWebhookSecret
            | Self::RemoveWebhookEndpoint
            | Self::PingWebhookEndpoint
            | Self::ResendWebhookEvents => Right::ManageWebhooks,
        };
        Some(right)
    }

    /// Whether a person who is logged in must have entered the password a short time ago: for accounts, API keys, phone numbers,
    /// webhook endpoints and erasure. An open session on a forgotten screen is not enough for them.
    pub fn needs_fresh_log_in(self) -> bool {
        match self.right() {
            Some(Right::ManageAccounts) => self != Self::ViewAccounts,
            Some(Right::ManageWebhooks) => self != Self::ViewWebhookEndpoints,
            Some(Right::Numbers | Right::Erase) => true,
            Some(_) => false,
            None => matches!(self, Self::AddKey | Self::SetUpFactor | Self::RemoveFactor),
        }
    }

    /// Whether the action completes or ends a log-in.
    pub(crate) fn is_of_log_in(self) -> bool {
        matches!(self, Self::EndSession | Self::SetUpFactor | Self::ConfirmFactor | Self::EnterCode)
    }

    /// Whether the action is in the audit. Reading is not, except of phone numbers.
    pub fn is_audited(self) -> bool {
        !matches!(
            self,
            Self::View
                | Self::ViewRecipients
                | Self::ViewAnswers
                | Self::ViewSystem
                | Self::ViewSuppressions
                | Self::ViewAudit
                | Self::ViewAccounts
                | Self::ViewOwn
                | Self::SetUpFactor
                | Self::CheckCampaign
                | Self::CheckCounts
                | Self::ViewWebhookEndpoints
        )
    }

    /// Whether the action concerns all senders, so that a caller that is limited to some senders may not perform it.
    pub fn is_of_every_sender(self) -> bool {
        matches!(
            self,
            Self::ViewSystem
                | Self::ViewAudit
                | Self::RedriveDeadLetters
                | Self::CheckCounts
                | Self::RunRetention
                | Self::EraseNumber
                | Self::PrepareRestored
                | Self::ConfirmDatabase
                | Self::ViewWebhookEndpoints
                | Self::AddWebhookEndpoint
                | Self::ChangeWebhookEndpoint
                | Self::RenewWebhookSecret
                | Self::RemoveWebhookEndpoint
                | Self::PingWebhookEndpoint
                | Self::ResendWebhookEvents
        )
    }
}
