//! Follows redirects, and decides which headers may go along.

use hyper::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, PROXY_AUTHORIZATION,
};
use hyper::{Method, StatusCode};
use url::Url;

use super::dial::Failure;

pub(crate) const MOST: usize = 10;

/// The request that is sent next: the check's own, or the one after a redirect.
pub(crate) struct Hop {
    pub(crate) url: Url,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Hop {
    /// Returns the request after a redirect. `None` if `status` is no redirect or names no target.
    pub(crate) fn after(&self, status: StatusCode, answer: &HeaderMap) -> Option<Result<Self, Failure>> {
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let location = answer.get("location")?;
        let target = location.to_str().ok().and_then(|text| self.url.join(text).ok());
        let Some(url) = target.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        else {
            return Some(Err(Failure::new(
                status.as_str(),
                "the answer redirects to something that is no HTTP URL",
            )));
        };
        if self.url.scheme() == "https" && url.scheme() == "http" {
            return Some(Err(Failure::new(
                status.as_str(),
                format!(
                    "the answer redirects from https to http://{}; redirects may not give up TLS",
                    url.host_str().unwrap_or_default()
                ),
            )));
        }
        let mut next =
            Self { method: self.method.clone(), headers: self.headers.clone(), body: self.body.clone(), url };
        // Browsers and curl do the same: only 307 and 308 repeat the request with its method.
        let to_get = match status.as_u16() {
            303 => self.method != Method::HEAD,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if to_get {
            next.method = Method::GET;
            next.body.clear();
            next.headers.remove(CONTENT_TYPE);
            next.headers.remove(CONTENT_LENGTH);
        }
        if next.url.origin() != self.url.origin() {
            let secret = |name: &hyper::http::HeaderName| super::observation::names_a_secret(name.as_str());
            let gone: Vec<_> = next.headers.keys().filter(|name| secret(name)).cloned().collect();
            for name in gone.into_iter().chain([AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION]) {
                next.headers.remove(name);
            }
            next.headers.remove("host");
        }
        Some(Ok(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(method: Method, url: &str, status: u16, location: &str) -> Option<Result<Hop, Failure>> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "Bearer canary".parse().unwrap());
        headers.insert("x-api-key", "canary".parse().unwrap());
        headers.insert("accept", "*/*".parse().unwrap());
        let mut answer = HeaderMap::new();
        answer.insert("location", location.parse().unwrap());
        let from = Hop { url: url.parse().unwrap(), method, headers, body: "b".into() };
        from.after(StatusCode::from_u16(status).unwrap(), &answer)
    }

    #[test]
    fn secrets_stay_with_their_origin() {
        let same = hop(Method::GET, "https://a/x", 302, "/y").unwrap().unwrap();
        assert_eq!((same.url.as_str(), same.headers.len()), ("https://a/y", 3));
        for elsewhere in ["https://b/", "https://a:444/"] {
            let other = hop(Method::GET, "https://a/x", 307, elsewhere).unwrap().unwrap();
            assert_eq!(
                other.headers.keys().map(hyper::http::HeaderName::as_str).collect::<Vec<_>>(),
                ["accept"],
                "{elsewhere}"
            );
        }
    }

    #[test]
    fn tls_is_not_given_up_and_methods_change_as_usual() {
        assert!(hop(Method::GET, "https://a/", 301, "http://a/").unwrap().is_err());
        assert!(hop(Method::GET, "http://a/", 301, "file:///etc/passwd").unwrap().is_err());
        assert!(hop(Method::GET, "http://a/", 200, "/x").is_none());
        for (status, method, body) in
            [(303, Method::GET, ""), (302, Method::GET, ""), (307, Method::POST, "b")]
        {
            let next = hop(Method::POST, "http://a/", status, "/x").unwrap().unwrap();
            assert_eq!((next.method, next.body.as_str()), (method, body), "{status}");
        }
    }
}
