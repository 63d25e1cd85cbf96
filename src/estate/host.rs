//! What an AWS host name says about where it leads: the service, the region, and where they stand
//! in it the zone, the account, the bucket and the resource.

use std::net::IpAddr;
use std::sync::{LazyLock, OnceLock};

use regex::{Captures, Regex};

use super::bucket;
use super::plane::{self, EAST};
use super::resource::ResourceId;
use base::ids::{AccountId, AzId, Region};
use base::partition::PARTITIONS;

/// A form of host names.
pub struct Form {
    /// The host name, with placeholders (`PLACEHOLDERS`).
    pub pattern: &'static str,
    pub service: &'static str,
    /// The type of the resource that `{name}` names.
    kind: Option<&'static str>,
    /// The region that the form stands for, although no part of the host name says it.
    home: Option<&'static str>,
}

const fn form(service: &'static str, pattern: &'static str) -> Form {
    Form { pattern, service, kind: None, home: None }
}

impl Form {
    const fn of(mut self, kind: &'static str) -> Self {
        self.kind = Some(kind);
        self
    }

    const fn home(mut self, region: &'static str) -> Self {
        self.home = Some(region);
        self
    }
}

/// What stands for the ending of AWS on the twin.
const TWIN: &str = "twin.invalid";

/// What a placeholder in a pattern stands for, as a regular expression. `{aws}` is one of the endings
/// of the partitions, or the twin's.
const PLACEHOLDERS: [(&str, &str); 11] = [
    ("{any}", r"(?:[^.]+\.)*"),
    ("{region}", r"(?P<region>(?:[a-z]{2}|eusc)(?:-[a-z]{2,})+-[0-9]{1,2})"),
    // A short form of a region: `use1`.
    ("{code}", r"(?P<code>[a-z]{2,6}[0-9]{1,2})"),
    ("{zone}", r"(?P<zone>[a-z0-9-]+-az[0-9]+)"),
    ("{account}", r"(?P<account>[0-9]{12})"),
    ("{bucket}", r"(?P<bucket>[a-z0-9][a-z0-9._-]*)"),
    ("{name}", r"(?P<name>[^.]+)"),
    ("{ip}", r"(?P<ip>[0-9]+-[0-9]+-[0-9]+-[0-9]+)"),
    (
        "{api}",
        r"(?:api\.aws|api\.amazonwebservices\.(?:com\.cn|eu)|api\.aws\.ic\.gov|api\.aws\.scloud|api\.cloud-aws\.adc-e\.uk|api\.aws\.hci\.ic\.gov)",
    ),
    ("{on}", r"on\.(?:aws|amazonwebservices\.(?:com\.cn|eu))"),
    ("*", r"[^.]+"),
];

