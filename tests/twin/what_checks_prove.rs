//! Findings of medium severity: checks that can be healthy whatever was restored, and restored data
//! that no check reads.

use support::drill::{Drill, Run};

/// The resources that the findings of the rule are about.
fn little(run: &Run) -> Vec<String> {
    let all = run.at("/findings").as_array().unwrap();
    let of_rule = all.iter().filter(|finding| finding["rule"] == "check-proves-little");
    of_rule
        .map(|finding| {
            assert_eq!(finding["severity"], "medium", "{finding:#}");
            finding["resource"].as_str().unwrap().to_owned()
        })
        .collect()
}

const READS_RECEIPTS: &str = "- id: receipts-there\n  workload: orders\n  s3: { bucket: \"{{ steps.receipts.bucket }}\", min_count: 1 }";

#[test]
fn a_check_that_uses_nothing_restored_proves_little() {
    let whole = || Drill::good().check(READS_RECEIPTS);
    assert_eq!(little(&whole().run()), [""; 0]);
    let local = "tcp: { address: \"127.0.0.1:15432\" }";
    for (text, proves) in [
        ("tcp: { address: \"front.example.net:443\" }", false),
        ("http: { url: \"https://{{ sandbox.region }}.example.net/\" }", false),
        ("command: { run: [sh, -c, exit] }", false),
        (local, false),
        ("command: { run: [sh], env: { HOST: \"{{ steps.db.address }}\" } }", true),
        (
            "http: { url: \"https://front.example.net/\", headers: { X-Db: \"{{ steps.db.address }}\" } }",
            true,
        ),
        ("state: { of: \"{{ steps.db.db_id }}\" }", true),
        // The check names the resource without asking it: in a user, a path, or a comment of a
        // query.
        ("http: { url: \"https://{{ steps.db.db_id }}@front.example.net/\" }", false),
        ("http: { url: \"https://front.example.net/{{ steps.db.db_id }}?{{ steps.db.port }}\" }", false),
        (
            "sql: { url: \"postgres://u@10.1.2.3:5432/orders\", query: \"select 1 -- {{ steps.db.address }}\" }",
            false,
        ),
        ("http: { url: \"http://u:p@{{ steps.web.instances.0.private_ip }}:8080/healthz\" }", true),
        (
            "http: { url: \"https://front.example.net/\", expect_body: \"contains {{ steps.db.db_id }}\" }",
            true,
        ),
    ] {
        let run = whole().check(&format!("- id: asks\n  workload: orders\n  needs: [db]\n  {text}")).run();
        assert_eq!(little(&run), if proves { vec![] } else { vec!["asks".to_owned()] }, "{text}");
    }
    // The local end of a tunnel to a restored resource.
    let tunnel = "- id: tunnel\n  workload: orders\n  uses: command.run\n  with: { run: [sh, \"{{ steps.db.endpoint }}\"] }";
    let through = format!("- id: asks\n  workload: orders\n  needs: [tunnel]\n  {local}");
    assert_eq!(little(&whole().step(tunnel).check(&through).run()), [""; 0]);
}

#[test]
fn restored_data_that_no_check_reads_prove_little() {
    let run = Drill::good().run();
    run.exits(0);
    assert_eq!(little(&run), ["orders"]);
    let finding = run.one("/findings", "rule", "check-proves-little");
    assert!(finding["message"].as_str().unwrap().contains("receipts"), "{finding:#}");
    // A comparison also reads the objects.
    let verify = "- id: verify\n  workload: orders\n  uses: s3.verify\n  with: { bucket: \"{{ steps.receipts.bucket }}\", source: { bucket: orders-receipts-replica } }";
    assert_eq!(little(&Drill::good().step(verify).run()), [""; 0]);
}

/// An empty database answers it too.
#[test]
fn a_query_without_a_table_proves_little() {
    for (query, proves) in [
        ("select 1", false),
        ("select now()", false),
        ("select count(*) from generate_series(1, 5)", false),
        ("select max(id) from orders", true),
        ("table orders", true),
    ] {
        let text = format!(
            "- id: asks\n  workload: orders\n  needs: [db]\n  sql: {{ url: \"postgres://u@{{{{ steps.db.endpoint }}}}/orders\", query: \"{query}\", expect: '> 0' }}"
        );
        let run = Drill::good().check(READS_RECEIPTS).check(&text).run();
        assert_eq!(little(&run), if proves { vec![] } else { vec!["asks".to_owned()] }, "{query}");
    }
}

/// An empty table would give the same answer.
#[test]
fn a_check_that_accepts_any_answer_proves_little() {
    for (expect, proves) in [
        (", expect: '>= 0'", false),
        (", expect: 'matches .*'", false),
        (", expect: '!= error'", false),
        (", expect: '> -1'", false),
        ("", false),
        (", expect: '>= 1'", true),
        (", expect: '< 1000'", true),
    ] {
        let text = format!(
            "- id: asks\n  workload: orders\n  needs: [db]\n  sql: {{ url: \"postgres://u@{{{{ steps.db.endpoint }}}}/orders\", query: select count(*) from orders{expect} }}"
        );
        let run = Drill::good().check(READS_RECEIPTS).check(&text).run();
        assert_eq!(little(&run), if proves { vec![] } else { vec!["asks".to_owned()] }, "{expect}");
    }
}
