//! The estate that both clouds hold. The twin's file describes it, and moto is seeded to match.

use base::duration::Time;
use base::ids::AccountId;
use estate::file::{EstateFile, Fault};
use port::Place;
use serde_json::json;

pub const PRODUCTION: &str = "111122223333";
pub const VAULT: &str = "444455556666";
pub const SANDBOX: &str = "999988887777";
pub const EAST: &str = "us-east-1";
pub const WEST: &str = "us-west-2";

/// Databases in the sandbox's account: one in its own region (PITR), one in the other (replicas).
pub const BOOKS: &str = "books";
pub const MIRROR: &str = "mirror";
/// A cluster in the sandbox's account and region.
pub const ACCOUNTS: &str = "accounts";
/// A table of the sandbox's account, in the other region: its data, an on-demand backup and PITR.
pub const CARTS: &str = "carts";
/// Snapshots of the database `orders`: the sandbox's own in this and in the other region, and two
/// of the vault's.
pub const ORDERS_WEST: &str = "orders-west";
pub const ORDERS_EAST: &str = "orders-east";
pub const ORDERS_VAULT: &str = "orders-vault";
pub const ORDERS_SECRET: &str = "orders-secret";
/// The vault's snapshots of the cluster `ledger`: one shared with the sandbox, one not.
pub const LEDGER_VAULT: &str = "ledger-vault";
pub const LEDGER_SECRET: &str = "ledger-secret";
/// Buckets of the sandbox's account.
pub const RECEIPTS: &str = "conformance-receipts";
pub const RECEIPTS_OBJECTS: u64 = 3;
pub const RECEIPTS_BYTES: u64 = 15;
pub const VERSIONED: &str = "conformance-versioned";
/// How many objects the versioned bucket held at [`Ids::instant`]. Now it holds one more.
pub const VERSIONED_OBJECTS: u64 = 3;

/// Recovery points of AWS Backup in a vault of the sandbox's account: of a file system and of the
/// database `orders`.
pub const SHARES: &str = "arn:aws:backup:us-west-2:999988887777:recovery-point:shares-1";
pub const SHARED: &str = "fs-0123456789abcdef0";
/// A recovery point of the same file system in a vault of the account `VAULT`, in the other region.
pub const SHARES_FAR: &str = "arn:aws:backup:us-east-1:444455556666:recovery-point:shares-far";
pub const FAR_VAULT: &str = "far";
pub const ORDERS_KEPT: &str = "arn:aws:backup:us-west-2:999988887777:recovery-point:orders-1";
/// The role that AWS Backup restores with.
pub const RESTORER: &str = "arn:aws:iam::999988887777:role/restore";

/// The names of everything else, which differ between the clouds.
#[derive(Debug, Clone)]
pub struct Ids {
    /// Production's volume, with a shared snapshot in the west; then the sandbox's, with one in the
    /// east.
    pub volume: String,
    pub volume_east: String,
    /// A volume that lives beside the sandbox, in its own account and region.
    pub volume_live: String,
    pub snapshot: String,
    /// The vault's snapshot, which is not shared.
    pub snapshot_secret: String,
    /// An image of production's instance `i-0a1`, shared, in the west.
    pub image: String,
    /// The sandbox's own image of the instance `i-0e1`, in the east.
    pub image_east: String,
    /// The vault's image, which is not shared.
    pub image_secret: String,
    /// The latest instant that `books` can be restored to.
    pub latest: Time,
    /// An instant at which the versioned bucket held other objects.
    pub instant: Time,
    /// The ARN of the backup of `carts`.
    pub backup: String,
}

pub fn account(id: &str) -> AccountId {
    id.parse().unwrap()
}

pub fn place(account: &str, region: &str) -> Place {
    Place { account: account.parse().unwrap(), region: region.parse().unwrap() }
}

pub fn sandbox_place() -> Place {
    place(SANDBOX, WEST)
}

pub fn ids_of_the_twin(now: Time) -> Ids {
    Ids {
        volume: "vol-0c3".into(),
        volume_east: "vol-0e3".into(),
        volume_live: "vol-0f3".into(),
        snapshot: "snap-0c3".into(),
        snapshot_secret: "snap-0sec".into(),
        image: "ami-0a1".into(),
        image_east: "ami-0e1".into(),
        image_secret: "ami-0sec".into(),
        latest: now - chrono::TimeDelta::minutes(5),
        instant: now - chrono::TimeDelta::hours(1),
        backup: format!("arn:aws:dynamodb:{EAST}:{SANDBOX}:table/{CARTS}/backup/01489602797149-73d8d5bc"),
    }
}

