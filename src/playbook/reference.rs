//! References: what a database held when `drillmaster data snapshot` looked at it.
//!
//! A reference holds names, definitions and row counts. It holds no row, and no secret.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use base::duration::Time;

pub const SCHEMA: &str = "drillmaster/data/v1";

/// What a database held.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    pub schema: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_at: Option<Time>,
    /// `postgres` or `mysql`. MariaDB counts as `mysql`.
    pub engine: String,
    /// The server's own version.
    #[serde(default)]
    pub version: String,
    #[serde(default)]
    pub database: String,
    /// Tables by `schema.name`, in MySQL by `name`.
    pub tables: BTreeMap<String, Table>,
    /// Views, routines, triggers and the like: `view public.open_orders`.
    #[serde(default)]
    pub objects: BTreeSet<String>,
    /// Of the database (`database`) and of columns. `null`: they could not be read.
    pub collations: Option<BTreeMap<String, String>>,
    /// Extensions and their versions; in MySQL plugins and their state. `null`: as above.
    pub extensions: Option<BTreeMap<String, String>>,
    /// Roles and what they may; in MySQL users. `null`: as above.
    pub roles: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// `null`: they could not be counted.
    pub rows: Option<u64>,
    pub columns: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub constraints: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub indexes: BTreeMap<String, String>,
}

impl Reference {
    /// Reads a reference's file. The error says what is wrong, and what to do; `line` counts from 1.
    ///
    /// # Errors
    /// The text is no reference, or one of another version.
    pub fn read(text: &str) -> Result<Self, NotRead> {
        let help = "make it with `drillmaster data snapshot URL -o FILE`";
        let read: Self = serde_json::from_str(text).map_err(|error| NotRead {
            line: error.line().max(1),
            message: format!("this is no reference of a database: {error}"),
            help: help.to_owned(),
        })?;
        if read.schema != SCHEMA {
            return Err(NotRead {
                line: 1,
                message: format!(
                    "the reference is of the form `{}`, and this version reads `{SCHEMA}`",
                    read.schema
                ),
                help: format!("{help}, with this version"),
            });
        }
        if read.tables.is_empty() {
            return Err(NotRead {
                line: 1,
                message: "the reference holds no table: any database would fit it".to_owned(),
                help: format!("{help}, of the database with the data"),
            });
        }
        Ok(read)
    }

    /// The rows of each table that has been counted.
    pub fn rows(&self) -> BTreeMap<String, u64> {
        self.tables.iter().filter_map(|(name, table)| Some((name.clone(), table.rows?))).collect()
    }
}

/// Why a text is no reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRead {
    pub line: usize,
    pub message: String,
    pub help: String,
}

/// What is known of the last run that passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastPassed {
    Counted(Counted),
    /// Why it could not be read.
    Unread(String),
}

impl LastPassed {
    /// What was kept as JSON.
    pub fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| Self::Unread(error.to_string()))
    }
}

/// What a check counted in the last run that passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    pub run_id: String,
    pub rows: BTreeMap<String, u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_as_it_was_written_and_nothing_else_is() {
        let table =
            Table { rows: Some(3), columns: [("id".into(), "bigint".into())].into(), ..Table::default() };
        let made = Reference {
            schema: SCHEMA.into(),
            engine: "postgres".into(),
            tables: [("public.orders".into(), table)].into(),
            ..Reference::default()
        };
        let text = serde_json::to_string_pretty(&made).unwrap();
        assert_eq!(Reference::read(&text).as_ref(), Ok(&made));
        assert_eq!(made.rows(), [("public.orders".to_owned(), 3)].into());
        for (text, part) in [
            ("{}".to_owned(), "no reference"),
            ("garbage".to_owned(), "no reference"),
            (text.replace("data/v1", "data/v9"), "data/v9"),
            (text.replace("\"engine\"", "\"motor\""), "no reference"),
            (
                text.replace(&text[text.find("\"public").unwrap()..text.find("},\n  \"obj").unwrap()], ""),
                "no table",
            ),
        ] {
            let wrong = Reference::read(&text).unwrap_err();
            assert!(
                wrong.message.contains(part) && wrong.help.contains("data snapshot"),
                "{wrong:?}\n{text}"
            );
        }
    }
}
