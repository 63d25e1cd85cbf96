//! Files that a playbook names: templates, manifests, certificates, programs.

use std::collections::HashMap;

use super::Context;
use super::facts::Facts;
use crate::action::FileKind;
use crate::check::CheckType;
use crate::data::is_last_passed;
use crate::draft::{Draft, Text};
use crate::expr::is_template;
use template::LONGEST_TEMPLATE;
use yaml::{Diagnostics, Node};

pub fn check(draft: &Draft<'_>, _: &Facts<'_>, context: &Context<'_>, out: &mut Diagnostics) {
    // Thousands of steps may name the same template.
    let mut looked_at: HashMap<String, Option<String>> = HashMap::new();
    too_long_templates(draft, context, out);
    let mut look = |what: &str, node: Option<&Node>| {
        let Some((text, span)) = node.and_then(|n| Some((n.as_str()?, n.span))) else { return };
        if is_template(text) {
            return;
        }
        let text = Text { text, span };
        let why = looked_at.entry(text.text.to_owned()).or_insert_with(|| {
            if text.text.is_empty() {
                return Some("the path is empty".to_owned());
            }
            context.files.unreadable(text.text)
        });
        if let Some(why) = why {
            out.push(
                draft
                    .source
                    .error(text.span, format!("the {what} `{}` cannot be read: {why}", text.text))
                    .help(format!(
                        "the path is relative to the playbook: `{}` was looked for",
                        context.files.path(text.text).display()
                    )),
            );
        }
    };
    for item in &draft.items {
        for file in item.decl.map_or(&[][..], |decl| decl.files) {
            let argument = item.with.and_then(|with| with.get(file.name));
            match file.kind {
                FileKind::Template => look("template", argument),
                FileKind::Manifest => look("manifest", argument),
                FileKind::Program => look("program", argument.and_then(relative_program)),
            }
        }
        for (kind, entry) in &item.kinds {
            let spec = &entry.value;
            look("certificate file", certificate_file(*kind, spec));
            look("reference", reference_file(*kind, spec));
            if *kind == CheckType::Command {
                let run = spec.get("run").filter(|_| spec.get("cwd").is_none());
                look("program", run.and_then(relative_program));
            }
        }
    }
}

fn too_long_templates(draft: &Draft<'_>, context: &Context<'_>, out: &mut Diagnostics) {
    let templates = draft.items.iter().flat_map(|item| {
        let names = item.decl.into_iter().flat_map(|decl| decl.files_of(FileKind::Template));
        names.filter_map(|name| item.with?.get(name))
    });
    for node in templates {
        let Some(text) = node.as_str().filter(|text| !is_template(text)) else { continue };
        // A template that cannot be read is reported elsewhere.
        let Some(bytes) = context.files.size(text) else { continue };
        if bytes > LONGEST_TEMPLATE as u64 {
            let said = format!(
                "the template `{text}` has {bytes} bytes, and CloudFormation takes {LONGEST_TEMPLATE} at most in a request"
            );
            let help = "split it into several stacks, or leave out comments and blanks";
            out.push(draft.source.error(node.span, said).help(help));
        }
    }
}

/// The file of certificates that a check names in its own part.
pub(super) fn certificate_file(kind: CheckType, spec: &Node) -> Option<&Node> {
    match kind {
        CheckType::Http | CheckType::Redis => spec.get("ca_file"),
        CheckType::Sql | CheckType::Data => spec.get("tls")?.get("ca_file"),
        CheckType::Tcp
        | CheckType::Dns
        | CheckType::S3
        | CheckType::Dynamodb
        | CheckType::State
        | CheckType::Command => None,
    }
}

/// The reference that a `data` check names.
pub(super) fn reference_file(kind: CheckType, spec: &Node) -> Option<&Node> {
    let against = spec.get("against").filter(|_| kind == CheckType::Data)?;
    (!is_last_passed(against.as_str()?)).then_some(against)
}

/// A program with a relative path. A bare name is searched in PATH on the machine that runs the
/// drill.
fn relative_program(run: &Node) -> Option<&Node> {
    run.as_seq()?
        .first()
        .filter(|node| node.as_str().is_some_and(|text| text.contains('/') && !text.starts_with('/')))
}
