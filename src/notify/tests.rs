//! Each recipient against a real listener, and against dead ones.
#![allow(
    clippy::cast_possible_truncation,
    clippy::default_trait_access,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, and looks at the real clock"
)]

use std::ffi::OsString;
use std::time::{Duration, Instant};

use playbook::notify::Notify;
use record::report::Report;
use serde_json::{Value as Json, json};
use support::alone::alone;
use support::peers::{Answer, HttpTarget, Sinks, TcpTarget};
use support::ports::Reserved;
use support::report_fixtures::{error_before_t0, passed, region_loss, unpleasant};

use crate::traces::Traces;
use crate::{Recipient, tell, webhook};

const NOW: &str = "2026-03-01T12:00:00Z";
/// Longer than any test waits: who waits for this answer has no limit.
const NEVER: Duration = Duration::from_secs(100);

type Told = Vec<(String, Result<(), String>)>;

fn recipient(entry: &Json, variables: &[(&str, &str)]) -> Result<Recipient, String> {
    let entry: Notify = serde_json::from_value(entry.clone()).unwrap();
    let environment = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    };
    Recipient::of(&entry, "entry 1", &environment, &|_| Err("there is no SNS here".to_owned()))
}

fn told(recipients: &[Recipient], report: &Report) -> Told {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = runtime.block_on(tell(recipients, report, NOW.parse().unwrap()));
    let told = told.into_iter().map(|(recipient, sent)| (recipient.name().to_owned(), sent)).collect();
    runtime.shutdown_background();
    told
}

fn one(entry: &Json, variables: &[(&str, &str)], report: &Report) -> Result<(), String> {
    let mut told = told(&[recipient(entry, variables).unwrap()], report);
    assert_eq!(told.len(), 1);
    told.remove(0).1
}

fn body(target: &HttpTarget) -> Json {
    let requests = target.requests();
    assert_eq!(requests.len(), 1);
    serde_json::from_slice(&requests[0].body).unwrap()
}

#[test]
fn slack_receives_the_headline_and_the_figures() {
    let target = HttpTarget::start(Answer::status(200).body("ok"));
    let url = target.url("/services/T000/B000/slack-token-4f9d1c7a2e");
    one(&json!({ "slack": { "url": "env:SLACK" } }), &[("SLACK", &url)], &region_loss()).unwrap();
    let body = body(&target);
    assert!(body["text"].as_str().unwrap().starts_with("Simulated: "), "{body}");
    assert!(body.to_string().contains("RTO"), "{body}");
    let request = &target.requests()[0];
    assert_eq!((request.method.as_str(), request.header("content-type")), ("POST", Some("application/json")));
}

#[test]
fn a_webhook_can_prove_who_sent_it() {
    let target = HttpTarget::start(Answer::status(204));
    let entry = json!({ "webhook": { "url": target.url("/drills"), "secret": "env:KEY" } });
    let report = region_loss();
    one(&entry, &[("KEY", "webhook-key-93b1")], &report).unwrap();
    let request = &target.requests()[0];
    let signed = webhook::signature("webhook-key-93b1", NOW.parse().unwrap(), &request.body);
    assert_eq!(request.header(webhook::HEADER), Some(signed.as_str()));
    let body = body(&target);
    assert_eq!(body["schema"], "drillmaster/notice/v1");
    assert_eq!(body["run_id"], report.run_id);
    assert_eq!(body["simulated"], true);
    assert!(body["headline"].as_str().unwrap().starts_with("Simulated: "), "{body}");
    assert_eq!(body["workloads"], json!(report.workloads));
    assert_eq!(
        body["findings"]["high"].as_u64().map(|n| n as usize + count(&body, "medium") + count(&body, "low")),
        Some(report.findings.len())
    );
    // Without a key there is no signature.
    let plain = HttpTarget::start(Answer::status(204));
    one(&json!({ "webhook": { "url": plain.url("/") } }), &[], &report).unwrap();
    assert_eq!(plain.requests()[0].header(webhook::HEADER), None);
}

fn count(body: &Json, severity: &str) -> usize {
    usize::try_from(body["findings"][severity].as_u64().unwrap()).unwrap()
}

/// The status decides, whatever page stands beside it.
#[test]
fn a_page_that_is_too_long_to_be_read_changes_nothing() {
    let page = "x".repeat(70 * 1024);
    let taken = HttpTarget::start(Answer::status(200).body(page.as_str()));
    let to = |target: &HttpTarget| one(&json!({ "webhook": { "url": target.url("/") } }), &[], &passed());
    assert_eq!(to(&taken), Ok(()));
    let gone = HttpTarget::start(Answer::status(404).body(page.as_str()));
    let said = to(&gone).unwrap_err();
    assert!(said.contains("404") && said.contains("check the URL"), "{said}");
}

