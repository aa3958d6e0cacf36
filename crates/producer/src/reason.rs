//! Why a row of a list is rejected.

use campaign::MsisdnError;

/// Why a row is rejected. The word is used in tables, the sentence is for the author of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The number is not valid.
    Number(MsisdnError),
    /// The row has more cells than columns.
    TooManyCells,
    /// A quotation mark inside a quoted cell is escaped in a way that most lists do not use.
    BackslashQuote,
    /// A cell is longer than any message.
    CellTooLong,
    /// A NUL character, which no text has.
    NulCharacter,
    /// A letter was lost in an encoding.
    BrokenLetter,
    /// A cell that the message needs is empty.
    EmptyCell,
    /// A cell contains line breaks, tabs or spaces that Meta refuses in a template.
    LineBreak,
    /// The result of a formula is an error such as `#N/A`.
    FormulaError,
    /// The result of a formula is not in the file.
    FormulaNotCalculated,
    /// The line is not a JSON object.
    NotJson,
    /// A JSON value is a list or an object.
    NotText,
    /// A JSON name does not occur in the first line.
    UnknownName,
}

impl Reason {
    /// Every reason that is not about the number.
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

    /// Every reason.
    pub fn all() -> impl Iterator<Item = Self> {
        // This error is about the command line.
        let of_numbers = MsisdnError::ALL.into_iter().filter(|error| *error != MsisdnError::UnknownCountry);
        of_numbers.map(Self::Number).chain(Self::OTHERS)
    }

    /// The reason with this word.
    pub fn of(word: &str) -> Option<Self> {
        Self::all().find(|reason| reason.word() == word)
    }

    /// The word in tables and reports.
    pub fn word(self) -> &'static str {
        self.word_and_sentence().0
    }

    /// The fault, and what to do.
    pub fn sentence(self) -> &'static str {
        self.word_and_sentence().1
    }

    fn word_and_sentence(self) -> (&'static str, &'static str) {
        match self {
            Self::Number(error) => (error.word(), error.sentence()),
            Self::TooManyCells => (
                "too_many_cells",
                "the row has more cells than the first row; quote cells that contain the delimiter",
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
                "a cell that the message needs is empty; fill it, or give the campaign a default under [defaults]",
            ),
            Self::LineBreak => (
                "line_break",
                "Meta takes no line break, no tab and no more than four spaces in a row in a template; change the cell, or write fold_spaces = true under [template]",
            ),
            Self::FormulaError => {
                ("formula_error", "a formula of the row gives an error such as #N/A; correct it")
            }
            Self::FormulaNotCalculated => (
                "formula_not_calculated",
                "the workbook holds a formula of the row without its result; open the workbook in Excel and save it",
            ),
            Self::NotJson => ("not_json", "the line is not a JSON object"),
            Self::NotText => {
                ("not_text", "a value is a list or an object; write a text, a number, true, false or null")
            }
            Self::UnknownName => ("unknown_name", "the line has a name that the first line does not have"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_documented_with_its_sentence() {
        let document = include_str!("../../../docs/LISTS.md");
        for reason in Reason::all() {
            let row = format!("| `{}` | {} |", reason.word(), reason.sentence());
            assert!(document.contains(&row), "docs/LISTS.md lacks: {row}");
            assert_eq!(Reason::of(reason.word()), Some(reason));
        }
    }
}
