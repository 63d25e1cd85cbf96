//! Decimal numbers that are compared digit by digit. `9007199254740993` differs from
//! `9007199254740992`, and `0.1` equals `0.10`.

use std::cmp::Ordering;

/// ±0.d₁d₂d₃… × 10^exponent. The digits have no zeros at either end. Zero has no digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// Parses `-12`, `0.5` and exponents (`1e3`, `2.5E-7`). `None` for anything else: hexadecimal,
    /// `NaN`, `Infinity`, thousands separators.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            // No database prints an exponent of more than six digits, and six cannot overflow
            // below.
            Some((mantissa, exponent)) if exponent.len() <= 7 => (mantissa, exponent.parse::<i64>().ok()?),
            Some(_) => return None,
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        if !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let leading = digits.iter().take_while(|d| **d == b'0').count();
        let exponent = exponent + i64::try_from(whole.len()).ok()? - i64::try_from(leading).ok()?;
        digits.drain(..leading);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Some(Self { negative: false, digits, exponent: 0 });
        }
        Some(Self { negative, digits, exponent })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |d: &Self| match (d.digits.is_empty(), d.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let magnitude = || self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits));
        match (sign(self), sign(other)) {
            (a, b) if a != b => a.cmp(&b),
            (1, _) => magnitude(),
            (-1, _) => magnitude().reverse(),
            _ => Ordering::Equal,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn d(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn written_forms_of_one_number_are_equal() {
        for (a, b) in
            [("1", "1.0"), ("1e3", "1000"), ("0.1", ".10"), ("-0", "0.00"), ("5.", "+5"), ("12e-1", "1.2")]
        {
            assert_eq!(d(a).cmp(&d(b)), Ordering::Equal, "{a} {b}");
        }
        assert!(d("9007199254740993") > d("9007199254740992"));
        assert!(d("-2") < d("-1") && d("-1") < d("0") && d("0") < d("1e-9") && d("99") < d("1e2"));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", ".", "-", "0x10", "NaN", "Infinity", "1,000", "1_000", "1e", "e3", "1e99999999", "١"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_orders_like_integers_at_any_scale(a in any::<i64>(), b in any::<i64>(), scale in -20i32..20) {
            let written = |n: i64| d(&format!("{n}e{scale}"));
            prop_assert_eq!(written(a).cmp(&written(b)), a.cmp(&b));
        }

        #[test]
        fn fractions_order_by_value(a in any::<i32>(), b in any::<i32>()) {
            let written = |n: i32| {
                let n = i64::from(n);
                d(&format!("{}{}.{:03}", if n < 0 { "-" } else { "" }, n.abs() / 1000, n.abs() % 1000))
            };
            prop_assert_eq!(written(a).cmp(&written(b)), a.cmp(&b));
        }
    }
}
