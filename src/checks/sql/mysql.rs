//! MySQL and MariaDB, over the text protocol.

use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, DriverError, Error, OptsBuilder, Row, SslOpts, Value};

use super::{First, Target};
use crate::Net;
use crate::dial::{CONNECTING, Failure, Stage, chain, is_lookup, peer, unreachable};
use crate::tls::{explain, server_name};
use playbook::check::SqlTlsMode;

/// The largest packet that is read, in bytes. A larger value fails the query.
const PACKET_LIMIT: usize = 16 << 20;

const UNKNOWN_SYSTEM_VARIABLE: u16 = 1193;

pub(super) async fn first_value(
    target: &Target,
    query: &str,
    net: &Net,
    stage: &Stage,
    limit: Duration,
) -> Result<First, Failure> {
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
    let mut connection = Conn::new(options).await.map_err(|e| refused(target, net, &e))?;
    stage.enter("running the query");
    let first = query_first(&mut connection, query, limit).await.map_err(|e| failed(&e));
    if let Ok(First::Value(_) | First::Null) = first {
        // Rows may be left. Drop the connection instead of reading them.
        drop(connection);
    } else {
        // The answer is known. A failed disconnect does not change it.
        let _ = connection.disconnect().await;
    }
    first
}

fn ssl(target: &Target, net: &Net) -> Result<Option<SslOpts>, Failure> {
    if target.tls == SqlTlsMode::Disable {
        return Ok(None);
    }
    server_name(&target.server_name)?;
    let anyone = target.tls == SqlTlsMode::Require;
    let authorities = net.trust.authorities(target.ca_file.as_deref())?;
    if authorities.is_empty() {
        return Err(Failure::new(
            "not asked",
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
    connection.query_drop("SET SESSION TRANSACTION READ ONLY").await?;
    let millis = limit.as_millis().clamp(1, 4_000_000_000);
    // MySQL's name for the limit, then MariaDB's.
    match connection.query_drop(format!("SET SESSION max_execution_time = {millis}")).await {
        Err(Error::Server(e)) if e.code == UNKNOWN_SYSTEM_VARIABLE => {
            let seconds = Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)).as_secs_f64();
            connection.query_drop(format!("SET SESSION max_statement_time = {seconds}")).await?;
        }
        other => other?,
    }
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

fn refused(target: &Target, net: &Net, error: &Error) -> Failure {
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
        other => {
            if let Some(tls) = explain(other) {
                return Failure::new("TLS refused", format!("no TLS with {who}: {tls}"));
            }
            match other {
                Error::Io(mysql_async::IoError::Io(e)) if e.raw_os_error().is_some() || is_lookup(e) => {
                    unreachable(net, &target.host, target.port, e)
                }
                _ => Failure::new(
                    "no connection",
                    format!("no session with {who}: {}; is this MySQL or MariaDB?", chain(other)),
                ),
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
