//! Facts that several rules need, computed once.

use std::cell::RefCell;
use std::collections::HashMap;

use super::Context;
use super::claims::claims_of;
use crate::action::{ActionDecl, Arguments, SourceSpec};
use crate::draft::Draft;
use crate::formats::PlaybookFormats;
use base::ids::{AccountId, BadName, Region, name_of};
use estate::file::{EstateFile, PointEntry};
use estate::resource::unknown_kind;
use estate::scope::{holds_data, row_of};
use estate::{Resource, ResourceIndex, Selector};
use yaml::{Checker, Diagnostics, Node};

/// Facts about the playbook and its estate.
pub struct Facts<'a> {
    /// The mistakes in a step's arguments, by item.
    pub arguments: Vec<Diagnostics>,
    /// A step's arguments, by item. Absent if they have mistakes.
    pub read: Vec<Option<Box<dyn Arguments>>>,
    /// The source that a step restores from, by item. Absent if its arguments have mistakes.
    pub sources: Vec<Option<SourceSpec>>,
    /// The other items that an item waits for, through `needs` and through expressions, by item.
    pub needs: Vec<Vec<usize>>,
    pub file: Option<&'a EstateFile>,
    pub resources: ResourceIndex,
    points: HashMap<&'a str, Vec<&'a PointEntry>>,
    /// The same points, by the name of the resource that they restore.
    points_of: HashMap<&'a str, Vec<&'a PointEntry>>,
    /// The engines of databases, by type and name.
    engines: HashMap<(&'a str, &'a str), &'a str>,
    found: RefCell<HashMap<(String, String), Vec<usize>>>,
}

impl<'a> Facts<'a> {
    pub fn new(draft: &Draft<'_>, context: &Context<'a>) -> Self {
        let file = context.estate.and_then(|estate| estate.file.as_ref());
        let (mut points, mut points_of) = (HashMap::<&str, Vec<_>>::new(), HashMap::<&str, Vec<_>>::new());
        for point in file.map_or(&[][..], |file| &file.recovery_points) {
            points.entry(&point.id).or_default().push(point);
            points_of.entry(&point.of.name).or_default().push(point);
        }
        let mut engines = HashMap::new();
        for (id, engine) in file.map(EstateFile::engines).unwrap_or_default() {
            engines.entry((id.kind.as_str(), id.name.as_str())).or_insert(engine);
        }
        let resources = ResourceIndex::new(file.map(EstateFile::resources).unwrap_or_default());
        let mut facts = Self {
            arguments: Vec::with_capacity(draft.items.len()),
            read: Vec::with_capacity(draft.items.len()),
            sources: Vec::with_capacity(draft.items.len()),
            needs: Vec::with_capacity(draft.items.len()),
            file,
            resources,
            points,
            points_of,
            engines,
            found: RefCell::default(),
        };
        let checker = Checker { source: draft.source, formats: &PlaybookFormats, templates: true };
        for (index, item) in draft.items.iter().enumerate() {
            let mut wrong = Diagnostics::default();
            let mut read = None;
            if let (Some(decl), Some(with)) = (item.decl, item.with.filter(|with| with.as_map().is_some())) {
                if let Some(schema) = context.schemas.arguments.get(decl.name) {
                    checker.check(with, schema, &mut wrong);
                }
                if !wrong.has_errors() {
                    read = arguments(draft, decl, with, &mut wrong);
                }
            }
            let named = item.needs.iter().filter_map(|need| draft.index_of(need.text));
            let referred = item.uses_of_names.iter().filter_map(|used| match used.path.as_slice() {
                [root, id, ..] if root == "steps" => draft.index_of(id),
                _ => None,
            });
            let mut needs: Vec<usize> = named.chain(referred).filter(|need| *need != index).collect();
            needs.sort_unstable();
            needs.dedup();
            facts.arguments.push(wrong);
            facts.sources.push(read.as_ref().and_then(|read| read.source()));
            facts.read.push(read);
            facts.needs.push(needs);
        }
        facts
    }

    /// Whether a step restores data whose age counts towards RPO, by its arguments or by `restores`.
    pub fn restores_data(&self, draft: &Draft<'_>, index: usize) -> bool {
        let source = self.sources.get(index).and_then(Option::as_ref);
        let claims = draft.items.get(index).filter(|item| item.is_step).map(claims_of).unwrap_or_default();
        source.is_some_and(SourceSpec::restores_data)
            || claims.iter().any(|(selector, _)| holds_data(selector.kind()))
    }

    /// The estate's recovery points with this id. An ARN means the id at its end.
    pub fn points(&self, id: &str) -> &[&'a PointEntry] {
        let known = self.points.get(id).or_else(|| self.points.get(name_of(id)));
        known.map_or(&[], Vec::as_slice)
    }

    /// The estate's recovery points of a resource.
    pub fn points_of(&self, kind: &str, name: &str) -> impl Iterator<Item = &'a PointEntry> {
        let named = self.points_of.get(name).into_iter().flatten().copied();
        named.filter(move |point| point.of.kind == kind)
    }

    /// The engine of a database, if the estate gives it.
    pub fn engine(&self, kind: &str, name: &str) -> Option<&'a str> {
        self.engines.get(&(kind, name)).copied()
    }

    /// The mistake in a selector whose type neither the program nor the estate knows.
    pub fn unknown_type(&self, selector: &Selector) -> Option<BadName> {
        let kind = selector.kind();
        let known = row_of(kind).is_some() || self.resources.has_kind(kind);
        (!known).then(|| unknown_kind(kind))
    }

    /// The indices in `resources` of the resources that a selector selects.
    pub fn selected(&self, selector: &Selector) -> Vec<usize> {
        self.resources.positions(selector)
    }

    /// The estate's resources that an argument names, by name or as `tag:KEY=VALUE`.
    pub fn resources_named(&self, kind: &str, name: &str) -> Vec<&Resource> {
        let mut found = self.found.borrow_mut();
        let indices = found.entry((kind.to_owned(), name.to_owned())).or_insert_with(|| {
            Selector::of_kind(kind, name).map(|selector| self.selected(&selector)).unwrap_or_default()
        });
        indices.iter().filter_map(|i| self.resources.all.get(*i)).collect()
    }

    /// The id of the sandbox's account, if it can be read.
    pub fn sandbox_account(draft: &Draft<'_>) -> Option<AccountId> {
        draft.account_id(draft.text_at(&["sandbox", "account"])?.text)?.parse()
    }

    pub fn sandbox_region(draft: &Draft<'_>) -> Option<Region> {
        draft.text_at(&["sandbox", "region"])?.parse()
    }
}

/// Reads a step's arguments. `None` if its action finds a mistake in them.
fn arguments(
    draft: &Draft<'_>,
    decl: &ActionDecl,
    with: &Node,
    wrong: &mut Diagnostics,
) -> Option<Box<dyn Arguments>> {
    let read = match (decl.read)(&with.to_json()) {
        Ok(read) => read,
        // The schema comes from the same type. This is for a mistake that it does not find.
        Err(error) => {
            let said = format!("the arguments of `{}` cannot be read: {error}", decl.name);
            let help = "compare them with `drillmaster schema playbook`";
            wrong.push(draft.source.error(with.span, said).help(help));
            return None;
        }
    };
    for problem in read.problems() {
        let span = with.at_pointer(&problem.pointer).span;
        wrong.push(draft.source.error(span, problem.message).help(problem.help));
    }
    (!wrong.has_errors()).then_some(read)
}
