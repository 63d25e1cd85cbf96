//! The estate of drills/estate.yaml as it exists in AWS: two regions, three accounts, and recovery
//! points of the same ages.

use aws::sdk::{aws_sdk_ec2, aws_sdk_rds, aws_sdk_s3};
use aws_sdk_ec2::types::{LaunchPermission, LaunchPermissionModifications, Tag};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::account::Account;
use support::peers::Moto;

pub const PRODUCTION: &str = "111122223333";
pub const BACKUP: &str = "444455556666";
pub const SANDBOX: &str = "999988887777";
pub const EAST: &str = "us-east-1";
pub const WEST: &str = "us-west-2";

/// How many receipts there are.
pub const RECEIPTS: usize = 25;

/// The peer's ids for what drills/estate.yaml names.
pub struct Shop {
    pub moto: Moto,
    pub instance: String,
    pub other_instance: String,
    pub volume: String,
    pub snapshot: String,
    pub ami_east: String,
    pub ami_west: String,
    pub ami_vault: String,
    /// The instant from which ages count.
    pub now: DateTime<Utc>,
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

fn arn(region: &str, account: &str, snapshot: &str) -> String {
    format!("arn:aws:rds:{region}:{account}:snapshot:{snapshot}")
}

impl Shop {
    /// Seeds a new peer. Everything that is created afterwards takes `seconds` to become ready.
    pub async fn open(seconds: f64) -> Self {
        let moto = Moto::start();
        moto.delays(&json!({ "default": 0 }));
        let east = Account::of(&moto, PRODUCTION, EAST).await;
        let west = Account::of(&moto, PRODUCTION, WEST).await;
        let vault = Account::of(&moto, BACKUP, WEST).await;
        let now = Utc::now();
        databases(&moto, &east, &west, &vault, now).await;
        // In this account us-east-1b is use1-az1.
        let volume = east.ec2.create_volume().availability_zone("us-east-1b").size(100).send().await;
        let volume = volume.unwrap().volume_id.unwrap();
        let snapshot = east.ec2.create_snapshot().volume_id(&volume).send().await.unwrap();
        let snapshot = snapshot.snapshot_id.unwrap();
        let tags = east.ec2.create_tags().resources(&volume).resources(&snapshot);
        tags.tags(tag("app", "orders")).send().await.unwrap();
        let mut shop = Self {
            moto,
            volume,
            snapshot,
            now,
            instance: String::new(),
            other_instance: String::new(),
            ami_east: String::new(),
            ami_west: String::new(),
            ami_vault: String::new(),
        };
        shop.machines(&east, &west, &vault).await;
        receipts(&east, &vault).await;
        // A little less than the six hours that the objective allows, because real time passes
        // while the drill gets ready.
        shop.age("ebs_snapshot", &shop.snapshot, PRODUCTION, EAST, TimeDelta::minutes(5 * 60 + 50));
        shop.moto.delays(&json!({ "default": seconds, "db_snapshot": seconds }));
        shop.moto.clear_log();
        shop
    }

    async fn machines(&mut self, east: &Account, west: &Account, vault: &Account) {
        let base = east.ec2.register_image().name("base").root_device_name("/dev/sda1").send().await;
        let base = base.unwrap().image_id.unwrap();
        let zones = east.ec2.describe_subnets().send().await.unwrap();
        let subnet = |zone: &str| {
            let found = zones.subnets().iter().find(|s| s.availability_zone_id() == Some(zone));
            found.unwrap_or_else(|| panic!("no subnet in {zone}")).subnet_id().unwrap().to_owned()
        };
        let mut made = Vec::new();
        for (zone, app) in [("use1-az1", "orders"), ("use1-az2", "search")] {
            let run = east.ec2.run_instances().image_id(&base).instance_type("t4g.small".into());
            let run = run.min_count(1).max_count(1).subnet_id(subnet(zone)).send().await.unwrap();
            let id = run.instances()[0].instance_id().unwrap().to_owned();
            east.ec2.create_tags().resources(&id).tags(tag("app", app)).send().await.unwrap();
            made.push(id);
        }
        self.other_instance = made.pop().unwrap();
        self.instance = made.pop().unwrap();
        let image = east.ec2.create_image().instance_id(&self.instance).name("orders").send().await;
        self.ami_east = image.unwrap().image_id.unwrap();
        let copy = west.ec2.copy_image().name("orders").source_region(EAST).source_image_id(&self.ami_east);
        self.ami_west = copy.send().await.unwrap().image_id.unwrap();
        share_image(west, &self.ami_west, BACKUP).await;
        share_image(west, &self.ami_west, SANDBOX).await;
        let copy = vault.ec2.copy_image().name("orders").source_region(WEST).source_image_id(&self.ami_west);
        self.ami_vault = copy.send().await.unwrap().image_id.unwrap();
        share_image(vault, &self.ami_vault, SANDBOX).await;
        // A copy does not keep its original and its age. Tags hold both, as the documentation
        // requires.
        for (account, image, days) in
            [(east, &self.ami_east, 1), (west, &self.ami_west, 1), (vault, &self.ami_vault, 3)]
        {
            let taken = (self.now - TimeDelta::days(days)).to_rfc3339();
            let tags = account.ec2.create_tags().resources(image).tags(tag("app", "orders"));
            let tags = tags.tags(tag("drillmaster:of", &format!("ec2:instance/{}", self.instance)));
            tags.tags(tag("drillmaster:taken", &taken)).send().await.unwrap();
        }
    }

