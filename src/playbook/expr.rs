//! Expressions: Handlebars in strict mode, without HTML escaping.
//!
//! Nearly all expressions are plain paths (`{{ steps.db.endpoint }}`). They are read and rendered
//! here directly, with the same result as Handlebars. All others go through Handlebars.
//!
//! A value is rendered once. What it gives is [`Rendered`]: data, in which nothing is read as an
//! expression again, whoever wrote it.

mod limit;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use handlebars::template::{HelperTemplate, Parameter, Template, TemplateElement};
use handlebars::{
    Context, Handlebars, Helper, HelperResult, JsonRender, Output, RenderContext, RenderErrorReason,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::expr_value::reading_data;
use limit::Budget;
pub use yaml::is_template;

/// A mistake in an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExprError {
    pub message: String,
    pub help: String,
    /// The place in a rendered value, as a JSON pointer. Empty for a text.
    pub pointer: String,
}

impl ExprError {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), pointer: String::new() }
    }
}

/// A name that an expression uses: `steps.db.endpoint`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `["steps", "db", "endpoint"]`. For `secret "file:/x"`, `["secret", "file:/x"]`.
    pub path: Vec<String>,
    /// The place in the text.
    pub span: Range<usize>,
    /// The name is printed, not passed to a helper. It must be a single value.
    pub rendered: bool,
}

/// Whether any text in a value contains an expression.
pub fn has_expression(value: &Value) -> bool {
    match value {
        Value::String(text) => is_template(text),
        Value::Array(list) => list.iter().any(has_expression),
        Value::Object(record) => record.values().any(has_expression),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The names that a text refers to.
pub fn references(text: &str) -> Result<Vec<Reference>, ExprError> {
    if !is_template(text) {
        return Ok(Vec::new());
    }
    if let Some(parts) = simple_parts(text) {
        return Ok(parts
            .into_iter()
            .filter_map(|part| match part {
                Part::Text(_) | Part::Braces => None,
                Part::Path(span) => Some(Reference {
                    path: split(text.get(span.clone()).unwrap_or("")),
                    span,
                    rendered: true,
                }),
            })
            .collect());
    }
    limit::shape(text)?;
    let template = Template::compile(text).map_err(|e| syntax_error(text, &e))?;
    let mut collector = Collector { text, from: 0, scopes: Vec::new(), found: Vec::new(), wrong: None };
    collector.template(&template);
    match collector.wrong {
        Some(wrong) => Err(wrong),
        None => Ok(collector.found),
    }
}

/// What rendering gave. It is data: braces in it are text.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered(Value);

impl Rendered {
    /// Reads the data as a type. No [`Expr`](crate::expr_value::Expr) in it takes a text for an
    /// expression.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, serde_json::Error> {
        reading_data(|| serde_json::from_value(self.0))
    }

    /// The same data as the value of a key.
    #[must_use]
    pub fn under(self, key: &str) -> Self {
        Self(json!({ key: self.0 }))
    }

    pub fn as_value(&self) -> &Value {
        &self.0
    }
}

/// A part of a text: plain text, braces that a backslash makes plain text, or the path in an
/// expression.
enum Part {
    Text(Range<usize>),
    Braces,
    Path(Range<usize>),
}

/// The parts of a text whose expressions are all plain paths. `None` if there is any other
/// expression.
fn simple_parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(open) = text.get(at..)?.find("{{") {
        let open = at + open;
        let before = text.get(at..open)?;
        // `\{{` is literal. More backslashes or braces have other meanings, and go to Handlebars.
        if let Some(plain) = before.strip_suffix('\\') {
            if plain.ends_with('\\') || text.get(open + 2..)?.starts_with("{{") {
                return None;
            }
            parts.extend([Part::Text(at..at + plain.len()), Part::Braces]);
            at = open + 2;
            continue;
        }
        let inner_start = open + 2;
        let close = inner_start + text.get(inner_start..)?.find("}}")?;
        let inner = text.get(inner_start..close)?;
        let path = inner.trim();
        if !is_plain_path(path) || text.get(close + 2..)?.starts_with('}') {
            return None;
        }
        let start = inner_start + (inner.len() - inner.trim_start().len());
        parts.push(Part::Text(at..open));
        parts.push(Part::Path(start..start + path.len()));
        at = close + 2;
    }
    parts.push(Part::Text(at..text.len()));
    Some(parts)
}

