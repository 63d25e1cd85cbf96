//! The properties of a resource: by name, by value, and by what is missing.

use ipnet::Ipv4Net;

use super::found::Found;
use super::policy;
use super::resolve::Resolver;
use super::rule::Rule;
use super::table::{
    NEEDED, NETWORK_IDS, Needed, OF_THE_STACK, OfTheStack, PROPERTIES, Property, REGION_KEYS, ROLE_KEYS,
    ROLES, When,
};
use super::value::{Knowledge, Seen, Truth, What, knowledge, shown, truth};
use yaml::{Entry, Span};

const UNKNOWN: &str =
    "give it a value that is known before the deployment: a literal, or a parameter that the step sets";

pub fn check(entry: &Entry, resolver: &Resolver<'_>, found: &mut Found<'_>) {
    let seen = match entry.value.get("Properties") {
        Some(node) => resolver.see(node),
        None => Seen { span: entry.key_span, what: What::Nothing, given: false },
    };
    for leaf in seen.leaves() {
        if knowledge(leaf.1) != Knowledge::Later {
            found.push(
                Rule::Uninspected,
                leaf.0.span,
                "has properties that cannot be told before the deployment",
                UNKNOWN,
            );
        }
    }
    let look = Look { resolver, kind: found.kind.clone() };
    for needed in NEEDED.iter().filter(|needed| needed.kind == look.kind) {
        Look::needed(needed, &seen, entry.key_span, found);
    }
    look.walk(&seen, found);
}

struct Look<'a> {
    resolver: &'a Resolver<'a>,
    kind: String,
}

