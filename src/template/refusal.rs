//! Why CloudFormation would refuse to create a stack: parameters, capabilities, and names that do
//! not exist.
//!
//! Source: CloudFormation user guide, "Parameters", "Template anatomy", "Acknowledging IAM resources"
//! and "CloudFormation quotas".

use std::collections::{BTreeMap, BTreeSet};

use fancy_regex::Regex;

use super::asserted::{Holds, assertions};
use super::chosen;
use super::read::Template;
use super::resolve::{Given, Resolver, Surroundings};
use super::value::{Knowledge, Truth, knowledge};
use yaml::{Diagnostic, Entry, Node, Span, Value};

/// One reason to refuse, with its place in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub span: Span,
    /// What CloudFormation says, in its words where they are known.
    pub message: String,
    pub fix: String,
}

impl Refusal {
    /// The refusal as `stack.yaml:12:7: …`.
    pub fn told(&self, template: &Template) -> String {
        let at = template.source.position(self.span.start);
        format!("{}:{}:{}: {}", template.source.name, at.line, at.column, self.message)
    }

    pub fn diagnostic(&self, template: &Template) -> Diagnostic {
        template.source.error(self.span, &self.message).help(&self.fix)
    }
}

/// The parameters and capabilities of a request.
pub struct Request<'a> {
    /// The names of all parameters that the request gives.
    pub parameters: BTreeSet<&'a str>,
    pub capabilities: &'a [String],
}

const CAPABILITIES: [&str; 3] = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"];

/// The most entries of a section (CloudFormation user guide, "CloudFormation quotas").
const MOST: [(&str, usize); 4] =
    [("Resources", 500), ("Parameters", 200), ("Outputs", 200), ("Mappings", 200)];

/// The longest value of a parameter, in bytes ("CloudFormation quotas").
const LONGEST_VALUE: usize = 4096;

/// The sections of a template (CloudFormation user guide, "Template sections").
const SECTIONS: &[&str] = &[
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

/// The attributes of a resource (CloudFormation template reference, "Resource attribute reference").
const ATTRIBUTES: &[&str] = &[
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];

/// The reasons why CloudFormation would refuse the request. A value that only the run will know
/// gives none.
pub fn refusals(template: &Template, surroundings: &Surroundings, request: &Request<'_>) -> Vec<Refusal> {
    let resolver = Resolver::new(template, surroundings);
    let mut found = Found { template, resolver, list: Vec::new() };
    found.sections();
    found.parameters(request);
    found.capabilities(request.capabilities);
    found.references();
    found.rules(surroundings);
    found.list
}

struct Found<'a> {
    template: &'a Template,
    resolver: Resolver<'a>,
    list: Vec<Refusal>,
}

/// The keys of a mapping that are not among `known`. What a macro or a loop makes of a part is another
/// matter.
fn unknown<'n>(node: &'n Node, known: &[&str]) -> Vec<&'n Entry> {
    let entries = node.as_map().map(|map| map.entries.as_slice()).unwrap_or_default();
    let is_known = |entry: &&Entry| known.contains(&entry.key.as_str()) || entry.key.starts_with("Fn::");
    entries.iter().filter(|entry| !is_known(entry)).collect()
}

