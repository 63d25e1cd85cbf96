//! Other readings of a text. A secret that is encoded in one of many ways, such as `&#x26;` and
//! `&#0038;`, cannot be listed in all its forms. So the text is decoded, and searched again.

use std::ops::Range;

/// A reading of a text, with the place of each of its bytes in the text itself.
#[derive(Clone)]
pub(super) struct Reading {
    pub text: Vec<u8>,
    places: Vec<Range<usize>>,
}

/// How many times a text may be encoded over and over: HTML that quotes JSON is encoded twice.
const DEPTH: usize = 2;

/// Texts beyond this length are read as they are and once decoded.
const LONG: usize = 1 << 20;

type Decoder = fn(&Reading) -> Option<Reading>;
const DECODERS: [Decoder; 5] = [entities, escapes, percents, plus, quoted_printable];

/// Every reading of the text other than itself.
pub(super) fn readings(text: &str) -> Vec<Reading> {
    let itself =
        Reading { text: text.as_bytes().to_vec(), places: (0..text.len()).map(|at| at..at + 1).collect() };
    let mut all = Vec::new();
    let mut last = vec![itself];
    for _ in 0..if text.len() > LONG { 1 } else { DEPTH } {
        let mut next = Vec::new();
        for reading in &last {
            next.extend(DECODERS.iter().filter_map(|decode| decode(reading)));
        }
        all.append(&mut last);
        last = next;
    }
    all.append(&mut last);
    let unwrapped: Vec<Reading> = all.iter().filter_map(unwrapped).collect();
    all.remove(0);
    all.extend(unwrapped);
    all
}

impl Reading {
    /// The range of the text itself that a range of this reading stands for.
    pub(super) fn place(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let first = self.places.get(range.start)?;
        let last = self.places.get(range.end.checked_sub(1)?)?;
        Some(first.start..last.end)
    }

    /// Decodes: `one` gets what is left of the reading, and says how many bytes stand for what.
    fn decode(&self, starts: &[u8], one: impl Fn(&[u8]) -> Option<(usize, Decoded)>) -> Option<Self> {
        if !self.text.iter().any(|byte| starts.contains(byte)) {
            return None;
        }
        let mut out =
            Self { text: Vec::with_capacity(self.text.len()), places: Vec::with_capacity(self.text.len()) };
        let (mut at, mut changed) = (0, false);
        while let (Some(byte), Some(rest)) = (self.text.get(at), self.text.get(at..)) {
            let found =
                if starts.contains(byte) { one(rest).filter(|(length, _)| *length > 0) } else { None };
            let (length, decoded) = found.unwrap_or((1, Decoded::Byte(*byte)));
            changed |= length != 1 || decoded != Decoded::Byte(*byte);
            let place = self.place(&(at..at + length)).unwrap_or_default();
            let mut buffer = [0; 4];
            let bytes = match decoded {
                Decoded::Char(c) => c.encode_utf8(&mut buffer).as_bytes(),
                Decoded::Byte(byte) => {
                    buffer[0] = byte;
                    &buffer[..1]
                }
                Decoded::Nothing => &[],
            };
            out.text.extend_from_slice(bytes);
            out.places.extend(std::iter::repeat_n(place, bytes.len()));
            at += length;
        }
        changed.then_some(out)
    }
}

#[derive(PartialEq)]
enum Decoded {
    Char(char),
    Byte(u8),
    Nothing,
}

/// HTML's entities: decimal, hexadecimal, with leading zeros, without `;`, and the named ones of
/// ASCII.
fn entities(text: &Reading) -> Option<Reading> {
    const NAMED: [(&str, char); 34] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("excl", '!'),
        ("num", '#'),
        ("dollar", '$'),
        ("percnt", '%'),
        ("lpar", '('),
        ("rpar", ')'),
        ("ast", '*'),
        ("plus", '+'),
        ("comma", ','),
        ("period", '.'),
        ("sol", '/'),
        ("colon", ':'),
        ("semi", ';'),
        ("equals", '='),
        ("quest", '?'),
        ("commat", '@'),
        ("lsqb", '['),
        ("lbrack", '['),
        ("bsol", '\\'),
        ("rsqb", ']'),
        ("rbrack", ']'),
        ("hat", '^'),
        ("lowbar", '_'),
        ("grave", '`'),
        ("lcub", '{'),
        ("lbrace", '{'),
        ("verbar", '|'),
        ("rcub", '}'),
        ("rbrace", '}'),
    ];
    text.decode(b"&", |rest| {
        let inner = rest.get(1..)?;
        let (length, c) = if let Some(number) = inner.strip_prefix(b"#") {
            let (digits, radix, before) = match number.split_first() {
                Some((b'x' | b'X', hex)) => (hex, 16, 3),
                _ => (number, 10, 2),
            };
            let count = digits.iter().take_while(|byte| char::from(**byte).is_digit(radix)).count();
            let digits = std::str::from_utf8(digits.get(..count)?).ok()?;
            (before + count, char::from_u32(u32::from_str_radix(digits, radix).ok()?)?)
        } else {
            let count = inner.iter().take(10).take_while(|byte| byte.is_ascii_alphabetic()).count();
            let name = std::str::from_utf8(inner.get(..count)?).ok()?.to_ascii_lowercase();
            (1 + count, NAMED.iter().find(|(known, _)| *known == name)?.1)
        };
        Some((length + usize::from(rest.get(length) == Some(&b';')), Decoded::Char(c)))
    })
}

