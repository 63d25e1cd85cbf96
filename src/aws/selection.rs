//! What a selection of a backup plan means (AWS Backup API reference, `BackupSelection`).
//!
//! AWS does not say whether `ListOfTags` adds to `Resources` or narrows them (terraform-provider-aws
//! issues 41274 and 49829). Where the two readings differ, the answer is unknown.

use std::collections::BTreeMap;

use aws_sdk_backup::types::{BackupSelection, ConditionParameter};

use crate::like::is_like;

/// Whether something is selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    Yes,
    No,
    Unknown,
}

use Selected::{No, Unknown, Yes};

impl Selected {
    fn of(yes: bool) -> Self {
        if yes { Yes } else { No }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (No, _) | (_, No) => No,
            (Yes, Yes) => Yes,
            (Unknown, Yes | Unknown) | (Yes, Unknown) => Unknown,
        }
    }

    fn not(self) -> Self {
        match self {
            Yes => No,
            No => Yes,
            Unknown => Unknown,
        }
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    fn any(all: impl Iterator<Item = Self>) -> Self {
        all.fold(No, Self::or)
    }
}

/// A condition on a tag.
#[derive(Debug, Clone)]
struct TagCondition {
    key: String,
    value: String,
    /// `*` stands for any text.
    is_pattern: bool,
    wanted: bool,
}

/// A selection.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    resources: Vec<String>,
    not_resources: Vec<String>,
    /// One of these tags is enough.
    any_tag: Vec<TagCondition>,
    /// All of these must hold.
    conditions: Vec<TagCondition>,
}

/// What may be selected.
#[derive(Debug, Clone, Default)]
pub struct Candidate<'a> {
    /// `None`: it does not exist yet.
    pub arn: Option<&'a str>,
    /// The tags. The value is `None` if nobody can know it beforehand.
    pub tags: BTreeMap<&'a str, Option<&'a str>>,
}

impl Selection {
    pub fn of(selection: &BackupSelection) -> Self {
        let any_tag = selection.list_of_tags().iter().map(|tag| TagCondition {
            key: tag.condition_key.clone(),
            value: tag.condition_value.clone(),
            is_pattern: false,
            wanted: true,
        });
        let of = |parameters: &[ConditionParameter], is_pattern: bool, wanted: bool| -> Vec<TagCondition> {
            let all = parameters.iter().filter_map(|parameter| {
                let key = parameter.condition_key()?;
                let key = key.strip_prefix("aws:ResourceTag/").unwrap_or(key).to_owned();
                Some(TagCondition { key, value: parameter.condition_value()?.to_owned(), is_pattern, wanted })
            });
            all.collect()
        };
        Self {
            resources: selection.resources().to_vec(),
            not_resources: selection.not_resources().to_vec(),
            any_tag: any_tag.collect(),
            conditions: selection.conditions().map_or_else(Vec::new, |all| {
                [
                    of(all.string_equals(), false, true),
                    of(all.string_like(), true, true),
                    of(all.string_not_equals(), false, false),
                    of(all.string_not_like(), true, false),
                ]
                .concat()
            }),
        }
    }

    /// Whether it selects the resource.
    pub fn selects(&self, what: &Candidate<'_>) -> Selected {
        let Self { resources, not_resources, any_tag, conditions } = self;
        let named = Selected::any(resources.iter().map(|pattern| what.fits(pattern)));
        let tagged = Selected::any(any_tag.iter().map(|tag| what.holds(tag)));
        let holds = conditions.iter().map(|condition| what.holds(condition)).fold(Yes, Selected::and);
        // A selection without both takes everything, says the API reference.
        let adding = match (resources.is_empty(), any_tag.is_empty()) {
            (true, true) => holds,
            (true, false) => tagged,
            (false, _) => named.and(holds).or(tagged),
        };
        let by_tags = !any_tag.is_empty() || !conditions.is_empty();
        let named = if resources.is_empty() { Selected::of(by_tags) } else { named };
        let tagged = if any_tag.is_empty() { Yes } else { tagged };
        let narrowing = named.and(tagged).and(holds);
        let left_out = Selected::any(not_resources.iter().map(|pattern| what.fits(pattern)));
        let selected = if adding == narrowing { adding } else { Unknown };
        selected.and(left_out.not())
    }
}

