//! Lists are uploaded.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use campaign::{CampaignId, Country};
use control::{
    Error, ImportedList, ImportedNumbers, JobBegun, Page, Problem, Progress, RejectedRow, SHOWN_REJECTED_ROWS,
};
use http_body::{Frame, SizeHint};
use reqwest::Body;
use tokio::task::JoinHandle;

use crate::exports::Download;
use crate::request::Request;
use crate::transport::Client;

/// Bytes of a list that are in memory at once.
const BLOCK: u64 = 64 * 1024;
/// Servers behind one address that are asked for an annotated list.
const MOST_SERVERS: u32 = 10;

/// A list to upload. Its attempts read the same file.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The file, from its beginning.
    pub file: Arc<File>,
    /// Its length.
    pub bytes: u64,
    /// Counts the bytes that were sent, then the rows that were imported.
    pub progress: Arc<Progress>,
}

/// How a list is read, and which recipients are left out.
#[derive(Clone, Debug, Default)]
pub struct ListParameters {
    /// File name, for reports.
    pub name: String,
    /// The country whose national formats are accepted.
    pub default_country: Option<Country>,
    /// The number column.
    pub number_column: Option<String>,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
    /// The encoding of a text.
    pub encoding: Option<String>,
    /// Whether hidden rows are read.
    pub include_hidden: bool,
}

/// What an import leaves out, and whether its annotated list is downloaded.
#[derive(Clone, Debug, Default)]
pub struct ImportParameters {
    /// Campaigns whose recipients are left out.
    pub exclude: Vec<CampaignId>,
    /// Import the list even if the campaign has the same file already.
    pub again: bool,
    /// Whether the server writes the annotated list.
    pub annotate: bool,
}

impl Upload {
    /// The body of one attempt.
    pub(crate) fn body(&self) -> Body {
        self.progress.bytes.store(0, Ordering::Relaxed);
        Body::wrap(FileBody { list: self.clone(), offset: 0, reading: None })
    }
}

impl Client {
    /// Imports a list into a draft: completely, or not at all. Also returns the job.
    pub async fn import_list(
        &self,
        id: CampaignId,
        list: Upload,
        parameters: &ListParameters,
        import: &ImportParameters,
    ) -> Result<(ImportedList, JobBegun), Error> {
        let exclude: Vec<String> = import.exclude.iter().map(ToString::to_string).collect();
        let progress = Arc::clone(&list.progress);
        let request = described(Request::post(["campaigns", &id.to_string(), "lists"]), parameters)
            .query("exclude_campaigns", (!exclude.is_empty()).then(|| exclude.join(",")))
            .query("again", import.again.then_some(true))
            .query("annotate", import.annotate.then_some(true))
            .list(list);
        let begun: JobBegun = self.read(request).await?;
        let look = format!("flowcast campaign status {id}");
        let rows = |done: i64, _| progress.rows.store(done.unsigned_abs(), Ordering::Relaxed);
        let mut list: ImportedList = self.result(self.finished(begun, &look, rows).await?)?;
        if let Some(number) = list.list.take().filter(|_| list.rejected > 0) {
            let (id, number) = (id.to_string(), number.to_string());
            let rejected = Request::get(["campaigns", &id, "lists", &number, "rejections"]);
            let page: Page<RejectedRow> =
                self.read(rejected.query("limit", Some(SHOWN_REJECTED_ROWS))).await?;
            list.first = page.items;
        }
        Ok((list, begun))
    }

    /// Begins to download the annotated list of an import.
    pub async fn annotated_list(&self, JobBegun { job_id }: JobBegun) -> Result<Download, Error> {
        let mut attempts = 1;
        loop {
            match self.open(Request::get(["jobs", &job_id.to_string(), "annotated-list"])).await {
                // Behind a proxy the request may have met another server than the one that has the list.
                Err(error) if error.problem() == Problem::NotFound && attempts < MOST_SERVERS => {
                    attempts += 1;
                }
                found => return found.map(|response| Download::of(response, self)),
            }
        }
    }

    /// Adds all numbers of a list to the suppression list of a sender, or to that for every sender.
    pub async fn import_suppressions(
        &self,
        list: Upload,
        parameters: &ListParameters,
        sender: Option<&str>,
    ) -> Result<ImportedNumbers, Error> {
        let import = described(Request::post(["suppressions", "import"]), parameters);
        self.read(import.query("sender", sender).list(list)).await
    }
}

/// The request with the parameters of a list.
fn described(request: Request, parameters: &ListParameters) -> Request {
    request
        .query("name", Some(&parameters.name))
        .query("default_country", parameters.default_country.as_ref())
        .query("number_column", parameters.number_column.as_ref())
        .query("sheet", parameters.sheet.as_ref())
        .query("encoding", parameters.encoding.as_ref())
        .query("include_hidden", parameters.include_hidden.then_some(true))
}

/// Reads the file while it is sent.
struct FileBody {
    list: Upload,
    offset: u64,
    reading: Option<JoinHandle<std::io::Result<Bytes>>>,
}

impl http_body::Body for FileBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let left = self.list.bytes - self.offset;
        if left == 0 {
            return Poll::Ready(None);
        }
        let (file, offset) = (Arc::clone(&self.list.file), self.offset);
        let reading = self.reading.get_or_insert_with(|| {
            tokio::task::spawn_blocking(move || block(&file, offset, left.min(BLOCK)))
        });
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let block = match read.map_err(std::io::Error::other).and_then(|read| read) {
            Ok(block) => block,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        self.offset += block.len() as u64;
        self.list.progress.bytes.store(self.offset, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(block))))
    }

    /// The length is announced, so that a list that is too long is refused before it is sent.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.list.bytes - self.offset)
    }
}

fn block(file: &File, offset: u64, length: u64) -> std::io::Result<Bytes> {
    let mut block = vec![0; usize::try_from(length).unwrap_or(0)];
    file.read_exact_at(&mut block, offset)?;
    Ok(block.into())
}
