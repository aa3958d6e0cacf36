//! Numbers as people read them.

pub(crate) use control::thousands;

/// A share in whole per cent. A share that is not all is at most 99 %, and one that is not nothing at least 1 %.
pub(crate) fn percent(part: i64, whole: i64) -> String {
    if whole <= 0 {
        return "–".into();
    }
    let rounded = (part.saturating_mul(200) / whole + 1) / 2;
    let bounded = if part >= whole {
        100
    } else if part > 0 {
        rounded.clamp(1, 99)
    } else {
        0
    };
    format!("{bounded} %")
}

/// A number with its noun: `1 recipient`, `2 recipients`.
pub(crate) fn counted(n: i64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(n), if n == 1 { one } else { many })
}

/// An amount of money with thousands separators.
pub(crate) fn money(amount: &str) -> String {
    let (whole, cents) = amount.split_once('.').map_or((amount, None), |(whole, cents)| (whole, Some(cents)));
    let whole = whole.parse::<i64>().map_or_else(|_| whole.to_owned(), thousands);
    cents.filter(|cents| !cents.is_empty()).map_or(whole.clone(), |cents| format!("{whole}.{cents:0<2}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_100_percent_only_if_it_is_all() {
        for (part, whole, shown) in [
            (0, 0, "–"),
            (0, 10, "0 %"),
            (1, 1_000_000, "1 %"),
            (700_000, 1_000_000, "70 %"),
            (995, 1_000, "99 %"),
            (1_000, 1_000, "100 %"),
        ] {
            assert_eq!(percent(part, whole), shown);
        }
        assert_eq!(
            (counted(1, "row", "rows"), counted(2_000, "row", "rows")),
            ("1 row".into(), "2,000 rows".into())
        );
    }
}
