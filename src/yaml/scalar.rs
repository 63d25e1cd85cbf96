//! The types of plain scalars, by the core schema of YAML 1.2. In it, `no` and `1:30` are texts.

use serde_json::Number;

use super::node::Value;

pub fn resolve(text: &str) -> Value {
    other_than_text(text).unwrap_or_else(|| Value::Str(text.to_owned()))
}

/// The value of a scalar that is not a text. `None` if it is a text.
pub fn other_than_text(text: &str) -> Option<Value> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Value::Null),
        "true" | "True" | "TRUE" => return Some(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Some(Value::Bool(false)),
        _ => {}
    }
    Some(Value::Number(number(text)?, text.to_owned()))
}

fn number(text: &str) -> Option<Number> {
    // Most scalars are words. Reject them at their first letter.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+')).map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return u64::from_str_radix(digits, 8).ok().filter(|_| !digits.starts_with('+')).map(Number::from);
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        let plain = text.strip_prefix('+').unwrap_or(text);
        return plain
            .parse::<u64>()
            .map(Number::from)
            .or_else(|_| plain.parse::<i64>().map(Number::from))
            .ok()
            .or_else(|| Number::from_f64(plain.parse().ok()?));
    }
    is_float(unsigned).then(|| text.parse::<f64>().ok()).flatten().and_then(Number::from_f64)
}

/// Whether a text matches `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_ok = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent_ok = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['-', '+']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    mantissa_ok && exponent_ok
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_schema_is_followed() {
        for text in [
            "no",
            "on",
            "1:30",
            "2026-01-01",
            "10.66.0.0/16",
            "-2h",
            "-",
            ".",
            "1e",
            "0x",
            "1_000",
            "1.2.3",
            "+",
            "0x+1",
            ".inf",
        ] {
            assert_eq!(resolve(text), Value::Str(text.to_owned()));
        }
        for (text, value) in [
            ("012345678901", 12_345_678_901.0),
            ("-7", -7.0),
            ("+7", 7.0),
            ("0o17", 15.0),
            ("0x1F", 31.0),
            ("1e3", 1000.0),
            (".5", 0.5),
            ("2.", 2.0),
            ("123456789012345678901234", 1.234_567_890_123_456_8e23),
        ] {
            let Value::Number(number, raw) = resolve(text) else { panic!("{text}") };
            assert_eq!(number.as_f64(), Some(value), "{text}");
            assert_eq!(raw, text);
        }
        assert_eq!(resolve("~"), Value::Null);
        assert_eq!(resolve("True"), Value::Bool(true));
    }
}
