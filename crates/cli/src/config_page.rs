//! `docs/CONFIG.md`, written from the types of the settings and their comments, and compared with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use regex::Regex;
use syn::{Attribute, Expr, Field, Fields, Item, Lit, Meta, Type};

use crate::settings::{SECTIONS, Settings};

const INTRODUCTION: &str = "# Configuration

<!-- Written from the code: FLOWCAST_UPDATE_CONFIG=1 cargo nextest run -p cli config_page -->

Flowcast reads `flowcast.toml` in the present folder, or the file that `--config` or `FLOWCAST_CONFIG` names. No file is needed: every setting but the two addresses has a
default. `flowcast generate config` prints a file with all settings, and `flowcast check-config` checks the configuration.

An environment variable overrides the file: `FLOWCAST_CONSUMER_IN_FLIGHT=256` is `in_flight = 256` in the section `[consumer]`. A list is written as in TOML:
`FLOWCAST_CONSUMER_SENDERS='[\"ke-main\"]'`. Durations are texts such as `10s`, `5m` or `7days`. Settings are read when a process starts, except `[log] filter`, which a role reads again on SIGHUP.

Keys and secrets are not in the configuration. A setting or command names their source: `env:NAME` for an environment variable, `file:PATH` for a file.

| variable | meaning |
|---|---|
| `DATABASE_URL` or `DATABASE_URL_FILE` | the address of PostgreSQL, or the file that contains it |
| `AMQP_URL` or `AMQP_URL_FILE` | the address of RabbitMQ, or the file that contains it |
| `FLOWCAST_CONFIG` | the configuration file |
| `FLOWCAST_LOG_FORMAT` | `text` or `json`, the format of the log on standard error |
| `RUST_LOG` | what is logged; it takes precedence over `[log] filter` |
| `FLOWCAST_URL`, `FLOWCAST_API_KEY`, `FLOWCAST_API_KEY_FILE`, `FLOWCAST_INSECURE` | commands use the API of a server ([API.md](API.md#the-same-with-flowcast)) |
| `FLOWCAST_ACTOR` | the name of the actor of a command in the audit |
";

const OF_PROVIDERS: &str = "The meaning of a provider's code, if its table is wrong for you: `[providers.PROVIDER.errors]` has a key for each code. The value is `throttle`, `retry`, `unknown`, \
    `rejected`, `stop campaign: REASON` or `stop sender: REASON`. `flowcast provider errors PROVIDER` prints the table. No environment variable sets it.";

/// The file and the type of each section. The section of the console has settings of two crates.
const TYPES: [(&str, &str, &str); 15] = [
    ("postgres", "store/src/db/config.rs", "Config"),
    ("broker", "broker/src/config.rs", "Config"),
    ("producer", "producer/src/config.rs", "Config"),
    ("consumer", "consumer/src/config.rs", "Config"),
    ("server", "server/src/config.rs", "Config"),
    ("console", "api/src/config.rs", "Config"),
    ("console", "console/src/config.rs", "Config"),
    ("oidc", "oidc/src/config.rs", "Config"),
    ("lists", "producer/src/spool.rs", "ListsConfig"),
    ("http", "whatsapp/src/config.rs", "Config"),
    ("alerts", "cli/src/alerts.rs", "Config"),
    ("webhooks", "notifier/src/config.rs", "Config"),
    ("metrics", "telemetry/src/config.rs", "Config"),
    ("log", "cli/src/logging.rs", "Config"),
    ("otlp", "cli/src/otlp.rs", "Config"),
];

/// One setting.
struct Setting {
    key: String,
    kind: &'static str,
    meaning: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn example() -> String {
    std::fs::read_to_string(root().join("examples/flowcast.toml")).unwrap()
}

/// The settings of a section, as the fields of its types declare them.
fn settings_of(section: &str) -> Vec<Setting> {
    let types = TYPES.iter().filter(|(name, ..)| *name == section);
    types.flat_map(|(_, file, name)| fields(&root().join("crates").join(file), name)).collect()
}

fn fields(file: &Path, name: &str) -> Vec<Setting> {
    let source = syn::parse_file(&std::fs::read_to_string(file).unwrap()).unwrap();
    let found = source.items.into_iter().find_map(|item| match item {
        Item::Struct(found) if found.ident == name => Some(found.fields),
        _ => None,
    });
    let Some(Fields::Named(fields)) = found else { panic!("{}: no struct {name}", file.display()) };
    fields.named.iter().filter(|field| !serde_says(field, "skip")).map(setting).collect()
}

fn setting(field: &Field) -> Setting {
    let key = field.ident.as_ref().unwrap().to_string();
    let kind = if serde_says(field, "humantime_serde") { "duration" } else { kind(&field.ty) };
    let meaning = field.attrs.iter().filter_map(comment).collect::<Vec<_>>().join(" ");
    let meaning = meaning.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    assert!(meaning.ends_with('.'), "{key} has no comment: {meaning}");
    Setting { key, kind, meaning }
}

fn serde_says(field: &Field, word: &str) -> bool {
    field.attrs.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("serde") && list.tokens.to_string().contains(word),
        Meta::Path(_) | Meta::NameValue(_) => false,
    })
}

fn comment(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else { return None };
    match &meta.value {
        Expr::Lit(literal) if meta.path.is_ident("doc") => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// The word for a type. An unknown one fails the test, so that it gets a word.
fn kind(ty: &Type) -> &'static str {
    let Type::Path(path) = ty else { panic!("a type that is no path") };
    let last = path.path.segments.last().unwrap();
    let inner = || match &last.arguments {
        syn::PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(syn::GenericArgument::Type(inner)) => kind(inner),
            _ => panic!("{}", last.ident),
        },
        _ => panic!("{}", last.ident),
    };
    match last.ident.to_string().as_str() {
        "Option" => inner(),
        "Vec" => match inner() {
            "text" => "list of texts",
            "network" => "list of networks",
            "duration" => "list of durations",
            other => panic!("a list of {other}"),
        },
        "String" | "SecretString" | "SecondFactorRule" | "Protocol" | "Failover" | "Order" => "text",
        "Addresses" => "text or list of texts",
        "IpNet" => "network",
        "Serde" => "duration",
        "BTreeMap" => "table of texts",
        "bool" => "true or false",
        "u16" | "u32" | "u64" | "usize" => "whole number",
        "f64" => "number",
        "SocketAddr" | "Listen" => "address",
        "Url" => "URL",
        "PathBuf" => "path",
        other => panic!("the type {other} has no word"),
    }
}

/// The defaults of a section, as the example file has them. A key in a comment has none.
fn defaults(section: &str) -> BTreeMap<String, String> {
    let text = example();
    let table: toml::Table = text.parse().unwrap();
    let set = table.get(section).and_then(toml::Value::as_table).cloned().unwrap_or_default();
    let mut found: BTreeMap<String, String> =
        set.into_iter().map(|(key, value)| (key, format!("`{value}`"))).collect();
    let head = format!("\n[{section}]\n");
    let part = text.split_once(&head).map_or("", |(_, after)| after);
    let part = part.split("\n[").next().unwrap();
    let commented = Regex::new(r"(?m)^# {3}(?:\[[a-z]+\.([a-z_]+)\]|([a-z_]+) =)").unwrap();
    for names in commented.captures_iter(part) {
        let key = names.get(1).or(names.get(2)).unwrap().as_str().to_owned();
        found.entry(key).or_insert_with(|| "none".to_owned());
    }
    found
}

fn variable(section: &str, setting: &Setting) -> String {
    match (section, setting.key.as_str()) {
        ("postgres", "url") => "`DATABASE_URL`".into(),
        ("broker", "url") => "`AMQP_URL`".into(),
        _ if setting.kind == "table of texts" => "–".into(),
        (section, key) => format!("`FLOWCAST_{}_{}`", section.to_uppercase(), key.to_uppercase()),
    }
}

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    for section in SECTIONS {
        write!(page, "\n## [{section}]\n\n").unwrap();
        if *section == "providers" {
            writeln!(page, "{OF_PROVIDERS}").unwrap();
            continue;
        }
        page.push_str("| key | type | default | variable | meaning |\n|---|---|---|---|---|\n");
        let defaults = defaults(section);
        for setting in settings_of(section) {
            let Setting { key, kind, meaning } = &setting;
            let default = match defaults.get(key) {
                Some(default) => default.as_str(),
                None if key == "url" => "required",
                None => {
                    panic!("[{section}] {key} is not in examples/flowcast.toml, neither set nor in a comment")
                }
            };
            let variable = variable(section, &setting);
            writeln!(page, "| `{key}` | {kind} | {default} | {variable} | {meaning} |").unwrap();
        }
    }
    page
}

