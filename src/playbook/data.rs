//! The check of a database's data: which rungs it asks, and what each of them needs.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strum::{Display, IntoStaticStr, VariantArray};

use super::asked::{self, SqlEngine, Unreadable};
use super::check::SqlTls;
use super::expr::is_template;
use super::expr_value::Expr;
use super::query;
use base::duration::Span;

/// The word for the last run of the playbook that passed.
pub const LAST_PASSED: &str = "last-passed";

/// The default time limit of one attempt: every table is counted.
pub const DATA_TIMEOUT: Span = Span::from_secs(60);

/// Looks at the data of a restored PostgreSQL, MySQL or MariaDB database, rung by rung. Healthy if
/// every rung is. A rung that cannot be asked is unknown.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataCheck {
    /// As in an `sql` check: `postgres://user@host:port/database` or `mysql://…`.
    pub url: String,
    /// What the data are compared with: a file made by `drillmaster data snapshot`, relative to the
    /// playbook, or `last-passed` for the row counts of the last run that passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// The rungs to ask; default: all that can be asked with what is given, but `write`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rungs: Option<Vec<DataRung>>,
    /// By how much of its rows a table may differ, such as `5%`; default `5%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Expr<Tolerance>>,
    /// The row of the rung `canary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// The two rows of the rung `boundary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Boundary>,
    /// As in an `sql` check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_env: Option<String>,
    /// As in an `sql` check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<SqlTls>,
    /// How long one attempt may take, with all its rungs; default 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Expr<Span>>,
}

/// One way to look at the data of a database.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Deserialize,
    Serialize,
    JsonSchema,
    VariantArray,
    IntoStaticStr,
    Display,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DataRung {
    /// Tables, columns, constraints, indexes, views, routines and triggers of the reference.
    Structure,
    /// The rows of each table.
    Volume,
    /// No sequence is behind the column that it numbers.
    Sequences,
    /// Collations are the reference's, and of the version that the indexes were built with.
    Collations,
    /// Extensions (plugins in MySQL) of the reference, and their files on the server.
    Extensions,
    /// Roles (users in MySQL) of the reference.
    Roles,
    /// No index is invalid or switched off.
    Indexes,
    /// No row refers to a row that is not there.
    ForeignKeys,
    /// A row, byte for byte.
    Canary,
    /// The row before an instant is there, the row after it is not.
    Boundary,
    /// Nothing in the database reaches out by itself: archiving, subscriptions, jobs, linked servers.
    Outward,
    /// A first transaction commits. Only in a database that this run made.
    Write,
}

impl DataRung {
    /// Every rung, in the order in which they are asked.
    pub const ALL: &[Self] = Self::VARIANTS;

    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A row that must be there, byte for byte. Its value is written nowhere.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// The query whose first value is the canary.
    pub query: String,
    /// The value, from outside of the playbook: `{{ env.CANARY }}` or `{{ secret "aws:canary" }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// Instead of `equals`: the SHA-256 of the value, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canary").field("query", &self.query).finish_non_exhaustive()
    }
}

/// Two queries on either side of the instant that was restored to. A row is there if the query
/// returns one whose first value is neither NULL, 0 nor false.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Boundary {
    /// Finds the row that was written just before the instant.
    pub before: String,
    /// Finds the row that was written just after it, which must not be there.
    pub after: String,
}

/// A share, written in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance(f64);

impl Tolerance {
    /// Between 0 and 1.
    pub fn share(self) -> f64 {
        self.0
    }
}

impl Default for Tolerance {
    fn default() -> Self {
        Self(0.05)
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", (self.0 * 1e8).round() / 1e6)
    }
}

impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no tolerance: write a percentage between 0% and 100%, such as `5%`");
        let number = text.trim().strip_suffix('%').ok_or_else(wrong)?;
        let percent: f64 = number.trim().parse().map_err(|_| wrong())?;
        (0.0..=100.0).contains(&percent).then_some(Self(percent / 100.0)).ok_or_else(wrong)
    }
}

impl<'de> Deserialize<'de> for Tolerance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Tolerance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Tolerance {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tolerance".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^\s*(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)\s*%\s*$" })
    }
}

