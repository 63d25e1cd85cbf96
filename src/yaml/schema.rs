//! A JSON Schema, compiled once so that thousands of nodes can be checked quickly.
//!
//! It supports the keywords that `schemars` derives from our types. A test fails on any other
//! keyword, so no user meets one.

use std::collections::HashMap;

use regex::Regex;
use serde_json::Value as Json;

/// A set of value types, one bit each.
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

/// What the keys that `properties` does not name may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Additional {
    #[default]
    Anything,
    Nothing,
    Schema(usize),
}

#[derive(Debug, Default)]
pub struct Property {
    pub name: String,
    pub subschema: usize,
    pub description: Option<String>,
}

/// One of the schemas that make up a schema document.
#[derive(Debug, Default)]
pub struct Subschema {
    /// The types in `type`. [`Types::ANY`] without it.
    pub own_types: Types,
    /// The types in `type`, or else those of the reference or the branches.
    pub types: Types,
    pub properties: Vec<Property>,
    pub by_name: HashMap<String, usize>,
    pub required: Vec<String>,
    pub additional: Additional,
    pub property_names: Option<usize>,
    pub items: Option<usize>,
    /// The values of `enum` and `const`.
    pub values: Vec<Json>,
    /// The schemas of `anyOf` and `oneOf`.
    pub branches: Vec<usize>,
    /// The schemas of `allOf`.
    pub all: Vec<usize>,
    pub reference: Option<usize>,
    pub minimum: Option<f64>,
    pub maximum: Option<f64>,
    /// The shortest and the longest text, in characters.
    pub lengths: (Option<u64>, Option<u64>),
    /// The smallest and the largest number of items.
    pub counts: (Option<u64>, Option<u64>),
    pub pattern: Option<Regex>,
    pub format: Option<String>,
}

/// A compiled schema document. Subschema 0 is its root.
#[derive(Debug, Default)]
pub struct Schema {
    subschemas: Vec<Subschema>,
    /// Keywords that are not supported.
    pub unknown: Vec<String>,
}

/// Keywords that do not decide whether a value fits. `if` and `then` are for editors, since our
/// rules check the same.
const IGNORED: [&str; 11] = [
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
        for index in 0..schema.subschemas.len() {
            let types = schema.effective(index, 0);
            if let Some(subschema) = schema.subschemas.get_mut(index) {
                subschema.types = types;
            }
        }
        schema
    }

    pub fn subschema(&self, index: usize) -> Option<&Subschema> {
        self.subschemas.get(index)
    }

    fn effective(&self, index: usize, depth: usize) -> Types {
        let Some(subschema) = self.subschemas.get(index).filter(|_| depth < 32) else { return Types::ANY };
        if subschema.own_types != Types::ANY {
            return subschema.own_types;
        }
        if let Some(target) = subschema.reference {
            return self.effective(target, depth + 1);
        }
        let union = |all: Vec<Types>| all.into_iter().reduce(Types::and);
        union(subschema.values.iter().map(Types::of).collect())
            .or_else(|| union(subschema.branches.iter().map(|b| self.effective(*b, depth + 1)).collect()))
            .unwrap_or(Types::ANY)
    }
}

struct Compiler<'a> {
    document: &'a Json,
    schema: Schema,
    /// The subschemas by their JSON pointer. References are resolved with it, and may be recursive.
    known: HashMap<String, usize>,
}