impl Look<'_> {
    fn needed(needed: &Needed, seen: &Seen, span: Span, found: &mut Found<'_>) {
        let there = |path: &&str| {
            let mut at = vec![Some(seen)];
            for key in path.split('/') {
                at = at
                    .into_iter()
                    .flat_map(|form| form.map_or_else(|| vec![None], |form| form.get(key)))
                    .collect();
            }
            !at.is_empty() && at.into_iter().all(|form| form.is_some_and(Seen::is_given))
        };
        // Properties that will be known later are judged later.
        let later = seen.leaves().iter().any(|(_, text)| knowledge(text) == Knowledge::Later);
        if !later && !needed.any.iter().any(there) {
            found.push(needed.rule, span, needed.what, needed.fix);
        }
    }

    /// Every value at every depth, in each of the forms that it may take.
    fn walk(&self, seen: &Seen, found: &mut Found<'_>) {
        match &seen.what {
            What::Text(_) => self.text(seen, found),
            What::List(items) | What::Either(items) => items.iter().for_each(|item| self.walk(item, found)),
            What::Map(entries) => {
                policy::statement(seen, self.resolver, found);
                self.attribute(entries, found);
                for (key, _, value) in entries {
                    // What must be of the stack has been judged by that.
                    if !self.entry(key, value, found) {
                        self.walk(value, found);
                    }
                }
            }
            What::Nothing => {}
        }
    }

    /// Whether it has been judged whole.
    fn entry(&self, key: &str, value: &Seen, found: &mut Found<'_>) -> bool {
        for row in
            PROPERTIES.iter().filter(|row| row.key == key && (row.kind.is_empty() || row.kind == self.kind))
        {
            property(row, value, found);
        }
        let before = found.count();
        let is = |kind: &&str| match kind.strip_suffix('*') {
            Some(start) => self.kind.starts_with(start),
            None => self.kind == **kind,
        };
        let rows = OF_THE_STACK.iter().filter(|row| {
            row.key == key
                && (row.kinds.is_empty() || row.kinds.iter().any(&is))
                && !row.except.iter().any(&is)
        });
        let role = ROLE_KEYS.0.iter().any(|end| key.ends_with(end)) && key != ROLE_KEYS.1;
        for row in rows.chain(role.then_some(ROLES)) {
            for (leaf, text) in value.leaves() {
                // Some keys take several, with commas between.
                for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
                    self.of_the_stack(key, one, leaf, row, found);
                }
            }
        }
        let whole = found.count() > before;
        match key {
            "CidrIp" => self.range(value, found),
            "CidrIpv6" if self.is_a_group() => {
                for (leaf, text) in value.leaves() {
                    if knowledge(text) != Knowledge::Later && text != "::1/128" {
                        let what = format!(
                            "lets traffic pass to or from `{}`, which is outside the sandbox",
                            shown(text)
                        );
                        found.push(
                            Rule::Network,
                            leaf.span,
                            &what,
                            "the sandbox has no IPv6: remove the rule",
                        );
                    }
                }
            }
            _ if REGION_KEYS.contains(&key) => self.region(value, found),
            _ if key.contains("Account") || key.contains("OwnerId") => self.account(value, found),
            _ => {}
        }
        whole
    }

    fn is_a_group(&self) -> bool {
        self.kind.starts_with("AWS::EC2::SecurityGroup")
    }

    fn of_the_stack(&self, key: &str, text: &str, leaf: &Seen, row: &OfTheStack, found: &mut Found<'_>) {
        let around = self.resolver.surroundings;
        match knowledge(text) {
            Knowledge::Own | Knowledge::Later => {}
            Knowledge::Known if around.ids.contains(text) => {}
            Knowledge::Known if row.by_parameter && leaf.given && around.trust_parameters => {}
            Knowledge::Known => {
                let what = format!("has `{}` as its `{key}`, which is not of the sandbox", shown(text));
                found.push(row.rule, leaf.span, &what, row.fix);
            }
            Knowledge::Open => {
                let what = format!(
                    "has a `{key}` that cannot be told before the deployment: it may be outside the sandbox"
                );
                found.push(row.rule, leaf.span, &what, row.fix);
            }
        }
    }

    /// IPv4 ranges of security groups. Those of network ACLs only narrow what groups let pass.
    fn range(&self, value: &Seen, found: &mut Found<'_>) {
        const INSIDE: &str =
            "write `CidrIp: !Ref VpcCidr`: a parameter `VpcCidr` is filled in with the sandbox's range";
        const NOWHERE: [&str; 2] = ["127.0.0.0/8", "255.255.255.255/32"];
        let sandbox = self.resolver.surroundings.cidr.as_deref().unwrap_or_default();
        for (leaf, text) in value.leaves() {
            match knowledge(text) {
                Knowledge::Later => {}
                Knowledge::Known if lies_in(text, sandbox) => {}
                // What stands where no address is: the usual way to let nothing pass.
                Knowledge::Known if NOWHERE.iter().any(|nowhere| lies_in(text, nowhere)) => {}
                Knowledge::Known => {
                    let what = format!(
                        "lets traffic pass to or from `{}`, which is more than the sandbox's {sandbox}",
                        shown(text)
                    );
                    found.push(Rule::Network, leaf.span, &what, INSIDE);
                }
                Knowledge::Own | Knowledge::Open => {
                    let what =
                        "lets traffic pass to or from a range that cannot be told before the deployment";
                    found.push(Rule::Network, leaf.span, what, INSIDE);
                }
            }
        }
    }

    fn region(&self, value: &Seen, found: &mut Found<'_>) {
        let ours = self.resolver.surroundings.region.as_ref().map(base::ids::Region::as_str);
        for (leaf, text) in value.leaves() {
            let is_region = text.parse::<base::ids::Region>().is_ok();
            if knowledge(text) == Knowledge::Known && is_region && Some(text) != ours {
                let what = format!("names the region `{}`, which is not the sandbox's", shown(text));
                found.push(Rule::Elsewhere, leaf.span, &what, "write `!Ref AWS::Region`");
            }
        }
    }

    fn account(&self, value: &Seen, found: &mut Found<'_>) {
        let ours = self.resolver.surroundings.account.as_ref().map(base::ids::AccountId::as_str);
        for (leaf, text) in value.leaves() {
            if is_account(text) && Some(text) != ours {
                let what = format!("names the account `{text}`, which is not the sandbox's");
                found.push(Rule::Elsewhere, leaf.span, &what, "write `!Ref AWS::AccountId`");
            }
        }
    }

    /// ARNs and ids of networks, wherever they stand.
    fn text(&self, seen: &Seen, found: &mut Found<'_>) {
        let What::Text(text) = &seen.what else { return };
        // A policy may be given as the text of one.
        if text.trim_start().starts_with('{')
            && let Ok(policy) = serde_json::from_str::<serde_json::Value>(text)
        {
            self.statements(&json(&policy, seen.span), found);
        }
        for at in text.match_indices("arn:").map(|(at, _)| at) {
            self.arn(text.get(at..).unwrap_or_default(), seen, found);
        }
        let around = self.resolver.surroundings;
        for (start, by_parameter) in NETWORK_IDS {
            let is_one = text.strip_prefix(start).is_some_and(|rest| {
                (8..=17).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_hexdigit())
            });
            let trusted = *by_parameter && seen.given && around.trust_parameters;
            if is_one && !around.ids.contains(text) && !trusted {
                let what = format!("names `{text}`, which is not of the sandbox");
                let fix = "refer to a resource of this template, or to the sandbox's by the parameters `VpcId`, `SubnetIds`, `SecurityGroupId`";
                found.push(Rule::Network, seen.span, &what, fix);
            }
        }
    }

    fn statements(&self, seen: &Seen, found: &mut Found<'_>) {
        match &seen.what {
            What::Map(entries) => {
                policy::statement(seen, self.resolver, found);
                for (_, _, value) in entries {
                    self.statements(value, found);
                }
            }
            What::List(items) => items.iter().for_each(|item| self.statements(item, found)),
            What::Text(_) | What::Either(_) | What::Nothing => {}
        }
    }

    /// `arn:partition:service:region:account:resource`
    fn arn(&self, arn: &str, seen: &Seen, found: &mut Found<'_>) {
        const OURS: &str = "write `${AWS::Region}` and `${AWS::AccountId}` with `!Sub`, or take the ARN from a parameter that the step sets";
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [_, _, service, region, account, name] = parts.as_slice() else { return };
        let around = self.resolver.surroundings;
        let ours = around.account.as_ref().map(base::ids::AccountId::as_str);
        let here = around.region.as_ref().map(base::ids::Region::as_str);
        let told = shown(arn.split(|c: char| c.is_whitespace() || "\"',".contains(c)).next().unwrap_or(arn));
        if self.kind == "AWS::S3::Bucket"
            && *service == "s3"
            && knowledge(name) != Knowledge::Own
            && knowledge(name) != Knowledge::Later
        {
            let what = format!("names a bucket that is not of the sandbox: `{told}`");
            return found.push(Rule::Elsewhere, seen.span, &what, "refer to one that this template makes");
        }
        if self.kind.starts_with("AWS::CloudWatch::") && ["automate", "swf"].contains(service) {
            let what = format!("stops, starts or ends machines by an alarm: `{told}`");
            return found.push(Rule::Elsewhere, seen.span, &what, "let it tell a topic of this template");
        }
        match knowledge(account) {
            Knowledge::Known if is_account(account) && Some(*account) != ours => {
                let what = format!("names something of another account: `{told}`");
                return found.push(Rule::Elsewhere, seen.span, &what, OURS);
            }
            Knowledge::Open => {
                let what = format!(
                    "names something of an account that cannot be told before the deployment: `{told}`"
                );
                return found.push(Rule::Elsewhere, seen.span, &what, OURS);
            }
            _ => {}
        }
        match knowledge(region) {
            Knowledge::Known if region.parse::<base::ids::Region>().is_ok() && Some(*region) != here => {
                let what = format!("names something of another region: `{told}`");
                found.push(Rule::Elsewhere, seen.span, &what, OURS);
            }
            Knowledge::Open => {
                let what = format!(
                    "names something of a region that cannot be told before the deployment: `{told}`"
                );
                found.push(Rule::Elsewhere, seen.span, &what, OURS);
            }
            _ => {}
        }
    }

    /// `{ Key: deletion_protection.enabled, Value: true }` of load balancers.
    fn attribute(&self, entries: &[(String, Span, Seen)], found: &mut Found<'_>) {
        let get = |key: &str| entries.iter().find(|e| e.0 == key).map(|e| &e.2);
        let (Some(key), Some(value)) = (get("Key"), get("Value")) else { return };
        if key.known() == Some("deletion_protection.enabled")
            && self.kind.starts_with("AWS::ElasticLoadBalancing")
        {
            const ROW: Property = Property {
                kind: "",
                key: "deletion_protection.enabled",
                when: When::True,
                rule: Rule::Retain,
                what: "keeps it from being deleted",
                fix: "set it to false; with `!If` or a parameter, where production needs the other value",
            };
            property(&ROW, value, found);
        }
    }
}

