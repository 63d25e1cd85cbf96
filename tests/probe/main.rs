//! The probe as Lambda runs it: by the Runtime API, on Amazon Linux 2023.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Takes one request, and answers it. Returns its first line and its body.
fn serve(listener: &TcpListener, answer: &str) -> (String, String) {
    let (stream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        assert!(!line.starts_with("transfer-encoding"), "{line}");
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut stream: TcpStream = reader.into_inner();
    stream.write_all(answer.as_bytes()).unwrap();
    (first.trim_end().to_owned(), String::from_utf8(body).unwrap())
}

/// Lambda's answer to `GET …/invocation/next`.
fn invocation(id: &str, payload: &Value) -> String {
    let payload = payload.to_string();
    format!(
        "HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: {id}\r\nLambda-Runtime-Deadline-Ms: 99999999999999\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-west-2:999988887777:function:dm-0000abcd-probe\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{payload}",
        payload.len()
    )
}

const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

#[test]
fn it_answers_each_invocation_and_tells_no_secret_of_one_that_it_cannot_read() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut probe = Command::new(env!("CARGO_BIN_EXE_drillmaster-probe"))
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr().unwrap().to_string())
        .envs([
            ("AWS_LAMBDA_FUNCTION_NAME", "dm-0000abcd-probe"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "none"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "none"),
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let question = |check: Value| json!({ "version": version, "check": check, "env": {}, "files": {} });
    let open = json!({ "tcp": { "address": target.local_addr().unwrap().to_string() } });
    let cases = [
        (question(Value::Null), "healthy"),
        (question(open), "healthy"),
        (question(json!({ "tcp": { "address": "127.0.0.1:1" } })), "unhealthy"),
        (json!({ "version": version, "check": { "oracle": { "password": "canary-of-probe" } } }), "unknown"),
        (json!("canary-of-probe"), "unknown"),
    ];
    for (number, (payload, health)) in cases.iter().enumerate() {
        let id = format!("request-{number}");
        let (next, _) = serve(&listener, &invocation(&id, payload));
        assert!(next.starts_with("GET /2018-06-01/runtime/invocation/next "), "{next}");
        let (sent, body) = serve(&listener, ACCEPTED);
        assert!(sent.starts_with(&format!("POST /2018-06-01/runtime/invocation/{id}/response ")), "{sent}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (&answer["version"], &answer["seen"]["health"]),
            (&json!(version), &json!(health)),
            "{body}"
        );
        assert!(!body.contains("canary"), "{body}");
    }
    probe.kill().unwrap();
    let said = probe.wait_with_output().unwrap();
    assert_eq!((said.stdout.len(), said.stderr.len()), (0, 0), "{said:?}");
}

#[test]
fn without_lambda_it_says_what_it_is() {
    let said = Command::new(env!("CARGO_BIN_EXE_drillmaster-probe")).env_clear().output().unwrap();
    assert!(said.status.success());
    assert!(String::from_utf8(said.stdout).unwrap().contains("sandbox.probe"));
}

/// Amazon Linux 2023 has glibc 2.34. A program that asks for a symbol of a newer one does not start.
#[cfg(target_env = "gnu")]
#[test]
fn it_asks_for_no_symbol_that_amazon_linux_2023_does_not_have() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_drillmaster-probe")).unwrap();
    let mark = b"GLIBC_2.";
    let versions: Vec<u32> = program
        .windows(mark.len() + 3)
        .filter(|window| window.starts_with(mark))
        .map(|window| {
            let digits = window[mark.len()..].iter().take_while(|b| b.is_ascii_digit());
            digits.fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
        })
        .collect();
    let newest = versions.iter().max().expect("a program for glibc names the versions of its symbols");
    assert!(*newest <= 34, "it needs glibc 2.{newest}");
}
