//! The end of a drill, told to those who are there and to those who are not.

use std::time::{Duration, Instant};

use aws::sdk::{aws_config, aws_credential_types, aws_sdk_sns, aws_smithy_http_client};
use serde_json::{Value, json};
use support::drill::{Drill, told};
use support::peers::{Answer, HttpTarget, Moto};
use support::ports::Reserved;

/// Longer than any limit.
const NEVER: Duration = Duration::from_secs(100);

fn telling(entries: &str) -> Drill {
    Drill::good().playbook("\nsteps:\n", &format!("\nnotify:\n{entries}\nsteps:\n"))
}

#[test]
fn dead_recipients_delay_a_run_by_their_limit_and_change_nothing() {
    let silent = HttpTarget::start(Answer::status(200).after(NEVER));
    let alive = HttpTarget::start(Answer::status(200).body("ok"));
    let closed = Reserved::new();
    let entries = format!(
        "  - webhook: {{ url: \"{}\" }}\n    timeout: 3s\n  - webhook: {{ url: \"http://{}/\" }}\n  \
         - webhook: {{ url: \"http://nowhere.invalid/\" }}\n    timeout: 3s\n  - slack: {{ url: env:SLACK }}\n",
        silent.url("/"),
        closed.address()
    );
    let quiet = Instant::now();
    Drill::good().run().exits(0);
    let quiet = quiet.elapsed();
    let drill = telling(&entries).env("SLACK", &alive.url("/services/slack-token-of-the-run"));
    let begun = Instant::now();
    let run = drill.run();
    let took = begun.elapsed();
    run.exits(0).is_clean();
    assert!(took < quiet * 2 + Duration::from_secs(4), "{took:?}, and {quiet:?} without telling");
    let warned = run.stderr.lines().filter(|line| line.starts_with("warning: ")).collect::<Vec<_>>();
    let [silent, closed, nowhere] = warned.as_slice() else { panic!("{}", run.stderr) };
    assert!(silent.contains("entry 1") && silent.contains("no answer within 3s"), "{silent}");
    assert!(closed.contains("entry 2") && closed.contains("refused"), "{closed}");
    assert!(nowhere.contains("entry 3"), "{nowhere}");
    let requests = alive.requests();
    assert_eq!(requests.len(), 1);
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert!(body["text"].as_str().unwrap().starts_with("Simulated: "), "{body}");
    assert!(body.to_string().contains(run.report["run_id"].as_str().unwrap()), "{body}");
    // The secret is on no record.
    for file in ["journal.ndjson", "report.json", "report.html"] {
        let text = std::fs::read_to_string(run.folder.join(file)).unwrap();
        assert!(!text.contains("slack-token-of-the-run"), "{file}");
    }
    assert!(!run.stderr.contains("slack-token-of-the-run"), "{}", run.stderr);
}

