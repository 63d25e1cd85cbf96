//! POST over HTTP and HTTPS.

use std::time::Duration;

use http_body_util::Full;
use https::http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use https::http::{HeaderMap, StatusCode};
use https::{AGENT, Bytes, Client, Failed, Limits, Request};

use crate::message::{clean, cut};

/// A server that is busy is asked so often. The limit of the recipient holds for all tries.
const TRIES: u32 = 3;
/// Nobody needs a longer answer.
const LONGEST_ANSWER: usize = 64 * 1024;
/// How much of a refusal is shown.
const SHOWN: usize = 200;

/// Sends JSON. Returns the answer's body.
///
/// # Errors
/// It was not taken, as a text for the user. The text does not hold the URL, which may be a secret.
pub(crate) async fn post(
    url: &str,
    headers: &[(String, String)],
    body: String,
    limit: Duration,
) -> Result<Vec<u8>, String> {
    let client = Client::<Full<Bytes>>::new()?;
    let limits = Limits { time: limit, bytes: LONGEST_ANSWER };
    let mut tries = 0;
    loop {
        tries += 1;
        let mut request =
            Request::post(url).header(CONTENT_TYPE, "application/json").header(USER_AGENT, AGENT);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::from(body.clone()))
            .map_err(|error| format!("no request can be made of the URL and the headers: {error}"))?;
        let (status, wait, body) = match client.ask(request, limits).await {
            Ok(answer) => (answer.status(), wait(answer.headers(), tries), answer.into_body()),
            // The status decides. What a server says beside it is a courtesy.
            Err(Failed::Body { status, .. }) => (status, wait(&HeaderMap::new(), tries), Bytes::new()),
            Err(failed) => return Err(failed.to_string()),
        };
        if status.is_success() {
            return Ok(body.to_vec());
        }
        if tries == TRIES || !is_busy(status) {
            return Err(refused(status, &body));
        }
        pause(wait).await;
    }
}

/// It may take the same request later, and has not taken it now.
fn is_busy(status: StatusCode) -> bool {
    [429, 502, 503, 504].contains(&status.as_u16())
}

/// What the server asks for, else a second, then two.
fn wait(headers: &HeaderMap, tries: u32) -> Duration {
    let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Duration::from_secs(asked.unwrap_or(u64::from(tries)))
}

#[expect(clippy::disallowed_methods, reason = "the run is over: its clock stands still")]
async fn pause(length: Duration) {
    tokio::time::sleep(length).await;
}

fn refused(status: StatusCode, body: &[u8]) -> String {
    let said = cut(clean(&String::from_utf8_lossy(body)).trim(), SHOWN);
    let said = if said.is_empty() { String::new() } else { format!(" and said `{said}`") };
    let advice = match status.as_u16() {
        300..=399 => "; redirects are not followed: name the URL that it leads to",
        401 | 403 => "; check the secret",
        404 | 410 => "; check the URL",
        _ => "",
    };
    format!("it answered {status}{said}{advice}")
}
