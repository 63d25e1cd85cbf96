//! A proxy between the program and its servers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::targets::Listener;

/// Notes the first line of each request.
pub struct Proxy {
    listener: Listener,
    asked: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
enum Way {
    /// It answers 407 to everything.
    None,
    /// Plain requests go to this server, whatever they name. `CONNECT` is answered with 407.
    Relay(String),
    /// `CONNECT` is obeyed for who has this word in `Proxy-Authorization`.
    Tunnel(String),
}

impl Proxy {
    pub fn refusing() -> Self {
        Self::start(Way::None)
    }

    /// `behind` is the URL of a server.
    pub fn relaying(behind: &str) -> Self {
        Self::start(Way::Relay(behind.trim_start_matches("http://").trim_end_matches('/').to_owned()))
    }

    /// `word` is that of `Proxy-Authorization`.
    pub fn tunnelling(word: &str) -> Self {
        Self::start(Way::Tunnel(word.to_owned()))
    }

    fn start(way: Way) -> Self {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let notes = Arc::clone(&asked);
        // A client that hangs up early does not fail the test.
        let listener = Listener::start(move |stream| drop(serve(stream, &notes, &way)));
        Self { listener, asked }
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        self.listener.address.to_string()
    }

    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, notes: &Mutex<Vec<String>>, way: &Way) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    notes.lock().unwrap().push(first.trim().to_owned());
    let (mut head, mut length, mut word) = (String::new(), 0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if lower.starts_with("proxy-authorization:") {
            line.split_once(':').unwrap().1.trim().clone_into(&mut word);
        }
        if line.trim().is_empty() {
            break;
        }
        // The server is not called `aws.invalid`, and would take that name for a bucket's.
        if !lower.starts_with("connection:") && !lower.starts_with("host:") {
            head += &line;
        }
    }
    let tunnel = first.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
    match (way, tunnel) {
        (Way::Tunnel(wanted), Some(to)) if *wanted == word => {
            let server = TcpStream::connect(to)?;
            stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
            let (mut from, mut into) = (stream.try_clone()?, server.try_clone()?);
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut into);
                let _ = into.shutdown(std::net::Shutdown::Write);
            });
            std::io::copy(&mut &server, &mut stream).map(drop)
        }
        (Way::Relay(behind), None) => {
            let mut body = vec![0; length];
            reader.read_exact(&mut body)?;
            // In `POST http://host/path HTTP/1.1` a proxy gets the whole URL. A server gets only its path.
            let path = first.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
            let method = first.split(' ').next().unwrap_or_default();
            let mut server = TcpStream::connect(behind)?;
            write!(
                server,
                "{method} {}Host: {behind}\r\n{head}Connection: close\r\n\r\n",
                path.unwrap_or("/ HTTP/1.1\r\n")
            )?;
            server.write_all(&body)?;
            std::io::copy(&mut server, &mut stream).map(drop)
        }
        (Way::None | Way::Relay(_) | Way::Tunnel(_), _) => stream.write_all(
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ),
    }
}
