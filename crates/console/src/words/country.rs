//! Names of countries, for people who do not know the two letters. Other countries are written with their letters.

use maud::{Markup, html};

/// The letters of ISO 3166, and the name.
#[rustfmt::skip]
const NAMES: &[(&str, &str)] = &[
    ("AE", "United Arab Emirates"), ("AF", "Afghanistan"), ("AL", "Albania"), ("AM", "Armenia"),
    ("AO", "Angola"), ("AR", "Argentina"), ("AT", "Austria"), ("AU", "Australia"),
    ("AZ", "Azerbaijan"), ("BA", "Bosnia and Herzegovina"), ("BD", "Bangladesh"), ("BE", "Belgium"),
    ("BF", "Burkina Faso"), ("BG", "Bulgaria"), ("BH", "Bahrain"), ("BI", "Burundi"),
    ("BJ", "Benin"), ("BO", "Bolivia"), ("BR", "Brazil"), ("BW", "Botswana"),
    ("BY", "Belarus"), ("CA", "Canada"), ("CD", "Congo (Kinshasa)"), ("CF", "Central African Republic"),
    ("CG", "Congo (Brazzaville)"), ("CH", "Switzerland"), ("CI", "Côte d’Ivoire"), ("CL", "Chile"),
    ("CM", "Cameroon"), ("CN", "China"), ("CO", "Colombia"), ("CR", "Costa Rica"),
    ("CU", "Cuba"), ("CV", "Cape Verde"), ("CY", "Cyprus"), ("CZ", "Czechia"),
    ("DE", "Germany"), ("DJ", "Djibouti"), ("DK", "Denmark"), ("DO", "Dominican Republic"),
    ("DZ", "Algeria"), ("EC", "Ecuador"), ("EE", "Estonia"), ("EG", "Egypt"),
    ("ER", "Eritrea"), ("ES", "Spain"), ("ET", "Ethiopia"), ("FI", "Finland"),
    ("FR", "France"), ("GA", "Gabon"), ("GB", "United Kingdom"), ("GE", "Georgia"),
    ("GH", "Ghana"), ("GM", "Gambia"), ("GN", "Guinea"), ("GQ", "Equatorial Guinea"),
    ("GR", "Greece"), ("GT", "Guatemala"), ("GW", "Guinea-Bissau"), ("HK", "Hong Kong"),
    ("HN", "Honduras"), ("HR", "Croatia"), ("HT", "Haiti"), ("HU", "Hungary"),
    ("ID", "Indonesia"), ("IE", "Ireland"), ("IL", "Israel"), ("IN", "India"),
    ("IQ", "Iraq"), ("IR", "Iran"), ("IS", "Iceland"), ("IT", "Italy"),
    ("JM", "Jamaica"), ("JO", "Jordan"), ("JP", "Japan"), ("KE", "Kenya"),
    ("KG", "Kyrgyzstan"), ("KH", "Cambodia"), ("KM", "Comoros"), ("KR", "South Korea"),
    ("KW", "Kuwait"), ("KZ", "Kazakhstan"), ("LA", "Laos"), ("LB", "Lebanon"),
    ("LK", "Sri Lanka"), ("LR", "Liberia"), ("LS", "Lesotho"), ("LT", "Lithuania"),
    ("LU", "Luxembourg"), ("LV", "Latvia"), ("LY", "Libya"), ("MA", "Morocco"),
    ("MD", "Moldova"), ("ME", "Montenegro"), ("MG", "Madagascar"), ("MK", "North Macedonia"),
    ("ML", "Mali"), ("MM", "Myanmar"), ("MN", "Mongolia"), ("MR", "Mauritania"),
    ("MU", "Mauritius"), ("MW", "Malawi"), ("MX", "Mexico"), ("MY", "Malaysia"),
    ("MZ", "Mozambique"), ("NA", "Namibia"), ("NE", "Niger"), ("NG", "Nigeria"),
    ("NI", "Nicaragua"), ("NL", "Netherlands"), ("NO", "Norway"), ("NP", "Nepal"),
    ("NZ", "New Zealand"), ("OM", "Oman"), ("PA", "Panama"), ("PE", "Peru"),
    ("PG", "Papua New Guinea"), ("PH", "Philippines"), ("PK", "Pakistan"), ("PL", "Poland"),
    ("PS", "Palestine"), ("PT", "Portugal"), ("PY", "Paraguay"), ("QA", "Qatar"),
    ("RO", "Romania"), ("RS", "Serbia"), ("RU", "Russia"), ("RW", "Rwanda"),
    ("SA", "Saudi Arabia"), ("SC", "Seychelles"), ("SD", "Sudan"), ("SE", "Sweden"),
    ("SG", "Singapore"), ("SI", "Slovenia"), ("SK", "Slovakia"), ("SL", "Sierra Leone"),
    ("SN", "Senegal"), ("SO", "Somalia"), ("SS", "South Sudan"), ("ST", "São Tomé and Príncipe"),
    ("SV", "El Salvador"), ("SY", "Syria"), ("SZ", "Eswatini"), ("TD", "Chad"),
    ("TG", "Togo"), ("TH", "Thailand"), ("TJ", "Tajikistan"), ("TM", "Turkmenistan"),
    ("TN", "Tunisia"), ("TR", "Türkiye"), ("TT", "Trinidad and Tobago"), ("TW", "Taiwan"),
    ("TZ", "Tanzania"), ("UA", "Ukraine"), ("UG", "Uganda"), ("US", "United States"),
    ("UY", "Uruguay"), ("UZ", "Uzbekistan"), ("VE", "Venezuela"), ("VN", "Vietnam"),
    ("YE", "Yemen"), ("ZA", "South Africa"), ("ZM", "Zambia"), ("ZW", "Zimbabwe"),
];

/// The letters of a country by its name.
pub(crate) fn letters(name: &str) -> Option<&'static str> {
    let name = name.trim().to_lowercase();
    NAMES.iter().find(|(_, own)| own.to_lowercase() == name).map(|(letters, _)| *letters)
}

/// The suggestions of a field.
pub(crate) fn suggestions(id: &str) -> Markup {
    html! {
        datalist id=(id) { @for (letters, name) in NAMES { option value=(letters) { (name) } } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_a_number_plan_and_is_found_by_its_name() {
        for (own, name) in NAMES {
            assert!(own.parse::<campaign::Country>().is_ok(), "{own}");
            assert_eq!(letters(&name.to_uppercase()), Some(*own));
        }
        assert_eq!(letters("Narnia"), None);
    }
}
