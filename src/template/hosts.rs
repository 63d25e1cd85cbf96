//! The host names that AWS gives to a template's own databases and load balancers. Their form is
//! known before a deployment, and with it whether an output leads to what the stack makes.

use std::collections::BTreeMap;

use super::read::Template;
use super::resolve::{Resolver, Surroundings};
use super::value::{Form, stand_ins};
use yaml::Node;

/// The end of a made-up host name. Nothing ever answers there (RFC 2606).
pub const MADE_UP: &str = ".twin.invalid";

struct Endpoint {
    of: &'static str,
    attribute: &'static str,
    /// The property that names the resource.
    name: &'static str,
    /// What stands between the name and the region, and after the region.
    around: [&'static str; 2],
}

const fn endpoint(
    of: &'static str,
    attribute: &'static str,
    name: &'static str,
    around: [&'static str; 2],
) -> Endpoint {
    Endpoint { of, attribute, name, around }
}

/// The attributes that are such hosts (CloudFormation template reference, return values).
const ENDPOINTS: [Endpoint; 5] = [
    endpoint("AWS::RDS::DBInstance", "Endpoint.Address", "DBInstanceIdentifier", [".twin.", ".rds"]),
    endpoint("AWS::RDS::DBCluster", "Endpoint.Address", "DBClusterIdentifier", [".cluster-twin.", ".rds"]),
    endpoint(
        "AWS::RDS::DBCluster",
        "ReadEndpoint.Address",
        "DBClusterIdentifier",
        [".cluster-ro-twin.", ".rds"],
    ),
    endpoint("AWS::ElasticLoadBalancingV2::LoadBalancer", "DNSName", "Name", ["-1.", ".elb"]),
    endpoint("AWS::ElasticLoadBalancing::LoadBalancer", "DNSName", "LoadBalancerName", ["-1.", ".elb"]),
];

/// Whether an attribute is the port of such a resource, which is a number whatever its author wrote.
pub(super) fn is_port(kind: &str, attribute: &str) -> bool {
    attribute == "Endpoint.Port" && ENDPOINTS.iter().any(|row| row.of == kind)
}

/// The host of a resource, made up in the form that AWS gives it.
pub(super) fn made_up(
    resolver: &Resolver<'_>,
    id: &str,
    kind: &str,
    attribute: &str,
    resource: &Node,
) -> Option<String> {
    let row = ENDPOINTS.iter().find(|row| row.of == kind && row.attribute == attribute)?;
    let region = resolver.surroundings.region.as_ref()?;
    let named = resource.get("Properties").and_then(|properties| properties.get(row.name));
    let named = named.and_then(|node| resolver.resolve(node).known().map(str::to_owned));
    let name = named.unwrap_or_else(|| id.to_owned()).to_ascii_lowercase();
    let [before, after] = row.around;
    Some(format!("{name}{before}{region}{after}{MADE_UP}"))
}

/// The template's outputs with these hosts made up, and with `1` for everything else that only a
/// real stack has. Outputs of which more is unknown are left out.
pub fn sampled_outputs(template: &Template, surroundings: &Surroundings) -> BTreeMap<String, String> {
    let resolver = Resolver::making_hosts_up(template, surroundings);
    let sample = |node: &Node| match resolver.resolve(node).form {
        Form::Text(text) => stand_ins(&text, "1"),
        Form::List(_) | Form::Map(_) | Form::Either(_) | Form::Nothing => None,
    };
    let outputs = template.section("Outputs").iter();
    outputs.filter_map(|entry| Some((entry.key.clone(), sample(entry.value.get("Value")?)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STACK: &str = r#"
Parameters: { Where: { Type: String }, Name: { Type: String, Default: Orders } }
Conditions: { Big: !Equals [!Ref Where, x] }
Resources:
  Db: { Type: AWS::RDS::DBInstance, Properties: { DBInstanceIdentifier: !Ref Name } }
  Aurora: { Type: AWS::RDS::DBCluster }
  Web: { Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: { Name: shop } }
  Other: { Type: Custom::Thing }
Outputs:
  Db: { Value: !GetAtt Db.Endpoint.Address }
  Url: { Value: !Sub "postgres://u@${Db.Endpoint.Address}:${Db.Endpoint.Port}/o" }
  Reader: { Value: !Join [":", [!GetAtt Aurora.ReadEndpoint.Address, "5432"]] }
  Web: { Value: !Sub "http://${Web.DNSName}/" }
  Given: { Value: !Ref Where }
  Copied: { Value: !Sub "${Db}.c1.us-west-2.rds.amazonaws.com" }
  Either: { Value: !If [Big, !GetAtt Db.Endpoint.Address, !Ref Where] }
  Custom: { Value: !GetAtt Other.Endpoint.Address }
"#;

    #[test]
    fn an_output_shows_whose_host_it_is() {
        let template = Template::read("s", STACK, 0).unwrap();
        let around = Surroundings { region: "us-west-2".parse().ok(), ..Surroundings::default() };
        let expected = [
            ("Db", "orders.twin.us-west-2.rds.twin.invalid"),
            ("Reader", "aurora.cluster-ro-twin.us-west-2.rds.twin.invalid:5432"),
            ("Url", "postgres://u@orders.twin.us-west-2.rds.twin.invalid:1/o"),
            ("Web", "http://shop-1.us-west-2.elb.twin.invalid/"),
        ];
        assert_eq!(sampled_outputs(&template, &around), expected.map(|(k, v)| (k.into(), v.into())).into());
    }
}
