//! Accounts of people who log in with the account of their company (`migrations/V34__company_log_in.sql`).

use crate::access::accounts::{AccountId, AccountRow, COLUMNS, read};
use crate::db::connection::Store;
use crate::db::error::Error;

/// Who a person is at the OpenID provider of the company.
#[derive(Clone, Copy, Debug)]
pub struct CompanyIdentity<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The id of the person at the issuer.
    pub subject: &'a str,
    /// The email address, if the issuer has verified it.
    pub email: Option<&'a str>,
}

impl Store {
    /// The account of this person: the linked one, else the one account with this email address that is not linked yet.
    pub async fn find_company_account(
        &self,
        person: CompanyIdentity<'_>,
    ) -> Result<Option<AccountRow>, Error> {
        let CompanyIdentity { issuer, subject, email } = person;
        let client = self.client().await?;
        let linked =
            format!("select {COLUMNS} from account where company_issuer = $1 and company_subject = $2");
        if let Some(row) = client.query_opt(&linked, &[&issuer, &subject]).await? {
            return Ok(Some(read(&row)));
        }
        let by_email = format!(
            "select {COLUMNS} from account where lower(email) = lower($1) and company_subject is null limit 2"
        );
        let rows = client.query(&by_email, &[&email]).await?;
        Ok(<[_; 1]>::try_from(rows).ok().map(|[row]| read(&row)))
    }

    /// Links an account to a person.
    pub async fn link_company_account(
        &self,
        account: AccountId,
        person: CompanyIdentity<'_>,
    ) -> Result<(), Error> {
        let update = "update account set company_issuer = $2, company_subject = $3 where id = $1";
        self.client().await?.execute(update, &[&account.0, &person.issuer, &person.subject]).await?;
        Ok(())
    }
}
