//! PostgreSQL, over the simple query protocol. It returns every type as text, as `psql` shows it.

#![allow(clippy::disallowed_methods, reason = "a socket's time limit is real")]

use std::pin::pin;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use tokio::task::JoinSet;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Error, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{First, Refused, Row, Target, Why};
use crate::Net;
use crate::dial::{Failure, Stage, dial, peer};
use crate::tls::{Verify, explain, server_name};
use base::causes::chain;
use playbook::check::SqlTlsMode;

/// How long the end of a transaction may take after its answer is known.
pub(super) const ROLLBACK: Duration = Duration::from_secs(1);

/// A connection, and the task that serves it. Dropping it ends both.
pub(crate) struct Connection {
    client: Client,
    tasks: JoinSet<()>,
}

pub(super) async fn first_value(
    target: &Target,
    query: &str,
    net: &Net,
    stage: &Stage,
    limit: Duration,
) -> Result<First, Failure> {
    let Connection { client, tasks: _tasks } = Connection::open(target, net, stage).await?;
    stage.enter("running the query");
    let first = query_first(&client, query, limit).await.map_err(|e| failed(&e))?;
    // The answer is known. Rows that are left delay the end of the transaction; then the connection
    // ends it.
    let _ = tokio::time::timeout(ROLLBACK, client.batch_execute("ROLLBACK")).await;
    Ok(first)
}

impl Connection {
    pub(super) async fn open(target: &Target, net: &Net, stage: &Stage) -> Result<Self, Failure> {
        let (client, tasks) = connect(target, net, stage).await?;
        Ok(Self { client, tasks })
    }

    /// Without its client, the task says goodbye.
    pub(super) async fn close(self) {
        let Self { client, mut tasks } = self;
        drop(client);
        let _ = tokio::time::timeout(ROLLBACK, tasks.join_next()).await;
    }

    /// `SET LOCAL` ends with the transaction.
    pub(super) async fn begin(&mut self, limit: Duration) -> Result<(), Refused> {
        let millis = limit.as_millis().clamp(1, i32::MAX as u128);
        let begin = format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {millis}");
        self.client.batch_execute(&begin).await.map_err(|error| without_result(&error))
    }

    pub(super) async fn rows(&mut self, query: &str) -> Result<Vec<Row>, Refused> {
        let messages = self.client.simple_query(query).await.map_err(|error| without_result(&error))?;
        let mut rows = Vec::new();
        for message in messages {
            if let SimpleQueryMessage::Row(row) = message {
                let value = |at| row.try_get(at).map(|value| value.map(|text| text.as_bytes().to_vec()));
                let values: Result<Row, Error> = (0..row.len()).map(value).collect();
                rows.push(values.map_err(|error| without_result(&error))?);
            }
        }
        Ok(rows)
    }
}

fn without_result(error: &Error) -> Refused {
    let Some(db) = error.as_db_error() else {
        return Refused { why: Why::Lost, message: chain(error), code: "no answer".into() };
    };
    let code = db.code().code();
    let why = match code {
        "42501" => Why::Denied,
        "42P01" | "42703" | "42883" | "42704" | "3F000" => Why::Missing,
        "57014" => Why::TimedOut,
        "25006" => Why::ReadOnly,
        // The server is shutting down or has crashed.
        "57P01" | "57P02" | "57P03" => Why::Lost,
        _ => Why::Other,
    };
    let code = format!("SQLSTATE {code}");
    Refused { why, message: format!("{} ({code})", db.message()), code }
}

