//! Checks that ask something that was not restored: production, or lost resources. Validation
//! refuses them where it can know this. The run denies the others.

use serde_json::json;
use support::drill::{Drill, Run};

fn check(text: &str) -> Drill {
    Drill::of("region-loss").check(&format!("- id: asks\n  workload: orders\n  needs: [db]\n  {text}"))
}

/// Expects exit code 2, the place in the playbook, and these words.
#[track_caller]
fn refused(drill: &Drill, words: &[&str]) {
    let run = drill.run();
    assert_eq!(run.code, 2, "{}\n{}", run.stdout, run.stderr);
    for word in words.iter().chain(&["playbook.yaml:", "asks what was not restored", "{{ steps.db."]) {
        assert!(run.stderr.contains(word), "`{word}` is not in\n{}", run.stderr);
    }
}

/// Expects the check to be unhealthy at once and the call to be among the denied ones.
#[track_caller]
fn denied(run: &Run, kind: &str, locus: &str, why: &str) {
    run.exits(1).is_clean();
    let seen = run.check("asks");
    assert_eq!(seen["status"], "unhealthy", "{seen:#}");
    assert!(seen["because"].as_str().unwrap().contains(why), "{seen:#}");
    let list = run.at("/denied_calls").as_array().unwrap();
    assert_eq!(list.len(), 1, "{list:#?}");
    let found = (&list[0]["call"], &list[0]["step"], &list[0]["locus"]);
    assert_eq!(found, (&json!(format!("check:{kind}")), &json!("asks"), &json!(locus)));
    assert!(list[0]["why"].as_str().unwrap().contains(why), "{list:#?}");
}

const OWN: &str = "resources:\n  - { id: \"elb:load-balancer/shop\", account: \"111122223333\", region: us-west-2, addresses: [shop.corp.example, 10.9.0.7] }\n";

#[test]
fn an_address_of_the_lost_region() {
    let lost = "region us-east-1, which is lost";
    for text in [
        "http: { url: \"https://q7.execute-api.us-east-1.amazonaws.com/live\" }",
        "http: { url: \"https://{{ steps.db.port }}.lambda-url.us-east-1.on.aws/\" }",
        "http: { url: \"https://logs.{{ params.where }}.es.amazonaws.com/\" }",
        "sql: { url: \"postgres://u@{{ env.NAME }}.c1.us-east-1.rds.amazonaws.com/o\", query: select 1 }",
        "tcp: { address: \"shop-1.us-east-1.elb.amazonaws.com:443\" }",
        "dns: { name: fs-1.efs.us-east-1.amazonaws.com }",
        "command: { run: [curl, \"https://q7.execute-api.us-east-1.amazonaws.com\"] }",
    ] {
        let drill = check(text);
        let uses = text.contains("params.where");
        refused(
            &if uses { drill.playbook("params: {", "params: { where: us-east-1,") } else { drill },
            &[lost],
        );
    }
    // A host in the sandbox's region is not known to be wrong.
    let other = check("tcp: { address: \"shop-1.us-west-2.elb.amazonaws.com:443\" }").run();
    assert_eq!(other.code, 1, "{}", other.stderr);
    other.is("/denied_calls", json!([]));
}

#[test]
fn a_bucket_of_the_lost_region() {
    refused(&check("s3: { bucket: orders-receipts }"), &["the bucket `orders-receipts`", "us-east-1"]);
    refused(
        &check("http: { url: \"https://s3.us-west-2.amazonaws.com/orders-receipts/1\" }"),
        &["the bucket `orders-receipts`"],
    );
    check("s3: { bucket: orders-receipts-replica }").run().is("/denied_calls", json!([]));
    // The same holds for a step that compares with it.
    let verify = "- id: verify\n  workload: orders\n  uses: s3.verify\n  with: { bucket: \"{{ steps.receipts.bucket }}\", source: { bucket: orders-receipts } }";
    let run = Drill::of("region-loss").step(verify).run();
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("names the bucket `orders-receipts`, which is lost"), "{}", run.stderr);
}

