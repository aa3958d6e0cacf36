//! The template language of messages: what a text may use, and its limits.
//!
//! A text is rendered for every recipient, in a process that other senders share. So no text may run for long or build
//! large values:
//!
//! - a text executes at most [`FUEL`] instructions and gives at most [`LONGEST_OUTPUT`] bytes;
//! - values get names only from the list and from `{% for %}`, so that no text can double a value again and again;
//! - the only statements are `if` and `for`; there is no `set`, `macro`, `filter` or other statement;
//! - values grow by `~` and `+`, at most eight of them in a text; there is no `*`;
//! - values also grow by `replace` and `join`, which give at most [`LONGEST_VALUE`] bytes;
//! - filters that split and join texts process at most [`MOST_WORK`] bytes in a text;
//! - only the filters, tests and functions named here exist.
//!
//! Whatever the text alone shows is refused when the campaign is created (`template_rules.rs`). Whatever depends on a
//! recipient's cells fails for that recipient only.

use std::borrow::Cow;
use std::cell::Cell;
use std::io;
use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Template, UndefinedBehavior, filters, tests as conditions,
};

/// The most instructions of the template engine for one text of one recipient. A text of WhatsApp's greatest length
/// takes some hundred.
const FUEL: u64 = 5_000;
/// The most bytes of a rendered text. The longest text that WhatsApp allows has 4,096.
const LONGEST_OUTPUT: usize = 65_536;
/// The most bytes of a value that a filter makes.
const LONGEST_VALUE: usize = 16_384;
/// The most bytes that the slower filters process in one text.
const MOST_WORK: usize = 131_072;
/// The most numbers of `range`.
const LONGEST_RANGE: usize = 1_000;
/// The text by which errors about a limit are recognized.
const OVER_LIMIT: &str = "over a limit of this program";

/// The only function.
pub(crate) const FUNCTION: &str = "range";

/// Why a text could not be rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfilled {
    /// A variable is missing or has the wrong type.
    Missing,
    /// The text takes too many instructions or gives too much output.
    OverLimit,
    /// The text itself is invalid.
    Wrong,
}

/// The engine, with everything that a text may use.
pub(crate) fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("abs", filters::abs);
    environment.add_filter("bool", filters::bool);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("count", filters::length);
    environment.add_filter("d", filters::default);
    environment.add_filter("default", filters::default);
    environment.add_filter("first", filters::first);
    environment.add_filter("float", filters::float);
    environment.add_filter("int", filters::int);
    environment.add_filter("join", join);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", filters::length);
    environment.add_filter("lines", lines);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("replace", replace);
    environment.add_filter("reverse", filters::reverse);
    environment.add_filter("round", filters::round);
    environment.add_filter("split", split);
    environment.add_filter("string", filters::string);
    environment.add_filter("title", title);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("upper", filters::upper);
    environment.add_test("defined", conditions::is_defined);
    environment.add_test("undefined", conditions::is_undefined);
    environment.add_test("none", conditions::is_none);
    environment.add_test("number", conditions::is_number);
    environment.add_test("string", conditions::is_string);
    environment.add_test("odd", conditions::is_odd);
    environment.add_test("even", conditions::is_even);
    environment.add_test("startingwith", conditions::is_startingwith);
    environment.add_test("endingwith", conditions::is_endingwith);
    environment.add_test("eq", conditions::is_eq);
    environment.add_test("ne", conditions::is_ne);
    environment.add_test("in", conditions::is_in);
    environment.add_test("true", conditions::is_true);
    environment.add_test("false", conditions::is_false);
    environment.add_function(FUNCTION, range);
    environment
}

/// Whether the engine defines this name, so that it is not a column of a list.
pub(crate) fn is_function(name: &str) -> bool {
    name == FUNCTION
}

/// Renders a text.
pub(crate) fn fill(template: &Template<'_, '_>, variables: &Value) -> Result<String, Unfilled> {
    let mut output = Output::default();
    WORK.set(0);
    match template.render_captured_to(variables.clone(), &mut output) {
        Ok(_) => String::from_utf8(output.bytes).map_err(|_| Unfilled::Wrong),
        Err(error) => Err(if output.is_over { Unfilled::OverLimit } else { why(&error) }),
    }
}

fn why(error: &Error) -> Unfilled {
    match error.kind() {
        ErrorKind::OutOfFuel => Unfilled::OverLimit,
        ErrorKind::InvalidOperation if error.detail() == Some(OVER_LIMIT) => Unfilled::OverLimit,
        ErrorKind::SyntaxError
        | ErrorKind::TemplateNotFound
        | ErrorKind::UnknownFilter
        | ErrorKind::UnknownTest
        | ErrorKind::UnknownFunction
        | ErrorKind::UnknownMethod
        | ErrorKind::BadEscape => Unfilled::Wrong,
        _ => Unfilled::Missing,
    }
}

fn over_limit() -> Error {
    Error::new(ErrorKind::InvalidOperation, OVER_LIMIT)
}

