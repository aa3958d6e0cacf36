//! Currencies by their ISO 4217 codes.

use std::fmt;
use std::str::FromStr;

/// The codes in use.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF \
    CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR \
    ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU \
    MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD \
    SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG \
    XOF XPF YER ZAR ZMW ZWG";

/// A currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Currency(&'static str);

/// A text that is not an ISO 4217 code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a currency; write its ISO 4217 code, like KES, INR or USD")]
pub struct UnknownCurrency(String);

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let code = CODES.split_ascii_whitespace().find(|code| code.eq_ignore_ascii_case(text));
        code.map(Self).ok_or_else(|| UnknownCurrency(text.to_owned()))
    }
}

impl Currency {
    /// The three letters of the code.
    pub fn code(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_currency_is_one_of_the_codes() {
        for code in ["KES", "kes", "INR", "AED", "ZWG"] {
            assert_eq!(code.parse::<Currency>().unwrap().code(), code.to_ascii_uppercase());
        }
        for text in ["", "KE", "KESH", "Euro", "KES INR", "XXX"] {
            assert!(text.parse::<Currency>().is_err(), "{text}");
        }
        assert!(CODES.split(' ').filter(|code| !code.is_empty()).all(|code| code.len() == 3));
    }
}
