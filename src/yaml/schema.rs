//! A JSON Schema, read once into a form that thousands of nodes can be checked against quickly.
//!
//! It knows the keywords that `schemars` derives from our types; a keyword that it does not know fails a test, not a user.

use std::collections::HashMap;

use regex::Regex;
use serde_json::Value as Json;

/// Kinds of values, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Types(u8);

impl Types {
    pub const NULL: Self = Self(1);
    pub const BOOLEAN: Self = Self(2);
    pub const INTEGER: Self = Self(4);
    pub const NUMBER: Self = Self(8 | 4);
    pub const STRING: Self = Self(16);
    pub const ARRAY: Self = Self(32);
    pub const OBJECT: Self = Self(64);
    pub const ANY: Self = Self(127);

    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    fn named(name: &str) -> Self {
        match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER,
            "string" => Self::STRING,
            "array" => Self::ARRAY,
            "object" => Self::OBJECT,
            _ => Self::ANY,
        }
    }

    fn of(value: &Json) -> Self {
        match value {
            Json::Null => Self::NULL,
            Json::Bool(_) => Self::BOOLEAN,
            Json::Number(_) => Self::NUMBER,
            Json::String(_) => Self::STRING,
            Json::Array(_) => Self::ARRAY,
            Json::Object(_) => Self::OBJECT,
        }
    }
}

/// What stands for the keys that `properties` does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Additional {
    #[default]
    Anything,
    Nothing,
    Rule(usize),
}

#[derive(Debug, Default)]
pub struct Property {
    pub name: String,
    pub rule: usize,
    pub description: Option<String>,
}

/// One schema of the document.
#[derive(Debug, Default)]
pub struct Rule {
    /// As `type` says; [`Types::ANY`] without it.
    pub own_types: Types,
    /// With what references and branches say.
    pub types: Types,
    pub properties: Vec<Property>,
    pub by_name: HashMap<String, usize>,
    pub required: Vec<String>,
    pub additional: Additional,
    pub property_names: Option<usize>,
    pub items: Option<usize>,
    /// Of `enum` and `const`.
    pub values: Vec<Json>,
    /// Of `anyOf` and `oneOf`.
    pub branches: Vec<usize>,
    /// Of `allOf`.
    pub all: Vec<usize>,
    pub reference: Option<usize>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    pub lengths: (Option<u64>, Option<u64>),
    pub counts: (Option<u64>, Option<u64>),
    pub pattern: Option<Regex>,
    pub format: Option<String>,
}

/// A schema document; rule 0 is its root.
#[derive(Debug, Default)]
pub struct Schema {
    rules: Vec<Rule>,
    /// Keywords that are not understood.
    pub unknown: Vec<String>,
}

/// What says nothing about whether a value fits. `if` and `then` are for editors: we check the same ourselves.
const SILENT: [&str; 11] = [
    "$schema",
    "$id",
    "$defs",
    "title",
    "description",
    "default",
    "examples",
    "if",
    "then",
    "deprecated",
    "markdownDescription",
];

impl Schema {
    pub fn compile(document: &Json) -> Self {
        let mut compiler = Compiler { document, schema: Self::default(), known: HashMap::new() };
        compiler.add("", document);
        let mut schema = compiler.schema;
        for index in 0..schema.rules.len() {
            let types = schema.effective(index, 0);
            if let Some(rule) = schema.rules.get_mut(index) {
                rule.types = types;
            }
        }
        schema
    }

    pub fn rule(&self, index: usize) -> Option<&Rule> {
        self.rules.get(index)
    }

    fn effective(&self, index: usize, depth: usize) -> Types {
        let Some(rule) = self.rules.get(index).filter(|_| depth < 32) else { return Types::ANY };
        if rule.own_types != Types::ANY {
            return rule.own_types;
        }
        if let Some(target) = rule.reference {
            return self.effective(target, depth + 1);
        }
        let union = |all: Vec<Types>| all.into_iter().reduce(Types::and);
        union(rule.values.iter().map(Types::of).collect())
            .or_else(|| union(rule.branches.iter().map(|b| self.effective(*b, depth + 1)).collect()))
            .unwrap_or(Types::ANY)
    }
}

struct Compiler<'a> {
    document: &'a Json,
    schema: Schema,
    /// Rules by their JSON pointer: references meet there, and may go round.
    known: HashMap<String, usize>,
}

