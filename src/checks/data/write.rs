//! `write`: a first transaction commits. It makes a table of its own and drops it again, and only in
//! a database that the run made.

use std::time::SystemTime;

use super::judge::Saw;
use crate::Net;
use crate::sql::{Refused, Session, Target, Why};
use playbook::check::SqlTlsMode;

/// Why the database may not be written. `None` if it may.
fn refusal(target: &Target, net: &Net) -> Option<String> {
    let host = &target.host;
    if !net.may_write_to(host) {
        return Some(format!("`{host}` is nothing that this run created: nothing is written there"));
    }
    let asked = (host.as_str(), target.port);
    let is_tunnelled = net.target(host, target.port) != asked;
    let is_proved = target.tls == SqlTlsMode::VerifyFull && target.server_name == *host;
    // Anything may answer at the end of a tunnel.
    (is_tunnelled && !is_proved).then(|| {
        format!(
            "`connect_to` leads elsewhere, and without `tls.mode: verify-full` nothing proves that `{host}` answers there: nothing is written"
        )
    })
}

pub(super) async fn write(session: &mut Session, target: &Target, net: &Net) -> Result<Saw, Refused> {
    if let Some(why) = refusal(target, net) {
        return Ok(Saw::unknown("refused", why));
    }
    // Another attempt, or another check, has another name.
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let table = format!("drillmaster_write_{}_{}", std::process::id(), now.as_nanos());
    match committed(session, &table).await {
        Ok(true) => {}
        Ok(false) => {
            return Ok(Saw::wrong(
                "lost",
                "a transaction committed, and what it wrote is not there afterwards",
            ));
        }
        Err(refused) => {
            let message = &refused.message;
            let saw = match refused.why {
                Why::Denied => Saw::unknown(
                    "not asked",
                    format!("the user may make no table: {message}; grant it, or leave the rung out"),
                ),
                Why::ReadOnly => Saw::wrong("read-only", format!("the database takes no writes: {message}")),
                Why::TimedOut | Why::Missing | Why::Other => {
                    Saw::wrong("not committed", format!("a first transaction does not commit: {message}"))
                }
                Why::Lost => return Err(refused),
            };
            session.roll_back().await;
            let _ = session.rows(&format!("drop table if exists {table}")).await;
            return Ok(saw);
        }
    }
    let saw = Saw::fine("a first transaction committed");
    Ok(match session.rows(&format!("drop table {table}")).await {
        Ok(_) => saw,
        Err(refused) => saw.with_note(format!("its table `{table}` stays: {}", refused.message)),
    })
}

/// Whether what was committed is there afterwards.
async fn committed(session: &mut Session, table: &str) -> Result<bool, Refused> {
    session.rows("begin").await?;
    session.rows(&format!("create table {table} (written varchar(20))")).await?;
    // In MySQL the table has ended the transaction.
    if let Session::MySql(_) = session {
        session.rows("begin").await?;
    }
    session.rows(&format!("insert into {table} values ('drill')")).await?;
    session.rows("commit").await?;
    Ok(session.value(&format!("select written from {table}")).await? == "drill")
}
