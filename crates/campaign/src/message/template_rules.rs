//! Refuses texts that use more than the template language allows; `template_language.rs` gives the reasons.

use crate::message::template_language::FUNCTION;

/// The most bytes of a text as its author wrote it.
const LONGEST_SOURCE: usize = 8_192;
/// The most `~` and `+` in one text.
const MOST_JOINS: usize = 8;

const STATEMENTS: [&str; 7] = ["if", "elif", "else", "endif", "for", "endfor", "raw"];
const FILTERS: [&str; 22] = [
    "abs",
    "bool",
    "capitalize",
    "count",
    "d",
    "default",
    "first",
    "float",
    "int",
    "join",
    "last",
    "length",
    "lines",
    "lower",
    "replace",
    "reverse",
    "round",
    "split",
    "string",
    "title",
    "trim",
    "upper",
];
const TESTS: [&str; 14] = [
    "defined",
    "undefined",
    "none",
    "number",
    "string",
    "odd",
    "even",
    "startingwith",
    "endingwith",
    "eq",
    "ne",
    "in",
    "true",
    "false",
];

/// Refuses a text that the template language does not allow, with a reason for its author. Returns the number of loops.
pub(crate) fn check(source: &str) -> Result<usize, String> {
    if source.len() > LONGEST_SOURCE {
        return Err(format!("has {} bytes, a text with variables may have {LONGEST_SOURCE}", source.len()));
    }
    let (mut rest, mut joins, mut loops) = (source, 0, 0);
    while let Some(start) = rest.find('{') {
        rest = behind(rest, start);
        let end = match rest.as_bytes().get(1) {
            Some(b'#') => rest.find("#}").map(|end| end + 2),
            Some(b'{') => Some(check_code(rest, "}}", &mut joins)?),
            Some(b'%') => {
                let statement = code_of(rest).split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next();
                match statement.unwrap_or_default() {
                    "raw" => after_raw(rest),
                    name if STATEMENTS.contains(&name) => {
                        loops += usize::from(name == "for");
                        Some(check_code(rest, "%}", &mut joins)?)
                    }
                    name => {
                        return Err(format!(
                            "cannot use {{% {name} %}}; a message may use {{% if %}} and {{% for %}} only; write the value itself"
                        ));
                    }
                }
            }
            _ => Some(1),
        };
        // The template engine reports a block without an end.
        let Some(end) = end else { break };
        rest = behind(rest, end);
    }
    if joins > MOST_JOINS {
        return Err(format!(
            "uses ~ and + {joins} times, the limit is {MOST_JOINS}; write the parts side by side"
        ));
    }
    Ok(loops)
}

/// The content of a block after its opening delimiter.
fn code_of(block: &str) -> &str {
    behind(block, 2).trim_start_matches(['-', '+']).trim_start()
}

/// The text from an offset on.
fn behind(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default()
}

/// The end of a block whose content is not code.
fn after_raw(block: &str) -> Option<usize> {
    let mut at = 2;
    loop {
        at += behind(block, at).find("{%")?;
        let block = behind(block, at);
        if code_of(block).starts_with("endraw") {
            return Some(at + block.find("%}")? + 2);
        }
        at += 2;
    }
}

/// Checks the code of one block and returns the offset of its end.
fn check_code(block: &str, close: &str, joins: &mut usize) -> Result<usize, String> {
    let mut tokens = Tokens { text: block, at: block.len() - code_of(block).len() };
    let (mut before, mut before_that) = ("", "");
    loop {
        let token = tokens.next(close);
        let name_ends_in_call = token == "(" && is_name(before);
        match before {
            "|" if is_name(token) && !FILTERS.contains(&token) => {
                return Err(format!("there is no filter {token}; the filters are: {}", FILTERS.join(", ")));
            }
            "is" if is_name(token) && token != "not" && !TESTS.contains(&token) => {
                return Err(no_test(token));
            }
            "not" if before_that == "is" && is_name(token) && !TESTS.contains(&token) => {
                return Err(no_test(token));
            }
            _ if name_ends_in_call && before_that == "." => {
                return Err(format!("cannot call .{before}(); use a filter"));
            }
            _ if name_ends_in_call
                && !matches!(before_that, "|" | "is" | "not")
                && before != FUNCTION
                && !is_operator(before) =>
            {
                return Err(format!("there is no function {before}(); {FUNCTION}() is the only one"));
            }
            _ => {}
        }
        match token {
            "" => return Ok(tokens.at),
            "*" | "**" => return Err("cannot multiply; write the number or the text itself".to_owned()),
            "~" | "+" => *joins += 1,
            _ => {}
        }
        (before_that, before) = (before, token);
    }
}

fn no_test(name: &str) -> String {
    format!("there is no test {name}; the tests are: {}", TESTS.join(", "))
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words that may come before a bracket.
fn is_operator(word: &str) -> bool {
    matches!(word, "and" | "or" | "not" | "in" | "if" | "elif" | "else" | "is")
}

/// The tokens of a block's code.
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    /// The next token; empty after the closing delimiter or at the end of the text.
    fn next(&mut self, close: &str) -> &'a str {
        let rest = behind(self.text, self.at).trim_start();
        self.at = self.text.len() - rest.len();
        let signed = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        if rest.is_empty() || signed.starts_with(close) {
            self.at += rest.len() - signed.len() + close.len().min(signed.len());
            return "";
        }
        let length = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => string_length(rest, quote),
            Some(c) if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            Some(_) if rest.starts_with("**") => 2,
            Some(c) => c.len_utf8(),
            None => 0,
        };
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }
}

/// The length of a quoted text, with its quotes.
fn string_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_code_is_refused_with_the_reason() {
        for (source, expected) in [
            ("{% set x = name ~ name %}{{ x }}", "cannot use {% set %}"),
            ("{%- macro f(x) %}{{ x }}{% endmacro %}", "cannot use {% macro %}"),
            ("{% filter upper %}x{% endfilter %}", "cannot use {% filter %}"),
            ("{% with x = 1 %}{% endwith %}", "cannot use {% with %}"),
            ("{% include 'x' %}", "cannot use {% include %}"),
            ("{{ name * 1000 }}", "cannot multiply"),
            ("{{ 10 ** 9 }}", "cannot multiply"),
            ("{{ name|indent(1000000000) }}", "there is no filter indent"),
            ("{{ name | format }}", "there is no filter format"),
            ("{{ name is divisibleby(3) }}", "there is no test divisibleby"),
            ("{{ name is not sameas(3) }}", "there is no test sameas"),
            ("{{ namespace(x=1) }}", "there is no function namespace()"),
            ("{{ name.upper() }}", "cannot call .upper()"),
            (&"{{ name ~ name ~ name ~ name }}".repeat(3), "uses ~ and + 9 times"),
            (&"x{{ name }}".repeat(1000), "has 11000 bytes"),
        ] {
            let error = check(source).unwrap_err();
            assert!(error.starts_with(expected), "{source}: {error}");
        }
    }
}
