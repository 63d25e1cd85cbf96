//! Resolves values as far as they can be known before a deployment: parameters, pseudo parameters,
//! mappings, conditions, and the functions that only rearrange text.
//!
//! A value that cannot be known is kept apart from one that is known to belong to the stack.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::hosts;
use super::read::Template;
use super::types::{MADE_BY_AWS, REF_IS_AN_ID, REPEATED};
use super::value::{
    Form, Knowledge, LATER, LONGEST, NAMED, OPEN, OWN, Resolved, Truth, ZONES, knowledge, literal, marker_of,
    plain,
};
use base::ids::{AccountId, Region};
use base::partition::Partition;
use yaml::{Node, Span, Value};

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    Value(String),
    /// An id of the sandbox, which the run fills in.
    Sandbox,
    /// A value that is known only during the run.
    Later,
}

/// The place and the parameters of a deployment.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    pub account: Option<AccountId>,
    pub region: Option<Region>,
    /// The sandbox's IPv4 range.
    pub cidr: Option<String>,
    /// The ids of the sandbox's VPC, subnets and groups, as far as they are known.
    pub ids: BTreeSet<String>,
    pub parameters: BTreeMap<String, Given>,
    /// The parameters whose value is an output of a step that makes things. They may name a target.
    pub from_steps: BTreeSet<String>,
}

/// The deepest nesting of functions.
const DEEPEST: usize = 32;

/// Resolves the values of one template.
pub struct Resolver<'a> {
    pub template: &'a Template,
    pub surroundings: &'a Surroundings,
    /// The results of conditions. A condition that is being evaluated is open.
    conditions: RefCell<HashMap<String, Truth>>,
    /// The values of the template's own Systems Manager parameters.
    ssm_parameters: RefCell<HashMap<String, Resolved>>,
    /// Whether the template's author named a resource. One that is being looked at counts as named.
    named: RefCell<HashMap<String, bool>>,
    /// Whether the hosts of the template's own resources are made up.
    makes_hosts_up: bool,
}

impl<'a> Resolver<'a> {
    pub fn new(template: &'a Template, surroundings: &'a Surroundings) -> Self {
        Self {
            template,
            surroundings,
            conditions: RefCell::default(),
            ssm_parameters: RefCell::default(),
            named: RefCell::default(),
            makes_hosts_up: false,
        }
    }

    /// A resolver that makes up the hosts of the template's own resources.
    pub(super) fn making_hosts_up(template: &'a Template, surroundings: &'a Surroundings) -> Self {
        Self { makes_hosts_up: true, ..Self::new(template, surroundings) }
    }

    pub fn resolve(&self, node: &Node) -> Resolved {
        self.value(node, 0)
    }

    /// Whether a resource or an output is created, by its `Condition`.
    pub fn is_made(&self, node: &Node) -> Truth {
        match node.get("Condition") {
            None => Truth::Yes,
            Some(name) => name.as_str().map_or(Truth::Open, |name| self.named_condition(name, 0)),
        }
    }

    /// Whether a condition of the template holds.
    pub(super) fn holds(&self, condition: &str) -> Truth {
        self.named_condition(condition, 0)
    }

    fn value(&self, node: &Node, depth: usize) -> Resolved {
        let span = node.span;
        if depth > DEEPEST {
            return Resolved::mark(span, OPEN);
        }
        let form = match &node.value {
            Value::Null => Form::Nothing,
            Value::Broken => return Resolved::mark(span, OPEN),
            Value::Bool(value) => Form::Text(value.to_string()),
            Value::Number(..) | Value::Str(_) => Form::Text(self.scalar(node)),
            Value::Seq(items) => Form::List(items.iter().map(|item| self.value(item, depth + 1)).collect()),
            Value::Map(map) => match map.entries.as_slice() {
                [one] if one.key == "Ref" || one.key.starts_with("Fn::") => {
                    return Resolved { span, ..self.function(&one.key, &one.value, depth + 1) };
                }
                entries => Form::Map(
                    entries
                        .iter()
                        .map(|e| (e.key.clone(), e.key_span, self.value(&e.value, depth + 1)))
                        .collect(),
                ),
            },
        };
        Resolved { span, form, given: false }
    }

