//! The size limits of a format, and lists that are cut to them.

use serde::Serialize;

use crate::report::escape::clip;

/// The size limits of a format.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most rows of a list.
    pub rows: usize,
    /// The most characters of an id or a name.
    pub name: usize,
    /// The most characters of a sentence.
    pub prose: usize,
    /// The most lines of the playbook.
    pub source: usize,
}

impl Limits {
    pub const HTML: Self = Self { rows: 1000, name: 300, prose: 2000, source: 20_000 };

    pub const fn markdown(rows: usize) -> Self {
        Self { rows, name: 100, prose: 300, source: 0 }
    }

    pub fn name(self, text: &str) -> String {
        clip(text, self.name)
    }

    pub fn prose(self, text: &str) -> String {
        clip(text, self.prose)
    }

    /// Cuts a name in a picture. The tables show more of it.
    pub fn label(self, text: &str) -> String {
        clip(text, self.name.min(60))
    }

    /// Cuts a remark in a picture.
    pub fn note(self, text: &str) -> String {
        clip(text, self.prose.min(160))
    }
}

/// A list that may be cut.
#[derive(Debug, Clone, Serialize)]
pub struct List<T> {
    pub rows: Vec<T>,
    pub total: usize,
    pub left_out: usize,
}

impl<T> List<T> {
    /// Returns the first `most` rows. The others are only counted: rendering them would take most
    /// of the time of a large report.
    pub fn cut(rows: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>, most: usize) -> Self {
        let rows = rows.into_iter();
        let total = rows.len();
        let rows: Vec<T> = rows.take(most).collect();
        Self { left_out: total - rows.len(), rows, total }
    }

    /// Returns at most `most` rows in their order. Prefers `bad` rows, then `critical` rows.
    pub fn choose(
        rows: Vec<T>,
        most: usize,
        bad: impl Fn(&T) -> bool,
        critical: impl Fn(&T) -> bool,
    ) -> Self {
        let total = rows.len();
        if total <= most {
            return Self::cut(rows, most);
        }
        let mut ranked: Vec<(usize, T)> = rows.into_iter().enumerate().collect();
        ranked.sort_by_key(|(_, row)| (!bad(row), !critical(row)));
        ranked.truncate(most);
        ranked.sort_by_key(|(at, _)| *at);
        let rows: Vec<T> = ranked.into_iter().map(|(_, row)| row).collect();
        Self { left_out: total - rows.len(), rows, total }
    }

    pub fn map<U>(self, f: impl FnMut(T) -> U) -> List<U> {
        List { rows: self.rows.into_iter().map(f).collect(), total: self.total, left_out: self.left_out }
    }
}
