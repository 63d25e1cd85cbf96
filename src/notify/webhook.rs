//! The signature of a webhook's body.

use ring::hmac;

use base::duration::Time;

pub(crate) const HEADER: &str = "x-drillmaster-signature";

/// `t=UNIX,v1=HEX`: the HMAC-SHA256 of `UNIX.BODY`. The time keeps others from sending an old message
/// again.
pub(crate) fn signature(secret: &str, now: Time, body: &[u8]) -> String {
    let at = now.timestamp();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut signed = hmac::Context::with_key(&key);
    signed.update(format!("{at}.").as_bytes());
    signed.update(body);
    format!("t={at},v1={}", base16ct::lower::encode_string(signed.sign().as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_hmac_that_openssl_makes() {
        // printf '1772366400.{"a":1}' | openssl dgst -sha256 -hmac 'a key of 16 char'
        let at = "2026-03-01T12:00:00Z".parse().unwrap();
        assert_eq!(
            signature("a key of 16 char", at, br#"{"a":1}"#),
            "t=1772366400,v1=5758e62ca6510ce902cefe6643e6cb4fb4da0c81ea1f22624e4f066d054c95fa"
        );
    }
}
