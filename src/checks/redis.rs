//! `redis`: five commands of the protocol RESP2, which Redis, Valkey and `ElastiCache` speak. Only
//! reads.

use std::sync::Arc;

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
    BufStream,
};
use tokio_rustls::TlsConnector;

use super::answers::{Found, RedisSeen, judge_redis};
use super::dial::{Failure, Stage, TLS, bounded, dial, peer};
use super::observation::Secrets;
use super::tls::{CaFile, Roots, Verify, explain, server_name};
use super::{Net, Observation, printable};
use base::redact;
use playbook::asked;
use playbook::redis::RedisCheck;

/// The default variable of the password, as `redis-cli` has it.
pub(crate) const PASSWORD_ENV: &str = "REDISCLI_AUTH";

/// The longest value that is read, and the longest line, in bytes.
const VALUE_LIMIT: u64 = 1 << 20;
const LINE_LIMIT: u64 = 64 << 10;

/// Makes one attempt of a check of Redis.
pub async fn redis(spec: &RedisCheck, net: &Net) -> Observation {
    let mut secrets = Secrets::default();
    let password = match (&spec.password, net.env(spec.password_env.as_deref().unwrap_or(PASSWORD_ENV))) {
        (Some(given), _) => Some(given.clone()),
        (None, given) => given.map(str::to_owned),
    };
    if let Some(password) = &password {
        redact::register(password);
        secrets.add(password.as_str());
    }
    let (host, port) = match asked::address(&spec.address) {
        Ok(address) => address,
        Err(error) => return Failure::from(error).without(&secrets),
    };
    let stage = Stage::new();
    let attempt = async {
        let ca_file = spec.ca_file.as_deref().map(|name| CaFile::read(net, name)).transpose()?;
        let tls = match &spec.tls {
            Some(tls) => *tls.get()?,
            None => false,
        };
        let stream = dial(net, &stage, host, port).await?;
        let peer = peer(net, host, port);
        if !tls {
            return converse(spec, BufStream::new(stream), password.as_deref(), &stage, &peer).await;
        }
        let roots = Roots { system: true, known: None, ca_file: ca_file.as_ref() };
        let config = Arc::new(net.trust.config(Verify::Full(roots))?);
        let name = server_name(spec.server_name.as_deref().unwrap_or(host))?;
        stage.enter(TLS);
        let stream = TlsConnector::from(config).connect(name, stream).await.map_err(|error| {
            let why = explain(&error)
                .unwrap_or_else(|| format!("{error}; does the server speak TLS on this port?"));
            Failure::new("TLS refused", format!("no TLS with {peer}: {why}"))
        })?;
        converse(spec, BufStream::new(stream), password.as_deref(), &stage, &peer).await
    };
    bounded(spec.timeout(), &stage, &peer(net, host, port), &secrets, attempt).await
}

/// An answer.
enum Reply {
    Text(String),
    Number(i64),
    Nothing,
    /// A word in capitals, and more: `WRONGTYPE Operation against …`.
    Error(String),
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    spec: &RedisCheck,
    mut stream: BufStream<S>,
    password: Option<&str>,
    stage: &Stage,
    peer: &str,
) -> Result<Observation, Failure> {
    stage.enter("signing in");
    if let Some(password) = password {
        let words: Vec<&str> = ["AUTH"].into_iter().chain(spec.user.as_deref()).chain([password]).collect();
        if let Reply::Error(error) = ask(&mut stream, &words, peer).await? {
            let who = spec.user.as_deref().unwrap_or("default");
            return Err(Failure::new(
                "sign-in refused",
                format!(
                    "{peer} refused user `{who}`: {}; is the password right, and does the server ask for one?",
                    printable(&error, 200)
                ),
            ));
        }
    }
    stage.enter("asking");
    match ask(&mut stream, &["PING"], peer).await? {
        Reply::Text(text) if text == "PONG" => {}
        Reply::Error(error) => return Err(refused("PING", &error, peer)),
        Reply::Text(_) | Reply::Number(_) | Reply::Nothing => return Err(no_redis(peer)),
    }
    if let Some(database) = &spec.database {
        let number = database.get()?.to_string();
        if let Reply::Error(error) = ask(&mut stream, &["SELECT", &number], peer).await? {
            return Err(refused("SELECT", &error, peer));
        }
    }
    let keys = match ask(&mut stream, &["DBSIZE"], peer).await? {
        Reply::Number(number) => u64::try_from(number).unwrap_or_default(),
        Reply::Error(error) => return Err(refused("DBSIZE", &error, peer)),
        Reply::Text(_) | Reply::Nothing => return Err(no_redis(peer)),
    };
    let found = match &spec.key {
        Some(key) => Some(look(&mut stream, key, peer).await?),
        None => None,
    };
    Ok(judge_redis(spec, &RedisSeen { keys: Some(keys), found })?)
}

