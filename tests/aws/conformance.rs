//! Runs the suite for both clouds (`support::conformance`) against an AWS API on 127.0.0.1 through
//! the real SDKs.
//!
//! All scenarios share one API, which is seeded once. Each run uses its own names in it.

use aws::sdk::{
    aws_config, aws_credential_types, aws_sdk_dynamodb, aws_sdk_ec2, aws_sdk_rds, aws_sdk_s3, aws_sdk_sts,
    aws_smithy_http_client,
};
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use aws::{Access, Aws, AwsConfig};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, PointInTimeRecoveryStatus,
    ScalarAttributeType,
};
use aws_sdk_ec2::types::{OperationType, SnapshotAttributeName, Tag};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration, VersioningConfiguration,
};
use base::clock::{Clock, Pace};
use base::ids::{AccountId, RunId};
use port::{Cloud, LossGate, TAG_RUN};
use serde_json::{Value, json};

use support::conformance::peer::{ClusterFacts, DatabaseFacts, Peer, Setup, World, run};
use support::conformance::production::{
    self, ACCOUNTS, BOOKS, CARTS, EAST, FAR_VAULT, Ids, LEDGER_SECRET, LEDGER_VAULT, MIRROR, ORDERS_EAST,
    ORDERS_KEPT, ORDERS_SECRET, ORDERS_VAULT, ORDERS_WEST, PRODUCTION, RECEIPTS, SANDBOX, SHARED, SHARES,
    SHARES_FAR, VAULT, VERSIONED, WEST,
};
use support::peers::Moto;

macro_rules! tests {
    ($($service:ident { $($name:ident [$($action:literal),*])+ })+) => {
        $(mod $service { $(
            #[test]
            fn $name() {
                super::super::on_moto(&[$($action),*], support::conformance::$service::$name);
            }
        )+ })+
    };
}

mod scenarios {
    support::scenarios!(tests);
}

/// Time passes eight times faster while a test waits. Moto is ready within fractions of a second,
/// and the tests assert results, not their timing.
fn on_moto(covers: &'static [&'static str], scenario: impl AsyncFnOnce(&Peer) + Send + 'static) {
    shared();
    run(&OnMoto, chrono::Utc::now(), Pace::Times(8.0), covers, scenario);
}

struct Seeded {
    moto: Moto,
    ids: Ids,
}

static SEEDED: OnceLock<Seeded> = OnceLock::new();

/// The peer ends with this process, because its standard input closes then.
fn shared() -> &'static Seeded {
    SEEDED.get_or_init(|| {
        let moto = Moto::start();
        let seed = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(seed(&moto))
        };
        // Seeding needs its own thread: the first caller may already be inside a runtime.
        let ids = std::thread::scope(|scope| scope.spawn(seed).join().unwrap());
        Seeded { moto, ids }
    })
}

/// Moto accepts any key. Only the account of the role matters. The variables are cargo's own,
/// because a test cannot set any: other threads may read them.
fn role(id: &str) -> (AccountId, Access) {
    let access = Access {
        access_key_env: Some("CARGO_PKG_NAME".into()),
        // The value is long, because it is redacted from all texts of this process.
        secret_key_env: Some("CARGO_PKG_DESCRIPTION".into()),
        role: Some(format!("arn:aws:iam::{id}:role/drill")),
        ..Access::default()
    };
    (production::account(id), access)
}

/// A raw SDK configuration for an account, to seed it and to inspect it. It has no gate and adds no
/// tags.
async fn raw(moto: &Moto, account: &str, region: &str) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let base = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(moto.endpoint())
        .region(aws_config::Region::new(region.to_owned()))
        .http_client(http)
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .load()
        .await;
    let role = aws_sdk_sts::Client::new(&base).assume_role().role_session_name("seed");
    let keys = role.role_arn(format!("arn:aws:iam::{account}:role/seed")).send().await.unwrap();
    let keys = keys.credentials.unwrap();
    let keys =
        Credentials::new(keys.access_key_id, keys.secret_access_key, Some(keys.session_token), None, "seed");
    base.to_builder().credentials_provider(SharedCredentialsProvider::new(keys)).build()
}

async fn ec2(account: &str, region: &str, moto: &Moto) -> aws_sdk_ec2::Client {
    aws_sdk_ec2::Client::new(&raw(moto, account, region).await)
}

