//! Why a row of a list is nobody to send to.

use campaign::MsisdnError;

/// Why a row was refused. Its word stands in tables, its sentence is for the person who wrote the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The number is none.
    Number(MsisdnError),
    /// There are more cells than columns.
    TooManyCells,
    /// A quotation mark inside a quoted cell is written in a way that most lists do not use.
    BackslashQuote,
    /// A cell is longer than any message.
    CellTooLong,
    /// A character that no text has.
    NulCharacter,
    /// A letter was lost in an encoding.
    BrokenLetter,
    /// Nothing stands in a cell the message needs.
    EmptyCell,
    /// A cell that a template cannot be filled in with.
    LineBreak,
    /// A formula gave `#N/A` or the like.
    FormulaError,
    /// A formula whose result is not in the file.
    FormulaNotCalculated,
    /// The line is no JSON object.
    NotJson,
    /// A JSON value that is a list or an object.
    NotText,
    /// A JSON name that the first line has not.
    UnknownName,
}

impl Reason {
    /// Every reason that is not one of the number itself.
    const OTHERS: [Self; 12] = [
        Self::TooManyCells,
        Self::BackslashQuote,
        Self::CellTooLong,
        Self::NulCharacter,
        Self::BrokenLetter,
        Self::EmptyCell,
        Self::LineBreak,
        Self::FormulaError,
        Self::FormulaNotCalculated,
        Self::NotJson,
        Self::NotText,
        Self::UnknownName,
    ];

    /// Every reason there is.
    pub fn all() -> impl Iterator<Item = Self> {
        // That one is about the command line.
        let of_numbers = MsisdnError::ALL.into_iter().filter(|error| *error != MsisdnError::UnknownCountry);
        of_numbers.map(Self::Number).chain(Self::OTHERS)
    }

    /// The reason of this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::all().find(|reason| reason.word() == word)
    }

    /// The word in tables and reports.
    pub fn word(self) -> &'static str {
        self.said().0
    }

    /// What is wrong, and what to do.
    pub fn sentence(self) -> &'static str {
        self.said().1
    }

    fn said(self) -> (&'static str, &'static str) {
        match self {
            Self::Number(error) => (error.word(), error.sentence()),
            Self::TooManyCells => (
                "too_many_cells",
                "the row has more cells than the first row; is a text with the delimiter not quoted?",
            ),
            Self::BackslashQuote => (
                "backslash_quote",
                "a quotation mark inside a quoted cell is written \\\"; write it twice (\"\") instead",
            ),
            Self::CellTooLong => (
                "cell_too_long",
                "a cell is longer than 4,096 bytes; if it is not meant to be, look for a quotation mark that is not closed",
            ),
            Self::NulCharacter => ("nul_character", "a cell contains a NUL character; type the cell anew"),
            Self::BrokenLetter => (
                "broken_letter",
                "a letter was lost when the list was saved; write it again and save as 'CSV UTF-8'",
            ),
            Self::EmptyCell => (
                "empty_cell",
                "a cell is empty that the message needs; fill it, or give the campaign a default under [defaults]",
            ),
            Self::LineBreak => (
                "line_break",
                "Meta takes no line break, no tab and no more than four spaces in a row in a template; change the cell, or write fold_spaces = true under [template]",
            ),
            Self::FormulaError => {
                ("formula_error", "a formula of the row gives an error such as #N/A; mend it")
            }
            Self::FormulaNotCalculated => (
                "formula_not_calculated",
                "the workbook holds a formula of the row without its result; open the workbook in Excel and save it",
            ),
            Self::NotJson => ("not_json", "the line is no JSON object"),
            Self::NotText => {
                ("not_text", "a value is a list or an object; write a text, a number, true, false or null")
            }
            Self::UnknownName => ("unknown_name", "the line has a name that the first line has not"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_stands_in_the_document_as_it_is_told() {
        let document = include_str!("../../../docs/LISTS.md");
        for reason in Reason::all() {
            let row = format!("| `{}` | {} |", reason.word(), reason.sentence());
            assert!(document.contains(&row), "docs/LISTS.md lacks: {row}");
            assert_eq!(Reason::of(reason.word()), Some(reason));
        }
    }
}
