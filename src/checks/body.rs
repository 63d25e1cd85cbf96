//! The body of an HTTP answer: read to its end, and decompressed.

use std::io::{ErrorKind, Read as _};

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};

use super::failure::Failure;
use super::printable;
use base::causes::chain;

/// The number of bytes of a body that are kept, before and after decompression.
const LIMIT: usize = 1 << 20;

/// Reads a body. Returns its beginning, and whether there is more.
pub(crate) async fn read(
    headers: &HeaderMap,
    mut incoming: Incoming,
    who: &str,
) -> Result<(Vec<u8>, bool), Failure> {
    let mut body = Vec::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| cut_off(headers, body.len(), who, &error))?;
        let Ok(data) = frame.into_data() else { continue };
        let room = LIMIT - body.len();
        body.extend(data.iter().take(room));
        if data.len() > room {
            return decoded(headers, body, true);
        }
    }
    decoded(headers, body, false)
}

fn cut_off(headers: &HeaderMap, received: usize, who: &str, error: &hyper::Error) -> Failure {
    let promised = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let how_far = match promised {
        Some(promised) => format!("{received} of {promised} bytes"),
        None => format!("{received} bytes, before its end"),
    };
    Failure::new(
        format!("cut off after {how_far}"),
        format!(
            "the body was cut off after {how_far}: {who} ended the connection ({}); has the service gone down?",
            chain(error)
        ),
    )
}

/// Undoes the answer's `Content-Encoding`: the last one first.
fn decoded(headers: &HeaderMap, mut body: Vec<u8>, mut truncated: bool) -> Result<(Vec<u8>, bool), Failure> {
    let values: Vec<_> = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase())
        .collect();
    let codings = values.iter().flat_map(|value| value.split(',')).map(str::trim);
    for coding in
        codings.filter(|coding| !matches!(*coding, "" | "identity")).collect::<Vec<_>>().iter().rev()
    {
        // An answer to HEAD, and one with status 204 or 304, has the header and no body.
        if body.is_empty() {
            break;
        }
        (body, truncated) = undone(coding, &body, truncated)?;
    }
    Ok((body, truncated))
}

fn undone(coding: &str, body: &[u8], truncated: bool) -> Result<(Vec<u8>, bool), Failure> {
    let result = match coding {
        "gzip" | "x-gzip" => decompressed(MultiGzDecoder::new(body)),
        // The standard means zlib. Some servers send bare deflate.
        "deflate" => match decompressed(ZlibDecoder::new(body)) {
            (_, Some(error)) if error.kind() != ErrorKind::UnexpectedEof => {
                decompressed(DeflateDecoder::new(body))
            }
            whole => whole,
        },
        other => {
            return Err(Failure::new(
                "body not readable",
                format!(
                    "the body is encoded as `{}`, which a check cannot read; ask for it as it is with the header `accept-encoding: identity`",
                    printable(other, 40)
                ),
            ));
        }
    };
    match result {
        (text, None) => Ok((text, truncated)),
        // What was cut at the limit has no end.
        (text, Some(error)) if error.kind() == ErrorKind::UnexpectedEof && truncated => Ok((text, true)),
        (text, Some(error)) if error.kind() == ErrorKind::FileTooLarge => Ok((text, true)),
        (text, Some(error)) if error.kind() == ErrorKind::UnexpectedEof => Err(Failure::new(
            format!("cut off after {} bytes", body.len()),
            format!(
                "the body was cut off: its {} bytes of `{coding}` have no end, and hold {} bytes so far",
                body.len(),
                text.len()
            ),
        )),
        (_, Some(error)) => Err(Failure::new(
            "body not readable",
            format!("the body says that it is `{coding}`, and is not: {error}"),
        )),
    }
}

/// Decompresses up to the limit. Returns what could be read, and why there is no more.
fn decompressed(mut from: impl std::io::Read) -> (Vec<u8>, Option<std::io::Error>) {
    let mut text = Vec::new();
    let most = u64::try_from(LIMIT).unwrap_or(u64::MAX);
    if let Err(error) = from.by_ref().take(most).read_to_end(&mut text) {
        return (text, Some(error));
    }
    match from.read(&mut [0]) {
        Ok(0) => (text, None),
        Ok(_) => (text, Some(ErrorKind::FileTooLarge.into())),
        Err(error) => (text, Some(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use crate::http;
    use crate::testing::{net, serve_bytes};
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut to = GzEncoder::new(Vec::new(), Compression::default());
        to.write_all(text).unwrap();
        to.finish().unwrap()
    }

    async fn asked(head: &str, body: Vec<u8>, expect: &str) -> crate::Observation {
        let answer =
            [format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{head}\r\n").into_bytes(), body].concat();
        let port = serve_bytes(move |_| vec![answer.clone()]).await;
        let yaml = format!("{{ url: 'http://127.0.0.1:{port}/', expect_body: '{expect}', timeout: 5s }}");
        http(&serde_saphyr::from_str(&yaml).unwrap(), &net()).await
    }

    #[tokio::test]
    async fn a_compressed_body_is_read() {
        let text = b"all is well";
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(text).unwrap();
        let mut bare = DeflateEncoder::new(Vec::new(), Compression::default());
        bare.write_all(text).unwrap();
        for (coding, body) in [
            ("gzip", gzip(text)),
            ("X-GZip", gzip(text)),
            ("gzip, identity, gzip", gzip(&gzip(text))),
            ("deflate", zlib.finish().unwrap()),
            ("deflate", bare.finish().unwrap()),
            ("identity", text.to_vec()),
        ] {
            let seen = asked(&format!("content-encoding: {coding}\r\n"), body, "== all is well").await;
            assert!(seen.is_healthy(), "{coding}: {seen:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_decompressed_says_why() {
        let whole = gzip(b"all is well, and there is more to say");
        for (coding, body, why) in [
            ("gzip", whole[..whole.len() - 12].to_vec(), "cut off"),
            ("gzip", b"all is well".to_vec(), "and is not"),
            ("br", b"xyz".to_vec(), "accept-encoding: identity"),
        ] {
            let seen = asked(&format!("content-encoding: {coding}\r\n"), body, "contains all").await;
            assert!(
                !seen.is_healthy() && seen.why.as_deref().is_some_and(|text| text.contains(why)),
                "{seen:?}"
            );
        }
        let bomb = asked("content-encoding: gzip\r\n", gzip(&vec![b'a'; 5 << 20]), "matches ^a").await;
        assert!(bomb.is_healthy(), "{bomb:?}");
    }

    #[tokio::test]
    async fn a_body_that_is_cut_off_is_named() {
        for head in ["content-length: 100\r\n", "content-encoding: gzip\r\ncontent-length: 100\r\n"] {
            let seen = asked(head, vec![b'x'; 50], "contains x").await;
            assert!(!seen.is_healthy() && seen.observed == "cut off after 50 of 100 bytes", "{seen:?}");
            assert!(seen.why.unwrap().contains("cut off after 50 of 100 bytes"));
        }
        let chunked =
            asked("transfer-encoding: chunked\r\n", b"5\r\nhello\r\n9\r\nwo".to_vec(), "== x").await;
        assert!(!chunked.is_healthy() && chunked.observed.starts_with("cut off after"), "{chunked:?}");
    }
}