async fn s3(moto: &Moto) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(&raw(moto, SANDBOX, WEST).await);
    aws_sdk_s3::Client::from_conf(config.force_path_style(true).build())
}

async fn seed(moto: &Moto) -> Ids {
    moto.delays(&json!({ "default": 0 }));
    let now = chrono::Utc::now();
    let latest = chrono::DateTime::from_timestamp(now.timestamp() - 300, 0).unwrap();
    let production = ec2(PRODUCTION, WEST, moto).await;
    let vault = ec2(VAULT, WEST, moto).await;
    let east = ec2(SANDBOX, EAST, moto).await;
    let (volume, snapshot) = snapshot(&production, WEST, true).await;
    let (_, snapshot_secret) = self::snapshot(&vault, WEST, false).await;
    let (volume_east, _) = self::snapshot(&east, EAST, false).await;
    let (volume_live, _) = self::snapshot(&ec2(SANDBOX, WEST, moto).await, WEST, false).await;
    let live = Tag::builder().key("app").value("live").build();
    let beside = ec2(SANDBOX, WEST, moto).await;
    beside.create_tags().resources(&volume_live).tags(live).send().await.unwrap();
    let image = image(&production, "i-0a1", true).await;
    let image_secret = self::image(&vault, "i-0sec", false).await;
    let image_east = self::image(&east, "i-0e1", false).await;
    databases(moto).await;
    recovery_points(moto);
    // The latest instant that a restore may name is a second before the latest restorable time.
    moto.age(&json!({ "kind": "db_instance", "id": BOOKS, "account": SANDBOX, "region": WEST,
        "taken": (latest + chrono::TimeDelta::seconds(1)).to_rfc3339() }));
    moto.age(&json!({ "kind": "db_cluster", "id": ACCOUNTS, "account": SANDBOX, "region": WEST,
        "taken": (latest + chrono::TimeDelta::seconds(1)).to_rfc3339() }));
    let backup = table(moto).await;
    moto.age(&json!({ "kind": "table_backup", "id": backup, "account": SANDBOX, "region": EAST,
        "taken": (latest - chrono::TimeDelta::hours(1)).to_rfc3339() }));
    moto.age(&json!({ "kind": "table", "id": CARTS, "account": SANDBOX, "region": EAST,
        "taken": latest.to_rfc3339() }));
    let instant = buckets(&s3(moto).await).await;
    moto.delays(&json!({ "default": 0.3 }));
    Ids {
        volume,
        volume_east,
        volume_live,
        snapshot,
        snapshot_secret,
        image,
        image_east,
        image_secret,
        latest,
        instant,
        backup,
    }
}

/// A vault of the sandbox's account, with recovery points of a file system and of a database.
fn recovery_points(moto: &Moto) {
    let taken = (chrono::Utc::now() - chrono::TimeDelta::hours(2)).to_rfc3339();
    let file_system = format!("arn:aws:elasticfilesystem:us-east-1:{PRODUCTION}:file-system/{SHARED}");
    let db = format!("arn:aws:rds:us-east-1:{PRODUCTION}:db:orders");
    moto.vaults(&json!([{ "account": SANDBOX, "region": WEST, "vault": "kept", "points": [
        { "arn": SHARES, "of": file_system, "type": "EFS", "source": SHARED, "taken": taken },
        { "arn": ORDERS_KEPT, "of": db, "type": "RDS", "source": ORDERS_WEST, "taken": taken },
    ] }]));
    // Where the file system lies, its backup is an original.
    let file_system = format!("arn:aws:elasticfilesystem:{EAST}:{VAULT}:file-system/{SHARED}");
    moto.vaults(&json!([{ "account": VAULT, "region": EAST, "vault": FAR_VAULT, "points": [
        { "arn": SHARES_FAR, "of": file_system, "type": "EFS", "source": SHARED, "taken": taken },
    ] }]));
}

