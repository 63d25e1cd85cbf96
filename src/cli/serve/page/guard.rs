//! Who may see the page, and who may answer on it.
//!
//! A page on this machine is reached by every other page that the user's browser shows. So the name by
//! which the browser reached it must be a known one (a foreign name may lead here), and an answer must
//! come from this very page.

use axum::extract::{Form, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Shared, Site, views};
use base::digest::sha256;

/// The page has no script and no style but its own.
pub const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// A report has its style within, and needs nothing else. It may have come from another machine.
pub const POLICY_OF_REPORTS: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; sandbox";

const COOKIE: &str = "drillmaster";

/// The way of the form that takes the token.
pub const LOGIN: &str = "/login";

/// Refuses what is not for this page, and puts the headers on what is.
pub async fn guard(State(site): State<Shared>, request: Request, next: Next) -> Response {
    let mut response = match refused(&site, &request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    response
}

fn refused(site: &Site, request: &Request) -> Option<Response> {
    let headers = request.headers();
    let host = text(headers, &header::HOST);
    if !host.is_some_and(|host| site.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))) {
        let why = "this page is not served by that name; add --host NAME:PORT to `drillmaster serve`";
        return Some(views::sorry(StatusCode::MISDIRECTED_REQUEST, why));
    }
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_read && !is_of_this_page(headers) {
        return Some(views::sorry(
            StatusCode::FORBIDDEN,
            "this did not come from this page, so nothing was done",
        ));
    }
    let path = request.uri().path();
    if is_known(site, headers) || path == LOGIN || path == "/style.css" {
        return None;
    }
    Some(if is_read && path == "/" {
        Redirect::to(LOGIN).into_response()
    } else {
        views::sorry(StatusCode::UNAUTHORIZED, "the token is missing: log in at /login")
    })
}

/// Whether a request that changes something was made on this page.
fn is_of_this_page(headers: &HeaderMap) -> bool {
    if let Some(site) = text(headers, "sec-fetch-site") {
        return site == "same-origin";
    }
    // Older browsers, and programs.
    let origin = text(headers, &header::ORIGIN).and_then(|origin| origin.split_once("://"));
    let host = text(headers, &header::HOST);
    origin.zip(host).is_some_and(|((_, origin), host)| origin.eq_ignore_ascii_case(host))
}

fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn is_known(site: &Site, headers: &HeaderMap) -> bool {
    let Some(token) = &site.token else { return true };
    let bearer = text(headers, &header::AUTHORIZATION).and_then(|text| text.strip_prefix("Bearer "));
    let cookies = text(headers, &header::COOKIE).into_iter().flat_map(|cookies| cookies.split(';'));
    let session =
        cookies.filter_map(|cookie| cookie.trim().split_once('=')).find(|(name, _)| *name == COOKIE);
    bearer.is_some_and(|given| is_same(given, token))
        || session.is_some_and(|(_, given)| is_same(given, &site.session))
}

/// Compares digests, so that the time that it takes tells nothing of the secret.
pub fn is_same(given: &str, secret: &str) -> bool {
    sha256(given) == sha256(secret)
}

#[derive(Deserialize)]
pub struct Login {
    token: String,
}

pub async fn log_in(State(site): State<Shared>, Form(login): Form<Login>) -> Response {
    if !site.token.as_ref().is_some_and(|token| is_same(&login.token, token)) {
        return views::sorry(StatusCode::UNAUTHORIZED, "this is not the token");
    }
    // The cookie is not the token: it ends with this process.
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", site.session);
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}
