//! Helpers for the arguments of several actions: sources, and values that may be expressions.

use estate::PointKind;
use playbook::action::{ArgProblem, PointSpec, Purpose, SourceSpec, SourceWhat};
use playbook::expr::is_template;
use playbook::expr_value::Expr;

pub fn of(kind: &'static str, name: &str, point: Option<&str>) -> SourceWhat {
    SourceWhat::Of { kind, name: name.to_owned(), point: PointSpec::read(point) }
}

/// The source of a copy, which takes a point from any surviving region.
pub fn copied(what: SourceWhat, kinds: &[PointKind]) -> SourceSpec {
    source(what, kinds, Purpose::Copy, true)
}

/// The source of a restore in the sandbox's own region.
pub fn restored(what: SourceWhat, kinds: &[PointKind], data: bool) -> SourceSpec {
    source(what, kinds, Purpose::Restore { data }, false)
}

/// The source of a restore of data that reads from any surviving region.
pub fn restored_from_afar(what: SourceWhat, kinds: &[PointKind]) -> SourceSpec {
    source(what, kinds, Purpose::Restore { data: true }, true)
}

fn source(what: SourceWhat, kinds: &[PointKind], purpose: Purpose, across_regions: bool) -> SourceSpec {
    SourceSpec {
        what,
        kinds: kinds.to_vec(),
        across_regions,
        purpose,
        stands_for: None,
        region: None,
        account: None,
        owner: None,
    }
}

/// A text, if it is known before the run.
pub fn known(text: &str) -> Option<String> {
    (!is_template(text)).then(|| text.to_owned())
}

/// A number of things, 1 if it is not given. `None` if it is known only during the run.
pub fn count(given: Option<&Expr<u32>>) -> Option<u32> {
    given.map_or(Some(1), |given| given.get().ok().copied())
}

/// `{ name, point }` or `{ snapshot }`.
pub fn named_or_snapshot(
    kind: &'static str,
    name: Option<&str>,
    point: Option<&str>,
    snapshot: Option<&str>,
) -> Option<SourceWhat> {
    match (name, snapshot) {
        (Some(name), None) => Some(of(kind, name, point)),
        (None, Some(snapshot)) => Some(SourceWhat::Id(snapshot.to_owned())),
        _ => None,
    }
}

/// Reports if not exactly one of these arguments is given at `pointer`. Each key is paired with
/// whether it is given.
pub fn exactly_one(pointer: &str, keys: &[(&str, bool)]) -> Vec<ArgProblem> {
    let name = |(key, _): &(&str, bool)| format!("`{key}`");
    let given: Vec<String> = keys.iter().filter(|(_, given)| *given).map(name).collect();
    let list = keys.iter().map(name).collect::<Vec<_>>().join(" or ");
    let (message, help) = match given.as_slice() {
        [] => (format!("it does not say {list}"), format!("give one of {list}")),
        [_] => return Vec::new(),
        several => (format!("{} exclude each other", several.join(" and ")), "keep one of them".into()),
    };
    vec![ArgProblem { pointer: pointer.to_owned(), message, help }]
}

/// The same for a source in `from`. Reports a `point` beside `snapshot` too.
pub fn one_source(keys: &[(&str, bool)], point: Option<&str>) -> Vec<ArgProblem> {
    let mut problems = exactly_one("/from", keys);
    let mut given = keys.iter().filter(|(_, given)| *given);
    if let (Some(("snapshot", _)), None, Some(_)) = (given.next(), given.next(), point) {
        problems.push(ArgProblem {
            pointer: "/from/point".into(),
            message: "`snapshot` already names the recovery point, so `point` has no effect".into(),
            help: "remove `point`".into(),
        });
    }
    problems
}
