//! What an action declares of itself: its arguments, its outputs, and what it restores from.
//!
//! The actions themselves live in the room `actions`; validation, the JSON Schema and the plan see only this.

use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use crate::duration::{Span, Time};
use crate::estate::PointKind;

pub struct ActionDecl {
    /// `rds.restore`
    pub name: &'static str,
    /// One sentence for people.
    pub summary: &'static str,
    /// The schema of `with:`, from the type that the action decodes it into.
    pub args: fn(&mut SchemaGenerator) -> Schema,
    /// What arguments that fit the schema may still have wrong (two of three that exclude each other…).
    pub check: fn(&Value) -> Vec<ArgProblem>,
    pub outputs: &'static [Output],
    /// The recovery point that these arguments ask for, where the action restores or copies one.
    pub source: fn(&Value) -> Option<SourceSpec>,
    /// The API calls that it makes, besides observing and tagging what it made.
    pub calls: &'static [&'static str],
}

/// Something wrong with arguments, at a JSON pointer below `with` (`/from/point`; empty: `with` itself).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgProblem {
    pub pointer: String,
    pub message: String,
    pub help: String,
}

/// A value that `{{ steps.ID.NAME }}` may name.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    pub name: &'static str,
    pub doc: &'static str,
    pub shape: Shape,
}

#[derive(Debug, Clone, Copy)]
pub enum Shape {
    Text,
    Number,
    /// A list of texts: `steps.ID.NAME.0`
    Texts,
    /// A list of records: `steps.ID.NAME.0.FIELD`
    Records(&'static [Output]),
    /// A record whose fields are known only at run time: `steps.ID.NAME.ANY`
    Open,
}

/// What an action wants to restore from, as its arguments say.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceSpec {
    pub what: SourceWhat,
    pub kinds: Vec<PointKind>,
    /// A copy: the point may lie in any surviving region.
    pub across_regions: bool,
    /// It restores data whose age counts towards RPO. A copy does not: what is restored from it does.
    pub data: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum SourceWhat {
    /// Points of a resource or a tag: type (`rds:db`), name or `tag:k=v`, and which point.
    Of { kind: &'static str, name: String, point: PointSpec },
    /// A point by its id or ARN; it may be an expression still.
    Id(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PointSpec {
    Latest,
    Id(String),
    /// A timestamp, or a time relative to T0.
    At(Time),
    BeforeT0(Span),
}

impl PointSpec {
    /// `latest`, an RFC 3339 timestamp, a time relative to T0 (`-2h`), else a recovery point's id.
    pub fn read(text: Option<&str>) -> Self {
        match text {
            None | Some("latest") => Self::Latest,
            Some(text) => match text.parse() {
                Ok(crate::duration::When::At(time)) => Self::At(time),
                Ok(crate::duration::When::BeforeT0(span)) => Self::BeforeT0(span),
                _ => Self::Id(text.to_owned()),
            },
        }
    }
}

/// All the actions there are.
#[derive(Clone, Copy)]
pub struct Catalogue(pub &'static [&'static ActionDecl]);

impl Catalogue {
    pub fn get(self, name: &str) -> Option<&'static ActionDecl> {
        self.0.iter().find(|decl| decl.name == name).copied()
    }
}