/// Collects the rendered text up to its limit.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    is_over: bool,
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > LONGEST_OUTPUT {
            self.is_over = true;
            return Err(io::Error::other(OVER_LIMIT));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

thread_local! {
    /// Bytes that filters processed in the text that is being rendered.
    static WORK: Cell<usize> = const { Cell::new(0) };
}

/// Charges the work of a filter to the current text.
fn charge(bytes: usize) -> Result<(), Error> {
    let work = WORK.get().saturating_add(bytes).saturating_add(1);
    WORK.set(work);
    if work > MOST_WORK { Err(over_limit()) } else { Ok(()) }
}

fn split(value: &Value, by: Option<Arc<str>>, most: Option<i64>) -> Result<Value, Error> {
    charge(value.as_str().map_or(0, str::len))?;
    filters::split(value, by, most)
}

fn lines(value: &Value) -> Result<Value, Error> {
    charge(value.as_str().map_or(0, str::len))?;
    filters::lines(value)
}

fn title(value: Cow<'_, str>) -> Result<String, Error> {
    charge(value.len())?;
    Ok(filters::title(value))
}

#[expect(clippy::needless_pass_by_value, reason = "what the engine takes for a filter")]
fn replace(value: Cow<'_, str>, from: Cow<'_, str>, to: Cow<'_, str>) -> Result<String, Error> {
    charge(value.len())?;
    let n = value.matches(&*from).count();
    if n.saturating_mul(to.len()).saturating_add(value.len()) > LONGEST_VALUE {
        return Err(over_limit());
    }
    Ok(value.replace(&*from, &to))
}

fn join(value: &Value, joiner: Option<Cow<'_, str>>) -> Result<String, Error> {
    let joiner = joiner.unwrap_or_default();
    let mut joined = String::new();
    for (place, item) in value.try_iter()?.enumerate() {
        let item = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
        if joined.len() + joiner.len() + item.len() > LONGEST_VALUE {
            return Err(over_limit());
        }
        if place > 0 {
            joined.push_str(&joiner);
        }
        joined.push_str(&item);
        charge(joiner.len() + item.len())?;
    }
    Ok(joined)
}

fn range(first: i64, end: Option<i64>) -> Result<Vec<i64>, Error> {
    let (first, end) = end.map_or((0, first), |end| (first, end));
    if usize::try_from(end.saturating_sub(first)).is_ok_and(|n| n > LONGEST_RANGE) {
        return Err(over_limit());
    }
    Ok((first..end).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::template_rules::check;
    use std::time::Instant;

    fn filled(source: &str, name: &str) -> Result<String, Unfilled> {
        check(source).unwrap();
        let mut environment = environment();
        environment.add_template("t", source).unwrap();
        let variables = Value::from(
            [("name".to_owned(), name.to_owned())].into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        );
        fill(&environment.get_template("t").unwrap(), &variables)
    }

    #[test]
    fn a_text_can_use_what_messages_need() {
        for (source, expected) in [
            ("Hello {{ name }}", "Hello Anna"),
            ("{{ name|upper }} {{ name | replace('a', 'o') }}", "ANNA Anno"),
            ("{% if name is startingwith('A') and name|length > 3 %}long{% else %}short{% endif %}", "long"),
            ("{%- for part in 'x;y'|split(';') %}{{ loop.index }}{{ part }} {% endfor -%}", "1x 2y "),
            ("{{ (name ~ ' ' ~ name)|title }}", "Anna Anna"),
            ("{{ other|default('friend') }}{# a note ~ ~ #}", "friend"),
            ("{% raw %}{{ ~*~ }}{% set %}{% endraw %}{{ name }}", "{{ ~*~ }}{% set %}Anna"),
            ("{{ '*~+' ~ \"'*'\" }}", "*~+'*'"),
            ("{{ [name, 'Ben']|join(', ') }} {{ range(3)|join('-') }}", "Anna, Ben 0-1-2"),
            ("{{ 7 - 2 }} {{ 'yes' if name in ['Anna'] else 'no' }} {{ not (name == 'Ben') }}", "5 yes True"),
            ("{{ name[:2] }}{{ name if (name) else ('x') }}", "AnAnna"),
        ] {
            assert_eq!(filled(source, "Anna").as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn hostile_texts_end_within_their_limits_with_the_right_error() {
        let letters = "a".repeat(4_096);
        let nested = "{% for a in name %}".repeat(20) + "x" + &"{% endfor %}".repeat(20);
        let doubled = "{% for a in [name ~ name ~ name] %}{% for b in [a ~ a ~ a] %}{% for c in [b ~ b ~ b] %}{{ c|length }}{% endfor %}{% endfor %}{% endfor %}";
        let (began, mut slowest) = (Instant::now(), std::time::Duration::ZERO);
        for (source, expected) in [
            (
                "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
                Err(Unfilled::OverLimit),
            ),
            ("{% for a in range(100000) %}x{% endfor %}", Err(Unfilled::OverLimit)),
            ("{% for a in range(1000) %}{{ name }}{% endfor %}", Err(Unfilled::OverLimit)),
            (nested.as_str(), Err(Unfilled::OverLimit)),
            ("{{ name|replace('a', name)|length }}", Err(Unfilled::OverLimit)),
            ("{{ name|replace('', 'aaaaaaaa')|length }}", Err(Unfilled::OverLimit)),
            ("{{ [name, name, name, name, name]|join(name)|length }}", Err(Unfilled::OverLimit)),
            (
                "{% for a in range(900) %}{{ name|split('a')|join(' ')|replace(' ', 'aaa')|upper|length }}{% endfor %}",
                Err(Unfilled::OverLimit),
            ),
            (doubled, Ok("110592".to_owned())),
        ] {
            let began = Instant::now();
            assert_eq!(filled(source, &letters), expected, "{source}");
            slowest = slowest.max(began.elapsed());
        }
        println!(
            "slowest text: {slowest:?}; a value has at most {LONGEST_VALUE} bytes, and {} by ~ and +",
            4_096 * 27
        );
        assert!(began.elapsed() < std::time::Duration::from_mins(1), "{slowest:?}");
    }
}
