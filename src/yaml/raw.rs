//! The values that serde-saphyr reads. Each has the place where it is used, the place where it is
//! written, and its tag.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned, Tagged};

use super::source::Span;

/// One value as the parser gives it.
pub struct Raw<'a> {
    /// Where the value is used. For an alias, and for every value that it repeats, this is the
    /// place of the alias.
    pub used: Place,
    pub written: Place,
    pub tag: Option<Box<str>>,
    pub content: Content<'a>,
}

pub enum Content<'a> {
    Null,
    /// A number or a boolean, as serde-saphyr sees it. The text in the file decides, which
    /// serde-saphyr does not pass on.
    Typed,
    Text(Cow<'a, str>),
    Seq(Vec<Raw<'a>>),
    /// All entries in order, duplicates and merge keys included.
    Map(Vec<(Raw<'a>, Raw<'a>)>),
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Tagged(Spanned { value, referenced, defined }, tag) = Tagged::deserialize(deserializer)?;
        Ok(Self {
            used: Place::of(referenced),
            written: Place::of(defined),
            tag: tag.map(Into::into),
            content: value,
        })
    }
}

/// A span in less memory. It is enough, because files are smaller than 4 GiB.
#[derive(Clone, Copy, PartialEq)]
pub struct Place {
    start: u32,
    length: u32,
}

impl Place {
    fn of(location: Location) -> Self {
        let byte = |n: Option<u64>| n.and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
        let span = location.span();
        Self { start: byte(span.byte_offset()), length: byte(span.byte_len()) }
    }

    pub fn span(self) -> Span {
        let start = self.start as usize;
        Span::new(start, start + self.length as usize)
    }
}

impl<'de> Deserialize<'de> for Content<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Content::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Content::Typed)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Content::Typed)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Content::Typed)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Content::Typed)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Content::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Content::Text(Cow::Borrowed(text)))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Content::Text(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Content::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Content::Map(entries))
    }
}
