//! The forms that a secret can take in a text: encoded for a URL, a header, a web page or a log.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// The shortest secret that is redacted, in characters. Shorter values occur in ordinary words:
/// redacting them would protect nobody and spoil every text.
pub const SHORTEST: usize = 4;

/// In a secret of several lines (a private key), each line of at least this many characters counts
/// as a secret too. Shorter lines are mostly brackets and words.
const SHORTEST_LINE: usize = 8;

/// The shortest piece of base64 that is searched for inside other base64.
const SHORTEST_PIECE: usize = 5;

/// Everything but RFC 3986's unreserved characters.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// JavaScript's `encodeURIComponent`, and its `encodeURI` below.
const COMPONENT: &AsciiSet = &UNRESERVED.remove(b'!').remove(b'\'').remove(b'(').remove(b')').remove(b'*');
const WHOLE: &AsciiSet = &COMPONENT
    .remove(b';')
    .remove(b'/')
    .remove(b'?')
    .remove(b':')
    .remove(b'@')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'$')
    .remove(b',')
    .remove(b'#');
/// The percent-encode sets of the WHATWG URL Standard. URL parsers apply them to their input.
const FRAGMENT: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');
const SPECIAL_QUERY: &AsciiSet = &QUERY.add(b'\'');
const PATH: &AsciiSet = &QUERY.add(b'?').add(b'^').add(b'`').add(b'{').add(b'}');
const USERINFO: &AsciiSet = &PATH
    .add(b'/')
    .add(b':')
    .add(b';')
    .add(b'=')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'|')
    .add(b'\'');
const PERCENT: [&AsciiSet; 9] =
    [UNRESERVED, NON_ALPHANUMERIC, COMPONENT, WHOLE, FRAGMENT, QUERY, SPECIAL_QUERY, PATH, USERINFO];

/// How HTML and XML escape quotes. The escapes of `&`, `<` and `>` are the same everywhere.
const QUOTES: [&[(&str, &str)]; 5] = [
    &[],
    &[("\"", "&quot;")],
    &[("\"", "&quot;"), ("'", "&#39;")],
    &[("\"", "&quot;"), ("'", "&apos;")],
    &[("\"", "&#34;"), ("'", "&#39;")],
];
/// Escapes of Handlebars and other template engines.
const MORE_QUOTES: [&[(&str, &str)]; 2] = [
    &[("\"", "&quot;"), ("'", "&#x27;")],
    &[("\"", "&quot;"), ("'", "&#x27;"), ("`", "&#x60;"), ("=", "&#x3D;")],
];

/// All texts to search for in order to hide `secret`.
pub(super) fn of(secret: &str) -> BTreeSet<String> {
    let mut parts = BTreeSet::from([secret.to_owned(), secret.trim().to_owned()]);
    // A file is often printed line by line, and a JSON object value by value.
    let lines = secret.lines().map(str::trim).filter(|line| line.chars().count() >= SHORTEST_LINE);
    parts.extend(lines.map(str::to_owned));
    if let Ok(object @ Value::Object(_)) = serde_json::from_str(secret) {
        leaves(&object, &mut parts);
    }
    let mut forms = BTreeSet::new();
    for part in parts.iter().filter(|part| part.trim().chars().count() >= SHORTEST) {
        in_urls(part, &mut forms);
        in_markup(part, &mut forms);
        in_code(part, &mut forms);
        in_base64(part, &mut forms);
        let hex = base16ct::lower::encode_string(part.as_bytes());
        forms.extend([hex.to_uppercase(), hex, part.to_ascii_lowercase(), part.clone()]);
    }
    forms
}

/// Adds every text inside a JSON value to `parts`.
fn leaves(value: &Value, parts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            parts.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| leaves(item, parts)),
        Value::Object(fields) => fields.values().for_each(|field| leaves(field, parts)),
        _ => {}
    }
}

fn in_urls(part: &str, forms: &mut BTreeSet<String>) {
    for set in PERCENT {
        let encoded = utf8_percent_encode(part, set).to_string();
        forms.insert(utf8_percent_encode(&encoded, UNRESERVED).to_string());
        forms.insert(encoded.replace("%20", "+"));
        forms.insert(with_small_hex(&encoded));
        forms.insert(encoded);
    }
}

/// Writes `%2F` as `%2f`.
fn with_small_hex(encoded: &str) -> String {
    let mut pieces = encoded.split('%');
    let mut out = pieces.next().unwrap_or("").to_owned();
    for piece in pieces {
        let (hex, rest) = piece.split_at_checked(2).unwrap_or((piece, ""));
        out = format!("{out}%{}{rest}", hex.to_ascii_lowercase());
    }
    out
}

