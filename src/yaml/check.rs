//! Checks nodes against a schema and reports every mistake.

use super::diagnostic::{Diagnostic, Diagnostics, list, nearest, suggest};
use super::node::{Entry, Map, Node, Value, short};
use super::scalar;
use super::schema::{Additional, Schema, Subschema, Types};
use super::source::{Source, Span};
use base::ids::BadName;

/// The formats that the `format` keyword of a schema can name.
pub trait Formats {
    /// Checks that the text has this format. An unknown format accepts any text.
    fn check(&self, format: &str, text: &str) -> Result<(), BadName>;
    /// The format in words, such as `a duration`.
    fn noun(&self, format: &str) -> Option<&'static str>;
    /// A regular expression that fits every text of this format, for editors. They do not know
    /// formats of ours. What it refuses, [`check`](Self::check) refuses; what it fits may still be
    /// wrong.
    fn pattern(&self, format: &str) -> Option<&'static str>;
}

/// Checks the nodes of one file.
pub struct Checker<'a> {
    pub source: &'a Source,
    pub formats: &'a dyn Formats,
    /// Whether expressions are allowed. A text with `{{` then passes every check, since its value
    /// is known only at run time.
    pub templates: bool,
}

impl Checker<'_> {
    pub fn check(&self, node: &Node, schema: &Schema, out: &mut Diagnostics) {
        Validator { checker: self, schema }.node(node, 0, out);
    }
}

/// A checker with the schema that it applies.
struct Validator<'a> {
    checker: &'a Checker<'a>,
    schema: &'a Schema,
}

/// Whether a text contains an expression, which is rendered later.
pub fn is_template(text: &str) -> bool {
    text.contains("{{")
}

fn types_of(node: &Node) -> Types {
    match &node.value {
        Value::Null => Types::NULL,
        Value::Broken => Types::ANY,
        Value::Bool(_) => Types::BOOLEAN,
        Value::Number(number, _) if number.is_f64() => Types::NUMBER.without(Types::INTEGER),
        Value::Number(..) => Types::INTEGER,
        Value::Str(_) => Types::STRING,
        Value::Seq(_) => Types::ARRAY,
        Value::Map(_) => Types::OBJECT,
    }
}

