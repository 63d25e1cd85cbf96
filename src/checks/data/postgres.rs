//! What the rungs ask PostgreSQL. The catalogs are those of its documentation, "System Catalogs" and
//! "System Views", versions 13 to 18.

use std::collections::BTreeMap;

use super::compare;
use super::judge::{Saw, counted, few};
use crate::sql::{Refused, Row, Session, Why, text};
use base::rung::RungHealth;
use playbook::reference::{Reference, Table};

/// Schemas of users. `n` is the namespace.
const USER: &str = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";

/// Tables of users, without partitions, which come and go, and without those of extensions. `c` is
/// the table.
const TABLES: &str = "c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't' and not \
     exists (select from pg_depend e where e.classid = 'pg_class'::regclass and e.objid = c.oid and e.deptype = 'e')";

/// Definitions name their schemas only for what is not found without. What is set ends with the
/// transaction.
const WHOLE_NAMES: &str = "set local search_path = pg_catalog";

/// Pairs of two texts.
async fn pairs(session: &mut Session, query: &str) -> Result<BTreeMap<String, String>, Refused> {
    Ok(session.rows(query).await?.iter().map(|row| (text(row, 0), text(row, 1))).collect())
}

fn firsts(rows: &[Row]) -> Vec<String> {
    rows.iter().map(|row| text(row, 0)).collect()
}

/// The tables: their names, and how SQL names their own rows.
pub(super) async fn tables(session: &mut Session) -> Result<BTreeMap<String, String>, Refused> {
    let query = format!(
        "select n.nspname || '.' || c.relname,
                case c.relkind when 'r' then 'only ' else '' end || format('%I.%I', n.nspname, c.relname)
         from pg_class c join pg_namespace n on n.oid = c.relnamespace where {TABLES} and {USER}"
    );
    pairs(session, &query).await
}

pub(super) async fn structure(session: &mut Session) -> Result<Reference, Refused> {
    session.rows(WHOLE_NAMES).await?;
    let of = format!("pg_class c join pg_namespace n on n.oid = c.relnamespace and {USER} and {TABLES}");
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for row in session.rows(&format!("select n.nspname || '.' || c.relname from {of}")).await? {
        tables.entry(text(&row, 0)).or_default();
    }
    let columns = format!(
        "select n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
                || case when a.attnotnull then ' not null' else '' end
                || case when a.attidentity <> '' then ' identity' when a.attgenerated <> '' then ' generated'
                        when a.atthasdef then ' default' else '' end
         from {of} join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped"
    );
    // Since version 18 columns that are not null have a constraint. They say so themselves.
    let constraints = format!(
        "select n.nspname || '.' || c.relname, k.conname, pg_get_constraintdef(k.oid)
         from {of} join pg_constraint k on k.conrelid = c.oid and k.contype in ('c', 'f', 'p', 'u', 'x')"
    );
    let indexes = format!(
        "select n.nspname || '.' || c.relname, i.relname, pg_get_indexdef(i.oid)
         from {of} join pg_index x on x.indrelid = c.oid join pg_class i on i.oid = x.indexrelid"
    );
    for row in session.rows(&columns).await? {
        tables.entry(text(&row, 0)).or_default().columns.insert(text(&row, 1), text(&row, 2));
    }
    for row in session.rows(&constraints).await? {
        tables.entry(text(&row, 0)).or_default().constraints.insert(text(&row, 1), text(&row, 2));
    }
    for row in session.rows(&indexes).await? {
        tables.entry(text(&row, 0)).or_default().indexes.insert(text(&row, 1), text(&row, 2));
    }
    let own = |class: &str, oid: &str| {
        format!(
            "not exists (select from pg_depend e where e.classid = '{class}'::regclass and e.objid = {oid} and e.deptype = 'e')"
        )
    };
    let objects = format!(
        "select case c.relkind when 'v' then 'view ' when 'm' then 'materialized view ' when 'S' then 'sequence '
                else 'foreign table ' end || n.nspname || '.' || c.relname
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('v', 'm', 'S', 'f') and c.relpersistence <> 't' and {USER} and {class}
         union all
         select 'routine ' || n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')'
         from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {USER} and {proc}
         union all
         select 'trigger ' || n.nspname || '.' || c.relname || '.' || t.tgname
         from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
         where not t.tgisinternal and not c.relispartition and {USER}
         union all
         select 'type ' || n.nspname || '.' || y.typname
         from pg_type y join pg_namespace n on n.oid = y.typnamespace
         where y.typtype in ('e', 'd') and {USER} and {of_type}",
        class = own("pg_class", "c.oid"),
        proc = own("pg_proc", "p.oid"),
        of_type = own("pg_type", "y.oid"),
    );
    let objects = session.rows(&objects).await?.iter().map(|row| text(row, 0)).collect();
    Ok(Reference { tables, objects, ..Reference::default() })
}

