//! The API of a server that the environment names, instead of the database.

use client::{Address, Client};
use secrecy::SecretString;

use crate::exit::Refused;
use crate::terminal::output::warning;

/// The address of a server. If it is set, commands use the API of this server.
pub(crate) const URL: &str = "FLOWCAST_URL";
const KEY: &str = "FLOWCAST_API_KEY";
const KEY_FILE: &str = "FLOWCAST_API_KEY_FILE";
const INSECURE: &str = "FLOWCAST_INSECURE";

/// Address and key of the API.
#[derive(Debug)]
struct Access {
    address: Address,
    key: SecretString,
}

/// Whether commands use the API of a server.
pub(crate) fn is_set() -> bool {
    value(environment, URL).is_some()
}

/// A client of the API that the environment names; `None`: commands use the database.
pub(crate) fn client(has_database: bool) -> anyhow::Result<Option<Client>> {
    let Some(Access { address, key }) = access(environment, has_database)? else { return Ok(None) };
    if address.is_plain() {
        warning(format!(
            "the connection to {address} is not encrypted ({INSECURE}=1): the API key and phone numbers can be read on the way"
        ));
    }
    Ok(Some(Client::new(address, &key)?))
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The value of a variable. An empty one counts as not set.
fn value(variable: impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn access(variable: impl Fn(&str) -> Option<String>, has_database: bool) -> Result<Option<Access>, Refused> {
    let value = |name| value(&variable, name);
    let Some(url) = value(URL) else { return Ok(None) };
    if has_database {
        return Err(Refused(format!(
            "{URL} and DATABASE_URL are both set, and they may be different installations; unset {URL} to use the database, or \
             DATABASE_URL (in flowcast.toml: [postgres] url) to use the API"
        )));
    }
    let allows_plain = match value(INSECURE).as_deref() {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => {
            return Err(Refused(format!("{INSECURE} is neither 0 nor 1; set it to 1 to allow plain http")));
        }
    };
    let address = Address::parse(&url, allows_plain).map_err(|error| Refused(format!("{URL}: {error}")))?;
    Ok(Some(Access { address, key: key(value(KEY), value(KEY_FILE))? }))
}

/// The API key, from its variable or its file.
fn key(given: Option<String>, file: Option<String>) -> Result<SecretString, Refused> {
    match (given, file) {
        (Some(_), Some(_)) => Err(Refused(format!("{KEY} and {KEY_FILE} are both set; unset one of them"))),
        (Some(key), None) => Ok(SecretString::from(key)),
        (None, Some(path)) => {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Refused(format!("{KEY_FILE}: cannot read {path}: {error}")))?;
            match text.trim() {
                "" => Err(Refused(format!("{KEY_FILE}: {path} is empty; write the API key into it"))),
                key => Ok(SecretString::from(key)),
            }
        }
        (None, None) => Err(Refused(format!(
            "{URL} is set and the API key is missing; set {KEY}, or {KEY_FILE} to a file with the key ('flowcast key add' makes one)"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<Access>, String> {
        let variable = |name: &str| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        };
        access(variable, false).map_err(|error| error.to_string())
    }

    #[test]
    fn the_api_is_used_if_its_address_is_set_and_the_database_is_not() {
        assert!(of(&[(KEY, "fc_x")]).unwrap().is_none());
        assert!(of(&[(URL, " "), (KEY, "fc_x")]).unwrap().is_none());
        assert!(of(&[(URL, "https://a.example"), (KEY, "fc_x")]).unwrap().is_some());
        let variable = |name: &str| (name == URL).then(|| "https://a.example".to_owned());
        let both = access(variable, true).unwrap_err().to_string();
        assert!(both.starts_with("FLOWCAST_URL and DATABASE_URL are both set"), "{both}");
    }

    #[test]
    fn the_key_comes_from_a_variable_or_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let url = (URL, "https://a.example");
        let found = |variables: &[(&str, &str)]| {
            of(variables).map(|access| access.unwrap().key.expose_secret().to_owned())
        };
        assert_eq!(found(&[url, (KEY, "fc_x\n")]).unwrap(), "fc_x");
        assert!(
            found(&[url, (KEY_FILE, path)]).unwrap_err().ends_with("is empty; write the API key into it")
        );
        std::fs::write(path, "fc_y\n").unwrap();
        assert_eq!(found(&[url, (KEY_FILE, path)]).unwrap(), "fc_y");
        assert!(found(&[url, (KEY, "fc_x"), (KEY_FILE, path)]).unwrap_err().ends_with("unset one of them"));
        assert!(found(&[url, (KEY_FILE, "/no/such")]).unwrap_err().contains("cannot read /no/such"));
        assert!(found(&[url]).unwrap_err().contains("the API key is missing"));
    }

    #[test]
    fn plain_http_needs_the_word_of_the_user() {
        let plain = (URL, "http://a.example");
        let refused = of(&[plain, (KEY, "x")]).unwrap_err();
        assert!(refused.starts_with("FLOWCAST_URL: http://a.example/ is not https"), "{refused}");
        assert!(of(&[plain, (KEY, "x"), (INSECURE, "1")]).unwrap().unwrap().address.is_plain());
        assert!(of(&[plain, (KEY, "x"), (INSECURE, "0")]).is_err());
        assert!(of(&[plain, (KEY, "x"), (INSECURE, "yes")]).unwrap_err().contains("neither 0 nor 1"));
    }
}