/// The forms, from the most to the least particular: the first that fits decides. The last ones fit
/// every host name of AWS, so that a service without a form of its own is read by its region.
pub const FORMS: [Form; 86] = [
    form("rds", "{name}.cluster-custom-*.{region}.rds.{aws}"),
    form("rds", "{name}.cluster-ro-*.{region}.rds.{aws}").of("rds:cluster"),
    form("rds", "{name}.cluster-*.{region}.rds.{aws}").of("rds:cluster"),
    form("rds", "*.endpoint.proxy-*.{region}.rds.{aws}"),
    form("rds", "*.proxy-*.{region}.rds.{aws}"),
    form("rds", "{name}.shardgrp-*.{region}.rds.{aws}"),
    form("rds", "{name}.global-*.global.rds.{aws}"),
    form("rds", "{name}.*.{region}.rds.{aws}").of("rds:db"),
    form("rds", "{name}.cluster-custom-*.rds.{region}.{aws}"),
    form("rds", "{name}.cluster-ro-*.rds.{region}.{aws}").of("rds:cluster"),
    form("rds", "{name}.cluster-*.rds.{region}.{aws}").of("rds:cluster"),
    form("rds", "*.proxy-*.rds.{region}.{aws}"),
    form("rds", "{name}.*.rds.{region}.{aws}").of("rds:db"),
    form("docdb", "{name}.cluster-*.{region}.docdb.{aws}"),
    form("docdb", "{any}{region}.docdb.{aws}"),
    form("docdb", "*-{account}.{region}.docdb-elastic.{aws}"),
    form("neptune", "{any}{region}.neptune.{aws}"),
    form("redshift-serverless", "*.{account}.{region}.redshift-serverless.{aws}"),
    form("redshift", "{any}{region}.redshift.{aws}"),
    form("elasticloadbalancing", "{name}.{region}.elb.{aws}").of("elb:load-balancer"),
    form("elasticloadbalancing", "{name}.elb.{region}.{aws}").of("elb:load-balancer"),
    form("s3express", "{bucket}.s3express-{zone}.{region}.{aws}"),
    form("s3express", "s3express-{zone}.{region}.{aws}"),
    form("s3express", "{bucket}.s3express-{zone}.dualstack.{region}.{aws}"),
    form("s3express", "s3express-control.{region}.{aws}"),
    form("s3-accesspoint", "*.mrap.accesspoint.s3-global.{aws}"),
    form("s3-accesspoint", "*-{account}.s3-accesspoint-fips.{region}.{aws}"),
    form("s3-accesspoint", "*-{account}.s3-accesspoint-fips.dualstack.{region}.{aws}"),
    form("s3-accesspoint", "*-{account}.s3-accesspoint.dualstack.{region}.{aws}"),
    form("s3-accesspoint", "*-{account}.s3-accesspoint.{region}.{aws}"),
    form("s3-object-lambda", "*-{account}.s3-object-lambda.{region}.{aws}"),
    form("s3-outposts", "*-{account}.*.s3-outposts.{region}.{aws}"),
    form("s3-control", "{account}.s3-control-fips.dualstack.{region}.{aws}"),
    form("s3-control", "{account}.s3-control-fips.{region}.{aws}"),
    form("s3-control", "{account}.s3-control.dualstack.{region}.{aws}"),
    form("s3-control", "{account}.s3-control.{region}.{aws}"),
    form("s3-website", "{bucket}.s3-website-{region}.{aws}"),
    form("s3-website", "{bucket}.s3-website.{region}.{aws}"),
    form("s3", "{bucket}.bucket.*.s3.{region}.vpce.{aws}"),
    form("s3", "bucket.*.s3.{region}.vpce.{aws}"),
    form("s3", "{bucket}.s3-fips.dualstack.{region}.{aws}"),
    form("s3", "{bucket}.s3-fips.{region}.{aws}"),
    form("s3", "{bucket}.s3.dualstack.{region}.{aws}"),
    form("s3", "{bucket}.s3-accelerate.dualstack.{aws}"),
    form("s3", "{bucket}.s3-accelerate.{aws}"),
    form("s3", "{bucket}.s3.{region}.{aws}"),
    form("s3", "{bucket}.s3-{region}.{aws}"),
    form("s3", "s3-fips.dualstack.{region}.{aws}"),
    form("s3", "s3-fips.{region}.{aws}"),
    form("s3", "s3.dualstack.{region}.{aws}"),
    form("s3", "s3.{region}.{aws}"),
    form("s3", "s3-{region}.{aws}"),
    form("s3", "s3-external-1.{aws}").home(EAST),
    form("s3", "{bucket}.s3-external-1.{aws}").home(EAST),
    form("s3", "{bucket}.s3.{aws}"),
    form("s3", "s3.{aws}"),
    form("execute-api", "{any}execute-api.{region}.{aws}"),
    form("es", "{any}{region}.es.{aws}"),
    form("es", "{any}aos.{region}.{on}"),
    form("elasticache", "{any}{code}.cache.{aws}"),
    form("lambda", "*.lambda-url.{region}.{on}"),
    form("elasticfilesystem", "{any}efs.{region}.{aws}"),
    form("ec2", "ip-{ip}.{region}.compute.internal"),
    form("ec2", "{name}.{region}.compute.internal").of("ec2:instance"),
    form("ec2", "ip-{ip}.ec2.internal").home(EAST),
    form("ec2", "{name}.ec2.internal").of("ec2:instance").home(EAST),
    form("ec2", "ec2-{ip}.{region}.compute.{aws}"),
    form("ec2", "ec2-{ip}.compute-1.{aws}").home(EAST),
    form("ec2", "{any}{region}.compute.{aws}"),
    form("ec2", "{any}compute-1.{aws}").home(EAST),
    form("ecr", "{account}.dkr.ecr.{region}.{aws}"),
    form("ecr", "{account}.dkr-ecr.{region}.{on}"),
    form("sqs", "{region}.queue.{aws}"),
    form("sqs", "queue.{aws}").home(EAST),
    form("cognito", "{any}auth.{region}.amazoncognito.com"),
    form("elasticbeanstalk", "{any}{region}.elasticbeanstalk.com"),
    form("apprunner", "{any}{region}.awsapprunner.com"),
    form("iam", "iam.{aws}"),
    form("route53", "route53.{aws}"),
    form("sts", "sts.{aws}"),
    form("cloudfront", "{any}cloudfront.net"),
    form("globalaccelerator", "{any}awsglobalaccelerator.com"),
    form("", "{any}{region}.{any}{aws}"),
    form("", "{any}{region}.{any}{api}"),
    form("", "{any}{region}.{any}{on}"),
    form("", "{any}{aws}"),
];

