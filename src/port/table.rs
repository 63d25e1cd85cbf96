//! What checks ask of a DynamoDB table.

use std::collections::BTreeMap;

/// A look at a table's items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableLook {
    pub table: String,
    /// `None`: nothing is counted.
    pub count: Option<CountItems>,
    /// The key of one item. `None`: no item is read.
    pub key: Option<BTreeMap<String, KeyPart>>,
    /// The attribute of that item to read.
    pub attribute: Option<String>,
}

/// How far items are counted. Each item is read for it, which costs time and read capacity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountItems {
    All,
    /// Until there are so many.
    UpTo(u64),
}

/// A value of a key, as DynamoDB writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPart {
    Text(String),
    Number(String),
    Bytes(Vec<u8>),
}

/// What was seen of a table. `None`: it was not asked for, or the twin's estate does not say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableSeen {
    pub items: Option<u64>,
    /// Whether all items were counted. Otherwise there are at least so many.
    pub all: bool,
    /// Whether the item exists.
    pub found: Option<bool>,
    /// The attribute's value as a text: a number, a text, a truth value, or JSON.
    pub value: Option<String>,
}
