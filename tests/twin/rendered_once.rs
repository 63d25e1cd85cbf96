//! A value is rendered once. A value from a parameter, the environment or a step is data, whatever
//! it looks like.

use support::drill::Drill;

/// Texts that would have an effect if they were rendered again.
const HOSTILE: [&str; 4] = [
    "{{ env.CANARY }}",
    "{{ secret \"command:touch ran\" }}",
    "{{#each params}}{{this}}{{/each}}",
    "{{ steps.nothing.here }}",
];

/// A drill that passes the parameter `given` to each kind of place.
fn drill() -> Drill {
    Drill::of("region-loss")
        .playbook("params: {", "params: { given: nothing,")
        .env("CANARY", "canary-51c7")
        .step(
            "- id: told\n  uses: command.run\n  when: \"{{#if params.given}}true{{/if}}\"\n  with: { run: [notify, \"{{ params.given }}\", \"<{{ params.given }}>\"], env: { NOTE: \"{{ params.given }}\" } }",
        )
        .step("- id: asked\n  uses: manual.task\n  with: { instructions: \"{{ params.given }}\", assume: 1m }")
        .check("- id: said\n  workload: orders\n  needs: [told]\n  command: { run: [say, \"{{ params.given }}\"], expect: \"== {{ params.given }}\" }")
}

#[test]
fn what_param_gives_is_data() {
    for hostile in HOSTILE {
        let drill = drill().probe(&format!("said: {{ value: {hostile:?} }}"));
        let out = drill.next_out();
        let run = drill.command(&out, &["--param", &format!("given={hostile}")]).output().unwrap();
        let told = String::from_utf8_lossy(&run.stderr).into_owned();
        let journal = std::fs::read_to_string(out.join("journal.ndjson")).unwrap_or_default();
        assert!(!journal.contains("canary-51c7") && !told.contains("canary-51c7"), "{hostile}");
        assert!(!drill.folder().join("ran").exists(), "{hostile}");
        let report: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(out.join("report.json")).unwrap()).unwrap();
        let status = |list: &str, id: &str| {
            let all = report[list].as_array().unwrap();
            all.iter().find(|one| one["id"] == id).unwrap()["status"].as_str().unwrap().to_owned()
        };
        assert_eq!(status("steps", "told"), "succeeded", "{hostile}: {told}");
        assert_eq!(status("steps", "asked"), "succeeded", "{hostile}");
        assert_eq!(status("checks", "said"), "healthy", "{hostile}: the expectation is data too");
    }
}

#[test]
fn a_default_is_data_as_well() {
    let drill = drill().playbook("given: nothing", "given: '{{ env.CANARY }}'");
    let out = drill.next_out();
    let run = drill.command(&out, &[]).output().unwrap();
    assert!(run.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(!std::fs::read_to_string(out.join("journal.ndjson")).unwrap().contains("canary-51c7"));
}

/// `validate`, `plan` and `run` agree that a backslash makes braces literal text.
#[test]
fn literal_braces_are_text_for_every_command() {
    let drill = Drill::of("region-loss").step(
        "- id: told\n  uses: command.run\n  with: { run: [notify, '\\{{ name }}', '\\{{#each}} {{ params.db_class }}'] }",
    );
    let out = drill.next_out();
    let run = drill.command(&out, &[]).output().unwrap();
    let journal = std::fs::read_to_string(out.join("journal.ndjson")).unwrap();
    assert!(!journal.contains("\"event\":\"step_failed\""), "{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn blocks_without_end_fail_their_step_and_say_which_limit() {
    let list = (0..1500).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let drill = Drill::of("region-loss")
        .playbook("params: {", &format!("params: {{ many: [{list}],"))
        .step("- id: told\n  uses: command.run\n  with: { run: [notify, '{{#each params.many}}{{#each @root.params.many}}{{/each}}{{/each}}'] }");
    let out = drill.next_out();
    let run = drill.command(&out, &[]).output().unwrap();
    assert_eq!(run.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&run.stderr).contains("more than 200000 parts"));
}
