//! The names in expressions. Each must exist, as far as that is known before the run.

use std::collections::HashSet;

use super::Context;
use super::facts::Facts;
use crate::action::{Output, Shape};
use crate::draft::{Draft, Item, Use};
use crate::expr::ROOTS;
use crate::secret::is_variable;
use yaml::diagnostic::{list, nearest, suggest};
use yaml::{Diagnostics, Node, Value};

/// The values of the sandbox that expressions can use.
const SANDBOX: [&str; 6] = ["vpc_id", "subnet_ids", "security_group_id", "account", "region", "cidr"];
const RUN: [&str; 2] = ["id", "t0"];

pub fn check(draft: &Draft<'_>, _: &Facts<'_>, _: &Context<'_>, out: &mut Diagnostics) {
    let mut params: HashSet<&str> = draft.rendered_params.iter().map(String::as_str).collect();
    let of_items = draft.items.iter().map(|item| (Some(item), &item.uses_of_names));
    for (item, uses) in of_items.chain([(None, &draft.uses_in_sandbox)]) {
        for used in uses {
            if let [root, name, ..] = used.path.as_slice()
                && root == "params"
            {
                // A mistyped name has been reported, so it counts as a use of the similar
                // parameter.
                params.insert(if draft.params.get(name).is_some() {
                    name.as_str()
                } else {
                    nearest(name, draft.params.names()).unwrap_or(name)
                });
            } else if let [first, ..] = used.path.as_slice() {
                params.insert(first.as_str());
            }
            if let Err((message, help)) = resolve(draft, item, used) {
                out.push(draft.source.error(used.span, message).help(help));
            }
        }
    }
    if draft.expressions_broken {
        return;
    }
    for entry in draft.params.entries.iter().filter(|entry| !params.contains(entry.key.as_str())) {
        out.push(
            draft
                .source
                .warning(entry.key_span, format!("nothing uses the parameter `{}`", entry.key))
                .help(format!("use it as \"{{{{ params.{} }}}}\", or remove it", entry.key)),
        );
    }
}

type Wrong = (String, String);

fn resolve(draft: &Draft<'_>, item: Option<&Item<'_>>, used: &Use) -> Result<(), Wrong> {
    let path: Vec<&str> = used.path.iter().map(String::as_str).collect();
    let shown = used.path.join(".");
    match path.as_slice() {
        ["params"] => Err((format!("`{shown}` names no parameter"), named(draft.params.names(), "params"))),
        ["params", name, rest @ ..] => param(draft, name, rest, &shown, used.rendered),
        ["steps"] => Err((format!("`{shown}` names no step"), "write `steps.ID.OUTPUT`".into())),
        ["steps", id, rest @ ..] => step(draft, item, id, rest, &shown, used.rendered),
        ["sandbox", rest @ ..] => match rest {
            ["subnet_ids"] if used.rendered => Err(is_list(&shown, "")),
            ["subnet_ids", index] if index.parse::<usize>().is_ok() => Ok(()),
            rest => fixed("sandbox", rest, &SANDBOX),
        },
        ["run", rest @ ..] => fixed("run", rest, &RUN),
        ["accounts", name, rest @ ..] => {
            if draft.accounts.broken || draft.accounts.get(name).is_some() {
                return fixed(&format!("accounts.{name}"), rest, &["id"]);
            }
            let help = suggest(name, draft.accounts.names(), "account");
            Err((
                format!("there is no account `{name}`"),
                help.unwrap_or_else(|| "there are no `accounts`".into()),
            ))
        }
        // The rule for secrets checks the reference.
        ["secret", _] | [] => Ok(()),
        ["secret", ..] => Err((
            "`secret` needs the reference of a secret".into(),
            "write `{{ secret \"file:/path\" }}`, `{{ secret \"command:pass show db\" }}` or `{{ secret \"aws:NAME\" }}`".into(),
        )),
        ["env", name] if is_variable(name) => Ok(()),
        ["env", name] => Err((
            format!("`{name}` cannot be the name of an environment variable"),
            "its names are letters, digits and `_`, and do not begin with a digit".into(),
        )),
        ["env", ..] => Err((format!("`{shown}` names no environment variable"), "write `env.NAME`".into())),
        ["accounts", ..] => Err((format!("`{shown}` names nothing"), "write `accounts.NAME.id`".into())),
        [first, rest @ ..] => Err(unknown_root(draft, first, rest)),
    }
}