/// Whether a path is like `a.b.0.c`: at least two names of letters, digits, `_` and `-`. The first
/// name begins with a letter.
fn is_plain_path(path: &str) -> bool {
    let mut names = 0;
    let fits = path.split('.').all(|name| {
        names += 1;
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    });
    fits && names > 1 && path.starts_with(|c: char| c.is_ascii_alphabetic()) && !path.starts_with("this.")
}

fn split(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

fn syntax_error(text: &str, error: &handlebars::TemplateError) -> ExprError {
    let open = text.matches("{{").count();
    let close = text.matches("}}").count();
    if open > close {
        return ExprError::new("an expression begins with `{{` and does not end", "close it with `}}`");
    }
    if text.contains("{{}}") || text.contains("{{ }}") {
        return ExprError::new("an empty expression", "name a value: `{{ params.name }}`");
    }
    let reason = error.reason().to_string();
    let reason = reason.lines().next().unwrap_or("").trim_end_matches(['.', ':']).to_owned();
    let reason = if reason.is_empty() { String::new() } else { format!(" ({})", lower(&reason)) };
    ExprError::new(
        format!("the expression cannot be read{reason}"),
        "write a path such as `{{ steps.db.endpoint }}` or `{{ params.name }}`",
    )
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// All helpers: those of Handlebars and our own.
const HELPERS: [&str; 20] = [
    "if", "unless", "each", "with", "lookup", "raw", "log", "eq", "ne", "gt", "gte", "lt", "lte", "and",
    "or", "not", "len", "else", SECRET, URLENCODE,
];

/// The helper `{{ secret "file:/path" }}`.
pub const SECRET: &str = "secret";
/// The helper `{{ urlencode env.NAME }}`. It percent-encodes a value for any part of a URL.
const URLENCODE: &str = "urlencode";

/// Collects the names in a parsed template.
struct Collector<'a> {
    text: &'a str,
    /// Where the search for the next name begins.
    from: usize,
    /// The names that enclosing blocks define, and whether a block changes the meaning of bare
    /// names.
    scopes: Vec<(Vec<String>, bool)>,
    found: Vec<Reference>,
    wrong: Option<ExprError>,
}

impl Collector<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the elements are those of Handlebars, and may become more"
    )]
    fn template(&mut self, template: &Template) {
        for element in &template.elements {
            match element {
                TemplateElement::Expression(helper)
                | TemplateElement::HtmlExpression(helper)
                | TemplateElement::HelperBlock(helper) => self.helper(helper),
                TemplateElement::RawString(_) | TemplateElement::Comment(_) => {}
                _ => self.fail("partials and decorators are not supported in expressions"),
            }
        }
    }

    fn fail(&mut self, message: &str) {
        self.wrong.get_or_insert_with(|| {
            ExprError::new(
                message,
                "write a path such as `{{ steps.db.endpoint }}`, or use `if`, `unless`, `each`, `with`, `eq`",
            )
        });
    }

    fn helper(&mut self, helper: &HelperTemplate) {
        let call = helper.block || !helper.params.is_empty() || !helper.hash.is_empty();
        if call {
            let name = helper.name.as_name().unwrap_or_default().to_owned();
            if !HELPERS.contains(&name.as_str()) {
                self.fail(&format!("`{name}` is not a helper of expressions"));
                return;
            }
            self.arguments(&name, helper);
        } else {
            self.parameter(&helper.name, true);
        }
        let name = helper.name.as_name().unwrap_or_default();
        let names = match &helper.block_param {
            Some(handlebars::template::BlockParam::Single(one)) => {
                one.as_name().map(str::to_owned).into_iter().collect()
            }
            Some(handlebars::template::BlockParam::Pair((one, two))) => {
                one.as_name().into_iter().chain(two.as_name()).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        let moves = matches!(name, "each" | "with");
        if let Some(inner) = &helper.template {
            self.scopes.push((names, moves));
            self.template(inner);
            self.scopes.pop();
        }
        if let Some(inverse) = &helper.inverse {
            self.template(inverse);
        }
    }

    fn arguments(&mut self, name: &str, helper: &HelperTemplate) {
        if name == SECRET {
            return self.secret(helper);
        }
        if name == URLENCODE && (helper.block || helper.params.len() != 1) {
            return self.fail("`urlencode` takes one value");
        }
        for param in &helper.params {
            self.parameter(param, name == URLENCODE);
        }
        let mut hash: Vec<_> = helper.hash.iter().collect();
        hash.sort_by_key(|(name, _)| name.as_str());
        for (_, param) in hash {
            self.parameter(param, false);
        }
    }

    /// Collects a secret. Its reference must be a literal, because secrets are read before T0.
    fn secret(&mut self, helper: &HelperTemplate) {
        match (helper.params.as_slice(), helper.block) {
            ([Parameter::Literal(Value::String(reference))], false) if helper.hash.is_empty() => {
                let span = self.span_of(reference);
                self.found.push(Reference {
                    path: vec![SECRET.to_owned(), reference.clone()],
                    span,
                    rendered: true,
                });
            }
            _ => {
                self.wrong.get_or_insert_with(|| {
                    ExprError::new(
                        "`secret` takes one text in quotes, because it is read before the run",
                        "write `{{ secret \"file:/path\" }}`, `{{ secret \"command:pass show db\" }}` or `{{ secret \"aws:NAME\" }}`",
                    )
                });
            }
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the elements are those of Handlebars, and may become more"
    )]
    fn parameter(&mut self, parameter: &Parameter, rendered: bool) {
        match parameter {
            Parameter::Subexpression(sub) => match sub.as_element() {
                TemplateElement::Expression(helper) | TemplateElement::HtmlExpression(helper) => {
                    let name = helper.name.as_name().unwrap_or_default().to_owned();
                    if HELPERS.contains(&name.as_str()) {
                        self.arguments(&name, helper);
                    } else {
                        self.fail(&format!("`{name}` is not a helper of expressions"));
                    }
                }
                _ => {}
            },
            Parameter::Name(name) => self.name(name, rendered),
            Parameter::Path(handlebars::Path::Relative((_, raw))) => self.name(raw, rendered),
            // Literals name nothing. `@index` and the like are defined by enclosing blocks.
            _ => {}
        }
    }

    fn name(&mut self, raw: &str, rendered: bool) {
        if raw.starts_with(['@', '.']) || raw == "this" || raw.starts_with("this.") || raw.contains("../") {
            return;
        }
        let raw = raw.replace(".[", ".").replace(['[', ']'], "");
        let path = split(&raw);
        let first = path.first().map_or("", String::as_str);
        if self
            .scopes
            .iter()
            .any(|(names, moves)| names.iter().any(|n| n == first) || (*moves && !ROOTS.contains(&first)))
        {
            return;
        }
        let span = self.span_of(&raw);
        self.found.push(Reference { path, span, rendered });
    }

    fn span_of(&mut self, name: &str) -> Range<usize> {
        let rest = self.text.get(self.from..).unwrap_or("");
        let start = rest.find(name).map_or(0, |at| self.from + at);
        let span = start..(start + name.len()).min(self.text.len());
        self.from = span.end;
        span
    }
}

/// The names that an expression may begin with.
pub const ROOTS: [&str; 6] = ["params", "steps", "sandbox", "run", "accounts", "env"];

thread_local! {
    static HANDLEBARS: RefCell<Handlebars<'static>> = RefCell::new({
        let mut handlebars = Handlebars::new();
        handlebars.set_strict_mode(true);
        handlebars.register_escape_fn(handlebars::no_escape);
        handlebars.register_helper(SECRET, Box::new(secret));
        handlebars.register_helper(URLENCODE, Box::new(urlencode));
        handlebars
    });
}