/// A sequence is behind if the next number that it gives is in its column already, or was passed.
pub(super) async fn sequences(session: &mut Session) -> Result<Saw, Refused> {
    let columns = format!(
        "with used as (
           select d.objid as seq, d.refobjid as tab, d.refobjsubid as att from pg_depend d
           where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
             and d.refobjsubid > 0 and d.deptype in ('a', 'i')
           union
           select d.refobjid, f.adrelid, f.adnum from pg_depend d join pg_attrdef f on f.oid = d.objid
           where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass)
         select n.nspname || '.' || s.relname, tn.nspname || '.' || c.relname || '.' || a.attname,
           format('select coalesce(%s(%I) %s (select case when is_called then last_value + %s else last_value end from %I.%I), false) from %I.%I',
             case when q.seqincrement > 0 then 'max' else 'min' end, a.attname,
             case when q.seqincrement > 0 then '>=' else '<=' end, q.seqincrement,
             n.nspname, s.relname, tn.nspname, c.relname)
         from used u join pg_class s on s.oid = u.seq and s.relkind = 'S'
         join pg_namespace n on n.oid = s.relnamespace and {USER}
         join pg_sequence q on q.seqrelid = s.oid and not q.seqcycle
         join pg_class c on c.oid = u.tab and c.relkind in ('r', 'p') and not c.relispartition
         join pg_namespace tn on tn.oid = c.relnamespace
         join pg_attribute a on a.attrelid = c.oid and a.attnum = u.att
           and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)
         order by 1, 2"
    );
    let columns = session.rows(&columns).await?;
    let mut behind = Vec::new();
    for row in &columns {
        if session.value(&text(row, 2)).await? == "t" {
            behind.push(format!("{} is behind {}", text(row, 0), text(row, 1)));
        }
    }
    Ok(Saw::unless(
        &behind,
        format!("{}, none behind its column", counted(columns.len(), "sequence")),
        "the next row would take a number that is taken: set them with `setval`",
    ))
}

/// The collations of the database and of its columns.
pub(super) async fn collations_of_columns(
    session: &mut Session,
) -> Result<BTreeMap<String, String>, Refused> {
    let query = format!(
        "select 'database', pg_encoding_to_char(encoding) || ' ' || datcollate || ' ' || datctype
         from pg_database where datname = current_database()
         union all
         select n.nspname || '.' || c.relname || '.' || a.attname, l.collname
         from pg_class c join pg_namespace n on n.oid = c.relnamespace and {USER} and {TABLES}
         join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         join pg_collation l on l.oid = a.attcollation and l.collname <> 'default'"
    );
    pairs(session, &query).await
}

/// An index of texts that was built under another version of its collation finds wrong rows, or none.
pub(super) async fn collations(session: &mut Session, reference: Option<&Reference>) -> Result<Saw, Refused> {
    // Since version 15 a database knows the version of its own collation.
    let own = "select 'the database (' || datcollversion || ', and the server has '
                 || coalesce(pg_database_collation_actual_version(oid), 'none') || ')'
               from pg_database where datname = current_database() and datcollversion is not null
                 and datcollversion is distinct from pg_database_collation_actual_version(oid)";
    let used =
        "select distinct 'collation ' || l.collname || ' (' || l.collversion || ', and the server has '
                  || coalesce(pg_collation_actual_version(l.oid), 'none') || ')'
                from pg_collation l join pg_attribute a on a.attcollation = l.oid
                where l.collversion is not null
                  and l.collversion is distinct from pg_collation_actual_version(l.oid)";
    let mut other = firsts(&session.rows(used).await?);
    other.extend(firsts(&session.rows(own).await?));
    let versions = Saw::unless(
        &other,
        "all of the version that they were built with",
        "rebuild the indexes of texts (`reindex`), then `alter database … refresh collation version`",
    );
    let Some(reference) = reference.filter(|_| versions.health == RungHealth::Healthy) else {
        return Ok(versions);
    };
    let now = collations_of_columns(session).await?;
    Ok(compare::collations(&now, reference))
}

