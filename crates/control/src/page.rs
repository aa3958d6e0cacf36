//! Pages of lists: each page begins after the last item of the previous page, so that items that are added meanwhile move no
//! other item to another page.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Problem};

/// The most items of a page.
pub const MAX_LIMIT: u32 = 200;
/// The items of a page if the caller does not say it.
const DEFAULT_LIMIT: u32 = 50;

/// Which page of a list is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// `next` of the previous page; `None`: the first page.
    pub after: Option<String>,
    /// The most items, 1 to 200; `None`: 50.
    pub limit: Option<u32>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The value of `after` for the next page; `null`: this is the last page.
    #[schema(required)]
    pub next: Option<String>,
}

impl PageRequest {
    /// The number of items of the page.
    pub fn limit(&self) -> Result<u32, Error> {
        match self.limit.unwrap_or(DEFAULT_LIMIT) {
            limit @ 1..=MAX_LIMIT => Ok(limit),
            limit => {
                Err(Error::refused(Problem::InvalidBody, format!("limit is {limit}; give 1 to {MAX_LIMIT}")))
            }
        }
    }

    /// The id after which the page begins.
    pub fn after_id(&self) -> Result<Option<i64>, Error> {
        let Some(after) = &self.after else { return Ok(None) };
        let id = after.parse().ok().filter(|id| *id > 0);
        id.map(Some).ok_or_else(|| {
            Error::refused(
                Problem::InvalidBody,
                "after is not the 'next' of a page of this list; leave it out to begin",
            )
        })
    }
}

impl<T> Page<T> {
    /// A page of `items`, of which one more than `limit` was read if there is a next page.
    pub fn of(mut items: Vec<T>, limit: u32, key: impl Fn(&T) -> String) -> Self {
        let has_next = items.len() > limit as usize;
        items.truncate(limit as usize);
        let next = items.last().filter(|_| has_next).map(key);
        Self { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_next_page_if_one_more_item_was_read() {
        let page = |items: Vec<i64>| Page::of(items, 2, i64::to_string);
        assert_eq!(page(vec![9, 8, 7]), Page { items: vec![9, 8], next: Some("8".into()) });
        assert_eq!(page(vec![9, 8]), Page { items: vec![9, 8], next: None });
        assert_eq!(page(vec![]), Page { items: vec![], next: None });
    }

    #[test]
    fn a_wrong_limit_or_position_is_refused() {
        let request = |after: Option<&str>, limit| PageRequest { after: after.map(Into::into), limit };
        for limit in [0, 201] {
            assert!(request(None, Some(limit)).limit().is_err(), "{limit}");
        }
        assert_eq!(request(None, None).limit().unwrap(), 50);
        assert_eq!(request(Some("7"), None).after_id().unwrap(), Some(7));
        for after in ["", "x", "-1", "0", "99999999999999999999"] {
            assert!(request(Some(after), None).after_id().is_err(), "{after}");
        }
    }
}