    /// The text of a scalar, as CloudFormation reads it. JSON and quoted texts stay as they are.
    fn scalar(&self, node: &Node) -> String {
        let (Value::Str(text) | Value::Number(_, text)) = &node.value else { return OPEN.into() };
        let written = self.template.source.slice(node.span);
        if written == text {
            return plain(text).map_or_else(|| OPEN.into(), literal);
        }
        // Whether the text of an alias was quoted is not known here.
        let same = plain(text) == Some(text);
        if written.starts_with('*') && !same { OPEN.into() } else { literal(text) }
    }

    fn function(&self, name: &str, argument: &Node, depth: usize) -> Resolved {
        let span = argument.span;
        let open = || Resolved::mark(span, OPEN);
        let arguments = argument.as_seq().unwrap_or_default();
        let at = |index: usize| arguments.get(index).map(|node| self.value(node, depth));
        match name {
            "Ref" => argument.as_str().map_or_else(open, |name| self.reference(name, span)),
            "Fn::GetAtt" => {
                let parts = match argument.as_str() {
                    Some(text) => text.split_once('.'),
                    None => {
                        arguments.first().and_then(Node::as_str).zip(arguments.get(1).and_then(Node::as_str))
                    }
                };
                parts.map_or_else(open, |(of, which)| self.attribute(of, which, span, depth))
            }
            "Fn::Sub" => self.substitute(argument, depth),
            // Only the inner text matters here.
            "Fn::Base64" | "Fn::ToJsonString" => self.value(argument, depth),
            // Zone names of the stack's region.
            "Fn::GetAZs" => Resolved::text(span, ZONES),
            "Fn::If" => match (arguments.first().and_then(Node::as_str), at(1), at(2)) {
                (Some(condition), Some(then), Some(otherwise)) => {
                    match self.named_condition(condition, depth) {
                        Truth::Yes => then,
                        Truth::No => otherwise,
                        Truth::Later => Resolved::mark(span, LATER),
                        Truth::Open => {
                            Resolved { span, form: Form::Either(vec![then, otherwise]), given: false }
                        }
                    }
                }
                _ => open(),
            },
            "Fn::Join" => match (at(0), at(1)) {
                (Some(between), Some(Resolved { form: Form::List(items), .. })) => {
                    let between = between.flat();
                    Resolved::text(span, items.iter().map(Resolved::flat).collect::<Vec<_>>().join(&between))
                }
                (_, Some(Resolved { form: Form::Text(text), .. })) => Resolved::mark(span, marker_of(&text)),
                _ => open(),
            },
            "Fn::Split" => match (at(0).as_ref().and_then(Resolved::known), at(1)) {
                (Some(between), Some(Resolved { form: Form::Text(text), given, .. }))
                    if !between.is_empty() =>
                {
                    // A part of a name may be any text. Only the items of a list are whole names.
                    let whole = between == ",";
                    let part = |part: &str| match knowledge(part) {
                        Knowledge::Own | Knowledge::Named if !whole => Resolved::mark(span, OPEN),
                        Knowledge::Known
                        | Knowledge::Own
                        | Knowledge::Named
                        | Knowledge::Open
                        | Knowledge::Later => Resolved { given, ..Resolved::text(span, part) },
                    };
                    Resolved { span, form: Form::List(text.split(between).map(part).collect()), given }
                }
                _ => open(),
            },
            "Fn::Select" => match (at(0).as_ref().and_then(Resolved::known), at(1)) {
                (Some(index), Some(Resolved { form: Form::List(items), .. })) => {
                    index.parse::<usize>().ok().and_then(|i| items.into_iter().nth(i)).unwrap_or_else(open)
                }
                (_, Some(Resolved { form: Form::Text(text), .. })) if text == ZONES => {
                    Resolved::text(span, ZONES)
                }
                (_, Some(Resolved { form: Form::Text(text), .. }))
                    if knowledge(&text) != Knowledge::Known =>
                {
                    Resolved::mark(span, marker_of(&text))
                }
                _ => open(),
            },
            "Fn::FindInMap" => {
                let path: Option<Vec<String>> =
                    (0..3).map(|i| Some(at(i)?.flat())).collect::<Option<Vec<_>>>();
                let Some([map, first, second]) = path.as_deref() else { return open() };
                if [map, first, second].iter().any(|key| knowledge(key) == Knowledge::Later) {
                    return Resolved::mark(span, LATER);
                }
                let found = self.template.entry("Mappings", map).and_then(|m| m.get(first)?.get(second));
                found.map_or_else(open, |node| Resolved { span, ..self.constant(node) })
            }
            _ => open(),
        }
    }

