//! A bucket of each provider that a store of runs can lie in, on a server of this machine.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::hmac;

use super::moto::Moto;
use super::process::{Server, connects, folder, program, python, stores};
use crate::places::at;
use crate::ports::Reserved;

/// Its name, at all providers.
const NAME: &str = "drills";

/// The account of S3. The AWS API reads it from the access key.
const ACCOUNT: &str = "777788889999";

/// Azurite's own account and key.
const AZURITE: (&str, &str) = (
    "devstoreaccount1",
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
);

/// A bucket, how the program reaches it, and how a test does without the program.
pub struct Bucket {
    /// `s3://drills`
    pub url: String,
    /// What the program reads from its environment.
    pub env: Vec<(&'static str, String)>,
    port: u16,
    /// Its path on the server, and what signs a test's own requests.
    path: String,
    query: String,
    headers: String,
    server: Running,
}

/// The server, before its folder: fields drop in this order.
enum Running {
    Moto(Moto),
    Other { _server: Server, _port: Reserved, _folder: tempfile::TempDir },
}

impl Bucket {
    /// One of each provider.
    pub fn of_each() -> [Self; 3] {
        [Self::s3(), Self::google(), Self::azure()]
    }

    /// S3, as moto plays it.
    pub fn s3() -> Self {
        let moto = Moto::start();
        let port = moto.port();
        let key = format!("AKIA{ACCOUNT}");
        let env = vec![
            ("AWS_ENDPOINT_URL", moto.endpoint().to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", key.clone()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ];
        let scope = format!("{key}/20260101/us-east-1/s3/aws4_request");
        let bucket = Self {
            url: format!("s3://{NAME}"),
            env,
            port,
            path: format!("/{NAME}"),
            query: String::new(),
            // It checks no signature.
            headers: format!(
                "Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n"
            ),
            server: Running::Moto(moto),
        };
        assert_eq!(bucket.request("PUT", "", "").0, 200);
        bucket
    }

    /// The server of S3.
    pub fn moto(&self) -> &Moto {
        match &self.server {
            Running::Moto(moto) => moto,
            Running::Other { .. } => panic!("{} is no S3", self.url),
        }
    }

    /// Google Cloud Storage, as `tests/peers/gcs.py` plays it.
    pub fn google() -> Self {
        let (folder, port) = (folder("drillmaster-gcs-"), Reserved::new());
        let mut command = Command::new(python());
        command.arg(at("tests/peers/gcs.py")).arg(folder.path());
        command.args([port.port().to_string(), NAME.to_owned()]);
        let mut server = Server::start(&command, "KILL", &folder.path().join("log"));
        server.wait_until(|| connects(port.port()).map(drop));
        let token = std::fs::read_to_string(folder.path().join("token")).unwrap();
        Self {
            url: format!("gs://{NAME}"),
            env: vec![("GOOGLE_SERVICE_ACCOUNT", text(&folder.path().join("account.json")))],
            port: port.port(),
            path: format!("/{NAME}"),
            query: String::new(),
            headers: format!("Authorization: Bearer {token}\r\n"),
            server: Running::Other { _server: server, _port: port, _folder: folder },
        }
    }

    /// Azure Blob Storage: Azurite.
    pub fn azure() -> Self {
        let (folder, port) = (folder("drillmaster-azurite-"), Reserved::new());
        let mut command = Command::new(program("node"));
        command.arg(stores().join("node_modules/azurite/dist/src/blob/main.js"));
        command.args([
            "--silent",
            "--inMemoryPersistence",
            "--skipApiVersionCheck",
            "--blobHost",
            "127.0.0.1",
        ]);
        command.args(["--blobPort", &port.port().to_string()]).current_dir(folder.path());
        let mut server = Server::start(&command, "TERM", &folder.path().join("log"));
        server.wait_until(|| connects(port.port()).map(drop));
        let bucket = Self {
            url: format!("az://{NAME}"),
            env: vec![
                ("AZURE_STORAGE_USE_EMULATOR", "true".to_owned()),
                ("AZURITE_BLOB_STORAGE_URL", format!("http://{}", port.address())),
            ],
            port: port.port(),
            path: format!("/{}/{NAME}", AZURITE.0),
            query: shared_access(),
            headers: String::new(),
            server: Running::Other { _server: server, _port: port, _folder: folder },
        };
        let (status, said) =
            bucket.send("PUT", &bucket.path, &format!("restype=container&{}", bucket.query), "");
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&said));
        bucket
    }

    /// The bytes of an object, as the server gives them. Panics if there is none.
    pub fn get(&self, key: &str) -> Vec<u8> {
        let (status, body) = self.request("GET", key, "");
        assert_eq!(status, 200, "{key}: {}", String::from_utf8_lossy(&body));
        body
    }

    /// Puts an object into S3.
    pub fn put(&self, key: &str, text: &str) {
        let (status, body) = self.request("PUT", key, text);
        assert_eq!(status, 200, "{key}: {}", String::from_utf8_lossy(&body));
    }

    /// The keys in S3 that begin so.
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let (status, body) = self.send("GET", &self.path, &format!("list-type=2&prefix={prefix}"), "");
        let text = String::from_utf8(body).unwrap();
        assert!(status == 200 && text.contains("<IsTruncated>false"), "{status} {text}");
        let keys = text.split("<Key>").skip(1).map(|rest| rest.split_once("</Key>").unwrap().0.to_owned());
        keys.collect()
    }

    pub fn delete(&self, key: &str) {
        let (status, body) = self.request("DELETE", key, "");
        assert!((200..300).contains(&status), "{key}: {status} {}", String::from_utf8_lossy(&body));
    }

    /// A request to the bucket, or to an object in it, past the program.
    fn request(&self, method: &str, key: &str, body: &str) -> (u16, Vec<u8>) {
        let slash = if key.is_empty() { "" } else { "/" };
        self.send(method, &format!("{}{slash}{key}", self.path), &self.query, body)
    }

    fn send(&self, method: &str, path: &str, query: &str, body: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        // In HTTP/1.0 no answer comes in chunks.
        let head = format!(
            "{method} {path}?{query} HTTP/1.0\r\nHost: 127.0.0.1:{}\r\n{}Content-Length: {}\r\n\r\n{body}",
            self.port,
            self.headers,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer has a head");
        let status = String::from_utf8_lossy(&answer[..end]);
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer[end + 4..].to_vec())
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A signature for all requests to Azurite ("account SAS"), until the year 2099.
fn shared_access() -> String {
    let (services, types, may, until, version) = ("b", "sco", "rwdlac", "2099-01-01", "2019-12-12");
    let signed = format!("{}\n{may}\n{services}\n{types}\n\n{until}\n\n\n{version}\n", AZURITE.0);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &BASE64_STANDARD.decode(AZURITE.1).unwrap());
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
    let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("sv={version}&ss={services}&srt={types}&sp={may}&se={until}&sig={signature}")
}
