//! The source of a list, the result of its import, and its rejected rows.

use campaign::CampaignId;

/// The source of a list.
#[derive(Clone, Debug, Default)]
pub struct ListOrigin {
    /// File name, without the path.
    pub source: String,
    /// What it is written in.
    pub form: String,
    /// Hash of the file.
    pub sha256: [u8; 32],
    /// Hidden rows of a sheet, which are left out.
    pub hidden: i32,
    /// The column that holds the numbers, as the list names it.
    pub number_column: Option<String>,
    /// Every column, as the list names it.
    pub columns: Vec<String>,
    /// What was read from the header, as a sentence.
    pub header: String,
    /// Rejected rows by reason.
    pub reasons: Vec<(&'static str, i32)>,
}

/// An imported list of a campaign.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct ImportRow {
    /// File name, without the path.
    pub source: String,
    /// What it is written in.
    pub form: String,
    /// The column that holds the numbers, as the list names it; unknown for lists of earlier versions.
    pub number_column: Option<String>,
    /// Every column, as the list names it.
    #[serde(skip)]
    pub columns: Vec<String>,
}

/// Rows of a list that are not imported, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The number occurs earlier in the list or in the campaign.
    pub duplicates: i32,
    /// The number is suppressed.
    pub suppressed: i32,
    /// The number is in an excluded campaign.
    pub excluded: i32,
    /// Rejected rows, each with its reason.
    pub rejected: i32,
}

/// The number of rows of a list; `uploaded` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportCounts {
    /// Rows of the list.
    pub uploaded: i32,
    /// Imported recipients.
    pub imported: i32,
    /// Rows that are not imported.
    pub left_out: LeftOut,
}

/// A rejected row of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Line of the file, from 1, including the header.
    pub line: i32,
    /// The code of the reason.
    pub reason: &'static str,
    /// The column with the error, if it is not the number column.
    pub column: Option<String>,
    /// The cell of the number column, shortened.
    pub cell: String,
}

/// Numbers that an import may leave out.
#[derive(Clone, Copy, Debug)]
pub enum Numbers {
    /// Numbers on the lists of a campaign.
    OfCampaign(CampaignId),
    /// Numbers that are suppressed for the sender of this campaign.
    Suppressed,
}
