//! The policies that the peer enforces for roles. A test may point a drill at an endpoint that is
//! not a peer, or is gone.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Map, Value};

/// From now on, enforces what `iam-policy --output json` printed for the roles that it names.
/// Nothing changes for other roles.
pub fn enforce(endpoint: &str, printed: &Value) {
    let accounts = printed["accounts"].as_array().cloned().unwrap_or_default();
    let roles =
        accounts.into_iter().filter_map(|a| Some((a["role"].as_str()?.to_owned(), a["policies"].clone())));
    let roles: Map<String, Value> = roles.collect();
    call(endpoint, "POST", "/peer/policies", &Value::Object(roles).to_string());
}

pub fn enforce_none(endpoint: &str) {
    call(endpoint, "DELETE", "/peer/policies", "");
}

/// The requests in the peer's log that policies have refused.
pub fn denied(endpoint: &str) -> Vec<Value> {
    let log = call(endpoint, "GET", "/peer/log", "");
    let log = log.and_then(|log| log.as_array().cloned()).unwrap_or_default();
    log.into_iter().filter(|entry| !entry["denied"].is_null()).collect()
}

fn call(endpoint: &str, method: &str, path: &str, body: &str) -> Option<Value> {
    let host = endpoint.strip_prefix("http://")?;
    let mut stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(Duration::from_mins(1))).ok()?;
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all((head + body).as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    assert!(head.split(' ').nth(1) == Some("200") || method == "GET", "{method} {path}: {answer}");
    serde_json::from_str(body).ok()
}