async fn connect(target: &Target, net: &Net, stage: &Stage) -> Result<(Client, JoinSet<()>), Failure> {
    let mut config = Config::new();
    config.user(&target.user).application_name("drillmaster");
    if let Some(password) = &target.password {
        config.password(password);
    }
    config.dbname(target.database.as_ref().unwrap_or(&target.user));
    let stream = dial(net, stage, &target.host, target.port).await?;
    stage.enter("signing in");
    // Dropping the set ends the connection together with the attempt.
    let mut tasks = JoinSet::new();
    let refused = |e: &Error| refused(target, net, e);
    let client = if target.tls == SqlTlsMode::Disable {
        config.ssl_mode(SslMode::Disable);
        let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(|e| refused(&e))?;
        tasks.spawn(async move {
            // A broken connection fails the query, and the query reports it.
            let _ = connection.await;
        });
        client
    } else {
        config.ssl_mode(SslMode::Require);
        server_name(&target.server_name)?;
        let verify = match target.tls {
            SqlTlsMode::VerifyFull => Verify::Full(target.roots()),
            SqlTlsMode::Require | SqlTlsMode::Disable => Verify::Anyone,
        };
        let mut tls = MakeRustlsConnect::new(net.trust.config(verify)?);
        let tls = <MakeRustlsConnect as MakeTlsConnect<tokio::net::TcpStream>>::make_tls_connect(
            &mut tls,
            &target.server_name,
        );
        let tls = tls.unwrap_or_else(|never| match never {});
        let (client, connection) = config.connect_raw(stream, tls).await.map_err(|e| refused(&e))?;
        tasks.spawn(async move {
            let _ = connection.await;
        });
        client
    };
    Ok((client, tasks))
}

async fn query_first(client: &Client, query: &str, limit: Duration) -> Result<First, Error> {
    // `SET LOCAL` ends with the transaction.
    client
        .batch_execute(&format!(
            "BEGIN READ ONLY; SET LOCAL statement_timeout = {}",
            limit.as_millis().clamp(1, i32::MAX as u128)
        ))
        .await?;
    let mut messages = pin!(client.simple_query_raw(query).await?);
    while let Some(message) = messages.try_next().await? {
        if let SimpleQueryMessage::Row(row) = message {
            return Ok(match row.try_get(0)? {
                Some(value) => First::Value(value.to_owned()),
                None => First::Null,
            });
        }
    }
    Ok(First::NoRow)
}

fn refused(target: &Target, net: &Net, error: &Error) -> Failure {
    let who = peer(net, &target.host, target.port);
    if let Some(db) = error.as_db_error() {
        let help = match db.code().code() {
            "28P01" | "28000" => {
                let tls = if target.tls == SqlTlsMode::Disable {
                    "; the connection had no TLS, which the server may ask for (`tls`)"
                } else {
                    ""
                };
                format!("user `{}`, password from {}{tls}", target.user, target.password_source)
            }
            "3D000" => "has this database been restored under another name?".into(),
            "57P03" => "the server is still starting".into(),
            "53300" => "all of the server's connections are taken".into(),
            _ => "see the server's log".into(),
        };
        return Failure::new("sign-in refused", format!("{who} refused: {}; {help}", db.message()));
    }
    if let Some(tls) = explain(error) {
        return Failure::new("TLS refused", format!("no TLS with {who}: {tls}"));
    }
    let text = chain(error);
    let help = if text.contains("does not support TLS") {
        "`tls.mode` (or `?sslmode=`) asks for TLS, as is the default; `disable` goes without"
    } else if text.contains("password missing") {
        return Failure::new(
            "sign-in refused",
            format!("{who} asks for a password: set {}", target.password_source),
        );
    } else {
        "is this PostgreSQL, and has it finished starting?"
    };
    Failure::new("no connection", format!("no session with {who}: {text}; {help}"))
}

fn failed(error: &Error) -> Failure {
    let Some(db) = error.as_db_error() else {
        return Failure::new("query failed", format!("the query failed: {}", chain(error)));
    };
    let help = match db.code().code() {
        "42P01" | "3F000" => "; has the table been restored, and is this the right database?",
        "42501" => "; the user may not read it",
        "25006" => "; checks only read: run what writes as a step",
        "57014" => "; it ran into the check's `timeout`: raise it, or ask for less",
        _ => "",
    };
    Failure::new(
        "query failed",
        format!("the query failed: {} (SQLSTATE {}){help}", db.message(), db.code().code()),
    )
}
