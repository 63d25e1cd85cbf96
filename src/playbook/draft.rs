//! A playbook as far as it can be read, with positions. Rules work on it even if other parts are
//! broken.
//!
//! A part that could not be read is absent here. Its mistake has been reported, so rules skip it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;

use super::action::{ActionDecl, Catalogue};
use super::check::CheckType;
use super::expr::{self, Reference};
use estate::Loss;
use yaml::diagnostic::{list, nearest};
use yaml::{Diagnostics, Entry, Map, Node, Source, Span, Value};

/// How many comparisons the searches for similar ids may make in one playbook.
const MOST_COMPARISONS: usize = 200_000;

/// A text with its place in the file.
#[derive(Debug, Clone, Copy)]
pub struct Text<'a> {
    pub text: &'a str,
    pub span: Span,
}

impl<'a> Text<'a> {
    fn of(node: &'a Node) -> Option<Self> {
        Some(Self { text: node.as_str()?, span: node.span })
    }

    pub fn parse<T: FromStr>(&self) -> Option<T> {
        self.text.parse().ok()
    }
}

/// The entries of a mapping of names: `accounts`, `workloads`, `params`.
#[derive(Debug, Default)]
pub struct Names<'a> {
    pub entries: Vec<&'a Entry>,
    known: HashMap<&'a str, &'a Entry>,
    /// The mapping could not be read, so its names are unknown.
    pub broken: bool,
}

impl<'a> Names<'a> {
    pub fn of(node: Option<&'a Node>) -> Self {
        match node.map(|node| &node.value) {
            Some(Value::Map(map)) => {
                let mut known = HashMap::new();
                for entry in &map.entries {
                    known.entry(entry.key.as_str()).or_insert(entry);
                }
                Self { entries: map.entries.iter().collect(), known, broken: false }
            }
            None | Some(Value::Null) => Self::default(),
            Some(_) => Self { broken: true, ..Self::default() },
        }
    }

    pub fn get(&self, name: &str) -> Option<&'a Entry> {
        self.known.get(name).copied()
    }

    pub fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.entries.iter().map(|entry| entry.key.as_str())
    }
}

/// A name in an expression of a step or check, with its place in the file.
#[derive(Debug)]
pub struct Use {
    pub path: Vec<String>,
    pub span: Span,
    /// Its value is printed, so it must be a single value.
    pub rendered: bool,
}

/// A step or a check.
pub struct Item<'a> {
    pub node: &'a Node,
    pub is_step: bool,
    pub id: Option<Text<'a>>,
    pub workload: Option<Text<'a>>,
    pub needs: Vec<Text<'a>>,
    /// The action that a step names.
    pub uses: Option<Text<'a>>,
    pub decl: Option<&'static ActionDecl>,
    pub with: Option<&'a Node>,
    /// The kinds that a check has. A correct check has exactly one.
    pub kinds: Vec<(CheckType, &'a Entry)>,
    pub uses_of_names: Vec<Use>,
}

impl<'a> Item<'a> {
    /// The span to show for a mistake of the whole item.
    pub fn span(&self) -> Span {
        self.id.map_or(Span::new(self.node.span.start, self.node.span.start + 1), |id| id.span)
    }

    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.node.get(key)
    }

    pub fn name(&self) -> String {
        let kind = if self.is_step { "step" } else { "check" };
        self.id.map_or_else(|| format!("a {kind}"), |id| format!("{kind} `{}`", id.text))
    }
}

/// A playbook as far as it can be read.
pub struct Draft<'a> {
    pub source: &'a Source,
    pub root: &'a Node,
    pub accounts: Names<'a>,
    pub workloads: Names<'a>,
    pub params: Names<'a>,
    /// The parameters that were rendered already: those in `lose`.
    pub rendered_params: BTreeSet<String>,
    /// The loss and its place in the file, if exactly one is named.
    pub loss: Option<(Loss, Span)>,
    /// Steps first, then checks, each in the order of the file.
    pub items: Vec<Item<'a>>,
    /// The names in expressions of `sandbox.names`.
    pub uses_in_sandbox: Vec<Use>,
    by_id: HashMap<&'a str, usize>,
    /// The results of earlier searches, and the number of comparisons left. Without a limit,
    /// thousands of wrong names among thousands of ids would take minutes.
    searches: RefCell<(HashMap<String, Option<String>>, usize)>,
    /// Some ids could not be read, so an unknown id may be one of them.
    pub ids_broken: bool,
    /// Some expressions could not be read, so the names that they use are unknown.
    pub expressions_broken: bool,
}

