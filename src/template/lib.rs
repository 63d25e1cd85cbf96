//! CloudFormation templates. No other crate reads them.
//!
//! - `read` turns YAML (including short forms of intrinsic functions) and JSON into nodes with
//!   positions.
//! - `resolve` computes each `value`, as far as it can be known before a deployment.
//! - `needs` finds what a deployment needs besides the template, by the table `operations`.
//! - `refusal` finds why CloudFormation would refuse it, `stays` what outlives the stack.
//! - `asserted` judges the assertions in `Rules`.
//! - `inspect` finds parts that would open the sandbox, reach beyond it, or stay behind.
//! - `hosts` makes up the host names of what a stack makes.
//! - `admitted` holds the properties of each admitted type.
//! - `types` and `table` hold the lists that the inspection uses.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod admitted;
mod asserted;
mod chosen;
pub mod found;
mod hosts;
pub mod inspect;
pub mod needs;
pub mod operations;
mod policy;
pub mod properties;
mod read;
pub mod refusal;
pub mod resolve;
pub mod rule;
pub mod stays;
pub mod table;
pub mod types;
pub mod value;

use std::collections::BTreeMap;

pub use asserted::{Asserted, Holds, assertions};
pub use found::{Allow, TemplateFinding};
pub use hosts::{MADE_UP, sampled_outputs};
pub use inspect::inspect;
pub use needs::{Need, Thing, What, needs};
pub use read::{TEMPLATE, Template};
pub use refusal::refusals;
pub use resolve::{Given, Surroundings};
pub use rule::Rule;
pub use stays::stays;

/// The longest template that CloudFormation accepts in a request, in bytes (CloudFormation quotas,
/// "Template body size in a request"). Longer templates must be in a bucket.
pub const LONGEST_TEMPLATE: usize = 51_200;

/// The parameters that a deployment fills in, if the template declares them and the step gives no
/// value. They are the ids of the sandbox's network, which are known only during the run.
pub const SANDBOX_IDS: [&str; 3] = ["VpcId", "SubnetIds", "SecurityGroupId"];
/// The same for the IPv4 range of the sandbox.
pub const SANDBOX_CIDR: &str = "VpcCidr";

/// A parameter's value in the form that CloudFormation accepts. Lists are joined with commas.
pub fn parameter_text(value: &serde_json::Value) -> String {
    use serde_json::Value;
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(","),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            plain(other)
        }
    }
}

/// The template's outputs by name, as far as they can be known, with the hosts of its own resources
/// made up. `None` for a value that only a real stack has.
pub fn outputs(template: &Template, surroundings: &Surroundings) -> BTreeMap<String, Option<String>> {
    let resolver = resolve::Resolver::making_hosts_up(template, surroundings);
    template
        .section("Outputs")
        .iter()
        .filter(|entry| resolver.is_made(&entry.value) != value::Truth::No)
        .filter_map(|entry| {
            let value = resolver.resolve(entry.value.get("Value")?);
            Some((entry.key.clone(), value.known().map(str::to_owned)))
        })
        .collect()
}
