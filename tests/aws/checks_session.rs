//! HTTP checks of several requests in one session, against a real listener on 127.0.0.1.

use checks::{Health, Net, Observation, http};
use playbook::check::CheckKind;
use support::peers::{Answer, HttpTarget, Request};

/// A shop that takes orders of whoever has logged in.
fn shop() -> HttpTarget {
    HttpTarget::answering(|request: &Request| {
        let header = |name: &str| request.header(name).unwrap_or_default().to_owned();
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let has_cookie = header("cookie") == "sid=cookie-of-shop";
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/login") if body.contains("hunter-of-shop") => Answer::status(303)
                .header("set-cookie", "sid=cookie-of-shop; Path=/; HttpOnly")
                .header("set-cookie", "old=; Max-Age=0")
                .header("location", "/welcome"),
            ("GET", "/welcome") if has_cookie => Answer::status(200).body("{ \"token\": \"token-of-shop\" }"),
            ("POST", "/orders") if has_cookie && header("authorization") == "Bearer token-of-shop" => {
                Answer::status(201).header("location", "/orders/7").body("{ \"order\": { \"id\": 7 } }")
            }
            ("GET", "/orders/7") if has_cookie => Answer::status(200).body("{ \"item\": \"drill\" }"),
            // It quotes what only a user who has logged in knows.
            ("GET", "/greeting") if header("cookie") == "language=en; sid=cookie-of-shop" => {
                Answer::status(200).body("hello")
            }
            _ if has_cookie => Answer::status(403).body("not for cookie-of-shop with token-of-shop"),
            _ => Answer::status(403).body("log in first"),
        }
    })
}

/// The session against a shop, with a password and the path of its last request.
async fn session(url: &str, password: &str, last: &str) -> Observation {
    let yaml = format!(
        r#"http:
  url: "{url}/ignored?x"
  follow_redirects: true
  steps:
    - {{ path: /login, body: '{{"password": "{password}"}}', take: {{ token: /token }} }}
    - path: /orders
      headers: {{ Authorization: "Bearer ${{token}}" }}
      body: '{{"item": "drill"}}'
      status: 201
      take: {{ id: /order/id, at: "header:location" }}
    - {{ path: "{last}", expect_body: contains drill }}"#
    );
    let kind: CheckKind = serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    let seen = asked(&kind).await;
    for secret in ["cookie-of-shop", "token-of-shop"] {
        assert!(!format!("{seen:?}").contains(secret), "{seen:?}");
    }
    seen
}

async fn asked(kind: &CheckKind) -> Observation {
    assert_eq!(kind.mistakes(), []);
    let CheckKind::Http(spec) = kind else { unreachable!() };
    http(spec, &Net::new(Vec::new(), ".")).await
}

#[tokio::test]
async fn an_order_is_taken_in_one_session() {
    let shop = shop();
    let url = shop.url("");
    let url = url.as_str();
    let seen = session(url, "hunter-of-shop", "/orders/${id}").await;
    assert!(seen.is_healthy() && seen.observed.starts_with("3 requests: 200, 201, 200 in "), "{seen:?}");
    assert_eq!(seen.value.as_deref(), Some("{ \"item\": \"drill\" }"));
    let by_header = session(url, "hunter-of-shop", "${at}").await;
    assert!(by_header.is_healthy(), "{by_header:?}");

    let refused = session(url, "wrong", "/orders/${id}").await;
    let why = refused.why.as_deref().unwrap();
    assert!(
        refused.health == Health::Unhealthy && why.contains("request 1 (`/login`): the status is 403"),
        "{refused:?}"
    );
    let other = session(url, "hunter-of-shop", "/orders/8${id}").await;
    assert!(other.why.as_deref().unwrap().contains("request 3"), "{other:?}");
    // Nothing is sent after the request that failed.
    assert_eq!(shop.requests().last().unwrap().path, "/orders/87");
}

#[tokio::test]
async fn the_playbooks_own_cookie_goes_along_with_the_applications() {
    let shop = shop();
    let yaml = format!(
        r#"http:
  url: "{}"
  headers: {{ Cookie: language=en }}
  steps:
    - {{ path: /login, body: '{{"password": "hunter-of-shop"}}', status: 303 }}
    - path: /greeting"#,
        shop.url("")
    );
    let kind: CheckKind = serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    let seen = asked(&kind).await;
    assert!(seen.is_healthy(), "{seen:?}");
    assert_eq!(seen.value.as_deref(), Some("hello"));
}
