//! Parses text into nodes with serde-saphyr.
//!
//! Mistakes that do not stop the parser are all collected. A syntax error stops it, and then only
//! the lines before the error are checked further.

use std::borrow::Cow;

use serde::Deserialize;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Options};

use super::builder::{Builder, Tags};
use super::diagnostic::{Diagnostic, Diagnostics};
use super::events;
use super::limits::{DEEPEST, MOST_KEPT, MOST_NODES, MOST_TEXT};
use super::node::Node;
use super::raw::Raw;
use super::source::{Source, Span};
use super::syntax;

/// How many mistakes are repaired at most. After each, the whole text is parsed again.
const MOST_REPAIRS: usize = 32;

/// The document's root, if there is one, and all mistakes in the text.
pub fn parse(source: &Source) -> (Option<Node>, Diagnostics) {
    parse_tagged(source, |_| None)
}

/// The same as [`parse`], for a document with tags of its own.
pub fn parse_tagged(source: &Source, tags: Tags) -> (Option<Node>, Diagnostics) {
    match events::root(source) {
        Some(root) => (Some(root), Diagnostics::default()),
        None => parse_any(source, tags),
    }
}

/// The same, for a text that may have mistakes, anchors and tags.
fn parse_any(source: &Source, tags: Tags) -> (Option<Node>, Diagnostics) {
    let mut builder = Builder::new(source, tags);
    let mut text = Cow::Borrowed(&*source.text);
    loop {
        let (raw, error) = read(&text);
        let Some(error) = error else { return (raw.and_then(|raw| builder.root(raw)), builder.out) };
        let at = syntax::place(source, &error);
        if let Some(raw) = raw
            && let Some(second) = second_document(source, raw.written.span().start, at, &error)
        {
            builder.out.push(second);
            return (builder.root(raw), builder.out);
        }
        builder.out.push(syntax::explain(source, &error, at));
        let repair = syntax::repair(source, &error, at).filter(|_| builder.broken.len() < MOST_REPAIRS);
        let Some((part, filler)) = repair else {
            // Report the mistakes in the lines before the error too, unless those lines end in the
            // middle of a value.
            let lines = source.text.get(..at).and_then(|before| before.rfind('\n')).unwrap_or(0);
            if let Error::ExternalMessage { .. } = error
                && let (Some(raw), None) = read(text.get(..lines).unwrap_or_default())
            {
                builder.root(raw);
            }
            return (None, builder.out);
        };
        text.to_mut().replace_range(part.start..part.end, &filler);
        builder.broken.push(at);
    }
}

/// The part of a text that was read, and the error that ended the reading.
fn read(text: &str) -> (Option<Raw<'_>>, Option<Error>) {
    let mut root = None;
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options(), |deserializer| {
        root = Some(Raw::deserialize(deserializer)?);
        Ok(())
    });
    (root, read.err())
}

/// The options of the parser.
///
/// The limits protect against files made to exhaust memory ("YAML bombs"). No playbook that a
/// person or a generator writes comes near them. The policies let duplicate keys, merge keys and
/// non-finite numbers through, because our own checks say more about them.
fn options() -> Options {
    serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        strict_booleans: true,
        ignore_binary_tag_for_string: true,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: DEEPEST,
            max_nodes: MOST_NODES,
            max_total_scalar_bytes: MOST_TEXT,
            max_recorded_anchor_events: MOST_KEPT,
            max_recorded_anchor_bytes: MOST_TEXT,
            max_anchors: MOST_NODES,
            // These limits add nothing: repeated values already count as nodes and text.
            max_events: usize::MAX,
            max_aliases: usize::MAX,
            max_documents: usize::MAX,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: usize::MAX },
    }
}

