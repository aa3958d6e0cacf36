//! The price list of a sender: the cost of a message by country calling code.
//!
//! Prices are exact decimals, never floats. A missing price is not guessed; estimates count the recipients without a
//! price.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::cost::currency::Currency;
use crate::number::calling_code::CallingCode;

/// The columns of a price list, named in its first line.
const HEADER: [&str; 2] = ["calling_code", "price"];
/// The row for all calling codes without a row of their own.
const DEFAULT: &str = "default";
const MOST_DECIMALS: u32 = 6;
const HIGHEST: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);
/// The most errors that are reported for one file.
const MOST_FAULTS: usize = 10;

/// The price of a message of one sender, by country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceList {
    /// The currency of all prices.
    pub currency: Currency,
    /// The price for countries without an own price, if there is one.
    pub default: Option<Decimal>,
    /// Prices by calling code.
    pub prices: BTreeMap<CallingCode, Decimal>,
}

/// Errors in the file of a price list, each with its line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the price list, nothing was changed:\n{}", .0.join("\n"))]
pub struct PriceListError(Vec<String>);

/// The estimated cost of some messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostEstimate {
    /// The sum over the recipients that have a price.
    pub total: Decimal,
    /// The number of recipients without a price.
    pub unpriced: i64,
    /// By country, the most expensive first, countries without a price last.
    pub countries: Vec<CountryCost>,
}

/// The estimated cost of the messages to one country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountryCost {
    /// The country.
    pub calling_code: CallingCode,
    /// The number of messages.
    pub recipients: i64,
    /// The price of one message.
    pub price: Option<Decimal>,
    /// The cost of all of them.
    pub cost: Option<Decimal>,
}

impl PriceList {
    /// Reads a CSV file with the columns `calling_code` and `price`; the code of one row may be `default`.
    pub fn parse(file: &str, currency: Currency) -> Result<Self, PriceListError> {
        let file = file.trim_start_matches('\u{feff}');
        let mut list = Self { currency, default: None, prices: BTreeMap::new() };
        let (mut faults, mut has_header) = (Vec::new(), false);
        for (line, text) in (1..).zip(file.lines()) {
            let Some(row) = cells(text, delimiter(file)) else { continue };
            let added = if has_header { list.add(&row) } else { header(&row) };
            has_header = true;
            faults.extend(added.err().map(|fault| format!("line {line}: {fault}")));
        }
        if faults.is_empty() && list.default.is_none() && list.prices.is_empty() {
            faults.push("the list has no prices; add a row like 254,0.0450".to_owned());
        }
        if faults.len() > MOST_FAULTS {
            let more = faults.len() - MOST_FAULTS;
            faults.truncate(MOST_FAULTS);
            faults.push(format!("and {more} more"));
        }
        if faults.is_empty() { Ok(list) } else { Err(PriceListError(faults)) }
    }

    /// Reads prices that are given apart: the price of countries without an own price, and pairs of calling code and price.
    pub fn from_rows<'a>(
        currency: Currency,
        default: Option<&'a str>,
        rows: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, PriceListError> {
        let mut list = Self { currency, default: None, prices: BTreeMap::new() };
        let rows = default.map(|price| (DEFAULT, price)).into_iter().chain(rows);
        let added = rows.map(|(code, price)| list.add(&csv::StringRecord::from(vec![code, price])));
        let mut faults: Vec<String> = added.filter_map(Result::err).collect();
        if faults.is_empty() && list.default.is_none() && list.prices.is_empty() {
            faults.push("the list has no prices; add one like 0.0450 for calling code 254".to_owned());
        }
        faults.truncate(MOST_FAULTS);
        if faults.is_empty() { Ok(list) } else { Err(PriceListError(faults)) }
    }

    fn add(&mut self, row: &csv::StringRecord) -> Result<(), String> {
        let (Some(code), Some(price), 2) = (row.get(0), row.get(1), row.len()) else {
            return Err(format!("the row has {} cells instead of two, calling_code and price", row.len()));
        };
        let price = self::price(price)?;
        let before = if code.eq_ignore_ascii_case(DEFAULT) {
            self.default.replace(price)
        } else {
            self.prices.insert(code.parse().map_err(|error| format!("{error}"))?, price)
        };
        before.map_or(Ok(()), |_| Err(format!("'{code}' is also in an earlier line; keep one of them")))
    }

    /// The price of a message to this country, if it is known.
    pub fn price_of(&self, code: CallingCode) -> Option<Decimal> {
        self.prices.get(&code).copied().or(self.default)
    }

    /// The cost of messages to this many recipients by country.
    pub fn estimate(&self, recipients: impl IntoIterator<Item = (CallingCode, i64)>) -> CostEstimate {
        let cost = |(calling_code, recipients): (CallingCode, i64)| {
            let price = self.price_of(calling_code);
            CountryCost {
                calling_code,
                recipients,
                price,
                cost: price.map(|price| price * Decimal::from(recipients)),
            }
        };
        let mut countries: Vec<CountryCost> = recipients.into_iter().map(cost).collect();
        countries.sort_by(|one, other| (other.cost, one.calling_code).cmp(&(one.cost, other.calling_code)));
        CostEstimate {
            total: countries.iter().filter_map(|country| country.cost).sum(),
            unpriced: countries
                .iter()
                .filter(|country| country.cost.is_none())
                .map(|country| country.recipients)
                .sum(),
            countries,
        }
    }
}

