//! Targets that health checks connect to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::process::{Certificates, Server, connects, folder, program};
use crate::ports::Reserved;

/// Accepts connections on 127.0.0.1 in a thread until dropped.
pub(super) struct Listener {
    /// The reserved port. It stays reserved after the listener has ended.
    port: Option<Reserved>,
    pub(super) address: SocketAddr,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    pub(super) fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let port = Reserved::new();
        let address = port.address();
        let socket = TcpListener::bind(address).unwrap();
        let closing = Arc::new(AtomicBool::new(false));
        let (flag, serve) = (Arc::clone(&closing), Arc::new(serve));
        let thread = std::thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                if flag.load(Ordering::SeqCst) {
                    return;
                }
                let serve = Arc::clone(&serve);
                std::thread::spawn(move || serve(stream));
            }
        });
        Self { port: Some(port), address, closing, thread: Some(thread) }
    }

    /// Ends the listener. From then on its port refuses connections, and stays reserved.
    fn end(mut self) -> Reserved {
        self.port.take().unwrap()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes the thread up
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The answer of an [`HttpTarget`].
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
}

impl Answer {
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), delay: Duration::ZERO }
    }

    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// A request that an [`HttpTarget`] received. Header names are in lower case.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

type Reply = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

#[derive(Default)]
struct Script {
    /// Answers instead of `answers`.
    reply: Option<Reply>,
    /// (from this request on, counted from 0; the answer), ascending
    answers: Vec<(usize, Answer)>,
    requests: Vec<Request>,
}

/// An HTTP/1.1 server that gives one answer per connection.
pub struct HttpTarget {
    listener: Listener,
    script: Arc<Mutex<Script>>,
}

impl HttpTarget {
    pub fn start(answer: Answer) -> Self {
        Self::of(Script { answers: vec![(0, answer)], ..Script::default() })
    }

    /// A server whose answers depend on the requests.
    pub fn answering(reply: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::of(Script { reply: Some(Arc::new(reply)), ..Script::default() })
    }

    fn of(script: Script) -> Self {
        let script = Arc::new(Mutex::new(script));
        let shared = Arc::clone(&script);
        let listener = Listener::start(move |stream| {
            // A client that hangs up early does not fail the test.
            let _ = answer_one(&stream, &shared);
        });
        Self { listener, script }
    }

    /// Sets the answer from now on, and drops what was scheduled.
    pub fn set(&self, answer: Answer) {
        self.script.lock().unwrap().answers = vec![(0, answer)];
    }

    /// Sets the answer for the time after `requests` requests. Call it with growing numbers:
    /// `then(2, …)`, then `then(5, …)`.
    pub fn then(&self, requests: usize, answer: Answer) {
        self.script.lock().unwrap().answers.push((requests, answer));
    }

    /// Ends the server. From then on its port refuses connections.
    #[must_use]
    pub fn end(self) -> Reserved {
        self.listener.end()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.script.lock().unwrap().requests.clone()
    }

    pub fn count(&self) -> usize {
        self.script.lock().unwrap().requests.len()
    }

    pub fn port(&self) -> u16 {
        self.listener.address.port()
    }

    /// `127.0.0.1:PORT`, for `--connect-to`.
    pub fn address(&self) -> String {
        self.listener.address.to_string()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listener.address)
    }
}

fn answer_one(stream: &TcpStream, script: &Mutex<Script>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_mins(5)))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(()); // a bare TCP probe is no request
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut request = Request { method, path, headers, body: Vec::new() };
    let length = request.header("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
    request.body = vec![0; length];
    reader.read_exact(&mut request.body)?;
    let head_only = request.method == "HEAD";
    let (number, reply) = {
        let mut script = script.lock().unwrap();
        script.requests.push(request.clone());
        (script.requests.len() - 1, script.reply.clone())
    };
    let answer = reply.map_or_else(
        || {
            let script = script.lock().unwrap();
            let due = script.answers.iter().rev().find(|(from, _)| *from <= number);
            due.map_or_else(|| Answer::status(500), |(_, answer)| answer.clone())
        },
        |reply| reply(&request),
    );
    std::thread::sleep(answer.delay);
    let mut head = format!(
        "HTTP/1.1 {} Test\r\nContent-Length: {}\r\nConnection: close\r\n",
        answer.status,
        answer.body.len()
    );
    for (name, value) in &answer.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    let mut out = stream;
    out.write_all((head + "\r\n").as_bytes())?;
    if !head_only {
        out.write_all(&answer.body)?;
    }
    out.flush()
}

/// Accepts connections and closes them.
pub struct TcpTarget {
    listener: Listener,
    connections: Arc<AtomicUsize>,
}

impl TcpTarget {
    pub fn start() -> Self {
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let listener = Listener::start(move |_stream| {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        Self { listener, connections }
    }

    pub fn port(&self) -> u16 {
        self.listener.address.port()
    }

    pub fn address(&self) -> String {
        self.listener.address.to_string()
    }

    pub fn count(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Ends the server. From then on its port refuses connections.
    #[must_use]
    pub fn end(self) -> Reserved {
        self.listener.end()
    }

    /// The count of connections. It can be read after the target's end too.
    pub fn counter(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.connections)
    }
}

/// An HTTPS server (`openssl s_server`). Its `/healthz` says `ok`, and its certificate is for
/// localhost and 127.0.0.1.
pub struct TlsTarget {
    _server: Server, // before the folder that it reads
    _folder: tempfile::TempDir,
    pub certificates: Certificates,
    port: Reserved,
}

impl TlsTarget {
    pub fn start() -> Self {
        let folder = folder("drillmaster-tls-");
        let certificates = Certificates::make(folder.path());
        std::fs::write(
            folder.path().join("healthz"),
            "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nok",
        )
        .unwrap();
        let port = Reserved::new();
        let mut command = Command::new(program("openssl"));
        command.args(["s_server", "-quiet", "-HTTP", "-accept"]).arg(port.address().to_string());
        command.arg("-cert").arg(&certificates.certificate).arg("-key").arg(&certificates.key);
        command.current_dir(folder.path());
        let mut server = Server::start(&command, "KILL", &folder.path().join("log"));
        server.wait_until(|| connects(port.port()).map(drop));
        Self { _server: server, _folder: folder, certificates, port }
    }

    pub fn port(&self) -> u16 {
        self.port.port()
    }

    /// `127.0.0.1:PORT`, for `--connect-to`.
    pub fn address(&self) -> String {
        self.port.address().to_string()
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port())
    }
}