    fn reference(&self, name: &str, span: Span) -> Resolved {
        let known = |text: Option<String>| {
            text.map_or_else(|| Resolved::mark(span, OPEN), |t| Resolved::text(span, t))
        };
        match name {
            "AWS::NoValue" => Resolved { span, form: Form::Nothing, given: false },
            "AWS::AccountId" => known(self.surroundings.account.as_ref().map(ToString::to_string)),
            "AWS::Region" => known(self.surroundings.region.as_ref().map(ToString::to_string)),
            "AWS::Partition" => {
                known(self.surroundings.region.as_ref().map(|region| region.partition().to_owned()))
            }
            "AWS::URLSuffix" => known(
                self.surroundings.region.as_ref().map(|region| Partition::of(region).dns_suffix.to_owned()),
            ),
            "AWS::StackName" | "AWS::StackId" => Resolved::mark(span, OWN),
            _ => match self.template.entry("Parameters", name) {
                Some(declared) => self.parameter(name, declared, span),
                None => match self.template.entry("Resources", name) {
                    Some(resource) if ref_is_an_id(resource) => Resolved::mark(span, OWN),
                    Some(resource) => Resolved::mark(span, self.name_of(name, resource)),
                    None => Resolved::mark(span, OPEN),
                },
            },
        }
    }

    /// The marker of a resource's name: `OWN` if AWS generates it, or if it contains what AWS generates.
    fn name_of(&self, name: &str, resource: &Node) -> char {
        let known = self.named.borrow().get(name).copied();
        let is_named = known.unwrap_or_else(|| {
            self.named.borrow_mut().insert(name.to_owned(), true);
            let properties = resource.get("Properties").and_then(Node::as_map);
            let is_named = properties.is_some_and(|map| {
                map.entries.iter().any(|entry| is_a_name(&entry.key) && self.is_chosen(&entry.value))
            });
            self.named.borrow_mut().insert(name.to_owned(), is_named);
            is_named
        });
        if is_named { NAMED } else { OWN }
    }

    /// Whether a text may be any text.
    fn is_chosen(&self, node: &Node) -> bool {
        let seen = self.resolve(node);
        match &seen.form {
            Form::Nothing => false,
            Form::Text(text) => knowledge(text) != Knowledge::Own,
            Form::Either(_) | Form::List(_) => {
                seen.leaves().iter().any(|(_, text)| knowledge(text) != Knowledge::Own)
            }
            Form::Map(_) => true,
        }
    }