async fn snapshot(ec2: &aws_sdk_ec2::Client, region: &str, shared: bool) -> (String, String) {
    let volume = ec2.create_volume().availability_zone(format!("{region}a")).size(5).send().await.unwrap();
    let volume = volume.volume_id.unwrap();
    let made = ec2.create_snapshot().volume_id(&volume).send().await.unwrap().snapshot_id.unwrap();
    if shared {
        let share = ec2.modify_snapshot_attribute().snapshot_id(&made).operation_type(OperationType::Add);
        let share = share.attribute(SnapshotAttributeName::CreateVolumePermission);
        share.user_ids(SANDBOX).send().await.unwrap();
    }
    (volume, made)
}

async fn image(ec2: &aws_sdk_ec2::Client, of: &str, shared: bool) -> String {
    let image = ec2.register_image().name(of).root_device_name("/dev/sda1").send().await.unwrap();
    let image = image.image_id.unwrap();
    // The instance does not exist any more. A tag names the instance that the image is of.
    let tag = Tag::builder().key("drillmaster:of").value(format!("ec2:instance/{of}")).build();
    ec2.create_tags().resources(&image).tags(tag).send().await.unwrap();
    if shared {
        let permission = aws_sdk_ec2::types::LaunchPermission::builder().user_id(SANDBOX).build();
        let add = aws_sdk_ec2::types::LaunchPermissionModifications::builder().add(permission).build();
        ec2.modify_image_attribute().image_id(&image).launch_permission(add).send().await.unwrap();
    }
    image
}

async fn databases(moto: &Moto) {
    for (account, region, db, snapshots) in [
        (SANDBOX, WEST, "orders", &[ORDERS_WEST][..]),
        (SANDBOX, EAST, "orders", &[ORDERS_EAST]),
        (VAULT, WEST, "orders", &[ORDERS_VAULT, ORDERS_SECRET]),
        (SANDBOX, WEST, BOOKS, &[]),
        (SANDBOX, EAST, MIRROR, &[]),
    ] {
        let rds = aws_sdk_rds::Client::new(&raw(moto, account, region).await);
        rds.create_db_instance()
            .db_instance_identifier(db)
            .db_instance_class("db.t4g.medium")
            .engine("postgres")
            .engine_version("16.3")
            .allocated_storage(5)
            .master_username("admin1")
            .master_user_password("secretsecret")
            .backup_retention_period(7)
            // Production's databases have these settings. What is restored from them must not have
            // them.
            .multi_az(true)
            .deletion_protection(true)
            .send()
            .await
            .unwrap();
        for snapshot in snapshots {
            let made = rds.create_db_snapshot().db_instance_identifier(db).db_snapshot_identifier(*snapshot);
            made.send().await.unwrap();
            if *snapshot == ORDERS_VAULT {
                let share = rds.modify_db_snapshot_attribute().db_snapshot_identifier(*snapshot);
                share.attribute_name("restore").values_to_add(SANDBOX).send().await.unwrap();
            }
        }
    }
    let rds = aws_sdk_rds::Client::new(&raw(moto, SANDBOX, WEST).await);
    let cluster = rds.create_db_cluster().db_cluster_identifier(ACCOUNTS).engine("aurora-postgresql");
    let cluster = cluster.deletion_protection(true).master_username("admin1");
    cluster.master_user_password("secretsecret").send().await.unwrap();
    let rds = aws_sdk_rds::Client::new(&raw(moto, VAULT, WEST).await);
    let cluster = rds.create_db_cluster().db_cluster_identifier("ledger").engine("aurora-postgresql");
    cluster.master_username("admin1").master_user_password("secretsecret").send().await.unwrap();
    for snapshot in [LEDGER_VAULT, LEDGER_SECRET] {
        let made = rds.create_db_cluster_snapshot().db_cluster_identifier("ledger");
        made.db_cluster_snapshot_identifier(snapshot).send().await.unwrap();
    }
    let share = rds.modify_db_cluster_snapshot_attribute().db_cluster_snapshot_identifier(LEDGER_VAULT);
    share.attribute_name("restore").values_to_add(SANDBOX).send().await.unwrap();
}

