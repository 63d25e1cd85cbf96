//! What a YAML file is, by its top-level keys, and the check of a template that no playbook names.

use std::path::Path;

use strum::Display;

use super::load::PLAYBOOK;
use estate::load::ESTATE;
use template::{Allow, Given, LONGEST_TEMPLATE, Rule, Surroundings, TEMPLATE, Template, inspect};
use yaml::file::{self, Document as Form, Read};
use yaml::{Diagnostics, Span};

/// A kind of file that Drillmaster reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Display)]
#[strum(serialize_all = "lowercase")]
pub enum Document {
    Playbook,
    Estate,
    Template,
}

impl Document {
    /// The kind of a file. `None` if it is none of ours.
    pub fn of(read: &Read) -> Option<Self> {
        // Other programs extend files too, without a name.
        let keys = file::top_level_keys(read);
        if ["name", "extends"].iter().all(|key| keys.contains(*key)) {
            return Some(Self::Playbook);
        }
        // In the order in which they are tried: playbooks and estates both have `accounts`.
        let kinds = [(Self::Playbook, &PLAYBOOK), (Self::Estate, &ESTATE), (Self::Template, &TEMPLATE)];
        let found = Form::told(read, &kinds.map(|(_, form)| form)).map(|form| form.what);
        kinds.into_iter().find(|(_, form)| Some(form.what) == found).map(|(kind, _)| kind)
    }
}

/// Inspects a template by itself. A value that a step would give is not known, so nothing is said of
/// it. What a step may allow is a warning.
pub fn check_template(path: &Path) -> Diagnostics {
    let mut found = Diagnostics::default();
    let read = match file::read(path, 0) {
        Ok(read) => read,
        Err(diagnostic) => {
            found.push(*diagnostic);
            return found;
        }
    };
    let (name, text) = (path.display().to_string(), &read.source.text);
    if text.len() > LONGEST_TEMPLATE {
        let said =
            format!("{} bytes, and CloudFormation takes {LONGEST_TEMPLATE} at most in a request", text.len());
        let help = "split it into several stacks, or leave out comments and blanks";
        found.push(read.source.error(Span::default(), said).help(help));
    }
    match Template::read(&name, text, 0) {
        Err(mistakes) => found.extend(mistakes),
        Ok(template) => {
            let declared = template.section("Parameters").iter();
            let parameters = declared.map(|entry| (entry.key.clone(), Given::Later)).collect();
            let surroundings = Surroundings { parameters, ..Surroundings::default() };
            for finding in inspect(&template, &surroundings, &Allow::default()) {
                let diagnostic = match finding.rule {
                    Rule::Iam | Rule::Retain | Rule::Unlisted => {
                        template.source.warning(finding.span, &finding.message).help(&finding.fix)
                    }
                    Rule::Network
                    | Rule::Public
                    | Rule::Access
                    | Rule::Elsewhere
                    | Rule::Credentials
                    | Rule::Uninspected => finding.diagnostic(&template),
                };
                found.push(diagnostic);
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::Document::{self, Estate, Playbook, Template};

    #[test]
    fn a_file_is_told_by_its_keys() {
        for (text, of) in [
            ("name: x\nlose: { region: us-east-1 }\n", Some(Playbook)),
            ("name: x\nlsoe: {}\naccounts: {}\nsteps: []\n", Some(Playbook)),
            ("{ \"name\": \"x\", \"sandbox\": {} }", Some(Playbook)),
            ("name: x\nextends: base.yaml\n", Some(Playbook)),
            ("nmae: x\nextends: base.yaml\nlsoe: {}\n", Some(Playbook)),
            ("extends: eslint\nrules: {}\n", None),
            ("regoins: {}\nresources: []\n", Some(Estate)),
            ("acounts: {}\nrecovery_pionts: []\n", Some(Estate)),
            ("Recources: {}\nOutputs: {}\n", Some(Template)),
            // It cannot be read as YAML, and is a playbook all the same.
            ("name: 'x\nlose: { region: us-east-1 }\n", Some(Playbook)),
            ("accounts: {}\nregions: {}\n", Some(Estate)),
            ("recovery_points: []\n", Some(Estate)),
            ("Resources:\n  A: { Type: \"AWS::EC2::VPC\", X: !Ref B }\n", Some(Template)),
            ("{\"AWSTemplateFormatVersion\": \"2010-09-09\"}", Some(Template)),
            // Compose, Kubernetes, Kustomize, a workflow, a build, a chart's template, a list, a
            // text, nothing.
            ("services: { web: { image: nginx } }\nvolumes: {}\n", None),
            ("apiVersion: v1\nkind: Pod\nspec: {}\n---\napiVersion: v1\nkind: Pod\n", None),
            ("apiVersion: kustomize.config.k8s.io/v1beta1\nresources: [a.yaml]\n", None),
            ("name: ci\non: push\njobs: {}\n", None),
            ("steps:\n  - name: gcr.io/cloud-builders/docker\nimages: [x]\n", None),
            ("{{- if .Values.on }}\nkind: Pod\n{{- end }}\n", None),
            ("- hosts: all\n", None),
            ("just a text\n", None),
            ("", None),
        ] {
            let read = yaml::file::from_bytes("", text.as_bytes(), 0).unwrap();
            assert_eq!(Document::of(&read), of, "{text}");
        }
    }
}