impl Found<'_> {
    fn push(&mut self, span: Span, message: impl Into<String>, fix: impl Into<String>) {
        self.list.push(Refusal { span, message: message.into(), fix: fix.into() });
    }

    fn sections(&mut self) {
        if self.template.section("Resources").is_empty() {
            self.push(
                self.template.root().span,
                "Template format error: At least one Resources member must be defined",
                "write `Resources:` with at least one resource",
            );
        }
        for entry in unknown(self.template.root(), SECTIONS) {
            let message =
                format!("Template format error: Invalid template property or properties [{}]", entry.key);
            self.push(entry.key_span, message, "leave it out: CloudFormation knows no such section");
        }
        for resource in self.template.section("Resources") {
            for entry in unknown(&resource.value, ATTRIBUTES) {
                let message = format!(
                    "Template format error: [/Resources/{}] Invalid template resource property '{}'",
                    resource.key, entry.key
                );
                self.push(entry.key_span, message, "write it under `Properties`, or leave it out");
            }
        }
        for (section, most) in MOST {
            let entries = self.template.section(section);
            if let Some(first) = entries.get(most) {
                let message = format!("Template format error: {section} has more than {most} entries");
                self.push(first.key_span, message, "deploy several stacks");
            }
        }
    }

    fn parameters(&mut self, request: &Request<'_>) {
        let template = self.template;
        for name in request.parameters.iter().filter(|name| !template.declares(name)) {
            let span = template.root().get("Parameters").map_or(template.root().span, |node| node.span);
            let message = format!("Parameters: [{name}] do not exist in the template");
            self.push(span, message, "leave it out of `parameters`, or declare it in the template");
        }
        for entry in template.section("Parameters") {
            let text = match self.resolver.surroundings.parameters.get(&entry.key) {
                Some(Given::Value(text)) => text.clone(),
                Some(Given::Sandbox | Given::Later) => continue,
                None => {
                    let Some(text) = entry.value.get("Default").and_then(scalar) else {
                        let message = format!("Parameters: [{}] must have values", entry.key);
                        self.push(entry.key_span, message, "give it in `parameters` of the step");
                        continue;
                    };
                    text
                }
            };
            self.parameter(entry, &text);
        }
    }

    fn parameter(&mut self, entry: &Entry, text: &str) {
        let (name, node) = (&entry.key, &entry.value);
        let Some(kind) = node.get("Type").and_then(Node::as_str) else {
            let message =
                format!("Template format error: Every Parameters object must contain a Type member: {name}");
            return self.push(entry.key_span, message, "write `Type: String`, or the type that it has");
        };
        let mut wrong = |message: String| {
            let fix = format!("give another value for `{name}` in `parameters` of the step");
            self.push(entry.key_span, message, fix);
        };
        if text.len() > LONGEST_VALUE {
            wrong(format!("Parameter '{name}' is longer than {LONGEST_VALUE} bytes"));
        }
        let numbers = matches!(kind, "Number" | "List<Number>");
        let parts: Vec<&str> = if kind == "CommaDelimitedList" || kind.starts_with("List<") {
            text.split(',').map(str::trim).collect()
        } else {
            vec![text]
        };
        if let Some(allowed) = node.get("AllowedValues").and_then(Node::as_seq) {
            let allowed: Vec<String> = allowed.iter().filter_map(scalar).collect();
            let same = |one: &String, part: &str| {
                one == part || (numbers && number(one).is_some() && number(one) == number(part))
            };
            if parts.iter().any(|part| !allowed.iter().any(|one| same(one, part))) {
                wrong(format!("Parameter '{name}' must be one of AllowedValues: {}", allowed.join(", ")));
            }
        }
        let limit = |key: &str| node.get(key).and_then(scalar).as_deref().and_then(number);
        for part in &parts {
            if let Some(start) = id_start(kind).filter(|start| !part.starts_with(start)) {
                wrong(format!("Parameter '{name}' must be an id that begins with {start}: {part}"));
            }
            if numbers {
                let Some(value) = number(part) else {
                    wrong(format!("Parameter '{name}' must be a number: {part}"));
                    continue;
                };
                if let Some(most) = limit("MaxValue").filter(|most| value > *most) {
                    wrong(format!("Parameter '{name}' must be a number not greater than {most}: {part}"));
                }
                if let Some(least) = limit("MinValue").filter(|least| value < *least) {
                    wrong(format!("Parameter '{name}' must be a number not less than {least}: {part}"));
                }
            } else {
                #[allow(clippy::cast_precision_loss)] // a text has at most 4096 bytes
                let length = part.chars().count() as f64;
                if let Some(most) = limit("MaxLength").filter(|most| length > *most) {
                    wrong(format!("Parameter '{name}' must contain at most {most} characters"));
                }
                if let Some(least) = limit("MinLength").filter(|least| length < *least) {
                    wrong(format!("Parameter '{name}' must contain at least {least} characters"));
                }
            }
            if let Some(pattern) = node.get("AllowedPattern").and_then(Node::as_str) {
                match Regex::new(&format!("^(?:{pattern})$")).and_then(|pattern| pattern.is_match(part)) {
                    Ok(true) => {}
                    Ok(false) => wrong(format!("Parameter '{name}' must match pattern {pattern}")),
                    Err(why) => wrong(format!(
                        "Parameter '{name}' has an AllowedPattern that cannot be judged ({pattern}): {why}"
                    )),
                }
            }
        }
    }

    fn capabilities(&mut self, given: &[String]) {
        let root = self.template.root().span;
        for unknown in given.iter().filter(|one| !CAPABILITIES.contains(&one.as_str())) {
            let message = format!("`{unknown}` is no capability that CloudFormation knows");
            self.push(root, message, format!("it knows {}", CAPABILITIES.join(", ")));
        }
        let has = |capability: &str| given.iter().any(|one| one == capability);
        let mut needed = None;
        for entry in self.template.section("Resources") {
            let kind = entry.value.get("Type").and_then(Node::as_str).unwrap_or_default();
            if !kind.starts_with("AWS::IAM::") {
                continue;
            }
            let named = ["RoleName", "ManagedPolicyName", "InstanceProfileName", "GroupName", "UserName"]
                .iter()
                .any(|key| entry.value.get("Properties").is_some_and(|p| p.get(key).is_some()));
            let (enough, capability) = if named {
                (has("CAPABILITY_NAMED_IAM"), "CAPABILITY_NAMED_IAM")
            } else {
                (has("CAPABILITY_NAMED_IAM") || has("CAPABILITY_IAM"), "CAPABILITY_IAM")
            };
            if !enough && needed.is_none_or(|(_, before)| before == "CAPABILITY_IAM") {
                needed = Some((entry.key_span, capability));
            }
        }
        if let Some((span, capability)) = needed {
            let message = format!("Requires capabilities : [{capability}]");
            self.push(span, message, format!("write `capabilities: [{capability}]` on the step"));
        }
        if let Some(transform) = self.template.root().get("Transform")
            && !has("CAPABILITY_AUTO_EXPAND")
        {
            let names = transform.as_seq().unwrap_or(std::slice::from_ref(transform));
            // This transform of AWS needs no capability.
            if names.iter().any(|name| name.as_str() != Some("AWS::LanguageExtensions")) {
                let message = "Requires capabilities : [CAPABILITY_AUTO_EXPAND]";
                self.push(transform.span, message, "deploy what the macro makes of the template");
            }
        }
    }

    /// Names of resources, parameters, conditions and mappings that do not exist, and resources
    /// that wait for each other.
    fn references(&mut self) {
        let template = self.template;
        let loops = |entry: &Entry| entry.key.starts_with("Fn::");
        if ["Resources", "Outputs", "Conditions"].iter().any(|of| template.section(of).iter().any(loops)) {
            // What a loop or a macro makes does not stand here. The inspection refuses both.
            return;
        }
        let mut uses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (block, entry) in ["Resources", "Outputs"]
            .into_iter()
            .flat_map(|block| template.section(block).iter().map(move |entry| (block, entry)))
        {
            self.condition_name(entry.value.get("Condition"));
            if self.resolver.is_made(&entry.value) == Truth::No {
                continue;
            }
            let mut functions = Vec::new();
            chosen::functions(&self.resolver, &entry.value, &mut |function| functions.push(function));
            for function in functions {
                for name in chosen::names(function) {
                    self.name(block, function, name);
                    if block == "Resources" && template.entry("Resources", name).is_some() {
                        uses.entry(&entry.key).or_default().insert(name);
                    }
                }
                match function.key.as_str() {
                    "Fn::If" => self.condition_name(function.value.as_seq().and_then(<[Node]>::first)),
                    "Fn::FindInMap" => self.mapping(function),
                    _ => {}
                }
            }
            if block == "Resources" {
                if entry.value.get("Type").is_none() {
                    let message = format!(
                        "Template format error: [/Resources/{}] Every Resources object must contain a Type member",
                        entry.key
                    );
                    self.push(entry.key_span, message, "write `Type: AWS::…`");
                }
                let waits = entry.value.get("DependsOn");
                let waits = waits.map(|node| node.as_seq().unwrap_or(std::slice::from_ref(node)));
                for node in waits.unwrap_or_default() {
                    let Some(name) = node.as_str() else { continue };
                    if template.entry("Resources", name).is_none() {
                        self.unresolved(node.span, block, name);
                    } else {
                        uses.entry(&entry.key).or_default().insert(name);
                    }
                }
            }
        }
        self.conditions();
        if let Some(cycle) = cycle(&uses) {
            let first = cycle.first().and_then(|name| {
                template.section("Resources").iter().find(|entry| entry.key == **name).map(|e| e.key_span)
            });
            let message = format!("Circular dependency between resources: [{}]", cycle.join(", "));
            self.push(
                first.unwrap_or(template.root().span),
                message,
                "take one of the references out, for example into a resource of its own",
            );
        }
    }

    fn unresolved(&mut self, span: Span, block: &str, name: &str) {
        let message = format!(
            "Template format error: Unresolved resource dependencies [{name}] in the {block} block of the template"
        );
        self.push(span, message, "correct the name, or declare it under `Parameters` or `Resources`");
    }

    fn name(&mut self, block: &str, function: &Entry, name: &str) {
        const PSEUDO: [&str; 8] = [
            "AWS::AccountId",
            "AWS::NoValue",
            "AWS::NotificationARNs",
            "AWS::Partition",
            "AWS::Region",
            "AWS::StackId",
            "AWS::StackName",
            "AWS::URLSuffix",
        ];
        let declared =
            function.key != "Fn::GetAtt" && (PSEUDO.contains(&name) || self.template.declares(name));
        let made = self.template.entry("Resources", name).map(|node| self.resolver.is_made(node));
        if !declared && made.is_none_or(|made| made == Truth::No) {
            self.unresolved(function.key_span, block, name);
        }
    }

    fn condition_name(&mut self, node: Option<&Node>) {
        let Some(node) = node else { return };
        if let Some(name) = node.as_str()
            && self.template.entry("Conditions", name).is_none()
        {
            let message = format!("Template format error: Unresolved condition dependency {name}");
            self.push(node.span, message, "correct the name, or declare it under `Conditions`");
        }
    }

    /// Assertions that do not hold.
    fn rules(&mut self, surroundings: &Surroundings) {
        for one in assertions(self.template, surroundings) {
            if one.holds == Holds::No {
                let message = format!("{} does not hold for these parameters", one.told());
                self.push(one.span, message, "give parameters that the rule allows, or change the rule");
            }
        }
    }

    fn conditions(&mut self) {
        let template = self.template;
        for entry in template.section("Conditions") {
            let mut pending = vec![&entry.value];
            while let Some(node) = pending.pop() {
                match &node.value {
                    Value::Map(map) => {
                        for one in &map.entries {
                            if one.key == "Condition" {
                                self.condition_name(Some(&one.value));
                            }
                            for name in chosen::names(one) {
                                if !name.starts_with("AWS::") && !template.declares(name) {
                                    self.unresolved(one.key_span, "Conditions", name);
                                }
                            }
                            pending.push(&one.value);
                        }
                    }
                    Value::Seq(items) => pending.extend(items),
                    Value::Null | Value::Broken | Value::Bool(_) | Value::Number(..) | Value::Str(_) => {}
                }
            }
        }
    }

    fn mapping(&mut self, function: &Entry) {
        let Some([map, first, second]) = function.value.as_seq() else { return };
        let [map, first, second] = [map, first, second].map(|node| self.resolver.resolve(node).flat());
        if [&map, &first, &second].iter().any(|key| knowledge(key) != Knowledge::Known) {
            return;
        }
        let row = self.template.entry("Mappings", &map).and_then(|map| map.get(&first)?.get(&second));
        if row.is_none() {
            let message = format!("Template error: Unable to get mapping for {map}::{first}::{second}");
            self.push(function.key_span, message, "add the key to the mapping");
        }
    }
}

