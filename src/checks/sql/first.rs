//! The result of a query.

/// The first value of the first row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First {
    Value(String),
    Null,
    NoRow,
}