/// The key of a mistake, what is wrong, and what to write instead.
pub(crate) type Mistake = (&'static str, String, String);

impl DataCheck {
    /// The file that the data are compared with.
    pub fn reference(&self) -> Option<&str> {
        self.against.as_deref().filter(|against| !is_last_passed(against))
    }

    /// Names the counts of the last run that passed: those of the check with this id.
    pub fn name_last_passed(&mut self, check: &str) {
        if self.against.as_deref() == Some(LAST_PASSED) {
            self.against = Some(last_passed(check));
        }
    }

    /// The rungs to ask, each once, in their order.
    pub fn asked(&self) -> Vec<DataRung> {
        if let Some(rungs) = &self.rungs {
            return rungs.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        }
        let all = DataRung::ALL.iter().copied();
        all.filter(|rung| *rung != DataRung::Write && self.lacks(*rung).is_none()).collect()
    }

    pub fn tolerance(&self) -> Tolerance {
        self.tolerance.as_ref().and_then(|given| given.get().ok()).copied().unwrap_or_default()
    }

    /// What a rung needs and the check does not give.
    fn lacks(&self, rung: DataRung) -> Option<&'static str> {
        const FILE: &str = "`against`: a file that `drillmaster data snapshot` makes";
        let file = || self.reference().is_none().then_some(FILE);
        match rung {
            DataRung::Structure | DataRung::Extensions | DataRung::Roles => file(),
            // PostgreSQL knows the versions of its collations.
            DataRung::Collations if self.engine() == Some(SqlEngine::MySql) => file(),
            DataRung::Volume => {
                self.against.is_none().then_some("`against`: a reference's file, or `last-passed`")
            }
            DataRung::Canary => self.canary.is_none().then_some("`canary`: a `query`, and what it `equals`"),
            DataRung::Boundary => {
                self.boundary.is_none().then_some("`boundary`: the queries `before` and `after`")
            }
            DataRung::Sequences
            | DataRung::Collations
            | DataRung::Indexes
            | DataRung::ForeignKeys
            | DataRung::Outward
            | DataRung::Write => None,
        }
    }

    /// The database's protocol. `None` if an expression gives it.
    pub fn engine(&self) -> Option<SqlEngine> {
        super::check::engine_of(&self.url)
    }

    pub(crate) fn mistakes(&self) -> Vec<Mistake> {
        let mut found = Vec::new();
        let mut wrong = |field, message: String, help: &str| found.push((field, message, help.to_owned()));
        if let Some(Unreadable { message, help }) = asked::mistake(&self.url, asked::sql_url) {
            wrong("url", message, &help);
        } else if !is_template(&self.url)
            && self.engine() == Some(SqlEngine::MySql)
            && asked::sql_url(&self.url).is_ok_and(|url| url.database.is_none())
        {
            wrong(
                "url",
                "the URL names no database".into(),
                "write it at the end: `mysql://user@host/orders`",
            );
        }
        for (field, message, help) in self.tls.iter().flat_map(SqlTls::mistakes) {
            wrong(field, message, help);
        }
        if self.rungs.as_ref().is_some_and(Vec::is_empty) {
            wrong(
                "rungs",
                "a check without a rung looks at nothing".into(),
                "name some, or leave `rungs` out",
            );
        }
        if self.against.as_deref().is_some_and(|against| against.trim().is_empty()) {
            wrong("against", "the path is empty".into(), "name a reference's file, or write `last-passed`");
        }
        let asked = self.asked();
        for rung in &asked {
            if let Some(lacking) = self.lacks(*rung) {
                wrong(
                    "rungs",
                    format!("the rung `{rung}` has nothing to compare with"),
                    &format!("give {lacking}; or leave the rung out"),
                );
            }
        }
        for (given, rung) in [
            (self.canary.is_some(), DataRung::Canary),
            (self.boundary.is_some(), DataRung::Boundary),
            (self.tolerance.is_some(), DataRung::Volume),
        ] {
            if given && !asked.contains(&rung) {
                let field = if rung == DataRung::Volume { "tolerance" } else { rung.name() };
                wrong(
                    field,
                    format!("`{field}` is for the rung `{rung}`, which is not asked"),
                    &format!("add `{rung}` to `rungs`, or leave `{field}` out"),
                );
            }
        }
        let queries = [
            ("canary", self.canary.as_ref().map(|canary| &canary.query)),
            ("boundary", self.boundary.as_ref().map(|boundary| &boundary.before)),
            ("boundary", self.boundary.as_ref().map(|boundary| &boundary.after)),
        ];
        for (field, text) in queries {
            let Some((text, engine)) = text.filter(|text| !is_template(text)).zip(self.engine()) else {
                continue;
            };
            if let Err(Unreadable { message, help }) = query::read(text, engine) {
                wrong(field, message, &help);
            }
        }
        if let Some(canary) = &self.canary {
            let one = "give one of the two: `equals` with a secret, or `sha256`";
            match (&canary.equals, &canary.sha256) {
                (Some(_), None) => {}
                (None, Some(sum)) if is_template(sum) || sha256(sum).is_some() => {}
                (None, Some(_)) => wrong(
                    "canary",
                    "`sha256` is no SHA-256".into(),
                    "write 64 hexadecimal digits: `printf %s VALUE | sha256sum` gives them",
                ),
                (Some(_), Some(_)) => wrong("canary", "both `equals` and `sha256`".into(), one),
                (None, None) => wrong("canary", "nothing says what the canary is".into(), one),
            }
        }
        found
    }
}

