//! Tells whether an answer is complete.
//!
//! The SDK's XML readers accept a document that ends early. Half a list of resources would then
//! pass for the whole list.

use quick_xml::Reader;
use quick_xml::events::Event;

/// Returns whether every element of an XML document is closed. Anything but XML counts as complete.
pub fn is_whole(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    if body.first() != Some(&b'<') {
        return true;
    }
    let mut reader = Reader::from_reader(body);
    // A lone `&` is no sign of a cut.
    reader.config_mut().allow_dangling_amp = true;
    let mut any = false;
    loop {
        match reader.read_event() {
            Ok(Event::Start(root)) if reader.read_to_end(root.name()).is_ok() => any = true,
            Ok(Event::Empty(_)) => any = true,
            Ok(Event::Start(_)) | Err(_) => return false,
            Ok(Event::Eof) => return any,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn every_cut_is_seen() {
        let whole =
            "<?xml version=\"1.0\"?>\n<!-- x -->\n<R xmlns=\"http://x/\"><set><R>1</R><b/></set></R>\n";
        assert!(is_whole(whole.as_bytes()));
        // Trailing blanks do not matter.
        let last = whole.trim_end().len();
        for end in 1..last {
            assert!(!is_whole(&whole.as_bytes()[..end]), "{}", &whole[..end]);
        }
        for whole in ["", " \n", "{\"a\": 1", "<a/>", "<a></a >", "<a b=\"c\"/>\n", "<?x?>\n \n<a>&</a>"] {
            assert!(is_whole(whole.as_bytes()), "{whole}");
        }
        for cut in ["<", "<a", "<a>", "<a><b/>", "<a></a", "<?xml version=\"1.0\"?>"] {
            assert!(!is_whole(cut.as_bytes()), "{cut}");
        }
    }

    /// Texts that other S3 providers, or a proxy in between, may send.
    #[test]
    fn what_stands_in_texts_and_attributes_ends_nothing() {
        for whole in [
            "<a><![CDATA[<b>]]></a>",
            "<a><!-- <b> --></a>",
            "<a b=\">\"></a>",
            "<a b=\"/\">1</a>",
            "<!DOCTYPE html><html><body><h1>503</h1></body></html>",
        ] {
            assert!(is_whole(whole.as_bytes()), "{whole}");
        }
        for cut in ["<a><![CDATA[</a>", "<a><!-- </a>", "<a b=\"></a>", "<a b=\"/\">", "<a></b>"] {
            assert!(!is_whole(cut.as_bytes()), "{cut}");
        }
    }
}