impl Validator<'_> {
    fn error(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        self.checker.source.error(span, message)
    }

    fn node(&self, node: &Node, subschema: usize, out: &mut Diagnostics) {
        if node.value == Value::Broken {
            return;
        }
        let Some(subschema) = self.schema.subschema(subschema) else { return };
        if !subschema.types.meets(types_of(node)) {
            out.push(self.wrong_type(node, subschema));
            return;
        }
        if let Some(target) = subschema.reference {
            self.node(node, target, out);
        }
        for part in &subschema.all {
            self.node(node, *part, out);
        }
        if !subschema.branches.is_empty() {
            self.branches(node, subschema, out);
        }
        match &node.value {
            Value::Map(map) => self.map(node, map, subschema, out),
            Value::Seq(items) => self.list(node, items, subschema, out),
            Value::Str(text) => self.text(node, text, subschema, out),
            Value::Number(number, raw) => self.number(node, number, raw, subschema, out),
            Value::Null | Value::Broken | Value::Bool(_) => {}
        }
        let rendered_later = self.checker.templates && node.as_str().is_some_and(is_template);
        if !subschema.values.is_empty() && !node.is_null() && !rendered_later {
            self.choice(node, subschema, out);
        }
    }

    /// Checks a value against the branches that accept its type. If none fits, reports the mistakes
    /// of the branch with the fewest.
    fn branches(&self, node: &Node, subschema: &Subschema, out: &mut Diagnostics) {
        let kind = types_of(node);
        let mut candidates = Vec::new();
        for index in &subschema.branches {
            let Some(branch) = self.schema.subschema(*index) else { continue };
            if is_template_branch(branch) {
                if node.as_str().is_some_and(is_template) {
                    return;
                }
            } else if branch.types.meets(kind) {
                candidates.push(*index);
            }
        }
        match candidates.as_slice() {
            // No branch accepts the type, such as a text where only an expression may be a text.
            [] => out.push(self.wrong_type(node, subschema)),
            [one] => self.node(node, *one, out),
            several => {
                let mut best: Option<Diagnostics> = None;
                for index in several {
                    let mut found = Diagnostics::default();
                    self.node(node, *index, &mut found);
                    if !found.has_errors() {
                        return;
                    }
                    if best.as_ref().is_none_or(|best| found.len() < best.len()) {
                        best = Some(found);
                    }
                }
                out.extend(best.unwrap_or_default());
            }
        }
    }

    fn map(&self, node: &Node, map: &Map, subschema: &Subschema, out: &mut Diagnostics) {
        for entry in &map.entries {
            if let Some(names) = subschema.property_names {
                self.key(entry, names, out);
            }
            match (
                subschema.by_name.get(&entry.key).and_then(|i| subschema.properties.get(*i)),
                subschema.additional,
            ) {
                (Some(property), _) => self.node(&entry.value, property.subschema, out),
                (None, Additional::Schema(other)) => self.node(&entry.value, other, out),
                (None, Additional::Anything) => {}
                (None, Additional::Nothing) => {
                    let known = subschema.properties.iter().map(|p| p.name.as_str());
                    let diagnostic = self
                        .error(entry.key_span, format!("unknown key `{}`", short(&entry.key)))
                        .maybe_help(
                            suggest(&entry.key, known, "key")
                                .or_else(|| Some("no keys are allowed here".into())),
                        );
                    out.push(diagnostic);
                }
            }
        }
        for key in &subschema.required {
            if map.get(key).is_none() && !is_mistyped(map, subschema, key) {
                let described = subschema.by_name.get(key).and_then(|i| subschema.properties.get(*i));
                let described = described.and_then(|p| p.description.as_deref()).map(first_sentence);
                let help = match described {
                    Some(text) => format!("add `{key}:` ({text})"),
                    None => format!("add `{key}:`"),
                };
                out.push(self.error(head(node), format!("the key `{key}` is missing")).help(help));
            }
        }
    }

    fn key(&self, entry: &Entry, names: usize, out: &mut Diagnostics) {
        let value = if entry.bare { scalar::resolve(&entry.key) } else { Value::Str(entry.key.clone()) };
        self.node(&Node { span: entry.key_span, value }, names, out);
    }

    fn list(&self, node: &Node, items: &[Node], subschema: &Subschema, out: &mut Diagnostics) {
        if let Some(of) = subschema.items {
            for item in items {
                self.node(item, of, out);
            }
        }
        let count = items.len() as u64;
        if subschema.counts.0.is_some_and(|least| count < least) {
            let message =
                if items.is_empty() { "an empty list".to_owned() } else { format!("a list of {count}") };
            let least = subschema.counts.0.unwrap_or(1);
            out.push(self.error(head(node), message).help(format!("give at least {least}")));
        }
        if let Some(most) = subschema.counts.1.filter(|most| count > *most) {
            out.push(
                self.error(head(node), format!("a list of {count}")).help(format!("give at most {most}")),
            );
        }
    }

    fn text(&self, node: &Node, text: &str, subschema: &Subschema, out: &mut Diagnostics) {
        if is_template(text) {
            if self.checker.templates {
                return;
            }
            if subschema.format.is_some() {
                out.push(
                    self.error(node.span, format!("`{}`: expressions are not allowed here", short(text))).help(
                        "expressions are rendered below `with`, in checks and in `when`; write the value itself",
                    ),
                );
                return;
            }
        }
        if let Some(format) = &subschema.format
            && subschema.types.has(Types::STRING)
            && let Err(bad) = self.checker.formats.check(format, text)
        {
            out.push(self.error(node.span, bad.message).help(bad.help));
        }
        if let Some(pattern) = subschema.pattern.as_ref().filter(|p| !p.is_match(text)) {
            out.push(
                self.error(node.span, format!("`{}` does not have the expected form", short(text)))
                    .help(format!("it must match `{pattern}`")),
            );
        }
        let length = text.chars().count() as u64;
        if let Some(least) = subschema.lengths.0.filter(|least| length < *least) {
            let message = if text.is_empty() {
                "an empty text".to_owned()
            } else {
                format!("`{}` is too short", short(text))
            };
            out.push(self.error(node.span, message).help(format!("write at least {least} characters")));
        }
        if let Some(most) = subschema.lengths.1.filter(|most| length > *most) {
            out.push(
                self.error(node.span, format!("a text of {length} characters is too long"))
                    .help(format!("write at most {most} characters")),
            );
        }
    }

    fn number(
        &self,
        node: &Node,
        number: &serde_json::Number,
        raw: &str,
        subschema: &Subschema,
        out: &mut Diagnostics,
    ) {
        let value = number.as_f64().unwrap_or(f64::NAN);
        if subschema.own_types == Types::ANY {
            return;
        }
        if let Some(format) = subschema.format.as_deref().filter(|_| subschema.types.has(Types::STRING))
            && let Err(bad) = self.checker.formats.check(format, raw)
        {
            out.push(self.error(node.span, bad.message).help(bad.help));
            return;
        }
        let digits = raw.trim_start_matches(['-', '+']);
        if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) {
            out.push(
                self.error(
                    node.span,
                    format!("`{raw}` begins with a zero: some YAML parsers read it as octal"),
                )
                .help(format!("write {}", digits.trim_start_matches('0').parse::<u64>().unwrap_or(0))),
            );
            return;
        }
        let range = integer_range(subschema.format.as_deref());
        let least = subschema.minimum.into_iter().chain(range.map(|r| r.0)).reduce(f64::max);
        let most = subschema.maximum.into_iter().chain(range.map(|r| r.1)).reduce(f64::min);
        let help = match (least.filter(|n| n.abs() < 1e15), most.filter(|n| n.abs() < 1e9)) {
            (Some(least), Some(most)) => format!("it must lie between {least} and {most}"),
            (Some(least), None) => format!("it must be {least} or more"),
            (None, Some(most)) => format!("it must be {most} or less"),
            (None, None) => "write a smaller number".to_owned(),
        };
        if least.is_some_and(|least| value < least) {
            out.push(self.error(node.span, format!("{raw} is too small")).help(help));
        } else if most.is_some_and(|most| value > most) {
            out.push(self.error(node.span, format!("{raw} is too large")).help(help));
        }
    }

    fn choice(&self, node: &Node, subschema: &Subschema, out: &mut Diagnostics) {
        let json = node.to_json();
        if subschema.values.contains(&json) {
            return;
        }
        let known: Vec<&str> = subschema.values.iter().filter_map(serde_json::Value::as_str).collect();
        if let (Some(text), Some(noun)) =
            (node.as_str(), subschema.format.as_deref().and_then(|f| self.checker.formats.noun(f)))
        {
            let what = noun.split_once(' ').map_or(noun, |(_, word)| word);
            let help = suggest(text, known.iter().copied(), what);
            out.push(self.error(node.span, format!("`{}` is not {noun}", short(text))).maybe_help(help));
            return;
        }
        let help = json
            .as_str()
            .and_then(|text| nearest(text, known.iter().copied()))
            .map_or_else(|| format!("write {}", one_of(&known)), |near| format!("did you mean `{near}`?"));
        let message = match node.as_str() {
            Some(text) => format!("`{}` is not one of {}", short(text), list(&known)),
            None => format!("expected one of {}, found {}", list(&known), node.describe()),
        };
        out.push(self.error(head(node), message).help(help));
    }

    fn wrong_type(&self, node: &Node, subschema: &Subschema) -> Diagnostic {
        let (format, only_template_text) = self.wanted(subschema);
        let mut types = subschema.types.without(Types::NULL);
        if only_template_text {
            types = types.without(Types::STRING);
        }
        let noun = format.as_deref().and_then(|f| self.checker.formats.noun(f));
        if let (Some(format), Value::Number(_, raw)) = (format.as_deref(), &node.value) {
            if format == "account-id" {
                return self.bare_account(node, raw);
            }
            if let Err(bad) = self.checker.formats.check(format, raw) {
                return self.error(node.span, bad.message).help(bad.help);
            }
        }
        let wanted = noun.map_or_else(|| words(types), str::to_owned);
        let mut message = format!("expected {wanted}, found {}", node.describe());
        let help = match &node.value {
            Value::Null => Some("give a value, or remove the key".to_owned()),
            Value::Str(text) if is_template(text) => {
                message.push_str("; expressions are not allowed here");
                Some(format!("write {wanted} itself"))
            }
            Value::Number(_, raw) if types.meets(Types::STRING) => {
                Some(format!("put it into quotes: \"{raw}\""))
            }
            Value::Bool(value) if types.meets(Types::STRING) => {
                Some(format!("put it into quotes: \"{value}\""))
            }
            Value::Number(_, raw) if types.has(Types::INTEGER) => {
                Some("write it without a fraction".to_owned())
            }
            Value::Str(text) if types.meets(Types::BOOLEAN) => boolean_meant(text),
            Value::Str(text)
                if types.meets(Types::NUMBER) && matches!(scalar::resolve(text), Value::Number(..)) =>
            {
                Some(format!("remove the quotes: {text}"))
            }
            Value::Str(text) if types.has(Types::ARRAY) => Some(format!("write a list: [{}]", short(text))),
            Value::Number(_, raw) if types.has(Types::ARRAY) => Some(format!("write a list: [{raw}]")),
            Value::Seq(_) if types == Types::OBJECT => Some("write `key: value`, without the `-`".to_owned()),
            Value::Seq(items) if types.meets(Types::STRING) && items.len() == 1 => {
                Some("remove the brackets or the `-`".to_owned())
            }
            Value::Map(_) if types == Types::ARRAY => Some("begin each item with `- `".to_owned()),
            _ => None,
        };
        self.error(head(node), message).maybe_help(help)
    }

    fn bare_account(&self, node: &Node, raw: &str) -> Diagnostic {
        let loses = raw.starts_with('0');
        let why = if loses {
            "YAML reads a number here, and a number has no leading zero"
        } else {
            "YAML reads a number here"
        };
        let help = if raw.len() == 12 && raw.bytes().all(|b| b.is_ascii_digit()) {
            format!("write it in quotes: \"{raw}\"")
        } else if raw.len() < 12 && raw.bytes().all(|b| b.is_ascii_digit()) {
            format!("an account id has 12 digits, in quotes; if leading zeros got lost it is \"{raw:0>12}\"")
        } else {
            "an account id has 12 digits, in quotes: \"012345678901\"".to_owned()
        };
        self.error(node.span, format!("the account id {raw} is not in quotes: {why}")).help(help)
    }

    /// The expected format, found through references and branches, and whether the only allowed
    /// texts are expressions.
    fn wanted(&self, subschema: &Subschema) -> (Option<String>, bool) {
        let mut pending = vec![subschema];
        let mut seen = 0;
        let mut template = false;
        let mut other_text = false;
        let mut format = None;
        while let Some(subschema) = pending.pop() {
            seen += 1;
            if seen > 32 {
                break;
            }
            if is_template_branch(subschema) {
                template = true;
                continue;
            }
            let leaf = subschema.reference.is_none() && subschema.branches.is_empty();
            other_text |= leaf && subschema.types.has(Types::STRING);
            if subschema.types.has(Types::STRING) && format.is_none() {
                format.clone_from(&subschema.format);
            }
            pending.extend(
                subschema
                    .reference
                    .iter()
                    .chain(&subschema.branches)
                    .filter_map(|i| self.schema.subschema(*i)),
            );
        }
        (format, template && !other_text)
    }
}

