//! Whether an answer came whole. The SDK's XML readers take one that ends early for one that holds less: half a list of
//! resources would pass for all of them.

/// Whether each element of an XML document ends; what is not XML is not judged. AWS's answers hold no CDATA and no comments.
pub fn is_whole(body: &[u8]) -> bool {
    let mut rest = body.trim_ascii();
    if rest.first() != Some(&b'<') {
        return true;
    }
    let (mut open, mut any) = (0_usize, false);
    while let Some(start) = rest.iter().position(|b| *b == b'<') {
        rest = rest.get(start + 1..).unwrap_or_default();
        let Some(end) = rest.iter().position(|b| *b == b'>') else { return false };
        let (tag, after) = rest.split_at(end);
        match (tag.first(), tag.last()) {
            (Some(b'?' | b'!'), _) => {}
            (Some(b'/'), _) => open = open.saturating_sub(1),
            (_, Some(b'/')) => any = true,
            _ => (open, any) = (open + 1, true),
        }
        rest = after;
    }
    any && open == 0
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn every_cut_is_seen() {
        let whole =
            "<?xml version=\"1.0\"?>\n<!-- x -->\n<R xmlns=\"http://x/\"><set><R>1</R><b/></set></R>\n";
        assert!(is_whole(whole.as_bytes()));
        // Where only blanks are missing, nothing is.
        let last = whole.trim_end().len();
        for end in 1..last {
            assert!(!is_whole(&whole.as_bytes()[..end]), "{}", &whole[..end]);
        }
        for whole in ["", " \n", "{\"a\": 1", "<a/>", "<a></a >", "<a b=\"c\"/>\n"] {
            assert!(is_whole(whole.as_bytes()), "{whole}");
        }
        for cut in ["<", "<a", "<a>", "<a><b/>", "<a></a", "<?xml version=\"1.0\"?>"] {
            assert!(!is_whole(cut.as_bytes()), "{cut}");
        }
    }
}