    /// An attribute of a resource. A value that AWS generates belongs to the stack. The value of a
    /// Systems Manager parameter is the value that the template gives it. Any other attribute is
    /// open.
    fn attribute(&self, of: &str, which: &str, span: Span, depth: usize) -> Resolved {
        let Some(resource) = self.template.entry("Resources", of) else { return Resolved::mark(span, OPEN) };
        let kind = resource.get("Type").and_then(Node::as_str).filter(|_| self.makes_hosts_up);
        if let Some(host) = kind.and_then(|kind| hosts::made_up(self, of, kind, which, resource)) {
            return Resolved::text(span, host);
        }
        if kind.is_some_and(|kind| hosts::is_port(kind, which)) {
            return Resolved::mark(span, OWN);
        }
        match resource.get("Type").and_then(Node::as_str) {
            Some("AWS::SSM::Parameter") if which == "Value" => {
                if let Some(known) = self.ssm_parameters.borrow().get(of) {
                    return Resolved { span, ..known.clone() };
                }
                // A parameter that is being resolved is open.
                self.ssm_parameters.borrow_mut().insert(of.to_owned(), Resolved::mark(span, OPEN));
                let value = resource.get("Properties").and_then(|p| p.get("Value"));
                let seen = value.map(|node| self.value(node, depth + 1));
                let seen = seen.map_or_else(
                    || Resolved::mark(span, OPEN),
                    |seen| Resolved { given: seen.given, ..Resolved::text(span, seen.flat()) },
                );
                self.ssm_parameters.borrow_mut().insert(of.to_owned(), seen.clone());
                seen
            }
            Some(kind) if kind.starts_with("AWS::") && REPEATED.contains(&which) => {
                let is_a_name = which.ends_with("Name");
                Resolved::mark(span, if is_a_name { self.name_of(of, resource) } else { NAMED })
            }
            Some(kind) if kind.starts_with("AWS::") && MADE_BY_AWS.contains(&which) => {
                Resolved::mark(span, OWN)
            }
            _ => Resolved::mark(span, OPEN),
        }
    }

    /// A value in which functions have no meaning: in `Mappings`, or a parameter's default.
    fn constant(&self, node: &Node) -> Resolved {
        let span = node.span;
        let form = match &node.value {
            Value::Null => Form::Nothing,
            Value::Bool(value) => Form::Text(value.to_string()),
            Value::Number(..) | Value::Str(_) => Form::Text(self.scalar(node)),
            Value::Seq(items) => {
                Form::List(items.iter().map(|item| Resolved { span, ..self.constant(item) }).collect())
            }
            Value::Map(_) | Value::Broken => Form::Text(OPEN.into()),
        };
        Resolved { span, form, given: false }
    }

    fn parameter(&self, name: &str, declared: &Node, span: Span) -> Resolved {
        let kind = declared.get("Type").and_then(Node::as_str).unwrap_or_default();
        // Its value is the name of a Systems Manager parameter, which CloudFormation looks up.
        let looked_up = kind.starts_with("AWS::SSM::Parameter::Value");
        let (text, given) = match self.surroundings.parameters.get(name) {
            Some(Given::Later) => return Resolved::mark(span, LATER),
            Some(Given::Value(name)) if looked_up => return looked_up_at(name, span),
            Some(Given::Sandbox) if looked_up => return Resolved::mark(span, OPEN),
            None if looked_up => {
                let name = declared.get("Default").and_then(Node::as_str).unwrap_or_default();
                return looked_up_at(name, span);
            }
            Some(Given::Sandbox) => return Resolved::mark(span, OWN),
            Some(Given::Value(text)) => (literal(text), self.surroundings.from_steps.contains(name)),
            None => match declared.get("Default").map(|node| self.constant(node)) {
                Some(default) => (default.flat(), false),
                None => return Resolved::mark(span, OPEN),
            },
        };
        let item = |text: &str| Resolved { given, ..Resolved::text(span, text) };
        if kind == "CommaDelimitedList" || kind.starts_with("List<") {
            let items = text.split(',').map(|part| item(part.trim())).collect();
            return Resolved { span, form: Form::List(items), given };
        }
        item(&text)
    }

