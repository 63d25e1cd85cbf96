//! Makes the reference of a database.

use super::look::count;
use super::{mysql, postgres};
use crate::dial::{Failure, Stage};
use crate::observation::Secrets;
use crate::sql::{Access, Refused, Session, Target};
use crate::{Net, printable};
use playbook::asked::SqlEngine;
use playbook::data::DataCheck;
use playbook::reference::{Reference, SCHEMA};

/// A reference, and what could not be read for it.
pub struct Snapshot {
    pub reference: Reference,
    pub unread: Vec<String>,
}

/// Looks at a database. Only reads, in one transaction for each kind of thing.
///
/// # Errors
/// Why there is no reference, without secrets: tables and rows must be readable.
#[allow(clippy::disallowed_methods, reason = "a socket's time limit is real")]
pub async fn snapshot(spec: &DataCheck, net: &Net) -> Result<Snapshot, String> {
    let mut secrets = Secrets::default();
    let limit = spec.timeout();
    let stage = Stage::new();
    let made = async {
        let target = Target::of(&Access::from(spec), net, &mut secrets)?;
        let mut session = Session::open(&target, net, &stage, limit).await?;
        let made = look(&mut session, &target, limit).await;
        session.close().await;
        made
    };
    let made = match tokio::time::timeout(limit, made).await {
        Ok(made) => made,
        Err(_) => Err(Failure::new("no answer", format!("time was up after {limit:?}; raise `--timeout`"))),
    };
    made.map_err(|failure| printable(&secrets.scrub(&failure.why), 600))
}

async fn look(
    session: &mut Session,
    target: &Target,
    limit: std::time::Duration,
) -> Result<Snapshot, Failure> {
    let needed = |what: &'static str| {
        move |refused: Refused| {
            Failure::new("not read", format!("the {what} cannot be read: {}", refused.message))
        }
    };
    session.begin(limit).await.map_err(needed("database"))?;
    let is_postgres = target.engine == SqlEngine::Postgres;
    let mut reference =
        if is_postgres { postgres::structure(session).await } else { mysql::structure(session).await }
            .map_err(needed("structure"))?;
    let version = if is_postgres { "show server_version" } else { "select version()" };
    let database = if is_postgres { "select current_database()" } else { "select database()" };
    reference.version = session.value(version).await.map_err(needed("version"))?;
    reference.database = session.value(database).await.map_err(needed("name of the database"))?;
    if is_postgres { "postgres" } else { "mysql" }.clone_into(&mut reference.engine);
    SCHEMA.clone_into(&mut reference.schema);
    session.roll_back().await;

    session.begin(limit).await.map_err(needed("database"))?;
    let tables = if is_postgres { postgres::tables(session).await } else { mysql::tables(session).await };
    let tables = tables.map_err(needed("tables"))?;
    for (name, rows) in count(session, &tables).await.map_err(needed("rows"))? {
        if let Some(table) = reference.tables.get_mut(&name) {
            table.rows = Some(rows);
        }
    }
    session.roll_back().await;

    let mut unread = Vec::new();
    for what in ["collations", "extensions", "roles"] {
        session.begin(limit).await.map_err(needed("database"))?;
        let read = match (what, is_postgres) {
            ("collations", true) => postgres::collations_of_columns(session).await,
            ("collations", false) => mysql::collations(session).await,
            ("extensions", true) => postgres::extensions(session).await,
            ("extensions", false) => mysql::extensions(session).await,
            (_, true) => postgres::roles(session).await,
            (_, false) => mysql::roles(session).await,
        };
        session.roll_back().await;
        let read = match read {
            Ok(read) => Some(read),
            Err(refused) => {
                unread.push(format!("the {what} cannot be read: {}", printable(&refused.message, 300)));
                None
            }
        };
        match what {
            "collations" => reference.collations = read,
            "extensions" => reference.extensions = read,
            _ => reference.roles = read,
        }
    }
    Ok(Snapshot { reference, unread })
}
