//! Names of columns: converts them to variable names, and recognizes number columns.

/// The most rows above the header that may be a title.
pub(crate) const TITLES: usize = 20;

/// Names of number columns, as [`variable_name`] writes them, the most likely first: WhatsApp before mobile phones, and
/// these before phones that may be landlines.
pub(crate) const NUMBER_NAMES: &[&str] = &[
    "msisdn",
    "wa_id",
    "whatsapp",
    "whatsapp_number",
    "whatsapp_phone_number",
    "whatsapp_phone",
    "whatsapp_no",
    "whatsapp_mobile",
    "phone_whatsapp",
    "phone_number_whatsapp",
    "mobile_whatsapp",
    "wa_number",
    "wa",
    "mobile",
    "mobile_number",
    "mobile_phone",
    "mobile_phone_number",
    "mobile_no",
    "cell",
    "cellphone",
    "cell_phone",
    "phone",
    "phone_number",
    "phone_no",
    "phone_1_value",
    "primary_phone",
    "number",
    "contact_number",
    "telephone",
    "tel",
    "recipient",
    "to",
];

/// Whether a column with this name holds numbers.
pub(crate) fn is_number_name(cell: &str) -> bool {
    NUMBER_NAMES.contains(&variable_name(cell).as_str())
}

/// A header cell as a variable name: lower case, with `_` for every character that is not a letter or digit.
pub fn variable_name(cell: &str) -> String {
    let spaced: String = cell
        .trim()
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect::<String>()
        .to_lowercase();
    spaced.split_whitespace().collect::<Vec<_>>().join("_")
}