/// The diagnostic for a second document, if one begins between the start of the first document and
/// the place of an error.
fn second_document(source: &Source, first: usize, at: usize, error: &Error) -> Option<Diagnostic> {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with(char::is_whitespace);
    let text = source.text.get(first..at)?;
    let marker = text.match_indices("\n---").map(|(n, _)| first + n + 1);
    let marker = marker.into_iter().find(|n| source.text.get(n + 3..).is_some_and(ends));
    let (span, help) = match marker {
        Some(n) => (Span::new(n, n + 3), "remove this `---`, or move what follows into a file of its own"),
        None if matches!(error, Error::MultipleDocuments { .. }) => {
            (Span::new(at, at + 1), "move what follows into a file of its own")
        }
        None => return None,
    };
    let diagnostic = source.error(span, "a second document begins here");
    Some(diagnostic.help(format!("one file holds one document: {help}")))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Returns the mistakes as `line:column message`, and the root as JSON.
    fn read(text: &str) -> (Vec<String>, Option<String>) {
        let (node, mut found) = parse(&Source::new("f", text, 0));
        found.sort();
        let found = found.iter().map(|d| format!("{}:{} {}", d.line, d.column, d.message)).collect();
        (found, node.map(|node| node.to_json().to_string()))
    }

    #[test]
    fn mistakes_of_all_kinds_come_together() {
        let text = "a: *b\r\nc: !Ref d\r\nc: !!int e\r\nf: {{ g }}\r\n? [h]\r\n: 1\r\ni: &i [*i, 2]\r\nj: [1, *k]\r\n";
        let (found, root) = read(text);
        let expected = [
            "1:4 `*b` refers to an anchor that is not defined before it",
            "2:9 the tag `!Ref` has no meaning here",
            "3:1 the key `c` is given twice",
            "3:10 the tag `!!int` has no meaning here",
            "4:4 an expression without quotes: to YAML, `{` begins a mapping",
            "5:3 a list cannot be a key",
            "7:8 this alias is inside the value that it refers to",
            "8:8 `*k` refers to an anchor that is not defined before it",
        ];
        assert_eq!(found, expected);
        let json = r#"{"a":null,"c":null,"f":"{{ g }}","i":[null,2],"j":[1,null]}"#;
        assert_eq!(root.as_deref(), Some(json));
    }

    #[test]
    fn a_syntax_error_hides_nothing_before_it() {
        let (found, root) = read("a: 1\na: !x 2\nb:\n  c: [1,\nd: 2\n");
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[0].starts_with("2:1 the key `a`") && found[1].starts_with("2:7 the tag `!x`"),
            "{found:?}"
        );
        assert_eq!(root, None);
    }

    #[test]
    fn values_are_what_stands_in_the_file() {
        let text = "\u{feff}é: &a [0o17, 012, \"5\", 0b1, 1_0, .inf, yes, ~, !!str 7, !!int \"7\", 1e999]\n\
                    b: { <<: { x: 1, y: 2 }, y: 3 }\n\"<<\": *a\n12: |\n  two\n  lines\n";
        let (found, root) = read(text);
        assert_eq!(found, [""; 0]);
        let list = r#"[15,12,"5","0b1","1_0",".inf","yes",null,"7",7,"1e999"]"#;
        let json = format!(r#"{{"é":{list},"b":{{"y":3,"x":1}},"<<":{list},"12":"two\nlines\n"}}"#);
        assert_eq!(root, Some(json));
    }

    #[test]
    fn what_an_alias_repeats_stands_where_the_alias_stands() {
        let source = Source::new("f", "a: &a [x, \"é\"] # c\nb: *a\nc: { d: [ ] }\n", 0);
        let (root, _) = parse(&source);
        let shown = |pointer: &str| {
            let node = root.as_ref().map(|root| root.at_pointer(pointer));
            node.map(|node| source.slice(node.span).to_owned())
        };
        for (pointer, text) in
            [("/a", "[x, \"é\"]"), ("/b", "*a"), ("/b/1", "\"é\""), ("/c", "{ d: [ ] }"), ("/c/d", "[ ]")]
        {
            assert_eq!(shown(pointer).as_deref(), Some(text), "{pointer}");
        }
    }

    /// The way for most texts, and the way for any text.
    #[test]
    fn both_ways_give_the_same_nodes() {
        let straight = [
            "a: 1\n",
            "- [1, 0x1F, 0o17, 012, -7, +7, 1e3, .5, 2., .inf, 0b1, 1_0, 1:30, 2026-01-01]\n",
            "a: [~, null, Null, NULL, true, True, yes, no, \"5\", '', \"\", '~', \"null\"]\n",
            "# c\na:   # d\n  b: 'it''s' # e\n  c: \"\\u00e9 \\n\"\n\n  # f\nd: { e: [ ], f: { }, g: [a, # h\n b, ] }\n",
            "a: |\n  two\n  lines\nb: >-\n  folded\n  text\nd: |+\n  kept\n\n",
            "é: ü\r\nb: [ö,\r\n  ä]\r\n",
            "12: x\ntrue: y\n\"12 \": z\n'<<': w\n",
            "a:\nb:\n  -\n  - c\n  - d: e\n    f:\n",
            "--- # begin\na: 1\n...\n# end\n",
            "? a\n: b\n",
            "\"{{ a }}\": \"{{ b }}\"\n",
            include_str!("../../drills/estate.yaml"),
            include_str!("../../drills/region-loss.yaml"),
            include_str!("../../drills/az-loss.yaml"),
            include_str!("../../drills/account-loss.yaml"),
        ];
        for text in straight {
            let source = Source::new("f", text, 0);
            let (root, found) = parse_any(&source, |_| None);
            assert_eq!(found.len(), 0, "{text}");
            assert!(root.is_some() && events::root(&source) == root, "{text}");
        }
        for text in [
            "",
            "# only\n",
            "~",
            "null\n",
            "a: &a 1\n",
            "a: *a\n",
            "a: !!str 1\n",
            "a: !Ref b\n",
            "a: 1\na: 2\n",
            "a: nULL\n",
            "a: {{ b }}\n",
            "<<: { a: 1 }\n",
            "[a]: 1\n",
            ": 1\n",
            "a: b\n  c\n",
            "a: |-\n  12\n",
            "%YAML 1.2\n---\na: 1\n",
            "a: 1\n---\nb: 1\n",
            "a: [1\n",
            "a: b: c\n",
        ] {
            assert_eq!(events::root(&Source::new("f", text, 0)), None, "{text}");
        }
    }

    /// Every file of the corpus and every drill: the same nodes, or mistakes for one and nothing for
    /// the other. What is read neither straight nor with mistakes is written in an unusual way.
    #[test]
    fn both_ways_agree_on_every_file() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut folders = vec![root.join("tests/corpus"), root.join("drills")];
        let (mut straight, mut mistaken, mut unusual) = (0, 0, Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                if path.extension().is_none_or(|extension| extension != "yaml" && extension != "json") {
                    continue;
                }
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                // What is not UTF-8 is refused before it is read as YAML.
                let Ok(text) = String::from_utf8(std::fs::read(&path).unwrap()) else { continue };
                let source = Source::new(&name, &text, 0);
                let (any, found) = parse_any(&source, |_| None);
                match (events::root(&source), found.is_empty()) {
                    (Some(root), true) => {
                        assert_eq!(Some(root), any, "{name}");
                        straight += 1;
                    }
                    (Some(_), false) => panic!("{name}: read straight in spite of its mistakes"),
                    (None, false) => mistaken += 1,
                    (None, true) => unusual.push(name),
                }
            }
        }
        unusual.sort();
        assert_eq!(unusual, UNUSUAL);
        assert!(straight > 200 && mistaken > 5, "{straight} read straight, {mistaken} with mistakes");
    }

    /// Files without mistakes that are not read straight. These have no value at all, which the readers
    /// of playbooks refuse.
    const UNUSUAL: [&str; 2] = ["file-empty.yaml", "file-only-comments.yaml"];

    #[test]
    fn limits_hold() {
        let deep = |levels: usize| read(&format!("{}x", "- ".repeat(levels))).0;
        assert_eq!(deep(DEEPEST), [""; 0]);
        assert_eq!(deep(DEEPEST + 1), ["1:49 nested more than 24 levels deep"]);
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(MOST_TEXT / 8), "*a, ".repeat(9));
        assert!(
            read(&long).0[0].starts_with("2:29 the file holds more than 64 MiB of text"),
            "{:?}",
            read(&long).0
        );
    }

    #[test]
    fn one_document() {
        for text in ["", "# only\n\n", "\u{feff}# only"] {
            assert_eq!(read(text), (vec![], None), "{text:?}");
        }
        assert_eq!(read("---\n"), (vec![], Some("null".to_owned())));
        assert_eq!(read("a: 1\n---\n").0, ["2:1 a second document begins here"]);
        assert_eq!(read("a: 1\n--- ]\n").0, ["2:1 a second document begins here"]);
        let (found, root) = read("a: 1\n...\nb: 1\n");
        assert_eq!((found.len(), root.as_deref()), (1, Some(r#"{"a":1}"#)));
    }
}