/// A cycle in the graph of references, in its order.
fn cycle<'a>(uses: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in uses.keys() {
        let mut path: Vec<(&str, Vec<&str>)> = Vec::new();
        let next = |name: &str| uses.get(name).map(|used| used.iter().copied().collect::<Vec<_>>());
        if done.contains(start) {
            continue;
        }
        path.push((start, next(start).unwrap_or_default()));
        while let Some((name, rest)) = path.last_mut() {
            let Some(used) = rest.pop() else {
                done.insert(name);
                path.pop();
                continue;
            };
            if let Some(at) = path.iter().position(|(on_path, _)| *on_path == used) {
                return Some(path.iter().skip(at).map(|(name, _)| *name).collect());
            }
            if !done.contains(used) {
                path.push((used, next(used).unwrap_or_default()));
            }
        }
    }
    None
}

/// The beginning of ids of this parameter type.
fn id_start(kind: &str) -> Option<&'static str> {
    let kind = kind.strip_prefix("List<").and_then(|kind| kind.strip_suffix('>')).unwrap_or(kind);
    Some(match kind {
        "AWS::EC2::Image::Id" => "ami-",
        "AWS::EC2::Instance::Id" => "i-",
        "AWS::EC2::SecurityGroup::Id" => "sg-",
        "AWS::EC2::Subnet::Id" => "subnet-",
        "AWS::EC2::VPC::Id" => "vpc-",
        "AWS::EC2::Volume::Id" => "vol-",
        _ => return None,
    })
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// A scalar as CloudFormation reads it.
fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Str(text) => Some(text.clone()),
        Value::Number(_, raw) => Some(raw.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Broken | Value::Seq(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, given: &[(&str, &str)], capabilities: &[&str]) -> Vec<String> {
        let template = Template::read("t", text, 0).unwrap_or_else(|f| panic!("{}", f.render(false)));
        let given_to = |(name, value): &(&str, &str)| ((*name).to_owned(), Given::Value((*value).to_owned()));
        let surroundings =
            Surroundings { parameters: given.iter().map(given_to).collect(), ..Surroundings::default() };
        let capabilities: Vec<String> = capabilities.iter().map(|one| (*one).to_owned()).collect();
        let request = Request {
            parameters: given.iter().map(|(name, _)| *name).collect(),
            capabilities: &capabilities,
        };
        refusals(&template, &surroundings, &request).into_iter().map(|found| found.message).collect()
    }

    #[test]
    fn parameters_are_held_to_what_the_template_says() {
        for (declared, value, said) in [
            ("Type: Number, MaxValue: 9", "10", Some("not greater than 9")),
            ("Type: Number, MinValue: 9", "8", Some("not less than 9")),
            ("Type: Number, MinValue: 9", "9.5", None),
            ("Type: Number", "nine", Some("must be a number")),
            ("Type: 'List<Number>', MaxValue: 9", "1, 10", Some("not greater than 9")),
            ("Type: String, MaxLength: 2", "abc", Some("at most 2")),
            ("Type: String, MinLength: 2", "a", Some("at least 2")),
            ("Type: String, AllowedValues: [a, b]", "c", Some("one of AllowedValues: a, b")),
            ("Type: Number, AllowedValues: [1, 2]", "1.0", None),
            ("Type: CommaDelimitedList, AllowedValues: [a, b]", "a,c", Some("one of AllowedValues")),
            ("Type: String, AllowedPattern: '[a-z]+'", "ab1", Some("must match pattern")),
            ("Type: String, AllowedPattern: '(?!x)[a-z]+'", "abc", None),
            ("Type: String, AllowedPattern: '(?!x)[a-z]+'", "xbc", Some("must match pattern")),
            ("Type: 'AWS::EC2::VPC::Id'", "subnet-1", Some("begins with vpc-")),
            ("Type: String, Default: longer, MaxLength: 9", "", None),
        ] {
            let text = format!("Parameters: {{ P: {{ {declared} }} }}\nResources: {{ A: {{ Type: X }} }}\n");
            let found = refused(&text, &[("P", value)], &[]);
            let fits = said.map_or(found.is_empty(), |said| found.iter().any(|found| found.contains(said)));
            assert!(fits, "{declared} = {value}: {found:?}");
        }
        let text = "Parameters: { P: { Type: String } }\nResources: { A: { Type: X } }\n";
        assert_eq!(refused(text, &[], &[]), ["Parameters: [P] must have values"]);
        assert_eq!(
            refused(text, &[("P", ""), ("Q", "")], &[]),
            ["Parameters: [Q] do not exist in the template"]
        );
    }

    #[test]
    fn names_must_exist() {
        for (resources, said) in [
            ("A: { Type: X, Metadata: !Ref B }", Some("[B] in the Resources block")),
            ("A: { Type: X, Metadata: !GetAtt B.Arn }", Some("[B] in the Resources block")),
            ("A: { Type: X, Metadata: !Sub '${B.Arn}' }", Some("[B] in the Resources block")),
            ("A: { Type: X, Metadata: !Sub ['${B}', { B: c }] }", None),
            ("A: { Type: X, Metadata: !Sub '${!B}${AWS::Region}' }", None),
            ("A: { Type: X, DependsOn: [B] }", Some("[B] in the Resources block")),
            ("A: { Type: X, Condition: C }", Some("condition dependency C")),
            ("A: { Type: X, Metadata: !If [Never, !Ref B, c] }", None),
            (
                "A: { Type: X, Metadata: !Ref B }, B: { Type: X, Condition: Never }",
                Some("[B] in the Resources"),
            ),
            ("A: { Type: X, Metadata: !FindInMap [M, a, b] }", Some("mapping for M::a::b")),
            (
                "A: { Type: X, Metadata: !Ref B }, B: { Type: X, Metadata: !Ref A }",
                Some("Circular dependency"),
            ),
            ("A: { Type: X, Metadata: !Ref B }, B: { Type: X }", None),
            ("A: { Metadata: 1 }", Some("contain a Type member")),
        ] {
            let text = format!("Conditions: {{ Never: !Equals [a, b] }}\nResources: {{ {resources} }}\n");
            let found = refused(&text, &[], &[]);
            let fits = said.map_or(found.is_empty(), |said| found.iter().any(|found| found.contains(said)));
            assert!(fits, "{resources}: {found:?}");
        }
        let empty = refused("Description: x\n", &[], &[]);
        assert_eq!(empty, ["Template format error: At least one Resources member must be defined"]);
    }

    #[test]
    fn what_cloudformation_does_not_know_is_refused() {
        for (text, said) in [
            ("Resource: {}\nResources: { A: { Type: X } }\n", Some("property or properties [Resource]")),
            ("resources: {}\nResources: { A: { Type: X } }\n", Some("property or properties [resources]")),
            ("Resources: { A: { Type: X, condition: Never } }\n", Some("resource property 'condition'")),
            ("Resources: { A: { Type: X, '<<': { Type: Y } } }\n", Some("resource property '<<'")),
            ("Hooks: {}\nRules: {}\nResources: { A: { Type: X, DeletionPolicy: Delete } }\n", None),
        ] {
            let found = refused(text, &[], &[]);
            let fits = said.map_or(found.is_empty(), |said| found.iter().any(|found| found.contains(said)));
            assert!(fits, "{text}: {found:?}");
        }
    }

    #[test]
    fn roles_need_a_capability() {
        let role = |properties: &str| {
            format!("Resources: {{ R: {{ Type: 'AWS::IAM::Role', Properties: {properties} }} }}\n")
        };
        for (properties, capabilities, said) in [
            ("{}", &[][..], Some("[CAPABILITY_IAM]")),
            ("{}", &["CAPABILITY_IAM"][..], None),
            ("{}", &["CAPABILITY_NAMED_IAM"][..], None),
            ("{ RoleName: r }", &["CAPABILITY_IAM"][..], Some("[CAPABILITY_NAMED_IAM]")),
            ("{}", &["CAPABILITY_IAM", "CAPABILITY_ALL"][..], Some("no capability")),
        ] {
            let found = refused(&role(properties), &[], capabilities);
            let fits = said.map_or(found.is_empty(), |said| found.iter().any(|found| found.contains(said)));
            assert!(fits, "{properties} {capabilities:?}: {found:?}");
        }
    }
}
