//! Checks the properties of a resource: their names, their values, and missing ones.

use ipnet::Ipv4Net;

use super::admitted::{Class, Judge, Place, place};
use super::found::Findings;
use super::policy;
use super::resolve::Resolver;
use super::rule::Rule;
use super::table::{
    BadWhen, LOG_GROUP, NEEDED, NETWORK_IDS, Needed, OWN_TARGET, POLICY_KEYS, PROPERTIES, Property,
    REGION_KEYS, ROLE_KEYS, ROLES, STACK_REFERENCES, StackReference,
};
use super::value::{Form, Knowledge, Resolved, Truth, is_a_reference, knowledge, shown, truth};
use yaml::{Entry, Span};

const UNKNOWN: &str =
    "give it a value that is known before the deployment: a literal, or a parameter that the step sets";

const WRITE_OUT: &str =
    "write its properties out; what `aws cloudformation package` uploads is named by its place in a bucket";

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
    match place(&checker.kind, "") {
        Some(_) => checker.admitted(&seen, "", found),
        None => checker.walk(&seen, found),
    }
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

    /// Checks the properties of an admitted type by the table, in each form that they may take.
    fn admitted(&self, seen: &Resolved, above: &str, found: &mut Findings<'_>) {
        match &seen.form {
            Form::List(items) | Form::Either(items) => {
                for item in items {
                    self.admitted(item, above, found);
                }
            }
            Form::Map(entries) => {
                for (key, span, value) in entries {
                    let path = if above.is_empty() { key.clone() } else { format!("{above}/{key}") };
                    self.by_place(&path, key, *span, value, found);
                }
            }
            Form::Text(text) if !above.is_empty() => {
                let (what, fix) = match knowledge(text) {
                    Knowledge::Later => return,
                    Knowledge::Known if text.is_empty() => return,
                    Knowledge::Known => ("is a text, where properties are expected", WRITE_OUT),
                    Knowledge::Own | Knowledge::Named | Knowledge::Open => {
                        ("cannot be told before the deployment", UNKNOWN)
                    }
                };
                found.push(Rule::Uninspected, seen.span, &format!("has a `{above}` that {what}"), fix);
            }
            Form::Text(_) | Form::Nothing => {}
        }
    }

    fn by_place(&self, path: &str, key: &str, span: Span, value: &Resolved, found: &mut Findings<'_>) {
        match place(&self.kind, path) {
            Some(Place::Above) => self.admitted(value, path, found),
            Some(Place::Of(Class::Harmless)) => self.texts(value, found),
            Some(Place::Of(Class::Own)) => {
                let before = found.count();
                self.references(key, value, self.own_row(key), found);
                if found.count() == before {
                    self.texts(value, found);
                }
            }
            Some(Place::Of(Class::Judged(judge))) => self.judged(judge, key, value, found),
            Some(Place::Of(Class::Stops) | Place::Nowhere) | None => {
                self.unjudged(path, span, value, found);
            }
        }
    }

    /// A property that nobody judges.
    fn unjudged(&self, path: &str, span: Span, value: &Resolved, found: &mut Findings<'_>) {
        let given = match &value.form {
            Form::Either(forms) => forms.iter().any(Resolved::is_given),
            Form::Nothing => false,
            Form::Text(text) => knowledge(text) != Knowledge::Later,
            Form::List(_) | Form::Map(_) => true,
        };
        if given {
            let property = path.replace('/', ".");
            let what = format!("has `{property}`, which is not known to stay inside the sandbox");
            let fix = format!(
                "leave it out, with `!If`; if it stays inside, write `allow: [\"{}.{property}\"]` on the step",
                self.kind
            );
            found.property.clone_from(&property);
            found.push(Rule::Unlisted, span, &what, &fix);
            found.property.clear();
        }
        self.walk(value, found);
    }

    fn judged(&self, judge: Judge, key: &str, value: &Resolved, found: &mut Findings<'_>) {
        match judge {
            Judge::Value => {
                self.values(key, value, found);
                self.texts(value, found);
            }
            Judge::Policy => {
                policy::document(value, found);
                self.walk(value, found);
            }
            Judge::Range => self.ranges(key, value, found),
            Judge::Region => self.region(value, found),
            Judge::Account => self.account(value, found),
            Judge::Target => {
                let sandbox = self.resolver.surroundings.cidr.as_deref().unwrap_or_default();
                for (leaf, text) in value.leaves() {
                    if !lies_in(&format!("{text}/32"), sandbox) {
                        self.stack_reference(key, text, leaf, OWN_TARGET, found);
                    }
                }
            }
            Judge::Attribute => {
                self.attributes(value, found);
                self.texts(value, found);
            }
        }
    }

    /// Checks what is dangerous wherever it stands: ARNs, ids of networks, statements of policies.
    fn texts(&self, seen: &Resolved, found: &mut Findings<'_>) {
        match &seen.form {
            Form::Text(_) => self.text(seen, found),
            Form::List(items) | Form::Either(items) => items.iter().for_each(|item| self.texts(item, found)),
            Form::Map(entries) => {
                policy::statement(seen, self.resolver, found);
                for (_, _, value) in entries {
                    self.texts(value, found);
                }
            }
            Form::Nothing => {}
        }
    }

    /// Checks every value at every depth by its key, for types that have no table.
    fn walk(&self, seen: &Resolved, found: &mut Findings<'_>) {
        match &seen.form {
            Form::Text(_) => self.text(seen, found),
            Form::List(items) | Form::Either(items) => items.iter().for_each(|item| self.walk(item, found)),
            Form::Map(entries) => {
                policy::statement(seen, self.resolver, found);
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
        self.values(key, value, found);
        let before = found.count();
        if let Some(row) = row_of(key, &self.kind) {
            self.references(key, value, row, found);
        }
        if POLICY_KEYS.contains(&key) {
            policy::document(value, found);
        }
        let whole = found.count() > before;
        match key {
            "CidrIp" | "CidrIpv6" => self.ranges(key, value, found),
            _ if REGION_KEYS.contains(&key) => self.region(value, found),
            _ if key.contains("Account") || key.contains("OwnerId") => self.account(value, found),
            _ => {}
        }
        whole
    }

    /// Checks a value by the rows of its key. A row of the type itself replaces those of all types.
    fn values(&self, key: &str, value: &Resolved, found: &mut Findings<'_>) {
        let rows =
            |kind: &'static str| PROPERTIES.iter().filter(move |row| row.key == key && row.kind == kind);
        let own = PROPERTIES.iter().filter(|row| row.key == key && row.kind == self.kind).collect::<Vec<_>>();
        let rows = if own.is_empty() { rows("").collect() } else { own };
        for row in rows {
            property(row, value, found);
        }
    }

    /// The row for a property that must refer to the stack.
    fn own_row(&self, key: &str) -> &'static StackReference {
        row_of(key, &self.kind).unwrap_or(OWN_TARGET)
    }

    fn references(&self, key: &str, value: &Resolved, row: &StackReference, found: &mut Findings<'_>) {
        for (leaf, text) in value.leaves() {
            // Some keys accept several values, separated by commas.
            for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
                self.stack_reference(key, one, leaf, row, found);
            }
        }
    }

    /// Checks a range of addresses that traffic comes from or goes to.
    fn ranges(&self, key: &str, value: &Resolved, found: &mut Findings<'_>) {
        match key {
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
            "CidrIpv6" => {}
            _ => self.range(value, found),
        }
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
            Knowledge::Named if is_a_reference(text) => {}
            Knowledge::Known if around.ids.contains(text) => {}
            Knowledge::Known if row.by_parameter && leaf.given => {}
            Knowledge::Known => {
                let what = format!("has `{}` as its `{key}`, which is not of the sandbox", shown(text));
                found.push(row.rule, leaf.span, &what, row.fix);
            }
            Knowledge::Named => {
                let what = format!(
                    "has a `{key}` that is put together from a name of this template: it may be the name of something else"
                );
                found.push(row.rule, leaf.span, &what, "refer to it with `!Ref` or `!GetAtt` alone");
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
                Knowledge::Own | Knowledge::Named | Knowledge::Open => {
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
            let trusted = *by_parameter && seen.given;
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
            // No account or region is made by a stack.
            Knowledge::Open | Knowledge::Own | Knowledge::Named => {
                let what = format!(
                    "names something of an account that cannot be told before the deployment: `{told}`"
                );
                return found.push(Rule::Elsewhere, seen.span, &what, OWN_ARN);
            }
            Knowledge::Known | Knowledge::Later => {}
        }
        match knowledge(region) {
            Knowledge::Known if region.parse::<base::ids::Region>().is_ok() && Some(*region) != here => {
                let what = format!("names something of another region: `{told}`");
                found.push(Rule::Elsewhere, seen.span, &what, OWN_ARN);
            }
            Knowledge::Open | Knowledge::Own | Knowledge::Named => {
                let what = format!(
                    "names something of a region that cannot be told before the deployment: `{told}`"
                );
                found.push(Rule::Elsewhere, seen.span, &what, OWN_ARN);
            }
            Knowledge::Known | Knowledge::Later => {}
        }
    }

    /// Checks pairs of a name and a value, as lists of pairs or as a mapping.
    fn attributes(&self, seen: &Resolved, found: &mut Findings<'_>) {
        match &seen.form {
            Form::List(items) | Form::Either(items) => {
                for item in items {
                    self.attributes(item, found);
                }
            }
            Form::Map(entries) => {
                let get =
                    |keys: [&str; 2]| entries.iter().find(|e| keys.contains(&e.0.as_str())).map(|e| &e.2);
                match (get(["Key", "Name"]), get(["Value", "Value"])) {
                    (Some(name), Some(value)) => match name.known() {
                        Some(name) => self.attribute(name, value, found),
                        None if name.leaves().iter().any(|(_, text)| knowledge(text) != Knowledge::Later) => {
                            let what = "has an attribute whose name cannot be told before the deployment";
                            found.push(Rule::Uninspected, name.span, what, UNKNOWN);
                        }
                        None => {}
                    },
                    _ => entries.iter().for_each(|(name, _, value)| self.attribute(name, value, found)),
                }
            }
            Form::Text(text) if knowledge(text) == Knowledge::Open => {
                let what = "has attributes that cannot be told before the deployment";
                found.push(Rule::Uninspected, seen.span, what, UNKNOWN);
            }
            Form::Text(_) | Form::Nothing => {}
        }
    }

    fn attribute(&self, name: &str, value: &Resolved, found: &mut Findings<'_>) {
        match name {
            "awslogs-group" => self.references(name, value, LOG_GROUP, found),
            "awslogs-region" => self.region(value, found),
            // Load balancers: `access_logs.s3.bucket`, `connection_logs.s3.bucket`.
            _ if name.ends_with(".s3.bucket") => self.references(name, value, OWN_TARGET, found),
            // Options of RDS: `IAM_ROLE_ARN`, `S3_BUCKET_ARN`.
            _ if name.ends_with("ROLE_ARN") => self.references(name, value, ROLES, found),
            _ if name.ends_with("BUCKET_ARN") => self.references(name, value, OWN_TARGET, found),
            _ => self.values(name, value, found),
        }
    }
}

/// The row for a key that must refer to the stack, if any.
pub fn row_of(key: &str, kind: &str) -> Option<&'static StackReference> {
    let is = |row: &&str| match row.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => kind == *row,
    };
    let row = STACK_REFERENCES.iter().find(|row| {
        row.key == key && (row.kinds.is_empty() || row.kinds.iter().any(is)) && !row.except.iter().any(is)
    });
    let role = ROLE_KEYS.0.iter().any(|end| key.ends_with(end)) && key != ROLE_KEYS.1;
    row.or(role.then_some(ROLES))
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
