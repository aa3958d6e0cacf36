//! Tables. On a phone each row is a card.

use maud::{Markup, html};

/// How a column is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The name of the row.
    Name,
    /// A text or a badge.
    Text,
    /// A text of less weight; on a phone a line of its own.
    Quiet,
    /// A wide drawing; on a phone a line of its own.
    Wide,
    /// A number, at the right; on a phone with its label.
    Number,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) label: &'static str,
    pub(crate) kind: Kind,
}

/// A column of this kind.
pub(crate) const fn column(label: &'static str, kind: Kind) -> Column {
    Column { label, kind }
}

/// A table. An empty cell takes no place on a phone.
pub(crate) fn table(caption: &str, columns: &[Column], rows: &[Vec<Markup>]) -> Markup {
    html! {
        table class="stacked" {
            caption class="sr" { (caption) }
            thead { tr { @for column in columns { th scope="col" class=[head(column.kind)] { (column.label) } } } }
            tbody {
                @for row in rows {
                    tr { @for (column, content) in columns.iter().zip(row) { (cell(*column, content)) } }
                }
            }
        }
    }
}

fn head(kind: Kind) -> Option<&'static str> {
    (kind == Kind::Number).then_some("n")
}

fn cell(column: Column, content: &Markup) -> Markup {
    let is_blank = content.0.is_empty();
    let class = match column.kind {
        Kind::Name => Some("name-cell"),
        Kind::Text => None,
        Kind::Quiet => Some("quiet-cell whole"),
        Kind::Wide => Some("wide"),
        Kind::Number => Some("n"),
    };
    let class = if is_blank {
        Some(format!("{} blank", class.unwrap_or_default()))
    } else {
        class.map(str::to_owned)
    };
    let label = (column.kind == Kind::Number && !is_blank).then_some(column.label);
    html! { td class=[class] data-label=[label] { (content) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_label_for_phones_and_blank_cells_none() {
        let columns = [column("Sender", Kind::Name), column("Delivered", Kind::Number)];
        let rows = [vec![html! { "ke" }, html! { "93 %" }], vec![html! { "tz" }, html! {}]];
        let drawn = table("Senders", &columns, &rows).into_string();
        assert!(drawn.contains(r#"<td class="n" data-label="Delivered">93 %</td>"#), "{drawn}");
        assert!(
            drawn.contains(r#"<td class="n blank"></td>"#)
                && drawn.contains(r#"<th scope="col" class="n">Delivered"#),
            "{drawn}"
        );
    }
}
