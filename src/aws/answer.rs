//! Helpers to read answers.

use std::collections::BTreeMap;

use port::{CloudError, ErrorKind, Observed, State};

/// The error for an answer that lacks a required value. The call may have worked.
pub fn missing(call: &str, what: &str) -> CloudError {
    CloudError::new(ErrorKind::Server, call, format!("the answer holds no {what}"))
}

pub fn observed(id: impl Into<String>, state: State) -> Observed {
    Observed { id: id.into(), state, healthy: None, attributes: BTreeMap::new(), next_change: None }
}

pub fn with(mut observed: Observed, name: &str, value: impl Into<serde_json::Value>) -> Observed {
    let value = value.into();
    if !value.is_null() {
        observed.attributes.insert(name.to_owned(), value);
    }
    observed
}

/// Returns one observation for each id, in the order of `ids`. An id that was not found is gone.
pub fn in_order(ids: &[String], found: Vec<Observed>) -> Vec<Observed> {
    let mut by_id: BTreeMap<String, Observed> = found.into_iter().map(|o| (o.id.clone(), o)).collect();
    ids.iter().map(|id| by_id.remove(id).unwrap_or_else(|| observed(id, State::Gone))).collect()
}

/// Reads all pages of a list and collects their items.
macro_rules! pages {
    ($call:expr, $items:ident, $request:expr) => {{
        let mut all = Vec::new();
        let mut pages = $request.into_paginator().send();
        while let Some(page) = pages.next().await {
            all.extend($crate::error::OrCloud::or_cloud(page, $call)?.$items.unwrap_or_default());
        }
        all
    }};
}
pub(super) use pages;
