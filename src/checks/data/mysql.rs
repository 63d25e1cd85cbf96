//! What the rungs ask MySQL and MariaDB. The tables are those of `information_schema` in MySQL 8.0,
//! 8.4 and MariaDB 10.6 to 11. It shows only what the user may see.

use std::collections::BTreeMap;

use super::judge::{Saw, counted};
use super::postgres::{judged, note};
use crate::sql::{Refused, Row, Session, Why, text};
use playbook::reference::{Reference, Table};

async fn pairs(session: &mut Session, query: &str) -> Result<BTreeMap<String, String>, Refused> {
    Ok(session.rows(query).await?.iter().map(|row| (text(row, 0), text(row, 1))).collect())
}

fn firsts(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| text(row, 0)).collect()
}

/// A name as SQL quotes it.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The tables: their names, and how SQL names them.
pub(super) async fn tables(session: &mut Session) -> Result<BTreeMap<String, String>, Refused> {
    let query = "select table_name from information_schema.tables
                 where table_schema = database() and table_type in ('BASE TABLE', 'SYSTEM VERSIONED')";
    let names = firsts(&session.rows(query).await?);
    Ok(names.into_iter().map(|name| (name.clone(), quoted(&name))).collect())
}

pub(super) async fn structure(session: &mut Session) -> Result<Reference, Refused> {
    let names = self::tables(session).await?.into_keys();
    let mut tables: BTreeMap<String, Table> = names.map(|name| (name, Table::default())).collect();
    let columns =
        "select table_name, column_name, concat(column_type, if(is_nullable = 'NO', ' not null', ''),
                     if(extra = '', '', concat(' ', lower(extra))))
                   from information_schema.columns where table_schema = database()";
    let constraints = "select t.table_name, t.constraint_name, concat(lower(t.constraint_type), ' (',
                         coalesce(group_concat(k.column_name order by k.ordinal_position), ''), ')',
                         coalesce(concat(' references ', max(k.referenced_table_name), ' (',
                           group_concat(k.referenced_column_name order by k.ordinal_position), ')'), ''))
                       from information_schema.table_constraints t
                       left join information_schema.key_column_usage k on k.constraint_schema = t.constraint_schema
                         and k.table_name = t.table_name and k.constraint_name = t.constraint_name
                       where t.table_schema = database()
                       group by t.table_name, t.constraint_name, t.constraint_type";
    let indexes = "select table_name, index_name, concat(if(max(non_unique) = 0, 'unique ', ''), '(',
                     group_concat(coalesce(column_name, '') order by seq_in_index), ')')
                   from information_schema.statistics where table_schema = database()
                   group by table_name, index_name";
    for row in session.rows(columns).await? {
        if let Some(table) = tables.get_mut(&text(&row, 0)) {
            table.columns.insert(text(&row, 1), text(&row, 2));
        }
    }
    for row in session.rows(constraints).await? {
        if let Some(table) = tables.get_mut(&text(&row, 0)) {
            table.constraints.insert(text(&row, 1), text(&row, 2));
        }
    }
    for row in session.rows(indexes).await? {
        if let Some(table) = tables.get_mut(&text(&row, 0)) {
            table.indexes.insert(text(&row, 1), text(&row, 2));
        }
    }
    let objects = "select concat(lower(table_type), ' ', table_name) from information_schema.tables
                   where table_schema = database() and table_type in ('VIEW', 'SEQUENCE')
                   union all select concat(lower(routine_type), ' ', routine_name) from information_schema.routines
                   where routine_schema = database()
                   union all select concat('trigger ', event_object_table, '.', trigger_name)
                   from information_schema.triggers where trigger_schema = database()
                   union all select concat('event ', event_name) from information_schema.events
                   where event_schema = database()";
    let objects = session.rows(objects).await?.iter().map(|row| text(row, 0)).collect();
    Ok(Reference { tables, objects, ..Reference::default() })
}

