//! The findings of an inspection, and the exceptions that a step allows.

use super::read::Template;
use super::rule::Rule;
use super::types::{INSIDE, is_a_type, outward};
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
                kind if INSIDE.contains(&kind) => {
                    return wrong(format!("`{kind}` is allowed anyway"), "remove it from `allow`");
                }
                kind if is_a_type(kind) => allow.kinds.push(kind.to_owned()),
                other => {
                    return wrong(
                        format!("`{other}` is not a name that `allow` takes"),
                        "`allow` takes `iam`, `retain`, and types that are not known to stay inside, such as `AWS::ECS::Cluster`",
                    );
                }
            }
        }
        Ok(allow)
    }

    /// The name in `allow:` that allows a finding, if any.
    fn names(&self, rule: Rule, kind: &str) -> Option<String> {
        match rule {
            Rule::Iam => self.iam.then(|| "iam".to_owned()),
            Rule::Retain => self.retain.then(|| "retain".to_owned()),
            Rule::Unlisted => self.kinds.iter().find(|k| *k == kind).cloned(),
            Rule::Network
            | Rule::Public
            | Rule::Access
            | Rule::Elsewhere
            | Rule::Credentials
            | Rule::Uninspected => None,
        }
    }
}

/// The findings so far, and the resource that is being inspected.
pub struct Findings<'a> {
    allow: &'a Allow,
    pub(super) resource: String,
    pub kind: String,
    pub(super) list: Vec<TemplateFinding>,
}

impl<'a> Findings<'a> {
    pub fn new(allow: &'a Allow) -> Self {
        Self { allow, resource: String::new(), kind: String::new(), list: Vec::new() }
    }

    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// Adds a finding. `what` continues the sentence after the resource's name.
    pub fn push(&mut self, rule: Rule, span: Span, what: &str, fix: &str) {
        let allowed = self.allow.names(rule, &self.kind);
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