impl Compiler<'_> {
    fn add(&mut self, pointer: &str, json: &Json) -> usize {
        if let Some(known) = self.known.get(pointer) {
            return *known;
        }
        let index = self.schema.subschemas.len();
        self.known.insert(pointer.to_owned(), index);
        self.schema.subschemas.push(Subschema { own_types: Types::ANY, ..Subschema::default() });
        let subschema = self.read(pointer, json);
        if let Some(place) = self.schema.subschemas.get_mut(index) {
            *place = subschema;
        }
        index
    }

    fn read(&mut self, pointer: &str, json: &Json) -> Subschema {
        let mut subschema = Subschema { own_types: Types::ANY, ..Subschema::default() };
        let Json::Object(keywords) = json else { return subschema };
        for (keyword, value) in keywords {
            let here = format!("{pointer}/{keyword}");
            match (keyword.as_str(), value) {
                ("type", Json::String(name)) => subschema.own_types = Types::named(name),
                ("type", Json::Array(names)) => {
                    subschema.own_types = names
                        .iter()
                        .filter_map(Json::as_str)
                        .map(Types::named)
                        .fold(Types::default(), Types::and);
                }
                ("properties", Json::Object(properties)) => {
                    for (name, schema) in properties {
                        let index = self.add(&format!("{here}/{name}"), schema);
                        let description = schema.get("description").and_then(Json::as_str).map(str::to_owned);
                        subschema.by_name.insert(name.clone(), subschema.properties.len());
                        subschema.properties.push(Property {
                            name: name.clone(),
                            subschema: index,
                            description,
                        });
                    }
                }
                ("required", Json::Array(names)) => {
                    subschema.required = names.iter().filter_map(Json::as_str).map(str::to_owned).collect();
                }
                ("additionalProperties", Json::Bool(false)) => subschema.additional = Additional::Nothing,
                ("additionalProperties", Json::Bool(true)) => subschema.additional = Additional::Anything,
                ("additionalProperties", schema) => {
                    subschema.additional = Additional::Schema(self.add(&here, schema));
                }
                ("propertyNames", schema) => subschema.property_names = Some(self.add(&here, schema)),
                ("items", schema) => subschema.items = Some(self.add(&here, schema)),
                ("enum", Json::Array(values)) => subschema.values.extend(values.iter().cloned()),
                ("const", value) => subschema.values.push(value.clone()),
                ("anyOf" | "oneOf", Json::Array(branches)) => {
                    self.read_branches(&mut subschema, &here, branches);
                }
                ("allOf", Json::Array(all)) => {
                    let unconditional =
                        all.iter().enumerate().filter(|(_, schema)| schema.get("if").is_none());
                    subschema.all =
                        unconditional.map(|(i, schema)| self.add(&format!("{here}/{i}"), schema)).collect();
                }
                ("$ref", Json::String(target)) => {
                    let target = target.trim_start_matches('#').to_owned();
                    if let Some(schema) = self.document.pointer(&target) {
                        subschema.reference = Some(self.add(&target, schema));
                    }
                }
                ("minimum", n) => subschema.minimum = n.as_f64(),
                ("maximum", n) => subschema.maximum = n.as_f64(),
                ("minLength", n) => subschema.lengths.0 = n.as_u64(),
                ("maxLength", n) => subschema.lengths.1 = n.as_u64(),
                ("minItems", n) => subschema.counts.0 = n.as_u64(),
                ("maxItems", n) => subschema.counts.1 = n.as_u64(),
                ("pattern", Json::String(pattern)) => match Regex::new(pattern) {
                    Ok(regex) => subschema.pattern = Some(regex),
                    Err(_) => self.schema.unknown.push(here),
                },
                ("format", Json::String(format)) => subschema.format = Some(format.clone()),
                (ignored, _) if IGNORED.contains(&ignored) => {}
                _ => self.schema.unknown.push(here),
            }
        }
        subschema
    }

    /// Reads the branches. If all of them are single values, they become one choice among values.
    fn read_branches(&mut self, subschema: &mut Subschema, here: &str, branches: &[Json]) {
        let single = |b: &Json| b.get("const").is_some() || b.get("enum").is_some();
        if branches.iter().all(single) {
            for branch in branches {
                subschema.values.extend(branch.get("const").cloned());
                subschema
                    .values
                    .extend(branch.get("enum").and_then(Json::as_array).into_iter().flatten().cloned());
            }
            return;
        }
        subschema.branches =
            branches.iter().enumerate().map(|(i, b)| self.add(&format!("{here}/{i}"), b)).collect();
    }
}
