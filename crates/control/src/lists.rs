//! Lists of recipients are imported and exported.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use campaign::{CampaignId, CampaignState, Country, Seq};
use producer::{
    AnnotatedList, ExportFormat, Exported, ImportOptions, ImportReport, List, Progress, Spool, export_header,
    variable_name,
};
use serde_json::json;
use store::{ImportRecord, ImportRow, RecipientFilter};

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::{Error, Problem};

/// Places of a list that are read at once.
const PAGE: i32 = 5_000;

/// How a list is read, and which recipients are left out.
#[derive(Clone, Debug, Default)]
pub struct ListImport {
    /// The country whose national formats are accepted.
    pub default_country: Option<Country>,
    /// The number column, if the header has none of the usual names.
    pub number_column: Option<String>,
    /// Campaigns whose recipients are left out.
    pub exclude: Vec<CampaignId>,
    /// Import the list even if the campaign has the same file already.
    pub again: bool,
    /// Where the annotated list is written.
    pub errors: Option<AnnotatedList>,
    /// Counts the rows and bytes that were read.
    pub progress: Arc<Progress>,
}

/// The rows that an export writes, and how.
#[derive(Clone, Copy, Debug)]
pub struct Export {
    /// Which recipients.
    pub who: RecipientFilter,
    /// The format.
    pub format: ExportFormat,
}

/// The number of exported recipients, and what to tell the person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportDone {
    /// Rows below the header.
    pub recipients: u64,
    /// A warning about the header.
    pub warning: Option<String>,
}

impl Control {
    /// Imports a list into a draft: completely, or not at all.
    pub async fn import_list(
        &self,
        caller: &Caller,
        id: CampaignId,
        list: List,
        import: ListImport,
    ) -> Result<ImportReport, Error> {
        let attempt = Attempt::new(caller, Action::ImportList, Object::Campaign(id));
        let record = ImportRecord::Audit {
            actor_kind: caller.actor.kind.word(),
            actor: caller.actor.name.clone(),
            address: caller.client.address,
            user_agent: caller.client.user_agent.clone(),
            request_id: caller.client.request_id,
        };
        let import = async {
            self.refuse_hidden(caller, &import.exclude).await?;
            self.import_allowed(id, list, import, record).await
        };
        self.act_recorded(attempt, Box::pin(import)).await
    }

    /// The folder for lists during uploads and imports.
    pub fn spool(&self) -> Spool {
        Spool::new(&self.lists)
    }

    /// Refuses an import that would be refused after the upload of the list.
    pub async fn may_import(&self, caller: &Caller, id: CampaignId) -> Result<(), Error> {
        let attempt = Attempt::new(caller, Action::ImportList, Object::Campaign(id));
        self.act_recorded(attempt, async {
            let campaign = self.store.campaign(id).await?;
            if campaign.state == CampaignState::Draft {
                return Ok(());
            }
            let text =
                format!("campaign {id} is {}; lists can be imported into a draft only", campaign.state);
            Err(Error::conflict(text))
        })
        .await
    }

    /// Refuses campaigns that the caller may not see.
    pub(crate) async fn refuse_hidden(&self, caller: &Caller, campaigns: &[CampaignId]) -> Result<(), Error> {
        for campaign in campaigns {
            self.allow(caller, Action::View, &Object::Campaign(*campaign)).await?;
        }
        Ok(())
    }

    /// Imports a list for a caller whose rights were checked.
    pub(crate) async fn import_allowed(
        &self,
        id: CampaignId,
        list: List,
        import: ListImport,
        record: ImportRecord,
    ) -> Result<ImportReport, Error> {
        let definition = self.store.campaign(id).await?.definition;
        let message = definition.compile().map_err(|error| Error::conflict(error.to_string()))?;
        let options = ImportOptions {
            default_country: import.default_country,
            number_column: import.number_column,
            needed: message.variables().clone(),
            defaults: definition.defaults,
            message: Some(Arc::new(message)),
            exclude: import.exclude,
            again: import.again,
            errors: import.errors,
            record: Some(record),
        };
        let name = list.name().to_owned();
        producer::import(&self.store, id, list, options, import.progress)
            .await
            .map_err(|source| Error::of_list(name, source))
    }