#[test]
fn an_address_of_productions_own() {
    let own = |text: &str| check(text).estate("\nresources:\n", &format!("\n{OWN}"));
    for text in [
        "http: { url: \"https://shop.corp.example/\" }",
        "http: { url: \"http://10.9.0.7/\" }",
        "tcp: { address: \"shop-123.us-west-2.elb.amazonaws.com:443\" }",
    ] {
        refused(&own(text), &["production's own elb:load-balancer/shop"]);
    }
    // The check may look up the name that a cut-over redirects. A tunnel also leads elsewhere.
    own("dns: { name: shop.corp.example }").run().is("/denied_calls", json!([]));
    own("http: { url: \"https://shop.corp.example/\" }")
        .playbook("\nchecks:\n", "\nconnect_to: [\"shop.corp.example:443=127.0.0.1:8443\"]\n\nchecks:\n")
        .run()
        .is("/denied_calls", json!([]));
}

#[test]
fn an_address_that_only_the_run_knows() {
    let lost = "q7.execute-api.us-east-1.amazonaws.com";
    let drill = check("http: { url: \"https://{{ env.HOST }}/\" }");
    let run = drill.env("HOST", lost).run();
    denied(&run, "http", "us-east-1", "region us-east-1, which is lost");
    let run = check("s3: { bucket: \"{{ env.BUCKET }}\" }").env("BUCKET", "orders-receipts").run();
    denied(&run, "s3", "111122223333 us-east-1", "is lost with region us-east-1");
    let run = check("tcp: { address: \"{{ env.HOST }}:443\" }")
        .estate("\nresources:\n", &format!("\n{OWN}"))
        .env("HOST", "10.9.0.7")
        .run();
    denied(&run, "tcp", "111122223333 us-west-2", "production's own elb:load-balancer/shop");
}

#[test]
fn a_name_that_still_leads_to_what_is_lost() {
    let drill = || check("dns: { name: shop.corp.example, type: CNAME }");
    let run = drill().probe("asks: { value: shop-1.us-east-1.elb.amazonaws.com }").run();
    let seen = run.check("asks");
    assert_eq!(seen["status"], "unhealthy", "{seen:#}");
    assert!(seen["because"].as_str().unwrap().contains("region us-east-1, which is lost"), "{seen:#}");
    let run = drill().probe("asks: { value: shop-1.us-west-2.elb.amazonaws.com }").run();
    assert_eq!(run.check("asks")["status"], "healthy");
}

/// A directory bucket is lost with its zone. So are objects of a class that is stored in one zone.
#[test]
fn a_bucket_of_the_lost_zone() {
    let with = |entry: &str, name: &str| {
        Drill::of("az-loss")
            .estate("\nresources:\n", &format!("\nresources:\n  - {{ id: \"s3:bucket/{name}\", account: \"111122223333\", region: us-east-1, objects: 3{entry} }}\n"))
            .playbook("resources: [", &format!("resources: [\"s3:bucket/{name}\", "))
            .run()
    };
    for (entry, name) in [
        ("", "baskets--use1-az1--x-s3"),
        (", storage_class: ONEZONE_IA", "thumbnails"),
        (", storage_class: ONEZONE_IA, az: use1-az1", "thumbnails"),
    ] {
        let run = with(entry, name);
        run.exits(1).because(&[&format!("s3:bucket/{name} is lost, and no step restored it")]).is_clean();
    }
    for (entry, name) in
        [("", "baskets--use1-az2--x-s3"), ("", "thumbnails"), (", storage_class: STANDARD", "thumbnails")]
    {
        with(entry, name).exits(0);
    }
}