/// Whether this is the branch that allows an expression in place of a value.
fn is_template_branch(subschema: &Subschema) -> bool {
    subschema.pattern.as_ref().is_some_and(|p| p.as_str() == "\\{\\{")
}

/// The span to show for a node. For a collection, this is its first character. A scalar is shown
/// whole.
fn head(node: &Node) -> Span {
    match node.value {
        Value::Map(_) | Value::Seq(_) => Span::new(node.span.start, node.span.start + 1),
        _ => node.span,
    }
}

fn integer_range(format: Option<&str>) -> Option<(f64, f64)> {
    Some(match format? {
        "uint8" => (0.0, 255.0),
        "uint16" => (0.0, 65_535.0),
        "uint32" => (0.0, f64::from(u32::MAX)),
        "int32" => (f64::from(i32::MIN), f64::from(i32::MAX)),
        "uint64" | "uint" => (0.0, 1.8e19),
        _ => return None,
    })
}

fn words(types: Types) -> String {
    let mut words = Vec::new();
    for (kind, word) in [
        (Types::STRING, "a text"),
        (Types::BOOLEAN, "`true` or `false`"),
        (Types::ARRAY, "a list"),
        (Types::OBJECT, "a mapping"),
    ] {
        if types.has(kind) {
            words.push(word);
        }
    }
    if types.has(Types::NUMBER) {
        words.push("a number");
    } else if types.has(Types::INTEGER) {
        words.push("a whole number");
    }
    words.join(" or ")
}