impl Candidate<'_> {
    fn fits(&self, pattern: &str) -> Selected {
        match self.arn {
            Some(arn) => Selected::of(is_like(pattern, arn)),
            None if pattern == "*" => Yes,
            // A whole ARN means something that exists already.
            None if pattern.contains('*') => Unknown,
            None => No,
        }
    }

    fn holds(&self, condition: &TagCondition) -> Selected {
        let TagCondition { key, value: wanted, is_pattern, .. } = condition;
        let fits = match self.tags.get(key.as_str()) {
            Some(Some(value)) if *is_pattern => Selected::of(is_like(wanted, value)),
            Some(Some(value)) => Selected::of(wanted == value),
            Some(None) if *is_pattern && wanted == "*" => Yes,
            Some(None) if *is_pattern => Unknown,
            // No plan knows the value of a tag beforehand.
            None | Some(None) => No,
        };
        if condition.wanted { fits } else { fits.not() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_backup::types::builders::BackupSelectionBuilder;
    use aws_sdk_backup::types::{Condition, ConditionType, Conditions};
    use port::TAG_RUN;

    fn condition(key: &str, value: &str) -> ConditionParameter {
        ConditionParameter::builder().condition_key(key).condition_value(value).build()
    }

    fn tag(key: &str, value: &str) -> Condition {
        let tag = Condition::builder().condition_type(ConditionType::Stringequals);
        tag.condition_key(key).condition_value(value).build().unwrap()
    }

    fn selection() -> BackupSelectionBuilder {
        BackupSelection::builder().selection_name("s").iam_role_arn("r")
    }

    #[test]
    fn a_resource_is_selected_by_its_arn_and_its_tags() {
        let arn = "arn:aws:dynamodb:us-east-1:111122223333:table/carts";
        let what = Candidate { arn: Some(arn), tags: BTreeMap::from([("app", Some("shop"))]) };
        let conditions = Conditions::builder;
        let app = |value: &str| condition("aws:ResourceTag/app", value);
        for (expected, selection) in [
            // AWS says that it takes everything. Whether it does, nobody has seen.
            (Unknown, selection()),
            (Yes, selection().resources("*")),
            (Yes, selection().resources("arn:aws:dynamodb:*:*:table/*")),
            (No, selection().resources("arn:aws:rds:*:*:db:*")),
            (No, selection().resources("*").not_resources(arn)),
            (Yes, selection().list_of_tags(tag("app", "shop"))),
            (No, selection().list_of_tags(tag("app", "other"))),
            (Unknown, selection().resources("*").list_of_tags(tag("app", "other"))),
            (Unknown, selection().resources("arn:aws:rds:*:*:db:*").list_of_tags(tag("app", "shop"))),
            (Yes, selection().resources("*").list_of_tags(tag("app", "shop"))),
            (Yes, selection().resources("*").conditions(conditions().string_like(app("sh*")).build())),
            (No, selection().resources("*").conditions(conditions().string_not_equals(app("shop")).build())),
            (
                Yes,
                selection().resources("*").conditions(conditions().string_not_equals(app("other")).build()),
            ),
        ] {
            let selection = selection.build().unwrap();
            assert_eq!(Selection::of(&selection).selects(&what), expected, "{selection:?}");
        }
    }

    #[test]
    fn what_a_drill_will_make_has_no_arn_yet_and_tags_of_unknown_values() {
        let what = Candidate { arn: None, tags: BTreeMap::from([(TAG_RUN, None)]) };
        let conditions = Conditions::builder;
        let prod = || condition("aws:ResourceTag/backup", "daily");
        for (expected, selection) in [
            (Unknown, selection()),
            (Yes, selection().resources("*")),
            (Unknown, selection().resources("*").list_of_tags(tag("backup", "daily"))),
            (No, selection().list_of_tags(tag("backup", "daily"))),
            (Unknown, selection().resources("arn:aws:rds:*:*:db:*")),
            (No, selection().resources("arn:aws:rds:us-west-2:999988887777:db:orders")),
            (No, selection().resources("*").not_resources("*")),
            (Unknown, selection().resources("*").not_resources("arn:aws:ec2:*:*:volume/*")),
            (No, selection().resources("*").conditions(conditions().string_equals(prod()).build())),
            (Yes, selection().resources("*").conditions(conditions().string_not_equals(prod()).build())),
            (No, selection().conditions(conditions().string_like(condition("team", "*")).build())),
            (Yes, selection().conditions(conditions().string_like(condition(TAG_RUN, "*")).build())),
            (No, selection().conditions(conditions().string_not_like(condition(TAG_RUN, "*")).build())),
        ] {
            let selection = selection.build().unwrap();
            assert_eq!(Selection::of(&selection).selects(&what), expected, "{selection:?}");
        }
    }
}