/// The backslashes of JSON, of program text, and of shells (`printf %q`, `$'…'`).
fn escapes(text: &Reading) -> Option<Reading> {
    let number = |digits: &[u8], radix: u32| {
        let digits =
            std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_alphanumeric()))?;
        u32::from_str_radix(digits, radix).ok()
    };
    text.decode(b"\\", |rest| {
        let of = |length: usize, digits: Option<&[u8]>| {
            Some((length, Decoded::Char(char::from_u32(number(digits?, 16)?)?)))
        };
        match rest.get(1)? {
            b'u' if rest.get(2) == Some(&b'{') => {
                let end = rest.iter().take(12).position(|byte| *byte == b'}')?;
                of(end + 1, rest.get(3..end))
            }
            b'u' => {
                let high = number(rest.get(2..6)?, 16)?;
                // Beyond the basic plane, JSON writes two halves.
                if let (0xd800..=0xdbff, Some(b"\\u")) = (high, rest.get(6..8)) {
                    let low = number(rest.get(8..12)?, 16)?;
                    let both =
                        char::decode_utf16([u16::try_from(high).ok()?, u16::try_from(low).ok()?]).next()?;
                    return Some((12, Decoded::Char(both.ok()?)));
                }
                of(6, rest.get(2..6))
            }
            b'U' => of(10, rest.get(2..10)),
            b'x' => {
                let byte = number(rest.get(2..4)?, 16)?;
                Some((4, Decoded::Byte(u8::try_from(byte).ok()?)))
            }
            b'0'..=b'7' => {
                let count = rest.iter().skip(1).take(3).take_while(|b| (b'0'..=b'7').contains(*b)).count();
                let byte = number(rest.get(1..=count)?, 8)?;
                Some((count + 1, Decoded::Byte(u8::try_from(byte).ok()?)))
            }
            b'n' => Some((2, Decoded::Byte(b'\n'))),
            b'r' => Some((2, Decoded::Byte(b'\r'))),
            b't' => Some((2, Decoded::Byte(b'\t'))),
            other => Some((2, Decoded::Byte(*other))),
        }
    })
}

/// Percent-encoding, of any characters and in any case.
fn percents(text: &Reading) -> Option<Reading> {
    text.decode(b"%", |rest| {
        let digits = std::str::from_utf8(rest.get(1..3)?).ok()?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u8::from_str_radix(digits, 16).ok()).flatten().map(|byte| (3, Decoded::Byte(byte)))
    })
}

/// A form's `+` for a space.
fn plus(text: &Reading) -> Option<Reading> {
    text.decode(b"+", |_| Some((1, Decoded::Byte(b' '))))
}

/// The encoding of mails.
fn quoted_printable(text: &Reading) -> Option<Reading> {
    text.decode(b"=", |rest| {
        if rest.get(1) == Some(&b'\n') || rest.get(1..3) == Some(b"\r\n") {
            return Some((rest.iter().position(|byte| *byte == b'\n')? + 1, Decoded::Nothing));
        }
        let digits = std::str::from_utf8(rest.get(1..3)?).ok()?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
        is_hex.then(|| u8::from_str_radix(digits, 16).ok()).flatten().map(|byte| (3, Decoded::Byte(byte)))
    })
}

/// The text without the ends and the indentation of its lines, and without the quotes of a shell:
/// base64 and keys are printed in lines.
fn unwrapped(text: &Reading) -> Option<Reading> {
    text.decode(b"\r\n\t '\"", |rest| {
        let is_break = matches!(rest.first(), Some(b'\r' | b'\n'));
        if is_break || matches!(rest.first(), Some(b'\'' | b'"')) {
            let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | b'\t' | b' ')).count();
            return Some((blank.max(1), Decoded::Nothing));
        }
        None
    })
}