#[test]
fn an_arn_in_the_place_of_a_bucket() {
    let mrap = "arn:aws:s3::444455556666:accesspoint/k3j4.mrap";
    for (from, to, word) in [
        (
            "from: { bucket: orders-receipts-replica }",
            format!("from: {{ bucket: \"{mrap}\" }}"),
            "multi-region access point",
        ),
        (
            "from: { bucket: orders-receipts-replica }",
            "from: { bucket: \"arn:aws:s3:::orders-receipts-replica\" }".into(),
            "write `orders-receipts-replica`",
        ),
    ] {
        let run = Drill::of("region-loss").playbook(from, &to).run();
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }
    let run = check(&format!("s3: {{ bucket: \"{mrap}\" }}")).run();
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("multi-region access point"), "{}", run.stderr);
    // A bucket that only the run knows is refused during the run.
    let verify = "- id: late\n  workload: orders\n  uses: s3.verify\n  with: { bucket: \"{{ env.BUCKET }}\", source: { bucket: orders-receipts-replica } }";
    let run = Drill::of("region-loss").step(verify).env("BUCKET", mrap).run();
    run.exits(1).because(&["step `late`", "multi-region access point"]);
    let run = check("s3: { bucket: \"{{ env.BUCKET }}\" }").env("BUCKET", mrap).run();
    denied(&run, "s3", "unknown", "multi-region access point");
}

/// A host can be written in many ways. It is judged by the address that would be dialled.
#[test]
fn an_address_of_production_in_each_spelling() {
    for host in [
        "shop.corp.example",
        "SHOP.Corp.example.",
        "shop%2Ecorp.example",
        "shop\u{3002}corp.example",
        "\u{ff53}hop.corp.example",
        "10.9.0.7",
        "0x0a090007",
        "168361991",
        "10.589831",
        "012.9.0.7",
        "[::ffff:10.9.0.7]",
        "[::ffff:a09:7]",
        "[64:ff9b::10.9.0.7]",
    ] {
        let drill = check(&format!("http: {{ url: \"http://{host}/\" }}"))
            .estate("\nresources:\n", &format!("\n{OWN}"));
        refused(&drill, &["production's own elb:load-balancer/shop"]);
    }
}

/// Production and the sandbox lie in one region, in two accounts. The stack's database has the name
/// that production's has.
fn same_name(outputs: &str, asked: &str) -> Drill {
    const PLAYBOOK: &str = r#"
name: ledger
estate: estate.yaml
lose: { account: "111122223333" }
accounts: { sandbox: { id: "222233334444" } }
sandbox: { account: sandbox, region: ap-northeast-1, network: { cidr: 10.7.0.0/16 }, ttl: 4h }
params: { host: ledger.c1a2b3.ap-northeast-1.rds.amazonaws.com }
workloads:
  ledger: { resources: ["cloudformation:stack/ledger"] }
steps:
  - id: stack
    uses: cloudformation.deploy
    workload: ledger
    with: { name: ledger, template: stack.yaml, parameters: { Where: "{{ params.host }}" } }
checks:
"#;
    const ESTATE: &str = r#"
accounts: { "111122223333": { name: production }, "222233334444": { name: sandbox } }
regions: { ap-northeast-1: { azs: [apne1-az1, apne1-az2] } }
resources:
  - { id: "rds:db/ledger", account: "111122223333", region: ap-northeast-1, az: apne1-az1 }
  - { id: "cloudformation:stack/ledger", account: "111122223333", region: ap-northeast-1 }
probes: { asks: { value: 7 } }
"#;
    let drill = Drill::new(PLAYBOOK, ESTATE).check(&format!(
        "- {{ id: asks, workload: ledger, needs: [stack], sql: {{ url: \"postgres://u@{asked}/l\", query: \"select 7 from entries\" }} }}"
    ));
    let template = format!(
        r#"
Parameters:
  Where: {{ Type: String }}
  SubnetIds: {{ Type: "List<AWS::EC2::Subnet::Id>" }}
  SecurityGroupId: {{ Type: "AWS::EC2::SecurityGroup::Id" }}
Resources:
  Group:
    Type: AWS::RDS::DBSubnetGroup
    Properties: {{ DBSubnetGroupDescription: ledger, SubnetIds: !Ref SubnetIds }}
  Db:
    Type: AWS::RDS::DBInstance
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      DBInstanceIdentifier: ledger
      DBInstanceClass: db.t4g.micro
      Engine: postgres
      AllocatedStorage: "20"
      MasterUsername: u
      ManageMasterUserPassword: true
      DBSubnetGroupName: !Ref Group
      VPCSecurityGroups: [!Ref SecurityGroupId]
Outputs:
  Host: {{ Value: {outputs} }}
"#
    );
    std::fs::write(drill.folder().join("stack.yaml"), template).unwrap();
    drill
}