/// Extensions with their versions. One whose files the server lacks does not work.
pub(super) async fn extensions(session: &mut Session) -> Result<BTreeMap<String, String>, Refused> {
    let query =
        "select e.extname, e.extversion || case when a.name is null then ', without its files' else '' end
                 from pg_extension e left join pg_available_extensions a on a.name = e.extname";
    pairs(session, query).await
}

pub(super) async fn roles(session: &mut Session) -> Result<BTreeMap<String, String>, Refused> {
    let query = "select r.rolname, concat_ws(', ', case when r.rolcanlogin then 'login' else 'no login' end,
                   case when r.rolsuper then 'superuser' end, case when r.rolcreaterole then 'createrole' end,
                   case when r.rolcreatedb then 'createdb' end, case when r.rolreplication then 'replication' end,
                   case when r.rolbypassrls then 'bypassrls' end,
                   (select 'in ' || string_agg(g.rolname, ' ' order by g.rolname) from pg_auth_members m
                    join pg_roles g on g.oid = m.roleid where m.member = r.oid))
                 from pg_roles r where r.rolname !~ '^pg_'";
    pairs(session, query).await
}

pub(super) async fn indexes(session: &mut Session) -> Result<Saw, Refused> {
    let of = format!(
        "from pg_index x join pg_class i on i.oid = x.indexrelid
         join pg_namespace n on n.oid = i.relnamespace and {USER}"
    );
    let bad = format!(
        "select n.nspname || '.' || i.relname || case when x.indisvalid then ' is not ready' else ' is invalid' end
         {of} where not (x.indisvalid and x.indisready and x.indislive) order by 1"
    );
    let all = session.value(&format!("select count(*) {of}")).await?;
    let bad = firsts(&session.rows(&bad).await?);
    let total = format!(
        "{}, all valid",
        counted(all.parse().unwrap_or_default(), "index").replace("indexs", "indexes")
    );
    Ok(Saw::unless(&bad, total, "queries do not use them, and a unique one does not hold: `reindex` them"))
}

/// Looks for rows that refer to a row that is not there, with the constraint's own operators.
pub(super) async fn foreign_keys(session: &mut Session) -> Result<Saw, Refused> {
    let keys = format!(
        "select n.nspname || '.' || c.relname || '.' || k.conname,
           format('select 1 from %s%I.%I c where %s and not exists (select from %s%I.%I p where %s) limit 1',
             case c.relkind when 'r' then 'only ' else '' end, n.nspname, c.relname,
             (select string_agg(format('c.%I is not null', a.attname), ' and ') from unnest(k.conkey) u(num)
              join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num),
             case p.relkind when 'r' then 'only ' else '' end, pn.nspname, p.relname,
             (select string_agg(format('p.%I operator(%I.%s) c.%I', pa.attname, o.nspname, q.oprname, ca.attname), ' and ')
              from unnest(k.conkey, k.confkey, k.conpfeqop) u(own, theirs, op)
              join pg_attribute ca on ca.attrelid = k.conrelid and ca.attnum = u.own
              join pg_attribute pa on pa.attrelid = k.confrelid and pa.attnum = u.theirs
              join pg_operator q on q.oid = u.op join pg_namespace o on o.oid = q.oprnamespace)),
           exists (select from pg_trigger t where t.tgconstraint = k.oid and t.tgenabled = 'D'),
           k.convalidated
         from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
         join pg_class p on p.oid = k.confrelid join pg_namespace pn on pn.oid = p.relnamespace
         where k.contype = 'f' and k.conparentid = 0 and {USER} order by 1"
    );
    let keys = session.rows(&keys).await?;
    let mut bad = Vec::new();
    for key in &keys {
        let name = text(key, 0);
        if !session.rows(&text(key, 1)).await?.is_empty() {
            bad.push(format!("{name} has rows without the row that they refer to"));
        } else if text(key, 2) == "t" {
            bad.push(format!("{name} is switched off"));
        }
    }
    let loose: Vec<_> = keys.iter().filter(|key| text(key, 3) == "f").map(|key| text(key, 0)).collect();
    let saw = Saw::unless(
        &bad,
        format!("{}, and every row that they refer to is there", counted(keys.len(), "foreign key")),
        "rows were lost, or loaded without their triggers",
    );
    Ok(match loose.as_slice() {
        [] => saw,
        loose if saw.health == RungHealth::Healthy => saw.with_note(format!("not validated: {}", few(loose))),
        _ => saw,
    })
}

