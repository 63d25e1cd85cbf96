//! MySQL and MariaDB, over the text protocol.

#![allow(clippy::disallowed_methods, reason = "a socket's time limit is real")]

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, DriverError, Error, OptsBuilder, Row, SslOpts, Value};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use super::postgres::ROLLBACK;
use super::{First, Refused, Row as Values, Target, Why};
use crate::Net;
use crate::dial::{CONNECTING, Failure, Stage, TLS, dial, is_lookup, peer, unreachable};
use crate::tls::{Verify, explain, server_name};
use base::causes::chain;
use playbook::check::SqlTlsMode;

/// The largest packet that is read, in bytes. A larger value fails the query.
const PACKET_LIMIT: usize = 16 << 20;

pub(super) async fn first_value(
    target: &Target,
    query: &str,
    net: &Net,
    stage: &Stage,
    limit: Duration,
) -> Result<First, Failure> {
    let mut connection = connect(target, net, stage, limit).await?;
    stage.enter("running the query");
    let first = query_first(&mut connection, query, limit).await.map_err(|e| failed(&e))?;
    // The answer is known. Rows that are left delay the end of the transaction; then the connection
    // ends it.
    let end = async {
        connection.query_drop("ROLLBACK").await?;
        connection.disconnect().await
    };
    let _ = tokio::time::timeout(ROLLBACK, end).await;
    Ok(first)
}

/// A connection, and what its queries need.
pub(crate) struct Connection {
    conn: Conn,
    pub(crate) mariadb: bool,
    limit: Duration,
}

impl Connection {
    pub(super) async fn open(
        target: &Target,
        net: &Net,
        stage: &Stage,
        limit: Duration,
    ) -> Result<Self, Failure> {
        let mut conn = connect(target, net, stage, limit).await?;
        let mariadb = is_mariadb(&mut conn).await.map_err(|error| failed(&error))?;
        Ok(Self { conn, mariadb, limit })
    }

    pub(super) async fn close(self) {
        let _ = tokio::time::timeout(ROLLBACK, self.conn.disconnect()).await;
    }

    pub(super) async fn begin(&mut self, limit: Duration) -> Result<(), Refused> {
        self.limit = limit;
        let begun = self.conn.query_drop("START TRANSACTION READ ONLY").await;
        begun.map_err(|error| without_result(&error))
    }

    pub(super) async fn rows(&mut self, query: &str) -> Result<Vec<Values>, Refused> {
        // Other statements have no limit of their own: the attempt has.
        let is_select = query.trim_start().get(..6).is_some_and(|word| word.eq_ignore_ascii_case("select"));
        let limited = if is_select { limited(query, self.mariadb, self.limit) } else { query.into() };
        let asked = async { self.conn.query_iter(limited).await?.collect::<Row>().await };
        let rows = asked.await.map_err(|error| without_result(&error))?;
        // The text protocol has no other types.
        let value = |value: Value| match value {
            Value::NULL => None,
            Value::Bytes(bytes) => Some(bytes),
            other @ (Value::Int(_)
            | Value::UInt(_)
            | Value::Float(_)
            | Value::Double(_)
            | Value::Date(..)
            | Value::Time(..)) => Some(other.as_sql(true).into_bytes()),
        };
        Ok(rows.into_iter().map(|row| row.unwrap().into_iter().map(value).collect()).collect())
    }
}

fn without_result(error: &Error) -> Refused {
    let Error::Server(e) = error else {
        return Refused { why: Why::Lost, message: chain(error), code: "no answer".into() };
    };
    let why = match e.code {
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 => Why::Denied,
        // A table, a database, a column, a routine, a variable, a word of another version.
        1146 | 1049 | 1109 | 1054 | 1305 | 1193 | 1064 => Why::Missing,
        1317 | 1969 | 3024 => Why::TimedOut,
        1290 | 1792 | 1836 => Why::ReadOnly,
        1053 | 1927 => Why::Lost,
        _ => Why::Other,
    };
    let code = format!("error {}", e.code);
    Refused { why, message: format!("{} ({code})", e.message), code }
}