/// The name of the text with the counts of a check in the last run that passed.
pub fn last_passed(check: &str) -> String {
    format!("{LAST_PASSED}/{check}")
}

/// Whether `against` means the last run that passed.
pub fn is_last_passed(against: &str) -> bool {
    against.strip_prefix(LAST_PASSED).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The 64 hexadecimal digits of a SHA-256, in lower case.
pub fn sha256(text: &str) -> Option<String> {
    let text = text.trim();
    (text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> DataCheck {
        serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"))
    }

    fn names(yaml: &str) -> String {
        read(yaml).asked().into_iter().map(DataRung::name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_given_decides_which_rungs_are_asked() {
        let own = "sequences collations indexes foreign_keys outward";
        assert_eq!(names("{ url: 'postgres://u@h/d' }"), own);
        assert_eq!(names("{ url: 'mysql://u@h/d' }"), own.replace("collations ", ""));
        assert_eq!(names("{ url: 'postgres://u@h/d', against: last-passed }"), format!("volume {own}"));
        let all = names(
            "{ url: 'mysql://u@h/d', against: r.json, canary: { query: select 1, sha256: x }, boundary: { before: select 1, after: select 2 } }",
        );
        let every: Vec<_> = DataRung::ALL.iter().map(|rung| rung.name()).collect();
        assert_eq!(format!("{all} write"), every.join(" "));
        assert_eq!(
            names("{ url: 'mysql://u@h/d', rungs: [write, indexes, write, outward] }"),
            "indexes outward write"
        );
    }

    #[test]
    fn a_rung_without_what_it_needs_is_a_mistake() {
        let sum = "a".repeat(64);
        for (yaml, fields) in [
            ("rungs: [structure]", "rungs"),
            ("rungs: [structure], against: last-passed", "rungs"),
            ("rungs: [volume, roles]", "rungs rungs"),
            ("rungs: []", "rungs"),
            ("rungs: [canary], canary: { query: select 1 }", "canary"),
            ("canary: { query: select 1, sha256: abc }", "canary"),
            ("canary: { query: drop table t, sha256: SUM }", "canary"),
            ("canary: { query: select 1, sha256: SUM, equals: x }", "canary"),
            ("rungs: [indexes], canary: { query: select 1, sha256: SUM }", "canary"),
            ("boundary: { before: select 1, after: 'select 1; commit' }", "boundary"),
            ("tolerance: 5%", "tolerance"),
            ("against: ''", "against"),
            ("against: r.json, tolerance: 5%, canary: { query: select 1, sha256: SUM }", ""),
        ] {
            let check = read(&format!("{{ url: 'postgres://u@h/d', {} }}", yaml.replace("SUM", &sum)));
            let found: Vec<_> = check.mistakes().into_iter().map(|(field, ..)| field).collect();
            assert_eq!(found.join(" "), fields, "{yaml}");
        }
        assert_eq!(read("{ url: 'mysql://u@h' }").mistakes()[0].0, "url");
    }

    #[test]
    fn a_tolerance_is_a_percentage() {
        for (text, share) in [("5%", 0.05), (" 0 %", 0.0), ("100%", 1.0), ("0.1%", 0.001)] {
            let read: Tolerance = text.parse().unwrap();
            assert!((read.share() - share).abs() < 1e-9);
            assert_eq!(read.to_string().parse(), Ok(read));
        }
        for text in ["5", "-1%", "101%", "many%", "NaN%", "%"] {
            assert!(text.parse::<Tolerance>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_canary_is_not_shown() {
        let check = read("{ url: 'mysql://u@h/d', canary: { query: select 1, equals: hunter22 } }");
        assert!(!format!("{check:?}").contains("hunter22"));
    }
}