/// The cells of a line, or `None` for an empty line.
fn cells(line: &str, delimiter: u8) -> Option<csv::StringRecord> {
    let mut reader = csv::ReaderBuilder::new();
    reader.has_headers(false).trim(csv::Trim::All).delimiter(delimiter);
    reader.from_reader(line.as_bytes()).into_records().find_map(Result::ok)
}

/// The delimiter: the semicolon or tab if the first line has one, else the comma.
fn delimiter(file: &str) -> u8 {
    let header = file.lines().next().unwrap_or_default();
    [b';', b'\t'].into_iter().find(|sign| header.contains(char::from(*sign))).unwrap_or(b',')
}

fn header(row: &csv::StringRecord) -> Result<(), String> {
    if row.len() == HEADER.len() && row.iter().zip(HEADER).all(|(cell, name)| cell.eq_ignore_ascii_case(name))
    {
        return Ok(());
    }
    Err(format!("the first line must name the columns: {}", HEADER.join(",")))
}

fn price(written: &str) -> Result<Decimal, String> {
    let price = Decimal::from_str_exact(written)
        .map_err(|_| format!("'{written}' is not a price; write digits and a point, like 0.0450"))?;
    if price.is_sign_negative() && !price.is_zero() {
        return Err(format!("'{written}' is negative; write 0 or more"));
    }
    if price >= HIGHEST || price.scale() > MOST_DECIMALS {
        return Err(format!(
            "'{written}' is not a price of a message; write a number below 1,000,000 with at most six decimals"
        ));
    }
    Ok(price)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kes() -> Currency {
        "KES".parse().unwrap()
    }

    fn read(file: &str) -> Result<PriceList, String> {
        PriceList::parse(file, kes()).map_err(|error| error.0.join("|"))
    }

    fn decimal(written: &str) -> Decimal {
        written.parse().unwrap()
    }

    #[test]
    fn a_price_list_is_read_in_the_forms_that_spreadsheets_export() {
        let expected = PriceList {
            currency: kes(),
            default: Some(decimal("0.9")),
            prices: [(CallingCode(254), decimal("0.0450")), (CallingCode(1), decimal("3"))].into(),
        };
        for file in [
            "calling_code,price\n254,0.0450\ndefault,0.9\n+1,3\n",
            "\u{feff}Calling_Code;Price\r\n\"254\" ; 0.0450\r\n\r\n1;3\r\nDEFAULT;0.9",
            "calling_code\tprice\n254\t0.0450\n1\t3\ndefault\t0.9\n",
        ] {
            assert_eq!(read(file).as_ref(), Ok(&expected), "{file}");
        }
    }

    #[test]
    fn every_error_is_reported_with_its_line() {
        let first = "line 1: the first line must name the columns: calling_code,price";
        for (file, expected) in [
            ("", "the list has no prices; add a row like 254,0.0450"),
            ("calling_code,price\n", "the list has no prices; add a row like 254,0.0450"),
            ("254,0.1\n", first),
            ("price,calling_code\n", first),
            (
                "calling_code,price\n254,\"0,1\"\n255,-1\n\n25,1\n254,1,2\n999999,1\n",
                "line 2: '0,1' is not a price; write digits and a point, like 0.0450\
                |line 3: '-1' is negative; write 0 or more\
                |line 5: '25' is not a country calling code; write one like 254 or +254\
                |line 6: the row has 3 cells instead of two, calling_code and price\
                |line 7: '999999' is not a country calling code; write one like 254 or +254",
            ),
            (
                "calling_code,price\n254,1\n+254,2\ndefault,1\ndefault,1\n",
                "line 3: '+254' is also in an earlier line; keep one of them\
                |line 5: 'default' is also in an earlier line; keep one of them",
            ),
            (
                "calling_code,price\n254,1e3\n255,NaN\n256,\n91,0.1234567\n1,1000000\n",
                "line 2: '1e3' is not a price; write digits and a point, like 0.0450\
                |line 3: 'NaN' is not a price; write digits and a point, like 0.0450\
                |line 4: '' is not a price; write digits and a point, like 0.0450\
                |line 5: '0.1234567' is not a price of a message; write a number below 1,000,000 with at most six decimals\
                |line 6: '1000000' is not a price of a message; write a number below 1,000,000 with at most six decimals",
            ),
        ] {
            assert_eq!(read(file), Err(expected.to_owned()), "{file}");
        }
        let many = "calling_code,price\n".to_owned() + &"x,1\n".repeat(12);
        assert!(read(&many).unwrap_err().ends_with("|and 2 more"));
    }

    #[test]
    fn a_sum_is_exact_and_counts_recipients_without_a_price() {
        let list = read("calling_code,price\n254,0.1\n255,0.2\n91,0\n").unwrap();
        let of = |code, recipients, price: Option<&str>, cost: Option<&str>| CountryCost {
            calling_code: CallingCode(code),
            recipients,
            price: price.map(decimal),
            cost: cost.map(decimal),
        };
        let estimate = list.estimate([254, 255, 49, 91, 1].map(CallingCode).into_iter().zip([3, 1, 7, 5, 2]));
        assert_eq!((estimate.total, estimate.unpriced), (decimal("0.5"), 9));
        assert_eq!(
            estimate.countries,
            [
                of(254, 3, Some("0.1"), Some("0.3")),
                of(255, 1, Some("0.2"), Some("0.2")),
                of(91, 5, Some("0"), Some("0")),
                of(1, 2, None, None),
                of(49, 7, None, None),
            ]
        );
        let with_default = PriceList { default: Some(decimal("0.000001")), ..list };
        let estimate = with_default.estimate([(CallingCode(49), 3_000_000)]);
        assert_eq!((estimate.total, estimate.unpriced), (decimal("3"), 0));
    }
}