/// The expressions of the forms. Each is compiled when a name may fit it, because compiling all of
/// them takes longer than reading a small playbook.
static COMPILED: [OnceLock<Option<Regex>>; FORMS.len()] = [const { OnceLock::new() }; FORMS.len()];

/// A part of a pattern.
enum Part {
    Literal(&'static str),
    /// One of the endings of AWS.
    Ending,
    /// Any other placeholder, as a regular expression.
    Placeholder(&'static str),
}

/// The parts of a pattern, in their order.
fn parts(pattern: &'static str) -> impl Iterator<Item = Part> {
    let mut rest = pattern;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(after) = rest.strip_prefix("{aws}") {
            rest = after;
            return Some(Part::Ending);
        }
        let placeholder =
            PLACEHOLDERS.iter().find_map(|(name, means)| Some((rest.strip_prefix(name)?, means)));
        if let Some((after, means)) = placeholder {
            rest = after;
            return Some(Part::Placeholder(means));
        }
        let end = rest.get(1..).and_then(|after| after.find(['{', '*'])).map_or(rest.len(), |at| at + 1);
        let (literal, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(Part::Literal(literal))
    })
}

fn endings() -> impl Iterator<Item = &'static str> {
    PARTITIONS.iter().map(|p| p.dns_suffix).chain([TWIN])
}

fn compiled(pattern: &'static str) -> Result<Regex, regex::Error> {
    let mut text = String::from("^");
    for part in parts(pattern) {
        match part {
            Part::Literal(literal) => text.push_str(&regex::escape(literal)),
            Part::Ending => {
                let endings: Vec<String> = endings().map(regex::escape).collect();
                text.push_str(&format!("(?:{})", endings.join("|")));
            }
            Part::Placeholder(means) => text.push_str(means),
        }
    }
    Regex::new(&(text + "$"))
}

/// Whether a name has the literal parts of a pattern, in their order. A name without them cannot fit
/// the pattern's expression.
fn may_fit(pattern: &'static str, name: &str) -> bool {
    let mut rest = name;
    parts(pattern).all(|part| match part {
        Part::Literal(literal) => match rest.split_once(literal) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        },
        Part::Ending => endings().any(|ending| name.ends_with(ending)),
        Part::Placeholder(_) => true,
    })
}

/// What a host name of AWS says. A part that it does not say is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Empty for a service without a form of its own.
    pub service: &'static str,
    pub region: Option<Region>,
    /// The region in its short form, such as `use1`.
    pub code: Option<String>,
    pub zone: Option<AzId>,
    /// The zone by its name, such as `us-east-1a`. Each account has names of its own.
    pub zone_name: Option<String>,
    pub account: Option<AccountId>,
    pub bucket: Option<String>,
    pub resource: Option<ResourceId>,
    pub address: Option<IpAddr>,
}

impl Host {
    /// Reads a host name. `None` if it is not one of AWS's.
    pub fn read(name: &str) -> Option<Self> {
        Self::read_as(name).map(|(_, host)| host)
    }