/// A value that stands in a text.
fn json(value: &serde_json::Value, span: Span) -> Seen {
    use serde_json::Value;
    let what = match value {
        Value::Null => What::Nothing,
        Value::String(text) => What::Text(text.clone()),
        Value::Array(items) => What::List(items.iter().map(|item| json(item, span)).collect()),
        Value::Object(record) => {
            What::Map(record.iter().map(|(key, value)| (key.clone(), span, json(value, span))).collect())
        }
        other => What::Text(other.to_string()),
    };
    Seen { span, what, given: false }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a property's value is a finding, in each of the forms that it may take.
fn property(row: &Property, value: &Seen, found: &mut Found<'_>) {
    let told = |found: &mut Found<'_>, span: Span| {
        let what = format!("has `{}`, which {}", row.key, row.what);
        found.push(row.rule, span, &what, row.fix);
    };
    if row.when == When::Given {
        let later = matches!(&value.what, What::Text(text) if knowledge(text) == Knowledge::Later);
        let any = match &value.what {
            What::Either(forms) => forms.iter().any(Seen::is_given),
            _ => value.is_given(),
        };
        if any && !later {
            told(found, value.span);
        }
        return;
    }
    for (leaf, text) in value.leaves() {
        let known = knowledge(text) == Knowledge::Known;
        let bad = match row.when {
            _ if knowledge(text) == Knowledge::Later => Some(false),
            When::True => decided(truth(text)),
            When::False => decided(truth(text)).map(|yes| !yes),
            When::Is(words) => known.then(|| words.contains(&text)),
            When::IsNot(words) => known.then(|| !words.contains(&text)),
            When::Given => None,
        };
        match bad {
            Some(false) => {}
            Some(true) => told(found, leaf.span),
            None => {
                let what = format!(
                    "has `{}`, whose value cannot be told before the deployment: it may be one that {}",
                    row.key, row.what
                );
                found.push(row.rule, leaf.span, &what, UNKNOWN);
            }
        }
    }
}