/// Writes the context's value for the reference. The caller has read the secret before.
fn secret(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    context: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let reference = helper.param(0).and_then(|param| param.value().as_str()).unwrap_or_default();
    match context.data().get(SECRET).and_then(|known| known.get(reference)).and_then(Value::as_str) {
        Some(value) => Ok(out.write(value)?),
        None => Err(RenderErrorReason::Other(format!("the secret \"{reference}\" is not known yet")).into()),
    }
}

fn urlencode(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let text = helper.param(0).map(|param| param.value().render()).unwrap_or_default();
    Ok(out.write(&utf8_percent_encode(&text, UNRESERVED).to_string())?)
}

/// Everything but the characters that any part of a URL may hold unencoded.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Adds `urlencode` to expressions in a URL, since a password may hold any character.
///
/// This applies to each `env.NAME` and `secret "…"` that stands by itself in the user, the password
/// or the query. An expression at the beginning, in the host or in the path is left as it is.
pub fn url_encoded(url: &str) -> String {
    // Replace the tags, so that their `/`, `?` and `@` are not taken for those of the URL.
    let mut bare = String::new();
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(open) = url.get(at..).and_then(|rest| rest.find("{{")).map(|open| at + open) {
        let Some(end) = url.get(open..).and_then(|rest| rest.find("}}")).map(|close| open + close + 2) else {
            break;
        };
        bare.push_str(url.get(at..open).unwrap_or(""));
        tags.push((bare.len(), open..end));
        bare.push('\u{0}');
        at = end;
    }
    bare.push_str(url.get(at..).unwrap_or(""));
    let mut out = String::new();
    at = 0;
    for (place, span) in tags {
        let (before, after) = bare.split_at_checked(place).unwrap_or((&bare, ""));
        out.push_str(url.get(at..span.start).unwrap_or(""));
        let tag = url.get(span.clone()).unwrap_or("");
        let inner = tag.trim_start_matches('{').trim_end_matches('}').trim();
        let by_itself = (inner.starts_with("env.") && is_plain_path(inner))
            || (inner.split_ascii_whitespace().next() == Some(SECRET));
        // Leave `{{{` and `\{{` to Handlebars.
        let plain = !before.ends_with('\\') && !tag.starts_with("{{{");
        if by_itself && plain && must_be_encoded(before, after) {
            let inner = if inner.starts_with(SECRET) { format!("({inner})") } else { inner.to_owned() };
            out.push_str(&format!("{{{{ {URLENCODE} {inner} }}}}"));
        } else {
            out.push_str(tag);
        }
        at = span.end;
    }
    out.push_str(url.get(at..).unwrap_or(""));
    out
}

