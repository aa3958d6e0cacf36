//! Texts of the templates of senders, entered by people, for previews.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Store, TemplateRow, TemplateTexts};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::Error;
use crate::members::MemberFault;
use crate::page::{Page, PageRequest};
use crate::versions::{Versioned, check_version, version_of};

/// The most templates that a form offers.
const MOST_CHOICES: i64 = 1_000;
/// The most buttons of a template, and the most characters of one.
const MOST_BUTTONS: usize = 10;
const MOST_OF_BUTTON: usize = 60;
/// The most characters of the web address of a button.
const MOST_OF_URL: usize = 2_000;

/// What a template is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TemplateCategory {
    /// Advertising.
    Marketing,
    /// About something that the recipient ordered or uses.
    Utility,
    /// One-time codes.
    Authentication,
}

/// Whether a template may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TemplateStatus {
    /// It may be sent.
    Approved,
    /// WhatsApp has not decided yet.
    Pending,
    /// WhatsApp refused it.
    Rejected,
    /// WhatsApp paused it.
    Paused,
    /// WhatsApp switched it off.
    Disabled,
}

/// A button of a template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateButton {
    /// The text, 1 to 60 characters.
    #[schema(min_length = 1, max_length = 60)]
    pub text: String,
    /// `flow`, `url`, `quick_reply`, `copy_code`, `phone_number` or another word of WhatsApp; left out: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The web address that the button opens, with its variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The id of the flow that the button opens; left out: it opens none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow_id: Option<String>,
}

/// The text of a template, as it was approved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTemplate {
    /// What the header is: `text`, `image`, `video`, `document` or another word of WhatsApp; left out: not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_format: Option<String>,
    /// The header with its variable `{{1}}`, at most 60 characters.
    #[serde(default)]
    pub header: Option<String>,
    /// The body with its variables `{{1}}`, `{{2}}`; 1 to 1,024 characters.
    #[schema(min_length = 1, max_length = 1024)]
    pub body: String,
    /// The footer, at most 60 characters.
    #[serde(default)]
    pub footer: Option<String>,
    /// The buttons, at most 10.
    #[serde(default)]
    pub buttons: Vec<TemplateButton>,
    /// The category.
    #[serde(default)]
    pub category: Option<TemplateCategory>,
    /// The status, if it is known.
    #[serde(default)]
    pub status: Option<TemplateStatus>,
}

/// A template of a sender whose text is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TemplateView {
    /// Name of the sender.
    pub sender: String,
    /// The name at the provider.
    pub name: String,
    /// The language, such as `en_US`.
    pub language: String,
    /// The text.
    pub text: NewTemplate,
    /// When it was added or replaced.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// The actor that added or replaced it.
    pub updated_by: String,
}

impl From<TemplateRow> for TemplateView {
    fn from(row: TemplateRow) -> Self {
        let TemplateRow { sender, texts, updated_at, updated_by } = row;
        let word = |word: Option<String>| word.map_or(Value::Null, Value::String);
        Self {
            sender,
            name: texts.name,
            language: texts.language,
            text: NewTemplate {
                header_format: texts.header_format,
                header: texts.header,
                body: texts.body,
                footer: texts.footer,
                buttons: serde_json::from_value(texts.buttons).unwrap_or_default(),
                category: serde_json::from_value(word(texts.category)).unwrap_or_default(),
                status: serde_json::from_value(word(texts.status)).unwrap_or_default(),
            },
            updated_at,
            updated_by,
        }
    }
}

impl Versioned for TemplateView {
    fn version(&self) -> String {
        version_of(&self.text)
    }
}

impl Control {
    /// The known templates of a sender, by name and language.
    pub async fn templates(
        &self,
        caller: &Caller,
        sender: &str,
        page: &PageRequest,
    ) -> Result<Page<TemplateView>, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Sender(sender.into()));
        self.act(attempt, async {
            let limit = page.limit()?;
            let id = self.store.sender(sender).await?.id;
            let after = page.after.as_deref().unwrap_or_default();
            let after = after.split_once('/').unwrap_or((after, ""));
            let rows = self.store.templates(id, after, i64::from(limit) + 1).await?;
            let views = rows.into_iter().map(TemplateView::from).collect();
            Ok((Page::of(views, limit, |one| format!("{}/{}", one.name, one.language)), Value::Null))
        })
        .await
    }

    /// The known templates of all senders that the caller may use, for a choice; at most 1,000.
    pub async fn all_templates(&self, caller: &Caller) -> Result<Vec<TemplateView>, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Installation);
        self.act(attempt, async {
            let rows = self.store.all_templates(MOST_CHOICES).await?;
            let allowed = rows.into_iter().filter(|row| caller.may_use(&row.sender));
            Ok((allowed.map(TemplateView::from).collect(), Value::Null))
        })
        .await
    }

    /// A known template: of a sender, by name and language.
    pub async fn template(
        &self,
        caller: &Caller,
        sender: &str,
        (name, language): (&str, &str),
    ) -> Result<TemplateView, Error> {
        let attempt = Attempt::new(caller, Action::View, Object::Sender(sender.into()));
        self.act(attempt, async { Ok((present(&self.store, sender, (name, language)).await?, Value::Null)) })
            .await
    }

    /// Adds the text of a template to a sender, or replaces it. Nothing is sent to the provider.
    pub async fn set_template(
        &self,
        caller: &Caller,
        sender: &str,
        (name, language): (&str, &str),
        new: &NewTemplate,
    ) -> Result<Done<TemplateView>, Error> {
        let attempt = attempt(caller, Action::SetTemplate, sender, (name, language));
        self.change(attempt, async |store: Store| {
            let id = store.sender(sender).await?.id;
            let texts = checked(name, language, new)?;
            let before = async { Ok(store.template(id, name, language).await?.map(TemplateView::from)) };
            check_version(&store, caller, &Object::Sender(sender.into()), before).await?;
            store.set_template(id, &texts, caller.name()).await?;
            Ok((present(&store, sender, (name, language)).await?, Value::Null))
        })
        .await
    }

    /// Removes the text of a template. Campaigns that use the template go on.
    pub async fn remove_template(
        &self,
        caller: &Caller,
        sender: &str,
        (name, language): (&str, &str),
    ) -> Result<Done<TemplateView>, Error> {
        let attempt = attempt(caller, Action::RemoveTemplate, sender, (name, language));
        self.change(attempt, async |store: Store| {
            let before = async { Ok(Some(present(&store, sender, (name, language)).await?)) };
            check_version(&store, caller, &Object::Sender(sender.into()), before).await?;
            let removed = present(&store, sender, (name, language)).await?;
            store.remove_template(store.sender(sender).await?.id, name, language).await?;
            Ok((removed, Value::Null))
        })
        .await
    }
}

