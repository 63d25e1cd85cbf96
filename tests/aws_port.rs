//! The port over the AWS SDKs, against an AWS API on 127.0.0.1 (tests/peers).
#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/peers.rs"]
mod peers;
#[path = "support/requests.rs"]
mod requests;

#[path = "aws_port/compute.rs"]
mod compute;
#[path = "aws_port/databases.rs"]
mod databases;
#[path = "aws_port/failures.rs"]
mod failures;
#[path = "aws_port/identity.rs"]
mod identity;
#[path = "aws_port/loss.rs"]
mod loss;
#[path = "aws_port/network.rs"]
mod network;
#[path = "aws_port/objects.rs"]
mod objects;
#[path = "aws_port/points.rs"]
mod points;
#[path = "aws_port/world.rs"]
mod world;
