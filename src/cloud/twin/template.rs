//! What a stack's template promises as outputs. References to parameters are resolved; what only a real stack would
//! know gets a made-up id, so that the steps that use it can be rehearsed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::cloud::DeployStack;

#[derive(Deserialize)]
struct Template {
    #[serde(default, rename = "Parameters")]
    parameters: BTreeMap<String, Parameter>,
    #[serde(default, rename = "Outputs")]
    outputs: BTreeMap<String, Output>,
}

#[derive(Deserialize)]
struct Parameter {
    #[serde(default, rename = "Default")]
    default: Option<Value>,
}

#[derive(Deserialize)]
struct Output {
    #[serde(rename = "Value")]
    value: Value,
}

/// The stack's outputs; none where the template cannot be read, which is CloudFormation's to refuse.
pub fn outputs(stack: &DeployStack) -> BTreeMap<String, String> {
    let Ok(template) = serde_saphyr::from_str::<Template>(&stack.template) else { return BTreeMap::new() };
    let parameter = |name: &str| {
        let given = stack.parameters.get(name).cloned();
        given.or_else(|| template.parameters.get(name)?.default.as_ref().map(text))
    };
    let value = |name: &str, value: &Value| match value {
        Value::Object(function) => {
            let of = function.get("Ref").and_then(Value::as_str);
            of.and_then(parameter).unwrap_or_else(|| format!("twin-{name}"))
        }
        // The short form `!Ref X` is read as the plain text X.
        Value::String(plain) => parameter(plain).unwrap_or_else(|| plain.clone()),
        other => text(other),
    };
    template.outputs.iter().map(|(name, output)| (name.clone(), value(name, &output.value))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_resolved_and_the_rest_is_made_up() {
        let template = "Parameters:\n  VpcId: { Type: String }\n  Port: { Type: Number, Default: 80 }\nResources: {}\n\
            Outputs:\n  Vpc: { Value: !Ref VpcId }\n  Long: { Value: { Ref: VpcId } }\n  Port: { Value: { Ref: Port } }\n  Group: { Value: { Ref: Web } }\n";
        let stack = DeployStack {
            name: "orders".into(),
            template: template.into(),
            parameters: [("VpcId".to_owned(), "vpc-1".to_owned())].into(),
            capabilities: vec![],
        };
        let expected = [("Group", "twin-Group"), ("Long", "vpc-1"), ("Port", "80"), ("Vpc", "vpc-1")];
        assert_eq!(outputs(&stack), expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    }
}