impl<'a> Draft<'a> {
    /// Reads what can be read. Reports the expressions that cannot.
    pub fn read(source: &'a Source, root: &'a Node, catalogue: Catalogue, out: &mut Diagnostics) -> Self {
        let mut draft = Self {
            source,
            root,
            accounts: Names::of(root.get("accounts")),
            workloads: Names::of(root.get("workloads")),
            params: Names::of(root.get("params")),
            rendered_params: BTreeSet::new(),
            loss: root.get("lose").and_then(loss),
            items: Vec::new(),
            uses_in_sandbox: Vec::new(),
            by_id: HashMap::new(),
            searches: RefCell::new((HashMap::new(), MOST_COMPARISONS)),
            ids_broken: false,
            expressions_broken: false,
        };
        for (key, is_step) in [("steps", true), ("checks", false)] {
            match root.get(key).map(|node| &node.value) {
                Some(Value::Seq(nodes)) => {
                    for node in nodes {
                        match &node.value {
                            Value::Map(map) => draft.item(node, map, is_step, catalogue, out),
                            Value::Null
                            | Value::Broken
                            | Value::Bool(_)
                            | Value::Number(..)
                            | Value::Str(_)
                            | Value::Seq(_) => draft.ids_broken = true,
                        }
                    }
                }
                None | Some(Value::Null) => draft.ids_broken |= is_step,
                Some(_) => draft.ids_broken = true,
            }
        }
        if let Some(names) = root.get("sandbox").and_then(|sandbox| sandbox.get("names")) {
            let mut uses = Vec::new();
            draft.expressions(names, &mut uses, out);
            draft.uses_in_sandbox = uses;
        }
        draft
    }

    fn item(
        &mut self,
        node: &'a Node,
        map: &'a Map,
        is_step: bool,
        catalogue: Catalogue,
        out: &mut Diagnostics,
    ) {
        let text = |key| map.get(key).and_then(Text::of);
        let id = text("id").filter(|id| !id.text.is_empty());
        let uses = if is_step { text("uses") } else { None };
        let needs = map.get("needs").and_then(Node::as_seq).unwrap_or_default();
        let mut item = Item {
            node,
            is_step,
            id,
            workload: text("workload"),
            needs: needs.iter().filter_map(Text::of).collect(),
            uses,
            decl: uses.and_then(|uses| catalogue.get(uses.text)),
            with: map.get("with"),
            kinds: Vec::new(),
            uses_of_names: Vec::new(),
        };
        for entry in &map.entries {
            let kind = CheckType::ALL.iter().find(|of| of.key() == entry.key).filter(|_| !is_step);
            if let Some(kind) = kind {
                item.kinds.push((*kind, entry));
            }
            if kind.is_some() || (is_step && matches!(entry.key.as_str(), "with" | "when")) {
                self.expressions(&entry.value, &mut item.uses_of_names, out);
            }
        }
        let index = self.items.len();
        match id {
            Some(id) => {
                self.by_id.entry(id.text).or_insert(index);
            }
            None => self.ids_broken = true,
        }
        self.items.push(item);
    }