    /// `Fn::Sub`: replaces `${Name}` and `${Name.Attribute}`. `${!Literal}` becomes `${Literal}`.
    fn substitute(&self, argument: &Node, depth: usize) -> Resolved {
        let span = argument.span;
        let (text, names) = match argument.as_seq() {
            Some([text, names, ..]) => (text.as_str(), Some(names)),
            Some([text]) => (text.as_str(), None),
            _ => (argument.as_str(), None),
        };
        let Some(mut rest) = text else { return Resolved::mark(span, OPEN) };
        let (mut out, mut given) = (String::new(), false);
        let mut values: HashMap<&str, Resolved> = HashMap::new();
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(&literal(before));
            let Some((name, after)) = after.split_once('}') else {
                out.push(OPEN);
                rest = "";
                break;
            };
            rest = after;
            if let Some(plain) = name.strip_prefix('!') {
                out.push_str(&literal(&format!("${{{plain}}}")));
                continue;
            }
            let name = name.trim();
            let seen = values.entry(name).or_insert_with(|| match names.and_then(|names| names.get(name)) {
                Some(node) => self.value(node, depth),
                None => match name.split_once('.') {
                    Some((of, which)) if self.template.entry("Resources", of).is_some() => {
                        self.attribute(of, which, span, depth)
                    }
                    _ => self.reference(name, span),
                },
            });
            given |= seen.given;
            if out.len() <= LONGEST {
                out.push_str(&seen.flat());
            }
        }
        out.push_str(&literal(rest));
        Resolved { given, ..Resolved::text(span, out) }
    }

    /// Whether a condition or an assertion holds.
    pub fn truth_of(&self, node: &Node) -> Truth {
        self.condition(node, 0)
    }

    /// The texts of a list, or the one text. `Err` if one of them is unknown.
    fn texts(&self, node: &Node, depth: usize) -> Result<Vec<String>, Truth> {
        let items: Vec<String> = match self.value(node, depth).form {
            Form::List(items) => items.iter().map(Resolved::flat).collect(),
            form @ (Form::Text(_) | Form::Map(_) | Form::Either(_) | Form::Nothing) => {
                vec![Resolved { form, ..Resolved::text(node.span, String::new()) }.flat()]
            }
        };
        let mut texts = Vec::new();
        for item in items {
            match knowledge(&item) {
                Knowledge::Known => texts.push(item),
                Knowledge::Later => return Err(Truth::Later),
                Knowledge::Own | Knowledge::Named | Knowledge::Open => return Err(Truth::Open),
            }
        }
        Ok(texts)
    }

    /// Compares the members of two lists, as the functions of `Rules` do.
    fn members(
        &self,
        lists: [&Node; 2],
        depth: usize,
        holds: impl FnOnce(&[String], &[String]) -> bool,
    ) -> Truth {
        match lists.map(|node| self.texts(node, depth)) {
            [Ok(left), Ok(right)] if holds(&left, &right) => Truth::Yes,
            [Ok(_), Ok(_)] => Truth::No,
            [Err(Truth::Later), _] | [_, Err(Truth::Later)] => Truth::Later,
            [Err(_), _] | [_, Err(_)] => Truth::Open,
        }
    }

    fn named_condition(&self, name: &str, depth: usize) -> Truth {
        let Some(node) = self.template.entry("Conditions", name) else { return Truth::Open };
        if let Some(known) = self.conditions.borrow().get(name) {
            return *known;
        }
        self.conditions.borrow_mut().insert(name.to_owned(), Truth::Open);
        let truth = self.condition(node, depth + 1);
        self.conditions.borrow_mut().insert(name.to_owned(), truth);
        truth
    }

    fn condition(&self, node: &Node, depth: usize) -> Truth {
        let Some([one]) = node.as_map().map(|map| map.entries.as_slice()) else { return Truth::Open };
        if depth > DEEPEST {
            return Truth::Open;
        }
        let arguments = one.value.as_seq().unwrap_or_default();
        let each = || arguments.iter().map(|node| self.condition(node, depth + 1)).collect::<Vec<_>>();
        match (one.key.as_str(), arguments) {
            ("Condition", _) => {
                one.value.as_str().map_or(Truth::Open, |name| self.named_condition(name, depth))
            }
            ("Fn::Not", [inner]) => match self.condition(inner, depth + 1) {
                Truth::Yes => Truth::No,
                Truth::No => Truth::Yes,
                unknown @ (Truth::Open | Truth::Later) => unknown,
            },
            ("Fn::And", [_, ..]) => combine(&each(), Truth::No),
            ("Fn::Or", [_, ..]) => combine(&each(), Truth::Yes),
            ("Fn::Equals", [left, right]) => {
                let (left, right) = (self.value(left, depth).flat(), self.value(right, depth).flat());
                match (knowledge(&left), knowledge(&right)) {
                    (Knowledge::Later, _) | (_, Knowledge::Later) => Truth::Later,
                    (Knowledge::Known, Knowledge::Known) if left == right => Truth::Yes,
                    (Knowledge::Known, Knowledge::Known) => Truth::No,
                    // A name of the sandbox or of the stack is never empty. It may equal any other
                    // text.
                    (Knowledge::Own | Knowledge::Named, Knowledge::Known) if right.is_empty() => Truth::No,
                    (Knowledge::Known, Knowledge::Own | Knowledge::Named) if left.is_empty() => Truth::No,
                    _ => Truth::Open,
                }
            }
            ("Fn::Contains", [list, value]) => self
                .members([list, value], depth + 1, |list, value| value.iter().all(|one| list.contains(one))),
            ("Fn::EachMemberIn", [some, all]) => {
                self.members([some, all], depth + 1, |some, all| some.iter().all(|one| all.contains(one)))
            }
            ("Fn::EachMemberEquals", [list, value]) => {
                self.members([list, value], depth + 1, |list, value| {
                    list.iter().all(|one| [one.clone()] == *value)
                })
            }
            _ => Truth::Open,
        }
    }
}

