//! DynamoDB: tables.

pub mod items;
pub mod table;