fn unknown_root(draft: &Draft<'_>, first: &str, rest: &[&str]) -> Wrong {
    let tail = dotted(rest);
    let help = if draft.params.get(first).is_some() {
        format!("did you mean `params.{first}{tail}`?")
    } else if draft.item_of(first).is_some_and(|item| item.is_step) {
        format!("did you mean `steps.{first}{tail}`?")
    } else {
        match nearest(first, ROOTS) {
            Some(near) => format!("did you mean `{near}{tail}`?"),
            None => format!("expressions begin with {}", list(&ROOTS)),
        }
    };
    (format!("`{first}` is not a name that expressions know"), help)
}

fn fixed(what: &str, rest: &[&str], known: &[&str]) -> Result<(), Wrong> {
    match rest {
        [name] if known.contains(name) => Ok(()),
        [name, more @ ..] if known.contains(name) => Err((
            format!("`{what}.{name}` is a single value: it has no `{}`", more.join(".")),
            format!("write `{what}.{name}`"),
        )),
        [name, ..] => Err((
            format!("`{what}` has no `{name}`"),
            suggest(name, known.iter().copied(), "name").unwrap_or_default(),
        )),
        [] => Err((format!("`{what}` is not a single value"), format!("name one of {}", list(known)))),
    }
}

fn named<'a>(names: impl Iterator<Item = &'a str>, root: &str) -> String {
    let names: Vec<&str> = names.take(20).collect();
    if names.is_empty() { format!("there are no `{root}`") } else { format!("name one of {}", list(&names)) }
}

fn is_list(shown: &str, field: &str) -> Wrong {
    (format!("`{shown}` is a list, not a single value"), format!("name one of its items: `{shown}.0{field}`"))
}

fn param(draft: &Draft<'_>, name: &str, rest: &[&str], shown: &str, rendered: bool) -> Result<(), Wrong> {
    if draft.params.broken {
        return Ok(());
    }
    let Some(entry) = draft.params.get(name) else {
        let help = suggest(name, draft.params.names(), "parameter");
        let help = help.unwrap_or_else(|| format!("add it: `params: {{ {name}: … }}`"));
        return Err((format!("there is no parameter `{name}`"), help));
    };
    let mut node: &Node = &entry.value;
    for part in rest {
        let next = match &node.value {
            Value::Map(map) => map.get(part),
            Value::Seq(items) => part.parse::<usize>().ok().and_then(|i| items.get(i)),
            Value::Null | Value::Broken | Value::Bool(_) | Value::Number(..) | Value::Str(_) => None,
        };
        let Some(next) = next else {
            return Err((
                format!("there is no `{part}` in the value of `params.{name}`"),
                format!("it is {}", node.describe()),
            ));
        };
        node = next;
    }
    match node.value {
        Value::Seq(_) if rendered => Err(is_list(shown, "")),
        Value::Map(_) if rendered => {
            Err((format!("`{shown}` is a mapping, not a single value"), "name one of its keys".into()))
        }
        Value::Null
        | Value::Broken
        | Value::Bool(_)
        | Value::Number(..)
        | Value::Str(_)
        | Value::Seq(_)
        | Value::Map(_) => Ok(()),
    }
}