/// The value of a Systems Manager parameter, as a dynamic reference to it.
fn looked_up_at(name: &str, span: Span) -> Resolved {
    Resolved::text(span, literal(&format!("{{{{resolve:ssm:{name}}}}}")))
}

fn ref_is_an_id(resource: &Node) -> bool {
    resource.get("Type").and_then(Node::as_str).is_some_and(|kind| REF_IS_AN_ID.contains(&kind))
}

/// Whether a property may be what `Ref` returns. Rather too many than too few.
fn is_a_name(key: &str) -> bool {
    key.ends_with("Name") || key.ends_with("Identifier") || ["Family", "ReplicationGroupId"].contains(&key)
}

/// Combines conditions. One `No` decides `Fn::And`, one `Yes` decides `Fn::Or`.
fn combine(parts: &[Truth], decisive: Truth) -> Truth {
    let otherwise = if decisive == Truth::Yes { Truth::No } else { Truth::Yes };
    [decisive, Truth::Later, Truth::Open].into_iter().find(|t| parts.contains(t)).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(seen: &Resolved) -> String {
        match &seen.form {
            Form::Text(text) => text.replace(OWN, "<own>").replace(OPEN, "<open>").replace(LATER, "<later>"),
            Form::List(items) => format!("[{}]", items.iter().map(tell).collect::<Vec<_>>().join(" ")),
            Form::Map(entries) => {
                entries.iter().map(|e| format!("{}={}", e.0, tell(&e.2))).collect::<Vec<_>>().join(" ")
            }
            Form::Either(forms) => forms.iter().map(tell).collect::<Vec<_>>().join("|"),
            Form::Nothing => "-".to_owned(),
        }
    }

    fn resolve(expression: &str) -> String {
        let text = format!(
            "Parameters:\n  Env: {{ Type: String, Default: dev }}\n  Zones: {{ Type: CommaDelimitedList }}\n  \
             Net: {{ Type: String }}\n  Late: {{ Type: String }}\n  Ami: {{ Type: 'AWS::SSM::Parameter::Value<String>', Default: /x }}\n\
             Mappings: {{ M: {{ us-west-2: {{ Name: west }} }} }}\n\
             Conditions:\n  Prod: !Equals [!Ref Env, prod]\n  NotProd: !Not [!Condition Prod]\n  Loop: !Condition Loop\n  \
             Late: !Equals [!Ref Late, x]\n  Both: !And [!Condition NotProd, !Condition Loop]\n  One: !Or [!Condition NotProd, !Condition Loop]\n  \
             Named: !Equals [!Ref Net, vpc-1]\n  NotNamed: !Not [!Condition Named]\n  Empty: !Equals ['', !Ref Net]\n  \
             Zone: !Equals [!Select [0, !GetAZs ''], us-west-2a]\n\
             Resources:\n  R: {{ Type: X }}\n  W: {{ Type: 'AWS::CloudFormation::WaitCondition' }}\n  \
             P: {{ Type: 'AWS::SSM::Parameter', Properties: {{ Value: !Sub '${{Env}}-${{W}}' }} }}\n  \
             Round: {{ Type: 'AWS::SSM::Parameter', Properties: {{ Value: !Join ['', [!GetAtt Round.Value, !GetAtt Round.Value]] }} }}\nOutputs:\n  O:\n    Value: {expression}\n"
        );
        let template = Template::read("t", &text, 0).unwrap_or_else(|f| panic!("{}", f.render(false)));
        let surroundings = Surroundings {
            account: "111122223333".parse().ok(),
            region: "us-west-2".parse().ok(),
            parameters: [
                ("Zones".to_owned(), Given::Value("a, b".to_owned())),
                ("Net".to_owned(), Given::Sandbox),
                ("Late".to_owned(), Given::Later),
            ]
            .into(),
            ..Surroundings::default()
        };
        let resolver = Resolver::new(&template, &surroundings);
        let seen = resolver.resolve(template.root().at_pointer("/Outputs/O/Value"));
        tell(&seen)
    }

    #[test]
    fn values_are_resolved_as_far_as_they_can_be() {
        for (expression, expected) in [
            ("!Ref Env", "dev"),
            ("!Ref Zones", "[a b]"),
            ("!Ref Net", "<own>"),
            ("!Select [1, !GetAZs '']", "<own>Fn::GetAZs"),
            ("!Ref Late", "<later>"),
            ("!Ref Ami", "{{resolve:ssm:/x}}<open>"),
            ("!Ref R", "<own>"),
            ("!GetAtt R.Data", "<open>"),
            ("!GetAtt R", "<open>"),
            ("!GetAtt W.Arn", "<own>"),
            ("!GetAtt [W, Data]", "<open>"),
            ("!Sub '${W.Data}'", "<open>"),
            ("!GetAtt P.Value", "dev-<own>"),
            ("!Sub 'x${P.Value}'", "xdev-<own>"),
            ("!GetAtt Round.Value", "<open><open>"),
            ("!Select [0, !Split ['-', !Ref AWS::StackName]]", "<open>"),
            ("!Select [1, !Split ['-', !Sub 'a-b-${AWS::StackName}']]", "b"),
            ("!If [Named, a, b]", "a|b"),
            ("!If [NotNamed, a, b]", "a|b"),
            ("!If [Zone, a, b]", "a|b"),
            ("!If [Empty, a, b]", "b"),
            ("!Ref Nobody", "<open>"),
            ("!Ref AWS::NoValue", "-"),
            ("!GetAtt R.Arn", "<open>"),
            ("!GetAtt [Nobody, Arn]", "<open>"),
            (
                "!Sub 'arn:${AWS::Partition}:x:${AWS::Region}:${AWS::AccountId}:${W.Arn}/${!Kept}'",
                "arn:aws:x:us-west-2:111122223333:<own>/${Kept}",
            ),
            ("!Sub ['${A}-${Late}', { A: !Ref Env }]", "dev-<later>"),
            ("!Sub 'open ${'", "open <open>"),
            ("!Join ['-', [a, !Ref Env, !Ref R]]", "a-dev-<own>"),
            ("!Select [1, !Ref Zones]", "b"),
            ("!Select [9, !Ref Zones]", "<open>"),
            ("!Select [0, !GetAZs '']", "<own>Fn::GetAZs"),
            ("!Select [1, !Split [':', 'a:b']]", "b"),
            ("!FindInMap [M, !Ref AWS::Region, Name]", "west"),
            ("!FindInMap [M, nowhere, Name]", "<open>"),
            ("!If [Prod, a, b]", "b"),
            ("!If [NotProd, a, b]", "a"),
            ("!If [Loop, a, b]", "a|b"),
            ("!If [Late, a, b]", "<later>"),
            ("!If [Both, a, b]", "a|b"),
            ("!If [One, a, b]", "a"),
            ("!ImportValue x", "<open>"),
            ("'{{resolve:ssm:x}}'", "{{resolve:ssm:x}}<open>"),
            ("\"\\uFDD0\"", "\u{fffd}"),
        ] {
            assert_eq!(resolve(expression), expected, "{expression}");
        }
    }
}