    fn expressions(&mut self, node: &Node, found: &mut Vec<Use>, out: &mut Diagnostics) {
        match &node.value {
            Value::Str(text) if expr::is_template(text) => match expr::references(text) {
                Ok(references) => {
                    found.extend(references.into_iter().map(|r| Use {
                        span: self.place(node, text, &r),
                        path: r.path,
                        rendered: r.rendered,
                    }));
                }
                Err(error) => {
                    self.expressions_broken = true;
                    out.push(self.source.error(node.span, error.message).help(error.help));
                }
            },
            Value::Seq(items) => items.iter().for_each(|item| self.expressions(item, found, out)),
            Value::Map(map) => {
                map.entries.iter().for_each(|entry| self.expressions(&entry.value, found, out));
            }
            Value::Null | Value::Broken | Value::Bool(_) | Value::Number(..) | Value::Str(_) => {}
        }
    }

    /// The place of a reference in the file. It is searched for, since escapes and folded lines
    /// move it.
    fn place(&self, node: &Node, text: &str, reference: &Reference) -> Span {
        let raw = self.source.slice(node.span);
        let name = text.get(reference.span.clone()).unwrap_or("");
        let earlier = text.get(..reference.span.start).map_or(0, |before| before.matches(name).count());
        if name.is_empty() {
            return node.span;
        }
        raw.match_indices(name).nth(earlier).map_or(node.span, |(at, _)| {
            let start = node.span.start + at;
            Span::new(start, start + name.len())
        })
    }

    /// The index of the step or check with this id.
    pub fn index_of(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    pub fn item_of(&self, id: &str) -> Option<&Item<'a>> {
        self.items.get(self.index_of(id)?)
    }

    /// The id that is most similar to a mistyped one, among those of steps or of steps and checks.
    pub fn nearest_id(&self, name: &str, steps_only: bool) -> Option<String> {
        let mut searches = self.searches.borrow_mut();
        if let Some(known) = searches.0.get(name) {
            return known.clone();
        }
        searches.1 = searches.1.checked_sub(self.items.len())?;
        let items = self.items.iter().filter(|item| item.is_step || !steps_only);
        let near = nearest(name, items.filter_map(|item| item.id).map(|id| id.text)).map(str::to_owned);
        searches.0.insert(name.to_owned(), near.clone());
        near
    }

    /// What to write instead of an unknown id.
    pub fn suggest_id(&self, name: &str, steps_only: bool) -> String {
        if let Some(near) = self.nearest_id(name, steps_only) {
            return format!("did you mean `{near}`?");
        }
        let items = self.items.iter().filter(|item| item.is_step || !steps_only);
        let ids: Vec<&str> = items.filter_map(|item| item.id).map(|id| id.text).take(21).collect();
        let what = if steps_only { "steps" } else { "ids" };
        match ids.len() {
            0 => format!("there are no {what}"),
            1..=20 => format!("known {what}: {}", list(&ids)),
            _ => format!("none of the {} {what} looks like it", self.items.len()),
        }
    }

    /// A text at a path of keys: `["sandbox", "region"]`.
    pub fn text_at(&self, path: &[&str]) -> Option<Text<'a>> {
        self.node_at(path).and_then(Text::of)
    }

    pub fn node_at(&self, path: &[&str]) -> Option<&'a Node> {
        let mut node = self.root;
        for key in path {
            node = node.get(key)?;
        }
        Some(node)
    }

    /// The id of the account with this name in `accounts`.
    pub fn account_id(&self, name: &str) -> Option<Text<'a>> {
        self.accounts.get(name)?.value.get("id").and_then(Text::of)
    }

    /// Whether the account is another provider's, by its `endpoint`.
    pub fn is_elsewhere(&self, name: &str) -> bool {
        self.accounts
            .get(name)
            .is_some_and(|entry| entry.value.get("endpoint").is_some_and(|url| !url.is_null()))
    }
}

fn loss(node: &Node) -> Option<(Loss, Span)> {
    let map = node.as_map()?;
    let mut given = map.entries.iter().filter(|entry| !entry.value.is_null());
    let (entry, None) = (given.next()?, given.next()) else { return None };
    let text = Text::of(&entry.value)?;
    let loss = match entry.key.as_str() {
        "region" => Loss::Region(text.parse()?),
        "az" => Loss::Az(text.parse()?),
        "account" => Loss::Account(text.parse()?),
        _ => return None,
    };
    Some((loss, text.span))
}
