//! `--on aws`: checks that nobody can ask are refused, with their places.

use std::path::Path;

const REGION: &str = include_str!("../../drills/region-loss.yaml");
const ESTATE: &str = include_str!("../../drills/estate.yaml");

fn validated(playbook: &str, on: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("drill.yaml", playbook);
    write("estate.yaml", ESTATE);
    told(folder.path(), &["validate", "drill.yaml", "--on", on])
}

fn told(folder: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = support::places::drillmaster().current_dir(folder).args(args).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), text)
}

/// The place of a text in the sample, as messages give it.
fn place(of: &str) -> String {
    let (index, line) = REGION.lines().enumerate().find(|(_, line)| line.contains(of)).unwrap();
    format!("drill.yaml:{}:{}", index + 1, line.find(of).unwrap() + 1)
}

#[test]
fn checks_of_the_sample_need_a_probe_or_a_tunnel_on_aws() {
    let (code, text) = validated(REGION, "aws");
    assert_eq!(code, Some(2), "{text}");
    for (check, url) in [("rows", "\"postgres://"), ("web-up", "\"http://")] {
        assert!(text.contains(&place(url)), "{check}: {text}");
        assert!(text.contains(&format!("nothing can ask the check `{check}` on aws")), "{text}");
    }
    assert!(text.contains("`freshness`") && text.contains("sandbox.probe"), "{text}");
    assert_eq!(validated(REGION, "twin").0, Some(0));
    let probe = REGION.replace(
        "  ttl: 4h",
        "  ttl: 4h\n  probe: { role: \"arn:aws:iam::999988887777:role/drillmaster-probe\" }",
    );
    assert_eq!(validated(&probe, "aws").0, Some(0), "{}", validated(&probe, "aws").1);
    let tunnel = format!("{REGION}\nconnect_to: [\"*:5432=127.0.0.1:15432\"]\n");
    assert_eq!(validated(&tunnel, "aws").0, Some(0), "{}", validated(&tunnel, "aws").1);
}

#[test]
fn private_addresses_are_out_of_reach_and_names_of_others_are_not() {
    let of = |url: &str, more: &str| {
        let url = format!("\"{url}\"");
        let playbook = REGION.replace("\"http://{{ steps.web.instances.0.private_ip }}/healthz\"", &url);
        let (_, text) = validated(&(playbook + more), "aws");
        text.contains("nothing can ask the check `web-up` on aws")
    };
    for inside in ["http://10.66.0.9/", "http://192.168.4.4:8080/x", "https://u:p@172.16.0.1/?q"] {
        assert!(of(inside, ""), "{inside}");
    }
    for outside in ["https://shop.example.com/", "http://203.0.113.9/", "http://[2001:db8::1]/"] {
        assert!(!of(outside, ""), "{outside}");
    }
    let tunnel = "\nconnect_to: [\"10.66.0.9:8080=127.0.0.1:18080\"]\n";
    assert!(!of("http://10.66.0.9:8080/", tunnel));
    assert!(of("http://10.66.0.9:8081/", tunnel), "the tunnel leads to another port");
}
