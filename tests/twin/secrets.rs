//! A canary stands in the place of each secret. Every byte that a run writes is searched for it, in
//! all encodings. The same drill, with the value as a plain parameter, shows that the search would
//! find it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use engine::actions::CATALOGUE;
use support::alone;
use support::canary::{CANARY, CORE, found, is_nowhere, written};
use support::drill::{Drill, drillmaster};

#[test]
fn the_search_finds_the_canary_in_every_encoding() {
    for text in [
        format!("say {CANARY}!"),
        "Zq7CanaryKx9%40%2F%22".to_owned(),
        "zq7canarykx9.example".to_owned(),
        "only Zq7Can…".to_owned(),
        "…aryKx9 only".to_owned(),
        "5a7137".to_owned() + "43616e6172794b7839",
        STANDARD_NO_PAD.encode(format!("user:{CANARY}")),
        STANDARD_NO_PAD.encode(format!("u:{CANARY}")),
        STANDARD_NO_PAD.encode(CANARY),
        serde_json::to_string(CANARY).unwrap(),
    ] {
        assert!(!found(&text).is_empty(), "{text}");
    }
    assert_eq!(found("nothing of it, *** and base64: bm90aGluZyBvZiBpdA=="), [""; 0]);
}

/// A rehearsal on the twin reads variables and looks up no secret.
#[test]
fn a_rehearsal_tells_nothing_and_needs_nothing() {
    let with = |check: &str| {
        Drill::of("region-loss").check(check).env("CANARY", CANARY).env("SHORT", "abc").step(
            "- id: migrate\n  uses: command.run\n  with: { run: [\"true\"], env: { A: \"{{ env.CANARY }}\", B: '{{ secret \"file:nowhere\" }}' } }",
        )
    };
    let drill = with(
        "- id: page\n  needs: [migrate]\n  http: { url: 'https://u:{{ env.CANARY }}@{{ env.MISSING }}/', headers: { X: '{{ env.SHORT }}' } }\n- id: secretly\n  sql: { url: 'postgres://u:{{ secret \"command:false\" }}@db/o', query: select 1, expect: '= {{ secret \"file:x\" }}' }",
    )
    .probe("secretly: { value: 7 }");
    for output in ["text", "json"] {
        let out = drill.next_out();
        let run = drill.command(&out, &["--output", output]).output().unwrap();
        // The drill itself misses its RPO.
        assert_eq!(run.status.code(), Some(1), "{}", String::from_utf8_lossy(&run.stderr));
        is_nowhere(&written(&out, &run.stdout, &run.stderr));
        let journal = std::fs::read_to_string(out.join("journal.ndjson")).unwrap();
        for (rule, resource) in [("variable-not-set", "env.MISSING"), ("secret-too-short", "env.SHORT")] {
            let told = journal
                .matches(&format!("\"rule\":\"{rule}\",\"severity\":\"low\",\"resource\":\"{resource}\""))
                .count();
            assert_eq!(told, 1, "{rule}");
        }
        assert!(journal.contains("\"rule\":\"assumed\"") && journal.contains("secretly"));
        assert!(
            !journal.contains("\"event\":\"check_unhealthy\"")
                && !journal.contains("\"event\":\"step_failed\"")
        );
    }
    // The control: the same value in a place that is shown.
    let plain = with(&format!(
        "- id: page\n  http: {{ url: 'https://x/?{CORE}', max_latency: '{CORE}{{{{ env.SHORT }}}}' }}"
    ));
    let out = plain.next_out();
    let run = plain.command(&out, &[]).output().unwrap();
    assert!(
        written(&out, &run.stdout, &run.stderr)
            .iter()
            .any(|(place, text)| place == "stderr" && !found(text).is_empty())
    );
}

/// Every argument of an action that may hold a secret. One that is new here belongs into the drills
/// below, and into that of `tests/aws/drills/secrets.rs`.
#[test]
fn the_arguments_that_may_hold_a_secret_are_known() {
    let declared: Vec<(&str, &str)> = CATALOGUE
        .0
        .iter()
        .flat_map(|action| action.secrets.iter().map(|name| (action.name, *name)))
        .collect();
    let known = [
        ("ec2.launch", "user_data"),
        ("cloudformation.deploy", "parameters"),
        ("command.run", "run"),
        ("command.run", "env"),
    ];
    assert_eq!(declared, known);
}