#[test]
fn the_page_of_the_configuration_has_what_the_types_declare() {
    let path = root().join("docs/CONFIG.md");
    let page = page();
    if std::env::var_os("FLOWCAST_UPDATE_CONFIG").is_some_and(|value| value == "1") {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let message = "the settings changed; renew docs/CONFIG.md with FLOWCAST_UPDATE_CONFIG=1 cargo nextest run -p cli config_page";
    assert!(page == written, "{message}");
}

/// The keys that the program accepts in a section: it names them when it refuses an unknown one.
fn accepted(section: &str) -> BTreeSet<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("[{section}]\nno_such_key = 1\n")).unwrap();
    let environment = [("DATABASE_URL", "postgres://h/d"), ("AMQP_URL", "amqp://h")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings = Settings::load(Some(file.path()), environment.into_iter()).unwrap();
    let refused = match section {
        "postgres" => settings.postgres().err(),
        "broker" => settings.broker().err(),
        "producer" => settings.producer().err(),
        "consumer" => settings.consumer().err(),
        "server" => settings.server().err(),
        "console" => settings.console().err(),
        "oidc" => settings.oidc().err(),
        "lists" => settings.lists().err(),
        "http" => settings.http().err(),
        "alerts" => settings.alerts().err(),
        "webhooks" => settings.webhooks().err(),
        "metrics" => settings.metrics().err(),
        "log" => settings.log().err(),
        "otlp" => settings.otlp().err(),
        other => panic!("[{other}] has no function here"),
    };
    let says = refused.unwrap().to_string();
    let (_, expected) = says.split_once("expected").unwrap();
    let of_console =
        console::Config::KEYS.iter().filter(|_| section == "console").map(|key| (*key).to_owned());
    expected.split('`').skip(1).step_by(2).map(str::to_owned).chain(of_console).collect()
}

#[test]
fn the_page_has_every_key_that_the_program_accepts_and_no_other() {
    for section in SECTIONS.iter().filter(|section| **section != "providers") {
        let on_page: BTreeSet<String> = settings_of(section).into_iter().map(|setting| setting.key).collect();
        assert_eq!(on_page, accepted(section), "[{section}]");
        let defaults: BTreeSet<String> = defaults(section).into_keys().collect();
        assert!(defaults.is_subset(&on_page), "[{section}] {defaults:?}");
    }
}