#[test]
fn a_real_run_is_not_called_simulated() {
    let target = HttpTarget::start(Answer::status(204));
    let real = Report { simulated: false, on: base::on::On::Aws, ..passed() };
    one(&json!({ "webhook": { "url": target.url("/") } }), &[], &real).unwrap();
    let body = body(&target);
    assert_eq!(body["simulated"], false);
    assert!(!body["headline"].as_str().unwrap().contains("imulated"), "{body}");
}

#[test]
fn names_of_attackers_reach_everybody_escaped() {
    let target = HttpTarget::start(Answer::status(200));
    let entry = json!({ "slack": { "url": "env:SLACK" } });
    one(&entry, &[("SLACK", &target.url("/x"))], &unpleasant()).unwrap();
    let text = body(&target).to_string();
    assert!(!text.contains('<') && !text.contains('>') && !text.contains('\u{202e}'), "{text}");
}

#[test]
fn only_what_is_asked_for_is_told() {
    let target = HttpTarget::start(Answer::status(200));
    let url = target.url("/");
    let failures = json!({ "webhook": { "url": url }, "on": ["failed", "error", "interrupted"] });
    let real = json!({ "webhook": { "url": url }, "simulated": false });
    let of = |entry: &Json, report: &Report| told(&[recipient(entry, &[]).unwrap()], report).len();
    assert_eq!(of(&failures, &passed()), 0);
    assert_eq!(of(&failures, &error_before_t0()), 1);
    assert_eq!(of(&real, &Report { simulated: true, ..passed() }), 0);
    assert_eq!(of(&real, &Report { simulated: false, ..passed() }), 1);
    assert_eq!(target.count(), 2);
}

#[test]
fn a_refusal_says_what_was_said_and_not_where() {
    let target = HttpTarget::start(Answer::status(404).body("no_service\u{202e}"));
    let url = target.url("/services/refused-token-51ad8e0b");
    let why = one(&json!({ "slack": { "url": "env:SLACK" } }), &[("SLACK", &url)], &passed()).unwrap_err();
    assert!(why.contains("404") && why.contains("no_service") && why.contains("check the URL"), "{why}");
    assert!(!why.contains("refused-token") && !why.contains('\u{202e}'), "{why}");
    let target = HttpTarget::start(Answer::status(302).header("Location", "https://elsewhere.example/"));
    let why = one(&json!({ "webhook": { "url": target.url("/") } }), &[], &passed()).unwrap_err();
    assert!(why.contains("redirects are not followed"), "{why}");
}

#[test]
fn a_busy_server_is_asked_again() {
    let target = HttpTarget::start(Answer::status(503).header("Retry-After", "0"));
    target.then(2, Answer::status(200));
    one(&json!({ "webhook": { "url": target.url("/") } }), &[], &passed()).unwrap();
    assert_eq!(target.count(), 3);
    target.set(Answer::status(429).header("Retry-After", "0"));
    let why = one(&json!({ "webhook": { "url": target.url("/") } }), &[], &passed()).unwrap_err();
    assert!(why.contains("429"), "{why}");
    assert_eq!(target.count(), 6);
}

#[test]
fn the_dead_keep_nobody_longer_than_their_limit() {
    let silent = HttpTarget::start(Answer::status(200).after(NEVER));
    let closed = Reserved::new();
    let (hangs_up, alive) = (TcpTarget::start(), HttpTarget::start(Answer::status(200)));
    let web = |url: String| recipient(&json!({ "webhook": { "url": url }, "timeout": "2s" }), &[]).unwrap();
    let mail = |port: u16, tls: &str| {
        let smtp = json!({ "host": "127.0.0.1", "port": port, "tls": tls, "from": "a@example.com", "to": ["b@example.com"] });
        recipient(&json!({ "smtp": smtp, "timeout": "2s" }), &[]).unwrap()
    };
    let all = [
        web(silent.url("/")),
        web(format!("http://{}/", closed.address())),
        web("http://nowhere.invalid/".to_owned()),
        web(format!("https://{}/", alive.address())),
        mail(silent.port(), "none"),
        mail(silent.port(), "starttls"),
        mail(hangs_up.port(), "implicit"),
        mail(closed.port(), "none"),
        web(alive.url("/")),
    ];
    let begun = Instant::now();
    let told = told(&all, &passed());
    let took = begun.elapsed();
    // One after the other they would take 6 s at least.
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(5), "{took:?}");
    let (last, dead) = told.split_last().unwrap();
    assert_eq!(last.1, Ok(()), "the dead keep nobody from being told");
    for (index, (name, sent)) in dead.iter().enumerate() {
        let why = sent.as_ref().unwrap_err();
        assert!(!why.is_empty(), "{index} {name}");
        let late = why.contains("no answer within 2s");
        assert!(late || ![0, 4].contains(&index), "{index}: {why}");
    }
}

