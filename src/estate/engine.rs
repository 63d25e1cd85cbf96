//! Database engines, by the names that RDS gives them.

/// What a client must speak to an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    PostgreSql,
    MySql,
    /// Oracle, SQL Server, Db2: no `sql` check speaks it.
    Other,
}

/// Engines by how their names begin, with their protocol and their default port (RDS user guide,
/// "Creating an Amazon RDS DB instance", `port`).
const ENGINES: &[(&str, Protocol, i32)] = &[
    ("aurora-postgresql", Protocol::PostgreSql, 5432),
    ("postgres", Protocol::PostgreSql, 5432),
    ("aurora", Protocol::MySql, 3306),
    ("mysql", Protocol::MySql, 3306),
    ("mariadb", Protocol::MySql, 3306),
    ("oracle", Protocol::Other, 1521),
    ("custom-oracle", Protocol::Other, 1521),
    ("sqlserver", Protocol::Other, 1433),
    ("custom-sqlserver", Protocol::Other, 1433),
    ("db2", Protocol::Other, 50000),
];

fn row(engine: &str) -> Option<&'static (&'static str, Protocol, i32)> {
    ENGINES.iter().find(|(name, _, _)| engine.starts_with(name))
}

/// What a client must speak. `None`: the engine is not known.
pub fn protocol(engine: &str) -> Option<Protocol> {
    row(engine).map(|row| row.1)
}

/// The port of a database for which nobody chose one. `None`: the engine is not known.
pub fn default_port(engine: &str) -> Option<i32> {
    row(engine).map(|row| row.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aurora_alone_is_mysql() {
        let known = |engine| (protocol(engine), default_port(engine));
        assert_eq!(known("aurora"), (Some(Protocol::MySql), Some(3306)));
        assert_eq!(known("aurora-mysql"), (Some(Protocol::MySql), Some(3306)));
        assert_eq!(known("aurora-postgresql"), (Some(Protocol::PostgreSql), Some(5432)));
        assert_eq!(known("oracle-ee"), (Some(Protocol::Other), Some(1521)));
        assert_eq!(known("neptune"), (None, None));
    }
}
