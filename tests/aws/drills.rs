//! Whole drills with `--on aws`: the built binary through the AWS SDKs against an AWS API on 127.0.0.1, with a real
//! PostgreSQL and real HTTP listeners behind the checks.

mod account;
mod closet;
mod denied;
mod drill;
mod elsewhere;
mod everything;
mod failures;
mod faults;
mod isolation;
mod killed;
mod least_privilege;
mod losses;
mod privileges;
mod protected;
mod proxies;
mod secrets;
mod shop;
mod stacks;
mod sweep;
mod unready;
mod waiting;
