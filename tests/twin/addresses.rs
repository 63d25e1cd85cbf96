//! The twin and `validate` read the addresses of checks.

use support::drill::Drill;

const PLAYBOOK: &str = r#"
name: tickets
estate: estate.yaml
lose: { region: ap-south-1 }
accounts: { sandbox: { id: "222233334444" } }
sandbox: { account: sandbox, region: ap-northeast-1, network: { cidr: 10.7.0.0/16 }, ttl: 4h }
params: { host: nothing, scheme: "" }
workloads:
  tickets: { objectives: { rto: 1h, rpo: 3h }, resources: ["rds:db/tickets"] }
steps:
  - { id: db, uses: rds.restore, workload: tickets, with: { from: { db: tickets } } }
checks:
"#;

const ESTATE: &str = r#"
accounts: { "111122223333": { name: production }, "222233334444": { name: sandbox } }
regions: { ap-south-1: { azs: [aps1-az1] }, ap-northeast-1: { azs: [apne1-az1, apne1-az2] } }
resources:
  - { id: "rds:db/tickets", account: "111122223333", region: ap-south-1, az: aps1-az1, engine: mysql }
recovery_points:
  - { of: "rds:db/tickets", kind: rds_snapshot, id: tickets-2h, account: "111122223333", region: ap-northeast-1, taken: -2h, shared_with: ["222233334444"] }
probes: { one: { value: 200 } }
"#;

fn drill(check: &str) -> Drill {
    Drill::new(
        &format!("{PLAYBOOK}  - {{ id: one, workload: tickets, needs: [db], within: 1m, {check} }}\n"),
        ESTATE,
    )
}

fn sql(url: &str) -> String {
    format!("sql: {{ url: '{url}', query: select 1 }}")
}

fn tcp(address: &str) -> String {
    format!("tcp: {{ address: '{address}' }}")
}

#[test]
fn an_address_that_nobody_can_ask() {
    for (check, part) in [
        (sql("mysql://{{ steps.db.endpoint }}:3306/tickets"), "two ports"),
        (sql("mysql://app@{{ steps.db.endpoint }}:{{ steps.db.port }}/tickets"), "two ports"),
        (sql("{{ steps.db.endpoint }}/tickets"), "no scheme"),
        (sql("postgres://{{ steps.db.endpoint }}/tickets"), "the engine of the database is `mysql`"),
        (sql("postgres://app:x@{{ steps.db.address }}/tickets"), "the engine of the database is `mysql`"),
        (sql("mysql://{{ steps.db.address }}:5432/tickets"), "port 5432"),
        (tcp("{{ steps.db.endpoint }}:3306"), "two ports"),
        (tcp("{{ steps.db.address }}"), "no port"),
        (tcp("{{ steps.db.address }}:5432"), "port 5432"),
        ("http: { url: '{{ steps.db.address }}/health' }".to_owned(), "no scheme"),
        ("http: { url: 'http://{{ steps.db.endpoint }}:8080/health' }".to_owned(), "two ports"),
    ] {
        // The form of the outputs is known before the run.
        let run = drill(&check).run();
        assert_eq!(run.code, 2, "{check}\n{}\n{}", run.stdout, run.stderr);
        assert!(
            run.stderr.contains(part) && run.stderr.contains("playbook.yaml:"),
            "{check}: {}",
            run.stderr
        );
        // The twin reads the rendered text. The values of helpers and parameters are known only
        // then.
        let hidden = check.replace("{{ steps.db.", "{{#if run.id}}{{ steps.db.").replace(" }}", " }}{{/if}}");
        let run = drill(&hidden).run();
        if run.code == 2 {
            assert!(run.stderr.contains(part), "{hidden}: {}", run.stderr);
            continue;
        }
        run.exits(1);
        let because = run.check("one")["because"].as_str().unwrap().to_owned();
        assert!(because.contains(part), "{hidden}: {because}");
    }
}

#[test]
fn an_address_that_fits() {
    for check in [
        sql("mysql://app:pw@{{ steps.db.endpoint }}/tickets?ssl-mode=required"),
        sql("mariadb://{{ steps.db.address }}/tickets"),
        sql("mysql://{{ steps.db.address }}:{{ steps.db.port }}/tickets"),
        tcp("{{ steps.db.endpoint }}"),
        tcp("{{ steps.db.address }}:3306"),
        "http: { url: 'http://{{ steps.db.address }}:8080/a:b@c' }".to_owned(),
    ] {
        drill(&check).run().exits(0);
    }
}

#[test]
fn the_port_that_a_step_chooses() {
    let chosen =
        |check: &str| drill(check).playbook("from: { db: tickets }", "from: { db: tickets }, port: 6033");
    chosen(&sql("mysql://{{ steps.db.endpoint }}/tickets")).run().exits(0);
    let run = chosen(&sql("mysql://{{ steps.db.address }}/tickets")).run();
    assert_eq!(run.code, 2, "{}", run.stdout);
    assert!(run.stderr.contains("listens on port 6033"), "{}", run.stderr);
}

#[test]
fn an_engine_that_nobody_names() {
    let unnamed = |check: &str| drill(check).estate(", engine: mysql", "").run();
    // The twin takes the address for PostgreSQL. A part that does not fit is a guess and no
    // failure.
    unnamed(&sql("postgres://{{ steps.db.endpoint }}/tickets")).exits(0);
    let run = unnamed(&sql("mysql://{{ steps.db.address }}:3306/tickets"));
    run.exits(0);
    let finding = run.one("/findings", "rule", "assumed");
    assert!(finding["message"].as_str().unwrap().contains("does not give its `engine`"), "{finding:#}");
}

#[test]
fn a_cluster_says_its_engine() {
    let cluster = |engine: &str| {
        let mut drill = drill(&sql("postgres://{{ steps.db.endpoint }}/tickets")).playbook(
            "uses: rds.restore, workload: tickets, with: { from: { db: tickets } }",
            &format!("uses: rds.restore_cluster, workload: tickets, with: {{ from: {{ cluster: tickets }}, engine: {engine}, class: db.r6g.large }}"),
        );
        drill.playbook = drill.playbook.replace("rds:db/tickets", "rds:cluster/tickets");
        drill.estate = drill
            .estate
            .replace("rds:db/tickets", "rds:cluster/tickets")
            .replace("rds_snapshot", "rds_cluster_snapshot")
            .replace(", az: aps1-az1, engine: mysql", "");
        drill.run()
    };
    cluster("aurora-postgresql").exits(0);
    let run = cluster("aurora-mysql");
    assert_eq!(run.code, 2, "{}", run.stdout);
    assert!(run.stderr.contains("`aurora-mysql`"), "{}", run.stderr);
}