fn boolean_meant(text: &str) -> Option<String> {
    let is = |all: &[&str]| all.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["yes", "on", "y", "true"]) {
        Some("write `true`, without quotes: in YAML 1.2 only `true` and `false` are booleans".into())
    } else if is(&["no", "off", "n", "false"]) {
        Some("write `false`, without quotes: in YAML 1.2 only `true` and `false` are booleans".into())
    } else {
        None
    }
}

fn one_of(known: &[&str]) -> String {
    match known {
        [one] => format!("`{one}`"),
        [rest @ .., last] => format!("{} or `{last}`", list(rest)),
        [] => "another value".to_owned(),
    }
}

fn first_sentence(text: &str) -> String {
    let line = text.split("\n\n").next().unwrap_or(text).replace('\n', " ");
    let sentence = line.split_once(". ").map_or(line.as_str(), |(first, _)| first);
    sentence.trim_end_matches('.').to_owned()
}

/// Whether a missing key has already been reported as a mistyped one, with this key as the
/// suggestion. Reporting it again would only repeat the mistake.
fn is_mistyped(map: &Map, subschema: &Subschema, key: &str) -> bool {
    subschema.additional == Additional::Nothing
        && map.entries.iter().any(|entry| {
            !subschema.by_name.contains_key(&entry.key)
                && nearest(&entry.key, subschema.properties.iter().map(|p| p.name.as_str())) == Some(key)
        })
}