const STACK: &str = "\
Parameters:
  VpcId: { Type: String }
  Word: { Type: String }
Resources:
  Web:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: { Ref: Word }
      VpcId: { Ref: VpcId }
      SecurityGroupEgress: [{ IpProtocol: '-1', CidrIp: 10.66.0.0/16 }]
Outputs:
  Plain: { Value: { Ref: Word } }
  Within: { Value: { 'Fn::Sub': 'jdbc:x?password=${Word}&ssl=true' } }
  Listed: { Value: { 'Fn::Join': [',', [a, { Ref: Word }]] } }
";

/// A drill that gives `value`, an expression, to every request that carries free text: a stack's
/// parameters, the user data of machines, a command's words and environment. The stack shows the
/// value in its outputs. CloudFormation refuses those of `refused`.
fn requests(value: &str, refused: &[&str]) -> Drill {
    let mut steps = vec![
        "- id: stack\n  uses: cloudformation.deploy\n  with: { name: stack, template: String.yaml, parameters: { Word: 'VALUE' } }".to_owned(),
        "- id: machine\n  uses: ec2.launch\n  with:\n    image: { of: \"tag:app=orders\", point: latest }\n    type: t4g.small\n    user_data: |\n      #!/bin/sh\n      echo 'VALUE' > /etc/word".to_owned(),
        "- id: told\n  uses: command.run\n  with: { run: [echo, '{{ steps.stack.outputs.Plain }}', '{{ steps.stack.outputs.Within }}'], env: { WORD: 'VALUE' } }".to_owned(),
    ];
    steps.extend(refused.iter().enumerate().map(|(n, kind)| format!(
        "- id: refused-{n}\n  uses: cloudformation.deploy\n  continue_on_error: true\n  retry: {{ attempts: 2, backoff: 1s }}\n  with: {{ name: refused-{n}, template: refused-{n}.yaml, parameters: {{ Word: 'it is VALUE' }} }} # {kind}"
    )));
    let mut drill = Drill::good();
    for step in steps {
        drill = drill.step(&step.replace("VALUE", value));
    }
    std::fs::write(drill.folder().join("String.yaml"), STACK).unwrap();
    for (n, kind) in refused.iter().enumerate() {
        let text = STACK.replace("Word: { Type: String }", &format!("Word: {{ {kind} }}"));
        std::fs::write(drill.folder().join(format!("refused-{n}.yaml")), text).unwrap();
    }
    drill
}

/// Parameters that do not take the value. What is said of the first two quotes it.
const REFUSED: [&str; 4] = [
    "Type: Number",
    "Type: 'AWS::EC2::Subnet::Id'",
    "Type: String, AllowedValues: [left, right]",
    "Type: String, AllowedPattern: '^never$'",
];

/// What a run wrote, and what other commands say of its record afterwards.
fn all_that_is_told(drill: &Drill, args: &[&str], steps: &[(&str, &str)]) -> Vec<(String, String)> {
    let out = drill.next_out();
    let run = drill.command(&out, args).output().unwrap();
    let mut all = written(&out, &run.stdout, &run.stderr);
    let journal = std::fs::read_to_string(out.join("journal.ndjson")).unwrap_or_default();
    for (step, ended) in steps {
        let told = format!("\"event\":\"step_{ended}\",\"step\":\"{step}\"");
        assert!(journal.contains(&told), "{}", String::from_utf8_lossy(&run.stderr));
    }
    for again in [&["report", "--format", "html"][..], &["report", "--format", "json"], &["gate"]] {
        let told = drillmaster().args(&again[..1]).arg(&out).args(&again[1..]).output().unwrap();
        all.extend(written(Path::new("/nowhere"), &told.stdout, &told.stderr));
    }
    all
}