    fn age(&self, kind: &str, id: &str, account: &str, region: &str, age: TimeDelta) {
        self.moto.age(&aged(kind, id, account, region, self.now - age));
    }

    /// A sample's text, with its own ids replaced by the peer's.
    pub fn named(&self, text: &str) -> String {
        [
            ("i-0a1", &self.instance),
            ("i-0d4", &self.other_instance),
            ("vol-0c3", &self.volume),
            ("snap-0c3", &self.snapshot),
            ("ami-east", &self.ami_east),
            ("ami-west", &self.ami_west),
            ("ami-vault", &self.ami_vault),
        ]
        .into_iter()
        .fold(text.to_owned(), |text, (ours, theirs)| text.replace(ours, theirs))
    }
}

fn aged(kind: &str, id: &str, account: &str, region: &str, taken: DateTime<Utc>) -> Value {
    json!({ "kind": kind, "id": id, "account": account, "region": region, "taken": taken.to_rfc3339() })
}

async fn share_image(account: &Account, image: &str, with: &str) {
    let permission = LaunchPermission::builder().user_id(with).build();
    let permission = LaunchPermissionModifications::builder().add(permission).build();
    account.ec2.modify_image_attribute().image_id(image).launch_permission(permission).send().await.unwrap();
}

async fn share_db(account: &Account, snapshot: &str, with: &str) {
    let share = account.rds.modify_db_snapshot_attribute().db_snapshot_identifier(snapshot);
    share.attribute_name("restore").values_to_add(with).send().await.unwrap();
}

async fn databases(moto: &Moto, east: &Account, west: &Account, vault: &Account, now: DateTime<Utc>) {
    let db = east.rds.create_db_instance().db_instance_identifier("orders").db_name("orders");
    let db = db.db_instance_class("db.t4g.medium").engine("postgres").engine_version("16.3");
    let db = db.allocated_storage(200).availability_zone("us-east-1b").backup_retention_period(7);
    let db = db.master_username("postgres").master_user_password("secretsecret").deletion_protection(true);
    db.tags(aws_sdk_rds::types::Tag::builder().key("app").value("orders").build()).send().await.unwrap();
    let snapshot = east.rds.create_db_snapshot().db_instance_identifier("orders");
    snapshot.db_snapshot_identifier("orders-east-1h").send().await.unwrap();
    let source = arn(EAST, PRODUCTION, "orders-east-1h");
    let copy = async |to: &Account, source: &str, id: &str| {
        let copy = to.rds.copy_db_snapshot().source_db_snapshot_identifier(source);
        copy.target_db_snapshot_identifier(id).send().await.unwrap();
        share_db(to, id, SANDBOX).await;
    };
    let mut ages = vec![
        aged("db_snapshot", "orders-east-1h", PRODUCTION, EAST, now - TimeDelta::hours(1)),
        aged("db_instance", "orders", PRODUCTION, EAST, now - TimeDelta::minutes(5)),
    ];
    for hours in [26, 14, 2] {
        let id = format!("orders-west-{hours}h");
        copy(west, &source, &id).await;
        ages.push(aged("db_snapshot", &id, PRODUCTION, WEST, now - TimeDelta::hours(hours)));
    }
    share_db(west, "orders-west-26h", BACKUP).await;
    copy(vault, &arn(WEST, PRODUCTION, "orders-west-26h"), "orders-vault-25h").await;
    ages.push(aged("db_snapshot", "orders-vault-25h", BACKUP, WEST, now - TimeDelta::hours(25)));
    // This copy is still being made when the disaster strikes.
    moto.delays(&json!({ "db_snapshot": 3600 }));
    copy(west, &source, "orders-west-late").await;
    moto.delays(&json!({ "db_snapshot": 0 }));
    moto.age(&Value::Array(ages));
}

/// The bucket in production and its replica in the vault account, which the sandbox may read.
async fn receipts(east: &Account, vault: &Account) {
    east.s3.create_bucket().bucket("orders-receipts").send().await.unwrap();
    let here = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::UsWest2);
    let replica = "orders-receipts-replica";
    let create = vault.s3.create_bucket().bucket(replica).create_bucket_configuration(here.build());
    create.send().await.unwrap();
    for (account, bucket) in [(east, "orders-receipts"), (vault, replica)] {
        for number in 0..RECEIPTS {
            let put = account.s3.put_object().bucket(bucket).key(format!("2026/{number:05}.json"));
            let body = ByteStream::from(format!("{{\"receipt\": {number}}}").into_bytes());
            put.content_type("application/json").body(body).send().await.unwrap();
        }
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Principal": { "AWS": format!("arn:aws:iam::{SANDBOX}:root") }, "Action": ["s3:GetObject*", "s3:ListBucket*"],
        "Resource": [format!("arn:aws:s3:::{replica}"), format!("arn:aws:s3:::{replica}/*")] }] });
    vault.s3.put_bucket_policy().bucket(replica).policy(policy.to_string()).send().await.unwrap();
}