/// Creates the table `carts`, and returns the ARN of its backup.
async fn table(moto: &Moto) -> String {
    let dynamodb = aws_sdk_dynamodb::Client::new(&raw(moto, SANDBOX, EAST).await);
    let key = AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S);
    let schema = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap();
    let create = dynamodb.create_table().table_name(CARTS).attribute_definitions(key.build().unwrap());
    let create = create.key_schema(schema).billing_mode(BillingMode::PayPerRequest);
    create.deletion_protection_enabled(true).send().await.unwrap();
    for id in ["1", "2", "3"] {
        let put = dynamodb.put_item().table_name(CARTS).item("pk", AttributeValue::S(id.into()));
        put.send().await.unwrap();
    }
    let backup = dynamodb.create_backup().table_name(CARTS).backup_name("carts-1").send().await.unwrap();
    backup.backup_details.unwrap().backup_arn
}

/// Creates buckets with objects. Returns an instant at which the versioned bucket held other
/// objects.
async fn buckets(s3: &aws_sdk_s3::Client) -> base::duration::Time {
    for bucket in [RECEIPTS, VERSIONED] {
        let place = BucketLocationConstraint::from(WEST);
        let config = CreateBucketConfiguration::builder().location_constraint(place).build();
        s3.create_bucket().bucket(bucket).create_bucket_configuration(config).send().await.unwrap();
    }
    let tag = aws_sdk_s3::types::Tag::builder().key("app").value("receipts").build().unwrap();
    let tags = aws_sdk_s3::types::Tagging::builder().tag_set(tag).build().unwrap();
    s3.put_bucket_tagging().bucket(RECEIPTS).tagging(tags).send().await.unwrap();
    let versioned = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.put_bucket_versioning().bucket(VERSIONED).versioning_configuration(versioned).send().await.unwrap();
    for (bucket, key, content) in [
        (RECEIPTS, "a", "first"),
        (RECEIPTS, "b/c", "other"),
        (RECEIPTS, "ü d", "third"),
        (VERSIONED, "kept", "1"),
        (VERSIONED, "changed", "2"),
        (VERSIONED, "deleted", "3"),
        (VERSIONED, "reborn", "4"),
    ] {
        put(s3, bucket, key, content).await;
    }
    // S3's times are in whole seconds.
    let pause = || tokio::time::sleep(std::time::Duration::from_millis(1100));
    pause().await;
    s3.delete_object().bucket(VERSIONED).key("reborn").send().await.unwrap();
    pause().await;
    let instant = chrono::Utc::now();
    pause().await;
    for key in ["changed", "late", "reborn"] {
        put(s3, VERSIONED, key, "new").await;
    }
    s3.delete_object().bucket(VERSIONED).key("deleted").send().await.unwrap();
    instant
}

async fn put(s3: &aws_sdk_s3::Client, bucket: &str, key: &str, content: &str) {
    let body = ByteStream::from(content.as_bytes().to_vec());
    s3.put_object().bucket(bucket).key(key).body(body).send().await.unwrap();
}

struct OnMoto;

#[async_trait(?Send)]
impl World for OnMoto {
    fn connect(&self, _clock: &Clock, gate: &Arc<LossGate>, _setup: &Setup) -> (Rc<dyn Cloud>, Ids) {
        let config = AwsConfig {
            accounts: [PRODUCTION, VAULT, SANDBOX].map(role).into(),
            endpoint_url: Some(shared().moto.endpoint().to_owned()),
            region: None,
            clock: Clock::real(),
            probe: None,
        };
        (Rc::new(Aws::connect(config, Arc::clone(gate)).unwrap()), shared().ids.clone())
    }

    fn is_twin(&self) -> bool {
        false
    }

    async fn database(&self, id: &str) -> Option<DatabaseFacts> {
        let rds = aws_sdk_rds::Client::new(&raw(&shared().moto, SANDBOX, WEST).await);
        let found = rds.describe_db_instances().db_instance_identifier(id).send().await.unwrap();
        let db = &found.db_instances()[0];
        Some(DatabaseFacts {
            subnet_group: db.db_subnet_group().and_then(|g| g.db_subnet_group_name()).unwrap().to_owned(),
            security_groups: db
                .vpc_security_groups()
                .iter()
                .map(|g| g.vpc_security_group_id().unwrap().to_owned())
                .collect(),
            multi_az: db.multi_az().unwrap(),
            public: db.publicly_accessible().unwrap(),
            deletion_protection: db.deletion_protection().unwrap(),
        })
    }