/// A stack's parameters reach the journal, because a resumed run compares its request with theirs.
#[test]
fn no_request_tells_a_secret() {
    let given = format!("db_password={CANARY}");
    for output in ["text", "json"] {
        let drill = requests("{{ env.CANARY }}", &REFUSED).env("CANARY", CANARY);
        let steps: Vec<(&str, &str)> = [("stack", "succeeded"), ("machine", "succeeded")]
            .into_iter()
            .chain(["refused-0", "refused-1", "refused-2", "refused-3"].map(|id| (id, "failed")))
            .collect();
        is_nowhere(&all_that_is_told(&drill, &["--output", output], &steps));
        let password = |refused| {
            requests("{{ params.db_password }}", refused)
                .playbook("params: {", "params: { db_password: none,")
        };
        let steps = &steps[..2];
        is_nowhere(&all_that_is_told(&password(&[]), &["--output", output, "--param", &given], steps));
        // Known values are judged before the run.
        let refused = password(&REFUSED);
        let all = all_that_is_told(&refused, &["--output", output, "--param", &given], &[]);
        assert!(all.iter().any(|(_, text)| text.contains("must be a number: it is ***")), "{all:?}");
        is_nowhere(&all);
    }
    // The control: the same value as a parameter that is no secret.
    let word = format!("word={CANARY}");
    let plain =
        |refused| requests("{{ params.word }}", refused).playbook("params: {", "params: { word: none,");
    let all = all_that_is_told(&plain(&[]), &["--param", &word], &[]);
    let holds = |end: &str| all.iter().any(|(place, text)| place.ends_with(end) && !found(text).is_empty());
    for place in ["journal.ndjson", "report.json"] {
        assert!(holds(place), "not in {place}");
    }
    let all = all_that_is_told(&plain(&REFUSED), &["--param", &word], &[]);
    assert!(all.iter().any(|(place, text)| place == "stderr" && !found(text).is_empty()), "{all:?}");
}

/// A value of a variable that does not fit its argument is not quoted.
/// A runner that is killed leaves its journal as far as it got. A resumed run reads the secret again,
/// compares its requests with the recorded ones, and tells nothing either.
#[test]
fn a_resumed_run_tells_no_secret() {
    let drill = requests("{{ env.CANARY }}", &[]).env("CANARY", CANARY);
    let out = drill.next_out();
    let run = drill.command(&out, &[]).output().unwrap();
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    let journal = std::fs::read_to_string(out.join("journal.ndjson")).unwrap();
    let of_stack: Vec<usize> = journal
        .lines()
        .enumerate()
        .filter(|(_, line)| line.contains("\"stack\"") && !line.contains("\"event\":\"run_started\""))
        .map(|(index, _)| index + 1)
        .collect();
    let asked = journal.lines().position(|line| line.contains("CreateStack")).unwrap() + 1;
    assert!(of_stack.contains(&asked) && of_stack.len() > 3, "{of_stack:?}: {asked}");
    let mut recovered = 0;
    for keep in of_stack {
        let left = drill.next_out();
        std::fs::create_dir(&left).unwrap();
        let kept: String = journal.split_inclusive('\n').take(keep).collect();
        std::fs::write(left.join("journal.ndjson"), kept).unwrap();
        let resumed = drillmaster().arg("resume").arg(&left).env("CANARY", CANARY).output().unwrap();
        let stderr = String::from_utf8_lossy(&resumed.stderr);
        // Outputs that held a secret are on no record. The step that needs them fails, and says so.
        let are_lost = stderr.contains("the outputs of `stack` held a secret, and are on no record");
        assert_eq!(resumed.status.code(), Some(i32::from(are_lost)), "after record {keep}: {stderr}");
        recovered += usize::from(!are_lost);
        let after = std::fs::read_to_string(left.join("journal.ndjson")).unwrap();
        assert!(after.contains("\"event\":\"resumed\"") && left.join("report.json").is_file());
        is_nowhere(&written(&left, &resumed.stdout, &resumed.stderr));
    }
    assert!(recovered > 0, "no run was cut before the stack had outputs");
}

