//! An event as a line of JSON: in the journal, and on stdout with `--output json`.

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::{Error, Map, Value};

use super::{Body, Event};
use base::duration::Time;

impl Event {
    /// Returns the line without its newline: `{"seq":…,"at":…,"event":…,…}`. `first` holds keys to
    /// put in front, each with its JSON.
    ///
    /// # Errors
    /// Only if a value of the event has no form in JSON.
    pub fn to_line(&self, first: &[(&str, String)]) -> Result<String, Error> {
        let mut line = Vec::new();
        self.append_line(&mut line, first)?;
        String::from_utf8(line).map_err(Error::custom)
    }

    /// Appends the line without its newline, as [`Self::to_line`] returns it.
    ///
    /// # Errors
    /// As for [`Self::to_line`]. A part of the line may then stand in `out`.
    pub fn append_line(&self, out: &mut Vec<u8>, first: &[(&str, String)]) -> Result<(), Error> {
        out.push(b'{');
        for (key, json) in first {
            serde_json::to_writer(&mut *out, key)?;
            out.push(b':');
            out.extend_from_slice(json.as_bytes());
            out.push(b',');
        }
        out.extend_from_slice(b"\"seq\":");
        serde_json::to_writer(&mut *out, &self.seq)?;
        out.extend_from_slice(b",\"at\":");
        serde_json::to_writer(&mut *out, &self.at)?;
        // The body's brace becomes the comma before its tag `event`, which serde writes first.
        let brace = out.len();
        serde_json::to_writer(&mut *out, &self.body)?;
        if let Some(brace) = out.get_mut(brace) {
            *brace = b',';
        }
        Ok(())
    }

    /// Reads a line that [`Self::to_line`] wrote. Unknown keys are ignored.
    ///
    /// # Errors
    /// The line is not JSON, lacks a field, or has a word that this version does not know.
    pub fn from_line(line: &[u8]) -> Result<Self, Error> {
        let mut keys: Map<String, Value> = serde_json::from_slice(line)?;
        let mut take = |key: &'static str| keys.shift_remove(key).ok_or_else(|| Error::missing_field(key));
        let seq = u64::deserialize(take("seq")?)?;
        let at = Time::deserialize(take("at")?)?;
        let body = Body::deserialize(Value::Object(keys))?;
        Ok(Self { seq, at, body })
    }
}