    async fn cluster(&self, id: &str) -> Option<ClusterFacts> {
        let rds = aws_sdk_rds::Client::new(&raw(&shared().moto, SANDBOX, WEST).await);
        let found = rds.describe_db_clusters().db_cluster_identifier(id).send().await.unwrap();
        let cluster = &found.db_clusters()[0];
        let groups = cluster.vpc_security_groups().iter();
        Some(ClusterFacts {
            subnet_group: cluster.db_subnet_group().unwrap().to_owned(),
            security_groups: groups.map(|g| g.vpc_security_group_id().unwrap().to_owned()).collect(),
            deletion_protection: cluster.deletion_protection().unwrap(),
        })
    }

    async fn table(&self, name: &str) -> Option<Value> {
        let dynamodb = aws_sdk_dynamodb::Client::new(&raw(&shared().moto, SANDBOX, WEST).await);
        let table = dynamodb.describe_table().table_name(name).send().await.unwrap().table.unwrap();
        let ttl = dynamodb.describe_time_to_live().table_name(name).send().await.unwrap();
        let log = dynamodb.describe_continuous_backups().table_name(name).send().await.unwrap();
        let log = log.continuous_backups_description.unwrap().point_in_time_recovery_description.unwrap();
        let tags = dynamodb.list_tags_of_resource().resource_arn(table.table_arn().unwrap());
        let tags = tags.send().await.unwrap().tags.unwrap();
        let items = dynamodb.scan().table_name(name).send().await.unwrap().count;
        Some(json!({
            "ttl": ttl.time_to_live_description().and_then(|ttl| ttl.attribute_name()),
            "stream": table.stream_specification().and_then(|s| s.stream_view_type()).map(ToString::to_string),
            "pitr": log.point_in_time_recovery_status() == Some(&PointInTimeRecoveryStatus::Enabled),
            "app": tags.iter().find(|tag| tag.key() == "app").map(|tag| tag.value().to_owned()),
            "items": items,
        }))
    }

    async fn open(&self, vpc: &str) {
        let ec2 = ec2(SANDBOX, WEST, &shared().moto).await;
        let gateway = ec2.create_internet_gateway().send().await.unwrap().internet_gateway.unwrap();
        let attach = ec2.attach_internet_gateway().vpc_id(vpc);
        attach.internet_gateway_id(gateway.internet_gateway_id.unwrap()).send().await.unwrap();
    }

    async fn shut(&self, vpc: &str) {
        let ec2 = ec2(SANDBOX, WEST, &shared().moto).await;
        let filter = aws_sdk_ec2::types::Filter::builder().name("attachment.vpc-id").values(vpc).build();
        let found = ec2.describe_internet_gateways().filters(filter).send().await.unwrap();
        for gateway in found.internet_gateways() {
            let id = gateway.internet_gateway_id().unwrap();
            ec2.detach_internet_gateway().vpc_id(vpc).internet_gateway_id(id).send().await.unwrap();
            ec2.delete_internet_gateway().internet_gateway_id(id).send().await.unwrap();
        }
    }

    fn pause(&self) {
        shared().moto.stop_clock();
    }

    fn go_on(&self) {
        shared().moto.start_clock();
    }

    async fn stop_instance(&self, id: &str) {
        let ec2 = ec2(SANDBOX, WEST, &shared().moto).await;
        ec2.stop_instances().instance_ids(id).send().await.unwrap();
    }

    fn hold(&self, id: Option<&str>) {
        let rules = id.map(|id| json!({ "kind": "undeletable", "id": id }));
        shared().moto.faults(&json!(rules.into_iter().collect::<Vec<_>>()));
    }

    async fn corrupt(&self, bucket: &str) -> bool {
        put(&s3(&shared().moto).await, bucket, "a", "FIRST").await;
        true
    }

    async fn keys(&self, bucket: &str) -> Option<Vec<String>> {
        let found = s3(&shared().moto).await.list_objects_v2().bucket(bucket).send().await.unwrap();
        Some(found.contents().iter().map(|o| o.key().unwrap().to_owned()).collect())
    }

    /// All resources that moto holds with this run's tag, in any account and region.
    fn leftovers(&self, run: &RunId) -> Vec<String> {
        let state = shared().moto.state();
        let all = state["resources"].as_array().unwrap();
        all.iter().filter(|r| r["tags"][TAG_RUN] == json!(run.0)).map(ToString::to_string).collect()
    }
}
