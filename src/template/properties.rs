//! Checks the properties of a resource: their names, their values, and missing ones.

use ipnet::Ipv4Net;

use super::found::Findings;
use super::policy;
use super::resolve::Resolver;
use super::rule::Rule;
use super::table::{
    BadWhen, NEEDED, NETWORK_IDS, Needed, PROPERTIES, Property, REGION_KEYS, ROLE_KEYS, ROLES,
    STACK_REFERENCES, StackReference,
};
use super::value::{Form, Knowledge, Resolved, Truth, knowledge, shown, truth};
use yaml::{Entry, Span};

const UNKNOWN: &str =
    "give it a value that is known before the deployment: a literal, or a parameter that the step sets";

pub fn check(entry: &Entry, resolver: &Resolver<'_>, found: &mut Findings<'_>) {
    let seen = match entry.value.get("Properties") {
        Some(node) => resolver.resolve(node),
        None => Resolved { span: entry.key_span, form: Form::Nothing, given: false },
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
    let checker = PropertyCheck { resolver, kind: found.kind.clone() };
    for needed in NEEDED.iter().filter(|needed| needed.kind == checker.kind) {
        PropertyCheck::needed(needed, &seen, entry.key_span, found);
    }
    checker.walk(&seen, found);
}

struct PropertyCheck<'a> {
    resolver: &'a Resolver<'a>,
    kind: String,
}