impl Compiler<'_> {
    fn add(&mut self, pointer: &str, json: &Json) -> usize {
        if let Some(known) = self.known.get(pointer) {
            return *known;
        }
        let index = self.schema.rules.len();
        self.known.insert(pointer.to_owned(), index);
        self.schema.rules.push(Rule { own_types: Types::ANY, ..Rule::default() });
        let rule = self.read(pointer, json);
        if let Some(place) = self.schema.rules.get_mut(index) {
            *place = rule;
        }
        index
    }

    fn read(&mut self, pointer: &str, json: &Json) -> Rule {
        let mut rule = Rule { own_types: Types::ANY, ..Rule::default() };
        let Json::Object(keywords) = json else { return rule };
        for (keyword, value) in keywords {
            let here = format!("{pointer}/{keyword}");
            match (keyword.as_str(), value) {
                ("type", Json::String(name)) => rule.own_types = Types::named(name),
                ("type", Json::Array(names)) => {
                    rule.own_types = names
                        .iter()
                        .filter_map(Json::as_str)
                        .map(Types::named)
                        .fold(Types::default(), Types::and);
                }
                ("properties", Json::Object(properties)) => {
                    for (name, schema) in properties {
                        let index = self.add(&format!("{here}/{name}"), schema);
                        let description = schema.get("description").and_then(Json::as_str).map(str::to_owned);
                        rule.by_name.insert(name.clone(), rule.properties.len());
                        rule.properties.push(Property { name: name.clone(), rule: index, description });
                    }
                }
                ("required", Json::Array(names)) => {
                    rule.required = names.iter().filter_map(Json::as_str).map(str::to_owned).collect();
                }
                ("additionalProperties", Json::Bool(false)) => rule.additional = Additional::Nothing,
                ("additionalProperties", Json::Bool(true)) => rule.additional = Additional::Anything,
                ("additionalProperties", schema) => {
                    rule.additional = Additional::Rule(self.add(&here, schema));
                }
                ("propertyNames", schema) => rule.property_names = Some(self.add(&here, schema)),
                ("items", schema) => rule.items = Some(self.add(&here, schema)),
                ("enum", Json::Array(values)) => rule.values.extend(values.iter().cloned()),
                ("const", value) => rule.values.push(value.clone()),
                ("anyOf" | "oneOf", Json::Array(branches)) => {
                    self.read_branches(&mut rule, &here, branches);
                }
                ("allOf", Json::Array(all)) => {
                    let speaking = all.iter().enumerate().filter(|(_, schema)| schema.get("if").is_none());
                    rule.all = speaking.map(|(i, schema)| self.add(&format!("{here}/{i}"), schema)).collect();
                }
                ("$ref", Json::String(target)) => {
                    let target = target.trim_start_matches('#').to_owned();
                    if let Some(schema) = self.document.pointer(&target) {
                        rule.reference = Some(self.add(&target, schema));
                    }
                }
                ("minimum", n) => rule.minimum = n.as_f64(),
                ("maximum", n) => rule.maximum = n.as_f64(),
                ("minLength", n) => rule.lengths.0 = n.as_u64(),
                ("maxLength", n) => rule.lengths.1 = n.as_u64(),
                ("minItems", n) => rule.counts.0 = n.as_u64(),
                ("maxItems", n) => rule.counts.1 = n.as_u64(),
                ("pattern", Json::String(pattern)) => match Regex::new(pattern) {
                    Ok(regex) => rule.pattern = Some(regex),
                    Err(_) => self.schema.unknown.push(here),
                },
                ("format", Json::String(format)) => rule.format = Some(format.clone()),
                (silent, _) if SILENT.contains(&silent) => {}
                _ => self.schema.unknown.push(here),
            }
        }
        rule
    }

    /// Branches that are single values are one choice among values.
    fn read_branches(&mut self, rule: &mut Rule, here: &str, branches: &[Json]) {
        let single = |b: &Json| b.get("const").is_some() || b.get("enum").is_some();
        if branches.iter().all(single) {
            for branch in branches {
                rule.values.extend(branch.get("const").cloned());
                rule.values
                    .extend(branch.get("enum").and_then(Json::as_array).into_iter().flatten().cloned());
            }
            return;
        }
        rule.branches =
            branches.iter().enumerate().map(|(i, b)| self.add(&format!("{here}/{i}"), b)).collect();
    }
}
