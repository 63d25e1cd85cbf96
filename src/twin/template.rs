//! Stacks: what CloudFormation refuses, the outputs of a template, and what a stack leaves.
//!
//! References to parameters are resolved. A value that only a real stack can know gets a made-up
//! id, so that the steps that use it can be rehearsed.

use std::collections::BTreeMap;

use port::{CloudError, CloudResult, DeployStack, ErrorKind, Place, Remains};
use template::refusal::Request;
use template::stays::Stays;
use template::{self, Given, Surroundings, Template};

/// Returns the stack's outputs. Empty if the template cannot be read: then CloudFormation refuses
/// it.
pub fn outputs(stack: &DeployStack, place: &Place) -> BTreeMap<String, String> {
    let Ok(read) = Template::read(&stack.name, &stack.template, 0) else { return BTreeMap::new() };
    template::outputs(&read, &surroundings(stack, place))
        .into_iter()
        .map(|(name, value)| {
            let value = value.unwrap_or_else(|| format!("twin-{name}"));
            (name, value)
        })
        .collect()
}

/// Returns what stays when the stack is deleted, as the real cloud lists it afterwards.
pub fn remains(stack: &DeployStack, place: &Place, id: &str) -> Vec<Remains> {
    let Ok(read) = Template::read(&stack.name, &stack.template, 0) else { return Vec::new() };
    let found = template::stays(&read, &surroundings(stack, place));
    let left = found.into_iter().filter(Stays::is_left_behind);
    left.map(|one| Remains { resource: None, what: one.told(id) }).collect()
}

/// Refuses a stack that CloudFormation would refuse.
pub fn check(stack: &DeployStack, place: &Place) -> CloudResult<()> {
    const CALL: &str = "cloudformation:CreateStack";
    let wrong = |message: String, fix: String| {
        Err(CloudError::new(ErrorKind::Invalid, CALL, format!("ValidationError: {message}")).help(fix))
    };
    let read = match Template::read(&stack.name, &stack.template, 0) {
        Ok(read) => read,
        Err(found) => {
            let first = found.iter().next().map(|first| first.message.clone()).unwrap_or_default();
            return wrong(format!("Template format error: {first}"), "correct the template".to_owned());
        }
    };
    let names = stack.parameters.keys().map(String::as_str).collect();
    let request = Request { parameters: names, capabilities: &stack.capabilities };
    match template::refusals(&read, &surroundings(stack, place), &request).into_iter().next() {
        None => Ok(()),
        Some(first) => {
            let line = read.source.position(first.span.start).line;
            wrong(format!("{} (line {line} of the template)", first.message), first.fix)
        }
    }
}

fn surroundings(stack: &DeployStack, place: &Place) -> Surroundings {
    let given = |(name, text): (&String, &String)| (name.clone(), Given::Value(text.clone()));
    Surroundings {
        account: Some(place.account.clone()),
        region: Some(place.region.clone()),
        parameters: stack.parameters.iter().map(given).collect(),
        ..Surroundings::default()
    }
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
