//! The requests of an `http` check that has several: log in, order, look.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::asked::{self, Unreadable};
use super::check::{HttpCheck, Statuses};
use super::comparison::Comparison;
use super::data::Mistake;
use super::expr::is_template;
use super::expr_value::Expr;

/// One request of a session. Cookies go from one to the next, as in a browser.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpStep {
    /// The path on the host of `url`, with its query: `/orders?state=open`.
    pub path: String,
    /// Request method; default `GET`, or `POST` with a `body`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Request headers, besides those of the check.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Request body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The accepted status, or a list of accepted statuses; default 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Expr<Statuses>>,
    /// The expected body of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_body: Option<Expr<Comparison>>,
    /// The expected headers of the answer, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub expect_header: BTreeMap<String, Expr<Comparison>>,
    /// Values of the answer for the requests after it, which write them as `${name}`: a JSON pointer
    /// into the body (`/order/id`), or a header (`header:location`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub take: BTreeMap<String, String>,
}

/// Where a value is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken<'a> {
    /// A JSON pointer into the body. Empty: the whole of it.
    Body(&'a str),
    Header(&'a str),
}

impl<'a> Taken<'a> {
    pub fn read(text: &'a str) -> Option<Self> {
        match text.strip_prefix("header:") {
            Some(name) => asked::header_name(name).ok().map(|_| Self::Header(name)),
            None => text.starts_with('/').then_some(Self::Body(text)),
        }
    }
}

impl HttpStep {
    /// The request with the values that were taken before, as a check of its own.
    ///
    /// # Errors
    /// A name that nothing has given.
    pub fn filled(&self, check: &HttpCheck, values: &BTreeMap<String, String>) -> Result<HttpCheck, String> {
        let fill = |text: &str| fill(text, values).map(Cow::into_owned);
        let mut headers = check.headers.clone();
        for (name, value) in &self.headers {
            headers.retain(|known, _| !known.eq_ignore_ascii_case(name));
            headers.insert(name.clone(), fill(value)?);
        }
        let path = fill(&self.path)?;
        if !path.starts_with('/') {
            return Err("its path is not one of this host: it does not begin with `/`".to_owned());
        }
        let body = self.body.as_deref().map(fill).transpose()?;
        let method = self.method.clone().or_else(|| body.as_ref().map(|_| "POST".to_owned()));
        Ok(HttpCheck {
            url: format!("{}{path}", root(&check.url)),
            method,
            headers,
            body,
            status: self.status.clone(),
            expect_body: self.expect_body.clone(),
            expect_header: self.expect_header.clone(),
            max_latency: None,
            steps: Vec::new(),
            ..check.clone()
        })
    }

    fn names(&self) -> BTreeSet<&str> {
        let texts = [Some(self.path.as_str()), self.body.as_deref()].into_iter().flatten();
        texts.chain(self.headers.values().map(String::as_str)).flat_map(names).collect()
    }
}

/// A URL without its path.
fn root(url: &str) -> &str {
    let from = url.find("://").map_or(0, |at| at + 3);
    let path = url.get(from..).and_then(|rest| rest.find(['/', '?', '#']));
    path.and_then(|at| url.get(..from + at)).unwrap_or(url)
}

/// The names in `${…}`.
fn names(text: &str) -> Vec<&str> {
    let parts = text.split("${").skip(1);
    parts.filter_map(|part| part.split_once('}').map(|(name, _)| name)).collect()
}

fn fill<'a>(text: &'a str, values: &BTreeMap<String, String>) -> Result<Cow<'a, str>, String> {
    if !text.contains("${") {
        return Ok(text.into());
    }
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else { break };
        filled.push_str(before);
        filled.push_str(values.get(name).ok_or_else(|| format!("no request before it took `{name}`"))?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled.into())
}