fn in_markup(part: &str, forms: &mut BTreeSet<String>) {
    let plain = part.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    for quotes in QUOTES.iter().chain(&MORE_QUOTES) {
        forms.insert(quotes.iter().fold(plain.clone(), |text, (from, to)| text.replace(from, to)));
    }
}

/// The forms in JSON, in Rust's `Debug` output and in a shell.
fn in_code(part: &str, forms: &mut BTreeSet<String>) {
    let json = Value::String(part.to_owned()).to_string();
    let within = |quoted: &str| quoted.get(1..quoted.len() - 1).unwrap_or("").to_owned();
    let once = within(&json);
    let twice = within(&Value::String(once.clone()).to_string());
    let mut ascii = String::new();
    for c in once.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                ascii = format!("{ascii}\\u{unit:04x}");
            }
        }
    }
    let debug = within(&format!("{part:?}"));
    let escaped: String = part.escape_default().collect();
    let shell = part.replace('\'', r"'\''");
    let other_shell = part.replace('\'', "'\"'\"'");
    // The form in which `printable` shows control characters.
    let visible: String = part
        .chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect();
    forms.extend([once.replace('/', r"\/"), twice, ascii, debug, escaped, shell, other_shell, visible, once]);
}

/// The base64 of the secret by itself, and inside a longer text such as `user:password`. Inside a
/// longer text the encoding depends on the position of the secret.
fn in_base64(part: &str, forms: &mut BTreeSet<String>) {
    for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
        forms.insert(engine.encode(part));
    }
    for shift in 0..3_usize {
        let mut bytes = vec![0_u8; shift];
        bytes.extend(part.as_bytes());
        // Keeps the characters that encode bits of the secret only. The others depend on the text
        // before and after it.
        let (first, end) = ((shift * 8).div_ceil(6), bytes.len() * 8 / 6);
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&bytes);
            forms.extend(
                encoded.get(first..end).filter(|piece| piece.len() >= SHORTEST_PIECE).map(str::to_owned),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each form is what some program prints for the secret `p@ss/w"ö'<&`.
    #[test]
    fn the_usual_encodings_are_known() {
        let forms = of("p@ss/w\"ö'<&");
        for form in [
            "p@ss/w\"ö'<&",
            "p%40ss%2Fw%22%C3%B6%27%3C%26",
            "p%40ss%2fw%22%c3%b6%27%3c%26",
            "p%40ss%2Fw%22%C3%B6'%3C%26",
            "p@ss/w%22%C3%B6'%3C&",
            "p@ss/w&quot;ö&#39;&lt;&amp;",
            "p@ss/w&quot;ö&#x27;&lt;&amp;",
            "p@ss/w\\\"ö'<&",
            "p@ss\\/w\\\"ö'<&",
            "p@ss/w\\\"\\u00f6'<&",
            "p@ss/w\\\"\\u{f6}\\'<&",
            "cEBzcy93IsO2Jzwm",
            "704073732f7722c3b6273c26",
        ] {
            assert!(forms.contains(form), "{form} is not in {forms:#?}");
        }
    }

    #[test]
    fn base64_is_known_within_other_base64() {
        let forms = of("canary-4711");
        for user in ["a:", "ab:", "abc:", "", "admin:"] {
            for tail in ["", "\n", "--", "@host"] {
                let encoded = STANDARD.encode(format!("{user}canary-4711{tail}"));
                assert!(forms.iter().any(|form| encoded.contains(form)), "{encoded}");
            }
        }
        // The counter-test: the base64 of another secret contains none of these forms.
        assert!(!forms.iter().any(|form| STANDARD.encode("admin:nightingale").contains(form)));
    }

    #[test]
    fn lines_and_leaves_are_secrets_of_their_own() {
        let key = of("-----BEGIN KEY-----\nMIIEvQIBADANBg\nab\n-----END KEY-----");
        assert!(key.contains("MIIEvQIBADANBg") && !key.contains("ab"));
        assert!(key.contains("-----BEGIN KEY-----\\nMIIEvQIBADANBg\\nab\\n-----END KEY-----"));
        let object = of("{\"user\":\"joe\",\"password\":\"tr0ub4dor\"}");
        assert!(object.contains("tr0ub4dor") && !object.contains("joe"));
    }
}
