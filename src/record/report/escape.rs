//! Makes text from outside safe for its place in a report.
//!
//! An attacker may have chosen any text in a report: ids, tags, error messages, answers of checks.
//! First, characters that are invisible or reorder their neighbours are made visible. Two different
//! names can then never look the same. Then each format escapes its own special characters.

use std::fmt::Write as _;

use base::visible::{hides, joins};

/// Makes control, bidirectional and invisible characters visible as `\u{202e}`. Keeps newlines and
/// tabs.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut before = None;
    while let Some(c) = chars.next() {
        let joins = joins(before, c, chars.peek().copied());
        match c {
            '\n' | '\t' => out.push(c),
            '\r' if chars.peek() == Some(&'\n') => {}
            _ if hides(c) && !joins => {
                let _ = write!(out, "{}", c.escape_unicode());
            }
            _ => out.push(c),
        }
        before = Some(c);
    }
    out
}

/// Escapes text for HTML, also inside attributes with quotes of either kind.
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            _ => out.push(c),
        }
    }
    out
}

/// Escapes running text for GitHub-flavoured Markdown, also for table cells. Returns one line.
///
/// Backslashes do not stop mentions and issue references: GitHub looks for them after rendering. A
/// zero-width space stops them.
pub fn markdown(text: &str) -> String {
    let line = one_line(text);
    let mut out = String::with_capacity(line.len() + line.len() / 8);
    // Characters that begin a heading, a list or a rule at the start of a line.
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let after = line[digits..].strip_prefix(['.', ')']);
    let ordered = digits > 0 && after.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    for (at, c) in line.char_indices() {
        let rest = &line[at..];
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("@&#8203;"),
            '#' if at == 0 => out.push_str("\\#&#8203;"),
            '#' => out.push_str("#&#8203;"),
            '$' => out.push_str("&#36;"),
            ':' if rest.starts_with("://") => out.push_str("&#58;"),
            '.' if line[..at].to_ascii_lowercase().ends_with("www") => out.push_str("&#46;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '-' | '+' | '=' | '!' if at == 0 => {
                out.push('\\');
                out.push(c);
            }
            '.' | ')' if ordered && at == digits => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Returns a Markdown code span. It contains no mentions, links or references, and is safe in
/// tables.
pub fn markdown_code(text: &str) -> String {
    let line = one_line(text);
    // No way to write a pipe in a code span works both inside and outside of a table.
    if line.is_empty() || line.contains(['`', '|']) || line.starts_with(' ') || line.ends_with(' ') {
        return format!("<code>{}</code>", markdown(&line));
    }
    format!("`{line}`")
}

fn one_line(text: &str) -> String {
    visible(text).split(['\n', '\t']).map(str::trim).filter(|s| !s.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Returns the first `most` characters. For a longer text, adds how many are missing.
pub fn clip(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => {
            format!("{}… ({} more characters in report.json)", &text[..end], text[end..].chars().count())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_reorders_becomes_visible() {
        assert_eq!(visible("a\u{202e}b\u{200b}c\0"), "a\\u{202e}b\\u{200b}c\\u{0}");
        assert_eq!(visible("a\r\nb\tc\r"), "a\nb\tc\\u{d}");
        assert_eq!(visible("orders\u{200d}"), "orders\\u{200d}");
        assert_eq!(visible("👩\u{200d}🚒"), "👩\u{200d}🚒");
    }

    #[test]
    fn html_has_no_markup_left() {
        assert_eq!(
            html("</script><img onerror=\"x\" a='y'>&"),
            "&lt;/script&gt;&lt;img onerror=&quot;x&quot; a=&#39;y&#39;&gt;&amp;"
        );
    }

    #[test]
    fn markdown_neither_mentions_nor_links_nor_breaks_a_table() {
        for (text, expected) in [
            ("a | b\nc", "a \\| b c"),
            ("# title", "\\#&#8203; title"),
            ("see #12, @team", "see #&#8203;12, @&#8203;team"),
            ("<b>&", "&lt;b&gt;&amp;"),
            ("[x](http://evil)", "\\[x\\](http&#58;//evil)"),
            ("www.evil.example", "www&#46;evil.example"),
            ("- item", "\\- item"),
            ("12. item", "12\\. item"),
            ("1.5 s", "1.5 s"),
            ("`code` *b* _i_ ~s~ $m$", "\\`code\\` \\*b\\* \\_i\\_ \\~s\\~ &#36;m&#36;"),
        ] {
            assert_eq!(markdown(text), expected);
        }
    }

    #[test]
    fn code_spans_close() {
        assert_eq!(markdown_code("rds:db/orders"), "`rds:db/orders`");
        assert_eq!(markdown_code("a`b|c"), "<code>a\\`b\\|c</code>");
        assert_eq!(markdown_code(""), "<code></code>");
    }

    #[test]
    fn clipping_says_what_is_missing() {
        assert_eq!(clip("ééé", 3), "ééé");
        assert_eq!(clip("éééé", 3), "ééé… (1 more characters in report.json)");
    }
}
