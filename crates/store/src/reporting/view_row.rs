//! Rows of report views.

/// Defines a struct whose fields are columns of a view, and the function that reads it. So a new column of a view is written in three
/// files: its migration, `docs/REPORTS.md` and the struct. JSON and CSV of the commands follow the struct.
macro_rules! view_row {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$field_about:meta])* pub $field:ident: $kind:ty,)+ }) => {
        $(#[$about])*
        pub struct $name { $($(#[$field_about])* pub $field: $kind,)+ }

        impl $name {
            /// Reads the columns by name.
            pub(crate) fn read(row: &tokio_postgres::Row) -> Self {
                Self { $($field: row.get(stringify!($field)),)+ }
            }
        }
    };
}

pub(crate) use view_row;
