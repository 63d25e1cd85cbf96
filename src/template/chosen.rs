//! Visits the functions of a template that a deployment evaluates: those in branches of `Fn::If`
//! that are known not to be taken are left out.

use super::resolve::Resolver;
use super::value::Truth;
use yaml::{Entry, Node, Value};

/// Passes each function, such as the entry of `Ref` or `Fn::GetAtt`, to `see`. Functions inside
/// the arguments of others come after them.
pub(super) fn functions<'n>(resolver: &Resolver<'_>, node: &'n Node, see: &mut impl FnMut(&'n Entry)) {
    match &node.value {
        Value::Map(map) => {
            let function = match map.entries.as_slice() {
                [one] if one.key == "Ref" || one.key.starts_with("Fn::") => Some(one),
                _ => None,
            };
            if let Some(function) = function {
                see(function);
                if function.key == "Fn::If" {
                    return branches(resolver, &function.value, see);
                }
            }
            map.entries.iter().for_each(|entry| functions(resolver, &entry.value, see));
        }
        Value::Seq(items) => items.iter().for_each(|item| functions(resolver, item, see)),
        Value::Null | Value::Broken | Value::Bool(_) | Value::Number(..) | Value::Str(_) => {}
    }
}

fn branches<'n>(resolver: &Resolver<'_>, arguments: &'n Node, see: &mut impl FnMut(&'n Entry)) {
    let [condition, then, otherwise] = arguments.as_seq().unwrap_or_default() else { return };
    let truth = condition.as_str().map_or(Truth::Open, |name| resolver.holds(name));
    if truth != Truth::No {
        functions(resolver, then, see);
    }
    if truth != Truth::Yes {
        functions(resolver, otherwise, see);
    }
}

/// The names that a `Ref`, `Fn::GetAtt` or `Fn::Sub` refers to, without attributes.
pub(super) fn names(function: &Entry) -> impl Iterator<Item = &str> {
    let argument = &function.value;
    let mut found = Vec::new();
    match function.key.as_str() {
        "Ref" => found.extend(argument.as_str()),
        "Fn::GetAtt" => match argument.as_str() {
            Some(text) => found.push(text.split_once('.').map_or(text, |(of, _)| of)),
            None => found.extend(argument.as_seq().and_then(<[Node]>::first).and_then(Node::as_str)),
        },
        "Fn::Sub" => {
            let (text, own) = match argument.as_seq() {
                Some([text, own, ..]) => (text.as_str(), Some(own)),
                Some([text]) => (text.as_str(), None),
                _ => (argument.as_str(), None),
            };
            let parts = text.unwrap_or_default().split("${").skip(1);
            let used = parts.filter_map(|part| part.split_once('}')).map(|(name, _)| name.trim());
            for name in used.filter(|name| !name.starts_with('!')) {
                if own.is_none_or(|own| own.get(name).is_none()) {
                    found.push(name.split_once('.').map_or(name, |(of, _)| of));
                }
            }
        }
        _ => {}
    }
    found.into_iter()
}