impl HttpCheck {
    /// Mistakes of its requests.
    pub(crate) fn session_mistakes(&self) -> Vec<Mistake> {
        let mut found = Vec::new();
        if self.steps.is_empty() {
            return found;
        }
        let mut wrong = |field, message: String, help: &str| found.push((field, message, help.to_owned()));
        for (field, given) in [
            ("method", self.method.is_some()),
            ("body", self.body.is_some()),
            ("status", self.status.is_some()),
            ("expect_body", self.expect_body.is_some()),
            ("expect_header", !self.expect_header.is_empty()),
        ] {
            if given {
                wrong(
                    field,
                    format!("both `steps` and `{field}`"),
                    "write it in the request that it belongs to",
                );
            }
        }
        let mut taken = BTreeSet::new();
        for (number, step) in self.steps.iter().enumerate().map(|(at, step)| (at + 1, step)) {
            let mut unreadable = |bad: Option<Unreadable>| {
                if let Some(Unreadable { message, help }) = bad {
                    wrong("steps", format!("request {number}: {message}"), &help);
                }
            };
            unreadable(step.method.as_deref().and_then(|text| asked::mistake(text, asked::method)));
            for (name, value) in &step.headers {
                unreadable(asked::header_name(name).err());
                unreadable(asked::mistake(value, |text| asked::header_value(name, text)));
            }
            for name in step.expect_header.keys() {
                unreadable(asked::header_name(name).err());
            }
            if !step.path.starts_with(['/', '$']) && !is_template(&step.path) {
                wrong(
                    "steps",
                    format!("request {number}: `{}` is no path", step.path.escape_debug()),
                    "begin it with `/`: all requests of a session go to the host of `url`",
                );
            }
            if let Some(name) = step.names().into_iter().find(|name| !taken.contains(*name)) {
                wrong(
                    "steps",
                    format!("request {number}: no request before it takes `{}`", name.escape_debug()),
                    "let an earlier one take it: `take: { NAME: /json/pointer }`",
                );
            }
            for (name, from) in &step.take {
                let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if !is_name || (!is_template(from) && Taken::read(from).is_none()) {
                    wrong(
                        "steps",
                        format!(
                            "request {number}: `{}: {}` takes nothing",
                            name.escape_debug(),
                            from.escape_debug()
                        ),
                        "write a name of letters, digits and `_`, and a JSON pointer (`/order/id`) or `header:NAME`",
                    );
                }
                taken.insert(name.as_str());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(steps: &str) -> HttpCheck {
        let yaml = format!(
            "{{ url: 'https://u:p@shop.example:8443/base?x', headers: {{ X-A: '1' }}, steps: {steps} }}"
        );
        serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"))
    }

    #[test]
    fn a_request_is_filled_with_what_was_taken() {
        let check =
            read("[{ path: '/orders/${id}', headers: { x-a: '${token}' }, body: '{\"a\": \"${id}$\"}' }]");
        let values = [("id", "7"), ("token", "t")].map(|(name, value)| (name.into(), value.into())).into();
        let filled = check.steps[0].filled(&check, &values).unwrap();
        assert_eq!(filled.url, "https://u:p@shop.example:8443/orders/7");
        assert_eq!(
            (filled.method.as_deref(), filled.body.as_deref()),
            (Some("POST"), Some("{\"a\": \"7$\"}"))
        );
        assert_eq!(filled.headers, [("x-a".to_owned(), "t".to_owned())].into());
        assert!(
            check.steps[0]
                .filled(&check, &BTreeMap::new())
                .unwrap_err()
                .contains("no request before it took")
        );
    }

    #[test]
    fn mistakes_of_a_session_name_the_request() {
        for (steps, part) in [
            ("[{ path: login }]", "request 1: `login` is no path"),
            ("[{ path: /a }, { path: '/b/${id}' }]", "request 2: no request before it takes `id`"),
            ("[{ path: /a, take: { id: '$.id' } }]", "takes nothing"),
            ("[{ path: /a, take: { 'a b': /id } }]", "takes nothing"),
            ("[{ path: /a, method: G T }]", "request 1"),
        ] {
            let found = read(steps).session_mistakes();
            assert!(found.len() == 1 && found[0].1.contains(part), "{steps}: {found:?}");
        }
        let both: HttpCheck =
            serde_saphyr::from_str("{ url: 'http://a/', body: x, steps: [{ path: /a }] }").unwrap();
        assert_eq!(both.session_mistakes()[0].0, "body");
        assert!(
            read("[{ path: /a, take: { id: /id, t: 'header:x-t' } }, { path: '/b/${id}${t}' }]")
                .session_mistakes()
                .is_empty()
        );
    }
}