#[test]
fn a_missing_secret_is_named() {
    let slack = json!({ "slack": { "url": "env:SLACK" } });
    let why = |variables: &[(&str, &str)]| recipient(&slack, variables).err().unwrap();
    assert_eq!(why(&[]), "slack (entry 1): the variable SLACK is not set");
    assert!(why(&[("SLACK", "  ")]).contains("SLACK is empty"));
    let said = why(&[("SLACK", "not-a-url-7c1e55")]);
    assert!(said.contains("the variable SLACK: this is no URL") && !said.contains("7c1e55"), "{said}");
    let sns = json!({ "sns": { "topic": "arn:aws:sns:us-west-2:999988887777:drills" } });
    assert!(recipient(&sns, &[]).err().unwrap().contains("there is no SNS here"));
}

fn traces(variables: &[(&str, &str)], endpoint: Option<&str>) -> Result<Option<Traces>, String> {
    let environment = |name: &str| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
    };
    let headers = [("X-Scope".to_owned(), "env:SCOPE".to_owned())].into();
    let none = Default::default();
    Traces::read(
        endpoint,
        if variables.iter().any(|(name, _)| *name == "SCOPE") { &headers } else { &none },
        &environment,
    )
}

#[test]
fn a_collector_receives_a_span_for_each_step_and_check() {
    let target = HttpTarget::start(Answer::status(200).body("{\"partialSuccess\":{}}"));
    let base = target.url("");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", base.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20otlp-token-77aa01"),
        ("OTEL_SERVICE_NAME", "dr"),
        ("SCOPE", "scope-of-acme"),
    ];
    let collector = Recipient::of_traces(traces(&variables, None).unwrap().unwrap());
    let report = region_loss();
    assert_eq!(told(&[collector], &report)[0].1, Ok(()));
    let request = &target.requests()[0];
    assert_eq!(request.path, "/v1/traces");
    assert_eq!(request.header("authorization"), Some("Bearer otlp-token-77aa01"));
    assert_eq!(request.header("x-scope"), Some("scope-of-acme"));
    let body = body(&target);
    let resource = &body["resourceSpans"][0];
    assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "dr");
    let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
    let begun = report.steps.iter().filter(|step| step.started_at.is_some()).count()
        + report.checks.iter().filter(|check| check.ready_at.is_some()).count();
    assert_eq!(spans.len(), 1 + begun);
    let (drill, parts) = spans.split_first().unwrap();
    assert!(drill["name"].as_str().unwrap().starts_with("simulated drill "), "{drill}");
    let mut ids: Vec<&str> = spans.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), spans.len(), "each has its own id");
    for span in parts {
        assert_eq!((&span["parentSpanId"], &span["traceId"]), (&drill["spanId"], &drill["traceId"]));
        let nanos = |key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
        assert!(nanos("startTimeUnixNano") <= nanos("endTimeUnixNano"), "{span}");
        for link in span["links"].as_array().unwrap() {
            assert!(ids.contains(&link["spanId"].as_str().unwrap()), "{span}");
        }
    }
}

#[test]
fn spans_that_a_collector_rejects_are_told() {
    let answer = json!({ "partialSuccess": { "rejectedSpans": "3", "errorMessage": "too old" } }).to_string();
    let target = HttpTarget::start(Answer::status(200).body(answer));
    let endpoint = target.url("/v1/traces");
    let collector = traces(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint)], None).unwrap().unwrap();
    let told = told(&[Recipient::of_traces(collector)], &passed());
    assert_eq!(told[0].1, Err("the collector rejected 3 spans: too old".to_owned()));
}

#[test]
fn the_variables_of_open_telemetry_are_obeyed() {
    let url = |variables: &[(&str, &str)], endpoint| traces(variables, endpoint).map(|t| t.map(|t| t.url));
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318/");
    assert_eq!(url(&[], None), Ok(None));
    assert_eq!(url(&[], Some("http://c:4318")), Ok(Some("http://c:4318/v1/traces".into())));
    assert_eq!(url(&[base], Some("http://c:4318")), Ok(Some("http://a:4318/v1/traces".into())));
    assert_eq!(
        url(&[base, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b/t")], None),
        Ok(Some("http://b/t".into()))
    );
    assert_eq!(url(&[base, ("OTEL_SDK_DISABLED", "true")], None), Ok(None));
    assert_eq!(url(&[base, ("OTEL_TRACES_EXPORTER", "none")], None), Ok(None));
    assert!(url(&[base, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], None).unwrap_err().contains("http/json"));
    assert!(url(&[base, ("OTEL_EXPORTER_OTLP_HEADERS", "token")], None).unwrap_err().contains("NAME=VALUE"));
    assert!(url(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "a:4317")], None).unwrap_err().contains("no URL"));
    let limit =
        |millis| traces(&[base, ("OTEL_EXPORTER_OTLP_TIMEOUT", millis)], None).unwrap().unwrap().limit;
    assert_eq!(limit("1500"), Duration::from_millis(1500));
    assert_eq!(limit("99999999"), Duration::from_mins(1));
}

