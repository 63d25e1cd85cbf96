//! A session with a database, in which several queries are asked one after another.

use std::time::Duration;

use super::{Target, mysql, postgres};
use crate::Net;
use crate::dial::{Failure, Stage};
use playbook::asked::SqlEngine;

/// The values of a row, as the server sends them. `None` is NULL.
pub(crate) type Row = Vec<Option<Vec<u8>>>;

/// A value of a row as text. NULL and what is not there is empty.
pub(crate) fn text(row: &Row, at: usize) -> String {
    row.get(at)
        .and_then(Option::as_deref)
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .unwrap_or_default()
}

/// Why a query has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The user may not ask it.
    Denied,
    /// The server does not have what it names.
    Missing,
    TimedOut,
    /// The server takes no writes.
    ReadOnly,
    /// The connection ended.
    Lost,
    Other,
}

/// A query without a result.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) why: Why,
    /// As the server says it, with its code. It may quote data.
    pub(crate) message: String,
    /// The code alone.
    pub(crate) code: String,
}

pub(crate) enum Session {
    Postgres(postgres::Connection),
    MySql(mysql::Connection),
}

impl Session {
    pub(crate) async fn open(
        target: &Target,
        net: &Net,
        stage: &Stage,
        limit: Duration,
    ) -> Result<Self, Failure> {
        Ok(match target.engine {
            SqlEngine::Postgres => Self::Postgres(postgres::Connection::open(target, net, stage).await?),
            SqlEngine::MySql => Self::MySql(mysql::Connection::open(target, net, stage, limit).await?),
        })
    }

    /// Begins a read-only transaction, whose queries end at the limit. What it sets ends with it.
    pub(crate) async fn begin(&mut self, limit: Duration) -> Result<(), Refused> {
        match self {
            Self::Postgres(connection) => connection.begin(limit).await,
            Self::MySql(connection) => connection.begin(limit).await,
        }
    }

    /// All rows of a query.
    pub(crate) async fn rows(&mut self, query: &str) -> Result<Vec<Row>, Refused> {
        match self {
            Self::Postgres(connection) => connection.rows(query).await,
            Self::MySql(connection) => connection.rows(query).await,
        }
    }

    /// The first value of a query, as text. Empty if there is none.
    pub(crate) async fn value(&mut self, query: &str) -> Result<String, Refused> {
        Ok(self.rows(query).await?.first().map(|row| text(row, 0)).unwrap_or_default())
    }

    /// Ends the session, so that none is left on the server.
    pub(crate) async fn close(self) {
        match self {
            Self::Postgres(connection) => connection.close().await,
            Self::MySql(connection) => connection.close().await,
        }
    }

    /// Ends the transaction, and undoes what it did.
    pub(crate) async fn roll_back(&mut self) {
        // The next query tells of a connection that ended.
        let _ = self.rows("ROLLBACK").await;
    }
}
