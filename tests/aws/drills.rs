//! Whole drills with `--on aws`. The built binary talks to an AWS API on 127.0.0.1 through the AWS
//! SDKs. The checks talk to a real PostgreSQL and to real HTTP listeners.

mod account;
mod backups;
mod buckets;
mod closet;
mod copies;
mod denied;
mod drill;
mod elsewhere;
mod everything;
mod failures;
mod faults;
mod inside;
mod isolation;
mod killed;
mod least_privilege;
mod listed;
mod looks;
mod losses;
mod names;
mod privileges;
mod protected;
mod proxies;
mod pushed;
mod secrets;
mod selections;
mod shop;
mod signed;
mod signed_by_kms;
mod stacks;
mod standing;
mod sweep;
mod unready;
mod vaults;
mod waiting;
