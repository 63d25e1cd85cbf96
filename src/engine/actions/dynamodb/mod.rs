//! DynamoDB: restores of tables.

pub mod restore;
