//! The AWS API for one test: `tests/peers/moto_peer`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::process::{end, python};
use crate::places::at;

pub struct Moto {
    child: Child,
    stdin: Option<ChildStdin>, // the peer ends when this closes
    port: u16,
    endpoint: String,
}

impl Moto {
    /// From now on the peer takes connections, and does not answer.
    pub fn hang(&self) {
        self.signal("STOP");
    }

    /// It answers again, and what was asked meanwhile.
    pub fn wake(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let (name, id) = (format!("-{name}"), self.child.id().to_string());
        assert!(Command::new("kill").args([name, id]).status().unwrap().success());
    }

    /// Starts a separate peer for this test. Resources take 1.5 s to become ready: see
    /// [`Moto::seeding`].
    pub fn start() -> Self {
        let folder = at("tests/peers");
        let python = python();
        let mut command = Command::new(python);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|it| it.starts_with("AWS_") || it.starts_with("MOTO_")) {
                command.env_remove(name);
            }
        }
        command.args(["-m", "moto_peer"]).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            panic!("the AWS peer did not start ({error}); it said {line:?}, see its stderr")
        });
        let port = u16::try_from(ready["port"].as_u64().unwrap()).unwrap();
        Self { child, stdin, port, endpoint: format!("http://127.0.0.1:{port}") }
    }

    /// For `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// All AWS requests so far, in order: `{n, service, action, region, account, access_key,
    /// status, params, fault?}`.
    pub fn log(&self) -> Vec<Value> {
        self.call("GET", "/peer/log", None).as_array().unwrap().clone()
    }

    /// The requests with this action.
    pub fn calls(&self, action: &str) -> Vec<Value> {
        self.log().into_iter().filter(|entry| entry["action"] == action).collect()
    }

    pub fn clear_log(&self) {
        self.call("DELETE", "/peer/log", None);
    }

    /// Everything that a drill could have created, in all accounts and regions. If two values are
    /// equal, nothing is left.
    pub fn state(&self) -> Value {
        self.call("GET", "/peer/state", None)
    }

    /// Replaces the fault rules; `json!([])` clears them.
    pub fn faults(&self, rules: &Value) {
        self.call("POST", "/peer/faults", Some(rules));
    }

    /// The fault rules with their `hits`, so that a test can show that its fault happened.
    pub fn faults_hit(&self) -> Vec<Value> {
        self.call("GET", "/peer/faults", None).as_array().unwrap().clone()
    }

    /// Opens one more port of the peer, on which requests fail: `{seed, rate, faults}`.
    pub fn front(&self, wish: &Value) -> u16 {
        let told = self.call("POST", "/peer/fronts", Some(wish));
        u16::try_from(told["port"].as_u64().unwrap()).unwrap()
    }

    /// The requests that failed on a front: `{action, number, kind}` each.
    pub fn hits(&self, front: u16) -> Vec<Value> {
        let fronts = self.call("GET", "/peer/fronts", None);
        let one = fronts.as_array().unwrap().iter().find(|one| one["port"] == front).unwrap();
        one["hits"].as_array().unwrap().clone()
    }

    /// Sets the seconds until new resources are ready, by kind or `default`. Merged into earlier
    /// settings.
    pub fn delays(&self, seconds: &Value) {
        self.call("POST", "/peer/delays", Some(seconds));
    }

    /// Everything that `seed` makes is ready at once. Afterwards everything takes `seconds` to
    /// become ready, whatever was set before.
    pub fn seeding<T>(&self, seconds: f64, seed: impl FnOnce(&Self) -> T) -> T {
        self.delays(&json!({ "default": 0 }));
        let made = seed(self);
        self.delays(&json!({ "default": seconds }));
        made
    }

    /// Freezes what is under way until [`Moto::start_clock`].
    pub fn stop_clock(&self) {
        self.call("POST", "/peer/clock", Some(&json!({ "stopped": true })));
    }

    pub fn start_clock(&self) {
        self.call("POST", "/peer/clock", Some(&json!({ "stopped": false })));
    }

    /// Sets the age of recovery points. `wish` is one `{kind, id, account, region, taken}` or a
    /// list of them.
    pub fn age(&self, wish: &Value) {
        self.call("POST", "/peer/age", Some(wish));
    }

    /// Adds vaults of AWS Backup with recovery points: see `backup.py` of the peer.
    pub fn vaults(&self, vaults: &Value) {
        self.call("POST", "/peer/vaults", Some(vaults));
    }

    /// Forgets all resources. Credentials of assumed roles then mean another account, so roles must
    /// be assumed again.
    pub fn reset(&self) {
        self.call("POST", "/moto-api/reset", None);
    }

    /// Makes one admin call. Panics unless the peer answers 200 with JSON.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let payload = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(5))).unwrap();
        let length = payload.len();
        let head = format!("{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all((head + &payload).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        assert_eq!(head.split(' ').nth(1), Some("200"), "{method} {path}: {body}");
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{method} {path}: {error}: {body}"))
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.stdin.take());
        end(&mut self.child);
    }
}