/// The authority of the receivers is that of the process.
#[test]
fn mail_and_https_are_encrypted_and_checked() {
    let name = |test: &str| format!("{}::{test}", module_path!());
    let sinks = Sinks::start();
    let (port, url) = (sinks.smtp_port().to_string(), sinks.url());
    let ca = sinks.certificates.ca.to_str().unwrap();
    let set = [("SMTP_PORT", port.as_str()), ("HTTPS_URL", url.as_str())];
    let trusting = [set.as_slice(), &[("SSL_CERT_FILE", ca)]].concat();
    for (test, env) in [("trusting", &trusting[..]), ("distrusting", &set[..])] {
        let output = support::alone::ignored(&name(test), env);
        assert!(output.status.success(), "{test}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let mails = sinks.received("mail");
    let [mail] = mails.as_slice() else { panic!("{mails:#?}") };
    let headline = record::report::headline::of(&region_loss());
    let (head, text) = mail.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("X-Envelope: drills@example.com team@example.com,boss@example.com"), "{head}");
    assert!(head.contains("\r\nSubject: Simulated: "), "{head}");
    assert!(head.contains("\r\nMessage-ID: <"), "{head}");
    assert!(headline.starts_with("Simulated: ") && text.contains("Simulated: "), "{text}");
    let posts = sinks.received("post");
    let [post] = posts.as_slice() else { panic!("{posts:#?}") };
    assert_eq!(serde_json::from_str::<Json>(post).unwrap()["run_id"], region_loss().run_id);
}

fn encrypted(password: &'static str) -> [Recipient; 2] {
    let port: u16 = std::env::var("SMTP_PORT").unwrap().parse().unwrap();
    let smtp = json!({ "host": "localhost", "port": port, "from": "drills@example.com",
        "to": ["team@example.com", "boss@example.com"], "username": Sinks::USERNAME, "password": "env:PW" });
    let url = std::env::var("HTTPS_URL").unwrap();
    [
        recipient(&json!({ "smtp": smtp }), &[("PW", password)]).unwrap(),
        recipient(&json!({ "webhook": { "url": url } }), &[]).unwrap(),
    ]
}

#[test]
#[ignore = "run by `mail_and_https_are_encrypted_and_checked`"]
fn trusting() {
    let sent = told(&encrypted(Sinks::PASSWORD), &region_loss());
    assert!(sent.iter().all(|(_, sent)| sent.is_ok()), "{sent:?}");
    let [mail, _] = encrypted("not-the-password-0a9b");
    let refused = told(&[mail], &region_loss()).remove(0).1.unwrap_err();
    assert!(refused.contains("535") && !refused.contains("0a9b"), "{refused}");
}

#[test]
#[ignore = "run by `mail_and_https_are_encrypted_and_checked`"]
fn distrusting() {
    for (name, sent) in told(&encrypted(Sinks::PASSWORD), &region_loss()) {
        let why = sent.unwrap_err();
        assert!(why.contains("certificate") || why.contains("UnknownIssuer"), "{name}: {why}");
    }
}

#[test]
fn secrets_are_in_no_message() {
    alone(concat!(module_path!(), "::secrets_are_in_no_message"), &[], || {
        let target = HttpTarget::start(Answer::status(204));
        base::redact::register("hunter2-of-the-database");
        let mut report = region_loss();
        report.reasons = vec!["the url was postgres://app:hunter2-of-the-database@db".to_owned()];
        let url = target.url("/");
        let both = [json!({ "webhook": { "url": url } }), json!({ "slack": { "url": "env:SLACK" } })];
        for entry in &both {
            one(entry, &[("SLACK", &url)], &report).unwrap();
        }
        for request in target.requests() {
            let body = String::from_utf8(request.body).unwrap();
            assert!(body.contains("app:***@db") && !body.contains("hunter2"), "{body}");
        }
        assert_eq!(target.count(), 2);
        let traces = crate::traces::of(&report, "drillmaster").to_string();
        assert!(!traces.contains("hunter2"), "{traces}");
    });
}
