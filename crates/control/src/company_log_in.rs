//! Log-in with the account of a company.
//!
//! **Invariants.**
//! - The role comes from the groups of the person at each log-in; without a group that has a role, nobody logs in. Senders and the
//!   right to phone numbers are given here.
//! - A person is linked to an account by issuer and subject. An account that an admin added before is found once, by an email address
//!   that the issuer has verified.
//! - The second factor is the company's. How long ago the person proved who it is, is what the company says.

use std::sync::Arc;

use jiff::Timestamp;
use oidc::Person;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::{AccountChange, AccountRow, CompanyIdentity, Store};
use url::Url;

use crate::access::action::{Action, Object};
use crate::access::caller::Client;
use crate::access::role::Role;
use crate::company::CompanyLogIns;
use crate::control::{Attempt, Control};
use crate::error::{Error, Problem};
use crate::log_in::{LoggedIn, Opening, Proof};
use crate::passwords::person;

/// The answer of the provider, as the browser brings it.
#[derive(Clone, Debug, Default)]
pub struct CompanyAnswer {
    /// The code to redeem.
    pub code: Option<SecretString>,
    /// The state that the log-in began with.
    pub state: String,
    /// Why the provider refused, such as `access_denied`.
    pub error: Option<String>,
}

impl Control {
    /// The same with log-ins by the account of a company.
    #[must_use]
    pub fn with_company_log_ins(self, company: CompanyLogIns) -> Self {
        Self { company: Some(Arc::new(company)), ..self }
    }

    /// What the account of the company is called; `None`: there are only passwords.
    pub fn company_name(&self) -> Option<&str> {
        self.company.as_ref().map(|company| company.name.as_str())
    }

    /// Begins a log-in: the address of the provider, and what the browser keeps. With `is_fresh`, the person has to prove again who
    /// it is.
    pub async fn begin_company_log_in(
        &self,
        next: &str,
        is_fresh: bool,
    ) -> Result<(Url, oidc::Attempt), Error> {
        self.company()?.provider.begin(next, is_fresh).await.map_err(|error| failed(&error))
    }

    /// Ends a log-in: opens a session for the person that the provider names.
    pub async fn finish_company_log_in(
        &self,
        (begun, now): (Option<oidc::Attempt>, Timestamp),
        answer: CompanyAnswer,
        replaces: Option<&SecretString>,
        client: Client,
    ) -> Result<LoggedIn, Error> {
        let company = self.company()?;
        let named = async {
            let begun = begun.ok_or(oidc::Error::NotBegun)?;
            match (answer.code, answer.error) {
                (Some(code), None) => {
                    company.provider.finish(begun, (&answer.state, code.expose_secret()), now.into()).await
                }
                (_, error) => Err(oidc::Error::Refused(
                    error.map_or_else(|| "no code".into(), |error| printable(&error)),
                )),
            }
        };
        let unknown = person("unknown", client.clone());
        let refused = |error: Error| async {
            self.refuse(Attempt::new(&unknown, Action::OpenSession, Object::Installation), error).await
        };
        let named = match named.await {
            Ok(named) => named,
            Err(error) => return Err(refused(failed(&error)).await),
        };
        let Some(role) = role_of(&company.roles, &named.groups) else {
            return Err(refused(no_role()).await);
        };
        let identity = identity_of(&named);
        let found = self.store.find_company_account(identity).await?;
        if found.as_ref().is_some_and(|account| account.disabled_at.is_some()) {
            return Err(refused(disabled()).await);
        }
        let name = found.as_ref().map_or_else(|| account_name(&named), |account| account.name.clone());
        self.open_company_session((&name, found), (&named, role), replaces, client).await
    }

    async fn open_company_session(
        &self,
        (name, found): (&str, Option<AccountRow>),
        (named, role): (&Person, Role),
        replaces: Option<&SecretString>,
        client: Client,
    ) -> Result<LoggedIn, Error> {
        let caller = person(name, client);
        let attempt = Attempt::new(&caller, Action::OpenSession, Object::Account(name.to_owned()))
            .with("company", true)
            .with("is_new", found.is_none())
            .with("role", role.word());
        let opening = Opening::new(replaces)?;
        let client = caller.client.clone();
        let proof = Proof::Company(authenticated_at(named));
        let opened = self.change(attempt, async |store: Store| {
            let account = prepare(&store, (name, found), (named, role)).await?;
            let session = opening.open(&store, account.id, (&proof, None), (&self.log_ins, &client)).await?;
            let session = session.ok_or_else(disabled)?;
            Ok((session, json!({ "session": session })))
        });
        Ok(LoggedIn {
            account: name.to_owned(),
            session: opened.await?.result,
            token: opening.token,
            pending: None,
        })
    }