fn must_be_encoded(before: &str, after: &str) -> bool {
    if before.trim().is_empty() {
        return false;
    }
    if before.contains(['?', '#']) {
        return true;
    }
    let rest = before.split_once("://").map_or(before, |(_, rest)| rest);
    let authority = after.split(['/', '?', '#']).next().unwrap_or(after);
    !rest.contains('/') && authority.contains('@')
}

/// Renders a text. An unknown name is an error.
pub fn render(text: &str, context: &Value) -> Result<String, ExprError> {
    render_within(text, context, &mut Budget::default())
}

fn render_within(text: &str, context: &Value, budget: &mut Budget) -> Result<String, ExprError> {
    if !is_template(text) {
        return Ok(text.to_owned());
    }
    if let Some(parts) = simple_parts(text) {
        let out = render_simple(text, &parts, context, budget)?;
        return Ok(out);
    }
    // Collecting the references first gives errors that name the mistake.
    references(text)?;
    let mut template = Template::compile(text).map_err(|e| syntax_error(text, &e))?;
    limit::count_rounds(&mut template);
    let mut out = limit::Limited::new(budget);
    let rendered = HANDLEBARS.with_borrow_mut(|handlebars| {
        const NAME: &str = "expression";
        handlebars.register_template(NAME, template);
        handlebars.render_to_write(NAME, context, &mut out)
    });
    let (out, exceeded) = out.end();
    if let Some(exceeded) = exceeded {
        return Err(exceeded);
    }
    rendered.map_err(|error| {
        let reason = error.reason().to_string();
        ExprError::new(
            format!("`{}` cannot be rendered: {reason}", yaml::node::short(text)),
            "correct the names in the expression",
        )
    })?;
    String::from_utf8(out).map_err(|_| {
        ExprError::new(
            format!("`{}` renders to a text that is not UTF-8", yaml::node::short(text)),
            "write a path such as `{{ params.name }}`",
        )
    })
}

