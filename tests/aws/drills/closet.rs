//! The smallest estate that a drill needs: one database snapshot, one EBS snapshot and one image in
//! the sandbox's own account. The playbook restores the first two.

use aws::sdk::aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws::sdk::aws_sdk_s3;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use serde_json::{Value, json};

use super::account::Account;
use super::drill::{Drill, role};
use super::shop::{SANDBOX, WEST};
use support::peers::Moto;

pub struct Closet {
    pub moto: Moto,
    pub raw: Account,
    pub snapshot: String,
    pub image: String,
    pub before: Value,
}

impl Closet {
    /// Seeds the estate. Everything that is created afterwards takes `seconds` to become ready.
    pub async fn open(seconds: f64) -> Self {
        let moto = Moto::start();
        moto.delays(&json!({ "default": 0 }));
        let raw = Account::of(&moto, SANDBOX, WEST).await;
        let volume = raw.ec2.create_volume().availability_zone("us-west-2a").size(1).send().await.unwrap();
        let volume = volume.volume_id.unwrap();
        let snapshot = raw.ec2.create_snapshot().volume_id(&volume).send().await.unwrap();
        let snapshot = snapshot.snapshot_id.unwrap();
        let image = raw.ec2.register_image().name("web").root_device_name("/dev/sda1").send().await.unwrap();
        let image = image.image_id.unwrap();
        let db = raw.rds.create_db_instance().db_instance_identifier("orders").engine("postgres");
        let db = db.db_instance_class("db.t3.medium").engine_version("16.3").allocated_storage(20);
        let db = db.master_username("postgres").master_user_password("secretsecret");
        db.backup_retention_period(1).send().await.unwrap();
        let kept = raw.rds.create_db_snapshot().db_instance_identifier("orders");
        kept.db_snapshot_identifier("orders-1").send().await.unwrap();
        moto.delays(&json!({ "default": seconds }));
        moto.clear_log();
        let before = moto.state();
        Self { moto, raw, snapshot, image, before }
    }

    /// Creates a bucket `papers` with three objects.
    pub async fn papers(&self) {
        let place =
            CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::UsWest2);
        let s3 = &self.raw.s3;
        let create = s3.create_bucket().bucket("papers").create_bucket_configuration(place.build());
        create.send().await.unwrap();
        for key in ["a", "b/c", "ü d"] {
            let body = ByteStream::from(key.as_bytes().to_vec());
            s3.put_object().bucket("papers").key(key).body(body).send().await.unwrap();
        }
    }

    /// Creates a table `carts` with three items, point-in-time recovery and a backup. Returns the
    /// backup's ARN.
    pub async fn carts(&self) -> String {
        let dynamodb = &self.raw.dynamodb;
        let key = AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S);
        let schema = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash);
        let create = dynamodb.create_table().table_name("carts").attribute_definitions(key.build().unwrap());
        let create = create.key_schema(schema.build().unwrap()).billing_mode(BillingMode::PayPerRequest);
        create.send().await.unwrap();
        let newest = (chrono::Utc::now() - chrono::TimeDelta::minutes(10)).to_rfc3339();
        for id in ["1", "2", "3"] {
            let put = dynamodb.put_item().table_name("carts").item("pk", AttributeValue::S(id.into()));
            put.item("changed_at", AttributeValue::S(newest.clone())).send().await.unwrap();
        }
        let taken = (chrono::Utc::now() - chrono::TimeDelta::minutes(5)).to_rfc3339();
        self.moto.age(&json!({ "kind": "table", "id": "carts", "account": SANDBOX, "region": WEST,
            "taken": taken }));
        let backup = dynamodb.create_backup().table_name("carts").backup_name("carts-1");
        backup.send().await.unwrap().backup_details.unwrap().backup_arn
    }

    /// The head of a playbook that loses us-east-1 and restores in us-west-2.
    pub fn head(name: &str) -> String {
        Self::head_losing(name, "region: us-east-1", &role(SANDBOX))
    }

    pub fn head_losing(name: &str, lost: &str, role: &str) -> String {
        format!(
            "name: {name}\nlose: {{ {lost} }}\nobjectives: {{ rto: 30m, rpo: 1d }}\n\
             accounts: {{ sandbox: {{ id: \"{SANDBOX}\", role: \"{role}\" }} }}\n\
             sandbox: {{ account: sandbox, region: us-west-2, network: {{ cidr: 10.70.0.0/16, azs: 2 }}, ttl: 1h }}\n\
             workloads: {{ orders: {{}} }}\n"
        )
    }

    /// A playbook that restores a volume and a database. An HTTP check at `url` shows that they are
    /// up.
    pub fn playbook(&self, head: &str, url: &str) -> String {
        format!(
            "{head}steps:
  - {{ id: volume, uses: ec2.restore_volume, workload: orders, with: {{ from: {{ snapshot: {} }} }} }}
  - {{ id: db, uses: rds.restore, workload: orders, with: {{ from: {{ snapshot: orders-1 }} }} }}
checks:
  - {{ id: up, workload: orders, needs: [volume, db], http: {{ url: \"{url}\" }}, within: 10s, every: 1s }}
",
            self.snapshot
        )
    }

    pub fn drill(&self, name: &str, url: &str) -> Drill {
        Drill::new(&self.playbook(&Self::head(name), url), self.moto.endpoint())
    }

    /// How many requests with this action there were.
    pub fn count(&self, action: &str) -> usize {
        self.moto.calls(action).len()
    }
}

/// All calls that create something which costs money, opens a network path, or has to be removed.
pub fn creations(moto: &Moto) -> Vec<Value> {
    let creates = |call: &Value| {
        let action = call["action"].as_str().unwrap();
        let dry = call["params"]["DryRun"].as_str().is_some_and(|d| d.eq_ignore_ascii_case("true"));
        ["Create", "Copy", "Restore", "Run", "Allocate", "Import", "Put"]
            .iter()
            .any(|v| action.starts_with(v))
            && !dry
    };
    moto.log().into_iter().filter(creates).collect()
}
