//! `flowcast campaign import`: imports a list, and shows its progress and its rejected rows.

use std::io::{BufRead, IsTerminal};
use std::path::Path;
use std::sync::Arc;

use campaign::CampaignId;
use control::{ImportedList, ListImport, Problem, RejectedRow, RejectedRows};
use producer::{AnnotatedList, List, ListsConfig, Reason};

use crate::args::lists::{CampaignImport, ListFile};
use crate::exit::Refused;
use crate::plane::Plane;
use crate::terminal::import_progress::View;
use crate::terminal::output::{complain, line, table, thousands};

pub(crate) async fn run(plane: &Plane, lists: &ListsConfig, args: CampaignImport) -> anyhow::Result<()> {
    let CampaignImport { id, file, exclude, errors, again } = args;
    if let Some(errors) = &errors {
        refuse_itself(&file.list, errors)?;
    }
    let mut options = ListImport {
        default_country: file.default_country,
        number_column: file.number_column.clone(),
        exclude,
        again,
        errors: errors.clone().map(AnnotatedList::Path),
        progress: Arc::default(),
    };
    // Before the list is read, which may be long.
    plane.campaign(id).await?;
    let report = match import(plane, lists, id, &file, options.clone()).await {
        Err(error) if is_known(&error) => {
            if !agreed(&error)? {
                return Err(error.context("nothing was imported"));
            }
            options.again = true;
            options.progress = Arc::default();
            import(plane, lists, id, &file, options).await?
        }
        report => report?,
    };
    print(&report, id);
    if let Some(errors) = errors {
        line(format!("the annotated list is in {}", errors.display()));
    }
    Ok(())
}

/// Opens a list, and prints its format.
pub(crate) async fn open(file: &ListFile, lists: &ListsConfig) -> anyhow::Result<List> {
    let (path, options) = (file.list.clone(), file.options(lists));
    let opened = tokio::task::spawn_blocking(move || List::open(&path, &options)).await?;
    opened.map_err(|error| refused(&file.list, error))
}

/// Imports a list, and shows the progress.
pub(crate) async fn import(
    plane: &Plane,
    lists: &ListsConfig,
    id: CampaignId,
    file: &ListFile,
    options: ListImport,
) -> anyhow::Result<ImportedList> {
    let list = open(file, lists).await?;
    line(format!("{}: {list}", list.name()));
    let progress = Arc::clone(&options.progress);
    let view = View::new(list.bytes(), plane.is_api());
    let importing = plane.import_list(id, list, file, options);
    Ok(view.show_until(&progress, importing).await?)
}

/// An error of a list becomes a refusal with the name of the list.
pub(crate) fn refused(list: &Path, error: producer::Error) -> anyhow::Error {
    match error {
        producer::Error::BadList(_) | producer::Error::Unreadable { .. } | producer::Error::Spool(_) => {
            Refused(format!("{}: {error}; nothing was imported", list.display())).into()
        }
        // The exit code is that of the store's error.
        producer::Error::Store(error) => anyhow::Error::new(error),
        error @ producer::Error::Unwritable { .. } => Refused(error.to_string()).into(),
        other => anyhow::Error::new(other),
    }
}

/// Refuses to overwrite the list with its annotated list.
fn refuse_itself(list: &Path, errors: &Path) -> anyhow::Result<()> {
    let same = match (list.canonicalize(), errors.canonicalize()) {
        (Ok(list), Ok(errors)) => list == errors,
        _ => false,
    };
    if same {
        let problem = format!("--errors {} is the list itself; name another file", errors.display());
        return Err(Refused(problem).into());
    }
    Ok(())
}

fn is_known(error: &anyhow::Error) -> bool {
    error.downcast_ref::<control::Error>().is_some_and(|error| error.problem() == Problem::KnownList)
}

/// Asks whether to import a list again. Without a terminal the import is refused.
fn agreed(error: &anyhow::Error) -> anyhow::Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Refused(format!("{error:#}; nothing was imported; --again imports it again")).into());
    }
    complain(format!(
        "{error:#}. Recipients that are in the campaign already will be duplicates. Import it again? [y/N] "
    ));
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Prints the counts, the reasons, and the first rejected rows with line and reason.
pub(crate) fn print(list: &ImportedList, id: CampaignId) {
    let mut parts = vec![
        format!("{} imported", thousands(list.imported)),
        format!("{} duplicates", thousands(list.duplicates)),
    ];
    for (n, what) in [(list.suppressed, "suppressed"), (list.excluded, "excluded")] {
        if n > 0 {
            parts.push(format!("{} {what}", thousands(n)));
        }
    }
    parts.push(format!("{} rejected", thousands(list.rejected)));
    line(&list.header);
    line(format!("{} rows: {}", thousands(list.uploaded), parts.join(", ")));
    print_hidden(list.hidden);
    print_rejected((list.rejected, &list.reasons, &list.first), Some(id));
}

/// Prints how many rows of a sheet were ignored because they are hidden.
pub(crate) fn print_hidden(hidden: impl Into<i64>) {
    let hidden = hidden.into();
    if hidden > 0 {
        line(format!(
            "{} hidden rows of the sheet were not read; --include-hidden reads them",
            thousands(hidden)
        ));
    }
}

/// Prints the reasons with their counts, and the first rejected rows.
pub(crate) fn print_rejected(
    (total, reasons, first): (i32, &[RejectedRows], &[RejectedRow]),
    campaign: Option<CampaignId>,
) {
    for RejectedRows { reason, rows } in reasons {
        line(format!("  {:>8}  {}", thousands(*rows), sentence(reason)));
    }
    if first.is_empty() {
        return;
    }
    line("");
    let rows: Vec<Vec<String>> = first
        .iter()
        .map(|row| {
            let column = row.column.as_ref().map_or_else(String::new, |column| format!("{column}: "));
            vec![row.line.to_string(), row.number.clone(), format!("{column}{}", sentence(&row.reason))]
        })
        .collect();
    table(&["line", "number", "reason"], &rows);
    let shown = i32::try_from(first.len()).unwrap_or(i32::MAX);
    if total > shown {
        let more = thousands(total - shown);
        line(match campaign {
            Some(id) => {
                format!("… and {more} more; all of them are in report.import_rejection, campaign {id}")
            }
            None => format!("… and {more} more"),
        });
    }
}

/// The sentence of a reason. A newer server may have a reason that this version does not know.
fn sentence(reason: &str) -> &str {
    match Reason::of(reason) {
        Some(known) => known.sentence(),
        None => reason,
    }
}
