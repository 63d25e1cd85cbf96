//! The outputs of a stack's template.
//!
//! References to parameters are resolved. A value that only a real stack can know gets a made-up
//! id, so that the steps that use it can be rehearsed.

use std::collections::BTreeMap;

use port::{DeployStack, Place};
use template::{self, Given, Surroundings, Template};

/// Returns the stack's outputs. Empty if the template cannot be read: then CloudFormation refuses
/// it.
pub fn outputs(stack: &DeployStack, place: &Place) -> BTreeMap<String, String> {
    let Ok(read) = Template::read(&stack.name, &stack.template, 0) else { return BTreeMap::new() };
    let given = |(name, text): (&String, &String)| (name.clone(), Given::Value(text.clone()));
    let surroundings = Surroundings {
        account: Some(place.account.clone()),
        region: Some(place.region.clone()),
        parameters: stack.parameters.iter().map(given).collect(),
        ..Surroundings::default()
    };
    template::outputs(&read, &surroundings)
        .into_iter()
        .map(|(name, value)| {
            let value = value.unwrap_or_else(|| format!("twin-{name}"));
            (name, value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_resolved_and_the_rest_is_made_up() {
        let template = "Parameters:\n  VpcId: { Type: String }\n  Port: { Type: Number, Default: 80 }\n\
            Conditions: { Never: !Equals [a, b] }\nResources: { Web: { Type: X } }\n\
            Outputs:\n  Vpc: { Value: !Ref VpcId }\n  Long: { Value: { Ref: VpcId } }\n  Port: { Value: { Ref: Port } }\n  \
            Group: { Value: { Ref: Web } }\n  At: { Value: !Sub \"${AWS::Region}:${Port}\" }\n  None: { Condition: Never, Value: x }\n";
        let stack = DeployStack {
            name: "orders".into(),
            template: template.into(),
            parameters: [("VpcId".to_owned(), "vpc-1".to_owned())].into(),
            capabilities: vec![],
        };
        let place = Place { account: "111122223333".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        let expected = [
            ("At", "us-west-2:80"),
            ("Group", "twin-Group"),
            ("Long", "vpc-1"),
            ("Port", "80"),
            ("Vpc", "vpc-1"),
        ];
        assert_eq!(outputs(&stack, &place), expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    }
}
