//! Reads the query of an `sql` check: whether it is one statement that reads, and what it reads.

use super::asked::{SqlEngine, Unreadable, unreadable};

/// The words that a query may begin with. MySQL and MariaDB run others, such as `create`, outside
/// of the read-only transaction, which they end.
const READING: [&str; 8] = ["select", "with", "table", "values", "show", "explain", "describe", "desc"];

/// Takes a query of one statement that reads. A second one could end the read-only transaction.
pub fn read(text: &str, engine: SqlEngine) -> Result<(), Unreadable> {
    let (mut begun, mut ended) = (false, false);
    for token in tokens(text, engine) {
        if token == ";" {
            ended = true;
            continue;
        }
        if ended {
            return unreadable(
                "the query has several statements: a check sends one, in a read-only transaction",
                "write a check for each, or do the work in a step before",
            );
        }
        if !begun && token != "(" {
            begun = true;
            if !READING.iter().any(|word| word.eq_ignore_ascii_case(token)) {
                return unreadable(
                    format!("the query begins with `{}`: checks only read", token.escape_debug()),
                    "begin with `select`, `with`, `values`, `table`, `show` or `explain`; run what writes as a step",
                );
            }
        }
    }
    if begun { Ok(()) } else { unreadable("no query", NO_QUERY) }
}

const NO_QUERY: &str = "write one that returns a single value, such as `select count(*) from orders`";

/// The words, quoted texts and signs of a query, without its comments.
fn tokens(text: &str, engine: SqlEngine) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let first = rest.chars().next()?;
            let skipped = if first.is_whitespace() { Some(first.len_utf8()) } else { comment(rest, engine) };
            let Some(skipped) = skipped else { break };
            rest = rest.get(skipped..).unwrap_or_default();
        }
        let (token, after) = rest.split_at_checked(token(rest, engine)).unwrap_or((rest, ""));
        rest = after;
        Some(token)
    })
}

/// Functions with a `from` of their own: `extract(year from now())`.
const FROM_WITHIN: [&str; 5] = ["extract", "substring", "trim", "overlay", "substr"];
/// What can follow `from` without being a table.
const NO_TABLES: [&str; 4] = ["dual", "generate_series", "unnest", "json_table"];

/// Whether a query reads a table or a view. `select 1` does not: it is answered whatever was
/// restored.
pub fn names_a_table(text: &str, engine: SqlEngine) -> bool {
    let is = |token: &str, words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(token));
    // The words before the brackets that are open.
    let (mut open, mut last, mut asked) = (Vec::new(), "", false);
    for token in tokens(text, engine) {
        // `from (select …)` has a `from` of its own, or none. `from a, b` names two.
        if asked && token != "(" && !is(token, &["lateral", "only", "select", "values", "with"]) {
            if !is(token, &NO_TABLES) {
                return true;
            }
            asked = false;
        }
        match token {
            "(" => open.push(last),
            ")" => drop(open.pop()),
            _ if is(token, &["select", "values", "with"]) => asked = false,
            _ if is(token, &["from", "join"]) => {
                asked = !open.last().is_some_and(|function| is(function, &FROM_WITHIN));
            }
            // `table orders` is a query of its own.
            _ if is(token, &["table"]) && (last.is_empty() || is(last, &["(", "union", "all", "as"])) => {
                asked = true;
            }
            _ => {}
        }
        last = token;
    }
    false
}

/// The length of the comment that the text begins with.
fn comment(text: &str, engine: SqlEngine) -> Option<usize> {
    let to = |end: &str| text.find(end).map_or(text.len(), |at| at + end.len());
    if text.starts_with("--") || (text.starts_with('#') && engine == SqlEngine::MySql) {
        return Some(to("\n"));
    }
    // MySQL runs what stands in `/*! … */`.
    if !text.starts_with("/*") || text.starts_with("/*!") || text.starts_with("/*M!") {
        return None;
    }
    let (mut depth, mut at) = (1_u32, 2);
    while depth > 0 {
        let left = text.get(at..).unwrap_or_default();
        let Some(next) = left.find("*/") else { return Some(text.len()) };
        let nested = left.find("/*").filter(|open| *open < next && engine == SqlEngine::Postgres);
        (depth, at) = nested.map_or((depth - 1, at + next + 2), |open| (depth + 1, at + open + 2));
    }
    Some(at)
}

