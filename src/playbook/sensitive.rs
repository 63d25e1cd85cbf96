//! The values of `--param` that are secrets, by the name of the parameter or by its use. They are
//! registered before anything is printed or recorded.

use std::collections::BTreeSet;

use serde_json::Value;

use super::expr;
use base::redact;

/// Registers the given values that are secrets. `playbook` is the playbook as it is written.
pub fn register(playbook: &Value, given: &[(String, String)]) {
    let mut used = BTreeSet::new();
    for list in ["steps", "checks"] {
        search(playbook.get(list).unwrap_or(&Value::Null), false, &mut used);
    }
    for (name, value) in given {
        if says_secret(name) || used.contains(name.as_str()) {
            redact::register(value);
        }
    }
}

/// Whether a name says that its value is a secret.
pub fn says_secret(name: &str) -> bool {
    const WORDS: [&str; 12] = [
        "password",
        "passwd",
        "passphrase",
        "passwort",
        "secret",
        "token",
        "credential",
        "apikey",
        "privatekey",
        "accesskey",
        "authorization",
        "cookie",
    ];
    const ENDS: [&str; 4] = ["pwd", "pass", "pw", "auth"];
    // The name of a secret is none.
    const NAMES: [&str; 8] = ["name", "arn", "id", "file", "path", "ttl", "env", "region"];
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let Some(last) = words.last() else { return false };
    let whole = words.concat();
    !NAMES.contains(&last.as_str())
        && (WORDS.iter().any(|word| whole.contains(word)) || ENDS.contains(&last.as_str()))
}

/// Collects the parameters that stand where a secret belongs.
fn search(value: &Value, is_secret: bool, used: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => used.extend(params_in(text, is_secret)),
        Value::Array(items) => {
            // `--password VALUE`
            let mut after = false;
            for item in items {
                search(item, is_secret || after, used);
                after = item.as_str().is_some_and(|text| text.starts_with('-') && says_secret(text));
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                search(field, is_secret || says_secret(key), used);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The parameters that a text uses as secrets.
fn params_in(text: &str, is_secret: bool) -> Vec<String> {
    let Ok(references) = expr::references(text) else { return Vec::new() };
    references
        .into_iter()
        .filter(|one| one.path.first().is_some_and(|root| root == "params"))
        .filter(|one| is_secret || is_password_at(text, one.span.start))
        .filter_map(|one| one.path.into_iter().nth(1))
        .collect()
}

/// Whether a place in a text is the password of a URL, or the value of an option or a field whose
/// name says secret (`--token=…`, `?token=…`).
fn is_password_at(text: &str, at: usize) -> bool {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let before = before.trim_end_matches(|c: char| c == '{' || c == '~' || c.is_whitespace());
    // A helper before the name: `urlencode`.
    let before = before.strip_suffix("urlencode").map_or(before, |b| b.trim_end_matches(['{', ' ']));
    let outside = without_expressions(before);
    let rest = without_expressions(after.split_once("}}").map_or("", |(_, rest)| rest));
    if let Some((_, authority)) = outside.rsplit_once("://")
        && !authority.contains(['/', '?', '#', '@', ' '])
        && authority.contains(':')
        && rest.split(['/', '?', '#', ' ']).next().is_some_and(|authority| authority.contains('@'))
    {
        return true;
    }
    let name = outside.strip_suffix(['=', ':']).map(str::trim_end).unwrap_or_default();
    let name = name.rsplit(['?', '&', ';', ' ', ',', '"', '\'']).next().unwrap_or_default();
    says_secret(name)
}

/// The text with a letter for each expression, whose own characters are none of a URL.
fn without_expressions(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        out.push('x');
        rest = after.split_once("}}").map_or("", |(_, rest)| rest);
    }
    out + rest
}

/// Registers the password in a URL, unless the playbook shows it itself.
pub fn register_password(url: &str, playbook: &str) {
    let authority = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((_, password)) = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')) else {
        return;
    };
    let decoded = percent_encoding::percent_decode_str(password).decode_utf8_lossy();
    if !playbook.contains(password) && !playbook.contains(&*decoded) {
        redact::register(password);
        redact::register(&decoded);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_say_what_is_secret() {
        for name in
            ["password", "db_password", "PGPASSWORD", "apiKey", "API_KEY", "--token", "X-Auth", "admin-pw"]
        {
            assert!(says_secret(name), "{name}");
        }
        for name in ["region", "secret_name", "token_ttl", "author", "passenger", "db_class", "key"] {
            assert!(!says_secret(name), "{name}");
        }
    }

    #[test]
    fn uses_say_what_is_secret() {
        let mut used = BTreeSet::new();
        let steps = json!([
            { "run": ["tool", "--password", "{{ params.a }}", "--pass={{ params.b }}", "{{ params.no1 }}"] },
            { "env": { "PGPASSWORD": "{{ params.c }}", "PGHOST": "{{ params.no2 }}" } },
            { "url": "postgres://{{ params.no3 }}:{{ urlencode params.d }}@{{ steps.db.endpoint }}/{{ params.no4 }}" },
            { "url": "https://h/?user={{ params.no5 }}&token={{ params.e }}" },
            { "headers": { "Authorization": "Bearer {{#if params.f}}{{ params.f }}{{/if}}" } },
            { "url": "https://h:{{ params.no6 }}/a@b" },
        ]);
        search(&steps, false, &mut used);
        assert_eq!(used.into_iter().collect::<Vec<_>>(), ["a", "b", "c", "d", "e", "f"]);
    }
}