    /// Writes recipients as a list that can be imported again, with the column names of the imported lists. Numbers are digits
    /// only, so that no spreadsheet reads one as a formula. Memory does not grow with the list.
    pub async fn export(
        &self,
        caller: &Caller,
        id: CampaignId,
        export: Export,
        out: impl Write + Send,
    ) -> Result<ExportDone, ExportError> {
        self.export_with(caller, id, export, (out, |_| {})).await
    }

    /// The same; `begins` gets the warning about the header before the first byte is written.
    pub async fn export_with(
        &self,
        caller: &Caller,
        id: CampaignId,
        export: Export,
        (out, begins): (impl Write + Send, impl FnOnce(Option<&str>) + Send),
    ) -> Result<ExportDone, ExportError> {
        let attempt = Attempt::new(caller, Action::ExportRecipients, Object::Campaign(id))
            .with("recipients", export.who.word());
        let mut failed = None;
        let done = self
            .act(attempt, async {
                match self.write(id, export, out, begins).await {
                    Ok(done) => {
                        let details = json!({ "rows": done.recipients });
                        Ok((done, details))
                    }
                    Err(ExportError::Action(error)) => Err(error),
                    Err(ExportError::Write(error)) => {
                        let text = format!("the list could not be written: {error}");
                        failed = Some(error);
                        Err(Error::refused(Problem::Unavailable, text))
                    }
                }
            })
            .await;
        match failed {
            Some(error) => Err(ExportError::Write(error)),
            None => Ok(done?),
        }
    }

    async fn write(
        &self,
        id: CampaignId,
        Export { who, format }: Export,
        out: impl Write + Send,
        begins: impl FnOnce(Option<&str>) + Send,
    ) -> Result<ExportDone, ExportError> {
        let columns = self.store.list_columns(id).await.map_err(Error::from)?;
        let lists = self.store.lists(id).await.map_err(Error::from)?;
        let (columns, header, warning) = header(&lists, columns);
        begins(warning.as_deref());
        let spool = Spool::new(&self.lists);
        let mut list = Exported::begin(format, out, spool.folder(), &header)?;
        let last = self.store.campaign(id).await.map_err(Error::from)?.recipients;
        let (mut after, mut recipients) = (Seq(0), 0);
        while after.0 < last {
            let through = Seq(after.0.saturating_add(PAGE));
            let page = self.store.listed(id, who, (after, through)).await.map_err(Error::from)?;
            after = through;
            recipients += page.len() as u64;
            for (_, msisdn, variables) in &page {
                let cells = columns.iter().map(|column| variables.0.get(column).map_or("", String::as_str));
                list.recipient(*msisdn, cells)?;
            }
        }
        list.finish()?;
        Ok(ExportDone { recipients, warning })
    }
}

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The action failed.
    #[error(transparent)]
    Action(#[from] Error),
    /// The output could not be written: it is full, or its reader wants no more.
    #[error(transparent)]
    Write(#[from] std::io::Error),
}

/// The variables in the order of the lists, and the header: the number column, then the variables as the lists name
/// them.
fn header(lists: &[ImportRow], mut variables: Vec<String>) -> (Vec<String>, Vec<String>, Option<String>) {
    let mut spelled = BTreeMap::new();
    for column in lists.iter().flat_map(|list| &list.columns) {
        let place = spelled.len();
        spelled.entry(variable_name(column)).or_insert((place, column.clone()));
    }
    variables.sort_by_cached_key(|name| {
        let place = spelled.get(name).map_or(usize::MAX, |(place, _)| *place);
        (place, name.clone())
    });
    let spelling = |name: &String| spelled.get(name).map_or(name, |(_, column)| column).clone();
    let names: Vec<String> = variables.iter().map(spelling).collect();
    let number = lists.iter().find_map(|list| list.number_column.as_deref());
    if let Some(header) = export_header(number, &names) {
        return (variables, header, None);
    }
    let warning = "the list has several columns that may hold the number; import it with --number-column number_of_recipient";
    let header = std::iter::once("number_of_recipient".to_owned()).chain(names).collect();
    (variables, header, Some(warning.to_owned()))
}
