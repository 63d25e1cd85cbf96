//! The assertions in `Rules`. CloudFormation refuses a stack of which one does not hold.

use super::Template;
use super::resolve::{Resolver, Surroundings};
use super::value::Truth;
use yaml::{Node, Span};

/// An assertion that does not hold, or of which it is unknown whether it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asserted {
    pub rule: String,
    pub span: Span,
    /// What the template says of it.
    pub description: Option<String>,
    pub holds: Holds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    No,
    Unknown,
}

impl Asserted {
    /// The rule, with its description.
    pub fn told(&self) -> String {
        match &self.description {
            Some(description) => format!("rule `{}` ({description})", self.rule),
            None => format!("rule `{}`", self.rule),
        }
    }
}

/// The assertions that do not hold, and those that cannot be judged.
pub fn assertions(template: &Template, surroundings: &Surroundings) -> Vec<Asserted> {
    let resolver = Resolver::new(template, surroundings);
    let mut found = Vec::new();
    for entry in template.section("Rules") {
        let applies = entry.value.get("RuleCondition").map_or(Truth::Yes, |node| resolver.truth_of(node));
        if applies == Truth::No {
            continue;
        }
        for assertion in entry.value.get("Assertions").and_then(Node::as_seq).unwrap_or_default() {
            let Some(assert) = assertion.get("Assert") else { continue };
            let holds = match (applies, resolver.truth_of(assert)) {
                (_, Truth::Yes) | (Truth::No, _) => continue,
                (Truth::Yes, Truth::No) => Holds::No,
                (Truth::Yes, Truth::Open | Truth::Later)
                | (Truth::Open | Truth::Later, Truth::No | Truth::Open | Truth::Later) => Holds::Unknown,
            };
            let description = assertion.get("AssertDescription").and_then(Node::as_str).map(str::to_owned);
            found.push(Asserted { rule: entry.key.clone(), span: assert.span, description, holds });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolve::Given;

    fn judged(rules: &str) -> Vec<(String, Holds)> {
        let text = format!(
            "Parameters:\n  Env: {{ Type: String }}\n  Zones: {{ Type: CommaDelimitedList }}\n  \
             Subnet: {{ Type: 'AWS::EC2::Subnet::Id' }}\nRules:\n{rules}\nResources: {{ Q: {{ Type: 'AWS::SQS::Queue' }} }}\n"
        );
        let template = Template::read("t.yaml", &text, 0).unwrap();
        let given = [("Env", "prod"), ("Zones", "a,b")];
        let parameters = given
            .map(|(name, value)| (name.to_owned(), Given::Value(value.to_owned())))
            .into_iter()
            .collect();
        let surroundings = Surroundings { parameters, ..Surroundings::default() };
        assertions(&template, &surroundings).into_iter().map(|one| (one.told(), one.holds)).collect()
    }

    fn one(condition: &str, assert: &str) -> Option<Holds> {
        let rule = format!("  R: {{ {condition} Assertions: [{{ Assert: {assert} }}] }}");
        judged(&rule).first().map(|(_, holds)| *holds)
    }

    #[test]
    fn assertions_are_judged_as_far_as_they_can_be() {
        for (condition, assert, expected) in [
            ("", "!Equals [!Ref Env, prod]", None),
            ("", "!Equals [!Ref Env, test]", Some(Holds::No)),
            ("RuleCondition: !Equals [!Ref Env, test],", "!Equals [!Ref Env, dev]", None),
            ("RuleCondition: !Equals [!Ref Env, prod],", "!Equals [!Ref Env, dev]", Some(Holds::No)),
            ("", "{ 'Fn::Contains': [[prod, test], !Ref Env] }", None),
            ("", "{ 'Fn::Contains': [[dev, test], !Ref Env] }", Some(Holds::No)),
            ("", "{ 'Fn::EachMemberIn': [!Ref Zones, [a, b, c]] }", None),
            ("", "{ 'Fn::EachMemberIn': [!Ref Zones, [a, c]] }", Some(Holds::No)),
            ("", "{ 'Fn::EachMemberEquals': [[prod, !Ref Env], prod] }", None),
            ("", "{ 'Fn::EachMemberEquals': [!Ref Zones, a] }", Some(Holds::No)),
            ("", "{ 'Fn::Not': [{ 'Fn::Contains': [[prod], !Ref Env] }] }", Some(Holds::No)),
            // Only AWS knows the attributes of what exists.
            ("", "{ 'Fn::Contains': [[vpc-1], { 'Fn::ValueOf': [Subnet, VpcId] }] }", Some(Holds::Unknown)),
            (
                "RuleCondition: { 'Fn::Contains': [[vpc-1], { 'Fn::ValueOf': [Subnet, VpcId] }] },",
                "!Equals [!Ref Env, test]",
                Some(Holds::Unknown),
            ),
        ] {
            assert_eq!(one(condition, assert), expected, "{condition} {assert}");
        }
        let told = judged(
            "  OnlyTest: { Assertions: [{ Assert: !Equals [!Ref Env, test], AssertDescription: for tests alone }] }",
        );
        assert_eq!(told, [("rule `OnlyTest` (for tests alone)".to_owned(), Holds::No)]);
    }
}
