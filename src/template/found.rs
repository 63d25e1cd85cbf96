//! The findings of an inspection, and the exceptions that a step allows.

use super::admitted::{Class, Place, has_row, place};
use super::read::Template;
use super::rule::Rule;
use super::types::{ADMITTED_LATER, INSIDE, is_a_type, outward};
use base::severity::Severity;
use yaml::{Diagnostic, Span};

/// One finding, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFinding {
    pub rule: Rule,
    /// High: the template is not deployed. Medium: the step allows it.
    pub severity: Severity,
    pub span: Span,
    /// The logical id. Empty if the finding is about the whole template.
    pub resource: String,
    pub message: String,
    pub fix: String,
}

impl TemplateFinding {
    /// The finding as an error, or as a warning if it does not prevent the deployment.
    pub fn diagnostic(&self, template: &Template) -> Diagnostic {
        let source = &template.source;
        match self.severity {
            Severity::High => source.error(self.span, &self.message),
            Severity::Medium | Severity::Low => source.warning(self.span, &self.message),
        }
        .help(&self.fix)
    }

    /// The finding as `stack.yaml:12:7: …`.
    pub fn told(&self, template: &Template) -> String {
        let at = template.source.position(self.span.start);
        format!("{}:{}:{}: {}", template.source.name, at.line, at.column, self.message)
    }
}

/// The exceptions that a step allows. None of them can open the network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow {
    iam: bool,
    retain: bool,
    kinds: Vec<String>,
    /// Properties, such as `AWS::RDS::DBInstance.DomainIAMRoleName`.
    properties: Vec<String>,
}

impl Allow {
    /// Parses the names in `allow:`.
    pub fn read<T: AsRef<str>>(names: &[T]) -> Result<Self, (usize, String, String)> {
        let mut allow = Self::default();
        for (index, name) in names.iter().map(AsRef::as_ref).enumerate() {
            let wrong = |said: String, help: &str| Err((index, said, help.to_owned()));
            match name {
                "iam" => allow.iam = true,
                "retain" => allow.retain = true,
                name if name.split_once('.').is_some_and(|(kind, _)| is_a_type(kind)) => {
                    let (kind, path) = name.split_once('.').unwrap_or_default();
                    may_be_allowed(kind, path).map_err(|(said, help)| (index, said, help))?;
                    allow.properties.push(name.to_owned());
                }
                kind if outward(kind).is_some_and(|row| row.rule == Rule::Iam) => {
                    return wrong(format!("`{kind}` is allowed by another name"), "write `iam`");
                }
                kind if outward(kind).is_some() => {
                    return wrong(
                        format!(
                            "`{kind}` cannot be allowed: it leads out of the sandbox, or cannot be inspected"
                        ),
                        "leave the resource out of the drill's deployment, with a `Condition`",
                    );
                }
                kind if ADMITTED_LATER.contains(&kind) => {}
                kind if INSIDE.contains(&kind) => {
                    return wrong(format!("`{kind}` is allowed anyway"), "remove it from `allow`");
                }
                kind if is_a_type(kind) => allow.kinds.push(kind.to_owned()),
                other => {
                    return wrong(
                        format!("`{other}` is not a name that `allow` takes"),
                        "`allow` takes `iam`, `retain`, and types that are not known to stay inside, such as `AWS::Batch::JobQueue`, or their properties, such as `AWS::RDS::DBInstance.DomainIAMRoleName`",
                    );
                }
            }
        }
        Ok(allow)
    }

    /// The name in `allow:` that allows a finding, if any.
    fn names(&self, rule: Rule, kind: &str, property: &str) -> Option<String> {
        match rule {
            Rule::Iam => self.iam.then(|| "iam".to_owned()),
            Rule::Retain => self.retain.then(|| "retain".to_owned()),
            Rule::Unlisted if property.is_empty() => self.kinds.iter().find(|k| *k == kind).cloned(),
            Rule::Unlisted => {
                let whole = format!("{kind}.{property}");
                let covers = |name: &&String| {
                    whole
                        .strip_prefix(name.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                };
                self.properties.iter().find(covers).cloned()
            }
            Rule::Network
            | Rule::Public
            | Rule::Access
            | Rule::Elsewhere
            | Rule::Credentials
            | Rule::Uninspected => None,
        }
    }
}

/// Whether a property may be allowed. Only what nobody judges may: `allow` never opens the network, and
/// takes nothing of production.
fn may_be_allowed(kind: &str, path: &str) -> Result<(), (String, String)> {
    let told = format!("`{kind}.{path}`");
    if !has_row(kind) {
        let help = if outward(kind).is_some() {
            "leave the resource out of the drill's deployment, with a `Condition`".to_owned()
        } else {
            format!("write `{kind}`: the properties of this type are in no table")
        };
        return Err((format!("{told} is no property that can be allowed"), help));
    }
    match place(kind, &path.replace('.', "/")) {
        Some(Place::Of(Class::Stops) | Place::Nowhere) if !path.is_empty() => Ok(()),
        Some(Place::Of(Class::Harmless)) => {
            Err((format!("{told} is allowed anyway"), "remove it from `allow`".to_owned()))
        }
        Some(Place::Of(Class::Own)) => Err((
            format!("{told} cannot be allowed: it may reach what stands outside the sandbox"),
            "refer to what this template makes, or to what a step makes, by a parameter".to_owned(),
        )),
        Some(Place::Of(Class::Judged(_))) => Err((
            format!("{told} cannot be allowed: its value is judged"),
            "give it a value that stays inside the sandbox".to_owned(),
        )),
        Some(Place::Above | Place::Of(Class::Stops) | Place::Nowhere) | None => Err((
            format!("{told} is not a single property"),
            "name the property as the finding names it".to_owned(),
        )),
    }
}

/// The findings so far, and the resource that is being inspected.
pub struct Findings<'a> {
    allow: &'a Allow,
    pub(super) resource: String,
    pub kind: String,
    /// The path of the property that is being inspected, if a table decides about it.
    pub(super) property: String,
    pub(super) list: Vec<TemplateFinding>,
}

impl<'a> Findings<'a> {
    pub fn new(allow: &'a Allow) -> Self {
        Self {
            allow,
            resource: String::new(),
            kind: String::new(),
            property: String::new(),
            list: Vec::new(),
        }
    }

    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// Adds a finding. `what` continues the sentence after the resource's name.
    pub fn push(&mut self, rule: Rule, span: Span, what: &str, fix: &str) {
        let allowed = self.allow.names(rule, &self.kind, &self.property);
        let subject = match (self.resource.as_str(), self.kind.as_str()) {
            ("", _) => String::new(),
            (name, "") => format!("`{name}` "),
            (name, kind) => format!("`{name}` ({kind}) "),
        };
        let (severity, message, fix) = match allowed {
            Some(name) => (
                Severity::Medium,
                format!("{subject}{what}; the step allows it (`{name}`)"),
                "remove it from `allow` once the template can do without".to_owned(),
            ),
            None => (Severity::High, format!("{subject}{what}"), fix.to_owned()),
        };
        self.list.push(TemplateFinding {
            rule,
            severity,
            span,
            resource: self.resource.clone(),
            message,
            fix,
        });
    }
}
