//! The search by tag. What it may not read is reported, and hides nothing else. A bucket in a stack
//! does not prevent the deletion of the run's stack.

use port::{Cloud as _, Create, DeployStack, Kind, State, TAG_RUN, Tagged, Whose};
use serde_json::json;

use super::objects::{make, put};
use super::world::{SANDBOX, WEST, World, place};

fn refused(action: &str) -> serde_json::Value {
    json!({ "action": action, "kind": "error", "code": "AccessDenied", "status": 403, "message": "not authorized",
        "times": 999 })
}

async fn of_run(world: &World) -> Tagged {
    let whose = Whose::Run(world.run_tags.run.clone());
    world.aws.tagged(&place(SANDBOX, WEST), &whose).await.unwrap()
}

fn kinds(found: &Tagged) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = found.things.iter().map(|thing| thing.resource.kind).collect();
    kinds.dedup();
    kinds
}

#[tokio::test]
async fn a_missing_permission_hides_its_own_kind_alone() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    world.sandbox(&at).await;
    world.ready(&at, &Create::Bucket { name: "papers-of-the-run".into(), versioned: false }).await;
    let whole = of_run(&world).await;
    assert_eq!(whole.unread, Vec::<String>::new());
    world.moto.faults(&json!([refused("DescribeDBSubnetGroups"), refused("DescribeSubnets")]));
    for whose in [Whose::Run(world.run_tags.run.clone()), Whose::Any] {
        let found = world.aws.tagged(&at, &whose).await.unwrap();
        let left: Vec<Kind> = kinds(&whole)
            .into_iter()
            .filter(|kind| !matches!(kind, Kind::DbSubnetGroup | Kind::Subnet))
            .collect();
        assert_eq!(kinds(&found), left, "{whose:?}");
        let [unread] = found.unread.as_slice() else { panic!("{found:?}") };
        for call in ["rds:DescribeDBSubnetGroups", "ec2:DescribeSubnets"] {
            assert!(unread.contains(call), "{unread}");
        }
    }
}

#[tokio::test]
async fn a_bucket_whose_tags_are_hidden_is_unread() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    // The names of a run's buckets contain the end of its id. Buckets of others do not concern the
    // run.
    let run = &world.run_tags.run;
    let own = run.name_prefix() + "papers";
    world.ready(&at, &Create::Bucket { name: own.clone(), versioned: false }).await;
    world.ready(&at, &Create::Bucket { name: "papers-of-others".into(), versioned: false }).await;
    world.moto.faults(&json!([refused("GetBucketTagging")]));
    for (whose, count) in [(Whose::Run(run.clone()), 1), (Whose::Any, 2)] {
        let found = world.aws.tagged(&at, &whose).await.unwrap();
        assert_eq!(found.things, [], "{whose:?}");
        assert_eq!(found.unread.len(), count, "{whose:?}: {found:?}");
        assert!(found.unread.iter().any(|one| one.contains(&own)), "{whose:?}: {found:?}");
    }
}

