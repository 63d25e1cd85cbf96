//! Several requests of an `http` check, one after another: cookies and values go along.

use std::collections::BTreeMap;

use hyper::http::header::{HeaderMap, SET_COOKIE};
use serde_json::Value;
use url::Url;

use crate::dial::Failure;
use crate::observation::Secrets;
use playbook::session::{HttpStep, Taken};

/// The cookies of a session. Each goes back to the host that gave it, and to no other. What else a
/// cookie says is not looked at, but for its end.
#[derive(Default)]
pub(super) struct Jar(BTreeMap<(String, String), String>);

impl Jar {
    /// Takes the cookies of an answer. Their values count as secrets.
    pub(super) fn take(&mut self, url: &Url, headers: &HeaderMap, secrets: &mut Secrets) {
        let host = url.host_str().unwrap_or_default();
        for cookie in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let mut parts = cookie.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|first| first.split_once('=')) else { continue };
            let key = (host.to_owned(), name.to_owned());
            let is_over = parts.filter_map(|part| part.split_once('=')).any(|(key, value)| {
                key.eq_ignore_ascii_case("max-age") && value.parse::<i64>().is_ok_and(|seconds| seconds <= 0)
            });
            if is_over || value.is_empty() {
                self.0.remove(&key);
            } else {
                secrets.add(value);
                self.0.insert(key, value.to_owned());
            }
        }
    }

    /// The header for a request. `None`: no cookie is of its host.
    pub(super) fn header(&self, url: &Url) -> Option<String> {
        let host = url.host_str().unwrap_or_default();
        let own = self.0.iter().filter(|((of, _), _)| of == host);
        let all: Vec<String> = own.map(|((_, name), value)| format!("{name}={value}")).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

/// Takes the values of an answer for the requests after it.
pub(super) fn take(
    step: &HttpStep,
    headers: &HeaderMap,
    body: &[u8],
    values: &mut BTreeMap<String, String>,
) -> Result<(), Failure> {
    for (name, from) in &step.take {
        let found = match Taken::read(from) {
            Some(Taken::Header(header)) => {
                headers.get(header).and_then(|value| value.to_str().ok()).map(str::to_owned)
            }
            Some(Taken::Body(pointer)) => {
                let json: Option<Value> = serde_json::from_slice(body).ok();
                json.as_ref().and_then(|json| json.pointer(pointer)).and_then(single)
            }
            None => None,
        };
        let Some(found) = found else {
            return Err(Failure::new(
                "nothing to take",
                format!("the answer has no `{from}` to take as `{name}`"),
            ));
        };
        values.insert(name.clone(), found);
    }
    Ok(())
}

/// A value of JSON as it is written into a request.
fn single(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
