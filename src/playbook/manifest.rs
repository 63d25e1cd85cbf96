//! Manifests: the objects that a bucket must hold, as CSV lines of `key,size,sha256`.

/// What a line says of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub size: u64,
    /// In lower case. It may be left out.
    pub sha256: Option<String>,
}

/// What is wrong with a line.
pub const NO_ENTRY: &str = "this is not an object's key, size and SHA-256";
/// What to write instead.
pub const FORM: &str = "write a key, its size in bytes, and the SHA-256 in hexadecimal or nothing: \
                        `logs/a.gz,5120,`; the first line may be the header `key,size,sha256`";

/// The entries of a manifest, or the number of the first line that is not one.
pub fn read(text: &str) -> Result<Vec<Entry>, u64> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        // A key may hold a carriage return. At the end of a line it is trimmed.
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(text.as_bytes());
    let mut entries = Vec::new();
    let mut record = csv::StringRecord::new();
    let mut first = true;
    loop {
        let before = reader.position().clone();
        match reader.read_record(&mut record) {
            Ok(true) if record.len() == 1 && record[0].trim().is_empty() => {}
            Ok(true) => {
                if !(std::mem::take(&mut first) && is_header(&record)) {
                    entries.push(entry(&record).ok_or_else(|| line_after(text, &before))?);
                }
            }
            Ok(false) => return Ok(entries),
            Err(_) => return Err(line_after(text, &before)),
        }
    }
}

/// `key,size,sha256`. No object is mistaken for it, since `size` is no number.
fn is_header(record: &csv::StringRecord) -> bool {
    let names: Vec<String> = record.iter().map(|name| name.trim().to_ascii_lowercase()).collect();
    matches!(
        names.iter().map(String::as_str).collect::<Vec<_>>()[..],
        ["key", "size"] | ["key", "size", "sha256"]
    )
}

fn entry(record: &csv::StringRecord) -> Option<Entry> {
    let (key, size, sha256) = match record.iter().collect::<Vec<_>>()[..] {
        [key, size] => (key, size, ""),
        [key, size, sha256] => (key, size, sha256),
        _ => return None,
    };
    let sha256 = Some(sha256.trim().to_ascii_lowercase()).filter(|s| !s.is_empty());
    if sha256.as_ref().is_some_and(|s| s.len() != 64 || !s.bytes().all(|b| b.is_ascii_hexdigit())) {
        return None;
    }
    Some(Entry { key: key.to_owned(), size: size.trim().parse().ok()?, sha256 })
}

/// The line of the next record. The reader counts comments and empty lines before a record as part
/// of it.
fn line_after(text: &str, position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|at| text.get(at..)).unwrap_or_default();
    let skipped = rest.split('\n').take_while(|line| line.is_empty() || line.starts_with('#'));
    position.line() + skipped.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_read_as_csv() {
        let sum = "AB".repeat(32);
        let text = format!(
            "# key,size,sha256\n\n  \na,5,{sum}\r\nlogs/x, 6 \n\r\n\"b,\"\"c\"\"\",7,\n\"# d\",8\n# e\nf\"g,9,"
        );
        let entries = read(&text).unwrap();
        let entries: Vec<_> = entries.iter().map(|e| (e.key.as_str(), e.size, e.sha256.as_deref())).collect();
        let lower = sum.to_ascii_lowercase();
        let expected = [
            ("a", 5, Some(lower.as_str())),
            ("logs/x", 6, None),
            ("b,\"c\"", 7, None),
            ("# d", 8, None),
            ("f\"g", 9, None),
        ];
        assert_eq!(entries, expected);
    }

    #[test]
    fn a_header_is_the_first_line_and_says_what_follows() {
        let key = |text: &str| read(text).map(|all| all.into_iter().map(|e| e.key).collect::<Vec<_>>());
        for header in ["key,size,sha256", "\u{feff}Key, Size ,SHA256\r", "# made by us\n\nkey,size"] {
            assert_eq!(key(&format!("{header}\na,1\n")), Ok(vec!["a".to_owned()]), "{header}");
        }
        assert_eq!(key("key,5"), Ok(vec!["key".to_owned()]));
        for (text, line) in
            [("a,1\nkey,size,sha256\n", 2), ("name,size,sha256\na,1\n", 1), ("key,size,md5\n", 1)]
        {
            assert_eq!(read(text), Err(line), "{text}");
        }
    }

    #[test]
    fn a_wrong_line_is_reported_by_its_number() {
        let long = format!("a,1,{}", "0".repeat(63));
        for (text, line) in [
            ("a", 1),
            ("# c\n\n# d\na,1\n\n  \n# e\nb,many", 8),
            ("a,1\nb,2,xyz\nc,3", 2),
            ("a,1,,", 1),
            ("a,-1", 1),
            ("a,1\r\n\r\nb,", 3),
            ("a,1\n\"b,2\nc,3", 2),
            (long.as_str(), 1),
        ] {
            assert_eq!(read(text), Err(line), "{text}");
        }
        assert_eq!(read("# nothing\n"), Ok(Vec::new()));
    }
}