/// Columns that count by themselves, and in MariaDB those that a sequence numbers.
pub(super) async fn sequences(session: &mut Session) -> Result<Saw, Refused> {
    let counting = "select table_name, column_name from information_schema.columns
                    where table_schema = database() and extra like '%auto_increment%' order by 1, 2";
    let counting = session.rows(counting).await?;
    let mut behind = Vec::new();
    for row in &counting {
        let (table, column) = (text(row, 0), text(row, 1));
        // `information_schema.tables` may be a day old in MySQL.
        let made = session.rows(&format!("show create table {}", quoted(&table))).await?;
        let next = made.first().and_then(|row| next_of(&text(row, 1))).unwrap_or(1);
        let last = session.value(&format!("select max({}) from {}", quoted(&column), quoted(&table))).await?;
        if last.parse::<i128>().is_ok_and(|last| last >= next) {
            behind.push(format!("{table}.{column} goes on at {next}"));
        }
    }
    let numbered = "select table_name, column_name, column_default from information_schema.columns
                    where table_schema = database() and column_default like '%nextval(%' order by 1, 2";
    let numbered = session.rows(numbered).await?;
    let mut unread = Vec::new();
    for row in &numbered {
        let (table, column) = (text(row, 0), text(row, 1));
        let default = text(row, 2);
        let Some(sequence) = sequence_in(&default) else {
            unread.push(format!("the default of {table}.{column} is {default}"));
            continue;
        };
        let next = session.value(&format!("select next_not_cached_value from {sequence}")).await?;
        let last = session.value(&format!("select max({}) from {}", quoted(&column), quoted(&table))).await?;
        match (next.parse::<i128>(), last.parse::<i128>()) {
            (Ok(next), Ok(last)) if last >= next => {
                behind.push(format!("{sequence} is behind {table}.{column}"));
            }
            (Err(_), _) => unread.push(format!("the next number of {sequence} is {next:?}")),
            // The sequence is ahead, or the table is empty and has no last number.
            (Ok(_), _) => {}
        }
    }
    if behind.is_empty()
        && let Some(first) = unread.first()
    {
        return Ok(Saw::unknown("not all sequences could be read", first.clone()));
    }
    Ok(Saw::unless(
        &behind,
        format!("{}, none behind its column", counted(counting.len() + numbered.len(), "sequence")),
        "the next row would take a number that is taken: `alter table … auto_increment`, or `setval`",
    ))
}