fn render_simple(
    text: &str,
    parts: &[Part],
    context: &Value,
    budget: &mut Budget,
) -> Result<String, ExprError> {
    let mut out = String::with_capacity(text.len());
    for part in parts {
        let before = out.len();
        match part {
            Part::Text(span) => out.push_str(text.get(span.clone()).unwrap_or("")),
            Part::Braces => out.push_str("{{"),
            Part::Path(span) => write_path(text.get(span.clone()).unwrap_or(""), context, &mut out)?,
        }
        budget.write(out.len() - before)?;
    }
    Ok(out)
}

/// Writes the value at a path, which must be a single one.
fn write_path(path: &str, context: &Value, out: &mut String) -> Result<(), ExprError> {
    match look_up(path, context)? {
        Value::String(value) => out.push_str(value),
        Value::Number(value) => out.push_str(&value.to_string()),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Null => {
            return Err(ExprError::new(
                format!("`{path}` has no value"),
                "the step that it belongs to gave none",
            ));
        }
        Value::Array(items) => {
            return Err(ExprError::new(
                format!("`{path}` is a list of {}, not a single value", items.len()),
                format!("name one of its items: `{path}.0`"),
            ));
        }
        Value::Object(fields) => {
            let known: Vec<&str> = fields.keys().map(String::as_str).take(20).collect();
            return Err(ExprError::new(
                format!("`{path}` is a record, not a single value"),
                format!("name one of its fields: {}", known.join(", ")),
            ));
        }
    }
    Ok(())
}

fn look_up<'a>(path: &str, context: &'a Value) -> Result<&'a Value, ExprError> {
    let mut value = context;
    for (i, name) in path.split('.').enumerate() {
        let next = match value {
            Value::Object(fields) => fields.get(name),
            Value::Array(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        let Some(next) = next else {
            let before = path.split('.').take(i).collect::<Vec<_>>().join(".");
            let help = match value {
                Value::Object(fields) => {
                    yaml::diagnostic::suggest(name, fields.keys().map(String::as_str), "name")
                }
                Value::Array(items) => Some(format!("`{before}` is a list of {}", items.len())),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                    Some(format!("`{before}` is a single value"))
                }
            };
            let message = if before.is_empty() {
                format!("`{path}`: there is no `{name}`")
            } else {
                format!("`{path}`: there is no `{name}` in `{before}`")
            };
            return Err(ExprError::new(message, help.unwrap_or_else(|| "it is empty".into())));
        };
        value = next;
    }
    Ok(value)
}

/// The second parts of all names below `root` in the texts of a value: `db` of `steps.db.endpoint`.
pub fn named(value: &Value, root: &str) -> Result<BTreeSet<String>, ExprError> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(text) => {
                let names = references(text)?
                    .into_iter()
                    .filter(|r| r.path.first().is_some_and(|first| first == root));
                found.extend(names.filter_map(|r| r.path.into_iter().nth(1)));
            }
            Value::Array(items) => waiting.extend(items),
            Value::Object(fields) => waiting.extend(fields.values()),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    Ok(found)
}

