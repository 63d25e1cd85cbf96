//! The page of `drillmaster serve`, over real sockets.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;

use support::drill::{Drill, told};
use support::serving::{Serving, recorded, run_of};

const HOSTILE: &str = "<script>alert(1)</script>\"'&{{csrf}}";

/// A server, and where its page is.
struct Page {
    serving: Serving,
    drill: Drill,
    at: String,
    run: String,
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// A drill that waits for a person.
fn page(args: &[&str], env: &[(&str, &str)]) -> Page {
    let keys = "\nschedule: yearly\ncontrols: [SOC2-A1.3]\n\nworkloads:";
    // At this pace a busy machine takes hours.
    let drill =
        Drill::good().playbook("rto: 45m, rpo: 3h", "rto: 40h, rpo: 3h").playbook("ttl: 4h", "ttl: 48h");
    let drill = drill.playbook("\nworkloads:", keys).step(&format!(
        "- {{ id: ask, uses: manual.task, workload: orders, timeout: 9000h, with: {{ instructions: {} }} }}",
        serde_json::to_string("<script>alert(1)</script> \"quoted\" & 'so'").unwrap()
    ));
    let args = [args, &["--", "--ask-people", "--pace", "1000"]].concat();
    let mut serving = Serving::with(&drill, &args, env);
    let at = serving.page();
    let run = run_of(&serving.until("starts"));
    recorded(&drill, &run, "task_asked");
    Page { serving, drill, at, run }
}

impl Page {
    fn ask(&self, request: &str, headers: &[&str], body: &str) -> Answer {
        let mut socket = TcpStream::connect(&self.at).unwrap();
        let host = headers.iter().any(|header| header.starts_with("Host:"));
        let host = if host { String::new() } else { format!("Host: {}\r\n", self.at) };
        let headers: String = headers.join("\r\n") + if headers.is_empty() { "" } else { "\r\n" };
        let length = body.len();
        let text = format!(
            "{request} HTTP/1.1\r\n{host}{headers}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        socket.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], "")
    }

    fn csrf(&self, headers: &[&str]) -> String {
        let page = self.ask("GET /", headers, "").body;
        let (_, rest) =
            page.split_once("name=\"csrf\" value=\"").unwrap_or_else(|| panic!("no form: {page}"));
        rest.split('"').next().unwrap().to_owned()
    }

    fn step(&self) -> String {
        format!("POST /runs/{}/steps/ask", self.run)
    }

    fn approvals(&self) -> PathBuf {
        self.drill.folder().join("runs").join(&self.run).join("approvals")
    }
}

fn encoded(text: &str) -> String {
    let hex: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("%{}", hex.join("%"))
}

#[test]
fn a_task_is_confirmed_on_the_page_and_names_stay_names() {
    let mut page = page(&[], &[]);
    let home = page.get("/");
    assert_eq!(home.status, 200);
    for header in [
        "content-security-policy: default-src 'none'; style-src 'self'; script-src 'self'",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
        "x-frame-options: deny",
    ] {
        assert!(home.head.contains(header), "{header} is missing:\n{}", home.head);
    }
    assert!(!home.body.contains("<script") && home.body.contains("&lt;script&gt;alert(1)"), "{}", home.body);
    assert!(home.body.contains(&format!("/runs/{}", page.run)), "what runs is listed");
    assert!(
        home.body.contains("OVERDUE") && home.body.contains("Findings") && home.body.contains("RTO and RPO")
    );
    let running = page.get(&format!("/runs/{}", page.run)).body;
    assert!(running.contains("data-events") && running.contains("waits for a person"), "{running}");
    let form =
        format!("csrf={}&by={}&note={}&answer=done", page.csrf(&[]), encoded(HOSTILE), encoded(HOSTILE));
    let answer = page.ask(&page.step(), &["Sec-Fetch-Site: same-origin"], &form);
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(
        answer.head.contains(&format!("location: /runs/{}", page.run.to_ascii_lowercase())),
        "{}",
        answer.head
    );
    page.serving.until("ended with exit code 0");
    // The events end with the run. Nothing in them is markup, because each is JSON that a script puts
    // in as text.
    let events = page.get(&format!("/runs/{}/events", page.run));
    assert!(events.head.contains("content-type: text/event-stream"), "{}", events.head);
    assert!(events.body.contains("event: asked") && events.body.contains("event: ended"), "{}", events.body);
    let ended = page.get(&format!("/runs/{}", page.run)).body;
    assert!(ended.contains(&format!("/runs/{}/report", page.run)), "{ended}");
    let report = page.get(&format!("/runs/{}/report", page.run));
    assert!(report.head.contains("sandbox") && report.head.contains("default-src 'none'"), "{}", report.head);
    assert!(!report.body.contains("<script") && report.body.contains("confirmed by &lt;script&gt;"));
    let home = page.get("/").body;
    assert!(home.contains("PASSED") && !home.contains("waits for a person"), "{home}");
    assert!(home.contains("aria-label=\"RTO of orders in one run: "), "{home}");
    // A rehearsal shows no clause.
    let controls = page.get("/controls").body;
    for words in ["0 of 1 clause shown", "SOC2-A1.3", "NOT SHOWN", &format!("href=\"/runs/{}\"", page.run)] {
        assert!(controls.contains(words), "{words}: {controls}");
    }
}

#[test]
fn metrics_tell_what_the_store_tells() {
    let mut page = page(&[], &[]);
    let sample = |metrics: &str, start: &str| {
        let found: Vec<String> =
            metrics.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect();
        found
    };
    let own = "{playbook=\"orders-region-loss\",on=\"twin\",simulated=\"true\"";
    // Nothing has ended.
    let before = page.get("/metrics");
    assert_eq!((before.status, sample(&before.body, "drillmaster_drill_info").len()), (200, 0));
    assert!(
        before.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{}",
        before.head
    );
    assert_eq!(
        sample(&before.body, "drillmaster_drill_overdue"),
        [format!("drillmaster_drill_overdue{own}}} 1")]
    );
    assert_eq!(sample(&before.body, "drillmaster_drill_last_passed"), [""; 0]);
    assert_eq!(sample(&before.body, "drillmaster_store_unread_runs"), ["drillmaster_store_unread_runs 0"]);
    let form = format!("csrf={}&by=Ada&note=&answer=done", page.csrf(&[]));
    assert_eq!(page.ask(&page.step(), &["Sec-Fetch-Site: same-origin"], &form).status, 303);
    page.serving.until("ended with exit code 0");
    // At this pace the run's own clock is ahead, and a run of the future proves nothing yet.
    let in_time = format!("drillmaster_drill_overdue{own}}} 0");
    let began = std::time::Instant::now();
    let after = loop {
        let metrics = page.get("/metrics").body;
        if metrics.contains(&in_time) {
            break metrics;
        }
        assert!(began.elapsed().as_secs() < 120, "{metrics}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    let run = sample(&after, "drillmaster_drill_info");
    assert!(run.len() == 1 && run[0].contains(&page.run), "{after}");
    assert_eq!(sample(&after, "drillmaster_drill_last_passed").len(), 1);
    let open = sample(&after, "drillmaster_open_findings{");
    assert_eq!(open.len(), 3);
    assert_eq!(open[0], format!("drillmaster_open_findings{own},severity=\"high\"}} 0"));
    assert!(!open[1].ends_with("} 0"), "{open:?}");
    let journal = page.drill.folder().join("runs").join(&page.run).join("journal.ndjson");
    let text = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, text.replacen("orders", "ordres", 1)).unwrap();
    let damaged = page.get("/metrics").body;
    assert_eq!(sample(&damaged, "drillmaster_store_unread_runs"), ["drillmaster_store_unread_runs 1"]);
    assert_eq!(sample(&damaged, "drillmaster_drill_info").len(), 0, "{damaged}");
    assert_eq!(
        sample(&damaged, "drillmaster_drill_overdue"),
        [format!("drillmaster_drill_overdue{own}}} 1")]
    );
}

#[test]
fn what_does_not_come_from_the_page_changes_nothing() {
    let page = page(&[], &[]);
    let csrf = page.csrf(&[]);
    let form = |csrf: &str| format!("csrf={csrf}&by=Eve&note=&answer=done");
    let here = format!("Origin: http://{}", page.at);
    for (headers, body) in [
        // A form of another page, in a browser.
        (vec!["Sec-Fetch-Site: cross-site", here.as_str()], form(&csrf)),
        (vec!["Sec-Fetch-Site: same-site", here.as_str()], form(&csrf)),
        (vec!["Sec-Fetch-Site: none"], form(&csrf)),
        // One of an older browser, or of no browser.
        (vec!["Origin: http://evil.example"], form(&csrf)),
        (vec!["Origin: null"], form(&csrf)),
        (vec![], form(&csrf)),
        // A page that guesses.
        (vec!["Sec-Fetch-Site: same-origin"], form("")),
        (vec!["Sec-Fetch-Site: same-origin"], form(&"0".repeat(csrf.len()))),
    ] {
        let answer = page.ask(&page.step(), &headers, &body);
        assert_eq!(answer.status, 403, "{headers:?} {body}: {}", answer.body);
    }
    // A name that leads here from elsewhere.
    for host in ["evil.example", "evil.example:8411", "127.0.0.1", "", "localhost.evil.example"] {
        let answer = page.ask("GET /", &[&format!("Host: {host}")], "");
        assert!(answer.status == 421 && !answer.body.contains("csrf"), "{host}: {}", answer.body);
    }
    // What the form cannot say.
    let same = ["Sec-Fetch-Site: same-origin"];
    for (request, body, status) in [
        (page.step(), format!("csrf={csrf}&by=%20&note=&answer=done"), 409),
        (page.step(), format!("csrf={csrf}&by=Ada&note=&answer=maybe"), 400),
        (page.step(), "by=Ada".to_owned(), 422),
        (page.step(), "x".repeat(100_000), 413),
        (format!("POST /runs/{}/steps/db", page.run), form(&csrf), 409),
        (format!("POST /runs/{}/steps/..%2f..%2fx", page.run), form(&csrf), 409),
        ("POST /runs/..%2f..%2fetc/steps/ask".to_owned(), form(&csrf), 404),
        (format!("GET {}", page.step().trim_start_matches("POST ")), String::new(), 405),
        ("GET /runs/..%2f..%2fetc".to_owned(), String::new(), 404),
        ("GET /runs/..%2fplaybook.yaml/report".to_owned(), String::new(), 404),
        ("GET /runs/none/events".to_owned(), String::new(), 404),
    ] {
        let answer = page.ask(&request, &same, &body);
        assert_eq!(answer.status, status, "{request} {}: {}", body.len(), answer.body);
        assert!(answer.head.contains("content-security-policy"), "{request}");
    }
    assert!(!page.approvals().exists(), "nobody has answered");
}

#[test]
fn who_does_not_know_the_token_sees_nothing() {
    let secret = "correct-horse-battery";
    let page = page(&["--token", "env:PAGE_TOKEN"], &[("PAGE_TOKEN", secret)]);
    for path in ["/runs/none", "/runs/none/events", "/controls", "/metrics", "/live.js", "/nowhere"] {
        assert_eq!(page.get(path).status, 401, "{path}");
    }
    let home = page.get("/");
    assert!(home.status == 303 && home.head.contains("location: /login"), "{}", home.head);
    let login = page.get("/login").body;
    assert!(login.contains("type=\"password\"") && !login.contains("orders"), "{login}");
    for wrong in [
        "Authorization: Bearer correct",
        "Cookie: drillmaster=correct-horse-battery",
        "Authorization: Basic x",
    ] {
        assert_eq!(page.ask("GET /", &[wrong], "").status, 303, "{wrong}");
    }
    let same = ["Sec-Fetch-Site: same-origin"];
    assert_eq!(page.ask("POST /login", &same, "token=wrong").status, 401);
    assert_eq!(page.ask("POST /login", &[], &format!("token={secret}")).status, 403);
    let logged_in = page.ask("POST /login", &same, &format!("token={secret}"));
    assert_eq!(logged_in.status, 303);
    let cookie = logged_in.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(
        cookie.contains("httponly") && cookie.contains("samesite=strict") && !cookie.contains(secret),
        "{cookie}"
    );
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    for known in [cookie.as_str(), "Authorization: Bearer correct-horse-battery"] {
        assert_eq!(page.ask("GET /", &[known], "").status, 200, "{known}");
        assert_eq!(page.ask("GET /metrics", &[known], "").status, 200, "{known}");
        page.csrf(&[known]);
    }
}

#[test]
fn a_page_that_others_reach_needs_a_token() {
    let drill = Drill::good().playbook("\nworkloads:", "\nschedule: yearly\n\nworkloads:");
    let path = drill.write();
    let path = path.to_str().unwrap();
    for (args, why) in [
        (&["--listen", "0.0.0.0:0"][..], "needs --token env:NAME"),
        (&["--listen", "[::]:0"], "needs --token env:NAME"),
        (&["--token", "plain"], "a secret stands in no file and on no command line"),
        (&["--token", "env:NO_SUCH_NAME"], "the variable NO_SUCH_NAME is not set"),
        (&["--token", "env:PATH_SHORT"], "is not set"),
        (&["--listen", "here"], "write an address with a port"),
    ] {
        let (code, out, err) = told(&[&["serve", path], args].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(err.contains(why), "{args:?}: {err}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let (code, _, err) = told(&["serve", path, "--listen", &at]);
    assert!(code == 2 && err.contains("choose another port"), "{err}");
}