/// The next number in the definition of a table.
fn next_of(definition: &str) -> Option<i128> {
    let options = definition.rsplit_once("\n)")?.1;
    let number = options.split_once("AUTO_INCREMENT=")?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The sequence of a default, as SQL names it: nextval(`orders`.`s`).
fn sequence_in(default: &str) -> Option<&str> {
    let inside = default.split_once("nextval(")?.1;
    Some(inside.rsplit_once(')')?.0).filter(|name| name.starts_with('`') && name.ends_with('`'))
}

pub(super) async fn collations(session: &mut Session) -> Result<BTreeMap<String, String>, Refused> {
    let query = "select 'database', default_collation_name from information_schema.schemata
                 where schema_name = database()
                 union all select concat(table_name, '.', column_name), collation_name
                 from information_schema.columns where table_schema = database() and collation_name is not null";
    pairs(session, query).await
}

/// Plugins that the server has loaded from files.
pub(super) async fn extensions(session: &mut Session) -> Result<BTreeMap<String, String>, Refused> {
    let query = "select plugin_name, lower(plugin_status) from information_schema.plugins
                 where plugin_library is not null";
    pairs(session, query).await
}

/// Users of people and programs. Those of the server itself differ between versions.
pub(super) async fn roles(session: &mut Session) -> Result<BTreeMap<String, String>, Refused> {
    let query = "select concat(user, '@', host), '' from mysql.user
                 where user not in ('mysql.sys', 'mysql.session', 'mysql.infoschema', 'mariadb.sys', 'rdsadmin')";
    pairs(session, query).await
}

/// Indexes that were switched off for loading and never built.
pub(super) async fn indexes(session: &mut Session) -> Result<Saw, Refused> {
    let all = "select count(distinct table_name, index_name) from information_schema.statistics
               where table_schema = database()";
    let off = "select distinct concat(table_name, '.', index_name, ' is switched off')
               from information_schema.statistics where table_schema = database() and comment like '%disabled%'
               order by 1";
    let all = session.value(all).await?.parse().unwrap_or_default();
    let off = firsts(&session.rows(off).await?);
    let total = format!("{}, all in use", counted(all, "index").replace("indexs", "indexes"));
    Ok(Saw::unless(&off, total, "build them: `alter table … enable keys`"))
}

/// Looks for rows that refer to a row that is not there.
pub(super) async fn foreign_keys(session: &mut Session) -> Result<Saw, Refused> {
    let columns =
        "select constraint_name, table_name, column_name, referenced_table_schema, referenced_table_name,
                     referenced_column_name from information_schema.key_column_usage
                   where table_schema = database() and referenced_table_name is not null
                   order by table_name, constraint_name, ordinal_position";
    let mut keys: BTreeMap<(String, String), Vec<Row>> = BTreeMap::new();
    for row in session.rows(columns).await? {
        keys.entry((text(&row, 1), text(&row, 0))).or_default().push(row);
    }
    let mut bad = Vec::new();
    for ((table, name), columns) in &keys {
        let Some(first) = columns.first() else { continue };
        let own = |row: &Row| format!("c.{}", quoted(&text(row, 2)));
        let given: Vec<_> = columns.iter().map(|row| format!("{} is not null", own(row))).collect();
        let same: Vec<_> =
            columns.iter().map(|row| format!("p.{} = {}", quoted(&text(row, 5)), own(row))).collect();
        let query = format!(
            "select 1 from {} c where {} and not exists (select 1 from {}.{} p where {}) limit 1",
            quoted(table),
            given.join(" and "),
            quoted(&text(first, 3)),
            quoted(&text(first, 4)),
            same.join(" and ")
        );
        if !session.rows(&query).await?.is_empty() {
            bad.push(format!("{table}.{name} has rows without the row that they refer to"));
        }
    }
    Ok(Saw::unless(
        &bad,
        format!("{}, and every row that they refer to is there", counted(keys.len(), "foreign key")),
        "rows were lost, or loaded without `foreign_key_checks`",
    ))
}

/// What a restored copy does by itself that others would notice.
pub(super) async fn outward(session: &mut Session) -> Result<Saw, Refused> {
    let mut out = Vec::new();
    let mut unseen = Vec::new();
    if session.value("select @@global.event_scheduler").await?.eq_ignore_ascii_case("on") {
        let events = "select concat('event ', event_schema, '.', event_name, ' is enabled')
                      from information_schema.events where status = 'ENABLED' order by 1";
        let events = firsts(&session.rows(events).await?);
        let may_see = "select 1 from information_schema.user_privileges where privilege_type = 'EVENT'
                       and replace(grantee, '''', '') = current_user()";
        if events.is_empty() && session.rows(may_see).await?.is_empty() {
            unseen.push("the event scheduler runs, and the user may not see all events".to_owned());
        }
        out.extend(events);
    }
    note(replication(session).await, &mut out, &mut unseen)?;
    let servers = "select concat('linked server ', server_name) from mysql.servers order by 1";
    note(session.rows(servers).await.map(|rows| firsts(&rows)), &mut out, &mut unseen)?;
    let linked = "select concat('table ', table_schema, '.', table_name, ' of engine ', engine)
                  from information_schema.tables
                  where engine in ('FEDERATED', 'SPIDER', 'CONNECT') order by 1";
    out.extend(firsts(&session.rows(linked).await?));
    Ok(judged(&out, &unseen, ""))
}

/// The servers that this one follows, running or not: it goes on with its next start.
async fn replication(session: &mut Session) -> Result<Vec<String>, Refused> {
    let mariadb = matches!(session, Session::MySql(connection) if connection.mariadb);
    let (query, older) = if mariadb {
        ("show all slaves status", "show slave status")
    } else {
        ("show replica status", "show slave status")
    };
    let rows = match session.rows(query).await {
        Err(refused) if refused.why == Why::Missing => session.rows(older).await?,
        answer => answer?,
    };
    Ok(rows.iter().take(1).map(|_| "it follows another server (replication)".to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_read() {
        let table = "CREATE TABLE `t` (\n  `AUTO_INCREMENT=7` int(11) NOT NULL AUTO_INCREMENT,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB AUTO_INCREMENT=42 DEFAULT CHARSET=utf8mb4";
        assert_eq!(next_of(table), Some(42));
        assert_eq!(next_of("CREATE TABLE `t` (\n  `id` int\n) ENGINE=InnoDB"), None);
        assert_eq!(sequence_in("nextval(`orders`.`s`)"), Some("`orders`.`s`"));
        assert_eq!(sequence_in("nextval(orders.s)"), None);
        assert_eq!(quoted("a`b"), "`a``b`");
    }
}