async fn connect(target: &Target, net: &Net, stage: &Stage, limit: Duration) -> Result<Conn, Failure> {
    let (host, port) = net.target(&target.host, target.port);
    let options = OptsBuilder::default()
        .ip_or_hostname(host)
        .tcp_port(port)
        .prefer_socket(false)
        .user(Some(&target.user))
        .pass(target.password.as_ref())
        .db_name(target.database.as_ref())
        // The driver asks the server for these two values if they are not set here.
        .max_allowed_packet(Some(PACKET_LIMIT))
        .wait_timeout(Some(usize::try_from(limit.as_secs()).unwrap_or(usize::MAX).max(1)))
        .ssl_opts(ssl(target, net)?);
    stage.enter(CONNECTING);
    match Conn::new(options).await {
        Ok(connection) => Ok(connection),
        Err(error) => Err(refused(target, net, stage, &error).await),
    }
}

async fn is_mariadb(connection: &mut Conn) -> Result<bool, Error> {
    let version: Option<String> = connection.query_first("SELECT VERSION()").await?;
    Ok(version.is_some_and(|version| version.contains("MariaDB")))
}

fn ssl(target: &Target, net: &Net) -> Result<Option<SslOpts>, Failure> {
    if target.tls == SqlTlsMode::Disable {
        return Ok(None);
    }
    server_name(&target.server_name)?;
    let anyone = target.tls == SqlTlsMode::Require;
    let authorities = net.trust.authorities(target.roots())?;
    if authorities.is_empty() {
        return Err(Failure::not_asked(
            "this machine trusts no certificate authority at all; install `ca-certificates`, or give `tls.ca_file`",
        ));
    }
    let options = SslOpts::default()
        .with_disable_built_in_roots(true)
        .with_root_certs(authorities.into_iter().map(|der| der.to_vec().into()).collect())
        .with_danger_accept_invalid_certs(anyone)
        // The certificate must carry the host name of the check, even if `connect_to` dials another
        // address.
        .with_danger_tls_hostname_override(Some(target.server_name.clone()));
    Ok(Some(options))
}

async fn query_first(connection: &mut Conn, query: &str, limit: Duration) -> Result<First, Error> {
    connection.query_drop("START TRANSACTION READ ONLY").await?;
    let query = limited(query, is_mariadb(connection).await?, limit);
    let mut result = connection.query_iter(query).await?;
    // `next` returns rows of the current result set only.
    let row: Option<Row> = result.next().await?;
    Ok(match row.and_then(|mut row| row.take::<Value, _>(0)) {
        None => First::NoRow,
        Some(Value::NULL) => First::Null,
        Some(Value::Bytes(bytes)) => First::Value(String::from_utf8_lossy(&bytes).into_owned()),
        // The text protocol has no other types.
        Some(other) => First::Value(other.as_sql(true)),
    })
}

/// Returns the query with its time limit: the server ends it, even if nobody waits any more. The
/// limit is the query's own, so that no session keeps it.
fn limited(query: &str, mariadb: bool, limit: Duration) -> Cow<'_, str> {
    let query = query.trim_start();
    if mariadb {
        return format!("SET STATEMENT max_statement_time = {} FOR {query}", limit.as_secs_f64()).into();
    }
    let (word, rest) = query.split_at(query.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(query.len()));
    // MySQL limits `select` alone, and takes one list of hints.
    if !word.eq_ignore_ascii_case("select") || rest.trim_start().starts_with("/*+") {
        return query.into();
    }
    let millis = limit.as_millis().clamp(1, 4_000_000_000);
    format!("{word} /*+ MAX_EXECUTION_TIME({millis}) */{rest}").into()
}