fn attempt<'a>(
    caller: &'a Caller,
    action: Action,
    sender: &str,
    (name, language): (&str, &str),
) -> Attempt<'a> {
    let short = |text: &str| text.chars().filter(|sign| *sign != '\0').take(100).collect::<String>();
    Attempt::new(caller, action, Object::Sender(sender.into()))
        .with("template", short(name))
        .with("language", short(language))
}

async fn present(store: &Store, sender: &str, (name, language): (&str, &str)) -> Result<TemplateView, Error> {
    let id = store.sender(sender).await?.id;
    // PostgreSQL refuses a text with U+0000; such a template does not exist.
    let is_valid = check_names(name, language).is_ok();
    let found = if is_valid { store.template(id, name, language).await? } else { None };
    Ok(found.ok_or_else(|| store::Error::no_template(sender, name, language))?.into())
}

fn check_names(name: &str, language: &str) -> Result<(), MemberFault> {
    let all = |text: &str, most: usize, others: &[char]| {
        let is_valid = |sign: char| sign.is_ascii_alphanumeric() || others.contains(&sign);
        (1..=most).contains(&text.len()) && text.chars().all(is_valid)
    };
    if !all(name, 512, &['_', '.', '-']) {
        return Err(MemberFault::new(
            "name",
            "the name of a template has 1 to 512 letters a-z, digits, '_', '.' and '-'",
        ));
    }
    if !all(language, 20, &['_', '-']) {
        let text = "the language of a template is a code such as en, en_US or sw";
        return Err(MemberFault::new("language", text));
    }
    Ok(())
}

/// Checks a word of WhatsApp in lower case.
fn check_word(member: &'static str, what: &str, word: Option<&str>) -> Result<(), MemberFault> {
    let is_word = |word: &str| {
        (1..=30).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    if word.is_none_or(is_word) {
        return Ok(());
    }
    let text = format!(
        "the {what} of the template is a word in lower case, such as text, image, url or quick_reply"
    );
    Err(MemberFault::new(member, text))
}

/// The texts without empty parts.
pub(crate) fn checked(name: &str, language: &str, new: &NewTemplate) -> Result<TemplateTexts, MemberFault> {
    check_names(name, language)?;
    let fits = |(member, what): (&'static str, &str), text: &str, most: usize| {
        let characters = text.chars().count();
        if text.contains('\0') || characters > most {
            let text = format!(
                "the {what} of the template has {characters} characters; it has at most {most}, and not U+0000"
            );
            return Err(MemberFault::new(member, text));
        }
        Ok(())
    };
    let part = |what: &'static str, text: &Option<String>| {
        let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        text.map_or(Ok(()), |text| fits((what, what), text, 60)).map(|()| text.map(str::to_owned))
    };
    let body = new.body.trim();
    if body.is_empty() {
        let text = "the template has no body; write its text as WhatsApp approved it";
        return Err(MemberFault::new("body", text));
    }
    fits(("body", "body"), body, 1024)?;
    if new.buttons.len() > MOST_BUTTONS {
        return Err(MemberFault::new("buttons", format!("a template has at most {MOST_BUTTONS} buttons")));
    }
    for button in &new.buttons {
        if button.text.trim().is_empty() {
            return Err(MemberFault::new("buttons", "a button of the template has no text"));
        }
        fits(("buttons", "button"), &button.text, MOST_OF_BUTTON)?;
        fits(("buttons", "web address"), button.url.as_deref().unwrap_or_default(), MOST_OF_URL)?;
        check_word("buttons", "kind of a button", button.kind.as_deref())?;
        fits(("buttons", "flow id"), button.flow_id.as_deref().unwrap_or_default(), 100)?;
    }
    check_word("header_format", "format of the header", new.header_format.as_deref())?;
    let word = |value: Value| value.as_str().map(str::to_owned);
    Ok(TemplateTexts {
        name: name.to_owned(),
        language: language.to_owned(),
        header_format: new.header_format.clone(),
        header: part("header", &new.header)?,
        body: body.to_owned(),
        footer: part("footer", &new.footer)?,
        buttons: json!(new.buttons),
        category: word(json!(new.category)),
        status: word(json!(new.status)),
    })
}