#[test]
fn a_restored_database_of_productions_name_is_not_productions() {
    let output = "{{ steps.stack.outputs.Host }}";
    for own in ["!GetAtt Db.Endpoint.Address", "!Sub \"${Db.Endpoint.Address}:5432\""] {
        let run = same_name(own, output).run();
        run.exits(0).is("/denied_calls", json!([]));
        assert_eq!(run.check("asks")["status"], "healthy");
    }
    // What the author of a template writes is no proof of where a host comes from.
    for other in ["ledger.c1a2b3.ap-northeast-1.rds.amazonaws.com", "!Ref Where"] {
        let run = same_name(other, output).run();
        denied(&run, "sql", "111122223333 ap-northeast-1", "production's own rds:db/ledger");
    }
    refused_literal(&same_name("!Ref Where", "ledger.c1a2b3.ap-northeast-1.rds.amazonaws.com").run());
    refused_literal(&same_name("!GetAtt Db.Endpoint.Address", "{{ params.host }}").run());
}

#[track_caller]
fn refused_literal(run: &Run) {
    assert_eq!(run.code, 2, "{}", run.stderr);
    assert!(run.stderr.contains("production's own rds:db/ledger"), "{}", run.stderr);
}

/// A host may name its zone: by the id, or by the name that the account has for it.
#[test]
fn a_host_in_the_lost_zone() {
    let drill = |host: &str| {
        let text = format!("tcp: {{ address: \"{host}\" }}");
        Drill::of("az-loss").check(&format!("- id: asks\n  workload: orders\n  needs: [db]\n  {text}"))
    };
    for host in [
        "use1-az1.fs-1.efs.us-east-1.amazonaws.com:2049",
        "vpce-0a1-b2-use1-az1.s3.us-east-1.vpce.amazonaws.com:443",
    ] {
        refused(&drill(host), &["zone use1-az1, which is lost"]);
    }
    for host in [
        "us-east-1a.fs-1.efs.us-east-1.amazonaws.com:2049",
        "vpce-0a1-b2-us-east-1a.s3.us-east-1.vpce.amazonaws.com:443",
        "us-east-1a.shop-0a1.elb.us-east-1.amazonaws.com:443",
    ] {
        denied(&drill(host).run(), "tcp", "use1-az1", "zone use1-az1, which is lost (us-east-1a)");
    }
    let unknown = drill("us-east-1f.fs-1.efs.us-east-1.amazonaws.com:2049").run();
    denied(&unknown, "tcp", "use1-az1", "names the zone us-east-1f of us-east-1");
    for host in [
        "us-east-1b.fs-1.efs.us-east-1.amazonaws.com:2049",
        "use1-az2.fs-1.efs.us-east-1.amazonaws.com:2049",
        "fs-1.efs.us-east-1.amazonaws.com:2049",
    ] {
        drill(host).run().is("/denied_calls", json!([]));
    }
}

/// What a rendered check cannot ask fails at once, as it does on a real cloud.
#[test]
fn a_rendered_check_that_cannot_be_asked() {
    for (text, value, why) in [
        ("http: { url: \"{{ env.VALUE }}\" }", "http://a..b/", "has an empty part"),
        (
            "sql: { url: \"{{ env.VALUE }}\", query: \"select 1 from t\" }",
            "oracle://db/o",
            "is not a database URL",
        ),
        ("dns: { name: \"{{ env.VALUE }}\" }", "10.0.0.1", "is an address, not a name"),
        (
            "sql: { url: \"postgres://u@{{ steps.db.endpoint }}/o\", query: \"{{ env.VALUE }}\" }",
            "drop table t",
            "checks only read",
        ),
    ] {
        let run = check(text).env("VALUE", value).run();
        run.exits(1).is_clean();
        let seen = run.check("asks");
        let because = seen["because"].as_str().unwrap();
        assert!(because.contains("it cannot be asked: ") && because.contains(why), "{seen:#}");
    }
}