/// Shakes hands once more, to name the authority that is not trusted: the driver does not tell it.
async fn explained(target: &Target, net: &Net, stage: &Stage) -> Option<String> {
    let mut stream = dial(net, stage, &target.host, target.port).await.ok()?;
    stage.enter(TLS);
    let mut header = [0; 4];
    stream.read_exact(&mut header).await.ok()?;
    let [a, b, c, sequence] = header;
    let mut greeting = vec![0; usize::try_from(u32::from_le_bytes([a, b, c, 0])).ok()?.min(PACKET_LIMIT)];
    stream.read_exact(&mut greeting).await.ok()?;
    // The request for TLS: capabilities, the largest packet, the character set and 23 zeros.
    let capabilities = CLIENT_PROTOCOL_41 | CLIENT_SSL | CLIENT_SECURE_CONNECTION;
    let mut request = vec![32, 0, 0, sequence.wrapping_add(1)];
    request.extend(capabilities.to_le_bytes());
    request.extend(0x00ff_ffff_u32.to_le_bytes());
    request.push(45);
    request.extend([0; 23]);
    stream.write_all(&request).await.ok()?;
    let config = net.trust.config(Verify::Full(target.roots())).ok()?;
    let name = server_name(&target.server_name).ok()?;
    match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        Ok(_) => None,
        Err(error) => explain(&error),
    }
}

const CLIENT_PROTOCOL_41: u32 = 0x200;
const CLIENT_SSL: u32 = 0x800;
const CLIENT_SECURE_CONNECTION: u32 = 0x8000;

async fn refused(target: &Target, net: &Net, stage: &Stage, error: &Error) -> Failure {
    let who = peer(net, &target.host, target.port);
    match error {
        Error::Server(e) => {
            let help = match e.code {
                1045 | 1044 | 1698 => {
                    format!("; user `{}`, password from {}", target.user, target.password_source)
                }
                1049 => "; has this database been restored under another name?".into(),
                1040 => "; all of the server's connections are taken".into(),
                _ => String::new(),
            };
            Failure::new("sign-in refused", format!("{who} refused: {} (error {}){help}", e.message, e.code))
        }
        Error::Driver(DriverError::NoClientSslFlagFromServer) => Failure::new(
            "no TLS",
            format!(
                "{who} does not speak TLS; `tls.mode` (or `?sslmode=`) asks for it, as is the default; `disable` goes without"
            ),
        ),
        other @ (Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Url(_)) => {
            if let Some(tls) = explain(other) {
                let named = if target.tls == SqlTlsMode::VerifyFull {
                    explained(target, net, stage).await
                } else {
                    None
                };
                let tls = named.unwrap_or(tls);
                return Failure::new("TLS refused", format!("no TLS with {who}: {tls}"));
            }
            match other {
                Error::Io(mysql_async::IoError::Io(e)) if e.raw_os_error().is_some() || is_lookup(e) => {
                    unreachable(net, &target.host, target.port, e)
                }
                Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Server(_) | Error::Url(_) => {
                    Failure::new(
                        "no connection",
                        format!("no session with {who}: {}; is this MySQL or MariaDB?", chain(other)),
                    )
                }
            }
        }
    }
}

fn failed(error: &Error) -> Failure {
    let Error::Server(e) = error else {
        return Failure::new("query failed", format!("the query failed: {}", chain(error)));
    };
    let help = match e.code {
        1146 | 1049 => "; has the table been restored, and is this the right database?",
        1142 | 1044 => "; the user may not read it",
        1792 => "; checks only read: run what writes as a step",
        3024 | 1969 => "; it ran into the check's `timeout`: raise it, or ask for less",
        _ => "",
    };
    Failure::new("query failed", format!("the query failed: {} (error {}){help}", e.message, e.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_the_querys_own() {
        let limit = Duration::from_millis(1500);
        assert_eq!(limited(" Select 1", false, limit), "Select /*+ MAX_EXECUTION_TIME(1500) */ 1");
        assert_eq!(limited("select(1)", false, limit), "select /*+ MAX_EXECUTION_TIME(1500) */(1)");
        assert_eq!(limited("select /*+ X */ 1", false, limit), "select /*+ X */ 1");
        assert_eq!(limited("show tables", false, limit), "show tables");
        assert_eq!(limited("select 1", true, limit), "SET STATEMENT max_statement_time = 1.5 FOR select 1");
    }
}