#[test]
fn what_does_not_fit_is_not_quoted() {
    let drill = Drill::of("region-loss").env("CANARY", CANARY).check(
        "- id: page\n  http: { url: 'https://x/', max_latency: '{{ env.CANARY }}' }\n- id: rows-too\n  sql: { url: 'postgres://u@h/o', query: select 1, expect: '>= {{ env.CANARY }}' }",
    );
    let out = drill.next_out();
    let run = drill.command(&out, &[]).output().unwrap();
    assert_eq!(run.status.code(), Some(1));
    let all = written(&out, &run.stdout, &run.stderr);
    is_nowhere(&all);
    assert!(
        all.iter().any(|(place, text)| place == "stderr" && text.contains("its arguments do not fit")),
        "{all:?}"
    );
}

#[test]
fn mistakes_in_a_playbook_show_no_value() {
    let drill = Drill::of("region-loss")
        .env("CANARY", CANARY)
        .check("- id: page\n  http: { url: '{{ env.CANARY }}', status: '{{ env.CANARY.x }}', nonsense: '{{ env.CANARY }}' }");
    let out = drill.next_out();
    let run = drill.command(&out, &[]).output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    is_nowhere(&written(&out, &run.stdout, &run.stderr));
    assert!(String::from_utf8_lossy(&run.stderr).contains("`env.CANARY.x` names no environment variable"));
    // The control: a value from the command line is shown.
    let run = drill.command(&out, &["--param", &format!("x={CANARY}")]).output().unwrap();
    assert!(!found(&String::from_utf8_lossy(&run.stderr)).is_empty());
}

/// The test below runs this in its own process.
#[test]
#[ignore = "it panics, for the test of panics"]
fn panics() {
    if std::env::var("HOOK").is_ok() {
        drillmaster::cli::tell_without_secrets();
    }
    assert!(base::redact::register(CANARY));
    panic!("no row for {CANARY:?} in {}", STANDARD_NO_PAD.encode(CANARY));
}

#[test]
fn a_panic_shows_no_secret() {
    let run = |hook: bool| {
        let set: &[(&str, &str)] = if hook { &[("HOOK", "1")] } else { &[] };
        alone::ignored(concat!(module_path!(), "::panics"), set)
    };
    let told = run(true);
    assert!(!told.status.success());
    is_nowhere(&written(Path::new("/nowhere"), &told.stdout, &told.stderr));
    let stderr = String::from_utf8_lossy(&told.stderr);
    assert!(stderr.contains("no row for \"***\" in ***") && stderr.contains("please report it"), "{stderr}");
    // The control: without the hook, the value appears.
    assert!(!found(&String::from_utf8_lossy(&run(false).stderr)).is_empty());
    // The program sets the hook before anything else.
    assert!(drillmaster().arg("--version").output().unwrap().status.success());
}

/// Each test runs in its own process, because a secret that is read is blotted out of all texts of
/// its process.
mod age {
    use std::cell::RefCell;
    use std::path::Path;
    use std::rc::Rc;
    use std::time::Duration;

    use base::clock::{Clock, Pace, VirtualTime};
    use engine::secrets::{Asked, Keys, Secrets};
    use event::{Body, Bus, Consumer, ConsumerError, Event};
    use port::Finding;
    use port::Place;
    use serde_json::json;
    use support::alone::alone;
    use twin::Twin;

    #[derive(Clone, Default)]
    struct Log(Rc<RefCell<Vec<Body>>>);

    impl Consumer for Log {
        fn take(&mut self, event: &Event) -> Result<(), ConsumerError> {
            self.0.borrow_mut().push(event.body.clone());
            Ok(())
        }
    }

    fn secrets(clock: &Clock, log: &Log, folder: &Path) -> Secrets {
        let bus = Bus::new(clock.clone(), 0, vec![Box::new(log.clone())]);
        let estate: estate::file::EstateFile = serde_saphyr::from_str(
            "{ accounts: { '999988887777': { name: sandbox } }, regions: { us-west-2: { azs: [usw2-az1] } } }",
        )
        .unwrap();
        let twin = Rc::new(Twin::new(estate, clock.clone(), None, engine::actions::TIMINGS));
        let place = Place { account: "999988887777".parse().unwrap(), region: "us-west-2".parse().unwrap() };
        Secrets::new(twin, clock.clone(), bus, folder.to_owned(), place, false)
    }

