//! Drills that really run commands and use the network. The engine is that of `run --on aws`, and
//! the cloud is the twin's.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use base::clock::Clock;
use base::duration::Time;
use base::ids::{AccountId, RunId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checks::{Net, Observation};
use drillmaster::ui::{TextStyle, lines::Lines, ndjson::Ndjson, summary};
use engine::actions::CATALOGUE;
use engine::actions::context::{Answer, Person};
use engine::plan::{Input, Plan};
use engine::run::{Config, Engine, Memory, ProbeLog, Prober};
use engine::secrets::Secrets;
use estate::Resource;
use estate::point::Sample;
use event::{Bus, Consumer, Inputs};
use futures_util::future::LocalBoxFuture;
use playbook::check::CheckKind;
use playbook::load;
use port::Protected;
use port::{
    ApiCalls, BucketRef, CallerIdentity, Cloud, CloudResult, CopiedObjects, CopyObjects, CopyPoint, Create,
    Created, Exposure, Kind, LiveQuery, LossGate, MeasuredObjects, Needs, Observed, Offers, Origin, Permit,
    Place, PointQuery, Preflight, ProbeAnswer, Progress, Remains, ResourceRef, SeenPoints, StartRestore,
    Started, TableLook, TableSeen, Tagged, VerifiedObjects, VerifyObjects, Whose, Wishes, Zone,
};
use record::journal::{Durability, Journal};
use record::objectives::{self, Record, record::Recorder};
use record::report::{Templates, write_all};
use serde_json::Value;
use twin::Twin;

use support::alone;
use support::canary::{CANARY, CORE, found, hex, is_nowhere, written};

/// The twin, except that it does not simulate checks and commands.
struct Real(Twin);

#[async_trait(?Send)]
impl Cloud for Real {
    async fn identity(&self, account: &AccountId) -> CloudResult<CallerIdentity> {
        self.0.identity(account).await
    }
    fn credentials_generation(&self, account: &AccountId) -> u64 {
        self.0.credentials_generation(account)
    }
    async fn zones(&self, place: &Place) -> CloudResult<Vec<Zone>> {
        self.0.zones(place).await
    }
    async fn offers(&self, place: &Place, wishes: &Wishes) -> CloudResult<Offers> {
        self.0.offers(place, wishes).await
    }
    async fn recovery_points(&self, place: &Place, query: &PointQuery) -> CloudResult<SeenPoints> {
        self.0.recovery_points(place, query).await
    }
    async fn started(
        &self,
        place: &Place,
        run: &RunId,
        start: &StartRestore,
        known: &[String],
    ) -> CloudResult<Started> {
        self.0.started(place, run, start, known).await
    }

    async fn resources(&self, place: &Place, query: &LiveQuery) -> CloudResult<Vec<Resource>> {
        self.0.resources(place, query).await
    }
    async fn create(&self, permit: &Permit, by: &Origin, what: &Create) -> CloudResult<Created> {
        self.0.create(permit, by, what).await
    }
    async fn observe(&self, place: &Place, kind: Kind, ids: &[String]) -> CloudResult<Vec<Observed>> {
        self.0.observe(place, kind, ids).await
    }
    async fn delete(
        &self,
        permit: &Permit,
        by: &Origin,
        what: &ResourceRef,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<()> {
        self.0.delete(permit, by, what, progress).await
    }
    async fn tagged(&self, place: &Place, whose: &Whose) -> CloudResult<Tagged> {
        self.0.tagged(place, whose).await
    }
    async fn remains(&self, stack: &ResourceRef) -> CloudResult<Vec<Remains>> {
        self.0.remains(stack).await
    }
    async fn copy_jobs(&self, copy: &CopyPoint) -> CloudResult<Vec<ResourceRef>> {
        self.0.copy_jobs(copy).await
    }
    async fn exposures(&self, scan: &port::IsolationScan) -> CloudResult<Vec<Exposure>> {
        self.0.exposures(scan).await
    }
    async fn invoke(
        &self,
        permit: &Permit,
        by: &Origin,
        function: &str,
        payload: Vec<u8>,
        limit: std::time::Duration,
    ) -> CloudResult<port::Invoked> {
        self.0.invoke(permit, by, function, payload, limit).await
    }
    async fn copy_objects(
        &self,
        permit: &Permit,
        by: &Origin,
        copy: &CopyObjects,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<CopiedObjects> {
        self.0.copy_objects(permit, by, copy, progress).await
    }
    async fn verify_objects(
        &self,
        by: &Origin,
        verify: &VerifyObjects,
        progress: &dyn Fn(Progress),
    ) -> CloudResult<VerifiedObjects> {
        self.0.verify_objects(by, verify, progress).await
    }
    async fn measure_objects(&self, bucket: &BucketRef, prefix: &str) -> CloudResult<MeasuredObjects> {
        self.0.measure_objects(bucket, prefix).await
    }
    async fn measure_object(&self, bucket: &BucketRef, key: &str) -> CloudResult<MeasuredObjects> {
        self.0.measure_object(bucket, key).await
    }
    async fn sample_objects(&self, bucket: &BucketRef) -> CloudResult<Option<Sample>> {
        self.0.sample_objects(bucket).await
    }
    async fn lookups(&self, of: &port::LookupsOf<'_>) -> CloudResult<Option<Vec<port::NameSeen>>> {
        self.0.lookups(of).await
    }
    async fn look_at_table(&self, place: &Place, look: &TableLook) -> CloudResult<TableSeen> {
        self.0.look_at_table(place, look).await
    }
    async fn preflight(&self, place: &Place, needs: &Needs) -> CloudResult<Preflight> {
        self.0.preflight(place, needs).await
    }
    /// Most secrets in Secrets Manager are JSON objects, and so are these.
    async fn secret(&self, place: &Place, id: &str) -> CloudResult<String> {
        assert_eq!((place.region.as_str(), id), ("us-west-2", "prod/db"));
        Ok(serde_json::json!({ "username": "joe", "password": CANARY }).to_string())
    }
    fn api_calls(&self) -> ApiCalls {
        self.0.api_calls()
    }
    fn tells_changes(&self) -> bool {
        self.0.tells_changes()
    }
    fn least_pitr_lag(&self) -> Duration {
        self.0.least_pitr_lag()
    }
    fn declare(&self, t0: Time) {
        self.0.declare(t0);
    }
    fn probe(&self, _check: &str, _ready_at: Time) -> Option<ProbeAnswer> {
        None
    }
    fn rehearsed(&self, _origin: &Origin, _action: &str) -> Option<CloudResult<Duration>> {
        None
    }
}

struct Network(Net);

#[async_trait(?Send)]
impl Prober for Network {
    async fn probe(&self, kind: &CheckKind) -> Observation {
        checks::probe(kind, &self.0).await
    }

    fn question(&self, _: &CheckKind) -> Option<Result<Vec<u8>, Observation>> {
        None
    }

    fn greeting(&self) -> Result<Vec<u8>, Observation> {
        Err(Observation::unknown("not asked", "there is no probe"))
    }

    fn name(&self, _: &str) -> Result<Vec<u8>, Observation> {
        Err(Observation::unknown("not asked", "there is no probe"))
    }

    fn answer(&self, _: &[u8]) -> Result<Observation, String> {
        Err("there is no probe".into())
    }
}

struct Nobody;

impl Person for Nobody {
    fn confirm(&self, _: &str, _: &str) -> Option<LocalBoxFuture<'static, Result<Answer, String>>> {
        None
    }
}

/// The drill that the tests below run in its own process. They search everything that it writes.
#[test]
#[ignore = "it is the drill that other tests run"]
fn a_drill() {
    let folder = PathBuf::from(std::env::var_os("DRILL").unwrap());
    let loaded =
        load(&folder.join("playbook.yaml"), CATALOGUE, &[]).unwrap_or_else(|e| panic!("{}", e.render(false)));
    eprint!("{}", loaded.diagnostics.render(false));
    let plan = Plan::new(Input::from(loaded)).unwrap();
    let out = folder.join("out");
    let record = Rc::new(RefCell::new(Record::default()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    runtime.block_on(local.run_until(async {
        let clock = Clock::real();
        let display: Box<dyn Consumer> = if std::env::var_os("JSON").is_some() {
            Box::new(Ndjson::new(std::io::stdout()))
        } else {
            Box::new(Lines::new(std::io::stderr(), TextStyle { color: false, unicode: true }))
        };
        let journal = Journal::create(&out, Durability::Buffered).unwrap();
        let bus = Bus::new(
            clock.clone(),
            0,
            vec![Box::new(journal), display, Box::new(Recorder(Rc::clone(&record)))],
        );
        let cloud: Rc<dyn Cloud> = Rc::new(Real(Twin::new(
            plan.estate.clone().unwrap(),
            clock.clone(),
            None,
            engine::actions::TIMINGS,
        )));
        let sandbox = Place { account: plan.sandbox_account.clone(), region: plan.sandbox.region.clone() };
        let secrets = Secrets::new(
            Rc::clone(&cloud),
            clock.clone(),
            Rc::clone(&bus),
            plan.files.folder().to_owned(),
            sandbox,
            false,
        );
        let config = Config {
            on: base::on::On::Aws,
            run: RunId("20260101T000000Z-canary-0000abcd".into()),
            jobs: 8,
            keep_sandbox: false,
            wait_network: true,
            probe_sha256: String::new(),
            patience: Duration::from_secs(60),
            seed: None,
            jitter: false,
            abort: false,
            inputs: Inputs::default(),
            protected: Protected::default(),
            forecast: None,
            past: Vec::new(),
            grants: std::collections::BTreeMap::new(),
        };
        let engine = Engine {
            gate: Arc::new(LossGate::new(plan.loss.clone())),
            prober: Rc::new(Network(Net::new(Vec::new(), folder.clone()))),
            addresses: Rc::new(plan.addresses(&[])),
            person: Rc::new(Nobody),
            interrupt: tokio_util::sync::CancellationToken::new(),
            plan,
            cloud,
            clock,
            bus,
            config,
            secrets,
            memory: Memory::default(),
            probe_log: ProbeLog::default(),
        };
        engine.run().await;
    }));
    let report = objectives::report(&record.borrow()).unwrap();
    write_all(&report, &out, &Templates::built_in().unwrap()).unwrap();
    summary::write(
        &mut std::io::stdout(),
        &report,
        &[],
        TextStyle { color: false, unicode: true },
        summary::COLUMNS,
    )
    .unwrap();
}

/// Answers every connection on its own thread, and keeps what it received.
struct Server {
    port: u16,
    told: Arc<Mutex<String>>,
}

impl Server {
    fn start(answer: impl Fn(&mut TcpStream) -> std::io::Result<String> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&told);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                if let Ok(heard) = answer(&mut stream) {
                    kept.lock().unwrap().push_str(&heard);
                }
            }
        });
        Self { port, told }
    }

    /// An HTTP server that sends back what it received, in every form in which a page could.
    fn http() -> Self {
        Self::start(|stream| {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let line = |name: &str| head.lines().find_map(|l| l.strip_prefix(name)).unwrap_or("").to_owned();
            let key = line("x-key: ");
            let html =
                key.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
            let body = format!(
                "{key}\n{html}\n{}\n{}\n{}\n{head}",
                STANDARD.encode(format!("joe:{key}")),
                serde_json::to_string(&key).unwrap(),
                hex(&key),
            );
            let target = head.split(' ').nth(1).unwrap_or("/").to_owned();
            // Each path starts with another form, because only the beginning of an answer is shown.
            let shown =
                target.trim_start_matches('/').split('?').next().unwrap_or("").parse().unwrap_or(0_usize);
            let status = if target.contains("token") { "302 Found" } else { "500 Sorry" };
            let body: String = body.lines().skip(shown).collect::<Vec<_>>().join("\n");
            write!(
                stream,
                "HTTP/1.1 {status}\r\nlocation: {target}\r\nx-echo: {key}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            )?;
            Ok(head)
        })
    }

    /// Speaks PostgreSQL's protocol up to its refusal, which quotes the password.
    fn postgres() -> Self {
        fn packet(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            let mut rest = vec![0; (u32::from_be_bytes(length) as usize).saturating_sub(4)];
            stream.read_exact(&mut rest)?;
            Ok(rest)
        }
        Self::start(|stream| {
            packet(stream)?;
            stream.write_all(&[b'R', 0, 0, 0, 8, 0, 0, 0, 3])?;
            let mut kind = [0];
            stream.read_exact(&mut kind)?;
            let password = packet(stream)?;
            let password = String::from_utf8_lossy(&password).trim_end_matches('\0').to_owned();
            let fields = format!("SFATAL\0C28P01\0Mpassword {password} is wrong\0\0");
            stream.write_all(b"E")?;
            stream.write_all(&(u32::try_from(fields.len()).unwrap() + 4).to_be_bytes())?;
            stream.write_all(fields.as_bytes())?;
            Ok(password)
        })
    }

    fn heard(&self) -> String {
        self.told.lock().unwrap().clone()
    }
}

const ESTATE: &str = "
accounts: { \"111122223333\": { name: production }, \"999988887777\": { name: sandbox } }
regions:
  us-east-1: { azs: [use1-az1, use1-az2] }
  us-west-2: { azs: [usw2-az1, usw2-az2] }
resources:
  - { id: \"rds:db/orders\", account: \"111122223333\", region: us-east-1, az: use1-az1, size: 1GiB }
";

const HEAD: &str = "
name: canary
estate: estate.yaml
lose: { region: us-east-1 }
accounts: { production: { id: \"111122223333\" }, sandbox: { id: \"999988887777\" } }
sandbox: { account: sandbox, region: us-west-2, network: { cidr: 10.66.0.0/16, azs: 2 }, ttl: 1h }
workloads: { orders: { resources: [\"rds:db/orders\"] } }
";

/// `SECRET` is the expression for the canary. `ENCODED` is the same expression, encoded for a URL.
const DRILL: &str = r#"
steps:
  - id: tell
    uses: command.run
    with: { run: [sh, -c, 'printf %s "$PASSWORD"; echo "$PASSWORD" >&2'], env: { PASSWORD: '{{ SECRET }}' } }
  - id: flows-on
    uses: command.run
    with:
      run: [sh, -c, 'test "$GIVEN" = "$(cat canary)" && echo the same']
      env: { GIVEN: '{{ steps.tell.stdout }}' }
  - id: encoded
    uses: command.run
    with: { run: [sh, -c, 'printf "joe:%s" "$PASSWORD" | base64 -w0; printf %s "$PASSWORD" | od -An -tx1 | tr -d " \n"'], env: { PASSWORD: '{{ SECRET }}' } }
  - id: long
    uses: command.run
    with: { run: [sh, -c, 'head -c 65530 /dev/zero | tr "\0" .; printf %s "$PASSWORD"'], env: { PASSWORD: '{{ SECRET }}' } }
  - id: fails
    uses: command.run
    continue_on_error: true
    retry: { attempts: 2, backoff: 10ms }
    with: { run: [sh, -c, 'echo "no sign-in with $PASSWORD" >&2; head -c 280 /dev/zero | tr "\0" . >&2; exit 3'], env: { PASSWORD: '{{ SECRET }}' } }
  - id: no-such-program
    uses: command.run
    continue_on_error: true
    with: { run: ['./{{ SECRET }}'] }
checks:
  - id: page
    workload: orders
    http: { url: 'http://127.0.0.1:HTTP/0', headers: { x-key: '{{ SECRET }}' } }
    within: 10s
  - id: html
    http: { url: 'http://127.0.0.1:HTTP/1', headers: { x-key: '{{ SECRET }}' } }
    within: 10s
  - id: base64
    http: { url: 'http://127.0.0.1:HTTP/2', headers: { x-key: '{{ SECRET }}' } }
    within: 10s
  - id: json
    http: { url: 'http://127.0.0.1:HTTP/3', headers: { x-key: '{{ SECRET }}' }, status: 500, expect_body: = nothing }
    within: 10s
  - id: hex
    http: { url: 'http://127.0.0.1:HTTP/4', headers: { x-key: '{{ SECRET }}' }, status: 500, expect_header: { x-echo: = nothing } }
    within: 10s
  - id: query
    http: { url: 'http://127.0.0.1:HTTP/5?token={{ ENCODED }}' }
    within: 10s
  - id: login
    http: { url: 'http://joe:{{ LOGIN }}@127.0.0.1:HTTP/0' }
    within: 10s
  - id: no-url
    http: { url: 'http://{{ SECRET }}/' }
    within: 10s
  - id: rows
    sql: { url: 'postgres://joe:{{ LOGIN }}@127.0.0.1:SQL/orders', query: select 1 }
    within: 10s
  - id: says
    command: { run: [sh, -c, 'echo "it is $TEXT"'], env: { TEXT: '{{ SECRET }}' } }
    within: 10s
  - id: complains
    command: { run: [sh, -c, 'echo "it is not $TEXT" >&2; exit 1'], env: { TEXT: '{{ SECRET }}' } }
    within: 10s
  - id: differs
    command: { run: [echo, other], expect: '= {{ SECRET }}' }
    within: 10s
  - id: in-two
    command: { run: [sh, -c, 'head -c 175 /dev/zero | tr "\0" .; echo "$TEXT"'], env: { TEXT: '{{ SECRET }}' } }
    within: 10s
"#;

struct Ran {
    _folder: tempfile::TempDir,
    out: PathBuf,
    output: Output,
    all: Vec<(String, String)>,
}

impl Ran {
    fn journal(&self) -> Vec<Value> {
        support::drill::journal(&self.out)
    }

    #[track_caller]
    fn event(&self, name: &str, key: &str, id: &str) -> Value {
        let found = self.journal().into_iter().find(|e| e["event"] == name && e[key] == id);
        found
            .unwrap_or_else(|| panic!("no {name} of {id}:\n{}", String::from_utf8_lossy(&self.output.stderr)))
    }
}

fn run(playbook: &str, prepare: impl FnOnce(&Path), set: &[(&str, &str)]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    // A workload must have a check.
    let check = "checks: [{ id: there, workload: orders, command: { run: [\"true\"] } }]\n";
    let check = if playbook.contains("checks:") { "" } else { check };
    std::fs::write(folder.path().join("playbook.yaml"), format!("{HEAD}{playbook}{check}")).unwrap();
    std::fs::write(folder.path().join("estate.yaml"), ESTATE).unwrap();
    prepare(folder.path());
    let path = std::env::var("PATH").unwrap();
    let own = [("PATH", path.as_str()), ("DRILL", folder.path().to_str().unwrap())];
    let output = alone::ignored(concat!(module_path!(), "::a_drill"), &[&own, set].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let out = folder.path().join("out");
    let all = written(&out, &output.stdout, &output.stderr);
    Ran { _folder: folder, out, output, all }
}

/// Runs the drill with the canary in `expression`. Also returns what the servers received.
fn drill_with(
    expression: &str,
    params: &str,
    encoded: &str,
    login: &str,
    set: &[(&str, &str)],
) -> (Ran, String, String) {
    let (http, postgres) = (Server::http(), Server::postgres());
    let playbook = DRILL
        .replace("SECRET", expression)
        .replace("ENCODED", encoded)
        .replace("LOGIN", login)
        .replace("HTTP", &http.port.to_string())
        .replace(":SQL/", &format!(":{}/", postgres.port));
    let ran = run(
        &format!("{params}{playbook}"),
        |folder| std::fs::write(folder.join("canary"), CANARY).unwrap(),
        set,
    );
    (ran, http.heard(), postgres.heard())
}

const SOURCES: [&str; 4] = [
    "env.CANARY",
    "secret \"file:canary\"",
    "secret \"command:sh -c ''cat canary; echo''\"",
    "secret \"aws:prod/db#password\"",
];

#[test]
fn the_canary_appears_nowhere() {
    // The drills run in parallel, because the removal of their sandboxes takes most of the time.
    std::thread::scope(|scope| {
        for source in SOURCES {
            for json in [false, true] {
                scope.spawn(move || the_canary_of(source, json));
            }
        }
    });
}

fn the_canary_of(source: &str, json: bool) {
    let set: &[(&str, &str)] =
        if json { &[("CANARY", CANARY), ("JSON", "1")] } else { &[("CANARY", CANARY)] };
    let (ran, http, postgres) = drill_with(source, "", source, source, set);
    assert_eq!(ran.all.len(), 2 + 5, "{:?}", ran.all.iter().map(|(place, _)| place).collect::<Vec<_>>());
    is_nowhere(&ran.all);
    // The intended receivers got the whole secret.
    assert!(http.contains(&format!("x-key: {CANARY}\r\n")), "{http}");
    assert!(http.contains(&format!("Basic {}", STANDARD.encode(format!("joe:{CANARY}")))), "{http}");
    assert!(http.contains("?token=Zq7CanaryKx9%40%2F%22%3C%26%3E%27%2B%25%20%3B "), "{http}");
    assert!(postgres.contains(CANARY), "{postgres}");
    // The next step got the value from memory. The record says that it does not hold the value.
    let told = ran.event("step_succeeded", "step", "tell");
    assert_eq!((&told["outputs"]["stdout"], &told["redacted"]), (&"***".into(), &true.into()));
    let flowed = ran.event("step_succeeded", "step", "flows-on");
    assert_eq!((&flowed["outputs"]["stdout"], &flowed["redacted"]), (&"the same".into(), &Value::Null));
    for (event, key, id, text) in [
        ("step_failed", "step", "fails", "because"),
        ("step_failed", "step", "no-such-program", "because"),
        ("check_unhealthy", "check", "page", "because"),
        ("check_unhealthy", "check", "rows", "because"),
        ("check_unhealthy", "check", "complains", "because"),
        ("check_unhealthy", "check", "differs", "because"),
        ("check_healthy", "check", "says", "observed"),
    ] {
        let event = ran.event(event, key, id);
        assert!(event[text].as_str().unwrap().contains("***"), "{event}");
    }
}

/// The same value as a parameter, which is no secret. The search finds it in every place where the
/// tests above must not find it.
#[test]
fn what_is_no_secret_is_found_in_all_these_places() {
    let params = format!("params: {{ canary: '{}' }}\n", CANARY.replace('\'', "''"));
    for json in [true, false] {
        let set: &[(&str, &str)] = if json { &[("JSON", "1")] } else { &[] };
        // A password for a database is a secret wherever it comes from, so that field gets another
        // value.
        let (ran, ..) = drill_with("params.canary", &params, "urlencode params.canary", "run.id", set);
        let all: Vec<&str> = ran
            .all
            .iter()
            .filter(|(_, text)| !found(text).is_empty())
            .map(|(place, _)| place.as_str())
            .collect();
        assert_eq!(all.len(), ran.all.len() - usize::from(json), "{all:?}");
        let events = ran.journal();
        let told = |event: &str, key: &str, id: &str| {
            let with = |e: &&Value| e["event"] == event && e[key] == id && !found(&e.to_string()).is_empty();
            assert!(events.iter().any(|e| with(&e)), "{event} of {id} does not hold {CORE}");
        };
        for step in ["tell", "encoded", "long"] {
            told("step_succeeded", "step", step);
        }
        told("step_retry", "step", "fails");
        told("step_failed", "step", "fails");
        told("step_failed", "step", "no-such-program");
        for check in ["page", "html", "json", "query", "complains", "differs"] {
            told("check_unhealthy", "check", check);
        }
        told("check_healthy", "check", "says");
        told("check_healthy", "check", "in-two");
    }
}

/// All missing secrets are reported at once, before anything is created.
#[test]
fn missing_secrets_end_the_drill_before_it_begins() {
    let playbook = r#"
steps:
  - id: a
    uses: command.run
    with:
      run: [echo]
      env:
        A: '{{ env.NOT_SET }}'
        B: '{{ secret "file:nowhere" }}'
        C: '{{ secret "file:empty" }}'
        D: '{{ secret "file:bytes" }}'
        E: '{{ secret "file:/dev/zero" }}'
        F: '{{ secret "command:sh -c ''cat canary; cat canary >&2; exit 4''" }}'
        G: '{{ secret "command:no-such-program" }}'
        H: '{{ secret "aws:prod/db#passwd" }}'
        I: '{{ secret "aws:prod/db" }}'
"#;
    let ran = run(
        playbook,
        |folder| {
            std::fs::write(folder.join("empty"), "\n").unwrap();
            std::fs::write(folder.join("bytes"), [0xff, 0xfe]).unwrap();
            std::fs::write(folder.join("canary"), CANARY).unwrap();
        },
        &[],
    );
    is_nowhere(&ran.all);
    let aborted = ran.journal().into_iter().find(|e| e["event"] == "aborted").unwrap();
    let error = aborted["error"].as_str().unwrap();
    for part in [
        "the environment variable NOT_SET is not set",
        "secret \"file:nowhere\" cannot be read",
        "secret \"file:empty\" is empty",
        "secret \"file:bytes\" is not UTF-8",
        "secret \"file:/dev/zero\" is longer than 16 KiB",
        "exit 4\": the command ended with exit status: 4",
        "secret \"command:no-such-program\": cannot run `no-such-program`",
        "secret \"aws:prod/db#passwd\" has no key `passwd`",
    ] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
    assert_eq!(aborted["help"], "export NOT_SET, or correct its name");
    let names: Vec<String> = ran.journal().iter().map(|e| e["event"].as_str().unwrap().to_owned()).collect();
    assert!(
        !names.iter().any(|n| n == "intent" || n == "disaster_declared" || n == "step_started"),
        "{names:?}"
    );
    let report: Value = serde_json::from_slice(&std::fs::read(ran.out.join("report.json")).unwrap()).unwrap();
    assert_eq!(report["exit_code"], 3);
}

/// Values are read unchanged, except for the line ends that editors and `echo` add.
#[test]
fn line_ends_at_the_end_are_taken_off() {
    let playbook = r#"
steps:
  - id: a
    uses: command.run
    with:
      run: [sh, -c, 'printf "%s|%s|%s" "$A" "$B" "$C" | wc -c']
      env: { A: '{{ secret "file:one" }}', B: '{{ secret "file:two" }}', C: '{{ secret "command:printf \"%s\" abcd-efgh" }}' }
"#;
    let ran = run(
        &playbook.replace("printf \\\"%s\\\" abcd-efgh", "printf %s abcd-efgh"),
        |folder| {
            std::fs::write(folder.join("one"), "12345\r\n").unwrap();
            std::fs::write(folder.join("two"), " 1234\n\n").unwrap();
        },
        &[],
    );
    // The values have 5, 5 (with a blank before) and 9 characters, and there are two bars.
    assert_eq!(ran.event("step_succeeded", "step", "a")["outputs"]["stdout"], "21");
}