impl PropertyCheck<'_> {
    fn needed(needed: &Needed, seen: &Resolved, span: Span, found: &mut Findings<'_>) {
        let there = |path: &&str| {
            let mut at = vec![Some(seen)];
            for key in path.split('/') {
                at = at
                    .into_iter()
                    .flat_map(|form| form.map_or_else(|| vec![None], |form| form.get(key)))
                    .collect();
            }
            !at.is_empty() && at.into_iter().all(|form| form.is_some_and(Resolved::is_given))
        };
        // Properties that are known only during the run are checked then.
        let later = seen.leaves().iter().any(|(_, text)| knowledge(text) == Knowledge::Later);
        if !later && !needed.any.iter().any(there) {
            found.push(needed.rule, span, needed.what, needed.fix);
        }
    }

    /// Checks every value at every depth, in each form that it may take.
    fn walk(&self, seen: &Resolved, found: &mut Findings<'_>) {
        match &seen.form {
            Form::Text(_) => self.text(seen, found),
            Form::List(items) | Form::Either(items) => items.iter().for_each(|item| self.walk(item, found)),
            Form::Map(entries) => {
                policy::statement(seen, self.resolver, found);
                self.attribute(entries, found);
                for (key, _, value) in entries {
                    // `entry` has already checked a value that must belong to the stack.
                    if !self.entry(key, value, found) {
                        self.walk(value, found);
                    }
                }
            }
            Form::Nothing => {}
        }
    }

    /// Checks one property. Returns whether its whole value has been checked.
    fn entry(&self, key: &str, value: &Resolved, found: &mut Findings<'_>) -> bool {
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
        let rows = STACK_REFERENCES.iter().filter(|row| {
            row.key == key
                && (row.kinds.is_empty() || row.kinds.iter().any(&is))
                && !row.except.iter().any(&is)
        });
        let role = ROLE_KEYS.0.iter().any(|end| key.ends_with(end)) && key != ROLE_KEYS.1;
        for row in rows.chain(role.then_some(ROLES)) {
            for (leaf, text) in value.leaves() {
                // Some keys accept several values, separated by commas.
                for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
                    self.stack_reference(key, one, leaf, row, found);
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

    fn stack_reference(
        &self,
        key: &str,
        text: &str,
        leaf: &Resolved,
        row: &StackReference,
        found: &mut Findings<'_>,
    ) {
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

    /// Checks IPv4 ranges of security groups. Ranges of network ACLs only narrow the traffic that
    /// groups allow.
    fn range(&self, value: &Resolved, found: &mut Findings<'_>) {
        const INSIDE: &str =
            "write `CidrIp: !Ref VpcCidr`: a parameter `VpcCidr` is filled in with the sandbox's range";
        const NOWHERE: [&str; 2] = ["127.0.0.0/8", "255.255.255.255/32"];
        let sandbox = self.resolver.surroundings.cidr.as_deref().unwrap_or_default();
        for (leaf, text) in value.leaves() {
            match knowledge(text) {
                Knowledge::Later => {}
                Knowledge::Known if lies_in(text, sandbox) => {}
                // A range without any address is the usual way to allow no traffic.
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

    fn region(&self, value: &Resolved, found: &mut Findings<'_>) {
        let ours = self.resolver.surroundings.region.as_ref().map(base::ids::Region::as_str);
        for (leaf, text) in value.leaves() {
            let is_region = text.parse::<base::ids::Region>().is_ok();
            if knowledge(text) == Knowledge::Known && is_region && Some(text) != ours {
                let what = format!("names the region `{}`, which is not the sandbox's", shown(text));
                found.push(Rule::Elsewhere, leaf.span, &what, "write `!Ref AWS::Region`");
            }
        }
    }

    fn account(&self, value: &Resolved, found: &mut Findings<'_>) {
        let ours = self.resolver.surroundings.account.as_ref().map(base::ids::AccountId::as_str);
        for (leaf, text) in value.leaves() {
            if is_account(text) && Some(text) != ours {
                let what = format!("names the account `{text}`, which is not the sandbox's");
                found.push(Rule::Elsewhere, leaf.span, &what, "write `!Ref AWS::AccountId`");
            }
        }
    }

    /// Checks ARNs and network ids anywhere in a text.
    fn text(&self, seen: &Resolved, found: &mut Findings<'_>) {
        let Form::Text(text) = &seen.form else { return };
        // A policy may be given as JSON text.
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

    fn statements(&self, seen: &Resolved, found: &mut Findings<'_>) {
        match &seen.form {
            Form::Map(entries) => {
                policy::statement(seen, self.resolver, found);
                for (_, _, value) in entries {
                    self.statements(value, found);
                }
            }
            Form::List(items) => items.iter().for_each(|item| self.statements(item, found)),
            Form::Text(_) | Form::Either(_) | Form::Nothing => {}
        }
    }

    /// Checks an ARN: `arn:partition:service:region:account:resource`.
    fn arn(&self, arn: &str, seen: &Resolved, found: &mut Findings<'_>) {
        const OWN_ARN: &str = "write `${AWS::Region}` and `${AWS::AccountId}` with `!Sub`, or take the ARN from a parameter that the step sets";
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
                return found.push(Rule::Elsewhere, seen.span, &what, OWN_ARN);
            }
            Knowledge::Open => {
                let what = format!(
                    "names something of an account that cannot be told before the deployment: `{told}`"
                );
                return found.push(Rule::Elsewhere, seen.span, &what, OWN_ARN);
            }
            Knowledge::Known | Knowledge::Own | Knowledge::Later => {}
        }
        match knowledge(region) {
            Knowledge::Known if region.parse::<base::ids::Region>().is_ok() && Some(*region) != here => {
                let what = format!("names something of another region: `{told}`");
                found.push(Rule::Elsewhere, seen.span, &what, OWN_ARN);
            }
            Knowledge::Open => {
                let what = format!(
                    "names something of a region that cannot be told before the deployment: `{told}`"
                );
                found.push(Rule::Elsewhere, seen.span, &what, OWN_ARN);
            }
            Knowledge::Known | Knowledge::Own | Knowledge::Later => {}
        }
    }

    /// Checks a load balancer's attribute `{ Key: deletion_protection.enabled, Value: true }`.
    fn attribute(&self, entries: &[(String, Span, Resolved)], found: &mut Findings<'_>) {
        let get = |key: &str| entries.iter().find(|e| e.0 == key).map(|e| &e.2);
        let (Some(key), Some(value)) = (get("Key"), get("Value")) else { return };
        if key.known() == Some("deletion_protection.enabled")
            && self.kind.starts_with("AWS::ElasticLoadBalancing")
        {
            const ROW: Property = Property {
                kind: "",
                key: "deletion_protection.enabled",
                when: BadWhen::True,
                rule: Rule::Retain,
                what: "keeps it from being deleted",
                fix: "set it to false; with `!If` or a parameter, where production needs the other value",
            };
            property(&ROW, value, found);
        }
    }
}

/// Converts JSON inside a text into a value.
fn json(value: &serde_json::Value, span: Span) -> Resolved {
    use serde_json::Value;
    let form = match value {
        Value::Null => Form::Nothing,
        Value::String(text) => Form::Text(text.clone()),
        Value::Array(items) => Form::List(items.iter().map(|item| json(item, span)).collect()),
        Value::Object(record) => {
            Form::Map(record.iter().map(|(key, value)| (key.clone(), span, json(value, span))).collect())
        }
        other @ (Value::Bool(_) | Value::Number(_)) => Form::Text(other.to_string()),
    };
    Resolved { span, form, given: false }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Reports a property's value if it is bad in any of the forms that it may take.
fn property(row: &Property, value: &Resolved, found: &mut Findings<'_>) {
    let told = |found: &mut Findings<'_>, span: Span| {
        let what = format!("has `{}`, which {}", row.key, row.what);
        found.push(row.rule, span, &what, row.fix);
    };
    if row.when == BadWhen::Given {
        let later = matches!(&value.form, Form::Text(text) if knowledge(text) == Knowledge::Later);
        let any = match &value.form {
            Form::Either(forms) => forms.iter().any(Resolved::is_given),
            Form::Text(_) | Form::List(_) | Form::Map(_) | Form::Nothing => value.is_given(),
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
            BadWhen::True => decided(truth(text)),
            BadWhen::False => decided(truth(text)).map(|yes| !yes),
            BadWhen::Is(words) => known.then(|| words.contains(&text)),
            BadWhen::IsNot(words) => known.then(|| !words.contains(&text)),
            BadWhen::Given => None,
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

/// Whether every address of `inner` is one of `outer`. False if either is not an IPv4 range.
fn lies_in(inner: &str, outer: &str) -> bool {
    // Reject `010.0.0.0/8`, which some programs read as octal: it prints differently.
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
