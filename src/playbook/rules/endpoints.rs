//! The addresses of checks, as far as it is known what the outputs in them look like: a port in the
//! place where the output already has one, no scheme, another protocol than the database's.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::json;

use super::Context;
use super::facts::Facts;
use crate::action::SourceWhat;
use crate::address::authority;
use crate::check::CheckKind;
use crate::draft::{Draft, Item};
use crate::endpoint::{self, Server};
use crate::expr::is_template;
use estate::engine::default_port;
use yaml::{Diagnostics, Node};

static EXPRESSION: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\{\{\{?\s*([^{}]*?)\s*\}\}\}?").ok());

/// Stands for a value that is known only during the run.
const UNKNOWN: &str = "\u{FFFC}";

/// The end of a made-up host name. A step's id stands before it.
const HOST: &str = ".step.invalid";

pub fn check(draft: &Draft<'_>, facts: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    for item in draft.items.iter().filter(|item| !item.is_step) {
        let [(kind, entry)] = item.kinds.as_slice() else { continue };
        let key = ["url", "address"].into_iter().find(|key| entry.value.get(key).is_some());
        let Some((key, node)) = key.and_then(|key| Some((key, entry.value.get(key)?))) else { continue };
        // A text without expressions has been read with the check's other values.
        let Some(text) = node.as_str().filter(|text| is_template(text)) else { continue };
        let Some(sample) = sample(draft, facts, text) else { continue };
        let mut spec = entry.value.to_json();
        spec[key] = json!(sample);
        let Ok(spec) = serde_json::from_value::<CheckKind>(json!({ kind.key(): spec })) else { continue };
        let bad = match endpoint::read(&spec) {
            Ok(None) => continue,
            Ok(Some(address)) => {
                let step = address.host.strip_suffix(HOST).and_then(|id| draft.index_of(id));
                let Some(index) = step else { continue };
                let (engine, port) = database(draft, facts, index);
                match address.fits(Server { engine: engine.as_deref(), port }) {
                    Ok(()) => continue,
                    Err(bad) => bad,
                }
            }
            Err(bad) => bad,
        };
        let said = format!("the {} cannot be asked: {}", item.name(), bad.message.replace(HOST, ""));
        out.push(draft.source.error(node.span, said).help(bad.help));
    }
}

/// The text with outputs as they look during a run. `None` if it is not known what the scheme, the
/// host or the port will be.
fn sample(draft: &Draft<'_>, facts: &Facts<'_>, text: &str) -> Option<String> {
    let expression = EXPRESSION.as_ref()?;
    let sample = expression.replace_all(text, |found: &regex::Captures<'_>| {
        let path: Vec<&str> = found.get(1).map_or("", |inner| inner.as_str()).split('.').collect();
        match path.as_slice() {
            ["steps", id, rest @ ..] => output(draft, facts, id, rest).unwrap_or_else(|| UNKNOWN.to_owned()),
            _ => UNKNOWN.to_owned(),
        }
    });
    let scheme = sample.split_once("://").map_or("", |(scheme, _)| scheme);
    let known = !authority(&sample).contains(UNKNOWN) && !scheme.contains(UNKNOWN);
    // What is left of an expression has been reported.
    (known && !is_template(&sample)).then(|| sample.into_owned())
}

/// How an output of a step looks. `None` for an output that may look in many ways.
fn output(draft: &Draft<'_>, facts: &Facts<'_>, id: &str, path: &[&str]) -> Option<String> {
    let index = draft.index_of(id)?;
    let decl = draft.items.get(index)?.decl?;
    let port = || database(draft, facts, index).1.unwrap_or(5432);
    match (decl.service(), path) {
        ("rds", ["endpoint" | "reader_endpoint"]) => Some(format!("{id}{HOST}:{}", port())),
        ("rds", ["address"]) => Some(format!("{id}{HOST}")),
        ("rds", ["port"]) => Some(port().to_string()),
        ("ec2", [.., "private_ip" | "public_ip"]) => Some("10.0.0.1".to_owned()),
        _ => None,
    }
}

/// The engine and the port of the database that a step makes, as far as they are known.
fn database(draft: &Draft<'_>, facts: &Facts<'_>, index: usize) -> (Option<String>, Option<i32>) {
    let Some(item) = draft.items.get(index) else { return (None, None) };
    let given = |key: &str| item.with.and_then(|with| with.get(key));
    let engine = match given("engine").and_then(Node::as_str) {
        Some(text) => Some(text.to_owned()).filter(|text| !is_template(text)),
        None => of_estate(facts, item, index),
    };
    let port = match given("port") {
        // An expression is known only during the run.
        Some(node) => node.to_json().as_i64().and_then(|port| i32::try_from(port).ok()),
        None => engine.as_deref().and_then(default_port),
    };
    (engine, port)
}

/// The engine that the estate gives for the source of a step.
fn of_estate(facts: &Facts<'_>, item: &Item<'_>, index: usize) -> Option<String> {
    let of = |kind: &str, name: &str| facts.engine(kind, name).map(str::to_owned);
    match facts.sources.get(index).and_then(Option::as_ref).map(|source| &source.what) {
        Some(SourceWhat::Of { kind, name, .. }) => of(kind, name),
        Some(SourceWhat::Id(id)) => {
            let point = facts.points(id).first()?;
            point.engine.clone().or_else(|| of(&point.of.kind, &point.of.name))
        }
        None => {
            let db = item.with?.get("from")?.get("db")?.as_str()?;
            of("rds:db", base::ids::name_of(db))
        }
    }
}
