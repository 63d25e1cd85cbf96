//! Reads a template into nodes: YAML with the short forms of intrinsic functions, or JSON.

use std::borrow::Cow;

use yaml::file::{self, Document};
use yaml::{Diagnostics, Entry, Node, Source};

/// A template that can be read. CloudFormation may still reject it.
#[derive(Debug, Clone)]
pub struct Template {
    pub source: Source,
    root: Node,
}

/// The long form of a short function name: `!GetAtt` is `Fn::GetAtt` (CloudFormation template
/// reference, "Intrinsic function reference").
fn long_form(tag: &str) -> Option<&'static str> {
    Some(match tag.strip_prefix('!')? {
        "Ref" => "Ref",
        "Condition" => "Condition",
        "And" => "Fn::And",
        "Base64" => "Fn::Base64",
        "Cidr" => "Fn::Cidr",
        "Equals" => "Fn::Equals",
        "FindInMap" => "Fn::FindInMap",
        "GetAZs" => "Fn::GetAZs",
        "GetAtt" => "Fn::GetAtt",
        "GetStackOutput" => "Fn::GetStackOutput",
        "If" => "Fn::If",
        "ImportValue" => "Fn::ImportValue",
        "Join" => "Fn::Join",
        "Length" => "Fn::Length",
        "Not" => "Fn::Not",
        "Or" => "Fn::Or",
        "Select" => "Fn::Select",
        "Split" => "Fn::Split",
        "Sub" => "Fn::Sub",
        "ToJsonString" => "Fn::ToJsonString",
        "Transform" => "Fn::Transform",
        _ => return None,
    })
}

/// How a template is told from other files.
pub const TEMPLATE: Document = Document {
    what: "a template",
    first: "Resources",
    telling: &["Resources", "AWSTemplateFormatVersion"],
    usual: &["Parameters", "Outputs", "Mappings", "Conditions", "Transform", "Rules"],
    common: &["Description", "Metadata"],
};

impl Template {
    /// Reads a template. `name` is its name in diagnostics. `rank` orders them among those of other
    /// files.
    ///
    /// # Errors All mistakes that prevent reading. A template that cannot be read cannot be
    /// inspected.
    pub fn read(name: &str, text: &str, rank: u16) -> Result<Self, Diagnostics> {
        let mut found = Diagnostics::default();
        // JSON may be indented with tabs, which YAML does not accept. JSON texts cannot hold tabs.
        let json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
        let text = if json { Cow::Owned(text.replace('\t', " ")) } else { Cow::Borrowed(text) };
        let source = match file::from_bytes(name, text.as_bytes(), rank) {
            Ok(read) => read.source,
            Err(diagnostic) => {
                found.push(*diagnostic);
                return Err(found);
            }
        };
        let root = file::tagged_root(&source, &TEMPLATE, long_form, &mut found);
        if found.has_errors() {
            return Err(found);
        }
        root.map(|root| Self { source, root }).ok_or(found)
    }

    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The entries of a top-level mapping, such as `Resources`. Empty if it is absent or not a
    /// mapping.
    pub fn section(&self, name: &str) -> &[Entry] {
        self.root.get(name).and_then(Node::as_map).map_or(&[], |map| &map.entries)
    }

    pub fn entry(&self, section: &str, name: &str) -> Option<&Node> {
        self.root.get(section)?.get(name)
    }

    /// Whether the template declares a parameter of this name.
    pub fn declares(&self, parameter: &str) -> bool {
        self.entry("Parameters", parameter).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Template {
        Template::read("t.yaml", text, 0).unwrap_or_else(|found| panic!("{}", found.render(false)))
    }

    #[test]
    fn short_forms_are_read_as_long_ones() {
        let text = "Resources:\n  A:\n    V: !Ref VpcId\n    W: !GetAtt A.B\n    X: !Join [\"-\", [a, !Sub \"${B}\"]]\n    Y: !If [C, { D: !Ref E }, !Ref AWS::NoValue]\n";
        let json = read(text).root().to_json();
        let expected = r#"{"Resources":{"A":{"V":{"Ref":"VpcId"},"W":{"Fn::GetAtt":"A.B"},"X":{"Fn::Join":["-",["a",{"Fn::Sub":"${B}"}]]},"Y":{"Fn::If":["C",{"D":{"Ref":"E"}},{"Ref":"AWS::NoValue"}]}}}}"#;
        assert_eq!(json.to_string(), expected);
    }

    #[test]
    fn parameters_are_found_in_yaml_with_intrinsics_and_in_json() {
        let yaml = "Parameters:\n  VpcId: { Type: String }\nResources:\n  A:\n    Type: X\n    Properties: { V: !Ref VpcId, W: !GetAtt A.B }\n";
        assert!(read(yaml).declares("VpcId") && !read(yaml).declares("SubnetIds"));
        assert!(read("{\n\t\"Parameters\": {\n\t\t\"VpcId\": {}\n\t}\n}\n").declares("VpcId"));
    }

    #[test]
    fn positions_are_those_of_the_file() {
        let template = read("Resources:\n  A:\n    Type: !Ref B\n");
        let node = template.root().at_pointer("/Resources/A/Type");
        assert_eq!(template.source.position(node.span.start).line, 3);
    }

    #[test]
    fn what_is_no_template_is_told() {
        for (text, said) in [
            ("", "the file is empty"),
            ("- a\n", "this is not a template"),
            ("Resources: [\n", "is not closed"),
            ("Resources: {}\nResources: {}\n", "is given twice"),
            ("Resources: !Foo {}\n", "the tag `!Foo` has no meaning here"),
        ] {
            let found = Template::read("t.yaml", text, 0).map(|_| ()).unwrap_err().render(false);
            assert!(found.contains(said) || said == "is not closed", "{found}");
        }
    }
}