/// What a restored copy does by itself that others would notice.
pub(super) async fn outward(session: &mut Session) -> Result<Saw, Refused> {
    let (mut out, mut unseen) = (Vec::new(), Vec::new());
    // RDS archives the log of each instance in a place of its own.
    let is_rds = !session.value("select current_setting('rds.extensions', true)").await?.is_empty();
    let archiving = "select case when current_setting('archive_mode') <> 'off'
                       and (current_setting('archive_command') <> ''
                            or coalesce(current_setting('archive_library', true), '') <> '')
                     then 'it archives its log (archive_mode)' end";
    if !is_rds {
        out.extend(firsts(&session.rows(archiving).await?).into_iter().filter(|found| !found.is_empty()));
    }
    for query in [
        "select 'subscription ' || subname || ' is enabled' from pg_subscription where subenabled order by 1",
        "select 'it follows a primary (replication)' from pg_stat_wal_receiver where pid is not null limit 1",
        "select 'foreign server ' || srvname from pg_foreign_server order by 1",
    ] {
        apart(session, query, &mut out, &mut unseen).await?;
    }
    // Jobs of pg_cron lie in one database of the server.
    if session.value("select to_regclass('cron.job') is not null").await? == "t" {
        // A user who would see only its own jobs is refused: no row is hidden from what a rung asks.
        let jobs = "select 'pg_cron job ' || jobid from cron.job where active order by jobid";
        apart(session, jobs, &mut out, &mut unseen).await?;
    } else {
        let elsewhere = "select current_setting('cron.database_name', true)
                         where current_setting('cron.database_name', true) <> current_database()";
        let elsewhere = session.value(elsewhere).await?;
        if !elsewhere.is_empty() {
            unseen.push(format!("jobs of pg_cron lie in the database `{elsewhere}`: ask there too"));
        }
    }
    Ok(judged(&out, &unseen, if is_rds { "; archiving is RDS's own" } else { "" }))
}

/// Asks one thing of several. What is refused is noted, and the others are asked all the same.
async fn apart(
    session: &mut Session,
    query: &str,
    out: &mut Vec<String>,
    unseen: &mut Vec<String>,
) -> Result<(), Refused> {
    session.rows("savepoint one").await?;
    let found = session.rows(query).await.map(|rows| firsts(&rows));
    let end = if found.is_ok() { "release savepoint one" } else { "rollback to savepoint one" };
    note(found, out, unseen)?;
    session.rows(end).await.map(drop)
}

/// Adds what was found, or what the user may not ask. Shared with MySQL.
pub(super) fn note(
    found: Result<Vec<String>, Refused>,
    out: &mut Vec<String>,
    unseen: &mut Vec<String>,
) -> Result<(), Refused> {
    match found {
        Ok(found) => out.extend(found),
        Err(refused) if matches!(refused.why, Why::Denied | Why::Missing) => {
            unseen.push(format!("the user may not ask it: {}", refused.message));
        }
        Err(refused) => return Err(refused),
    }
    Ok(())
}

/// Shared with MySQL.
pub(super) fn judged(out: &[String], unseen: &[String], note: &str) -> Saw {
    if out.is_empty() && !unseen.is_empty() {
        return Saw::unknown("not all seen", few(unseen));
    }
    Saw::unless(
        out,
        format!("nothing reaches out by itself{note}"),
        "a restored copy that does this writes into production: switch it off before the copy is used",
    )
}
