//! SQL checks against a real PostgreSQL and a real MariaDB on 127.0.0.1.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use checks::{Net, Observation, sql};
use playbook::comparison::parse_timestamp;
use support::certs::Ca;
use support::peers::{Pooler, Postgres};
use support::ports::Reserved;

const PASSWORD: &str = "canary-of-4";
const GET_IT: &str = "run `tests/peers/setup`, which installs PostgreSQL and MariaDB";

/// A database server that is killed when the test ends.
struct Server {
    child: Child,
    port: Reserved,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}; {GET_IT}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// PostgreSQL refuses to run as root. In that case it runs as `nobody`.
fn unprivileged() -> Option<u32> {
    let id = |who: &[&str]| {
        let output = Command::new("id").arg("-u").args(who).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().unwrap()
    };
    (id(&[]) == 0).then(|| id(&["nobody"]))
}

fn give(path: &Path, owner: Option<u32>) {
    if owner.is_some() {
        chown(path, owner, None).unwrap();
    }
}

/// Writes the certificate and key for a server that runs as `owner`.
fn write_certs(ca: &Ca, owner: Option<u32>) {
    let leaf = ca.leaf(&["db.test", "127.0.0.1"]);
    fs::set_permissions(ca.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for (name, text) in [("server.pem", leaf.cert_pem), ("server.key", leaf.key_pem)] {
        let path = ca.dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        give(&path, owner);
    }
}

fn log_of(ca: &Ca) -> Stdio {
    fs::File::create(ca.dir.path().join("server.log")).unwrap().into()
}

fn postgres(ca: &Ca) -> Server {
    let owner = unprivileged();
    write_certs(ca, owner);
    let base = ca.dir.path();
    let (data, password_file) = (base.join("data"), base.join("password"));
    fs::create_dir(&data).unwrap();
    fs::write(&password_file, PASSWORD).unwrap();
    give(&data, owner);
    give(&password_file, owner);
    let as_owner = |program: &str| {
        let mut command = Command::new(program);
        if let Some(uid) = owner {
            command.uid(uid);
        }
        command.current_dir(base);
        command
    };
    run(as_owner("initdb")
        .arg("-D")
        .arg(&data)
        .args(["-U", "joe", "--auth=scram-sha-256", "--no-sync", "--pwfile"])
        .arg(&password_file));
    let port = Reserved::new();
    let mut server = as_owner("postgres");
    server.arg("-D").arg(&data).args(["-p", &port.port().to_string(), "-F"]);
    let file = |name: &str| base.join(name).display().to_string();
    for option in [
        "listen_addresses=127.0.0.1".into(),
        "unix_socket_directories=".into(),
        "ssl=on".into(),
        format!("ssl_cert_file={}", file("server.pem")),
        format!("ssl_key_file={}", file("server.key")),
    ] {
        server.arg("-c").arg(option);
    }
    let child = server
        .stdout(Stdio::null())
        .stderr(log_of(ca))
        .spawn()
        .unwrap_or_else(|e| panic!("postgres: {e}; {GET_IT}"));
    Server { child, port }
}

fn mariadb(ca: &Ca) -> Server {
    write_certs(ca, None);
    let base = ca.dir.path();
    let file = |name: &str| base.join(name).display().to_string();
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let user = format!("--user={}", user.trim());
    run(Command::new("mariadb-install-db")
        .args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal", &user])
        .arg(format!("--datadir={}", file("data"))));
    let init = format!(
        "CREATE DATABASE orders; CREATE USER 'joe'@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON orders.* TO 'joe'@'%';\n"
    );
    fs::write(base.join("init.sql"), init.replace("; ", ";\n")).unwrap();
    let port = Reserved::new();
    let child = Command::new("mariadbd")
        .args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", &user])
        .arg(format!("--port={}", port.port()))
        .arg(format!("--datadir={}", file("data")))
        .arg(format!("--socket={}", file("socket")))
        .arg(format!("--init-file={}", file("init.sql")))
        .arg(format!("--ssl-cert={}", file("server.pem")))
        .arg(format!("--ssl-key={}", file("server.key")))
        .stdout(Stdio::null())
        .stderr(log_of(ca))
        .spawn()
        .unwrap_or_else(|e| panic!("mariadbd: {e}; {GET_IT}"));
    Server { child, port }
}

async fn ask(net: &Net, yaml: &str) -> Observation {
    sql(&serde_saphyr::from_str(yaml).unwrap_or_else(|e| panic!("{yaml}: {e}")), net).await
}

/// Waits until the server answers. If it does not, the failure shows the server's log.
async fn ready(net: &Net, ca: &Ca, yaml: &str) {
    let deadline = Instant::now() + Duration::from_mins(5);
    loop {
        let seen = ask(net, yaml).await;
        if seen.is_healthy() {
            return;
        }
        let log = || fs::read_to_string(ca.dir.path().join("server.log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "{seen:?}\n{}", log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn net(ca: &Ca, port: u16) -> Net {
    let env = [("PGPASSWORD", PASSWORD), ("MYSQL_PWD", PASSWORD), ("WRONG", "canary-of-5")];
    Net::new(vec![format!("db.test:7777=127.0.0.1:{port}").parse().unwrap()], ca.dir.path())
        .with_env(env.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

#[track_caller]
fn unhealthy(seen: &Observation, observed: &str, why: &str) {
    assert!(!seen.is_healthy() && seen.observed == observed, "{seen:?} is not `{observed}`");
    assert!(seen.why.as_deref().is_some_and(|text| text.contains(why)), "{seen:?} lacks `{why}`");
    assert!(!format!("{seen:?}").contains("canary"), "{seen:?}");
}

/// Checks what both engines have in common. The URL is `scheme://joe@…/database`.
async fn both(scheme: &str, database: &str, net: &Net, port: u16) {
    let at = format!("url: '{scheme}://joe@127.0.0.1:{port}/{database}'");
    let ask_for =
        async |query: &str, more: &str| ask(net, &format!("{{ {at}, query: \"{query}\"{more} }}")).await;

    let count = ask_for("select 120000", ", expect: '>= 1000'").await;
    assert_eq!(
        (count.is_healthy(), count.observed.as_str(), count.value.as_deref()),
        (true, "120000", Some("120000"))
    );
    unhealthy(&ask_for("select 999", ", expect: '>= 1000'").await, "999", "expected `>= 1000`");
    assert!(ask_for("select 9007199254740993", ", expect: '> 9007199254740992'").await.is_healthy());
    assert!(ask_for("select cast(0.10 as decimal(5,2))", ", expect: == 0.1").await.is_healthy());
    unhealthy(&ask_for("select 'many'", ", expect: '>= 1000'").await, "many", "not a number");
    assert!(ask_for("select 1 = 1", ", expect: true").await.is_healthy());
    assert!(ask_for("select 'v2.1'", ", expect: matches ^v2").await.is_healthy());

    let null = ask_for("select max(1) from (select 1) t where 1 = 0", ", expect: '>= 0'").await;
    unhealthy(&null, "NULL", "returned NULL");
    unhealthy(&ask_for("select 1 from (select 1) t where 1 = 0", ", expect: 1").await, "no rows", "no row");
    let nothing = ask_for("select null", "").await;
    unhealthy(&nothing, "NULL", "returned NULL");
    assert_eq!(nothing.value, None);
    unhealthy(&ask_for("select 1 from (select 1) t where 1 = 0", "").await, "no rows", "no row");
    assert!(ask_for("select null", ", expect: '== null'").await.is_healthy());
    // Only the first value of many rows is read.
    let many = "with recursive n as (select 1 as i union all select i + 1 from n where i < 900) select i from n order by i";
    assert_eq!(ask_for(many, "").await.value.as_deref(), Some("1"));

    let stamp = ask_for("select timestamp '2026-01-02 03:04:05'", ", expect: '> 2026-01-01T00:00:00Z'").await;
    assert!(
        stamp.is_healthy() && stamp.why.as_deref().is_some_and(|note| note.contains("read as UTC")),
        "{stamp:?}"
    );
    let read = parse_timestamp(stamp.value.as_deref().unwrap()).unwrap();
    assert_eq!(read.to_rfc3339(), "2026-01-02T03:04:05+00:00");
    // The server's clock and ours agree within a minute, so no time zone was mixed up.
    let now = ask_for("select current_timestamp", "").await.value.unwrap();
    let away = chrono::Utc::now() - parse_timestamp(&now).unwrap_or_else(|| panic!("{now}"));
    assert!(away.num_seconds().abs() < 60, "{now}");

    unhealthy(
        &ask_for("select 1 from no_such_table", "").await,
        "query failed",
        "has the table been restored",
    );
    unhealthy(&ask_for("create table t (i int)", "").await, "not asked", "checks only read");
    unhealthy(&ask_for("select no_such_column", "").await, "query failed", "no_such_column");
    // A second statement could end the read-only transaction.
    unhealthy(&ask_for("select 1; create table t (i int)", "").await, "not asked", "several statements");

    unhealthy(
        &ask_for("select 1", ", password_env: WRONG").await,
        "sign-in refused",
        "user `joe`, password from $WRONG",
    );
    let wrong =
        format!("{{ url: '{scheme}://joe:canary%2Dof%2D6@127.0.0.1:{port}/{database}', query: select 1 }}");
    unhealthy(&ask(net, &wrong).await, "sign-in refused", "password from the URL");
    let gone = format!("{{ url: '{scheme}://joe@127.0.0.1:{port}/gone', query: select 1 }}");
    let gone = ask(net, &gone).await;
    assert!(!gone.is_healthy() && gone.observed == "sign-in refused", "{gone:?}");
    let nobody = Reserved::new();
    let closed = format!("{{ url: '{scheme}://joe@{}/{database}', query: select 1 }}", nobody.address());
    unhealthy(&ask(net, &closed).await, "no connection", "nothing listens there");

    // TLS through another address than the URL's. The certificate carries the URL's name.
    let tls = async |more: &str| {
        ask(net, &format!("{{ url: '{scheme}://joe@db.test:7777/{database}', query: select 1{more} }}")).await
    };
    assert!(tls(", tls: { ca_file: ca.pem }").await.is_healthy());
    unhealthy(&tls("").await, "TLS refused", "does not trust");
    unhealthy(
        &tls(", tls: { ca_file: ca.pem, server_name: other.test }").await,
        "TLS refused",
        "not valid for",
    );
    assert!(tls(", tls: { mode: require }").await.is_healthy());
    unhealthy(&tls(", tls: { ca: rds }").await, "TLS refused", "`the tests' own authority`");
    assert!(tls(", tls: { ca: rds, ca_file: ca.pem }").await.is_healthy());
    assert!(
        ask(net, &format!("{{ {at}, query: select 1, tls: {{ ca_file: ca.pem, server_name: db.test }} }}"))
            .await
            .is_healthy()
    );
}

#[tokio::test]
async fn postgresql() {
    let ca = Ca::new();
    let server = postgres(&ca);
    let net = net(&ca, server.port.port());
    let at = format!("url: 'postgres://joe@127.0.0.1:{}/postgres'", server.port.port());
    ready(&net, &ca, &format!("{{ {at}, query: select 1 }}")).await;
    both("postgres", "postgres", &net, server.port.port()).await;

    let ssl = "{ url: 'postgresql://joe@db.test:7777/postgres', tls: { ca_file: ca.pem }, expect: true, query: 'select ssl from pg_stat_ssl where pid = pg_backend_pid()' }";
    assert!(ask(&net, ssl).await.is_healthy());
    unhealthy(
        &ask(&net, &format!("{{ {at}, query: select pg_sleep(30), timeout: 500ms }}")).await,
        "no answer within 0.5s",
        "running the query",
    );
    // Functions may write, and PostgreSQL 15 allows this one to. The rollback undoes it.
    let _ = ask(&net, &format!("{{ {at}, query: select lo_create(0) }}")).await;
    let left = format!("{{ {at}, query: select count(*) from pg_largeobject_metadata, expect: == 0 }}");
    assert!(ask(&net, &left).await.is_healthy());
    // Only the transaction is read-only, not the session: a pooler reuses the session.
    for (setting, value) in [
        ("transaction_read_only", "on"),
        ("default_transaction_read_only", "off"),
        ("statement_timeout", "10s"),
    ] {
        let yaml = format!("{{ {at}, query: \"select current_setting('{setting}')\", expect: == {value} }}");
        let seen = ask(&net, &yaml).await;
        assert!(seen.is_healthy(), "{setting}: {seen:?}");
    }
    let long = ask(&net, &format!("{{ {at}, query: \"select repeat('x', 3000000)\" }}")).await;
    assert!(long.observed.chars().count() <= 200, "{}", long.observed);
    let zoned =
        ask(&net, &format!("{{ {at}, query: \"select timestamptz '2026-01-02 03:04:05.5+05:30'\" }}")).await;
    assert_eq!(
        parse_timestamp(zoned.value.as_deref().unwrap()).unwrap().timestamp_millis(),
        1_767_303_245_500
    );
}

/// A pooler gives the connection of a check to the application afterwards, with its settings.
#[tokio::test]
async fn the_application_writes_through_a_pooler_after_a_check() {
    let database = Postgres::start();
    database.exec("create table orders (id int)");
    let pooler = Arc::new(Pooler::start(&database));
    // The check's connections end while this thread waits for the application.
    let exec = async |sql: &'static str| {
        let pooler = Arc::clone(&pooler);
        tokio::task::spawn_blocking(move || pooler.exec(sql)).await.unwrap()
    };
    let net = Net::new(Vec::new(), std::env::temp_dir());
    let ask_for = async |query: &str, more: &str| {
        ask(&net, &format!("{{ url: '{}', query: \"{query}\"{more} }}", pooler.url())).await
    };
    let one = ask_for("select pg_backend_pid()", "").await;
    assert_eq!(one.value, Some(exec("select pg_backend_pid()").await), "{one:?}");
    for (query, more, healthy) in [
        ("select count(*) from orders", ", expect: '>= 0'", true),
        ("select generate_series(1, 100000)", "", true),
        ("select count(*) from nowhere", "", false),
        ("select nextval('pg_toast.none')", "", false),
        ("select pg_sleep(30)", ", timeout: 500ms", false),
    ] {
        let seen = ask_for(query, more).await;
        assert_eq!(seen.is_healthy(), healthy, "{query}: {seen:?}");
        exec("insert into orders values (1)").await;
        let settings =
            "select current_setting('default_transaction_read_only'), current_setting('statement_timeout')";
        assert_eq!(exec(settings).await, "off|0", "after {query}");
    }
    assert_eq!(database.exec("select count(*) from orders"), "5");
    // The control: a setting of the session reaches the next client.
    exec("set session characteristics as transaction read only").await;
    let why = pooler.refuses("insert into orders values (2)");
    assert!(why.contains("read-only transaction"), "{why}");
}

#[tokio::test]
async fn mariadb_and_mysql() {
    let ca = Ca::new();
    let server = mariadb(&ca);
    let net = net(&ca, server.port.port());
    let at = format!("url: 'mariadb://joe@127.0.0.1:{}/orders'", server.port.port());
    ready(&net, &ca, &format!("{{ {at}, query: select 1 }}")).await;
    both("mysql", "orders", &net, server.port.port()).await;

    let ssl = "{ url: 'mysql://joe@db.test:7777/orders', tls: { ca_file: ca.pem }, expect: matches TLS, query: \"select variable_value from information_schema.session_status where variable_name = 'ssl_version'\" }";
    assert!(ask(&net, ssl).await.is_healthy());
    for setting in ["@@session.tx_read_only", "@@global.max_statement_time"] {
        let seen = ask(&net, &format!("{{ {at}, query: \"select {setting} = 0\", expect: == 1 }}")).await;
        assert!(seen.is_healthy(), "{setting}: {seen:?}");
    }
    let slow = ask(&net, &format!("{{ {at}, query: select sleep(30), timeout: 500ms }}")).await;
    assert!(!slow.is_healthy(), "{slow:?}");
}

/// A server that answers every connection with `greeting`.
async fn greeter(greeting: &'static [u8]) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, greeting).await;
            let mut rest = Vec::new();
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
        }
    });
    port
}

#[tokio::test]
async fn no_password_is_sent_to_a_server_without_tls() {
    let ca = Ca::new();
    // PostgreSQL answers no to the request for TLS.
    let net = net(&ca, greeter(b"N").await);
    let seen = ask(&net, "{ url: 'postgres://joe@db.test:7777/o', query: select 1 }").await;
    unhealthy(&seen, "no connection", "`disable` goes without");
}

#[tokio::test]
async fn another_protocol_is_no_database() {
    let ca = Ca::new();
    let port = greeter(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    for scheme in ["postgres", "mysql"] {
        let yaml = format!("{{ url: '{scheme}://joe@127.0.0.1:{port}/o', query: select 1, timeout: 1s }}");
        let seen = ask(&net(&ca, port), &yaml).await;
        let why = seen.why.as_deref().unwrap();
        assert!(!seen.is_healthy() && (why.contains("signing in") || why.contains("is this MySQL")), "{why}");
    }
}
