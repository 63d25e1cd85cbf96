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
        let mut line = String::from("{");
        for (key, json) in first {
            line.push_str(&format!("{}:{json},", serde_json::to_string(key)?));
        }
        line.push_str(&format!(r#""seq":{},"at":{},"#, self.seq, serde_json::to_string(&self.at)?));
        // Serde writes the tag `event` first, so the text after the brace is never empty.
        line.push_str(&serde_json::to_string(&self.body)?[1..]);
        Ok(line)
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