async fn look<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufStream<S>,
    key: &str,
    peer: &str,
) -> Result<Found, Failure> {
    let kind = match ask(stream, &["TYPE", key], peer).await? {
        Reply::Text(kind) => kind,
        Reply::Error(error) => return Err(refused("TYPE", &error, peer)),
        Reply::Number(_) | Reply::Nothing => return Err(no_redis(peer)),
    };
    match kind.as_str() {
        "none" => return Ok(Found::Nothing),
        "string" => {}
        other => return Ok(Found::Other(printable(other, 20))),
    }
    match ask(stream, &["GET", key], peer).await? {
        Reply::Text(value) => Ok(Found::Text(value)),
        Reply::Nothing => Ok(Found::Nothing),
        Reply::Error(error) => Err(refused("GET", &error, peer)),
        Reply::Number(_) => Err(no_redis(peer)),
    }
}

/// A server that answers with an error. What the user may not ask is not known.
fn refused(command: &str, error: &str, peer: &str) -> Failure {
    let word = error.split(' ').next().unwrap_or_default();
    let said = printable(error, 200);
    let (asked, help) = match word {
        "NOAUTH" => (true, "it asks for a password: give `password`, or set REDISCLI_AUTH"),
        "LOADING" => (true, "it is still loading its data: give the check more time (`within`)"),
        "MASTERDOWN" => (true, "it is a replica that has lost its primary"),
        "NOPERM" => (false, "the user may not ask it: let it run PING, DBSIZE, TYPE and GET"),
        "MOVED" | "ASK" | "CLUSTERDOWN" => {
            (false, "the key lies on another node of the cluster: ask that node, or another key")
        }
        _ => (true, "see the server's log"),
    };
    let why = format!("{peer} answered {command} with `{said}`; {help}");
    if asked { Failure::new("an error of the server", why) } else { Failure::not_asked(why) }
}

fn no_redis(peer: &str) -> Failure {
    Failure::new(
        "no Redis",
        format!("{peer} does not answer like Redis; is the port right, and does it want TLS (`tls: true`)?"),
    )
}

async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut BufStream<S>,
    words: &[&str],
    peer: &str,
) -> Result<Reply, Failure> {
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        command += &format!("${}\r\n{word}\r\n", word.len());
    }
    let broken = |error: std::io::Error| {
        let help = "has the service just gone down, or does it want TLS (`tls: true`)?";
        Failure::new("connection broken", format!("the connection with {peer} broke: {error}; {help}"))
    };
    stream.write_all(command.as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let line = line(stream).await.map_err(broken)?;
    let Some((kind, rest)) = line.split_at_checked(1) else { return Err(no_redis(peer)) };
    match kind {
        "+" => Ok(Reply::Text(rest.to_owned())),
        "-" => Ok(Reply::Error(rest.to_owned())),
        ":" => rest.parse().map(Reply::Number).map_err(|_| no_redis(peer)),
        "$" if rest == "-1" => Ok(Reply::Nothing),
        "$" => {
            let length: u64 = rest.parse().map_err(|_| no_redis(peer))?;
            if length > VALUE_LIMIT {
                return Err(Failure::not_asked(format!(
                    "the value has {length} bytes, and a check reads 1 MiB: name another key"
                )));
            }
            let mut value = Vec::new();
            // The line end belongs to the answer, and not to the value.
            stream.take(length + 2).read_to_end(&mut value).await.map_err(broken)?;
            if !value.ends_with(b"\r\n") || value.len() as u64 != length + 2 {
                return Err(no_redis(peer));
            }
            value.truncate(value.len() - 2);
            Ok(Reply::Text(String::from_utf8_lossy(&value).into_owned()))
        }
        _ => Err(no_redis(peer)),
    }
}

/// One line without its end. Empty at the end of the stream.
async fn line(stream: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<String> {
    let mut line = Vec::new();
    stream.take(LINE_LIMIT).read_until(b'\n', &mut line).await?;
    Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
}
