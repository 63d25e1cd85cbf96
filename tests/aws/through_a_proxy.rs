//! What is not a call to AWS goes through the proxies of the environment too. `drills::proxies` has the
//! calls to AWS.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use support::drill::{Drill, drillmaster};
use support::peers::{Answer, HttpTarget, Proxy, Sinks};

/// A user and a password, and what a client makes of them.
const USER: &str = "ann:s3cret-word-of-the-proxy";
const WORD: &str = "Basic YW5uOnMzY3JldC13b3JkLW9mLXRoZS1wcm94eQ==";

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A kind of request: the host that is asked, and the command that asks it.
struct Kind {
    host: &'static str,
    command: Box<dyn Fn() -> Command + Sync>,
}

fn kind(host: &'static str, command: impl Fn() -> Command + Sync + 'static) -> Kind {
    Kind { host, command: Box::new(command) }
}

/// One of each. No host exists, so who avoids the proxy reaches nothing.
fn kinds(folder: &Path, run: &Path) -> Vec<Kind> {
    let run = text(run);
    let playbook = text(&folder.join("playbook.yaml"));
    let of = |args: &[&str], env: &[(&'static str, String)]| {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let env = env.to_vec();
        move || {
            let mut command = drillmaster();
            command.args(&args).envs(env.iter().map(|(name, value)| (*name, value)));
            command
        }
    };
    let config = folder.join("webhook.yaml");
    fs::write(&config, "notify:\n  - webhook: { url: \"https://hooks.invalid/drills\" }\n").unwrap();
    let account = folder.join("account.json");
    let named = json!({ "private_key": "", "private_key_id": "", "client_email": "", "disable_oauth": true,
        "gcs_base_url": "https://google.invalid" });
    fs::write(&account, named.to_string()).unwrap();
    let set = |name, value: &str| (name, value.to_owned());
    let stamped = text(&folder.join("stamped"));
    vec![
        kind("hooks.invalid", of(&["notify", &run, "--config", &text(&config)], &[])),
        kind(
            "otel.invalid",
            of(&["notify", &run], &[set("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel.invalid")]),
        ),
        kind(
            "tsa.invalid",
            of(&["run", &playbook, "--out", &stamped, "--timestamp", "https://tsa.invalid/"], &[]),
        ),
        kind(
            "s3.invalid",
            of(
                &["history", "--store", "s3://drills"],
                &[
                    set("AWS_ENDPOINT_URL", "https://s3.invalid"),
                    set("AWS_REGION", "eu-west-1"),
                    set("AWS_ACCESS_KEY_ID", "key"),
                    set("AWS_SECRET_ACCESS_KEY", "secret"),
                ],
            ),
        ),
        kind(
            "google.invalid",
            of(&["history", "--store", "gs://drills"], &[set("GOOGLE_SERVICE_ACCOUNT", &text(&account))]),
        ),
        kind(
            "azure.invalid",
            of(
                &["history", "--store", "az://drills"],
                &[
                    set("AZURE_STORAGE_USE_EMULATOR", "true"),
                    set("AZURITE_BLOB_STORAGE_URL", "https://azure.invalid"),
                ],
            ),
        ),
    ]
}

#[test]
fn every_kind_of_request_asks_the_proxy_unless_its_host_needs_none() {
    let drill = Drill::good();
    let run = drill.run();
    run.exits(0);
    let proxy = Proxy::refusing();
    let url = format!("http://{USER}@{}", proxy.address());
    let kinds = kinds(drill.folder(), &run.folder);
    let stderr = |mut command: Command| String::from_utf8(command.output().unwrap().stderr).unwrap();
    // Each asks a few times before it gives up, so all ask at once.
    std::thread::scope(|scope| {
        for Kind { host, command } in &kinds {
            let (proxy, url) = (&proxy, &url);
            scope.spawn(move || {
                let mut through = command();
                through.env("HTTPS_PROXY", url);
                let said = stderr(through);
                let named = format!(
                    "the proxy http://{} (HTTPS_PROXY) asks for a user and a password",
                    proxy.address()
                );
                assert!(said.contains(&named), "{host}: {said}");
                assert!(!said.contains("s3cret-word"), "{host}: {said}");
                let of_host = |asked: &[String]| asked.iter().filter(|line| line.contains(host)).count();
                let asked = proxy.asked();
                let connect = format!("CONNECT {host}:443 HTTP/1.1");
                assert!(asked.contains(&connect), "{host}: {asked:?}");
                let before = of_host(&asked);
                let mut around = command();
                around.env("HTTPS_PROXY", url).env("NO_PROXY", "invalid");
                let said = stderr(around);
                assert!(!said.is_empty() && !said.contains("the proxy"), "{host}: {said}");
                assert_eq!(of_host(&proxy.asked()), before, "{host}: it was asked through the proxy");
            });
        }
    });
}

fn told_through(drill: &Drill, run: &Path, url: &str, env: &[(&str, &str)]) -> (Option<i32>, String) {
    let config = drill.folder().join("config.yaml");
    fs::write(&config, format!("notify:\n  - webhook: {{ url: \"{url}\" }}\n")).unwrap();
    let mut command = drillmaster();
    command.args(["notify", &text(run), "--config", &text(&config)]).envs(env.iter().copied());
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_webhook_is_reached_through_a_tunnel_and_in_plain_text() {
    let drill = Drill::good();
    let run = drill.run();
    run.exits(0);
    let sinks = Sinks::start();
    let tunnel = Proxy::tunnelling(WORD);
    let proxy = format!("http://{USER}@{}", tunnel.address());
    let ca = text(&sinks.certificates.ca);
    let env = [("HTTPS_PROXY", proxy.as_str()), ("SSL_CERT_FILE", ca.as_str())];
    let (code, said) = told_through(&drill, &run.folder, &sinks.url(), &env);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(sinks.received("post").len(), 1);
    let host = sinks.url().trim_start_matches("https://").trim_end_matches('/').to_owned();
    assert_eq!(tunnel.asked(), [format!("CONNECT {host} HTTP/1.1")]);
    // The proxy of plain requests is told where they go, in each of them.
    let target = HttpTarget::start(Answer::status(200));
    let relay = Proxy::relaying(&target.url(""));
    let proxy = format!("http://{USER}@{}", relay.address());
    let url = "http://hooks.invalid/drills";
    let (code, said) = told_through(&drill, &run.folder, url, &[("HTTP_PROXY", &proxy)]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(relay.asked(), [format!("POST {url} HTTP/1.1")]);
    let requests = target.requests();
    assert_eq!((requests.len(), requests[0].path.as_str()), (1, "/drills"));
    assert_eq!(requests[0].header("proxy-authorization"), Some(WORD));
    // A variable that names no proxy is not passed over.
    let (code, said) = told_through(&drill, &run.folder, url, &[("HTTPS_PROXY", "socks5://127.0.0.1:1")]);
    assert!(code == Some(1) && said.contains("HTTPS_PROXY names no proxy that can be used"), "{said}");
}