/// The length of the quoted text, the word or the sign that the text begins with.
fn token(text: &str, engine: SqlEngine) -> usize {
    let Some(first) = text.chars().next() else { return 0 };
    let escaped = |text: &str| text.starts_with(['E', 'e']) && text.get(1..2) == Some("'");
    match first {
        '\'' => quoted(text, '\'', engine == SqlEngine::MySql),
        '"' => quoted(text, '"', engine == SqlEngine::MySql),
        '`' if engine == SqlEngine::MySql => quoted(text, '`', false),
        _ if engine == SqlEngine::Postgres && escaped(text) => {
            1 + quoted(text.get(1..).unwrap_or_default(), '\'', true)
        }
        '$' if engine == SqlEngine::Postgres => dollar_quoted(text).unwrap_or(1),
        // A word is taken whole: `name` before a quote must not be read as `E'…'`.
        _ if first.is_alphanumeric() || first == '_' => {
            text.find(|c: char| !(c.is_alphanumeric() || "_$".contains(c))).unwrap_or(text.len())
        }
        _ => first.len_utf8(),
    }
}

/// The length of a quoted text. A doubled quote does not end it.
fn quoted(text: &str, quote: char, backslash: bool) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && backslash {
            chars.next();
        } else if c == quote {
            match chars.peek() {
                Some((_, next)) if *next == quote => {
                    chars.next();
                }
                _ => return at + quote.len_utf8(),
            }
        }
    }
    text.len()
}

/// The length of `$tag$ … $tag$`.
fn dollar_quoted(text: &str) -> Option<usize> {
    let end = text.get(1..)?.find('$')? + 2;
    let tag = text.get(..end)?;
    let name = tag.trim_matches('$');
    if !name.chars().all(|c| c.is_alphanumeric() || c == '_') || name.starts_with(|c: char| c.is_numeric()) {
        return None;
    }
    Some(text.get(end..)?.find(tag).map_or(text.len(), |at| end + at + end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_one_statement_that_reads() {
        use SqlEngine::{MySql, Postgres};
        for (one, engine) in [
            ("select 1;", Postgres),
            ("select ';'; -- and no more; at all\n /* ; /* ; */ ; */ ;", Postgres),
            ("select 'it''s;', \"a;b\", $x$ ; $x$, E'\\';' from t", Postgres),
            ("select $1 + $2", Postgres),
            ("/* why */ ((Select 1) union select 2)", Postgres),
            ("with n as (select 1) select * from n", MySql),
            ("select 'a\\';b' # ; c\n", MySql),
            ("select `a;b` /* ; */ from t ;", MySql),
        ] {
            assert_eq!(read(one, engine), Ok(()), "{one}");
        }
        for (two, engine) in [
            ("select 1; commit", Postgres),
            ("select 1;;; delete from t", MySql),
            ("select '\\'; delete from t; --'", Postgres),
            ("select name'a'; drop table t", Postgres),
            ("select 1 /*! ; delete from t */", MySql),
            ("select $a$ $a$; commit", Postgres),
            ("create table t (i int)", MySql),
            (" -- select\n(delete from t)", Postgres),
            ("call p()", MySql),
            ("-- select", Postgres),
        ] {
            assert!(read(two, engine).is_err(), "{two}");
        }
    }
    #[test]
    fn a_query_names_a_table_or_not() {
        use SqlEngine::{MySql, Postgres};
        for (text, engine) in [
            ("select count(*) from orders", Postgres),
            ("with n as (select * from \"Orders\") select 1", Postgres),
            ("select (select max(at) from `orders`)", MySql),
            ("select 1 from (select id from orders) o", Postgres),
            ("select extract(day from at) from orders", Postgres),
            ("select 1 from generate_series(1, 2) g join orders o on true", Postgres),
            ("table orders", MySql),
            ("select * from only orders", Postgres),
        ] {
            assert!(names_a_table(text, engine), "{text}");
        }
        for (text, engine) in [
            ("select 1", Postgres),
            ("select now() -- from orders", Postgres),
            ("select 'from orders'", MySql),
            ("select extract(year from now())", Postgres),
            ("select trim(both 'x' from 'xax')", MySql),
            ("select 1 from dual", MySql),
            ("select count(*) from generate_series(1, 5)", Postgres),
            ("select 1 from (select 2) s", Postgres),
            ("values (1)", Postgres),
            ("select version()", Postgres),
            ("show server_version", Postgres),
        ] {
            assert!(!names_a_table(text, engine), "{text}");
        }
    }
}