/// Where S3 ignores tags at creation, the runner may die before it sets them. The peer ignores them.
#[tokio::test]
async fn a_bucket_that_got_no_tag_is_known_by_its_name() {
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let own = world.run_tags.run.name_prefix() + "papers";
    let bucket = |name: &str| Create::Bucket { name: name.into(), versioned: false };
    let s3 = world.s3(SANDBOX, WEST).await;
    make(&s3, &own, WEST).await;
    make(&s3, "dm-0badcafe-papers", WEST).await;

    let found = of_run(&world).await;
    let [thing] = found.things.as_slice() else { panic!("{found:?}") };
    assert_eq!((thing.resource.kind, &thing.resource.id), (Kind::Bucket, &own));
    assert_eq!(found.unread, Vec::<String>::new());
    // Whoever looks for all runs knows the name of none, and is told of what looks like one.
    let of_any = world.aws.tagged(&at, &Whose::Any).await.unwrap();
    assert_eq!(of_any.things, []);
    let [unread] = of_any.unread.as_slice() else { panic!("{of_any:?}") };
    assert!(unread.contains("s3:bucket/dm-0badcafe-papers"), "{unread}");

    // What somebody put into it is not deleted.
    put(&s3, &own, "a", vec![1]).await;
    let error = world.try_delete(&thing.resource).await.unwrap_err();
    assert!(error.to_string().contains("BucketNotEmpty"), "{error}");
    s3.delete_object().bucket(&own).key("a").send().await.unwrap();

    // The same request, made once more, takes it over.
    world.ready(&at, &bucket(&own)).await;
    let tags = s3.get_bucket_tagging().bucket(&own).send().await.unwrap().tag_set;
    assert!(tags.iter().any(|tag| tag.key() == TAG_RUN && tag.value() == world.run_tags.run.0), "{tags:?}");
    world.try_delete(&thing.resource).await.unwrap();
    assert!(s3.head_bucket().bucket(&own).send().await.is_err());
    // Another run's is left alone.
    let error = world.try_create(&at, &bucket("dm-0badcafe-papers")).await.unwrap_err();
    assert!(error.message.contains("did not create it"), "{error}");
}

fn stack_with_a_bucket() -> Create {
    let template = json!({ "Resources": {
        "Papers": { "Type": "AWS::S3::Bucket", "Properties": { "BucketName": "papers-of-the-stack" } } } });
    Create::Stack(DeployStack {
        name: "dm-papers".into(),
        template: template.to_string(),
        parameters: std::collections::BTreeMap::new(),
        capabilities: vec![],
    })
}

/// A stack whose deletion has failed, because its bucket is not empty.
async fn stuck(tagged: bool) -> (World, port::ResourceRef) {
    use aws::sdk::aws_sdk_s3::{self, types::Tag, types::Tagging};
    let world = World::losing_east();
    let at = place(SANDBOX, WEST);
    let (id, _) = world.ready(&at, &stack_with_a_bucket()).await;
    let config = world.raw(SANDBOX, WEST).await;
    let config = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build();
    let s3 = aws_sdk_s3::Client::from_conf(config);
    let body = aws_sdk_s3::primitives::ByteStream::from_static(b"late");
    s3.put_object().bucket("papers-of-the-stack").key("a").body(body).send().await.unwrap();
    // CloudFormation puts a stack's tags on its resources in the same way.
    if tagged {
        let tag = Tag::builder().key(TAG_RUN).value(world.run_tags.run.to_string()).build().unwrap();
        let tags = Tagging::builder().tag_set(tag).build().unwrap();
        s3.put_bucket_tagging().bucket("papers-of-the-stack").tagging(tags).send().await.unwrap();
    }
    world.moto.faults(&json!([{ "action": "DeleteStack", "kind": "delete_fails", "times": 1 }]));
    let stack =
        port::ResourceRef { kind: Kind::Stack, id, account: at.account.clone(), region: at.region.clone() };
    world.try_delete(&stack).await.unwrap();
    let failed = |state: &State| matches!(state, State::Failed(why) if why.starts_with("DELETE_FAILED"));
    let began = std::time::Instant::now();
    loop {
        let seen = world.aws.observe(&at, Kind::Stack, std::slice::from_ref(&stack.id)).await.unwrap();
        if failed(&seen[0].state) {
            return (world, stack);
        }
        assert!(began.elapsed().as_secs() < 60, "{seen:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_stack_s_bucket_that_is_the_run_s_is_emptied() {
    let (world, stack) = stuck(true).await;
    world.try_delete(&stack).await.unwrap();
    assert_eq!(world.moto.calls("DeleteObjects").len(), 1);
    assert_eq!(world.moto.calls("DeleteStack").len(), 2);
}

#[tokio::test]
async fn a_stack_s_bucket_that_is_not_the_run_s_is_left_alone() {
    let (world, stack) = stuck(false).await;
    // The peer does not tell which resource failed, so CloudFormation is asked to delete the stack
    // again.
    world.try_delete(&stack).await.unwrap();
    assert!(world.moto.calls("DeleteObjects").is_empty());
}
