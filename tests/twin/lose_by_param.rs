//! `lose` may name a parameter. Every rule and every figure then follows the value.

use serde_json::json;
use support::drill::{Drill, told};

fn drill() -> Drill {
    Drill::good()
        .playbook("lose: { region: us-east-1 }", "lose: { region: \"{{ params.lost }}\" }")
        .playbook("params: {", "params: { lost: us-east-1,")
}

#[test]
fn a_run_loses_what_the_parameter_says() {
    let plain = Drill::good().run();
    let run = drill().run();
    run.exits(0).is("/lose", json!({ "region": "us-east-1" }));
    for part in ["/blast_radius", "/coverage", "/denied_calls"] {
        assert_eq!(run.at(part), plain.at(part), "{part}");
    }
    // The default differs from the region that is lost.
    let other = drill().playbook("lost: us-east-1", "lost: us-west-2");
    let run = other.run_with(&["--start", support::drill::START, "--param", "lost=us-east-1"]);
    run.exits(0).is("/lose", json!({ "region": "us-east-1" }));
}

#[test]
fn a_value_that_is_no_loss_is_a_mistake_with_its_place() {
    let line = "playbook.yaml:";
    for (from, to, param, words) in [
        ("params.lost", "params.lost", "lost=us-east-1a", "`us-east-1a` is not a region"),
        ("params.lost", "params.lost", "lost=", "is not a region"),
        ("params.lost", "params.lost", "lost=us-west-2", "the region that is lost"),
        ("params.lost", "params.lots", "lost=us-east-1", "no parameter `lots`"),
        ("params.lost", "sandbox.region", "lost=us-east-1", "`sandbox.region` is not known here"),
        ("{{ params.lost }}", "{{ params.lost", "lost=us-east-1", "error"),
    ] {
        let drill = drill().playbook(from, to);
        let path = drill.write();
        let path = path.to_str().unwrap();
        for command in ["validate", "run", "plan"] {
            let (code, stdout, stderr) = told(&[command, path, "--param", param]);
            let all = format!("{stdout}{stderr}");
            assert_eq!(code, 2, "{command} {to} {param}: {all}");
            assert!(all.contains(words) && all.contains(line), "{command} {to} {param}: {all}");
        }
    }
}