fn step(
    draft: &Draft<'_>,
    item: Option<&Item<'_>>,
    id: &str,
    rest: &[&str],
    shown: &str,
    rendered: bool,
) -> Result<(), Wrong> {
    let Some(target) = draft.item_of(id) else {
        if draft.ids_broken && draft.nearest_id(id, true).is_none() {
            return Ok(());
        }
        let help = draft.suggest_id(id, true);
        return Err((format!("there is no step `{id}`"), help));
    };
    if !target.is_step {
        return Err((format!("`{id}` is a check, and checks have no outputs"), "name a step".into()));
    }
    if item.is_some_and(|item| std::ptr::eq(target, item)) {
        return Err((
            format!("the step `{id}` uses its own output"),
            "its outputs exist only after it has succeeded".into(),
        ));
    }
    // An unknown action has been reported, and its outputs are unknown too.
    let Some(decl) = target.decl else { return Ok(()) };
    match rest {
        [] => Err((format!("`{shown}` names no output"), outputs(decl.name, decl.outputs))),
        [name, rest @ ..] => {
            let Some(output) = decl.outputs.iter().find(|output| output.name == *name) else {
                let help = nearest(name, decl.outputs.iter().map(|o| o.name)).map_or_else(
                    || outputs(decl.name, decl.outputs),
                    |near| format!("did you mean `{near}`?"),
                );
                return Err((format!("`{}` (step `{id}`) has no output `{name}`", decl.name), help));
            };
            shape(output.shape, rest, shown, &format!("steps.{id}.{name}"), rendered)
        }
    }
}

fn outputs(action: &str, outputs: &[Output]) -> String {
    if outputs.is_empty() {
        return format!("`{action}` has no outputs");
    }
    let all: Vec<String> = outputs.iter().map(|o| format!("`{}` ({})", o.name, o.doc)).collect();
    format!("`{action}` has {}", all.join(", "))
}

fn shape(shape: Shape, rest: &[&str], shown: &str, base: &str, rendered: bool) -> Result<(), Wrong> {
    let index = |text: &str| text.parse::<usize>().is_ok();
    let single = |base: &str, more: &[&str]| {
        Err((
            format!("`{base}` is a single value: it has no `{}`", more.join(".")),
            format!("write `{base}`"),
        ))
    };
    match (shape, rest) {
        (Shape::Texts, []) if rendered => Err(is_list(shown, "")),
        (Shape::Records(fields), []) if rendered => {
            Err(is_list(shown, &fields.first().map(|f| format!(".{}", f.name)).unwrap_or_default()))
        }
        (Shape::Texts | Shape::Records(_), [at, more @ ..]) if !index(at) => {
            let tail =
                if matches!(shape, Shape::Texts) { String::new() } else { format!(".{at}{}", dotted(more)) };
            Err((
                format!("`{base}` is a list: it has no `{at}`"),
                format!("name an item by its number, from 0: `{base}.0{tail}`"),
            ))
        }
        (Shape::Records(fields), [at]) if rendered => Err((
            format!("`{base}.{at}` is a record, not a single value"),
            format!("name a field: {}", fields_of(fields)),
        )),
        (Shape::Open, []) if rendered => {
            Err((format!("`{base}` is a record, not a single value"), format!("name a field: `{base}.NAME`")))
        }
        (_, []) | (Shape::Records(_) | Shape::Texts | Shape::Open, [_]) => Ok(()),
        (Shape::Text | Shape::Number, more) => single(base, more),
        (Shape::Texts | Shape::Open, [at, more @ ..]) => single(&format!("{base}.{at}"), more),
        (Shape::Records(fields), [at, name, more @ ..]) => {
            if let Some(field) = fields.iter().find(|f| f.name == *name) {
                return self::shape(field.shape, more, shown, &format!("{base}.{at}.{name}"), rendered);
            }
            let help = suggest(name, fields.iter().map(|f| f.name), "field").unwrap_or_default();
            Err((format!("`{base}.{at}` has no `{name}`"), help))
        }
    }
}

fn dotted(parts: &[&str]) -> String {
    parts.iter().flat_map(|part| [".", part]).collect()
}

fn fields_of(fields: &[Output]) -> String {
    let names: Vec<&str> = fields.iter().map(|f| f.name).collect();
    list(&names)
}