    fn company(&self) -> Result<&CompanyLogIns, Error> {
        let text = "there are no log-ins with the account of a company; log in with name and password";
        self.company.as_deref().ok_or_else(|| Error::refused(Problem::NotFound, text))
    }
}

/// The account of the person, with the role of the groups.
async fn prepare(
    store: &Store,
    (name, found): (&str, Option<AccountRow>),
    (named, role): (&Person, Role),
) -> Result<AccountRow, Error> {
    store.lock_accounts().await?;
    let account = match found {
        Some(account) if account.grant.role == role.word() => account,
        Some(account) => {
            let change = AccountChange { role: Some(role.word().to_owned()), ..AccountChange::default() };
            store.change_account(&account.name, &change).await?
        }
        None => {
            if store.find_account(name).await?.is_some() {
                return Err(not_linked(name));
            }
            let grant = store::Grant { role: role.word().to_owned(), has_numbers: false, senders: None };
            let (name, email, created_by) =
                (name.to_owned(), named.email.clone(), "company log-in".to_owned());
            store.add_account(&store::NewAccount { name, email, grant, created_by }).await?
        }
    };
    store.link_company_account(account.id, identity_of(named)).await?;
    Ok(account)
}

fn identity_of(person: &Person) -> CompanyIdentity<'_> {
    CompanyIdentity { issuer: &person.issuer, subject: &person.subject, email: person.email.as_deref() }
}

/// The highest role of these groups.
fn role_of(roles: &[(String, Role)], groups: &[String]) -> Option<Role> {
    roles.iter().filter(|(group, _)| groups.contains(group)).map(|(_, role)| *role).max()
}

/// A log-in whose time the provider does not say is not fresh.
fn authenticated_at(person: &Person) -> Timestamp {
    person.authenticated_at.and_then(|at| Timestamp::try_from(at).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The name of a new account: what the person is called at the provider, in the letters of names of accounts.
fn account_name(person: &Person) -> String {
    let local = person.email.as_deref().and_then(|email| email.split('@').next());
    let wanted = person
        .name
        .as_deref()
        .map(|name| name.split('@').next().unwrap_or(name))
        .or(local)
        .unwrap_or("person");
    let name: String = wanted
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '-' })
        .skip_while(|letter| !letter.is_ascii_alphanumeric())
        .take(60)
        .collect();
    if name.is_empty() || name.eq_ignore_ascii_case("unknown") { "person".to_owned() } else { name }
}

/// The word of a provider for a refusal, without anything that does not belong into a sentence.
fn printable(error: &str) -> String {
    error.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').take(40).collect()
}

fn failed(error: &oidc::Error) -> Error {
    if let Some(cause) = error.cause() {
        tracing::warn!("a log-in with a company account failed: {cause}");
    }
    Error::refused(Problem::Unauthorized, error.to_string())
}

fn disabled() -> Error {
    Error::refused(Problem::Unauthorized, "your account is disabled; ask an admin")
}

fn no_role() -> Error {
    let text = "none of your groups at your company may use Flowcast; ask an admin which group you need";
    Error::refused(Problem::Unauthorized, text)
}

fn not_linked(name: &str) -> Error {
    Error::refused(
        Problem::Unauthorized,
        format!(
            "account '{name}' exists already and is not linked to your company account; ask an admin to enter your email address in it"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: Option<&str>, email: Option<&str>) -> Person {
        Person {
            issuer: "https://login.example".into(),
            subject: "1".into(),
            name: name.map(str::to_owned),
            email: email.map(str::to_owned),
            groups: Vec::new(),
            authenticated_at: None,
        }
    }

    #[test]
    fn the_highest_role_of_the_groups_counts() {
        let roles = [("marketing".to_owned(), Role::Marketer), ("it".to_owned(), Role::Operator)];
        let of = |groups: &[&str]| {
            role_of(&roles, &groups.iter().map(|group| (*group).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(of(&["it", "marketing", "others"]), Some(Role::Operator));
        assert_eq!((of(&["marketing"]), of(&["others"]), of(&[])), (Some(Role::Marketer), None, None));
    }

    #[test]
    fn a_name_has_the_letters_of_accounts() {
        for (name, email, expected) in [
            (Some("anna"), None, "anna"),
            (Some("anna.k@example.org"), None, "anna.k"),
            (None, Some("b.o'neil@example.org"), "b.o-neil"),
            (Some("Zoë <script>"), None, "Zo---script-"),
            (Some("--"), None, "person"),
            (Some("UNKNOWN"), None, "person"),
            (None, None, "person"),
        ] {
            assert_eq!(account_name(&named(name, email)), expected);
        }
        assert_eq!(printable("access_denied<b>"), "access_deniedb");
        assert_eq!(authenticated_at(&named(None, None)), Timestamp::UNIX_EPOCH);
    }
}
