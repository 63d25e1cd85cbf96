//! Whole drills with `--on aws`: the built binary through the AWS SDKs against an AWS API on 127.0.0.1, with a real
//! PostgreSQL and real HTTP listeners behind the checks.
#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/canary.rs"]
mod canary;
#[path = "support/peers.rs"]
mod peers;

#[path = "aws_drills/account.rs"]
mod account;
#[path = "aws_drills/closet.rs"]
mod closet;
#[path = "aws_drills/denied.rs"]
mod denied;
#[path = "aws_drills/drill.rs"]
mod drill;
#[path = "aws_drills/everything.rs"]
mod everything;
#[path = "aws_drills/failures.rs"]
mod failures;
#[path = "aws_drills/faults.rs"]
mod faults;
#[path = "aws_drills/isolation.rs"]
mod isolation;
#[path = "aws_drills/killed.rs"]
mod killed;
#[path = "aws_drills/least_privilege.rs"]
mod least_privilege;
#[path = "aws_drills/losses.rs"]
mod losses;
#[path = "aws_drills/privileges.rs"]
mod privileges;
#[path = "aws_drills/protected.rs"]
mod protected;
#[path = "aws_drills/secrets.rs"]
mod secrets;
#[path = "aws_drills/shop.rs"]
mod shop;
#[path = "aws_drills/stacks.rs"]
mod stacks;
#[path = "aws_drills/sweep.rs"]
mod sweep;
#[path = "aws_drills/unready.rs"]
mod unready;
#[path = "aws_drills/waiting.rs"]
mod waiting;