pub fn of_the_twin(ids: &Ids, now: Time, faults: &[Fault]) -> EstateFile {
    let taken = now - chrono::TimeDelta::hours(2);
    let point = |of: &str, kind: &str, id: &str, account: &str, region: &str, shared: bool| {
        let shared: &[&str] = if shared { &[SANDBOX] } else { &[] };
        json!({ "of": of, "kind": kind, "id": id, "account": account, "region": region, "taken": taken, "size": "5GiB",
            "shared_with": shared })
    };
    let (orders, ledger) = ("rds:db/orders", "rds:cluster/ledger");
    let volume = format!("ec2:volume/{}", ids.volume);
    let volume_east = format!("ec2:volume/{}", ids.volume_east);
    let (web, web_east) = ("ec2:instance/i-0a1", "ec2:instance/i-0e1");
    let mut estate: EstateFile = serde_json::from_value(json!({
        "accounts": { PRODUCTION: { "name": "production" }, VAULT: { "name": "vault" }, SANDBOX: { "name": "sandbox" } },
        "regions": {
            EAST: { "azs": ["use1-az1", "use1-az2", "use1-az3"] },
            WEST: { "azs": ["usw2-az1", "usw2-az2", "usw2-az3"] },
        },
        "resources": [
            { "id": format!("ec2:volume/{}", ids.volume_live), "account": SANDBOX, "region": WEST, "az": "usw2-az1", "size": "5GiB", "tags": { "app": "live" } },
            { "id": "rds:cluster/ledger", "account": VAULT, "region": WEST },
            { "id": format!("s3:bucket/{RECEIPTS}"), "account": SANDBOX, "region": WEST, "tags": { "app": "receipts" } },
            { "id": format!("rds:db/{BOOKS}"), "account": SANDBOX, "region": WEST, "az": "usw2-az1", "size": "5GiB" },
            { "id": format!("rds:cluster/{ACCOUNTS}"), "account": SANDBOX, "region": WEST, "size": "1GiB", "engine": "aurora-postgresql" },
            { "id": format!("dynamodb:table/{CARTS}"), "account": SANDBOX, "region": EAST, "size": "1GiB" },
            { "id": format!("rds:db/{MIRROR}"), "account": SANDBOX, "region": EAST, "az": "use1-az1", "size": "5GiB" },
        ],
        "recovery_points": [
            point(orders, "rds_snapshot", ORDERS_WEST, SANDBOX, WEST, false),
            point(orders, "backup", ORDERS_KEPT, SANDBOX, WEST, false),
            point(&format!("efs:file-system/{SHARED}"), "backup", SHARES, SANDBOX, WEST, false),
            { "of": format!("efs:file-system/{SHARED}"), "kind": "backup", "id": SHARES_FAR, "account": VAULT, "region": EAST,
                "vault": FAR_VAULT, "taken": taken, "size": "5GiB" },
            point(orders, "rds_snapshot", ORDERS_EAST, SANDBOX, EAST, false),
            point(orders, "rds_snapshot", ORDERS_VAULT, VAULT, WEST, true),
            point(orders, "rds_snapshot", ORDERS_SECRET, VAULT, WEST, false),
            point(ledger, "rds_cluster_snapshot", LEDGER_VAULT, VAULT, WEST, true),
            point(ledger, "rds_cluster_snapshot", LEDGER_SECRET, VAULT, WEST, false),
            point(&volume, "ebs_snapshot", &ids.snapshot, PRODUCTION, WEST, true),
            point(&volume_east, "ebs_snapshot", "snap-0e3", SANDBOX, EAST, false),
            point("ec2:volume/vol-0sec", "ebs_snapshot", &ids.snapshot_secret, VAULT, WEST, false),
            point(web, "ami", &ids.image, PRODUCTION, WEST, true),
            point(web_east, "ami", &ids.image_east, SANDBOX, EAST, false),
            point("ec2:instance/i-0sec", "ami", &ids.image_secret, VAULT, WEST, false),
            { "of": format!("rds:db/{BOOKS}"), "kind": "rds_pitr", "id": "books-pitr", "account": SANDBOX, "region": WEST,
                "taken": ids.latest, "size": "5GiB" },
            { "of": format!("rds:cluster/{ACCOUNTS}"), "kind": "rds_pitr", "id": "accounts-pitr", "account": SANDBOX, "region": WEST,
                "taken": ids.latest, "size": "1GiB" },
            { "of": format!("dynamodb:table/{CARTS}"), "kind": "dynamodb_pitr", "id": CARTS, "account": SANDBOX, "region": EAST,
                "taken": ids.latest, "size": "1GiB" },
            { "of": format!("dynamodb:table/{CARTS}"), "kind": "dynamodb_backup", "id": ids.backup, "account": SANDBOX,
                "region": EAST, "taken": taken, "size": "1GiB" },
            { "of": format!("s3:bucket/{RECEIPTS}"), "kind": "s3_replica", "id": RECEIPTS, "account": SANDBOX,
                "region": WEST, "taken": taken, "size": format!("{RECEIPTS_BYTES}B"), "objects": RECEIPTS_OBJECTS },
            { "of": format!("s3:bucket/{VERSIONED}"), "kind": "s3_versions", "id": VERSIONED, "account": SANDBOX,
                "region": WEST, "taken": "-1s", "size": "4B", "objects": VERSIONED_OBJECTS },
        ],
    }))
    .unwrap();
    estate.faults = faults.to_vec();
    estate
}