    /// The same, with the form that fits.
    fn read_as(name: &str) -> Option<(&'static Form, Self)> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let fits = |(form, regex): (&'static Form, &'static OnceLock<Option<Regex>>)| {
            if !may_fit(form.pattern, &name) {
                return None;
            }
            let regex = regex.get_or_init(|| compiled(form.pattern).ok());
            Some((form, regex.as_ref()?.captures(&name)?))
        };
        let (form, found) = FORMS.iter().zip(&COMPILED).find_map(fits)?;
        Some((form, Self::of(form, &found)))
    }

    fn of(form: &Form, found: &Captures<'_>) -> Self {
        let part = |name: &str| found.name(name).map(|part| part.as_str());
        let bucket = part("bucket").map(str::to_owned);
        // What a bucket is called says nothing of a zone, but for the names that `bucket` knows.
        let before_bucket = if bucket.is_some() { "" } else { found.get(0).map_or("", |all| all.as_str()) };
        Self {
            service: form.service,
            region: part("region")
                .or(form.home)
                .or_else(|| plane::home_of(form.service))
                .and_then(|region| region.parse().ok()),
            code: part("code").map(str::to_owned),
            zone: part("zone")
                .and_then(|zone| zone.parse().ok())
                .or_else(|| bucket.as_deref().and_then(bucket::zone))
                .or_else(|| zone_id(before_bucket)),
            zone_name: zone_name(before_bucket),
            account: part("account").and_then(|account| account.parse().ok()),
            resource: form
                .kind
                .zip(part("name"))
                .map(|(kind, name)| ResourceId::new(kind, resource_name(kind, name))),
            address: part("ip").and_then(|ip| ip.replace('-', ".").parse().ok()),
            bucket,
        }
    }

    /// Whether it leads into the region.
    pub fn is_in(&self, region: &Region) -> bool {
        self.region.as_ref() == Some(region)
            || self.code.as_ref().is_some_and(|code| *code == region.zone_prefix())
            || self.zone.as_ref().is_some_and(|zone| region.holds(zone))
            || self.zone_name.as_deref().is_some_and(|name| name.starts_with(region.as_str()))
    }

    /// Adds what the path of a URL says: a bucket, or the account of a queue.
    #[must_use]
    pub fn with_path(mut self, path: &str) -> Self {
        let first = path.trim_start_matches('/').split(['/', '?', '#']).next().unwrap_or("");
        if first.is_empty() {
            return self;
        }
        match self.service {
            "s3" | "s3express" if self.bucket.is_none() => {
                self.zone = self.zone.or_else(|| bucket::zone(first));
                self.bucket = Some(first.to_owned());
            }
            _ if self.account.is_none() => self.account = first.parse().ok(),
            _ => {}
        }
        self
    }
}

/// The id of a zone in a host name: a label, or the end of one (`vpce-0a1-use1-az1`).
fn zone_id(name: &str) -> Option<AzId> {
    static ID: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?:^|[.-])([a-z]{2,6}[0-9]{1,2}-(?:[a-z]{3}[0-9]+-)?az[0-9]+)(?:[.-]|$)").ok()
    });
    ID.as_ref()?.captures(name)?.get(1)?.as_str().parse().ok()
}

/// The name of a zone in a host name: a label (`us-east-1a.fs-0a1.efs.…`), or the end of one
/// (`vpce-0a1-b2-us-east-1a.…`).
fn zone_name(name: &str) -> Option<String> {
    static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"(?:^|[.-])((?:[a-z]{2}|eusc)(?:-[a-z]{2,})+-[0-9]{1,2}(?:-[a-z]{3}-[0-9]{1,2})?[a-z])(?:\.|$)",
        )
        .ok()
    });
    Some(NAME.as_ref()?.captures(name)?.get(1)?.as_str().to_owned())
}

