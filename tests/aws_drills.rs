//! Whole drills with `--on aws`: the built binary through the AWS SDKs against an AWS API on 127.0.0.1, with a real
//! PostgreSQL and real HTTP listeners behind the checks.
#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/peers.rs"]
mod peers;

#[path = "aws_drills/account.rs"]
mod account;
#[path = "aws_drills/drill.rs"]
mod drill;
#[path = "aws_drills/losses.rs"]
mod losses;
#[path = "aws_drills/shop.rs"]
mod shop;