fn decided(truth: Truth) -> Option<bool> {
    match truth {
        Truth::Yes => Some(true),
        Truth::No => Some(false),
        Truth::Open | Truth::Later => None,
    }
}

/// Whether every address of `inner` is one of `outer`; false where either is no IPv4 range.
fn lies_in(inner: &str, outer: &str) -> bool {
    // `010.0.0.0/8`, which some read as octal, is not what it would be printed as.
    let known = inner.parse::<Ipv4Net>().ok().filter(|range| range.to_string() == inner);
    known.is_some_and(|inner| outer.parse::<Ipv4Net>().is_ok_and(|outer| outer.contains(&inner)))
}

#[cfg(test)]
mod tests {
    use super::lies_in;

    #[test]
    fn ranges_hold_others() {
        for inside in ["10.66.0.0/16", "10.66.3.0/24", "10.66.255.255/32", "10.66.1.7/24"] {
            assert!(lies_in(inside, "10.66.0.0/16"), "{inside}");
        }
        for outside in [
            "10.0.0.0/8",
            "0.0.0.0/0",
            "10.67.0.0/16",
            "010.66.0.0/16",
            "10.66.0.0",
            "10.66.0.0/33",
            "::/0",
            "x/1",
            "",
        ] {
            assert!(!lies_in(outside, "10.66.0.0/16"), "{outside}");
        }
        assert!(lies_in("0.0.0.0/0", "0.0.0.0/0"));
    }
}