/// Renders every text in a value. An error carries the JSON pointer to its text.
pub fn render_value(value: &Value, context: &Value) -> Result<Rendered, ExprError> {
    rendered(value, &|_, error| Err(error), context, &mut Budget::default()).map(Rendered)
}

/// Renders the texts whose names are all known already. The others stay expressions.
pub fn render_known(value: &Value, known: &Value) -> Value {
    let stays = |text: &str, _| Ok(text.to_owned());
    // With `stays`, no text ends in an error.
    rendered(value, &stays, known, &mut Budget::default()).unwrap_or_else(|_| value.clone())
}

fn rendered(
    value: &Value,
    otherwise: &dyn Fn(&str, ExprError) -> Result<String, ExprError>,
    context: &Value,
    budget: &mut Budget,
) -> Result<Value, ExprError> {
    fn at(step: &str) -> impl Fn(ExprError) -> ExprError {
        let step = step.replace('~', "~0").replace('/', "~1");
        move |error| ExprError { pointer: format!("/{step}{}", error.pointer), ..error }
    }
    Ok(match value {
        Value::String(text) => {
            Value::String(render_within(text, context, budget).or_else(|error| otherwise(text, error))?)
        }
        Value::Array(items) => {
            let mut all = Vec::with_capacity(items.len());
            for (i, item) in items.iter().enumerate() {
                all.push(rendered(item, otherwise, context, budget).map_err(at(&i.to_string()))?);
            }
            Value::Array(all)
        }
        Value::Object(fields) => {
            let mut all = serde_json::Map::new();
            for (name, field) in fields {
                all.insert(name.clone(), rendered(field, otherwise, context, budget).map_err(at(name))?);
            }
            Value::Object(all)
        }
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(text: &str) -> Vec<String> {
        references(text).unwrap().into_iter().map(|r| r.path.join(".")).collect()
    }

    #[test]
    fn references_are_found_with_their_places() {
        let text = "postgres://{{ steps.db.endpoint }}/{{params.name}}";
        let found = references(text).unwrap();
        assert_eq!(found[0].path, ["steps", "db", "endpoint"]);
        assert_eq!(&text[found[0].span.clone()], "steps.db.endpoint");
        assert_eq!(&text[found[1].span.clone()], "params.name");
        assert_eq!(names("{{ steps.web.instances.0.private_ip }}"), ["steps.web.instances.0.private_ip"]);
        assert_eq!(names("{{ steps.dns-cut.x }}"), ["steps.dns-cut.x"]);
        assert_eq!(names("plain { text }}"), [""; 0]);
        assert_eq!(names(r"\{{ no.name }}"), [""; 0]);
    }

    #[test]
    fn helpers_and_blocks_are_understood() {
        assert_eq!(
            names("{{#if (eq params.size \"big\")}}{{steps.a.x}}{{else}}{{steps.b.y}}{{/if}}"),
            ["params.size", "steps.a.x", "steps.b.y"]
        );
        assert_eq!(
            names("{{#each steps.web.instances}}{{this.private_ip}} {{private_ip}} {{@index}}{{/each}}"),
            ["steps.web.instances"]
        );
        assert_eq!(
            names("{{#each steps.web.instance_ids as |id|}}{{id}},{{params.x}}{{/each}}"),
            ["steps.web.instance_ids", "params.x"]
        );
        assert_eq!(
            names("{{lookup steps.web.instance_ids params.index}}"),
            ["steps.web.instance_ids", "params.index"]
        );
        assert_eq!(names("{{{params.raw}}}"), ["params.raw"]);
        assert_eq!(names("{{~ params.a ~}}"), ["params.a"]);
        assert_eq!(names("{{! a comment }}{{ params.a }}"), ["params.a"]);
        assert_eq!(names("{{ region }}"), ["region"]);
    }

    #[test]
    fn what_is_no_expression_says_so() {
        for (text, part) in [
            ("{{ params.a", "does not end"),
            ("{{}}", "empty"),
            ("{{#if params.a}}x", "expression"),
            ("{{ upper params.a }}", "`upper` is not a helper"),
            ("{{> partial}}", "partials"),
        ] {
            let error = references(text).unwrap_err();
            assert!(error.message.contains(part), "{text}: {error:?}");
            assert!(render(text, &json!({})).is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_are_found_with_their_places_and_rendered() {
        let text = "postgres://u:{{ secret \"file:/run/pw\" }}@{{ steps.db.endpoint }}/o";
        let found = references(text).unwrap();
        assert_eq!(found[0].path, ["secret", "file:/run/pw"]);
        assert_eq!(&text[found[0].span.clone()], "file:/run/pw");
        assert_eq!(found[1].path, ["steps", "db", "endpoint"]);
        assert_eq!(
            names("{{#if (eq (secret 'command:a b') params.x)}}{{ urlencode (secret \"aws:n#k\") }}{{/if}}"),
            ["secret.command:a b", "params.x", "secret.aws:n#k"]
        );
        let context =
            json!({ "secret": { "file:/run/pw": "p@s/<&" }, "steps": { "db": { "endpoint": "h:1" } } });
        assert_eq!(render(text, &context).unwrap(), "postgres://u:p@s/<&@h:1/o");
        assert_eq!(render(&url_encoded(text), &context).unwrap(), "postgres://u:p%40s%2F%3C%26@h:1/o");
        let unknown = render("{{ secret \"file:/other\" }}", &context).unwrap_err();
        assert!(unknown.message.contains("file:/other"), "{unknown:?}");
        for wrong in [
            "{{ secret params.x }}",
            "{{ secret \"a:b\" \"c:d\" }}",
            "{{ secret 7 }}",
            "{{#secret \"a:b\"}}{{/secret}}",
            "{{ secret \"a:b\" x=1 }}",
            "{{ len (secret params.x) }}",
        ] {
            assert!(references(wrong).unwrap_err().message.contains("one text in quotes"), "{wrong}");
        }
        assert_eq!(names("{{ secret }}"), ["secret"]);
        assert!(references("{{ urlencode }}").is_ok_and(|found| found.len() == 1));
        assert!(references("{{ urlencode params.a params.b }}").is_err());
    }

    #[test]
    fn what_stands_in_a_url_is_encoded_where_it_could_end_a_part_of_it() {
        for (url, encoded) in [
            (
                "postgres://{{ env.U }}:{{env.P}}@h/d",
                "postgres://{{ urlencode env.U }}:{{ urlencode env.P }}@h/d",
            ),
            (
                "https://h/?t={{ env.T }}&u={{ params.u }}",
                "https://h/?t={{ urlencode env.T }}&u={{ params.u }}",
            ),
            (
                "{{ params.base }}?t={{ secret 'file:/a?b@c' }}",
                "{{ params.base }}?t={{ urlencode (secret 'file:/a?b@c') }}",
            ),
            // Left as they are: the whole URL, a host with a port, a path of several parts.
            ("{{ env.URL }}", "{{ env.URL }}"),
            ("{{ env.BASE }}/x@y", "{{ env.BASE }}/x@y"),
            (
                "https://{{ env.HOST }}/{{ env.PATH_AND_MORE }}/a@b",
                "https://{{ env.HOST }}/{{ env.PATH_AND_MORE }}/a@b",
            ),
            ("https://{{ env.HOST }}", "https://{{ env.HOST }}"),
            (
                "https://{{ secret 'file:/x' }}{{ steps.a.b }}/?",
                "https://{{ secret 'file:/x' }}{{ steps.a.b }}/?",
            ),
            // Left to the author.
            ("https://h/?t={{#if env.T}}{{{env.T}}}{{/if}}", "https://h/?t={{#if env.T}}{{{env.T}}}{{/if}}"),
            ("https://h/?t={{ urlencode env.T }}", "https://h/?t={{ urlencode env.T }}"),
            ("https://h/?t=\\{{ env.T }}", "https://h/?t=\\{{ env.T }}"),
            ("https://h/?t={{ env.T", "https://h/?t={{ env.T"),
        ] {
            assert_eq!(url_encoded(url), encoded);
        }
        let context = json!({ "env": { "T": "a&b=c d" } });
        assert_eq!(render("{{ urlencode env.T }}", &context).unwrap(), "a%26b%3Dc%20d");
    }

    #[test]
    fn nesting_without_end_is_refused() {
        for text in [
            format!("{{{{ eq {} }}}}", "(".repeat(100_000)),
            "{{#if a}}".repeat(100_000),
            format!("{{{{ len {}", "[".repeat(100_000)),
            "{{".repeat(100_000),
            "{".repeat(100_000),
        ] {
            assert!(references(&text).is_err());
        }
    }

    #[test]
    fn a_backslash_makes_braces_text() {
        let context = json!({ "params": { "a": "x" } });
        for (text, told) in [
            (r"\{{ name }}", "{{ name }}"),
            (r"{{ params.a }}\{{ params.a }}{{ params.a }}", "x{{ params.a }}x"),
            (r"\{{#if params.a}}{{#if params.a}}\{{b}}{{/if}}", "{{#if params.a}}{{b}}"),
            (r"\{{{ name }}}", "{{{ name }}}"),
            (r"\{{", "{{"),
        ] {
            assert_eq!(render(text, &context).as_deref(), Ok(told), "{text}");
            let theirs = HANDLEBARS.with_borrow(|h| h.render_template(text, &context));
            assert_eq!(theirs.ok().as_deref(), Some(told), "{text}");
        }
    }

    #[test]
    fn rendering_agrees_with_handlebars() {
        let context = json!({ "params": { "n": 3, "t": "a<b&c", "yes": true, "f": 1.5 }, "steps": { "db": { "list": [{ "ip": "10.0.0.1" }], "endpoint": "h:1" } } });
        for text in [
            "{{params.n}}",
            "x{{ params.t }}y{{params.yes}}",
            "{{ steps.db.list.0.ip }}:{{steps.db.endpoint}}",
            "{{params.f}}",
        ] {
            let simple = render(text, &context).unwrap();
            let theirs = HANDLEBARS.with_borrow(|h| h.render_template(text, &context)).unwrap();
            assert_eq!(simple, theirs, "{text}");
        }
        assert_eq!(render("{{#if params.yes}}{{params.t}}{{/if}}", &context).unwrap(), "a<b&c");
    }

    #[test]
    fn unknown_names_are_named() {
        let context =
            json!({ "params": { "name": "x" }, "steps": { "web": { "ids": ["a"], "empty": null } } });
        let error = |text: &str| render(text, &context).unwrap_err();
        assert_eq!(error("{{ params.nmae }}").message, "`params.nmae`: there is no `nmae` in `params`");
        assert!(error("{{ params.nmae }}").help.contains("`name`"));
        assert!(error("{{ steps.web.ids.1 }}").help.contains("list of 1"));
        assert!(error("{{ steps.web.ids }}").message.contains("list"));
        assert!(error("{{ steps.web }}").message.contains("record"));
        assert!(error("{{ steps.web.empty }}").message.contains("no value"));
        assert!(error("{{#if true}}{{ params.other }}{{/if}}").message.contains("other"));
        let error = render_value(&json!({ "a/b": ["x", "{{ nope.x }}"] }), &context).unwrap_err();
        assert_eq!(error.pointer, "/a~1b/1");
        assert_eq!(
            render_value(&json!({ "a": [1, "{{ params.name }}", null] }), &context).unwrap(),
            Rendered(json!({ "a": [1, "x", null] }))
        );
    }
}