/// The name of a resource in its host name. A load balancer's has more around it:
/// `internal-web-1234567890`.
fn resource_name<'a>(kind: &str, label: &'a str) -> &'a str {
    if kind != "elb:load-balancer" {
        return label;
    }
    let name =
        ["internal-", "dualstack."].iter().find_map(|prefix| label.strip_prefix(prefix)).unwrap_or(label);
    name.rsplit_once('-').map_or(name, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// For each form: an example, and where it leads. `-` stands for no region.
    const EXAMPLES: [(&str, &str, &str); 86] = [
        (
            "{name}.cluster-custom-*.{region}.rds.{aws}",
            "reports.cluster-custom-c1a2b3.eu-west-1.rds.amazonaws.com",
            "eu-west-1",
        ),
        (
            "{name}.cluster-ro-*.{region}.rds.{aws}",
            "shop.cluster-ro-c1a2b3.us-gov-west-1.rds.amazonaws.com",
            "us-gov-west-1 rds:cluster/shop",
        ),
        (
            "{name}.cluster-*.{region}.rds.{aws}",
            "shop.cluster-c1a2b3.us-east-1.rds.amazonaws.com",
            "us-east-1 rds:cluster/shop",
        ),
        (
            "*.endpoint.proxy-*.{region}.rds.{aws}",
            "ro.endpoint.proxy-c1a2b3.us-east-1.rds.amazonaws.com",
            "us-east-1",
        ),
        ("*.proxy-*.{region}.rds.{aws}", "pool.proxy-c1a2b3.us-east-1.rds.amazonaws.com", "us-east-1"),
        (
            "{name}.shardgrp-*.{region}.rds.{aws}",
            "wide.shardgrp-c1a2b3.us-east-1.rds.amazonaws.com",
            "us-east-1",
        ),
        ("{name}.global-*.global.rds.{aws}", "shop.global-c1a2b3.global.rds.amazonaws.com", "-"),
        (
            "{name}.*.{region}.rds.{aws}",
            "shop.c1a2b3.us-isob-east-1.rds.sc2s.sgov.gov",
            "us-isob-east-1 rds:db/shop",
        ),
        (
            "{name}.cluster-custom-*.rds.{region}.{aws}",
            "reports.cluster-custom-c1.rds.cn-north-1.amazonaws.com.cn",
            "cn-north-1",
        ),
        (
            "{name}.cluster-ro-*.rds.{region}.{aws}",
            "shop.cluster-ro-c1.rds.cn-north-1.amazonaws.com.cn",
            "cn-north-1 rds:cluster/shop",
        ),
        (
            "{name}.cluster-*.rds.{region}.{aws}",
            "shop.cluster-c1.rds.cn-north-1.amazonaws.com.cn",
            "cn-north-1 rds:cluster/shop",
        ),
        ("*.proxy-*.rds.{region}.{aws}", "pool.proxy-c1.rds.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        (
            "{name}.*.rds.{region}.{aws}",
            "shop.c1.rds.cn-northwest-1.amazonaws.com.cn",
            "cn-northwest-1 rds:db/shop",
        ),
        (
            "{name}.cluster-*.{region}.docdb.{aws}",
            "docs.cluster-c1.us-east-1.docdb.amazonaws.com",
            "us-east-1",
        ),
        ("{any}{region}.docdb.{aws}", "docs-1.c1.us-east-1.docdb.amazonaws.com", "us-east-1"),
        (
            "*-{account}.{region}.docdb-elastic.{aws}",
            "docs-111122223333.us-east-1.docdb-elastic.amazonaws.com",
            "us-east-1 111122223333",
        ),
        ("{any}{region}.neptune.{aws}", "graph.cluster-c1.us-east-1.neptune.amazonaws.com", "us-east-1"),
        (
            "*.{account}.{region}.redshift-serverless.{aws}",
            "wg.111122223333.us-east-1.redshift-serverless.amazonaws.com",
            "us-east-1 111122223333",
        ),
        ("{any}{region}.redshift.{aws}", "dw.c1.us-east-1.redshift.amazonaws.com", "us-east-1"),
        (
            "{name}.{region}.elb.{aws}",
            "internal-shop-web-1234567890.us-east-1.elb.amazonaws.com",
            "us-east-1 elb:load-balancer/shop-web",
        ),
        (
            "{name}.elb.{region}.{aws}",
            "shop-0a1b2c.elb.us-east-1.amazonaws.com",
            "us-east-1 elb:load-balancer/shop",
        ),
        (
            "{bucket}.s3express-{zone}.{region}.{aws}",
            "carts--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com",
            "us-east-1 use1-az4 carts--use1-az4--x-s3",
        ),
        (
            "s3express-{zone}.{region}.{aws}",
            "s3express-use1-az4.us-east-1.amazonaws.com",
            "us-east-1 use1-az4",
        ),
        (
            "{bucket}.s3express-{zone}.dualstack.{region}.{aws}",
            "carts--use1-az4--x-s3.s3express-use1-az4.dualstack.us-east-1.amazonaws.com",
            "us-east-1 use1-az4 carts--use1-az4--x-s3",
        ),
        ("s3express-control.{region}.{aws}", "s3express-control.us-east-1.amazonaws.com", "us-east-1"),
        ("*.mrap.accesspoint.s3-global.{aws}", "m1a2b3.mrap.accesspoint.s3-global.amazonaws.com", "-"),
        (
            "*-{account}.s3-accesspoint-fips.{region}.{aws}",
            "ap-111122223333.s3-accesspoint-fips.us-east-1.amazonaws.com",
            "us-east-1 111122223333",
        ),
        (
            "*-{account}.s3-accesspoint-fips.dualstack.{region}.{aws}",
            "ap-111122223333.s3-accesspoint-fips.dualstack.us-east-1.amazonaws.com",
            "us-east-1 111122223333",
        ),
        (
            "*-{account}.s3-accesspoint.dualstack.{region}.{aws}",
            "ap-111122223333.s3-accesspoint.dualstack.us-east-1.amazonaws.com",
            "us-east-1 111122223333",
        ),
        (
            "*-{account}.s3-accesspoint.{region}.{aws}",
            "ap-111122223333.s3-accesspoint.us-east-1.amazonaws.com",
            "us-east-1 111122223333",
        ),
        (
            "*-{account}.s3-object-lambda.{region}.{aws}",
            "ol-111122223333.s3-object-lambda.us-east-1.amazonaws.com",
            "us-east-1 111122223333",
        ),
        (
            "*-{account}.*.s3-outposts.{region}.{aws}",
            "ap-111122223333.op-0a1.s3-outposts.us-east-1.amazonaws.com",
            "us-east-1 111122223333",
        ),
        (
            "{account}.s3-control-fips.dualstack.{region}.{aws}",
            "111122223333.s3-control-fips.dualstack.us-east-1.amazonaws.com",
            "us-east-1 111122223333",
        ),
        (
            "{account}.s3-control-fips.{region}.{aws}",
            "111122223333.s3-control-fips.us-east-1.amazonaws.com",
            "us-east-1 111122223333",
        ),
        (
            "{account}.s3-control.dualstack.{region}.{aws}",
            "111122223333.s3-control.dualstack.us-east-1.amazonaws.com",
            "us-east-1 111122223333",
        ),
        (
            "{account}.s3-control.{region}.{aws}",
            "111122223333.s3-control.us-east-1.amazonaws.com",
            "us-east-1 111122223333",
        ),
        (
            "{bucket}.s3-website-{region}.{aws}",
            "www.shop.example.s3-website-us-east-1.amazonaws.com",
            "us-east-1 www.shop.example",
        ),
        (
            "{bucket}.s3-website.{region}.{aws}",
            "www.shop.example.s3-website.eu-central-1.amazonaws.com",
            "eu-central-1 www.shop.example",
        ),
        (
            "{bucket}.bucket.*.s3.{region}.vpce.{aws}",
            "receipts.bucket.vpce-0a1-b2.s3.us-east-1.vpce.amazonaws.com",
            "us-east-1 receipts",
        ),
        (
            "bucket.*.s3.{region}.vpce.{aws}",
            "bucket.vpce-0a1-b2.s3.us-east-1.vpce.amazonaws.com",
            "us-east-1",
        ),
        (
            "{bucket}.s3-fips.dualstack.{region}.{aws}",
            "receipts.s3-fips.dualstack.us-east-1.amazonaws.com",
            "us-east-1 receipts",
        ),
        ("{bucket}.s3-fips.{region}.{aws}", "receipts.s3-fips.us-east-1.amazonaws.com", "us-east-1 receipts"),
        (
            "{bucket}.s3.dualstack.{region}.{aws}",
            "receipts.s3.dualstack.us-east-1.amazonaws.com",
            "us-east-1 receipts",
        ),
        (
            "{bucket}.s3-accelerate.dualstack.{aws}",
            "receipts.s3-accelerate.dualstack.amazonaws.com",
            "- receipts",
        ),
        ("{bucket}.s3-accelerate.{aws}", "receipts.s3-accelerate.amazonaws.com", "- receipts"),
        (
            "{bucket}.s3.{region}.{aws}",
            "us-west-2.receipts.s3.us-east-1.amazonaws.com",
            "us-east-1 us-west-2.receipts",
        ),
        ("{bucket}.s3-{region}.{aws}", "receipts.s3-us-west-2.amazonaws.com", "us-west-2 receipts"),
        ("s3-fips.dualstack.{region}.{aws}", "s3-fips.dualstack.us-east-1.amazonaws.com", "us-east-1"),
        ("s3-fips.{region}.{aws}", "s3-fips.us-east-1.amazonaws.com", "us-east-1"),
        ("s3.dualstack.{region}.{aws}", "s3.dualstack.us-east-1.amazonaws.com", "us-east-1"),
        ("s3.{region}.{aws}", "s3.us-east-1.amazonaws.com", "us-east-1"),
        ("s3-{region}.{aws}", "s3-us-west-2.amazonaws.com", "us-west-2"),
        ("s3-external-1.{aws}", "s3-external-1.amazonaws.com", "us-east-1"),
        ("{bucket}.s3-external-1.{aws}", "receipts.s3-external-1.amazonaws.com", "us-east-1 receipts"),
        ("{bucket}.s3.{aws}", "receipts.s3.amazonaws.com", "- receipts"),
        ("s3.{aws}", "s3.amazonaws.com", "-"),
        (
            "{any}execute-api.{region}.{aws}",
            "z9y8x7-vpce-0a1.execute-api.us-east-1.amazonaws.com",
            "us-east-1",
        ),
        ("{any}{region}.es.{aws}", "vpc-logs-a1b2.us-east-1.es.amazonaws.com", "us-east-1"),
        ("{any}aos.{region}.{on}", "vpc-logs-a1b2.aos.us-east-1.on.aws", "us-east-1"),
        ("{any}{code}.cache.{aws}", "sessions.a1b2.ng.0001.use1.cache.amazonaws.com", "use1"),
        ("*.lambda-url.{region}.{on}", "a1b2c3.lambda-url.us-east-1.on.aws", "us-east-1"),
        ("{any}efs.{region}.{aws}", "fs-0a1.efs.us-east-1.amazonaws.com", "us-east-1"),
        (
            "ip-{ip}.{region}.compute.internal",
            "ip-10-20-0-7.us-west-2.compute.internal",
            "us-west-2 10.20.0.7",
        ),
        (
            "{name}.{region}.compute.internal",
            "i-0a1b2.us-west-2.compute.internal",
            "us-west-2 ec2:instance/i-0a1b2",
        ),
        ("ip-{ip}.ec2.internal", "ip-10-20-0-7.ec2.internal", "us-east-1 10.20.0.7"),
        ("{name}.ec2.internal", "i-0a1b2.ec2.internal", "us-east-1 ec2:instance/i-0a1b2"),
        (
            "ec2-{ip}.{region}.compute.{aws}",
            "ec2-203-0-113-9.us-west-2.compute.amazonaws.com",
            "us-west-2 203.0.113.9",
        ),
        ("ec2-{ip}.compute-1.{aws}", "ec2-203-0-113-9.compute-1.amazonaws.com", "us-east-1 203.0.113.9"),
        ("{any}{region}.compute.{aws}", "host.us-west-2.compute.amazonaws.com", "us-west-2"),
        ("{any}compute-1.{aws}", "host.compute-1.amazonaws.com", "us-east-1"),
        (
            "{account}.dkr.ecr.{region}.{aws}",
            "111122223333.dkr.ecr.us-east-1.amazonaws.com",
            "us-east-1 111122223333",
        ),
        (
            "{account}.dkr-ecr.{region}.{on}",
            "111122223333.dkr-ecr.us-east-1.on.aws",
            "us-east-1 111122223333",
        ),
        ("{region}.queue.{aws}", "us-west-2.queue.amazonaws.com", "us-west-2"),
        ("queue.{aws}", "queue.amazonaws.com", "us-east-1"),
        ("{any}auth.{region}.amazoncognito.com", "login.auth.us-east-1.amazoncognito.com", "us-east-1"),
        ("{any}{region}.elasticbeanstalk.com", "shop.eba-a1.us-east-1.elasticbeanstalk.com", "us-east-1"),
        ("{any}{region}.awsapprunner.com", "a1b2.us-east-1.awsapprunner.com", "us-east-1"),
        ("iam.{aws}", "iam.amazonaws.com", "us-east-1"),
        ("route53.{aws}", "route53.amazonaws.com", "us-east-1"),
        ("sts.{aws}", "sts.amazonaws.com", "us-east-1"),
        ("{any}cloudfront.net", "d111.cloudfront.net", "-"),
        ("{any}awsglobalaccelerator.com", "a1b2.awsglobalaccelerator.com", "-"),
        ("{any}{region}.{any}{aws}", "b-1.events.a1.c2.kafka.us-east-1.amazonaws.com", "us-east-1"),
        ("{any}{region}.{any}{api}", "rds.us-east-1.api.aws", "us-east-1"),
        ("{any}{region}.{any}{on}", "b-0a1.mq.us-east-1.on.aws", "us-east-1"),
        ("{any}{aws}", "organizations.amazonaws.com", "-"),
    ];

    fn told(host: &Host) -> String {
        let text = |part: Option<String>| part.map(|part| format!(" {part}")).unwrap_or_default();
        let region = host.region.as_ref().map(ToString::to_string).or_else(|| host.code.clone());
        [
            region.unwrap_or_else(|| "-".into()),
            text(host.zone.as_ref().map(ToString::to_string)),
            text(host.account.as_ref().map(ToString::to_string)),
            text(host.bucket.clone()),
            text(host.resource.as_ref().map(ToString::to_string)),
            text(host.address.map(|ip| ip.to_string())),
        ]
        .concat()
    }

    #[test]
    fn each_form_reads_its_example_and_no_earlier_form_takes_it() {
        let mut seen = BTreeSet::new();
        for (pattern, name, expected) in EXAMPLES {
            let (form, host) = Host::read_as(name).unwrap_or_else(|| panic!("{name} fits no form"));
            assert_eq!((form.pattern, told(&host).as_str()), (pattern, expected), "{name}");
            seen.insert(pattern);
        }
        let missing: Vec<_> = FORMS.iter().map(|form| form.pattern).filter(|p| !seen.contains(p)).collect();
        assert_eq!(missing, [""; 0], "forms without an example");
    }

    #[test]
    fn a_name_that_fits_has_the_literal_parts() {
        for form in &FORMS {
            let regex = compiled(form.pattern).expect(form.pattern);
            assert!(
                form.pattern.find("{aws}").is_none_or(|at| form.pattern.len() == at + 5),
                "{}",
                form.pattern
            );
            for (_, name, _) in EXAMPLES {
                assert!(!regex.is_match(name) || may_fit(form.pattern, name), "{} {name}", form.pattern);
            }
        }
    }

    #[test]
    fn the_writing_of_a_name_changes_nothing_and_other_names_are_not_aws() {
        let same = Host::read("Shop.C1A2B3.US-EAST-1.rds.amazonaws.com.").unwrap();
        assert_eq!(told(&same), "us-east-1 rds:db/shop");
        let twin = Host::read("shop.twin.us-east-1.rds.twin.invalid").unwrap();
        assert_eq!(told(&twin), "us-east-1 rds:db/shop");
        for other in [
            "shop.example.com",
            "amazonaws.com.example.net",
            "us-east-1",
            "10.0.0.1",
            "",
            "x.amazonaws.com.evil",
        ] {
            assert_eq!(Host::read(other), None, "{other}");
        }
    }

    #[test]
    fn a_path_names_the_bucket_or_the_account_of_a_queue() {
        let read = |name: &str, path: &str| told(&Host::read(name).unwrap().with_path(path));
        assert_eq!(read("s3.us-west-2.amazonaws.com", "/receipts/2026?x=1"), "us-west-2 receipts");
        assert_eq!(
            read("s3express-use1-az4.us-east-1.amazonaws.com", "/a--use1-az4--x-s3/k"),
            "us-east-1 use1-az4 a--use1-az4--x-s3"
        );
        assert_eq!(read("sqs.us-west-2.amazonaws.com", "/111122223333/orders"), "us-west-2 111122223333");
        assert_eq!(read("receipts.s3.us-west-2.amazonaws.com", "/a/b"), "us-west-2 receipts");
    }

    #[test]
    fn a_host_may_name_its_zone() {
        for (name, id, zone_name) in [
            ("us-east-1a.fs-0a1.efs.us-east-1.amazonaws.com", None, Some("us-east-1a")),
            ("vpce-0a1-b2c3-us-east-1a.ec2.us-east-1.vpce.amazonaws.com", None, Some("us-east-1a")),
            ("us-east-1b.shop-0a1b2c.elb.us-east-1.amazonaws.com", None, Some("us-east-1b")),
            ("use1-az4.fs-0a1.efs.us-east-1.amazonaws.com", Some("use1-az4"), None),
            ("carts--use1-az4--xa-s3.s3express-use1-az4.us-east-1.amazonaws.com", Some("use1-az4"), None),
            ("fs-0a1.efs.us-east-1.amazonaws.com", None, None),
            ("us-east-1a.s3.us-west-2.amazonaws.com", None, None),
            ("shop-us-east-1.eu-west-1.elb.amazonaws.com", None, None),
        ] {
            let host = Host::read(name).unwrap();
            let zone = host.zone.as_ref().map(AzId::as_str);
            assert_eq!((zone, host.zone_name.as_deref()), (id, zone_name), "{name}");
        }
    }

    #[test]
    fn the_endpoints_of_services_say_their_region() {
        for service in ["backup", "cloudcontrolapi", "dynamodb", "elasticfilesystem", "logs", "monitoring"] {
            for ending in ["amazonaws.com", "api.aws"] {
                let host = Host::read(&format!("{service}.us-west-2.{ending}"));
                assert_eq!(told(&host.unwrap()), "us-west-2", "{service} {ending}");
            }
        }
    }

    #[test]
    fn a_short_form_of_a_region_is_its_region() {
        let host = Host::read("sessions.serverless.use1.cache.amazonaws.com").unwrap();
        assert!(host.is_in(&"us-east-1".parse().unwrap()) && !host.is_in(&"us-east-2".parse().unwrap()));
    }
}