#[test]
fn a_finished_run_is_told_to_whom_its_playbook_named() {
    let target = HttpTarget::start(Answer::status(200));
    let drill = telling(&format!("  - webhook: {{ url: \"{}\" }}\n", target.url("/drills")));
    let run = drill.run();
    run.exits(0);
    let (code, out, err) = told(&["notify", run.folder.to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.starts_with("webhook (entry 1 of `notify` in ") && out.ends_with("): told\n"), "{out}");
    let bodies: Vec<Value> =
        target.requests().iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect();
    let [first, again] = bodies.as_slice() else { panic!("{bodies:#?}") };
    assert_eq!(first, again);
    let refusing = HttpTarget::start(Answer::status(500).body("no"));
    let config = drill.folder().join("config.yaml");
    let entry = format!("notify:\n  - webhook: {{ url: \"{}\" }}\n", refusing.url("/"));
    std::fs::write(&config, entry).unwrap();
    let (code, _, err) =
        told(&["notify", run.folder.to_str().unwrap(), "--config", config.to_str().unwrap()]);
    assert!(code == 1 && err.contains("it answered 500 Internal Server Error and said `no`"), "{err}");
}

#[test]
fn a_run_is_a_trace() {
    let target = HttpTarget::start(Answer::status(200).body("{}"));
    let run = Drill::good().env("OTEL_EXPORTER_OTLP_ENDPOINT", &target.url("")).run();
    run.exits(0);
    let requests = target.requests();
    assert_eq!((requests.len(), requests[0].path.as_str()), (1, "/v1/traces"));
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    let spans = body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let parts = ["steps", "checks"].map(|list| run.report[list].as_array().unwrap().len());
    assert_eq!(spans.len(), 1 + parts[0] + parts[1]);
}

const REGION: &str = "eu-west-1";

async fn sns(moto: &Moto) -> aws_sdk_sns::Client {
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .endpoint_url(moto.endpoint())
        .region(REGION)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(aws_credential_types::Credentials::new("drill", "drill", None, None, "test"))
        .load()
        .await;
    aws_sdk_sns::Client::new(&config)
}

/// Topics of SNS: who subscribed hears of the run. A topic that is not there, and a role that may not
/// publish, are warnings.
#[tokio::test]
async fn a_topic_tells_its_subscribers_and_what_it_refuses_is_a_warning() {
    let moto = Moto::start();
    let sns = sns(&moto).await;
    let heard = HttpTarget::start(Answer::status(200));
    let topic = sns.create_topic().name("drills").send().await.unwrap().topic_arn.unwrap();
    let subscribe = sns.subscribe().topic_arn(&topic).protocol("http").endpoint(heard.url("/sns"));
    subscribe.send().await.unwrap();
    let ordered = sns.create_topic().name("ordered.fifo").attributes("FifoTopic", "true").send().await;
    let ordered = ordered.unwrap().topic_arn.unwrap();
    let account = topic.split(':').nth(4).unwrap();
    let role = |name: &str| format!("arn:aws:iam::{account}:role/{name}");
    let allow = |action: &str, on: &str| json!([{ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": on }] }]);
    // Exactly the permission that docs/notify.md names, and another one.
    let (teller, mute) = (role("teller"), role("mute"));
    let policies =
        [(teller.clone(), allow("sns:Publish", &topic)), (mute.clone(), allow("sns:ListTopics", "*"))];
    let policies = Value::Object(policies.into_iter().collect());
    moto.call("POST", "/peer/policies", Some(&policies));
    let missing = topic.replace("drills", "missing");
    let drill = Drill::good();
    let config = drill.folder().join("config.yaml");
    std::fs::write(
        &config,
        format!(
            "accounts:
  teller: {{ id: \"{account}\", role: \"{teller}\" }}
  mute: {{ id: \"{account}\", role: \"{mute}\" }}
notify:
  - sns: {{ topic: \"{topic}\" }}
  - sns: {{ topic: \"{topic}\", account: teller }}
  - sns: {{ topic: \"{ordered}\" }}
  - sns: {{ topic: \"{missing}\" }}
  - sns: {{ topic: \"{topic}\", account: mute }}
"
        ),
    )
    .unwrap();
    heard.set(Answer::status(200));
    let before = heard.count();
    // The region is that of the topic, whatever the environment says.
    let drill = drill
        .env("AWS_ENDPOINT_URL", moto.endpoint())
        .env("AWS_REGION", "us-west-2")
        .env("AWS_ACCESS_KEY_ID", "drill")
        .env("AWS_SECRET_ACCESS_KEY", "drill");
    let run = drill.run_with(&["--config", config.to_str().unwrap()]);
    run.exits(0);
    let warned = run.stderr.lines().filter(|line| line.starts_with("warning: ")).collect::<Vec<_>>();
    let [gone, refused] = warned.as_slice() else { panic!("{}", run.stderr) };
    assert!(
        gone.contains("entry 4") && gone.contains("sns:Publish") && gone.contains("does not exist"),
        "{gone}"
    );
    assert!(refused.contains("entry 5") && refused.contains("its role needs `sns:Publish`"), "{refused}");
    let messages: Vec<Value> = heard
        .requests()
        .split_off(before)
        .iter()
        .map(|request| serde_json::from_slice(&request.body).unwrap())
        .collect();
    assert_eq!(messages.len(), 2, "by the default credentials, and by the role that may: {messages:#?}");
    for message in messages {
        let (subject, text) = (message["Subject"].as_str().unwrap(), message["Message"].as_str().unwrap());
        assert!(
            subject.starts_with("Simulated: ") && subject.is_ascii() && subject.len() <= 100,
            "{subject}"
        );
        assert!(text.contains(run.report["run_id"].as_str().unwrap()), "{text}");
    }
    let sent = moto.calls("Publish");
    assert!(sent.iter().all(|call| call["region"] == REGION), "{sent:#?}");
    let in_order = sent.iter().find(|call| call["params"]["TopicArn"] == ordered.as_str()).unwrap();
    assert_eq!(in_order["params"]["MessageGroupId"], "drillmaster");
    assert_eq!(in_order["params"]["MessageDeduplicationId"].as_str().unwrap().len(), 64);
}
