//! What a message costs: the price list of a sender, by country calling code.
//!
//! Prices are exact decimals and never floats. Where a price is missing nothing is guessed: it is said how many have none.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::cost::currency::Currency;
use crate::number::calling_code::CallingCode;

/// The columns of a price list; its first line.
const HEADER: [&str; 2] = ["calling_code", "price"];
/// Stands for all calling codes that are not named.
const DEFAULT: &str = "default";
const MOST_DECIMALS: u32 = 6;
const HIGHEST: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);
/// So many faults are told of one file.
const MOST_FAULTS: usize = 10;

/// What a message of a sender costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceList {
    /// In what.
    pub currency: Currency,
    /// For all other countries, if it is known.
    pub default: Option<Decimal>,
    /// By calling code.
    pub prices: BTreeMap<CallingCode, Decimal>,
}

/// What is wrong with the file of a price list, each with its line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the price list cannot be taken, nothing was changed:\n{}", .0.join("\n"))]
pub struct PriceListError(Vec<String>);

/// What some messages cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostEstimate {
    /// The sum of those that have a price.
    pub total: Decimal,
    /// How many have none.
    pub unpriced: i64,
    /// By country, the dearest first, those without a price last.
    pub countries: Vec<CountryCost>,
}

/// What the messages to one country cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountryCost {
    /// The country.
    pub calling_code: CallingCode,
    /// How many messages.
    pub recipients: i64,
    /// Of one message.
    pub price: Option<Decimal>,
    /// Of all of them.
    pub cost: Option<Decimal>,
}

impl PriceList {
    /// Reads a CSV file with the columns `calling_code` and `price`, one row of which may be `default`.
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
            faults.push("there is no price in it".to_owned());
        }
        if faults.len() > MOST_FAULTS {
            let more = faults.len() - MOST_FAULTS;
            faults.truncate(MOST_FAULTS);
            faults.push(format!("and {more} more"));
        }
        if faults.is_empty() { Ok(list) } else { Err(PriceListError(faults)) }
    }

    fn add(&mut self, row: &csv::StringRecord) -> Result<(), String> {
        let (Some(code), Some(price), 2) = (row.get(0), row.get(1), row.len()) else {
            return Err(format!("there are {} cells where two belong, calling_code and price", row.len()));
        };
        let price = self::price(price)?;
        let before = if code.eq_ignore_ascii_case(DEFAULT) {
            self.default.replace(price)
        } else {
            self.prices.insert(code.parse().map_err(|error| format!("{error}"))?, price)
        };
        before.map_or(Ok(()), |_| Err(format!("'{code}' stands in an earlier line already")))
    }

    /// What a message to this country costs, if it is known.
    pub fn price_of(&self, code: CallingCode) -> Option<Decimal> {
        self.prices.get(&code).copied().or(self.default)
    }

    /// What messages to so many recipients cost.
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

/// The cells of a line; no line at all if it is empty.
fn cells(line: &str, delimiter: u8) -> Option<csv::StringRecord> {
    let mut reader = csv::ReaderBuilder::new();
    reader.has_headers(false).trim(csv::Trim::All).delimiter(delimiter);
    reader.from_reader(line.as_bytes()).into_records().find_map(Result::ok)
}

/// Whichever of the usual ones stands in the first line.
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
        .map_err(|_| format!("'{written}' is no price; write digits and a point, like 0.0450"))?;
    if price.is_sign_negative() && !price.is_zero() {
        return Err(format!("'{written}' is less than nothing"));
    }
    if price >= HIGHEST || price.scale() > MOST_DECIMALS {
        return Err(format!(
            "'{written}' is no price of a message: below 1,000,000, with at most six decimals"
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
    fn a_list_is_read_as_spreadsheets_write_it() {
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
    fn every_fault_is_told_with_its_line() {
        let first = "line 1: the first line must name the columns: calling_code,price";
        for (file, expected) in [
            ("", "there is no price in it"),
            ("calling_code,price\n", "there is no price in it"),
            ("254,0.1\n", first),
            ("price,calling_code\n", first),
            (
                "calling_code,price\n254,\"0,1\"\n255,-1\n\n25,1\n254,1,2\n999999,1\n",
                "line 2: '0,1' is no price; write digits and a point, like 0.0450\
                |line 3: '-1' is less than nothing\
                |line 5: '25' is no country calling code; write one like 254 or +254\
                |line 6: there are 3 cells where two belong, calling_code and price\
                |line 7: '999999' is no country calling code; write one like 254 or +254",
            ),
            (
                "calling_code,price\n254,1\n+254,2\ndefault,1\ndefault,1\n",
                "line 3: '+254' stands in an earlier line already\
                |line 5: 'default' stands in an earlier line already",
            ),
            (
                "calling_code,price\n254,1e3\n255,NaN\n256,\n91,0.1234567\n1,1000000\n",
                "line 2: '1e3' is no price; write digits and a point, like 0.0450\
                |line 3: 'NaN' is no price; write digits and a point, like 0.0450\
                |line 4: '' is no price; write digits and a point, like 0.0450\
                |line 5: '0.1234567' is no price of a message: below 1,000,000, with at most six decimals\
                |line 6: '1000000' is no price of a message: below 1,000,000, with at most six decimals",
            ),
        ] {
            assert_eq!(read(file), Err(expected.to_owned()), "{file}");
        }
        let many = "calling_code,price\n".to_owned() + &"x,1\n".repeat(12);
        assert!(read(&many).unwrap_err().ends_with("|and 2 more"));
    }

    #[test]
    fn a_sum_is_exact_and_says_who_has_no_price() {
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
