//! CloudFormation templates: the only reader of them. `read` makes nodes with positions of YAML (short forms of
//! intrinsic functions included) and JSON, `resolve` works out each `value` as far as it can be known before a deployment,
//! `inspect` finds what would open the sandbox, reach beyond it, or stay behind; the lists are in `types` and `table`.

pub mod found;
pub mod inspect;
mod policy;
mod properties;
mod read;
pub mod resolve;
pub mod rule;
pub mod table;
pub mod types;
pub mod value;

use std::collections::BTreeMap;

pub use found::{Allow, Finding};
pub use inspect::inspect;
pub use read::Template;
pub use resolve::{Given, Surroundings};

/// Bytes: the longest template that CloudFormation takes in a request (CloudFormation quotas,
/// "Template body size in a request"). Longer ones have to lie in a bucket.
pub const LONGEST_TEMPLATE: usize = 51_200;

/// The parameters that a deployment fills in itself, where the template has them and no value is given: the ids of the
/// sandbox's network, which only the run knows.
pub const SANDBOX_IDS: [&str; 3] = ["VpcId", "SubnetIds", "SecurityGroupId"];
/// The same for the sandbox's IPv4 range.
pub const SANDBOX_CIDR: &str = "VpcCidr";

/// A parameter's value as CloudFormation takes it: lists joined by commas.
pub fn parameter_text(value: &serde_json::Value) -> String {
    use serde_json::Value;
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(","),
        other => plain(other),
    }
}

/// The template's outputs by name, as far as they can be known; `None` for what only a real stack would know.
pub fn outputs(template: &Template, surroundings: &Surroundings) -> BTreeMap<String, Option<String>> {
    let resolver = resolve::Resolver::new(template, surroundings);
    template
        .section("Outputs")
        .iter()
        .filter(|entry| resolver.is_made(&entry.value) != value::Truth::No)
        .filter_map(|entry| {
            let value = resolver.see(entry.value.get("Value")?);
            Some((entry.key.clone(), value.known().map(str::to_owned)))
        })
        .collect()
}
