//! A strict check of markup. The HTML report is also well-formed XML, so the end of every tag and
//! the quotes of every attribute can be checked.

use std::collections::{BTreeMap, BTreeSet};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

#[derive(Debug, Default)]
pub struct Page {
    pub elements: BTreeMap<String, usize>,
    pub headings: Vec<u8>,
    /// Element, attribute, value.
    pub attributes: Vec<(String, String, String)>,
}

impl Page {
    pub fn count(&self, element: &str) -> usize {
        self.elements.get(element).copied().unwrap_or(0)
    }

    /// Asserts that there are no event handlers, no inline styles and no addresses outside the
    /// page.
    pub fn assert_attributes_are_harmless(&self) {
        for (element, name, value) in &self.attributes {
            assert!(!name.starts_with("on") && name != "style" && name != "src", "{element} {name}={value}");
            if name == "href" {
                assert!(value.starts_with('#'), "{element} {name}={value}");
            }
        }
    }

    pub fn assert_anchors_lead_somewhere(&self) {
        let mut ids = BTreeSet::new();
        for (_, name, value) in &self.attributes {
            assert!(name != "id" || ids.insert(value), "{value} is twice an id");
        }
        for (element, name, value) in &self.attributes {
            if name == "href" {
                assert!(ids.contains(&value[1..].to_owned()), "{element} leads to {value}");
            }
            if name == "aria-labelledby" {
                assert!(ids.contains(value), "{element} is labelled by {value}");
            }
        }
    }
}

/// Panics if a tag is not closed or closed twice, or if an attribute is not quoted or given twice.
pub fn parse(text: &str) -> Page {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    reader.config_mut().allow_dangling_amp = false;
    let mut page = Page::default();
    let mut depth = 0_i32;
    loop {
        let position = reader.buffer_position();
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                depth += 1;
                page.see(&tag);
            }
            Ok(Event::Empty(tag)) => page.see(&tag),
            Ok(Event::End(_)) => depth -= 1,
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => panic!("at byte {position}: {error}\n{}", &text[..text.len().min(2000)]),
        }
    }
    assert_eq!(depth, 0, "something is not closed");
    page
}

impl Page {
    fn see(&mut self, tag: &BytesStart<'_>) {
        let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
        if let Some(level) = name.strip_prefix('h').and_then(|l| l.parse().ok()) {
            self.headings.push(level);
        }
        for attribute in tag.attributes() {
            let attribute = attribute.unwrap();
            let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            let value = String::from_utf8_lossy(&attribute.value).into_owned();
            self.attributes.push((name.clone(), key, value));
        }
        *self.elements.entry(name).or_default() += 1;
    }
}