    fn block_on(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    /// Expired tokens are created again. A store that has been locked since does not fail the
    /// drill.
    #[test]
    fn values_are_read_again_when_they_have_grown_old() {
        let name = concat!(module_path!(), "::values_are_read_again_when_they_have_grown_old");
        alone(name, &[], || block_on(values_that_grow_old()));
    }

    async fn values_that_grow_old() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::Virtual(VirtualTime::starting_at("2026-03-01T12:00:00Z".parse().unwrap()));
        let log = Log::default();
        let secrets = secrets(&clock, &log, folder.path());
        let file = folder.path().join("token");
        let read = async || {
            let names = secrets
                .named_in(Asked {
                    value: &json!({ "a": ["{{ secret \"file:token\" }}"] }),
                    secret: Keys::All,
                })
                .await;
            names
                .map(|names| names["secret"]["file:token"].as_str().unwrap().to_owned())
                .map_err(|e| e.message)
        };
        let minutes = async |n: u64| clock.drive(Pace::Max, clock.sleep(Duration::from_secs(60 * n))).await;

        assert!(read().await.unwrap_err().contains("cannot be read"), "what was never read is missing");
        std::fs::write(&file, "first-token\n").unwrap();
        assert_eq!(read().await.as_deref(), Ok("first-token"));
        std::fs::write(&file, "second-token\n").unwrap();
        minutes(4).await;
        assert_eq!(read().await.as_deref(), Ok("first-token"));
        minutes(2).await;
        assert_eq!(read().await.as_deref(), Ok("second-token"));
        std::fs::remove_file(&file).unwrap();
        minutes(6).await;
        assert_eq!(read().await.as_deref(), Ok("second-token"));
        assert_eq!(read().await.as_deref(), Ok("second-token"));
        let findings: Vec<String> = log
            .0
            .borrow()
            .iter()
            .filter_map(|body| match body {
                Body::Finding(Finding { rule, resource, .. }) => Some(format!("{rule} {resource}")),
                _ => None,
            })
            .collect();
        assert_eq!(findings, ["secret-not-read-again secret \"file:token\""], "told once");
        assert_eq!(base::redact::text("first-token, second-token"), "***, ***");
    }

    /// A variable is secret in places where secrets may stand, and configuration elsewhere.
    #[test]
    fn variables_of_other_arguments_are_shown() {
        let name = concat!(module_path!(), "::variables_of_other_arguments_are_shown");
        let set = [("SHOWN_AND_HIDDEN", SHOWN), ("HIDDEN", HIDDEN)];
        alone(name, &set, || block_on(variables_of_two_arguments()));
    }

    const SHOWN: &str = "shown-until-it-is-a-secret";
    const HIDDEN: &str = "hidden-from-the-beginning";

    async fn variables_of_two_arguments() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::real();
        let secrets = secrets(&clock, &Log::default(), folder.path());
        let args = json!({ "snapshot": "{{ env.SHOWN_AND_HIDDEN }}", "env": { "A": "{{ env.HIDDEN }}" } });
        let names = secrets.named_in(Asked { value: &args, secret: Keys::These(&["env"]) }).await.unwrap();
        assert_eq!(names["env"]["SHOWN_AND_HIDDEN"], SHOWN);
        assert_eq!(base::redact::text(SHOWN), SHOWN);
        assert_eq!(base::redact::text(HIDDEN), "***");
        secrets.named_in(Asked { value: &args, secret: Keys::All }).await.unwrap();
        assert_eq!(base::redact::text(SHOWN), "***");
    }

    /// A command that waits for keyboard input does not delay the drill and leaves no process
    /// running.
    #[tokio::test]
    async fn a_command_that_hangs_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::Virtual(VirtualTime::starting_at("2026-03-01T12:00:00Z".parse().unwrap()));
        let secrets = secrets(&clock, &Log::default(), folder.path());
        let named = json!("{{ secret \"command:sleep 3600\" }}");
        // Virtual time passes at once, because only the command is under way.
        let ended =
            clock.drive(Pace::Max, secrets.named_in(Asked { value: &named, secret: Keys::All })).await;
        assert!(ended.unwrap_err().message.contains("did not come within 30 s"));
    }
}
